/** What rules ask of the machine that they stand on. */

import type { Conntrack } from "../connection.ts";
import type { Skb } from "../skb.ts";
import type { Translation } from "../translation.ts";

/** A line that LOG or NFLOG writes. */
export interface RuleLog {
  readonly prefix: string;
  readonly inName: string;
  readonly outName: string;
  readonly skb: Skb;
}

export interface XtEnvironment {
  /** Nanoseconds of the machine's clock. */
  nowNs(): bigint;
  /** Rules that ask for connections start it. */
  readonly conntrack: Conntrack;
  /** Who decides what connections become, and asks table nat. */
  readonly translation: Translation;
  /** A random u32. */
  random32(): number;
  /** "" when there is no such device. */
  deviceName(ifindex: number): string;
  /** `RTN_*` of an address of `family` at `at`, seen from device `ifindex` (0: from any). */
  addressType(family: number, bytes: Uint8Array, at: number, ifindex: number): number;
  log(entry: RuleLog): void;
  /** The address that an error about `skb` comes from, of `family`: 4 or 16 bytes; undefined when there is none. */
  sourceFor(skb: Skb, family: number): Uint8Array | undefined;
  /** Sends a packet of the machine itself, without link header, in answer to `cause`. */
  send(packet: Uint8Array, family: number, cause: Skb): void;
}
