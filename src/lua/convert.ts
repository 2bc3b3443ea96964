/**
 * Values of JavaScript as values of Lua, and back, for programs that embed Lua (docs/embedding.md). What has no
 * counterpart is refused, never approximated.
 */

import { bytesFromLatin1, latin1FromBytes, latin1FromText, textFromLatin1 } from "../util/latin1.ts";
import { LuaCoroutine } from "./coroutine.ts";
import { LuaError, ScriptAbort } from "./error.ts";
import * as int64 from "./int64.ts";
import { raise, typeName } from "./lib/check.ts";
import { isStackOverflow } from "./machine.ts";
import { chargeRunning } from "./meter.ts";
import { LuaTable, TableCursor } from "./table.ts";
import { type LuaFunction, LuaInt64, LuaLightUserdata, LuaUserdata, type LuaValue } from "./value.ts";

/**
 * A text as Lua has it, in UTF-8: what `LuaState.load` wants of a source that is text, and `LuaTable.set` of a key.
 * (A Lua string is a JavaScript string with one character for each byte.)
 */
export const luaText = (text: string): string => latin1FromText(text);

/** What `toJs` gives. Functions, coroutines and light userdata stay what they are; a host object is itself again. */
export type JsValue =
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | JsValue[]
  | { [name: string]: JsValue }
  | Map<JsValue, JsValue>
  | LuaFunction
  | LuaCoroutine
  | LuaLightUserdata
  | object;

export interface ToJsOptions {
  /** What a Lua string, which is bytes, becomes: UTF-8 text (the default) or a `Uint8Array`. Keys are always text. */
  readonly strings?: "text" | "bytes";
}

/**
 * A JavaScript value as a Lua value:
 *
 *   undefined, null          nil
 *   boolean                  boolean
 *   number, bigint           integer; a fraction, or what has more than 64 bits, throws `RangeError`
 *   string                   the bytes of its text in UTF-8
 *   Uint8Array               a string of these bytes
 *   Array                    a table with the keys 1..n
 *   Map, plain object        a table with these keys
 *   function                 a function (`hostFunction`); one that came from Lua is itself
 *   any value of Lua         itself
 *
 * Anything else, such as an instance of a class, throws `TypeError`: wrap it by a `hostClass`.
 */
export function toLua(value: unknown): LuaValue {
  return converted(value, new Map());
}

