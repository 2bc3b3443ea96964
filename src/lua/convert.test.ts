import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  asArray,
  asBigInt,
  asBytes,
  asNumber,
  asRecord,
  asText,
  firstResult,
  hostClass,
  hostFunction,
  LuaError,
  LuaState,
  LuaTable,
  type LuaValue,
  luaText,
  resultList,
  ScriptAbort,
  toJs,
  toLua,
} from "./index.ts";

/** What an expression is, with `given` as its `...`. */
function evaluate(expression: string, ...given: LuaValue[]): LuaValue {
  const state = new LuaState();
  return firstResult(state.call(state.load(`return ${expression}`, "=expression"), ...given));
}

describe("to Lua", () => {
  test.each<[unknown, string, LuaValue]>([
    [undefined, "...", undefined],
    [null, "...", undefined],
    [true, "...", true],
    [42, "... + 1", 43],
    [-0, "tostring(...)", "0"],
    [2 ** 53 - 1, "tostring(...)", "9007199254740991"],
    [2n ** 63n - 1n, "tostring(...)", "9223372036854775807"],
    [-(2n ** 63n), "... == math.mininteger", true],
    [7n, "math.tointeger(...)", 7],
    ["Grüße", "#...", 7],
    ["é", "(...):byte(1, -1)", 0xc3],
    [Uint8Array.of(0, 255), "(...):byte(2)", 255],
    [[10, 20, 30], "(...)[3]", 30],
    [[10, undefined, 30], "(...)[3]", 30],
    [{ name: "x", list: [1] }, "(...).name .. (...).list[1]", "x1"],
    [{ ü: 1 }, `(...)["\\u{fc}"]`, 1],
    [
      new Map<unknown, unknown>([
        [1, "a"],
        [true, "b"],
      ]),
      "(...)[1] .. (...)[true]",
      "ab",
    ],
    [(a: number, b: number) => a * b, "(...)(6, 7)", 42],
  ])("%o", (value, expression, result) => {
    expect(evaluate(expression, toLua(value))).toBe(result);
  });

  test.each<[string, unknown, RegExp]>([
    ["a fraction", 1.5, /1\.5 is no integer/],
    ["no number", Number.NaN, /NaN is no integer/],
    ["a number that is not exact", 2 ** 53, /no integer that a number holds exactly/],
    ["a bigint of 65 bits", 2n ** 63n, /does not fit into 64 bits/],
    ["an instance", new Date(0), /class Date/],
    ["an instance deep inside", { a: [new Set()] }, /class Set/],
    ["a symbol", Symbol("x"), /symbol/],
    ["a nil key", new Map([[null, 1]]), /nil is no key/],
  ])("refuses %s", (_name, value, message) => {
    expect(() => toLua(value)).toThrow(message);
  });

  test("an object that holds itself", () => {
    const ring: Record<string, unknown> = { name: "ring" };
    ring["self"] = ring;
    expect(evaluate("(...).self.self == ... and (...).self.name", toLua(ring))).toBe("ring");
  });
});

describe("from Lua", () => {
  test.each<[string, unknown]>([
    ["nil", undefined],
    ["false", false],
    ["-7", -7],
    ["math.maxinteger", 2n ** 63n - 1n],
    [`"Gr\\u{fc}\\u{df}e"`, "Grüße"],
    ["{}", []],
    ["{ 1, 'b', { 3 } }", [1, "b", [3]]],
    ["{ a = 1, b = { c = 2 } }", { a: 1, b: { c: 2 } }],
    [
      "{ 10, a = 1 }",
      new Map<unknown, unknown>([
        [1, 10],
        ["a", 1],
      ]),
    ],
    ["{ [0] = 'x' }", new Map([[0, "x"]])],
    ["{ nil, 2 }", new Map([[2, 2]])],
  ])("%s", (expression, value) => {
    expect(toJs(evaluate(expression))).toEqual(value);
  });

  test("strings as bytes", () => {
    expect(toJs(evaluate(`{ key = "\\xff\\0" }`), { strings: "bytes" })).toEqual({
      key: Uint8Array.of(255, 0),
    });
  });

  test("a name that objects have is a name like any other", () => {
    const object = toJs(evaluate(`{ ["__proto__"] = 1, constructor = 2 }`)) as Record<string, unknown>;
    expect(Object.entries(object)).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
    ]);
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  });

  test("a table that holds itself", () => {
    const ring = toJs(evaluate("(function() local t = {} t[1] = t return t end)()")) as unknown[];
    expect(ring[0]).toBe(ring);
  });

  test("a function of Lua goes back as itself", () => {
    const state = new LuaState();
    const f = toJs(state.globals.get("type")) as () => unknown;
    expect(toLua(f)).toBe(state.globals.get("type"));
  });

  test("what goes there comes back", () => {
    const json = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(true, false),
        fc.maxSafeInteger(),
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
        fc.string({ unit: "grapheme" }),
        fc.array(tie("value"), { maxLength: 5 }),
        fc.dictionary(fc.string({ unit: "grapheme", minLength: 1 }), tie("value"), {
          minKeys: 1,
          maxKeys: 5,
          noNullPrototype: true,
        }),
      ),
    })).value;
    fc.assert(
      fc.property(json, (value) => {
        expect(toJs(toLua(value))).toEqual(value);
      }),
    );
  });
});

