/**
 * What `skb:checksum()` does: the IPv4 header checksum, then TCP's or UDP's over the whole packet as its header
 * tells the length. IPv6 extension headers are not walked: only the next header of the fixed header counts.
 */

import { ETH_P } from "../uapi/if-ether.ts";
import { IPPROTO } from "../uapi/in.ts";
import { transportChecksum } from "../wire/checksum.ts";
import { ipv4, ipv4HeaderLength, writeIpv4Checksum } from "../wire/ipv4.ts";
import { ipv6 } from "../wire/ipv6.ts";
import { tcp } from "../wire/tcp.ts";
import { udp } from "../wire/udp.ts";

/**
 * Stores the right checksums in the packet of `length` bytes at `net`. Returns false when nothing was stored: the packet is not
 * IP, or its headers do not fit. A transport checksum that cannot be computed, because the packet
 * does not reach as far as its header says, stays as it is.
 */
export function updateChecksums(bytes: Uint8Array, net: number, length: number, protocol: number): boolean {
  if (protocol === ETH_P.ETH_P_IP) return updateIpv4(bytes, net, length);
  if (protocol === ETH_P.ETH_P_IPV6) return updateIpv6(bytes, net, length);
  return false;
}

function updateIpv4(bytes: Uint8Array, net: number, length: number): boolean {
  if (length < ipv4.size) return false;
  const headerLength = ipv4HeaderLength(bytes, net);
  if (headerLength < ipv4.size || headerLength > length) return false;
  writeIpv4Checksum(bytes, net);
  const totalLength = ipv4.get.totalLength(bytes, net);
  if (totalLength <= length) {
    updateTransport(bytes, net, net + headerLength, net + totalLength, ipv4.get.protocol(bytes, net), 4);
  }
  return true;
}

function updateIpv6(bytes: Uint8Array, net: number, length: number): boolean {
  if (length < ipv6.size) return false;
  const end = ipv6.size + ipv6.get.payloadLength(bytes, net);
  return (
    end <= length &&
    updateTransport(bytes, net, net + ipv6.size, net + end, ipv6.get.nextHeader(bytes, net), 6)
  );
}

function updateTransport(
  bytes: Uint8Array,
  net: number,
  l4: number,
  end: number,
  protocol: number,
  version: 4 | 6,
): boolean {
  if (protocol === IPPROTO.IPPROTO_TCP && l4 + tcp.size <= end) {
    tcp.set.checksum(
      bytes,
      l4,
      transportChecksum(bytes, net, l4, end, protocol, tcp.offsets.checksum, true, version),
    );
    return true;
  }
  if (protocol === IPPROTO.IPPROTO_UDP && l4 + udp.size <= end) {
    const sum = transportChecksum(bytes, net, l4, end, protocol, udp.offsets.checksum, true, version);
    // RFC 768: 0 would mean that there is none.
    udp.set.checksum(bytes, l4, sum === 0 ? 0xffff : sum);
    return true;
  }
  return false;
}
