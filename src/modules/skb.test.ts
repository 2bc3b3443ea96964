import { describe, expect, test } from "vitest";
import type { SimulatedKernel } from "../kernel/simulated.ts";
import { Skb } from "../kernel/skb.ts";
import { ipPacket, type PacketFields, skbOf } from "../kernel/testing.ts";
import { machineWith } from "../runtime/testing.ts";
import { ETH_P } from "../uapi/if-ether.ts";

/** Runs the body in a hook over a packet, at LOCAL_IN and LOCAL_OUT; everything printed and logged. */
function inHook(
  body: string,
  fields: PacketFields = {},
  prepare: (skb: Skb, kernel: SimulatedKernel) => void = () => {},
) {
  const made = machineWith(`local netfilter, nf = require("netfilter"), require("linux.nf")
local data = require("data")
local function hook(skb) ${body} end
for _, hooknum in ipairs{ nf.inet.LOCAL_IN, nf.inet.LOCAL_OUT } do
  netfilter.register{ pf = nf.proto.INET, hooknum = hooknum, priority = 0, hook = hook }
end`);
  const skb = skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1", ...fields }));
  prepare(skb, made.kernel);
  const { verdict } = made.kernel.process(skb);
  return { ...made, log: made.log, skb, verdict };
}

const OUTGOING = { from: "10.0.0.1", to: "10.0.0.9" };

describe("what a hook reads", () => {
  test.each<[string, PacketFields, string]>([
    ["#skb", {}, "32"],
    ["skb:ifindex()", {}, "2"],
    ["skb:ifindex()", OUTGOING, "nil"],
    ["skb:vlan()", {}, "nil"],
    ["skb:connmark(), select('#', skb:connmark(5))", {}, "nil\t1"],
    ["#skb:data()", {}, "32"],
    ["#skb:data(nil)", {}, "32"],
    ["skb:data('net'):getuint8(0)", {}, "69"],
    ["#skb:data('mac')", {}, "46"],
    ["skb:data('mac'):getuint16(12)", {}, "8"],
    ["skb:data():getstring(28)", { payload: [0x61, 0x62] }, "ab"],
    ["select('#', skb:checksum())", {}, "0"],
    ["select('#', skb:resize(32))", {}, "0"],
    ["pcall(skb.data, skb, 'mac')", OUTGOING, "false\tMAC header not set"],
  ])("%s of %o", (expression, fields, text) => {
    expect(inHook(`print(${expression}) return 1`, fields).log).toEqual([`info: ${text}`]);
  });

  test("the VLAN id of a tag that was taken off", () => {
    const { log } = inHook("print(skb:vlan()) return 1", {}, (skb) => {
      skb.vlan = 4095;
    });
    expect(log).toEqual(["info: 4095"]);
  });

  test("a tracked packet has a connmark", () => {
    const { log, skb } = inHook(
      "require('conntrack') print(skb:connmark(), skb:connmark(-1), skb:connmark()) return 1",
    );
    // Tracking starts with the module, behind PRE_ROUTING: the second packet is the first that it sees.
    expect(log).toEqual(["info: nil\tnil\tnil"]);
    expect(skb.connection).toBe(undefined);
    const tracked = inHook(
      "print(skb:connmark(), skb:connmark(-1), skb:connmark()) return 1",
      {},
      (_, kernel) => kernel.conntrack.start(),
    );
    expect(tracked.log).toEqual(["info: 0\t4294967295\t4294967295"]);
    expect(tracked.skb.connection?.mark).toBe(0xffffffff);
  });
});

describe("errors", () => {
  test.each([
    ["skb:data('top')", {}, "bad argument #1 to 'data' (invalid option 'top')"],
    ["skb:data({})", {}, "bad argument #1 to 'data' (string expected, got table)"],
    ["skb:connmark(nil)", {}, "bad argument #1 to 'connmark' (number expected, got nil)"],
    ["skb:connmark('x')", {}, "bad argument #1 to 'connmark' (number expected, got string)"],
    ["skb:resize(#skb + 513)", {}, "bad argument #1 to 'resize' (insufficient tailroom)"],
    ["skb:resize(-1)", {}, "bad argument #1 to 'resize' (insufficient tailroom)"],
    ["skb:resize()", {}, "bad argument #1 to 'resize' (number expected, got no value)"],
    ["skb:data():resize(10)", {}, "cannot resize external memory"],
    ["skb:forward()", OUTGOING, "skb has no device"],
    ["skb.ifindex(7)", {}, "bad argument #1 to 'ifindex' (invalid object)"],
    ["skb.ifindex(skb:data())", {}, "bad argument #1 to 'ifindex' (invalid object)"],
  ])("%s", (call, fields, message) => {
    const { log, verdict } = inHook(`local _ = ${call} return 0`, fields);
    expect(log).toEqual([`error: test.lua:3: ${message}`]);
    expect(verdict).toBe("accept");
  });

  test("forward without a link header", () => {
    const { log } = inHook("skb:forward() return 0", {}, (skb) => {
      skb.macOffset = undefined;
    });
    expect(log).toEqual(["error: test.lua:3: MAC header not set"]);
  });
});

