/**
 * Random programs that the verifier accepts: registers and 64 bytes of stack come from a map's value, unknown to the
 * verifier; arithmetic, branches forwards, a counted loop, loads, stores and atomics follow; at the end everything
 * goes back into the value, to be compared.
 *
 * Atomics that give back the old value work on the map's value, not on the stack: Linux 6.18.44 forgets that the
 * result of one on a spilled register depends on that register, takes two different paths for one and leaves out a
 * branch that is needed (a plain load in its place is right). And behind a 32-bit compare and exchange the upper half
 * of r0 is cleared by hand: that kernel can leave it as it was when the exchange succeeds. Our compiler has to keep to
 * both.
 */

import { type Instruction, instruction } from "../../src/ebpf/instruction.ts";
import { OPCODES, type OpcodeName, operandFieldsOf } from "../../src/ebpf/opcodes.ts";
import { type Label, type Program, ProgramBuilder } from "../../src/ebpf/program-builder.ts";
import { randomImmediate } from "../../src/ebpf/testing.ts";

/** r0..r9. */
const SCRATCH = 10;
const STACK_WORDS = 8;
/** Words of the map's value that atomics work on. */
const MAP_WORDS = 4;
/** Registers, then stack, then what atomics work on. */
export const STATE_BYTES = (SCRATCH + STACK_WORDS + MAP_WORDS) * 8;
/** Where on the stack the registers are saved; below them is what the program plays with. */
const SAVED_AT = -SCRATCH * 8;
const STACK_AT = SAVED_AT - STACK_WORDS * 8;
const COUNTER_AT = STACK_AT - 8;
const SPILL_AT = COUNTER_AT - 8;

type Next = () => number;

const byClass = (...classes: number[]): OpcodeName[] =>
  OPCODES.filter((opcode) => classes.includes(opcode.code & 7)).map((opcode) => opcode.name as OpcodeName);
const arithmetic = byClass(4, 7).filter((name) => name !== "addr_space_cast");
const memory = byClass(1, 2, 3);
const branches = byClass(5, 6).filter((name) => /^j\w+_(imm|reg)$/.test(name));

/** Every instruction that these programs contain, so that a test can see that none is missing. */
export const EXERCISED: ReadonlySet<string> = new Set([...arithmetic, ...memory, ...branches]);

const pick = <T>(values: readonly T[], next: Next): T => values[next() % values.length]!;

/** An instance with registers r0..r9; the verifier wants shifts below the width and no division by 0. */
function randomArithmetic(next: Next): Instruction {
  const name = pick(arithmetic, next);
  const fields = operandFieldsOf(OPCODES.find((opcode) => opcode.name === name)!);
  let imm = randomImmediate(next);
  if (/sh(32|64)_imm$/.test(name)) imm = (imm >>> 0) % (name.includes("32") ? 32 : 64);
  if (/(div|mod)\d+_imm$/.test(name) && imm === 0) imm = 3;
  return instruction(name, {
    ...(fields.has("dst") && { dst: next() % SCRATCH }),
    ...(fields.has("src") && { src: next() % SCRATCH }),
    ...(fields.has("imm") && { imm }),
  });
}

/** Instructions that read and write one place at once and give the old value. */
const fetching = memory.filter((name) => /^atomic.*(fetch|xchg)/.test(name));
const simple = memory.filter((name) => !fetching.includes(name));

/** An atomic on the map's value. Its address takes a register that the instruction does not use for a while. */
function emitFetching(builder: ProgramBuilder, next: Next): void {
  const name = pick(fetching, next);
  const size = name.startsWith("atomic64") ? 8 : 4;
  const at = (SCRATCH + STACK_WORDS) * 8 + (next() % ((MAP_WORDS * 8) / size)) * size;
  const src = next() % SCRATCH;
  const dst = src === 9 ? 8 : 9;
  builder.emit("stx64", { dst: 10, src: dst, off: SPILL_AT });
  builder.emit("ld_map_value", { dst, symbol: "state" });
  builder.emit(name, { dst, src, off: at });
  if (name === "atomic32_cmpxchg") builder.emit("mov32_reg", { dst: 0, src: 0 });
  builder.emit("ldx64", { dst, src: 10, off: SPILL_AT });
}

