/** Matches that search packets: string and u32. */

import { flag, type MatchSpec, match, option } from "./declare.ts";
import { readU32 } from "./general.ts";
import type { XtPacket } from "./packet.ts";
import { hexString, u32 as number32, oneOf, u16, ValueError } from "./values.ts";

/** Bytes that a pattern may have (`XT_STRING_MAX_PATTERN_SIZE`). */
const PATTERN_MOST = 128;

const string = match({
  options: {
    string: option((word) => word, { not: true }),
    "hex-string": option(hexString, { not: true }),
    algo: option((word) => oneOf(word, { bm: "bm", kmp: "kmp" }, "way to search")),
    from: option(u16),
    to: option(u16),
    icase: flag(),
  },
  build(given) {
    const asked = given.string ?? given["hex-string"];
    if (!asked || !given.algo) throw new ValueError("--string or --hex-string, and --algo, are needed");
    if (asked.value.length > PATTERN_MOST)
      throw new ValueError(`the pattern is longer than ${PATTERN_MOST} bytes`);
    const fold = given.icase ? lowerCase : (byte: number) => byte;
    const pattern = Uint8Array.from(asked.value, (character) => fold(character.charCodeAt(0)));
    const from = given.from?.value ?? 0;
    const to = given.to?.value ?? 0xffff;
    return ({ bytes, netOffset, end }: XtPacket) => {
      const last = Math.min(end, netOffset + to) - pattern.length;
      for (let at = netOffset + from; at <= last; at++) {
        let i = 0;
        while (i < pattern.length && fold(bytes[at + i]!) === pattern[i]) i++;
        if (i === pattern.length) return !asked.not;
      }
      return asked.not;
    };
  },
});

const lowerCase = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

type U32Operator = "&" | "<<" | ">>" | "@";

interface U32Test {
  readonly start: number;
  readonly steps: readonly { readonly operator: U32Operator; readonly number: number }[];
  readonly values: readonly { readonly low: number; readonly high: number }[];
}

/** `xt_u32` takes at most ten tests, and ten steps and ten ranges in each. */
const U32_MOST = 10;

function u32Tests(word: string): U32Test[] {
  const tests = word.split("&&").map((part) => {
    const sides = part.split("=");
    if (sides.length !== 2) throw new ValueError(`'${part}' should be LOCATION=VALUES`);
    const location = sides[0]!.replaceAll(/\s/g, "");
    if (!/^(0x[0-9a-f]+|\d+)((&|<<|>>|@)(0x[0-9a-f]+|\d+))*$/i.test(location))
      throw new ValueError(`'${location}' is no place in a packet`);
    const numbers = location.split(/&|<<|>>|@/);
    const operators = location.match(/&|<<|>>|@/g) ?? [];
    return {
      start: number32(numbers[0]!),
      steps: operators.map((operator, i) => ({
        operator: operator as U32Operator,
        number: number32(numbers[i + 1]!),
      })),
      values: sides[1]!.split(",").map((value) => {
        const [low, high = low] = value.trim().split(":");
        return { low: number32(low!), high: number32(high!) };
      }),
    };
  });
  if (tests.length > U32_MOST || tests.some((t) => t.steps.length >= U32_MOST || t.values.length > U32_MOST))
    throw new ValueError(`more than ${U32_MOST} tests, places or values`);
  return tests;
}

const u32 = match({
  options: { u32: option(u32Tests, { not: true }) },
  build({ u32: asked }) {
    if (!asked) throw new ValueError("--u32 is needed");
    return (packet) => asked.value.every((test) => u32Holds(packet, test)) !== asked.not;
  },
});

/** u32_match_it: everything is a number of 32 bits, read in network order and counted from the network header. */
function u32Holds(packet: XtPacket, { start, steps, values }: U32Test): boolean {
  let base = 0;
  let value = u32At(packet, start);
  for (const { operator, number } of steps) {
    if (value === undefined) return false;
    if (operator === "&") value = (value & number) >>> 0;
    else if (operator === "<<") value = number > 31 ? 0 : (value << number) >>> 0;
    else if (operator === ">>") value = number > 31 ? 0 : value >>> number;
    else {
      base += value;
      if (base > 0xffffffff) return false;
      value = u32At(packet, base + number);
    }
  }
  return value !== undefined && values.some(({ low, high }) => value >= low && value <= high);
}

function u32At({ bytes, netOffset, end }: XtPacket, offset: number): number | undefined {
  const at = netOffset + offset;
  return at + 4 > end ? undefined : readU32(bytes, at);
}

export const PAYLOAD_MATCHES: Readonly<Record<string, MatchSpec>> = { string, u32 };
