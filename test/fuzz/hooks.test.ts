/** Generated hooks on generated packets: the Lua VM and the interpreter of eBPF agree. With the kernel: test/differential. */

import { expect, test } from "vitest";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { Choices } from "../differential/choices.ts";
import { noCounts, runHook, smallest } from "../differential/hook-runs.ts";
import { seed } from "../seed.ts";

const HOOKS = 60;

test(`${HOOKS} hooks (MOONHOOK_SEED=${seed})`, () => {
  const counts = noCounts();
  for (let i = 0; i < HOOKS; i++) {
    const choices = new Choices(seed + i);
    const problem = runHook(choices, EXAMPLE_LAYOUT, false, counts);
    if (problem !== undefined)
      expect.fail(`${problem}\n\nsmaller:\n${smallest(choices.made, EXAMPLE_LAYOUT, false)}`);
  }
  expect(counts.hooks).toBe(HOOKS);
  expect(counts.refused).toBeLessThan(HOOKS / 5);
});
