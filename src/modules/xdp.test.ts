import { describe, expect, test } from "vitest";
import { ipPacket, skbOf } from "../kernel/testing.ts";
import { failureOf, machineWith } from "../runtime/testing.ts";

const HEAD = `local xdp, act = require("xdp"), require("linux.xdp")\n`;
const attached = (body: string) => machineWith(`${HEAD}xdp.attach(function(frame, argument) ${body} end)`);

/** To the machine, of 46 bytes: 14 of Ethernet, 20 of IPv4, 8 of UDP. */
const incoming = () => skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" }));

describe("what becomes of a frame", () => {
  test.each([
    ["return act.PASS", "accept"],
    ["return act.DROP", "drop"],
    ["return act.ABORTED", "drop"],
    ["return act.TX", "stolen"],
    ["return '2'", "accept"],
    ["return 2, 'more'", "accept"],
    // What is no integer counts as 0: ABORTED.
    ["return", "drop"],
    ["return nil", "drop"],
    ["return {}", "drop"],
    ["return (1 << 32) + 2", "accept"],
    ["return (1 << 32) + 1", "drop"],
  ])("%s: %s", (body, verdict) => {
    const { kernel, log } = attached(body);
    expect(kernel.process(incoming()).verdict).toBe(verdict);
    expect(log).toEqual([]);
  });

  test.each([
    ["return act.REDIRECT", "error: xdp: the frame passes, for 4 is no verdict"],
    ["return -1", "error: xdp: the frame passes, for -1 is no verdict"],
    ["error('bad luck')", "error: test.lua:2: bad luck"],
    ["return argument:getuint8(0)", "error: test.lua:2: bad argument #1 to 'getuint8' (out of bounds)"],
    ["while true do end", "error: test.lua:2: instruction budget exceeded"],
  ])("%s: it passes, and the log says why", (body, line) => {
    const { kernel, log } = attached(body);
    expect(kernel.process(incoming()).verdict).toBe("accept");
    expect(log).toEqual([line]);
  });

  test("what this machine sends itself never comes in", () => {
    const { kernel } = attached("return act.DROP");
    for (const to of ["10.0.0.9", "10.0.0.1"])
      expect(kernel.process(skbOf(ipPacket({ from: "10.0.0.1", to })))).toEqual({
        path: "output",
        verdict: "accept",
      });
    expect(kernel.process(skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.7" }))).verdict).toBe("drop");
  });
});

test("the frame begins with its link header, and may be written; hooks see it afterwards", () => {
  const { kernel, log } = machineWith(`${HEAD}
    local netfilter, nf = require("netfilter"), require("linux.nf")
    local kept
    netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = 0, hook = function(skb)
      print("hook", #skb, skb:data():getuint8(31), #kept)
      return nf.action.ACCEPT
    end }
    xdp.attach(function(frame, argument)
      print("frame", #frame, #argument, frame:getuint8(12), frame:getuint8(13), frame:getuint8(14) >> 4)
      kept = frame
      frame:setuint8(45, 9)
      return act.PASS
    end)`);
  const skb = incoming();
  kernel.process(skb);
  expect(skb.modified).toBe(true);
  expect(log).toEqual(["info: frame\t46\t0\t8\t0\t4", "info: hook\t32\t9\t0"]);
});

test("the stack takes a frame for what its function made of it", () => {
  const { kernel, log } = machineWith(`${HEAD}
    local netfilter, nf = require("netfilter"), require("linux.nf")
    netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = 0, hook = print }
    xdp.attach(function(frame) frame:setstring(12, "\\x08\\x06") return act.PASS end)`);
  expect(kernel.process(incoming()).verdict).toBe("accept");
  expect(log).toEqual([]);
});

test("one function at a time, and none after detach or the end of the runtime", () => {
  const { kernel, runtime, log } = machineWith(`${HEAD}
    xdp.attach(function() print("first") return act.PASS end)
    xdp.attach(function() print("second") xdp.detach() return act.PASS end)`);
  for (let i = 0; i < 2; i++) kernel.process(incoming());
  expect(log).toEqual(["info: second"]);
  const other = attached("return act.DROP");
  other.runtime.stop();
  expect(other.kernel.process(incoming()).verdict).toBe("accept");
  runtime.stop();
});

test("errors of attach", () => {
  expect(failureOf(`${HEAD}xdp.attach(7)`)).toBe(
    "test.lua:2: bad argument #1 to 'attach' (function expected, got number)",
  );
  expect(failureOf(`${HEAD}xdp.attach(print)`, { context: "process" })).toBe(
    "test.lua:2: runtime context mismatch",
  );
});
