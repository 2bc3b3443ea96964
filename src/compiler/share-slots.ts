/** Words of the stack for values without a register: stores that nobody reads go, and words serve several values. */

import { type Accesses, liveAtEnds } from "./liveness.ts";
import type { MachineBlock, MachineCode, MachineInstruction } from "./machine-code.ts";

const isLoad = ({ role }: MachineInstruction): boolean => role.writesDst;

/** Changes the slots of a program whose registers are settled, but not yet put in. */
export function shareSlots(code: MachineCode): void {
  if (code.slotCount === 0) return;
  const { neighbours, copies } = findNeighbours(code);
  const colors = new Map<number, number>();
  let count = 0;
  for (const slot of neighbours.keys()) {
    const taken = new Set<number>();
    for (const other of neighbours.get(slot)!) {
      const color = colors.get(other);
      if (color !== undefined) taken.add(color);
    }
    const wish = copies
      .get(slot)
      ?.map((other) => colors.get(other))
      .find((color) => color !== undefined && !taken.has(color));
    let color = wish ?? 0;
    while (taken.has(color)) color++;
    colors.set(slot, color);
    count = Math.max(count, color + 1);
  }
  for (const block of code.blocks)
    for (const instruction of block.instructions)
      if (instruction.slot !== undefined) instruction.slot = colors.get(instruction.slot)!;
  code.slotCount = count;
  for (const block of code.blocks) dropCopies(block, code);
}

function accesses(block: MachineBlock): Accesses {
  const reads = new Set<number>();
  const writes = new Set<number>();
  for (const instruction of block.instructions) {
    const { slot } = instruction;
    if (slot === undefined) continue;
    if (!isLoad(instruction)) writes.add(slot);
    else if (!writes.has(slot)) reads.add(slot);
  }
  return { reads, writes };
}

interface SlotGraph {
  /** Words that hold something at the same time. */
  readonly neighbours: Map<number, Set<number>>;
  /** Words that are copied from one another. */
  readonly copies: Map<number, number[]>;
}

/** Drops dead stores on the way. */
function findNeighbours(code: MachineCode): SlotGraph {
  const neighbours = new Map<number, Set<number>>();
  const copies = new Map<number, number[]>();
  const liveAt = liveAtEnds(code.blocks, accesses);
  const of = (slot: number): Set<number> => {
    let known = neighbours.get(slot);
    if (known === undefined) neighbours.set(slot, (known = new Set()));
    return known;
  };
  for (const block of code.blocks) {
    const live = new Set(liveAt.get(block)!);
    const kept: MachineInstruction[] = [];
    for (let index = block.instructions.length - 1; index >= 0; index--) {
      const instruction = block.instructions[index]!;
      const { slot } = instruction;
      if (slot !== undefined && !isLoad(instruction)) {
        if (!live.delete(slot)) continue;
        const source = copiedFrom(instruction, block.instructions[index - 1]);
        if (source !== undefined) {
          copies.set(slot, [...(copies.get(slot) ?? []), source]);
          copies.set(source, [...(copies.get(source) ?? []), slot]);
        }
        const own = of(slot);
        for (const other of live) {
          if (other === source) continue;
          own.add(other);
          of(other).add(slot);
        }
      } else if (slot !== undefined) {
        live.add(slot);
        of(slot);
      }
      kept.push(instruction);
    }
    block.instructions = kept.reverse();
  }
  return { neighbours, copies };
}

/** The word whose content a store puts into another, having loaded it just before. */
function copiedFrom(store: MachineInstruction, before: MachineInstruction | undefined): number | undefined {
  const isCopy = before !== undefined && isLoad(before) && store.role.readsSrc && before.dst === store.src;
  return isCopy ? before.slot : undefined;
}

/** Copies of a word to itself. */
function dropCopies(block: MachineBlock, code: MachineCode): void {
  const kept: MachineInstruction[] = [];
  for (const instruction of block.instructions) {
    const before = kept.at(-1);
    const isStore = instruction.slot !== undefined && !isLoad(instruction);
    if (!isStore || copiedFrom(instruction, before) !== instruction.slot) kept.push(instruction);
    else if (code.shortLived.has(before!.dst)) kept.pop();
  }
  block.instructions = kept;
}
