/**
 * Choosing what a connection becomes (get_unique_tuple): what it was, if that is allowed and free; else another
 * address of the range, and where the answers could not be told from those of another connection, another port.
 */

import { NFPROTO } from "../../uapi/netfilter.ts";
import { NF_NAT_RANGE } from "../../uapi/nf-nat.ts";
import { familyOf, hashTuple, isIcmp, protocolOf, TUPLE, TUPLE_WORDS } from "../conntrack/tuple.ts";
import { MANIP, type Manip } from "./manip.ts";
import {
  compareAddresses,
  hasKey,
  hasPorts,
  isKeyInRange,
  isSourceInRange,
  keyOf,
  type NatRange,
  RANDOM_ALL,
  setKey,
} from "./range.ts";

/** What the choice asks of the table of connections. */
export interface TupleOccupancy {
  /** Whether the answer to `tuple` would belong to another connection. */
  isUsed(tuple: Int32Array): boolean;
  /** What a connection from the same source became, with the destination of `tuple`, if `range` allows it. */
  earlierOf(tuple: Int32Array, range: NatRange): Int32Array | undefined;
  random16(): number;
}

const { NF_NAT_RANGE_PROTO_OFFSET } = NF_NAT_RANGE;
const ADDRESS_WORDS = 4;

export function chooseTuple(
  wanted: Int32Array,
  range: NatRange,
  manip: Manip,
  occupancy: TupleOccupancy,
): Int32Array {
  const isRandom = (range.flags & RANDOM_ALL) !== 0;
  if (manip === MANIP.SOURCE && !isRandom) {
    if (isSourceInRange(wanted, range)) {
      if (!occupancy.isUsed(wanted)) return wanted;
    } else {
      const earlier = occupancy.earlierOf(wanted, range);
      if (earlier !== undefined && !occupancy.isUsed(earlier)) return earlier;
    }
  }
  const tuple = wanted.slice(0, TUPLE_WORDS);
  chooseAddress(tuple, range, manip);
  if (!isRandom) {
    if (!hasPorts(range)) {
      if (!occupancy.isUsed(tuple)) return tuple;
    } else if ((range.flags & NF_NAT_RANGE_PROTO_OFFSET) === 0 && isKeyInRange(tuple, manip, range)) {
      if (range.minPort === range.maxPort || !occupancy.isUsed(tuple)) return tuple;
    }
  }
  choosePort(tuple, range, manip, occupancy);
  return tuple;
}

/** One of the range for each pair of ends, always the same (find_best_ips_proto; Linux's choice has a seed in it). */
function chooseAddress(tuple: Int32Array, { minAddress, maxAddress }: NatRange, manip: Manip): void {
  if (minAddress === undefined || maxAddress === undefined) return;
  const at = manip === MANIP.SOURCE ? TUPLE.source : TUPLE.destination;
  const isOne = compareAddresses(minAddress, 0, maxAddress, 0) === 0;
  const hash = isOne ? 0 : hashOfSource(tuple);
  const count = familyOf(tuple, 0) === NFPROTO.NFPROTO_IPV4 ? 1 : ADDRESS_WORDS;
  // Behind a word that is below the last one's any word will do.
  let isFree = false;
  for (let i = 0; i < count; i++) {
    const low: number = isFree ? 0 : minAddress[i]! >>> 0;
    const high: number = isFree ? 0xffffffff : maxAddress[i]! >>> 0;
    const word: number = low + Math.floor(((high - low + 1) * hash) / 2 ** 32);
    tuple[at + i] = word;
    isFree ||= word !== high;
  }
}

/** A u32 of the source address alone: a client keeps its address. */
function hashOfSource(tuple: Int32Array): number {
  const source = new Int32Array(TUPLE_WORDS);
  source.set(tuple.subarray(TUPLE.source, TUPLE.source + ADDRESS_WORDS), TUPLE.source);
  source[TUPLE.meta] = tuple[TUPLE.meta]! & ~0xffffff;
  return hashTuple(source, 0) >>> 0;
}

/** Ports below 1024 stay below it, and of those below 512 there (RFC 6056 has no such rule; Linux does). */
function portsLike(port: number): readonly [low: number, size: number] {
  if (port >= 1024) return [1024, 65535 - 1024 + 1];
  return port > 512 ? [600, 1023 - 600 + 1] : [1, 512 - 1 + 1];
}

const ATTEMPTS = 128;
const FEW_ATTEMPTS = 16;

/** nf_nat_l4proto_unique_tuple. Where nothing is free the last try stays: the connection will not be confirmed. */
function choosePort(tuple: Int32Array, range: NatRange, manip: Manip, occupancy: TupleOccupancy): void {
  const protocol = protocolOf(tuple, 0);
  if (!hasKey(protocol)) return;
  const key = keyOf(tuple, manip);
  let low: number;
  let size: number;
  if (hasPorts(range)) {
    low = range.minPort!;
    size = range.maxPort! - low + 1;
  } else if (isIcmp(protocol)) {
    low = 0;
    size = 0x10000;
  } else {
    // Where a connection goes to does not change by itself.
    if (manip === MANIP.DESTINATION) return;
    [low, size] = portsLike(key);
  }
  let offset = 0;
  if (range.flags & NF_NAT_RANGE_PROTO_OFFSET) offset = (key - range.basePort!) & 0xffff;
  else if (range.flags & RANDOM_ALL || manip !== MANIP.DESTINATION) offset = occupancy.random16();
  for (let attempts = Math.min(size, ATTEMPTS); ; attempts >>= 1) {
    for (let i = 0; i < attempts; i++, offset++) {
      setKey(tuple, manip, low + (offset % size));
      if (!occupancy.isUsed(tuple)) return;
    }
    if (attempts >= size || attempts < FEW_ATTEMPTS) return;
    offset = occupancy.random16();
  }
}
