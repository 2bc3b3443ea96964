/**
 * A packet as the rules of one hook point see it: the skb, the devices, and where the transport header lies. What
 * `struct xt_action_param` is to the kernel. One object is used again for every packet.
 */

import { NFPROTO } from "../../uapi/netfilter.ts";
import { IP_OFFSET, ipv4, ipv4HeaderLength } from "../../wire/ipv4.ts";
import { ipv6Extent } from "../../wire/ipv6.ts";
import type { Skb } from "../skb.ts";

/** A transport header that is not there: a packet cut short, or a header of IPv6 that lies. */
const NO_PROTOCOL = -1;

export class XtPacket {
  skb!: Skb;
  bytes!: Uint8Array;
  /** NFPROTO_IPV4 or NFPROTO_IPV6 */
  family = 0;
  hooknum = 0;
  inName = "";
  outName = "";
  /** Where the network header lies in `bytes`, and where the packet ends. */
  netOffset = 0;
  end = 0;
  /** Of the transport header: its number, and where it lies in `bytes`. */
  protocol = 0;
  transport = 0;
  /** Of a later fragment, in bytes: there is no transport header then. */
  fragmentOffset = 0;
  /** Set by a match that met a packet too damaged to go on with: the packet is dropped. */
  hotdrop = false;

  load(skb: Skb, family: number, hooknum: number, inName: string, outName: string): this {
    this.skb = skb;
    this.family = family;
    this.hooknum = hooknum;
    this.inName = inName;
    this.outName = outName;
    this.hotdrop = false;
    this.locate();
    return this;
  }

  /** Finds the transport header; again after a target changed the packet. */
  locate(): void {
    const { skb } = this;
    const { bytes, netOffset } = skb;
    this.bytes = bytes;
    this.netOffset = netOffset;
    this.end = netOffset + skb.length;
    if (this.family === NFPROTO.NFPROTO_IPV4) {
      this.protocol = ipv4.get.protocol(bytes, netOffset);
      this.transport = netOffset + ipv4HeaderLength(bytes, netOffset);
      this.fragmentOffset = (ipv4.get.fragment(bytes, netOffset) & IP_OFFSET) * 8;
      return;
    }
    const extent = ipv6Extent(bytes, netOffset, this.end, true);
    this.protocol = extent?.protocol ?? NO_PROTOCOL;
    this.transport = extent?.payloadStart ?? this.end;
    this.fragmentOffset = extent?.fragmentOffset ?? 0;
  }

  /** Whether `size` bytes of a transport header are there; if not in a packet that should have one, it is dropped. */
  hasTransport(size: number): boolean {
    if (this.fragmentOffset !== 0) return false;
    if (this.transport + size <= this.end) return true;
    this.hotdrop = true;
    return false;
  }
}
