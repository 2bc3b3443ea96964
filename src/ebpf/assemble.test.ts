import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AssembleError, assemble } from "./assemble.ts";
import { disassemble, formatInstruction } from "./disassemble.ts";
import { encode, instruction } from "./instruction.ts";
import { OPCODES } from "./opcodes.ts";
import { randomInstance, randomOf, randomProgram } from "./testing.ts";

describe("disassemble and assemble are inverse", () => {
  test.each(OPCODES)("$name", (opcode) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const made = randomInstance(opcode, randomOf(seed));
        expect(assemble(formatInstruction(made)).instructions).toEqual([made]);
      }),
      { numRuns: 30 },
    );
  });

  test("programs, as bytes too", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const program = randomProgram(randomOf(seed));
        const text = disassemble(encode(program));
        expect(assemble(text).instructions).toEqual(program);
        expect(disassemble(assemble(text).instructions)).toBe(text);
      }),
    );
  });
});

/** Spellings of others, and the one we print. */
test.each([
  ["r0 = *(u32 *)(r1 +16)", "r0 = *(u32 *)(r1 + 16)"],
  ["w0 = *(u32 *)(r1 + 0x10)", "r0 = *(u32 *)(r1 + 16)"],
  ["r1=-0x10", "r1 = -16"],
  ["w3 = 0xffffffff", "w3 = -1"],
  ["r1=-r1", "r1 = -r1"],
  ["if r1 s> 0x5 goto pc-2", "if r1 s> 5 goto pc-2"],
  ["12: (b7) r0 = 1", "r0 = 1"],
  ["if w1 != 3 goto +7", "if w1 != 3 goto pc+7"],
  ["goto -1", "goto pc-1"],
  ["*(u64 *)(r10 -8) = r1", "*(u64 *)(r10 - 8) = r1"],
  ["r1 = 0x1122334455667788 ll", "r1 = 0x1122334455667788 ll"],
  ["r1 = -1 ll", "r1 = 0xffffffffffffffff ll"],
  ["r1 = 7 ll", "r1 = 0x7 ll"],
  ["call bpf_map_lookup_elem", "call bpf_map_lookup_elem#1"],
  ["call 1", "call bpf_map_lookup_elem#1"],
  ["call unknown#9999", "call helper#9999"],
  ["call kfunc bpf_dynptr_size", "call kfunc bpf_dynptr_size"],
  ["r1 = map counters ll ; a comment", "r1 = map counters ll"],
  ["r2 = atomic64_fetch_add((u64 *)(r1 +0), r2) // old", "r2 = atomic64_fetch_add((u64 *)(r1 + 0), r2)"],
])("%s", (text, printed) => {
  expect(assemble(text).instructions.map(formatInstruction)).toEqual([printed]);
});

test("labels count slots, forwards and backwards, and wide instructions twice", () => {
  const { instructions, labels } = assemble(`
    start:
      r1 = 1 ll
      if r1 == 0 goto done
      r2 = func callback ll
      call callback
      gotol start
    done: exit
    callback:
      r0 = 0
      exit
  `);
  expect(instructions.map(formatInstruction)).toEqual([
    "r1 = 0x1 ll",
    "if r1 == 0 goto pc+4",
    "r2 = func pc+4 ll",
    "call pc+2",
    "gotol pc-7",
    "exit",
    "r0 = 0",
    "exit",
  ]);
  expect([...labels]).toEqual([
    ["start", 0],
    ["done", 7],
    ["callback", 8],
  ]);
});

test.each([
  ["r0 = 1\nr11 = 2", 2, "r11 is out of range"],
  ["frobnicate", 1, "'frobnicate' is no instruction"],
  ["r1 = -r2", 1, "'r1 = -r2' is no instruction"],
  ["goto nowhere", 1, "there is no label 'nowhere'"],
  ["a:\na:", 2, "label 'a' is there already"],
  ["r1 = 0x100000000", 1, "0x100000000 is out of range"],
  ["r1 = *(u8 *)(r2 + 32768)", 1, "+ 32768 is out of range"],
  ["call bpf_no_such_helper", 1, "there is no helper 'bpf_no_such_helper'"],
])("%j is refused", (text, line, message) => {
  const attempt = (): unknown => assemble(text);
  expect(attempt).toThrow(AssembleError);
  expect(attempt).toThrow(`line ${line}: ${message}`);
});

test("any text is a program or an AssembleError", () => {
  const piece = fc.constantFrom(
    "r1",
    "w2",
    "=",
    " ",
    "*(u32 *)",
    "(",
    ")",
    "+",
    "-5",
    "if",
    "goto",
    "x:",
    "ll",
    "#",
    "pc+1",
    "\n",
  );
  fc.assert(
    fc.property(
      fc.array(piece).map((pieces) => pieces.join("")),
      (text) => {
        try {
          assemble(text);
        } catch (error) {
          expect(error).toBeInstanceOf(AssembleError);
        }
      },
    ),
  );
});

test("instructions know their lines", () => {
  expect(assemble("r0 = 1\n\nexit", "drop.s").spans).toEqual([
    { chunk: "drop.s", line: 1 },
    { chunk: "drop.s", line: 3 },
  ]);
  expect(assemble("exit").instructions).toEqual([instruction("exit")]);
});
