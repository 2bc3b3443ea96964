/** Functions and their variables: what is called is followed, or left to the functions of the libraries. */

import type { Expression, FunctionBody, Block as LuaBlock, Variable } from "../lua/ast.ts";
import { fromBigInt, toBigInt } from "../lua/int64.ts";
import type { FunctionInfo, LinkedChunk } from "../lua/machine.ts";
import type { LuaState } from "../lua/state.ts";
import { LuaTable } from "../lua/table.ts";
import { type LuaFunction, LuaInt64, LuaUserdata, type LuaValue, resultList } from "../lua/value.ts";
import { assert } from "../util/assert.ts";
import {
  type Abstract,
  alternativesOf,
  bool,
  Cell,
  type Int,
  int,
  NIL,
  type Single,
  text,
  typeOf,
  type Union,
} from "./abstract.ts";
import { Building } from "./building.ts";
import { Join } from "./control.ts";
import { DEFERRED, pureClosure } from "./deferred.ts";
import { calledLater, isKnown, partOf } from "./deferred-types.ts";
import { CannotCompile } from "./diagnostics.ts";
import { Frame, type LiveVariable, liveVariables } from "./frame.ts";
import { INTRINSICS, PURE } from "./intrinsics.ts";
import { Value } from "./ir.ts";
import { isKnownObject } from "./objects.ts";
import type { Place } from "./packet.ts";
import type { Shared } from "./shared.ts";
import { readSlot, writeSlot } from "./state-access.ts";
import type { KernelLayout } from "./target.ts";

/** Where a hook comes from. */
export interface Script {
  readonly state: LuaState;
  /** A native function's name, as `string.byte` or, for methods, `skb.data`. */
  nameOf(f: LuaFunction): string | undefined;
  /** The function of that name. */
  native(name: string): LuaFunction | undefined;
}

const MOST_DEPTH = 40;

export abstract class Calling extends Building {
  readonly script: Script;
  /** Attempts that are under way, whose failure is no end. */
  protected tries = 0;
  /**
   * The value of what is evaluated next is only printed, so that functions of the libraries may be left for later. What is
   * evaluated takes this, and hands it on to what its value comes from.
   */
  protected isPrinted = false;

  constructor(name: string, script: Script, shared: Shared, layout: KernelLayout, place: Place) {
    super(name, shared, layout, place);
    this.script = script;
  }

