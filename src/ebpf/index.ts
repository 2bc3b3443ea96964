/** eBPF without a kernel: instructions, their text, programs. Runs in a browser too. */

export { AssembleError, assemble } from "./assemble.ts";
export { disassemble, formatInstruction } from "./disassemble.ts";
export * from "./instruction.ts";
export { OPCODES, type Opcode, type OpcodeName, opcode } from "./opcodes.ts";
export { type Label, type Program, ProgramBuilder, type SourceSpan, spanOfSlot } from "./program-builder.ts";
