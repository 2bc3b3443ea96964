/**
 * Writing other addresses and ports into a packet, checksums included (nf_nat_manip_pkt): of a packet of the path, or
 * of one that an ICMP error quotes, which may be cut behind its first eight bytes.
 */

import { ICMP } from "../../uapi/icmp.ts";
import { ICMPV6 } from "../../uapi/icmpv6.ts";
import { IPPROTO } from "../../uapi/in.ts";
import { IPPROTO6 } from "../../uapi/in6.ts";
import { NFPROTO } from "../../uapi/netfilter.ts";
import { updateChecksum16, updateChecksum32, updateChecksumBytes } from "../../wire/checksum.ts";
import { icmpEcho } from "../../wire/icmp.ts";
import { ipv4, ipv4HeaderLength } from "../../wire/ipv4.ts";
import { ipv6, ipv6Walk } from "../../wire/ipv6.ts";
import { tcp } from "../../wire/tcp.ts";
import { udp } from "../../wire/udp.ts";
import { TUPLE } from "../conntrack/tuple.ts";
import { MANIP, type Manip } from "./manip.ts";

const { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_GRE } = IPPROTO;
const { IPPROTO_ICMPV6 } = IPPROTO6;

/** Where ports lie in every header that has them. */
const SPORT = 0;
const DPORT = 2;
/** What an ICMP error quotes of a transport header at least. */
const QUOTED_BYTES = 8;

/**
 * Gives the packet in `bytes[net, end)` the source or the destination of `target`, a tuple. False when it is too short
 * for that: it is dropped.
 */
export function rewritePacket(
  bytes: Uint8Array,
  net: number,
  end: number,
  family: number,
  target: Int32Array,
  manip: Manip,
): boolean {
  return family === NFPROTO.NFPROTO_IPV4
    ? rewriteV4(bytes, net, end, target, manip)
    : rewriteV6(bytes, net, end, target, manip);
}

function rewriteV4(bytes: Uint8Array, net: number, end: number, target: Int32Array, manip: Manip): boolean {
  if (net + ipv4.size > end) return false;
  const field = manip === MANIP.SOURCE ? "saddr" : "daddr";
  const before = ipv4.get[field](bytes, net);
  const after = target[manip === MANIP.SOURCE ? TUPLE.source : TUPLE.destination]! >>> 0;
  const update = (checksum: number): number => updateChecksum32(checksum, before, after);
  const l4 = net + ipv4HeaderLength(bytes, net);
  const transport: Transport = { bytes, l4, end, protocol: ipv4.get.protocol(bytes, net), update };
  if (!rewriteTransport(transport, target, manip)) return false;
  ipv4.set[field](bytes, net, after);
  ipv4.set.checksum(bytes, net, update(ipv4.get.checksum(bytes, net)));
  return true;
}

const V6_BYTES = 16;

function rewriteV6(bytes: Uint8Array, net: number, end: number, target: Int32Array, manip: Manip): boolean {
  if (net + ipv6.size > end) return false;
  const at = net + (manip === MANIP.SOURCE ? ipv6.offsets.saddr : ipv6.offsets.daddr);
  const words = manip === MANIP.SOURCE ? TUPLE.source : TUPLE.destination;
  const after = new Uint8Array(V6_BYTES);
  for (let i = 0; i < V6_BYTES; i++) after[i] = target[words + (i >> 2)]! >>> (24 - 8 * (i & 3));
  const before = bytes.slice(at, at + V6_BYTES);
  const update = (checksum: number): number => updateChecksumBytes(checksum, before, after);
  // Nobody asks a quoted packet for its version.
  const extent = ipv6Walk(bytes, net, end, true);
  if (extent !== undefined && extent.fragmentOffset === 0) {
    const { payloadStart: l4, protocol } = extent;
    if (!rewriteTransport({ bytes, l4, end, protocol, update }, target, manip)) return false;
  }
  bytes.set(after, at);
  return true;
}

interface Transport {
  readonly bytes: Uint8Array;
  readonly l4: number;
  readonly end: number;
  readonly protocol: number;
  /** What a checksum over the pseudo header becomes by the change of the address. */
  readonly update: (checksum: number) => number;
}

