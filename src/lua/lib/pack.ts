/**
 * `string.pack`, `string.unpack` and `string.packsize`, step by step through a format (pack-format.ts). Formats that
 * are used often have code of their own (pack-compile.ts), which leaves to these functions what is unusual or wrong.
 *
 * Sizes are those of C on a 64-bit machine; the native byte order is little endian, as everywhere in
 * Moonhook. Without floating point `f` and `d` are refused and `n` is an 8-byte integer.
 */

import * as int64 from "../int64.ts";
import { joined } from "../meter.ts";
import type { LuaState } from "../state.ts";
import type { LuaInteger, LuaResult, LuaValue } from "../value.ts";
import { argumentError, checkInteger, checkString, raise } from "./check.ts";
import { packCode, unpackCode } from "./pack-compile.ts";
import { MAX_SIZE, type PackFormat, packFormat, STEP, type Step } from "./pack-format.ts";

/** Uses after which a format gets code of its own. */
const COMPILE_AFTER = 24;
/** Budget for generating it: that takes as long as a thousand uses. */
const COMPILE_UNITS = 1000;
/** What the length in front of a text may take. */
const MAX_LENGTH_BYTES = 16;

/** `string.pack(format, …)`; `args` begins with the format. */
export function pack(state: LuaState, args: readonly LuaValue[]): string {
  const text = args[0];
  const format = packFormat(typeof text === "string" ? text : checkString(text, 1, "pack"));
  if (++format.packUses >= COMPILE_AFTER) {
    if (format.packUses === COMPILE_AFTER) {
      state.spend(COMPILE_UNITS);
      format.packCode = packCode(format);
    }
    if (format.packCode !== undefined) {
      state.spend(format.steps.length);
      const out = format.packCode(state, args);
      if (out !== undefined) return out;
    }
  }
  const packer = new Packer(state, args);
  for (let part: PackFormat | undefined = format; part !== undefined; part = part.following()) {
    state.spend(part.steps.length);
    packer.run(part.steps);
  }
  return joined(packer.out);
}

class Packer {
  out = "";
  private argument = 1;
  private readonly state: LuaState;
  private readonly args: readonly LuaValue[];

  constructor(state: LuaState, args: readonly LuaValue[]) {
    this.state = state;
    this.args = args;
  }

  run(steps: readonly Step[]): void {
    for (let i = 0; i < steps.length; i++) this.step(steps[i]!);
  }

  private step(step: Step): void {
    const { op, size, alignment } = step;
    if (alignment > 1) this.zeros(-this.out.length & (alignment - 1));
    switch (op) {
      case STEP.unsigned:
      case STEP.signed: {
        const value = checkInteger(this.args[this.argument++], this.argument, "pack");
        if (size < 8) checkRange(value, size, op === STEP.signed, this.argument);
        this.state.charge(size);
        this.out += integerBytes(value, size, step.littleEndian, op === STEP.signed);
        break;
      }
      case STEP.chars: {
        const text = this.text();
        if (text.length > size) argumentError(this.argument, "pack", "string longer than given size");
        this.append(text);
        this.zeros(size - text.length);
        break;
      }
      case STEP.counted: {
        const text = this.text();
        if (size < 6 && text.length >= 2 ** (size * 8)) {
          argumentError(this.argument, "pack", "string length does not fit in given size");
        }
        this.out += integerBytes(text.length, size, step.littleEndian, false);
        this.append(text);
        break;
      }
      case STEP.zeroed: {
        const text = this.text();
        this.state.spend(text.length >> 7);
        if (text.includes("\0")) argumentError(this.argument, "pack", "string contains zeros");
        this.append(text);
        this.zeros(1);
        break;
      }
      case STEP.padding:
        this.zeros(1);
        break;
      case STEP.fail:
        step.fail!("pack");
    }
  }

  private text(): string {
    return checkString(this.args[this.argument++], this.argument, "pack");
  }

  private append(text: string): void {
    this.state.charge(text.length + MAX_LENGTH_BYTES);
    this.out += text;
  }

  private zeros(count: number): void {
    if (count === 0) return;
    this.state.charge(count);
    this.state.spend(count >> 7);
    this.out += count === 1 ? "\0" : "\0".repeat(count);
  }
}

/** The `size` bytes of `value`; bytes beyond eight continue the sign of a signed one. */
function integerBytes(value: LuaInteger, size: number, littleEndian: boolean, signed: boolean): string {
  const lo = int64.low(value);
  if (size === 1) return String.fromCharCode(lo & 0xff);
  if (size === 2) {
    return littleEndian
      ? String.fromCharCode(lo & 0xff, (lo >> 8) & 0xff)
      : String.fromCharCode((lo >> 8) & 0xff, lo & 0xff);
  }
  if (size === 4) return fourBytes(lo, littleEndian);
  const hi = int64.high(value);
  if (size === 8) {
    const first = fourBytes(littleEndian ? lo : hi, littleEndian);
    return first + fourBytes(littleEndian ? hi : lo, littleEndian);
  }
  const beyond = signed ? hi >> 31 : 0;
  let text = "";
  for (let i = 0; i < size; i++) {
    const half = i < 4 ? lo >> (i * 8) : i < 8 ? hi >> ((i - 4) * 8) : beyond;
    const byte = String.fromCharCode(half & 0xff);
    text = littleEndian ? text + byte : byte + text;
  }
  return text;
}

function fourBytes(v: number, littleEndian: boolean): string {
  return littleEndian
    ? String.fromCharCode(v & 0xff, (v >> 8) & 0xff, (v >> 16) & 0xff, (v >> 24) & 0xff)
    : String.fromCharCode((v >> 24) & 0xff, (v >> 16) & 0xff, (v >> 8) & 0xff, v & 0xff);
}

