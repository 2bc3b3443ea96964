/** Which virtual registers may not share a register of the machine, and what each is worth. */

import { liveAtEnds, readsOf, registerAccesses } from "./liveness.ts";
import {
  CALL_CLOBBERS,
  FRAME,
  isMove,
  isRepeatable,
  isVirtual,
  type MachineBlock,
  type MachineCode,
  type MachineInstruction,
  type Register,
} from "./machine-code.ts";

export interface Node {
  readonly register: Register;
  /** Live at the same time. */
  readonly neighbours: Set<Node>;
  /** The registers of the machine that it may not have, as a mask. */
  forbidden: number;
  /** What keeping it in memory would cost: its uses, those in loops many times. */
  cost: number;
  /** Its only definition, where that can be repeated at each use; null when there are several or another. */
  definition: MachineInstruction | null | undefined;
  /** Registers of the machine that it is copied from or to, with the weight of those copies. */
  readonly wishes: Map<Register, number>;
  /** The node that it was merged into. */
  mergedInto: Node | undefined;
  /** Where it stands among those that are live where the scan is; -1: nowhere. */
  livePlace: number;
}

export interface Copy {
  readonly to: Node;
  readonly from: Node;
  weight: number;
}

export interface Interference {
  readonly nodes: ReadonlyMap<Register, Node>;
  /** Copies between virtual registers. */
  readonly copies: readonly Copy[];
}

const LOOP_FACTOR = 8;
const MAX_DEPTH = 6;
const COLD_FACTOR = 1 / 64;

const weightOf = (block: MachineBlock): number =>
  LOOP_FACTOR ** Math.min(block.loopDepth, MAX_DEPTH) * (block.isCold ? COLD_FACTOR : 1);

/** Looks at the whole program; instructions whose results nobody reads are dropped on the way. */
export function findInterference(code: MachineCode): Interference {
  const builder = new Builder();
  const liveAt = liveAtEnds(code.blocks, registerAccesses);
  for (const block of code.blocks) builder.scan(block, liveAt.get(block)!);
  for (const node of builder.nodes.values()) if (node.definition) node.cost /= 2;
  for (const register of code.shortLived) {
    const node = builder.nodes.get(register);
    if (node) node.cost = Number.POSITIVE_INFINITY;
  }
  return builder;
}

class Builder implements Interference {
  readonly nodes = new Map<Register, Node>();
  readonly copies: Copy[] = [];
  /** By register: maps of numbers are slower. */
  readonly #byRegister: (Node | undefined)[] = [];
  readonly #live: Node[] = [];
  /** Registers of the machine that hold something here. */
  #liveMachine = 0;
  #weight = 0;

  scan(block: MachineBlock, liveAtEnd: readonly Register[]): void {
    this.#weight = weightOf(block);
    for (const node of this.#live.splice(0)) node.livePlace = -1;
    this.#liveMachine = 0;
    for (const register of liveAtEnd) this.#revive(this.#node(register));
    for (const register of readsOf(block.end)) this.#read(register);
    const { instructions } = block;
    const kept: MachineInstruction[] = [];
    for (let index = instructions.length - 1; index >= 0; index--) {
      const instruction = instructions[index]!;
      if (this.#isDead(instruction)) continue;
      kept.push(instruction);
      this.#step(instruction);
    }
    block.instructions = kept.reverse();
  }

  #revive(node: Node): void {
    if (node.livePlace >= 0) return;
    node.livePlace = this.#live.length;
    this.#live.push(node);
  }

  #kill(node: Node): void {
    if (node.livePlace < 0) return;
    const last = this.#live.pop()!;
    if (last !== node) {
      this.#live[node.livePlace] = last;
      last.livePlace = node.livePlace;
    }
    node.livePlace = -1;
  }

  #node(register: Register): Node {
    let node = this.#byRegister[register];
    if (node === undefined) {
      node = {
        register,
        neighbours: new Set(),
        forbidden: 0,
        cost: 0,
        definition: undefined,
        wishes: new Map(),
        mergedInto: undefined,
        livePlace: -1,
      };
      this.#byRegister[register] = node;
      this.nodes.set(register, node);
    }
    return node;
  }

  #isDead({ role, dst }: MachineInstruction): boolean {
    return role.writesDst && isVirtual(dst) && this.#node(dst).livePlace < 0;
  }

  #step(instruction: MachineInstruction): void {
    const { role, dst, src } = instruction;
    if (instruction.callArguments !== undefined) this.#call(instruction.callArguments);
    if (role.writesDst) this.#write(instruction);
    if (role.readsSrc) this.#read(src);
    if (role.readsDst) this.#read(dst);
    if (isMove(instruction)) this.#copy(dst, src);
  }

  #call(argumentCount: number): void {
    for (const node of this.#live) node.forbidden |= CALL_CLOBBERS;
    this.#liveMachine &= ~CALL_CLOBBERS;
    this.#liveMachine |= ((1 << argumentCount) - 1) << 1;
  }

  #write(instruction: MachineInstruction): void {
    const { dst, src } = instruction;
    // What is copied may share a register with the copy, as long as nothing else sets either.
    const source = isMove(instruction) ? src : undefined;
    if (!isVirtual(dst)) {
      const bit = 1 << dst;
      for (const node of this.#live) if (node.register !== source) node.forbidden |= bit;
      this.#liveMachine &= ~bit;
      return;
    }
    const node = this.#node(dst);
    this.#kill(node);
    for (const other of this.#live) {
      if (other.register === source) continue;
      node.neighbours.add(other);
      other.neighbours.add(node);
    }
    node.forbidden |= this.#liveMachine & ~(source !== undefined && !isVirtual(source) ? 1 << source : 0);
    node.cost += this.#weight;
    node.definition = node.definition === undefined && isRepeatable(instruction) ? instruction : null;
  }

  #read(register: Register): void {
    if (register === FRAME) return;
    if (!isVirtual(register)) {
      this.#liveMachine |= 1 << register;
      return;
    }
    const node = this.#node(register);
    this.#revive(node);
    node.cost += this.#weight;
  }

  #copy(to: Register, from: Register): void {
    if (isVirtual(to) && isVirtual(from)) {
      this.copies.push({ to: this.#node(to), from: this.#node(from), weight: this.#weight });
      return;
    }
    const [node, wish] = isVirtual(to) ? [this.#node(to), from] : [this.#node(from), to];
    if (isVirtual(node.register)) node.wishes.set(wish, (node.wishes.get(wish) ?? 0) + this.#weight);
  }
}
