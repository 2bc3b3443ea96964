import fc from "fast-check";
import { expect, test } from "vitest";
import { LuaError } from "../error.ts";
import * as int64 from "../int64.ts";
import { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import { type LuaFunction, type LuaResult, type LuaValue, resultList } from "../value.ts";
import { openTable } from "./table.ts";

const numRuns = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 300);

const state = new LuaState();
openTable(state);
const library = state.globals.get("table") as LuaTable;

const call = (name: string, ...args: LuaValue[]): LuaResult => (library.get(name) as LuaFunction)(...args);
const tableOf = (...values: LuaValue[]): LuaTable => {
  const t = new LuaTable();
  values.forEach((value, i) => {
    if (value !== undefined) t.set(i + 1, value);
  });
  return t;
};
const listOf = (t: LuaTable): LuaValue[] => Array.from({ length: t.length() }, (_, i) => t.get(i + 1));

test.each<[string, LuaTable, LuaValue[], LuaValue[]]>([
  ["concat", tableOf(1, "b", 3), ["-"], ["1-b-3"]],
  ["concat", tableOf(1, 2, 3), [", ", 2, 3], ["2, 3"]],
  ["concat", tableOf(), ["x"], [""]],
  ["unpack", tableOf(1, 2, 3), [], [1, 2, 3]],
  ["unpack", tableOf(1, 2, 3), [2, 4], [2, 3, undefined]],
  ["unpack", tableOf(1), [2, 1], []],
  ["remove", tableOf(), [], [undefined]],
  ["remove", tableOf(1, 2, 3), [], [3]],
  ["remove", tableOf(1, 2, 3), [1], [1]],
  ["remove", tableOf(1, 2, 3), [4], [undefined]],
])("table.%s", (name, t, args, wanted) => {
  expect(resultList(call(name, t, ...args))).toEqual(wanted);
});

test.each<[string, LuaTable, LuaValue[], LuaValue[]]>([
  ["insert", tableOf(1, 2), [3], [1, 2, 3]],
  ["insert", tableOf(1, 2), [1, 0], [0, 1, 2]],
  ["insert", tableOf(1, 2), [3, 3], [1, 2, 3]],
  ["remove", tableOf(1, 2, 3), [1], [2, 3]],
  ["move", tableOf(1, 2, 3), [1, 3, 2], [1, 1, 2, 3]],
  ["move", tableOf(1, 2, 3), [2, 3, 1], [2, 3, 3]],
  ["move", tableOf(1, 2, 3), [2, 1, 7], [1, 2, 3]],
  ["sort", tableOf(3, 1, 2), [], [1, 2, 3]],
  ["sort", tableOf("b", "a"), [], ["a", "b"]],
  ["sort", tableOf(1, 2, 3), [(a: LuaValue, b: LuaValue) => int64.lt(b as number, a as number)], [3, 2, 1]],
])("table.%s changes the table", (name, t, args, wanted) => {
  call(name, t, ...args);
  expect(listOf(t)).toEqual(wanted);
});

test.each<[string, LuaValue[], string]>([
  ["concat", [tableOf(1, new LuaTable())], "invalid value (table) at index 2 in table for 'concat'"],
  ["concat", [tableOf(1), "", 1, 2], "invalid value (nil) at index 2 in table for 'concat'"],
  ["concat", [1], "table expected, got number"],
  ["insert", [tableOf(1)], "wrong number of arguments to 'insert'"],
  ["insert", [tableOf(1), 3, 0], "position out of bounds"],
  ["insert", [tableOf(1), 0, 0], "position out of bounds"],
  ["remove", [tableOf(1, 2, 3), 5], "position out of bounds"],
  ["remove", [tableOf(1, 2, 3), 0], "position out of bounds"],
  ["move", [tableOf(), 1, int64.MAX_INTEGER, 2], "destination wrap around"],
  ["move", [tableOf(), -1, int64.MAX_INTEGER, 2], "too many elements to move"],
  ["unpack", [tableOf(), 1, 1e8], "too many results to unpack"],
  ["unpack", [tableOf(), int64.MIN_INTEGER, int64.MAX_INTEGER], "too many results to unpack"],
  ["sort", [tableOf(1, 2, 3, 4, 5), () => true], "invalid order function for sorting"],
  ["sort", [tableOf(1, 2), 1], "function expected"],
  ["create", [-1], "out of range"],
  ["create", [0, 2 ** 40], "out of range"],
])("table.%s(%j) raises %j", (name, args, message) => {
  expect(() => call(name, ...args)).toThrow(message);
});

