/**
 * Runs a hook on a packet that is not there yet: what is constant is computed, calls are followed, and what depends on
 * the packet becomes code. Each function is inlined where it is called, with what is known of its arguments.
 */

import type {
  CallExpression,
  Expression,
  FunctionBody,
  Block as LuaBlock,
  Statement,
  Target,
  Variable,
} from "../lua/ast.ts";
import { describe, isItself, needsCell } from "../lua/emit-names.ts";
import { fromBigInt, toBigInt } from "../lua/int64.ts";
import type { FunctionInfo, LinkedChunk } from "../lua/machine.ts";
import type { LuaState } from "../lua/state.ts";
import { LuaTable } from "../lua/table.ts";
import { type LuaFunction, LuaInt64, LuaUserdata, type LuaValue, resultList, W } from "../lua/value.ts";
import { assert } from "../util/assert.ts";
import {
  type Abstract,
  alternativesOf,
  bool,
  Cell,
  FALSE,
  type Int,
  int,
  LocalObject,
  NIL,
  type Single,
  type Slice,
  TRUE,
  text,
  typeOf,
} from "./abstract.ts";
import { lookUp } from "./constant-table.ts";
import { Join } from "./control.ts";
import { DEFERRED, printedParts, pureClosure } from "./deferred.ts";
import { calledLater, isKnown, partOf } from "./deferred-types.ts";
import { CannotCompile } from "./diagnostics.ts";
import { decimal } from "./format.ts";
import { Frame, type LiveVariable } from "./frame.ts";
import { INTRINSICS, PURE } from "./intrinsics.ts";
import { INT64_MAX, INT64_MIN, type Operand, type Value } from "./ir.ts";
import { Operations } from "./operations.ts";
import { appendToRope, makeRope } from "./ropes.ts";
import type { Shared } from "./shared.ts";
import {
  makeTable,
  readEntry,
  readField,
  readSlot,
  writeEntry,
  writeField,
  writeSlot,
} from "./state-access.ts";
import type { DynamicClass } from "./state-classes.ts";
import { CONFIG, type KernelLayout, SCRATCH } from "./target.ts";

/** Where a hook comes from. */
export interface Script {
  readonly state: LuaState;
  /** A native function's name, as `string.byte` or, for methods, `skb.data`. */
  nameOf(f: LuaFunction): string | undefined;
  /** The function of that name. */
  native(name: string): LuaFunction | undefined;
}

const MOST_DEPTH = 40;
/** Trips of a numeric loop that are written out one by one. */
const MOST_UNROLLED = 16;

export class Specializer extends Operations {
  readonly script: Script;
  protected override readonly heapTop = new Cell("heap top");
  readonly #budget = new Cell("budget");
  frame!: Frame;
  #loops = 0;
  /** Attempts that are under way, whose failure is no end. */
  #tries = 0;

  constructor(name: string, script: Script, shared: Shared, layout: KernelLayout) {
    super(name, shared, layout);
    this.script = script;
  }

