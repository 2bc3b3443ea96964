/** IPv6 (RFC 8200): the header, the walk over extension headers to the transport header, and addresses as text. */
import { IPPROTO } from "../uapi/in.ts";
import { IPPROTO6 } from "../uapi/in6.ts";
import { formatIpv4, parseIpv4 } from "./ipv4.ts";
import { bytes as byteField, struct, u8, u16be, u32be } from "./struct.ts";

/** struct ipv6hdr, linux/ipv6.h */
export const ipv6 = struct("ipv6", {
  /** Version (4 bits), traffic class (8), flow label (20). */
  versionClassFlow: u32be,
  payloadLength: u16be,
  nextHeader: u8,
  hopLimit: u8,
  saddr: byteField(16),
  daddr: byteField(16),
});

/** struct ipv6_opt_hdr, linux/ipv6.h; the length counts 8-byte units beyond the first. */
export const ipv6Extension = struct("ipv6 extension", { nextHeader: u8, length: u8 });

/** struct frag_hdr, net/ipv6.h */
export const ipv6Fragment = struct("ipv6 fragment", {
  nextHeader: u8,
  reserved: u8,
  /** Offset in bytes (its lower three bits are reserved (2) and "more fragments" (1)). */
  offset: u16be,
  id: u32be,
});

export interface Ipv6Extent {
  /** Base header plus all extension headers walked over. */
  readonly headerLength: number;
  readonly payloadStart: number;
  /** By `payloadLength`: link-layer padding lies behind it. */
  readonly payloadEnd: number;
  /** The first header that is not an extension; IPPROTO_NONE when nothing follows. */
  readonly protocol: number;
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** Where the fragment header lies, when there is one. */
  readonly fragmentAt: number | undefined;
}

/**
 * Walks the packet in `bytes[at, end)` as `ipv6_skip_exthdr` does: behind the header of a later fragment there is
 * no transport header, so the walk stops there. `undefined` when a header does not fit or the version is not 6. A
 * capture may have cut the packet: `payloadEnd` can then exceed `end` when `mayBeCut` is set.
 */
export function ipv6Extent(
  bytes: Uint8Array,
  at = 0,
  end = bytes.length,
  mayBeCut = false,
): Ipv6Extent | undefined {
  return at < end && bytes[at]! >> 4 === 6 ? ipv6Walk(bytes, at, end, mayBeCut) : undefined;
}

/** The same of what something else calls a packet of IPv6, whatever version it claims itself. */
export function ipv6Walk(
  bytes: Uint8Array,
  at: number,
  end: number,
  mayBeCut: boolean,
): Ipv6Extent | undefined {
  if (at + ipv6.size > end) return undefined;
  const payloadEnd = at + ipv6.size + ipv6.get.payloadLength(bytes, at);
  if (!mayBeCut && payloadEnd > end) return undefined;
  const limit = Math.min(end, payloadEnd);

  let next = at + ipv6.size;
  let protocol = ipv6.get.nextHeader(bytes, at);
  let fragmentAt: number | undefined;
  let fragmentOffset = 0;
  let moreFragments = false;
  while (isExtension(protocol) && fragmentOffset === 0) {
    if (next + 8 > limit) return undefined;
    const type = protocol;
    protocol = ipv6Extension.get.nextHeader(bytes, next);
    if (type === IPPROTO6.IPPROTO_FRAGMENT) {
      const offset = ipv6Fragment.get.offset(bytes, next);
      fragmentAt = next;
      fragmentOffset = offset & 0xfff8;
      moreFragments = (offset & 1) !== 0;
      next += ipv6Fragment.size;
    } else {
      const units = ipv6Extension.get.length(bytes, next);
      // RFC 4302: the authentication header counts 4-byte units, minus 2.
      next += type === IPPROTO.IPPROTO_AH ? (units + 2) * 4 : (units + 1) * 8;
    }
    if (next > limit) return undefined;
  }
  return {
    headerLength: next - at,
    payloadStart: next,
    payloadEnd,
    protocol,
    fragmentOffset,
    moreFragments,
    fragmentAt,
  };
}

// As ipv6_ext_hdr() of the kernel, minus NONE, which ends the chain.
const isExtension = (protocol: number): boolean =>
  protocol === IPPROTO6.IPPROTO_HOPOPTS ||
  protocol === IPPROTO6.IPPROTO_ROUTING ||
  protocol === IPPROTO6.IPPROTO_FRAGMENT ||
  protocol === IPPROTO.IPPROTO_AH ||
  protocol === IPPROTO6.IPPROTO_DSTOPTS;

/** The RFC 5952 text of the 16 address bytes at `at`. */
export function formatIpv6(bytes: Uint8Array, at = 0): string {
  const words = Array.from({ length: 8 }, (_, i) => bytes[at + 2 * i]! * 256 + bytes[at + 2 * i + 1]!);
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return `::ffff:${formatIpv4(words[6]! * 0x10000 + words[7]!)}`;
  }
  let start = -1;
  let longest = 1; // a single zero word is not shortened
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && words[to] === 0) to++;
    if (to - from > longest) {
      start = from;
      longest = to - from;
    }
  }
  const text = (part: number[]): string => part.map((word) => word.toString(16)).join(":");
  return start < 0 ? text(words) : `${text(words.slice(0, start))}::${text(words.slice(start + longest))}`;
}

/** The 16 bytes of an address in any RFC 4291 text form, or `undefined` when the text is none. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const left = parseWords(halves[0]!, halves.length === 1);
  const right = halves.length === 2 ? parseWords(halves[1]!, true) : [];
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const words = [...left, ...new Array<number>(missing).fill(0), ...right];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

/** Colon-separated words; the last may be a dotted quad when `mayEndInIpv4`. */
function parseWords(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const words: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      words.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = mayEndInIpv4 && i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (quad === undefined) return undefined;
    words.push(quad >>> 16, quad & 0xffff);
  }
  return words;
}
