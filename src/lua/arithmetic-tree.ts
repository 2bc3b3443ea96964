/** Trees of operators, and the questions that the compiler asks about them. */

import type { Span } from "./ast.ts";
import type { Operand } from "./emitter.ts";
import { LuaInt64, type LuaInteger } from "./value.ts";

const TWO_31 = 2 ** 31;

export interface Leaf {
  readonly operand: Operand;
  /** It reads a variable that a metamethod of what stands on its right may assign: it is to be read before. */
  readonly isShared?: boolean;
}
export interface Node extends Span {
  readonly operation: string;
  readonly left: Tree;
  /** Undefined for unary minus and not. */
  readonly right: Tree | undefined;
  readonly names: readonly (string | undefined)[];
  readonly size: number;
}
export type Tree = Leaf | Node;

export const isLeaf = (tree: Tree): tree is Leaf => "operand" in tree;

/** Where the condition of the inline form begins: every operand is a number. Undefined: that cannot be. */
export function numberConditions(tree: Tree): string[] | undefined {
  const conditions = new Set<string>();
  const visit = (t: Tree): boolean => {
    if (!isLeaf(t)) return visit(t.left) && (t.right === undefined || visit(t.right));
    const { type, text, constant } = t.operand;
    if (type === "small") return true;
    if (constant !== undefined || (type !== "any" && type !== "integer")) return false;
    conditions.add(`typeof ${text}==="number"`);
    return true;
  };
  return visit(tree) ? [...conditions] : undefined;
}

export function constantOf(tree: Tree): LuaInteger | undefined {
  return isLeaf(tree) ? tree.operand.constant : undefined;
}

export function leavesAreIntegers(tree: Tree): boolean {
  if (isLeaf(tree)) return tree.operand.type === "small" || tree.operand.type === "integer";
  return leavesAreIntegers(tree.left) && (tree.right === undefined || leavesAreIntegers(tree.right));
}

export function hasHalves(tree: Tree): boolean {
  if (isLeaf(tree)) return tree.operand.halves !== undefined;
  return hasHalves(tree.left) || (tree.right !== undefined && hasHalves(tree.right));
}

/** Whether the last operator leaves fewer than 32 bits: a mask, or a long shift to the right. */
export function isSmallRoot(tree: Node): boolean {
  if (tree.operation === "band")
    return [tree.left, tree.right!].some((side) => isSmallMask(constantOf(side)));
  const count = tree.operation === "shr" ? constantOf(tree.right!) : undefined;
  return typeof count === "number" && count > 32 && count < 64;
}

const isSmallMask = (value: LuaInteger | undefined): boolean =>
  typeof value === "number" && value >= 0 && value < TWO_31;

/** The same, where a mask or a shift does not make a number of them first. */
function hasOpenHalves(tree: Tree): boolean {
  if (isLeaf(tree)) return tree.operand.halves !== undefined;
  const isClosed = (side: Tree): boolean => !isLeaf(side) && isSmallRoot(side);
  const isOpen = (side: Tree): boolean => !isClosed(side) && hasOpenHalves(side);
  return isOpen(tree.left) || (tree.right !== undefined && isOpen(tree.right));
}

/**
 * Trees for halves: those over variables that are kept in halves and over constants beyond the small integers, and
 * masked products, which as numbers would leave their range and come back.
 */
export function wantsHalves(tree: Node): boolean {
  if (hasOpenHalves(tree)) return true;
  if (!isSmallRoot(tree) || tree.operation !== "band") return false;
  const [inner] = [tree.left, tree.right!].filter((side) => !isSmallMask(constantOf(side)));
  return inner !== undefined && mayBeHuge(inner);
}

/** The product of a value that is not known with a large constant. */
function mayBeHuge(tree: Tree): boolean {
  if (isLeaf(tree)) return false;
  if (tree.operation === "mul") {
    return [tree.left, tree.right!].some((side) => {
      const constant = constantOf(side);
      return constant instanceof LuaInt64 || (constant !== undefined && Math.abs(constant) >= 2 ** 20);
    });
  }
  return mayBeHuge(tree.left) || (tree.right !== undefined && mayBeHuge(tree.right));
}
