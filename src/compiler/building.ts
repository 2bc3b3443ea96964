/**
 * The ground for the functions of the libraries: cells and loops of an activation, the budget, strings that are built,
 * what was read from the state.
 */

import type { LuaTable } from "../lua/table.ts";
import type { LuaFunction, LuaValue } from "../lua/value.ts";
import {
  type Abstract,
  Cell,
  type Int,
  int,
  type LocalObject,
  NIL,
  type Single,
  type Slice,
  text,
  type View,
} from "./abstract.ts";
import { Join } from "./control.ts";
import { decimal } from "./format.ts";
import type { Frame } from "./frame.ts";
import type { AccessSize, Operand, Value } from "./ir.ts";
import { Operations } from "./operations.ts";
import type { Window } from "./packet.ts";
import type { Specializer } from "./specializer.ts";
import { FRAMES } from "./target.ts";

export abstract class Building extends Operations {
  protected override readonly heapTop = new Cell("heap top");
  protected readonly budget = new Cell("budget");
  frame!: Frame;
  #loops = 0;

  /** The whole, as functions take it that are in files of their own. */
  protected abstract readonly self: Specializer;
  abstract abstractOf(value: LuaValue): Single;
  protected abstract defer(
    f: LuaFunction | "..",
    args: readonly Abstract[],
    types: readonly ("string" | "number")[],
  ): readonly Abstract[] | undefined;

  protected override newCell(name: string, value: Abstract): Cell {
    const cell = new Cell(`${this.frame.path}/${name}`);
    this.cells.set(cell, value);
    return cell;
  }

  protected override loopKey(name: string): string {
    return `${this.frame.path}/${name} ${this.span?.line}:${this.span?.column} ${this.#loops++}`;
  }

  protected override charge(): void {
    this.shared.require("budget");
    const left = this.cells.get(this.budget) as Int;
    const rest = this.binary("sub", left.value, 1n);
    const go = new Join();
    this.fork(
      "jslt",
      rest,
      0n,
      () => this.goto(this.trapLoop()),
      () => this.goto(go),
    );
    this.land(go);
    this.cells.set(this.budget, int(rest));
  }

  // ---- for the functions of the libraries

  /** The same word, of which more is known than its operation tells. */
  bounded(word: Operand, low: bigint, high: bigint): Operand {
    if (typeof word === "bigint") return word;
    const result = this.ir.value("int", { low, high });
    this.emit({ op: "binary", operation: "add", result, left: word, right: 0n, span: this.span });
    return result;
  }

  /** Fails where a window does not hold `size` bytes at `offset`; false when no path is left. */
  packetHolds({ limit, length }: Window, offset: Operand, size: Operand, name: string): boolean {
    const bad = new Join();
    const good = new Join();
    const short = new Join();
    const within = (): void => {
      const end = this.binary("add", offset, size);
      this.fork(
        "jgt",
        end,
        limit,
        () => this.goto(limit === length ? bad : short, [int(end)]),
        () => this.goto(good),
      );
    };
    const isSmall = (word: Operand): boolean => {
      const { low, high } = this.rangeOf(word);
      return low >= 0n && high < 1n << 32n;
    };
    // What is negative, or far too large, must not wrap around in the sum.
    const check = (words: readonly Operand[]): void => {
      const [word, ...rest] = words;
      if (word === undefined) within();
      else if (isSmall(word)) check(rest);
      else
        this.fork(
          "jgt",
          word,
          length,
          () => this.goto(bad),
          () => check(rest),
        );
    };
    const constant = this.constantOf(size);
    if (constant !== undefined && constant <= 0n) this.goto(bad);
    else if (constant !== undefined) check([offset]);
    // A range without a byte is not valid.
    else
      this.fork(
        "jeq",
        size,
        0n,
        () => this.goto(bad),
        () => check([offset, size]),
      );
    const [end] = this.land(short);
    if (this.block !== undefined)
      this.fork(
        "jgt",
        (end as Int).value,
        length,
        () => this.goto(bad),
        () => this.punt("bytes further back than the program has room for"),
      );
    this.land(bad);
    if (this.block !== undefined) this.fail(`bad argument #1 to '${name}' (out of bounds)`);
    this.land(good);
    return this.block !== undefined;
  }

