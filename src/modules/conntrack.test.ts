import { describe, expect, test } from "vitest";
import { CLIENT_V6, icmpPacket, SERVER_V6, tcpPacket, udpPacket } from "../kernel/conntrack/testing.ts";
import { skbOf } from "../kernel/testing.ts";
import { machineWith } from "../runtime/testing.ts";

const PEER = "10.0.0.9";
const HERE = "10.0.0.1";

/** A script on a machine with the address 10.0.0.1; `send` gives what a packet made it print. */
function scripted(source: string) {
  const made = machineWith(`local conntrack, netfilter = require("conntrack"), require("netfilter")
local nf, data = require("linux.nf"), require("data")
local function on(hooknum, hook, priority)
  netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet[hooknum], priority = priority or 0, hook = hook }
end
${source}`);
  const send = (packet: Uint8Array) => {
    made.log.length = 0;
    made.kernel.process(skbOf(packet));
    return made.log.map((line) => line.replace(/^info: /, ""));
  };
  return { ...made, send };
}

/** What a hook at LOCAL_IN prints for a UDP packet from 10.0.0.9. */
const printed = (body: string, packet = udpPacket(PEER, HERE, 1000, 53)) =>
  scripted(`on("LOCAL_IN", function(skb) local ct, info = conntrack.get(skb) ${body} return 1 end)`).send(
    packet,
  );

describe("what a hook reads of a new connection", () => {
  test.each([
    ["ct ~= nil, info == nf.ct.info.NEW", "true\ttrue"],
    ["ct:status()", "0"],
    ["ct:id()", "1"],
    ["ct:timeout()", "30000"],
    ["ct:mark(), ct:mark(-1), ct:mark(), skb:connmark()", "0\t4294967295\t4294967295\t4294967295"],
    ["#ct:labels(), ct:labels() == ('\\0'):rep(16)", "16\ttrue"],
    ["ct:zone()", "0"],
    ["ct:counters()", "1\t36"],
    ["ct:counters(nf.ct.dir.REPLY)", "0\t0"],
    ["ct:tcpstate(), ct:master(), ct:helper()", "nil\tnil\tnil"],
    ["pcall(conntrack.get, 1)", "false\tbad argument #1 to 'get' (invalid object)"],
    ["pcall(ct.mark, ct, nil)", "false\tbad argument #1 to 'mark' (number expected, got nil)"],
    ["pcall(conntrack.each, print)", "false\tnot allowed in this context"],
    ["conntrack.count(), conntrack.max()", "1\t262144"],
  ])("%s", (expression, text) => {
    expect(printed(`print(${expression})`)).toEqual([text]);
  });

  const show = `local t = ct:tuple(...)
    local names = {} for k in pairs(t) do names[#names + 1] = k end table.sort(names)
    for i, k in ipairs(names) do
      local v = t[k] names[i] = k .. "=" .. (type(v) == "string" and #v .. " bytes" or v)
    end print(table.concat(names, " "))`;

  test("its tuples", () => {
    expect(printed(show.replace("...", ""))).toEqual([
      `dport=53 dst=${0x0a000001} family=2 protocol=17 sport=1000 src=${0x0a000009}`,
    ]);
    expect(printed(show.replace("...", "nf.ct.dir.REPLY"))).toEqual([
      `dport=1000 dst=${0x0a000009} family=2 protocol=17 sport=53 src=${0x0a000001}`,
    ]);
    const echo = icmpPacket(PEER, HERE, 8, 0, 0x12340001);
    expect(printed(show.replace("...", "1"), echo)).toEqual([
      `code=0 dst=${0x0a000009} family=2 id=${0x1234} protocol=1 src=${0x0a000001} type=0`,
    ]);
    const { kernel, send } = scripted(
      `on("LOCAL_IN", function(skb) local ct = conntrack.get(skb) ${show.replace("...", "")} return 1 end)`,
    );
    kernel.local.add(SERVER_V6);
    expect(send(udpPacket(CLIENT_V6, SERVER_V6, 1, 2))).toEqual([
      "dport=2 dst=16 bytes family=10 protocol=17 sport=1 src=16 bytes",
    ]);
  });

  test("the state of TCP", () => {
    const syn = tcpPacket({ from: PEER, to: HERE, sport: 1, dport: 2, seq: 7, flags: 2 });
    expect(printed("print(ct:tcpstate() == nf.ct.tcp.SYN_SENT)", syn)).toEqual(["true"]);
  });

  test("before tracking there is no connection, and none for what is invalid or not to be tracked", () => {
    const early = scripted(
      `on("PRE_ROUTING", function(skb) print(conntrack.get(skb)) return 1 end, nf.ip.pri.CONNTRACK - 1)`,
    );
    expect(early.send(udpPacket(PEER, HERE, 1, 2))).toEqual(["nil\tnil"]);
    const bad = udpPacket(PEER, HERE, 1, 2);
    bad[26]! ^= 1;
    expect(printed("print(ct, info)", bad)).toEqual(["nil\tnil"]);
    const { kernel, send } = scripted(`on("LOCAL_IN", function(skb) print(conntrack.get(skb)) return 1 end)`);
    kernel.local.add(SERVER_V6);
    expect(send(icmpPacket(CLIENT_V6, SERVER_V6, 135, 0, 0))).toEqual(["nil\t7"]);
  });
});

