/** Which form a block with labels takes in JavaScript: labelled blocks and loops, or a switch over segments. */

import type { Statement } from "./ast.ts";
import { blocksOf } from "./syntax-walk.ts";

const outward = new WeakMap<Statement, ReadonlySet<string>>();

/** The names of the gotos in a statement, however deep, that mean a label of the enclosing block. */
function gotosOutward(statement: Statement): ReadonlySet<string> {
  const known = outward.get(statement);
  if (known !== undefined) return known;
  const names = new Set<string>();
  if (statement.kind === "goto") names.add(statement.label);
  for (const block of blocksOf(statement)) {
    const labels = new Set<string>();
    for (const inner of block.statements) if (inner.kind === "label") labels.add(inner.name);
    for (const inner of block.statements)
      for (const name of gotosOutward(inner)) if (!labels.has(name)) names.add(name);
  }
  outward.set(statement, names);
  return names;
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
  if (!statements.some(({ kind }) => kind === "label")) return [];
  /** The first and the last statement with a goto to each name. */
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  for (const [index, statement] of statements.entries()) {
    for (const name of gotosOutward(statement)) {
      if (!first.has(name)) first.set(name, index);
      last.set(name, index);
    }
  }
  return statements.flatMap((statement, index) => {
    if (statement.kind !== "label") return [];
    const { name } = statement;
    const forward = first.has(name) && first.get(name)! < index;
    const backward = last.has(name) && last.get(name)! > index;
    return forward || backward ? [{ name, index, forward, backward }] : [];
  });
}
