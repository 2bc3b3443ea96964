/**
 * SSA to eBPF instructions over virtual registers: two operands become `d op= s`, calls take r1..r5, block arguments
 * become moves (on edges of their own where a block has several ways out).
 *
 * For the verifier's sake a pointer is the one that is added to, never the one added, and memory on the stack is
 * reached from the frame pointer wherever that is known.
 */

import type { SourceSpan } from "../ebpf/program-builder.ts";
import { assert } from "../util/assert.ts";
import {
  type BinaryOperation,
  type Block,
  conditionOf,
  type Edge,
  edgesOf,
  type Instruction,
  type IrFunction,
  type Operand,
  operandsOf,
  reachable,
  type StackSlot,
  type Terminator,
  Value,
} from "./ir.ts";
import { reversePostorder, setLoopDepths } from "./loops.ts";
import {
  FIRST_VIRTUAL,
  FRAME,
  MachineBlock,
  type MachineCode,
  type MachineInstruction,
  type MachineOperands,
  machineInstruction,
  NONE,
  type Register,
} from "./machine-code.ts";
import { type Move, orderMoves } from "./parallel-moves.ts";

const COMMUTATIVE: ReadonlySet<BinaryOperation> = new Set(["add", "mul", "and", "or", "xor"]);
const SHIFTS: ReadonlySet<BinaryOperation> = new Set(["lsh", "rsh", "arsh"]);
const MAX_ARGUMENTS = 5;
const WORD_BYTES = 8;

/** Whether an instruction can hold a constant itself: 32 bits, sign-extended. */
export const fitsImmediate = (constant: bigint): boolean =>
  constant >= -0x80000000n && constant <= 0x7fffffffn;

/** Whether a constant is 32 bits with zeros above, as 32-bit instructions leave a register. */
const fitsUnsigned32 = (constant: bigint): boolean => constant >= 0n && constant <= 0xffffffffn;

const low = (constant: bigint): number => Number(BigInt.asIntN(32, constant));
const high = (constant: bigint): number => Number(BigInt.asIntN(32, constant >> 32n));

export function lower(ir: IrFunction): MachineCode {
  return new Lowering(ir).run();
}

class Lowering {
  readonly #ir: IrFunction;
  readonly #order: Block[];
  readonly #blocks = new Map<Block, MachineBlock>();
  readonly #slots = new Map<StackSlot, number>();
  /** Instructions that cost no more at each use than a copy of their result. */
  readonly #repeatable = new Map<Value, Instruction>();
  /** By value. */
  readonly #useCounts: Uint32Array;
  readonly #shortLived = new Set<Register>();
  #frameBytes = 0;
  #registers: number;
  #out: MachineInstruction[] = [];
  #span: SourceSpan | undefined;

  constructor(ir: IrFunction) {
    this.#ir = ir;
    this.#order = reachable(ir);
    this.#registers = FIRST_VIRTUAL + ir.valueCount;
    this.#useCounts = new Uint32Array(ir.valueCount);
  }

  run(): MachineCode {
    for (const block of this.#order) this.#survey(block);
    for (const block of this.#order) this.#lowerBlock(block);
    const entry = this.#blocks.get(this.#ir.entry)!;
    const blocks = reversePostorder(entry);
    setLoopDepths(blocks);
    return {
      name: this.#ir.name,
      blocks,
      registerCount: this.#registers,
      shortLived: this.#shortLived,
      reloaded: new Set(),
      frameBytes: this.#frameBytes,
      slotCount: 0,
    };
  }

  /** Counts uses, finds what can be repeated, gives stack slots their places. */
  #survey(block: Block): void {
    this.#blocks.set(block, new MachineBlock(block.isCold));
    const count = (operand: Operand): void => {
      if (operand instanceof Value) this.#useCounts[operand.id]!++;
    };
    for (const instruction of block.instructions) {
      operandsOf(instruction).forEach(count);
      if (instruction.op === "stackAddress") this.#place(instruction.slot);
      if (instruction.op === "stackAddress" || instruction.op === "map" || instruction.op === "mapValue")
        this.#repeatable.set(instruction.result, instruction);
    }
    const terminator = block.terminator!;
    conditionOf(terminator).forEach(count);
    for (const edge of edgesOf(terminator)) edge.args.forEach(count);
  }

  #place(slot: StackSlot): void {
    if (this.#slots.has(slot)) return;
    this.#frameBytes += Math.ceil(slot.sizeBytes / WORD_BYTES) * WORD_BYTES;
    this.#slots.set(slot, -this.#frameBytes);
  }

  #register(value: Value): Register {
    return FIRST_VIRTUAL + value.id;
  }

