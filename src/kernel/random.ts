/**
 * Random numbers that follow from a seed (xoshiro128**, prng.di.unimi.it), so that a simulated run is a function
 * of its input. The seed spreads over the state by splitmix32 steps, as the authors advise.
 */

export class SeededRandom {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let z = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      this.#state[i] = mixed ^ (mixed >>> 16);
    }
    // The one state from which nothing comes; no seed is known to lead there, but the price of being sure is nil.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** Continues from a state of four 32-bit words, not all zero. */
  static fromState(words: readonly number[]): SeededRandom {
    const random = new SeededRandom(0);
    random.#state.set(words);
    return random;
  }

  /** 32 random bits, unsigned. */
  next32(): number {
    const s = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = rotateLeft(s[3]!, 11);
    return result;
  }

  /** 64 random bits, unsigned. */
  next64(): bigint {
    const high = BigInt(this.next32());
    return (high << 32n) | BigInt(this.next32());
  }
}

function rotateLeft(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}
