/** Where the network packet starts inside a captured frame, for each link type we read. */
import { ETH_P } from "../uapi/if-ether.ts";
import { cookedV1, cookedV2 } from "./cooked.ts";
import { ethernet, isVlanEthertype, vlan } from "./ethernet.ts";
import { i32be, i32le } from "./struct.ts";

/** LINKTYPE_* of the pcap-linktype registry; the raw IP ones differ by the system that wrote them. */
export const LINKTYPE = {
  LINKTYPE_NULL: 0,
  LINKTYPE_ETHERNET: 1,
  LINKTYPE_RAW: 101,
  LINKTYPE_RAW_BSD: 12,
  LINKTYPE_RAW_OPENBSD: 14,
  LINKTYPE_LOOP: 108,
  LINKTYPE_LINUX_SLL: 113,
  LINKTYPE_IPV4: 228,
  LINKTYPE_IPV6: 229,
  LINKTYPE_LINUX_SLL2: 276,
} as const;

export interface FrameLayout {
  /** Link-layer header in bytes, VLAN tags not counted: 14 for Ethernet, 16 or 20 for cooked, 0 for raw IP. */
  readonly headerLength: number;
  /** ETH_P_* of what starts at `networkOffset`. */
  readonly ethertype: number;
  readonly networkOffset: number;
  /** Tag control word of the outermost VLAN tag. */
  readonly vlan: number | undefined;
}

/** Whether `splitFrame` knows the link type at all. */
export const isKnownLinkType = (linkType: number): boolean =>
  (Object.values(LINKTYPE) as number[]).includes(linkType);

/** Splits the frame `bytes[start, end)`; `undefined` when it is too short or its link type is unknown. */
export function splitFrame(
  linkType: number,
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): FrameLayout | undefined {
  switch (linkType) {
    case LINKTYPE.LINKTYPE_ETHERNET:
      if (end - start < ethernet.size) return undefined;
      return skipVlanTags(bytes, start, end, ethernet.size, ethernet.get.ethertype(bytes, start));
    case LINKTYPE.LINKTYPE_LINUX_SLL:
      if (end - start < cookedV1.size) return undefined;
      return skipVlanTags(bytes, start, end, cookedV1.size, cookedV1.get.protocol(bytes, start));
    case LINKTYPE.LINKTYPE_LINUX_SLL2:
      if (end - start < cookedV2.size) return undefined;
      return skipVlanTags(bytes, start, end, cookedV2.size, cookedV2.get.protocol(bytes, start));
    case LINKTYPE.LINKTYPE_RAW:
    case LINKTYPE.LINKTYPE_RAW_BSD:
    case LINKTYPE.LINKTYPE_RAW_OPENBSD:
      return start < end ? rawIp(start, 0, versionEthertype(bytes[start]!)) : undefined;
    case LINKTYPE.LINKTYPE_IPV4:
      return start < end ? rawIp(start, 0, ETH_P.ETH_P_IP) : undefined;
    case LINKTYPE.LINKTYPE_IPV6:
      return start < end ? rawIp(start, 0, ETH_P.ETH_P_IPV6) : undefined;
    case LINKTYPE.LINKTYPE_NULL:
    case LINKTYPE.LINKTYPE_LOOP:
      return end - start < 4 ? undefined : rawIp(start, 4, loopbackEthertype(bytes, start));
    default:
      return undefined;
  }
}

const rawIp = (
  start: number,
  headerLength: number,
  ethertype: number | undefined,
): FrameLayout | undefined =>
  ethertype === undefined
    ? undefined
    : { headerLength, ethertype, networkOffset: start + headerLength, vlan: undefined };

function skipVlanTags(
  bytes: Uint8Array,
  start: number,
  end: number,
  headerLength: number,
  ethertype: number,
): FrameLayout | undefined {
  let networkOffset = start + headerLength;
  let tag: number | undefined;
  while (isVlanEthertype(ethertype)) {
    if (networkOffset + vlan.size > end) return undefined;
    tag ??= vlan.get.tci(bytes, networkOffset);
    ethertype = vlan.get.ethertype(bytes, networkOffset);
    networkOffset += vlan.size;
  }
  // Below ETH_P_802_3_MIN the word is a length (IEEE 802.3) and an LLC header follows.
  if (ethertype < ETH_P.ETH_P_802_3_MIN && headerLength === ethernet.size) ethertype = ETH_P.ETH_P_802_2;
  return { headerLength, ethertype, networkOffset, vlan: tag };
}

const versionEthertype = (firstByte: number): number | undefined =>
  firstByte >> 4 === 4 ? ETH_P.ETH_P_IP : firstByte >> 4 === 6 ? ETH_P.ETH_P_IPV6 : undefined;

const readBe = i32be.reader(0);
const readLe = i32le.reader(0);

/** An address family in the byte order of the capturing machine, with the number that machine gave it. */
function loopbackEthertype(bytes: Uint8Array, at: number): number | undefined {
  for (const family of [readLe(bytes, at), readBe(bytes, at)]) {
    if (family === 2) return ETH_P.ETH_P_IP;
    // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS.
    if (family === 10 || family === 24 || family === 28 || family === 30) return ETH_P.ETH_P_IPV6;
  }
  return undefined;
}
