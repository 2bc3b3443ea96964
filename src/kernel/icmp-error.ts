/**
 * ICMP errors that the machine sends about a packet: `icmp_send` and `icmp6_send`. What is not decided here is where
 * they come from (`source`): that follows from routes.
 */

import { IPPROTO } from "../uapi/in.ts";
import { IPPROTO6 } from "../uapi/in6.ts";
import { finishChecksum, sumWords, transportChecksum } from "../wire/checksum.ts";
import { icmp } from "../wire/icmp.ts";
import { IP_OFFSET, ipv4, ipv4HeaderLength, writeIpv4Checksum } from "../wire/ipv4.ts";
import { ipv6, ipv6Extent } from "../wire/ipv6.ts";
import {
  isBroadcastV4,
  isMulticastV4,
  isMulticastV6,
  isUnspecifiedV6,
  V6_DESTINATION,
  V6_SOURCE,
} from "./addresses.ts";
import type { Skb } from "./skb.ts";

/** RFC 1812 §4.3.2.3: an error over IPv4 quotes as much as fits into this many bytes. */
const ERROR_MOST_V4 = 576;
/** RFC 4443 §2.4 (c): the least MTU of IPv6. */
const ERROR_MOST_V6 = 1280;
const DEFAULT_HOPS = 64;
/** IPTOS_TOS_MASK | IPTOS_PREC_INTERNETCONTROL: errors keep the type of service and travel as control traffic. */
const TOS_MASK = 0x1e;
const INTERNET_CONTROL = 0xc0;

/** Types of ICMP that are no errors; about all others no error is sent (RFC 1122 §3.2.2). */
const ICMP_QUERIES = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);
/** RFC 4443 §2.1: types below this are errors. */
const ICMPV6_INFORMATIONAL = 128;

/** `rest` is the second word of the header: an MTU, a pointer, or 0. */
export interface IcmpError {
  readonly type: number;
  readonly code: number;
  readonly rest?: number;
}

/** The error about the IPv4 packet in `skb`, from `source` (u32); undefined where the kernel stays silent. */
export function icmpErrorV4(skb: Skb, error: IcmpError, source: number): Uint8Array | undefined {
  const { bytes, netOffset } = skb;
  const destination = ipv4.get.daddr(bytes, netOffset);
  if (isMulticastV4(destination) || isBroadcastV4(destination)) return undefined;
  if ((ipv4.get.fragment(bytes, netOffset) & IP_OFFSET) !== 0) return undefined;
  const inner = netOffset + ipv4HeaderLength(bytes, netOffset);
  if (ipv4.get.protocol(bytes, netOffset) === IPPROTO.IPPROTO_ICMP) {
    if (inner >= netOffset + skb.length || !ICMP_QUERIES.has(icmp.get.type(bytes, inner))) return undefined;
  }
  const quoted = Math.min(skb.length, ERROR_MOST_V4 - ipv4.size - icmp.size);
  const packet = new Uint8Array(ipv4.size + icmp.size + quoted);
  ipv4.write(packet, 0, {
    versionIhl: 0x45,
    tos: (ipv4.get.tos(bytes, netOffset) & TOS_MASK) | INTERNET_CONTROL,
    totalLength: packet.length,
    ttl: DEFAULT_HOPS,
    protocol: IPPROTO.IPPROTO_ICMP,
    saddr: source,
    daddr: ipv4.get.saddr(bytes, netOffset),
  });
  writeIpv4Checksum(packet, 0);
  writeError(packet, ipv4.size, error, bytes.subarray(netOffset, netOffset + quoted));
  icmp.set.checksum(packet, ipv4.size, finishChecksum(sumWords(packet, ipv4.size)));
  return packet;
}

/** The error about the IPv6 packet in `skb`, from `source` (16 bytes); undefined where the kernel stays silent. */
export function icmpErrorV6(skb: Skb, error: IcmpError, source: Uint8Array): Uint8Array | undefined {
  const { bytes, netOffset } = skb;
  const end = netOffset + skb.length;
  if (isMulticastV6(bytes, netOffset + V6_DESTINATION) && !mayAnswerMulticast(error)) return undefined;
  if (isUnspecifiedV6(bytes, netOffset + V6_SOURCE) || isMulticastV6(bytes, netOffset + V6_SOURCE))
    return undefined;
  const extent = ipv6Extent(bytes, netOffset, end, true);
  if (extent?.protocol === IPPROTO6.IPPROTO_ICMPV6 && extent.fragmentOffset === 0) {
    if (extent.payloadStart >= end || bytes[extent.payloadStart]! < ICMPV6_INFORMATIONAL) return undefined;
  }
  const quoted = Math.min(skb.length, ERROR_MOST_V6 - ipv6.size - icmp.size);
  const packet = new Uint8Array(ipv6.size + icmp.size + quoted);
  ipv6.write(packet, 0, {
    versionClassFlow: 0x60000000,
    payloadLength: icmp.size + quoted,
    nextHeader: IPPROTO6.IPPROTO_ICMPV6,
    hopLimit: DEFAULT_HOPS,
    saddr: source,
    daddr: bytes.slice(netOffset + V6_SOURCE, netOffset + V6_SOURCE + 16),
  });
  writeError(packet, ipv6.size, error, bytes.subarray(netOffset, netOffset + quoted));
  const { checksum } = icmp.offsets;
  const sum = transportChecksum(packet, 0, ipv6.size, packet.length, IPPROTO6.IPPROTO_ICMPV6, checksum);
  icmp.set.checksum(packet, ipv6.size, sum);
  return packet;
}

/** RFC 4443 §2.4 (e.3): packet too big, and an option that asks for it. */
const mayAnswerMulticast = ({ type, code }: IcmpError): boolean => type === 2 || (type === 4 && code === 2);

function writeError(
  packet: Uint8Array,
  at: number,
  { type, code, rest = 0 }: IcmpError,
  quoted: Uint8Array,
): void {
  icmp.write(packet, at, { type, code, rest });
  packet.set(quoted, at + icmp.size);
}
