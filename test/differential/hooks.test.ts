/**
 * Generated hooks on generated packets: the Lua VM, the interpreter (with the whole packet in one piece, and with a part
 * of it elsewhere) and the kernel by test runs come to the same verdict and log the same lines, and the verifier takes
 * every program. Nothing is attached or pinned.
 */

import { describe, expect, test } from "vitest";
import { kernelLayout } from "../../src/backends/kernel-programs.ts";
import { numRuns } from "../../src/wire/testing.ts";
import { seed } from "../seed.ts";
import { whyNoBpf } from "./bpf-machine.ts";
import { Choices } from "./choices.ts";
import { noCounts, PACKETS, runHook, smallest } from "./hook-runs.ts";

const why = whyNoBpf();
/** `MOONHOOK_FUZZ_RUNS` counts pairs of a hook and a packet. */
const hooks = Math.ceil(numRuns(6_000) / PACKETS);

describe.skipIf(why)(`hooks${why ? ` (skipped: ${why})` : ""}`, () => {
  test(`${hooks} hooks (MOONHOOK_SEED=${seed})`, { timeout: 3_600_000 }, () => {
    const layout = kernelLayout();
    const counts = noCounts();
    for (let i = 0; i < hooks; i++) {
      const choices = new Choices(seed + i);
      const problem = runHook(choices, layout, true, counts);
      if (problem !== undefined)
        expect.fail(
          `MOONHOOK_SEED=${seed + i}\n${problem}\n\nsmaller:\n${smallest(choices.made, layout, true)}`,
        );
    }
    console.log(counts);
    expect(counts.hooks).toBe(hooks);
    expect(counts.refused / hooks).toBeLessThan(0.2);
    expect((counts.punted + counts.stopped) / counts.pairs).toBeLessThan(0.3);
    expect(counts.loaded).toBeGreaterThan(hooks * 0.8);
  });
});
