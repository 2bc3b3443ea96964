import { describe, expect, test } from "vitest";
import { ScriptAbort } from "../lua/error.ts";
import type { IoHost } from "../lua/lib/io.ts";
import { evaluate, failureOf, machine, machineWith } from "./testing.ts";

test("keeps what the script returned, and is ready after", () => {
  const { runtime } = machine();
  expect(runtime.phase).toBe("loading");
  runtime.load("return 1, 'x'", "a.lua");
  expect(runtime.returned).toEqual([1, "x"]);
  expect(runtime.phase).toBe("ready");
  runtime.stop();
  expect(runtime.phase).toBe("stopped");
});

test.each([
  ["error('no')", "dir/test.lua:1: no"],
  ["error({})", /error object is a table value/],
  ["x = = 1", /dir\/test\.lua:1: unexpected symbol near '='/],
])("%s at top level", (source, message) => {
  const { runtime } = machine();
  expect(() => runtime.load(source, "dir/test.lua")).toThrow(message);
  expect(runtime.phase).toBe("stopped");
});

test("an endless top level is stopped", () => {
  expect(() => machineWith("while true do end", { loadBudget: 1000 })).toThrow(ScriptAbort);
});

describe("print", () => {
  test.each([
    ["print('a', 1, nil, true)", ["info: a\t1\tnil\ttrue"]],
    ["print()", ["info: "]],
    ["print('a\\nb')", ["info: a", "info: b"]],
    ["print('a\\0b')", ["info: a"]],
    ["warn('careful')", ["error: careful"]],
  ])("%s", (source, log) => {
    expect(machineWith(source).log.map((line) => line.replace("Lua warning: ", ""))).toEqual(log);
  });
});

describe("files", () => {
  const readFile = (path: string) => (path.endsWith("/helper.lua") ? "return { answer = 42 }" : undefined);

  test("require reads them through the host", () => {
    expect(evaluate("return require('helper').answer", { readFile })).toEqual([42]);
  });

  test("a native module does not hide a file of its name", () => {
    const own = (path: string) => (path.endsWith("/data.lua") ? "return 'mine'" : undefined);
    expect(evaluate("return (require('data'))", { readFile: own })).toEqual(["mine"]);
  });

  test("without a host there are none", () => {
    expect(failureOf("require('helper')")).toMatch(/module 'helper' not found/);
  });

  test.each([
    ["softirq", "cannot load file on non-sleepable runtime"],
    ["hardirq", "cannot load file on non-sleepable runtime"],
  ] as const)("not after load in a %s runtime", (context, message) => {
    const { runtime } = machineWith("return function() return require('helper') end", { readFile, context });
    const body = runtime.returned[0] as () => unknown;
    expect(() => runtime.state.call(body as never)).toThrow(message);
  });

  test("always in a process runtime", () => {
    const { runtime } = machineWith("return function() return require('helper').answer end", {
      readFile,
      context: "process",
    });
    expect(runtime.state.call(runtime.returned[0] as never)).toBe(42);
  });
});

test.each([
  ["softirq", false],
  ["hardirq", false],
  ["process", true],
  ["auto", true],
] as const)("sleeping after load in a %s runtime", (context, works) => {
  const { runtime } = machineWith("return function() return require('linux').schedule(5) end", { context });
  const sleep = () => runtime.state.call(runtime.returned[0] as never);
  if (works) expect(sleep()).toBe(0);
  else expect(sleep).toThrow("cannot sleep in this context");
});

test.each([
  ["process", "table\ttable"],
  ["softirq", "nil\tnil"],
  ["hardirq", "nil\tnil"],
  ["auto", "table\tnil"],
] as const)("io in a %s runtime, before and after it asks for a hook", (context, types) => {
  const io = { open: () => "no such file" } as unknown as IoHost;
  const source = `local before = type(io)
    pcall(function() require("netfilter").register{ pf = 2, hooknum = 1, priority = 0 } end)
    print(before, type(io))`;
  expect(machineWith(source, { context, io }).log.at(-1)).toBe(`info: ${types}`);
});
