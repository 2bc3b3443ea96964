/** Code that runs once is compiled shortly, code in loops and functions fast: both do the same. */
import { expect, test } from "vitest";
import { LuaState, toJavaScript } from "./index.ts";

const SETUP = `local log = {}
local function note(...) log[#log + 1] = table.concat({ ... }, " ") end
local class = { __index = function(_, k) return k .. "!" end, __newindex = function(t, k, v) rawset(t, k, v and v * 2) end,
  __lt = function(a, b) note("lt") return true end, __add = function(a, b) return 7 end, __len = function() return 3 end }
local t, o, s, big = { 1, 2, 3, x = 4 }, setmetatable({ has = 1 }, class), "text", 1 << 62
`;

/** What the statements note, or the error that they raise. */
function outcome(statements: string): string {
  const state = new LuaState();
  const source = `${SETUP}${statements} note("end") return table.concat(log, ",")`;
  try {
    return String(state.run(state.load(source, "=c"))[0]);
  } catch (error) {
    return (error as Error).message;
  }
}

const STATEMENTS = [
  "t.x = 5 t.y = 6 t.y = nil t.z = nil note(t.x, tostring(t.y), tostring(t.z)) t.y = 8 note(t.y)",
  "t.y = 1 t['y'] = 2 t.y = 3 for k, v in pairs(t) do note(k, v) end",
  "o.has = 2 o.new = 3 o.none = nil note(o.has, o.new, o.other)",
  "t[1] = 9 t[4] = 10 t[2] = nil note(t[1], tostring(t[2]), t[4], tostring(t[5]))",
  "note(#t, #o, #s, tostring(t < o), tostring(o >= o), tostring(1 < 2), tostring('a' <= 'b'))",
  "note(o + 1, 2 + o, big + big, big * 4, 7 // 2, -7 % 3, '10' + 1, 5 & 3, 1 << 63, ~5, -big)",
  "note(s:upper(), s:byte(1), string.byte(s, 2), #s:rep(3))",
  "local n = 1 n = n + n * 2 note(n) t.x = t.x + n note(t.x)",
  "undefinedGlobal.x = 1",
  "s.x = 1",
  "t.x.y = 1",
  "note(t.nothing.more)",
  "note(t < 1)",
  "note({} + 1)",
  "note(1 // 0)",
  "t:nothing()",
  "t.x:nothing()",
  "t[nil] = 1",
];

test.each(STATEMENTS)("%s", (statements) => {
  const once = outcome(statements);
  expect(outcome(`for _ = 1, 1 do ${statements} end`)).toBe(once);
  expect(outcome(`local function f() ${statements} end f()`)).toBe(once.replaceAll("local '", "upvalue '"));
  expect(outcome(`goto start ::again:: do ${statements} end goto stop ::start:: goto again ::stop::`)).toBe(
    once,
  );
});

test("only what runs once is short", () => {
  const isFast = (source: string): boolean => toJavaScript(source, "=c").includes("constructor===LuaTable");
  expect(isFast("x.y = a.b + c[d] x:y()")).toBe(false);
  expect(isFast("if x then x.y = a.b + c[d] x:y() end")).toBe(false);
  expect(isFast("while x do x.y = a.b end")).toBe(true);
  expect(isFast("::again:: x.y = a.b goto again")).toBe(true);
  expect(isFast("function f() x.y = a.b end")).toBe(true);
});
