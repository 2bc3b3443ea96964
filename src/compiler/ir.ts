/**
 * The form between Lua and eBPF: blocks of instructions over values that are set once (SSA), joined by block arguments.
 * specialize*.ts makes it, already in the terms of the machine (64-bit words, addresses, calls of helpers); passes
 * (optimize.ts) shorten it; generate.ts gives the values registers.
 *
 * A constant is an operand by itself and needs no instruction. A value is an integer or an address, and what the
 * verifier must see differs: addresses may only be added to, and only whole ones are kept.
 */

import type { SourceSpan } from "../ebpf/program-builder.ts";
import { assert } from "../util/assert.ts";

/** What is known of a signed 64-bit value: `low <= value <= high`. */
export interface Range {
  readonly low: bigint;
  readonly high: bigint;
}

export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;
export const ANY: Range = { low: INT64_MIN, high: INT64_MAX };

export type ValueKind = "int" | "pointer";

/** A 64-bit word that is set once. */
export class Value {
  readonly id: number;
  readonly kind: ValueKind;
  /** Of an integer, signed. Holds wherever the value is; the specializer knows more at some places. */
  readonly range: Range;

  constructor(id: number, kind: ValueKind, range: Range = ANY) {
    this.id = id;
    this.kind = kind;
    this.range = range;
  }
}

/** A value, or a constant as a signed 64-bit number. */
export type Operand = Value | bigint;

export type BinaryOperation =
  | "add"
  | "sub"
  | "mul"
  | "and"
  | "or"
  | "xor"
  | "lsh"
  | "rsh"
  | "arsh"
  | "div"
  | "mod"
  | "sdiv"
  | "smod";

/** As the jumps of eBPF are called; the signed ones have an s. */
export type Comparison =
  | "jeq"
  | "jne"
  | "jgt"
  | "jge"
  | "jlt"
  | "jle"
  | "jsgt"
  | "jsge"
  | "jslt"
  | "jsle"
  | "jset";

export type AccessSize = 1 | 2 | 4 | 8;

/** Bytes on the stack, whose place the generator chooses (aligned to 8). */
export class StackSlot {
  readonly name: string;
  readonly sizeBytes: number;

  constructor(name: string, sizeBytes: number) {
    this.name = name;
    this.sizeBytes = sizeBytes;
  }
}

interface Placed {
  readonly span: SourceSpan | undefined;
}

/** `result` is undefined where there is none. */
export type Instruction = Placed &
  (
    | {
        readonly op: "binary";
        readonly operation: BinaryOperation;
        readonly result: Value;
        readonly left: Operand;
        readonly right: Operand;
      }
    | { readonly op: "negate"; readonly result: Value; readonly operand: Operand }
    /** The low 16, 32 or 64 bits with their bytes in the other order; the rest of the result is zero. */
    | { readonly op: "swap"; readonly bits: 16 | 32 | 64; readonly result: Value; readonly operand: Operand }
    /** Zero-extended. Of 8 bytes it may be an address that the verifier knows of. */
    | {
        readonly op: "load";
        readonly size: AccessSize;
        readonly result: Value;
        readonly from: Value;
        readonly offset: number;
      }
    | {
        readonly op: "store";
        readonly size: AccessSize;
        readonly to: Value;
        readonly offset: number;
        readonly value: Operand;
        readonly result: undefined;
      }
    /** Adds to a word in a map, with all processors in mind. */
    | {
        readonly op: "atomicAdd";
        readonly size: 4 | 8;
        readonly to: Value;
        readonly offset: number;
        readonly value: Value;
        readonly result: undefined;
      }
    /** Puts `value` in place of the 8 bytes in a map, with all processors in mind; the result is what was there. */
    | {
        readonly op: "exchange";
        readonly to: Value;
        readonly offset: number;
        readonly value: Operand;
        readonly result: Value;
      }
    /** The address of a slot: cheap to make again. */
    | { readonly op: "stackAddress"; readonly slot: StackSlot; readonly result: Value }
    /** A map as helpers take it: cheap to make again (16 bytes of code). */
    | { readonly op: "map"; readonly symbol: string; readonly result: Value }
    /** The address inside the only value of an array map: cheap to make again. */
    | { readonly op: "mapValue"; readonly symbol: string; readonly offset: number; readonly result: Value }
    | {
        readonly op: "helper";
        readonly helper: number;
        readonly args: readonly Operand[];
        readonly result: Value | undefined;
      }
    | {
        readonly op: "kfunc";
        readonly name: string;
        readonly args: readonly Operand[];
        readonly result: Value | undefined;
      }
  );

