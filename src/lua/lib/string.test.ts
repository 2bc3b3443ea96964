import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LuaError } from "../error.ts";
import * as int64 from "../int64.ts";
import { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import { type LuaFunction, type LuaResult, type LuaValue, resultList } from "../value.ts";
import { openString } from "./string.ts";

const numRuns = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 500);

const state = new LuaState();
openString(state);
const library = state.globals.get("string") as LuaTable;

const call = (name: string, ...args: LuaValue[]): LuaResult => (library.get(name) as LuaFunction)(...args);
const results = (name: string, ...args: LuaValue[]): LuaValue[] => resultList(call(name, ...args));

const replaceTable = new LuaTable();
replaceTable.set("b", "<B>");
replaceTable.set("c", false);

test.each<[string, LuaValue[], LuaValue[]]>([
  ["len", ["a\0b"], [3]],
  ["len", [12], [2]],
  ["sub", ["hello", 2, -2], ["ell"]],
  ["sub", ["hello", 0], ["hello"]],
  ["sub", ["hello", int64.MIN_INTEGER, int64.MAX_INTEGER], ["hello"]],
  ["sub", ["hello", 4, 2], [""]],
  ["byte", ["abc"], [97]],
  ["byte", ["abc", 0], []],
  ["byte", ["abc", -1], [99]],
  ["byte", ["abc", 4], []],
  ["byte", ["abc", 1, -1], [97, 98, 99]],
  ["char", [104, 0, 255], ["h\0\xff"]],
  ["char", [], [""]],
  ["rep", ["ab", 3, ","], ["ab,ab,ab"]],
  ["rep", ["x", -1], [""]],
  ["rep", ["", 1e15], [""]],
  ["reverse", ["abc"], ["cba"]],
  ["lower", ["ABC\xc9"], ["abc\xc9"]],
  ["upper", ["abc\xe9\xdf"], ["ABC\xe9\xdf"]],
  ["find", ["hello", "l"], [3, 3]],
  ["find", ["a.b", ".", 1, true], [2, 2]],
  ["find", ["a)b", "a)"], [1, 2]],
  ["find", ["hello", "(l)(l)"], [3, 4, "l", "l"]],
  ["find", ["abc", "", 4], [4, 3]],
  ["find", ["abc", "", 5], [undefined]],
  ["find", ["abc", "b", -1], [undefined]],
  ["match", ["key=1", "(%w+)=(%w+)"], ["key", "1"]],
  ["match", ["abc", "()b"], [2]],
  ["gsub", ["hello world", "o", "0"], ["hell0 w0rld", 2]],
  ["gsub", ["abc", "", "-"], ["-a-b-c-", 4]],
  ["gsub", ["abc", "%w", "%0%0", 2], ["aabbc", 2]],
  ["gsub", ["abc", "%w", replaceTable], ["a<B>c", 3]],
  ["gsub", ["abc", "^a", "x"], ["xbc", 1]],
  ["gsub", ["hello world", "%w*", "<%0>"], ["<hello> <world>", 2]],
  ["gsub", ["a b", "(%w) (%w)", "%2 %1 %%"], ["b a %", 1]],
  [
    "format",
    ["%5d|%-5d|%05d|%+d|%x|%#X", 42, 42, 42, 42, -1, 255],
    ["   42|42   |00042|+42|ffffffffffffffff|0XFF"],
  ],
  ["format", ["%s %s %s", undefined, true, int64.MIN_INTEGER], ["nil true -9223372036854775808"]],
  ["format", ["%-5s|%5.1s|%.2s", "ab", "xyz", "xyz"], ["ab   |    x|xy"]],
  ["format", ["%q", 'a\n\x001\r"\\'], ['"a\\\n\\0001\\13\\"\\\\"']],
  ["format", ["%q", int64.MIN_INTEGER], ["0x8000000000000000"]],
  ["format", ["%u %o %c %%", -1, 8, 65], ["18446744073709551615 10 A %"]],
  ["format", ["%d", "0x10"], ["16"]],
  ["pack", ["<i2>i2", 1, 1], ["\x01\0\0\x01"]],
  ["pack", ["n", -1], ["\xff".repeat(8)]],
  ["pack", ["!4 i1 i4", 1, 2], ["\x01\0\0\0\x02\0\0\0"]],
  ["pack", ["s1zc3", "ab", "c", "d"], ["\x02abc\0d\0\0"]],
  ["packsize", ["!8 b Xi8 j T"], [24]],
  ["unpack", ["<i2", "\xfe\xff"], [-2, 3]],
  ["unpack", [">I3 z s1", "\0\x01\0hi\0\x02yo"], [256, "hi", "yo", 10]],
  ["unpack", ["<I8", "\xff".repeat(8)], [-1, 9]],
  ["unpack", ["b", "abc", -1], [99, 4]],
])("string.%s(%j) gives %j", (name, args, wanted) => {
  expect(results(name, ...args)).toEqual(wanted);
});

