/**
 * Arithmetic and bitwise operators to JavaScript.
 *
 * A tree of operators over operands that are evaluated already is one piece: under one condition (all operands are
 * small integers, no result leaves their range) it is computed inline, otherwise by operations out of line, in the
 * order that Lua prescribes. Ranges of constants and loop variables make most parts of the condition unnecessary.
 *
 * Inline code has two forms. The usual one computes with JavaScript numbers. Where a tree works on 64-bit values
 * (hashes, random numbers), it computes on halves of 32 bits and never makes an object for a value beyond 2^53.
 */

import {
  constantOf,
  hasHalves,
  isLeaf,
  isSmallRoot,
  leavesAreIntegers,
  type Node,
  numberConditions,
  type Tree,
  wantsHalves,
} from "./arithmetic-tree.ts";
import type { BinaryOperator, Expression, Span, UnaryOperator, Variable } from "./ast.ts";
import { jsName, needsCell } from "./emit-names.ts";
import { Emitter, type Operand } from "./emitter.ts";
import { and, type Halves, multiplyHighText, or, xor } from "./halves.ts";
import * as int64 from "./int64.ts";
import { someExpression } from "./syntax-walk.ts";
import { LuaInt64, type LuaInteger } from "./value.ts";

const MAX = int64.MAX_SAFE;
const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;
/** A larger tree is computed in parts: the engine's parser recurses into expressions. */
const MAX_TREE = 40;

/** The names of the operations (operations.ts). */
export const ARITHMETIC = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "idiv",
  "//": "idiv",
  "%": "mod",
  "&": "band",
  "|": "bor",
  "~": "bxor",
  "<<": "shl",
  ">>": "shr",
} as const satisfies Partial<Record<BinaryOperator, string>>;
const FOLD: Record<string, (a: LuaInteger, b: LuaInteger) => LuaInteger> = {
  add: int64.add,
  sub: int64.sub,
  mul: int64.mul,
  idiv: int64.idiv,
  mod: int64.mod,
  band: int64.band,
  bor: int64.bor,
  bxor: int64.bxor,
  shl: int64.shl,
  shr: int64.shr,
};

/** A number that is computed inline, and its bounds. */
interface Inline {
  readonly text: string;
  readonly min: number;
  readonly max: number;
}
export const isArithmetic = (e: Expression): boolean =>
  (e.kind === "binary" && e.op in ARITHMETIC) || (e.kind === "unary" && (e.op === "-" || e.op === "~"));

/** Evaluating it runs nothing and assigns nothing, and what it computes may as well be computed later. */
export function isPure(e: Expression): boolean {
  let rest = e;
  for (;;) {
    switch (rest.kind) {
      case "nil":
      case "true":
      case "false":
      case "integer":
      case "string":
      case "local":
        return true;
      case "paren":
        rest = rest.inner;
        break;
      case "unary":
        if (!isArithmetic(rest)) return false;
        rest = rest.operand;
        break;
      case "binary":
        if (!isArithmetic(rest) || !isPure(rest.right)) return false;
        rest = rest.left;
        break;
      default:
        return false;
    }
  }
}

/** The same, and it calls no metamethod either: what stands before it may be computed after it. */
export function isStill(e: Expression): boolean {
  if (e.kind === "paren") return isStill(e.inner);
  return isArithmetic(e) ? isNumber(e) : isPure(e);
}

/** Whether it reads a variable that other functions share and assign. */
const mayChange = (e: Expression): boolean =>
  someExpression(e, (part) => part.kind === "local" && needsCell(part.variable));

/** Arithmetic on what can only be numbers, which cannot fail. */
function isNumber(e: Expression): boolean {
  let rest = e;
  for (;;) {
    if (rest.kind === "integer") return true;
    if (rest.kind === "local") return (rest.variable.known as Operand | undefined)?.type === "small";
    if (rest.kind === "paren") rest = rest.inner;
    else if (rest.kind === "unary" && isArithmetic(rest)) rest = rest.operand;
    else if (rest.kind === "binary" && isArithmetic(rest) && !/[/%]/.test(rest.op) && isNumber(rest.right))
      rest = rest.left;
    else return false;
  }
}