  /** Compiles a hook. Throws `CannotCompile` when no packet could be decided. */
  compile(hook: LuaFunction, mark: number | undefined): void {
    this.prologue(mark);
    this.cells.set(this.heapTop, int(0n));
    if (this.shared.needs.has("budget")) this.cells.set(this.#budget, int(this.config(CONFIG.budget)));
    const info = this.script.state.functionInfo(hook);
    if (info === undefined) this.refuse("a hook that is a native function", "write a function around it");
    this.#know(info);
    const results = this.callLua(
      info.body,
      undefined,
      liveVariables(info, hook),
      [{ kind: "skb" }],
      info.source,
    );
    this.source = info.source;
    this.at(info.body);
    this.verdict(results);
    this.epilogue();
  }

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
    const left = this.cells.get(this.#budget) as Int;
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
    this.cells.set(this.#budget, int(rest));
  }

  // ---- values of the script

  /** What a value of the loaded script is here. */
  abstractOf(value: LuaValue): Single {
    if (value === undefined) return NIL;
    if (typeof value === "boolean") return bool(value);
    if (typeof value === "number" || value instanceof LuaInt64) return int(toBigInt(value));
    if (typeof value === "string") return text(value);
    if (value instanceof LuaTable) {
      const dynamic = this.shared.state.tableOf(value);
      if (dynamic !== undefined) return { kind: "dynamic", id: dynamic.id, class: dynamic.class.root };
      return { kind: "table", table: value };
    }
    if (typeof value === "function") return { kind: "function", f: value };
    return this.refuse(
      `a ${value instanceof LuaUserdata ? "userdata" : "value"} from the time of loading`,
      "use tables, strings and integers there",
    );
  }

  /** The value itself, where it is constant. */
  constantValue(value: Abstract): { readonly value: LuaValue } | undefined {
    switch (value.kind) {
      case "nil":
        return { value: undefined };
      case "text":
        return { value: value.text };
      case "table":
        return { value: value.table };
      case "function":
        return { value: value.f };
      case "int": {
        const constant = this.constantOf(value.value);
        return constant === undefined ? undefined : { value: fromBigInt(constant) };
      }
      case "bool": {
        const constant = this.constantOf(value.value);
        return constant === undefined ? undefined : { value: constant !== 0n };
      }
      default:
        return undefined;
    }
  }

  /** Calls a native function on constants, as the script would. An error it raises is raised here. */
  callNow(f: LuaFunction, args: readonly LuaValue[]): Abstract[] {
    try {
      return resultList(this.script.state.call(f, ...args)).map((value) => this.abstractOf(value));
    } catch (error) {
      if (error instanceof CannotCompile) throw error;
      let message = error instanceof Error ? error.message : String(error);
      const name = this.script.nameOf(f) ?? "?";
      if (this.isBare) message = message.replace(`'${name.slice(name.indexOf(".") + 1)}'`, `'${name}'`);
      // A call from outside the language has no place that says how many arguments were given.
      this.fail(
        message.replace(/^bad argument #(\d+)(.*?)(got no value)?(\)?)$/s, (_, n, rest, got = "", end) => {
          const isGiven = Number(n) <= args.length && !this.isBare;
          return `bad argument #${n - this.skippedArguments}${rest}${got && isGiven ? "got nil" : got}${end}`;
        }),
      );
      return [];
    }
  }

  /** Runs `action`; when it gives nothing, or cannot be compiled, all that it emitted is taken back. */
  tentatively<T>(action: () => T | undefined): T | undefined {
    const mark = this.mark();
    const cells = new Map(this.cells);
    const facts = new Map(this.facts);
    const { frame, source, span } = this;
    const handlers = this.handlers.length;
    const scopes = frame.scopes.length;
    this.#tries++;
    try {
      const result = action();
      if (result !== undefined) return result;
    } catch (error) {
      if (!(error instanceof CannotCompile)) throw error;
      this.frame = frame;
      this.source = source;
      this.handlers.length = handlers;
      frame.scopes.length = scopes;
    } finally {
      this.#tries--;
    }
    this.span = span;
    mark.undo();
    this.cells = cells;
    this.facts = facts;
    return undefined;
  }

  // ---- for the functions of the libraries

  /** Branches by what a value can be; each way ends somewhere. */
  eachKind(value: Abstract, each: (single: Single) => void): void {
    this.cases(value, each);
  }

  eachValue(value: Abstract, each: (single: Single) => Abstract): Abstract {
    return this.dispatch(value, each);
  }

  byTruthOf(value: Abstract, then: (value: Abstract) => void, otherwise: (value: Abstract) => void): void {
    this.byTruth(value, then, otherwise);
  }

  equalTo(left: Abstract, right: Abstract, then: () => void, otherwise: () => void): void {
    this.equal(left, right, then, otherwise);
  }

  numeralOf(value: Single): Int | undefined {
    return this.numeral(value);
  }

  textOf(value: Abstract): string | undefined {
    return this.constantText(value);
  }

  configWord(offset: number): Value {
    return this.config(offset);
  }

  /** The same word, of which more is known than its operation tells. */
  bounded(word: Operand, low: bigint, high: bigint): Operand {
    if (typeof word === "bigint") return word;
    const result = this.ir.value("int", { low, high });
    this.emit({ op: "binary", operation: "add", result, left: word, right: 0n, span: this.span });
    return result;
  }

  /** Fails where the packet does not hold `size` bytes at `offset`; false when no path is left. */
  packetHolds(offset: Operand, size: Operand, name: string): boolean {
    const { limit, length } = this.window;
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
    this.shared.requirePadding(keyBytes);
    const built = this.padded.has(slice) ? slice : this.build([slice]);
    if (built.kind !== "slice") return this.heapRead;
    return this.heapAddress(built.offset);
  }

  // What this path has read from the state: a place in a map stays what it is until another entry is made, which may
  // take it, and a value until something is written.

  readonly #remembered = new Map<DynamicClass, Map<string, Cell>>();

  remembered(of: DynamicClass, key: string): Abstract | undefined {
    const cell = this.#remembered.get(of)?.get(key);
    return cell && this.cells.get(cell);
  }

  remember(of: DynamicClass, key: string, value: Abstract): void {
    let cells = this.#remembered.get(of);
    if (cells === undefined) {
      cells = new Map();
      this.#remembered.set(of, cells);
    }
    let cell = cells.get(key);
    if (cell === undefined) {
      cell = new Cell(`state ${of.number} ${key}`, "state");
      cells.set(key, cell);
    }
    this.cells.set(cell, value);
  }

  /** Forgets what begins with `kind`. */
  forget(of: DynamicClass, kind: string): void {
    for (const [key, cell] of this.#remembered.get(of) ?? [])
      if (key.startsWith(kind)) this.cells.delete(cell);
  }

  /** Room for a record that is too long for the stack. */
  recordScratch(): Value {
    return this.address(this.scratch, BigInt(SCRATCH.eventOffset));
  }

  // ---- strings that are built

  newVariable(name: string, value: Abstract): Cell {
    return this.newCell(`${name} ${this.#loops++}`, value);
  }

  reserveBytes(bytes: bigint): Operand {
    return this.reserve(bytes);
  }

  appendBytes(at: Operand, piece: Slice): void {
    this.copyToHeap(at, piece);
  }

  padBytes(end: Operand): void {
    this.pad(end);
  }

  writable(at: Operand): Value {
    return this.heapAddress(at);
  }

  /** A value as a string, as `..` takes it; undefined where it takes none. */
  textValue(value: Single): Single | undefined {
    if (value.kind === "text" || value.kind === "slice") return value;
    if (value.kind === "deferred") return value;
    if (value.kind !== "int") return undefined;
    const constant = this.constantText(value);
    return constant === undefined ? decimal(this, value.value) : text(constant);
  }

  /** One string of several, constants put together first. */
  joined(pieces: readonly Single[]): Single {
    if (pieces.some(({ kind }) => kind === "deferred"))
      return pieces.reduce((left, right) => this.#defer("..", [left, right], ["string"])![0] as Single);
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

  // ---- functions

  callLua(
    body: FunctionBody,
    outer: Frame | undefined,
    live: ReadonlyMap<Variable, LiveVariable>,
    args: readonly Abstract[],
    source: string,
  ): readonly Abstract[] {
    const caller: Frame | undefined = this.frame;
    const depth = (caller?.depth ?? 0) + 1;
    if (depth > MOST_DEPTH)
      this.refuse("a recursion whose depth depends on the packet", "write it as a loop");
    const returns = new Join();
    const path = `${caller?.path ?? ""}/${body.id}@${this.span?.line}:${this.span?.column}#${this.#calls++}`;
    const frame = new Frame(body, outer, live, returns, path, depth);
    const { span, source: callerSource } = this;
    frame.calledAt = this.#isFromHost ? undefined : span;
    this.#isFromHost = false;
    this.frame = frame;
    this.source = source;
    for (const [i, parameter] of body.parameters.entries()) this.declare(parameter, args[i] ?? NIL);
    frame.varargs = args.slice(body.parameters.length);
    if (body.varargTable !== undefined)
      this.refuse("a named vararg table", "use select or a fixed number of arguments");
    this.runBlock(body.body);
    this.goto(returns);
    const results = this.land(returns);
    if (results.every((value) => alternativesOf(value).every((single) => single.kind !== "closure")))
      for (const cell of frame.cells.values()) this.cells.delete(cell);
    this.frame = caller as Frame;
    this.source = callerSource;
    this.span = span;
    return results;
  }

  #calls = 0;
  readonly #chunks = new Map<FunctionBody, LinkedChunk>();

  #know({ chunk, body }: FunctionInfo): void {
    if (!this.#chunks.has(body)) for (const own of chunk.functions) this.#chunks.set(own, chunk);
  }

  /** A function that the hook would make, made now with constants for what it captures. */
  instantiate(body: FunctionBody, captured: readonly unknown[]): LuaFunction | undefined {
    return this.#chunks.get(body)?.instantiate(body.id, captured);
  }

  /** Arguments in front that errors of the native function do not count. */
  skippedArguments = 0;

  /** As `pcall` calls a function: no line of the script is where the call is. */
  callFromHost(f: Abstract, args: readonly Abstract[]): readonly Abstract[] {
    this.#isFromHost = f.kind === "closure" || f.kind === "function";
    return this.call(f, args, undefined);
  }

  #isFromHost = false;

  /** As `pcall` calls a native function: nothing in the script is where its errors come from. */
  callBare(f: LuaFunction, args: readonly Abstract[]): readonly Abstract[] {
    const name = this.script.nameOf(f);
    assert(name !== undefined, "a native function");
    const { span } = this;
    this.isBare = true;
    try {
      return this.#callNative(name, f, args, false);
    } finally {
      this.isBare = false;
      this.span = span;
    }
  }

  /** Calls whatever `callee` may be. */
  call(callee: Abstract, args: readonly Abstract[], name: string | undefined): readonly Abstract[] {
    if (callee.kind !== "union") return this.#callSingle(callee, args, name);
    const rest = new Join();
    this.cases(callee, (single) => this.goto(rest, this.#callSingle(single, args, name)));
    return this.land(rest);
  }

  #callSingle(callee: Single, args: readonly Abstract[], name: string | undefined): readonly Abstract[] {
    if (this.block === undefined) return [];
    if (callee.kind === "closure")
      return this.callLua(callee.body, callee.frame, callee.frame.live, args, this.source);
    if (callee.kind === "function") {
      const native = this.script.nameOf(callee.f);
      if (native !== undefined)
        return this.#callNative(native, callee.f, args, name?.startsWith("method '") === true);
      const info = this.script.state.functionInfo(callee.f);
      if (info !== undefined) {
        this.#know(info);
        return this.callLua(info.body, undefined, liveVariables(info, callee.f), args, info.source);
      }
      this.refuse("a call of a function of the host", "use the functions of the reference");
    }
    if (callee.kind === "table") {
      const handler = callee.table.metatable?.get("__call");
      if (handler !== undefined) return this.call(this.abstractOf(handler), [callee, ...args], undefined);
    }
    this.fail(`attempt to call a ${typeOf(callee)} value${name === undefined ? "" : ` (${name})`}`);
    return [];
  }

  #callNative(
    name: string,
    f: LuaFunction,
    args: readonly Abstract[],
    isMethod: boolean,
  ): readonly Abstract[] {
    // Errors of methods do not count the object; those of userdata never do.
    this.skippedArguments = isMethod && name.startsWith("string.") ? 1 : 0;
    if (PURE.has(name)) {
      const constants = args.map((arg) => this.constantValue(arg));
      if (constants.every((constant) => constant !== undefined))
        return this.callNow(
          f,
          constants.map((constant) => constant!.value),
        );
    }
    const intrinsic = INTRINSICS[name];
    const mark = this.mark();
    try {
      if (intrinsic === undefined)
        this.refuse(`a call of ${name}`, "do this while the script loads, or run it with --on nfqueue");
      return intrinsic(this, args, this.isBare ? name : name.slice(name.indexOf(".") + 1));
    } catch (error) {
      const types = DEFERRED[name];
      if (!(error instanceof CannotCompile) || types === undefined) throw error;
      mark.undo();
      // It must not fail when nobody can change the verdict any more.
      const parts = args.map((arg) => partOf(this, arg));
      if (isKnown(name, parts) && calledLater(this, name, parts, this.skippedArguments > 0) === undefined)
        throw error;
      if (this.block === undefined) return [];
      return this.#defer(f, args, types) ?? this.#rethrow(error);
    }
  }

  #rethrow(error: Error): never {
    throw error;
  }

  /** A call that is made when its result is printed; undefined when it cannot be made then. */
  #defer(
    f: LuaFunction | "..",
    args: readonly Abstract[],
    types: readonly ("string" | "number")[],
  ): readonly Abstract[] | undefined {
    const open = args.findIndex(({ kind }) => kind === "union");
    if (open >= 0) {
      const rest = new Join();
      let isPossible = true;
      this.cases(args[open]!, (single) => {
        const results = this.#defer(f, args.with(open, single), types);
        isPossible &&= results !== undefined;
        this.goto(rest, results);
      });
      const results = this.land(rest);
      return isPossible ? results : undefined;
    }
    const singles = (args as readonly Single[]).map((single) =>
      single.kind === "closure" ? pureClosure(this, single) : single,
    );
    const isPlain = singles.every(
      (single) =>
        single !== undefined &&
        ["nil", "bool", "int", "text", "slice", "deferred"].includes(
          single.kind === "function" ? "nil" : single.kind,
        ),
    );
    if (!isPlain) return undefined;
    return types.map((type, result) => ({ kind: "deferred", f, result, type, args: singles as Single[] }));
  }

  // ---- variables

  declare(variable: Variable, value: Abstract): void {
    const cell = new Cell(`${this.frame.path}/${variable.id}`);
    this.frame.cells.set(variable, cell);
    this.cells.set(cell, value);
  }

  read(variable: Variable): Abstract {
    const cell = this.frame.cellOf(variable);
    if (cell !== undefined) return this.cells.get(cell) ?? NIL;
    const live = this.frame.liveVariable(variable);
    if (live !== undefined) return this.#readLive(live);
    // The globals, as the chunk sees them.
    if (variable.name === "_ENV") return this.abstractOf(this.script.state.globals);
    throw new Error(`variable ${variable.name} is nowhere`);
  }

  /** Whether a hook changes this field. */
  isMutable(table: LuaTable, key: LuaValue): boolean {
    const { state } = this.shared;
    return state.slotOfField(table, key) !== undefined || state.tableOf(table) !== undefined;
  }

  isMutableVariable({ cell }: LiveVariable): boolean {
    return cell !== undefined && this.shared.state.slotOfCell(cell) !== undefined;
  }

  #readLive(live: LiveVariable): Abstract {
    const slot = live.cell && this.shared.state.slotOfCell(live.cell);
    return slot === undefined ? this.abstractOf(live.get()) : readSlot(this, slot);
  }

  /** A variable as a closure of another activation sees it. */
  readIn(frame: Frame, variable: Variable): Abstract {
    const { frame: own } = this;
    this.frame = frame;
    try {
      return this.read(variable);
    } finally {
      this.frame = own;
    }
  }

  write(variable: Variable, value: Abstract): void {
    const cell = this.frame.cellOf(variable);
    if (cell !== undefined) {
      this.cells.set(cell, value);
      return;
    }
    const live = this.frame.liveVariable(variable);
    assert(live !== undefined, `variable ${variable.name} is nowhere`);
    assert(live.cell !== undefined, `variable ${variable.name} is never assigned`);
    const slot = this.shared.state.slotOfCell(live.cell);
    if (slot === undefined) this.shared.state.makeCellSlot(live.cell, live.get);
    else writeSlot(this, slot, value);
  }

  // ---- expressions

  expression(e: Expression): Abstract {
    if (this.block === undefined) return NIL;
    this.at(e);
    switch (e.kind) {
      case "nil":
        return NIL;
      case "true":
        return TRUE;
      case "false":
        return FALSE;
      case "integer":
        return int(toBigInt(e.value));
      case "string":
        return text(e.value);
      case "local":
        return this.read(e.variable);
      case "global":
        return this.index(this.expression(e.env), text(e.name), undefined, e);
      case "index": {
        const object = this.expression(e.object);
        return this.index(object, this.expression(e.key), describe(e.object, this.frame.body), e);
      }
      case "call":
        return this.results(e)[0] ?? NIL;
      case "vararg":
        return this.frame.varargs[0] ?? NIL;
      case "function":
        return { kind: "closure", body: e, frame: this.frame };
      case "paren":
        return this.expression(e.inner);
      case "table":
        return this.#table(e);
      case "unary":
        return this.#unary(e);
      case "binary":
        return this.#binary(e);
    }
  }

  /** All values of an expression list, the last one's all. */
  expressions(list: readonly Expression[]): Abstract[] {
    const values: Abstract[] = [];
    for (const [i, e] of list.entries()) {
      if (i < list.length - 1) values.push(this.expression(e));
      else if (e.kind === "call") values.push(...this.results(e));
      else if (e.kind === "vararg") values.push(...this.frame.varargs);
      else values.push(this.expression(e));
    }
    return values;
  }

  results(e: CallExpression): readonly Abstract[] {
    let callee = this.expression(e.callee);
    let self: Abstract | undefined;
    let name = describe(e.callee, this.frame.body);
    if (e.method !== undefined) {
      self = callee;
      this.at(e);
      callee = this.index(self, text(e.method), name, e);
      name = `method '${e.method}'`;
    }
    if (callee.kind === "function" && this.script.nameOf(callee.f) === "print") {
      this.#print(e);
      return [];
    }
    const args = this.expressions(e.args);
    if (this.block === undefined) return [];
    this.at(e);
    return this.call(callee, self === undefined ? args : [self, ...args], name);
  }

  /** What is printed is put together in user space, from what the packet has to give. */
  #print(e: CallExpression): void {
    const { list, holes } = printedParts(this, e.args);
    if (this.block === undefined) return;
    this.at(e);
    this.log("print", list, holes);
  }