describe("writing", () => {
  test.each([
    ["skb:data():setuint8(28, 0xee)", 28, 0xee],
    ["skb:data('mac'):setuint8(42, 0xee)", 28, 0xee],
    ["skb:data():setstring(30, 'zz')", 30, 0x7a],
  ])("%s reaches the packet", (call, at, value) => {
    const { skb } = inHook(`${call} return 1`);
    expect(skb.packet()[at]).toBe(value);
    expect(skb.modified).toBe(true);
  });

  test("checksum makes it right again", () => {
    const { skb } = inHook("local d = skb:data() d:setuint8(8, 9) d:setuint8(31, 5) skb:checksum() return 1");
    expect(skb.packet()).toEqual(
      ipPacket({ from: "10.0.0.9", to: "10.0.0.1", ttl: 9, payload: [1, 2, 3, 5] }),
    );
  });

  test("reading is no change", () => {
    expect(inHook("local _ = skb:data():getuint8(0) return 1").skb.modified).toBe(false);
  });

  test("resize grows, keeps views, and a new view sees it all", () => {
    const { log, skb } = inHook(
      "local d = skb:data() skb:resize(40) print(#skb, #d) print(#skb:data()) skb:resize(4) return 1",
    );
    expect(log).toEqual(["info: 40\t32", "info: 40"]);
    expect(skb.length).toBe(4);
  });
});

describe("views", () => {
  test("the hook's skb has one, which each call aims anew", () => {
    const { log } = inHook(
      "local a, b = skb:data('net'), skb:data('mac') print(rawequal(a, b), #a, #b) return 1",
    );
    expect(log).toEqual(["info: true\t46\t46"]);
  });

  test("a copy has one per call", () => {
    const { log } = inHook(
      "local c = skb:copy() local a, b = c:data('net'), c:data('mac') print(rawequal(a, b), #a, #b) return 1",
    );
    expect(log).toEqual(["info: false\t32\t46"]);
  });
});

test("a copy lives on its own", () => {
  const { log, skb } = inHook(
    "local c = skb:copy() c:data():setuint8(0, 7) c:resize(20) print(#c, #skb, skb:data():getuint8(0), c:ifindex()) return 1",
  );
  expect(log).toEqual(["info: 20\t32\t69\t2"]);
  expect(skb.modified).toBe(false);
});

describe("after the hook", () => {
  const made = () => {
    const machine = machineWith(`local netfilter, nf = require("netfilter"), require("linux.nf")
local kept, view, copy
netfilter.register{ pf = 2, hooknum = 1, priority = 0, mark = 0, hook = function(skb)
  kept, view, copy = skb, skb:data(), skb:copy()
  return 1 end }
netfilter.register{ pf = 2, hooknum = 1, priority = 1, hook = function(skb)
  print(#view, #copy)
  print(pcall(kept.ifindex, kept))
  print(pcall(function() return #kept end))
  print(pcall(view.getuint8, view, 0))
  kept:resize(1)
  end }`);
    machine.kernel.process(skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" })));
    return machine;
  };

  test("the skb is not set, views are empty, copies stay", () => {
    const log = made().log.map((line) => line.replace(/test\.lua:\d+: /, ""));
    expect(log).toEqual([
      "info: 0\t32",
      "info: false\tcalling 'ifindex' on bad self (skb is not set)",
      "info: false\tcalling 'len' on bad self (skb is not set)",
      "info: false\tbad argument #1 to 'getuint8' (out of bounds)",
      "error: calling 'resize' on bad self (skb is not set)",
    ]);
  });

  test("also after an error in it", () => {
    const { runtime, kernel, log } = machineWith(`local netfilter = require("netfilter")
local kept
netfilter.register{ pf = 2, hooknum = 1, priority = 0, hook = function(skb) kept = skb error("x", 0) end }
netfilter.register{ pf = 2, hooknum = 1, priority = 1, hook = function() return #kept end }`);
    kernel.process(skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" })));
    expect(log[1]).toMatch(/skb is not set/);
    expect(runtime.errors).toBe(2);
  });
});

test("forward sends the frame as it is now", () => {
  const sent: Uint8Array[] = [];
  const { kernel, log } = machineWith(`local netfilter = require("netfilter")
netfilter.register{ pf = 2, hooknum = 1, priority = 0, hook = function(skb)
  local c = skb:copy()
  c:data("mac"):setuint8(0, 0x77)
  c:forward()
  skb:forward()
  return 0 end }`);
  kernel.forward = (skb) => {
    sent.push(skb.frame().slice());
  };
  const skb = skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" }));
  const frame = skb.frame().slice();
  expect(kernel.process(skb).verdict).toBe("drop");
  expect(log).toEqual([]);
  expect(sent[1]).toEqual(frame);
  frame[0] = 0x77;
  expect(sent[0]).toEqual(frame);
});

test("a device without link headers: the mac view starts at the network header", () => {
  const { kernel, log } =
    machineWith(`require("netfilter").register{ pf = 2, hooknum = 1, priority = 0, hook = function(skb)
    print(#skb:data("mac"), skb:data("mac"):getuint8(0)) return 1 end }`);
  const packet = ipPacket({ from: "10.0.0.9", to: "10.0.0.1" });
  kernel.process(Skb.from(packet, { protocol: ETH_P.ETH_P_IP, networkOffset: 0, macLength: 0 }));
  expect(log).toEqual(["info: 32\t69"]);
});
