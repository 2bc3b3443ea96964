/** What still matters at the end of each block: virtual registers, or words of the stack. */

import {
  isVirtual,
  type MachineBlock,
  type MachineEnd,
  NONE,
  type Register,
  successorsOf,
} from "./machine-code.ts";

/** The registers that the end of a block reads. */
export function readsOf(end: MachineEnd): readonly Register[] {
  if (end.op === "exit") return [0];
  if (end.op !== "branch") return [];
  return end.src === NONE ? [end.dst] : [end.dst, end.src];
}

/** What a block does with registers, or with words of the stack: numbers that may be read and set. */
export interface Accesses {
  /** Read before anything in the block sets them. */
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
}

/** The same as bits of those that live from block to block; all others live within one and need none. */
interface BlockSets {
  readonly reads: Uint32Array;
  readonly writes: Uint32Array;
  readonly liveIn: Uint32Array;
}

/** What is live at the end of each block. */
export function liveAtEnds(
  blocks: readonly MachineBlock[],
  accessesOf: (block: MachineBlock) => Accesses,
): Map<MachineBlock, number[]> {
  const accesses = blocks.map(accessesOf);
  const places = new Map<number, number>();
  for (const { reads } of accesses)
    for (const number of reads) if (!places.has(number)) places.set(number, places.size);
  const numbers = [...places.keys()];
  const words = (numbers.length + 31) >>> 5;
  const bits = (from: Iterable<number>): Uint32Array => {
    const set = new Uint32Array(words);
    for (const number of from) {
      const place = places.get(number);
      if (place !== undefined) set[place >>> 5]! |= 1 << (place & 31);
    }
    return set;
  };
  const sets = new Map<MachineBlock, BlockSets>();
  for (const [index, block] of blocks.entries()) {
    const { reads, writes } = accesses[index]!;
    sets.set(block, { reads: bits(reads), writes: bits(writes), liveIn: bits(reads) });
  }
  settle(blocks, sets, words);
  const live = new Uint32Array(words);
  return new Map(
    blocks.map((block) => {
      live.fill(0);
      gather(block, sets, live);
      return [block, members(live, numbers)];
    }),
  );
}

/** Of virtual registers. Those of the machine carry arguments and results within a block only. */
export function registerAccesses(block: MachineBlock): Accesses {
  const reads = new Set<Register>();
  const writes = new Set<Register>();
  const read = (register: Register): void => {
    if (isVirtual(register) && !writes.has(register)) reads.add(register);
  };
  for (const { role, dst, src } of block.instructions) {
    if (role.readsSrc) read(src);
    if (role.readsDst) read(dst);
    if (role.writesDst && isVirtual(dst)) writes.add(dst);
  }
  readsOf(block.end).forEach(read);
  return { reads, writes };
}

/** `live` |= what the successors of a block need. */
function gather(block: MachineBlock, sets: ReadonlyMap<MachineBlock, BlockSets>, live: Uint32Array): void {
  for (const successor of successorsOf(block.end)) {
    const { liveIn } = sets.get(successor)!;
    for (let word = 0; word < live.length; word++) live[word]! |= liveIn[word]!;
  }
}

/** Backwards until nothing changes; in reverse postorder that takes a round for each nesting of loops. */
function settle(
  blocks: readonly MachineBlock[],
  sets: ReadonlyMap<MachineBlock, BlockSets>,
  words: number,
): void {
  const live = new Uint32Array(words);
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (let index = blocks.length - 1; index >= 0; index--) {
      const block = blocks[index]!;
      live.fill(0);
      gather(block, sets, live);
      const { reads, writes, liveIn } = sets.get(block)!;
      for (let word = 0; word < words; word++) {
        const next = (reads[word]! | (live[word]! & ~writes[word]!)) >>> 0;
        if (next === liveIn[word]) continue;
        liveIn[word] = next;
        isChanged = true;
      }
    }
  }
}

function members(set: Uint32Array, numbers: readonly number[]): number[] {
  const found: number[] = [];
  for (const [index, word] of set.entries())
    for (let rest = word; rest !== 0; rest &= rest - 1)
      found.push(numbers[index * 32 + 31 - Math.clz32(rest & -rest)]!);
  return found;
}
