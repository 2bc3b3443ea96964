/**
 * `string.pack`, `string.unpack` and `string.packsize`: one reader of format strings, three uses.
 *
 * Sizes are those of C on a 64-bit machine; the native byte order is little endian, as everywhere in
 * Moonhook. Without floating point `f` and `d` are refused and `n` is an 8-byte integer.
 */

import * as int64 from "../int64.ts";
import type { LuaState } from "../state.ts";
import type { LuaInteger, LuaResult, LuaValue } from "../value.ts";
import { argumentError, checkInteger, checkString, raise } from "./check.ts";

const MAX_INTEGER_BYTES = 16;
const NATIVE_ALIGNMENT = 8;
/** Largest size a format may ask for: what fits a C int. */
const MAX_SIZE = 0x7fffffff;

type Kind = "signed" | "unsigned" | "chars" | "counted" | "zeroed" | "padding" | "align" | "none";

interface Step {
  readonly kind: Kind;
  /** Bytes of the value (of the length, for `counted`). */
  readonly size: number;
  /** Padding bytes before it. */
  readonly padding: number;
}

/** Integer options of fixed size: letter → bytes; the lower-case twin is signed. */
const FIXED_SIZES: Readonly<Record<string, readonly [Kind, number]>> = {
  b: ["signed", 1],
  B: ["unsigned", 1],
  h: ["signed", 2],
  H: ["unsigned", 2],
  l: ["signed", 8],
  L: ["unsigned", 8],
  j: ["signed", 8],
  J: ["unsigned", 8],
  T: ["unsigned", 8],
  n: ["signed", 8],
};

/** Reads a format option by option, keeping byte order and alignment. */
class FormatReader {
  littleEndian = true;
  private maxAlignment = 1;
  private at = 0;
  private readonly text: string;
  private readonly functionName: string;