  protected abstract runBlock(block: LuaBlock): void;

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
    if (value instanceof LuaUserdata && isKnownObject(value)) return { kind: "object", userdata: value };
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
      case "object":
        return { value: value.userdata };
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
    this.tries++;
    try {
      const result = action();
      if (result !== undefined) return result;
    } catch (error) {
      if (!(error instanceof CannotCompile)) throw error;
      this.frame = frame;
      this.source = source;
      this.handlers.length = handlers;
      frame.scopes.length = scopes;
      this.isPrinted = false;
    } finally {
      this.tries--;
    }
    this.span = span;
    mark.undo();
    this.cells = cells;
    this.facts = facts;
    return undefined;
  }

  protected takePrinted(): boolean {
    const { isPrinted } = this;
    this.isPrinted = false;
    return isPrinted;
  }

  /** The value of an expression that is only printed. */
  printedExpression(e: Expression): Abstract {
    this.isPrinted = true;
    return this.expression(e);
  }

  abstract expression(e: Expression): Abstract;

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
    const path = `${caller?.path ?? ""}/${body.id}@${this.span?.line}:${this.span?.column}#${this.calls++}`;
    const frame = new Frame(body, outer, live, returns, path, depth);
    const { span, source: callerSource } = this;
    frame.isPrinted = this.takePrinted();
    frame.calledAt = this.#isFromHost ? undefined : span;
    this.#isFromHost = false;
    this.frame = frame;
    this.source = source;
    for (const [i, parameter] of body.parameters.entries()) this.declare(parameter, args[i] ?? NIL);
    frame.varargs = body.isVararg ? this.listBehind(args, body.parameters.length) : [];
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

  protected calls = 0;
  readonly #chunks = new Map<FunctionBody, LinkedChunk>();

  protected know({ chunk, body }: FunctionInfo): void {
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
    const isPrinted = this.takePrinted();
    const rest = new Join();
    this.cases(callee, (single) => {
      this.isPrinted = isPrinted;
      this.goto(rest, this.#callSingle(single, args, name));
    });
    return this.land(rest);
  }

  #callSingle(callee: Single, args: readonly Abstract[], name: string | undefined): readonly Abstract[] {
    const isPrinted = this.takePrinted();
    if (this.block === undefined) return [];
    this.isPrinted = isPrinted;
    if (callee.kind === "closure")
      return this.callLua(callee.body, callee.frame, callee.frame.live, args, this.source);
    if (callee.kind === "function") {
      const native = this.script.nameOf(callee.f);
      if (native !== undefined) {
        const rest = new Join();
        const isMethod = name?.startsWith("method '") === true;
        if (this.lists.of(args).possible.length === 1)
          return this.#callNative(native, callee.f, args, isMethod);
        // Native functions see how many arguments there are.
        this.byCount(args, (exact) => {
          this.isPrinted = isPrinted;
          this.goto(rest, this.#callNative(native, callee.f, exact, isMethod));
        });
        return this.land(rest);
      }
      const info = this.script.state.functionInfo(callee.f);
      if (info !== undefined) {
        this.know(info);
        return this.callLua(info.body, undefined, liveVariables(info, callee.f), args, info.source);
      }
      this.refuse("a call of a function of the host", "use the functions of the reference");
    }
    if (callee.kind === "table") {
      const handler = callee.table.metatable?.get("__call");
      if (handler !== undefined)
        return this.call(this.abstractOf(handler), this.listOf([callee], args), undefined);
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
    const isPrinted = this.takePrinted();
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
    const types = DEFERRED[name];
    if (isPrinted && types !== undefined) {
      const deferred = this.tentatively(() => this.#deferChecked(name, f, args, types));
      if (deferred !== undefined) return deferred;
    }
    const intrinsic = INTRINSICS[name];
    const mark = this.mark();
    try {
      if (intrinsic === undefined)
        this.refuse(`a call of ${name}`, "do this while the script loads, or run it with --on nfqueue");
      return intrinsic(this.self, args, this.isBare ? name : name.slice(name.indexOf(".") + 1));
    } catch (error) {
      if (!(error instanceof CannotCompile) || types === undefined) throw error;
      mark.undo();
      const isTrusted = !isKnown(
        name,
        args.map((arg) => partOf(this.self, arg)),
      );
      const deferred = isTrusted ? this.defer(f, args, types) : this.#deferChecked(name, f, args, types);
      if (deferred === undefined) throw error;
      return deferred;
    }
  }

  /** As `defer`, where it is known what the function takes: it must not fail when nobody can change the verdict any more. */
  #deferChecked(
    name: string,
    f: LuaFunction,
    args: readonly Abstract[],
    types: readonly ("string" | "number")[],
  ): readonly Abstract[] | undefined {
    const parts = args.map((arg) => partOf(this.self, arg));
    if (calledLater(this.self, name, parts, this.skippedArguments > 0) === undefined) return undefined;
    return this.block === undefined ? [] : this.defer(f, args, types);
  }

  /** A call that is made when its result is printed; undefined when it cannot be made then. */
  protected defer(
    f: LuaFunction | "..",
    args: readonly Abstract[],
    types: readonly ("string" | "number")[],
  ): readonly Abstract[] | undefined {
    const open = args.findIndex(({ kind }) => kind === "union");
    const isOnly = open === args.findLastIndex(({ kind }) => kind === "union");
    if (open >= 0 && isOnly && types.length === 1) {
      const renamed = this.#deferUnion(args[open] as Union, (single) =>
        this.defer(f, args.with(open, single), types),
      );
      if (renamed !== undefined) return [renamed];
    }
    if (open >= 0) {
      const rest = new Join();
      let isPossible = true;
      this.cases(args[open]!, (single) => {
        const results = this.defer(f, args.with(open, single), types);
        isPossible &&= results !== undefined;
        this.goto(rest, results);
      });
      const results = this.land(rest);
      return isPossible ? results : undefined;
    }
    const singles = (args as readonly Single[]).map((single) =>
      single.kind === "closure" ? pureClosure(this.self, single) : single,
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

  /** As `defer` for one of several deferred values, whose words stay where they are: only what says which is another. */
  #deferUnion(
    { tag, alternatives }: Union,
    each: (single: Single) => readonly Abstract[] | undefined,
  ): Abstract | undefined {
    if (!alternatives.every(({ kind }) => kind === "deferred")) return undefined;
    const results: Single[] = [];
    for (const single of alternatives) {
      const [result] = each(single) ?? [];
      if (result?.kind !== "deferred") return undefined;
      results.push(result);
    }
    const { kinds } = this;
    const rest = new Join();
    const step = (i: number): void => {
      const own = int(kinds.tagOf(kinds.shapeOf(results[i]!)));
      if (i === results.length - 1) this.goto(rest, [own]);
      else
        this.fork(
          "jeq",
          tag,
          kinds.tagOf(kinds.shapeOf(alternatives[i]!)),
          () => this.goto(rest, [own]),
          () => step(i + 1),
        );
    };
    step(0);
    const [{ value }] = this.land(rest) as [Int];
    if (value instanceof Value) return { kind: "union", tag: value, alternatives: results };
    return results.find((result) => kinds.tagOf(kinds.shapeOf(result)) === value);
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
    return slot === undefined ? this.abstractOf(live.get()) : readSlot(this.self, slot);
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
    else writeSlot(this.self, slot, value);
  }
}
