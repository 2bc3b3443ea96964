/**
 * `string.format`: conversions as C's printf does them on 64-bit integers and byte strings.
 * There is no floating point, so `%a %e %f %g` are refused, and `%p` is too: addresses are not for scripts.
 */

import * as int64 from "../int64.ts";
import { joined } from "../meter.ts";
import type { LuaState } from "../state.ts";
import { LuaInt64, type LuaInteger, type LuaValue } from "../value.ts";
import { argumentError, checkInteger, raise } from "./check.ts";

/** Flags, width and precision together may not be longer than this. */
const MAX_SPECIFICATION = 22;
const CACHE_ENTRIES = 500;
const CACHE_FORMAT_BYTES = 200;
/** With modifiers, longer strings are kept whole unless a precision cuts them. */
const MAX_PADDED = 100;

/** What each conversion allows: flags, and whether a precision. `q` and `%` take none and are apart. */
const CONVERSIONS: Readonly<Record<string, { readonly flags: string; readonly precision: boolean }>> = {
  d: { flags: "-+ 0", precision: true },
  i: { flags: "-+ 0", precision: true },
  u: { flags: "-0", precision: true },
  o: { flags: "-#0", precision: true },
  x: { flags: "-#0", precision: true },
  X: { flags: "-#0", precision: true },
  c: { flags: "-", precision: false },
  s: { flags: "-", precision: true },
};

/** A conversion, with the text in front of it. */
interface Directive {
  readonly before: string;
  /** Empty for one that is no conversion at all. */
  readonly letter: string;
  readonly isSimple: boolean;
  readonly flags: string;
  readonly width: number;
  /** −1 when there is none. */
  readonly precision: number;
  /** What is wrong with it. PUC Lua finds out only when it has the value, and so do we. */
  readonly problem: string | undefined;
}

interface Format {
  readonly directives: readonly Directive[];
  readonly after: string;
}

const cache = new Map<string, Format>();

/** `string.format(format, …)`; `args[0]` is the format, already known to be the string `format`. */
export function format(state: LuaState, format: string, args: readonly LuaValue[]): string {
  const { directives, after } = cache.get(format) ?? parseFormat(state, format, args.length);
  state.spend(directives.length);
  let out = "";
  for (let i = 0; i < directives.length; i++) {
    const directive = directives[i]!;
    const { letter, isSimple } = directive;
    if (directive.before !== "") out += directive.before;
    if (i + 1 >= args.length) argumentError(i + 2, "format", "no value");
    const value = args[i + 1];
    let piece: string;
    if (isSimple && letter === "d" && typeof value === "number") piece = String(value);
    else if (isSimple && letter === "s") piece = typeof value === "string" ? value : state.tostring(value);
    else piece = convert(state, directive, value, i + 2);
    state.charge(piece.length);
    out += piece;
  }
  state.charge(format.length);
  return joined(after === "" ? out : out + after);
}

/** Reads a format. Of one that is not kept, no more than what there are values for and one. */
function parseFormat(state: LuaState, text: string, most: number): Format {
  const isKept = text.length <= CACHE_FORMAT_BYTES;
  if (isKept) most = text.length;
  state.spend(text.length >> 3);
  const directives: Directive[] = [];
  let before = "";
  let from = 0;
  for (let at = text.indexOf("%"); at >= 0 && directives.length < most; at = text.indexOf("%", from)) {
    before += text.slice(from, at);
    if (text.charAt(at + 1) === "%") {
      before += "%";
      from = at + 2;
      continue;
    }
    const end = specificationEnd(text, at + 1);
    directives.push(directiveOf(before, text.slice(at + 1, end), text.charAt(end)));
    before = "";
    from = end + 1;
  }
  const format = { directives, after: before + text.slice(from) };
  if (isKept) {
    if (cache.size >= CACHE_ENTRIES) cache.clear();
    cache.set(text, format);
  }
  return format;
}

/** Where flags, width and precision end and the conversion letter stands. */
function specificationEnd(format: string, at: number): number {
  while (at < format.length && "-+ #0123456789.".includes(format.charAt(at))) at++;
  return at;
}

