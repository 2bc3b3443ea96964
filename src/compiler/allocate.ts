/** Registers of the machine for virtual ones; what does not fit goes to the stack. */

import { assert } from "../util/assert.ts";
import { colorNodes, mergeCopies, mergedNode } from "./color.ts";
import { findInterference } from "./interference.ts";
import { isMove, isVirtual, type MachineCode, NONE, type Register } from "./machine-code.ts";
import { shareSlots } from "./share-slots.ts";
import { spill } from "./spill.ts";

/** Far more than any program takes: each attempt sends at least one more value to the stack for good. */
const MAX_ATTEMPTS = 200;

/** Changes `code`: afterwards it names registers of the machine only. */
export function allocate(code: MachineCode): void {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const graph = findInterference(code);
    mergeCopies(graph);
    rename(code, (register) => mergedNode(graph.nodes.get(register)!).register);
    const { colors, spilled } = colorNodes(graph);
    if (spilled.size === 0) {
      shareSlots(code);
      rename(code, (register) => colors.get(graph.nodes.get(register)!)!);
      return;
    }
    spill(code, spilled);
  }
  assert(false, `${code.name}: no end of spilling`);
}

/** Puts other registers in place of the virtual ones; copies of a register to itself vanish. */
function rename(code: MachineCode, nameOf: (register: Register) => Register): void {
  const renamed = (register: Register): Register => (isVirtual(register) ? nameOf(register) : register);
  for (const block of code.blocks) {
    for (const instruction of block.instructions) {
      instruction.dst = renamed(instruction.dst);
      instruction.src = renamed(instruction.src);
    }
    block.instructions = block.instructions.filter((made) => !isMove(made) || made.dst !== made.src);
    if (block.end.op !== "branch") continue;
    block.end.dst = renamed(block.end.dst);
    if (block.end.src !== NONE) block.end.src = renamed(block.end.src);
  }
}
