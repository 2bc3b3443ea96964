/** Target REJECT: drops a packet and answers it with an ICMP error or a TCP reset (nf_reject_ipv4, nf_reject_ipv6). */

import { ICMP } from "../../uapi/icmp.ts";
import { ICMPV6 } from "../../uapi/icmpv6.ts";
import { IPPROTO } from "../../uapi/in.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../../uapi/netfilter.ts";
import {
  finishChecksum,
  pseudoHeaderSumV4,
  pseudoHeaderSumV6,
  sumWords,
  transportChecksum,
} from "../../wire/checksum.ts";
import { IP_DF, ipv4, writeIpv4Checksum } from "../../wire/ipv4.ts";
import { ipv6 } from "../../wire/ipv6.ts";
import { TCPHDR, tcp, tcpHeaderLength } from "../../wire/tcp.ts";
import { udp } from "../../wire/udp.ts";
import { isMulticastV6, V6_DESTINATION, V6_SOURCE } from "../addresses.ts";
import { type IcmpError, icmpErrorV4, icmpErrorV6 } from "../icmp-error.ts";
import { option, type TargetSpec, target } from "./declare.ts";
import { readU32 } from "./general.ts";
import type { XtPacket } from "./packet.ts";
import { oneOf, ValueError } from "./values.ts";

const { NFPROTO_IPV4 } = NFPROTO;
const { TCPHDR_FIN, TCPHDR_SYN, TCPHDR_RST, TCPHDR_ACK } = TCPHDR;

type Answer = IcmpError | "tcp-reset";

const unreachable4 = (code: number): Answer => ({ type: ICMP.ICMP_DEST_UNREACH, code });
const unreachable6 = (code: number): Answer => ({ type: ICMPV6.ICMPV6_DEST_UNREACH, code });

const ANSWERS_V4: Readonly<Record<string, Answer>> = {
  "icmp-net-unreachable": unreachable4(ICMP.ICMP_NET_UNREACH),
  "icmp-host-unreachable": unreachable4(ICMP.ICMP_HOST_UNREACH),
  "icmp-proto-unreachable": unreachable4(ICMP.ICMP_PROT_UNREACH),
  "icmp-port-unreachable": unreachable4(ICMP.ICMP_PORT_UNREACH),
  "icmp-net-prohibited": unreachable4(ICMP.ICMP_NET_ANO),
  "icmp-host-prohibited": unreachable4(ICMP.ICMP_HOST_ANO),
  "icmp-admin-prohibited": unreachable4(ICMP.ICMP_PKT_FILTERED),
  "tcp-reset": "tcp-reset",
};

const ANSWERS_V6: Readonly<Record<string, Answer>> = {
  "icmp6-no-route": unreachable6(ICMPV6.ICMPV6_NOROUTE),
  "no-route": unreachable6(ICMPV6.ICMPV6_NOROUTE),
  "icmp6-adm-prohibited": unreachable6(ICMPV6.ICMPV6_ADM_PROHIBITED),
  "adm-prohibited": unreachable6(ICMPV6.ICMPV6_ADM_PROHIBITED),
  "icmp6-addr-unreachable": unreachable6(ICMPV6.ICMPV6_ADDR_UNREACH),
  "addr-unreach": unreachable6(ICMPV6.ICMPV6_ADDR_UNREACH),
  "icmp6-port-unreachable": unreachable6(ICMPV6.ICMPV6_PORT_UNREACH),
  "port-unreach": unreachable6(ICMPV6.ICMPV6_PORT_UNREACH),
  "icmp6-policy-fail": unreachable6(ICMPV6.ICMPV6_POLICY_FAIL),
  "icmp6-reject-route": unreachable6(ICMPV6.ICMPV6_REJECT_ROUTE),
  "tcp-reset": "tcp-reset",
};

export const rejectTarget: TargetSpec = target({
  tables: ["filter"],
  hooks: [NF_INET.NF_INET_LOCAL_IN, NF_INET.NF_INET_FORWARD, NF_INET.NF_INET_LOCAL_OUT],
  options: {
    "reject-with": option((word, family) =>
      oneOf(word, family === NFPROTO_IPV4 ? ANSWERS_V4 : ANSWERS_V6, "answer"),
    ),
  },
  build(given, { family, protocol, protocolNot, environment }) {
    const four = family === NFPROTO_IPV4;
    const answer =
      given["reject-with"]?.value ??
      (four ? ANSWERS_V4["icmp-port-unreachable"]! : ANSWERS_V6["port-unreach"]!);
    if (answer === "tcp-reset" && (protocol !== IPPROTO.IPPROTO_TCP || protocolNot))
      throw new ValueError("'--reject-with tcp-reset' needs '-p tcp'");
    return (packet) => {
      const reply =
        answer === "tcp-reset"
          ? resetFor(packet)
          : errorFor(packet, answer, environment.sourceFor(packet.skb, family));
      if (reply) environment.send(reply, family, packet.skb);
      return NF_VERDICT.NF_DROP;
    };
  },
});