function directiveOf(before: string, modifiers: string, letter: string): Directive {
  const failure = (problem: string, ofLetter = ""): Directive => {
    return { before, letter: ofLetter, isSimple: false, flags: "", width: 0, precision: -1, problem };
  };
  if (modifiers.length >= MAX_SPECIFICATION) return failure("invalid format (too long)");
  const isSimple = modifiers === "";
  if (letter === "q" && !isSimple) return failure("specifier '%q' cannot have modifiers");
  const rule = letter === "q" ? NO_MODIFIERS : CONVERSIONS[letter];
  if (rule === undefined) return failure(`invalid conversion '%${modifiers}${letter}' to 'format'`);
  const matched = /^([-+ #0]*)([0-9]{0,2})(?:\.([0-9]{0,2}))?$/.exec(modifiers);
  const flags = matched?.[1] ?? "";
  if (
    matched === null ||
    (matched[3] !== undefined && !rule.precision) ||
    [...flags].some((flag) => !rule.flags.includes(flag))
  ) {
    return failure(`invalid conversion specification: '%${modifiers}${letter}'`, letter);
  }
  const precision = matched[3] === undefined ? -1 : Number(matched[3]);
  return { before, letter, isSimple, flags, width: Number(matched[2]), precision, problem: undefined };
}

const NO_MODIFIERS = { flags: "", precision: false };

function convert(state: LuaState, directive: Directive, value: LuaValue, argument: number): string {
  const { letter, problem, precision } = directive;
  switch (letter) {
    case "":
      return raise(problem!);
    case "q":
      return literal(state, value, argument);
    case "s": {
      const text = state.tostring(value);
      if (text.includes("\0")) argumentError(argument, "format", "string contains zeros");
      if (problem !== undefined) raise(problem);
      if (precision < 0 && text.length >= MAX_PADDED) return text;
      return pad(precision < 0 ? text : text.slice(0, precision), directive);
    }
    case "c": {
      if (problem !== undefined) raise(problem);
      const code = int64.low(checkInteger(value, argument, "format", false)) & 0xff;
      return pad(String.fromCharCode(code), directive);
    }
    default: {
      const integer = typeof value === "number" ? value : checkInteger(value, argument, "format", false);
      if (problem !== undefined) raise(problem);
      return number(directive, integer);
    }
  }
}

/** Spaces and zeros for every width there can be. */
const SPACES = Array.from({ length: 100 }, (_, n) => " ".repeat(n));
const ZEROS = Array.from({ length: 100 }, (_, n) => "0".repeat(n));

/** Fills with spaces up to the width, on the right when the flags say `-`. */
function pad(text: string, { flags, width }: Directive): string {
  if (text.length >= width) return text;
  const spaces = SPACES[width - text.length]!;
  return flags.includes("-") ? text + spaces : spaces + text;
}

function number(directive: Directive, value: LuaInteger): string {
  const { letter, flags, width, precision } = directive;
  const isSigned = letter === "d" || letter === "i";
  let sign = "";
  if (isSigned) {
    if (int64.lt(value, 0)) sign = "-";
    else if (flags !== "") sign = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  }
  let digits = magnitude(letter, value);
  if (precision >= 0) {
    if (precision === 0 && digits === "0") digits = "";
    else if (digits.length < precision) digits = ZEROS[precision - digits.length] + digits;
  }
  if (flags !== "") {
    if (flags.includes("#")) {
      if (letter === "o" && !digits.startsWith("0")) digits = `0${digits}`;
      else if (letter !== "o" && !(value === 0)) sign = `0${letter}`;
    }
    const room = width - sign.length - digits.length;
    if (room > 0 && precision < 0 && flags.includes("0") && !flags.includes("-")) {
      digits = ZEROS[room] + digits;
    }
  }
  return pad(sign + digits, directive);
}

const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16));
const HEX = { shortest: BYTES, full: BYTES.map((digits) => digits.padStart(2, "0")) };
const HEX_UPPER = {
  shortest: HEX.shortest.map((digits) => digits.toUpperCase()),
  full: HEX.full.map((digits) => digits.toUpperCase()),
};

/** 32 bits without leading zeros. */
function hex(bits: number, { shortest, full }: typeof HEX): string {
  const first = bits >>> 24;
  const second = (bits >>> 16) & 0xff;
  const third = (bits >>> 8) & 0xff;
  const fourth = full[bits & 0xff]!;
  if (first !== 0) return shortest[first]! + full[second]! + full[third]! + fourth;
  if (second !== 0) return shortest[second]! + full[third]! + fourth;
  return third !== 0 ? shortest[third]! + fourth : shortest[bits & 0xff]!;
}

/** The digits without a sign, in the base of the conversion. */
function magnitude(letter: string, value: LuaInteger): string {
  switch (letter) {
    case "d":
    case "i": {
      if (typeof value === "number") return String(value < 0 ? -value : value);
      const text = int64.toDecimal(value);
      return text.startsWith("-") ? text.slice(1) : text;
    }
    case "x":
    case "X": {
      const tables = letter === "x" ? HEX : HEX_UPPER;
      const low = int64.low(value);
      const high = int64.high(value);
      if (high === 0) return hex(low, tables);
      const { full } = tables;
      const rest =
        full[low >>> 24]! + full[(low >>> 16) & 0xff]! + full[(low >>> 8) & 0xff]! + full[low & 0xff]!;
      return hex(high, tables) + rest;
    }
    default: {
      const unsigned = BigInt.asUintN(64, int64.toBigInt(value));
      return unsigned.toString(letter === "o" ? 8 : 10);
    }
  }
}

/** `%q`: text that the Lua compiler reads back as the same value. */
function literal(state: LuaState, value: LuaValue, argument: number): string {
  if (typeof value === "string") {
    state.charge(value.length * 2);
    state.spend(value.length);
    return quote(value);
  }
  if (typeof value === "number") return String(value);
  if (value instanceof LuaInt64) {
    // The decimal form of the minimum would read as an integer too large to negate.
    return int64.eq(value, int64.MIN_INTEGER) ? `0x${int64.toHex(value)}` : int64.toDecimal(value);
  }
  if (value === undefined) return "nil";
  if (typeof value === "boolean") return String(value);
  return argumentError(argument, "format", "value has no literal form");
}

const ESCAPED = /["\\\x00-\x1f\x7f]/;

function quote(text: string): string {
  if (!ESCAPED.test(text)) return `"${text}"`;
  let out = '"';
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 32 && code !== 34 && code !== 92 && code !== 127) continue;
    if (at > from) out += text.slice(from, at);
    from = at + 1;
    if (code === 34 || code === 92 || code === 10) out += `\\${text[at]}`;
    else {
      // A digit behind it would be read as part of a short one.
      const next = text.charCodeAt(at + 1) - 48;
      out += next >= 0 && next <= 9 ? `\\${String(code).padStart(3, "0")}` : `\\${code}`;
    }
  }
  return `${out + text.slice(from)}"`;
}
