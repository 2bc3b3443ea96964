/** What generated hooks keep for later packets: variables, counters, and tables in two generations, under few keys. */

import type { Choices } from "./choices.ts";

export const STATE_PRELUDE = `local total, last, mode = 0, nil, "first"
local tally, seen = { [2] = 20, ab = 7 }, { [1] = true, a = false }
local young, old = {}, {}
local all = { n = 0, first = nil, mark = "none" }
`;

/** Whether what a hook does to a packet depends on those before. */
export const hasState = (source: string): boolean => source.includes(STATE_PRELUDE);

/** What the statements are made from. */
export interface Pieces {
  readonly c: Choices;
  integer(): string;
  condition(): string;
  /** A new name. */
  name(): string;
}

/** Few keys, so that most are met again. */
function key({ c, integer }: Pieces): string {
  return c.pick([
    () => `${c.below(4)}`,
    () => `(${integer()}) & 3`,
    () => "d:getuint8(9)",
    () => `d:getstring(${c.pick([0, 8, 9, 12])}, ${c.pick([1, 2, 4])})`,
    () => `d:getstring(9, 1 + (d:getuint8(${c.below(20)}) & ${c.pick([1, 3, 15])}))`,
    () => c.pick(['"a"', '"ab"', '"n"', '"E\\0"']),
  ])();
}

/** Lines of a statement or some. */
export function stateStatement(p: Pieces): string[] {
  const { c } = p;
  const generation = (): string => c.pick(["young", "old"]);
  return c.weighted<() => string[]>([
    [3, () => [`total = total + ${p.integer()}`, "print(total)"]],
    [
      2,
      () => {
        const value = c.pick([() => "nil", p.integer, () => "total", () => '"text"'])();
        return ["print(last)", `if ${p.condition()} then last = ${value} end`];
      },
    ],
    [
      1,
      () => [
        `if last == ${p.integer()} or ${p.condition()} then mode = "other" end`,
        "print(mode, mode == 'other')",
      ],
    ],
    [
      4,
      () => {
        const k = key(p);
        return [`tally[${k}] = (tally[${k}] or ${c.below(3)}) + ${p.integer()}`, `print(tally[${k}])`];
      },
    ],
    [2, () => [`print(tally[${key(p)}], tally[${key(p)}])`]],
    [
      3,
      () => {
        const k = key(p);
        const value = c.pick([() => "true", () => "false", () => "nil", p.condition])();
        return [`print(seen[${k}])`, `seen[${k}] = ${value}`, `print(seen[${key(p)}], seen[${k}])`];
      },
    ],
    [
      5,
      () => {
        const [v, k] = [p.name(), key(p)];
        return [
          `local ${v} = young[${k}] or old[${k}]`,
          `if not ${v} then ${v} = { n = ${p.integer()}, time = total } young[${k}] = ${v} end`,
          `${v}.n = ${v}.n + 1`,
          `print(${v}.n, ${v}.time)`,
          `${v}.time = ${p.integer()}`,
        ];
      },
    ],
    [
      3,
      () => {
        const [a, b] = [p.name(), p.name()];
        return [
          `local ${a}, ${b} = ${generation()}[${key(p)}], ${generation()}[${key(p)}]`,
          `if ${a} and ${b} then ${a}.n = ${a}.n + 1 ${b}.n = ${b}.n + 10 print(${a}.n, ${b}.n) ${a}.n = ${b}.n print(${a}.n, ${b}.n) end`,
        ];
      },
    ],
    [2, () => [`young, old = {}, young`]],
    [1, () => [`if ${p.condition()} then young, old = old, young end`]],
    [2, () => [`${generation()}[${key(p)}] = ${generation()}[${key(p)}] or ${generation()}[${key(p)}]`]],
    [1, () => [`${c.pick(["young", "old", "tally"])}[${key(p)}] = nil`]],
    [
      2,
      () => [
        "all.n = all.n + 1",
        `all.first = all.first or ${p.integer()}`,
        `if ${p.condition()} then all.mark = ${c.pick(['"x"', "nil", "total"])} end`,
        "print(all.n, all.first, all.mark)",
      ],
    ],
    [
      1,
      () => {
        const i = p.name();
        const from = c.pick(["0", "1"]);
        return [
          `for ${i} = ${from}, ${c.pick(["3", "d:getuint8(9) & 7"])} do`,
          `  tally[${i}] = (tally[${i} & 1] or 0) + ${i}`,
          `  total = total + (tally[${c.below(3)}] or 1)`,
          "end",
          `print(total, tally[${key(p)}])`,
        ];
      },
    ],
  ])();
}