test.each<[string, LuaValue[], string]>([
  ["rep", ["x", 2 ** 40], "resulting string too large"],
  ["rep", ["x", {} as LuaValue], "number expected"],
  ["char", [256], "value out of range"],
  ["char", [-1], "value out of range"],
  ["byte", ["x".repeat(1000), 1, -1], "string slice too long"],
  ["dump", [() => []], "unable to dump given function"],
  ["gsub", ["abc", "b", true], "string/function/table expected, got boolean"],
  ["gsub", ["abc", "b", "%2"], "invalid capture index %2"],
  ["gsub", ["abc", "b", "%x"], "invalid use of '%' in replacement string"],
  ["gsub", ["abc", "b", () => new LuaTable()], "invalid replacement value (a table)"],
  ["find", ["abc", "(b"], "unfinished capture"],
  ["format", ["%d"], "no value"],
  ["format", ["%d", "1.5"], "number expected, got string"],
  ["format", ["%y", 1], "invalid conversion '%y' to 'format'"],
  ["format", ["%f", 1], "invalid conversion '%f' to 'format'"],
  ["format", ["%5.2g", 1], "invalid conversion '%5.2g' to 'format'"],
  ["format", ["%p", "x"], "invalid conversion '%p' to 'format'"],
  ["format", ["%", 1], "invalid conversion '%' to 'format'"],
  ["format", ["%123d", 1], "invalid conversion"],
  ["format", ["%5q", "x"], "specifier '%q' cannot have modifiers"],
  ["format", ["%q", new LuaTable()], "value has no literal form"],
  ["format", ["%5s", "a\0b"], "string contains zeros"],
  ["pack", ["f", 1], "invalid format option 'f'"],
  ["pack", ["d", 1], "invalid format option 'd'"],
  ["pack", ["b", 128], "integer overflow"],
  ["pack", ["i7", int64.MIN_INTEGER], "integer overflow"],
  ["pack", ["B", -1], "unsigned overflow"],
  ["pack", ["i17", 1], "integral size (17) out of limits [1,16]"],
  ["pack", ["c2", "abc"], "string longer than given size"],
  ["pack", ["z", "a\0"], "string contains zeros"],
  ["pack", ["!4 i3", 1], "format asks for alignment not power of 2"],
  ["pack", ["X"], "invalid next option for option 'X'"],
  ["packsize", ["s"], "variable-length format"],
  ["packsize", ["c1999999999 c1999999999"], "format result too large"],
  ["unpack", ["i4", "abc"], "data string too short"],
  ["unpack", ["z", "abc"], "unfinished string for format 'z'"],
  ["unpack", ["s8", "\xff".repeat(8)], "data string too short"],
  ["unpack", ["I9", "\xff".repeat(9)], "9-byte integer does not fit into Lua Integer"],
  ["unpack", ["b", "a", 3], "initial position out of string"],
])("string.%s(%j) raises %j", (name, args, message) => {
  expect(() => call(name, ...args)).toThrow(message);
});

