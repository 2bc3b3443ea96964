/** Registers that did not fit: kept in a word of the stack each, or made anew at each use. */

import type { Node } from "./interference.ts";
import {
  FRAME,
  isMove,
  type MachineBlock,
  type MachineCode,
  type MachineInstruction,
  type MachineOperands,
  machineInstruction,
  NONE,
  type Register,
} from "./machine-code.ts";

type Home = { readonly slot: number } | { readonly definition: MachineInstruction };

/** For how many instructions a value from memory stays in a register, in case it is read again. */
const HOLD = 10;

/**
 * Rewrites the program so that these nodes need a register for a few instructions at a time only, and those that came
 * of an earlier rewriting for a single one.
 */
export function spill(code: MachineCode, nodes: Iterable<Node>): void {
  const homes = new Map<Register, Home>();
  for (const { register, definition } of nodes)
    homes.set(register, definition ? { definition } : { slot: code.slotCount++ });
  const rewriter = new Rewriter(code, homes);
  for (const block of code.blocks) rewriter.rewriteBlock(block);
}

/** A register that has the value of one in memory. */
interface Held {
  readonly register: Register;
  lastRead: number;
}

class Rewriter {
  readonly #code: MachineCode;
  readonly #homes: ReadonlyMap<Register, Home>;
  #out: MachineInstruction[] = [];
  readonly #held = new Map<Register, Held>();
  #position = 0;

  constructor(code: MachineCode, homes: ReadonlyMap<Register, Home>) {
    this.#code = code;
    this.#homes = homes;
  }

  rewriteBlock(block: MachineBlock): void {
    this.#out = [];
    this.#held.clear();
    for (const [index, instruction] of block.instructions.entries()) {
      this.#position = index;
      this.#rewrite(instruction, block.instructions[index + 1]);
    }
    const { end } = block;
    if (end.op === "branch") {
      const { dst, src, span } = end;
      end.dst = this.#read(dst, span);
      if (src !== NONE) end.src = this.#read(src, span);
    }
    block.instructions = this.#out;
  }

  #rewrite(instruction: MachineInstruction, next: MachineInstruction | undefined): void {
    const { role, dst, src, span } = instruction;
    // Only four registers outlive a call: what memory has anyway shall not compete for them.
    if (instruction.callArguments !== undefined) this.#held.clear();
    const target = role.readsDst || role.writesDst ? this.#homes.get(dst) : undefined;
    const source = role.readsSrc ? this.#homes.get(src) : undefined;
    if (target === undefined && source === undefined) {
      this.#out.push(instruction);
      return;
    }
    // The one definition of what is made anew at each use.
    if (target && "definition" in target && role.writesDst) return;
    const isChangedNext = next?.dst === dst && next.role.readsDst && next.role.writesDst;
    if (!isChangedNext && this.#copy(instruction, target, source)) return;
    const readSrc = source ? this.#read(src, span) : src;
    let newDst = dst;
    if (target) newDst = role.readsDst ? this.#read(dst, span) : this.#temporary();
    this.#out.push({ ...instruction, dst: newDst, src: readSrc });
    if (!target || !role.writesDst || !("slot" in target)) return;
    this.#push("stx64", { dst: FRAME, src: newDst, slot: target.slot }, span);
    if (!role.readsDst) this.#hold(dst, newDst);
  }

  /** A move from a register or a constant to memory, or from memory to a register; false when it is no such thing. */
  #copy(instruction: MachineInstruction, target: Home | undefined, source: Home | undefined): boolean {
    const { name, dst, src, imm, span } = instruction;
    if (name === "mov64_imm" && target && "slot" in target) {
      this.#held.delete(dst);
      this.#push("st64", { dst: FRAME, slot: target.slot, imm }, span);
      return true;
    }
    if (!isMove(instruction)) return false;
    if (target && "slot" in target) {
      const from = source ? this.#read(src, span) : src;
      this.#held.delete(dst);
      this.#push("stx64", { dst: FRAME, src: from, slot: target.slot }, span);
      return true;
    }
    if (target !== undefined || source === undefined || this.#held.has(src)) return false;
    this.#load(dst, source, span);
    return true;
  }

  /** The register that the next instruction finds `register` in. */
  #read(register: Register, span: MachineInstruction["span"]): Register {
    const home = this.#homes.get(register);
    if (home === undefined) return register;
    const held = this.#held.get(register);
    if (held && this.#position - held.lastRead <= HOLD) {
      if (held.lastRead < this.#position) this.#code.shortLived.delete(held.register);
      held.lastRead = this.#position;
      return held.register;
    }
    const temporary = this.#temporary();
    this.#load(temporary, home, span);
    this.#hold(register, temporary);
    return temporary;
  }

  #hold(register: Register, temporary: Register): void {
    if (this.#code.reloaded.has(register)) this.#held.delete(register);
    else this.#held.set(register, { register: temporary, lastRead: this.#position });
  }

  #temporary(): Register {
    const register = this.#code.registerCount++;
    this.#code.shortLived.add(register);
    this.#code.reloaded.add(register);
    return register;
  }

  #load(dst: Register, home: Home, span: MachineInstruction["span"]): void {
    if ("definition" in home) this.#out.push({ ...home.definition, dst, span });
    else this.#push("ldx64", { dst, src: FRAME, slot: home.slot }, span);
  }

  #push(name: MachineInstruction["name"], operands: MachineOperands, span: MachineInstruction["span"]): void {
    this.#out.push(machineInstruction(name, operands, span));
  }
}
