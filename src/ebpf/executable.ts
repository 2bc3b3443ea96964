/** A program ready to run, what it can reach, how a run ends. */

import { formatInstruction } from "./disassemble.ts";
import { type Instruction, slotNumbers } from "./instruction.ts";
import type { BpfMap } from "./maps.ts";
import type { Region } from "./memory.ts";
import type { Program, SourceSpan } from "./program-builder.ts";

/** Everything outside a program that it can reach. */
export interface Environment {
  /** By the name that symbols use, or the descriptor as `fd:5`. */
  readonly maps?: Readonly<Record<string, BpfMap>>;
  /** What r1 points to; a program without one gets 0. */
  readonly context?: Region;
  /** What the helpers and functions that read packets read. */
  readonly packet?: Region;
  /** How much of the packet lies in its linear part; the rest is copied to be seen. All, when left out. */
  readonly linearBytes?: number;
  /** Nanoseconds since boot. */
  readonly now?: () => number;
  /** Uniform 32-bit numbers. */
  readonly random?: () => number;
  /** The processor that runs it. */
  readonly cpu?: number;
  /** Instructions before the run ends with a fault. */
  readonly limit?: number;
}

export interface RunResult {
  /** r0 at the end, as its halves. */
  readonly low: number;
  readonly high: number;
  /** Instructions executed. */
  readonly executed: number;
}

/** An access or an instruction that no verified program makes. */
export class BpfFault extends Error {
  override readonly name = "BpfFault";
  readonly slot: number;
  readonly span: SourceSpan | undefined;
  /** What is wrong, without the place. */
  readonly reason: string;

  constructor(
    reason: string,
    slot: number,
    instruction: Instruction | undefined,
    span: SourceSpan | undefined,
  ) {
    const text = instruction ? ` (${formatInstruction(instruction)})` : "";
    super(`${reason} in slot ${slot}${text}${span ? `, ${span.chunk}:${span.line}` : ""}`);
    this.reason = reason;
    this.slot = slot;
    this.span = span;
  }
}

/** A program by slot, so that jumps are additions. */
export class Executable {
  readonly program: Program;
  /** Undefined for the second half of wide instructions. */
  readonly slots: readonly (Instruction | undefined)[];

  constructor(program: Program) {
    this.program = program;
    const numbers = slotNumbers(program.instructions);
    const slots = new Array<Instruction | undefined>(numbers.at(-1)!).fill(undefined);
    for (const [index, made] of program.instructions.entries()) slots[numbers[index]!] = made;
    this.slots = slots;
  }
}
