/**
 * One packet inside the kernel: its bytes with room in front and behind, the headers found so far, and what the
 * stack knows about it. At the IP hooks a packet starts at its network header, so `length` counts from there, as
 * `skb->len` does; the link header, when there is one, lies in front of it.
 *
 * An Skb is made to be used again (`load`): a simulated run of a million packets allocates one.
 */

import type { Connection } from "./connection.ts";
import { updateChecksums } from "./skb-checksum.ts";

/** How far `resize` can grow a packet. Real drivers leave anything from 0 to some hundreds; we promise this, everywhere. */
export const SKB_TAILROOM_BYTES = 512;
/** In front of the network header, enough for any link header that we know. */
const HEADROOM_BYTES = 64;

export interface SkbOrigin {
  /** ETH_P_IP, ETH_P_IPV6 … */
  readonly protocol: number;
  /** Where the network header starts in the bytes given. */
  readonly networkOffset: number;
  /**
   * Length of the link header: 14 for Ethernet, 0 on devices that have none, undefined when it is not set. VLAN tags
   * between it and the network header do not count and are left out, as hardware does.
   */
  readonly macLength: number | undefined;
  readonly mark?: number;
  /** VLAN id of a tag that hardware took off. */
  readonly vlan?: number | undefined;
}

export class Skb {
  /** The buffer, head and tail room included. */
  bytes: Uint8Array;
  /** Offset of the link header in `bytes`, undefined when it is not set (`skb_mac_header_was_set`). */
  macOffset: number | undefined = undefined;
  /** Offset of the network header, `skb->data` at the IP hooks. */
  netOffset = HEADROOM_BYTES;
  /** Bytes from the network header to the end of the packet. */
  length = 0;
  /** EtherType, host order. */
  protocol = 0;
  /** u32 */
  mark = 0;
  /** `state->in` and `state->out`, 0 when the hook has none. */
  inIfindex = 0;
  outIfindex = 0;
  /** `skb->dev`: the device the packet came in on, later the one it leaves by; 0 before it has one. */
  ifindex = 0;
  /** 0..4095, the VLAN id of a tag that hardware took off. */
  vlan: number | undefined = undefined;
  /** The connection that it belongs to, and how (IP_CT_*); undefined while nothing tracks it. */
  connection: Connection | undefined = undefined;
  ctinfo: number | undefined = undefined;
  /** The conntrack zone that it is looked up in. */
  zone = 0;
  /** How many bytes at its end the capture cut off. */
  missingBytes = 0;
  /** Whether a script changed the bytes or the length. */
  modified = false;
  /** Where the tail room ends in `bytes`. */
  #limit = HEADROOM_BYTES;

  constructor(capacityBytes = 2048) {
    this.bytes = new Uint8Array(HEADROOM_BYTES + capacityBytes + SKB_TAILROOM_BYTES);
  }

  /** A packet of its own, with a copy of `frame`. */
  static from(frame: Uint8Array, origin: SkbOrigin): Skb {
    const { networkOffset, macLength } = origin;
    const skb = new Skb(frame.length).load(frame, 0, networkOffset, frame.length, macLength, origin.protocol);
    skb.mark = origin.mark ?? 0;
    skb.vlan = origin.vlan;
    return skb;
  }

  /**
   * Becomes another packet: copies it in and forgets all about the one before. Its link header starts at `start` of
   * `bytes`, its network header at `networkOffset`, and it ends at `end`; for the others see `SkbOrigin`.
   */
  load(
    bytes: Uint8Array,
    start: number,
    networkOffset: number,
    end: number,
    macLength: number | undefined,
    protocol: number,
  ): this {
    const net = HEADROOM_BYTES;
    const length = end - networkOffset;
    const limit = net + length + SKB_TAILROOM_BYTES;
    if (limit > this.bytes.length) this.bytes = new Uint8Array(limit);
    if (macLength === undefined) {
      copyBytes(bytes, networkOffset, end, this.bytes, net);
      this.macOffset = undefined;
    } else {
      this.macOffset = net - macLength;
      if (networkOffset - start === macLength) {
        copyBytes(bytes, start, end, this.bytes, this.macOffset);
      } else {
        copyBytes(bytes, networkOffset, end, this.bytes, net);
        // Addresses, then the EtherType behind the last tag: what is left of a header whose tags were taken out.
        copyBytes(bytes, start, start + macLength - 2, this.bytes, this.macOffset);
        copyBytes(bytes, networkOffset - 2, networkOffset, this.bytes, net - 2);
      }
    }
    this.#limit = limit;
    this.netOffset = net;
    this.length = length;
    this.protocol = protocol;
    this.mark = 0;
    this.vlan = undefined;
    this.inIfindex = 0;
    this.outIfindex = 0;
    this.ifindex = 0;
    this.connection = undefined;
    this.ctinfo = undefined;
    this.zone = 0;
    this.missingBytes = 0;
    this.modified = false;
    return this;
  }

  /** Bytes that `resize` may still add. */
  get tailroom(): number {
    return this.#limit - this.netOffset - this.length;
  }

  /** Takes padding off the end of a packet that just arrived: the bytes were never part of it (`pskb_trim_rcsum`). */
  trimPadding(length: number): void {
    this.#limit -= this.length - length;
    this.length = length;
  }

  /** Cuts the packet, or grows it with zeros; false when the tail room does not suffice (or `length` is negative). */
  resize(length: number): boolean {
    if (length < 0 || length > this.length + this.tailroom) return false;
    if (length > this.length) this.bytes.fill(0, this.netOffset + this.length, this.netOffset + length);
    if (length !== this.length) this.modified = true;
    this.length = length;
    return true;
  }

  /** An independent copy, with tail room of its own. */
  copy(): Skb {
    const macLength = this.macOffset === undefined ? undefined : this.netOffset - this.macOffset;
    const start = this.netOffset - (macLength ?? 0);
    const end = this.netOffset + this.length;
    const twin = new Skb(end - start).load(this.bytes, start, this.netOffset, end, macLength, this.protocol);
    twin.mark = this.mark;
    twin.vlan = this.vlan;
    twin.inIfindex = this.inIfindex;
    twin.outIfindex = this.outIfindex;
    twin.ifindex = this.ifindex;
    twin.connection = this.connection?.hold();
    twin.ctinfo = this.ctinfo;
    twin.zone = this.zone;
    twin.missingBytes = this.missingBytes;
    twin.modified = this.modified;
    return twin;
  }

  /** Makes the IPv4 header checksum and the TCP or UDP checksum right. Other packets stay as they are. */
  checksum(): void {
    if (updateChecksums(this.bytes, this.netOffset, this.length, this.protocol)) this.modified = true;
  }

  /** The packet from its network header on; shares memory. */
  packet(): Uint8Array {
    return this.bytes.subarray(this.netOffset, this.netOffset + this.length);
  }

  /** The packet with its link header, if it has one; shares memory. */
  frame(): Uint8Array {
    return this.bytes.subarray(this.macOffset ?? this.netOffset, this.netOffset + this.length);
  }
}

/** Up to this many bytes a loop beats making a subarray to copy from. */
const LOOP_BYTES = 192;

function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start > LOOP_BYTES) {
    target.set(source.subarray(start, end), at);
    return;
  }
  for (let i = start; i < end; i++) target[at++] = source[i]!;
}