export function integerOperand(value: LuaInteger): Operand {
  if (value instanceof LuaInt64) {
    const halves = { hi: String(value.hi), lo: String(value.lo), tag: undefined };
    return {
      text: `box(${value.hi},${value.lo})`,
      type: "integer",
      constant: value,
      halves,
      isComplex: true,
    };
  }
  return {
    text: value < 0 ? `(${value})` : String(value),
    type: "small",
    min: value,
    max: value,
    constant: value,
  };
}

export abstract class ArithmeticEmitter extends Emitter {
  /** Evaluates an expression to one value. */
  protected abstract operand(e: Expression): Operand;

  protected arithmetic(e: Expression): Operand {
    return this.#compute(this.#tree(e));
  }

  /** Assigns arithmetic to a variable that is kept in halves. */
  protected assignArithmetic(variable: Variable, e: Expression): void {
    const tree = this.#tree(e);
    if (isLeaf(tree) || (isSmallRoot(tree) && !hasHalves(tree))) {
      this.assign(variable, this.#compute(tree));
      return;
    }
    const name = needsCell(variable) ? `${jsName(variable)}.v` : jsName(variable);
    const ready = this.#ready(tree, true);
    const conditions: string[] = [];
    const statements: string[] = [];
    const result = this.#pair(ready, conditions, statements);
    if (result === undefined) {
      this.assign(variable, this.#computeNumber(ready as Node));
      return;
    }
    // What is assigned may be read on the way to it, so the halves come last.
    const [hi, lo] = this.halves(variable);
    const isWide = conditions.includes(`${name}===W`) ? "" : `${name}=W;`;
    const inline = `${statements.join("")}${this.setHalves([hi, lo], result)}${isWide}`;
    if (conditions.length === 0) {
      this.emit(inline);
      return;
    }
    const other = this.temp();
    this.#choose(ready as Node, conditions, inline, other, () =>
      this.assign(variable, { text: other, type: "any" }),
    );
  }

  /** PUC Lua reads it when it needs it, not when it meets it. */
  protected isOwnLocal(e: Expression): boolean {
    return e.kind === "paren"
      ? this.isOwnLocal(e.inner)
      : e.kind === "local" && e.variable.owner === this.body;
  }

  #tree(e: Expression): Tree {
    // Chains that group to the left may be very long, so they are not for recursion.
    const chain: Extract<Expression, { kind: "binary" | "unary" }>[] = [];
    let leftmost = e;
    for (;;) {
      if (leftmost.kind === "paren" && isArithmetic(leftmost.inner)) leftmost = leftmost.inner;
      else if (leftmost.kind === "binary" && isArithmetic(leftmost)) {
        chain.push(leftmost);
        leftmost = leftmost.left;
      } else if (leftmost.kind === "unary" && isArithmetic(leftmost)) {
        chain.push(leftmost);
        leftmost = leftmost.operand;
      } else break;
    }
    const isShared = mayChange(leftmost) && !this.isOwnLocal(leftmost);
    let tree: Tree = { operand: this.operand(leftmost), isShared };
    chain.reverse();
    for (const link of chain) {
      if (link.kind === "unary") {
        tree = this.#node(link, tree, undefined, [this.describe(link.operand)]);
        continue;
      }
      // What stands on the right may run code: then the left is computed first, and kept.
      if (!isPure(link.right)) {
        const isLate = isLeaf(tree) && link === chain[0] && this.isOwnLocal(leftmost);
        if (!isLate) tree = { operand: this.hold(this.#compute(tree)) };
      } else if (!isLeaf(tree) && tree.size >= MAX_TREE) tree = { operand: this.#compute(tree) };
      // A metamethod of the left may change what is read on the right: PUC Lua reads that afterwards.
      else if (!isLeaf(tree) && mayChange(link.right) && !isNumber(link.left))
        tree = { operand: this.hold(this.#compute(tree)) };
      const right: Tree = this.#tree(link.right);
      tree = this.#node(link, tree, right, [this.describe(link.left), this.describe(link.right)]);
    }
    return tree;
  }

  #node(
    e: Span & { readonly op: BinaryOperator | UnaryOperator; readonly kind: "binary" | "unary" },
    left: Tree,
    right: Tree | undefined,
    names: readonly (string | undefined)[],
  ): Tree {
    const operation =
      e.kind === "unary" ? (e.op === "-" ? "unm" : "bnot") : ARITHMETIC[e.op as keyof typeof ARITHMETIC];
    const [a, b] = [constantOf(left), right === undefined ? undefined : constantOf(right)];
    if (a !== undefined && right === undefined) {
      return { operand: integerOperand(operation === "unm" ? int64.unm(a) : int64.bnot(a)) };
    }
    if (a !== undefined && b !== undefined && !((operation === "idiv" || operation === "mod") && b === 0)) {
      return { operand: integerOperand(FOLD[operation]!(a, b)) };
    }
    const size = 1 + (isLeaf(left) ? 0 : left.size) + (right === undefined || isLeaf(right) ? 0 : right.size);
    return { operation, left, right, names, size, line: e.line, column: e.column };
  }

  #compute(tree: Tree): Operand {
    if (isLeaf(tree)) return tree.operand;
    const isWide = wantsHalves(tree);
    const ready = this.#ready(tree, isWide) as Node;
    return isWide ? this.#computeHalves(ready) : this.#computeNumber(ready);
  }

  /** Operands under names: each is read in the condition, inline and out of line. */
  #ready(tree: Tree, isWide: boolean): Tree {
    if (isLeaf(tree)) {
      const { operand } = tree;
      if (isWide && operand.halves !== undefined) return tree;
      if (operand.constant !== undefined && operand.isComplex !== true) return tree;
      return { operand: this.hold(operand) };
    }
    const part = (side: Tree): Tree => {
      // Few bits of something in halves: a number on its own.
      const isPart = !isLeaf(side) && isSmallRoot(side) && hasHalves(side);
      return isPart ? { operand: this.hold(this.#compute(side)) } : this.#ready(side, isWide);
    };
    const { operation, names, size, line, column } = tree;
    const left = part(tree.left);
    const right = tree.right === undefined ? undefined : part(tree.right);
    return { operation, left, right, names, size, line, column };
  }

  // ---- out of line

  /** `target = tree`, by operations of the machine. */
  #emitSlow(tree: Node, target: string): void {
    if (this.isResumable) {
      this.emitOperation(
        tree,
        target,
        this.#slow(tree, (inner) => this.#slowInto(inner)),
      );
    } else this.emit(this.handingIn(`${target}=${this.#slowText(tree)};`));
  }

  #slowInto(tree: Tree): string {
    if (isLeaf(tree)) return tree.operand.text;
    const temp = this.temp();
    this.#emitSlow(tree, temp);
    return temp;
  }

  #slowText(tree: Tree): string {
    return isLeaf(tree) ? tree.operand.text : this.#slow(tree, (inner) => this.#slowText(inner));
  }

  #slow(tree: Node, inner: (tree: Tree) => string): string {
    let left = inner(tree.left);
    // There the right side gets lines of its own, before this one.
    const isFirst = isLeaf(tree.left) && tree.left.isShared === true && tree.right && !isLeaf(tree.right);
    if (this.isResumable && isFirst) {
      const kept = this.temp();
      this.emit(`${kept}=${left};`);
      left = kept;
    }
    const right = tree.right === undefined ? "" : `,${inner(tree.right)}`;
    return `${this.mark(tree, ...tree.names)}${tree.operation}(${left}${right})`;
  }