  constructor(text: string, functionName: string) {
    this.text = text;
    this.functionName = functionName;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  /** The next option, given the bytes produced or consumed so far. */
  next(total: number): Step {
    const option = this.option();
    let alignment = option.size;
    if (option.kind === "align") {
      if (this.done) this.badAlign();
      const following = this.option();
      alignment = following.size;
      if (following.kind === "chars" || alignment === 0) this.badAlign();
    }
    const aligns = option.kind === "align" || option.kind === "signed" || option.kind === "unsigned";
    if ((!aligns && option.kind !== "counted") || alignment <= 1) return { ...option, padding: 0 };
    alignment = Math.min(alignment, this.maxAlignment);
    if ((alignment & (alignment - 1)) !== 0) {
      argumentError(1, this.functionName, "format asks for alignment not power of 2");
    }
    const padding = (alignment - (total & (alignment - 1))) & (alignment - 1);
    return { kind: option.kind, size: option.kind === "align" ? 0 : option.size, padding };
  }

  private badAlign(): never {
    argumentError(1, this.functionName, "invalid next option for option 'X'");
  }

  private option(): { kind: Kind; size: number } {
    const letter = this.text.charAt(this.at++);
    const fixed = FIXED_SIZES[letter];
    if (fixed !== undefined) return { kind: fixed[0], size: fixed[1] };
    switch (letter) {
      case "i":
        return { kind: "signed", size: this.integerSize(4) };
      case "I":
        return { kind: "unsigned", size: this.integerSize(4) };
      case "s":
        return { kind: "counted", size: this.integerSize(8) };
      case "c": {
        const size = this.number(-1);
        if (size < 0) raise("missing size for format option 'c'");
        return { kind: "chars", size };
      }
      case "z":
        return { kind: "zeroed", size: 0 };
      case "x":
        return { kind: "padding", size: 1 };
      case "X":
        return { kind: "align", size: 0 };
      case " ":
        break;
      case "<":
      case "=":
        this.littleEndian = true;
        break;
      case ">":
        this.littleEndian = false;
        break;
      case "!":
        this.maxAlignment = this.integerSize(NATIVE_ALIGNMENT);
        break;
      default:
        raise(`invalid format option '${letter}'`);
    }
    return { kind: "none", size: 0 };
  }

  /** Digits at this place; they stop before the value could pass a C int. */
  private number(otherwise: number): number {
    let value = -1;
    for (;;) {
      const digit = this.text.charCodeAt(this.at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      if (value > (MAX_SIZE - 9) / 10) break;
      value = Math.max(value, 0) * 10 + digit;
      this.at++;
    }
    return value < 0 ? otherwise : value;
  }

  private integerSize(otherwise: number): number {
    const size = this.number(otherwise);
    if (size < 1 || size > MAX_INTEGER_BYTES) {
      raise(`integral size (${size}) out of limits [1,${MAX_INTEGER_BYTES}]`);
    }
    return size;
  }
}

/** The `size` bytes of `value`; bytes beyond eight continue the sign of a signed one. */
function integerBytes(value: LuaInteger, size: number, littleEndian: boolean, signed: boolean): string {
  const lo = int64.low(value);
  const hi = int64.high(value);
  const beyond = signed ? hi >> 31 : 0;
  let text = "";
  for (let i = 0; i < size; i++) {
    const half = i < 4 ? lo >> (i * 8) : i < 8 ? hi >> ((i - 4) * 8) : beyond;
    const byte = String.fromCharCode(half & 0xff);
    text = littleEndian ? text + byte : byte + text;
  }
  return text;
}

/** Reads `size` bytes at `at`; raises when they do not fit 64 bits. */
function readInteger(
  text: string,
  at: number,
  size: number,
  littleEndian: boolean,
  signed: boolean,
): LuaInteger {
  let lo = 0;
  let hi = 0;
  const used = Math.min(size, 8);
  for (let i = 0; i < used; i++) {
    const byte = text.charCodeAt(littleEndian ? at + i : at + size - 1 - i);
    if (i < 4) lo |= byte << (i * 8);
    else hi |= byte << ((i - 4) * 8);
  }
  if (size < 8) {
    if (signed) {
      if (size <= 4) {
        lo = (lo << (32 - size * 8)) >> (32 - size * 8);
        hi = lo >> 31;
      } else {
        hi = (hi << (64 - size * 8)) >> (64 - size * 8);
      }
    }
  } else {
    const filler = signed && hi < 0 ? 0xff : 0;
    for (let i = 8; i < size; i++) {
      if (text.charCodeAt(littleEndian ? at + i : at + size - 1 - i) !== filler) {
        raise(`${size}-byte integer does not fit into Lua Integer`);
      }
    }
  }
  return int64.make(hi, lo);
}

function checkRange(value: LuaInteger, step: Step, argument: number): void {
  if (step.size >= 8) return;
  const limit = int64.shl(1, step.size * 8 - (step.kind === "signed" ? 1 : 0));
  if (step.kind === "signed") {
    if (int64.lt(value, int64.unm(limit)) || !int64.lt(value, limit)) {
      argumentError(argument, "pack", "integer overflow");
    }
  } else if (int64.lt(value, 0) || !int64.lt(value, limit)) {
    argumentError(argument, "pack", "unsigned overflow");
  }
}

/** `string.pack(format, …)` */
export function pack(state: LuaState, args: readonly LuaValue[]): string {
  const reader = new FormatReader(checkString(args[0], 1, "pack"), "pack");
  let out = "";
  let argument = 1;
  while (!reader.done) {
    const step = reader.next(out.length);
    state.spend(1);
    if (step.padding > 0) out += "\0".repeat(step.padding);
    switch (step.kind) {
      case "signed":
      case "unsigned": {
        const value = checkInteger(args[argument++], argument, "pack");
        checkRange(value, step, argument);
        state.charge(step.size);
        out += integerBytes(value, step.size, reader.littleEndian, step.kind === "signed");
        break;
      }
      case "chars": {
        const text = checkString(args[argument++], argument, "pack");
        if (text.length > step.size) argumentError(argument, "pack", "string longer than given size");
        state.charge(step.size);
        out += text + "\0".repeat(step.size - text.length);
        break;
      }
      case "counted": {
        const text = checkString(args[argument++], argument, "pack");
        if (step.size < 6 && text.length >= 2 ** (step.size * 8)) {
          argumentError(argument, "pack", "string length does not fit in given size");
        }
        state.charge(step.size + text.length);
        out += integerBytes(text.length, step.size, reader.littleEndian, false) + text;
        break;
      }
      case "zeroed": {
        const text = checkString(args[argument++], argument, "pack");
        if (text.includes("\0")) argumentError(argument, "pack", "string contains zeros");
        state.charge(text.length + 1);
        out += `${text}\0`;
        break;
      }
      case "padding":
        out += "\0";
        break;
      default:
        break;
    }
  }
  return out;
}

/** `string.packsize(format)` */
export function packSize(state: LuaState, format: LuaValue): number {
  const reader = new FormatReader(checkString(format, 1, "packsize"), "packsize");
  let total = 0;
  while (!reader.done) {
    const step = reader.next(total);
    state.spend(1);
    if (step.kind === "counted" || step.kind === "zeroed") {
      argumentError(1, "packsize", "variable-length format");
    }
    total += step.padding + step.size;
    if (total > MAX_SIZE) argumentError(1, "packsize", "format result too large");
  }
  return total;
}

/** `string.unpack(format, text [, position])`: the values, then the position behind them. */
export function unpack(state: LuaState, format: LuaValue, subject: LuaValue, position: LuaValue): LuaResult {
  const reader = new FormatReader(checkString(format, 1, "unpack"), "unpack");
  const text = checkString(subject, 2, "unpack");
  let at = startOffset(text, position);
  const values: LuaValue[] = [];
  while (!reader.done) {
    const step = reader.next(at);
    state.spend(1);
    if (step.padding + step.size > text.length - at) argumentError(2, "unpack", "data string too short");
    at += step.padding;
    switch (step.kind) {
      case "signed":
      case "unsigned":
        values.push(readInteger(text, at, step.size, reader.littleEndian, step.kind === "signed"));
        break;
      case "chars":
        values.push(text.slice(at, at + step.size));
        break;
      case "counted": {
        const length = readInteger(text, at, step.size, reader.littleEndian, false);
        if (int64.ult(text.length - at - step.size, length)) {
          argumentError(2, "unpack", "data string too short");
        }
        values.push(text.slice(at + step.size, at + step.size + int64.toNumber(length)));
        at += int64.toNumber(length);
        break;
      }
      case "zeroed": {
        const end = text.indexOf("\0", at);
        if (end < 0) argumentError(2, "unpack", "unfinished string for format 'z'");
        state.spend((end - at) >> 7);
        values.push(text.slice(at, end));
        at = end + 1;
        break;
      }
      default:
        break;
    }
    at += step.size;
  }
  values.push(at + 1);
  return values;
}

function startOffset(text: string, position: LuaValue): number {
  const given = position === undefined ? 1 : checkInteger(position, 3, "unpack");
  const asked = int64.toNumber(given);
  const start = asked > 0 ? asked - 1 : asked === 0 ? 0 : asked < -text.length ? 0 : text.length + asked;
  if (start > text.length) argumentError(3, "unpack", "initial position out of string");
  return start;
}
