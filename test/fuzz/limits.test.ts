/** Random loops over what the libraries offer: each is stopped by a limit or ends in an error of Lua, never otherwise. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LuaError, LuaState, ScriptAbort } from "../../src/lua/index.ts";

const numRuns = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 300);
const MIB = 1024 * 1024;

const size = fc.constantFrom(
  "0",
  "1",
  "7",
  "63",
  "200",
  "4000",
  "20000",
  "-1",
  "1 << 20",
  "1 << 40",
  "math.mininteger",
);
const text = fc.oneof(
  fc.constantFrom(
    `""`,
    `"a"`,
    `"a.b"`,
    `"%d"`,
    `"%a+"`,
    `".-b"`,
    `"(a*)%1"`,
    `"%f[b]"`,
    `"%b()"`,
    "s",
    "tostring(i)",
  ),
  size.map((n) => `("a"):rep(${n.includes("<<") ? "9000" : n})`),
  size.map((n) => `("(a?"):rep(${n.includes("<<") ? "9" : n})`),
);
const value: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: size },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "t",
      "o",
      "f",
      "i",
      "nil",
      "{}",
      "{ i, i }",
      "{ a = i }",
      "i << 44",
      "function() return i end",
    ),
  },
);
const natives = [
  ...["byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "pack", "packsize", "rep"],
  ...["reverse", "sub", "unpack", "upper"],
].map((name) => `string.${name}`);
const others = [
  ...["concat", "create", "insert", "move", "pack", "remove", "sort", "unpack"].map(
    (name) => `table.${name}`,
  ),
  ...["char", "codepoint", "codes", "len", "offset"].map((name) => `utf8.${name}`),
  ...["create", "wrap", "resume", "close", "status", "running"].map((name) => `coroutine.${name}`),
  ...["next", "pairs", "ipairs", "select", "rawset", "rawget", "rawlen", "rawequal", "tostring", "tonumber"],
  ...[
    "load",
    "pcall",
    "xpcall",
    "error",
    "assert",
    "setmetatable",
    "getmetatable",
    "print",
    "require",
    "type",
  ],
  ...[
    "debug.traceback",
    "debug.getinfo",
    "collectgarbage",
    "math.max",
    "package.searchpath",
    "f",
    "o",
    "t.x",
  ],
];
const call = fc
  .tuple(fc.constantFrom(...natives, ...others), fc.array(value, { maxLength: 5 }))
  .map(([f, args]) => `${f}(${args.join(", ")})`);
const statement = fc.oneof(
  { weight: 4, arbitrary: call.map((c) => `pcall(function() t[i] = ${c} end)`) },
  {
    weight: 2,
    arbitrary: call.map((c) => `s = tostring((select(2, pcall(function() return ${c} end)))) .. s`),
  },
  { weight: 1, arbitrary: call.map((c) => `for a, b in pcall, function() return ${c} end do break end`) },
  { weight: 1, arbitrary: value.map((v) => `pcall(function() t[${v}] = i end)`) },
  {
    weight: 1,
    arbitrary: fc.tuple(value, value).map(([a, b]) => `pcall(function() return ${a} .. ${b} end)`),
  },
  { weight: 1, arbitrary: fc.tuple(value, value).map(([a, b]) => `local _ = ${a} == ${b}`) },
  {
    weight: 1,
    arbitrary: fc.tuple(value, value).map(([a, b]) => `pcall(function() return ${a} < ${b} end)`),
  },
  { weight: 1, arbitrary: call.map((c) => `coroutine.wrap(function() pcall(function() ${c} end) end)()`) },
);
const script = fc.array(statement, { minLength: 1, maxLength: 4 }).map(
  (statements) => `local t, s, i = {}, "a", 0
    local o = setmetatable({}, { __index = function(o, k) return k end, __call = function() return t end,
      __concat = function() return s end, __lt = function() return true end, __len = function() return 1 << 40 end })
    local function f(...) return ... end
    while true do i = i + 1 ${statements.join("\n")} end`,
);

test("whatever a script does for ever, a limit ends it, and the next callback works", () => {
  fc.assert(
    fc.property(script, (source) => {
      const state = new LuaState({ budget: 20_000, memoryLimitBytes: 8 * MIB, print: () => undefined });
      const loop = state.load(source, "=fuzz");
      const next = state.load("local n = 0 for i = 1, 1000 do n = n + i end return n", "=next");
      try {
        state.call(loop);
        expect.unreachable("it came to an end");
      } catch (error) {
        if (!(error instanceof LuaError || error instanceof ScriptAbort)) throw error;
      }
      // The script may have changed the libraries, but not the language.
      expect(state.call(next)).toBe(500_500);
    }),
    { numRuns },
  );
});
