/**
 * An instruction that computes nothing new, or the same more cheaply. Only rules that hold for every 64-bit word: what
 * the specializer knows of ranges is left alone, since a check that is always true may be there for the verifier.
 */

import { foldBinary, foldNegate, foldSwap } from "./fold.ts";
import { type BinaryOperation, type Instruction, type Operand, Value } from "./ir.ts";

/** `same`: the result is this operand. Otherwise the operation that does the same, or undefined. */
export type Simpler =
  | { readonly same: Operand }
  | { readonly operation: BinaryOperation | "negate"; readonly left: Operand; readonly right: Operand };

const isConstant = (operand: Operand): operand is bigint => typeof operand === "bigint";

export function simplify(instruction: Instruction): Simpler | undefined {
  switch (instruction.op) {
    case "binary":
      return simplifyBinary(instruction);
    case "negate":
      return isConstant(instruction.operand) ? { same: foldNegate(instruction.operand) } : undefined;
    case "swap":
      return isConstant(instruction.operand)
        ? { same: foldSwap(instruction.bits, instruction.operand) }
        : undefined;
    default:
      return undefined;
  }
}

const COMMUTATIVE: ReadonlySet<BinaryOperation> = new Set(["add", "mul", "and", "or", "xor"]);

function simplifyBinary({
  operation,
  result,
  left,
  right,
}: Extract<Instruction, { op: "binary" }>): Simpler | undefined {
  if (isConstant(left) && isConstant(right)) return { same: foldBinary(operation, left, right) };
  if (isConstant(left)) {
    if (COMMUTATIVE.has(operation)) return { operation, left: right, right: left };
    return left === 0n ? ofZero(operation, right) : undefined;
  }
  const simpler = isConstant(right)
    ? withConstant(operation, left, right)
    : withValue(operation, left, right);
  // An address as a number of its own, say, stays what it is.
  if (simpler && "same" in simpler && simpler.same instanceof Value && simpler.same.kind !== result.kind)
    return undefined;
  return simpler;
}

/** 0 op x. */
function ofZero(operation: BinaryOperation, right: Operand): Simpler | undefined {
  if (operation === "sub") return { operation: "negate", left: right, right: 0n };
  // Shifts of nothing, and its quotients and remainders, by 0 too.
  return { same: 0n };
}

/** x op y. */
function withValue(operation: BinaryOperation, left: Value, right: Operand): Simpler | undefined {
  if (left !== right) return undefined;
  switch (operation) {
    case "sub":
    case "xor":
    case "mod":
    case "smod":
      return { same: 0n };
    case "and":
    case "or":
      return { same: left };
    case "add":
      return left.kind === "int" ? { operation: "lsh", left, right: 1n } : undefined;
    default:
      // x / x is 1, but 0 where x is 0.
      return undefined;
  }
}

/** k where c = 2^k as an unsigned word, or undefined. */
function exponentOf(constant: bigint): bigint | undefined {
  const unsigned = BigInt.asUintN(64, constant);
  if (unsigned === 0n || (unsigned & (unsigned - 1n)) !== 0n) return undefined;
  return BigInt(unsigned.toString(2).length - 1);
}

/** x op c. */
function withConstant(operation: BinaryOperation, left: Value, constant: bigint): Simpler | undefined {
  const exponent = exponentOf(constant);
  switch (operation) {
    case "add":
    case "sub":
    case "or":
    case "xor":
      if (constant === 0n) return { same: left };
      return operation === "or" && constant === -1n ? { same: -1n } : undefined;
    case "lsh":
    case "rsh":
    case "arsh":
      return (constant & 63n) === 0n ? { same: left } : undefined;
    case "and":
      if (constant === 0n) return { same: 0n };
      return constant === -1n ? { same: left } : undefined;
    case "mul":
      if (constant === 0n) return { same: 0n };
      if (constant === 1n) return { same: left };
      if (constant === -1n) return { operation: "negate", left, right: 0n };
      return exponent === undefined ? undefined : { operation: "lsh", left, right: exponent };
    case "div":
      if (constant === 0n) return { same: 0n };
      if (constant === 1n) return { same: left };
      return exponent === undefined ? undefined : { operation: "rsh", left, right: exponent };
    case "mod":
      if (constant === 0n) return { same: left };
      return exponent === undefined
        ? undefined
        : { operation: "and", left, right: BigInt.asIntN(64, (1n << exponent) - 1n) };
    case "sdiv":
      if (constant === 0n) return { same: 0n };
      if (constant === 1n) return { same: left };
      return constant === -1n ? { operation: "negate", left, right: 0n } : undefined;
    case "smod":
      if (constant === 0n) return { same: left };
      return constant === 1n || constant === -1n ? { same: 0n } : undefined;
  }
}
