/** Operations on constants, with the machine's own arithmetic: 64 bits, division by 0 as eBPF has it. */

import { alu64, compare, swapBytes } from "../ebpf/arithmetic.ts";
import { BPF_ALU_OP, BPF_JMP_OP } from "../uapi/bpf.ts";
import type { BinaryOperation, Comparison } from "./ir.ts";

const OPERATIONS: { readonly [K in BinaryOperation]: number } = {
  add: BPF_ALU_OP.BPF_ADD,
  sub: BPF_ALU_OP.BPF_SUB,
  mul: BPF_ALU_OP.BPF_MUL,
  and: BPF_ALU_OP.BPF_AND,
  or: BPF_ALU_OP.BPF_OR,
  xor: BPF_ALU_OP.BPF_XOR,
  lsh: BPF_ALU_OP.BPF_LSH,
  rsh: BPF_ALU_OP.BPF_RSH,
  arsh: BPF_ALU_OP.BPF_ARSH,
  div: BPF_ALU_OP.BPF_DIV,
  mod: BPF_ALU_OP.BPF_MOD,
  sdiv: BPF_ALU_OP.BPF_DIV,
  smod: BPF_ALU_OP.BPF_MOD,
};

const COMPARISONS: { readonly [K in Comparison]: number } = {
  jeq: BPF_JMP_OP.BPF_JEQ,
  jne: BPF_JMP_OP.BPF_JNE,
  jgt: BPF_JMP_OP.BPF_JGT,
  jge: BPF_JMP_OP.BPF_JGE,
  jlt: BPF_JMP_OP.BPF_JLT,
  jle: BPF_JMP_OP.BPF_JLE,
  jsgt: BPF_JMP_OP.BPF_JSGT,
  jsge: BPF_JMP_OP.BPF_JSGE,
  jslt: BPF_JMP_OP.BPF_JSLT,
  jsle: BPF_JMP_OP.BPF_JSLE,
  jset: BPF_JMP_OP.BPF_JSET,
};

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
const halves = (value: bigint): Int32Array => Int32Array.of(low(value), high(value));
const joined = (register: Int32Array): bigint => (BigInt(register[1]!) << 32n) | BigInt(register[0]! >>> 0);

export function foldBinary(operation: BinaryOperation, left: bigint, right: bigint): bigint {
  const register = halves(left);
  const isSigned = operation === "sdiv" || operation === "smod";
  alu64(OPERATIONS[operation], isSigned, register, 0, low(right), high(right));
  return joined(register);
}

export const foldNegate = (operand: bigint): bigint => foldBinary("sub", 0n, operand);

export function foldSwap(bits: 16 | 32 | 64, operand: bigint): bigint {
  const register = halves(operand);
  swapBytes(register, 0, bits, true);
  return joined(register);
}

export const foldComparison = (comparison: Comparison, left: bigint, right: bigint): boolean =>
  compare(COMPARISONS[comparison], low(left), high(left), low(right), high(right));

/** The comparison with its sides exchanged. */
export const MIRRORED: { readonly [K in Comparison]: Comparison } = {
  jeq: "jeq",
  jne: "jne",
  jset: "jset",
  jgt: "jlt",
  jge: "jle",
  jlt: "jgt",
  jle: "jge",
  jsgt: "jslt",
  jsge: "jsle",
  jslt: "jsgt",
  jsle: "jsge",
};

/** The comparison that holds when this one does not; `jset` has none. */
export const INVERSE: { readonly [K in Comparison]: Comparison | undefined } = {
  jeq: "jne",
  jne: "jeq",
  jgt: "jle",
  jge: "jlt",
  jlt: "jge",
  jle: "jgt",
  jsgt: "jsle",
  jsge: "jslt",
  jslt: "jsge",
  jsle: "jsgt",
  jset: undefined,
};

/** Comparisons of a value with itself that hold. `jset` of a value with itself depends on the value. */
export const HOLDS_FOR_EQUALS: ReadonlySet<Comparison> = new Set(["jeq", "jge", "jle", "jsge", "jsle"]);
