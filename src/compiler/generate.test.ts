import { expect, test } from "vitest";
import { disassemble } from "../ebpf/disassemble.ts";
import { Executable } from "../ebpf/executable.ts";
import { interpret } from "../ebpf/interpret.ts";
import { createMap, type MapOptions } from "../ebpf/maps.ts";
import type { Program } from "../ebpf/program-builder.ts";
import { randomOf } from "../ebpf/testing.ts";
import { BPF_FUNC, BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { numRuns } from "../wire/testing.ts";
import { CodeLimitError, generate } from "./generate.ts";
import { hide } from "./hide.ts";
import { IrFunction, StackSlot, type Value } from "./ir.ts";
import { optimize } from "./optimize.ts";
import { printIr } from "./print-ir.ts";
import { CONFIG, MAPS } from "./target.ts";
import { type BlockBuilder, build, to } from "./testing/build-ir.ts";
import { evaluateIr } from "./testing/evaluate-ir.ts";
import { randomIr, randomStateOf, STATE, STATE_BYTES } from "./testing/random-ir.ts";

const state: MapOptions = {
  name: STATE,
  type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
  keySize: 4,
  valueSize: STATE_BYTES,
  maxEntries: 1,
};

/** Where hidden numbers get their zero. */
const config = createMap({ ...state, name: MAPS.config, valueSize: CONFIG.bytes });

function runProgram(program: Program, bytes: Uint8Array): { result: bigint; bytes: Uint8Array } {
  const map = createMap(state);
  map.update(new Uint8Array(4), bytes, 0, 0);
  const { low, high } = interpret(new Executable(program), {
    maps: { [STATE]: map, [MAPS.config]: config },
  });
  const result = (BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low));
  return { result, bytes: map.entries()[0]![1] };
}

test("random functions do in eBPF what they do word for word, optimized or not, and with numbers hidden", () => {
  let compared = 0;
  for (let run = 0; run < numRuns(600); run++) {
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
    for (const program of [plain, optimized, generate(hide(ir))])
      for (const { bytes, result, expected } of cases) {
        const ours = runProgram(program, bytes);
        const isEqual = ours.result === result && ours.bytes.every((byte, i) => byte === expected[i]);
        if (!isEqual)
          expect(ours, `${text}\n${disassemble(program.instructions)}`).toEqual({ result, bytes: expected });
        compared++;
      }
  }
  expect(compared).toBe(numRuns(600) * 9);
});

const text = (ir: IrFunction): string => disassemble(generate(ir).instructions);

/** What one operation on a word of the map becomes, without the load before and the exit after. */
function ofInput(make: (entry: BlockBuilder, value: Value) => void): string[] {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  make(entry, entry.input());
  return text(ir).trim().split("\n").slice(2, -1);
}

test("constants are immediates where an instruction can hold them", () => {
  const plus = (constant: bigint): string[] =>
    ofInput((entry, value) => entry.return(entry.binary("add", constant, value)));
  expect(plus(-(2n ** 31n))).toEqual(["r0 += -2147483648"]);
  expect(plus(2n ** 31n)).toEqual(["w5 = -2147483648", "r0 += r5"]);
  expect(plus(2n ** 32n)).toEqual(["r5 = 0x100000000 ll", "r0 += r5"]);
  const mask = (constant: bigint): string[] =>
    ofInput((entry, value) => entry.return(entry.binary("and", value, constant)));
  expect(mask(0xffffffffn)).toEqual(["w0 = w0"]);
  expect(mask(0xffff0000n)).toEqual(["w0 &= -65536"]);
  expect(mask(-256n)).toEqual(["r0 &= -256"]);
  expect(ofInput((entry, value) => entry.return(entry.binary("lsh", value, 65n)))).toEqual(["r0 <<= 1"]);
  expect(ofInput((entry, value) => entry.return(entry.binary("mod", value, 0n)))).toEqual([]);
  // Not even the load is left.
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  entry.return(entry.binary("div", entry.input(), 0n));
  expect(text(ir)).toBe("r0 = 0\nexit\n");
});

test("memory on the stack is reached from r10, constants are stored as they are", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const address = ir.value("pointer");
  entry.emit({ op: "stackAddress", slot: new StackSlot("s", 12), result: address });
  entry.emit({ op: "store", size: 8, to: address, offset: 0, value: -1n, result: undefined });
  entry.emit({ op: "store", size: 4, to: address, offset: 8, value: 0xfffffffen, result: undefined });
  entry.return(entry.load(address, 0));
  expect(text(ir)).toBe(`*(u64 *)(r10 - 16) = -1
*(u32 *)(r10 - 8) = -2
r0 = *(u64 *)(r10 - 16)
exit
`);
});