  #unary(e: Extract<Expression, { kind: "unary" }>): Abstract {
    if (e.op === "not") return this.#asValue(e);
    const value = this.expression(e.operand);
    const name = describe(e.operand, this.frame.body);
    this.at(e);
    return this.dispatch(value, (single) => {
      if (e.op === "#") return this.lengthOperator(single, name);
      if (e.op === "-" && (single.kind === "slice" || single.kind === "deferred"))
        this.refuse(
          "arithmetic on a string of the packet",
          "use string.byte or string.unpack to get integers",
        );
      const number = this.numeral(single);
      if (number === undefined && e.op === "-" && single.kind === "text") {
        this.fail("attempt to unm a 'string' with a 'string'");
        return NIL;
      }
      if (number === undefined || (e.op === "~" && single.kind !== "int")) {
        const what = e.op === "-" ? "perform arithmetic on" : "perform bitwise operation on";
        this.fail(`attempt to ${what} a ${typeOf(single)} value${name === undefined ? "" : ` (${name})`}`);
        return NIL;
      }
      return int(e.op === "-" ? this.negate(number.value) : this.binary("xor", number.value, -1n));
    });
  }

  lengthOperator(value: Single, name: string | undefined): Abstract {
    switch (value.kind) {
      case "text":
      case "slice":
        return this.lengthValue(value);
      case "view":
      case "skb":
        return int(this.window.length);
      case "table":
        return int(BigInt(value.table.length()));
      case "local":
        return this.cells.get(value.object.length) ?? int(0n);
      default:
        this.fail(
          `attempt to get length of a ${typeOf(value)} value${name === undefined ? "" : ` (${name})`}`,
        );
        return NIL;
    }
  }

  #binary(e: Extract<Expression, { kind: "binary" }>): Abstract {
    const { op } = e;
    if (op === "and" || op === "or") {
      const rest = new Join();
      const right = (): void => this.goto(rest, [this.expression(e.right)]);
      if (op === "or") this.#truthOf(e.left, (value) => this.goto(rest, [value]), right);
      else if (isCondition(e.left)) this.condition(e.left, right, () => this.goto(rest, [FALSE]));
      else this.byTruth(this.expression(e.left), right, (value) => this.goto(rest, [value]));
      return this.land(rest)[0] ?? NIL;
    }
    if (["==", "~=", "<", "<=", ">", ">="].includes(op)) return this.#asValue(e);
    const left = this.expression(e.left);
    const right = this.expression(e.right);
    const { body } = this.frame;
    const names = { left: describe(e.left, body), right: describe(e.right, body) };
    this.at(e);
    return op === ".." ? this.concat(left, right, names) : this.arithmetic(op, left, right, names);
  }

  /** Two ways by the truth of an expression, with its value where it is true; each ends somewhere. */
  #truthOf(e: Expression, then: (value: Abstract) => void, otherwise: () => void): void {
    if (this.block === undefined) return;
    if (e.kind === "binary" && e.op === "and") {
      const no = new Join();
      this.condition(
        e.left,
        () => this.#truthOf(e.right, then, () => this.goto(no)),
        () => this.goto(no),
      );
      this.#meet(no, otherwise);
    } else if (isCondition(e)) this.condition(e, () => then(TRUE), otherwise);
    else this.byTruth(this.expression(e), then, otherwise);
  }

  /** A condition as a boolean. */
  #asValue(e: Expression): Abstract {
    const rest = new Join();
    this.condition(
      e,
      () => this.goto(rest, [TRUE]),
      () => this.goto(rest, [FALSE]),
    );
    return this.land(rest)[0] ?? NIL;
  }

  /** Two ways by a condition; each ends somewhere. */
  condition(e: Expression, then: () => void, otherwise: () => void): void {
    if (this.block === undefined) return;
    if (e.kind === "paren" && e.inner.kind !== "call" && e.inner.kind !== "vararg") {
      this.condition(e.inner, then, otherwise);
      return;
    }
    if (e.kind === "unary" && e.op === "not") {
      this.condition(e.operand, otherwise, then);
      return;
    }
    const isOperator = e.kind === "binary";
    if (isOperator && (e.op === "and" || e.op === "or")) {
      const short = new Join();
      const long = new Join();
      const [isAnd, whenShort, whenLong] =
        e.op === "and" ? [true, otherwise, then] : [false, then, otherwise];
      const right = (): void =>
        this.condition(
          e.right,
          () => this.goto(isAnd ? long : short),
          () => this.goto(isAnd ? short : long),
        );
      this.condition(e.left, isAnd ? right : () => this.goto(short), isAnd ? () => this.goto(short) : right);
      this.#meet(short, whenShort);
      this.#meet(long, whenLong);
      return;
    }
    if (isOperator && ["==", "~=", "<", "<=", ">", ">="].includes(e.op)) {
      if (this.#byType(e, then, otherwise)) return;
      const left = this.expression(e.left);
      const right = this.expression(e.right);
      if (this.block === undefined) return;
      this.at(e);
      if (e.op === "==") this.equal(left, right, then, otherwise);
      else if (e.op === "~=") this.equal(left, right, otherwise, then);
      else this.ordered(e.op as "<", left, right, then, otherwise);
      return;
    }
    this.byTruth(this.expression(e), then, otherwise);
  }

  /** `type(x) == "…"`: tells apart what x may be, so that each way knows. */
  #byType(e: Extract<Expression, { kind: "binary" }>, then: () => void, otherwise: () => void): boolean {
    const { op, left, right } = e;
    if ((op !== "==" && op !== "~=") || left.kind !== "call" || right.kind !== "string") return false;
    const [arg] = left.args;
    if (left.method !== undefined || left.args.length !== 1 || arg!.kind !== "local") return false;
    const callee = this.expression(left.callee);
    if (callee.kind !== "function" || this.script.nameOf(callee.f) !== "type") return false;
    const value = this.expression(arg!);
    const yes = new Join();
    const no = new Join();
    this.cases(value, (single) => this.goto(typeOf(single) === right.value ? yes : no));
    const [whenYes, whenNo] = op === "==" ? [then, otherwise] : [otherwise, then];
    const go = (join: Join, isYes: boolean, next: () => void): void => {
      this.land(join);
      if (this.block === undefined) return;
      if (value.kind === "union")
        this.refine(
          value,
          this.only(
            value,
            value.alternatives.filter((single) => (typeOf(single) === right.value) === isYes),
          ),
        );
      next();
    };
    go(yes, true, whenYes);
    go(no, false, whenNo);
    return true;
  }

  #meet(join: Join, next: () => void): void {
    this.land(join);
    if (this.block !== undefined) next();
  }

  #table(e: Extract<Expression, { kind: "table" }>): Abstract {
    const of = this.shared.state.classOfSite(e);
    const rope = this.shared.ropeOf(e);
    const object = new LocalObject(`${this.frame.path}/table ${e.line}:${e.column}#${this.#calls++}`, e);
    let next = 1;
    const fields: [string | number, Abstract][] = [];
    const set = (key: string | number, value: Abstract): void => {
      if (of !== undefined || rope !== undefined) {
        if (rope !== undefined && typeof key === "string")
          this.refuse("a list with other fields that is joined", "make two tables");
        fields.push([key, value]);
        return;
      }
      const cell = new Cell(`${object.key}.${key}`, "field");
      object.fields.set(key, cell);
      this.cells.set(cell, value);
    };
    for (const [i, { key, value }] of e.items.entries()) {
      if (key !== undefined) {
        const constant = this.constantValue(this.expression(key));
        if (
          constant === undefined ||
          (typeof constant.value !== "string" && typeof constant.value !== "number")
        )
          this.refuse("a key of a new table that depends on the packet", "use constant keys");
        set(constant.value, this.expression(value));
      } else if (i === e.items.length - 1) for (const item of this.expressions([value])) set(next++, item);
      else set(next++, this.expression(value));
    }
    if (of !== undefined) {
      this.at(e);
      return this.block === undefined ? NIL : makeTable(this, of, fields);
    }
    this.cells.set(object.length, int(BigInt(next - 1)));
    if (rope !== undefined) {
      this.cells.set(object.length, int(0n));
      makeRope(this, object, rope);
      for (const [, value] of fields) appendToRope(this, object, value);
    }
    return { kind: "local", object };
  }

  // ---- tables

  index(object: Abstract, key: Abstract, name: string | undefined, e: Expression): Abstract {
    return this.dispatch(object, (single) => this.indexSingle(single, key, name, e));
  }

  indexSingle(object: Single, key: Abstract, name: string | undefined, e: Expression): Abstract {
    if (this.block === undefined) return NIL;
    const constant = this.constantValue(key);
    switch (object.kind) {
      case "skb":
      case "view":
        return this.#method(object.kind === "skb" ? "skb" : "data", constant?.value);
      case "text":
      case "slice": {
        const methods = this.script.state.stringMetatable?.get("__index");
        if (methods instanceof LuaTable && constant !== undefined)
          return this.abstractOf(methods.get(constant.value));
        return this.refuse("an index of a string", "use the functions of string");
      }
      case "local":
        if (constant !== undefined) return this.#field(object.object, constant.value, e);
        return this.dispatch(key, (single) => this.indexLocal(object.object, single));
      case "dynamic":
        return this.#throughMetatable(
          typeof constant?.value === "string"
            ? readField(this, object, constant.value)
            : readEntry(this, object, key),
          object.class.root.metatable,
          object,
          key,
          e,
        );
      case "table":
        if (constant !== undefined) return this.tableField(object.table, constant.value, e);
        // Fields that change are somewhere else: a computed key must find all of them in one place.
        if (this.shared.state.hasSlots(object.table)) this.shared.state.makeDynamic(object.table);
        return this.dispatch(key, (single) => {
          const known = this.constantValue(single);
          return known === undefined
            ? this.#throughMetatable(
                lookUp(this, object.table, single),
                object.table.metatable,
                object,
                single,
                e,
              )
            : this.tableField(object.table, known.value, e);
        });
      default: {
        this.fail(`attempt to index a ${typeOf(object)} value${name === undefined ? "" : ` (${name})`}`);
        return NIL;
      }
    }
  }

  #method(of: "skb" | "data", name: LuaValue): Abstract {
    const f = typeof name === "string" ? this.script.native(`${of}.${name}`) : undefined;
    return f === undefined ? NIL : { kind: "function", f };
  }

  #field(object: LocalObject, key: LuaValue, e: Expression): Abstract {
    if (object.rope !== undefined)
      this.refuse("an item of a list that is joined", "keep it in a variable, too");
    const cell = typeof key === "string" || typeof key === "number" ? object.fields.get(key) : undefined;
    const value = (cell && this.cells.get(cell)) ?? NIL;
    if (object.metatable === undefined) return value;
    const { metatable } = object;
    return this.dispatch(value, (single) => {
      if (single.kind !== "nil") return single;
      const handler = metatable.get("__index");
      if (handler === undefined) return NIL;
      if (handler instanceof LuaTable) return this.tableField(handler, key, e);
      return (
        this.call(
          this.abstractOf(handler),
          [{ kind: "local", object }, this.abstractOf(key)],
          undefined,
        )[0] ?? NIL
      );
    });
  }

  /** An item of a table that the hook made, by a number that depends on the packet. */
  indexLocal(object: LocalObject, key: Single): Abstract {
    if (key.kind !== "int") return this.refuse("a key that depends on the packet", "use constant keys");
    const rest = new Join();
    const items = [...object.fields].filter((entry): entry is [number, Cell] => typeof entry[0] === "number");
    const step = (i: number): void => {
      const item = items[i];
      if (item === undefined) {
        this.goto(rest, [NIL]);
        return;
      }
      this.fork(
        "jeq",
        key.value,
        BigInt(item[0]),
        () => this.goto(rest, [this.cells.get(item[1]) ?? NIL]),
        () => step(i + 1),
      );
    };
    step(0);
    return this.land(rest)[0] ?? NIL;
  }

  /** A field of a table of the script, with metatables. */
  tableField(table: LuaTable, key: LuaValue, e: Expression): Abstract {
    const slot = this.shared.state.slotOfField(table, key);
    if (slot !== undefined) {
      const self: Single = { kind: "table", table };
      return this.#throughMetatable(readSlot(this, slot), table.metatable, self, this.abstractOf(key), e);
    }
    const raw = table.get(key);
    if (raw !== undefined || table.metatable === undefined) return this.abstractOf(raw);
    const handler = table.metatable.get("__index");
    if (handler === undefined) return NIL;
    if (handler instanceof LuaTable) return this.tableField(handler, key, e);
    return (
      this.call(this.abstractOf(handler), [this.abstractOf(table), this.abstractOf(key)], undefined)[0] ?? NIL
    );
  }

  /** What a table without the key answers, where `value` may be nil. */
  #throughMetatable(
    value: Abstract,
    metatable: LuaTable | undefined,
    self: Single,
    key: Abstract,
    e: Expression,
  ): Abstract {
    const handler = metatable?.get("__index");
    if (handler === undefined) return value;
    return this.dispatch(value, (single) => {
      if (single.kind !== "nil") return single;
      if (handler instanceof LuaTable)
        return this.indexSingle({ kind: "table", table: handler }, key, undefined, e);
      return this.call(this.abstractOf(handler), [self, key], undefined)[0] ?? NIL;
    });
  }

  assign(object: Abstract, key: Abstract, value: Abstract, name: string | undefined): void {
    this.dispatch(object, (single) => {
      if (this.block !== undefined) this.assignSingle(single, key, value, name);
      return NIL;
    });
  }

  assignSingle(object: Single, key: Abstract, value: Abstract, name: string | undefined): void {
    const constant = this.constantValue(key);
    if (object.kind === "local" && object.object.rope !== undefined) {
      const { length, isJoined } = object.object;
      const count = (this.cells.get(length) as Int).value;
      const isNext =
        key.kind === "int" &&
        (typeof key.value === "bigint"
          ? key.value - 1n === this.constantOf(count)
          : this.successors.get(key.value) === count);
      if (!isNext || isJoined)
        this.refuse(
          "a list that is changed otherwise than at its end",
          "use t[#t + 1] = v, and table.concat once",
        );
      appendToRope(this, object.object, value);
    } else if (object.kind === "local") {
      if (constant === undefined && key.kind === "int") this.shared.learnRope(object.object.site);
      if (
        constant === undefined ||
        (typeof constant.value !== "string" && typeof constant.value !== "number")
      )
        this.refuse(
          "a table made for one packet with a key that depends on the packet",
          "use constant keys, or variables",
        );
      this.#assignField(object.object, constant.value, value);
    } else if (object.kind === "dynamic") {
      if (typeof constant?.value === "string") writeField(this, object, constant.value, value);
      else writeEntry(this, object, key, value);
    } else if (object.kind === "table") {
      const { table } = object;
      const { state } = this.shared;
      if (table.metatable?.get("__newindex") !== undefined)
        this.refuse("a change of a table with __newindex", "keep what changes in a table without it");
      const slot = constant === undefined ? undefined : state.slotOfField(table, constant.value);
      if (slot !== undefined) writeSlot(this, slot, value);
      else if (typeof constant?.value === "string") state.makeFieldSlot(table, constant.value);
      else state.makeDynamic(table);
    } else this.fail(`attempt to index a ${typeOf(object)} value${name === undefined ? "" : ` (${name})`}`);
  }

  #assignField(object: LocalObject, key: string | number, value: Abstract): void {
    let cell = object.fields.get(key);
    if (cell === undefined) {
      cell = new Cell(`${object.key}.${key}`, "field");
      object.fields.set(key, cell);
    }
    this.cells.set(cell, value);
    if (typeof key !== "number") return;
    const length = this.constantOf(((this.cells.get(object.length) ?? int(0n)) as Int).value);
    if (length === undefined) this.shared.learnRope(object.site);
    if (BigInt(key) === length + 1n && value.kind !== "nil") this.cells.set(object.length, int(length + 1n));
    else if (BigInt(key) === length && value.kind === "nil") this.cells.set(object.length, int(length - 1n));
  }

  // ---- statements

  /** A block whose locals end with it. */
  runBlock(block: LuaBlock): void {
    this.#statements(block.statements);
    this.#forget(block.statements);
  }

  #statements(statements: readonly Statement[]): void {
    const { scopes } = this.frame;
    const outside = scopes.length;
    for (const statement of statements)
      if (statement.kind === "label") scopes.push({ label: statement.name, target: new Join() });
    for (const statement of statements) {
      if (statement.kind === "label") {
        const scope = scopes.findLast(({ label }) => label === statement.name)!;
        this.goto(scope.target);
        this.land(scope.target);
        scope.isPassed = true;
      } else if (this.block !== undefined) this.#guarded(statement);
    }
    scopes.length = outside;
  }

  /** Locals that nothing can reach any more. */
  #forget(statements: readonly Statement[]): void {
    for (const statement of statements) {
      const variables =
        statement.kind === "local"
          ? statement.variables
          : statement.kind === "localfunction"
            ? [statement.variable]
            : [];
      for (const variable of variables) {
        const cell = this.frame.cells.get(variable);
        if (cell !== undefined && !variable.captured) this.cells.delete(cell);
      }
    }
  }

  /** What cannot be compiled is left to user space, when a packet comes here. */
  #guarded(statement: Statement): void {
    const mark = this.mark();
    const { frame, source, span } = this;
    const scopes = frame.scopes.length;
    const handlers = this.handlers.length;
    try {
      this.statement(statement);
    } catch (error) {
      // Whoever only tries has another way.
      if (!(error instanceof CannotCompile) || this.#tries > 0) throw error;
      mark.undo();
      this.frame = frame;
      this.source = source;
      this.span = error.span ?? span;
      frame.scopes.length = scopes;
      this.handlers.length = handlers;
      const { refusals } = this.shared;
      const isKnown = (other: (typeof refusals)[number]): boolean =>
        other.reason === error.reason &&
        other.span?.line === error.span?.line &&
        other.span?.column === error.span?.column;
      if (!refusals.some(isKnown)) refusals.push(error);
      this.punt(error.reason);
    }
  }

  statement(s: Statement): void {
    this.at(s);
    switch (s.kind) {
      case "local": {
        if (s.variables.some(({ attribute }) => attribute === "close"))
          this.refuse("a variable that is closed", "close it yourself");
        const values = this.expressions(s.values);
        for (const [i, variable] of s.variables.entries()) this.declare(variable, values[i] ?? NIL);
        return;
      }
      case "localfunction":
        this.declare(s.variable, { kind: "closure", body: s.body, frame: this.frame });
        return;
      case "assign":
      case "globalinit":
        this.#assignAll(s.targets, s.values);
        return;
      case "callstat":
        this.results(s.call);
        return;
      case "do":
        this.runBlock(s.body);
        return;
      case "if":
        this.#if(s);
        return;
      case "while":
        this.#while(s);
        return;
      case "repeat":
        this.#repeat(s);
        return;
      case "for":
        this.#for(s);
        return;
      case "forin":
        this.#forin(s);
        return;
      case "return": {
        const values = this.expressions(s.values);
        this.goto(this.frame.returns, values);
        return;
      }
      case "break":
        this.goto(this.frame.scopes.findLast((scope) => scope.label === undefined)!.target);
        return;
      case "goto": {
        const scope = this.frame.scopes.findLast(({ label }) => label === s.label);
        assert(scope !== undefined, `label ${s.label} is nowhere`);
        if (scope.isPassed === true) this.refuse("a goto backwards", "write a loop");
        this.goto(scope.target);
        return;
      }
      case "label":
        return;
    }
  }

  #assignAll(targets: readonly Target[], list: readonly Expression[]): void {
    const places = targets.map((target) => {
      if (target.kind === "local") return undefined;
      return target.kind === "global"
        ? { object: this.expression(target.env), key: text(target.name) as Abstract, name: undefined }
        : {
            object: this.expression(target.object),
            key: this.expression(target.key),
            name: describe(target.object, this.frame.body),
          };
    });
    const values = this.expressions(list);
    if (this.block === undefined) return;
    for (const [i, target] of [...targets.entries()].reverse()) {
      const value = values[i] ?? NIL;
      this.at(target);
      if (this.block === undefined) return;
      if (target.kind === "local") this.write(target.variable, value);
      else this.assign(places[i]!.object, places[i]!.key, value, places[i]!.name);
    }
  }

  #if(s: Extract<Statement, { kind: "if" }>): void {
    const end = new Join();
    const step = (i: number): void => {
      const clause = s.clauses[i];
      if (clause === undefined) {
        if (s.otherwise !== undefined) this.runBlock(s.otherwise);
        this.goto(end);
        return;
      }
      this.at(clause.condition);
      this.condition(
        clause.condition,
        () => {
          this.runBlock(clause.body);
          this.goto(end);
        },
        () => step(i + 1),
      );
    };
    step(0);
    this.block = undefined;
    this.land(end);
  }

  /** The body of a loop with its `break`. */
  #body(body: () => void, end: Join): void {
    this.frame.scopes.push({ label: undefined, target: end });
    body();
    this.frame.scopes.pop();
  }

  #while(s: Extract<Statement, { kind: "while" }>): void {
    const end = new Join();
    this.loop(this.loopKey("while"), (again) => {
      this.condition(
        s.condition,
        () => {
          this.charge();
          this.#body(() => this.runBlock(s.body), end);
          this.goto(again);
        },
        () => this.goto(end),
      );
    });
    this.land(end);
  }

  #repeat(s: Extract<Statement, { kind: "repeat" }>): void {
    const end = new Join();
    this.loop(this.loopKey("repeat"), (again) => {
      this.charge();
      const rounds = new Join();
      // The condition sees the body's locals, so they are forgotten only behind it.
      this.#body(() => this.#statements(s.body.statements), end);
      if (this.block !== undefined)
        this.condition(
          s.condition,
          () => this.goto(end),
          () => this.goto(rounds),
        );
      this.land(rounds);
      if (this.block === undefined) return;
      this.#forget(s.body.statements);
      this.goto(again);
    });
    this.land(end);
  }

  #for(s: Extract<Statement, { kind: "for" }>): void {
    const bounds = [s.start, s.limit, s.step].map((e) => (e === undefined ? int(1n) : this.expression(e)));
    if (this.block === undefined) return;
    this.at(s);
    const [start, limit, step] = bounds.map((value, i) => {
      const number = value.kind === "union" ? undefined : this.numeral(value);
      if (number !== undefined) return number.value;
      if (value.kind === "union") this.refuse("a bound of a loop that may be no number", "check it before");
      const name = ["initial value", "limit", "step"][i];
      this.fail(`bad 'for' ${name} (number expected, got ${typeOf(value)})`);
      return 0n;
    }) as [Operand, Operand, Operand];
    if (this.block === undefined) return;
    const by = this.constantOf(step);
    if (by === undefined) this.refuse("a step of a loop that depends on the packet", "use a while loop");
    if (by === 0n) {
      this.fail("'for' step is zero");
      return;
    }
    const first = this.constantOf(start);
    const last = this.constantOf(limit);
    const end = new Join();
    const trips = first !== undefined && last !== undefined ? (last - first) / by + 1n : undefined;
    if (trips !== undefined && (by > 0n ? first! > last! : first! < last!)) return;
    if (trips !== undefined && trips <= BigInt(MOST_UNROLLED)) {
      for (let i = 0n; i < trips && this.block !== undefined; i++) {
        const round = new Join();
        this.declare(s.variable, int(first! + i * by));
        this.#body(() => this.runBlock(s.body), end);
        this.goto(round);
        this.land(round);
      }
      this.goto(end);
      this.land(end);
      return;
    }
    const index = this.newCell("for index", int(start));
    this.loop(this.loopKey("for"), (again) => {
      const i = (this.cells.get(index) as Int).value;
      this.fork(
        by > 0n ? "jsgt" : "jslt",
        i,
        limit,
        () => this.goto(end),
        () => {
          this.charge();
          this.declare(s.variable, int(i));
          this.#body(() => this.runBlock(s.body), end);
          if (this.block === undefined) return;
          this.cells.delete(this.frame.cells.get(s.variable)!);
          const next = this.binary("add", i, by);
          const more = (): void => {
            this.cells.set(index, int(next));
            this.goto(again);
          };
          // Where the next number would be beyond 64 bits the loop has ended.
          const { low, high } = this.rangeOf(limit);
          if (by > 0n ? high + by <= INT64_MAX : low + by >= INT64_MIN) more();
          else this.fork(by > 0n ? "jslt" : "jsgt", next, i, () => this.goto(end), more);
        },
      );
    });
    this.land(end);
    this.cells.delete(index);
  }

  #forin(s: Extract<Statement, { kind: "forin" }>): void {
    const [iterator = NIL, object = NIL] = this.expressions(s.values);
    if (this.block === undefined) return;
    this.at(s);
    const items = this.#items(iterator, object);
    const end = new Join();
    for (const item of items) {
      if (this.block === undefined) break;
      const round = new Join();
      for (const [i, variable] of s.variables.entries()) this.declare(variable, item[i] ?? NIL);
      this.#body(() => this.runBlock(s.body), end);
      this.goto(round);
      this.land(round);
    }
    this.goto(end);
    this.land(end);
  }

  /** What a loop runs over, where that is known. */
  #items(iterator: Abstract, object: Abstract): Abstract[][] {
    const name = iterator.kind === "function" ? this.script.nameOf(iterator.f) : undefined;
    if (object.kind === "table") {
      const { table } = object;
      const items: Abstract[][] = [];
      if (name === "next") {
        for (let entry = table.next(undefined); entry !== undefined; entry = table.next(entry[0]))
          items.push([this.abstractOf(entry[0]), this.abstractOf(entry[1])]);
        return items;
      }
      if (name === "ipairs iterator") {
        for (let i = 1; table.get(i) !== undefined; i++)
          items.push([int(BigInt(i)), this.abstractOf(table.get(i))]);
        return items;
      }
    }
    if (object.kind === "local" && name !== undefined) {
      const items: Abstract[][] = [];
      for (const [key, cell] of object.object.fields) {
        const value = this.cells.get(cell) ?? NIL;
        if (value.kind === "union")
          this.refuse("a loop over a list with holes", "check the fields one by one");
        if (value.kind === "nil") continue;
        if (name === "ipairs iterator" && key !== items.length + 1) continue;
        items.push([this.abstractOf(key), value]);
      }
      return items;
    }
    return this.refuse(
      "a generic for over something that depends on the packet",
      "use a numeric for, or loop over constant tables",
    );
  }
}

/** An operator that gives a boolean. */
const isCondition = (e: Expression): boolean =>
  (e.kind === "binary" && ["==", "~=", "<", "<=", ">", ">="].includes(e.op)) ||
  (e.kind === "unary" && e.op === "not");

/** The captured variables of a function. */
export function liveVariables(info: FunctionInfo, f: LuaFunction): Map<Variable, LiveVariable> {
  const { body, captured } = info;
  const own = body.upvalues.filter((variable) => !isItself(variable, body));
  const live = new Map<Variable, LiveVariable>();
  for (const variable of body.upvalues) {
    const { name } = variable;
    if (isItself(variable, body)) {
      live.set(variable, { name, cell: undefined, get: () => f });
      continue;
    }
    const value = captured[own.indexOf(variable)];
    if (!needsCell(variable)) {
      live.set(variable, { name, cell: undefined, get: () => value as LuaValue });
      continue;
    }
    const cell = value as { v: LuaValue | typeof W; h?: number; l?: number };
    live.set(variable, {
      name,
      cell,
      get: () =>
        cell.v === W ? fromBigInt((BigInt(cell.h!) << 32n) | BigInt(cell.l! >>> 0)) : (cell.v as LuaValue),
    });
  }
  return live;
}
