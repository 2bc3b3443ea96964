/**
 * Signed 64-bit integer arithmetic on the two forms of a Lua integer (value.ts).
 *
 * A number within ±(2^53 − 1) stays a JavaScript number; anything else is a `LuaInt64`. Every function here
 * takes and returns canonical values, wraps modulo 2^64 and never returns −0 (which would print as "0" but
 * pushes V8 off its small-integer path). BigInt is five times slower than the halves, so it appears only where
 * a value leaves the machine range anyway: decimal text and division by a large divisor.
 */

import { owe } from "./meter.ts";
import { LuaInt64, type LuaInteger } from "./value.ts";

export const MAX_SAFE = 2 ** 53 - 1;
const TWO_32 = 2 ** 32;
/** Below this divisor, (remainder · 2^32 + low half) is still exact in a double. */
const SMALL_DIVISOR = 2 ** 21;

export const MAX_INTEGER: LuaInteger = new LuaInt64(0x7fffffff, -1);
export const MIN_INTEGER: LuaInteger = new LuaInt64(-0x80000000, 0);

/** The canonical integer with these two's complement halves (any int32 or uint32 numbers). */
export function make(hi: number, lo: number): LuaInteger {
  hi |= 0;
  if (hi >= -0x200000 && hi < 0x200000) {
    const value = hi * TWO_32 + (lo >>> 0);
    if (value >= -MAX_SAFE) return value;
  }
  return new LuaInt64(hi, lo | 0);
}

/** Bits 32..63, as an int32. */
export function high(v: LuaInteger): number {
  return typeof v === "number" ? Math.floor(v / TWO_32) | 0 : v.hi;
}

/** Bits 0..31, as an int32. */
export function low(v: LuaInteger): number {
  return typeof v === "number" ? v | 0 : v.lo;
}

/** The integer congruent to `b` modulo 2^64. */
export function fromBigInt(b: bigint): LuaInteger {
  return make(Number(BigInt.asIntN(32, b >> 32n)), Number(BigInt.asIntN(32, b)));
}

export function toBigInt(v: LuaInteger): bigint {
  return typeof v === "number" ? BigInt(v) : (BigInt(v.hi) << 32n) | BigInt(v.lo >>> 0);
}

/** True for both forms of an integer, false for every other Lua value. */
export function isInteger(v: unknown): v is LuaInteger {
  return typeof v === "number" || v instanceof LuaInt64;
}

/** The nearest double; exact only within ±2^53. */
export function toNumber(v: LuaInteger): number {
  return typeof v === "number" ? v : v.hi * TWO_32 + (v.lo >>> 0);
}

export function add(a: LuaInteger, b: LuaInteger): LuaInteger {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (sum <= MAX_SAFE && sum >= -MAX_SAFE) return sum;
  }
  const lo = (low(a) >>> 0) + (low(b) >>> 0);
  return make(high(a) + high(b) + (lo >= TWO_32 ? 1 : 0), lo);
}

export function sub(a: LuaInteger, b: LuaInteger): LuaInteger {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    if (difference <= MAX_SAFE && difference >= -MAX_SAFE) return difference;
  }
  const lo = (low(a) >>> 0) - (low(b) >>> 0);
  return make(high(a) - high(b) - (lo < 0 ? 1 : 0), lo);
}

export function mul(a: LuaInteger, b: LuaInteger): LuaInteger {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b + 0;
    if (product <= MAX_SAFE && product >= -MAX_SAFE) return product;
  }
  const aLow = low(a);
  const bLow = low(b);
  const cross = Math.imul(high(a), bLow) + Math.imul(aLow, high(b));
  return make(multiplyHigh(aLow, bLow) + cross, Math.imul(aLow, bLow));
}

/** Bits 32..63 of the product of two 32-bit numbers, taken as unsigned; modulo 2^32. */
export function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = a0 * b1 + (middle % 0x10000);
  return a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000);
}

