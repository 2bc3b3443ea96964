/** Matches on the network header and on what the stack knows of a packet: length, ttl, hl, tos, dscp, mark, … */

import { NF_INET, NFPROTO } from "../../uapi/netfilter.ts";
import { ethernet } from "../../wire/ethernet.ts";
import { ipv4 } from "../../wire/ipv4.ts";
import { ipv6 } from "../../wire/ipv6.ts";
import { V6_DESTINATION, V6_SOURCE } from "../addresses.ts";
import { all, flag, type MatchSpec, match, option, when } from "./declare.ts";
import { readU32 } from "./general.ts";
import { trafficClass } from "./match-transport.ts";
import type { XtPacket } from "./packet.ts";
import {
  address4,
  address6,
  bits,
  dscp,
  dscpClass,
  hardwareAddress,
  masked,
  oneOf,
  range,
  u8,
  ValueError,
} from "./values.ts";

const { NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;

const length = match({
  options: { length: option((word) => range(word, 0, 0xffff), { not: true }) },
  build: (given) =>
    all(
      when(given.length, (packet, { low, high }) => {
        const bytes = headerLength(packet);
        return bytes >= low && bytes <= high;
      }),
    ),
});

/** As the header has it: a packet that segmentation will cut is as long as it looks here. */
const headerLength = ({ bytes, netOffset, family }: XtPacket): number =>
  family === NFPROTO_IPV4
    ? ipv4.get.totalLength(bytes, netOffset)
    : ipv6.get.payloadLength(bytes, netOffset) + ipv6.size;

/** `ttl` and `hl` are the same match on two families. */
function hopMatch(family: number, name: "ttl" | "hl", read: (packet: XtPacket) => number): MatchSpec {
  return match({
    family,
    options: {
      [`${name}-eq`]: option(u8, { not: true, aliases: name === "ttl" ? ["--ttl"] : [] }),
      [`${name}-lt`]: option(u8),
      [`${name}-gt`]: option(u8),
    },
    build: (given) =>
      all(
        when(given[`${name}-eq`], (packet, value: number) => read(packet) === value),
        when(given[`${name}-lt`], (packet, value: number) => read(packet) < value),
        when(given[`${name}-gt`], (packet, value: number) => read(packet) > value),
      ),
  });
}

/** The old names of RFC 1349 leave the two lowest bits alone. */
const TOS_NAMES: Readonly<Record<string, number>> = {
  "Minimize-Delay": 0x10,
  "Maximize-Throughput": 0x08,
  "Maximize-Reliability": 0x04,
  "Minimize-Cost": 0x02,
  "Normal-Service": 0,
};

export function tosValue(word: string): { value: number; mask: number } {
  const named = TOS_NAMES[word];
  return named === undefined ? masked(word, 0xff) : { value: named, mask: 0x3f };
}

const tos = match({
  options: { tos: option(tosValue, { not: true }) },
  build: (given) =>
    all(when(given.tos, (packet, { value, mask }) => (trafficClass(packet) & mask) === value)),
});

const dscpMatch = match({
  options: { dscp: option(dscp, { not: true }), "dscp-class": option(dscpClass, { not: true }) },
  build: (given) =>
    all(when(given.dscp ?? given["dscp-class"], (packet, value) => trafficClass(packet) >> 2 === value)),
});

const mark = match({
  options: { mark: option((word) => masked(word), { not: true }) },
  build: (given) => all(when(given.mark, ({ skb }, { value, mask }) => (skb.mark & mask) >>> 0 === value)),
});

const ADDRESS_RANGE = /^([^-]+)-([^-]+)$/;

/** Two addresses with a dash between them, or one. */
function addressRange(word: string, family: number): { low: number | Uint8Array; high: number | Uint8Array } {
  const found = ADDRESS_RANGE.exec(word);
  const read = family === NFPROTO_IPV4 ? address4 : address6;
  return { low: read(found?.[1] ?? word), high: read(found?.[2] ?? word) };
}

function inRange(
  packet: XtPacket,
  { low, high }: { low: number | Uint8Array; high: number | Uint8Array },
  offset4: number,
  offset6: number,
): boolean {
  const { bytes, netOffset } = packet;
  if (typeof low === "number" && typeof high === "number") {
    const address = readU32(bytes, netOffset + offset4);
    return address >= low && address <= high;
  }
  const at = netOffset + offset6;
  return compareAt(bytes, at, low as Uint8Array) >= 0 && compareAt(bytes, at, high as Uint8Array) <= 0;
}

function compareAt(bytes: Uint8Array, at: number, other: Uint8Array): number {
  for (let i = 0; i < other.length; i++) {
    const difference = bytes[at + i]! - other[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

const iprange = match({
  options: {
    "src-range": option(addressRange, { not: true }),
    "dst-range": option(addressRange, { not: true }),
  },
  build: (given) =>
    all(
      when(given["src-range"], (p, value) => inRange(p, value, ipv4.offsets.saddr, V6_SOURCE)),
      when(given["dst-range"], (p, value) => inRange(p, value, ipv4.offsets.daddr, V6_DESTINATION)),
    ),
});

/** RTN_*, linux/rtnetlink.h, as bits. */
const ADDRESS_TYPES: Readonly<Record<string, number>> = {
  UNSPEC: 1 << 0,
  UNICAST: 1 << 1,
  LOCAL: 1 << 2,
  BROADCAST: 1 << 3,
  ANYCAST: 1 << 4,
  MULTICAST: 1 << 5,
  BLACKHOLE: 1 << 6,
  UNREACHABLE: 1 << 7,
  PROHIBIT: 1 << 8,
};
const addressTypes = (word: string): number => bits(word, ADDRESS_TYPES, "type of address");

const addrtype = match({
  options: {
    "src-type": option(addressTypes, { not: true }),
    "dst-type": option(addressTypes, { not: true }),
    "limit-iface-in": flag(),
    "limit-iface-out": flag(),
  },
  build(given, { environment }) {
    const device = ({ skb }: XtPacket): number =>
      given["limit-iface-in"] ? skb.inIfindex : given["limit-iface-out"] ? skb.outIfindex : 0;
    const isOf = (packet: XtPacket, types: number, offset4: number, offset6: number): boolean => {
      const { family, bytes, netOffset } = packet;
      const at = netOffset + (family === NFPROTO_IPV4 ? offset4 : offset6);
      const type = environment.addressType(family, bytes, at, device(packet));
      return family === NFPROTO_IPV4 ? (types & (1 << type)) !== 0 : isOfAllV6(type, types);
    };
    if (given["limit-iface-in"] && given["limit-iface-out"])
      throw new ValueError("--limit-iface-in and --limit-iface-out exclude each other");
    return all(
      when(given["src-type"], (p, types) => isOf(p, types, ipv4.offsets.saddr, V6_SOURCE)),
      when(given["dst-type"], (p, types) => isOf(p, types, ipv4.offsets.daddr, V6_DESTINATION)),
    );
  },
});

/** match_type6: an address of IPv6 must be of every type that is named, and a local one is unicast, too. */
function isOfAllV6(type: number, types: number): boolean {
  const { UNSPEC, UNICAST, LOCAL, ANYCAST, MULTICAST, UNREACHABLE } = ADDRESS_TYPES;
  const own = 1 << type;
  if (types & MULTICAST! && own !== MULTICAST) return false;
  if (types & UNICAST! && (own & (MULTICAST! | UNSPEC!)) !== 0) return false;
  if (types & UNSPEC! && own !== UNSPEC) return false;
  const looked = LOCAL! | ANYCAST! | UNREACHABLE!;
  return (types & looked) === 0 || (types & looked & own) !== 0;
}

/** Where the link header begins, if it is one of Ethernet. */
function ethernetAt({ skb }: XtPacket): number | undefined {
  const { macOffset } = skb;
  return macOffset !== undefined && macOffset + ethernet.size <= skb.netOffset ? macOffset : undefined;
}

const mac = match({
  hooks: [NF_INET.NF_INET_PRE_ROUTING, NF_INET.NF_INET_LOCAL_IN, NF_INET.NF_INET_FORWARD],
  options: { "mac-source": option(hardwareAddress, { not: true }) },
  build(given) {
    const test = when(given["mac-source"], ({ skb: { bytes, macOffset } }, address) => {
      const at = macOffset! + ethernet.offsets.source;
      return address.every((byte, i) => bytes[at + i] === byte);
    });
    // Without a link header of Ethernet there is no answer, whatever `!` says.
    return (packet) => ethernetAt(packet) !== undefined && (test === undefined || test(packet));
  },
});

const PACKET_TYPES = { unicast: 0, host: 0, broadcast: 1, multicast: 2 } as const;

const pkttype = match({
  options: { "pkt-type": option((word) => oneOf(word, PACKET_TYPES, "type of packet"), { not: true }) },
  build: (given) => all(when(given["pkt-type"], (packet, type) => packetType(packet) === type)),
});

/** `skb->pkt_type`, from the frame's destination; what has no frame was sent by the machine, to one. */
function packetType(packet: XtPacket): number {
  const at = ethernetAt(packet);
  if (at === undefined) return PACKET_TYPES.host;
  const { bytes } = packet;
  if ((bytes[at]! & 1) === 0) return PACKET_TYPES.host;
  return bytes.subarray(at, at + 6).every((byte) => byte === 0xff)
    ? PACKET_TYPES.broadcast
    : PACKET_TYPES.multicast;
}

const comment = match({ options: { comment: option((word) => word) }, build: () => () => true });

export const HEADER_MATCHES: Readonly<Record<string, MatchSpec>> = {
  length,
  ttl: hopMatch(NFPROTO_IPV4, "ttl", ({ bytes, netOffset }) => ipv4.get.ttl(bytes, netOffset)),
  hl: hopMatch(NFPROTO_IPV6, "hl", ({ bytes, netOffset }) => ipv6.get.hopLimit(bytes, netOffset)),
  tos,
  dscp: dscpMatch,
  mark,
  iprange,
  addrtype,
  mac,
  pkttype,
  comment,
};
