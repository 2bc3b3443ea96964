/**
 * The string libraries against PUC Lua 5.4: random patterns, formats and pack formats, the same call in both,
 * results and error texts compared. One process of `lua5.4` judges a whole batch.
 */

import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LuaError } from "../../src/lua/error.ts";
import * as int64 from "../../src/lua/int64.ts";
import { openString } from "../../src/lua/lib/string.ts";
import { openUtf8 } from "../../src/lua/lib/utf8.ts";
import { LuaState } from "../../src/lua/state.ts";
import type { LuaTable } from "../../src/lua/table.ts";
import { type LuaFunction, type LuaInteger, type LuaValue, resultList } from "../../src/lua/value.ts";
import { seed } from "../seed.ts";

/** A Lua function holds no more than 2^17 others, and each call is one. */
const IN_BATCH = 20_000;
const numRuns = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 2000);

type Argument = string | LuaInteger | boolean | undefined;
interface Call {
  readonly name: string;
  readonly args: readonly Argument[];
}

/**
 * A sequence, as it is or behind metamethods, through some calls: what each gives, and then what the sequence is.
 * No nil is put into it, since PUC Lua may see the end of a list with holes elsewhere than we do.
 */
const TABLES = `
local function tables(source)
local given, isPlain, steps = load(source)()
local t, out = given, {}
if not isPlain then
  t = setmetatable({}, { __index = given, __newindex = given, __len = function() return #given end })
end
local function note(isFine, ...)
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    if v == t then v = "same" end
    if type(v) == "table" then
      for k = 1, 12 do out[#out + 1] = tostring(v[k]) end
    -- This PUC Lua may be one that blames the wrong argument of 'remove'.
    elseif isFine then out[#out + 1] = tostring(v)
    else out[#out + 1] = tostring(v):gsub("^stdin:%d+: ", ""):gsub("'table%.", "'"):gsub("#1 to 'remove'", "#2 to 'remove'") end
  end
end
local orders = {
  up = function(a, b) return tostring(a) < tostring(b) end,
  down = function(a, b) return tostring(a) > tostring(b) end,
  failing = function() error("no order", 0) end,
}
for _, step in ipairs(steps) do
  local name, a, b, c, d = table.unpack(step, 1, 5)
  if name == "sort" then
    if a == "numbers" then
      -- Behind metamethods a table is not at hand to be emptied, so all items become numbers in place.
      for i = 1, #t do t[i] = tonumber(t[i]) or #t[i] end
      a = nil
    end
    note(pcall(table.sort, t, orders[a]))
  elseif step.n == 0 then note(pcall(table[name], t))
  elseif step.n == 1 then note(pcall(table[name], t, a))
  elseif step.n == 2 then note(pcall(table[name], t, a, b))
  elseif step.n == 3 then note(pcall(table[name], t, a, b, c))
  else note(pcall(table[name], t, a, b, c, d == "new" and {} or nil)) end
end
note(true, #t)
for i = 1, #t do note(true, t[i]) end
return table.concat(out, " ")
end
`;

/** Prints each result of each call as a letter and hexadecimal or decimal text. */
const JUDGE_PROLOGUE = `
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function show(ok, ...)
  local out = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    out[i] = type(v) == "string" and "s" .. hex(v) or tostring(v)
  end
  print(ok and "ok " .. table.concat(out, " ") or "error " .. tostring((...)):gsub("^stdin:%d+: ", ""):gsub("'%a+%d*%.(%a+)'", "'%1'"))
end
local function collect(s, p, init)
  local all = {}
  for a, b, c in string.gmatch(s, p, init) do
    all[#all + 1] = tostring(a); all[#all + 1] = tostring(b); all[#all + 1] = tostring(c)
    if #all > 300 then break end
  end
  return table.concat(all, ",")
end
local function points(s, lax)
  local all = {}
  for at, code in utf8.codes(s, lax) do all[#all + 1] = at .. ":" .. code end
  return table.concat(all, ",")
end
local function roundtrip(format, ...)
  local packed = string.pack(format, ...)
  return packed, string.unpack(format, packed)
end
${TABLES}
`;

const quote = (text: string): string =>
  `"${[...text].map((c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`).join("")}"`;

