/** What compiled hooks have to get right, one case each: as the Lua VM, verdict and log. Most were found by chance. */

import { describe, expect, test } from "vitest";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { ipPacket } from "../../src/kernel/testing.ts";
import { InterpretedHook, type Outcome, VmHook } from "../differential/hook-machines.ts";

const HEAD = `local netfilter, nf = require("netfilter"), require("linux.nf")
local none
local texts = { [0] = "a", "example", "www" }
local names = {} for i = 1, 20 do names["n" .. i] = i end names.example, names.a = 100, 7
local function maybe(v) if v < 30 then return v end return nil end
local function blame(v) if v > 9 then error("too large", 2) end return v end
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = 0, hook = function(skb) local d = skb:data()
`;

/** UDP from port 1000 to 2000; bytes 28 to 47 are the text. */
const PACKET = ipPacket({ payload: Buffer.from("Host: example.org=12") });
const LINE = HEAD.split("\n").length;

function run(body: string, packet = PACKET): Outcome {
  const vm = new VmHook(`${HEAD}${body}\nend }`);
  const wanted = vm.run(packet);
  const compiled = vm.compile(EXAMPLE_LAYOUT);
  expect(compiled.refusals).toEqual([]);
  const hook = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
  for (const linearBytes of [packet.length, 20, 0]) {
    const got = hook.run(packet, linearBytes);
    expect([got.verdict, got.lines]).toEqual([wanted.verdict, wanted.lines]);
    expect(got.isPunted).toBe(false);
  }
  return wanted;
}

const failure = (body: string): string => {
  const { verdict, lines } = run(`${body} return 0`);
  // A hook that fails accepts the packet.
  expect(verdict).toBe("accept");
  return lines.at(-1)!.replace(`test.lua:${LINE}: `, "");
};

describe("errors say what they say in the VM", () => {
  test.each([
    ["local x = 1 // (d:getuint8(6))", "attempt to divide by zero"],
    ["local x = 1 % (d:getuint8(6))", "attempt to perform 'n%0'"],
    ["assert(d:getuint8(0) == 1)", "assertion failed!"],
    ["assert(d:getuint8(0) == 1, 'not so')", "not so"],
    ["local x = -'x'", "attempt to unm a 'string' with a 'string'"],
    ["local x = 'x' + d:getuint8(0)", "attempt to add a 'string' with a 'number'"],
    ["local x = d:getuint8(0) // 'x'", "attempt to idiv a 'number' with a 'string'"],
    ["local x = d:getuint8(0) / 'x'", "attempt to idiv a 'number' with a 'string'"],
    ["local x = none * 'x'", "attempt to mul a 'nil' with a 'string'"],
    [
      "local x = d:getuint8(0) & 'x'",
      "attempt to perform bitwise operation on a string value (constant 'x')",
    ],
    ["assert()", "bad argument #1 to 'assert' (value expected)"],
    ["string.byte(none)", "bad argument #1 to 'byte' (string expected, got nil)"],
    ["local x = d:getstring(2, 3):sub(none)", "bad argument #1 to 'sub' (number expected, got nil)"],
    ["local x = string.sub(d:getstring(2, 3), none)", "bad argument #2 to 'sub' (number expected, got nil)"],
    ["local x = ('x'):rep(none)", "bad argument #1 to 'rep' (number expected, got nil)"],
    ["local x = d:getstring(4, 0)", "bad argument #1 to 'getstring' (out of bounds)"],
    ["local x = d:getstring(4, -1)", "bad argument #1 to 'getstring' (out of bounds)"],
    ["for i = 1, none do end", "bad 'for' limit (number expected, got nil)"],
    ["for i = {}, 1 do end", "bad 'for' initial value (number expected, got table)"],
    ["blame(d:getuint8(8))", "too large"],
    ["local x = (maybe(64)).y", "attempt to index a nil value"],
  ])("%s", (body, message) => {
    expect(failure(body)).toBe(message);
  });

  test("pcall calls functions from nowhere", () => {
    const { lines } = run(
      "print(pcall(error, 'boom')) print(pcall(error)) print(pcall(blame, d:getuint8(8))) print(pcall(string.byte, none)) return 1",
    );
    expect(lines).toEqual([
      "false\tboom",
      "false\t<no error object>",
      "false\ttoo large",
      "false\tbad argument #1 to 'string.byte' (string expected, got no value)",
    ]);
  });
});

