import { expect, test } from "vitest";
import { BPF_CLASS } from "../uapi/bpf.ts";
import { findOpcode, OPCODES, opcode, operandFieldsOf } from "./opcodes.ts";

test("names are unique and find their row", () => {
  expect(new Set(OPCODES.map((row) => row.name)).size).toBe(OPCODES.length);
  for (const row of OPCODES) expect(opcode(row.name as never)).toBe(row);
});

test("no two rows print alike", () => {
  expect(new Set(OPCODES.map((row) => row.text)).size).toBe(OPCODES.length);
});

test("the fields of a row lead back to it", () => {
  for (const row of OPCODES) {
    const { src = 0, off = 0, imm = 0 } = row.fixed;
    expect(findOpcode(row.code, 0, src, off, imm)?.name).toBe(row.name);
  }
});

test("a field is an operand or fixed, never both", () => {
  for (const row of OPCODES)
    for (const field of Object.keys(row.fixed)) expect(operandFieldsOf(row).has(field as never)).toBe(false);
});

test.each([
  ["add64_imm", 0x07],
  ["mov64_reg", 0xbf],
  ["sdiv32_reg", 0x3c],
  ["be16", 0xdc],
  ["bswap64", 0xd7],
  ["ja32", 0x06],
  ["may_goto", 0xe5],
  ["call_helper", 0x85],
  ["exit", 0x95],
  ["jslt32_reg", 0xce],
  ["ldx32", 0x61],
  ["ldxs8", 0x91],
  ["stx64", 0x7b],
  ["atomic64_cmpxchg", 0xdb],
  ["load_acquire8", 0xd3],
  ["ld_imm64", 0x18],
] as const)("%s has the code of the kernel's header", (name, code) => {
  expect(opcode(name).code).toBe(code);
});

test.each([
  ["a code of no class member", [0x8f, 0, 1, 0, 0]],
  ["addition with an offset", [0x07, 1, 0, 1, 5]],
  ["movement with sign extension from 24 bits", [0xbf, 1, 2, 24, 0]],
  ["32-bit sign extension from 32 bits", [0xbc, 1, 2, 32, 0]],
  ["an atomic of no name", [0xdb, 1, 2, 0, 0x10]],
  ["a call of a third kind", [0x85, 0, 3, 0, 1]],
  ["exit with a value", [0x95, 0, 0, 0, 1]],
] as const)("%s is unknown", (_, [code, dst, src, off, imm]) => {
  expect(findOpcode(code, dst, src, off, imm)).toBeUndefined();
});

test("every class is used", () => {
  const classes = new Set(OPCODES.map((row) => row.code & 7));
  expect([...classes].sort()).toEqual(Object.values(BPF_CLASS));
});
