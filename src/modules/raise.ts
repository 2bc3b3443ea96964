/**
 * How modules fail. Behaviour throws `argError` and `failure` without knowing the name it was called by or where;
 * the wrapper that `define.ts` compiles catches them and raises the Lua error, with name and position.
 */

import { ConntrackError } from "../kernel/connection.ts";
import { LuaError } from "../lua/error.ts";
import { parseInteger, toDecimal } from "../lua/int64.ts";
import { describeType, raise } from "../lua/lib/check.ts";
import type { LuaState } from "../lua/state.ts";
import type { LuaTable } from "../lua/table.ts";
import { LuaInt64, type LuaInteger, type LuaValue } from "../lua/value.ts";

/** A wrong argument; position 0 is the object a method was called on. */
export class ArgumentProblem extends Error {
  readonly position: number;

  constructor(position: number, text: string) {
    super(text);
    this.position = position;
  }
}

/** Any other failure that scripts see as a message with position. */
export class Failure extends Error {}

/** `bad argument #position to 'name' (text)` */
export const argError = (position: number, text: string): ArgumentProblem =>
  new ArgumentProblem(position, text);

/** `calling 'name' on bad self (text)`, as Lua words it for a method's object. */
export const selfError = (text: string): ArgumentProblem => new ArgumentProblem(0, text);

export const failure = (text: string, cause?: unknown): Failure => new Failure(text, { cause });

/** Turns what behaviour threw into the Lua error it stands for; anything else comes back unchanged. */
export function raiseAsLua(error: unknown, name: string): unknown {
  if (error instanceof ArgumentProblem) {
    if (error.position === 0) raise(`calling '${name}' on bad self (${error.message})`);
    // Positions do not count the object, however the method was called.
    raise(`bad argument #${error.position} to '${name}' (${error.message})`);
  }
  if (error instanceof Failure) raise(error.message);
  // Scripts compare what the kernel refuses with ==: the bare name, without position.
  if (error instanceof ConntrackError) throw new LuaError(error.code);
  return error;
}

/** What luaL_checkinteger accepts: an integer, or a string that holds one. */
export function asIntegerArgument(value: LuaValue, position: number, given: boolean): LuaInteger {
  if (typeof value === "number" || value instanceof LuaInt64) return value;
  const parsed = typeof value === "string" ? parseInteger(value) : undefined;
  if (parsed === undefined) throw argError(position, typeProblem("number", value, given));
  return parsed;
}

/** What luaL_checkstring accepts: a string, or an integer as decimal text. */
export function asStringArgument(value: LuaValue, position: number, given: boolean): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || value instanceof LuaInt64) return toDecimal(value);
  throw argError(position, typeProblem("string", value, given));
}

/** lua_tointeger: 0 for what is no integer and holds none. */
export function toIntegerOrZero(value: LuaValue): LuaInteger {
  if (typeof value === "number" || value instanceof LuaInt64) return value;
  return (typeof value === "string" ? parseInteger(value) : undefined) ?? 0;
}

export const typeProblem = (expected: string, value: LuaValue, given: boolean): string =>
  `${expected} expected, got ${given ? describeType(value) : "no value"}`;

/** A field of an options table, through metatables as lua_getfield reads it. */
export function readField(state: LuaState, options: LuaTable, name: string): LuaValue {
  const own = options.get(name);
  return own !== undefined || options.metatable === undefined ? own : state.index(options, name);
}

/** An integer field as lunatik's checkfield wants it: nothing but a number. Returns its low 32 bits, signed. */
export function requireInteger(value: LuaValue, name: string): number {
  if (typeof value === "number") return value | 0;
  if (value instanceof LuaInt64) return value.lo;
  throw failure(`bad field '${name}' (number expected, got ${describeType(value)})`);
}
