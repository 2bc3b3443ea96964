/**
 * Exact 32- and 64-bit arithmetic of eBPF on halves. A 64-bit register is two neighbours in an Int32Array, the low
 * half first. BigInt would say the same in fewer lines, five times slower, and `BigInt.asUintN` in hot loops has
 * crashed the optimising compiler of Node 20.
 */

import { BPF_ALU_OP, BPF_JMP_OP } from "../uapi/bpf.ts";
import { unreachable } from "../util/assert.ts";

const TWO_32 = 2 ** 32;
/** Below this, a high half makes a number that a double holds exactly. */
const EXACT_HIGH = 2 ** 21;

const {
  BPF_ADD,
  BPF_SUB,
  BPF_MUL,
  BPF_DIV,
  BPF_OR,
  BPF_AND,
  BPF_LSH,
  BPF_RSH,
  BPF_NEG,
  BPF_MOD,
  BPF_XOR,
  BPF_MOV,
  BPF_ARSH,
} = BPF_ALU_OP;

/** The upper half of the product of two unsigned halves. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const other = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + (middle >>> 16) + (other >>> 16)) | 0;
}

const isBelow = (al: number, ah: number, bl: number, bh: number): boolean =>
  ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0;

/** Registers d = d / s, or the remainder: unsigned, s is not zero. */
function divide(regs: Int32Array, d: number, sl: number, sh: number, isRemainder: boolean): void {
  const al = regs[d]!;
  const ah = regs[d + 1]!;
  if (ah >>> 0 < EXACT_HIGH && sh >>> 0 < EXACT_HIGH) {
    const a = ah * TWO_32 + (al >>> 0);
    const s = sh * TWO_32 + (sl >>> 0);
    const remainder = a % s;
    const result = isRemainder ? remainder : (a - remainder) / s;
    regs[d] = result | 0;
    regs[d + 1] = (result / TWO_32) | 0;
    return;
  }
  // Long division, a bit at a time. The remainder may need a 65th bit: `carry`.
  let quotientLow = 0;
  let quotientHigh = 0;
  let low = 0;
  let high = 0;
  for (let bit = 63; bit >= 0; bit--) {
    const carry = high < 0;
    high = (high << 1) | (low >>> 31);
    low = (low << 1) | (((bit >= 32 ? ah : al) >>> (bit & 31)) & 1);
    if (!carry && isBelow(low, high, sl, sh)) continue;
    high = (high - sh - (low >>> 0 < sl >>> 0 ? 1 : 0)) | 0;
    low = (low - sl) | 0;
    if (bit >= 32) quotientHigh |= 1 << (bit & 31);
    else quotientLow |= 1 << bit;
  }
  regs[d] = isRemainder ? low : quotientLow;
  regs[d + 1] = isRemainder ? high : quotientHigh;
}

function negate(regs: Int32Array, d: number): void {
  const low = -regs[d]! | 0;
  regs[d + 1] = (~regs[d + 1]! + (low === 0 ? 1 : 0)) | 0;
  regs[d] = low;
}

/** Registers d = d / s or d % s as signed numbers, towards zero. */
function divideSigned(regs: Int32Array, d: number, sl: number, sh: number, isRemainder: boolean): void {
  const isNegative = regs[d + 1]! < 0;
  if (isNegative) negate(regs, d);
  const isDivisorNegative = sh < 0;
  if (isDivisorNegative) {
    sh = (~sh + (sl === 0 ? 1 : 0)) | 0;
    sl = -sl | 0;
  }
  divide(regs, d, sl, sh, isRemainder);
  if (isRemainder ? isNegative : isNegative !== isDivisorNegative) negate(regs, d);
}

/** Registers d = d op s, 64 bits. `operation` is the code without class and source bits. */
export function alu64(
  operation: number,
  isSigned: boolean,
  regs: Int32Array,
  d: number,
  sl: number,
  sh: number,
): void {
  const al = regs[d]!;
  const ah = regs[d + 1]!;
  switch (operation) {
    case BPF_ADD: {
      const low = (al + sl) | 0;
      regs[d] = low;
      regs[d + 1] = ah + sh + (low >>> 0 < al >>> 0 ? 1 : 0);
      return;
    }
    case BPF_SUB:
      regs[d] = al - sl;
      regs[d + 1] = ah - sh - (al >>> 0 < sl >>> 0 ? 1 : 0);
      return;
    case BPF_MUL:
      regs[d] = Math.imul(al, sl);
      regs[d + 1] = (multiplyHigh(al, sl) + Math.imul(al, sh) + Math.imul(ah, sl)) | 0;
      return;
    case BPF_DIV:
      if ((sl | sh) === 0) regs[d] = regs[d + 1] = 0;
      else if (isSigned) divideSigned(regs, d, sl, sh, false);
      else divide(regs, d, sl, sh, false);
      return;
    case BPF_MOD:
      if ((sl | sh) === 0) return;
      if (isSigned) divideSigned(regs, d, sl, sh, true);
      else divide(regs, d, sl, sh, true);
      return;
    case BPF_OR:
      regs[d] = al | sl;
      regs[d + 1] = ah | sh;
      return;
    case BPF_AND:
      regs[d] = al & sl;
      regs[d + 1] = ah & sh;
      return;
    case BPF_XOR:
      regs[d] = al ^ sl;
      regs[d + 1] = ah ^ sh;
      return;
    case BPF_MOV:
      regs[d] = sl;
      regs[d + 1] = sh;
      return;
    case BPF_NEG:
      negate(regs, d);
      return;
    case BPF_LSH:
      shiftLeft(regs, d, sl & 63);
      return;
    case BPF_RSH:
      shiftRight(regs, d, sl & 63, 0);
      return;
    case BPF_ARSH:
      shiftRight(regs, d, sl & 63, ah >> 31);
      return;
    default:
      unreachable(operation as never);
  }
}

