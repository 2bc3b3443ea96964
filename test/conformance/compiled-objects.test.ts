/** Sets and shared tables in compiled hooks: as on the Lua VM, verdict and log, packet after packet. */

import { describe, expect, test } from "vitest";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { ipPacket } from "../../src/kernel/testing.ts";
import { InterpretedHook, VmHook } from "../differential/hook-machines.ts";

const HEAD = `local netfilter, nf, set, rcu = require("netfilter"), require("linux.nf"), require("set"), require("rcu")
local few = set.new{ "com", "example.com", "a", "", "x\\0", "b" }
local names, labels = { "example.com", "a.b.c", "", "x\\0y" }, { ["example.com"] = 1, com = 2, ["b.c"] = 0x80000000, c = 4, [""] = 8 }
for i = 1, 20 do names[#names + 1] = "n" .. i labels["n" .. i .. ".org"] = 16 << i % 8 end
local many = set.new(names)
local none, empty, labeled = set.new{}, set.labeled{}, set.labeled(labels)
local short = set.labeled{ ["example.com"] = 1, com = 2, ["www.example.com"] = 4, [""] = 8, ["a.b"] = 0x80000000, ["b.a"] = 32 }
local t, u = rcu.table(), rcu.table()
t.a, t.yes, t.no, t[69], t.least = 1, true, false, 70, math.mininteger
for i = 1, 300 do u["key" .. i] = i end
local function read() return t.a end
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

  test("a text that is too short, or long enough, for certain", () => {
    const body =
      "if #s > 2 then print(short:match(s:sub(1, 1)), short:match(d:getstring(28, 3)), many:has(d:getstring(28, 1))) end return 1";
    expect(run(body, TEXTS).flat()).toContain("0\t32\tfalse");
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

describe("shared tables", () => {
  test.each([
    [
      "constant names",
      "1\ttrue\tfalse\t-9223372036854775808\tnil\t70\t70\tnil",
      'print(t.a, t.yes, t.no, t.least, t.none, t[69], t["69"], t.x) return 1',
    ],
    [
      "names of the packet",
      "7\tnil\t70\tnil\t17",
      "print(u[s], t[s], t[d:getuint8(0)], t[s:sub(1, 1)], u['key' .. d:getuint8(9)]) return 1",
    ],
    [
      "what is written",
      "3\tfalse\t3",
      "t[s:sub(1, 3)] = #s t.last = #s > 3 print(t[s], t.last, t[s:sub(1, 3)]) return 1",
    ],
    [
      "counters",
      "2\t2",
      "t.n = (t.n or 0) + 1 t[#s] = (t[#s] or 0) + t.n print(t.n, t[#s]) return t.n > 7 and 0 or 1",
    ],
    [
      "what is deleted",
      "nil\tnil",
      "t[s] = nil t.a = nil print(t.a, t[s]) t[s] = 7 t.b = t[s] print(t.b) return 1",
    ],
    [
      "kinds",
      "true",
      "t.v = maybe(#s) print(t.v, t.v == nil) t.v = #s > 3 if t.v then print(t.v) end t.v = nil return 1",
    ],
    [
      "as conditions",
      "no",
      "if t[s] then return 0 elseif t[s] == false then print('no') end return u[s] and 0 or 1",
    ],
    [
      "a short name",
      "true\tnil\ttrue",
      "t[s:sub(1, 2)] = true local k = s:sub(1, 2) print(t[k], t[k .. 'x'], t.ab) return 1",
    ],
  ])("%s", (_, line, body) => {
    const texts = TEXTS.filter((text) => !text.includes("\0") && text.length < 256);
    const found = run(body, [...texts, "no", "yes", "key7", "key300", "key301", "a", "a"]);
    expect(found.flat()).toContain(line);
  });

  test("names with zeros, and longer ones than there are", () => {
    const texts = [
      "",
      "x",
      "x\0",
      "x\0y",
      "\0",
      "abcdefgh\0",
      "abcdefghijkl\0mn",
      "abcdefg\0",
      "x".repeat(255),
      "x".repeat(256),
    ];
    const body =
      "print(t[s]) local ok, why = pcall(function() t[s] = #s end) print(ok, why) print(t[s], t.x) return 1";
    const found = run(body, [...texts, ...texts]);
    const failed = found.filter((lines) => lines[1]!.startsWith("false"));
    expect(failed.map((lines) => lines[1]!.replace(/^false\ttest.lua:\d+: /, ""))).toEqual([
      ...[2, 3, 4, 5, 6, 7].map(() => "bad argument #1 to 'newindex' (key with a zero)"),
      "not enough memory",
      ...[2, 3, 4, 5, 6, 7].map(() => "bad argument #1 to 'newindex' (key with a zero)"),
      "not enough memory",
    ]);
  });

  test("maps are called as the script calls its tables, and have room for the names that hooks ask for", () => {
    const vm = new VmHook(
      `${HEAD}local all = { deeper = u } print(all.deeper.abc, t[#d], t.yes) return 1 end }`,
    );
    const maps = vm.compile(EXAMPLE_LAYOUT).maps.filter(({ name }) => name.startsWith("rcu_"));
    expect(maps.map(({ name, keySize, valueSize }) => [name, keySize, valueSize])).toEqual([
      ["rcu_deeper", 8, 16],
      ["rcu_t", 24, 16],
    ]);
    const values = new Map(maps[1]!.entries.map(([key, value]) => [Buffer.from(key).toString(), [...value]]));
    expect(values.get("yes".padEnd(24, "\0"))).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(values.get("69".padEnd(24, "\0"))).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 70, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("zeros behind a name are none of it", () => {
    expect(run("local k = s:sub(1, 2) t[k] = 5 print(t[k], t.ab) return 1", ["ab\0\0", "ab"])).toEqual([
      ["5\t5"],
      ["5\t5"],
    ]);
  });

  test("a function that reads a table is not called later, when its result is printed", () => {
    expect(run("t.a = 5 print(read()) t.a = 6 return 1", ["x"])).toEqual([["5"]]);
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
    ["local n = #t", "attempt to get length of a rcu.table value (upvalue 't')"],
    ["t.x = s", "bad argument #2 to 'newindex' (unsupported type)"],
    ["t.x = {}", "bad argument #2 to 'newindex' (unsupported type)"],
    ["t.x = print", "bad argument #2 to 'newindex' (unsupported type)"],
    ["t.x = skb", "cannot share SINGLE object"],
    ["t.x = d", "cannot share SINGLE object"],
    ["local v = t[maybe(d:getuint8(8))]", "bad argument #1 to 'index' (string expected, got nil)"],
    ["t[s:sub(1, 1)] = {}", "bad argument #2 to 'newindex' (unsupported type)"],
    ["t[{}] = 1", "bad argument #1 to 'newindex' (string expected, got table)"],
    ["t[('x'):rep(256)] = 1", "not enough memory"],
    ["t['a\\0b'] = 1", "bad argument #1 to 'newindex' (key with a zero)"],
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
