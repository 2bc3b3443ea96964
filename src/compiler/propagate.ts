/** Constants and copies to where they are read; branches that are decided; loads done before. */

import { decide, substituteTerminator } from "./decide.ts";
import {
  type Block,
  edgesOf,
  hasEffects,
  type Instruction,
  type IrFunction,
  type Operand,
  reachable,
  Value,
} from "./ir.ts";
import { simplify } from "./simplify.ts";
import { needsValue, Substitution, substituteInstruction } from "./substitute.ts";

/**
 * Replaces parameters that always get the same operand, folds constants and takes shorter operations. Gives whether
 * anything changed.
 */
export function propagate(ir: IrFunction): boolean {
  const by = new Substitution();
  const needed = needsValue(ir);
  const order = reachable(ir);
  uniqueArguments(ir, order, needed, by);
  let isChanged = by.size > 0;
  // In this order a value is seen before its uses, except for arguments that go backwards.
  for (const block of order) {
    const kept: Instruction[] = [];
    for (const old of block.instructions) {
      const instruction = by.size > 0 ? substituteInstruction(old, by) : old;
      const simpler = simplify(instruction);
      if (simpler === undefined || instruction.result === undefined) kept.push(instruction);
      else if ("same" in simpler) {
        if (!(simpler.same instanceof Value) && needed.has(instruction.result)) kept.push(instruction);
        else {
          by.set(instruction.result, simpler.same);
          isChanged = true;
        }
      } else {
        kept.push(rewritten(instruction, simpler));
        isChanged = true;
      }
    }
    block.instructions.splice(0, block.instructions.length, ...kept);
    const decided = decide(block.terminator!, by);
    isChanged ||= decided.op !== block.terminator!.op;
    block.terminator = decided;
  }
  if (by.size === 0) return isChanged;
  for (const block of order) block.terminator = substituteTerminator(block.terminator!, by);
  return true;
}

function rewritten(
  instruction: Instruction,
  simpler: Exclude<ReturnType<typeof simplify>, undefined | { same: Operand }>,
): Instruction {
  const { span } = instruction;
  const result = instruction.result!;
  if (simpler.operation === "negate") return { op: "negate", result, operand: simpler.left, span };
  return {
    op: "binary",
    operation: simpler.operation,
    result,
    left: simpler.left,
    right: simpler.right,
    span,
  };
}

/** The same operand on every edge into a parameter, itself aside. */
const VARIOUS = Symbol("various");
type Known = Operand | typeof VARIOUS | undefined;

/**
 * Finds parameters that get one operand only, also where several of them pass it round a loop: each is taken to do so
 * until an edge says otherwise.
 */
function uniqueArguments(
  ir: IrFunction,
  order: readonly Block[],
  needed: Set<Value>,
  by: Substitution,
): void {
  const known = new Map<Value, Known>();
  for (const block of order)
    if (block !== ir.entry) for (const parameter of block.parameters) known.set(parameter, undefined);
  /** What an operand stands for; undefined while nothing is known. */
  const resolve = (operand: Operand): Operand | undefined => {
    if (!(operand instanceof Value) || !known.has(operand)) return operand;
    const found = known.get(operand);
    return found === VARIOUS ? operand : found;
  };
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const block of order)
      for (const { target, args } of edgesOf(block.terminator!))
        for (const [index, parameter] of target.parameters.entries()) {
          const before = known.get(parameter);
          if (before === VARIOUS) continue;
          const operand = resolve(args[index]!);
          if (operand === undefined || operand === before || operand === parameter) continue;
          const isOther = before !== undefined || isUnfit(parameter, operand, needed);
          known.set(parameter, isOther ? VARIOUS : operand);
          isChanged = true;
        }
  }
  for (const [parameter, operand] of known) {
    if (operand === VARIOUS || operand === undefined) continue;
    by.set(parameter, operand);
    // What stands for an address must not become a constant in turn.
    if (operand instanceof Value && needed.has(parameter)) needed.add(operand);
  }
}

/** Whether an operand cannot stand where a parameter is read. */
const isUnfit = (parameter: Value, operand: Operand, needed: ReadonlySet<Value>): boolean =>
  operand instanceof Value ? operand.kind !== parameter.kind : needed.has(parameter);

/** Within a block: a load of what was loaded before, when nothing can have changed it since. */
export function reuseLoads(ir: IrFunction): boolean {
  const by = new Substitution();
  const order = reachable(ir);
  for (const block of order) {
    const loaded = new Map<string, Value>();
    const kept = block.instructions.filter((instruction) => {
      if (instruction.op === "load") {
        const { from, offset, size, result } = instruction;
        const place = `${by.valueOf(from).id} ${offset} ${size} ${result.kind}`;
        const before = loaded.get(place);
        if (before) by.set(result, before);
        else loaded.set(place, result);
        return before === undefined;
      }
      if (hasEffects(instruction)) loaded.clear();
      return true;
    });
    if (kept.length < block.instructions.length)
      block.instructions.splice(0, block.instructions.length, ...kept);
  }
  if (by.size === 0) return false;
  for (const block of order) {
    const instructions = block.instructions.map((instruction) => substituteInstruction(instruction, by));
    block.instructions.splice(0, instructions.length, ...instructions);
    block.terminator = substituteTerminator(block.terminator!, by);
  }
  return true;
}
