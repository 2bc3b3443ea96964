/**
 * Appends instructions to an `IrFunction`, one at a time, at the place that the specializer has reached. What can be
 * told beforehand is not emitted: operations on constants, comparisons that the ranges decide.
 */

import type { SourceSpan } from "../ebpf/program-builder.ts";
import { assert } from "../util/assert.ts";
import { foldBinary, foldComparison, foldNegate, foldSwap, INVERSE, MIRRORED } from "./fold.ts";
import {
  type AccessSize,
  ANY,
  type BinaryOperation,
  type Block,
  type Comparison,
  type Edge,
  INT64_MAX,
  INT64_MIN,
  type Instruction,
  IrFunction,
  type Operand,
  type Range,
  StackSlot,
  type Terminator,
  Value,
} from "./ir.ts";

const range = (low: bigint, high: bigint): Range =>
  low < INT64_MIN || high > INT64_MAX ? ANY : { low, high };

/** All bits that a number between 0 and `high` may have. */
function bitsUpTo(high: bigint): bigint {
  return (1n << BigInt(high.toString(2).length)) - 1n;
}

function rangeOfBinary(operation: BinaryOperation, a: Range, b: Range): Range {
  const isNatural = a.low >= 0n && b.low >= 0n;
  const constant = b.low === b.high ? b.low : undefined;
  switch (operation) {
    case "add":
      return range(a.low + b.low, a.high + b.high);
    case "sub":
      return range(a.low - b.high, a.high - b.low);
    case "mul": {
      const products = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
      return range(
        products.reduce((x, y) => (x < y ? x : y)),
        products.reduce((x, y) => (x > y ? x : y)),
      );
    }
    case "and":
      if (isNatural) return { low: 0n, high: a.high < b.high ? a.high : b.high };
      if (b.low >= 0n) return { low: 0n, high: b.high };
      return a.low >= 0n ? { low: 0n, high: a.high } : ANY;
    case "or":
    case "xor":
      return isNatural ? { low: 0n, high: bitsUpTo(a.high > b.high ? a.high : b.high) } : ANY;
    case "lsh":
      return constant === undefined || constant < 0n || constant > 62n
        ? ANY
        : range(a.low << constant, a.high << constant);
    case "rsh":
      if (constant === undefined || constant < 0n || constant > 63n)
        return a.low >= 0n ? { low: 0n, high: a.high } : ANY;
      if (a.low >= 0n) return { low: a.low >> constant, high: a.high >> constant };
      return constant === 0n ? ANY : { low: 0n, high: (1n << (64n - constant)) - 1n };
    case "arsh":
      return constant === undefined || constant < 0n || constant > 63n
        ? { low: a.low < 0n ? a.low : 0n, high: a.high > 0n ? a.high : 0n }
        : { low: a.low >> constant, high: a.high >> constant };
    case "div":
    case "sdiv":
      return isNatural && b.low > 0n ? { low: a.low / b.high, high: a.high / b.low } : ANY;
    case "mod":
    case "smod":
      return isNatural && b.low > 0n ? { low: 0n, high: a.high < b.high - 1n ? a.high : b.high - 1n } : ANY;
  }
}

/** What is left of `a` where `a comparison b` holds; undefined when it cannot hold. */
function narrowed(comparison: Comparison, a: Range, b: Range): Range | undefined {
  let { low, high } = a;
  // An unsigned comparison with what is not negative bounds both sides, if the first is known not to be negative.
  const isNatural = b.low >= 0n && a.low >= 0n;
  switch (comparison) {
    case "jeq":
      low = low > b.low ? low : b.low;
      high = high < b.high ? high : b.high;
      break;
    case "jne":
      if (b.low === b.high && low === b.low) low++;
      if (b.low === b.high && high === b.low) high--;
      break;
    case "jle":
    case "jlt":
      // Below a natural number only natural numbers are, unsigned.
      if (b.low >= 0n) {
        if (low < 0n) low = 0n;
        const most = comparison === "jle" ? b.high : b.high - 1n;
        if (high > most) high = most;
      }
      break;
    case "jge":
    case "jgt":
      if (isNatural) {
        const least = comparison === "jge" ? b.low : b.low + 1n;
        if (low < least) low = least;
      }
      break;
    case "jsle":
    case "jslt": {
      const most = comparison === "jsle" ? b.high : b.high - 1n;
      if (high > most) high = most;
      break;
    }
    case "jsge":
    case "jsgt": {
      const least = comparison === "jsge" ? b.low : b.low + 1n;
      if (low < least) low = least;
      break;
    }
    case "jset":
      break;
  }
  return low > high ? undefined : { low, high };
}

/** What is known of values at one place, beyond what holds everywhere. */
export type Facts = Map<Value, Range>;

export class IrEmitter {
  readonly ir: IrFunction;
  /** Where the next instruction goes; undefined behind something that never goes on. */
  block: Block | undefined;
  facts: Facts = new Map();
  span: SourceSpan | undefined;

