/** sniblock, compiled, on generated connections: the Lua VM and the interpreter of eBPF agree. With the kernel: test/differential. */

import { expect, test } from "vitest";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { Choices } from "../differential/choices.ts";
import { InterpretedHook, VmHook } from "../differential/hook-machines.ts";
import { compare, generateStreams, SNIBLOCK } from "../differential/tls-streams.ts";
import { seed } from "../seed.ts";

const STREAMS = 150;

test(`${STREAMS} times some connections (MOONHOOK_SEED=${seed})`, () => {
  const vm = new VmHook(SNIBLOCK);
  const compiled = vm.compile(EXAMPLE_LAYOUT);
  expect(compiled.refusals).toEqual([]);
  const hook = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
  let drops = 0;
  for (let i = 0; i < STREAMS; i++) {
    const { outcomes, difference } = compare(vm, [hook], generateStreams(new Choices(seed + i)));
    if (difference !== undefined) expect.fail(`MOONHOOK_SEED=${seed + i}\n${difference}`);
    drops += outcomes.filter(({ verdict }) => verdict === "drop").length;
  }
  expect(drops).toBeGreaterThan(STREAMS / 2);
});