describe("what is printed later fails now", () => {
  test.each([
    ["print('x' .. maybe(d:getuint8(8)))", "attempt to concatenate a nil value"],
    ["local v = maybe(d:getuint8(8)) print('x' .. v)", "attempt to concatenate a nil value (local 'v')"],
    [
      "local v = maybe(d:getuint8(8)) print(1 + v)",
      "attempt to perform arithmetic on a nil value (local 'v')",
    ],
    ["local v = maybe(d:getuint8(8)) print(-v)", "attempt to perform arithmetic on a nil value (local 'v')"],
    [
      "local v = maybe(d:getuint8(8)) print(('%d'):format(v))",
      "bad argument #1 to 'format' (number expected, got nil)",
    ],
    [
      "local v = maybe(d:getuint8(8)) print(string.format('%x', v))",
      "bad argument #2 to 'format' (number expected, got nil)",
    ],
    [
      "local v = maybe(d:getuint8(8)) local s = ('%d'):format(v) print(s)",
      "bad argument #1 to 'format' (number expected, got nil)",
    ],
    ["print(1 // d:getuint8(6))", "attempt to divide by zero"],
  ])("%s", (body, message) => {
    expect(failure(body)).toBe(message);
  });

  test("and is not evaluated twice", () => {
    const { lines } = run(
      "local n = 0 local function next() n = n + 1 return n end print(-next() // d:getuint8(0)) print(n) return 1",
    );
    expect(lines).toEqual(["-1", "1"]);
  });
});

describe("what a function gives only to be printed is put together later", () => {
  const TEXT_OF =
    "local function text_of(s) if #s == 4 then return string.format('%d.%d', s:byte(3, 4)) end return string.format('%x:%x', string.unpack('>I2I2', s)) end ";
  const builds = (body: string): boolean => {
    const vm = new VmHook(`${HEAD}${body}\nend }`);
    const hook = new InterpretedHook(vm, vm.compile(EXAMPLE_LAYOUT), EXAMPLE_LAYOUT);
    hook.run(PACKET);
    return hook.hasBuilt;
  };

  test("of one kind or another", () => {
    const body = `${TEXT_OF} local s = d:getstring(12, d:getuint8(8) // 16) print("from " .. text_of(s) .. "!", #s) return 1`;
    expect(run(body).lines).toEqual(["from 0.1!\t4"]);
    expect(builds(body)).toBe(false);
    // A text that is compared is one that the program has to build.
    expect(builds(body.replace("print(", "if text_of(s) == 'x' then return 0 end print("))).toBe(true);
  });

  test("which fails now", () => {
    expect(failure(`${TEXT_OF} print("from " .. text_of(d:getstring(12, d:getuint8(8) // 32)))`)).toBe(
      "bad argument #2 to 'unpack' (data string too short)",
    );
  });
});

describe("values", () => {
  test.each([
    [
      "the last numbers there are",
      "for i = math.maxinteger - d:getuint8(6) - 2, math.maxinteger do print(i) end",
      3,
    ],
    ["and the first", "for i = math.mininteger + d:getuint8(6) + 3, math.mininteger, -2 do print(i) end", 2],
    [
      "what is cut from a built string, as a key",
      "local w = 'xexample' .. d:getstring(28, 4) print(names[w:sub(2, 8)])",
      1,
    ],
    [
      "a string as long as no key",
      "print(names[('key' .. d:getstring(28, 4)):rep(1)], names['longer than all' .. d:getstring(28, 9)])",
      1,
    ],
    [
      "keys of one length, one after the other",
      "names[d:getstring(28, 4)] = 1 print(names[d:getstring(29, 4)], names[d:getstring(28, 4)], names[d:getstring(30, 4)])",
      1,
    ],
    [
      "a key between two others, on one of two ways, and in a loop",
      `local k, l = d:getstring(28, 4), d:getstring(33, 4) names[k] = 1
      if d:getuint8(9) == 17 then print("l", names[l]) end names[k] = (names[k] or 0) + 2 print(names[k], names[l])
      for i = 0, d:getuint8(9) - 15 do print(names[d:getstring(28 + i, 4)], names[k]) names[d:getstring(29 + i, 4)] = i end
      print(names[d:getstring(30, 4)], names[k])
      for i = 28, 31 do names[d:getstring(i, 4)] = nil end`,
      6,
    ],
    [
      "a string of one of several kinds, as a key",
      "local s = texts[#d & 3] or d:getstring(34, 7) print(s, names[s])",
      1,
    ],
    [
      "a variable that a loop compares with constants",
      "for i = 0, #d - 1, 7 do if i == 7 or i == 14 then print(i) end end",
      2,
    ],
  ])("%s", (_, body, lines) => {
    const outcome = run(`${body} return 1`);
    expect(outcome.lines).toHaveLength(lines);
    expect(outcome.lines).not.toContain("nil");
  });
});

