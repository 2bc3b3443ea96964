/**
 * What a script can end with. `LuaError` is Lua's own: any value, catchable by `pcall`. `ScriptAbort` is a limit that
 * was reached: nothing in the script catches it, or a limit would be none.
 */

import { toDecimal } from "./int64.ts";
import { LuaInt64, type LuaValue } from "./value.ts";

/** An error raised in or by a script; `value` is what `pcall` returns as its second result. */
export class LuaError extends Error {
  readonly value: LuaValue;
  /** Where the error was raised, when somebody asked for it (`debug.traceback` words it). */
  traceback: string | undefined;

  constructor(value: LuaValue) {
    // The JavaScript stack would only show our own frames, and taking it is dear.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(describe(value));
    Error.stackTraceLimit = limit;
    this.value = value;
  }

  override get name(): string {
    return "LuaError";
  }
}

/** The instruction budget or the memory bound of a callback is used up. */
export class ScriptAbort extends Error {
  readonly reason: "budget" | "memory";

  constructor(reason: "budget" | "memory", message: string) {
    super(message);
    this.reason = reason;
  }

  override get name(): string {
    return "ScriptAbort";
  }
}

/** The text that a host prints for an error value. */
function describe(value: LuaValue): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || value instanceof LuaInt64) return toDecimal(value);
  const type = value === undefined ? "nil" : typeof value === "object" ? "table" : typeof value;
  return `(error object is a ${type} value)`;
}
