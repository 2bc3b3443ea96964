/** Questions about a piece of the syntax tree, answered by walking over it. */

import type { Block, Expression, Statement } from "./ast.ts";

/** The expressions directly in a statement, targets included. */
export function expressionsOf(s: Statement): readonly Expression[] {
  switch (s.kind) {
    case "local":
    case "return":
      return s.values;
    case "localfunction":
      return [s.body];
    case "assign":
    case "globalinit":
      return [...s.targets, ...s.values];
    case "callstat":
      return [s.call];
    case "while":
    case "repeat":
      return [s.condition];
    case "if":
      return s.clauses.map((clause) => clause.condition);
    case "for":
      return [s.start, s.limit, ...(s.step ? [s.step] : [])];
    case "forin":
      return s.values;
    default:
      return [];
  }
}

/** The blocks directly inside a statement, those of inner functions left out. */
export function blocksOf(s: Statement): readonly Block[] {
  switch (s.kind) {
    case "do":
    case "while":
    case "repeat":
    case "for":
    case "forin":
      return [s.body];
    case "if":
      return [...s.clauses.map((clause) => clause.body), ...(s.otherwise ? [s.otherwise] : [])];
    default:
      return [];
  }
}

/** The expressions directly in an expression; the body of a function is not in it. */
export function operandsOf(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case "index":
      return [e.object, e.key];
    case "global":
      return [e.env];
    case "call":
      return [e.callee, ...e.args];
    case "binary":
      return [e.left, e.right];
    case "unary":
      return [e.operand];
    case "paren":
      return [e.inner];
    case "table":
      return e.items.flatMap(({ key, value }) => (key === undefined ? [value] : [key, value]));
    default:
      return [];
  }
}

/** Whether `test` holds for an expression, or for one inside it. */
export function someExpression(e: Expression, test: (e: Expression) => boolean): boolean {
  // Long chains of operators are no matter for recursion.
  const pending = [e];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (test(next)) return true;
    pending.push(...operandsOf(next));
  }
  return false;
}

/** Whether running a statement calls a function that is written there, or closes a variable. */
export function makesCalls(s: Statement): boolean {
  if (s.kind === "forin") return true;
  if (s.kind === "local" && s.variables.some(({ attribute }) => attribute === "close")) return true;
  if (expressionsOf(s).some((e) => someExpression(e, ({ kind }) => kind === "call"))) return true;
  return blocksOf(s).some((block) => block.statements.some(makesCalls));
}

/** The literal that an expression is or stands for. */
export function literalOf(expression: Expression): Expression | undefined {
  switch (expression.kind) {
    case "nil":
    case "true":
    case "false":
    case "integer":
    case "string":
      return expression;
    case "paren":
      return literalOf(expression.inner);
    case "local":
      return expression.variable.literal;
    case "unary":
      return expression.op === "-" && literalOf(expression.operand)?.kind === "integer"
        ? expression
        : undefined;
    default:
      return undefined;
  }
}