test("arguments go to r1 and up, results come from r0, what is needed later stays in r6 to r9", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const context = entry.parameter("pointer");
  const map = ir.value("pointer");
  const key = ir.value("pointer");
  const dynptr = ir.value("int");
  entry.emit({ op: "stackAddress", slot: new StackSlot("key", 4), result: key });
  entry.emit({ op: "map", symbol: "seen", result: map });
  const word = entry.input();
  entry.emit({ op: "kfunc", name: "bpf_dynptr_from_skb", args: [context, 0n, key], result: dynptr });
  const found = entry.call(BPF_FUNC.BPF_FUNC_map_lookup_elem, [map, key]);
  entry.return(entry.binary("add", entry.binary("sub", found, dynptr), word));
  expect(text(ir)).toBe(`r5 = map_value state + 0 ll
r6 = *(u64 *)(r5 + 0)
r2 = 0
r3 = r10
r3 += -8
call kfunc bpf_dynptr_from_skb
r7 = r0
r1 = map seen ll
r2 = r10
r2 += -8
call bpf_map_lookup_elem#1
r0 -= r7
r0 += r6
exit
`);
});

test("a loop: parameters change places through one more register, what is cold lies behind the rest", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const header = build(ir);
  const trap = build(ir);
  trap.block.isCold = true;
  const body = build(ir);
  const end = build(ir);
  const [a, b, count] = [header.parameter(), header.parameter(), header.parameter()];
  entry.jump(header.block, entry.input(0), entry.input(8), 0n);
  header.branch("jsge", count, 10n, to(end), to(body));
  const next = build(ir);
  body.end({ op: "mayGoto", exit: to(trap), next: to(next) });
  next.jump(header.block, b, a, next.binary("add", count, 1n));
  trap.return(2n);
  end.return(a);
  expect(text(ir)).toBe(`r5 = map_value state + 0 ll
r0 = *(u64 *)(r5 + 0)
r5 = map_value state + 0 ll
r4 = *(u64 *)(r5 + 8)
r5 = 0
if r5 s>= 10 goto pc+6
may_goto pc+6
r5 += 1
r3 = r0
r0 = r4
r4 = r3
goto pc-7
exit
r0 = 2
exit
`);
});

test("instructions keep the place that they come from", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  entry.span = { chunk: "a.lua", line: 1 };
  const value = entry.input();
  entry.span = { chunk: "a.lua", line: 2 };
  const sum = entry.binary("mul", value, 3n);
  entry.span = { chunk: "a.lua", line: 3 };
  entry.return(sum);
  expect(generate(ir).spans.map((span) => span?.line)).toEqual([1, 1, 2, 3]);
});

/** A function that calls a helper with `count` words alive. */
function crowded(count: number, slotBytes: number): IrFunction {
  const ir = new IrFunction("crowded");
  const entry = build(ir, ir.entry);
  const address = ir.value("pointer");
  entry.emit({ op: "stackAddress", slot: new StackSlot("s", slotBytes), result: address });
  entry.emit({ op: "store", size: 1, to: address, offset: 0, value: 0n, result: undefined });
  const values = Array.from({ length: count }, (_, index) => entry.input(index * 8));
  let sum = entry.call(BPF_FUNC.BPF_FUNC_ktime_get_ns);
  for (const value of values) sum = entry.binary("add", sum, value);
  entry.return(sum);
  return ir;
}

test("more than the stack holds is an error that says so", () => {
  // Four of them stay in r6 to r9.
  expect(generate(crowded(4 + 62, 16)).instructions.length).toBeGreaterThan(100);
  expect(() => generate(crowded(4 + 63, 16))).toThrow(CodeLimitError);
  expect(() => generate(crowded(4 + 63, 16))).toThrow(
    "crowded needs 520 bytes of stack (16 for its buffers, the rest for values without a register); the kernel gives 512",
  );
});

test("values in memory at different times share a word of the stack", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  let last = entry.input();
  for (let round = 0; round < 30; round++) {
    const values = Array.from({ length: 8 }, (_, index) => entry.input(index * 8));
    entry.call(BPF_FUNC.BPF_FUNC_ktime_get_ns);
    for (const value of values) last = entry.binary("xor", last, value);
  }
  entry.return(last);
  const lowest = Math.min(
    ...generate(ir)
      .instructions.filter(({ dst }) => dst === 10)
      .map(({ off }) => off),
  );
  // Nine alive at each call, four of them in registers.
  expect(lowest).toBe(-5 * 8);
});
