/**
 * A program under construction: instructions in order, labels for jumps and calls, and for each instruction the place
 * in the source it came from, so that whoever rejects or interrupts it later can name the line. The assembler and the
 * compiler both end here; `build` counts the slots.
 */

import { assert } from "../util/assert.ts";
import {
  fits,
  fromOpcode,
  type Instruction,
  InstructionError,
  instruction,
  type Operands,
  slotNumbers,
  slotsOf,
} from "./instruction.ts";
import { type Opcode, type OpcodeName, opcode, placeholdersOf } from "./opcodes.ts";

/** Where an instruction comes from: a line of Lua or of assembly text. */
export interface SourceSpan {
  /** File or chunk name. */
  readonly chunk: string;
  readonly line: number;
  readonly column?: number;
}

/** Finished instructions. Symbols may still need numbers (`relocate`). */
export interface Program {
  readonly instructions: readonly Instruction[];
  /** By instruction, where known. */
  readonly spans: readonly (SourceSpan | undefined)[];
  /** Label to slot: functions and whatever else was named. */
  readonly labels: ReadonlyMap<string, number>;
}

/** Where in the source a slot comes from: the kernel's log counts slots, not instructions. */
export function spanOfSlot(program: Program, slot: number): SourceSpan | undefined {
  const slots = slotNumbers(program.instructions);
  const index = slots.findIndex((first, i) => slot >= first && slot < (slots[i + 1] ?? first));
  return program.spans[index];
}

/** A place in the program; made by `ProgramBuilder.label`, set by `place`. */
export class Label {
  readonly name: string;
  /** Index of the instruction it stands before. */
  index: number | undefined;

  constructor(name: string) {
    this.name = name;
  }
}

export class ProgramBuilder {
  readonly #instructions: Instruction[] = [];
  readonly #spans: (SourceSpan | undefined)[] = [];
  readonly #targets = new Map<number, Label>();
  readonly #labels: Label[] = [];
  /** What the instructions emitted from now on come from. */
  span: SourceSpan | undefined;

  /** A new label; names need not differ, but of equal ones only the last is listed. */
  label(name = `L${this.#labels.length}`): Label {
    const label = new Label(name);
    this.#labels.push(label);
    return label;
  }

  /** The next instruction is where `label` points. */
  place(label: Label): void {
    assert(label.index === undefined, `label ${label.name} is placed twice`);
    label.index = this.#instructions.length;
  }

  /** Appends a finished instruction; jumps in it count slots. */
  push(instruction: Instruction): void {
    this.#instructions.push(instruction);
    this.#spans.push(this.span);
  }

  emit(name: OpcodeName, operands: Operands = {}): void {
    this.push(instruction(name, operands));
  }

  /** A jump, a call or the address of a function of this program. */
  emitTo(name: OpcodeName | Opcode, label: Label, operands: Operands = {}): void {
    this.#targets.set(this.#instructions.length, label);
    this.push(fromOpcode(typeof name === "string" ? opcode(name) : name, operands));
  }

  /** A 64-bit constant from its halves. */
  emitConstant(dst: number, low: number, high: number): void {
    this.emit("ld_imm64", { dst, imm: low | 0, high: high | 0 });
  }

  /** The address of a map, to be known by `relocate` or by the interpreter. */
  emitMap(dst: number, symbol: string): void {
    this.emit("ld_map", { dst, symbol });
  }

  /**
   * The program. A label out of reach is an error, except for plain jumps, which become `gotol`.
   * A label that was never placed is a mistake of ours.
   */
  build(): Program {
    const slots = slotNumbers(this.#instructions);
    const instructions = this.#instructions.map((made, index) => {
      const label = this.#targets.get(index);
      if (label === undefined) return made;
      assert(label.index !== undefined, `label ${label.name} is nowhere`);
      // Kernel code counts calls from the next slot too, but the address of a function from its own first slot's
      // successor: for both slots of ld_func that is the one after the first.
      const next = slots[index]! + (slotsOf(made) === 2 ? 1 : slotsOf(made));
      return aimed(made, slots[label.index]! - next, label);
    });
    const labels = new Map<string, number>();
    for (const { name, index } of this.#labels) if (index !== undefined) labels.set(name, slots[index]!);
    return { instructions, spans: [...this.#spans], labels };
  }
}

/** The instruction with its distance filled in. */
function aimed(made: Instruction, distance: number, label: Label): Instruction {
  if (!placeholdersOf(made.opcode).includes("jump")) return { ...made, imm: distance };
  if (fits("off", distance)) return { ...made, off: distance };
  if (made.opcode.name === "ja") return instruction("ja32", { imm: distance });
  throw new InstructionError(`${made.opcode.name} cannot reach label ${label.name}, ${distance} slots away`);
}
