/** Operators of Lua on abstract values. */

import type { BinaryOperator } from "../lua/ast.ts";
import { fromBigInt, parseInteger, toBigInt, toDecimal } from "../lua/int64.ts";
import {
  type Abstract,
  alternativesOf,
  type Int,
  int,
  NIL,
  type Single,
  type Slice,
  text,
  typeOf,
} from "./abstract.ts";
import { Join } from "./control.ts";
import type { Comparison, Operand, Value } from "./ir.ts";
import { ProgramFrame } from "./program.ts";

/** What operands are called in messages. */
export interface Names {
  readonly left: string | undefined;
  readonly right: string | undefined;
}

const ARITHMETIC = new Set<BinaryOperator>(["+", "-", "*", "/", "//", "%"]);
/** What the string library calls the operators in its messages. */
const EVENTS: Readonly<Partial<Record<BinaryOperator, string>>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "idiv",
  "//": "idiv",
  "%": "mod",
};
const named = (name: string | undefined): string => (name === undefined ? "" : ` (${name})`);

const COMPARISONS: Readonly<Record<"<" | "<=" | ">" | ">=", Comparison>> = {
  "<": "jslt",
  "<=": "jsle",
  ">": "jsgt",
  ">=": "jsge",
};

/** Compares with loads of eight bytes. */
const MOST_COMPARED = 256;

/** Strings up to here are copied by loads and stores of eight bytes, longer ones by a call. */
const MOST_BY_WORDS = 32n;

/** A string that may have so many bytes is not copied without need. */
const LONG = 256n;

export abstract class Operations extends ProgramFrame {
  /** An integer from what Lua takes for one in arithmetic; undefined for anything else. */
  numeral(value: Single): Int | undefined {
    if (value.kind === "int") return value;
    if (value.kind !== "text") return undefined;
    const parsed = parseInteger(value.text);
    return parsed === undefined ? undefined : int(toBigInt(parsed));
  }

  protected arithmetic(op: BinaryOperator, left: Abstract, right: Abstract, names: Names): Abstract {
    return this.dispatch(left, (a) =>
      this.dispatch(right, (b) => {
        const x = this.numeral(a);
        const y = this.numeral(b);
        const isBitwise = !ARITHMETIC.has(op);
        if ([a, b].some(({ kind }) => kind === "slice" || kind === "deferred"))
          this.refuse(
            "arithmetic on a string of the packet",
            "use string.byte or string.unpack to get integers",
          );
        if ((x === undefined || y === undefined) && !isBitwise && (a.kind === "text" || b.kind === "text")) {
          this.fail(`attempt to ${EVENTS[op]} a '${typeOf(a)}' with a '${typeOf(b)}'`);
          return NIL;
        }
        const wrong = x === undefined || (isBitwise && a.kind !== "int") ? a : b;
        if (x === undefined || y === undefined || (isBitwise && (a.kind !== "int" || b.kind !== "int"))) {
          const what = isBitwise ? "perform bitwise operation on" : "perform arithmetic on";
          const name = wrong === a ? names.left : names.right;
          this.fail(`attempt to ${what} a ${typeOf(wrong)} value${named(name)}`);
          return NIL;
        }
        return int(this.compute(op, x.value, y.value));
      }),
    );
  }

  /** An operator on integers. May end the path, by division by zero. */
  protected compute(op: BinaryOperator, x: Operand, y: Operand): Operand {
    switch (op) {
      case "+":
        return this.binary("add", x, y);
      case "-":
        return this.binary("sub", x, y);
      case "*":
        return this.binary("mul", x, y);
      case "&":
        return this.binary("and", x, y);
      case "|":
        return this.binary("or", x, y);
      case "~":
        return this.binary("xor", x, y);
      case "<<":
        return this.#shift(x, y, "lsh", "rsh");
      case ">>":
        return this.#shift(x, y, "rsh", "lsh");
      case "/":
      case "//":
      case "%":
        return this.#divide(op, x, y);
      default:
        throw new Error(`${op} is no operator on integers`);
    }
  }

