/**
 * Matches and targets that scripts add to xtables: what a rule asks for by name after `-m` or `-j`. A rule that is put
 * in place looks its extension up here, has its arguments checked, and keeps the extension for its packets.
 */

import { NFPROTO } from "../uapi/netfilter.ts";
import type { Skb } from "./skb.ts";

/** What a rule knows of a packet when it asks (`struct xt_action_param`). */
export interface ExtensionPacket {
  readonly skb: Skb;
  /** The packet is to be dropped whatever the rules say; a match may set it. */
  readonly hotdrop: boolean;
  /** Where the transport header begins, from the network header on. */
  readonly thoff: number;
  /** Not 0 in later fragments. */
  readonly fragoff: number;
  readonly hooknum: number;
}

export interface MatchOutcome {
  readonly matches: boolean;
  readonly hotdrop: boolean;
}

interface ExtensionFields {
  readonly name: string;
  /** Must be that of the rule (u8). */
  readonly revision: number;
  /** `NFPROTO_*`; NFPROTO_UNSPEC is found by rules of every family. */
  readonly family: number;
  /** Protocol that rules must ask for (u16); 0 for any. */
  readonly proto: number;
  /** Hook points at which rules may use it, a bit each; 0 for all. */
  readonly hooks: number;
  /** What a script registered, for whoever compiles it. */
  readonly source?: object;
  /** A rule with these arguments is put in place; false when it must not be (EINVAL). Never throws. */
  checkEntry(userargs: string): boolean;
  /** Such a rule is gone. Never throws. */
  destroy(userargs: string): void;
}

export interface MatchExtension extends ExtensionFields {
  readonly kind: "match";
  /** Never throws: script errors are logged, and such a packet does not match. */
  match(packet: ExtensionPacket, userargs: string): MatchOutcome;
}

export interface TargetExtension extends ExtensionFields {
  readonly kind: "target";
  /** 0..5, `NF_DROP` … `NF_STOP`, or `XT_CONTINUE`. Never throws: then it is `XT_CONTINUE`. */
  target(packet: ExtensionPacket, userargs: string): number;
}

export type Extension = MatchExtension | TargetExtension;

/** Bytes of the arguments that a rule carries; shorter ones are filled up with zeros. */
export const USERARGS_BYTES = 256;

export class ExtensionTable {
  readonly #extensions: Extension[] = [];

  /** Returns what removes it. Those registered last are found first, as in the kernel. */
  register(extension: Extension): () => void {
    this.#extensions.unshift(extension);
    return () => {
      const at = this.#extensions.indexOf(extension);
      if (at >= 0) this.#extensions.splice(at, 1);
    };
  }

  /**
   * What a rule of `family` means by `name`: one of its own family, else one for every family (xt_find_match). Rules that
   * are text say no revision: any.
   */
  find<K extends Extension["kind"]>(
    kind: K,
    name: string,
    revision: number | undefined,
    family: number,
  ): Extract<Extension, { kind: K }> | undefined {
    const named = this.#extensions.filter(
      (each): each is Extract<Extension, { kind: K }> =>
        each.kind === kind && each.name === name && (revision === undefined || each.revision === revision),
    );
    return (
      named.find((each) => each.family === family) ??
      named.find((each) => each.family === NFPROTO.NFPROTO_UNSPEC)
    );
  }
}