describe("results of a known type", () => {
  test("each takes what it is for", () => {
    expect(asText(evaluate(`"\\u{fc}"`))).toBe("ü");
    expect(asBytes(evaluate(`"\\xfc"`))).toEqual(Uint8Array.of(0xfc));
    expect(asNumber(evaluate("6 * 7"))).toBe(42);
    expect(asBigInt(evaluate("1 << 62"))).toBe(2n ** 62n);
    expect(asBigInt(evaluate("1"))).toBe(1n);
    expect(asArray(evaluate("{ 'a', 'b' }"), asText)).toEqual(["a", "b"]);
    expect(asRecord(evaluate("{ a = 1 }"), asNumber)).toEqual(new Map([["a", 1]]));
  });

  test.each<[string, () => unknown]>([
    ["string expected, got nil", () => asText(undefined)],
    ["string expected, got number", () => asBytes(1)],
    ["integer expected, got string", () => asNumber("1")],
    ["integer expected, got boolean", () => asBigInt(true)],
    ["table expected, got nil", () => asArray(undefined, asText)],
    ["table expected, got function", () => asRecord(() => [], asText)],
    ["string expected, got number", () => asArray(toLua(["a", 1]), asText)],
    ["string expected, got number", () => asRecord(toLua([1]), asNumber)],
  ])("%s", (message, read) => {
    expect(read).toThrow(new TypeError(message));
  });

  test("an integer beyond a number", () => {
    expect(() => asNumber(evaluate("math.maxinteger"))).toThrow(RangeError);
  });
});

describe("host functions", () => {
  const withFunctions = (functions: Record<string, (...args: never[]) => unknown>): LuaState => {
    const state = new LuaState({ budget: 10_000 });
    for (const [name, f] of Object.entries(functions)) state.globals.setField(name, hostFunction(f));
    return state;
  };
  const run = (state: LuaState, source: string): LuaValue[] =>
    resultList(state.call(state.load(luaText(source), "@script.lua")));

  test("arguments and results are converted", () => {
    const state = withFunctions({
      join: (list: string[], by: string) => list.join(by),
      make: () => [1, { a: 2n }],
    });
    expect(run(state, `return join({ "ä", "b" }, "-"), make()[2].a`)).toEqual(["\xc3\xa4-b", 2]);
  });

  test("a callback that a script hands over is called as Lua", () => {
    const state = withFunctions({ twice: (f: (x: LuaValue) => LuaValue) => [f(1), f(2)] });
    expect(
      toJs(firstResult(state.call(state.load("return twice(function(x) return x * 10 end)", "=x")))),
    ).toEqual([10, 20]);
  });

  test("what it throws is an error of Lua", () => {
    const cause = new Error("no such host");
    const state = withFunctions({
      resolve: () => {
        throw cause;
      },
    });
    expect(run(state, "return pcall(resolve)")).toEqual([false, "no such host"]);
    expect(() => run(state, "\nresolve()")).toThrow("script.lua:2: no such host");
    try {
      run(state, "resolve()");
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(LuaError);
      expect((error as LuaError).cause).toBe(cause);
    }
  });

  test("a result without a counterpart is an error of Lua", () => {
    const state = withFunctions({ half: () => 0.5, later: () => Promise.resolve(1) });
    expect(run(state, "return select(2, pcall(half))")).toEqual([
      "0.5 is no integer that a number holds exactly",
    ]);
    expect(run(state, "return select(2, pcall(later))")).toEqual([
      "an object of class Promise is no value of Lua",
    ]);
  });

  test("limits go through it", () => {
    const state = withFunctions({ call: (f: () => LuaValue) => f() });
    expect(() => run(state, "pcall(call, function() while true do end end)")).toThrow(ScriptAbort);
    expect(() => run(state, "while true do call(print) end")).toThrow(ScriptAbort);
  });
});

describe("host classes", () => {
  class Counter {
    count: number;
    constructor(count: number) {
      this.count = count;
    }
  }
  const counters = hostClass<Counter>("Counter", {
    add: (counter, by: number | undefined) => {
      counter.count += by ?? 1;
      return counter.count;
    },
    like: (counter, other: Counter) => counter.count === other.count,
    __tostring: (counter) => `Counter ${counter.count}`,
    __len: (counter) => counter.count,
  });
  const call = (source: string, ...objects: Counter[]): LuaValue[] => {
    const state = new LuaState();
    return resultList(
      state.call(state.load(`local c, d = ... ${source}`, "@x.lua"), ...objects.map((o) => counters.wrap(o))),
    );
  };

  test("methods and metamethods", () => {
    const counter = new Counter(40);
    expect(call("c:add() c:add(1) return #c, tostring(c), type(c)", counter)).toEqual([
      42,
      "Counter 42",
      "userdata",
    ]);
    expect(counter.count).toBe(42);
  });

  test("an object as an argument is itself", () => {
    expect(call("return c:like(d), c:like(c)", new Counter(1), new Counter(2))).toEqual([false, true]);
  });

  test("the same object is the same value, and comes back", () => {
    const counter = new Counter(1);
    expect(counters.wrap(counter)).toBe(counters.wrap(counter));
    expect(counters.unwrap(call("return c", counter)[0])).toBe(counter);
    expect(counters.unwrap(new LuaTable())).toBeUndefined();
  });

  test.each([
    ["c.add()", "bad argument #1 to 'add' (Counter expected, got no value)"],
    ["c.add({})", "bad argument #1 to 'add' (Counter expected, got table)"],
    ["return c.x.y", "attempt to index a nil value (field 'x')"],
    ["c.x = 1", "attempt to index a Counter value (local 'c')"],
    ["setmetatable(c, {})", "bad argument #1 to 'setmetatable' (table expected, got Counter)"],
  ])("%s", (source, message) => {
    expect(() => call(source, new Counter(1))).toThrow(`x.lua:1: ${message}`);
  });

  test("a script gets no hold of the methods", () => {
    expect(call("return getmetatable(c)", new Counter(1))).toEqual(["Counter"]);
  });
});