describe("the life of a connection", () => {
  const NEW = udpPacket(PEER, HERE, 1000, 53);
  const REPLY = udpPacket(HERE, PEER, 53, 1000);

  test("a reply changes status and counters; the mark stays", () => {
    const { send } = scripted(`
      on("LOCAL_IN", function(skb) conntrack.get(skb):mark(9) return 1 end)
      on("LOCAL_OUT", function(skb)
        local ct, info = conntrack.get(skb)
        print(info == nf.ct.info.ESTABLISHED_REPLY, ct:status() == nf.ct.status.CONFIRMED | nf.ct.status.SEEN_REPLY)
        print(ct:mark(), ct:counters(1))
        return 1
      end)`);
    expect(send(NEW)).toEqual([]);
    expect(send(REPLY)).toEqual(["true\ttrue", "9\t1\t36"]);
  });

  test("lookup finds it by either tuple; delete ends it, and what was kept stays readable", () => {
    const { send } = scripted(`local kept
      on("LOCAL_IN", function(skb)
        if kept then
          print(kept:mark(), kept:tuple().sport, conntrack.lookup(kept:tuple()), conntrack.count())
          return 1
        end
        kept = conntrack.get(skb)
        kept:mark(5)
        print(conntrack.lookup(kept:tuple()))
        return 1
      end)
      on("LOCAL_OUT", function(skb)
        local found = conntrack.lookup(kept:tuple(1))
        print(found:id() == kept:id(), found:timeout())
        found:refresh(5000)
        print(kept:timeout())
        found:delete()
        return 1
      end)`);
    // A connection is in the table when its first packet has passed.
    expect(send(NEW)).toEqual(["nil"]);
    expect(send(REPLY)).toEqual(["true\t30000", "5000"]);
    expect(send(udpPacket(PEER, HERE, 7, 8))).toEqual(["5\t1000\tnil\t1"]);
  });

  test("watch tells what comes, changes and goes", () => {
    const { kernel, send } = scripted(`
      local names = {} for name, bit in pairs(nf.ct.event) do names[bit] = name end
      conntrack.watch(function(events, ct)
        local list = {}
        for bit = 0, 11 do if events & (1 << bit) ~= 0 then list[#list + 1] = bit end end
        print(table.concat(list, " "), ct:tuple().sport)
      end)
      on("LOCAL_OUT", function(skb) conntrack.get(skb):mark(1) return 1 end)`);
    expect(send(NEW)).toEqual(["0\t1000"]);
    expect(send(REPLY)).toEqual(["3 7\t1000"]);
    kernel.setTime(31, 0);
    expect(send(udpPacket(PEER, HERE, 2000, 53))).toEqual(["0\t2000"]);
  });

  test("the end by time is an event, and unwatch stops them", () => {
    const { kernel, log, send } = scripted(`
      conntrack.watch(function(events, ct) print(events) if events == 1 << nf.ct.event.DESTROY then conntrack.unwatch() end end)`);
    send(NEW);
    log.length = 0;
    kernel.setTime(31, 0);
    expect(log).toEqual(["info: 4"]);
    expect(send(NEW)).toEqual([]);
  });
});

describe("the top level", () => {
  const TUPLE = "{ family = 2, protocol = 17, src = 1, dst = 2, sport = 3, dport = 4 }";
  test.each([
    [`return conntrack.new{ original = ${TUPLE}, timeout = 1000, mark = 7 }:mark()`, [7]],
    [`return conntrack.new{ original = ${TUPLE}, timeout = 1000 }:tuple(1).sport`, [4]],
    [
      `conntrack.new{ original = ${TUPLE}, timeout = 1 } return pcall(conntrack.new, { original = ${TUPLE}, timeout = 1 })`,
      [false, "EEXIST"],
    ],
    [
      `return pcall(conntrack.new, { timeout = 1 })`,
      [false, "bad field 'original' (table expected, got nil)"],
    ],
    [
      `return pcall(conntrack.new, { original = ${TUPLE} })`,
      [false, "bad field 'timeout' (number expected, got nil)"],
    ],
    [
      `return pcall(conntrack.lookup, { family = 10, protocol = 6, src = "x" })`,
      [false, "bad field 'src' (16 bytes expected)"],
    ],
    [`return pcall(conntrack.lookup, { family = 3, protocol = 6 })`, [false, "EINVAL"]],
    [
      `local n = 0 for port = 1, 5 do conntrack.new{ original = { family = 2, protocol = 6, src = 1, dst = 2, sport = port, dport = 80 }, timeout = 9 } end
      conntrack.each(function(ct) n = n + 1 return n < 3 end) return n, conntrack.count()`,
      [3, 5],
    ],
    [`conntrack.watch(print) return pcall(conntrack.watch, print)`, [false, "EBUSY"]],
    [`return select("#", conntrack.unwatch())`, [0]],
  ])("%s", (body, results) => {
    const made = machineWith(`local conntrack = require("conntrack") ${body}`);
    expect(made.runtime.returned).toEqual(results);
  });

  test("watch needs a runtime that packets interrupt", () => {
    expect(() => machineWith('require("conntrack").watch(print)', { context: "process" })).toThrow(
      "runtime context mismatch",
    );
  });
});

test("an expected connection is related to the one that announced it", () => {
  const { send } = scripted(`on("LOCAL_IN", function(skb)
    local ct, info = conntrack.get(skb)
    if ct:master() then
      print(info == nf.ct.info.RELATED, ct:master():tuple().sport, ct:mark(), ct:status())
    else
      ct:mark(3)
      ct:expect{ family = 2, protocol = 17, dst = ct:tuple().dst, dport = 99, timeout = 1000 }
    end
    return 1
  end)`);
  expect(send(udpPacket(PEER, HERE, 1000, 53))).toEqual([]);
  expect(send(udpPacket("10.0.0.8", HERE, 5, 99))).toEqual(["true\t1000\t3\t1"]);
});
