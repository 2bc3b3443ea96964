import { expect, test } from "vitest";
import { SeededRandom } from "./random.ts";

test("the sequence of a state is that of xoshiro128**", () => {
  // Written out from the published algorithm for the state 1, 2, 3, 4 with exact integers.
  const state = [1n, 2n, 3n, 4n];
  const mask = 0xffffffffn;
  const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
  const step = () => {
    const result = (rotate((state[1]! * 5n) & mask, 7n) * 9n) & mask;
    const t = (state[1]! << 9n) & mask;
    state[2]! ^= state[0]!;
    state[3]! ^= state[1]!;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= t;
    state[3] = rotate(state[3]!, 11n);
    return Number(result);
  };
  const random = SeededRandom.fromState([1, 2, 3, 4]);
  const expected = Array.from({ length: 20 }, step);
  expect(expected[0]).toBe(11520);
  expect(Array.from({ length: 20 }, () => random.next32())).toEqual(expected);
});

test("seeds differ, and 64 bits are two draws", () => {
  expect(new SeededRandom(0).next32()).not.toBe(new SeededRandom(1).next32());
  const a = new SeededRandom(9);
  const b = new SeededRandom(9);
  expect(a.next64()).toBe((BigInt(b.next32()) << 32n) | BigInt(b.next32()));
});