const luaLiteral = (value: Argument): string => {
  if (typeof value === "string") return quote(value);
  if (value === undefined || typeof value === "boolean") return value === undefined ? "nil" : String(value);
  return `(0x${int64.toHex(value)})`;
};

function judge(calls: readonly Call[]): string[] {
  if (calls.length > IN_BATCH) return [...judge(calls.slice(0, IN_BATCH)), ...judge(calls.slice(IN_BATCH))];
  const lines = calls.map(({ name, args }) => `show(pcall(${[name, ...args.map(luaLiteral)].join(",")}))`);
  // A Lua function holds a limited number of constants, so each call is a chunk of its own.
  const source =
    JUDGE_PROLOGUE + lines.map((line) => `do local _ = (function() ${line} end)() end`).join("\n");
  const run = spawnSync("lua5.4", ["-"], { input: source, encoding: "latin1", maxBuffer: 2 ** 28 });
  expect(run.stderr).toBe("");
  return run.stdout.trimEnd().split("\n");
}

const state = new LuaState();
openString(state);
openUtf8(state);

function library(name: string): LuaFunction {
  const [table, field] = name.split(".") as [string, string];
  return (state.globals.get(table) as LuaTable).get(field) as LuaFunction;
}

/** What the judge's function of the same name does. */
const collect: LuaFunction = (s, p, init) => {
  const next = library("string.gmatch")(s, p, init) as LuaFunction;
  const all: string[] = [];
  for (;;) {
    const values = resultList(next());
    if (values[0] === undefined) break;
    for (let i = 0; i < 3; i++) all.push(values[i] === undefined ? "nil" : String(values[i]));
    if (all.length > 300) break;
  }
  return all.join(",");
};

/** The same. */
const roundtrip: LuaFunction = (format, ...values) => {
  const packed = library("string.pack")(format, ...values) as string;
  return [packed, ...resultList(library("string.unpack")(format, packed))];
};

/** The same. */
const points: LuaFunction = (s, lax) => {
  const [next, text, start] = resultList(library("utf8.codes")(s, lax));
  const all: string[] = [];
  for (let at = start; ; ) {
    const [place, code] = resultList((next as LuaFunction)(text, at));
    if (place === undefined) return all.join(",");
    all.push(`${String(place)}:${String(code)}`);
    at = place;
  }
};

const [tables] = state.run(state.load(`${TABLES} return tables`, "=stdin")) as [LuaFunction];

/** The functions that only the judge and this file have. */
const HELPERS: Readonly<Record<string, LuaFunction>> = { collect, points, roundtrip, tables };

const hex = (text: string): string =>
  [...text].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");

function show(value: LuaValue): string {
  if (typeof value === "string") return `s${hex(value)}`;
  if (int64.isInteger(value)) return int64.toDecimal(value);
  return value === undefined ? "nil" : String(value);
}

function ours({ name, args }: Call): string {
  try {
    const results = resultList(state.call(HELPERS[name] ?? library(name), ...(args as LuaValue[])));
    return `ok ${results.map(show).join(" ")}`;
  } catch (error) {
    if (!(error instanceof LuaError)) throw error;
    return `error ${error.message}`;
  }
}

/** `repeats` large enough brings the compiled form of a pattern, or of a pack format, to its turn. */
function compare(calls: readonly Call[], repeats = 1): void {
  // Lua 5.4's `pack` takes a value of its own on the stack for a missing argument.
  const wanted = judge(calls).map((line) => line.replace(/('pack' \(\w+ expected, got) nil/, "$1 no value"));
  expect(wanted.length).toBe(calls.length);
  const differences: string[] = [];
  calls.forEach((call, i) => {
    const mine = ours(call);
    for (let again = 1; again < repeats; again++) {
      const later = ours(call);
      // Not `expect` each time: that would take longer than the calls.
      if (later !== mine) expect(later).toBe(mine);
    }
    if (mine.trimEnd() !== wanted[i]!.trimEnd()) {
      const args = call.args.map((arg) => JSON.stringify(arg).slice(-1000)).join(", ");
      differences.push(`${call.name}(${args})\n  PUC  ${wanted[i]}\n  ours ${mine}`);
    }
  });
  expect(differences.slice(0, 20).join("\n")).toBe("");
}

const sample = (calls: fc.Arbitrary<Call>): Call[] => fc.sample(calls, { numRuns, seed });

// --- Patterns ---

const subject = fc
  .array(fc.constantFrom("a", "b", "ab", "c", "(", ")", "1", "2", " ", "\n", "%", ".", "-", "\0", "\xff"), {
    maxLength: 14,
  })
  .map((parts) => parts.join(""));
const set = fc
  .array(fc.constantFrom("a", "b", "a-c", "%d", "%w", "%s", "^", "]", "-", "%]", "%-", "1-9", "."), {
    maxLength: 4,
  })
  .map((parts) => `[${parts.join("")}]`);
const single = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "c",
    ".",
    "%a",
    "%d",
    "%s",
    "%w",
    "%p",
    "%A",
    "%W",
    "%S",
    "%x",
    "%g",
    "%%",
    "%.",
    "1",
    " ",
  ),
  set,
);
const repeated = fc
  .tuple(single, fc.constantFrom("", "", "", "*", "+", "-", "?"))
  .map(([one, suffix]) => one + suffix);
