/** Registers that did not fit: kept in a word of the stack each, or made anew at each use. */

import type { Node } from "./interference.ts";
import {
  FRAME,
  isMove,
  type MachineCode,
  type MachineInstruction,
  machineInstruction,
  NONE,
  type Register,
} from "./machine-code.ts";

type Home = { readonly slot: number } | { readonly definition: MachineInstruction };

/** Rewrites the program so that these nodes need a register for single instructions only. */
export function spill(code: MachineCode, nodes: Iterable<Node>): void {
  const homes = new Map<Register, Home>();
  for (const { register, definition } of nodes)
    homes.set(register, definition ? { definition } : { slot: code.slotCount++ });
  const rewriter = new Rewriter(code, homes);
  for (const block of code.blocks) {
    rewriter.out = [];
    for (const instruction of block.instructions) rewriter.rewrite(instruction);
    const { end } = block;
    if (end.op === "branch") {
      const dst = rewriter.read(end.dst, end.span);
      if (end.src !== NONE) end.src = end.src === end.dst ? dst : rewriter.read(end.src, end.span);
      end.dst = dst;
    }
    block.instructions = rewriter.out;
  }
}

class Rewriter {
  readonly #code: MachineCode;
  readonly #homes: ReadonlyMap<Register, Home>;
  out: MachineInstruction[] = [];

  constructor(code: MachineCode, homes: ReadonlyMap<Register, Home>) {
    this.#code = code;
    this.#homes = homes;
  }

  rewrite(instruction: MachineInstruction): void {
    const { role, dst, src, span } = instruction;
    const target = role.readsDst || role.writesDst ? this.#homes.get(dst) : undefined;
    const source = role.readsSrc ? this.#homes.get(src) : undefined;
    if (target === undefined && source === undefined) {
      this.out.push(instruction);
      return;
    }
    // The one definition of what is made anew at each use.
    if (target && "definition" in target && role.writesDst) return;
    if (isMove(instruction) && this.#move(dst, src, target, source, span)) return;
    if (instruction.name === "mov64_imm" && target && "slot" in target) {
      this.#push("st64", { dst: FRAME, slot: target.slot, imm: instruction.imm }, span);
      return;
    }
    const readSrc = source ? this.read(src, span) : src;
    let newDst = dst;
    if (target) {
      if (role.readsSrc && src === dst) newDst = readSrc;
      else newDst = role.readsDst ? this.read(dst, span) : this.#temporary();
    }
    this.out.push({ ...instruction, dst: newDst, src: readSrc });
    if (role.writesDst) this.#store(target, newDst, span);
  }

  /** The register that the next instruction finds `register` in. */
  read(register: Register, span: MachineInstruction["span"]): Register {
    const home = this.#homes.get(register);
    if (home === undefined) return register;
    const temporary = this.#temporary();
    this.#load(temporary, home, span);
    return temporary;
  }

  /** A copy with one end in memory is a load or a store; false when it takes a register after all. */
  #move(
    dst: Register,
    src: Register,
    target: Home | undefined,
    source: Home | undefined,
    span: MachineInstruction["span"],
  ): boolean {
    if (source === undefined) this.#store(target, src, span);
    else if (target === undefined) this.#load(dst, source, span);
    else return false;
    return true;
  }

  #temporary(): Register {
    const register = this.#code.registerCount++;
    this.#code.shortLived.add(register);
    return register;
  }

  #load(dst: Register, home: Home, span: MachineInstruction["span"]): void {
    if ("definition" in home) this.out.push({ ...home.definition, dst, span });
    else this.#push("ldx64", { dst, src: FRAME, slot: home.slot }, span);
  }

  #store(home: Home | undefined, src: Register, span: MachineInstruction["span"]): void {
    if (home && "slot" in home) this.#push("stx64", { dst: FRAME, src, slot: home.slot }, span);
  }

  #push(
    name: MachineInstruction["name"],
    operands: Parameters<typeof machineInstruction>[1],
    span: MachineInstruction["span"],
  ): void {
    this.out.push(machineInstruction(name, operands, span));
  }
}
