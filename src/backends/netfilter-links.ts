/**
 * The hooks of a script as links of netfilter. A priority belongs to one link only, so that a hook moves behind what
 * has its priority, and the hooks of a script keep their order among each other: lower priorities first, and of equal
 * ones that which was registered last, as in kernel/hooks.ts.
 */

import type { HookRegistration } from "../kernel/kernel.ts";
import { attachNetfilter, type KernelProgram, type NetfilterLink } from "../linux/bpf.ts";
import { NFPROTO } from "../uapi/netfilter.ts";

const { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;

/** How far a hook may move. */
const MOST_MOVES = 100;
/** The kernel gives neither end of its range to links, and moving needs room. */
const LEAST_PRIORITY = -0x7fff_ffff;
const MOST_PRIORITY = 0x7fff_fffe - MOST_MOVES;

export interface ProgramAtHook {
  readonly program: KernelProgram;
  readonly hook: HookRegistration;
}

/** Where a hook runs. */
export interface PlacedHook {
  /** NFPROTO_IPV4 or NFPROTO_IPV6; of rules NFPROTO_INET, too. */
  readonly family: number;
  readonly hooknum: number;
  /** What the script asked for, or the nearest that there is. */
  readonly wanted: number;
  readonly priority: number;
}

export interface AttachedHook extends PlacedHook {
  readonly link: NetfilterLink;
}

/** Attaches them in the namespace of this thread; throws `ErrnoError` and leaves nothing behind. */
export function attachHooks(programs: readonly ProgramAtHook[]): AttachedHook[] {
  const attached: AttachedHook[] = [];
  try {
    for (const { program, hook } of inOrder(programs)) {
      const { pf, hooknum } = hook;
      const wanted = Math.min(Math.max(hook.priority, LEAST_PRIORITY), MOST_PRIORITY);
      for (const family of pf === NFPROTO_INET ? [NFPROTO_IPV4, NFPROTO_IPV6] : [pf]) {
        const link = attachNetfilter({ program, family, hook: hooknum, priority: wanted, moves: MOST_MOVES });
        attached.push({ family, hooknum, wanted, priority: link.priority, link });
      }
    }
    return attached;
  } catch (error) {
    for (const { link } of attached) link.close();
    throw error;
  }
}

/** As they run: lower priorities first, and of equal ones that which was registered last. */
export const inOrder = (programs: readonly ProgramAtHook[]): ProgramAtHook[] =>
  programs.toReversed().sort((a, b) => a.hook.priority - b.hook.priority);
