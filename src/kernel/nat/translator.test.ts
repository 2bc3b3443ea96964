/** Translation by rules, without a kernel beside it: test/differential/rules.test.ts compares random sets with Linux. */

import { expect, test } from "vitest";
import { NFPROTO } from "../../uapi/netfilter.ts";
import { internetChecksum } from "../../wire/checksum.ts";
import { formatIpv4, ipv4 } from "../../wire/ipv4.ts";
import { isTransportChecksumRight } from "../conntrack/checksums.ts";
import { SimulatedKernel } from "../simulated.ts";
import { ipPacket, skbOf } from "../testing.ts";

type Packet = Parameters<typeof ipPacket>[0];

/** A router between 10.0.1.0/24 (eth0) and everything else (eth1), with rules of table nat. */
function router(...rules: string[]) {
  const sent: Uint8Array[] = [];
  const kernel = new SimulatedKernel({
    log: () => {},
    transmit: (skb) => sent.push(skb.packet().slice()),
    devices: [
      { name: "eth0", addresses: ["10.0.1.1/24"] },
      { name: "eth1", addresses: ["203.0.113.1/24"], routes: ["0.0.0.0/0"] },
    ],
  });
  kernel.loadRules(`*nat\n${rules.join("\n")}\nCOMMIT\n`, NFPROTO.NFPROTO_IPV4);
  /** Who to whom, by which device, after the router; or the verdict. */
  const send = (device: string, packet: Packet): string => {
    const skb = skbOf(ipPacket(packet));
    const { path, verdict } = kernel.process(skb, 0, kernel.ifindex(device)!);
    if (verdict !== "accept") return verdict;
    const { bytes, netOffset } = skb;
    const l4 = netOffset + ipv4.size;
    expect(internetChecksum(bytes, netOffset, l4)).toBe(0);
    const protocol = ipv4.get.protocol(bytes, netOffset);
    expect(isTransportChecksumRight(bytes, netOffset, l4, netOffset + skb.length, protocol)).toBe(true);
    const port = (at: number) => (bytes[l4 + at]! << 8) | bytes[l4 + at + 1]!;
    const out = path === "input" ? "here" : kernel.devices[skb.outIfindex - 1]!.name;
    return `${formatIpv4(ipv4.get.saddr(bytes, netOffset))}:${port(0)} ${formatIpv4(ipv4.get.daddr(bytes, netOffset))}:${port(2)} ${out}`;
  };
  return { kernel, send, sent };
}

const client = { from: "10.0.1.2", to: "192.0.2.7", sport: 4000, dport: 53 };

test("a masqueraded connection has the address of the device that it leaves by, and its answers come back", () => {
  const { send } = router("-A POSTROUTING -o eth1 -j MASQUERADE");
  expect(send("eth0", client)).toBe("203.0.113.1:4000 192.0.2.7:53 eth1");
  expect(send("eth1", { from: "192.0.2.7", to: "203.0.113.1", sport: 53, dport: 4000 })).toBe(
    "192.0.2.7:53 10.0.1.2:4000 eth0",
  );
  // Nobody asked for this one.
  expect(send("eth1", { from: "192.0.2.8", to: "203.0.113.1", sport: 53, dport: 4000 })).toBe(
    "192.0.2.8:53 203.0.113.1:4000 here",
  );
});

test("two clients with the same port: the second gets another one, which stays below 512 if it was", () => {
  const { send, kernel } = router("-A POSTROUTING -o eth1 -j MASQUERADE");
  for (const [sport, low, high] of [
    [4000, 1024, 65535],
    [700, 600, 1023],
    [100, 1, 511],
  ] as const) {
    expect(send("eth0", { ...client, sport })).toBe(`203.0.113.1:${sport} 192.0.2.7:53 eth1`);
    const other = send("eth0", { ...client, from: "10.0.1.3", sport });
    const port = Number(/^203\.0\.113\.1:(\d+) 192\.0\.2\.7:53 eth1$/.exec(other)?.[1]);
    expect(port).not.toBe(sport);
    expect(port >= low && port <= high).toBe(true);
    expect(send("eth1", { from: "192.0.2.7", to: "203.0.113.1", sport: 53, dport: port })).toBe(
      `192.0.2.7:53 10.0.1.3:${sport} eth0`,
    );
  }
  expect(kernel.translator.randomPorts).toBe(3);
  // To somebody else the port is free; but who has another one keeps that.
  expect(send("eth0", { ...client, from: "10.0.1.4", to: "192.0.2.8" })).toBe(
    "203.0.113.1:4000 192.0.2.8:53 eth1",
  );
  const again = send("eth0", { ...client, from: "10.0.1.3", to: "192.0.2.8" });
  expect(again).toMatch(/^203\.0\.113\.1:\d+ 192\.0\.2\.8:53 eth1$/);
  expect(again).not.toContain(":4000 ");
  expect(kernel.translator.randomPorts).toBe(3);
});

test("without a free port in the range the packet is dropped, and there is no connection", () => {
  const { send, kernel } = router("-A POSTROUTING -p udp -j SNAT --to-source 203.0.113.9:5000-5001");
  expect(send("eth0", client)).toMatch(/^203\.0\.113\.9:500[01] /);
  expect(send("eth0", { ...client, from: "10.0.1.3" })).toMatch(/^203\.0\.113\.9:500[01] /);
  expect(send("eth0", { ...client, from: "10.0.1.4" })).toBe("drop");
  expect(kernel.conntrack.count()).toBe(2);
});

