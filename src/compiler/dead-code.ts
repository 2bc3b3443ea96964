/** Takes out what nobody reads: instructions without effect, and block parameters with their arguments. */

import {
  conditionOf,
  edgesOf,
  type Instruction,
  type IrFunction,
  isRemovable,
  type Operand,
  operandsOf,
  reachable,
  Value,
} from "./ir.ts";
import { mapEdges } from "./substitute.ts";

/**
 * Everything counts as unread at first, so values that only a loop passes round go as well. Gives whether anything
 * was removed.
 */
export function removeDeadCode(ir: IrFunction): boolean {
  const order = reachable(ir);
  const makers = new Map<Value, Instruction>();
  const givers = new Map<Value, Operand[]>();
  const read = new Set<Value>();
  const pending: Value[] = [];
  const use = (operand: Operand): void => {
    if (!(operand instanceof Value) || read.has(operand)) return;
    read.add(operand);
    pending.push(operand);
  };
  for (const block of order) {
    for (const instruction of block.instructions) {
      if (instruction.result) makers.set(instruction.result, instruction);
      if (!isRemovable(instruction)) operandsOf(instruction).forEach(use);
    }
    conditionOf(block.terminator!).forEach(use);
    for (const { target, args } of edgesOf(block.terminator!))
      for (const [index, parameter] of target.parameters.entries()) {
        const known = givers.get(parameter);
        if (known) known.push(args[index]!);
        else givers.set(parameter, [args[index]!]);
      }
  }
  for (let value = pending.pop(); value; value = pending.pop()) {
    const maker = makers.get(value);
    if (maker) operandsOf(maker).forEach(use);
    else givers.get(value)?.forEach(use);
  }
  return sweep(ir, order, read);
}

function sweep(ir: IrFunction, order: ReturnType<typeof reachable>, read: ReadonlySet<Value>): boolean {
  let isChanged = false;
  for (const block of order) {
    const kept = block.instructions.filter(
      (instruction) =>
        !isRemovable(instruction) || instruction.result === undefined || read.has(instruction.result),
    );
    isChanged ||= kept.length < block.instructions.length;
    block.instructions.splice(0, block.instructions.length, ...kept);
    block.terminator = mapEdges(block.terminator!, ({ target, args }) => ({
      target,
      args: args.filter((_, index) => read.has(target.parameters[index]!)),
    }));
  }
  for (const block of order) {
    // The context stays the parameter of the entry.
    if (block === ir.entry) continue;
    const kept = block.parameters.filter((parameter) => read.has(parameter));
    isChanged ||= kept.length < block.parameters.length;
    block.parameters.splice(0, block.parameters.length, ...kept);
  }
  return isChanged;
}
