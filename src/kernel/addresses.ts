/** Which addresses belong to the machine, and which are special to routing. Read in place: once or more per packet. */

import { ipv4, parseIpv4 } from "../wire/ipv4.ts";
import { ipv6, parseIpv6 } from "../wire/ipv6.ts";

const V6_BYTES = 16;

/** The 4 or 16 bytes of an IPv4 or IPv6 address; undefined when the text is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  const four = parseIpv4(text);
  return four === undefined ? parseIpv6(text) : bytesV4(four);
}

/** The addresses of a machine; loopback addresses always belong to it. */
export class LocalAddresses {
  readonly #v4 = new Set<number>();
  readonly #v6: Uint8Array[] = [];

  /** Its 4 or 16 bytes; undefined when the text is no IPv4 or IPv6 address. */
  add(text: string): Uint8Array | undefined {
    const bytes = parseAddress(text);
    if (bytes?.length === V6_BYTES) this.#v6.push(bytes);
    else if (bytes) this.#v4.add(new DataView(bytes.buffer).getUint32(0));
    return bytes;
  }

  /** The first address that was added, of 4 or 16 bytes. */
  first(size: number): Uint8Array | undefined {
    if (size === V6_BYTES) return this.#v6[0];
    const [four] = this.#v4;
    return four === undefined ? undefined : bytesV4(four);
  }

  hasV4(address: number): boolean {
    return isLoopbackV4(address) || this.#v4.has(address);
  }

  /** The address of 16 bytes at `at`. */
  hasV6(bytes: Uint8Array, at: number): boolean {
    if (isLoopbackV6(bytes, at)) return true;
    for (const address of this.#v6) {
      let i = 0;
      while (i < V6_BYTES && address[i] === bytes[at + i]) i++;
      if (i === V6_BYTES) return true;
    }
    return false;
  }
}

const bytesV4 = (address: number): Uint8Array =>
  Uint8Array.of(address >>> 24, (address >>> 16) & 0xff, (address >>> 8) & 0xff, address & 0xff);

/** Offsets of the addresses in an IPv6 header. */
export const V6_SOURCE = ipv6.offsets.saddr;
export const V6_DESTINATION = ipv6.offsets.daddr;

export const sourceV4 = ipv4.get.saddr;
export const destinationV4 = ipv4.get.daddr;

export const isLoopbackV4 = (address: number): boolean => address >>> 24 === 127;
export const isMulticastV4 = (address: number): boolean => address >>> 28 === 0xe;
export const isBroadcastV4 = (address: number): boolean => address === 0xffffffff;
/** 0.0.0.0/8, "this network" (`ipv4_is_zeronet` takes only 0.0.0.0 since Linux 5.3). */
export const isZeroV4 = (address: number): boolean => address === 0;
/** 224.0.0.0/24 */
export const isLocalMulticastV4 = (address: number): boolean => address >>> 8 === 0xe00000;

export const isMulticastV6 = (bytes: Uint8Array, at: number): boolean => bytes[at] === 0xff;
export const isLinkLocalV6 = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80;
export const isUnspecifiedV6 = (bytes: Uint8Array, at: number): boolean => endsIn(bytes, at, 0);
export const isLoopbackV6 = (bytes: Uint8Array, at: number): boolean => endsIn(bytes, at, 1);

function endsIn(bytes: Uint8Array, at: number, last: number): boolean {
  for (let i = 0; i < V6_BYTES - 1; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + V6_BYTES - 1] === last;
}
