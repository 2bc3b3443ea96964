/**
 * Where paths part and meet. A path is a place in the code with what is known there: the variables' abstract values
 * and facts about words. Where paths meet, what differs becomes a parameter of a block; a loop is tried with what is
 * assumed not to change until the assumption holds at its end.
 */

import { assert } from "../util/assert.ts";
import {
  type Abstract,
  alternativesOf,
  type Cell,
  type Int,
  int,
  type Kinds,
  NIL,
  type Single,
  type Slice,
  type Union,
} from "./abstract.ts";
import { ANY, type Block, type Comparison, type Operand, type Range, Value } from "./ir.ts";
import { type Facts, IrEmitter } from "./ir-emitter.ts";
import { ListCounts } from "./lists.ts";

export type Cells = Map<Cell, Abstract>;

interface Path {
  readonly block: Block;
  readonly cells: Cells;
  readonly facts: Facts;
  /** Values that travel with the jump: the results of a call, of an expression. */
  readonly values: readonly Abstract[];
}

/** A place that paths jump to before it is there. */
export class Join {
  readonly paths: Path[] = [];
}

/** The kinds that a variable may have where paths meet, with the ranges of its words. */
type Form = Map<string, { proto: Single; ranges: Range[] }>;

/** One more attempt is needed: something was learnt. */
export class Restart extends Error {}

const hull = (a: Range, b: Range): Range => ({
  low: a.low < b.low ? a.low : b.low,
  high: a.high > b.high ? a.high : b.high,
});

/** Where the bounds of loop variables stop on their way out, so that few attempts are needed. */
const STOPS = [
  0n,
  1n,
  16n,
  64n,
  256n,
  2048n,
  1n << 16n,
  1n << 17n,
  1n << 20n,
  1n << 31n,
  1n << 32n,
  1n << 40n,
];

function widened(old: Range, seen: Range): Range {
  const both = hull(old, seen);
  let { low, high } = old;
  if (both.low < low) low = [...STOPS].reverse().find((stop) => stop <= both.low) ?? ANY.low;
  if (both.high > high) high = STOPS.find((stop) => stop >= both.high) ?? ANY.high;
  return { low, high };
}

const MOST_ATTEMPTS = 60;

export abstract class Control extends IrEmitter {
  cells: Cells = new Map();
  readonly kinds: Kinds;
  /** How many values there are in lists. */
  readonly lists = new ListCounts();
  /** Undoes what an attempt at a loop has left in places that outlive it. */
  readonly #journal: (() => void)[] = [];
  /** What loops have learnt of their variables, by the way to the loop. */
  readonly #learnt = new Map<string, Map<string, Form>>();

  constructor(name: string, kinds: Kinds) {
    super(name);
    this.kinds = kinds;
  }

  /** A constant string's place in memory. */
  abstract sliceOf(value: Single): Slice;
  /**
   * An address for words that nobody reads: `address` if it is there on all ways. No constant may stand there: the verifier
   * forgets in a loop which kind of value there is, and then looks at the words of all kinds.
   */
  protected abstract anyAddress(address: Operand | undefined): Value;
  /** Hides a number from the verifier, which would follow each value that a loop variable takes. */
  abstract launder(word: Operand): Operand;
  /** Where a run goes that the kernel or the budget stops. */
  protected abstract trapLoop(): Join;

  // ---- paths

  /** Ends this path at `join`. */
  goto(join: Join, values: readonly Abstract[] = []): void {
    if (this.block === undefined) return;
    join.paths.push({ block: this.block, cells: this.cells, facts: this.facts, values });
    this.#journal.push(() => join.paths.pop());
    this.block = undefined;
  }

  /** As `branch`, each side with its own variables. Sides end somewhere, or go on to `rest`. */
  fork(comparison: Comparison, left: Operand, right: Operand, then: () => void, otherwise: () => void): void {
    const { cells } = this;
    const side = (go: () => void) => () => {
      this.cells = new Map(cells);
      this.#conclude(left);
      go();
      assert(this.block === undefined, "a side of a branch goes nowhere");
    };
    this.branch(comparison, left, right, side(then), side(otherwise));
  }

  /** What follows from what is known of a word: of several kinds that a value may have, only some are left. */
  readonly #implied = new Map<
    Value,
    { holds(range: Range): boolean; union: Union; isLeft(kind: Single["kind"]): boolean }[]
  >();

