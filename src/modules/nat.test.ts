import { expect, test } from "vitest";
import { udpPacket } from "../kernel/conntrack/testing.ts";
import { skbOf } from "../kernel/testing.ts";
import { machineWith } from "../runtime/testing.ts";
import { formatIpv4, ipv4 } from "../wire/ipv4.ts";

const SCRIPT = `local nat, conntrack, netfilter = require("nat"), require("conntrack"), require("netfilter")
local nf, net = require("linux.nf"), require("linux")
local function ip(a, b, c, d) return a << 24 | b << 16 | c << 8 | d end
local function on(hooknum, hook) nat.register{ pf = nf.proto.IPV4, hooknum = nf.inet[hooknum], hook = hook } end
`;

/** A script on a machine with the address 10.0.0.1; `send` gives how a packet leaves, or what was logged. */
function scripted(source: string) {
  const made = machineWith(SCRIPT + source);
  const send = (from: string, to: string, sport: number, dport: number): string => {
    made.log.length = 0;
    const skb = skbOf(udpPacket(from, to, sport, dport));
    const { verdict } = made.kernel.process(skb);
    if (made.log.length > 0) return made.log.map((line) => line.replace(/^\w+: /, "")).join("; ");
    const { bytes, netOffset } = skb;
    const port = (at: number) =>
      (bytes[netOffset + ipv4.size + at]! << 8) | bytes[netOffset + ipv4.size + at + 1]!;
    const [source, destination] = [ipv4.get.saddr(bytes, netOffset), ipv4.get.daddr(bytes, netOffset)];
    return `${formatIpv4(source)}:${port(0)} ${formatIpv4(destination)}:${port(2)} ${verdict}`;
  };
  return { ...made, send };
}

test("a connection is decided once, and its packets are translated both ways without the script", () => {
  const { send } = scripted(`calls = 0
on("PRE_ROUTING", function(skb)
  calls = calls + 1
  if calls > 1 then error("asked again") end
  nat.dnat(conntrack.get(skb), { addr = ip(10, 0, 0, 9), port = 53 })
  return nf.action.ACCEPT
end)
on("POST_ROUTING", function(skb)
  nat.snat(conntrack.get(skb), { addr = ip(203, 0, 113, 1), port = 7000, port_max = 7000 })
  return nf.action.ACCEPT
end)`);
  expect(send("10.0.0.5", "10.0.0.7", 1000, 5353)).toBe("203.0.113.1:7000 10.0.0.9:53 accept");
  expect(send("10.0.0.5", "10.0.0.7", 1000, 5353)).toBe("203.0.113.1:7000 10.0.0.9:53 accept");
  expect(send("10.0.0.9", "203.0.113.1", 53, 7000)).toBe("10.0.0.7:5353 10.0.0.5:1000 accept");
});

test("what sets nothing up leaves the connection as it is, and a verdict ends the way", () => {
  const { send } = scripted(`on("PRE_ROUTING", function(skb)
  return skb:data():getuint8(23) == 9 and nf.action.DROP or nf.action.ACCEPT
end)`);
  expect(send("10.0.0.5", "10.0.0.7", 1000, 8)).toBe("10.0.0.5:1000 10.0.0.7:8 accept");
  expect(send("10.0.0.5", "10.0.0.7", 1000, 9)).toBe("10.0.0.5:1000 10.0.0.7:9 drop");
});

test("masquerade and redirect take the machine's address", () => {
  const { send } = scripted(`on("PRE_ROUTING", function(skb)
  if skb:data():getuint8(23) == 53 then nat.redirect(skb, { port = 5353 }) end
  return nf.action.ACCEPT
end)
on("POST_ROUTING", function(skb) nat.masquerade(skb) return nf.action.ACCEPT end)`);
  expect(send("10.0.0.5", "10.0.0.7", 1000, 80)).toBe("10.0.0.1:1000 10.0.0.7:80 accept");
  expect(send("10.0.0.5", "10.0.0.7", 1000, 53)).toBe("10.0.0.5:1000 10.0.0.1:5353 accept");
});

test.each([
  ["nat.snat(conntrack.get(skb), { addr = 1 })", "not at this hook point"],
  ["nat.masquerade(skb)", "not at this hook point"],
  ["nat.dnat(skb, {})", "bad argument #1 to 'dnat' (invalid object)"],
  ["nat.dnat((conntrack.get(skb)))", "bad argument #2 to 'dnat' (table expected, got no value)"],
  ["nat.dnat(conntrack.get(skb), { addr = 'x' })", "bad field 'addr' (number expected, got string)"],
  ["nat.dnat(conntrack.get(skb), { port = 9, port_max = 8 })", "bad field 'port_max' (below 'port')"],
])("at PRE_ROUTING %s fails, and the packet goes on as it was", (call, message) => {
  const { send } = scripted(`on("PRE_ROUTING", function(skb) ${call} return nf.action.DROP end)`);
  expect(send("10.0.0.5", "10.0.0.7", 1000, 80)).toContain(message);
});

test.each([
  [`nat.register{ pf = nf.proto.ARP, hooknum = 0, hook = print }`, "failed to register nat hook"],
  [
    `nat.register{ pf = nf.proto.IPV4, hooknum = nf.inet.FORWARD, hook = print }`,
    "failed to register nat hook",
  ],
  [`nat.register{ pf = nf.proto.IPV4, hook = print }`, "bad field 'hooknum' (number expected, got nil)"],
  [`nat.redirect({}, {})`, "bad argument #1 to 'redirect' (invalid object)"],
  [
    `local seen netfilter.register{ pf = 2, hooknum = 0, priority = 0, hook = function(skb) end }
on("PRE_ROUTING", print) nat.dnat(setmetatable({}, {}), {})`,
    "bad argument #1 to 'dnat' (invalid object)",
  ],
])("%s is refused", (source, message) => {
  expect(() => scripted(source)).toThrow(message);
});
