/** Helper verbs for tests. */

/** The bytes of hexadecimal text; spaces are free. */
export const unhex = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A repeatable source of 32-bit numbers (Marsaglia's xorshift32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** How many cases a fuzz test runs; the environment variable MOONHOOK_FUZZ_RUNS raises it. */
export function numRuns(usual: number): number {
  const environment = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env;
  return Math.max(usual, Number(environment?.["MOONHOOK_FUZZ_RUNS"] ?? 0));
}