  imply(
    word: Value,
    holds: (range: Range) => boolean,
    union: Union,
    isLeft: (kind: Single["kind"]) => boolean,
  ): void {
    const rows = this.#implied.get(word) ?? [];
    rows.push({ holds, union, isLeft });
    this.#implied.set(word, rows);
  }

  #conclude(word: Operand): void {
    if (!(word instanceof Value)) return;
    for (const { holds, union, isLeft } of this.#implied.get(word) ?? [])
      if (holds(this.rangeOf(word))) {
        const left = union.alternatives.filter(({ kind }) => isLeft(kind));
        if (left.length > 0 && left.length < union.alternatives.length)
          this.refine(union, this.only(union, left));
      }
  }

  /** Goes on where all paths to `join` meet; gives the values that travelled. Unreachable when there are none. */
  land(join: Join): readonly Abstract[] {
    assert(this.block === undefined, "a path falls into a join");
    const { paths } = join;
    if (paths.length === 0) return [];
    if (paths.length === 1) {
      const [path] = paths as [Path];
      this.block = path.block;
      this.cells = path.cells;
      this.facts = path.facts;
      return path.values;
    }
    const target = this.ir.block();
    const args: Operand[][] = paths.map(() => []);
    const [first] = paths as [Path];
    const cells: Cells = new Map();
    // Strings that have to be in memory get there before the paths meet.
    const meet = (values: readonly Abstract[]): Abstract => this.#meet(target, paths, values, args);
    for (const path of paths)
      for (const [cell, value] of path.cells) {
        if (cells.has(cell) || !(cell.of === "field" || paths.every((other) => other.cells.has(cell))))
          continue;
        cells.set(cell, meet(paths.map((other) => other.cells.get(cell) ?? this.#blank(value))));
      }
    const longest = Math.max(...paths.map((path) => path.values.length));
    const values = Array.from({ length: longest }, (_, i) =>
      meet(paths.map((path) => path.values[i] ?? NIL)),
    );
    for (const [i, value] of values.entries()) this.#learnKinds(paths, i, value, values);
    const counts = paths.map((path) => this.lists.of(path.values));
    const possible = new Set(counts.flatMap((count) => count.possible));
    if (possible.size > 1) {
      const { value } = meet(counts.map(({ word }) => int(word))) as Int;
      this.lists.set(values, value, possible);
    }
    const facts: Facts = new Map();
    for (const [value, range] of first.facts) {
      let all: Range | undefined = range;
      for (const path of paths) {
        const known = path.facts.get(value);
        all = all && known && hull(all, known);
      }
      if (all !== undefined) facts.set(value, all);
    }
    for (const [i, path] of paths.entries()) {
      this.block = path.block;
      this.jump(target, args[i]);
    }
    this.block = target;
    this.cells = cells;
    this.facts = facts;
    return values;
  }

  /** Where the first of the values that met is a boolean, as of `pcall`: what the others are when it is true, or false. */
  #learnKinds(paths: readonly Path[], i: number, value: Abstract, [first]: readonly Abstract[]): void {
    if (i === 0 || value.kind !== "union" || first?.kind !== "bool" || !(first.value instanceof Value))
      return;
    for (const truth of [0n, 1n]) {
      const kinds = new Set<Single["kind"]>();
      for (const { values, facts } of paths) {
        const [condition] = values;
        const word = condition?.kind === "bool" ? condition.value : undefined;
        const known = word instanceof Value ? (facts.get(word) ?? word.range) : word;
        const isOther = typeof known === "bigint" && known !== truth;
        // A text that meets other strings is in memory from here on.
        for (const { kind } of isOther ? [] : alternativesOf(values[i] ?? NIL))
          kinds.add(kind).add(kind === "text" ? "slice" : kind);
      }
      this.imply(
        first.value,
        ({ low, high }) => low === truth && high === truth,
        value,
        (kind) => kinds.has(kind),
      );
    }
  }

  /** Runs `body` until it has no more to learn; `body` jumps to the joins that it gets. */
  protected mark(): { undo(): void } {
    const { block, cells, facts, ir } = this;
    const journal = this.#journal.length;
    const blocks = ir.blocks.length;
    const instructions = block?.instructions.length ?? 0;
    return {
      undo: () => {
        while (this.#journal.length > journal) this.#journal.pop()!();
        ir.blocks.length = blocks;
        this.block = block;
        this.cells = new Map(cells);
        this.facts = new Map(facts);
        if (block === undefined) return;
        block.instructions.length = instructions;
        block.terminator = undefined;
      },
    };
  }

  /** Lets `undo` take back something else, too. */
  protected onUndo(action: () => void): void {
    this.#journal.push(action);
  }

  /**
   * A loop. `body` gets the join that begins the next round; all that leaves the loop goes to joins of the caller.
   * `key` names the loop and the way to it.
   */
  protected loop(key: string, body: (again: Join) => void): void {
    if (this.block === undefined) return;
    let learnt = this.#learnt.get(key);
    if (learnt === undefined) {
      learnt = new Map();
      this.#learnt.set(key, learnt);
    }
    const mark = this.mark();
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      if (this.#tryLoop(learnt, body)) return;
      mark.undo();
    }
    assert(false, `loop ${key} does not settle`);
  }

  #tryLoop(learnt: Map<string, Form>, body: (again: Join) => void): boolean {
    // A round may write what the next one reads.
    const entry = new Map([...this.cells].filter(([cell]) => cell.of !== "state"));
    const header = this.ir.block();
    const args: Operand[] = [];
    const changing: { cell: Cell; form: Form }[] = [];
    const cells: Cells = new Map(entry);
    for (const [cell, value] of entry) {
      const form = learnt.get(cell.key);
      if (form === undefined) continue;
      this.#cover(form, value);
      changing.push({ cell, form });
      args.push(...this.#words(form, value, true));
    }
    const entryFacts = this.facts;
    this.jump(header, args);
    this.block = header;
    for (const { cell, form } of changing) cells.set(cell, this.#parameters(header, form));
    this.cells = cells;
    this.facts = new Map(entryFacts);
    const exit = this.ir.block();
    const next = this.ir.block();
    const atHeader = { cells: new Map(cells), facts: this.facts };
    this.end({
      op: "mayGoto",
      exit: { target: exit, args: [] },
      next: { target: next, args: [] },
      span: this.span,
    });
    this.block = exit;
    exit.isCold = true;
    this.goto(this.trapLoop());
    this.block = next;
    this.cells = new Map(atHeader.cells);
    this.facts = new Map(atHeader.facts);
    const again = new Join();
    body(again);
    assert(this.block === undefined, "a loop's body falls through");
    this.land(again);
    if (this.block === undefined) return true;
    let isSettled = true;
    for (const [cell, before] of atHeader.cells) {
      const after = this.cells.get(cell);
      if (after === undefined || after === before || this.#isSame(before, after)) continue;
      let form = learnt.get(cell.key);
      if (form === undefined) {
        form = new Map();
        this.#cover(form, entry.get(cell)!);
        learnt.set(cell.key, form);
        isSettled = false;
      }
      if (this.#widen(form, after)) isSettled = false;
    }
    if (!isSettled) return false;
    // What the first round begins with was hidden, so that the verifier has seen every other.
    this.jump(
      header,
      changing.flatMap(({ cell, form }) => this.#words(form, this.cells.get(cell)!, false)),
    );
    return true;
  }

  // ---- values where paths meet

  #isSame(a: Abstract, b: Abstract): boolean {
    if (a === b) return true;
    if (a.kind !== b.kind) return false;
    if (a.kind === "union" || b.kind === "union") return false;
    if (this.kinds.shapeOf(a) !== this.kinds.shapeOf(b)) return false;
    if (a.kind === "text" && b.kind === "text") return a.text === b.text;
    const words = this.#wordsOf(b);
    return this.#wordsOf(a).every((word, i) => word === words[i]);
  }

  #wordsOf(value: Single): Operand[] {
    switch (value.kind) {
      case "int":
      case "bool":
        return [value.value];
      case "slice":
        return [value.base, value.offset, value.length];
      case "dynamic":
        return [value.id];
      case "connection":
        return [value.base];
      case "view":
        return value.of === "copy" ? [value.lead, value.size] : [];
      case "deferred":
        return value.args.flatMap((arg) => this.#wordsOf(arg));
      default:
        return [];
    }
  }

  #withWords(proto: Single, words: readonly Operand[]): Single {
    switch (proto.kind) {
      case "int":
        return { kind: "int", value: words[0]! };
      case "bool":
        return { kind: "bool", value: words[0]! };
      case "slice":
      case "text":
        return { kind: "slice", base: words[0] as Value, offset: words[1]!, length: words[2]! };
      case "dynamic":
        return { ...proto, id: words[0]! };
      case "connection":
        return { ...proto, base: words[0] as Value };
      case "view":
        return proto.of === "copy" ? { ...proto, lead: words[0]!, size: words[1]! } : proto;
      case "deferred": {
        let taken = 0;
        const args = proto.args.map((arg) => {
          if (arg.kind === "text") return arg;
          const count = this.#wordKinds(arg).length;
          taken += count;
          return this.#withWords(arg, words.slice(taken - count, taken));
        });
        return { ...proto, args };
      }
      default:
        return proto;
    }
  }

  #wordKinds(proto: Single): ("int" | "pointer")[] {
    switch (proto.kind) {
      case "int":
      case "bool":
      case "dynamic":
        return ["int"];
      case "view":
        return proto.of === "copy" ? ["int", "int"] : [];
      case "slice":
      case "text":
        return ["pointer", "int", "int"];
      case "connection":
        return ["pointer"];
      case "deferred":
        return proto.args.flatMap((arg) => (arg.kind === "text" ? [] : this.#wordKinds(arg)));
      default:
        return [];
    }
  }

  /** Any value of that kind, where nobody asks for it. */
  #blank(value: Abstract): Single {
    const [proto] = alternativesOf(value) as [Single];
    if (proto.kind === "text") return proto;
    return this.#withWords(
      proto,
      this.#wordKinds(proto).map((kind) => (kind === "pointer" ? this.anyAddress(undefined) : 0n)),
    );
  }

  #inMemory(value: Single): Single {
    return value.kind === "text" ? this.sliceOf(value) : value;
  }

  /** The words of a union's alternative or of a value, by shape. */
  #byShape(value: Abstract): Map<string, Single> {
    return new Map(alternativesOf(value).map((single) => [this.kinds.shapeOf(single), single]));
  }

  #tagOf(value: Abstract): Operand {
    return value.kind === "union" ? value.tag : this.kinds.tagOf(this.kinds.shapeOf(value));
  }

  #meet(
    target: Block,
    paths: readonly Path[],
    values: readonly Abstract[],
    args: readonly Operand[][],
  ): Abstract {
    const [first] = values as [Abstract];
    if (values.every((value) => this.#isSame(first, value))) return first;
    const word = (words: readonly Operand[], kind: "int" | "pointer"): Operand => {
      if (words.every((other) => other === words[0])) return words[0]!;
      let range: Range | undefined;
      for (const [i, operand] of words.entries()) {
        if (kind === "pointer") continue;
        const known =
          typeof operand === "bigint"
            ? { low: operand, high: operand }
            : (paths[i]!.facts.get(operand) ?? operand.range);
        range = range === undefined ? known : hull(range, known);
      }
      const parameter = this.ir.value(kind, range);
      target.parameters.push(parameter);
      for (const [i, operand] of words.entries()) args[i]!.push(operand);
      return parameter;
    };
    const shapes = values.map((value) => this.#byShape(value));
    const all = new Map<string, Single>();
    for (const shape of shapes)
      for (const [name, single] of shape) {
        const known = all.get(name);
        if (known === undefined || known.kind === "text") all.set(name, single);
      }
    const alternatives: Single[] = [];
    for (const [name, proto] of all) {
      const present = shapes.map((shape) => shape.get(name));
      const given = present.filter((single) => single !== undefined);
      // What only some paths have is not there on the others, constants aside.
      const isThere =
        given.length === paths.length || this.#wordsOf(given[0]!).every((word) => typeof word === "bigint");
      if (isThere && given.every((single) => this.#isSame(given[0]!, single))) {
        alternatives.push(given[0]!);
        continue;
      }
      const inMemory = present.map((single, i) =>
        single === undefined ? undefined : this.#at(paths[i]!, () => this.#inMemory(single)),
      );
      // Words of a kind that a path does not have: those of another path would not be there, any constant is.
      const filler = inMemory.find((single) => single !== undefined)!;
      const words = this.#wordKinds(proto).map((kind, w) =>
        word(
          inMemory.map((single) => {
            if (single !== undefined) return this.#wordsOf(single)[w]!;
            const shared = this.#wordsOf(filler)[w]!;
            if (kind === "pointer") return this.anyAddress(shared);
            return typeof shared === "bigint" ? shared : 0n;
          }),
          kind,
        ),
      );
      alternatives.push(this.#withWords(proto, words));
    }
    if (alternatives.length === 1) return alternatives[0]!;
    const tag = word(
      values.map((value) => this.#tagOf(value)),
      "int",
    );
    assert(tag instanceof Value, "kinds differ");
    return { kind: "union", tag, alternatives } satisfies Union;
  }

  /** Runs `action` at the end of another path. */
  #at<T>(path: Path, action: () => T): T {
    const { block, facts } = this;
    this.block = path.block;
    this.facts = path.facts;
    const result = action();
    this.block = block;
    this.facts = facts;
    return result;
  }

  #rangesOf(value: Single): Range[] {
    return this.#wordsOf(this.#inMemory(value)).map((word) =>
      word instanceof Value && word.kind === "pointer" ? ANY : this.rangeOf(word),
    );
  }

  /** Makes `form` hold `value`; true when it had to grow. */
  #grow(form: Form, value: Abstract, grow: (old: Range, seen: Range) => Range): boolean {
    let hasGrown = false;
    for (const [name, single] of this.#byShape(value)) {
      const ranges = this.#rangesOf(single);
      const known = form.get(name);
      if (known === undefined) {
        form.set(name, { proto: single, ranges });
        hasGrown = true;
        continue;
      }
      if (known.proto.kind === "text") known.proto = this.#inMemory(known.proto);
      for (const [i, seen] of ranges.entries()) {
        const old = known.ranges[i]!;
        if (seen.low >= old.low && seen.high <= old.high) continue;
        known.ranges[i] = grow(old, seen);
        hasGrown = true;
      }
    }
    return hasGrown;
  }

  #cover(form: Form, value: Abstract): void {
    this.#grow(form, value, hull);
  }