  /** A string that stays when what it was taken from changes. */
  copied(slice: Slice): Abstract {
    return this.build([slice]);
  }

  /** Writes a word into a packet where a view that begins `lead` bytes before the network header has `offset`. */
  putWord(of: View["of"], lead: Operand, offset: Operand, size: AccessSize, word: Operand): void {
    const value = typeof word === "bigint" ? BigInt.asIntN(64, BigInt.asUintN(8 * size, word)) : word;
    if (of === "copy") {
      this.store(size, this.copyAddress(offset, lead), 0, value);
      return;
    }
    const place = this.stack("written", 8);
    this.store(size, place, 0, value);
    this.putIntoPacket(offset, lead, place, BigInt(size));
  }

  /** Writes a string into a packet; it is not empty, and fits. */
  putString(of: View["of"], lead: Operand, offset: Operand, value: Single): void {
    const source = this.sliceOf(value);
    if (of === "copy") {
      const bytes = this.bound(source.length, BigInt(FRAMES.mostBytes));
      this.copy(this.copyAddress(offset, lead), bytes, this.address(source.base, source.offset));
      return;
    }
    // The kernel takes bytes to write from memory whose bounds it sees.
    const built = source.base === this.heapRead ? source : (this.copied(source) as Slice);
    if (this.block === undefined) return;
    const size = this.shownLength(built.length, BigInt(this.heapBytes));
    this.putIntoPacket(offset, lead, this.heapAddress(built.offset), size);
  }

  /** A loop over a number that begins with `from`; `body` ends each way, by `next` with the following number or elsewhere. */
  count(
    name: string,
    from: Operand,
    body: (here: Operand, next: (following: Operand) => void) => void,
  ): void {
    if (this.block === undefined) return;
    const index = this.newCell(`${name} ${this.#loops}`, int(from));
    this.loop(this.loopKey(name), (again) => {
      const here = (this.cells.get(index) as Int).value;
      this.charge();
      body(here, (following) => {
        this.cells.set(index, int(following));
        this.goto(again);
      });
    });
  }

  /** A loop that is no loop of the script. */
  repeat(name: string, body: (again: Join) => void): void {
    this.loop(this.loopKey(name), body);
  }

  /** A copy of a string with the letters from `first` to `last` in their other case. */
  mapCase(slice: Slice, first: bigint, last: bigint): Abstract {
    const start = this.reserve(slice.length);
    if (this.block === undefined) return NIL;
    const each = (byte: bigint): bigint => BigInt.asIntN(64, byte * 0x0101010101010101n);
    const done = new Join();
    this.count("case", 0n, (i, next) =>
      this.fork(
        "jsge",
        i,
        slice.length,
        () => this.goto(done),
        () => {
          const word = this.load(8, this.address(slice.base, this.binary("add", slice.offset, i)), 0);
          // Adding brings each byte's top bit up for letters at or above a bound; the two sums differ between both.
          const low = this.binary("and", word, each(0x7fn));
          const above = this.binary("add", low, each(128n - first));
          const beyond = this.binary("add", low, each(127n - last));
          const between = this.binary("xor", above, beyond);
          const isAscii = this.binary("xor", word, -1n);
          const tops = this.binary("and", this.binary("and", between, isAscii), each(0x80n));
          const changed = this.binary("xor", word, this.binary("rsh", tops, 2n));
          this.store(8, this.heapAddress(this.binary("add", start, i)), 0, changed);
          next(this.binary("add", i, 8n));
        },
      ),
    );
    this.land(done);
    if (this.block === undefined) return NIL;
    this.pad(this.binary("add", start, slice.length));
    return this.paddedString({ kind: "slice", base: this.heapRead, offset: start, length: slice.length });
  }

