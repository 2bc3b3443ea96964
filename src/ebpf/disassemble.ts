/**
 * Instructions to text, in the words of the kernel's verifier log (`r0 = *(u32 *)(r1 + 16)`), which are nearly those
 * of llvm-objdump. `assemble` reads it back.
 */

import { helperName } from "./helpers.ts";
import { decode, type Instruction } from "./instruction.ts";
import type { Placeholder } from "./opcodes.ts";

/** One instruction, without position. */
export function formatInstruction(instruction: Instruction): string {
  return instruction.opcode.text.replace(/\{(\w+)\}/g, (_, name: Placeholder) =>
    formatOperand(name, instruction),
  );
}

function formatOperand(name: Placeholder, instruction: Instruction): string {
  const { dst, src, off, imm, high, symbol } = instruction;
  switch (name) {
    case "rd":
      return `r${dst}`;
    case "wd":
      return `w${dst}`;
    case "rs":
      return `r${src}`;
    case "ws":
      return `w${src}`;
    case "imm":
      return `${imm}`;
    case "off":
      return signed(off);
    case "at":
      return signed(high);
    case "jump":
      return `pc${off < 0 ? off : `+${off}`}`;
    case "jumpl":
    case "call":
      return `pc${imm < 0 ? imm : `+${imm}`}`;
    case "helper":
      return `${helperName(imm) ?? "helper"}#${imm}`;
    case "kfunc":
      return symbol ?? `#${imm}`;
    case "map":
      return symbol ?? `fd:${imm}`;
    case "imm64":
      return `0x${high === 0 ? "" : (high >>> 0).toString(16)}${(imm >>> 0).toString(16).padStart(high === 0 ? 1 : 8, "0")}`;
    case "spaces":
      return `${imm >>> 16}, ${imm & 0xffff}`;
  }
}

const signed = (value: number): string => (value < 0 ? `- ${-value}` : `+ ${value}`);

/** A listing, one instruction a line; bytes are decoded first. */
export function disassemble(program: readonly Instruction[] | Uint8Array): string {
  const instructions = program instanceof Uint8Array ? decode(program) : program;
  return instructions.map((instruction) => `${formatInstruction(instruction)}\n`).join("");
}