function errorFor(
  packet: XtPacket,
  error: IcmpError,
  source: Uint8Array | undefined,
): Uint8Array | undefined {
  if (source === undefined || packet.fragmentOffset !== 0 || hasBadChecksum(packet)) return undefined;
  if (packet.family !== NFPROTO_IPV4) return icmpErrorV6(packet.skb, error, source);
  return icmpErrorV4(packet.skb, error, readU32(source, 0));
}

/** Protocols whose checksum is none, is another, or covers only a part (`nf_reject_verify_csum`). */
const UNCHECKED: ReadonlySet<number> = new Set([
  IPPROTO.IPPROTO_GRE,
  IPPROTO.IPPROTO_AH,
  IPPROTO.IPPROTO_ESP,
  IPPROTO.IPPROTO_SCTP,
  IPPROTO.IPPROTO_UDPLITE,
  IPPROTO.IPPROTO_DCCP,
]);

/**
 * A damaged packet is dropped without a word. The sum over everything behind the IP headers must come out even, with
 * the pseudo header for TCP and UDP, and for all of IPv6: also for protocols that have no checksum (nf_ip_checksum).
 */
function hasBadChecksum({ bytes, netOffset, transport, end, protocol, family }: XtPacket): boolean {
  if (UNCHECKED.has(protocol)) return false;
  if (
    protocol === IPPROTO.IPPROTO_UDP &&
    transport + udp.size <= end &&
    udp.get.checksum(bytes, transport) === 0
  )
    return false;
  const length = end - transport;
  let pseudo = 0;
  if (family !== NFPROTO_IPV4) pseudo = pseudoHeaderSumV6(bytes, netOffset, protocol, length);
  else if (protocol === IPPROTO.IPPROTO_TCP || protocol === IPPROTO.IPPROTO_UDP)
    pseudo = pseudoHeaderSumV4(bytes, netOffset, protocol, length);
  return finishChecksum(sumWords(bytes, transport, end, pseudo)) !== 0;
}

function resetFor(packet: XtPacket): Uint8Array | undefined {
  const { bytes, netOffset, transport, end, family } = packet;
  if (packet.fragmentOffset !== 0) return undefined;
  const headerLength = tcpHeaderLength(bytes, transport, end);
  if (headerLength === undefined || transport + tcp.size > end) return undefined;
  const flags = tcp.get.flags(bytes, transport);
  if ((flags & TCPHDR_RST) !== 0 || hasBadChecksum(packet)) return undefined;
  const ipSize = family === NFPROTO_IPV4 ? ipv4.size : ipv6.size;
  const reply = new Uint8Array(ipSize + tcp.size);
  if (family === NFPROTO_IPV4) {
    ipv4.write(reply, 0, {
      versionIhl: 0x45,
      totalLength: reply.length,
      fragment: IP_DF,
      ttl: 64,
      protocol: IPPROTO.IPPROTO_TCP,
      saddr: ipv4.get.daddr(bytes, netOffset),
      daddr: ipv4.get.saddr(bytes, netOffset),
    });
    writeIpv4Checksum(reply, 0);
  } else {
    if (isMulticastV6(bytes, netOffset + V6_DESTINATION)) return undefined;
    const address = (offset: number) => bytes.slice(netOffset + offset, netOffset + offset + 16);
    ipv6.write(reply, 0, {
      versionClassFlow: 0x60000000,
      payloadLength: tcp.size,
      nextHeader: IPPROTO.IPPROTO_TCP,
      hopLimit: 64,
      saddr: address(V6_DESTINATION),
      daddr: address(V6_SOURCE),
    });
  }
  const acknowledges = (flags & TCPHDR_ACK) !== 0;
  const counted =
    (flags & TCPHDR_SYN ? 1 : 0) + (flags & TCPHDR_FIN ? 1 : 0) + (end - transport - headerLength);
  tcp.write(reply, ipSize, {
    sport: tcp.get.dport(bytes, transport),
    dport: tcp.get.sport(bytes, transport),
    seq: acknowledges ? tcp.get.ack(bytes, transport) : 0,
    ack: acknowledges ? 0 : (tcp.get.seq(bytes, transport) + counted) >>> 0,
    dataOffset: 0x50,
    flags: acknowledges ? TCPHDR_RST : TCPHDR_RST | TCPHDR_ACK,
  });
  const { checksum } = tcp.offsets;
  tcp.set.checksum(
    reply,
    ipSize,
    transportChecksum(reply, 0, ipSize, reply.length, IPPROTO.IPPROTO_TCP, checksum),
  );
  return reply;
}
