/** Anything may be loaded as Lua: only a syntax error or a function comes out, and what runs ends in Lua's own errors. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LuaError, LuaState, ScriptAbort } from "../../src/lua/index.ts";
import { KEYWORDS, SYMBOLS } from "../../src/lua/lexer.ts";

const numRuns = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 500);

const token = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<string>(...KEYWORDS, ...SYMBOLS) },
  { weight: 5, arbitrary: fc.constantFrom("a", "b", "f", "t", "_ENV", "global", "print", "pcall", "string") },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "0",
      "1",
      "0x7f",
      "9223372036854775807",
      "1e5",
      "3a",
      '"s"',
      "'\\z\\x41'",
      "[[l]]",
      "--c\n",
      "<const>",
      "<close>",
    ),
  },
);
const soup = fc.array(token, { maxLength: 60 }).map((tokens) => tokens.join(" "));
const bytes = fc
  .array(fc.integer({ min: 0, max: 255 }), { maxLength: 200 })
  .map((codes) => String.fromCharCode(...codes));

function loadAndRun(source: string): void {
  const state = new LuaState({ loadBudget: 20_000, memoryLimitBytes: 16 * 1024 * 1024 });
  try {
    state.run(state.load(source, "=fuzz"));
  } catch (error) {
    if (!(error instanceof LuaError || error instanceof ScriptAbort)) throw error;
    expect(error.message).not.toBe("");
  }
}

test("token soup", () => {
  fc.assert(fc.property(soup, loadAndRun), { numRuns });
});

test("bytes", () => {
  fc.assert(fc.property(bytes, loadAndRun), { numRuns });
});

test("deep nesting is refused or runs", () => {
  for (const [open, close] of [
    ["(", ")"],
    ["{", "}"],
    ["do ", " end"],
    ["-", ""],
    ["not ", ""],
    ["function f() ", " end"],
  ]) {
    loadAndRun(`return ${open!.repeat(5000)}1${close!.repeat(5000)}`);
    loadAndRun(`${open!.repeat(5000)}${close!.repeat(5000)}`);
  }
  loadAndRun(`return ${"1+".repeat(50_000)}1`);
  loadAndRun(`return ${"'a'..".repeat(50_000)}'a'`);
});
