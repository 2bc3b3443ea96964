/** The `math` library of a Lua without floating point: the few functions that make sense on integers. */

import * as int64 from "../int64.ts";
import type { LuaState } from "../state.ts";
import type { LuaInteger, LuaResult, LuaValue } from "../value.ts";
import { argumentError, checkInteger } from "./check.ts";
import { register } from "./register.ts";

function abs(value: LuaValue): LuaResult {
  const integer = checkInteger(value, 1, "abs");
  return int64.lt(integer, 0) ? int64.unm(integer) : integer;
}

/** The argument that no other one beats; the first of equals. */
function best(name: string, args: LuaValue[], beats: (a: LuaInteger, b: LuaInteger) => boolean): LuaInteger {
  if (args.length === 0) argumentError(1, name, "value expected");
  let winner = checkInteger(args[0], 1, name);
  for (let i = 1; i < args.length; i++) {
    const candidate = checkInteger(args[i], i + 1, name);
    if (beats(candidate, winner)) winner = candidate;
  }
  return winner;
}

const max = (...args: LuaValue[]): LuaResult => best("max", args, (a, b) => int64.lt(b, a));
const min = (...args: LuaValue[]): LuaResult => best("min", args, int64.lt);

/** The integer a number or a numeral stands for, nil for anything else. */
function tointeger(...args: LuaValue[]): LuaResult {
  if (args.length === 0) argumentError(1, "tointeger", "value expected");
  const value = args[0];
  if (int64.isInteger(value)) return value;
  return typeof value === "string" ? int64.parseInteger(value) : undefined;
}

function ult(a: LuaValue, b: LuaValue): LuaResult {
  return int64.ult(checkInteger(a, 1, "ult"), checkInteger(b, 2, "ult"));
}

export function openMath(state: LuaState): void {
  register(state, "math", {
    abs,
    max,
    min,
    tointeger,
    ult,
    maxinteger: int64.MAX_INTEGER,
    mininteger: int64.MIN_INTEGER,
  });
}