  /** `if (conditions) { inline } else target = tree` */
  #choose(
    tree: Node,
    conditions: readonly string[],
    inline: string,
    target: string,
    otherwise?: () => void,
  ): void {
    const slow = this.capture(() => {
      this.#emitSlow(tree, target);
      otherwise?.();
    });
    const condition = conditions.length === 0 ? "true" : conditions.join("&&");
    if (inline === "") {
      const test = slow.last < slow.first ? `!(${condition})` : `pc!==0||!(${condition})`;
      this.emitCompound(`if(${test})${this.inside(slow)}`, slow);
    } else {
      const test = slow.last < slow.first ? condition : `pc===0&&${condition}`;
      this.emitCompound(`if(${test}){${inline}}else${this.inside(slow)}`, slow);
    }
  }

  // ---- numbers

  #computeNumber(tree: Node): Operand {
    const conditions = numberConditions(tree);
    const isOutOfLine = conditions === undefined || (conditions.length > 0 && this.isCold);
    const inline = isOutOfLine ? undefined : this.#inline(tree, conditions);
    const type = leavesAreIntegers(tree) ? "integer" : "any";
    if (conditions === undefined || inline === undefined) {
      const target = this.temp();
      this.#emitSlow(tree, target);
      return { text: target, type };
    }
    if (conditions.length === 0) {
      return { text: inline.text, type: "small", min: inline.min, max: inline.max, isComplex: true };
    }
    // A result that was tested has a temporary already.
    if (isLastTested(inline.text, conditions)) {
      this.#choose(tree, conditions, "", inline.text);
      return { text: inline.text, type };
    }
    const target = this.temp();
    this.#choose(tree, conditions, `${target}=${inline.text};`, target);
    return { text: target, type };
  }

  /** Computes with JavaScript numbers, as far as `conditions`, which it adds to, hold; undefined: never. */
  #inline(tree: Tree, conditions: string[]): Inline | undefined {
    if (isLeaf(tree)) {
      const { text, type, min = -MAX, max = MAX } = tree.operand;
      return type === "small" ? { text, min, max } : { text, min: -MAX, max: MAX };
    }
    const a = this.#inline(tree.left, conditions);
    const b = tree.right === undefined ? undefined : this.#inline(tree.right, conditions);
    if (a === undefined || (b === undefined && tree.right !== undefined)) return undefined;
    const count = tree.right === undefined ? undefined : constantOf(tree.right);
    switch (tree.operation) {
      case "add":
        return this.#checked(`${a.text}+${b!.text}`, a.min + b!.min, a.max + b!.max, conditions);
      case "sub":
        return this.#checked(`${a.text}-${b!.text}`, a.min - b!.max, a.max - b!.min, conditions);
      case "unm":
        return { text: `(0-${a.text})`, min: -a.max, max: -a.min };
      case "bnot":
        return this.#checked(`-1-${a.text}`, -1 - a.max, -1 - a.min, conditions);
      case "mul": {
        const corners = [a.min * b!.min, a.min * b!.max, a.max * b!.min, a.max * b!.max];
        // + 0 turns −0 into 0.
        const zero = a.min >= 0 && b!.min >= 0 ? "" : "+0";
        return this.#checked(
          `${a.text}*${b!.text}${zero}`,
          Math.min(...corners),
          Math.max(...corners),
          conditions,
        );
      }
      case "idiv":
        return this.#divide(a, b!, conditions);
      case "mod":
        return this.#remainder(a, b!, conditions);
      case "band":
        return this.#and(a, b!, conditions);
      case "bor":
      case "bxor": {
        const operator = tree.operation === "bor" ? "|" : "^";
        if (a.min >= 0 && b!.min >= 0 && a.max < TWO_32 && b!.max < TWO_32) {
          const bits = 2 ** bitsOf(Math.max(a.max, b!.max)) - 1;
          return {
            text:
              bits < TWO_31 ? `(${a.text}${operator}${b!.text})` : `((${a.text}${operator}${b!.text})>>>0)`,
            min: 0,
            max: bits,
          };
        }
        this.#needInt32(a, conditions);
        this.#needInt32(b!, conditions);
        return { text: `(${a.text}${operator}${b!.text})`, min: -TWO_31, max: TWO_31 - 1 };
      }
      case "shl":
        if (typeof count === "number") {
          if (count < 0 || count > 52) return undefined;
          const factor = 2 ** count;
          return this.#checked(`${a.text}*${factor}`, a.min * factor, a.max * factor, conditions);
        }
        // 1 << n is the usual one: a factor that is a power of two.
        this.#need(b!, 0, 31, conditions);
        return this.#checked(
          `${a.text}*((1<<${b!.text})>>>0)`,
          Math.min(a.min, a.min * TWO_31),
          Math.max(a.max, a.max * TWO_31),
          conditions,
        );
      case "shr":
        if (typeof count === "number") {
          if (count < 0 || count > 52) return undefined;
          this.#need(a, 0, MAX, conditions);
          const [min, max] = [Math.floor(Math.max(0, a.min) / 2 ** count), Math.floor(a.max / 2 ** count)];
          if (count < 32 && a.max < TWO_32) return { text: `(${a.text}>>>${count})`, min, max };
          return { text: `Math.floor(${a.text}/${2 ** count})`, min, max };
        }
        this.#need(a, 0, TWO_32 - 1, conditions);
        this.#need(b!, 0, 31, conditions);
        return { text: `(${a.text}>>>${b!.text})`, min: 0, max: Math.min(a.max, TWO_32 - 1) };
      default:
        return undefined;
    }
  }

  /** A result that must stay within the range of small integers. */
  #checked(text: string, min: number, max: number, conditions: string[]): Inline {
    if (min >= -MAX && max <= MAX) return { text: `(${text})`, min, max };
    const temp = this.temp();
    const bounds = [...(max > MAX ? [`${temp}<=${MAX}`] : []), ...(min < -MAX ? [`${temp}>=-${MAX}`] : [])];
    // The first test says that most results have 32 bits: the engine then computes with machine integers.
    conditions.push(`((${temp}=${text})===(${temp}|0)||${bounds.join("&&")})`);
    return { text: temp, min: Math.max(min, -MAX), max: Math.min(max, MAX) };
  }

  /** Makes sure that a value is within bounds. */
  #need(value: Inline, min: number, max: number, conditions: string[]): void {
    if (value.min < min) conditions.push(`${value.text}>=${min}`);
    if (value.max > max) conditions.push(`${value.text}<=${max}`);
  }

  #needInt32(value: Inline, conditions: string[]): void {
    if (value.min < -TWO_31 || value.max >= TWO_31) conditions.push(`(${value.text}|0)===${value.text}`);
  }

  #divide(a: Inline, b: Inline, conditions: string[]): Inline {
    if (b.min <= 0 && b.max >= 0) conditions.push(`${b.text}!==0`);
    if (a.min >= 0 && b.min > 0) {
      const max = Math.floor(a.max / b.min);
      if (a.max < TWO_31) return { text: `(${a.text}/${b.text}|0)`, min: 0, max };
      return { text: `Math.floor(${a.text}/${b.text})`, min: 0, max };
    }
    const bound = Math.max(Math.abs(a.min), Math.abs(a.max));
    return { text: `(Math.floor(${a.text}/${b.text})+0)`, min: -bound, max: bound };
  }

  #remainder(a: Inline, b: Inline, conditions: string[]): Inline {
    if (b.min <= 0 && b.max >= 0) conditions.push(`${b.text}!==0`);
    if (a.min >= 0 && b.min > 0)
      return { text: `(${a.text}%${b.text})`, min: 0, max: Math.min(a.max, b.max - 1) };
    // Through floor division large operands would lose bits; the remainder is exact, only its sign needs mending.
    const temp = this.temp();
    if (b.min > 0)
      return {
        text: `((${temp}=${a.text}%${b.text})<0?${temp}+${b.text}:${temp}+0)`,
        min: 0,
        max: b.max - 1,
      };
    const text = `((${temp}=${a.text}%${b.text})!==0&&(${temp}<0)!==(${b.text}<0)?${temp}+${b.text}:${temp}+0)`;
    const bound = Math.max(Math.abs(b.min), Math.abs(b.max));
    return { text, min: -bound, max: bound };
  }

  #and(a: Inline, b: Inline, conditions: string[]): Inline {
    for (const [mask, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (mask.min < 0 || mask.max >= TWO_32) continue;
      // The bits above 32 are gone, and JavaScript takes a number modulo 2^32.
      const max = Math.min(mask.max, other.min >= 0 ? other.max : mask.max);
      return {
        text: mask.max < TWO_31 ? `(${a.text}&${b.text})` : `((${a.text}&${b.text})>>>0)`,
        min: 0,
        max,
      };
    }
    this.#needInt32(a, conditions);
    this.#needInt32(b, conditions);
    return { text: `(${a.text}&${b.text})`, min: -TWO_31, max: TWO_31 - 1 };
  }

  // ---- halves

  #computeHalves(tree: Node): Operand {
    const conditions: string[] = [];
    const statements: string[] = [];
    const result = this.#pair(tree, conditions, statements);
    if (result === undefined) return this.#computeNumber(tree);
    const inline = statements.join("");
    const isNumber = result.hi === "0" && isSmallRoot(tree);
    if (conditions.length === 0) {
      this.emit(inline);
      if (isNumber) return { text: result.lo, type: "small", min: 0, max: TWO_31 - 1 };
      const halves = { ...result, tag: undefined };
      return { text: `join(${result.hi},${result.lo})`, type: "integer", halves, isComplex: true };
    }
    const target = this.temp();
    const type = leavesAreIntegers(tree) ? "integer" : "any";
    if (isNumber) {
      this.#choose(tree, conditions, `${inline}${target}=${result.lo};`, target);
      return { text: target, type };
    }
    this.#choose(tree, conditions, `${inline}${target}=W;`, target);
    const text = `(${target}===W?join(${result.hi},${result.lo}):${target})`;
    return { text, type, halves: { ...result, tag: target }, isComplex: true };
  }

  #pair(tree: Tree, conditions: string[], statements: string[]): Halves | undefined {
    if (isLeaf(tree)) return this.#leafHalves(tree.operand, conditions, statements);
    const a = this.#pair(tree.left, conditions, statements);
    const b = tree.right === undefined ? undefined : this.#pair(tree.right, conditions, statements);
    if (a === undefined || (b === undefined && tree.right !== undefined)) return undefined;
    /** Gives a value a name. */
    const set = (text: string): string => {
      if (/^(-?\d+|[A-Za-z_$][\w$.]*)$/.test(text)) return text;
      const temp = this.temp();
      statements.push(`${temp}=${text};`);
      return temp;
    };
    const count = tree.right === undefined ? undefined : constantOf(tree.right);
    switch (tree.operation) {
      case "bxor":
        return { hi: set(xor(a.hi, b!.hi)), lo: set(xor(a.lo, b!.lo)) };
      case "band":
        return { hi: set(and(a.hi, b!.hi)), lo: set(and(a.lo, b!.lo)) };
      case "bor":
        return { hi: set(or(a.hi, b!.hi)), lo: set(or(a.lo, b!.lo)) };
      case "bnot":
        return { hi: set(`~${a.hi}`), lo: set(`~${a.lo}`) };
      case "add": {
        const sum = set(`(${a.lo}>>>0)+(${b!.lo}>>>0)`);
        return { hi: set(`${a.hi}+${b!.hi}+(${sum}>4294967295?1:0)|0`), lo: set(`${sum}|0`) };
      }
      case "sub":
      case "unm": {
        const [x, y] = tree.operation === "unm" ? [{ hi: "0", lo: "0" }, a] : [a, b!];
        const difference = set(`(${x.lo}>>>0)-(${y.lo}>>>0)`);
        return { hi: set(`${x.hi}-(${y.hi})-(${difference}<0?1:0)|0`), lo: set(`${difference}|0`) };
      }
      case "mul":
        return { hi: set(multiplyHighText(a, b!)), lo: set(`Math.imul(${a.lo},${b!.lo})`) };
      case "shl":
        if (typeof count !== "number" || count < 0 || count > 63) return undefined;
        if (count === 0) return a;
        if (count >= 32) return { hi: set(`${a.lo}<<${count - 32}`), lo: "0" };
        return { hi: set(`(${a.hi}<<${count})|(${a.lo}>>>${32 - count})`), lo: set(`${a.lo}<<${count}`) };
      case "shr":
        if (typeof count !== "number" || count < 0 || count > 63) return undefined;
        if (count === 0) return a;
        if (count >= 32) return { hi: "0", lo: set(count === 32 ? a.hi : `${a.hi}>>>${count - 32}|0`) };
        return { hi: set(`${a.hi}>>>${count}`), lo: set(`(${a.lo}>>>${count})|(${a.hi}<<${32 - count})`) };
      default:
        return undefined;
    }
  }

  #leafHalves(operand: Operand, conditions: string[], statements: string[]): Halves | undefined {
    const { constant, halves, text, type } = operand;
    if (constant !== undefined) return { hi: String(int64.high(constant)), lo: String(int64.low(constant)) };
    if (halves !== undefined) {
      if (halves.tag !== undefined) {
        const condition = `${halves.tag}===W`;
        if (!conditions.includes(condition)) conditions.push(condition);
      }
      return halves;
    }
    if (type === "nil" || type === "boolean" || type === "table" || type === "function") return undefined;
    const [min, max] = type === "small" ? [operand.min!, operand.max!] : [-MAX, MAX];
    const condition = `typeof ${text}==="number"`;
    if (type !== "small" && !conditions.includes(condition)) conditions.push(condition);
    const [hi, lo] = [this.temp(), this.temp()];
    if (min >= 0 && max < TWO_32) {
      statements.push(`${lo}=${text}|0;`);
      return { hi: "0", lo };
    }
    const high = min >= -TWO_31 && max < TWO_31 ? `${text}>>31` : `Math.floor(${text}/4294967296)|0`;
    statements.push(`${hi}=${high};${lo}=${text}|0;`);
    return { hi, lo };
  }
}

const isLastTested = (text: string, conditions: readonly string[]): boolean =>
  /^t\d+$/.test(text) && conditions.some((condition) => condition.startsWith(`((${text}=`));

const bitsOf = (max: number): number => (max === 0 ? 0 : Math.floor(Math.log2(max)) + 1);