function shiftLeft(regs: Int32Array, d: number, by: number): void {
  const low = regs[d]!;
  if (by >= 32) {
    regs[d + 1] = low << (by - 32);
    regs[d] = 0;
  } else if (by > 0) {
    regs[d + 1] = (regs[d + 1]! << by) | (low >>> (32 - by));
    regs[d] = low << by;
  }
}

/** `sign` is what comes in from the left: 0 or −1. */
function shiftRight(regs: Int32Array, d: number, by: number, sign: number): void {
  const high = regs[d + 1]!;
  const isArithmetic = sign !== 0;
  if (by >= 32) {
    regs[d] = isArithmetic ? high >> (by - 32) : high >>> (by - 32);
    regs[d + 1] = sign;
  } else if (by > 0) {
    regs[d] = (regs[d]! >>> by) | (high << (32 - by));
    regs[d + 1] = isArithmetic ? high >> by : high >>> by;
  }
}

/** a op s in 32 bits. */
export function alu32(operation: number, isSigned: boolean, a: number, s: number): number {
  switch (operation) {
    case BPF_ADD:
      return (a + s) | 0;
    case BPF_SUB:
      return (a - s) | 0;
    case BPF_MUL:
      return Math.imul(a, s);
    case BPF_DIV:
      if (s === 0) return 0;
      return isSigned ? (a / s) | 0 : ((a >>> 0) / (s >>> 0)) | 0;
    case BPF_MOD:
      if (s === 0) return a;
      return isSigned ? (a % s) | 0 : ((a >>> 0) % (s >>> 0)) | 0;
    case BPF_OR:
      return a | s;
    case BPF_AND:
      return a & s;
    case BPF_XOR:
      return a ^ s;
    case BPF_MOV:
      return s;
    case BPF_NEG:
      return -a | 0;
    case BPF_LSH:
      return a << (s & 31);
    case BPF_RSH:
      return (a >>> (s & 31)) | 0;
    case BPF_ARSH:
      return a >> (s & 31);
    default:
      return unreachable(operation as never);
  }
}

const reverse16 = (value: number): number => ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
const reverse32 = (value: number): number =>
  (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);

/** Cuts registers d to `bits`, with the bytes reversed or not. */
export function swapBytes(regs: Int32Array, d: number, bits: number, isReversed: boolean): void {
  const low = regs[d]!;
  const high = regs[d + 1]!;
  if (bits === 64) {
    if (!isReversed) return;
    regs[d] = reverse32(high);
    regs[d + 1] = reverse32(low);
    return;
  }
  if (bits === 32) regs[d] = isReversed ? reverse32(low) : low;
  else regs[d] = isReversed ? reverse16(low) : low & 0xffff;
  regs[d + 1] = 0;
}

const {
  BPF_JEQ,
  BPF_JGT,
  BPF_JGE,
  BPF_JSET,
  BPF_JNE,
  BPF_JSGT,
  BPF_JSGE,
  BPF_JLT,
  BPF_JLE,
  BPF_JSLT,
  BPF_JSLE,
} = BPF_JMP_OP;

const isSignedBelow = (al: number, ah: number, bl: number, bh: number): boolean =>
  ah === bh ? al >>> 0 < bl >>> 0 : ah < bh;

/** Whether a comparison of 64-bit values holds. Those of 32 bits come with both signs in their high halves. */
export function compare(operation: number, al: number, ah: number, bl: number, bh: number): boolean {
  switch (operation) {
    case BPF_JEQ:
      return al === bl && ah === bh;
    case BPF_JNE:
      return al !== bl || ah !== bh;
    case BPF_JSET:
      return ((al & bl) | (ah & bh)) !== 0;
    case BPF_JLT:
      return isBelow(al, ah, bl, bh);
    case BPF_JGE:
      return !isBelow(al, ah, bl, bh);
    case BPF_JGT:
      return isBelow(bl, bh, al, ah);
    case BPF_JLE:
      return !isBelow(bl, bh, al, ah);
    case BPF_JSLT:
      return isSignedBelow(al, ah, bl, bh);
    case BPF_JSGE:
      return !isSignedBelow(al, ah, bl, bh);
    case BPF_JSGT:
      return isSignedBelow(bl, bh, al, ah);
    case BPF_JSLE:
      return !isSignedBelow(bl, bh, al, ah);
    default:
      return unreachable(operation as never);
  }
}
