/**
 * The devices of the namespace, looked at again at most once a second, and the link header that a queued packet had:
 * the queue delivers packets from the network header on, with no more of the frame than its sender.
 */

import type { Skb } from "../kernel/skb.ts";
import type { InterfaceAddress, Link, RouteSocket } from "../linux/route.ts";
import { IFF } from "../uapi/if.ts";
import { ETH_P } from "../uapi/if-ether.ts";
import { ARPHRD } from "../uapi/rtnetlink-messages.ts";
import { ethernet } from "../wire/ethernet.ts";
import { ipv4 } from "../wire/ipv4.ts";
import { ipv6 } from "../wire/ipv6.ts";
import { u32be } from "../wire/struct.ts";

const REFRESH_MS = 1000;
const MAC_BYTES = 6;

/** What is asked of rtnetlink. */
export type DeviceSource = Pick<RouteSocket, "links" | "addresses">;

interface Device extends Link {
  /** Broadcast addresses of its subnets, as numbers. */
  readonly broadcasts: ReadonlySet<number>;
}

export class LiveDevices {
  readonly #source: DeviceSource;
  readonly #now: () => number;
  #byIndex = new Map<number, Device>();
  #readAt = Number.NEGATIVE_INFINITY;

  /** `now` gives milliseconds that never run backwards. */
  constructor(source: DeviceSource, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  named(name: string): Link | undefined {
    this.#refresh();
    for (const device of this.#byIndex.values()) if (device.name === name) return device;
    return undefined;
  }

  numbered(ifindex: number): Link | undefined {
    this.#refresh();
    return this.#byIndex.get(ifindex);
  }

  all(): Link[] {
    this.#refresh();
    return [...this.#byIndex.values()];
  }

  /**
   * Puts the link header in front of a packet that came in on a device, as far as it can be known: the source is what the
   * queue says; the destination is a group address when the IP destination is one, else the device's own; Ethernet
   * only. Devices without link headers get an empty one, as they have in the kernel.
   */
  addLinkHeader(skb: Skb, ifindex: number, source: Uint8Array | undefined): void {
    this.#refresh();
    const device = this.#byIndex.get(ifindex);
    if (device === undefined) return;
    const hasHeader = device.type === ARPHRD.ARPHRD_ETHER || device.type === ARPHRD.ARPHRD_LOOPBACK;
    if (!hasHeader) {
      skb.macOffset = skb.netOffset;
      return;
    }
    if (source === undefined || source.length !== MAC_BYTES) return;
    skb.macOffset = skb.netOffset - ethernet.size;
    ethernet.set.destination(skb.bytes, skb.macOffset, groupAddress(skb, device) ?? device.hardwareAddress);
    ethernet.set.source(skb.bytes, skb.macOffset, source);
    ethernet.set.ethertype(skb.bytes, skb.macOffset, skb.protocol);
  }

  #refresh(): void {
    const now = this.#now();
    if (now - this.#readAt < REFRESH_MS) return;
    this.#readAt = now;
    const addresses = this.#source.addresses();
    this.#byIndex = new Map(
      this.#source
        .links()
        .map((link) => [link.index, { ...link, broadcasts: broadcastsOf(link, addresses) }]),
    );
  }
}

function broadcastsOf({ index, flags }: Link, addresses: readonly InterfaceAddress[]): Set<number> {
  const found = new Set<number>();
  if ((flags & IFF.IFF_BROADCAST) === 0) return found;
  for (const { index: owner, broadcast } of addresses) {
    if (owner === index && broadcast?.length === u32be.size) found.add(readAddress(broadcast, 0));
  }
  return found;
}

const readAddress = u32be.reader(0);
const BROADCAST = new Uint8Array(MAC_BYTES).fill(0xff);
const ALL_ONES = 0xffffffff;

/** RFC 1112 §6.4, RFC 2464 §7; undefined when the packet is for one host. */
function groupAddress(skb: Skb, device: Device): Uint8Array | undefined {
  const { bytes, netOffset, protocol, length } = skb;
  if (protocol === ETH_P.ETH_P_IP && length >= ipv4.size) {
    const daddr = ipv4.get.daddr(bytes, netOffset);
    if (daddr >>> 28 === 0xe) {
      return Uint8Array.of(0x01, 0x00, 0x5e, (daddr >>> 16) & 0x7f, (daddr >>> 8) & 0xff, daddr & 0xff);
    }
    return daddr === ALL_ONES || device.broadcasts.has(daddr) ? BROADCAST : undefined;
  }
  if (protocol === ETH_P.ETH_P_IPV6 && length >= ipv6.size) {
    const daddr = ipv6.get.daddr(bytes, netOffset);
    if (daddr[0] === 0xff) return Uint8Array.of(0x33, 0x33, ...daddr.subarray(12));
  }
  return undefined;
}
