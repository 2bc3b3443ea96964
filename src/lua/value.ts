/**
 * How a Lua value looks in JavaScript (docs/decisions/0001-values.md).
 *
 *   nil        undefined
 *   boolean    true, false
 *   integer    a JavaScript number within ±(2^53 − 1), otherwise a `LuaInt64`: exactly one form per value
 *   string     a JavaScript string of characters U+0000..U+00FF, one per byte
 *   function   a native JavaScript function: positional arguments, a missing one is nil
 *   table      `LuaTable` (table.ts)
 *   coroutine  `LuaCoroutine` (coroutine.ts)
 *   userdata   `LuaUserdata`; light userdata `LuaLightUserdata`
 *
 * A call returns the bare value when there is exactly one result, and an Array when there are none or several.
 * An Array is never a Lua value.
 */

import type { LuaCoroutine } from "./coroutine.ts";
import type { LuaTable } from "./table.ts";

/** A 64-bit integer outside ±(2^53 − 1): two's complement halves, each a signed 32-bit number. Immutable. */
export class LuaInt64 {
  readonly hi: number;
  readonly lo: number;

  /** Only `int64.ts` calls this: it alone keeps the representation canonical. */
  constructor(hi: number, lo: number) {
    this.hi = hi;
    this.lo = lo;
  }
}

/** Stands in a variable of compiled code for an integer that is kept in two halves beside it. Never a Lua value. */
export const W = { isWide: true } as const;

/** A host object handed to a script. Methods and metamethods come from `metatable`. */
export class LuaUserdata<T extends object = object> {
  metatable: LuaTable | undefined;
  readonly object: T;

  constructor(object: T, metatable: LuaTable | undefined) {
    this.object = object;
    this.metatable = metatable;
  }
}

/** An address without methods, compared by value. */
export class LuaLightUserdata {
  readonly address: bigint;

  constructor(address: bigint) {
    this.address = address;
  }
}

export type LuaInteger = number | LuaInt64;
export type LuaValue =
  | undefined
  | boolean
  | LuaInteger
  | string
  | LuaFunction
  | LuaTable
  | LuaUserdata
  | LuaLightUserdata
  | LuaCoroutine;
/** One bare value, or an Array of none or several (an Array of one is allowed too). */
export type LuaResult = LuaValue | LuaValue[];
export type LuaFunction = (...args: LuaValue[]) => LuaResult;

/**
 * A tail call that was not made yet, as a result: once in a while compiled code returns one instead of calling, so
 * that the JavaScript stack does not grow. Whoever called makes the call; `firstResult` and `resultList` do.
 */
export class TailCall extends Array<LuaValue> {
  readonly callee: LuaFunction;
  readonly args: LuaValue[];

  constructor(callee: LuaFunction, args: LuaValue[]) {
    super();
    this.callee = callee;
    this.args = args;
  }
}

/** The results of a call, with tail calls made. */
export function settle(result: LuaResult): LuaResult {
  while (result instanceof TailCall) result = result.callee(...result.args);
  return result;
}

/** The first result of a call, nil when there is none. */
export function firstResult(result: LuaResult): LuaValue {
  if (!Array.isArray(result)) return result;
  const settled = settle(result);
  return Array.isArray(settled) ? settled[0] : settled;
}

/** All results of a call as a list; not to be changed. */
export function resultList(result: LuaResult): LuaValue[] {
  const settled = settle(result);
  return Array.isArray(settled) ? settled : [settled];
}

/** The reverse: values as the result of a call. */
export function asResult(values: LuaValue[]): LuaResult {
  return values.length === 1 ? values[0] : values;
}
