import { describe, expect, test } from "vitest";
import { evaluate, failureOf } from "../runtime/testing.ts";

const SETUP = `local data = require("data"); local d = data.new(16);
d:setstring(0, "\\x01\\x02\\x03\\x84\\x05\\x06\\x07\\x88\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff") `;

describe("reading", () => {
  test.each([
    ["d:getbyte(0)", 1],
    ["d:getbyte(3)", 0x84],
    ["d:getuint8(8)", 255],
    ["d:getint8(8)", -1],
    ["d:getint8(0)", 1],
    ["d:getuint16(0)", 0x0201],
    ["d:getuint16(1)", 0x0302],
    ["d:getuint16(8)", 65535],
    ["d:getint16(8)", -1],
    ["d:getint16(2)", 0x8403 - 65536],
    ["d:getuint32(0)", 0x84030201],
    ["d:getint32(0)", 0x84030201 - 2 ** 32],
    ["d:getuint32(8)", 4294967295],
    ["d:getint64(8)", -1],
    ["d:getnumber(8)", -1],
    ["d:getint64(0) == 0x8807060584030201", true],
    ["d:getint64(1) == 0xff88070605840302", true],
    ["#d", 16],
    ["d:getstring(0, 3)", "\x01\x02\x03"],
    ["d:getstring(13)", "\xff\xff\xff"],
    ["d:getstring(13, nil)", "\xff\xff\xff"],
    ["#tostring(d)", 16],
    ["tostring(data.new(0))", ""],
    ['d:getuint8("0x3")', 0x84],
    ["d.getuint8(d, 0)", 1],
  ])("%s", (expression, value) => {
    expect(evaluate(`${SETUP} return ${expression}`)).toEqual([value]);
  });
});

describe("writing", () => {
  test.each([
    ["setbyte(1, 0x1ff)", "00ff0000000000000000"],
    ["setuint8(1, -1)", "00ff0000000000000000"],
    ["setint8(1, 0x7f00000000000080)", "00800000000000000000"],
    ["setuint16(1, 0x12345)", "00452300000000000000"],
    ["setint16(1, -2)", "00feff00000000000000"],
    ["setuint32(1, 0x1aabbccdd)", "00ddccbbaa0000000000"],
    ["setint32(1, -2147483648)", "00000000800000000000"],
    ["setint64(1, 0x0102030405060708)", "00080706050403020100"],
    ["setint64(1, 0x80)", "00800000000000000000"],
    ["setint64(1, -2)", "00feffffffffffffff00"],
    ["setnumber(2, math.mininteger)", "00000000000000000080"],
    ['setstring(1, "ab\\0")', "00616200000000000000"],
    ["setstring(1, 12)", "00313200000000000000"],
    ['setuint8(0, "7")', "07000000000000000000"],
  ])("%s", (call, hex) => {
    const show = `(tostring(d):gsub(".", function(c) return string.format("%02x", c:byte()) end))`;
    expect(evaluate(`local d = require("data").new(10); d:${call}; return ${show}`)).toEqual([hex]);
  });

  test.each(["setuint8(0, 1)", 'setstring(0, "x")', "resize(3)"])("%s has no results", (call) => {
    expect(evaluate(`local d = require("data").new(4); return select("#", d:${call})`)).toEqual([0]);
  });
});

