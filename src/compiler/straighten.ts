/** Fewer blocks: unreachable ones go, empty ones are passed by, and those in a row become one. */

import { substituteTerminator } from "./decide.ts";
import { foldComparison } from "./fold.ts";
import {
  type Block,
  conditionOf,
  type Edge,
  edgesOf,
  type IrFunction,
  type Operand,
  operandsOf,
  reachable,
  type Terminator,
  Value,
} from "./ir.ts";
import { mapEdges, needsValue, Substitution, substituteInstruction } from "./substitute.ts";

/** Gives whether anything changed. */
export function straighten(ir: IrFunction): boolean {
  const before = ir.blocks.length;
  const isThreaded = skipEmpty(ir);
  mergeRows(ir);
  ir.blocks.splice(0, ir.blocks.length, ...reachable(ir));
  return isThreaded || ir.blocks.length !== before;
}

/** How often each value is read. */
function countReads(order: readonly Block[]): Map<Value, number> {
  const counts = new Map<Value, number>();
  const count = (operand: unknown): void => {
    if (operand instanceof Value) counts.set(operand, (counts.get(operand) ?? 0) + 1);
  };
  for (const block of order) {
    for (const instruction of block.instructions) operandsOf(instruction).forEach(count);
    conditionOf(block.terminator!).forEach(count);
    for (const edge of edgesOf(block.terminator!)) edge.args.forEach(count);
  }
  return counts;
}

/** Leads edges past blocks that only pass their parameters on, or decide by one of them that the edge knows. */
function skipEmpty(ir: IrFunction): boolean {
  const order = reachable(ir);
  const reads = countReads(order);
  const passing = new Map<Block, Terminator>();
  for (const block of order) {
    const end = block.terminator!;
    if (block === ir.entry || block.instructions.length > 0) continue;
    if (end.op === "jump" ? end.to.target === block : end.op !== "branch") continue;
    // Whoever else reads a parameter lies behind this block and needs it to stay.
    const own = [...conditionOf(end), ...edgesOf(end).flatMap(({ args }) => args)];
    const isOwn = (value: Value): boolean =>
      (reads.get(value) ?? 0) === own.filter((operand) => operand === value).length;
    if (block.parameters.every(isOwn)) passing.set(block, end);
  }
  let isChanged = false;
  const through = (edge: Edge): Edge => {
    // Empty blocks in a circle are passed by once each.
    for (let steps = passing.size; steps > 0; steps--) {
      const end = passing.get(edge.target);
      if (end === undefined) break;
      const { args, target } = edge;
      const given = new Map<Operand, Operand>(target.parameters.map((value, index) => [value, args[index]!]));
      const onward = wayOf(end, given);
      if (onward === undefined) break;
      edge = {
        target: onward.target,
        args: onward.args.map((operand) => given.get(operand) ?? operand),
      };
      isChanged = true;
    }
    return edge;
  };
  for (const block of order) block.terminator = mapEdges(block.terminator!, through);
  return isChanged;
}

/** Where the end of a block leads with these operands in place of parameters, if it leads to one place only. */
function wayOf(end: Terminator, given: ReadonlyMap<Operand, Operand>): Edge | undefined {
  if (end.op === "jump") return end.to;
  if (end.op !== "branch") return undefined;
  const left = given.get(end.left) ?? end.left;
  const right = given.get(end.right) ?? end.right;
  if (typeof left !== "bigint" || typeof right !== "bigint") return undefined;
  return foldComparison(end.comparison, left, right) ? end.then : end.otherwise;
}

/** Appends a block to its only predecessor, when that goes nowhere else. */
function mergeRows(ir: IrFunction): void {
  const order = reachable(ir);
  const entries = new Map<Block, number>([[ir.entry, 1]]);
  for (const block of order)
    for (const { target } of edgesOf(block.terminator!)) entries.set(target, (entries.get(target) ?? 0) + 1);
  const needed = needsValue(ir);
  const by = new Substitution();
  const merged = new Set<Block>();
  for (const block of order) {
    if (merged.has(block)) continue;
    for (let end = block.terminator!; end.op === "jump"; end = block.terminator!) {
      const { target, args } = end.to;
      if (target === block || entries.get(target) !== 1) break;
      // A constant cannot stand for an address; as an argument it can.
      if (target.parameters.some((value, index) => typeof args[index] === "bigint" && needed.has(value)))
        break;
      for (const [index, parameter] of target.parameters.entries()) by.set(parameter, args[index]!);
      // One by one: a long row would be too many arguments for one call.
      for (const instruction of target.instructions) block.instructions.push(instruction);
      block.terminator = target.terminator;
      if (target.isCold && block !== ir.entry) block.isCold = true;
      merged.add(target);
    }
  }
  if (by.size === 0) return;
  for (const block of reachable(ir)) {
    for (const [index, instruction] of block.instructions.entries())
      block.instructions[index] = substituteInstruction(instruction, by);
    block.terminator = substituteTerminator(block.terminator!, by);
  }
}
