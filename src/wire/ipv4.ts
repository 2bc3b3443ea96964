/** IPv4 (RFC 791): the header, how far it and its payload reach, and addresses as text. */
import { internetChecksum } from "./checksum.ts";
import { struct, u8, u16be, u32be } from "./struct.ts";

/** struct iphdr, linux/ip.h, without options. */
export const ipv4 = struct("ipv4", {
  /** Version in the upper, header length in 32-bit words in the lower half. */
  versionIhl: u8,
  tos: u8,
  totalLength: u16be,
  id: u16be,
  /** Flags (3 bits) and offset of the fragment in units of 8 bytes. */
  fragment: u16be,
  ttl: u8,
  protocol: u8,
  checksum: u16be,
  saddr: u32be,
  daddr: u32be,
});

/** Bits of the `fragment` word; net/ip.h */
export const IP_DF = 0x4000;
export const IP_MF = 0x2000;
export const IP_OFFSET = 0x1fff;

export interface Ipv4Extent {
  readonly headerLength: number;
  readonly payloadStart: number;
  /** By `totalLength`: link-layer padding lies behind it. */
  readonly payloadEnd: number;
  readonly protocol: number;
  /** Of a fragment, in bytes; a transport header is present only when it is 0. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
}

/**
 * Where header and payload of the packet in `bytes[at, end)` lie; `undefined` for anything the kernel's `ip_rcv` would
 * discard for its lengths or version. A capture may have cut the packet: `payloadEnd` can then exceed `end`
 * when `mayBeCut` is set.
 */
export function ipv4Extent(
  bytes: Uint8Array,
  at = 0,
  end = bytes.length,
  mayBeCut = false,
): Ipv4Extent | undefined {
  if (at + ipv4.size > end) return undefined;
  const versionIhl = ipv4.get.versionIhl(bytes, at);
  const headerLength = (versionIhl & 0x0f) * 4;
  const totalLength = ipv4.get.totalLength(bytes, at);
  if (versionIhl >> 4 !== 4 || headerLength < ipv4.size || at + headerLength > end) return undefined;
  if (totalLength < headerLength || (!mayBeCut && at + totalLength > end)) return undefined;
  const fragment = ipv4.get.fragment(bytes, at);
  return {
    headerLength,
    payloadStart: at + headerLength,
    payloadEnd: at + totalLength,
    protocol: ipv4.get.protocol(bytes, at),
    fragmentOffset: (fragment & IP_OFFSET) * 8,
    moreFragments: (fragment & IP_MF) !== 0,
  };
}

/** Header length in bytes as the header claims it, 0..60, unchecked. */
export const ipv4HeaderLength = (bytes: Uint8Array, at: number): number => (bytes[at]! & 0x0f) * 4;

/** Computes and stores the header checksum. */
export function writeIpv4Checksum(bytes: Uint8Array, at: number): void {
  ipv4.set.checksum(bytes, at, 0);
  ipv4.set.checksum(bytes, at, internetChecksum(bytes, at, at + ipv4HeaderLength(bytes, at)));
}

/** `192.0.2.1`, from a host-order number. */
export const formatIpv4 = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;

/** The host-order number of a dotted quad, or `undefined` when the text is none. */
export function parseIpv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((address, part) => address * 256 + part, 0);
}
