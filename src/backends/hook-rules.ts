/**
 * The hooks of a script as rules that ask programs, for kernels without links of netfilter, and for who wants a priority
 * that something else has: chains may share one. The rules end with this process.
 */

import { OwnedTables } from "../linux/nftables.ts";
import type { PlacedHook, ProgramAtHook } from "./netfilter-links.ts";

let made = 0;

/** Where they run, and what takes them away. Throws as `OwnedTables.filter` does, and leaves nothing behind. */
export function putRules(programs: readonly ProgramAtHook[]): { placed: PlacedHook[]; close(): void } {
  const tables = new OwnedTables(`moonhook-${process.pid}-${++made}`);
  try {
    const filtered = programs.map(({ program, hook: { pf, hooknum, priority } }) => ({
      family: pf,
      hooknum,
      priority,
      program,
    }));
    if (filtered.length > 0) tables.filter(filtered);
    const placed = filtered.map(({ family, hooknum, priority }) => ({
      family,
      hooknum,
      wanted: priority,
      priority,
    }));
    return { placed, close: () => tables.remove() };
  } catch (error) {
    tables.remove();
    throw error;
  }
}
