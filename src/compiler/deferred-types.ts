/**
 * What is put together in user space must not fail there: the hook has gone on long before, and its verdict would not
 * be the one of a hook that failed. So an operation is only left for later when its operands are of the right types;
 * where they need not be, the program checks them, and fails as the operation would have.
 *
 * Functions of the script that cannot be called now are taken to work.
 */

import { type Abstract, alternativesOf, typeOf } from "./abstract.ts";
import { Join } from "./control.ts";
import { MOST_EVENT_TEXT } from "./events.ts";
import type { Specializer } from "./specializer.ts";

/** What is known of the value of a part: its types, unless nobody knows, and itself, if the program has it. */
export interface Part {
  readonly types: readonly string[] | undefined;
  readonly value?: Abstract;
  readonly isTrusted?: boolean;
  /** A string that may be longer than a record has room for. */
  readonly isLong?: boolean;
}

export const part = (...types: string[]): Part => ({ types });
export const UNKNOWN: Part = { types: undefined };
/** What a function gives that has to be trusted, since it cannot be called now. */
export const TRUSTED: Part = { types: undefined, isTrusted: true };
export const partOf = (s: Specializer, value: Abstract): Part => ({
  types: [...new Set(alternativesOf(value).map(typeOf))],
  value,
  isLong: alternativesOf(value).some(
    (single) =>
      single.kind === "deferred" ||
      (single.kind === "slice" && s.rangeOf(single.length).high > BigInt(MOST_EVENT_TEXT)),
  ),
});

/** Whether every type that the part may have is one of these. */
export const isAlways = ({ types, isTrusted = false }: Part, allowed: readonly string[]): boolean =>
  types === undefined ? isTrusted : types.every((type) => allowed.includes(type));

/** Fails in the program where the value is of no type allowed; false when it cannot be checked there. */
export function check(
  s: Specializer,
  given: Part,
  allowed: readonly string[],
  fail: (type: string) => void,
): boolean {
  if (isAlways(given, allowed) || given.types === undefined)
    return given.types !== undefined || given.isTrusted === true;
  if (given.value === undefined) return false;
  const rest = new Join();
  s.cases(given.value, (single) => {
    const type = typeOf(single);
    if (allowed.includes(type)) s.goto(rest);
    else fail(type);
  });
  s.land(rest);
  return true;
}

export const NUMBER = ["number"] as const;
/** Integers are strings to the functions that take strings. */
export const TEXT = ["string", "number"] as const;
const ANY = undefined;

type Parameter = readonly string[] | undefined;

/** Parameters and result of functions that do not fail when these fit; the last parameter may be left out if marked. */
interface Signature {
  readonly parameters: readonly Parameter[];
  readonly required: number;
  readonly result: Part;
}

const signature = (result: Part, required: number, ...parameters: Parameter[]): Signature => ({
  parameters,
  required,
  result,
});

const STRING = part("string");
const INTEGER = part("number");

/** `undefined` for a function that is not here: it is called now or not at all. */
const SIGNATURES: Readonly<Record<string, Signature>> = {
  tostring: signature(STRING, 1, ANY),
  type: signature(STRING, 1, ANY),
  "string.sub": signature(STRING, 2, TEXT, NUMBER, NUMBER),
  "string.lower": signature(STRING, 1, TEXT),
  "string.upper": signature(STRING, 1, TEXT),
  "string.reverse": signature(STRING, 1, TEXT),
  "string.len": signature(INTEGER, 1, TEXT),
  "string.byte": signature(part("number", "nil"), 1, TEXT, NUMBER, NUMBER),
  "string.rep": signature(STRING, 2, TEXT, NUMBER, TEXT),
  "string.gsub": signature(STRING, 3, TEXT, TEXT, ["string", "number", "table", "function"], NUMBER),
  "string.find": signature(part("number", "nil"), 2, TEXT, TEXT, NUMBER, ANY),
  "string.match": signature(part("string", "number", "nil"), 2, TEXT, TEXT, NUMBER),
  "math.abs": signature(INTEGER, 1, NUMBER),
  "math.max": signature(INTEGER, 1, NUMBER, NUMBER, NUMBER, NUMBER),
  "math.min": signature(INTEGER, 1, NUMBER, NUMBER, NUMBER, NUMBER),
};

/** What these find in a string that was cut for its record would not be what is in the string. */
const LOOKS_INSIDE = new Set(["string.byte", "string.find", "string.len", "string.match", "string.sub"]);

/** What the directives of a constant format want, one for each argument behind it; undefined for one that is wrong. */
function directives(format: string): Parameter[] | undefined {
  const wanted: Parameter[] = [];
  const rest = format.replaceAll("%%", "");
  const found = [...rest.matchAll(/%[-+ #0]*\d{0,2}(?:\.\d{0,2})?([a-zA-Z])/g)];
  if (found.length !== rest.split("%").length - 1) return undefined;
  for (const [, letter] of found) {
    if ("cdiuxXo".includes(letter!)) wanted.push(NUMBER);
    else if (letter === "s") wanted.push(ANY);
    else if (letter === "q") wanted.push(["string", "number", "boolean", "nil"]);
    else return undefined;
  }
  return wanted;
}

function signatureOf(name: string, args: readonly Part[]): Signature | undefined {
  if (name.startsWith("byteorder.")) return signature(INTEGER, 1, NUMBER);
  if (name !== "string.format") return SIGNATURES[name];
  const format = args[0]?.value;
  const wanted = format?.kind === "text" ? directives(format.text) : undefined;
  return wanted && signature(STRING, wanted.length + 1, TEXT, ...wanted);
}

/** A string that is repeated more often might become too large. */
const MOST_REPEATED = 1n << 16n;

const isBelow = (s: Specializer, { value }: Part, most: bigint): boolean =>
  value !== undefined &&
  alternativesOf(value).every((single) => single.kind !== "int" || s.rangeOf(single.value).high <= most);

/** Whether it is known what a function takes. */
export const isKnown = (name: string, args: readonly Part[]): boolean =>
  signatureOf(name, args) !== undefined;

/**
 * What a native function gives that is called later with these arguments. Fails in the program where they do not fit;
 * undefined when it cannot be told whether they do.
 */
export function calledLater(
  s: Specializer,
  name: string,
  args: readonly Part[],
  isMethod: boolean,
): Part | undefined {
  const wanted = signatureOf(name, args);
  if (wanted === undefined || args.length < wanted.required) return undefined;
  const isLong = args.some((given) => given.isLong === true);
  if (LOOKS_INSIDE.has(name) && isLong) return undefined;
  if (name === "string.rep" && !isBelow(s, args[1]!, MOST_REPEATED)) return undefined;
  const short = name.slice(name.indexOf(".") + 1);
  for (const [i, given] of args.entries()) {
    const parameter = wanted.parameters[i];
    if (parameter === undefined) continue;
    const allowed = i >= wanted.required ? [...parameter, "nil"] : parameter;
    const shown = isMethod ? i : i + 1;
    const isChecked = check(s, given, allowed, (type) =>
      s.fail(`bad argument #${shown} to '${short}' (${parameter[0]} expected, got ${type})`),
    );
    if (!isChecked) return undefined;
  }
  return { ...wanted.result, isLong };
}

/** Whether a part is a constant integer other than 0: what may be divided by. */
export function isDivisor({ value }: Part, s: Specializer): boolean {
  if (value?.kind !== "int") return false;
  const constant = s.constantOf(value.value);
  return constant !== undefined && constant !== 0n;
}
