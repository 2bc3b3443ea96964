/** Sets in compiled hooks: as on the Lua VM, verdict and log, packet after packet. */

import { describe, expect, test } from "vitest";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { ipPacket } from "../../src/kernel/testing.ts";
import { InterpretedHook, VmHook } from "../differential/hook-machines.ts";

const HEAD = `local netfilter, nf, set = require("netfilter"), require("linux.nf"), require("set")
local few = set.new{ "com", "example.com", "a", "", "x\\0", "b" }
local names, labels = { "example.com", "a.b.c", "", "x\\0y" }, { ["example.com"] = 1, com = 2, ["b.c"] = 0x80000000, c = 4, [""] = 8 }
for i = 1, 20 do names[#names + 1] = "n" .. i labels["n" .. i .. ".org"] = 16 << i % 8 end
local many = set.new(names)
local none, empty, labeled = set.new{}, set.labeled{}, set.labeled(labels)
local short = set.labeled{ ["example.com"] = 1, com = 2, ["www.example.com"] = 4, [""] = 8, ["a.b"] = 0x80000000, ["b.a"] = 32 }
local function maybe(v) if v < 30 then return v end return nil end
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = 0, hook = function(skb) local d = skb:data()
  local s = #d > 28 and d:getstring(28) or ""
`;
const LINE = HEAD.split("\n").length;

const packetWith = (payload: string): Uint8Array => ipPacket({ payload: Buffer.from(payload, "latin1") });

/** The lines of the log of each packet. */
function run(body: string, payloads: readonly string[]): string[][] {
  const vm = new VmHook(`${HEAD}${body}\nend }`);
  const compiled = vm.compile(EXAMPLE_LAYOUT);
  expect(compiled.refusals).toEqual([]);
  const whole = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
  const parts = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
  return payloads.map((payload) => {
    const packet = packetWith(payload);
    const wanted = vm.run(packet);
    for (const got of [whole.run(packet), parts.run(packet, 20)]) {
      expect([payload, got.verdict, got.lines]).toEqual([payload, wanted.verdict, wanted.lines]);
      expect(got.isPunted).toBe(false);
    }
    return [...wanted.lines];
  });
}

const TEXTS = [
  "",
  "a",
  "b",
  "ab",
  "com",
  ".com",
  "com.",
  ".",
  "..",
  "a.b",
  "b.a",
  "c.b.a",
  "example.com",
  "www.example.com",
  "ww.example.com",
  "notexample.com",
  "a.www.example.com",
  "example.com.",
  "a.b.c",
  "x.b.c",
  "n7",
  "n7.org",
  "host.n7.org",
  "n77.org",
  "x\0",
  "x",
  "x\0y",
  "x\0y\0",
  "EXAMPLE.COM",
  `${"long.".repeat(60)}n3.org`,
  `${"x".repeat(300)}.com`,
  `${"x".repeat(7)}n3.org`,
];

describe("sets", () => {
  test.each(["few", "many", "none"])("%s:has", (name) => {
    const found = run(`print(${name}:has(s), ${name}:has(s:lower()), #${name}) return 1`, TEXTS);
    expect(new Set(found.flat()).size).toBeGreaterThan(name === "none" ? 0 : 1);
  });

  test.each(["labeled", "short", "empty"])("%s:match", (name) => {
    const found = run(`print(${name}:match(s), ${name}:match(s:lower()), #${name}) return 1`, TEXTS);
    expect(new Set(found.flat()).size).toBeGreaterThan(name === "empty" ? 0 : 5);
  });

  test("what is cut and built", () => {
    const body = `local q = "www." .. s
      print(many:has(s:sub(2)), many:has(s .. ""), labeled:match(q), short:match(q), labeled:match(s:sub(3)))
      for i = 1, 3 do if few:has(s:sub(i, i)) then print(i) end end return 1`;
    expect(run(body, TEXTS).flat()).toContain("3");
  });

  test("constants, and what decides", () => {
    const body = `if few:has("a") and not few:has("z") and short:match("x.com") == 2 then print("constant") end
      if many:has(s) then return 0 end
      local m = labeled:match(s) if m & 1 ~= 0 then return 0 elseif m ~= 0 then print(m) end return 1`;
    expect(run(body, TEXTS).flat()).toContain("constant");
  });

  test("integers are strings", () => {
    expect(run("print(few:has(d:getuint8(0)), many:has(d:getuint8(0) - 69)) return 1", ["x"])).toEqual([
      ["false\tfalse"],
    ]);
  });

  test("one of two sets", () => {
    const found = run("local which = #s > 3 and many or few print(which:has(s), #which) return 1", TEXTS);
    expect(new Set(found.flat()).size).toBe(4);
  });
});

describe("errors are those of the VM", () => {
  test.each([
    ["few:has()", "bad argument #1 to 'has' (string expected, got no value)"],
    ["few:has(maybe(d:getuint8(8)))", "bad argument #1 to 'has' (string expected, got nil)"],
    ["labeled:match({})", "bad argument #1 to 'match' (string expected, got table)"],
    ["few.has(labeled, s)", "bad argument #1 to 'has' (invalid object)"],
    ["few:match(s)", "attempt to call a nil value (method 'match')"],
    ["few.x.y = 1", "attempt to index a nil value (field 'x')"],
    ["few.x = 1", "attempt to index a set value (upvalue 'few')"],
    ["print(pcall(few.has, few)) error('x', 0)", "x"],
  ])("%s", (body, message) => {
    expect(run(`${body} return 0`, ["x"])[0]!.at(-1)).toBe(
      message.length > 1 ? `test.lua:${LINE}: ${message}` : message,
    );
  });
});

test("any number of members costs the same", () => {
  const sizeOf = (count: number): number => {
    const vm = new VmHook(
      `${HEAD.replace("1, 20 do", `1, ${count} do`)} return many:has(s) and labeled:match(s) ~= 0 and 0 or 1 end }`,
    );
    const { maps, hooks } = vm.compile(EXAMPLE_LAYOUT);
    expect(maps.map(({ entries }) => entries.length)).toEqual(expect.arrayContaining([count + 4, count + 5]));
    return hooks[0]!.program.instructions.length;
  };
  expect(sizeOf(9999)).toBe(sizeOf(1000));
});