  /** The address of a string as a key of `keyBytes` bytes, zeros behind it; it is no longer than that. */
  paddedKey(slice: Slice, keyBytes: number): Value {
    const built = this.paddedTo(slice, keyBytes);
    return built === undefined ? this.heapRead : this.heapAddress(built.offset);
  }

  /** A string without its first `start` bytes, `length` in all; what lies behind it stays as it is. */
  tailOf(slice: Slice, start: Operand, length: Operand): Slice {
    const tail: Slice = { ...slice, offset: this.binary("add", slice.offset, start), length };
    return this.padded.has(slice) ? this.paddedString(tail) : tail;
  }

  /** The same string with zeros behind it, as many as make it a key of `keyBytes` bytes; undefined where there is no room. */
  paddedTo(slice: Slice, keyBytes: number): Slice | undefined {
    this.shared.requirePadding(keyBytes);
    if (this.padded.has(slice)) return slice;
    const built = this.build([slice]);
    return built.kind === "slice" ? built : undefined;
  }

  // What this path has read from the state: a place in a map stays what it is until another entry is made, which may
  // take it, and a value until something is written.

  readonly #remembered = new Map<object, Map<string, Cell>>();

  remembered(of: object, key: string): Abstract | undefined {
    const cell = this.#remembered.get(of)?.get(key);
    return cell && this.cells.get(cell);
  }

  remember(of: object, key: string, value: Abstract): void {
    let cells = this.#remembered.get(of);
    if (cells === undefined) {
      cells = new Map();
      this.#remembered.set(of, cells);
    }
    let cell = cells.get(key);
    if (cell === undefined) {
      cell = new Cell(`state ${key}`, "state");
      cells.set(key, cell);
    }
    this.cells.set(cell, value);
  }

  /** All that is remembered of one thing. */
  rememberedOf(of: object): (readonly [key: string, value: Abstract])[] {
    return [...(this.#remembered.get(of) ?? [])].flatMap(([key, cell]) => {
      const value = this.cells.get(cell);
      return value === undefined ? [] : [[key, value] as const];
    });
  }

  /** Forgets what begins with `kind`. */
  forget(of: object, kind: string): void {
    for (const [key, cell] of this.#remembered.get(of) ?? [])
      if (key.startsWith(kind)) this.cells.delete(cell);
  }

  // ---- strings that are built

  newVariable(name: string, value: Abstract): Cell {
    return this.newCell(`${name} ${this.#loops++}`, value);
  }

  /** A value as a string, as `..` takes it; undefined where it takes none. */
  textValue(value: Single): Single | undefined {
    if (value.kind === "text" || value.kind === "slice") return value;
    if (value.kind === "deferred") return value;
    if (value.kind !== "int") return undefined;
    const constant = this.constantText(value);
    return constant === undefined ? decimal(this.self, value.value) : text(constant);
  }

  /** One string of several, constants put together first. */
  joined(pieces: readonly Single[]): Single {
    if (pieces.some(({ kind }) => kind === "deferred"))
      return pieces.reduce((left, right) => this.defer("..", [left, right], ["string"])![0] as Single);
    const merged: Single[] = [];
    for (const piece of pieces) {
      const last = merged.at(-1);
      if (piece.kind === "text" && piece.text === "") continue;
      if (last?.kind === "text" && piece.kind === "text")
        merged[merged.length - 1] = text(last.text + piece.text);
      else merged.push(piece);
    }
    if (merged.length === 0) return text("");
    return merged.length === 1 ? merged[0]! : (this.build(merged) as Single);
  }

  wordKey(key: Int): Value {
    const place = this.stack("key", 8);
    this.store(8, place, 0, key.value);
    return place;
  }

  setMetatable(object: LocalObject, metatable: LuaTable): void {
    object.metatable = metatable;
  }
}
