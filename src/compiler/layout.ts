/** The last look at finished blocks: empty ones go, equal ones become one, and all get their places. */

import { reversePostorder, setLoopDepths } from "./loops.ts";
import { type MachineBlock, type MachineCode, type MachineEnd, redirect } from "./machine-code.ts";

/** The blocks as they follow one another: the common ones, then the cold ones. None is unreachable. */
export function layOut(code: MachineCode): MachineBlock[] {
  const entry = skipEmpty(code.blocks);
  shareTails(code.blocks);
  const blocks = reversePostorder(entry);
  setLoopDepths(blocks);
  const ordered = reversePostorder(entry);
  const isLate = (block: MachineBlock): boolean => block.isCold && block !== entry;
  return [...ordered.filter((block) => !isLate(block)), ...ordered.filter(isLate)];
}

/** Leads jumps past blocks that only jump on; gives the entry. */
function skipEmpty(blocks: readonly MachineBlock[]): MachineBlock {
  const final = (block: MachineBlock): MachineBlock => {
    // A circle of empty blocks has no end.
    for (let steps = 0; steps < blocks.length; steps++) {
      if (block.instructions.length > 0 || block.end.op !== "jump") return block;
      block = block.end.to;
    }
    return block;
  };
  for (const block of blocks) redirect(block.end, final);
  return final(blocks[0]!);
}

/**
 * Leaves out blocks off the common path that do the same as another and go on to the same. Which Lua line such an end
 * belongs to is lost for all but one of them.
 */
function shareTails(blocks: readonly MachineBlock[]): void {
  const numbers = new Map(blocks.map((block, index) => [block, index]));
  const known = new Map<string, MachineBlock>();
  const shared = new Map<MachineBlock, MachineBlock>();
  const target = (block: MachineBlock): MachineBlock => shared.get(block) ?? block;
  // From the end, so that what blocks go on to has been decided.
  for (const block of blocks.toReversed()) {
    redirect(block.end, target);
    if (block.end.op !== "exit" && !block.isCold) continue;
    const text = JSON.stringify([
      block.instructions.map(({ name, dst, src, off, imm, high, symbol, slot }) => [
        name,
        dst,
        src,
        off,
        imm,
        high,
        symbol,
        slot,
      ]),
      endText(block.end, numbers),
    ]);
    const first = known.get(text);
    if (first === undefined) known.set(text, block);
    else if (block.isCold) shared.set(block, first);
  }
  for (const block of blocks) redirect(block.end, target);
}

function endText(end: MachineEnd, numbers: ReadonlyMap<MachineBlock, number>): unknown {
  switch (end.op) {
    case "jump":
      return [end.op, numbers.get(end.to)];
    case "branch":
      return [end.comparison, end.dst, end.src, end.imm, numbers.get(end.then), numbers.get(end.otherwise)];
    case "mayGoto":
      return [end.op, numbers.get(end.exit), numbers.get(end.next)];
    case "exit":
      return [end.op];
  }
}
