import { expect, test } from "vitest";
import { checkScript } from "./check-script.ts";

const check = (source: string, lacking = {}) =>
  checkScript({ path: "test.lua", source }, lacking).map(({ code, severity, message, position }) =>
    [`${position?.line}:${position?.column}`, severity, code, message].join(" "),
  );

test.each([
  ["return 1", []],
  ['require("netfilter") require("linux.nf") require "data"', []],
  ["local name = 'x' require(name)", []],
  ["local require = print require('netlink')", []],
  ['require("netlink")', ["1:1 error module-missing module 'netlink' is not available"]],
  [
    "local t = {\n  f = function() if x then return { require('mylib') } end end }",
    ["2:1 warning module-file module 'mylib' is not built in, and no file of that name is found"],
  ],
])("%s", (source, problems) => {
  const withoutColumn = (line: string) => line.replace(/^(\d+):\d+/, "$1");
  expect(check(source).map(withoutColumn)).toEqual(problems.map(withoutColumn));
});

test("a syntax error has its line", () => {
  expect(check("local x\nx = = 1")).toEqual([expect.stringMatching(/^2:1 error syntax unexpected symbol/)]);
});

test("methods that a backend lacks", () => {
  const source = "local function hook(skb)\n  skb:forward()\n  return skb.forward, forward()\nend";
  expect(check(source, { forward: "not here" })).toEqual([
    expect.stringMatching(/^2:\d+ error method-missing 'forward': not here$/),
  ]);
});

test("a module that is a file is no problem", () => {
  const readFile = (path: string) => (path === "my/lib.lua" ? "return {}" : undefined);
  const check = (source: string) => checkScript({ path: "s.lua", source, readFile });
  expect(check('require("my.lib")')).toEqual([]);
  expect(check('require("my.other")')).toMatchObject([{ code: "module-file" }]);
});