  #temporary(): Register {
    return this.#registers++;
  }

  #emit(name: MachineInstruction["name"], operands: MachineOperands): void {
    this.#out.push(machineInstruction(name, operands, this.#span));
  }

  #lowerBlock(block: Block): void {
    const made = this.#blocks.get(block)!;
    this.#out = made.instructions;
    this.#span = undefined;
    if (block === this.#ir.entry && block.parameters[0])
      this.#emit("mov64_reg", { dst: this.#register(block.parameters[0]), src: 1 });
    for (const instruction of block.instructions) {
      this.#span = instruction.span;
      this.#instruction(instruction);
    }
    this.#span = block.terminator!.span;
    this.#terminator(block, made, block.terminator!);
  }

  /** `dst` = a constant, in the shortest way. */
  #constant(dst: Register, constant: bigint): void {
    if (fitsImmediate(constant)) this.#emit("mov64_imm", { dst, imm: Number(constant) });
    else if (fitsUnsigned32(constant)) this.#emit("mov32_imm", { dst, imm: low(constant) });
    else this.#emit("ld_imm64", { dst, imm: low(constant), high: high(constant) });
  }

  /** `dst` = a value or a constant. */
  #move(dst: Register, operand: Operand): void {
    if (typeof operand === "bigint") this.#constant(dst, operand);
    else this.#emit("mov64_reg", { dst, src: this.#register(operand) });
  }

  /** As `#move`, but makes addresses anew rather than to keep them for long. */
  #moveOrRepeat(dst: Register, operand: Operand): void {
    const made = operand instanceof Value ? this.#repeatable.get(operand) : undefined;
    if (made) this.#address(made, dst);
    else this.#move(dst, operand);
  }

  /** A register with the operand in it, to be read by the next instruction. */
  #read(operand: Operand): Register {
    if (operand instanceof Value) return this.#register(operand);
    const register = this.#temporary();
    this.#shortLived.add(register);
    this.#constant(register, operand);
    return register;
  }

  /** The register and the offset that lead to `offset` bytes behind an address. */
  #base(address: Value, offset: number): { register: Register; off: number } {
    const made = this.#repeatable.get(address);
    if (made?.op === "stackAddress") return { register: FRAME, off: this.#slots.get(made.slot)! + offset };
    return { register: this.#register(address), off: offset };
  }

  #address(instruction: Instruction, dst: Register): void {
    switch (instruction.op) {
      case "stackAddress":
        this.#emit("mov64_reg", { dst, src: FRAME, off: this.#slots.get(instruction.slot)! });
        return;
      case "map":
        this.#emit("ld_map", { dst, symbol: instruction.symbol });
        return;
      case "mapValue":
        this.#emit("ld_map_value", { dst, symbol: instruction.symbol, high: instruction.offset });
        return;
      default:
        assert(false, `${instruction.op} makes no address`);
    }
  }

  #instruction(instruction: Instruction): void {
    switch (instruction.op) {
      case "binary":
        this.#binary(instruction.operation, instruction.result, instruction.left, instruction.right);
        return;
      case "negate": {
        const dst = this.#register(instruction.result);
        this.#move(dst, instruction.operand);
        this.#emit("neg64", { dst });
        return;
      }
      case "swap": {
        const dst = this.#register(instruction.result);
        this.#move(dst, instruction.operand);
        this.#emit(`bswap${instruction.bits}`, { dst });
        return;
      }
      case "load": {
        const { register, off } = this.#base(instruction.from, instruction.offset);
        const bits = BITS[instruction.size];
        this.#emit(`ldx${bits}`, { dst: this.#register(instruction.result), src: register, off });
        return;
      }
      case "store": {
        const { register, off } = this.#base(instruction.to, instruction.offset);
        const { value } = instruction;
        const bits = BITS[instruction.size];
        if (typeof value === "bigint" && (instruction.size < WORD_BYTES || fitsImmediate(value)))
          this.#emit(`st${bits}`, { dst: register, off, imm: low(value) });
        else this.#emit(`stx${bits}`, { dst: register, off, src: this.#read(value) });
        return;
      }
      case "atomicAdd": {
        const { register, off } = this.#base(instruction.to, instruction.offset);
        const src = this.#register(instruction.value);
        const name = instruction.size === WORD_BYTES ? "atomic64_add" : "atomic32_add";
        this.#emit(name, { dst: register, off, src });
        return;
      }
      case "exchange": {
        const dst = this.#register(instruction.result);
        this.#move(dst, instruction.value);
        const { register, off } = this.#base(instruction.to, instruction.offset);
        this.#emit("atomic64_xchg", { dst: register, off, src: dst });
        return;
      }
      case "stackAddress":
      case "map":
      case "mapValue":
        this.#address(instruction, this.#register(instruction.result));
        return;
      case "helper":
      case "kfunc":
        this.#call(instruction);
        return;
    }
  }

  #binary(operation: BinaryOperation, result: Value, left: Operand, right: Operand): void {
    const dst = this.#register(result);
    if (COMMUTATIVE.has(operation) && this.#isBetterSecond(left, right)) [left, right] = [right, left];
    if (typeof right === "bigint") {
      if (SHIFTS.has(operation)) right &= 63n;
      // The verifier takes no constant 0 here; a register with 0 would do the same.
      else if (right === 0n && (operation === "div" || operation === "sdiv")) {
        this.#constant(dst, 0n);
        return;
      } else if (right === 0n && (operation === "mod" || operation === "smod")) {
        this.#move(dst, left);
        return;
      } else if (operation === "and" && !fitsImmediate(right) && fitsUnsigned32(right)) {
        this.#mask32(dst, left, right);
        return;
      }
    }
    this.#move(dst, left);
    if (typeof right === "bigint" && fitsImmediate(right))
      this.#emit(`${operation}64_imm`, { dst, imm: Number(right) });
    else this.#emit(`${operation}64_reg`, { dst, src: this.#read(right) });
  }

  /** Which operand is to be overwritten: a pointer before all else, never a constant, best one nobody else reads. */
  #isBetterSecond(left: Operand, right: Operand): boolean {
    if (typeof left === "bigint" || typeof right === "bigint") return typeof left === "bigint";
    if (left.kind !== right.kind) return right.kind === "pointer";
    return this.#useCounts[right.id] === 1 && this.#useCounts[left.id] !== 1;
  }

  /** A mask of 32 bits that no immediate of 64-bit instructions can be: those of 32 bits clear the rest. */
  #mask32(dst: Register, left: Operand, mask: bigint): void {
    this.#move(dst, left);
    if (mask === 0xffffffffn) this.#emit("mov32_reg", { dst, src: dst });
    else this.#emit("and32_imm", { dst, imm: low(mask) });
  }

  #call(instruction: Extract<Instruction, { op: "helper" | "kfunc" }>): void {
    const { args } = instruction;
    assert(args.length <= MAX_ARGUMENTS, `a call takes ${MAX_ARGUMENTS} arguments`);
    const isMade = (operand: Operand): boolean =>
      typeof operand === "bigint" || this.#repeatable.has(operand);
    // What has to be in a register anyway first: then it may die before the others need one.
    for (const made of [false, true])
      for (const [index, operand] of args.entries())
        if (isMade(operand) === made) this.#moveOrRepeat(index + 1, operand);
    const callArguments = args.length;
    if (instruction.op === "helper") this.#emit("call_helper", { imm: instruction.helper, callArguments });
    else this.#emit("call_kfunc", { symbol: instruction.name, callArguments });
    if (instruction.result) this.#emit("mov64_reg", { dst: this.#register(instruction.result), src: 0 });
  }

  #terminator(block: Block, made: MachineBlock, terminator: Terminator): void {
    const span = terminator.span;
    switch (terminator.op) {
      case "jump":
        this.#moves(terminator.to);
        made.end = { op: "jump", to: this.#blocks.get(terminator.to.target)!, span };
        return;
      case "branch": {
        const { comparison, left, right } = terminator;
        const isImmediate = typeof right === "bigint" && fitsImmediate(right);
        made.end = {
          op: "branch",
          comparison,
          dst: this.#register(left),
          src: isImmediate ? NONE : this.#read(right),
          imm: isImmediate ? Number(right) : 0,
          then: this.#edge(block, terminator.then),
          otherwise: this.#edge(block, terminator.otherwise),
          span,
        };
        return;
      }
      case "mayGoto":
        made.end = {
          op: "mayGoto",
          exit: this.#edge(block, terminator.exit),
          next: this.#edge(block, terminator.next),
          span,
        };
        return;
      case "return":
        this.#move(0, terminator.value);
        made.end = { op: "exit", span };
        return;
    }
  }

  /** Where an edge of several leads: a block with its moves, or straight to its target. */
  #edge(from: Block, edge: Edge): MachineBlock {
    const target = this.#blocks.get(edge.target)!;
    if (edge.args.length === 0) return target;
    const between = new MachineBlock(from.isCold || edge.target.isCold);
    const out = this.#out;
    this.#out = between.instructions;
    this.#moves(edge);
    this.#out = out;
    between.end = { op: "jump", to: target, span: this.#span };
    return between;
  }

  /** The arguments of an edge into the parameters of its target, all at once. */
  #moves(edge: Edge): void {
    const { parameters } = edge.target;
    assert(
      parameters.length === edge.args.length,
      `block ${edge.target.id} takes ${parameters.length} arguments, not ${edge.args.length}`,
    );
    const moves: Move[] = [];
    for (const [index, operand] of edge.args.entries())
      if (operand instanceof Value)
        moves.push({ to: this.#register(parameters[index]!), from: this.#register(operand) });
    for (const { to, from } of orderMoves(moves, () => this.#temporary()))
      this.#emit("mov64_reg", { dst: to, src: from });
    // Constants come last: nobody reads the parameters that they overwrite any more.
    for (const [index, operand] of edge.args.entries())
      if (typeof operand === "bigint") this.#constant(this.#register(parameters[index]!), operand);
  }
}

const BITS = { 1: "8", 2: "16", 4: "32", 8: "64" } as const;
