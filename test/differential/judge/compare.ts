/** What the router did, and what the simulated one did: the first difference, as text. */

import { parseSaved } from "../../../src/kernel/xtables/save-text.ts";
import { IPPROTO } from "../../../src/uapi/in.ts";
import { ipv4, parseIpv4, writeIpv4Checksum } from "../../../src/wire/ipv4.ts";
import { ROUTER, type Sent } from "./router.ts";

/** `undefined` when both sent the same packets. */
export function differenceInPackets(real: readonly Sent[], simulated: readonly Sent[]): string | undefined {
  const [ours, theirs] = [simulated, real].map((list) => list.map(describe).join("\n"));
  return ours === theirs ? undefined : `the router sent\n${theirs}\nthe simulated one\n${ours}`;
}

const describe = ({ device, packet }: Sent): string =>
  `${device} ${Buffer.from(masked(packet)).toString("hex")}`;

const ROUTER_ADDRESSES = Object.values(ROUTER).map(({ v4 }) => parseIpv4(v4)! >>> 0);

const INTERNETWORK_CONTROL = 0xc0;

/** The id of an ICMP error over IPv4 is a counter that starts anywhere. */
function masked(packet: Uint8Array): Uint8Array {
  if (packet[0]! >> 4 !== 4 || ipv4.get.protocol(packet, 0) !== IPPROTO.IPPROTO_ICMP) return packet;
  // Where it is translated it has another source; Linux gives its own errors this class of service.
  const isOwn = ipv4.get.tos(packet, 0) >= INTERNETWORK_CONTROL;
  if (!isOwn && !ROUTER_ADDRESSES.includes(ipv4.get.saddr(packet, 0))) return packet;
  const copy = packet.slice();
  ipv4.set.id(copy, 0, 0);
  writeIpv4Checksum(copy, 0);
  return copy;
}

/** Two texts of `iptables-save -c`: rules are known by chain and place, since the real tool writes them its own way. */
export function differenceInCounters(real: string, simulated: string): string | undefined {
  const theirs = countersOf(real);
  const ours = countersOf(simulated);
  for (const [place, { count, text }] of ours) {
    const other = theirs.get(place)?.count;
    if (other !== count) return `${place}: ${other ?? "not there"}, simulated ${count}: ${text}`;
  }
  return undefined;
}

function countersOf(text: string): Map<string, { count: string; text: string }> {
  const counters = new Map<string, { count: string; text: string }>();
  for (const table of parseSaved(text)) {
    for (const chain of table.chains)
      if (chain.policy !== undefined)
        counters.set(`${table.name} ${chain.name} policy`, {
          count: `${chain.packets}:${chain.bytes}`,
          text: chain.policy,
        });
    const places = new Map<string, number>();
    for (const rule of table.rules) {
      const place = (places.get(rule.chain) ?? 0) + 1;
      places.set(rule.chain, place);
      counters.set(`${table.name} ${rule.chain} rule ${place}`, {
        count: `${rule.packets}:${rule.bytes}`,
        text: rule.text,
      });
    }
  }
  return counters;
}
