/** How variables and failing values are called: in generated JavaScript, and in error messages. */

import type { Expression, FunctionBody, Variable } from "./ast.ts";
import { literalOf } from "./syntax-walk.ts";

/** The JavaScript name of a local; unique within the chunk. */
export const jsName = (variable: Variable): string => variable.jsName;

/** A captured variable that is assigned lives in a cell `{v}`; every other one is copied into the closures. */
export function needsCell(variable: Variable): boolean {
  return variable.captured && variable.assigned;
}

/** A `local function` that is never assigned can name itself. */
export function isItself(variable: Variable, user: FunctionBody): boolean {
  return variable.holds === user && !variable.assigned;
}

/** What an error message calls the value of an expression, such as `local 'x'`. */
export function describe(expression: Expression, user: FunctionBody): string | undefined {
  switch (expression.kind) {
    case "local":
      if (expression.variable.literal !== undefined) return describe(expression.variable.literal, user);
      return `${expression.variable.owner === user ? "local" : "upvalue"} '${expression.variable.name}'`;
    case "global":
      return `global '${expression.name}'`;
    case "index":
      return describeItem(expression.object, expression.key);
    case "paren":
      return describe(expression.inner, user);
    case "string":
      return `constant '${expression.value}'`;
    default:
      return undefined;
  }
}

/** PUC Lua's instruction for an item holds the key itself up to this. */
const MAX_ITEM = 255;

function describeItem(object: Expression, written: Expression): string {
  const key = literalOf(written) ?? written;
  if (key.kind === "string") {
    const isGlobal = object.kind === "local" && object.variable.name === "_ENV";
    return `${isGlobal ? "global" : "field"} '${key.value}'`;
  }
  const isItem =
    key.kind === "integer" && typeof key.value === "number" && key.value >= 0 && key.value <= MAX_ITEM;
  return isItem ? "field 'integer index'" : "field '?'";
}
