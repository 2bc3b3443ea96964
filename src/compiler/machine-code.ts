/**
 * eBPF instructions whose registers may still be virtual: what lower.ts makes of the SSA form and what allocate.ts
 * turns into programs. No longer SSA: block parameters have become moves.
 */

import type { OpcodeName } from "../ebpf/opcodes.ts";
import type { SourceSpan } from "../ebpf/program-builder.ts";
import type { Comparison } from "./ir.ts";

/** 0..9 are those of the machine, 10 is the frame pointer, from `FIRST_VIRTUAL` on they are virtual. */
export type Register = number;

/** How many registers of the machine may hold values. */
export const REGISTER_COUNT = 10;
export const FRAME: Register = 10;
export const FIRST_VIRTUAL: Register = 11;
/** Where an instruction has no such operand. */
export const NONE: Register = -1;
/** What a call loses, as a mask: r0 is its result, r1..r5 are its arguments. */
export const CALL_CLOBBERS = 0b111111;

export const isVirtual = (register: Register): boolean => register >= FIRST_VIRTUAL;

/** How an instruction uses its register operands. */
export interface Role {
  readonly readsDst: boolean;
  readonly writesDst: boolean;
  readonly readsSrc: boolean;
}

export interface MachineInstruction {
  readonly name: OpcodeName;
  readonly role: Role;
  dst: Register;
  src: Register;
  /** Of a move from the frame pointer: what is added to it (a second instruction in the end). */
  off: number;
  readonly imm: number;
  readonly high: number;
  readonly symbol: string | undefined;
  /** The stack word that it loads or stores instead of `off`, until those have places. */
  slot: number | undefined;
  /** Of a call: how many arguments it reads, in r1 and up. */
  readonly callArguments: number | undefined;
  readonly span: SourceSpan | undefined;
}

export type MachineEnd =
  | { readonly op: "jump"; to: MachineBlock; readonly span: SourceSpan | undefined }
  | {
      readonly op: "branch";
      readonly comparison: Comparison;
      dst: Register;
      /** `NONE`: compared with `imm`. */
      src: Register;
      readonly imm: number;
      then: MachineBlock;
      otherwise: MachineBlock;
      readonly span: SourceSpan | undefined;
    }
  | {
      readonly op: "mayGoto";
      exit: MachineBlock;
      next: MachineBlock;
      readonly span: SourceSpan | undefined;
    }
  /** Returns r0. */
  | { readonly op: "exit"; readonly span: SourceSpan | undefined };

export class MachineBlock {
  instructions: MachineInstruction[] = [];
  end: MachineEnd = { op: "exit", span: undefined };
  readonly isCold: boolean;
  /** In how many loops it is. */
  loopDepth = 0;

  constructor(isCold: boolean) {
    this.isCold = isCold;
  }
}

export interface MachineCode {
  readonly name: string;
  /** Reachable ones, the entry first, in reverse postorder. */
  blocks: MachineBlock[];
  /** One more than the highest register. */
  registerCount: number;
  /** Registers that live for an instruction or two: keeping one in memory would gain nothing. */
  readonly shortLived: Set<Register>;
  /** Registers that hold a value from memory for a while. */
  readonly reloaded: Set<Register>;
  /** Bytes of the stack that the program itself uses, a multiple of 8. */
  readonly frameBytes: number;
  /** Words of the stack that hold values without a register. */
  slotCount: number;
}

const roles = new Map<OpcodeName, Role>();

function roleOf(name: OpcodeName): Role {
  if (name.startsWith("call")) return { readsDst: false, writesDst: false, readsSrc: false };
  if (name.startsWith("atomic") || name.startsWith("stx"))
    return { readsDst: true, writesDst: false, readsSrc: true };
  if (name.startsWith("st")) return { readsDst: true, writesDst: false, readsSrc: false };
  const isMove = name.startsWith("mov") || name.startsWith("ld");
  return { readsDst: !isMove, writesDst: true, readsSrc: name.endsWith("_reg") || name.startsWith("ldx") };
}

/** Operands that an instruction has not are left out. */
export interface MachineOperands {
  readonly dst?: Register;
  readonly src?: Register;
  readonly off?: number;
  readonly imm?: number;
  readonly high?: number;
  readonly symbol?: string;
  readonly slot?: number;
  readonly callArguments?: number;
}

export function machineInstruction(
  name: OpcodeName,
  operands: MachineOperands,
  span: SourceSpan | undefined,
): MachineInstruction {
  let role = roles.get(name);
  if (role === undefined) roles.set(name, (role = roleOf(name)));
  return {
    name,
    role,
    dst: operands.dst ?? NONE,
    src: operands.src ?? NONE,
    off: operands.off ?? 0,
    imm: operands.imm ?? 0,
    high: operands.high ?? 0,
    symbol: operands.symbol,
    slot: operands.slot,
    callArguments: operands.callArguments,
    span,
  };
}

/** A copy that is gone when both ends share a register. */
export const isMove = (instruction: MachineInstruction): boolean =>
  instruction.name === "mov64_reg" && instruction.src !== FRAME;

/** Whether it makes its result from nothing, so that it can be repeated where the result is needed. */
export const isRepeatable = (instruction: MachineInstruction): boolean =>
  instruction.role.writesDst &&
  !instruction.role.readsDst &&
  (!instruction.role.readsSrc || (instruction.name === "mov64_reg" && instruction.src === FRAME));

export function successorsOf(end: MachineEnd): readonly MachineBlock[] {
  switch (end.op) {
    case "jump":
      return [end.to];
    case "branch":
      return [end.then, end.otherwise];
    case "mayGoto":
      return [end.exit, end.next];
    case "exit":
      return [];
  }
}

/** Leads every jump of a block to where `target` says. */
export function redirect(end: MachineEnd, target: (block: MachineBlock) => MachineBlock): void {
  switch (end.op) {
    case "jump":
      end.to = target(end.to);
      return;
    case "branch":
      end.then = target(end.then);
      end.otherwise = target(end.otherwise);
      return;
    case "mayGoto":
      end.exit = target(end.exit);
      end.next = target(end.next);
      return;
    case "exit":
      return;
  }
}
