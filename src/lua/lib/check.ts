/** Argument checks of native functions, worded as PUC Lua words them, and raising errors with a position. */

import { LuaCoroutine } from "../coroutine.ts";
import { LuaError } from "../error.ts";
import { parseInteger, toDecimal } from "../int64.ts";
import { where } from "../position.ts";
import { LuaTable } from "../table.ts";
import { type LuaFunction, LuaInt64, type LuaInteger, type LuaValue } from "../value.ts";
import { callee } from "./callers.ts";
import { describeType } from "./type-names.ts";

export { describeType, typeName } from "./type-names.ts";

/** Raises `message` with the position of the Lua code that called. */
export function raise(message: string): never {
  throw new LuaError(where() + message);
}

/** Raises `bad argument #n to 'functionName' (text)`; the object of a method is no argument. */
export function argumentError(
  n: number,
  functionName: string,
  text: string | ((given: number | undefined) => string),
): never {
  const { name, isMethod, given, position } = callee(functionName);
  const detail = typeof text === "string" ? text : text(given);
  const what =
    isMethod && n === 1
      ? `calling '${name}' on bad self`
      : `bad argument #${isMethod ? n - 1 : n} to '${name}'`;
  throw new LuaError(`${position}${what} (${detail})`);
}

function typeError(
  value: LuaValue,
  n: number,
  functionName: string,
  expected: string,
  missing: boolean,
): never {
  return argumentError(n, functionName, (given) => {
    const got = missing && !(given !== undefined && n <= given) ? "no value" : describeType(value);
    return `${expected} expected, got ${got}`;
  });
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
    : typeError(value, n, functionName, "thread", value === undefined);
}
