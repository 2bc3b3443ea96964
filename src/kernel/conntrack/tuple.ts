/**
 * Tuples as ten 32-bit words, so that connections are compared and hashed without allocating:
 *
 *     0..3  source address      (IPv4: the first word, the others 0)
 *     4..7  destination address
 *     8     ports: source in the upper half, destination in the lower; ICMP: id above, then type and code
 *     9     family, protocol, zone: 8, 8 and 16 bits
 */

import { ICMP } from "../../uapi/icmp.ts";
import { ICMPV6 } from "../../uapi/icmpv6.ts";
import { IPPROTO } from "../../uapi/in.ts";
import { IPPROTO6 } from "../../uapi/in6.ts";
import { NFPROTO } from "../../uapi/netfilter.ts";
import { IP_MF, IP_OFFSET, ipv4, ipv4HeaderLength } from "../../wire/ipv4.ts";
import { ipv6, ipv6Extent } from "../../wire/ipv6.ts";
import type { ConnectionTuple } from "../connection.ts";

export const TUPLE_WORDS = 10;
export const TUPLE = { source: 0, destination: 4, ports: 8, meta: 9 } as const;
const ADDRESS_WORDS = 4;

const { NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;
const { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_GRE, IPPROTO_SCTP } = IPPROTO;
const { IPPROTO_ICMPV6, IPPROTO_NONE } = IPPROTO6;

export const familyOf = (words: Int32Array, at: number): number => words[at + TUPLE.meta]! >>> 24;
export const protocolOf = (words: Int32Array, at: number): number => (words[at + TUPLE.meta]! >>> 16) & 0xff;
export const zoneOf = (words: Int32Array, at: number): number => words[at + TUPLE.meta]! & 0xffff;
export const isIcmp = (protocol: number): boolean => protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;

/** Which type answers which, by protocol; a type without answer makes no connection. */
const ICMP_ANSWERS: ReadonlyMap<number, ReadonlyMap<number, number>> = new Map([
  [
    IPPROTO_ICMP,
    bothWays([
      [ICMP.ICMP_ECHO, ICMP.ICMP_ECHOREPLY],
      [ICMP.ICMP_TIMESTAMP, ICMP.ICMP_TIMESTAMPREPLY],
      [ICMP.ICMP_INFO_REQUEST, ICMP.ICMP_INFO_REPLY],
      [ICMP.ICMP_ADDRESS, ICMP.ICMP_ADDRESSREPLY],
    ]),
  ],
  [
    IPPROTO_ICMPV6,
    bothWays([
      [ICMPV6.ICMPV6_ECHO_REQUEST, ICMPV6.ICMPV6_ECHO_REPLY],
      [ICMPV6.ICMPV6_NI_QUERY, ICMPV6.ICMPV6_NI_REPLY],
    ]),
  ],
]);

function bothWays(pairs: readonly (readonly [number, number])[]): ReadonlyMap<number, number> {
  return new Map(pairs.flatMap(([one, other]) => [[one, other] as const, [other, one] as const]));
}

/** Reads the tuple of a packet; made once and used again. */
export class TupleReader {
  readonly words = new Int32Array(TUPLE_WORDS);
  /** Where the transport header lies in the bytes last read. */
  l4 = 0;
  protocol = 0;
  /** Whether they are the first fragment of a packet. */
  isFragment = false;

  /**
   * Of the IP packet in `bytes[net, end)`, which may itself lie in an ICMP error. False when there is none: a later
   * fragment, headers that do not fit, nothing behind the IPv6 headers (get_l4proto, nf_ct_get_tuple).
   */
  read(bytes: Uint8Array, net: number, end: number, family: number, zone: number): boolean {
    const found = family === NFPROTO_IPV4 ? this.#readV4(bytes, net, end) : this.#readV6(bytes, net, end);
    return found && this.#readTransport(bytes, end, (family << 24) | (this.protocol << 16) | zone);
  }

  #readV4(bytes: Uint8Array, net: number, end: number): boolean {
    if (net + ipv4.size > end) return false;
    const fragment = ipv4.get.fragment(bytes, net);
    if (fragment & IP_OFFSET) return false;
    this.isFragment = (fragment & IP_MF) !== 0;
    this.l4 = net + ipv4HeaderLength(bytes, net);
    if (this.l4 > end) return false;
    this.protocol = ipv4.get.protocol(bytes, net);
    const { words } = this;
    words.fill(0);
    words[TUPLE.source] = ipv4.get.saddr(bytes, net);
    words[TUPLE.destination] = ipv4.get.daddr(bytes, net);
    return true;
  }

  #readV6(bytes: Uint8Array, net: number, end: number): boolean {
    if (net + ipv6.size > end) return false;
    this.protocol = ipv6.get.nextHeader(bytes, net);
    this.l4 = net + ipv6.size;
    this.isFragment = false;
    if (!IPV6_TRANSPORTS.has(this.protocol)) {
      const extent = ipv6Extent(bytes, net, end, true);
      if (extent === undefined || extent.protocol === IPPROTO_NONE || extent.fragmentOffset !== 0)
        return false;
      this.isFragment = extent.moreFragments;
      this.protocol = extent.protocol;
      this.l4 = extent.payloadStart;
    }
    for (let i = 0; i < 2 * ADDRESS_WORDS; i++) {
      this.words[i] = word(bytes, net + ipv6.offsets.saddr + 4 * i);
    }
    return true;
  }

  #readTransport(bytes: Uint8Array, end: number, meta: number): boolean {
    const { words, l4 } = this;
    words[TUPLE.meta] = meta;
    words[TUPLE.ports] = 0;
    switch (this.protocol) {
      case IPPROTO_TCP:
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
      case IPPROTO_SCTP:
        if (l4 + 4 > end) return false;
        words[TUPLE.ports] = word(bytes, l4);
        return true;
      case IPPROTO_ICMP:
      case IPPROTO_ICMPV6:
        if (l4 + 8 > end) return false;
        words[TUPLE.ports] = (word(bytes, l4 + 4) & 0xffff0000) | (word(bytes, l4) >>> 16);
        return true;
      case IPPROTO_GRE:
        return this.#readGre(bytes, end);
      default:
        return true;
    }
  }

  /** Only version 1 (PPTP, RFC 2637) has something that tells connections apart: the call id. */
  #readGre(bytes: Uint8Array, end: number): boolean {
    const { l4 } = this;
    if (l4 + 4 > end || (bytes[l4 + 1]! & 7) !== 1 || l4 + 8 > end) return true;
    this.words[TUPLE.ports] = word(bytes, l4 + 4) & 0xffff;
    return (word(bytes, l4) & 0xffff) === GRE_PROTO_PPP;
  }
}

