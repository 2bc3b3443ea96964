/** 64-bit values as two halves of 32 bits, in the text of generated code; constants are folded. */

/** Two signed halves of 32 bits; texts that are names or numbers. */
export interface Halves {
  readonly hi: string;
  readonly lo: string;
}

// Operators on halves, with constants folded.
export const xor = (a: string, b: string): string => (a === "0" ? b : b === "0" ? a : `${a}^${b}`);

export const or = (a: string, b: string): string => (a === "0" ? b : b === "0" ? a : `${a}|${b}`);

export const and = (a: string, b: string): string =>
  a === "0" || b === "0" ? "0" : a === "-1" ? b : b === "-1" ? a : `${a}&${b}`;

/** Bits 32..63 of a product, as far as they count. */
export function multiplyHighText(a: Halves, b: Halves): string {
  const cross = [
    [a.hi, b.lo],
    [a.lo, b.hi],
  ]
    .filter(([x, y]) => x !== "0" && y !== "0")
    .map(([x, y]) => `Math.imul(${x},${y})`);
  return `${[lowProductHigh(a.lo, b.lo), ...cross].join("+")}|0`;
}

/** Bits 32..63 of the product of two lower halves. Below 2^53 a product of doubles is exact. */
function lowProductHigh(a: string, b: string): string {
  const constant = [a, b].find((half) => /^\d+$/.test(half) && Number(half) < 2 ** 21);
  if (constant === undefined) return `multiplyHigh(${a},${b})`;
  return `Math.floor((${constant === a ? b : a}>>>0)*${constant}/4294967296)`;
}
