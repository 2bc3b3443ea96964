/** Argument checks of native functions, worded as PUC Lua words them, and raising errors with a position. */

import { LuaCoroutine } from "../coroutine.ts";
import { LuaError } from "../error.ts";
import { parseInteger, toDecimal } from "../int64.ts";
import { where } from "../position.ts";
import { LuaTable } from "../table.ts";
import {
  type LuaFunction,
  LuaInt64,
  type LuaInteger,
  LuaLightUserdata,
  LuaUserdata,
  type LuaValue,
} from "../value.ts";

/** Raises `message` with the position of the Lua code that called. */
export function raise(message: string): never {
  throw new LuaError(where() + message);
}

/** Raises `bad argument #n to 'functionName' (text)`. */
export function argumentError(n: number, functionName: string, text: string): never {
  return raise(`bad argument #${n} to '${functionName}' (${text})`);
}

/** The type of a value, as `type` returns it. */
export function typeName(value: LuaValue): string {
  switch (typeof value) {
    case "undefined":
      return "nil";
    case "boolean":
      return "boolean";
    case "number":
      return "number";
    case "string":
      return "string";
    case "function":
      return "function";
  }
  if (value instanceof LuaTable) return "table";
  if (value instanceof LuaInt64) return "number";
  if (value instanceof LuaCoroutine) return "thread";
  return "userdata";
}

/** The type of a value for messages: a metatable's `__name`, or what `type` says. */
export function describeType(value: LuaValue): string {
  if (value instanceof LuaTable || value instanceof LuaUserdata) {
    const name = value.metatable?.get("__name");
    if (typeof name === "string") return name;
  }
  return value instanceof LuaLightUserdata ? "light userdata" : typeName(value);
}

function typeError(
  value: LuaValue,
  n: number,
  functionName: string,
  expected: string,
  missing: boolean,
): never {
  return argumentError(
    n,
    functionName,
    `${expected} expected, got ${missing ? "no value" : describeType(value)}`,
  );
}

/** An integer, or a string that holds one. `missing` tells an absent argument from nil. */
export function checkInteger(
  value: LuaValue,
  n: number,
  functionName: string,
  missing = value === undefined,
): LuaInteger {
  if (typeof value === "number" || value instanceof LuaInt64) return value;
  const parsed = typeof value === "string" ? parseInteger(value) : undefined;
  return parsed ?? typeError(value, n, functionName, "number", missing);
}

/** A string, or an integer as decimal text. */
export function checkString(
  value: LuaValue,
  n: number,
  functionName: string,
  missing = value === undefined,
): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || value instanceof LuaInt64) return toDecimal(value);
  return typeError(value, n, functionName, "string", missing);
}

export function checkTable(
  value: LuaValue,
  n: number,
  functionName: string,
  missing = value === undefined,
): LuaTable {
  return value instanceof LuaTable ? value : typeError(value, n, functionName, "table", missing);
}

export function checkFunction(
  value: LuaValue,
  n: number,
  functionName: string,
  missing = value === undefined,
): LuaFunction {
  return typeof value === "function" ? value : typeError(value, n, functionName, "function", missing);
}

export function checkCoroutine(value: LuaValue, n: number, functionName: string): LuaCoroutine {
  return value instanceof LuaCoroutine
    ? value
    : typeError(value, n, functionName, "coroutine", value === undefined);
}
