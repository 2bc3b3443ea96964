/** From the SSA form to a program: registers, places on the stack, the order of blocks. */

import { opcode, operandFieldsOf } from "../ebpf/opcodes.ts";
import { type Label, type Program, ProgramBuilder } from "../ebpf/program-builder.ts";
import { BPF_LIMIT } from "../uapi/bpf.ts";
import { allocate } from "./allocate.ts";
import { INVERSE } from "./fold.ts";
import type { Comparison, IrFunction } from "./ir.ts";
import { layOut } from "./layout.ts";
import { lower } from "./lower.ts";
import { FRAME, type MachineBlock, type MachineCode, type MachineInstruction, NONE } from "./machine-code.ts";

const WORD_BYTES = 8;

/** A script needs more than the kernel gives a program. */
export class CodeLimitError extends Error {
  override readonly name = "CodeLimitError";
}

/** The program of a function. Throws `CodeLimitError` when it needs more than the 512 bytes of stack. */
export function generate(ir: IrFunction): Program {
  const code = lower(ir);
  allocate(code);
  const blocks = layOut(code);
  checkStack(code);
  return new Emitter(code, blocks).run();
}

function checkStack(code: MachineCode): void {
  const used = code.frameBytes + code.slotCount * WORD_BYTES;
  // Where it compiles, the kernel keeps what may_goto needs beyond these.
  const limit = BPF_LIMIT.MAX_BPF_STACK;
  if (used > limit)
    throw new CodeLimitError(
      `${code.name} needs ${used} bytes of stack (${code.frameBytes} for its buffers, the rest for values without a register); the kernel gives ${limit}`,
    );
}

class Emitter {
  readonly #code: MachineCode;
  readonly #blocks: readonly MachineBlock[];
  readonly #builder = new ProgramBuilder();
  readonly #labels: Map<MachineBlock, Label>;

  constructor(code: MachineCode, blocks: readonly MachineBlock[]) {
    this.#code = code;
    this.#blocks = blocks;
    this.#labels = new Map(blocks.map((block) => [block, this.#builder.label()]));
  }

  run(): Program {
    for (const [index, block] of this.#blocks.entries()) {
      this.#builder.place(this.#labels.get(block)!);
      for (const instruction of block.instructions) this.#instruction(instruction);
      this.#end(block, this.#blocks[index + 1]);
    }
    return this.#builder.build();
  }

  #instruction(instruction: MachineInstruction): void {
    const { name, dst, src, off, imm, high, symbol, slot, span } = instruction;
    this.#builder.span = span;
    if (name === "mov64_reg" && src === FRAME) {
      this.#builder.emit(name, { dst, src });
      this.#builder.emit("add64_imm", { dst, imm: off });
      return;
    }
    const fields = operandFieldsOf(opcode(name));
    this.#builder.emit(name, {
      ...(fields.has("dst") && { dst }),
      ...(fields.has("src") && { src }),
      ...(fields.has("off") && { off: slot === undefined ? off : this.#offset(slot) }),
      ...(fields.has("imm") && { imm }),
      ...(fields.has("high") && { high }),
      ...(symbol !== undefined && { symbol }),
    });
  }

  /** Below the buffers of the program. */
  #offset(slot: number): number {
    return -(this.#code.frameBytes + (slot + 1) * WORD_BYTES);
  }

  #end({ end }: MachineBlock, next: MachineBlock | undefined): void {
    this.#builder.span = end.span;
    switch (end.op) {
      case "jump":
        this.#jump(end.to, next);
        return;
      case "branch": {
        const inverse = INVERSE[end.comparison];
        if (end.then === next && inverse) {
          this.#branch(inverse, end, end.otherwise);
          return;
        }
        this.#branch(end.comparison, end, end.then);
        this.#jump(end.otherwise, next);
        return;
      }
      case "mayGoto":
        this.#builder.emitTo("may_goto", this.#labels.get(end.exit)!);
        this.#jump(end.next, next);
        return;
      case "exit":
        this.#builder.emit("exit");
        return;
    }
  }

  #branch(
    comparison: Comparison,
    { dst, src, imm }: { dst: number; src: number; imm: number },
    target: MachineBlock,
  ): void {
    const label = this.#labels.get(target)!;
    if (src === NONE) this.#builder.emitTo(`${comparison}_imm`, label, { dst, imm });
    else this.#builder.emitTo(`${comparison}_reg`, label, { dst, src });
  }

  #jump(target: MachineBlock, next: MachineBlock | undefined): void {
    if (target !== next) this.#builder.emitTo("ja", this.#labels.get(target)!);
  }
}
