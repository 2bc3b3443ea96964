/**
 * What the compiler's back half makes of random functions, in the real kernel: its verifier takes every program, and
 * a test run leaves the same map value as an evaluator of the SSA form. Nothing is attached or pinned.
 */

import { afterEach, describe, expect, test } from "vitest";
import { generate } from "../../src/compiler/generate.ts";
import { hide } from "../../src/compiler/hide.ts";
import { IrFunction, StackSlot, type Value } from "../../src/compiler/ir.ts";
import { optimize } from "../../src/compiler/optimize.ts";
import { printIr } from "../../src/compiler/print-ir.ts";
import { CONFIG, MAPS } from "../../src/compiler/target.ts";
import { build, to } from "../../src/compiler/testing/build-ir.ts";
import { evaluateIr } from "../../src/compiler/testing/evaluate-ir.ts";
import { randomIr, randomStateOf, STATE, STATE_BYTES } from "../../src/compiler/testing/random-ir.ts";
import { disassemble } from "../../src/ebpf/disassemble.ts";
import { encode, relocate } from "../../src/ebpf/instruction.ts";
import type { Program } from "../../src/ebpf/program-builder.ts";
import { randomOf } from "../../src/ebpf/testing.ts";
import { createKernelMap, type KernelMap, type KernelProgram, loadProgram } from "../../src/linux/bpf.ts";
import { ErrnoError } from "../../src/linux/errors.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/bpf.ts";
import { assert } from "../../src/util/assert.ts";
import { numRuns } from "../../src/wire/testing.ts";

/** Why the kernel cannot be asked here, or undefined when it can (and then it must). */
function whyNoBpf(): string | undefined {
  if (process.platform !== "linux") return "eBPF needs Linux";
  return process.getuid?.() === 0 ? undefined : "loading eBPF programs needs root";
}
const why = whyNoBpf();

const objects: { close(): void }[] = [];
function kept<T extends { close(): void }>(object: T): T {
  objects.push(object);
  return object;
}
function closeAll(): void {
  for (const object of objects.splice(0)) object.close();
}
afterEach(closeAll);

const packet = new Uint8Array(60);
const key0 = new Uint8Array(4);

describe.skipIf(why)(`generated programs${why ? ` (skipped: ${why})` : ""}`, () => {
  function load(program: Program, map: KernelMap, text: string): KernelProgram {
    const instructions = relocate(program.instructions, {
      map: (symbol) => (symbol === MAPS.config ? configMap() : map).fd,
      kfunc: (name) => assert(false, `no kfunc ${name} here`) as never,
    });
    try {
      const type = BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS;
      return kept(loadProgram({ name: "random", type, instructions: encode(instructions) }));
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      throw new Error(`refused: ${text}\n${disassemble(program.instructions)}\n${error.detail}`);
    }
  }

  const arrayMap = (name: string, valueSize: number): KernelMap =>
    kept(
      createKernelMap({
        name,
        type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
        keySize: 4,
        valueSize,
        maxEntries: 1,
      }),
    );
  const stateMap = (): KernelMap => arrayMap(STATE, STATE_BYTES);
  /** Where hidden numbers get their zero. */
  const configMap = (): KernelMap => arrayMap(MAPS.config, CONFIG.bytes);

  /** A row of conditions, each of which sets a number; one of them, in the end, is the place of a byte. */
  function rowOfConditions(count: number): IrFunction {
    const ir = new IrFunction("row");
    let at = build(ir, ir.entry);
    const input = at.input();
    const chosen: Value[] = [];
    for (let i = 0; i < count; i++) {
      const after = build(ir);
      const bit = at.binary("and", input, 1n << BigInt(i));
      chosen.push(after.parameter());
      at.branch("jne", bit, 0n, to(after, 2n), to(after, 1n));
      at = after;
    }
    let place = chosen[0]!;
    for (const other of chosen.slice(1)) place = at.binary("xor", place, other);
    const from = at.ir.value("pointer");
    at.emit({ op: "mapValue", symbol: STATE, offset: 0, result: from });
    const address = at.binary("add", from, at.binary("and", place, 7n), "pointer");
    at.return(at.load(address));
    return ir;
  }

  test("conditions in a row, each of which sets a number, are followed once and not as 2^n ways", () => {
    const map = stateMap();
    map.update(key0, randomStateOf(randomOf(1)));
    const expected = Number(
      BigInt.asUintN(32, evaluateIr(rowOfConditions(20), { [STATE]: map.lookup(key0)! })),
    );
    expect(() => load(generate(rowOfConditions(20)), map, "as it is")).toThrow(/too (complex|large)/);
    const loaded = load(generate(hide(rowOfConditions(20))), map, "hidden");
    expect(loaded.verifiedInstructions).toBeLessThan(1_000);
    expect(loaded.testRun(packet).result).toBe(expected);
  });

  test("a program with may_goto may use all 512 bytes of the stack", () => {
    const ir = new IrFunction("full");
    const entry = build(ir, ir.entry);
    const loop = build(ir);
    const trap = build(ir);
    const step = build(ir);
    const end = build(ir);
    const slot = ir.value("pointer");
    entry.emit({ op: "stackAddress", slot: new StackSlot("all", 512), result: slot });
    entry.emit({ op: "store", size: 8, to: slot, offset: 0, value: 5n, result: undefined });
    const count = loop.parameter();
    entry.jump(loop.block, 0n);
    loop.end({ op: "mayGoto", exit: to(trap), next: to(step) });
    const next = step.binary("add", count, 1n);
    step.branch("jge", next, 100n, to(end), to(loop, next));
    trap.return(1n);
    end.return(end.binary("add", end.load(slot), next));
    expect(load(generate(ir), stateMap(), printIr(ir)).testRun(packet).result).toBe(105);
  });

  test("the kernel takes random functions and runs them as they are meant", () => {
    const runs = numRuns(400);
    let compared = 0;
    for (let run = 0; run < runs; run++) {
      const seed = 3 + run * 7919;
      const next = randomOf(seed);
      const ir = randomIr(next, { length: 5 + (next() % 50), alive: 3 + (next() % 22) });
      const text = `seed ${seed}\n${printIr(ir)}`;
      const cases = Array.from({ length: 3 }, () => {
        const before = randomStateOf(next);
        const expected = before.slice();
        return {
          before,
          result: Number(BigInt.asUintN(32, evaluateIr(ir, { [STATE]: expected }))),
          expected,
        };
      });
      const map = stateMap();
      for (const program of [generate(ir), generate(optimize(ir))]) {
        const loaded = load(program, map, text);
        for (const { before, result, expected } of cases) {
          map.update(key0, before);
          const real = loaded.testRun(packet);
          const where = `${text}\n${disassemble(program.instructions)}`;
          expect(real.result, where).toBe(result);
          expect(map.lookup(key0), where).toEqual(expected);
          compared++;
        }
      }
      closeAll();
    }
    expect(compared).toBe(runs * 6);
    // Many more runs (MOONHOOK_FUZZ_RUNS) take many minutes.
  }, 1_800_000);
});