function converted(value: unknown, known: Map<object, LuaTable>): LuaValue {
  switch (typeof value) {
    case "undefined":
    case "boolean":
      return value;
    case "number":
      if (!Number.isSafeInteger(value))
        throw new RangeError(`${value} is no integer that a number holds exactly`);
      return value + 0;
    case "bigint":
      if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit into 64 bits`);
      return int64.fromBigInt(value);
    case "string":
      return announced(latin1FromText(value));
    case "function":
      return isKnownFunction(value)
        ? (value as LuaFunction)
        : hostFunction(value as (...args: unknown[]) => unknown);
    case "symbol":
      throw new TypeError("a symbol is no value of Lua");
  }
  if (value === null || value === undefined) return undefined;
  if (isLuaObject(value)) return value;
  if (value instanceof Uint8Array) return announced(latin1FromBytes(value));
  return known.get(value) ?? tableFrom(value, known);
}

function tableFrom(value: object, known: Map<object, LuaTable>): LuaTable {
  const table = new LuaTable();
  known.set(value, table);
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) table.set(i + 1, converted(item, known));
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      const k = converted(key, known);
      if (k === undefined) throw new TypeError("nil is no key of a table");
      table.set(k, converted(item, known));
    }
  } else if (isPlain(value)) {
    for (const [name, item] of Object.entries(value))
      table.setField(latin1FromText(name), converted(item, known));
  } else throw new TypeError(`an object of class ${value.constructor.name} is no value of Lua`);
  return table;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function isLuaObject(
  value: object,
): value is LuaTable | LuaUserdata | LuaLightUserdata | LuaInt64 | LuaCoroutine {
  return [LuaTable, LuaUserdata, LuaLightUserdata, LuaInt64, LuaCoroutine].some(
    (kind) => value instanceof kind,
  );
}

function announced(text: string): string {
  chargeRunning(text.length);
  return text;
}

/**
 * A Lua value as a JavaScript value. An integer becomes a number, beyond ±(2^53 − 1) a bigint. A table becomes an
 * array when its keys are exactly 1..n (so does an empty one), an object when all are strings, otherwise a `Map`.
 * Metamethods are not asked.
 */
export function toJs(value: LuaValue, options: ToJsOptions = {}): JsValue {
  return new Reader(options.strings === "bytes").value(value);
}

class Reader {
  readonly #known = new Map<LuaTable, JsValue>();
  readonly #asBytes: boolean;

  constructor(asBytes: boolean) {
    this.#asBytes = asBytes;
  }

  value(value: LuaValue): JsValue {
    if (typeof value === "string") return this.#asBytes ? bytesFromLatin1(value) : textFromLatin1(value);
    if (value instanceof LuaInt64) return int64.toBigInt(value);
    if (value instanceof LuaUserdata) return value.object;
    if (typeof value === "function") return knowFunction(value);
    return value instanceof LuaTable ? (this.#known.get(value) ?? this.#table(value)) : value;
  }

  #table(table: LuaTable): JsValue {
    const entries: [LuaValue, LuaValue][] = [];
    const cursor = new TableCursor(table);
    while (cursor.step()) entries.push([cursor.key, cursor.value]);
    if (entries.every(([key], i) => key === i + 1)) {
      const list: JsValue[] = [];
      this.#known.set(table, list);
      for (const [, item] of entries) list.push(this.value(item));
      return list;
    }
    if (entries.every(([key]) => typeof key === "string")) {
      const object: { [name: string]: JsValue } = {};
      this.#known.set(table, object);
      for (const [key, item] of entries) define(object, textFromLatin1(key as string), this.value(item));
      return object;
    }
    const map = new Map<JsValue, JsValue>();
    this.#known.set(table, map);
    for (const [key, item] of entries)
      map.set(typeof key === "string" ? textFromLatin1(key) : this.value(key), this.value(item));
    return map;
  }
}

/** Also for `__proto__`, which an assignment would take for something else. */
function define(object: { [name: string]: JsValue }, name: string, value: JsValue): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}

// ---- functions

/** Functions that take and return values of Lua, and are in the hands of the host: they look like any other. */
const ofLua = new WeakSet<object>();

/** Remembers a function of Lua. */
export function knowFunction(f: LuaFunction): LuaFunction {
  ofLua.add(f);
  return f;
}

const isKnownFunction = (f: { readonly name: string }): boolean => f.name === "$lua" || ofLua.has(f);

/**
 * A function of the host for scripts. It gets its arguments by `toJs`, and its result goes through `toLua`: an array
 * is one table, not several results. An error that it throws is an error of Lua with its message, which `pcall`
 * catches; its `cause` is what was thrown.
 *
 * A function that is called very often may be written as a `LuaFunction` instead: it takes and returns values of Lua
 * as they are, several results as an array. What such a function throws, other than `LuaError`, is a mistake of the
 * host that no script catches.
 */
export function hostFunction(f: (...args: never[]) => unknown): LuaFunction {
  return knowFunction((...args) => called(() => f(...(args.map((arg) => toJs(arg)) as never[]))));
}

/** Calls the host for a script. */
export function called(f: () => unknown): LuaValue {
  try {
    return toLua(f());
  } catch (error) {
    if (error instanceof LuaError || error instanceof ScriptAbort || isStackOverflow(error)) throw error;
    let wrapped: LuaError;
    try {
      raise(error instanceof Error ? error.message : String(error));
    } catch (e) {
      wrapped = e as LuaError;
    }
    wrapped.cause = error;
    throw wrapped;
  }
}

// ---- results of a known type

function expected(type: string, value: LuaValue): never {
  throw new TypeError(`${type} expected, got ${typeName(value)}`);
}

/** The text of a Lua string, read as UTF-8. Throws `TypeError` for any other value. */
export function asText(value: LuaValue): string {
  return typeof value === "string" ? textFromLatin1(value) : expected("string", value);
}

/** The bytes of a Lua string. Throws `TypeError` for any other value. */
export function asBytes(value: LuaValue): Uint8Array {
  return typeof value === "string" ? bytesFromLatin1(value) : expected("string", value);
}

/** An integer as a number. Throws `TypeError` for any other value, and `RangeError` beyond ±(2^53 − 1). */
export function asNumber(value: LuaValue): number {
  if (typeof value === "number") return value;
  if (!(value instanceof LuaInt64)) return expected("integer", value);
  throw new RangeError(`${int64.toDecimal(value)} is no integer that a number holds exactly`);
}

/** An integer as a bigint. Throws `TypeError` for any other value. */
export function asBigInt(value: LuaValue): bigint {
  return int64.isInteger(value) ? int64.toBigInt(value) : expected("integer", value);
}

/** The items 1..n of a table, each through `item`. Throws `TypeError` for any other value. */
export function asArray<T>(value: LuaValue, item: (value: LuaValue) => T): T[] {
  if (!(value instanceof LuaTable)) return expected("table", value);
  return Array.from({ length: value.length() }, (_, i) => item(value.get(i + 1)));
}

/** The entries of a table with string keys, each value through `item`. Throws `TypeError` for any other key or value. */
export function asRecord<T>(value: LuaValue, item: (value: LuaValue) => T): Map<string, T> {
  if (!(value instanceof LuaTable)) return expected("table", value);
  const record = new Map<string, T>();
  const cursor = new TableCursor(value);
  while (cursor.step()) record.set(asText(cursor.key), item(cursor.value));
  return record;
}
