import { expect, test } from "vitest";
import { NF_INET, NF_VERDICT, NFPROTO } from "../../uapi/netfilter.ts";
import { SimulatedKernel } from "../simulated.ts";
import { ipPacket, skbOf } from "../testing.ts";
import { printTables, type Table } from "./ruleset.ts";

function kernelWith(rules: string): { kernel: SimulatedKernel; tables: Table[]; log: string[] } {
  const log: string[] = [];
  const kernel = new SimulatedKernel({ log: () => {}, ruleLog: ({ prefix }) => log.push(prefix) });
  return { kernel, tables: kernel.loadRules(rules, NFPROTO.NFPROTO_IPV4), log };
}

const verdictsOf = (kernel: SimulatedKernel, ...packets: Uint8Array[]): string[] =>
  packets.map((packet) => kernel.process(skbOf(packet)).verdict);

const inFilter = (...lines: string[]): string => `*filter\n${lines.join("\n")}\nCOMMIT\n`;

test("chains, jumps and returns, with counters that go on from those that were read", () => {
  const { kernel, tables } = kernelWith(
    inFilter(
      ":FORWARD DROP [7:700]",
      ":web - [0:0]",
      "[2:100] -A FORWARD -p tcp -m tcp --dport 80:443 -j web",
      "-A FORWARD -p udp -j ACCEPT",
      "-A web -s 10.0.0.9 -j RETURN",
      '-A web -m comment --comment "all others" -j ACCEPT',
    ),
  );
  const tcp = ipPacket({ protocol: "tcp", dport: 443 });
  const friend = ipPacket({ protocol: "tcp", dport: 443, from: "10.0.0.9" });
  const other = ipPacket({ protocol: "tcp", dport: 22 });
  expect(verdictsOf(kernel, tcp, friend, other, ipPacket({}))).toEqual(["accept", "drop", "drop", "accept"]);
  expect(printTables(tables)).toBe(
    inFilter(
      ":INPUT ACCEPT [0:0]",
      ":FORWARD DROP [9:788]",
      ":OUTPUT ACCEPT [0:0]",
      ":web - [0:0]",
      "[4:188] -A FORWARD -p tcp -m tcp --dport 80:443 -j web",
      "[1:32] -A FORWARD -p udp -j ACCEPT",
      "[1:44] -A web -s 10.0.0.9 -j RETURN",
      '[1:44] -A web -m comment --comment "all others" -j ACCEPT',
    ),
  );
});

test("a chain that is gone to does not come back to where it was gone from", () => {
  const { kernel } = kernelWith(
    inFilter(":u - [0:0]", "-A FORWARD -g u", "-A FORWARD -j DROP", "-A u -p tcp -j DROP"),
  );
  expect(verdictsOf(kernel, ipPacket({}), ipPacket({ protocol: "tcp" }))).toEqual(["accept", "drop"]);
});

test("a transport header that is cut short drops the packet, whatever the rule says", () => {
  const { kernel } = kernelWith(inFilter("-A FORWARD -p udp -m udp ! --dport 53 -j ACCEPT"));
  expect(verdictsOf(kernel, ipPacket({}))).toEqual(["accept"]);
  const skb = skbOf(ipPacket({}));
  skb.length = 24;
  expect(kernel.hooks.run(NFPROTO.NFPROTO_IPV4, NF_INET.NF_INET_FORWARD, skb)).toBe(NF_VERDICT.NF_DROP);
});

test("LOG writes and the walk goes on; limit lets as many through as its burst", () => {
  const { kernel, log } = kernelWith(
    inFilter(
      '-A FORWARD -m limit --limit 1/hour --limit-burst 2 -j LOG --log-prefix "seen: "',
      "-A FORWARD -j DROP",
    ),
  );
  expect(verdictsOf(kernel, ipPacket({}), ipPacket({}), ipPacket({}))).toEqual(["drop", "drop", "drop"]);
  expect(log).toEqual(["seen: ", "seen: "]);
});

test("a connection's packets are known by their state, and its mark comes back to them", () => {
  const { kernel, tables } = kernelWith(
    `*mangle\n-A FORWARD -m conntrack --ctstate NEW -j CONNMARK --set-mark 7\n-A FORWARD -j CONNMARK --restore-mark\nCOMMIT\n${inFilter(
      ":FORWARD DROP [0:0]",
      "-A FORWARD -m conntrack --ctstate ESTABLISHED -m mark --mark 7 -j ACCEPT",
      "-A FORWARD -s 10.0.0.9 -m state --state NEW -j ACCEPT",
    )}`,
  );
  const there = ipPacket({ from: "10.0.0.9", sport: 1000, dport: 53 });
  const back = ipPacket({ to: "10.0.0.9", from: "10.0.0.2", sport: 53, dport: 1000 });
  // Unasked, then as an answer.
  expect(verdictsOf(kernel, back, there, back, there)).toEqual(["drop", "accept", "accept", "accept"]);
  expect(tables[1]!.chains.get("FORWARD")!.rules.map(({ packets }) => packets)).toEqual([2, 1]);
});

test.each([
  ["*filter\n-A FORWARD -p tcp --dport 22", "line 1: table 'filter' has no COMMIT at its end"],
  ["-A FORWARD", "line 1: '-A FORWARD' is outside of a table: a line like '*filter' begins one"],
  [inFilter("-A FORWARD -m nothing"), "line 2: there is no match 'nothing': -A FORWARD -m nothing"],
  [inFilter("-A FORWARD -j there"), "line 2: there is no target and no chain 'there': -A FORWARD -j there"],
  [inFilter("-A mine -j DROP"), "line 2: there is no chain 'mine' in table 'filter'"],
  [
    inFilter("-A FORWARD --dport 22"),
    "line 2: the option '--dport' belongs to nothing in this rule: -A FORWARD --dport 22",
  ],
  [
    inFilter("-A FORWARD -p udp --dport 70000"),
    "line 2: --dport: 70000 is not in 0 to 65535: -A FORWARD -p udp --dport 70000",
  ],
  [
    inFilter("-A FORWARD -j TTL --ttl-set 3"),
    "line 2: the target 'TTL' is only for the table mangle: -A FORWARD -j TTL --ttl-set 3",
  ],
  [
    inFilter("-A OUTPUT -m mac --mac-source 00:11:22:33:44:55"),
    "line 2: 'mac' is not for packets that come from OUTPUT: -A OUTPUT -m mac --mac-source 00:11:22:33:44:55",
  ],
  [
    inFilter(":a - [0:0]", ":b - [0:0]", "-A a -j b", "-A b -j a"),
    "line 5: table 'filter' goes round in 'a': -A b -j a",
  ],
  ["*broken\nCOMMIT", "line 1: there is no table 'broken'; there are raw, mangle, nat, filter, security"],
  [inFilter(":FORWARD MAYBE [0:0]"), "line 2: the policy of FORWARD is ACCEPT or DROP, not 'MAYBE'"],
  [inFilter('-A FORWARD -m comment --comment "open'), "line 2: a quotation mark has no partner"],
  [
    inFilter("-A FORWARD -j REJECT --reject-with tcp-reset"),
    "line 2: REJECT: '--reject-with tcp-reset' needs '-p tcp': -A FORWARD -j REJECT --reject-with tcp-reset",
  ],
])("refused, with the line: %j", (rules, message) => {
  expect(() => kernelWith(rules)).toThrow(message);
});