const item = fc.oneof(
  { weight: 8, arbitrary: repeated },
  { weight: 1, arbitrary: fc.constantFrom("%b()", "%bab", "%f[%w]", "%f[^a]", "%1", "%2", "()", "$", "^") },
);
const sequence = fc.array(item, { minLength: 1, maxLength: 4 }).map((items) => items.join(""));
const group = fc.oneof(
  { weight: 2, arbitrary: sequence },
  { weight: 1, arbitrary: sequence.map((s) => `(${s})`) },
);
const pattern = fc
  .tuple(
    fc.constantFrom("", "", "", "^"),
    fc.array(group, { minLength: 1, maxLength: 3 }),
    fc.constantFrom("", "", "$"),
  )
  .map(([start, groups, end]) => start + groups.join("") + end);
const brokenPattern = fc
  .array(fc.constantFrom("a", "(", ")", "%", "[", "]", "*", "-", "^", "$", "%b", "%f", "%1", "%0", "."), {
    maxLength: 6,
  })
  .map((parts) => parts.join(""));
const anyPattern = fc.oneof({ weight: 4, arbitrary: pattern }, { weight: 1, arbitrary: brokenPattern });
const init = fc.option(fc.integer({ min: -16, max: 16 }), { nil: undefined });
const replacement = fc
  .array(fc.constantFrom("x", "%0", "%1", "%2", "%%", "<", "%", "%a"), { maxLength: 3 })
  .map((parts) => parts.join(""));

describe("patterns", () => {
  test.each(["string.find", "string.match", "collect"])("%s", (name) => {
    compare(sample(fc.tuple(subject, anyPattern, init).map((args) => ({ name, args }))), 30);
  });

  test("string.gsub", () => {
    const limit = fc.option(fc.integer({ min: -1, max: 3 }), { nil: undefined });
    compare(
      sample(
        fc.tuple(subject, anyPattern, replacement, limit).map((args) => ({ name: "string.gsub", args })),
      ),
      30,
    );
  });
});

// --- Format and pack ---

const integer: fc.Arbitrary<Argument> = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(int64.fromBigInt),
  fc.constantFrom<Argument>(0, -1, int64.MAX_INTEGER, int64.MIN_INTEGER),
);
const bytes = fc.oneof(
  subject,
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 12 }).map((codes) => String.fromCharCode(...codes)),
);

const FLOAT = /^\s*[-+]?(0[xX])?[0-9a-fA-F]*\.?[0-9a-fA-F]*([eEpP][-+]?[0-9]+)?\s*$/;

/** A string that is a float's numeral is a number there and none here. */
const withoutFloats = ({ args }: Call): boolean =>
  !args.some((arg) => typeof arg === "string" && FLOAT.test(arg) && int64.parseInteger(arg) === undefined);

test("string.format", () => {
  const flags = fc
    .array(fc.constantFrom("-", "0", " ", "+", "#"), { maxLength: 2 })
    .map((all) => all.join(""));
  const width = fc.constantFrom("", "", "5", "12", "30");
  const precision = fc.constantFrom("", "", ".", ".0", ".3", ".10");
  const directive = fc
    .tuple(flags, width, precision, fc.constantFrom("d", "i", "u", "x", "X", "o", "c", "s", "q", "%", "y"))
    .map(([f, w, p, letter]) => (letter === "%" || letter === "q" ? `%${letter}` : `%${f}${w}${p}${letter}`));
  const call = fc
    .tuple(
      fc.array(fc.tuple(directive, fc.constantFrom("", "-", "a|")), { maxLength: 3 }),
      fc.array(fc.oneof(integer, bytes), { maxLength: 3 }),
    )
    .map(([parts, args]) => ({ name: "string.format", args: [parts.flat().join(""), ...args] }));
  compare(sample(call).filter(withoutFloats));
});

