/** Which form a block with labels takes in JavaScript: labelled blocks and loops, or a switch over segments. */

import type { Statement } from "./ast.ts";
import { blocksOf } from "./syntax-walk.ts";

/** Whether a goto in `statement`, however deep, means the label `name` of the enclosing block. */
function jumpsTo(statement: Statement, name: string): boolean {
  if (statement.kind === "goto") return statement.label === name;
  return blocksOf(statement).some(
    (block) =>
      !block.statements.some((inner) => inner.kind === "label" && inner.name === name) &&
      block.statements.some((inner) => jumpsTo(inner, name)),
  );
}

export interface UsedLabel {
  readonly name: string;
  /** Index of the label among the statements. */
  readonly index: number;
  readonly forward: boolean;
  readonly backward: boolean;
}

/** The labels of a list of statements that some goto in it means. */
export function usedLabels(statements: readonly Statement[]): UsedLabel[] {
  return statements.flatMap((statement, index) => {
    if (statement.kind !== "label") return [];
    const forward = statements.slice(0, index).some((other) => jumpsTo(other, statement.name));
    const backward = statements.slice(index + 1).some((other) => jumpsTo(other, statement.name));
    return forward || backward ? [{ name: statement.name, index, forward, backward }] : [];
  });
}
