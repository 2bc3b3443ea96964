/** Address translation as scripts use it, whichever kernel does it. */

import type { Connection } from "./connection.ts";
import type { Manip } from "./nat/manip.ts";
import type { NatRange } from "./nat/range.ts";
import type { Skb } from "./skb.ts";

/** Somebody who is asked for the first packet of a connection, once for each end of it. */
export interface TranslationHook {
  /** NFPROTO_IPV4, NFPROTO_IPV6, or NFPROTO_INET for both. */
  readonly pf: number;
  /** NF_INET_PRE_ROUTING, LOCAL_IN, LOCAL_OUT or POST_ROUTING. */
  readonly hooknum: number;
  /** NF_ACCEPT, or the verdict that ends the packet's way. */
  readonly run: (skb: Skb) => number;
}

export interface Translation {
  /** Throws `HookRefused` for what cannot be. Returns what takes the hook back. */
  register(hook: TranslationHook): () => void;
  /** Decides what a new connection becomes; one that is decided or known already stays. NF_ACCEPT or NF_DROP. */
  setUp(connection: Connection, range: NatRange, manip: Manip): number;
  /** The first address of a device: 4 or 16 bytes. */
  deviceAddress(ifindex: number, family: number): Uint8Array | undefined;
}