/** An edge: the block and a value for each of its parameters. */
export interface Edge {
  readonly target: Block;
  readonly args: readonly Operand[];
}

export type Terminator = Placed &
  (
    | { readonly op: "jump"; readonly to: Edge }
    | {
        readonly op: "branch";
        readonly comparison: Comparison;
        readonly left: Value;
        readonly right: Operand;
        readonly then: Edge;
        readonly otherwise: Edge;
        /** What it decides is for the verifier to see. */
        readonly isShown?: true;
      }
    /** The verifier's bound on loops: goes to `exit` when the kernel has had enough, which is no normal end. */
    | { readonly op: "mayGoto"; readonly exit: Edge; readonly next: Edge }
    /** Programs of netfilter may only return constants that the verifier sees. */
    | { readonly op: "return"; readonly value: Operand }
  );

export class Block {
  readonly id: number;
  readonly parameters: Value[] = [];
  readonly instructions: Instruction[] = [];
  terminator: Terminator | undefined;
  /** Off the common path: laid out behind everything else, its values kept out of registers first. */
  isCold = false;

  constructor(id: number) {
    this.id = id;
  }
}

/** A program: its entry has one parameter, the context. */
export class IrFunction {
  readonly name: string;
  readonly entry: Block;
  readonly blocks: Block[] = [];
  #values = 0;

  constructor(name: string) {
    this.name = name;
    this.entry = this.block();
  }

  block(): Block {
    const block = new Block(this.blocks.length);
    this.blocks.push(block);
    return block;
  }

  value(kind: ValueKind, range?: Range): Value {
    return new Value(this.#values++, kind, range);
  }

  get valueCount(): number {
    return this.#values;
  }
}

export function edgesOf(terminator: Terminator): readonly Edge[] {
  switch (terminator.op) {
    case "jump":
      return [terminator.to];
    case "branch":
      return [terminator.then, terminator.otherwise];
    case "mayGoto":
      return [terminator.exit, terminator.next];
    case "return":
      return [];
  }
}

/** What an instruction reads. */
export function operandsOf(instruction: Instruction): readonly Operand[] {
  switch (instruction.op) {
    case "binary":
      return [instruction.left, instruction.right];
    case "negate":
    case "swap":
      return [instruction.operand];
    case "load":
      return [instruction.from];
    case "store":
    case "atomicAdd":
    case "exchange":
      return [instruction.to, instruction.value];
    case "helper":
    case "kfunc":
      return instruction.args;
    case "stackAddress":
    case "map":
    case "mapValue":
      return [];
  }
}

/** What a terminator reads itself, without the arguments of its edges. */
export function conditionOf(terminator: Terminator): readonly Operand[] {
  if (terminator.op === "branch") return [terminator.left, terminator.right];
  return terminator.op === "return" ? [terminator.value] : [];
}

/** Kernel functions that only compute. */
const PURE_KFUNCS: ReadonlySet<string> = new Set(["bpf_rdonly_cast", "bpf_cast_to_kern_ctx"]);
const EFFECTS: ReadonlySet<Instruction["op"]> = new Set([
  "store",
  "atomicAdd",
  "exchange",
  "helper",
  "kfunc",
]);

/** Whether it changes memory, or may. */
export const hasEffects = (instruction: Instruction): boolean => EFFECTS.has(instruction.op);

/** Whether nothing is lost when nobody reads the result. */
export function isRemovable(instruction: Instruction): boolean {
  return !hasEffects(instruction) || (instruction.op === "kfunc" && PURE_KFUNCS.has(instruction.name));
}

/** Blocks in reverse postorder from the entry: every block before its successors, loops aside. Others are dead. */
export function reachable(ir: IrFunction): Block[] {
  const seen = new Set<Block>();
  const order: Block[] = [];
  // An explicit stack: chains of blocks are long.
  const stack: { block: Block; next: number }[] = [{ block: ir.entry, next: 0 }];
  seen.add(ir.entry);
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    assert(top.block.terminator !== undefined, `block ${top.block.id} of ${ir.name} has no end`);
    const edges = edgesOf(top.block.terminator);
    const edge = edges[edges.length - 1 - top.next];
    top.next++;
    if (edge === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (!seen.has(edge.target)) {
      seen.add(edge.target);
      stack.push({ block: edge.target, next: 0 });
    }
  }
  return order.reverse();
}