/** A load, a store or an atomic on the stack, aligned as atomics must be. */
function randomMemory(next: Next): Instruction {
  const name = pick(simple, next);
  const bits = name.match(/^(?:atomic)(32|64)/)?.[1] ?? name.match(/(\d+)$/)![1]!;
  const size = Number(bits) / 8;
  const off = STACK_AT + (next() % ((STACK_WORDS * 8) / size)) * size;
  const fields = operandFieldsOf(OPCODES.find((opcode) => opcode.name === name)!);
  const isLoad = name.startsWith("ldx") || name.startsWith("load_acquire");
  const value = next() % SCRATCH;
  return instruction(name, {
    dst: isLoad ? value : 10,
    ...(fields.has("src") && { src: isLoad ? 10 : value }),
    off,
    ...(fields.has("imm") && { imm: randomImmediate(next) }),
  });
}

/** The program of these numbers; its map is called `state`. */
export function randomKernelProgram(next: Next, length: number): Program {
  const builder = new ProgramBuilder();
  const value = (high: number): void => builder.emit("ld_map_value", { dst: 1, symbol: "state", high });
  value(0);
  for (let word = 0; word < STACK_WORDS; word++) {
    builder.emit("ldx64", { dst: 2, src: 1, off: (SCRATCH + word) * 8 });
    builder.emit("stx64", { dst: 10, src: 2, off: STACK_AT + word * 8 });
  }
  for (const register of [0, 2, 3, 4, 5, 6, 7, 8, 9, 1])
    builder.emit("ldx64", { dst: register, src: 1, off: register * 8 });

  const hasLoop = next() % 2 === 0;
  const top = builder.label();
  if (hasLoop) {
    builder.emit("st64", { dst: 10, off: COUNTER_AT, imm: 2 + (next() % 2) });
    builder.place(top);
  }
  const pending: { label: Label; at: number }[] = [];
  for (let i = 0; i < length; i++) {
    for (const { label } of pending.filter(({ at }) => at === i)) builder.place(label);
    const kind = next() % 10;
    if (kind === 0) {
      const name = pick(branches, next);
      const fields = operandFieldsOf(OPCODES.find((opcode) => opcode.name === name)!);
      const label = builder.label();
      pending.push({ label, at: Math.min(length, i + 1 + (next() % 5)) });
      builder.emitTo(name, label, {
        dst: next() % SCRATCH,
        ...(fields.has("src") && { src: next() % SCRATCH }),
        ...(fields.has("imm") && { imm: randomImmediate(next) }),
      });
    } else if (kind < 3) builder.push(randomMemory(next));
    else if (kind === 3) emitFetching(builder, next);
    else builder.push(randomArithmetic(next));
  }
  for (const { label } of pending.filter(({ at }) => at === length)) builder.place(label);

  for (let register = 0; register < SCRATCH; register++)
    builder.emit("stx64", { dst: 10, src: register, off: SAVED_AT + register * 8 });
  if (hasLoop) {
    builder.emit("ldx64", { dst: 1, src: 10, off: COUNTER_AT });
    builder.emit("add64_imm", { dst: 1, imm: -1 });
    builder.emit("stx64", { dst: 10, src: 1, off: COUNTER_AT });
    builder.emitTo("jne_imm", top, { dst: 1, imm: 0 });
  }
  value(0);
  for (let register = 0; register < SCRATCH; register++) {
    builder.emit("ldx64", { dst: 2, src: 10, off: SAVED_AT + register * 8 });
    builder.emit("stx64", { dst: 1, src: 2, off: register * 8 });
  }
  for (let word = 0; word < STACK_WORDS; word++) {
    builder.emit("ldx64", { dst: 2, src: 10, off: STACK_AT + word * 8 });
    builder.emit("stx64", { dst: 1, src: 2, off: (SCRATCH + word) * 8 });
  }
  builder.emit("mov64_imm", { dst: 0, imm: 1 });
  builder.emit("exit");
  return builder.build();
}

/** What registers and stack begin with: small, large and edge values. */
export function randomState(next: Next): Uint8Array {
  const bytes = new Uint8Array(STATE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < STATE_BYTES; at += 8) {
    const low = randomImmediate(next);
    const high = next() % 3 === 0 ? low >> 31 : next() % 2 === 0 ? 0 : randomImmediate(next);
    view.setInt32(at, low, true);
    view.setInt32(at + 4, high, true);
  }
  return bytes;
}
