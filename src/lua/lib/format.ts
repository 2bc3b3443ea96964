/**
 * `string.format`: conversions as C's printf does them on 64-bit integers and byte strings.
 * There is no floating point, so `%a %e %f %g` are refused, and `%p` is too: addresses are not for scripts.
 */

import * as int64 from "../int64.ts";
import type { LuaState } from "../state.ts";
import { LuaInt64, type LuaInteger, type LuaValue } from "../value.ts";
import { argumentError, checkInteger, raise } from "./check.ts";

/** Flags, width and precision together may not be longer than this. */
const MAX_SPECIFICATION = 22;

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

interface Specification {
  readonly flags: string;
  readonly width: number;
  /** −1 when there is none. */
  readonly precision: number;
}

const NO_MODIFIERS: Specification = { flags: "", width: 0, precision: -1 };

/** `string.format(format, …)`; `args[0]` is the format, already known to be the string `format`. */
export function format(state: LuaState, format: string, args: readonly LuaValue[]): string {
  let out = "";
  let argument = 0;
  let from = 0;
  for (let at = format.indexOf("%"); at >= 0; at = format.indexOf("%", from)) {
    out += format.slice(from, at);
    let letter = format.charAt(at + 1);
    from = at + 2;
    state.spend(1);
    if (letter === "%") {
      out += "%";
      continue;
    }
    argument++;
    if (argument >= args.length) argumentError(argument + 1, "format", "no value");
    const value = args[argument];
    let piece: string;
    if (letter === "d" && typeof value === "number") piece = String(value);
    else if (letter === "s") piece = typeof value === "string" ? value : state.tostring(value);
    else {
      const end = specificationEnd(format, at + 1);
      letter = format.charAt(end);
      from = end + 1;
      piece = convert(state, letter, format.slice(at + 1, end), value, argument + 1);
    }
    state.charge(piece.length);
    out += piece;
  }
  return from === 0 ? format : out + format.slice(from);
}

/** Where flags, width and precision end and the conversion letter stands. */
function specificationEnd(format: string, at: number): number {
  const start = at;
  while (at < format.length && "-+ #0123456789.".includes(format.charAt(at))) at++;
  if (at - start >= MAX_SPECIFICATION) raise("invalid format (too long)");
  return at;
}

function convert(
  state: LuaState,
  letter: string,
  modifiers: string,
  value: LuaValue,
  argument: number,
): string {
  if (letter === "q") {
    if (modifiers !== "") raise("specifier '%q' cannot have modifiers");
    return literal(state, value, argument);
  }
  const rule = CONVERSIONS[letter];
  if (rule === undefined) raise(`invalid conversion '%${modifiers}${letter}' to 'format'`);
  if (letter === "s") {
    const text = state.tostring(value);
    if (text.includes("\0")) argumentError(argument, "format", "string contains zeros");
    const specification = parse(modifiers, letter, rule);
    // Long strings are kept whole unless a precision cuts them.
    if (specification.precision < 0 && text.length >= 100) return text;
    return pad(specification.precision < 0 ? text : text.slice(0, specification.precision), specification);
  }
  if (letter === "c") {
    const specification = parse(modifiers, letter, rule);
    return pad(String.fromCharCode(int64.low(checkInteger(value, argument, "format")) & 0xff), specification);
  }
  const integer = checkInteger(value, argument, "format");
  return number(letter, integer, modifiers === "" ? NO_MODIFIERS : parse(modifiers, letter, rule));
}

function parse(
  modifiers: string,
  letter: string,
  rule: { flags: string; precision: boolean },
): Specification {
  const matched = /^([-+ #0]*)([0-9]{0,2})(?:\.([0-9]{0,2}))?$/.exec(modifiers);
  const flags = matched?.[1] ?? "";
  if (
    matched === null ||
    (matched[3] !== undefined && !rule.precision) ||
    [...flags].some((flag) => !rule.flags.includes(flag))
  ) {
    raise(`invalid conversion specification: '%${modifiers}${letter}'`);
  }
  return {
    flags,
    width: Number(matched[2]),
    precision: matched[3] === undefined ? -1 : Number(matched[3]),
  };
}

/** Fills with spaces up to the width, on the right when the flags say `-`. */
function pad(text: string, { flags, width }: Specification): string {
  if (text.length >= width) return text;
  return flags.includes("-") ? text.padEnd(width) : text.padStart(width);
}

function number(letter: string, value: LuaInteger, specification: Specification): string {
  const { flags, width, precision } = specification;
  const isSigned = letter === "d" || letter === "i";
  const negative = isSigned && int64.lt(value, 0);
  let digits = magnitude(letter, value);
  if (precision === 0 && digits === "0") digits = "";
  digits = digits.padStart(precision, "0");
  let sign = negative
    ? "-"
    : isSigned && flags.includes("+")
      ? "+"
      : isSigned && flags.includes(" ")
        ? " "
        : "";
  if (flags.includes("#")) {
    if (letter === "o" && !digits.startsWith("0")) digits = `0${digits}`;
    else if (letter !== "o" && !(value === 0)) sign = `0${letter}`;
  }
  if (flags.includes("0") && !flags.includes("-") && precision < 0) {
    digits = digits.padStart(width - sign.length, "0");
  }
  return pad(sign + digits, specification);
}

/** The digits without a sign, in the base of the conversion. */
function magnitude(letter: string, value: LuaInteger): string {
  switch (letter) {
    case "d":
    case "i": {
      const text = int64.toDecimal(value);
      return text.startsWith("-") ? text.slice(1) : text;
    }
    case "x":
      return int64.toHex(value);
    case "X":
      return int64.toHex(value).toUpperCase();
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
    state.spend(value.length >> 5);
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

function quote(text: string): string {
  const body = text.replace(
    /["\\\n]|[\x00-\x1f\x7f](?=([0-9]?))/g,
    (c: string, digit: string | undefined) => {
      if (c === '"' || c === "\\" || c === "\n") return `\\${c}`;
      const code = String(c.charCodeAt(0));
      return `\\${digit === undefined || digit === "" ? code : code.padStart(3, "0")}`;
    },
  );
  return `"${body}"`;
}
