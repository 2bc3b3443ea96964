import { describe, expect, test } from "vitest";
import { evaluate, failureOf } from "../runtime/testing.ts";

const SETUP = `local set = require("set")
local s = set.new{ "b", "a", "", "b", "a\\0c", "7" }
local ls = set.labeled{ ["example.com"] = 1, com = 2, ["www.example.com"] = 4, [""] = 8, ["b.c"] = 0x80000000, x = 4294967295 } `;

describe("asking", () => {
  test.each([
    ["s:has('a')", true],
    ["s:has('')", true],
    ["s:has('a\\0c')", true],
    ["s:has('a\\0')", false],
    ["s:has('c')", false],
    ["s:has(7)", true],
    ["#s", 6],
    ["#set.new{}", 0],
    ["set.new{}:has('')", false],
    ["#ls", 6],
    ["ls:match('com')", 2],
    ["ls:match('example.com')", 3],
    ["ls:match('www.example.com')", 7],
    ["ls:match('a.www.example.com')", 7],
    ["ls:match('ww.example.com')", 3],
    ["ls:match('notexample.com')", 2],
    ["ls:match('example.com.')", 8],
    ["ls:match('a.')", 8],
    ["ls:match('.')", 8],
    ["ls:match('')", 8],
    ["ls:match('.com')", 2],
    ["ls:match('a..com')", 2],
    ["ls:match('com.example')", 0],
    ["ls:match('a.b.c')", 2147483648],
    ["ls:match('b.x')", 4294967295],
    ["set.labeled{}:match('a.b')", 0],
  ])("%s", (expression, value) => {
    expect(evaluate(`${SETUP} return ${expression}`)).toEqual([value]);
  });

  test("a long text costs its length once", () => {
    const source = `${SETUP} return ls:match(("a."):rep(500000) .. "com")`;
    expect(evaluate(source)).toEqual([2]);
  });
});

test("the list is sorted in place, by bytes, and keeps what is there twice", () => {
  const source = `local t = { "b", "\\255", "a", "B", "b" } require("set").new(t) return table.concat(t, ",")`;
  expect(evaluate(source)).toEqual(["B,a,b,b,\xff"]);
});

test("a set does not change with its list", () => {
  expect(
    evaluate(
      `local t = { "a" } local s = require("set").new(t) t[1], t[2] = "b", "c" return s:has("a"), s:has("b"), #s`,
    ),
  ).toEqual([true, false, 1]);
});

describe("errors", () => {
  const huge = 'local part, t = ("x"):rep(1 << 24), {} for i = 1, 257 do t[i] = part end';
  test.each([
    ["set.new()", "bad argument #1 to 'new' (table expected, got no value)"],
    ["set.new('a')", "bad argument #1 to 'new' (table expected, got string)"],
    ["set.new{ 'a', 1 }", "bad argument #1 to 'new' (members must be strings)"],
    ["set.new{ 1, 2 }", "bad argument #1 to 'new' (members must be strings)"],
    ["set.labeled{ 'a' }", "bad argument #1 to 'labeled' (members must be strings)"],
    ["set.labeled{ a = 0 }", "bad argument #1 to 'labeled' (labels must be integers in [1, 2^32))"],
    ["set.labeled{ a = -1 }", "bad argument #1 to 'labeled' (labels must be integers in [1, 2^32))"],
    ["set.labeled{ a = 1 << 32 }", "bad argument #1 to 'labeled' (labels must be integers in [1, 2^32))"],
    ["set.labeled{ a = 1 << 60 }", "bad argument #1 to 'labeled' (labels must be integers in [1, 2^32))"],
    ["set.labeled{ a = '1' }", "bad argument #1 to 'labeled' (labels must be integers in [1, 2^32))"],
    ["s:has()", "bad argument #1 to 'has' (string expected, got no value)"],
    ["s:has({})", "bad argument #1 to 'has' (string expected, got table)"],
    ["ls:match(nil)", "bad argument #1 to 'match' (string expected, got nil)"],
    ["s.has('a', 'b')", "bad argument #1 to 'has' (invalid object)"],
    ["s.has(ls, 'b')", "bad argument #1 to 'has' (invalid object)"],
  ])("%s", (expression, message) => {
    expect(failureOf(`${SETUP}\nlocal _ = ${expression}`)).toBe(`test.lua:4: ${message}`);
  });

  test("more than 4 GiB of members", () => {
    expect(failureOf(`${huge} require("set").new(t)`)).toMatch(/\(table too large\)$/);
  });

  test("s:match and ls:has do not exist", () => {
    expect(evaluate(`${SETUP} return s.match, ls.has`)).toEqual([undefined, undefined]);
  });
});

test("members count against the memory of the runtime", () => {
  const source = `local t = {} for i = 1, 20000 do t[i] = "x" end local kept = {} for i = 1, 20 do kept[i] = require("set").new(t) end`;
  expect(() => evaluate(source, { memoryLimitBytes: 16 * 2 ** 20 })).toThrow(/memory/);
});
