/**
 * Tables that a script shares with its programs: what either writes the other sees, in the kernel by test runs.
 * Nothing is attached or pinned.
 */

import { afterEach, describe, expect, test } from "vitest";
import { LoadedScript } from "../../src/backends/compile-script.ts";
import { KernelPrograms, kernelLayout } from "../../src/backends/kernel-programs.ts";
import { moveToMaps } from "../../src/backends/shared-tables.ts";
import { SimulatedKernel } from "../../src/kernel/simulated.ts";
import { ipPacket } from "../../src/kernel/testing.ts";
import type { LuaFunction } from "../../src/lua/value.ts";
import { whyNoBpf } from "./bpf-machine.ts";

const why = whyNoBpf();

describe.skipIf(why)(`shared tables${why ? ` (skipped: ${why})` : ""}`, () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const action of undo.splice(0).reverse()) action();
  });

  /** Loads a hook over table `t`; `run` gives its verdict on a packet with a text, `lua` calls the script's function. */
  function start(body: string) {
    const source = `local rcu, set = require("rcu"), require("set") local t = rcu.table() t.old, t["long name"] = true, 3
      require("netfilter").register{ pf = 2, hooknum = 3, priority = 0, hook = function(skb)
        local d = skb:data() local s = d:getstring(28)
        ${body}
      end }
      return { get = function(k) return t[k] end, set = function(k, v) t[k] = v end,
        set_object = function(k) t[k] = set.new{ "x" } end, is_member = function(k, v) return t[k]:has(v) end,
        list = function() local all = {} rcu.map(t, function(k, v) all[#all + 1] = k .. "=" .. tostring(v) end)
          table.sort(all) return table.concat(all, " ") end }`;
    const script = new LoadedScript({ path: "t.lua", source }, new SimulatedKernel({ log: () => {} }));
    undo.push(() => script.close());
    const { state, returned } = script.runtime;
    const compiled = script.compile(kernelLayout());
    const programs = new KernelPrograms(compiled, { budget: 100_000n, timeOffsetNs: 0n });
    undo.push(() => programs.close());
    const moveBack = moveToMaps(compiled.sharedTables, programs.maps);
    undo.push(moveBack);
    return {
      moveBack,
      maps: programs.maps,
      run: (text: string) =>
        programs.programs[0]!.testRun(ipPacket({ payload: Buffer.from(text, "latin1") })).result,
      lua: (name: string, ...args: (string | number | boolean | undefined)[]) =>
        state.call(state.index(returned[0], name) as LuaFunction, ...args),
    };
  }

  test("a program sees what the script writes after it was loaded", () => {
    const { run, lua } = start("return t[s] and 0 or 1");
    expect(["old", "new"].map(run)).toEqual([0, 1]);
    lua("set", "new", 5);
    lua("set", "old", false);
    expect(["old", "new"].map(run)).toEqual([1, 0]);
    lua("set", "new", undefined);
    expect(run("new")).toBe(1);
  });

  test("the script sees what a program writes", () => {
    const { run, lua, moveBack } = start("t.n = (t.n or 0) - (1 << 40) t[s] = #s > 2 t.old = nil return 1");
    expect(run("ab") + run("abc")).toBe(2);
    expect(lua("list")).toBe(`ab=false abc=true long name=3 n=${-2 * 2 ** 40}`);
    expect(lua("get", "n")).toBe(-2 * 2 ** 40);
    moveBack();
    expect(run("later")).toBe(1);
    expect(lua("list")).toBe(`ab=false abc=true long name=3 n=${-2 * 2 ** 40}`);
  });

  test("names that no hook asks for, and objects, stay with the script", () => {
    const { run, lua, maps } = start("return t[s:sub(1, 8)] and 0 or 1");
    expect(maps["rcu_t"]!.keySize).toBe(8);
    lua("set", "123456789", 1);
    lua("set", "12345678", true);
    lua("set_object", "object");
    expect(["123456789", "object", "12345678"].map(run)).toEqual([0, 1, 0]);
    expect(lua("is_member", "object", "x")).toBe(true);
    expect(lua("list")).toMatch(/^123456789=1 12345678=true long name=3 object=set: \S+ old=true$/);
    lua("set", "object", 7);
    expect(run("object")).toBe(0);
    expect(lua("get", "object")).toBe(7);
  });

  test("a full table", () => {
    const { run, lua, maps } = start("t[d:getuint32(28)] = true return t.full and 0 or 1");
    const map = maps["rcu_t"]!;
    const key = (i: number): Uint8Array => {
      const bytes = new Uint8Array(map.keySize);
      bytes.set(Buffer.from(`e${i}`));
      return bytes;
    };
    const value = new Uint8Array(16).fill(1);
    map.updateAll(
      Array.from({ length: map.maxEntries - map.entries().length }, (_, i) => [key(i), value] as const),
    );
    expect(() => lua("set", "one more", 1)).toThrow(/: not enough memory$/);
    // The hook fails at its assignment, and accepts.
    expect(run("abcd")).toBe(1);
    lua("set", "old", undefined);
    lua("set", "full", true);
    expect(run("abcd")).toBe(1);
    map.delete(key(0));
    expect(run("abcd")).toBe(0);
  });
});
