/** Other operands in place of values: the passes decide which, here they are put in. */

import type { Edge, Instruction, IrFunction, Operand, Terminator } from "./ir.ts";
import { Value } from "./ir.ts";

/** What is known to be equal to a value, for many values. */
export class Substitution {
  readonly #known = new Map<Value, Operand>();

  get size(): number {
    return this.#known.size;
  }

  set(value: Value, operand: Operand): void {
    this.#known.set(value, operand);
  }

  /** What stands for an operand in the end. */
  of(operand: Operand): Operand {
    let found = operand;
    while (found instanceof Value) {
      const next = this.#known.get(found);
      if (next === undefined) break;
      found = next;
    }
    return found;
  }

  /** As `of`, where only a value can stand. */
  valueOf(value: Value): Value {
    const found = this.of(value);
    return found instanceof Value ? found : value;
  }
}

/** Values that are read where no constant can stand: addresses, and what atomics add. */
export function needsValue(ir: IrFunction): Set<Value> {
  const needed = new Set<Value>();
  for (const block of ir.blocks)
    for (const instruction of block.instructions) {
      if (instruction.op === "load") needed.add(instruction.from);
      if (instruction.op === "store" || instruction.op === "exchange") needed.add(instruction.to);
      if (instruction.op === "atomicAdd") {
        needed.add(instruction.to);
        needed.add(instruction.value);
      }
    }
  return needed;
}

export function substituteInstruction(instruction: Instruction, by: Substitution): Instruction {
  switch (instruction.op) {
    case "binary":
      return { ...instruction, left: by.of(instruction.left), right: by.of(instruction.right) };
    case "negate":
    case "swap":
      return { ...instruction, operand: by.of(instruction.operand) };
    case "load":
      return { ...instruction, from: by.valueOf(instruction.from) };
    case "store":
    case "exchange":
      return { ...instruction, to: by.valueOf(instruction.to), value: by.of(instruction.value) };
    case "atomicAdd":
      return { ...instruction, to: by.valueOf(instruction.to), value: by.valueOf(instruction.value) };
    case "helper":
    case "kfunc":
      return { ...instruction, args: instruction.args.map((operand) => by.of(operand)) };
    case "stackAddress":
    case "map":
    case "mapValue":
      return instruction;
  }
}

/** A terminator with its edges changed. */
export function mapEdges(terminator: Terminator, change: (edge: Edge) => Edge): Terminator {
  switch (terminator.op) {
    case "jump":
      return { ...terminator, to: change(terminator.to) };
    case "branch":
      return { ...terminator, then: change(terminator.then), otherwise: change(terminator.otherwise) };
    case "mayGoto":
      return { ...terminator, exit: change(terminator.exit), next: change(terminator.next) };
    case "return":
      return terminator;
  }
}

/** The arguments of edges and what is returned; the condition of a branch is left to whoever folds it. */
export function substituteEdges(terminator: Terminator, by: Substitution): Terminator {
  if (terminator.op === "return") return { ...terminator, value: by.of(terminator.value) };
  return mapEdges(terminator, ({ target, args }) => ({
    target,
    args: args.map((operand) => by.of(operand)),
  }));
}
