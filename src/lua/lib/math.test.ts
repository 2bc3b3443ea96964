import { expect, test } from "vitest";
import * as int64 from "../int64.ts";
import { LuaState } from "../state.ts";
import type { LuaTable } from "../table.ts";
import type { LuaFunction, LuaResult, LuaValue } from "../value.ts";
import { openMath } from "./math.ts";

const state = new LuaState();
openMath(state);
const library = state.globals.get("math") as LuaTable;
const call = (name: string, ...args: LuaValue[]): LuaResult => (library.get(name) as LuaFunction)(...args);

test.each<[string, LuaValue[], LuaValue]>([
  ["abs", [-5], 5],
  ["abs", [int64.MIN_INTEGER], int64.MIN_INTEGER],
  ["max", [1, int64.MAX_INTEGER, 3], int64.MAX_INTEGER],
  ["min", [1, "-7", 3], -7],
  ["tointeger", ["0x10"], 16],
  ["tointeger", ["1.5"], undefined],
  ["tointeger", [true], undefined],
  ["ult", [1, -1], true],
  ["ult", [-1, 1], false],
])("math.%s(%j) is %j", (name, args, wanted) => {
  expect(call(name, ...args)).toEqual(wanted);
});

test.each<[string, LuaValue[], string]>([
  ["abs", [], "bad argument #1 to 'abs' (number expected, got no value)"],
  ["max", [], "bad argument #1 to 'max' (value expected)"],
  ["min", [1, "x"], "bad argument #2 to 'min' (number expected, got string)"],
  ["tointeger", [], "bad argument #1 to 'tointeger' (value expected)"],
])("math.%s(%j) raises %j", (name, args, message) => {
  expect(() => call(name, ...args)).toThrow(message);
});

test.each(["floor", "random", "pi", "huge", "type"])("math.%s does not exist", (name) => {
  expect(library.get(name)).toBeUndefined();
});