/** More than the uses after which a pack format is compiled. */
const PACK_REPEATS = 30;

const packOption = fc.constantFrom(
  "b",
  "B",
  "h",
  "H",
  "i",
  "I",
  "l",
  "j",
  "J",
  "T",
  "i3",
  "I5",
  "i7",
  "i9",
  "I16",
  "s1",
  "s2",
  "s",
  "z",
  "x",
  "Xi4",
  "X",
  "c0",
  "c4",
  "c",
  "<",
  ">",
  "=",
  "!",
  "!4",
  "!3",
  " ",
  "i17",
  "q",
);
const packFormat = fc.array(packOption, { maxLength: 6 }).map((options) => options.join(""));

test("string.pack, packsize", () => {
  const pack = fc
    .tuple(packFormat, fc.array(fc.oneof(integer, bytes), { maxLength: 6 }))
    .map(([format, args]) => ({ name: "string.pack", args: [format, ...args] }));
  compare(sample(pack).filter(withoutFloats), PACK_REPEATS);
  compare(sample(packFormat.map((format) => ({ name: "string.packsize", args: [format] }))));
});

test("string.unpack", () => {
  const data = fc.array(
    fc.constantFrom("\0", "\x01", "\x7f", "\x80", "\xff", "a", "\0\0\0\0\0\0\0", "\xff\xff\xff\xff"),
    { maxLength: 20 },
  );
  const call = fc.tuple(packFormat, data, init).map(([format, parts, at]) => ({
    name: "string.unpack",
    args: at === undefined ? [format, parts.join("")] : [format, parts.join(""), at],
  }));
  compare(sample(call), PACK_REPEATS);
});

test("string.pack and string.unpack of values that mostly fit", () => {
  const edge = (bits: bigint): fc.Arbitrary<Argument> =>
    fc
      .constantFrom(0n, 1n, -1n, bits - 1n, bits, -bits, -bits - 1n, bits / 2n, bits / 2n - 1n, -bits / 2n)
      .map(int64.fromBigInt);
  const sized = fc
    .tuple(fc.constantFrom("i", "I"), fc.integer({ min: 1, max: 9 }), fc.nat())
    .chain(([letter, size, some]) =>
      fc
        .oneof(
          edge(1n << BigInt(8 * Math.min(size, 8))),
          fc.constant<Argument>(some % 2 ** (8 * Math.min(size, 4) - 1)),
        )
        .map((value) => [`${letter}${size}`, [value]] as const),
    );
  const item: fc.Arbitrary<readonly [string, readonly Argument[]]> = fc.oneof(
    { weight: 4, arbitrary: sized },
    fc.tuple(
      fc.constantFrom("b", "B", "h", "H", "j", "J", "l", "L", "T"),
      fc.integer({ min: 0, max: 127 }).map((n) => [n]),
    ),
    fc.tuple(
      fc.constantFrom("s1", "s2", "s4", "s", "z", "c14"),
      bytes.map((text) => [text]),
    ),
    fc.constantFrom("<", ">", "x", "!", "!4", "!2", "Xi4", "Xh", " ").map((option) => [option, []] as const),
  );
  const call = fc.array(item, { maxLength: 5 }).map((items) => ({
    name: "roundtrip",
    args: [items.map(([option]) => option).join(""), ...items.flatMap(([, values]) => values)],
  }));
  compare(sample(call).filter(withoutFloats), PACK_REPEATS);
});

// --- Tables ---

