/** eBPF without a kernel: instructions, their text, programs, maps, an interpreter. Runs in a browser too. */

export { AssembleError, assemble } from "./assemble.ts";
export { Btf, BtfError, type BtfMember, type BtfParameter, type BtfPlace, type BtfType } from "./btf.ts";
export { BTF_VOID, BtfBuilder, type StructMember } from "./btf-builder.ts";
export type { BtfKind } from "./btf-layout.ts";
export { netfilterEnvironment, skBuffEnvironment } from "./contexts.ts";
export { disassemble, formatInstruction } from "./disassemble.ts";
export { BpfFault, type Environment, Executable, type RunResult } from "./executable.ts";
export * from "./instruction.ts";
export { interpret } from "./interpret.ts";
export { type BpfMap, createMap, type MapOptions, ProgArrayMap, RingBufferMap } from "./maps.ts";
export { Region } from "./memory.ts";
export { OPCODES, type Opcode, type OpcodeName, opcode } from "./opcodes.ts";
export { type ProgramBtf, programBtf } from "./program-btf.ts";
export { type Label, type Program, ProgramBuilder, type SourceSpan, spanOfSlot } from "./program-builder.ts";