/** Floor division; the caller has refused `b == 0`. The minimum divided by −1 is the minimum. */
export function idiv(a: LuaInteger, b: LuaInteger): LuaInteger {
  if (typeof b === "number") {
    // The quotient of two safe integers is never rounded up to the next integer, so the floor is exact.
    if (typeof a === "number") return Math.floor(a / b) + 0;
    if (b > 0 && b < SMALL_DIVISOR) {
      const hi = Math.floor(a.hi / b);
      return make(hi, Math.floor(((a.hi - hi * b) * TWO_32 + (a.lo >>> 0)) / b));
    }
  }
  const x = toBigInt(a);
  const y = toBigInt(b);
  const quotient = x / y;
  return fromBigInt(x % y !== 0n && x < 0n !== y < 0n ? quotient - 1n : quotient);
}

/** Floored remainder (sign of the divisor); the caller has refused `b == 0`. */
export function mod(a: LuaInteger, b: LuaInteger): LuaInteger {
  if (typeof b === "number") {
    // Not a − floor(a / b) · b: that product can pass 2^53 when the signs differ, and lose its last bit.
    if (typeof a === "number") {
      const r = a % b;
      return r !== 0 && r < 0 !== b < 0 ? r + b : r + 0;
    }
    if (b > 0 && b < SMALL_DIVISOR) {
      const hi = a.hi - Math.floor(a.hi / b) * b;
      return (hi * TWO_32 + (a.lo >>> 0)) % b;
    }
  }
  const y = toBigInt(b);
  const r = toBigInt(a) % y;
  return fromBigInt(r !== 0n && r < 0n !== y < 0n ? r + y : r);
}

export function unm(a: LuaInteger): LuaInteger {
  return typeof a === "number" ? 0 - a : sub(0, a);
}

export function band(a: LuaInteger, b: LuaInteger): LuaInteger {
  const aLow = low(a);
  const bLow = low(b);
  if (aLow === a && bLow === b) return aLow & bLow;
  return make(high(a) & high(b), aLow & bLow);
}

export function bor(a: LuaInteger, b: LuaInteger): LuaInteger {
  const aLow = low(a);
  const bLow = low(b);
  if (aLow === a && bLow === b) return aLow | bLow;
  return make(high(a) | high(b), aLow | bLow);
}

export function bxor(a: LuaInteger, b: LuaInteger): LuaInteger {
  const aLow = low(a);
  const bLow = low(b);
  if (aLow === a && bLow === b) return aLow ^ bLow;
  return make(high(a) ^ high(b), aLow ^ bLow);
}

export function bnot(a: LuaInteger): LuaInteger {
  // ~(2^53 − 1) is −2^53, just outside the safe range.
  return typeof a === "number" && a !== MAX_SAFE ? -1 - a : make(~high(a), ~low(a));
}

/** Logical shift left; a negative count shifts right, 64 and more give 0. */
export function shl(a: LuaInteger, b: LuaInteger): LuaInteger {
  if (typeof b !== "number" || b >= 64 || b <= -64) return 0;
  return b >= 0 ? shiftLeft(a, b) : shiftRight(a, -b);
}

/** Logical shift right; a negative count shifts left, 64 and more give 0. */
export function shr(a: LuaInteger, b: LuaInteger): LuaInteger {
  if (typeof b !== "number" || b >= 64 || b <= -64) return 0;
  return b >= 0 ? shiftRight(a, b) : shiftLeft(a, -b);
}

/** `count` in 0..63. */
function shiftLeft(a: LuaInteger, count: number): LuaInteger {
  if (typeof a === "number") {
    const shifted = a * 2 ** count;
    if (shifted <= MAX_SAFE && shifted >= -MAX_SAFE) return shifted;
  }
  if (count === 0) return a;
  if (count >= 32) return make(low(a) << (count - 32), 0);
  return make((high(a) << count) | (low(a) >>> (32 - count)), low(a) << count);
}

