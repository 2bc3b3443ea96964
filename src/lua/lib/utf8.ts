/** The `utf8` library: Lua 5.4's, with the `utf8.offset` of 5.5 that returns start and end. */

import * as int64 from "../int64.ts";
import type { LuaState } from "../state.ts";
import type { LuaFunction, LuaInteger, LuaResult, LuaValue } from "../value.ts";
import { argumentError, checkInteger, checkString, raise } from "./check.ts";
import { register } from "./register.ts";

/** One UTF-8 sequence of any length up to the original six bytes. */
const CHAR_PATTERN = "[\0-\x7F\xC2-\xFD][\x80-\xBF]*";
const MAX_UNICODE = 0x10ffff;
const MAX_CODE = 0x7fffffff;
const MAX_RESULTS = 200;
/** Smallest code point that needs a sequence of this many continuation bytes: less is an overlong form. */
const SMALLEST = [0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000];
const INVALID = "invalid UTF-8 code";

/** The engine compiles `charCodeAt` well only as long as it is never asked for what is outside. */
const isContinuation = (text: string, at: number): boolean =>
  at < text.length && (text.charCodeAt(at) & 0xc0) === 0x80;

/** Length of the sequence that `decode` last read. */
let decodedLength = 0;

/** The code point at offset `at`, −1 when the bytes there are no valid sequence. */
function decode(text: string, at: number, lax: boolean): number {
  const head = text.charCodeAt(at);
  if (head < 0x80) {
    decodedLength = 1;
    return head;
  }
  if (head >= 0xc2 && head < 0xe0 && isContinuation(text, at + 1)) {
    decodedLength = 2;
    return (head & 0x1f) * 64 + (text.charCodeAt(at + 1) & 0x3f);
  }
  // The bits of the head that stay after removing one for each continuation byte.
  let count = 0;
  let code = 0;
  for (let mask = head; mask & 0x40; mask <<= 1) {
    count++;
    if (!isContinuation(text, at + count)) return -1;
    code = code * 64 + (text.charCodeAt(at + count) & 0x3f);
  }
  if (count === 0 || count > 5) return -1;
  code += (head & (0x3f >> count)) * 64 ** count;
  if (code < SMALLEST[count]!) return -1;
  if (!lax && (code > MAX_UNICODE || (code >= 0xd800 && code <= 0xdfff))) return -1;
  decodedLength = count + 1;
  return code;
}

function encode(code: number): string {
  if (code < 0x80) return String.fromCharCode(code);
  let tail = "";
  let firstLimit = 0x3f;
  do {
    tail = String.fromCharCode(0x80 | (code & 0x3f)) + tail;
    code >>>= 6;
    firstLimit >>= 1;
  } while (code > firstLimit);
  return String.fromCharCode(((~firstLimit << 1) & 0xff) | code) + tail;
}

/** A relative position made absolute, 1-based; 0 for one before the start. */
function position(value: LuaInteger, length: number): number {
  const at = typeof value === "number" ? value : int64.toNumber(value);
  return at >= 0 ? at : -at > length ? 0 : length + at + 1;
}

const optInteger = (value: LuaValue, otherwise: number, n: number, name: string): LuaInteger =>
  value === undefined ? otherwise : typeof value === "number" ? value : checkInteger(value, n, name);

const stringOf = (value: LuaValue, n: number, name: string): string =>
  typeof value === "string" ? value : checkString(value, n, name);

const isTrue = (value: LuaValue): boolean => value !== undefined && value !== false;

