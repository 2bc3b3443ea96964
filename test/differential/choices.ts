/**
 * Random choices that are remembered. A failing test is made smaller by making the list of its choices smaller: what
 * is generated from a shorter list, or one of smaller numbers, is simpler, if 0 always stands for the simplest choice.
 */

export class Choices {
  readonly made: number[] = [];
  readonly #given: readonly number[] | undefined;
  #state: number;

  /** From a seed; or those `given`, and 0 behind them. */
  constructor(source: number | readonly number[]) {
    this.#given = typeof source === "number" ? undefined : source;
    this.#state = typeof source === "number" ? source | 0 : 0;
  }

  /** An integer from 0 to `n - 1`. */
  below(n: number): number {
    const value = this.#given === undefined ? this.#random() : (this.#given[this.made.length] ?? 0);
    this.made.push(value);
    return value % n;
  }

  chance(percent: number): boolean {
    return this.below(100) >= 100 - percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** An entry by weight. */
  weighted<T>(list: readonly (readonly [weight: number, value: T])[]): T {
    let total = 0;
    for (const [weight] of list) total += weight;
    let at = this.below(total);
    for (const [weight, value] of list) {
      at -= weight;
      if (at < 0) return value;
    }
    throw new Error("weights do not add up");
  }

  /** Mulberry32: 31 random bits. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 1) | 0;
  }
}

/** As many tries as are judged at once. */
const TRIES = 40;

/** The smallest list found that still fails, judging about `most`; `fails` judges many lists at once. */
export function shrink(
  choices: readonly number[],
  fails: (tries: readonly (readonly number[])[]) => readonly boolean[],
  most = 100_000,
): number[] {
  let best = [...choices];
  let judged = 0;
  const judge = (tries: readonly (readonly number[])[]): readonly boolean[] => {
    judged += tries.length;
    return judged > most ? [] : fails(tries);
  };
  for (let rounds = 0; rounds < 60 && judged < most; rounds++) {
    const smaller = firstFailing(shorter(best), judge) ?? firstFailing(lower(best), judge);
    if (smaller === undefined) break;
    best = smaller;
  }
  return best;
}

function firstFailing(
  candidates: Iterable<number[]>,
  fails: (tries: readonly (readonly number[])[]) => readonly boolean[],
): number[] | undefined {
  let tries: number[][] = [];
  const judge = (): number[] | undefined => tries[fails(tries).indexOf(true)];
  for (const candidate of candidates) {
    tries.push(candidate);
    if (tries.length < TRIES) continue;
    const found = judge();
    if (found !== undefined) return found;
    tries = [];
  }
  return tries.length > 0 ? judge() : undefined;
}

function* shorter(list: readonly number[]): Generator<number[]> {
  for (let size = list.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < list.length; at += size) yield [...list.slice(0, at), ...list.slice(at + size)];
  }
}

function* lower(list: readonly number[]): Generator<number[]> {
  for (const [at, value] of list.entries()) {
    if (value === 0) continue;
    for (const other of [0, 1, value % 10, value % 100]) {
      if (other < value) yield [...list.slice(0, at), other, ...list.slice(at + 1)];
    }
  }
}