/** Other protocols carry neither ports nor a checksum that a change of addresses would break. */
function rewriteTransport(transport: Transport, target: Int32Array, manip: Manip): boolean {
  switch (transport.protocol) {
    case IPPROTO_TCP:
      return rewritePorts(transport, target, manip, tcp.size, tcp.offsets.checksum);
    case IPPROTO_UDP:
      return rewriteUdp(transport, target, manip, false);
    case IPPROTO_UDPLITE:
      return rewriteUdp(transport, target, manip, true);
    case IPPROTO_GRE:
      return rewriteGre(transport, target, manip);
    case IPPROTO_SCTP:
      // Its checksum (CRC32c) covers the ports but no address; no SCTP connection is translated here yet.
      return rewritePorts(transport, target, manip, Number.POSITIVE_INFINITY, 0);
    case IPPROTO_ICMP:
      return rewriteIcmp(transport, target, QUERIES_V4, (checksum) => checksum);
    case IPPROTO_ICMPV6:
      return rewriteIcmp(transport, target, QUERIES_V6, transport.update);
    default:
      return true;
  }
}

const wordAt = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

/** Writes the port; and the checksum at `checksumAt`, if all `headerBytes` are there. */
function rewritePorts(
  { bytes, l4, end, update }: Transport,
  target: Int32Array,
  manip: Manip,
  headerBytes: number,
  checksumAt: number,
): boolean {
  if (l4 + QUOTED_BYTES > end) return false;
  const at = l4 + (manip === MANIP.SOURCE ? SPORT : DPORT);
  const before = wordAt(bytes, at);
  const ports = target[TUPLE.ports]!;
  const after = manip === MANIP.SOURCE ? ports >>> 16 : ports & 0xffff;
  setWord(bytes, at, after);
  if (l4 + headerBytes > end) return true;
  const field = l4 + checksumAt;
  setWord(bytes, field, updateChecksum16(update(wordAt(bytes, field)), before, after));
  return true;
}

/** Only version 1 (PPTP, RFC 2637) has something like a port, the call id of the receiver. */
function rewriteGre({ bytes, l4, end }: Transport, target: Int32Array, manip: Manip): boolean {
  if (l4 + QUOTED_BYTES > end) return false;
  if (manip === MANIP.SOURCE) return true;
  const version = bytes[l4 + 1]! & 7;
  if (version === 1) setWord(bytes, l4 + CALL_ID, target[TUPLE.ports]! & 0xffff);
  return version <= 1;
}
const CALL_ID = 6;

/** A checksum of 0 says that there is none, which UDP-Lite may not say. */
function rewriteUdp(transport: Transport, target: Int32Array, manip: Manip, always: boolean): boolean {
  const { bytes, l4, end } = transport;
  if (l4 + udp.size > end) return false;
  const has = always || udp.get.checksum(bytes, l4) !== 0;
  const summed = has ? udp.size : Number.POSITIVE_INFINITY;
  if (!rewritePorts(transport, target, manip, summed, udp.offsets.checksum)) return false;
  if (has && udp.get.checksum(bytes, l4) === 0) udp.set.checksum(bytes, l4, 0xffff);
  return true;
}

/** Queries and their answers have an id, in the place of ports. */
function rewriteIcmp(
  { bytes, l4, end }: Transport,
  target: Int32Array,
  queries: ReadonlySet<number>,
  update: (checksum: number) => number,
): boolean {
  if (l4 + icmpEcho.size > end) return false;
  let checksum = update(icmpEcho.get.checksum(bytes, l4));
  if (queries.has(bytes[l4]!)) {
    const id = target[TUPLE.ports]! >>> 16;
    checksum = updateChecksum16(checksum, icmpEcho.get.id(bytes, l4), id);
    icmpEcho.set.id(bytes, l4, id);
  }
  icmpEcho.set.checksum(bytes, l4, checksum);
  return true;
}

const QUERIES_V4: ReadonlySet<number> = new Set([
  ICMP.ICMP_ECHO,
  ICMP.ICMP_ECHOREPLY,
  ICMP.ICMP_TIMESTAMP,
  ICMP.ICMP_TIMESTAMPREPLY,
  ICMP.ICMP_INFO_REQUEST,
  ICMP.ICMP_INFO_REPLY,
  ICMP.ICMP_ADDRESS,
  ICMP.ICMP_ADDRESSREPLY,
]);
const QUERIES_V6: ReadonlySet<number> = new Set([ICMPV6.ICMPV6_ECHO_REQUEST, ICMPV6.ICMPV6_ECHO_REPLY]);