test("table.insert, remove, move, sort, concat, unpack", () => {
  const value = fc.oneof(fc.integer({ min: -9, max: 99 }).map(String), fc.constantFrom('"a"', '"b10"', '""'));
  const index = fc.integer({ min: -1, max: 12 }).map(String);
  const step = fc.oneof(
    value.map((v) => ["insert", v]),
    fc.tuple(index, value).map(([at, v]) => ["insert", at, v]),
    fc.tuple(index, value).map(([at, v]) => ["insert", at, v]),
    fc.constantFrom(["remove"], ["remove"], ["insert"]),
    index.map((at) => ["remove", at]),
    index.map((at) => ["remove", at]),
    fc.constantFrom("numbers", "up", "down", "failing").map((order) => ["sort", `"${order}"`]),
    fc.constantFrom(["concat"], ["concat", '", "'], ["unpack"]),
    fc.tuple(index, index).map((range) => ["concat", '"-"', ...range]),
    fc.tuple(index, index).map((range) => ["unpack", ...range]),
  );
  // Within what there is at least, so that no nil is moved.
  const within = fc.integer({ min: 1, max: 5 });
  const moves = fc
    .tuple(within, within, within, fc.constantFrom([], ['"new"']))
    .map(([from, end, to, target]) => ["move", String(from), String(end), String(to), ...target]);
  const items = fc.array(value, { minLength: 5, maxLength: 10 });
  const long = fc.tuple(fc.integer({ min: 40, max: 90 }), fc.boolean()).map(([n, isDescending]) => {
    const range = isDescending ? `${n}, 1, -1` : `1, ${n}`;
    return `(function() local t = {} for i = ${range} do t[i] = i * 7 % 50 end return t end)()`;
  });
  const call = fc
    .tuple(
      fc.oneof(
        items.map((all) => `{ ${all.join(", ")} }`),
        long,
      ),
      fc.boolean(),
      fc.array(moves, { maxLength: 2 }),
      fc.array(step, { minLength: 1, maxLength: 8 }),
    )
    .map(([given, isPlain, first, then]) => {
      const steps = [...first, ...then].map(([name, ...args]) => {
        return `{ n = ${args.length}, "${name}"${args.map((arg) => `, ${arg}`).join("")} }`;
      });
      return { name: "tables", args: [`return ${given}, ${isPlain}, { ${steps.join(", ")} }`] };
    });
  compare(sample(call));
});

describe("bytes and code points", () => {
  test("string.sub, byte, rep, reverse, upper, lower", () => {
    const two = fc.tuple(bytes, integer, integer);
    const calls = fc.oneof(
      two.map((args) => ({ name: "string.sub", args })),
      two.map((args) => ({ name: "string.byte", args })),
      fc.tuple(bytes, integer).map((args) => ({ name: "string.byte", args })),
      fc.tuple(bytes, fc.integer({ min: -1, max: 5 }), bytes).map((args) => ({ name: "string.rep", args })),
      bytes.chain((s) =>
        fc.constantFrom("reverse", "upper", "lower", "len").map((f) => ({ name: `string.${f}`, args: [s] })),
      ),
    );
    compare(sample(calls));
  });

  test("utf8.len, codepoint, codes, char", () => {
    const piece = fc.constantFrom(
      "a",
      "\xc3\xa9",
      "\xe2\x82\xac",
      "\xf0\x9f\x98\x80",
      "\x80",
      "\xff",
      "\xed\xa0\x80",
      "\xc0\x80",
      "\xf4\x90\x80\x80",
      "\xe2\x82",
      "\xfd\xbf\xbf\xbf\xbf\xbf",
    );
    const joined = (parts: string[]): string => parts.join("");
    const text = fc.array(piece, { maxLength: 5 }).map(joined);
    const wellCounted = fc.array(
      piece.filter((bytes) => bytes !== "\x80"),
      { maxLength: 5 },
    );
    const at = fc.integer({ min: -8, max: 8 });
    const calls = fc.oneof(
      fc.tuple(text, at, at, fc.boolean()).map((args) => ({ name: "utf8.len", args })),
      fc.tuple(text, at, at, fc.boolean()).map((args) => ({ name: "utf8.codepoint", args })),
      // Without stray continuation bytes: Lua 5.4.4 does not mind them there, later versions do.
      fc.tuple(wellCounted.map(joined), fc.boolean()).map((args) => ({ name: "points", args })),
      fc
        .array(fc.oneof(fc.integer({ min: -1, max: 0x120000 }), fc.integer({ min: 0 })), { maxLength: 4 })
        .map((args) => ({ name: "utf8.char", args })),
    );
    compare(sample(calls));
  });
});
