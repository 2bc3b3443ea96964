/** The spellings in which MARK, CONNMARK and TOS say one thing: `bits = (bits & ~mask) ^ value`. */

import { type Given, type GivenOption, option } from "./declare.ts";
import { masked, u32 } from "./values.ts";

export interface BitChange {
  readonly value: number;
  readonly mask: number;
}

export const changeBits = (bits: number, { value, mask }: BitChange): number =>
  ((bits & ~mask) ^ value) >>> 0;

type Bits = GivenOption<number> | undefined;

/** What `--and-…`, `--or-…` or `--xor-…` asks for, of a field whose bits are `all`; undefined when none is given. */
export function bitChange(and: Bits, or: Bits, xor: Bits, all: number): BitChange | undefined {
  if (and) return { value: 0, mask: (~and.value & all) >>> 0 };
  if (or) return { value: or.value, mask: or.value };
  return xor && { value: xor.value, mask: 0 };
}

export const MARK_OPTIONS = {
  "set-xmark": option((word) => masked(word)),
  "set-mark": option((word) => masked(word)),
  "and-mark": option(u32),
  "or-mark": option(u32),
  "xor-mark": option(u32),
};

/** What becomes of a mark; undefined when no option says it. */
export function markChange(given: Given<typeof MARK_OPTIONS>): ((mark: number) => number) | undefined {
  const set = given["set-mark"]?.value;
  const chosen =
    given["set-xmark"]?.value ??
    (set && { value: set.value, mask: (set.mask | set.value) >>> 0 }) ??
    bitChange(given["and-mark"], given["or-mark"], given["xor-mark"], 0xffffffff);
  return chosen && ((mark) => changeBits(mark, chosen));
}
