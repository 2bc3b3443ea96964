/** The five spellings in which MARK and CONNMARK say one thing: `mark = (mark & ~mask) ^ value`. */

import { type Given, option } from "./declare.ts";
import { masked, u32 } from "./values.ts";

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
  const and = given["and-mark"]?.value;
  const or = given["or-mark"]?.value;
  const xor = given["xor-mark"]?.value;
  const chosen =
    given["set-xmark"]?.value ??
    (set && { value: set.value, mask: (set.mask | set.value) >>> 0 }) ??
    (and === undefined ? undefined : { value: 0, mask: ~and >>> 0 }) ??
    (or === undefined ? undefined : { value: or, mask: or }) ??
    (xor === undefined ? undefined : { value: xor, mask: 0 });
  return chosen && ((mark) => ((mark & ~chosen.mask) ^ chosen.value) >>> 0);
}
