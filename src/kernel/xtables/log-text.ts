/** The line that LOG and NFLOG rules write: the beginning of what the kernel's log has (nf_log_syslog), without options. */

import { IPPROTO } from "../../uapi/in.ts";
import { formatIpv4, IP_OFFSET, ipv4, ipv4HeaderLength } from "../../wire/ipv4.ts";
import { formatIpv6, ipv6, ipv6Extent } from "../../wire/ipv6.ts";
import { udp } from "../../wire/udp.ts";
import { V6_DESTINATION, V6_SOURCE } from "../addresses.ts";
import type { RuleLog } from "./environment.ts";

const WITH_PORTS: Readonly<Record<number, string>> = {
  [IPPROTO.IPPROTO_TCP]: "TCP",
  [IPPROTO.IPPROTO_UDP]: "UDP",
};

export function ruleLogText({ prefix, inName, outName, skb }: RuleLog): string {
  const { bytes, netOffset, length } = skb;
  const words = [`${prefix}IN=${inName} OUT=${outName}`];
  let protocol: number;
  let transport: number | undefined;
  if (bytes[netOffset]! >> 4 === 4) {
    words.push(
      `SRC=${formatIpv4(ipv4.get.saddr(bytes, netOffset))}`,
      `DST=${formatIpv4(ipv4.get.daddr(bytes, netOffset))}`,
      `LEN=${ipv4.get.totalLength(bytes, netOffset)}`,
      `TTL=${ipv4.get.ttl(bytes, netOffset)}`,
    );
    protocol = ipv4.get.protocol(bytes, netOffset);
    if ((ipv4.get.fragment(bytes, netOffset) & IP_OFFSET) === 0)
      transport = netOffset + ipv4HeaderLength(bytes, netOffset);
  } else {
    words.push(
      `SRC=${formatIpv6(bytes, netOffset + V6_SOURCE)}`,
      `DST=${formatIpv6(bytes, netOffset + V6_DESTINATION)}`,
      `LEN=${ipv6.get.payloadLength(bytes, netOffset) + ipv6.size}`,
      `HOPLIMIT=${ipv6.get.hopLimit(bytes, netOffset)}`,
    );
    const extent = ipv6Extent(bytes, netOffset, netOffset + length, true);
    protocol = extent?.protocol ?? ipv6.get.nextHeader(bytes, netOffset);
    if (extent?.fragmentOffset === 0) transport = extent.payloadStart;
  }
  const name = WITH_PORTS[protocol];
  words.push(`PROTO=${name ?? protocol}`);
  if (name !== undefined && transport !== undefined && transport + 4 <= netOffset + length)
    words.push(`SPT=${udp.get.sport(bytes, transport)}`, `DPT=${udp.get.dport(bytes, transport)}`);
  return words.join(" ");
}
