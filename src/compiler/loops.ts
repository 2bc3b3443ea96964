/** The order of blocks and how deep in loops they are. */

import { type MachineBlock, successorsOf } from "./machine-code.ts";

/**
 * Reachable blocks in reverse postorder. Of the successors of a block the one in fewer loops comes last, so that once
 * the depths are known a loop lies together.
 */
export function reversePostorder(entry: MachineBlock): MachineBlock[] {
  const seen = new Set([entry]);
  const order: MachineBlock[] = [];
  const stack: { block: MachineBlock; left: MachineBlock[] }[] = [];
  const enter = (block: MachineBlock): void => {
    // The last of `left` is visited first and ends up behind the others.
    const left = [...successorsOf(block.end)].sort((a, b) => b.loopDepth - a.loopDepth);
    stack.push({ block, left });
  };
  enter(entry);
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const next = top.left.pop();
    if (next === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      enter(next);
    }
  }
  return order.reverse();
}

/**
 * Sets the loop depth of blocks in reverse postorder. A loop is what reaches a backward edge without passing its
 * target; of loops with two entries this is only near the truth, which is enough to weigh values.
 */
export function setLoopDepths(blocks: readonly MachineBlock[]): void {
  const position = new Map(blocks.map((block, index) => [block, index]));
  const predecessors = new Map<MachineBlock, MachineBlock[]>(blocks.map((block) => [block, []]));
  const backward = new Map<MachineBlock, MachineBlock[]>();
  for (const block of blocks) {
    block.loopDepth = 0;
    for (const target of successorsOf(block.end)) {
      predecessors.get(target)!.push(block);
      if (position.get(target)! > position.get(block)!) continue;
      backward.set(target, [...(backward.get(target) ?? []), block]);
    }
  }
  for (const [header, ends] of backward) {
    const first = position.get(header)!;
    const inside = new Set([header]);
    const pending = [...ends];
    for (let block = pending.pop(); block !== undefined; block = pending.pop()) {
      if (inside.has(block) || position.get(block)! < first) continue;
      inside.add(block);
      pending.push(...predecessors.get(block)!);
    }
    for (const block of inside) block.loopDepth++;
  }
}