  constructor(name: string) {
    this.ir = new IrFunction(name);
    this.block = this.ir.entry;
  }

  get here(): Block {
    assert(this.block !== undefined, "code behind the end of a block");
    return this.block;
  }

  rangeOf(operand: Operand): Range {
    if (typeof operand === "bigint") return { low: operand, high: operand };
    return this.facts.get(operand) ?? operand.range;
  }

  /** The operand as a constant, if only one value is possible. */
  constantOf(operand: Operand): bigint | undefined {
    const { low, high } = this.rangeOf(operand);
    return low === high ? low : undefined;
  }

  emit(instruction: Instruction): void {
    this.here.instructions.push(instruction);
  }

  binary(operation: BinaryOperation, left: Operand, right: Operand): Operand {
    const isPointer =
      (left instanceof Value && left.kind === "pointer") ||
      (right instanceof Value && right.kind === "pointer");
    if (!isPointer) {
      const a = this.constantOf(left);
      const b = this.constantOf(right);
      if (a !== undefined && b !== undefined) return foldBinary(operation, a, b);
      if (a !== undefined) left = a;
      if (b !== undefined) right = b;
    }
    if (right === 0n && ["add", "sub", "or", "xor", "lsh", "rsh", "arsh"].includes(operation)) return left;
    if (left === 0n && (operation === "add" || operation === "or" || operation === "xor")) return right;
    if ((operation === "mul" || operation === "div" || operation === "sdiv") && right === 1n) return left;
    if (operation === "mul" && left === 1n) return right;
    if ((operation === "mul" || operation === "and") && (left === 0n || right === 0n)) return 0n;
    if (operation === "and" && typeof right === "bigint" && right >= 0n && !isPointer) {
      // A mask of all the bits there can be changes nothing.
      const { low, high } = this.rangeOf(left);
      if (low >= 0n && (right & (right + 1n)) === 0n && high <= right) return left;
    }
    const result = this.ir.value(
      isPointer ? "pointer" : "int",
      isPointer ? ANY : rangeOfBinary(operation, this.rangeOf(left), this.rangeOf(right)),
    );
    this.emit({ op: "binary", operation, result, left, right, span: this.span });
    if (operation === "add" && right === 1n) this.successors.set(result, left);
    if (!isPointer && left instanceof Value && typeof right === "bigint") {
      if (operation === "add") this.#sums.set(result, [left, right]);
      else if (operation === "sub") this.#sums.set(result, [left, -right]);
    }
    return result;
  }

  /** Of values that are one more than another: that one. */
  readonly successors = new Map<Value, Operand>();

  /** What is a value and a constant. */
  readonly #sums = new Map<Value, readonly [of: Value, by: bigint]>();

