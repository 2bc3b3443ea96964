/** Branches whose way is known. */

import { foldComparison, HOLDS_FOR_EQUALS, MIRRORED } from "./fold.ts";
import { type Terminator, Value } from "./ir.ts";
import { type Substitution, substituteEdges } from "./substitute.ts";

/** A terminator with other operands in all places; it may become a jump. */
export const substituteTerminator = (terminator: Terminator, by: Substitution): Terminator =>
  substituteEdges(decide(terminator, by), by);

/** A terminator that goes one way only becomes a jump; operands of the others are replaced. */
export function decide(terminator: Terminator, by: Substitution): Terminator {
  if (terminator.op !== "branch") return terminator;
  const { then, otherwise, span } = terminator;
  const left = by.of(terminator.left);
  const right = by.of(terminator.right);
  const isSameEdge =
    then.target === otherwise.target && then.args.every((operand, i) => operand === otherwise.args[i]);
  if (isSameEdge) return { op: "jump", to: then, span };
  let holds: boolean | undefined;
  if (typeof left === "bigint" && typeof right === "bigint")
    holds = foldComparison(terminator.comparison, left, right);
  else if (left === right && terminator.comparison !== "jset")
    holds = HOLDS_FOR_EQUALS.has(terminator.comparison);
  if (holds !== undefined) return { op: "jump", to: holds ? then : otherwise, span };
  if (left instanceof Value) return { ...terminator, left, right };
  return { ...terminator, comparison: MIRRORED[terminator.comparison], left: right as Value, right: left };
}