test("gmatch iterates, skips the empty match behind a match, and ends with no result", () => {
  const next = call("gmatch", "a,b,,c", "()([^,]*)") as LuaFunction;
  const seen: LuaValue[] = [];
  for (let got = resultList(next()); got.length > 0; got = resultList(next())) seen.push(got.join(":"));
  expect(seen).toEqual(["1:a", "3:b", "5:", "6:c"]);
  expect(next()).toEqual([]);
});

test("gsub calls a function with the captures and keeps the text when it answers nil", () => {
  const seen: LuaValue[][] = [];
  const replace: LuaFunction = (...captures) => {
    seen.push(captures);
    // A search inside the callback must not disturb the one that called it.
    call("find", "zzz", "(z)(z)");
    return captures[0] === "b" ? "X" : undefined;
  };
  expect(call("gsub", "a1b2", "(%a)(%d)", replace)).toEqual(["a1X", 2]);
  expect(seen).toEqual([
    ["a", "1"],
    ["b", "2"],
  ]);
});

describe("memory", () => {
  test.each<[string, LuaValue[]]>([
    ["rep", ["x", 1e9]],
    ["rep", ["", 1e9, "x"]],
    ["pack", ["c1000000000", "x"]],
    ["gsub", ["x".repeat(20_000), "x", "y".repeat(100_000)]],
    ["format", ["%s".repeat(3000), ...Array.from({ length: 3000 }, () => "z".repeat(400_000))]],
  ])("%s is charged before it allocates", (name, args) => {
    let asked = 0;
    const small = new LuaState();
    openString(small);
    small.charge = (bytes) => {
      asked += bytes;
      if (asked > 1e6) throw new LuaError("not enough memory");
    };
    const limited = (small.globals.get("string") as LuaTable).get(name) as LuaFunction;
    expect(() => limited(...args)).toThrow("not enough memory");
  });
});

test("whatever the arguments, only a LuaError comes out", () => {
  const value: fc.Arbitrary<LuaValue> = fc.oneof(
    fc.constantFrom<LuaValue>(undefined, true, "", "%d", "a", "%s%q", "<i4", replaceTable, () => []),
    fc.integer({ min: -300, max: 300 }),
    fc.constantFrom<LuaValue>(int64.MAX_INTEGER, int64.MIN_INTEGER),
    fc
      .array(fc.constantFrom("%", "d", "s", "i", "8", "z", "(", ")", "[", "*", "\0", "\xff"))
      .map((all) => all.join("")),
  );
  const name = fc.constantFrom(
    "byte",
    "char",
    "dump",
    "find",
    "format",
    "gmatch",
    "gsub",
    "len",
    "lower",
    "match",
    "pack",
    "packsize",
    "rep",
    "reverse",
    "sub",
    "unpack",
    "upper",
  );
  fc.assert(
    fc.property(name, fc.array(value, { maxLength: 5 }), (f, args) => {
      try {
        call(f, ...args);
      } catch (error) {
        if (!(error instanceof LuaError)) throw error;
      }
    }),
    { numRuns },
  );
});

test("upper, lower and reverse take every byte for itself", () => {
  const ascii = (c: number, from: number, by: number): number => (c >= from && c < from + 26 ? c + by : c);
  for (let c = 0; c < 256; c++) {
    // Alone, and in a text that is long enough for the quicker ways.
    for (const text of [String.fromCharCode(c), `Az${String.fromCharCode(c)}`.repeat(7)]) {
      const bytes = [...text].map((one) => one.charCodeAt(0));
      const wanted = (map: (c: number) => number): string => String.fromCharCode(...bytes.map(map));
      expect(call("upper", text)).toBe(wanted((b) => ascii(b, 97, -32)));
      expect(call("lower", text)).toBe(wanted((b) => ascii(b, 65, 32)));
      expect(call("reverse", text)).toBe(String.fromCharCode(...bytes.reverse()));
    }
  }
});
