/**
 * What a script can end with. `LuaError` is Lua's own: any value, catchable by `pcall`. `ScriptAbort` is a limit that
 * was reached: nothing in the script catches it, or a limit would be none.
 */

import { toDecimal } from "./int64.ts";
import { currentPositions, type Position } from "./position.ts";
import { LuaInt64, type LuaValue } from "./value.ts";

/** How many want to know where errors are raised; to look takes long. */
let observers = 0;
/** As many functions of a stack as anybody wants to see. */
const MAX_POSITIONS = 400;

/** Runs `f`, and remembers where the errors are raised that it throws. */
export function observingErrors<R>(f: () => R): R {
  observers++;
  try {
    return f();
  } finally {
    observers--;
  }
}

function raisedAt(value: LuaValue): (Position | undefined)[] {
  const positions = currentPositions(MAX_POSITIONS);
  // At a call it was the native function that was called, unless there was none.
  const isNative =
    positions[0]?.site.isCall === true && !(typeof value === "string" && value.includes("attempt to call"));
  return isNative ? [undefined, ...positions] : positions;
}

/** An error raised in or by a script; `value` is what `pcall` returns as its second result. */
export class LuaError extends Error {
  readonly value: LuaValue;
  /** The functions that ran when the error was raised, innermost first, when somebody wanted to know. */
  positions: readonly (Position | undefined)[] | undefined;
  /** The same as text; set when the error leaves a state with the option `traceback`. */
  traceback: string | undefined;

  constructor(value: LuaValue) {
    // The JavaScript stack would only show our own frames, and taking it is dear.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(describe(value));
    Error.stackTraceLimit = limit;
    this.value = value;
    this.positions = observers > 0 ? raisedAt(value) : undefined;
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