  #widen(form: Form, value: Abstract): boolean {
    return this.#grow(form, value, widened);
  }

  #parameters(block: Block, form: Form): Abstract {
    const parameter = (kind: "int" | "pointer", range: Range): Value => {
      const value = this.ir.value(kind, range);
      block.parameters.push(value);
      return value;
    };
    const tag = form.size > 1 ? parameter("int", ANY) : undefined;
    const alternatives = [...form.values()].map(({ proto, ranges }) =>
      this.#withWords(
        proto,
        this.#wordKinds(proto).map((kind, i) => parameter(kind, ranges[i]!)),
      ),
    );
    return tag === undefined ? alternatives[0]! : { kind: "union", tag, alternatives };
  }

  /** The words for the parameters that `#parameters` makes of `form`, numbers hidden or not. */
  #words(form: Form, value: Abstract, isHidden: boolean): Operand[] {
    const shapes = this.#byShape(value);
    const words: Operand[] = [];
    if (form.size > 1) words.push(this.#tagOf(value));
    for (const [name, { proto }] of form) {
      const single = shapes.get(name);
      const own = single === undefined ? undefined : this.#wordsOf(this.#inMemory(single));
      for (const [i, kind] of this.#wordKinds(proto).entries()) {
        const word = own?.[i] ?? (kind === "pointer" ? this.anyAddress(undefined) : 0n);
        const isNumber = kind === "int" && own !== undefined && proto.kind !== "bool";
        words.push(isHidden && isNumber ? this.launder(word) : word);
      }
    }
    return words;
  }

  // ---- kinds

  /** Runs `each` for what `value` can be, and joins what it gives. */
  dispatch(value: Abstract, each: (single: Single) => Abstract): Abstract {
    if (value.kind !== "union") return each(value);
    const rest = new Join();
    this.cases(value, (single) => this.goto(rest, [each(single)]));
    return this.land(rest)[0] ?? NIL;
  }

  /** Branches by what `value` can be; each way ends somewhere. */
  cases(value: Abstract, each: (single: Single) => void): void {
    if (this.block === undefined) return;
    if (value.kind !== "union") {
      each(value);
      return;
    }
    const step = (i: number): void => {
      const single = value.alternatives[i]!;
      const go = (): void => {
        this.refine(value, single);
        each(single);
      };
      if (i === value.alternatives.length - 1) {
        go();
        return;
      }
      this.fork("jeq", value.tag, this.kinds.tagOf(this.kinds.shapeOf(single)), go, () => step(i + 1));
    };
    step(0);
    assert(this.block === undefined, "a case goes nowhere");
  }

  /** Branches by how many values a list has; each way gets a list of exactly those, and ends somewhere. */
  byCount(list: readonly Abstract[], each: (exact: readonly Abstract[]) => void): void {
    if (this.block === undefined) return;
    const { word, possible } = this.lists.of(list);
    const step = (i: number): void => {
      const count = possible[i]!;
      const go = (): void => each(possible.length === 1 ? list : list.slice(0, count));
      if (i === possible.length - 1) go();
      else this.fork("jeq", word, BigInt(count), go, () => step(i + 1));
    };
    step(0);
    assert(this.block === undefined, "a count goes nowhere");
  }

  /** Values, and a list behind them. */
  listOf(first: readonly Abstract[], rest: readonly Abstract[]): Abstract[] {
    const whole = [...first, ...rest];
    const { word, possible } = this.lists.of(rest);
    if (possible.length === 1) return whole;
    const sum = this.binary("add", word, BigInt(first.length));
    return this.lists.set(
      whole,
      sum,
      possible.map((count) => count + first.length),
    );
  }

  /** A list without its first `count` values, as far as it has them. */
  listBehind(list: readonly Abstract[], count: number): readonly Abstract[] {
    const rest = list.slice(count);
    const { possible } = this.lists.of(list);
    const left = possible.map((each) => Math.max(0, each - count));
    if (new Set(left).size === 1) return rest;
    const known = new Join();
    this.byCount(list, (exact) => this.goto(known, [int(BigInt(Math.max(0, exact.length - count)))]));
    const [{ value }] = this.land(known) as [Int];
    return this.lists.set(rest, value, left);
  }

  /** From here on variables that held `old` hold `now`. */
  protected refine(old: Abstract, now: Abstract): void {
    for (const [cell, value] of this.cells) if (value === old) this.cells.set(cell, now);
  }

  /** The union of some of its alternatives. */
  protected only(value: Union, alternatives: readonly Single[]): Abstract {
    return alternatives.length === 1 ? alternatives[0]! : { ...value, alternatives };
  }

  /** Two ways by the truth of a value; each ends somewhere. */
  byTruth(value: Abstract, then: (value: Abstract) => void, otherwise: (value: Abstract) => void): void {
    if (this.block === undefined) return;
    const singles = alternativesOf(value);
    const isFalse = (single: Single): boolean | undefined => {
      if (single.kind === "nil") return true;
      if (single.kind !== "bool") return false;
      const known = this.constantOf(single.value);
      return known === undefined ? undefined : known === 0n;
    };
    const whenTrue = singles.filter((single) => isFalse(single) !== true);
    const whenFalse = singles.filter((single) => isFalse(single) !== false);
    if (whenTrue.length === 0) {
      otherwise(value);
      return;
    }
    if (whenFalse.length === 0) {
      then(value);
      return;
    }
    if (value.kind !== "union") {
      assert(value.kind === "bool", "only booleans are neither true nor false");
      const decide = (constant: bigint, go: (value: Abstract) => void) => () => {
        const known: Single = { kind: "bool", value: constant };
        this.refine(value, known);
        go(known);
      };
      this.fork("jne", value.value, 0n, decide(1n, then), decide(0n, otherwise));
      return;
    }
    // Alternatives that are always one of both go together, so that what follows is emitted once for each truth.
    const truth = new Join();
    const untruth = new Join();
    const decided = (rest: readonly Single[]): void => {
      const sure = rest.filter((single) => isFalse(single) !== undefined);
      const open = rest.find((single) => isFalse(single) === undefined);
      if (open !== undefined && rest.length > 1) {
        this.fork(
          "jeq",
          value.tag,
          this.kinds.tagOf(this.kinds.shapeOf(open)),
          () => decided([open]),
          () => decided(sure),
        );
      } else if (open?.kind === "bool") {
        this.fork(
          "jne",
          open.value,
          0n,
          () => this.goto(truth),
          () => this.goto(untruth),
        );
      } else {
        const falsy = sure.filter((single) => isFalse(single) === true);
        if (falsy.length === 0) this.goto(truth);
        else if (falsy.length === sure.length) this.goto(untruth);
        // The only one of these is nil.
        else
          this.fork(
            "jeq",
            value.tag,
            this.kinds.tagOf(this.kinds.shapeOf(falsy[0]!)),
            () => this.goto(untruth),
            () => this.goto(truth),
          );
      }
    };
    decided(singles);
    const go = (join: Join, kept: readonly Single[], next: (value: Abstract) => void): void => {
      this.land(join);
      if (this.block === undefined) return;
      const known = this.only(value, kept);
      this.refine(value, known);
      next(known);
      assert(this.block === undefined, "a side of a condition goes nowhere");
    };
    go(truth, whenTrue, then);
    go(untruth, whenFalse, otherwise);
  }
}
