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
