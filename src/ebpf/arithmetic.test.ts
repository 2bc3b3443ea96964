/** Against BigInt, which is slow but plainly right. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BPF_ALU_OP, BPF_JMP_OP } from "../uapi/bpf.ts";
import { alu32, alu64, compare, swapBytes } from "./arithmetic.ts";

const u = (value: bigint, bits = 64): bigint => BigInt.asUintN(bits, value);
const s = (value: bigint, bits = 64): bigint => BigInt.asIntN(bits, value);
const low = (value: bigint): number => Number(s(value, 32));
const high = (value: bigint): number => Number(s(value >> 32n, 32));
const join = (lo: number, hi: number): bigint => (u(BigInt(hi), 32) << 32n) | u(BigInt(lo), 32);

type Operation = (a: bigint, b: bigint, bits: number) => bigint;
const WANTED: readonly (readonly [name: string, operation: number, isSigned: boolean, wanted: Operation])[] =
  [
    ["add", BPF_ALU_OP.BPF_ADD, false, (a, b) => a + b],
    ["sub", BPF_ALU_OP.BPF_SUB, false, (a, b) => a - b],
    ["mul", BPF_ALU_OP.BPF_MUL, false, (a, b) => a * b],
    ["div", BPF_ALU_OP.BPF_DIV, false, (a, b) => (b === 0n ? 0n : a / b)],
    ["mod", BPF_ALU_OP.BPF_MOD, false, (a, b) => (b === 0n ? a : a % b)],
    ["sdiv", BPF_ALU_OP.BPF_DIV, true, (a, b, n) => (b === 0n ? 0n : s(a, n) / s(b, n))],
    ["smod", BPF_ALU_OP.BPF_MOD, true, (a, b, n) => (b === 0n ? a : s(a, n) % s(b, n))],
    ["or", BPF_ALU_OP.BPF_OR, false, (a, b) => a | b],
    ["and", BPF_ALU_OP.BPF_AND, false, (a, b) => a & b],
    ["xor", BPF_ALU_OP.BPF_XOR, false, (a, b) => a ^ b],
    ["mov", BPF_ALU_OP.BPF_MOV, false, (_, b) => b],
    ["neg", BPF_ALU_OP.BPF_NEG, false, (a) => -a],
    ["lsh", BPF_ALU_OP.BPF_LSH, false, (a, b, n) => a << (b & BigInt(n - 1))],
    ["rsh", BPF_ALU_OP.BPF_RSH, false, (a, b, n) => a >> (b & BigInt(n - 1))],
    ["arsh", BPF_ALU_OP.BPF_ARSH, false, (a, b, n) => s(a, n) >> (b & BigInt(n - 1))],
  ];

const edge = fc.constantFrom(
  0n,
  1n,
  2n,
  3n,
  31n,
  32n,
  33n,
  63n,
  64n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 63n + 1n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
  10n ** 8n,
);
const value = fc.oneof(
  edge,
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 33n }),
);
const options = { numRuns: 500 };

describe.each(WANTED)("%s", (_, operation, isSigned, wanted) => {
  test("64 bits", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const regs = Int32Array.of(7, 7, low(a), high(a));
        alu64(operation, isSigned, regs, 2, low(b), high(b));
        expect(join(regs[2]!, regs[3]!)).toBe(u(wanted(a, b, 64)));
        expect([regs[0], regs[1]]).toEqual([7, 7]);
      }),
      options,
    );
  });

  test("32 bits", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const result = alu32(operation, isSigned, low(a), low(b));
        expect(result).toBe(low(wanted(u(a, 32), u(b, 32), 32)));
      }),
      options,
    );
  });
});

test.each([
  ["jeq", BPF_JMP_OP.BPF_JEQ, (a: bigint, b: bigint) => a === b],
  ["jne", BPF_JMP_OP.BPF_JNE, (a: bigint, b: bigint) => a !== b],
  ["jset", BPF_JMP_OP.BPF_JSET, (a: bigint, b: bigint) => (a & b) !== 0n],
  ["jgt", BPF_JMP_OP.BPF_JGT, (a: bigint, b: bigint) => a > b],
  ["jge", BPF_JMP_OP.BPF_JGE, (a: bigint, b: bigint) => a >= b],
  ["jlt", BPF_JMP_OP.BPF_JLT, (a: bigint, b: bigint) => a < b],
  ["jle", BPF_JMP_OP.BPF_JLE, (a: bigint, b: bigint) => a <= b],
  ["jsgt", BPF_JMP_OP.BPF_JSGT, (a: bigint, b: bigint) => s(a) > s(b)],
  ["jsge", BPF_JMP_OP.BPF_JSGE, (a: bigint, b: bigint) => s(a) >= s(b)],
  ["jslt", BPF_JMP_OP.BPF_JSLT, (a: bigint, b: bigint) => s(a) < s(b)],
  ["jsle", BPF_JMP_OP.BPF_JSLE, (a: bigint, b: bigint) => s(a) <= s(b)],
] as const)("%s", (_, operation, wanted) => {
  fc.assert(
    fc.property(value, fc.option(value), (a, other) => {
      const b = other ?? a;
      expect(compare(operation, low(a), high(a), low(b), high(b))).toBe(wanted(a, b));
    }),
    options,
  );
});

test.each([
  [16, false, 0x7788n],
  [32, false, 0x55667788n],
  [64, false, 0x1122334455667788n],
  [16, true, 0x8877n],
  [32, true, 0x88776655n],
  [64, true, 0x8877665544332211n],
])("bytes of %i bits, reversed: %s", (bits, isReversed, wanted) => {
  const regs = Int32Array.of(0x55667788, 0x11223344);
  swapBytes(regs, 0, bits, isReversed);
  expect(join(regs[0]!, regs[1]!)).toBe(wanted);
});