test("a forwarded port, from outside and back, and a client who is sent round to his own side", () => {
  const { send } = router(
    "-A PREROUTING -d 203.0.113.1/32 -p udp -m udp --dport 8080 -j DNAT --to-destination 10.0.1.9:80",
  );
  expect(send("eth1", { from: "192.0.2.7", to: "203.0.113.1", sport: 9, dport: 8080 })).toBe(
    "192.0.2.7:9 10.0.1.9:80 eth0",
  );
  expect(send("eth0", { from: "10.0.1.9", to: "192.0.2.7", sport: 80, dport: 9 })).toBe(
    "203.0.113.1:8080 192.0.2.7:9 eth1",
  );
  expect(send("eth0", { from: "10.0.1.2", to: "203.0.113.1", sport: 9, dport: 8080 })).toBe(
    "10.0.1.2:9 10.0.1.9:80 eth0",
  );
});

test("ranges: an address for each client, ports from a base, networks onto networks", () => {
  const { send } = router(
    "-A PREROUTING -d 198.51.100.0/24 -j NETMAP --to 10.0.1.0/24",
    "-A PREROUTING -p tcp -j DNAT --to-destination 10.0.1.9:100-199/8000",
    "-A PREROUTING -p udp -m udp --dport 5 -j REDIRECT --to-ports 55",
    "-A POSTROUTING -o eth1 -j SNAT --to-source 203.0.113.10-203.0.113.13",
  );
  expect(send("eth1", { from: "192.0.2.7", to: "198.51.100.77", sport: 1, dport: 2 })).toBe(
    "192.0.2.7:1 10.0.1.77:2 eth0",
  );
  expect(send("eth1", { from: "192.0.2.7", to: "203.0.113.1", sport: 1, dport: 8042, protocol: "tcp" })).toBe(
    "192.0.2.7:1 10.0.1.9:142 eth0",
  );
  expect(send("eth0", { ...client, dport: 5 })).toBe("10.0.1.2:4000 10.0.1.1:55 here");
  const chosen = new Set<string>();
  for (let i = 20; i < 60; i++) {
    const own = { ...client, from: `10.0.1.${i}`, sport: 4000 + i };
    const [first, second] = [53, 54].map((dport) => send("eth0", { ...own, dport }));
    const address = /^203\.0\.113\.1[0-3]:/.exec(first!)?.[0];
    expect(address).toBeDefined();
    // A client keeps its address.
    expect(second).toContain(address);
    chosen.add(address!);
  }
  expect(chosen.size).toBe(4);
});

test("an error about a translated packet comes back with the addresses that its receiver knows", () => {
  const { send, sent, kernel } = router("-A POSTROUTING -o eth1 -j MASQUERADE");
  expect(send("eth0", client)).toBe("203.0.113.1:4000 192.0.2.7:53 eth1");
  // The answer has no hop left: its sender is told, about the packet that it sent.
  const answer = ipPacket({ from: "192.0.2.7", to: "203.0.113.1", sport: 53, dport: 4000, ttl: 1 });
  expect(kernel.process(skbOf(answer), 0, 3).verdict).toBe("drop");
  expect(sent).toHaveLength(1);
  const error = sent[0]!;
  expect([12, 16, 40, 44].map((at) => formatIpv4(new DataView(error.buffer).getUint32(at)))).toEqual([
    "203.0.113.1",
    "192.0.2.7",
    "192.0.2.7",
    "203.0.113.1",
  ]);
  expect(internetChecksum(error, 20)).toBe(0);
  expect(internetChecksum(error, 28, 48)).toBe(0);
});

test("ended connections leave their ports to others", () => {
  const { send, kernel } = router("-A POSTROUTING -p udp -j SNAT --to-source 203.0.113.9:5000");
  expect(send("eth0", client)).toBe("203.0.113.9:5000 192.0.2.7:53 eth1");
  expect(send("eth0", { ...client, from: "10.0.1.3" })).toBe("drop");
  kernel.conntrack.each((connection) => {
    connection.remove();
    return true;
  });
  expect(send("eth0", { ...client, from: "10.0.1.3" })).toBe("203.0.113.9:5000 192.0.2.7:53 eth1");
});

test.each([
  ["-A PREROUTING -j SNAT --to-source 10.0.0.1", "'SNAT' is not for packets that come from PREROUTING"],
  [
    "-A POSTROUTING -j DNAT --to-destination 10.0.0.1",
    "'DNAT' is not for packets that come from POSTROUTING",
  ],
  ["-A POSTROUTING -j SNAT", "--to-source is needed"],
  ["-A POSTROUTING -j SNAT --to-source 10.0.0.1:80", "ports are for '-p tcp', udp, sctp, dccp or icmp"],
  ["-A POSTROUTING -j SNAT --to-source 10.0.0", "'10.0.0' is no IPv4 address"],
  ["-A POSTROUTING -j SNAT --to-source 10.0.0.1-10.0.0.2-10.0.0.3", "is no range of addresses"],
  ["-A PREROUTING -p tcp -j REDIRECT --to-ports 90-80", "'90-80' ends before it begins"],
  ["-A PREROUTING -p tcp -j REDIRECT --to-ports 80-90/1", "'80-90/1' is no port or range of ports"],
  ["-A PREROUTING -j NETMAP", "--to is needed"],
])("%s is refused", (rule, message) => {
  expect(() => router(rule)).toThrow(message);
});

test.each(["fd00::1", "[fd00::1]:80", "[fd00::1]-[fd00::2]:80-90", "fd00::1-fd00::2", ":80"])(
  "ip6tables: --to-destination %s",
  (text) => {
    const kernel = new SimulatedKernel({ log: () => {} });
    const rules = `*nat\n-A PREROUTING -p tcp -j DNAT --to-destination ${text}\nCOMMIT\n`;
    expect(kernel.loadRules(rules, NFPROTO.NFPROTO_IPV6)).toHaveLength(1);
  },
);