  /** A value is in a range, on this way; and so is what it is the sum of, where the sum does not wrap around. */
  #know(facts: Facts, value: Value, { low, high }: Range): void {
    facts.set(value, { low, high });
    const sum = this.#sums.get(value);
    if (sum === undefined) return;
    const [of, by] = sum;
    const known = facts.get(of) ?? of.range;
    if (known.low + by < INT64_MIN || known.high + by > INT64_MAX) return;
    const narrow = {
      low: low - by > known.low ? low - by : known.low,
      high: high - by < known.high ? high - by : known.high,
    };
    if (narrow.low <= narrow.high && (narrow.low > known.low || narrow.high < known.high))
      this.#know(facts, of, narrow);
  }

  /** An address and a distance. */
  address(base: Value, distance: Operand): Value {
    const result = this.binary("add", base, distance);
    assert(result instanceof Value, "an address is no constant");
    return result;
  }

  negate(operand: Operand): Operand {
    const constant = this.constantOf(operand);
    if (constant !== undefined) return foldNegate(constant);
    const { low, high } = this.rangeOf(operand);
    const result = this.ir.value("int", range(-high, -low));
    this.emit({ op: "negate", result, operand, span: this.span });
    return result;
  }

  swap(bits: 16 | 32 | 64, operand: Operand): Operand {
    const constant = this.constantOf(operand);
    if (constant !== undefined) return foldSwap(bits, constant);
    const result = this.ir.value("int", bits === 64 ? ANY : { low: 0n, high: (1n << BigInt(bits)) - 1n });
    this.emit({ op: "swap", bits, result, operand, span: this.span });
    return result;
  }

  load(size: AccessSize, from: Value, offset: number, known?: Range): Value {
    const result = this.ir.value(
      "int",
      known ?? (size === 8 ? ANY : { low: 0n, high: (1n << BigInt(8 * size)) - 1n }),
    );
    this.emit({ op: "load", size, result, from, offset, span: this.span });
    return result;
  }

  loadPointer(from: Value, offset: number): Value {
    const result = this.ir.value("pointer");
    this.emit({ op: "load", size: 8, result, from, offset, span: this.span });
    return result;
  }

  store(size: AccessSize, to: Value, offset: number, value: Operand): void {
    this.emit({ op: "store", size, to, offset, value, result: undefined, span: this.span });
  }

  readonly #slots = new Map<string, StackSlot>();

  /** The address of bytes on the stack: the same bytes for the same name and size, for what is used at once. */
  stack(name: string, sizeBytes: number): Value {
    const key = `${name} ${sizeBytes}`;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = new StackSlot(name, sizeBytes);
      this.#slots.set(key, slot);
    }
    const result = this.ir.value("pointer");
    this.emit({ op: "stackAddress", slot, result, span: this.span });
    return result;
  }

  map(symbol: string): Value {
    const result = this.ir.value("pointer");
    this.emit({ op: "map", symbol, result, span: this.span });
    return result;
  }

  mapValue(symbol: string, offset: number): Value {
    const result = this.ir.value("pointer");
    this.emit({ op: "mapValue", symbol, offset, result, span: this.span });
    return result;
  }

  helper(
    helper: number,
    args: readonly Operand[],
    kind: "int" | "pointer" | "none" = "int",
    known?: Range,
  ): Value {
    const result = this.ir.value(kind === "pointer" ? "pointer" : "int", known);
    this.emit({ op: "helper", helper, args, result: kind === "none" ? undefined : result, span: this.span });
    return result;
  }

  kfunc(name: string, args: readonly Operand[], kind: "int" | "pointer" | "none" = "int"): Value {
    const result = this.ir.value(kind === "pointer" ? "pointer" : "int");
    this.emit({ op: "kfunc", name, args, result: kind === "none" ? undefined : result, span: this.span });
    return result;
  }

  /** Ends the block. */
  end(terminator: Terminator): void {
    assert(this.here.terminator === undefined, "a block ends twice");
    this.here.terminator = terminator;
    this.block = undefined;
  }

  jump(target: Block, args: readonly Operand[] = []): void {
    this.end({ op: "jump", to: { target, args }, span: this.span });
  }

  /** Goes on in `block`. */
  enter(block: Block, facts: Facts): void {
    this.block = block;
    this.facts = facts;
  }

  /**
   * Shows the verifier that `word` is at most `most`, unsigned, even if that is known here: it does not follow what
   * was hidden from it. The emitter goes on where it holds.
   */
  protected guard(word: Operand, most: bigint, otherwise: Block): void {
    if (typeof word === "bigint") {
      assert(word >= 0n && word <= most, "a constant within its bounds");
      return;
    }
    const next = this.ir.block();
    const known = narrowed("jle", this.rangeOf(word), { low: most, high: most });
    this.end({
      op: "branch",
      comparison: "jgt",
      left: word,
      right: most,
      then: { target: otherwise, args: [] },
      otherwise: { target: next, args: [] },
      isShown: true,
      span: this.span,
    });
    const facts = new Map(this.facts);
    if (known !== undefined) facts.set(word, known);
    this.enter(next, facts);
  }

  /**
   * Branches, and calls one function for each way that is possible, with the emitter in a new block and what is known
   * there; each must leave its block ended (`block` undefined) or the emitter where it is.
   */
  branch(
    comparison: Comparison,
    left: Operand,
    right: Operand,
    then: () => void,
    otherwise: () => void,
  ): void {
    if (typeof left === "bigint" && right instanceof Value) {
      this.branch(MIRRORED[comparison], right, left, then, otherwise);
      return;
    }
    const isInteger = !(left instanceof Value && left.kind === "pointer");
    const a = this.rangeOf(left);
    const b = this.rangeOf(right);
    const whenTrue = isInteger ? narrowed(comparison, a, b) : a;
    const opposite = INVERSE[comparison];
    const whenFalse = isInteger && opposite !== undefined ? narrowed(opposite, a, b) : a;
    if (typeof left === "bigint" && typeof right === "bigint") {
      if (foldComparison(comparison, left, right)) then();
      else otherwise();
      return;
    }
    if (whenTrue === undefined) {
      otherwise();
      return;
    }
    if (whenFalse === undefined) {
      then();
      return;
    }
    assert(left instanceof Value, "a comparison of constants is decided");
    const thenBlock = this.ir.block();
    const otherwiseBlock = this.ir.block();
    const edge = (target: Block): Edge => ({ target, args: [] });
    const { facts } = this;
    this.end({
      op: "branch",
      comparison,
      left,
      right,
      then: edge(thenBlock),
      otherwise: edge(otherwiseBlock),
      span: this.span,
    });
    const sides = [
      [thenBlock, comparison, whenTrue, then],
      [otherwiseBlock, opposite, whenFalse, otherwise],
    ] as const;
    for (const [block, fact, narrowedLeft, go] of sides) {
      const known = new Map(facts);
      if (isInteger && fact !== undefined) {
        this.#know(known, left, narrowedLeft);
        const other =
          right instanceof Value && right.kind === "int" ? narrowed(MIRRORED[fact], b, a) : undefined;
        if (other !== undefined) this.#know(known, right as Value, other);
      }
      this.enter(block, known);
      go();
    }
  }
}
