import { describe, expect, test } from "vitest";
import { evaluate, failureOf, machine } from "../runtime/testing.ts";

const withLinux = (expression: string) => `local linux = require("linux") return ${expression}`;

test.each([
  ["linux.difftime(5, 3)", [2]],
  ["linux.difftime(math.mininteger, 1) == math.maxinteger", [true]],
  ['linux.ifindex("lo"), linux.ifindex("eth0")', [1, 2]],
  ["linux.ifaddr(2)", ["\x02\0\0\0\0\x01"]],
  [
    "linux.errname(2), linux.errname(-11), linux.errname(0), linux.errname(99999)",
    ["ENOENT", "EAGAIN", "unknown", "unknown"],
  ],
  ["linux.errname(math.mininteger)", ["unknown"]],
  ["linux.numcpus()", [1]],
  [
    "linux.tracing(), linux.tracing(true), linux.tracing(), linux.tracing(nil), linux.tracing()",
    [false, true, true, false, false],
  ],
  ['type(linux.lookup("printk")), linux.lookup("a") == linux.lookup("b")', ["userdata", true]],
  ["linux.stat.IRUSR, linux.task.IDLE", [256, 1026]],
  ["linux.random(5, 5), linux.random(1)", [5, 1]],
  ["linux.random(math.mininteger, math.mininteger) == math.mininteger", [true]],
])("%s", (expression, results) => {
  expect(evaluate(withLinux(expression))).toEqual(results);
});

test.each([
  ["linux.random(0)", "bad argument #1 to 'random' (interval is empty)"],
  ["linux.random(2, 1)", "bad argument #2 to 'random' (interval is empty)"],
  ["linux.random(math.mininteger, math.maxinteger)", "bad argument #2 to 'random' (interval too large)"],
  ["linux.random(-1, math.maxinteger)", "bad argument #2 to 'random' (interval too large)"],
  ["linux.random(1, 2, 3)", "wrong number of arguments"],
  ["linux.random(nil)", "bad argument #1 to 'random' (number expected, got nil)"],
  ["linux.random(1, nil)", "bad argument #2 to 'random' (number expected, got nil)"],
  ['linux.ifindex("wlan7")', "bad argument #1 to 'ifindex' (device not found)"],
  ["linux.ifaddr(77)", "bad argument #1 to 'ifaddr' (device not found)"],
  ["linux.schedule(1, 0)", "bad argument #2 to 'schedule' (invalid task state)"],
  ["linux.schedule()", "cannot sleep for ever"],
  ["linux.difftime(1)", "bad argument #2 to 'difftime' (number expected, got no value)"],
])("%s fails", (expression, message) => {
  expect(failureOf(withLinux(expression))).toBe(`test.lua:1: ${message}`);
});

describe("random", () => {
  test("covers its interval and nothing else", () => {
    const source = `local seen = {} for i = 1, 300 do seen[linux.random(3, 6)] = true end
      return seen[2], seen[3], seen[4], seen[5], seen[6], seen[7]`;
    expect(evaluate(`local linux = require("linux") ${source}`)).toEqual([
      undefined,
      true,
      true,
      true,
      true,
      undefined,
    ]);
  });

  test("uses all 64 bits", () => {
    const source =
      "local o, a = 0, -1 for i = 1, 200 do local r = linux.random(); o = o | r; a = a & r end return o, a";
    expect(evaluate(`local linux = require("linux") ${source}`)).toEqual([-1, 0]);
  });
});

describe("time", () => {
  test("is the clock of the packets", () => {
    const { kernel, runtime } = machine();
    kernel.setTime(1_700_000_000, 5);
    runtime.load(withLinux("linux.time() == 1700000000000000005"), "test.lua");
    expect(runtime.returned).toEqual([true]);
  });

  test("goes on while the script sleeps", () => {
    expect(evaluate(withLinux("linux.time(), linux.schedule(1500), linux.time()"))).toEqual([
      0, 0, 1_500_000_000,
    ]);
  });
});
