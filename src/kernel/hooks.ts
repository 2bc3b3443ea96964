/**
 * The hook lists of netfilter: one per protocol family and hook point, run in the order of priority.
 *
 * Order among equal priorities is the kernel's (nf_hook_entries_grow): a new hook goes in front of its equals.
 * Lists are replaced, never changed, so a hook that registers another cannot disturb the walk it is part of.
 */

import { NF_INET, NF_VERDICT, NFPROTO } from "../uapi/netfilter.ts";
import type { HookOutcome, HookRegistration } from "./kernel.ts";
import type { Skb } from "./skb.ts";

const { NF_ACCEPT, NF_DROP, NF_QUEUE, NF_STOLEN } = NF_VERDICT;
const { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;

/** MAX_HOOK_COUNT, net/netfilter/core.c */
const MAX_HOOKS_PER_POINT = 1024;

/** Why a registration was refused: the errno name that the kernel returns. */
export class HookRefused extends Error {
  readonly code: "EINVAL" | "EOPNOTSUPP" | "E2BIG";

  constructor(code: HookRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** What a hook answers that leaves the mark alone, by verdict. */
export const VERDICT_OUTCOMES: readonly HookOutcome[] = Array.from(
  { length: NF_VERDICT.NF_STOP + 1 },
  (_, verdict) => ({
    verdict,
    mark: undefined,
  }),
);

/** A hook of the kernel itself may have no mark: then all packets reach it. */
export type PathHook = Omit<HookRegistration, "mark"> & { readonly mark: number | undefined };

type HookList = readonly PathHook[];

export class HookTable {
  readonly #lists = new Map<number, HookList[]>([
    [NFPROTO_IPV4, emptyLists()],
    [NFPROTO_IPV6, emptyLists()],
  ]);

  /** INET means both IP families. Returns what removes the hook again; raises `HookRefused`. */
  register(hook: PathHook): () => void {
    const families = hook.pf === NFPROTO_INET ? [NFPROTO_IPV4, NFPROTO_IPV6] : [hook.pf];
    for (const pf of families) this.#checkRoom(pf, hook.hooknum);
    for (const pf of families) this.#change(pf, hook.hooknum, (list) => insert(list, hook));
    return () => {
      for (const pf of families)
        this.#change(pf, hook.hooknum, (list) => list.filter((other) => other !== hook));
    };
  }

  /**
   * Runs the hooks of one point over a packet and applies their marks: `nf_hook_slow`. Returns NF_ACCEPT, NF_DROP,
   * NF_QUEUE or NF_STOLEN; REPEAT and STOP mean nothing of their own to the kernel and end like STOLEN.
   */
  run(pf: number, hooknum: number, skb: Skb): number {
    const list = this.#lists.get(pf)![hooknum]!;
    for (let i = 0; i < list.length; i++) {
      const hook = list[i]!;
      if (hook.mark !== undefined && skb.mark !== hook.mark) continue;
      const outcome = hook.run(skb);
      if (outcome.mark !== undefined) skb.mark = outcome.mark;
      if (outcome.verdict === NF_ACCEPT) continue;
      return outcome.verdict === NF_DROP || outcome.verdict === NF_QUEUE ? outcome.verdict : NF_STOLEN;
    }
    return NF_ACCEPT;
  }

  #checkRoom(pf: number, hooknum: number): void {
    const lists = this.#lists.get(pf);
    if (!lists) throw new HookRefused("EOPNOTSUPP", `no hooks for protocol family ${pf}`);
    const list = lists[hooknum];
    if (!list) throw new HookRefused("EINVAL", `no hook point ${hooknum} in protocol family ${pf}`);
    if (list.length >= MAX_HOOKS_PER_POINT)
      throw new HookRefused("E2BIG", `too many hooks at hook point ${hooknum}`);
  }

  #change(pf: number, hooknum: number, edit: (list: HookList) => HookList): void {
    const lists = this.#lists.get(pf)!;
    lists[hooknum] = edit(lists[hooknum]!);
  }
}

function emptyLists(): HookList[] {
  return Array.from({ length: NF_INET.NF_INET_NUMHOOKS }, () => []);
}

function insert(list: HookList, hook: PathHook): HookList {
  const at = list.findIndex((other) => hook.priority <= other.priority);
  return at < 0 ? [...list, hook] : [...list.slice(0, at), hook, ...list.slice(at)];
}
