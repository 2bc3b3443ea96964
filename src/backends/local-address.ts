/**
 * Finds out whose capture it is: the address that is an endpoint of most packets belongs to the machine that took it.
 * Between equals the one seen first wins, and a packet's source is seen before its destination: of a client
 * and a server that talk only to each other, the one that spoke first is taken.
 */

import {
  destinationV4,
  isBroadcastV4,
  isMulticastV4,
  isMulticastV6,
  isUnspecifiedV6,
  isZeroV4,
  sourceV4,
  V6_DESTINATION,
  V6_SOURCE,
} from "../kernel/addresses.ts";
import { ETH_P } from "../uapi/if-ether.ts";
import { bytesFromLatin1, latin1FromBytes } from "../util/latin1.ts";
import type { PacketSlot } from "../wire/capture.ts";
import { splitFrame } from "../wire/frame.ts";
import { formatIpv4, ipv4 } from "../wire/ipv4.ts";
import { formatIpv6, ipv6 } from "../wire/ipv6.ts";

const V6_BYTES = 16;

export class LocalAddressFinder {
  packets = 0;
  /** IPv4 addresses as numbers, IPv6 addresses as latin1 strings. */
  readonly #counts = new Map<number | string, number>();

  /** Counts the endpoints of one packet. */
  add(packet: PacketSlot): void {
    this.packets++;
    const { buffer, end } = packet;
    const layout = splitFrame(packet.linkType, buffer, packet.start, end);
    if (layout === undefined) return;
    const at = layout.networkOffset;
    if (layout.ethertype === ETH_P.ETH_P_IP && at + ipv4.size <= end) {
      this.#countV4(sourceV4(buffer, at));
      this.#countV4(destinationV4(buffer, at));
    } else if (layout.ethertype === ETH_P.ETH_P_IPV6 && at + ipv6.size <= end) {
      this.#countV6(buffer, at + V6_SOURCE);
      this.#countV6(buffer, at + V6_DESTINATION);
    }
  }

  /** The address in text form, undefined when there was no IP packet. */
  result(): string | undefined {
    let best: number | string | undefined;
    let most = 0;
    for (const [address, count] of this.#counts) {
      if (count > most) {
        best = address;
        most = count;
      }
    }
    if (best === undefined) return undefined;
    return typeof best === "number" ? formatIpv4(best) : formatIpv6(bytesFromLatin1(best));
  }

  #countV4(address: number): void {
    if (!isMulticastV4(address) && !isBroadcastV4(address) && !isZeroV4(address)) this.#count(address);
  }

  #countV6(bytes: Uint8Array, at: number): void {
    if (!isMulticastV6(bytes, at) && !isUnspecifiedV6(bytes, at))
      this.#count(latin1FromBytes(bytes, at, at + V6_BYTES));
  }

  #count(address: number | string): void {
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
  }
}
