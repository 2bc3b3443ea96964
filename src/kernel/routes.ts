/** Which device a destination is behind: the longest prefix wins. */

import { NFPROTO } from "../uapi/netfilter.ts";
import { parseAddress } from "./addresses.ts";

interface Route {
  /** 4 or 16 bytes. */
  readonly network: Uint8Array;
  readonly prefixBits: number;
  readonly ifindex: number;
}

export interface Prefix {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** How many bits of it are the network's. */
  readonly prefixBits: number;
}

/** `ADDRESS` or `ADDRESS/BITS`; undefined when the text is no such thing. */
export function parsePrefix(text: string): Prefix | undefined {
  const [part, bits, ...more] = text.split("/");
  const address = parseAddress(part!);
  if (address === undefined || more.length > 0) return undefined;
  const most = 8 * address.length;
  if (bits === undefined) return { address, prefixBits: most };
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most ? { address, prefixBits: Number(bits) } : undefined;
}

export class Routes {
  /** By family, the longest prefix first. */
  readonly #lists = new Map<number, Route[]>();

  add(network: Uint8Array, prefixBits: number, ifindex: number): void {
    const family = network.length === 4 ? NFPROTO.NFPROTO_IPV4 : NFPROTO.NFPROTO_IPV6;
    const list = this.#lists.get(family) ?? [];
    list.push({ network, prefixBits, ifindex });
    list.sort((a, b) => b.prefixBits - a.prefixBits);
    this.#lists.set(family, list);
  }

  /** Whether any route of the family is known: without one a machine is taken to reach everything. */
  hasAny(family: number): boolean {
    return this.#lists.has(family);
  }

  /** The device for the address at `at`; undefined when no route leads there. */
  lookup(family: number, bytes: Uint8Array, at: number): number | undefined {
    return this.#lists.get(family)?.find((route) => isWithin(route, bytes, at))?.ifindex;
  }
}

function isWithin({ network, prefixBits }: Route, bytes: Uint8Array, at: number): boolean {
  const whole = prefixBits >> 3;
  for (let i = 0; i < whole; i++) if (network[i] !== bytes[at + i]) return false;
  const rest = prefixBits & 7;
  return rest === 0 || ((network[whole]! ^ bytes[at + whole]!) & (0xff00 >> rest) & 0xff) === 0;
}
