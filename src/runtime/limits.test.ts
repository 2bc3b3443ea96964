/** The limits of a runtime hold in what the modules offer, and a hook that reached one serves the next packet. */

import { expect, test } from "vitest";
import { ipPacket, skbOf } from "../kernel/testing.ts";
import { ScriptAbort } from "../lua/error.ts";
import { machine, machineWith } from "./testing.ts";

const MIB = 1024 * 1024;

/** What stops the body at the top level of a script. */
function stoppedBy(body: string, loadBudget: number, memoryLimitBytes: number): string {
  const { runtime } = machine({ loadBudget, memoryLimitBytes });
  const modules = `local data, linux, netfilter = require("data"), require("linux"), require("netfilter")`;
  try {
    runtime.load(`${modules} ${body}`, "test.lua");
  } catch (error) {
    if (error instanceof ScriptAbort) return error.reason;
    throw error;
  }
  return "nothing";
}

const kept = "local t, i = {}, 0 while true do i = i + 1";

// The entries of the table alone would not reach the bound within these budgets.
test.each([
  ["data.new", `${kept} t[i] = data.new(1000) end`],
  ["small data", `${kept} t[i] = data.new(1) end`],
  ["data at once", "data.new(1 << 30)"],
  ["resize", "local d, n = data.new(1), 1 while true do n = n * 2 d:resize(n) end"],
  ["getstring", `local d = data.new(10000) ${kept} t[i] = d:getstring(0) end`],
  ["tostring", `local d = data.new(10000) ${kept} t[i] = tostring(d) end`],
  ["hooks", "while true do netfilter.register{ pf = 2, hooknum = 1, priority = 0, hook = print } end"],
])("%s is stopped by the memory bound", (_name, body) => {
  expect(stoppedBy(body, 1_000_000, 4 * MIB)).toBe("memory");
});

test.each([
  ["data.new", "while true do data.new(1) end"],
  ["checksum", "local d = data.new(1 << 20) while true do d:checksum() end"],
  ["setstring", `local d, s = data.new(1 << 20), ("x"):rep(1 << 20) while true do d:setstring(0, s) end`],
  ["getuint8", "local d = data.new(1) while true do d:getuint8(0) end"],
  ["an accessor that fails", "local d = data.new(1) while true do pcall(d.getuint8, d, 1) end"],
  ["random", "while true do linux.random() end"],
  ["hooks", "while true do netfilter.register{ pf = 2, hooknum = 1, priority = 0, hook = print } end"],
])("%s is stopped by the budget", (_name, body) => {
  expect(stoppedBy(body, 100_000, 1024 * MIB)).toBe("budget");
});

test("a checksum of much costs more than one of little", () => {
  const { runtime } = machine({ loadBudget: 100_000 });
  const script = `local d = require("data").new(1 << 20) n = 0 while true do n = n + 1 d:checksum() end`;
  expect(() => runtime.load(script, "test.lua")).toThrow(ScriptAbort);
  expect(runtime.state.globals.get("n")).toBeLessThan(200);
});

/** What two packets become, and what the hook logged. */
function packets(body: string, memoryLimitBytes = 4 * MIB): { verdicts: string[]; log: string[] } {
  const { kernel, log } = machineWith(
    `local netfilter, nf = require("netfilter"), require("linux.nf")
     local seen = 0
     netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = 0, hook = function(skb)
       seen = seen + 1
       if seen == 2 then return nf.action.DROP end
       ${body}
     end }`,
    { budget: 100_000, memoryLimitBytes },
  );
  const packet = (): string => {
    const skb = skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1", payload: Array(1000).fill(0) }));
    return kernel.process(skb).verdict;
  };
  return { verdicts: [packet(), packet()], log };
}

test.each([
  ["a loop", "while true do end", "instruction budget exceeded"],
  [
    "a loop under pcall",
    "while true do pcall(function() while true do end end) end",
    "instruction budget exceeded",
  ],
  ["a pattern", `("a"):rep(65536):find(".-.-.-b")`, "instruction budget exceeded"],
  ["checksums", "while true do skb:checksum() end", "instruction budget exceeded"],
  ["lines of the log", "while true do print() end", "instruction budget exceeded"],
  ["copies", "local t, i = {}, 0 while true do i = i + 1 t[i] = skb:copy() end", "not enough memory"],
  [
    "views of a copy",
    "local t, i, c = {}, 0, skb:copy() while true do i = i + 1 t[i] = c:data() end",
    "not enough memory",
  ],
  ["clones that are sent", "while true do skb:forward() end", "not enough memory"],
  ["strings", `local t = {} while true do t[#t + 1] = ("x"):rep(100000) end`, "not enough memory"],
])("after %s the packet is accepted and the next one decided", (_name, body, message) => {
  const { verdicts, log } = packets(body, 2 * MIB);
  expect(verdicts).toEqual(["accept", "drop"]);
  expect(log.filter((line) => line.startsWith("error"))).toEqual([`error: test.lua:6: ${message}`]);
});