  /** Counts of 64 and more give 0, negative ones shift the other way. */
  #shift(x: Operand, count: Operand, way: "lsh" | "rsh", other: "lsh" | "rsh"): Operand {
    const constant = this.constantOf(count);
    if (constant !== undefined) {
      if (constant <= -64n || constant >= 64n) return 0n;
      return constant < 0n ? this.binary(other, x, -constant) : this.binary(way, x, constant);
    }
    const done = new Join();
    this.fork(
      "jle",
      count,
      63n,
      () => this.goto(done, [int(this.binary(way, x, count))]),
      () => {
        const opposite = this.negate(count);
        this.fork(
          "jle",
          opposite,
          63n,
          () => this.goto(done, [int(this.binary(other, x, opposite))]),
          () => this.goto(done, [int(0n)]),
        );
      },
    );
    return (this.land(done)[0] as Int).value;
  }

  #divide(op: "/" | "//" | "%", x: Operand, y: Operand): Operand {
    const { low, high } = this.rangeOf(y);
    if (low <= 0n && high >= 0n) {
      const rest = new Join();
      this.fork(
        "jeq",
        y,
        0n,
        () => this.fail(op === "%" ? "attempt to perform 'n%0'" : "attempt to divide by zero"),
        () => this.goto(rest),
      );
      this.land(rest);
      if (this.block === undefined) return 0n;
    }
    const divisor = this.constantOf(y);
    if (divisor !== undefined && divisor > 0n && (divisor & (divisor - 1n)) === 0n) {
      const bits = BigInt(divisor.toString(2).length - 1);
      return op === "%" ? this.binary("and", x, divisor - 1n) : this.binary("arsh", x, bits);
    }
    if (this.rangeOf(x).low >= 0n && this.rangeOf(y).low > 0n)
      return this.binary(op === "%" ? "mod" : "div", x, y);
    // Towards minus infinity: one less where the remainder and the divisor differ in sign.
    const quotient = this.binary("sdiv", x, y);
    const remainder = this.binary("sub", x, this.binary("mul", quotient, y));
    const differs = this.binary("rsh", this.binary("xor", remainder, y), 63n);
    const isSome = this.binary("rsh", this.binary("or", remainder, this.negate(remainder)), 63n);
    const fix = this.binary("and", differs, isSome);
    if (op !== "%") return this.binary("sub", quotient, fix);
    return this.binary("add", remainder, this.binary("and", this.negate(fix), y));
  }

  // ---- comparisons, as ways

  /** Two ways by an order; each ends somewhere. */
  protected ordered(
    op: "<" | "<=" | ">" | ">=",
    left: Abstract,
    right: Abstract,
    then: () => void,
    otherwise: () => void,
  ): void {
    const yes = new Join();
    const no = new Join();
    this.cases(left, (a) =>
      this.cases(right, (b) => {
        if (a.kind === "int" && b.kind === "int") {
          this.fork(
            COMPARISONS[op],
            a.value,
            b.value,
            () => this.goto(yes),
            () => this.goto(no),
          );
        } else if (a.kind === "text" && b.kind === "text") {
          const holds =
            op === "<"
              ? a.text < b.text
              : op === "<="
                ? a.text <= b.text
                : op === ">"
                  ? a.text > b.text
                  : a.text >= b.text;
          this.goto(holds ? yes : no);
        } else if (typeOf(a) === "string" && typeOf(b) === "string") {
          this.refuse("an order of strings", "compare bytes or lengths");
        } else {
          const [x, y] = op === "<" || op === "<=" ? [typeOf(a), typeOf(b)] : [typeOf(b), typeOf(a)];
          this.fail(x === y ? `attempt to compare two ${x} values` : `attempt to compare ${x} with ${y}`);
        }
      }),
    );
    this.#go(yes, then);
    this.#go(no, otherwise);
  }

  #go(join: Join, next: () => void): void {
    this.land(join);
    if (this.block !== undefined) next();
  }

  /** Two ways by raw equality; each ends somewhere. */
  equal(left: Abstract, right: Abstract, then: () => void, otherwise: () => void): void {
    if (this.block === undefined) return;
    const yes = new Join();
    const no = new Join();
    const [few, other] = right.kind === "union" ? [right, left] : [left, right];
    this.cases(few, (a) => {
      // Only what is of the same kind can be equal: all else is one way.
      const alike = alternativesOf(other).filter((b) => typeOf(a) === typeOf(b));
      if (alike.length === 0) {
        this.goto(no);
        return;
      }
      if (other.kind === "union" && alike.length < other.alternatives.length && alike.length === 1) {
        const [b] = alike as [Single];
        this.fork(
          "jeq",
          other.tag,
          this.kinds.tagOf(this.kinds.shapeOf(b)),
          () => {
            this.refine(other, b);
            this.#equalSingles(a, b, yes, no);
          },
          () => {
            this.refine(
              other,
              this.only(
                other,
                other.alternatives.filter((c) => c !== b),
              ),
            );
            this.goto(no);
          },
        );
        return;
      }
      this.cases(other, (b) => this.#equalSingles(a, b, yes, no));
    });
    this.#go(yes, then);
    this.#go(no, otherwise);
  }

  #equalSingles(a: Single, b: Single, yes: Join, no: Join): void {
    if ((a.kind === "int" && b.kind === "int") || (a.kind === "bool" && b.kind === "bool")) {
      this.fork(
        "jeq",
        a.value,
        b.value,
        () => this.goto(yes),
        () => this.goto(no),
      );
    } else if (typeOf(a) === "string" && typeOf(b) === "string") this.equalText(a, b, yes, no);
    else if (a.kind === "dynamic" && b.kind === "dynamic" && a.class.root === b.class.root) {
      this.fork(
        "jeq",
        a.id,
        b.id,
        () => this.goto(yes),
        () => this.goto(no),
      );
    } else if (a.kind === "connection" && b.kind === "connection" && a !== b)
      // Each call makes an object of its own; which of them this is, is not known where ways have met.
      this.refuse("a comparison of connections", "compare their tuples or marks");
    else this.goto(this.kinds.shapeOf(a) === this.kinds.shapeOf(b) ? yes : no);
  }

  protected equalText(a: Single, b: Single, yes: Join, no: Join): void {
    if (a.kind === "text" && b.kind === "text") {
      this.goto(a.text === b.text ? yes : no);
      return;
    }
    const constant = a.kind === "text" ? a : b.kind === "text" ? b : undefined;
    const slice = this.sliceOf(a.kind === "text" ? b : a);
    if (constant === undefined) {
      this.#equalSlices(slice, this.sliceOf(b), yes, no);
      return;
    }
    if (constant.text.length > MOST_COMPARED) {
      this.#equalSlices(slice, this.sliceOf(constant), yes, no);
      return;
    }
    this.fork(
      "jne",
      slice.length,
      BigInt(constant.text.length),
      () => this.goto(no),
      () => this.equalBytes(slice, 0, constant.text, yes, no),
    );
  }

  /** Compares the bytes from `slice.offset + start` on, which are there, with a constant. */
  equalBytes(slice: Slice, start: number, constant: string, yes: Join, no: Join): void {
    let at = 0;
    const step = (): void => {
      if (at === constant.length) {
        this.goto(yes);
        return;
      }
      const size = ([8, 4, 2, 1] as const).find((bytes) => at + bytes <= constant.length)!;
      let wanted = 0n;
      for (let i = size - 1; i >= 0; i--) wanted = (wanted << 8n) | BigInt(constant.charCodeAt(at + i));
      const word = this.loadAt(size, slice.base, slice.offset, start + at);
      at += size;
      this.fork("jne", word, BigInt.asIntN(64, wanted), () => this.goto(no), step);
    };
    step();
  }

  #equalSlices(a: Slice, b: Slice, yes: Join, no: Join): void {
    this.fork(
      "jne",
      a.length,
      b.length,
      () => this.goto(no),
      () => {
        this.walk("equal", a.length, (i, next) => {
          const x = this.load(1, this.address(a.base, this.binary("add", a.offset, i)), 0);
          const y = this.load(1, this.address(b.base, this.binary("add", b.offset, i)), 0);
          this.fork("jne", x, y, () => this.goto(no), next);
        });
        this.goto(yes);
      },
    );
  }

  /** A loop over 0 .. count-1; `body` leaves, or calls `next`. Goes on behind the loop. */
  protected walk(name: string, count: Operand, body: (i: Operand, next: () => void) => void): void {
    if (this.block === undefined) return;
    const index = this.newCell(`${name} index`, int(0n));
    const end = new Join();
    this.loop(this.loopKey(name), (again) => {
      const i = (this.cells.get(index) as Int).value;
      this.fork(
        "jsge",
        i,
        count,
        () => this.goto(end),
        () =>
          body(i, () => {
            this.charge();
            this.cells.set(index, int(this.binary("add", i, 1n)));
            this.goto(again);
          }),
      );
    });
    this.land(end);
    this.cells.delete(index);
  }

  abstract textValue(value: Single): Single | undefined;
  abstract joined(pieces: readonly Single[]): Single;
  protected abstract newCell(name: string, value: Abstract): import("./abstract.ts").Cell;
  /** A name for a loop that is the same in each attempt. */
  protected abstract loopKey(name: string): string;

  // ---- strings

  /** `#value` of what has a plain length. */
  protected lengthValue(value: Single): Int {
    return int(this.lengthOf(value));
  }

  /** A value as `..` and `tostring` write it, where that is known. */
  constantText(value: Abstract): string | undefined {
    if (value.kind === "text") return value.text;
    if (value.kind !== "int") return undefined;
    const constant = this.constantOf(value.value);
    return constant === undefined ? undefined : toDecimal(fromBigInt(constant));
  }

  protected concat(left: Abstract, right: Abstract, names: Names): Abstract {
    return this.dispatch(left, (a) =>
      this.dispatch(right, (b) => {
        for (const [value, name] of [
          [a, names.left],
          [b, names.right],
        ] as const) {
          if (value.kind === "int" || typeOf(value) === "string") continue;
          this.fail(`attempt to concatenate a ${typeOf(value)} value${named(name)}`);
          return NIL;
        }
        const x = this.constantText(a);
        const y = this.constantText(b);
        if (x !== undefined && y !== undefined) return text(x + y);
        if (x === "" && b.kind === "slice") return b;
        if (y === "" && a.kind === "slice") return a;
        if (a.kind === "slice" && b.kind === "slice") return this.#append(a, b);
        return this.joined([this.textValue(a)!, this.textValue(b)!]);
      }),
    );
  }

  /** What is put together from the beginning on begins with nothing: then the rest is all, and where it is, if it is long. */
  #append(left: Slice, right: Slice): Abstract {
    const mayBeEmpty = this.rangeOf(left.length).low <= 0n;
    if (!mayBeEmpty || this.rangeOf(right.length).high < LONG) return this.joined([left, right]);
    const rest = new Join();
    this.fork(
      "jeq",
      left.length,
      0n,
      () => this.goto(rest, [right]),
      () => this.goto(rest, [this.joined([left, right])]),
    );
    return this.land(rest)[0] ?? NIL;
  }

  /** Room for a string of `length` bytes on the heap, as an offset there; strings that do not fit are punted. */
  reserve(length: Operand): Operand {
    const { high } = this.rangeOf(length);
    const top = this.cells.get(this.heapTop) as Int;
    const padding = BigInt(this.shared.keyPadding + 8);
    const heapBytes = BigInt(this.heapBytes);
    const known = this.constantOf(top.value);
    // Outside of loops each string has a place of its own, if it is short for certain.
    if (known !== undefined && high <= 1024n && known + high + padding <= heapBytes) {
      this.cells.set(this.heapTop, int((known + high + padding + 7n) & ~7n));
      return known;
    }
    const rest = new Join();
    this.fork(
      "jgt",
      length,
      heapBytes,
      () => this.punt("strings longer than the program has room for"),
      () => {
        const end = this.binary("add", this.binary("add", top.value, length), padding + 7n);
        this.fork(
          "jgt",
          end,
          heapBytes,
          () => this.punt("strings longer than the program has room for"),
          () => {
            this.cells.set(this.heapTop, int(this.binary("and", end, ~7n)));
            this.goto(rest);
          },
        );
      },
    );
    this.land(rest);
    return top.value;
  }

  /**
   * Gives back what a string at `start` does not need of the `reserved` bytes, if nothing was put behind it: in loops
   * they would run out.
   */
  releaseBehind(start: Operand, reserved: bigint, length: Operand): void {
    const top = (this.cells.get(this.heapTop) as Int).value;
    if (this.constantOf(top) !== undefined) return;
    const padding = BigInt(this.shared.keyPadding + 8) + 7n;
    const end = (bytes: Operand): Operand =>
      this.binary("and", this.binary("add", this.binary("add", start, bytes), padding), ~7n);
    const rest = new Join();
    this.fork(
      "jne",
      top,
      end(reserved),
      () => this.goto(rest),
      () => {
        this.cells.set(this.heapTop, int(end(length)));
        this.goto(rest);
      },
    );
    this.land(rest);
  }

  protected abstract readonly heapTop: import("./abstract.ts").Cell;

  /** The place on the heap at `offset`, to write `room` bytes: bounded as the verifier wants to see it. */
  heapAddress(offset: Operand): Value {
    const constant = this.constantOf(offset);
    if (constant !== undefined) return this.address(this.heap, constant);
    return this.address(this.heap, this.bound(offset, BigInt(this.heapBytes)));
  }

  /** A new string of these pieces. */
  protected build(pieces: readonly Abstract[]): Abstract {
    let length: Operand = 0n;
    for (const piece of pieces) length = this.binary("add", length, this.lengthOf(piece as Single));
    const start = this.reserve(length);
    if (this.block === undefined) return NIL;
    let at = start;
    for (const piece of pieces) {
      const slice = this.sliceOf(piece as Single);
      this.copyToHeap(at, slice);
      at = this.binary("add", at, slice.length);
    }
    this.pad(at);
    return this.paddedString({ kind: "slice", base: this.heapRead, offset: start, length });
  }

  /** Copies a string to the heap; there is room. */
  copyToHeap(at: Operand, slice: Slice): void {
    if (this.constantOf(slice.length) === 0n) return;
    const length = this.bound(slice.length, BigInt(this.heapBytes));
    // Place and length together must end within the page: both bounds are constants to the verifier.
    const to = this.heapAddress(at);
    if (this.rangeOf(slice.length).high > MOST_BY_WORDS)
      this.copy(to, length, this.address(slice.base, slice.offset));
    else this.#copyWords(to, slice);
  }

  /** Word by word. What is written too much with the last one is free still. */
  #copyWords(to: Value, slice: Slice): void {
    const done = new Join();
    const { low, high } = this.rangeOf(slice.length);
    for (let i = 0n; i < high; i += 8n) {
      if (i >= low) {
        const more = new Join();
        this.fork(
          "jsle",
          slice.length,
          i,
          () => this.goto(done),
          () => this.goto(more),
        );
        this.land(more);
        if (this.block === undefined) break;
      }
      this.store(8, to, Number(i), this.loadAt(8, slice.base, slice.offset, Number(i)));
    }
    this.goto(done);
    this.land(done);
  }

  /** Strings on the heap with zeros behind them; what is cut from one has none. */
  protected readonly padded = new WeakSet<Slice>();

  protected paddedString(slice: Slice): Slice {
    this.padded.add(slice);
    return slice;
  }

  /** Zeros behind a string. */
  pad(end: Operand): void {
    const bytes = this.shared.keyPadding;
    if (bytes === 0) return;
    const to = this.heapAddress(end);
    for (let i = 0; i < bytes; i += 8) this.store(8, to, i, 0n);
  }
}