test("pack keeps the number of values, nils included", () => {
  const t = call("pack", 1, undefined, undefined) as LuaTable;
  expect([t.get("n"), t.get(1), t.get(3)]).toEqual([3, 1, undefined]);
});

test("a range that ends at the last integer does not wrap around", () => {
  const t = new LuaTable();
  t.set(int64.MAX_INTEGER, "end");
  expect(call("concat", t, "", int64.MAX_INTEGER, int64.MAX_INTEGER)).toBe("end");
  expect(resultList(call("unpack", t, int64.MAX_INTEGER, int64.MAX_INTEGER))).toEqual(["end"]);
});

test("sort agrees with a stable sort of the same integers", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 200 }), (values) => {
      const t = tableOf(...values);
      call("sort", t);
      expect(listOf(t)).toEqual([...values].sort((a, b) => a - b));
    }),
    { numRuns },
  );
});

test("sort by an order function keeps all elements, and puts equal ones in any order", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 200 }), (keys) => {
      const pairs = keys.map((key, i) => tableOf(key, i));
      const t = tableOf(...pairs);
      // Several results, of which the first counts: what a call may give.
      call("sort", t, (a, b) => [((a as LuaTable).get(1) as number) > ((b as LuaTable).get(1) as number), 0]);
      const sorted = listOf(t) as LuaTable[];
      expect(sorted.map((pair) => pair.get(1))).toEqual([...keys].sort((a, b) => b - a));
      expect(new Set(sorted).size).toBe(keys.length);
    }),
    { numRuns },
  );
});

test("an order function that contradicts itself ends, with a LuaError at most", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1 }),
      fc.integer({ min: 2, max: 60 }),
      (answers, size) => {
        let asked = 0;
        try {
          call(
            "sort",
            tableOf(...Array.from({ length: size }, (_, i) => i)),
            () => answers[asked++ % answers.length],
          );
        } catch (error) {
          if (!(error instanceof LuaError)) throw error;
        }
      },
    ),
    { numRuns },
  );
});

test.each<[string, LuaValue[]]>([
  ["concat", [indexable(), "", 1, 1e12]],
  ["concat", [tableOf(...Array.from({ length: 5000 }, () => "x".repeat(1e4)))]],
  ["move", [tableOf(), 1, 1e12, 2]],
  ["move", [counting(200_000), 1, 199_999, 2]],
  ["insert", [counting(200_000), 1, 0]],
  ["remove", [counting(200_000), 1]],
  ["sort", [counting(200_000)]],
  ["sort", [counting(60_000), () => false]],
  ["create", [1e9]],
])("table.%s over too much meets the budget or the memory bound", (name, args) => {
  let units = 0;
  let bytes = 0;
  const small = new LuaState();
  openTable(small);
  small.spend = (n) => {
    units += n;
    if (units > 1e5) throw new LuaError("out of budget");
  };
  small.charge = (n) => {
    bytes += n;
    if (bytes > 1e7) throw new LuaError("not enough memory");
  };
  const limited = (small.globals.get("table") as LuaTable).get(name) as LuaFunction;
  expect(() => limited(...args)).toThrow(/out of budget|not enough memory/);
});

/** Has the items 1..n. */
function counting(n: number): LuaTable {
  const t = new LuaTable();
  for (let i = 1; i <= n; i++) t.set(i, i);
  return t;
}

/** Has a value at every index, so that only the bound ends the loop. */
function indexable(): LuaTable {
  const t = new LuaTable();
  t.metatable = new LuaTable();
  t.metatable.set("__index", () => "");
  return t;
}
