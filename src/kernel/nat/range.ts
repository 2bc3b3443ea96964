/** What a rule or a script allows a translation to choose from: struct nf_nat_range2. */

import { IPPROTO } from "../../uapi/in.ts";
import { NF_NAT_RANGE } from "../../uapi/nf-nat.ts";
import { isIcmp, protocolOf, TUPLE } from "../conntrack/tuple.ts";
import { MANIP, type Manip } from "./manip.ts";

export interface NatRange {
  /** NF_NAT_RANGE_*: MAP_IPS where there are addresses, PROTO_SPECIFIED where there are ports. */
  readonly flags: number;
  /** Four words, as in a tuple; both ends belong to the range. */
  readonly minAddress?: Int32Array;
  readonly maxAddress?: Int32Array;
  /** u16, ports or ids of ICMP; both ends belong to the range. */
  readonly minPort?: number;
  readonly maxPort?: number;
  /** With PROTO_OFFSET: the port that `minPort` stands for. */
  readonly basePort?: number;
}

export const RANDOM_ALL =
  NF_NAT_RANGE.NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE.NF_NAT_RANGE_PROTO_RANDOM_FULLY;

/** 4 or 16 bytes as four words. */
export function wordsOfAddress(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int32Array.from({ length: ADDRESS_WORDS }, (_, i) =>
    4 * i < bytes.length ? view.getInt32(4 * i) : 0,
  );
}

/** Of one address and whatever port. */
export const onlyAddress = (address: Int32Array): NatRange => ({
  flags: NF_NAT_RANGE.NF_NAT_RANGE_MAP_IPS,
  minAddress: address,
  maxAddress: address,
});

export const hasPorts = ({ flags }: NatRange): boolean =>
  (flags & NF_NAT_RANGE.NF_NAT_RANGE_PROTO_SPECIFIED) !== 0;

const ADDRESS_WORDS = 4;

/** Compares four words as unsigned numbers, the first the highest. */
export function compareAddresses(a: Int32Array, aAt: number, b: Int32Array, bAt: number): number {
  for (let i = 0; i < ADDRESS_WORDS; i++) {
    const difference = (a[aAt + i]! >>> 0) - (b[bAt + i]! >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Protocols that have ports, or an id, which a translation may choose. */
export const hasKey = (protocol: number): boolean => KEYED.has(protocol) || isIcmp(protocol);
const KEYED: ReadonlySet<number> = new Set([
  IPPROTO.IPPROTO_TCP,
  IPPROTO.IPPROTO_UDP,
  IPPROTO.IPPROTO_UDPLITE,
  IPPROTO.IPPROTO_SCTP,
]);

/** The port (or id) of a tuple that `manip` is about. */
export const keyOf = (tuple: Int32Array, manip: Manip): number =>
  manip === MANIP.SOURCE || isIcmp(protocolOf(tuple, 0))
    ? tuple[TUPLE.ports]! >>> 16
    : tuple[TUPLE.ports]! & 0xffff;

export function setKey(tuple: Int32Array, manip: Manip, key: number): void {
  const ports = tuple[TUPLE.ports]!;
  tuple[TUPLE.ports] =
    manip === MANIP.SOURCE || isIcmp(protocolOf(tuple, 0))
      ? (key << 16) | (ports & 0xffff)
      : (ports & ~0xffff) | key;
}

/** Whether the port of a tuple lies in the range (l4proto_in_range). */
export function isKeyInRange(
  tuple: Int32Array,
  manip: Manip,
  { minPort = 0, maxPort = 0xffff }: NatRange,
): boolean {
  if (!hasKey(protocolOf(tuple, 0))) return true;
  const key = keyOf(tuple, manip);
  return key >= minPort && key <= maxPort;
}

/** Whether the source of a tuple needs no translation (nf_in_range). */
export function isSourceInRange(tuple: Int32Array, range: NatRange): boolean {
  const { minAddress, maxAddress } = range;
  if (minAddress !== undefined && maxAddress !== undefined) {
    if (compareAddresses(tuple, TUPLE.source, minAddress, 0) < 0) return false;
    if (compareAddresses(tuple, TUPLE.source, maxAddress, 0) > 0) return false;
  }
  return !hasPorts(range) || isKeyInRange(tuple, MANIP.SOURCE, range);
}
