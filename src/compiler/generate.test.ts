import { expect, test } from "vitest";
import { disassemble } from "../ebpf/disassemble.ts";
import { Executable } from "../ebpf/executable.ts";
import { interpret } from "../ebpf/interpret.ts";
import { createMap, type MapOptions } from "../ebpf/maps.ts";
import type { Program } from "../ebpf/program-builder.ts";
import { randomOf } from "../ebpf/testing.ts";
import { BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { numRuns } from "../wire/testing.ts";
import { generate } from "./generate.ts";
import { optimize } from "./optimize.ts";
import { printIr } from "./print-ir.ts";
import { evaluateIr } from "./testing/evaluate-ir.ts";
import { randomIr, randomStateOf, STATE, STATE_BYTES } from "./testing/random-ir.ts";

const state: MapOptions = {
  name: STATE,
  type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
  keySize: 4,
  valueSize: STATE_BYTES,
  maxEntries: 1,
};

function runProgram(program: Program, bytes: Uint8Array): { result: bigint; bytes: Uint8Array } {
  const map = createMap(state);
  map.update(new Uint8Array(4), bytes, 0, 0);
  const { low, high } = interpret(new Executable(program), { maps: { [STATE]: map } });
  const result = (BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low));
  return { result, bytes: map.entries()[0]![1] };
}

test("random functions do in eBPF what they do word for word, optimized or not", () => {
  let compared = 0;
  for (let run = 0; run < numRuns(1500); run++) {
    const seed = 1 + run * 7919;
    const next = randomOf(seed);
    const ir = randomIr(next, { length: 5 + (next() % 80), alive: 3 + (next() % 26) });
    const text = `seed ${seed}\n${printIr(ir)}`;
    const cases = Array.from({ length: 3 }, () => {
      const bytes = randomStateOf(next);
      const expected = bytes.slice();
      return { bytes, result: evaluateIr(ir, { [STATE]: expected }), expected };
    });
    const plain = generate(ir);
    const optimized = generate(optimize(ir));
    for (const program of [plain, optimized])
      for (const { bytes, result, expected } of cases) {
        const ours = runProgram(program, bytes);
        const isEqual = ours.result === result && ours.bytes.every((byte, i) => byte === expected[i]);
        if (!isEqual)
          expect(ours, `${text}\n${disassemble(program.instructions)}`).toEqual({ result, bytes: expected });
        compared++;
      }
  }
  expect(compared).toBe(numRuns(1500) * 6);
});
