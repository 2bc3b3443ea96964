/** Moves that happen at once, as moves one after the other. */

export interface Move {
  readonly to: number;
  readonly from: number;
}

/**
 * An order in which no move overwrites what a later one reads. Where moves form a circle, `temporary` gives a register
 * for the value that would be lost.
 */
export function orderMoves(moves: readonly Move[], temporary: () => number): Move[] {
  const ordered: Move[] = [];
  /** Source of each target still to be set. */
  const pending = new Map<number, number>();
  const readers = new Map<number, number>();
  for (const { to, from } of moves) {
    if (to === from) continue;
    pending.set(to, from);
    readers.set(from, (readers.get(from) ?? 0) + 1);
  }
  const free = [...pending.keys()].filter((to) => !readers.has(to));
  while (pending.size > 0) {
    let to = free.pop();
    if (to === undefined) {
      // Only circles are left: one of its values moves aside, and those who read it read the copy.
      to = pending.keys().next().value!;
      const aside = temporary();
      ordered.push({ to: aside, from: to });
      for (const [other, from] of pending) if (from === to) pending.set(other, aside);
      readers.set(aside, readers.get(to)!);
      readers.delete(to);
    }
    const from = pending.get(to)!;
    pending.delete(to);
    ordered.push({ to, from });
    const left = readers.get(from)! - 1;
    readers.set(from, left);
    if (left === 0 && pending.has(from)) free.push(from);
  }
  return ordered;
}
