/**
 * Which variables are kept as two halves of 32 bits: those that hold 64-bit values most of the time, such as the state
 * of a hash or of a random number generator. As single values they would be objects, made anew at each step.
 *
 * The choice is only about speed: a variable that is kept in halves may hold anything.
 */

import type { Chunk, Expression, Statement, Variable } from "./ast.ts";
import { blocksOf, someExpression } from "./syntax-walk.ts";
import { LuaInt64 } from "./value.ts";

/** Marks the variables of a chunk. */
export function chooseWide(chunk: Chunk): void {
  for (const { body } of chunk.functions) for (const s of body.statements) visit(s);
}

function visit(s: Statement): void {
  if (s.kind === "local" || s.kind === "assign") {
    const targets = s.kind === "local" ? s.variables : s.targets;
    for (const [i, target] of targets.entries()) {
      const value = s.values[i];
      const variable = "kind" in target ? (target.kind === "local" ? target.variable : undefined) : target;
      if (variable !== undefined && value !== undefined) consider(variable, value);
    }
  }
  for (const block of blocksOf(s)) for (const inner of block.statements) visit(inner);
}

function consider(variable: Variable, value: Expression): void {
  if (!variable.assigned || variable.isWide) return;
  if (isHuge(value)) variable.isWide = true;
  else if (isOpen(value) && mentions(value, variable) && grows(value, variable)) variable.isWide = true;
}

const isHuge = (e: Expression): boolean => e.kind === "integer" && e.value instanceof LuaInt64;

const mentions = (e: Expression, variable: Variable): boolean =>
  someExpression(e, (inner) => inner.kind === "local" && inner.variable === variable);

/** Arithmetic that may leave all 64 bits set: a mask, a remainder or a shift to the right closes it. */
function isOpen(e: Expression): boolean {
  if (e.kind === "paren") return isOpen(e.inner);
  return e.kind === "binary" && ["~", "|", "<<", "*", "+", "-"].includes(e.op);
}

/** The variable shifted to the left, or multiplied by a constant: repeated, that fills 64 bits. */
const grows = (e: Expression, variable: Variable): boolean =>
  someExpression(e, (inner) => {
    if (inner.kind !== "binary") return isHuge(inner);
    if (inner.op !== "<<" && inner.op !== "*") return false;
    return (inner.left.kind === "integer" || inner.right.kind === "integer") && mentions(inner, variable);
  });