describe("errors", () => {
  test.each([
    ["d:getuint8(16)", "bad argument #1 to 'getuint8' (out of bounds)"],
    ["d:getbyte(-1)", "bad argument #1 to 'getbyte' (out of bounds)"],
    ["d:getuint16(15)", "bad argument #1 to 'getuint16' (out of bounds)"],
    ["d:getint32(13)", "bad argument #1 to 'getint32' (out of bounds)"],
    ["d:getint64(9)", "bad argument #1 to 'getint64' (out of bounds)"],
    ["d:getuint8(math.maxinteger)", "bad argument #1 to 'getuint8' (out of bounds)"],
    ["d:getuint8(math.mininteger)", "bad argument #1 to 'getuint8' (out of bounds)"],
    ["d:getuint8()", "bad argument #1 to 'getuint8' (number expected, got no value)"],
    ["d:getuint8(nil)", "bad argument #1 to 'getuint8' (number expected, got nil)"],
    ["d:getuint8('x')", "bad argument #1 to 'getuint8' (number expected, got string)"],
    ["d:getuint8({})", "bad argument #1 to 'getuint8' (number expected, got table)"],
    ["d:getuint8(d)", "bad argument #1 to 'getuint8' (number expected, got data)"],
    ["d.getuint8(1, 2)", "bad argument #1 to 'getuint8' (invalid object)"],
    ["d.getuint8()", "bad argument #1 to 'getuint8' (invalid object)"],
    ["d:getstring(0, 0)", "bad argument #1 to 'getstring' (out of bounds)"],
    ["d:getstring(0, -1)", "bad argument #1 to 'getstring' (out of bounds)"],
    ["d:getstring(0, 17)", "bad argument #1 to 'getstring' (out of bounds)"],
    ["d:getstring(16)", "bad argument #1 to 'getstring' (out of bounds)"],
    ["d:getstring(1, math.maxinteger)", "bad argument #1 to 'getstring' (out of bounds)"],
    ["d:getstring(0, 'x')", "bad argument #2 to 'getstring' (number expected, got string)"],
    ["d:setuint8(16, {})", "bad argument #1 to 'setuint8' (out of bounds)"],
    ["d:setuint8(0)", "bad argument #2 to 'setuint8' (number expected, got no value)"],
    ["d:setuint8(0, nil)", "bad argument #2 to 'setuint8' (number expected, got nil)"],
    ["d:setint64(0, {})", "bad argument #2 to 'setint64' (number expected, got table)"],
    ["d:setstring(0, '')", "bad argument #1 to 'setstring' (out of bounds)"],
    ["d:setstring(15, 'ab')", "bad argument #1 to 'setstring' (out of bounds)"],
    ["d:setstring(0, {})", "bad argument #2 to 'setstring' (string expected, got table)"],
    ["data.new(0):checksum()", "bad argument #1 to 'checksum' (out of bounds)"],
    ["d:checksum(16)", "bad argument #1 to 'checksum' (out of bounds)"],
    ["data.new()", "bad argument #1 to 'new' (number expected, got no value)"],
    ["data.new(1, 'both')", "bad argument #2 to 'new' (invalid option 'both')"],
    ["data.new(1, {})", "bad argument #2 to 'new' (string expected, got table)"],
    ["data.new(-1)", "not enough memory"],
    ["data.new(math.maxinteger)", "not enough memory"],
    ["d:resize(-1)", "not enough memory"],
  ])("%s", (expression, message) => {
    expect(failureOf(`${SETUP}\nlocal _ = ${expression}`)).toBe(`test.lua:3: ${message}`);
  });

  test("a failed setter writes nothing", () => {
    expect(evaluate(`${SETUP} pcall(d.setint64, d, 8, {}); return d:getint64(8)`)).toEqual([-1]);
  });
});

test.each(['"shared"', '"single"', "nil"])("data.new(4, %s)", (mode) => {
  expect(evaluate(`return #require("data").new(4, ${mode})`)).toEqual([4]);
});

test("checksum is the Internet checksum, ready to be stored", () => {
  // The example of RFC 1071 §3: its sum is ddf2.
  const setup = `local d = require("data").new(10); d:setstring(0, "\\x00\\x01\\xf2\\x03\\xf4\\xf5\\xf6\\xf7\\0\\0") `;
  expect(evaluate(`${setup} return d:checksum(0, 8)`)).toEqual([0x0d22]);
  expect(evaluate(`${setup} d:setuint16(8, d:checksum()); return d:checksum()`)).toEqual([0]);
  expect(evaluate(`${setup} return d:checksum(1, 3)`)).toEqual([~(0x01f2 + 0x0300) & 0xffff].map(swap16));
});

test("resize keeps the beginning", () => {
  const source = `${SETUP} d:resize(4); d:resize(6); return #d, d:getstring(0, 4), d:getuint16(4)`;
  expect(evaluate(source)).toEqual([6, "\x01\x02\x03\x84", 0]);
});

test("memory of data counts against the runtime's limit", () => {
  const source = 'local t, data = {}, require("data"); for i = 1, 100 do t[i] = data.new(1 << 20) end';
  expect(() => evaluate(source, { memoryLimitBytes: 16 * 2 ** 20 })).toThrow(/memory/);
});

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}
