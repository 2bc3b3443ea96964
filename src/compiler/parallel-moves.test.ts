import { expect, test } from "vitest";
import { randomOf } from "../ebpf/testing.ts";
import { orderMoves } from "./parallel-moves.ts";

const TEMPORARY = 100;

test("any moves at once come out right one after the other, with a temporary for each circle only", () => {
  const next = randomOf(1);
  for (let run = 0; run < 2000; run++) {
    const count = 1 + (next() % 8);
    const targets = Array.from({ length: count }, (_, i) => i).sort(() => (next() & 1) - 0.5);
    const moves = targets.slice(0, 1 + (next() % count)).map((to) => ({ to, from: next() % count }));
    let temporaries = 0;
    const registers = new Map<number, string>(targets.map((register) => [register, `old ${register}`]));
    const ordered = orderMoves(moves, () => TEMPORARY + temporaries++);
    for (const { to, from } of ordered) registers.set(to, registers.get(from)!);
    for (const { to, from } of moves) expect(registers.get(to), JSON.stringify(moves)).toBe(`old ${from}`);
    const untouched = targets.filter((register) => !moves.some(({ to }) => to === register));
    for (const register of untouched) expect(registers.get(register)).toBe(`old ${register}`);
    const real = moves.filter(({ to, from }) => to !== from).length;
    expect(ordered.length).toBe(real + temporaries);
  }
});

test("a chain needs no temporary, an exchange one", () => {
  const never = (): number => {
    throw new Error("no temporary is needed");
  };
  expect(
    orderMoves(
      [
        { to: 1, from: 2 },
        { to: 2, from: 3 },
        { to: 5, from: 2 },
      ],
      never,
    ),
  ).toHaveLength(3);
  expect(
    orderMoves(
      [
        { to: 1, from: 2 },
        { to: 2, from: 1 },
      ],
      () => TEMPORARY,
    ),
  ).toEqual([
    { to: TEMPORARY, from: 1 },
    { to: 1, from: 2 },
    { to: 2, from: TEMPORARY },
  ]);
});
