import { expect, test } from "vitest";
import { liveBytes } from "../linux/memory-meter.ts";
import { LuaState } from "./index.ts";

/** A state that ran a script, and what it has printed and warned so far. */
function stateAfter(source: string): { state: LuaState; lines: string[] } {
  const lines: string[] = [];
  const state = new LuaState({
    budget: 10_000,
    print: (line) => lines.push(line),
    warn: (text) => lines.push(`warning: ${text}`),
  });
  state.run(state.load(source, "@gc.lua"));
  return { state, lines };
}

function atEnd(source: string): string[] {
  const { state, lines } = stateAfter(source);
  lines.push("end");
  state.close();
  return lines;
}

const WITH =
  "local function with(name) return setmetatable({ name = name }, { __gc = function(o) print(o.name) end }) end";

test("at the end the last marked comes first", () => {
  expect(atEnd(`${WITH} a, b, c = with "a", with "b", with "c"`)).toEqual(["end", "c", "b", "a"]);
});

test("each is finalized once", () => {
  const { state, lines } = stateAfter(`${WITH} a = with "a"`);
  state.close();
  state.close();
  expect(lines).toEqual(["a"]);
});

test("a table is marked when its metatable has __gc by then", () => {
  expect(
    atEnd(`local mt = {} late = setmetatable({}, mt) mt.__gc = function() print("late") end
      local other = { __gc = true } early = setmetatable({}, other) other.__gc = function() print("early") end`),
  ).toEqual(["end", "early"]);
});

test("the metatable of the end decides", () => {
  expect(
    atEnd(`a = setmetatable({}, { __gc = function() print("first") end })
      setmetatable(a, { __gc = function() print("second") end })
      b = setmetatable({}, { __gc = function() print("gone") end }) setmetatable(b, nil)`),
  ).toEqual(["end", "second"]);
});

test("what a finalizer marks at the end is not finalized", () => {
  expect(
    atEnd(`local n = 0 local mt mt = { __gc = function(o) n = n + 1 print(n) if n < 3 then setmetatable(o, mt) end end }
      a = setmetatable({}, mt)`),
  ).toEqual(["end", "1"]);
});

test("errors and limits in a finalizer are warnings", () => {
  expect(
    atEnd(`a = setmetatable({}, { __gc = function() print("a") end })
      b = setmetatable({}, { __gc = function() error("oops") end })
      c = setmetatable({}, { __gc = function() while true do end end })
      d = setmetatable({}, { __gc = 1 })`),
  ).toEqual([
    "end",
    "warning: error in __gc (gc.lua:3: instruction budget exceeded)",
    "warning: error in __gc (gc.lua:2: oops)",
    "a",
  ]);
});

test("a table that is collected is finalized between callbacks, with its contents", async () => {
  const { state, lines } = stateAfter(
    `kept = setmetatable({}, { __gc = function() print("kept") end })
     local t = setmetatable({ 10, 20, name = "t", [-1] = "x" }, { __gc = function(o) print(#o, o[2], o.name, o[-1]) end })
     t[3] = 30 t.late = true t[-2] = "y"`,
  );
  for (let turn = 0; turn < 100 && lines.length === 0; turn++) {
    liveBytes();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(lines).toEqual(["3\t20\tt\tx"]);
  state.close();
  expect(lines).toEqual(["3\t20\tt\tx", "kept"]);
});

test("warnings can be switched off and on, in a finalizer too", () => {
  const { state, lines } = stateAfter(
    `warn("a", "b") warn("@off") warn("hidden") warn("@on", "!") warn("@unknown") warn("@on") warn("shown") warn("@off")
     a = setmetatable({}, { __gc = function() error("oops") end })`,
  );
  state.close();
  expect(lines).toEqual(["warning: ab", "warning: shown"]);
});
