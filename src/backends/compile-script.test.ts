/** What is said about scripts that cannot be compiled; what the others become is tested beside the compiler. */

import { expect, test } from "vitest";
import { ebpf } from "./ebpf.ts";

const START = 'local nf, netfilter = require("linux.nf"), require("netfilter")\n';
const hook = (body: string, more = "") =>
  `netfilter.register{ pf = nf.proto.IPV4, hooknum = 1, priority = 0, ${more}hook = function(skb)\n${body}\nend }\n`;

function check(source: string, files: Record<string, string> = {}): string[] {
  const readFile = (path: string) => files[path];
  return ebpf
    .check({ path: "dir/test.lua", source, readFile })
    .map(({ code, severity, message, position, file, advice }) =>
      [`${file ?? ""}:${position?.line}`, severity, code, message, advice].join(" ").trim(),
    );
}

/** Programs at netfilter hooks will never be able to. */
const COPY = "local copy = skb:copy() return #copy:data() > 100 and 0 or 1";
const refusal = (line: number, file = "") =>
  expect.stringMatching(
    new RegExp(`^${file}:${line} error cannot-compile a copy of the packet cannot be compiled run `),
  );

test("nothing, of a script whose hooks compile", () => {
  expect(check(START + hook("return #skb:data() > 100 and 0 or 1"))).toEqual([]);
  expect(check("return 1")).toEqual([]);
});

test("the first thing in each hook, by line, each once", () => {
  const shared = `local function copy(skb) ${COPY} end\n`;
  const source =
    START + shared + hook("return copy(skb)") + hook("return 1") + hook(COPY) + hook("return copy(skb)");
  expect(check(source)).toEqual([refusal(2), refusal(10)]);
});

test("in a file that the script requires", () => {
  const files = { "lib/copy.lua": `local lib = {}\nfunction lib.copy(skb)\n${COPY}\nend\nreturn lib\n` };
  expect(check(`${START}local lib = require("lib.copy")\n${hook("return lib.copy(skb)")}`, files)).toEqual([
    refusal(3, "lib/copy.lua"),
  ]);
});

/** A hook that cannot decide packets above 1,000 bytes; `body` stands before. */
const partly = (body: string) => `${hook(`${body}\nif #skb:data() > 1000 then ${COPY} end\nreturn 1`)}`;

test.each([
  ["local n = #skb:data() n = n + 1"],
  ["local t = { 1, 2 } t[#t + 1] = 3 table.insert(t, 4) t.name = 'x'"],
  ["local text = ('x'):rep(3):upper() local at = text:find('X')"],
  ["local function twice(x) return x * 2 end local y = twice(2)"],
  ["for i, n in ipairs({ 1, 2 }) do local m = i + n end"],
  ["skb:data():getuint8(0)"],
  ["local known = NAMES['a'] and known_names:has('b')"],
])("packets that come there are left to user space where nothing is kept: %s", (body) => {
  const source = `${START}local set = require("set")\nlocal known_names = set.new({ "a" })\nNAMES = { a = 1 }\n${partly(body)}`;
  expect(check(source)).toEqual([
    expect.stringMatching(
      /^:7 warning cannot-compile a copy of the packet cannot be compiled: packets that come here go to user space run /,
    ),
  ]);
});

test.each([
  ["count = count + 1", "the variable 'count'"],
  ["last = #skb:data()", "the variable 'last'"],
  ["seen[1] = true", "a field of a table"],
  ["local alias = seen alias[1] = true", "a field of a table"],
  ["table.insert(seen, 1)", "table.insert"],
  ["seen.list.deep = 1", "a field of a table"],
  ["local n = linux.random(1, 6)", "linux.random"],
  ["bump()", "the variable 'count'"],
  ["(function() count = 2 end)()", "the variable 'count'"],
  ["methods.bump()", "a field of a table"],
  ["shared.hits = 1", "a field of a table"],
  ["lookup(shared)", "an object"],
])("but not where a hook keeps something: %s", (body, what) => {
  const source = `${START}local linux, count, seen = require("linux"), 0, { list = {} }
local shared = require("rcu").table()
local function lookup(where) return where.hits end
local function bump() count = count + 1 end
local methods = {} function methods.bump() methods.n = 1 end
${partly(body)}`;
  const [problem, reason] = check(source);
  expect(problem).toMatch(/^:\d+ error cannot-compile /);
  expect(reason).toMatch(
    /^:undefined warning cannot-punt packets that come there cannot be left to user space: /,
  );
  expect(reason).toContain(`dir/test.lua:`);
  expect(reason).toContain(`: ${what} would be in the kernel and in user space`);
});

test("a hook that is none", () => {
  const source = `${START}netfilter.register{ pf = nf.proto.IPV4, hooknum = 1, priority = 0 }`;
  expect(check(source)).toEqual([
    ":undefined error cannot-compile hook 1, whose field 'hook' is no function, cannot be compiled set it before netfilter.register is called",
  ]);
});

test("what the top level raises", () => {
  expect(check("local x = 1\nerror('no device')")).toEqual([":2 error load no device"]);
  expect(check("error({})")).toEqual([":undefined error load (error object is a table value)"]);
  expect(check("while true do end")).toEqual([":1 error load instruction budget exceeded"]);
});

test("a module that is not there is a warning, here as elsewhere", () => {
  expect(check('require("mylib")')).toEqual([
    expect.stringMatching(/^:1 warning module-file /),
    expect.stringMatching(/^:1 warning load module 'mylib' not found/),
  ]);
});

test("what is wrong for every backend is said first", () => {
  expect(check("local x = = 1")).toEqual([expect.stringMatching(/^:1 error syntax /)]);
});
