/** Functions of the SSA form in few words, for tests. */

import type { SourceSpan } from "../../ebpf/program-builder.ts";
import type {
  BinaryOperation,
  Block,
  Comparison,
  Edge,
  Instruction,
  IrFunction,
  Operand,
  Terminator,
  Value,
  ValueKind,
} from "../ir.ts";

type Unplaced<T> = T extends unknown ? Omit<T, "span"> : never;

/** Appends to one block. */
export class BlockBuilder {
  readonly ir: IrFunction;
  readonly block: Block;
  /** What instructions come from. */
  span: SourceSpan | undefined;

  constructor(ir: IrFunction, block: Block) {
    this.ir = ir;
    this.block = block;
  }

  parameter(kind: ValueKind = "int"): Value {
    const value = this.ir.value(kind);
    this.block.parameters.push(value);
    return value;
  }

  emit(instruction: Unplaced<Instruction>): void {
    this.block.instructions.push({ ...instruction, span: this.span } as Instruction);
  }

  binary(operation: BinaryOperation, left: Operand, right: Operand, kind: ValueKind = "int"): Value {
    const result = this.ir.value(kind);
    this.emit({ op: "binary", operation, result, left, right });
    return result;
  }

  /** The word at an offset of the map `state`. */
  input(offset = 0): Value {
    const from = this.ir.value("pointer");
    this.emit({ op: "mapValue", symbol: "state", offset: 0, result: from });
    return this.load(from, offset);
  }

  load(from: Value, offset = 0): Value {
    const result = this.ir.value("int");
    this.emit({ op: "load", size: 8, from, offset, result });
    return result;
  }

  call(helper: number, args: readonly Operand[] = []): Value {
    const result = this.ir.value("int");
    this.emit({ op: "helper", helper, args, result });
    return result;
  }

  end(terminator: Unplaced<Terminator>): void {
    this.block.terminator = { ...terminator, span: this.span } as Terminator;
  }

  jump(target: Block, ...args: Operand[]): void {
    this.end({ op: "jump", to: { target, args } });
  }

  branch(comparison: Comparison, left: Value, right: Operand, then: Edge, otherwise: Edge): void {
    this.end({ op: "branch", comparison, left, right, then, otherwise });
  }

  return(value: Operand): void {
    this.end({ op: "return", value });
  }
}

/** A builder for a new block, or for the entry. */
export const build = (ir: IrFunction, block: Block = ir.block()): BlockBuilder => new BlockBuilder(ir, block);

export const to = (target: { block: Block }, ...args: Operand[]): Edge => ({ target: target.block, args });
