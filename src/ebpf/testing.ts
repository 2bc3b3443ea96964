/** Random instructions for the tests of this folder; nothing else imports this file. */

import { fromOpcode, type Instruction } from "./instruction.ts";
import { OPCODES, type Opcode, operandFieldsOf } from "./opcodes.ts";

/** A repeatable source of 32-bit numbers (Marsaglia's xorshift32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** A number of 32 bits, as often as not near an end of a range where mistakes live. */
export function randomImmediate(next: () => number): number {
  const edges = [0, 1, 2, -1, 7, 31, 32, 63, 64, 255, 0x7fff, 0x8000, 0x7fffffff, -0x80000000, -128];
  return next() & 1 ? edges[next() % edges.length]! : next() | 0;
}

/** An instance of this row. */
export function randomInstance(opcode: Opcode, next: () => number): Instruction {
  const value = {
    dst: () => next() % 11,
    src: () => next() % 11,
    off: () => (randomImmediate(next) << 16) >> 16,
    imm: () => randomImmediate(next),
    high: () => randomImmediate(next),
  } as const;
  const fields = [...operandFieldsOf(opcode)].map((field) => [field, value[field]()] as const);
  return fromOpcode(opcode, Object.fromEntries(fields));
}

/** Any instructions. */
export function randomProgram(next: () => number): Instruction[] {
  return Array.from({ length: next() % 12 }, () => randomInstance(OPCODES[next() % OPCODES.length]!, next));
}
