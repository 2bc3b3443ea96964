/**
 * The hooks of a script as rules that ask programs, for kernels without links of netfilter, for who wants a priority that
 * something else has (chains may share one), and for hooks that leave packets to user space:
 *
 *     chain at the hook   asks the hook's program; where it is true, for the packet is to be dropped or is undecided, goes to
 *     second chain        asks whether the program has noted the packet (map `punted`): to its queue; drops the others
 *
 * The rules end with this process.
 */

import { loadInKernel } from "../bpf/load.ts";
import { MAPS } from "../compiler/target.ts";
import { assemble } from "../ebpf/assemble.ts";
import type { KernelMap, KernelProgram } from "../linux/bpf.ts";
import { OwnedTables } from "../linux/nftables.ts";
import { BPF_PROG_TYPE } from "../uapi/bpf.ts";
import type { PlacedHook, ProgramAtHook } from "./netfilter-links.ts";

/** A hook that leaves packets to the queue. */
export interface RuleAtHook extends ProgramAtHook {
  readonly queue?: number;
}

export interface HookRules {
  readonly placed: readonly PlacedHook[];
  /** No packet is queued from now on, and those that are queued wait on. */
  quiesce(): void;
  close(): void;
}

let made = 0;

/** Throws as `OwnedTables.filter` does, and leaves nothing behind. `punted` is needed where a hook has a queue. */
export function putRules(programs: readonly RuleAtHook[], punted?: KernelMap): HookRules {
  const tables = new OwnedTables(`moonhook-${process.pid}-${++made}`);
  let asked: KernelProgram | undefined;
  try {
    const filtered = programs.map(({ program, queue, hook: { pf, hooknum, priority } }) => {
      const place = { family: pf, hooknum, priority, program };
      if (queue === undefined || punted === undefined) return place;
      asked ??= isPunted(punted);
      return { ...place, undecided: { program: asked, queue } };
    });
    if (filtered.length > 0) tables.filter(filtered);
    const placed = filtered.map(({ family, hooknum, priority }) => ({
      family,
      hooknum,
      wanted: priority,
      priority,
    }));
    return { placed, quiesce: () => tables.removeRules(), close: () => tables.remove() };
  } catch (error) {
    tables.remove();
    throw error;
  } finally {
    // The rules hold it.
    asked?.close();
  }
}

/** True of packets that a hook has noted, and forgets them. */
const isPunted = (punted: KernelMap): KernelProgram =>
  loadInKernel(
    assemble(`call kfunc bpf_cast_to_kern_ctx
*(u64 *)(r10 - 8) = r0
r1 = map ${MAPS.punted} ll
r2 = r10
r2 += -8
call bpf_map_delete_elem
if r0 == 0 goto yes
r0 = 0
exit
yes: r0 = 1
exit`),
    {
      name: "punted",
      type: BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER,
      maps: { [MAPS.punted]: punted },
    },
  );
