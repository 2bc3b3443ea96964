/** One instruction, its operands by field, and its 8 or 16 bytes. */

import { assert } from "../util/assert.ts";
import {
  findOpcode,
  isWide,
  type Opcode,
  type OpcodeName,
  type OperandField,
  opcode,
  operandFieldsOf,
} from "./opcodes.ts";

export interface Instruction {
  readonly opcode: Opcode;
  /** Destination register, 0..10. */
  readonly dst: number;
  /** Source register, 0..10. */
  readonly src: number;
  /** Signed 16 bits. */
  readonly off: number;
  /** Signed 32 bits. */
  readonly imm: number;
  /** The immediate of the second slot, where there is one: the upper half of a constant. */
  readonly high: number;
  /** The map or kernel function that `imm` will stand for, until `relocate` has put in its number. */
  readonly symbol?: string;
}

/** The operands that an instruction is made with; those left out are zero. */
export type Operands = { readonly [K in OperandField]?: number } & { readonly symbol?: string };

export const REGISTERS = 11;
export const SLOT_BYTES = 8;

/** A text or bytes that are no instruction the kernel knows. */
export class InstructionError extends Error {
  override readonly name = "InstructionError";
}

/** The instruction `name` with these operands; throws `AssertionError` when it has no such operand. */
export function instruction(name: OpcodeName, operands: Operands = {}): Instruction {
  return fromOpcode(opcode(name), operands);
}

/** As `instruction`, from the row itself. */
export function fromOpcode(opcode: Opcode, operands: Operands): Instruction {
  const allowed = operandFieldsOf(opcode);
  for (const field of ["dst", "src", "off", "imm", "high"] as const) {
    const value = operands[field];
    if (value === undefined) continue;
    // The texts are made only when needed: programs of thousands of instructions come through here.
    if (!allowed.has(field)) assert(false, `${opcode.name} takes no ${field}`);
    if (!fits(field, value)) assert(false, `${opcode.name}: ${field} cannot be ${value}`);
  }
  const { dst = 0, src = opcode.fixed.src ?? 0, off = opcode.fixed.off ?? 0 } = operands;
  const { imm = opcode.fixed.imm ?? 0, high = 0, symbol } = operands;
  const made = { opcode, dst, src, off, imm, high };
  return symbol === undefined ? made : { ...made, symbol };
}

/** Whether a field can hold `value`. */
export function fits(field: OperandField, value: number): boolean {
  if (field === "dst" || field === "src") return Number.isInteger(value) && value >= 0 && value < REGISTERS;
  return field === "off" ? value === (value << 16) >> 16 : value === (value | 0);
}

/** How many slots of 8 bytes it takes: what jumps count. */
export const slotsOf = (instruction: Instruction): number => (isWide(instruction.opcode.code) ? 2 : 1);

/** The slot of each instruction, and behind them the number of all. */
export function slotNumbers(instructions: readonly Instruction[]): number[] {
  const slots = [0];
  for (const instruction of instructions) slots.push(slots.at(-1)! + slotsOf(instruction));
  return slots;
}

/** The bytes of a program. Unresolved symbols are an error of ours: `relocate` comes first. */
export function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(slotNumbers(instructions).at(-1)! * SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { opcode, dst, src, off, imm, high, symbol } of instructions) {
    assert(symbol === undefined, `${opcode.name}: '${symbol}' has no number yet`);
    view.setUint8(at, opcode.code);
    view.setUint8(at + 1, dst | (src << 4));
    view.setInt16(at + 2, off, true);
    view.setInt32(at + 4, imm, true);
    at += SLOT_BYTES;
    if (!isWide(opcode.code)) continue;
    view.setInt32(at + 4, high, true);
    at += SLOT_BYTES;
  }
  return bytes;
}

/** The instructions of these bytes; throws `InstructionError` naming the slot that is none. */
export function decode(bytes: Uint8Array): Instruction[] {
  if (bytes.length % SLOT_BYTES !== 0)
    throw new InstructionError(`${bytes.length} bytes are no whole number of instructions`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const instructions: Instruction[] = [];
  for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
    const slot = at / SLOT_BYTES;
    const code = bytes[at]!;
    const dst = bytes[at + 1]! & 15;
    const src = bytes[at + 1]! >> 4;
    const off = view.getInt16(at + 2, true);
    const imm = view.getInt32(at + 4, true);
    const opcode = dst < REGISTERS && src < REGISTERS ? findOpcode(code, dst, src, off, imm) : undefined;
    if (opcode === undefined)
      throw new InstructionError(
        `slot ${slot} is no instruction: code 0x${code.toString(16)}, dst ${dst}, src ${src}, off ${off}, imm ${imm}`,
      );
    let high = 0;
    if (isWide(code)) {
      at += SLOT_BYTES;
      if (at >= bytes.length) throw new InstructionError(`slot ${slot} lacks its second half`);
      if (view.getInt32(at, true) !== 0)
        throw new InstructionError(`slot ${slot + 1}: only the immediate of a second half may be set`);
      high = view.getInt32(at + 4, true);
      if (high !== 0 && !operandFieldsOf(opcode).has("high"))
        throw new InstructionError(`slot ${slot}: ${opcode.name} has no upper immediate`);
    }
    instructions.push({ opcode, dst, src, off, imm, high });
  }
  return instructions;
}

/** What gives symbols their numbers: descriptors of maps, BTF ids of kernel functions. */
export interface Linker {
  map(name: string): number;
  kfunc(name: string): number;
}

/** The same instructions with numbers in place of symbols. */
export function relocate(instructions: readonly Instruction[], linker: Linker): Instruction[] {
  return instructions.map((instruction) => {
    if (instruction.symbol === undefined) return instruction;
    const { opcode, dst, src, off, high, symbol } = instruction;
    const imm = opcode.name === "call_kfunc" ? linker.kfunc(symbol) : linker.map(symbol);
    return { opcode, dst, src, off, imm, high };
  });
}
