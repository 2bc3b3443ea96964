/** Which virtual registers still matter at the end of each block. */

import {
  isVirtual,
  type MachineBlock,
  type MachineCode,
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

/** Bits of the registers that live from block to block; all others live within one and need none. */
interface BlockSets {
  /** Read before anything in the block sets them. */
  readonly reads: Uint32Array;
  readonly writes: Uint32Array;
  readonly liveIn: Uint32Array;
}

/**
 * The virtual registers that are live at the end of each block. Registers of the machine never are: they carry
 * arguments and results within a block.
 */
export function liveAtEnds(code: MachineCode): Map<MachineBlock, Register[]> {
  const exposed = code.blocks.map(exposedReads);
  const numbers = new Map<Register, number>();
  for (const { reads } of exposed)
    for (const register of reads) if (!numbers.has(register)) numbers.set(register, numbers.size);
  const registers = [...numbers.keys()];
  const words = (registers.length + 31) >>> 5;
  const bits = (from: Iterable<Register>): Uint32Array => {
    const set = new Uint32Array(words);
    for (const register of from) {
      const number = numbers.get(register);
      if (number !== undefined) set[number >>> 5]! |= 1 << (number & 31);
    }
    return set;
  };
  const sets = new Map<MachineBlock, BlockSets>();
  for (const [index, block] of code.blocks.entries()) {
    const { reads, writes } = exposed[index]!;
    sets.set(block, { reads: bits(reads), writes: bits(writes), liveIn: bits(reads) });
  }
  settle(code.blocks, sets, words);
  const live = new Uint32Array(words);
  return new Map(
    code.blocks.map((block) => {
      live.fill(0);
      gather(block, sets, live);
      return [block, members(live, registers)];
    }),
  );
}

function exposedReads(block: MachineBlock): { reads: Set<Register>; writes: Set<Register> } {
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

function members(set: Uint32Array, registers: readonly Register[]): Register[] {
  const found: Register[] = [];
  for (const [index, word] of set.entries())
    for (let rest = word; rest !== 0; rest &= rest - 1)
      found.push(registers[index * 32 + 31 - Math.clz32(rest & -rest)]!);
  return found;
}