/** `count` in 0..63. */
function shiftRight(a: LuaInteger, count: number): LuaInteger {
  if (count === 0) return a;
  if (typeof a === "number" && a >= 0) return Math.floor(a / 2 ** count);
  if (count >= 32) return make(0, high(a) >>> (count - 32));
  return make(high(a) >>> count, (low(a) >>> count) | (high(a) << (32 - count)));
}

export function eq(a: LuaInteger, b: LuaInteger): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return a.hi === b.hi && a.lo === b.lo;
}

export function lt(a: LuaInteger, b: LuaInteger): boolean {
  if (typeof a === "number") return typeof b === "number" ? a < b : b.hi >= 0;
  if (typeof b === "number") return a.hi < 0;
  return a.hi < b.hi || (a.hi === b.hi && a.lo >>> 0 < b.lo >>> 0);
}

export function le(a: LuaInteger, b: LuaInteger): boolean {
  return !lt(b, a);
}

/** Unsigned comparison (`math.ult`). */
export function ult(a: LuaInteger, b: LuaInteger): boolean {
  const aHigh = high(a) >>> 0;
  const bHigh = high(b) >>> 0;
  return aHigh < bHigh || (aHigh === bHigh && low(a) >>> 0 < low(b) >>> 0);
}

/** Decimal text, as `tostring` prints it. */
export function toDecimal(v: LuaInteger): string {
  return typeof v === "number" ? String(v) : toBigInt(v).toString();
}

/** The 64 bits as unsigned lower-case hexadecimal digits without leading zeros. */
export function toHex(v: LuaInteger): string {
  const lo = (low(v) >>> 0).toString(16);
  const hi = high(v) >>> 0;
  return hi === 0 ? lo : hi.toString(16) + lo.padStart(8, "0");
}

const isSpace = (c: number): boolean => c === 32 || (c >= 9 && c <= 13);

/** Up to this many decimal digits always fit a safe integer. */
const SAFE_DIGITS = 15;
/** To read a longer text takes a time that counts. */
const LONG_NUMERAL = 64;

/**
 * The integer a numeral stands for, with spaces around and a sign allowed: decimal, or hexadecimal after `0x`,
 * which wraps. Anything else, a decimal outside 64 bits included, gives undefined.
 */
export function parseInteger(text: string): LuaInteger | undefined {
  if (text.length > LONG_NUMERAL) owe(text.length >> 5);
  let at = 0;
  let end = text.length;
  while (at < end && isSpace(text.charCodeAt(at))) at++;
  while (end > at && isSpace(text.charCodeAt(end - 1))) end--;
  const sign = text.charCodeAt(at);
  const negative = sign === 45;
  if (negative || sign === 43) at++;
  if (at >= end) return undefined;
  if (end - at > 1 && text.charCodeAt(at) === 48 && (text.charCodeAt(at + 1) | 32) === 120) {
    return parseHex(text, at + 2, end, negative);
  }
  let value = 0;
  let digits = 0;
  for (let i = at; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    if (digit !== 0 || digits > 0) digits++;
    if (digits <= SAFE_DIGITS) value = value * 10 + digit;
  }
  if (digits <= SAFE_DIGITS) return negative ? 0 - value : value;
  // More than 19 digits never fit; stopping here also keeps BigInt away from a megabyte of digits.
  if (digits > 19) return undefined;
  const big = BigInt(text.slice(at, end)) * (negative ? -1n : 1n);
  return big === BigInt.asIntN(64, big) ? fromBigInt(big) : undefined;
}

function parseHex(text: string, start: number, end: number, negative: boolean): LuaInteger | undefined {
  if (start >= end) return undefined;
  let hi = 0;
  let lo = 0;
  for (let i = start; i < end; i++) {
    const digit = hexDigit(text.charCodeAt(i));
    if (digit < 0) return undefined;
    hi = (hi << 4) | (lo >>> 28);
    lo = (lo << 4) | digit;
  }
  const value = make(hi, lo);
  return negative ? unm(value) : value;
}

/** 0..15, or −1 for a character that is no hexadecimal digit. */
export function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
