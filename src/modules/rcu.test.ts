import { describe, expect, test } from "vitest";
import type { RcuTable } from "../kernel/rcu-table.ts";
import { ipPacket, skbOf } from "../kernel/testing.ts";
import type { LuaUserdata } from "../lua/value.ts";
import { evaluate, failureOf, machineWith } from "../runtime/testing.ts";

const SETUP = 'local rcu, data, set = require("rcu"), require("data"), require("set") local t = rcu.table() ';

describe("storing", () => {
  test.each([
    ["t.a = 1 return t.a", 1],
    ["t.a = math.mininteger return t.a == math.mininteger", true],
    ["t.a = true return t.a", true],
    ["t.a = false return t.a", false],
    ["t.a = 1 t.a = nil return t.a", undefined],
    ["return t.a", undefined],
    ["t[12] = 3 return t['12']", 3],
    ["t['-7'] = 3 return t[-7]", 3],
    ["t[''] = 3 return t['']", 3],
    ["t.map, t.__index = 1, 2 return t.map + t.__index", 3],
    ["t[('x'):rep(255)] = 4 return t[('x'):rep(255)]", 4],
    ["t.a = 1 return t[('a'):rep(256)]", undefined],
    ["t.a = 1 return t['a\\0']", undefined],
    ["local d = data.new(4) t.d = d d:setuint8(1, 7) return t.d:getuint8(1)", 7],
    ["t.d = data.new(4, 'shared') t.d:setuint8(2, 9) return t.d:getuint8(2)", 9],
    ["local d = data.new(4) t.d = d return rawequal(t.d, d) or rawequal(t.d, t.d)", false],
    ["t.s = set.new{ 'x' } return t.s:has('x')", true],
    ["t.t = rcu.table() t.t.x = 5 return t.t.x", 5],
    ["local u = rcu.table(1) u.a = 1 return t.a", undefined],
    ["t.a = 1 return pcall(function() t.a = {} end) or t.a", 1],
  ])("%s", (body, value) => {
    expect(evaluate(SETUP + body)).toEqual([value]);
  });

  test.each(["0", "1", "3", "256", "65537", "nil", '"8"'])("rcu.table(%s)", (buckets) => {
    expect(evaluate(`local t = require("rcu").table(${buckets}) t.x = 1 return t.x`)).toEqual([1]);
  });
});

describe("rcu.map", () => {
  const visit = (body: string): string =>
    String(
      evaluate(
        `${SETUP} t.a, t.b, t.c = 1, true, 3 local seen = {} rcu.map(t, function(k, v) seen[#seen + 1] = k .. "=" .. tostring(v) ${body} end) table.sort(seen) return table.concat(seen, " ")`,
      )[0],
    );

  test.each([
    ["", "a=1 b=true c=3"],
    ["t[k] = nil", "a=1 b=true c=3"],
    ["t[k] = 7", "a=1 b=true c=3"],
  ])("visits each once: %s", (body, seen) => {
    expect(visit(body)).toBe(seen);
  });

  test("what an earlier call deletes is not visited", () => {
    expect(visit("t.a, t.b, t.c = nil").split(" ")).toHaveLength(1);
  });

  test("has no results, and hands on what the function raises", () => {
    expect(evaluate(`${SETUP} t.a = 1 return select("#", rcu.map(t, function() return 1 end))`)).toEqual([0]);
    expect(failureOf(`${SETUP} t.a = 1 rcu.map(t, function(k) error(k .. "!", 0) end)`)).toBe("a!");
  });
});

describe("errors", () => {
  test.each([
    ["t.a = 'text'", "bad argument #2 to 'newindex' (unsupported type)"],
    ["t.a = {}", "bad argument #2 to 'newindex' (unsupported type)"],
    ["t.a = print", "bad argument #2 to 'newindex' (unsupported type)"],
    ["t.a = data.new(4, 'single')", "cannot share SINGLE object"],
    ["t[('x'):rep(256)] = 1", "not enough memory"],
    ["t['a\\0b'] = 1", "bad argument #1 to 'newindex' (key with a zero)"],
    ["t[true] = 1", "bad argument #1 to 'newindex' (string expected, got boolean)"],
    ["local _ = t[{}]", "bad argument #1 to 'index' (string expected, got table)"],
    ["local _ = #t", "attempt to get length of a rcu.table value (local 't')"],
    ["rcu.table(-1)", "not enough memory"],
    ["rcu.table(1 << 60)", "not enough memory"],
    ["rcu.table('x')", "bad argument #1 to 'table' (number expected, got string)"],
    ["rcu.map({}, print)", "bad argument #1 to 'map' (invalid object)"],
    ["rcu.map(t)", "bad argument #2 to 'map' (function expected, got no value)"],
    ["rcu.map(t, 1)", "bad argument #2 to 'map' (function expected, got number)"],
  ])("%s", (statement, message) => {
    expect(failureOf(`${SETUP}\n${statement}`)).toBe(`test.lua:2: ${message}`);
  });

  test("a hook's packet and its views are private", () => {
    const { kernel, log } =
      machineWith(`${SETUP} require("netfilter").register{ pf = 2, hooknum = 1, priority = 0, hook = function(skb)
      for _, object in ipairs{ skb, skb:data(), skb:copy() } do
        print(pcall(function() t.x = object end))
      end
    end }`);
    kernel.process(skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" })));
    expect(log).toEqual(Array(3).fill("info: false\ttest.lua:3: cannot share SINGLE object"));
  });
});

test("entries count against the memory of the runtime", () => {
  const source = `${SETUP} for i = 1, 200000 do t[i] = i end`;
  expect(() => evaluate(source, { memoryLimitBytes: 8 * 2 ** 20 })).toThrow(/memory/);
});

test("a table that moves elsewhere is read and written there", () => {
  const { runtime } = machineWith(
    `${SETUP} t.a = 1 return t, function() local b = t.b t.c = true return b, t.a end`,
  );
  const [object, f] = runtime.returned as [LuaUserdata<RcuTable<unknown>>, () => unknown];
  const store = new Map<string, unknown>([["b", 2]]);
  object.object.moveTo(store);
  expect(runtime.state.call(f as never)).toEqual([2, undefined]);
  expect([...store]).toEqual([
    ["b", 2],
    ["c", true],
  ]);
});
