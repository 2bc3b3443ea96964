import { expect, test } from "vitest";
import { LuaState } from "../state.ts";
import type { LuaTable } from "../table.ts";
import { type LuaFunction, type LuaResult, type LuaValue, resultList } from "../value.ts";
import { openUtf8 } from "./utf8.ts";

const state = new LuaState();
openUtf8(state);
const library = state.globals.get("utf8") as LuaTable;
const call = (name: string, ...args: LuaValue[]): LuaResult => (library.get(name) as LuaFunction)(...args);

const E_ACUTE = "\xc3\xa9";
const EURO = "\xe2\x82\xac";
const SURROGATE = "\xed\xa0\x80";
const BEYOND = "\xf4\x90\x80\x80";

test.each<[string, LuaValue[], LuaValue[]]>([
  ["char", [72, 0xe9, 0x20ac, 0x1f600], [`H${E_ACUTE}${EURO}\xf0\x9f\x98\x80`]],
  ["char", [0x7fffffff], ["\xfd\xbf\xbf\xbf\xbf\xbf"]],
  ["char", [], [""]],
  ["len", [`a${E_ACUTE}${EURO}`], [3]],
  ["len", ["a\xff"], [undefined, 2]],
  ["len", ["\xc0\x80"], [undefined, 1]],
  ["len", [SURROGATE], [undefined, 1]],
  ["len", [SURROGATE, 1, -1, true], [1]],
  ["len", [BEYOND], [undefined, 1]],
  ["len", ["", 1], [0]],
  ["codepoint", [`h${E_ACUTE}`, 1, -1], [104, 0xe9]],
  ["codepoint", ["abc", 3, 2], []],
  // 5.5: the end of the character too.
  ["offset", [`a${E_ACUTE}b`, 2], [2, 3]],
  ["offset", [`a${E_ACUTE}b`, 3], [4, 4]],
  ["offset", [`a${E_ACUTE}b`, -2], [2, 3]],
  ["offset", [`a${E_ACUTE}b`, 0, 3], [2, 3]],
  ["offset", ["abc", 4], [4, 4]],
  ["offset", ["abc", 5], [undefined]],
])("utf8.%s(%j) gives %j", (name, args, wanted) => {
  expect(resultList(call(name, ...args))).toEqual(wanted);
});

test.each<[string, LuaValue[], string]>([
  ["char", [-1], "value out of range"],
  ["char", [2 ** 31], "value out of range"],
  ["codepoint", ["\xff"], "invalid UTF-8 code"],
  ["codepoint", ["abc", 4], "out of bounds"],
  ["codepoint", ["a".repeat(500), 1, -1], "string slice too long"],
  ["len", ["abc", 5], "initial position out of bounds"],
  ["len", ["abc", 1, 4], "final position out of bounds"],
  ["offset", ["abc", 1, 5], "position out of bounds"],
  ["offset", [E_ACUTE, 1, 2], "initial position is a continuation byte"],
  ["codes", ["\x80"], "invalid UTF-8 code"],
])("utf8.%s(%j) raises %j", (name, args, message) => {
  expect(() => call(name, ...args)).toThrow(message);
});

/** What a generic `for` over `utf8.codes(text)` sees. */
function codes(text: string): LuaValue[][] {
  const [next, subject, first] = resultList(call("codes", text)) as [LuaFunction, LuaValue, LuaValue];
  const seen: LuaValue[][] = [];
  for (
    let got = resultList(next(subject, first));
    got[0] !== undefined;
    got = resultList(next(subject, got[0]))
  ) {
    seen.push(got);
  }
  return seen;
}

test("codes gives the place and the code of each character", () => {
  expect(codes(`a${EURO}b`)).toEqual([
    [1, 97],
    [2, 0x20ac],
    [5, 98],
  ]);
  expect(() => codes("a\xff")).toThrow("invalid UTF-8 code");
  expect(() => codes(`${E_ACUTE}\x80`)).toThrow("invalid UTF-8 code");
});

test("a step of codes over many continuation bytes is paid for", () => {
  const small = new LuaState();
  let units = 0;
  small.spend = (n) => void (units += n);
  openUtf8(small);
  const codesOf = (small.globals.get("utf8") as LuaTable).get("codes") as LuaFunction;
  const text = `a${"\x80".repeat(80_000)}`;
  const [next, subject] = resultList(codesOf(text)) as [LuaFunction, LuaValue];
  expect(resultList(next(subject, 1))).toEqual([]);
  expect(units).toBeGreaterThanOrEqual(10_000);
});