const GRE_PROTO_PPP = 0x880b;
/** Next headers that need no walk. */
const IPV6_TRANSPORTS: ReadonlySet<number> = new Set([IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6]);

const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;

/** Writes the tuple of the other direction; false for ICMP messages that nothing answers. */
export function invertTuple(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): boolean {
  const ports = from[fromAt + TUPLE.ports]!;
  const protocol = protocolOf(from, fromAt);
  let inverted = (ports << 16) | (ports >>> 16);
  if (isIcmp(protocol)) {
    const answer = ICMP_ANSWERS.get(protocol)!.get((ports >>> 8) & 0xff);
    if (answer === undefined) return false;
    inverted = (ports & 0xffff00ff) | (answer << 8);
  }
  for (let i = 0; i < ADDRESS_WORDS; i++) {
    to[toAt + TUPLE.source + i] = from[fromAt + TUPLE.destination + i]!;
    to[toAt + TUPLE.destination + i] = from[fromAt + TUPLE.source + i]!;
  }
  to[toAt + TUPLE.ports] = inverted;
  to[toAt + TUPLE.meta] = from[fromAt + TUPLE.meta]!;
  return true;
}

export function sameTuple(a: Int32Array, aAt: number, b: Int32Array, bAt: number): boolean {
  // The words that differ most often come first.
  if (a[aAt + TUPLE.ports] !== b[bAt + TUPLE.ports]) return false;
  if (a[aAt + TUPLE.meta] !== b[bAt + TUPLE.meta]) return false;
  for (let i = 0; i < 2 * ADDRESS_WORDS; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** Whether two addresses of four words are equal. */
export function sameAddress(a: Int32Array, aAt: number, b: Int32Array, bAt: number): boolean {
  for (let i = 0; i < ADDRESS_WORDS; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** 32 bits that spread well in the lower ones. */
export function hashTuple(words: Int32Array, at: number): number {
  let hash = Math.imul(words[at + TUPLE.ports]!, 0x9e3779b1) ^ words[at + TUPLE.meta]!;
  hash = mix(hash, words[at]!);
  hash = mix(hash, words[at + TUPLE.destination]!);
  if (familyOf(words, at) === NFPROTO_IPV6) {
    for (let i = 1; i < ADDRESS_WORDS; i++) {
      hash = mix(hash, words[at + i]!);
      hash = mix(hash, words[at + TUPLE.destination + i]!);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

const mix = (hash: number, value: number): number =>
  Math.imul(((hash << 13) | (hash >>> 19)) ^ value, 0xc2b2ae35);

/** As an object, for scripts and for text. */
export function describeTuple(words: Int32Array, at: number): ConnectionTuple {
  const family = familyOf(words, at);
  const protocol = protocolOf(words, at);
  const ports = words[at + TUPLE.ports]!;
  const addresses = {
    family,
    protocol,
    source: address(words, at + TUPLE.source, family),
    destination: address(words, at + TUPLE.destination, family),
  };
  if (isIcmp(protocol)) {
    return { ...addresses, icmp: { type: (ports >>> 8) & 0xff, code: ports & 0xff, id: ports >>> 16 } };
  }
  return { ...addresses, sport: ports >>> 16, dport: ports & 0xffff };
}

function address(words: Int32Array, at: number, family: number): number | Uint8Array {
  if (family === NFPROTO_IPV4) return words[at]! >>> 0;
  const bytes = new Uint8Array(4 * ADDRESS_WORDS);
  for (let i = 0; i < bytes.length; i++) bytes[i] = words[at + (i >> 2)]! >>> (24 - 8 * (i & 3));
  return bytes;
}

/** The inverse of `describeTuple`, in zone `zone`. */
export function writeTuple(tuple: ConnectionTuple, zone: number, words: Int32Array, at: number): void {
  const { family, protocol, source, destination, sport = 0, dport = 0, icmp } = tuple;
  words.fill(0, at, at + TUPLE_WORDS);
  writeAddress(source, words, at + TUPLE.source);
  writeAddress(destination, words, at + TUPLE.destination);
  words[at + TUPLE.ports] =
    icmp === undefined ? (sport << 16) | dport : (icmp.id << 16) | (icmp.type << 8) | icmp.code;
  words[at + TUPLE.meta] = (family << 24) | (protocol << 16) | zone;
}

export function writeAddress(value: number | Uint8Array, words: Int32Array, at: number): void {
  if (typeof value === "number") words[at] = value;
  else for (let i = 0; i < ADDRESS_WORDS; i++) words[at + i] = word(value, 4 * i);
}
