import { expect, test } from "vitest";
import { foldBinary, foldComparison, foldNegate, foldSwap, MIRRORED } from "./fold.ts";
import { type BinaryOperation, type Comparison, IrFunction, type Operand, Value } from "./ir.ts";
import { simplify } from "./simplify.ts";
import { build } from "./testing/build-ir.ts";
import { evaluateIr } from "./testing/evaluate-ir.ts";

const OPERATIONS = "add sub mul and or xor lsh rsh arsh div mod sdiv smod".split(" ") as BinaryOperation[];
const COMPARISONS = "jeq jne jgt jge jlt jle jsgt jsge jslt jsle jset".split(" ") as Comparison[];
const WORDS = [
  0n,
  1n,
  2n,
  3n,
  5n,
  8n,
  63n,
  64n,
  65n,
  255n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 62n,
  2n ** 63n - 1n,
  -1n,
  -2n,
  -7n,
  -(2n ** 31n),
  -(2n ** 32n),
  -(2n ** 63n),
  -(2n ** 63n) + 1n,
];

/** What one operation gives, word for word. */
function meaning(operation: BinaryOperation, left: bigint, right: bigint): bigint {
  const ir = new IrFunction("one");
  const entry = build(ir, ir.entry);
  entry.return(entry.binary(operation, left, right));
  return evaluateIr(ir, {});
}

test("constants are folded as they are computed", () => {
  for (const left of WORDS) {
    for (const operation of OPERATIONS)
      for (const right of WORDS)
        expect(foldBinary(operation, left, right), `${operation} ${left}, ${right}`).toBe(
          meaning(operation, left, right),
        );
    expect(foldNegate(left)).toBe(BigInt.asIntN(64, -left));
  }
  expect(foldSwap(16, 0x11223344n)).toBe(0x4433n);
  expect(foldSwap(32, 0x11223344n)).toBe(0x44332211n);
  expect(foldSwap(64, 0x11n)).toBe(0x1100000000000000n);
});

test("comparisons hold for constants as in the machine, and mirrored for exchanged sides", () => {
  const unsigned = (word: bigint): bigint => BigInt.asUintN(64, word);
  for (const left of WORDS)
    for (const right of WORDS) {
      expect(foldComparison("jgt", left, right)).toBe(unsigned(left) > unsigned(right));
      expect(foldComparison("jsle", left, right)).toBe(left <= right);
      expect(foldComparison("jset", left, right)).toBe((left & right) !== 0n);
      for (const comparison of COMPARISONS)
        expect(foldComparison(MIRRORED[comparison], right, left), comparison).toBe(
          foldComparison(comparison, left, right),
        );
    }
});

test("what an operation is replaced by does the same for every word", () => {
  const value = new Value(0, "int");
  let simplified = 0;
  const check = (operation: BinaryOperation, left: Operand, right: Operand): void => {
    const result = new Value(1, "int");
    const simpler = simplify({ op: "binary", operation, result, left, right, span: undefined });
    if (simpler === undefined) return;
    simplified++;
    for (const word of WORDS) {
      const of = (operand: Operand): bigint => (operand instanceof Value ? word : operand);
      const expected = meaning(operation, of(left), of(right));
      let actual: bigint;
      if ("same" in simpler) actual = of(simpler.same);
      else if (simpler.operation === "negate") actual = foldNegate(of(simpler.left));
      else actual = meaning(simpler.operation, of(simpler.left), of(simpler.right));
      expect(actual, `${operation} ${left}, ${right} of ${word}`).toBe(expected);
    }
  };
  const powers = Array.from({ length: 64 }, (_, bit) => BigInt.asIntN(64, 1n << BigInt(bit)));
  for (const operation of OPERATIONS) {
    for (const constant of [...WORDS, ...powers]) {
      check(operation, value, constant);
      check(operation, constant, value);
    }
    check(operation, value, value);
  }
  // 63 powers each of mul, div and mod, and much more.
  expect(simplified).toBeGreaterThan(400);
});

test("an address is not taken for a number", () => {
  const address = new Value(0, "pointer");
  const add = { op: "binary", operation: "add", left: address, right: 0n, span: undefined } as const;
  expect(simplify({ ...add, result: new Value(1, "pointer") })).toEqual({ same: address });
  expect(simplify({ ...add, result: new Value(1, "int") })).toBeUndefined();
  expect(simplify({ ...add, right: address, result: new Value(1, "int") })).toBeUndefined();
});
