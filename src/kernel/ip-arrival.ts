/**
 * What ip_rcv_core and ip6_rcv_core do before the first hook: throw away what is no proper IP packet, and take
 * link-layer padding off the rest.
 */

import { internetChecksum } from "../wire/checksum.ts";
import { ipv4, ipv4HeaderLength } from "../wire/ipv4.ts";
import { ipv6 } from "../wire/ipv6.ts";
import { isLoopbackV6, isMulticastV6, V6_DESTINATION, V6_SOURCE } from "./addresses.ts";
import type { Skb } from "./skb.ts";

/**
 * False for packets that never reach a hook. `fromDevice` is false for packets that the machine sends: nothing checks
 * those, so only what later steps rely on is asked of them. `missingBytes` were cut off by the capture.
 */
export function ipv4Arrival(skb: Skb, missingBytes: number, fromDevice: boolean): boolean {
  const { bytes, netOffset } = skb;
  if (skb.length < ipv4.size || bytes[netOffset]! >> 4 !== 4) return false;
  const headerLength = ipv4HeaderLength(bytes, netOffset);
  if (headerLength < ipv4.size || headerLength > skb.length) return false;
  const totalLength = ipv4.get.totalLength(bytes, netOffset);
  if (!fromDevice) {
    // Segmentation offload on some systems leaves 0 here for the hardware to fill in.
    if (totalLength !== 0 && totalLength < headerLength) return false;
  } else {
    if (internetChecksum(bytes, netOffset, netOffset + headerLength) !== 0) return false;
    if (totalLength < headerLength) return false;
  }
  if (totalLength > skb.length + missingBytes) return false;
  if (totalLength !== 0 && totalLength < skb.length) skb.trimPadding(totalLength);
  return true;
}

export function ipv6Arrival(skb: Skb, missingBytes: number, fromDevice: boolean): boolean {
  const { bytes, netOffset } = skb;
  if (skb.length < ipv6.size || bytes[netOffset]! >> 4 !== 6) return false;
  if (fromDevice) {
    // RFC 4291 §2.5.3 and §2.7: such addresses never come from a wire.
    const source = netOffset + V6_SOURCE;
    const destination = netOffset + V6_DESTINATION;
    if (isLoopbackV6(bytes, source) || isLoopbackV6(bytes, destination)) return false;
    if (isMulticastV6(bytes, source)) return false;
    // Scopes 0 (reserved) and 1 (interface-local).
    if (isMulticastV6(bytes, destination) && (bytes[destination + 1]! & 0x0f) <= 1) return false;
  }
  const payloadLength = ipv6.get.payloadLength(bytes, netOffset);
  // A jumbo payload says 0 here and its length in a hop-by-hop option.
  if (payloadLength === 0 && ipv6.get.nextHeader(bytes, netOffset) === 0) return true;
  const totalLength = ipv6.size + payloadLength;
  if (totalLength > skb.length + missingBytes) return false;
  if (totalLength < skb.length) skb.trimPadding(totalLength);
  return true;
}
