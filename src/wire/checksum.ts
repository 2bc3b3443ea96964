/**
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are kept unfolded and un-negated in
 * plain numbers, so that the parts of a packet can be summed one after another; `finishChecksum` makes of a sum
 * what goes into a header. Words are big-endian whatever the machine is.
 */

/**
 * Adds the 16-bit words of `bytes[start, end)` to `sum`; an odd last byte counts as the high half of a word.
 * Ranges summed one after another must each have even length, except the last. Exact up to 8 MiB per call.
 */
export function sumWords(bytes: Uint8Array, start = 0, end = bytes.length, sum = 0): number {
  // The two halves are added apart: both stay small integers, and the carries meet once at the end.
  let high = 0;
  let low = 0;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    high += bytes[at]! + bytes[at + 2]! + bytes[at + 4]! + bytes[at + 6]!;
    low += bytes[at + 1]! + bytes[at + 3]! + bytes[at + 5]! + bytes[at + 7]!;
  }
  for (; at + 1 < end; at += 2) {
    high += bytes[at]!;
    low += bytes[at + 1]!;
  }
  if (at < end) high += bytes[at]!;
  return sum + high * 256 + low;
}

/** Folds a sum to 16 bits (one's complement addition). */
export function foldSum(sum: number): number {
  while (sum > 0xffff) sum = Math.floor(sum / 0x10000) + (sum % 0x10000);
  return sum;
}

/** The value for a checksum field: the complement of the folded sum. */
export const finishChecksum = (sum: number): number => ~foldSum(sum) & 0xffff;

/** The Internet checksum of `bytes[start, end)`; 0 when the range already contains its right checksum. */
export const internetChecksum = (bytes: Uint8Array, start = 0, end = bytes.length): number =>
  finishChecksum(sumWords(bytes, start, end));

/** Sum of the IPv4 pseudo header (RFC 9293 §3.1) of the packet whose IPv4 header starts at `ipAt`. */
export const pseudoHeaderSumV4 = (
  bytes: Uint8Array,
  ipAt: number,
  protocol: number,
  lengthBytes: number,
): number => sumWords(bytes, ipAt + 12, ipAt + 20, protocol + lengthBytes);

/** Sum of the IPv6 pseudo header (RFC 8200 §8.1) of the packet whose IPv6 header starts at `ipAt`. */
export const pseudoHeaderSumV6 = (
  bytes: Uint8Array,
  ipAt: number,
  protocol: number,
  lengthBytes: number,
): number => sumWords(bytes, ipAt + 8, ipAt + 40, protocol + lengthBytes);

/**
 * The right checksum for the transport header at `l4At` of the packet whose IP header, of either version, starts at
 * `ipAt`. The checksum field itself is taken as zero; it lies `fieldOffset` bytes into the transport header.
 * `pseudo: false` is for ICMP over IPv4; `version` is needed where a script may have overwritten the first byte. For UDP, where 0 means "none", write `0xffff` for a result of 0.
 */
export function transportChecksum(
  bytes: Uint8Array,
  ipAt: number,
  l4At: number,
  end: number,
  protocol: number,
  fieldOffset: number,
  pseudo = true,
  version = bytes[ipAt]! >> 4,
): number {
  let sum = 0;
  if (pseudo) {
    const pseudoHeaderSum = version === 6 ? pseudoHeaderSumV6 : pseudoHeaderSumV4;
    sum = pseudoHeaderSum(bytes, ipAt, protocol, end - l4At);
  }
  const field = l4At + fieldOffset;
  const present = field + 1 < end ? bytes[field]! * 256 + bytes[field + 1]! : 0;
  // Taking the field out again is cheaper than summing around it; sums are plain numbers, so this is exact.
  return finishChecksum(sumWords(bytes, l4At, end, sum) - present);
}

/** `checksum` after one 16-bit word changed from `before` to `after` (RFC 1624, equation 3). */
export const updateChecksum16 = (checksum: number, before: number, after: number): number =>
  finishChecksum((~checksum & 0xffff) + (~before & 0xffff) + after);

/** `checksum` after a 32-bit word, such as an IPv4 address, changed. */
export const updateChecksum32 = (checksum: number, before: number, after: number): number =>
  updateChecksum16(updateChecksum16(checksum, before >>> 16, after >>> 16), before & 0xffff, after & 0xffff);

/**
 * `checksum` after the bytes `before` were replaced by `after`. `odd` says that they lie at an odd distance from the
 * start of the summed range. Lengths may differ only at the end of the range, and the pseudo header's
 * length must then be updated by itself.
 */
export function updateChecksumBytes(
  checksum: number,
  before: Uint8Array,
  after: Uint8Array,
  odd = false,
): number {
  const old = swapIf(odd, foldSum(sumWords(before)));
  const fresh = swapIf(odd, foldSum(sumWords(after)));
  return updateChecksum16(checksum, old, fresh);
}

// RFC 1071 §2 (B): the sum of byte-swapped words is the byte-swapped sum.
const swapIf = (swap: boolean, word: number): number => (swap ? ((word << 8) | (word >> 8)) & 0xffff : word);
