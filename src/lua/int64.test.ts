import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as int64 from "./int64.ts";
import { LuaInt64, type LuaInteger } from "./value.ts";

const numRuns = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 500);
const SIGNIFICANT = [0n, 1n, -1n, 2n, 2n ** 31n, 2n ** 32n, 2n ** 52n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n];

/** 64-bit integers, crowded around the places where the representation changes. */
const any64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }),
  fc.integer().map(BigInt),
  fc
    .tuple(
      fc.constantFrom(...SIGNIFICANT),
      fc.constantFrom(1n, -1n),
      fc.integer({ min: -3, max: 3 }).map(BigInt),
    )
    .map(([base, sign, offset]) => BigInt.asIntN(64, base * sign + offset)),
);

const floorDiv = (a: bigint, b: bigint): bigint => {
  const q = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? q - 1n : q;
};
const unsigned = (a: bigint): bigint => BigInt.asUintN(64, a);
const shiftLeft = (a: bigint, n: bigint): bigint =>
  n <= -64n || n >= 64n ? 0n : n >= 0n ? unsigned(a) << n : unsigned(a) >> -n;

const binary: [string, (a: LuaInteger, b: LuaInteger) => LuaInteger, (a: bigint, b: bigint) => bigint][] = [
  ["add", int64.add, (a, b) => a + b],
  ["sub", int64.sub, (a, b) => a - b],
  ["mul", int64.mul, (a, b) => a * b],
  ["idiv", int64.idiv, floorDiv],
  ["mod", int64.mod, (a, b) => a - floorDiv(a, b) * b],
  ["band", int64.band, (a, b) => a & b],
  ["bor", int64.bor, (a, b) => a | b],
  ["bxor", int64.bxor, (a, b) => a ^ b],
];

function expectInteger(actual: LuaInteger, wanted: bigint): void {
  const wrapped = BigInt.asIntN(64, wanted);
  expect(int64.toBigInt(actual)).toBe(wrapped);
  expect(actual instanceof LuaInt64).toBe(
    wrapped > BigInt(int64.MAX_SAFE) || wrapped < -BigInt(int64.MAX_SAFE),
  );
  expect(Object.is(actual, -0)).toBe(false);
}

describe("agreement with BigInt", () => {
  test.each(binary)("%s", (_name, ours, theirs) => {
    fc.assert(
      fc.property(any64, any64, (a, b) => {
        if (b === 0n && (ours === int64.idiv || ours === int64.mod)) return;
        expectInteger(ours(int64.fromBigInt(a), int64.fromBigInt(b)), theirs(a, b));
      }),
      { numRuns },
    );
  });

  test("division by small and by large divisors of both signs", () => {
    const divisor = fc.oneof(fc.integer({ min: -(2 ** 22), max: 2 ** 22 }).map(BigInt), any64);
    fc.assert(
      fc.property(any64, divisor, (a, b) => {
        if (b === 0n) return;
        expectInteger(int64.idiv(int64.fromBigInt(a), int64.fromBigInt(b)), floorDiv(a, b));
        expectInteger(int64.mod(int64.fromBigInt(a), int64.fromBigInt(b)), a - floorDiv(a, b) * b);
      }),
      { numRuns },
    );
  });

  test("shifts", () => {
    fc.assert(
      fc.property(any64, fc.oneof(fc.integer({ min: -70, max: 70 }).map(BigInt), any64), (a, n) => {
        expectInteger(int64.shl(int64.fromBigInt(a), int64.fromBigInt(n)), shiftLeft(a, n));
        expectInteger(int64.shr(int64.fromBigInt(a), int64.fromBigInt(n)), shiftLeft(a, -n));
      }),
      { numRuns },
    );
  });

  test("one operand, order and text", () => {
    fc.assert(
      fc.property(any64, any64, (a, b) => {
        const x = int64.fromBigInt(a);
        const y = int64.fromBigInt(b);
        expectInteger(x, a);
        expectInteger(int64.unm(x), -a);
        expectInteger(int64.bnot(x), ~a);
        expect(int64.eq(x, y)).toBe(a === b);
        expect(int64.eq(x, int64.fromBigInt(a))).toBe(true);
        expect(int64.lt(x, y)).toBe(a < b);
        expect(int64.le(x, y)).toBe(a <= b);
        expect(int64.ult(x, y)).toBe(unsigned(a) < unsigned(b));
        expect(int64.toDecimal(x)).toBe(a.toString());
        expect(int64.toHex(x)).toBe(unsigned(a).toString(16));
        expect(int64.toNumber(x)).toBe(Number(a));
        expectInteger(int64.parseInteger(a.toString())!, a);
        expectInteger(int64.parseInteger(`0x${unsigned(a).toString(16)}`)!, a);
      }),
      { numRuns },
    );
  });
});

test("a remainder whose floored product passes 2^53 keeps its last bit", () => {
  expect(int64.mod(9007199254740991, -3602879701896397)).toBe(-1801439850948200);
});

test("the minimum divided by -1 wraps to itself", () => {
  expect(int64.idiv(int64.MIN_INTEGER, -1)).toEqual(int64.MIN_INTEGER);
  expect(int64.mod(int64.MIN_INTEGER, -1)).toBe(0);
});

test.each<[string, bigint | undefined]>([
  ["0", 0n],
  ["-0", 0n],
  ["10", 10n],
  [" \t\n10\v\f\r ", 10n],
  ["+7", 7n],
  ["- 7", undefined],
  ["", undefined],
  [" ", undefined],
  ["-", undefined],
  ["0x", undefined],
  ["0xg", undefined],
  ["0x10", 16n],
  ["-0XfF", -255n],
  ["0x1ffffffffffffffff", -1n],
  ["1.5", undefined],
  ["1e2", undefined],
  ["1 2", undefined],
  ["9223372036854775807", 2n ** 63n - 1n],
  ["9223372036854775808", undefined],
  ["-9223372036854775808", -(2n ** 63n)],
  ["-9223372036854775809", undefined],
  ["00000000000000000000000000000012", 12n],
  ["99999999999999999999", undefined],
  ["1\0", undefined],
])("parseInteger(%j)", (text, wanted) => {
  const parsed = int64.parseInteger(text);
  expect(parsed === undefined ? undefined : int64.toBigInt(parsed)).toBe(wanted);
  expect(Object.is(parsed, -0)).toBe(false);
});
