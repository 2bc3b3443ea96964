import fc from "fast-check";
import { expect, test } from "vitest";
import { AssertionError } from "../util/assert.ts";
import { decode, encode, InstructionError, instruction, relocate, slotNumbers } from "./instruction.ts";
import { OPCODES } from "./opcodes.ts";
import { randomInstance, randomOf, randomProgram } from "./testing.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/ /g, ""), "hex"));

test.each(OPCODES)("$name comes back from its bytes", (opcode) => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const made = randomInstance(opcode, randomOf(seed));
      expect(decode(encode([made]))).toEqual([made]);
    }),
    { numRuns: 20 },
  );
});

test("programs come back from their bytes", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const program = randomProgram(randomOf(seed));
      expect(decode(encode(program))).toEqual(program);
    }),
  );
});

/** Bytes as the kernel took them (measured). */
test.each([
  [instruction("mov64_imm", { dst: 0, imm: 1 }), "b7 00 0000 01000000"],
  [instruction("call_kfunc", { imm: 63857 }), "85 20 0000 71f90000"],
  [instruction("may_goto", { off: -3 }), "e5 00 fdff 00000000"],
  [instruction("addr_space_cast", { dst: 6, src: 6, imm: 1 }), "bf 66 0100 01000000"],
  [instruction("be16", { dst: 3 }), "dc 03 0000 10000000"],
  [instruction("stx64", { dst: 10, src: 1, off: -8 }), "7b 1a f8ff 00000000"],
  [instruction("ld_map_value", { dst: 1, imm: 5, high: 16 }), "18 21 0000 05000000 00 00 0000 10000000"],
])("$0.opcode.name has the bytes of the kernel", (made, bytes) => {
  expect(hex(encode([made]))).toBe(bytes.replace(/ /g, ""));
});

test.each([
  ["00", "1 bytes are no whole number"],
  ["ff 00 0000 00000000", "slot 0 is no instruction: code 0xff"],
  ["b7 0b 0000 00000000", "dst 11"],
  ["18 00 0000 00000000", "slot 0 lacks its second half"],
  ["95 00 0000 00000000 18 00 0000 00000000 01 00 0000 00000000", "slot 2: only the immediate"],
  ["18 11 0000 00000000 00 00 0000 01000000", "ld_map has no upper immediate"],
])("%s is refused", (bytes, message) => {
  expect(() => decode(fromHex(bytes))).toThrow(InstructionError);
  expect(() => decode(fromHex(bytes))).toThrow(message);
});

test("operands that an instruction does not take, or out of range, are our mistake", () => {
  expect(() => instruction("exit", { imm: 1 })).toThrow(AssertionError);
  expect(() => instruction("ldx32", { dst: 1, src: 11 })).toThrow("src cannot be 11");
  expect(() => instruction("ldx32", { dst: 1, src: 1, off: 0x8000 })).toThrow("off cannot be 32768");
  expect(() => instruction("mov64_imm", { imm: 2 ** 31 })).toThrow("imm cannot be 2147483648");
});

test("wide instructions count as two slots", () => {
  const program = [instruction("ld_imm64"), instruction("exit")];
  expect(slotNumbers(program)).toEqual([0, 2, 3]);
});

test("symbols get numbers, and without them there are no bytes", () => {
  const program = [
    instruction("ld_map", { dst: 1, symbol: "counters" }),
    instruction("call_kfunc", { symbol: "bpf_dynptr_size" }),
  ];
  expect(() => encode(program)).toThrow("ld_map: 'counters' has no number yet");
  const linked = relocate(program, { map: (name) => name.length, kfunc: () => 63883 });
  expect(linked).toEqual([
    instruction("ld_map", { dst: 1, imm: 8 }),
    instruction("call_kfunc", { imm: 63883 }),
  ]);
});
