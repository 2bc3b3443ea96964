/**
 * sniblock, compiled, on generated connections in the kernel by test runs: as the Lua VM, packet for packet; what the
 * verifier and loading take stays within bounds. Nothing is attached or pinned.
 */

import { expect, test } from "vitest";
import { kernelLayout } from "../../src/backends/kernel-programs.ts";
import { numRuns } from "../../src/wire/testing.ts";
import { seed } from "../seed.ts";
import { whyNoBpf } from "./bpf-machine.ts";
import { Choices } from "./choices.ts";
import { KernelHook, VmHook } from "./hook-machines.ts";
import { compare, generateStreams, SNIBLOCK } from "./tls-streams.ts";

const why = whyNoBpf();
const streams = numRuns(2_000);

test.skipIf(why)(
  `${streams} times some connections (MOONHOOK_SEED=${seed})${why ? ` (skipped: ${why})` : ""}`,
  { timeout: 3_600_000 },
  () => {
    const vm = new VmHook(SNIBLOCK);
    const hook = new KernelHook(vm, vm.compile(kernelLayout()));
    try {
      let drops = 0;
      let packets = 0;
      for (let i = 0; i < streams; i++) {
        const { outcomes, difference } = compare(vm, [hook], generateStreams(new Choices(seed + i)));
        if (difference !== undefined) expect.fail(`MOONHOOK_SEED=${seed + i}\n${difference}`);
        packets += outcomes.length;
        drops += outcomes.filter(({ verdict }) => verdict === "drop").length;
      }
      console.log({ packets, drops, verified: hook.programs.programs[0]!.verifiedInstructions });
      expect(drops).toBeGreaterThan(packets / 20);
      // The aim is 10,000.
      expect(hook.programs.programs[0]!.verifiedInstructions).toBeLessThan(6_000);
    } finally {
      hook.close();
    }
  },
);
