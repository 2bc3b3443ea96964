/**
 * The `string` library. Strings are latin1 JavaScript strings, one character per byte.
 *
 * Functions that scripts call per packet take named parameters instead of a rest array. Whatever builds a new
 * string announces its size first, and whatever walks one pays for the walk.
 */

import * as int64 from "../int64.ts";
import { joined } from "../meter.ts";
import type { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import { firstResult, type LuaFunction, type LuaInteger, type LuaResult, type LuaValue } from "../value.ts";
import { argumentError, checkInteger, checkString, raise, typeName } from "./check.ts";
import { format as formatValues } from "./format.ts";
import { pack, packSize, unpack } from "./pack.ts";
import { ends, findPlain, matched, type Pattern, parsePattern, search, starts } from "./pattern.ts";
import { register } from "./register.ts";

/** Results a function may return: the kernel's Lua stack has 200 slots. */
const MAX_RESULTS = 200;
/** Longest string PUC Lua builds: what fits a C int. */
const MAX_LENGTH = 0x7fffffff;
/** A pattern without these is looked for as plain text. */
const SPECIALS = /[\^$*+?.([%-]/;
/** Bytes that JavaScript takes for letters, and would change. */
const OTHER_UPPER = /[\xc0-\xde]/;
const OTHER_LOWER = /[\xb5\xdf-\xff]/;

const numberOf = (value: LuaInteger): number => (typeof value === "number" ? value : int64.toNumber(value));

/** A start position (1-based, negative from the end) as an offset from 0, possibly behind the end. */
function startOffset(position: LuaInteger, length: number): number {
  const at = numberOf(position);
  return at > 0 ? at - 1 : at === 0 || at < -length ? 0 : length + at;
}

/** An inclusive end position as an exclusive offset. */
function endOffset(position: LuaInteger, length: number): number {
  const at = numberOf(position);
  return at > length ? length : at >= 0 ? at : at < -length ? 0 : length + at + 1;
}

const optInteger = (value: LuaValue, otherwise: number, n: number, name: string): LuaInteger =>
  value === undefined ? otherwise : typeof value === "number" ? value : checkInteger(value, n, name);

function len(s: LuaValue): LuaResult {
  return typeof s === "string" ? s.length : checkString(s, 1, "len").length;
}

function sub(s: LuaValue, i: LuaValue, j: LuaValue): LuaResult {
  const text = typeof s === "string" ? s : checkString(s, 1, "sub");
  const start = startOffset(typeof i === "number" ? i : checkInteger(i, 2, "sub"), text.length);
  const end = j === undefined ? text.length : endOffset(optInteger(j, -1, 3, "sub"), text.length);
  return start < end ? text.slice(start, end) : "";
}

function byte(s: LuaValue, i: LuaValue, j: LuaValue): LuaResult {
  const text = typeof s === "string" ? s : checkString(s, 1, "byte");
  const first = optInteger(i, 1, 2, "byte");
  const start = startOffset(first, text.length);
  if (j === undefined) {
    // One byte, and none for a position outside: 0 is outside although `sub` clamps it.
    const at = numberOf(first);
    return at !== 0 && start < text.length && at >= -text.length ? text.charCodeAt(start) : [];
  }
  const end = endOffset(optInteger(j, 1, 3, "byte"), text.length);
  if (start >= end) return [];
  if (end - start >= MAX_RESULTS) raise("stack overflow (string slice too long)");
  const bytes: number[] = [];
  for (let at = start; at < end; at++) bytes.push(text.charCodeAt(at));
  return bytes;
}

/** The value of capture `index`; with no captures at all, capture 0 is the whole match. */
function captureValue(pattern: Pattern, index: number, text: string, start: number, end: number): LuaValue {
  if (index >= pattern.captures) {
    if (index !== 0) raise(`invalid capture index %${index + 1}`);
    return text.slice(start, end);
  }
  if (pattern.parsed.unfinished?.has(index)) raise("unfinished capture");
  const from = starts[index]!;
  const to = ends[index]!;
  return to === -1 ? from + 1 : text.slice(from, to);
}

/** All captures of the last match, or the whole match when the pattern has none. */
function captureValues(pattern: Pattern, text: string, start: number, end: number): LuaValue[] {
  const values: LuaValue[] = [];
  const count = Math.max(pattern.captures, 1);
  for (let i = 0; i < count; i++) values.push(captureValue(pattern, i, text, start, end));
  return values;
}

function dump(f: LuaValue): LuaResult {
  if (typeof f !== "function") {
    argumentError(1, "dump", `function expected, got ${f === undefined ? "no value" : typeName(f)}`);
  }
  raise("unable to dump given function");
}

/** Letters in the other case, by code. JavaScript would also change bytes above 127. */
const UPPER = Uint8Array.from({ length: 256 }, (_, c) => (c >= 97 && c <= 122 ? c - 32 : c));
const LOWER = Uint8Array.from({ length: 256 }, (_, c) => (c >= 65 && c <= 90 ? c + 32 : c));

/** The characters of `text` by way of a table. Eight at once make a string quicker than one by one. */
function translated(text: string, table: Uint8Array): string {
  let out = "";
  let at = 0;
  const next = (): number => table[text.charCodeAt(at++)]!;
  while (at <= text.length - 8) {
    out += String.fromCharCode(next(), next(), next(), next(), next(), next(), next(), next());
  }
  while (at < text.length) out += String.fromCharCode(next());
  return out;
}

function reversed(text: string): string {
  let out = "";
  let at = text.length;
  const next = (): number => text.charCodeAt(--at);
  while (at >= 8) {
    out += String.fromCharCode(next(), next(), next(), next(), next(), next(), next(), next());
  }
  while (at > 0) out += text[--at];
  return out;
}

/** `string.gsub` from the parsed pattern on: one object per call, since four functions share its state. */
class Substitution {
  private readonly state: LuaState;
  private readonly text: string;
  private readonly pattern: Pattern;
  private readonly replacement: LuaValue;
  /** The replacement, when it is a text without captures. */
  private readonly literal: string | undefined;
  private out = "";
  /** Offset up to which the subject is in `out`. */
  private copied = 0;

  constructor(state: LuaState, text: string, pattern: Pattern, replacement: LuaValue) {
    this.state = state;
    this.text = text;
    this.pattern = pattern;
    this.replacement = replacement;
    this.literal = typeof replacement === "string" && !replacement.includes("%") ? replacement : undefined;
  }

  run(limit: number): [string, number] {
    const { text, pattern, state } = this;
    let count = 0;
    let at = 0;
    let lastEnd = -1;
    while (count < limit && at <= text.length) {
      const end = search(pattern, text, at, state);
      if (end < 0) break;
      const start = matched.start;
      if (end === lastEnd) {
        // An empty match right behind the last one does not count.
        at = start + 1;
      } else {
        count++;
        this.replace(start, end);
        at = lastEnd = end;
      }
      if (pattern.anchored) break;
    }
    if (this.copied === 0 && this.out === "") return [text, count];
    state.charge(text.length - this.copied);
    return [joined(this.out + text.slice(this.copied)), count];
  }

  private replace(start: number, end: number): void {
    const value = this.literal ?? this.value(start, end);
    if (value === undefined || value === false) return;
    let piece: string;
    if (typeof value === "string") piece = value;
    else if (int64.isInteger(value)) piece = int64.toDecimal(value);
    else raise(`invalid replacement value (a ${typeName(value)})`);
    this.state.charge(start - this.copied + piece.length);
    this.out += this.text.slice(this.copied, start) + piece;
    this.copied = end;
  }

  private value(start: number, end: number): LuaValue {
    const { replacement, pattern, text } = this;
    if (typeof replacement === "string") return this.expand(replacement, start, end);
    if (typeof replacement !== "function") {
      const key = captureValue(pattern, 0, text, start, end);
      const isPlain = replacement instanceof LuaTable && replacement.metatable === undefined;
      return isPlain ? replacement.get(key) : this.state.index(replacement, key);
    }
    // Called as Lua code calls, since this runs in a callback: its results may be a tail call to be made.
    const result =
      pattern.captures <= 1
        ? replacement(captureValue(pattern, 0, text, start, end))
        : replacement(...captureValues(pattern, text, start, end));
    return Array.isArray(result) ? firstResult(result) : result;
  }

  private expand(template: string, start: number, end: number): string {
    let at = template.indexOf("%");
    this.state.spend(template.length >> 2);
    let out = "";
    let from = 0;
    for (; at >= 0; at = template.indexOf("%", from)) {
      out += template.slice(from, at);
      const digit = template.charCodeAt(at + 1) - 48;
      if (digit === 0) out += this.text.slice(start, end);
      else if (digit >= 1 && digit <= 9) {
        const value = captureValue(this.pattern, digit - 1, this.text, start, end);
        out += typeof value === "string" ? value : String(value);
      } else if (template[at + 1] === "%") out += "%";
      else raise("invalid use of '%' in replacement string");
      from = at + 2;
    }
    return out + template.slice(from);
  }
}

export function openString(state: LuaState): void {
  function find(s: LuaValue, p: LuaValue, init: LuaValue, plain: LuaValue): LuaResult {
    const text = typeof s === "string" ? s : checkString(s, 1, "find");
    const sought = typeof p === "string" ? p : checkString(p, 2, "find");
    const from = init === undefined ? 0 : startOffset(optInteger(init, 1, 3, "find"), text.length);
    if (from > text.length) return undefined;
    if ((plain !== undefined && plain !== false) || !SPECIALS.test(sought)) {
      const at = findPlain(text, sought, from, state);
      return at < 0 ? undefined : [at + 1, at + sought.length];
    }
    const pattern = parsePattern(sought, state);
    const end = search(pattern, text, from, state);
    if (end < 0) return undefined;
    const start = matched.start;
    if (pattern.captures === 0) return [start + 1, end];
    return [start + 1, end, ...captureValues(pattern, text, start, end)];
  }

  function match(s: LuaValue, p: LuaValue, init: LuaValue): LuaResult {
    const text = typeof s === "string" ? s : checkString(s, 1, "match");
    const pattern = parsePattern(typeof p === "string" ? p : checkString(p, 2, "match"), state);
    const from = init === undefined ? 0 : startOffset(optInteger(init, 1, 3, "match"), text.length);
    if (from > text.length) return undefined;
    const end = search(pattern, text, from, state);
    if (end < 0) return undefined;
    if (pattern.captures <= 1) return captureValue(pattern, 0, text, matched.start, end);
    return captureValues(pattern, text, matched.start, end);
  }

  function gmatch(s: LuaValue, p: LuaValue, init: LuaValue): LuaResult {
    const text = checkString(s, 1, "gmatch");
    const pattern = parsePattern(checkString(p, 2, "gmatch"), state, false);
    let at = startOffset(optInteger(init, 1, 3, "gmatch"), text.length);
    let lastEnd = -1;
    return () => {
      while (at <= text.length) {
        const end = search(pattern, text, at, state);
        if (end < 0) break;
        if (end === lastEnd) {
          at = matched.start + 1;
          continue;
        }
        at = lastEnd = end;
        if (pattern.captures <= 1) return captureValue(pattern, 0, text, matched.start, end);
        return captureValues(pattern, text, matched.start, end);
      }
      at = text.length + 1;
      return [];
    };
  }

  function gsub(s: LuaValue, p: LuaValue, replacement: LuaValue, maximum: LuaValue): LuaResult {
    const text = typeof s === "string" ? s : checkString(s, 1, "gsub");
    const pattern = parsePattern(typeof p === "string" ? p : checkString(p, 2, "gsub"), state);
    let value = replacement;
    if (int64.isInteger(value)) value = int64.toDecimal(value);
    if (typeof value !== "string" && typeof value !== "function" && !(value instanceof LuaTable)) {
      // biome-ignore lint/complexity/noArguments: nil is not no value, and a rest parameter would be an array
      const got = arguments.length < 3 ? "no value" : typeName(value);
      argumentError(3, "gsub", `string/function/table expected, got ${got}`);
    }
    const limit =
      maximum === undefined ? Number.POSITIVE_INFINITY : numberOf(optInteger(maximum, 0, 4, "gsub"));
    return new Substitution(state, text, pattern, value).run(limit);
  }

  function char(...codes: LuaValue[]): LuaResult {
    state.charge(codes.length);
    let out = "";
    for (let i = 0; i < codes.length; i++) {
      const code = checkInteger(codes[i], i + 1, "char");
      if (typeof code !== "number" || code < 0 || code > 255) {
        argumentError(i + 1, "char", "value out of range");
      }
      out += String.fromCharCode(code);
    }
    return out;
  }

  function rep(s: LuaValue, n: LuaValue, separator: LuaValue): LuaResult {
    const text = checkString(s, 1, "rep");
    const count = numberOf(checkInteger(n, 2, "rep"));
    const between = separator === undefined ? "" : checkString(separator, 3, "rep");
    if (count <= 0) return "";
    const length = text.length * count + between.length * (count - 1);
    if (length === 0) return "";
    if (length > MAX_LENGTH) raise("resulting string too large");
    state.charge(length);
    return joined(between === "" ? text.repeat(count) : (text + between).repeat(count - 1) + text);
  }

  /** Pays for a string as long as `text`, that is put together a few characters at a time. */
  function payPieces(text: string): void {
    state.charge(text.length);
    state.spend(text.length >> 3);
  }

  function reverse(s: LuaValue): LuaResult {
    const text = typeof s === "string" ? s : checkString(s, 1, "reverse");
    payPieces(text);
    return reversed(text);
  }

  function lower(s: LuaValue): LuaResult {
    const text = typeof s === "string" ? s : checkString(s, 1, "lower");
    state.spend(text.length >> 7);
    if (OTHER_UPPER.test(text)) {
      payPieces(text);
      return translated(text, LOWER);
    }
    state.charge(text.length);
    return text.toLowerCase();
  }

  function upper(s: LuaValue): LuaResult {
    const text = typeof s === "string" ? s : checkString(s, 1, "upper");
    state.spend(text.length >> 7);
    if (OTHER_LOWER.test(text)) {
      payPieces(text);
      return translated(text, UPPER);
    }
    state.charge(text.length);
    return text.toUpperCase();
  }

  const format: LuaFunction = (...args) => formatValues(state, checkString(args[0], 1, "format"), args);

  const library = register(state, "string", {
    byte,
    char,
    dump,
    find,
    format,
    gmatch,
    gsub,
    len,
    lower,
    match,
    pack: (...args: LuaValue[]) => pack(state, args),
    packsize: (f: LuaValue) => packSize(state, f),
    rep,
    reverse,
    sub,
    unpack: (f: LuaValue, s: LuaValue, position: LuaValue) => unpack(state, f, s, position),
    upper,
  });
  const metatable = new LuaTable();
  metatable.setField("__index", library);
  state.stringMetatable = metatable;
  state.machine.stringByte = byte;
}