export function openUtf8(state: LuaState): void {
  const { none } = state.machine;

  function char(...codes: LuaValue[]): LuaResult {
    state.spend(codes.length >> 3);
    let out = "";
    for (let i = 0; i < codes.length; i++) {
      const code = int64.toNumber(checkInteger(codes[i], i + 1, "char"));
      if (code < 0 || code > MAX_CODE) argumentError(i + 1, "char", "value out of range");
      out += encode(code);
    }
    state.charge(out.length);
    return out;
  }

  function codepoint(s: LuaValue, i: LuaValue, j: LuaValue, lax: LuaValue): LuaResult {
    const text = stringOf(s, 1, "codepoint");
    const isLax = isTrue(lax);
    const first = position(optInteger(i, 1, 2, "codepoint"), text.length);
    const last = position(optInteger(j, first, 3, "codepoint"), text.length);
    if (first < 1) argumentError(2, "codepoint", "out of bounds");
    if (last > text.length) argumentError(3, "codepoint", "out of bounds");
    if (first === last) {
      const code = decode(text, first - 1, isLax);
      return code < 0 ? raise(INVALID) : code;
    }
    const codes: LuaValue[] = [];
    for (let at = first - 1; at < last; at += decodedLength) {
      if (codes.length >= MAX_RESULTS) raise("stack overflow (string slice too long)");
      const code = decode(text, at, isLax);
      if (code < 0) raise(INVALID);
      codes.push(code);
    }
    state.spend(codes.length >> 1);
    return codes;
  }

  function len(s: LuaValue, i: LuaValue, j: LuaValue, lax: LuaValue): LuaResult {
    const text = stringOf(s, 1, "len");
    const isLax = isTrue(lax);
    let at = position(optInteger(i, 1, 2, "len"), text.length) - 1;
    const last = position(optInteger(j, -1, 3, "len"), text.length) - 1;
    if (at < 0 || at > text.length) argumentError(2, "len", "initial position out of bounds");
    if (last >= text.length) argumentError(3, "len", "final position out of bounds");
    if (last > at) state.spend((last - at) >> 3);
    let count = 0;
    for (; at <= last; count++) {
      if (text.charCodeAt(at) < 0x80) at++;
      else if (decode(text, at, isLax) < 0) return [undefined, at + 1];
      else at += decodedLength;
    }
    return count;
  }

  /** Start and end of the `n`-th character counted from `i`; nil when there is none. */
  function offset(s: LuaValue, n: LuaValue, i: LuaValue): LuaResult {
    const text = stringOf(s, 1, "offset");
    let count = typeof n === "number" ? n : int64.toNumber(checkInteger(n, 2, "offset"));
    const start = count > 0 ? 1 : text.length + 1;
    let at = position(optInteger(i, start, 3, "offset"), text.length) - 1;
    if (at < 0 || at > text.length) argumentError(3, "offset", "position out of bounds");
    const from = at;
    if (count === 0) {
      while (at > 0 && isContinuation(text, at)) at--;
    } else {
      if (isContinuation(text, at)) raise("initial position is a continuation byte");
      if (count < 0) {
        while (count < 0 && at > 0) {
          do at--;
          while (at > 0 && isContinuation(text, at));
          count++;
        }
      } else {
        count--;
        while (count > 0 && at < text.length) {
          do at++;
          while (isContinuation(text, at));
          count--;
        }
      }
    }
    const end = characterEnd(text, at);
    state.spend((Math.abs(at - from) + end - at) >> 3);
    return count === 0 ? [at + 1, end] : undefined;
  }

  const iterator =
    (isLax: boolean): LuaFunction =>
    (subject, control) => {
      const text = stringOf(subject, 1, "?");
      const from = typeof control === "number" ? control : int64.toNumber(checkInteger(control, 2, "?"));
      if (from < 0) return none;
      // `control` is the 1-based place of the previous character: skip what is left of it.
      let at = from;
      while (isContinuation(text, at)) at++;
      state.spend((at - from) >> 3);
      if (at >= text.length) return none;
      const code = decode(text, at, isLax);
      if (code < 0 || isContinuation(text, at + decodedLength)) raise(INVALID);
      return [at + 1, code];
    };
  const nextStrict = iterator(false);
  const nextLax = iterator(true);

  function codes(s: LuaValue, lax: LuaValue): LuaResult {
    const text = stringOf(s, 1, "codes");
    if (isContinuation(text, 0)) argumentError(1, "codes", INVALID);
    return [isTrue(lax) ? nextLax : nextStrict, text, 0];
  }

  register(state, "utf8", { char, codepoint, codes, len, offset, charpattern: CHAR_PATTERN });
}

/** The 1-based place of the last byte of the character at offset `at`. */
function characterEnd(text: string, at: number): number {
  let end = at + 1;
  if (text.charCodeAt(at) >= 0x80) while (isContinuation(text, end)) end++;
  return end;
}