describe("what is kept for later packets", () => {
  /** Lines of three packets, as in the VM. */
  function lines(state: string, body: string): string[] {
    const vm = new VmHook(`local ${state}\n${HEAD}${body}\nreturn 1 end }`);
    const compiled = vm.compile(EXAMPLE_LAYOUT);
    expect(compiled.refusals).toEqual([]);
    const hook = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
    return [1, 2, 3].flatMap(() => {
      const wanted = vm.run(PACKET);
      expect(hook.run(PACKET)).toEqual(wanted);
      return wanted.lines;
    });
  }

  test.each([
    [
      "a field that a table of the script does not have at first",
      "t = {}",
      "local v = t.name if not v then v = { n = 3 } t.name = v end v.n = v.n + 1 print(v.n)",
      ["4", "5", "6"],
    ],
    [
      "a constant string or an integer in one place",
      't, n = { mark = "none" }, 0',
      "n = n + 17 print(t.mark, n) if n > 20 then t.mark = n end",
      ["none\t17", "none\t34", "34\t51"],
    ],
    [
      "one table behind two keys",
      "t = {}",
      `local a = t[d:getuint8(9)] or { n = 0 } t[d:getuint8(9)] = a t[d:getstring(12, 4)] = a
      local b, c = t[d:getuint8(9)], t[d:getstring(12, 4)]
      b.n = b.n + 1 c.n = c.n + 10 print(b.n, c.n) b.n = b.n + 100 print(c.n)`,
      ["11\t11", "111", "122\t122", "222", "233\t233", "333"],
    ],
    [
      "an entry that is written where it was found, taken away, and written again",
      "t = {}",
      `local k = d:getuint8(9) t[k] = (t[k] or 0) + 1 t[k] = t[k] + 10 print(t[k], t[k & 255])
      if t[k] > 20 then t[k] = nil print(t[k & 255], t[k]) t[k] = 5 end`,
      ["11\t11", "22\t22", "nil\tnil", "16\t16"],
    ],
    [
      "tables that change places",
      "young, old, n = {}, {}, 0",
      `local k = d:getuint8(9) n = n + 1
      if n == 2 then young, old = {}, young end
      if not young[k] then young[k] = old[k] or { n = 0 } end
      young[k].n = young[k].n + n print(young[k].n, old[k] and old[k].n)`,
      ["1\tnil", "3\t3", "6\t6"],
    ],
  ])("%s", (_, state, body, wanted) => {
    expect(lines(state, body)).toEqual(wanted);
  });

  test("tables in larger numbers than there is room for: those in use stay", () => {
    const vm = new VmHook(`local t, n = { [-1] = { n = 0 } }, 0
${HEAD}n = n + 1 local v = { n = n } t[n] = v
if n % 64 == 0 then t[-1].n = t[-1].n + 1 end
if n % 4096 == 0 then print(t[-1].n, t[n].n) end return 1 end }`);
    const compiled = vm.compile(EXAMPLE_LAYOUT);
    const hook = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
    let last: Outcome | undefined;
    for (let i = 0; i < 20_480; i++) last = hook.run(PACKET);
    expect(last!.lines).toEqual(["320\t20480"]);
  });
});

test("what is looked for in a string that is too long to be logged is looked for in all of it", () => {
  const packet = ipPacket({ payload: Buffer.from(`${"-".repeat(600)}key=value`) });
  const { lines } = run(
    "local s = d:getstring(28) print(s:match('%a+='), (s:find('=', 1, true)), #s, s:upper():byte(-1)) return 1",
    packet,
  );
  expect(lines).toEqual(["key=\t604\t609\t69"]);
});

describe("refusals", () => {
  const refusals = (body: string) => new VmHook(`${HEAD}${body}\nend }`).compile(EXAMPLE_LAYOUT).refusals;

  test.each([
    ["local x = d:getstring(0, 4) < d:getstring(4, 4)", "an order of strings", 31],
    ["local x = d:getstring(0, 4) + 1", "arithmetic on a string of the packet", 31],
    [
      "print(d:getstring(0, 4):rep(d:getuint32(0)))",
      "string.rep with a count that depends on the packet",
      26,
    ],
    ["local x = 1 - -d:getstring(0, 4)", "arithmetic on a string of the packet", 17],
    ["local x = #d:getstring(0, 4):reverse()", "a text that is more than printed", 13],
  ])("%s", (body, reason, column) => {
    const [refusal, ...others] = refusals(`  ${body} return 1`);
    expect(others).toEqual([]);
    expect(refusal!.span).toMatchObject({ chunk: "test.lua", line: LINE });
    expect(refusal!.span!.column).toBe(column);
    expect(refusal!.reason).toBe(reason);
    expect(refusal!.advice).not.toBe("");
  });

  test("keys that only zeros tell apart", () => {
    const body = "local t = names return t[d:getstring(28, 4)]";
    const script = `${HEAD.replace("names.example", 'names["n1\\0"] = 1 names.example')}${body}\nend }`;
    const { refusals } = new VmHook(script).compile(EXAMPLE_LAYOUT);
    expect(refusals.map(({ reason }) => reason)).toEqual([
      "a table or set with strings that differ only in zeros at their end",
    ]);
  });
});