/** For sizes below 8: others hold every integer. */
function checkRange(value: LuaInteger, size: number, signed: boolean, argument: number): void {
  const limit = 2 ** (size * 8 - (signed ? 1 : 0));
  if (typeof value === "number") {
    if (value < limit && value >= (signed ? -limit : 0)) return;
  } else if (size === 7) {
    const bound = int64.shl(1, size * 8 - (signed ? 1 : 0));
    if (int64.lt(value, bound) && int64.le(signed ? int64.unm(bound) : 0, value)) return;
  }
  argumentError(argument, "pack", signed ? "integer overflow" : "unsigned overflow");
}

/** `string.packsize(format)` */
export function packSize(state: LuaState, text: LuaValue): number {
  const format = packFormat(typeof text === "string" ? text : checkString(text, 1, "packsize"));
  if (format.packedSize !== undefined) return format.packedSize;
  let total = 0;
  for (let part: PackFormat | undefined = format; part !== undefined; part = part.following()) {
    state.spend(part.steps.length);
    for (const { op, size, alignment, fail } of part.steps) {
      if (op === STEP.counted || op === STEP.zeroed) {
        argumentError(1, "packsize", "variable-length format");
      }
      fail?.("packsize");
      total += (-total & (alignment - 1)) + size;
      if (total > MAX_SIZE) argumentError(1, "packsize", "format result too large");
    }
  }
  format.packedSize = total;
  return total;
}

/** `string.unpack(format, text [, position])`: the values, then the position behind them. */
export function unpack(state: LuaState, format: LuaValue, subject: LuaValue, position: LuaValue): LuaResult {
  const whole = packFormat(typeof format === "string" ? format : checkString(format, 1, "unpack"));
  const text = typeof subject === "string" ? subject : checkString(subject, 2, "unpack");
  const at = position === undefined ? 0 : startOffset(text, position);
  if (++whole.unpackUses >= COMPILE_AFTER) {
    if (whole.unpackUses === COMPILE_AFTER) {
      state.spend(COMPILE_UNITS);
      whole.unpackCode = unpackCode(whole);
    }
    if (whole.unpackCode !== undefined) {
      state.spend(whole.steps.length);
      const values = whole.unpackCode(state, text, at);
      if (values !== undefined) return values;
    }
  }
  const unpacker = new Unpacker(state, text, at);
  for (let part: PackFormat | undefined = whole; part !== undefined; part = part.following()) {
    state.spend(part.steps.length);
    unpacker.run(part.steps);
  }
  unpacker.values.push(unpacker.at + 1);
  return unpacker.values;
}

class Unpacker {
  readonly values: LuaValue[] = [];
  at: number;
  private readonly state: LuaState;
  private readonly text: string;

  constructor(state: LuaState, text: string, at: number) {
    this.state = state;
    this.text = text;
    this.at = at;
  }

  run(steps: readonly Step[]): void {
    for (let i = 0; i < steps.length; i++) this.step(steps[i]!);
  }

  private step(step: Step): void {
    const { text, values } = this;
    const { op, size } = step;
    step.fail?.("unpack");
    const padding = -this.at & (step.alignment - 1);
    if (padding + size > text.length - this.at) argumentError(2, "unpack", "data string too short");
    const at = this.at + padding;
    this.at = at + size;
    switch (op) {
      case STEP.unsigned:
      case STEP.signed:
        values.push(readInteger(text, at, size, step.littleEndian, op === STEP.signed));
        break;
      case STEP.chars:
        values.push(text.slice(at, at + size));
        break;
      case STEP.counted: {
        const length = readInteger(text, at, size, step.littleEndian, false);
        if (int64.ult(text.length - this.at, length)) argumentError(2, "unpack", "data string too short");
        const end = this.at + int64.toNumber(length);
        values.push(text.slice(this.at, end));
        this.at = end;
        break;
      }
      case STEP.zeroed: {
        const end = text.indexOf("\0", at);
        if (end < 0) argumentError(2, "unpack", "unfinished string for format 'z'");
        this.state.spend((end - at) >> 7);
        values.push(text.slice(at, end));
        this.at = end + 1;
      }
    }
  }
}

/** Reads `size` bytes at `at`; raises when they do not fit 64 bits. */
function readInteger(
  text: string,
  at: number,
  size: number,
  littleEndian: boolean,
  signed: boolean,
): LuaInteger {
  const step = littleEndian ? 1 : -1;
  // Where the byte of the lowest bits is.
  const lowest = littleEndian ? at : at + size - 1;
  let lo = 0;
  let hi = 0;
  for (let i = 0; i < size && i < 4; i++) lo |= text.charCodeAt(lowest + i * step) << (i * 8);
  if (size <= 4) {
    if (!signed) return lo >>> 0;
    return (lo << (32 - size * 8)) >> (32 - size * 8);
  }
  for (let i = 4; i < size && i < 8; i++) hi |= text.charCodeAt(lowest + i * step) << ((i - 4) * 8);
  if (size < 8) {
    if (signed) hi = (hi << (64 - size * 8)) >> (64 - size * 8);
    return int64.make(hi, lo);
  }
  const filler = signed && hi < 0 ? 0xff : 0;
  for (let i = 8; i < size; i++) {
    if (text.charCodeAt(lowest + i * step) !== filler) {
      raise(`${size}-byte integer does not fit into Lua Integer`);
    }
  }
  return int64.make(hi, lo);
}

function startOffset(text: string, position: LuaValue): number {
  const asked = typeof position === "number" ? position : int64.toNumber(checkInteger(position, 3, "unpack"));
  const start = asked > 0 ? asked - 1 : asked === 0 ? 0 : asked < -text.length ? 0 : text.length + asked;
  if (start > text.length) argumentError(3, "unpack", "initial position out of string");
  return start;
}
