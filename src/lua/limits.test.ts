/**
 * Limits hold: whatever allocates is stopped by the memory bound, whatever loops by the budget, whatever recurses by an
 * error that `pcall` catches. Each script would go on for ever; so a hole is a test that does not end.
 */

import { describe, expect, test } from "vitest";
import { LuaError, LuaState, type LuaStateOptions, ScriptAbort } from "./index.ts";
import type { IoHost } from "./lib/io.ts";

const MIB = 1024 * 1024;
/** Never ends, as `/dev/zero`; what is written to it is gone. */
const endless: IoHost = {
  open: (path) =>
    path === "/endless"
      ? {
          read: (count) => "\0".repeat(count),
          write: () => undefined,
          seek: (_whence, offset) => offset,
          flush: () => undefined,
          close: () => undefined,
        }
      : undefined,
};

function stateWith(options: LuaStateOptions): LuaState {
  return new LuaState({
    print: () => undefined,
    warn: () => undefined,
    readFile: () => undefined,
    io: endless,
    ...options,
  });
}

/** What a callback ends with: the reason of a limit, the text of an error, or "returned". */
function outcome(state: LuaState, source: string): string {
  try {
    state.call(state.load(source, "=script"));
    return "returned";
  } catch (error) {
    if (error instanceof ScriptAbort) return error.reason;
    if (error instanceof LuaError) return error.message;
    throw error;
  }
}

/** The next callback works, and has the whole budget again. */
function expectUsable(state: LuaState, budget: number): void {
  const rounds = budget - 20;
  const next = `local n = 0 for i = 1, ${rounds} do n = n + 1 end return n + #("x"):rep(100)`;
  expect(state.call(state.load(next, "=next"))).toBe(rounds + 100);
  expect(outcome(state, `for i = 1, ${budget + 1} do end`)).toBe("budget");
}

describe("what allocates is stopped by the memory bound", () => {
  // Much budget, little memory: only what is announced can stop these. Of long texts few must be enough, or it would be
  // the entries of the table that stop the script: those have a smaller budget, the third of a row.
  const unbounded = 1_000_000_000;
  const kept = "local t, i = {}, 0 while true do i = i + 1";
  const long = `local s = ("x"):rep(10000) ${kept}`;

  test.each<[string, string, number?]>([
    ["a string concatenated", `${long} t[i] = s .. i end`, 100000],
    ["a string doubled", `local s = "x" while true do s = s .. s end`],
    ["a string appended to", `local s = "" while true do s = s .. "xxxxxxxx" end`],
    ["rep", `${kept} t[i] = ("x"):rep(10000) end`, 100000],
    ["rep with a separator", `${kept} t[i] = ("x"):rep(1000, "yy") end`],
    ["rep at once", `string.rep("x", 1 << 24)`],
    ["sub", `${long} t[i] = s:sub(2, i) end`],
    ["upper", `${long} t[i] = s:upper() end`, 200000],
    ["lower", `${long} t[i] = s:lower() end`, 200000],
    ["upper beyond ASCII", `local s = ("\\xe9"):rep(1000) ${kept} t[i] = s:upper() end`],
    ["reverse", `${long} t[i] = s:reverse() end`],
    ["char", `${kept} t[i] = string.char(1, 2, 3, 4, 5, 6, 7, 8) end`],
    ["utf8.char", `${kept} t[i] = utf8.char(0x4e00, 0x4e01, i) end`],
    ["format %s", `${long} t[i] = string.format("%s", s) .. "" end`, 100000],
    ["format %q", `${long} t[i] = string.format("%q", s) end`],
    ["format %99d", `${kept} t[i] = string.format("%99d", i) end`],
    ["the text of a format", `local f = ("x"):rep(10000) .. "%d" ${kept} t[i] = f:format(i) end`, 400000],
    ["gsub by a text", `${long} t[i] = s:gsub("x", "yy") end`],
    [
      "gsub by a function",
      `local s = ("x"):rep(100) ${kept} t[i] = s:gsub("x", function() return "yy" end) end`,
    ],
    ["gsub by a table", `local s = ("x"):rep(100) ${kept} t[i] = s:gsub("x", { x = "yy" }) end`],
    ["gsub that doubles", `local s = "x" while true do s = s:gsub("x", "xx") end`],
    ["gmatch", `local s = ("x"):rep(100) ${kept} for w in s:gmatch("x+") do t[i] = w .. i end end`],
    ["match", `${long} t[i] = s:match("(x+)x") .. i end`],
    ["patterns", `${kept} ("x"):find(("[a-z]"):rep(1000) .. i) end`],
    ["pack of a size", `${kept} t[i] = string.pack("c1000", "x") end`, 100000],
    ["pack of a text", `${long} t[i] = string.pack("s4", s) end`],
    ["pack of integers", `${kept} t[i] = string.pack("i8 i8 i8", i, i, i) end`],
    ["pack at once", `string.pack("c100000000", "x")`],
    ["table.concat", `${kept} t[i] = "xxxxxxxx" t[i + 1] = table.concat(t) end`],
    [
      "table.concat with a separator",
      `local p = { "", "" } ${kept} t[i] = table.concat(p, ("x"):rep(1000)) end`,
    ],
    ["tostring of an integer", `${kept} t[i] = tostring(i) .. "" end`],
    [
      "tostring of a table",
      `local o = setmetatable({}, { __name = ("x"):rep(10000) }) ${kept} t[i] = tostring(o) end`,
      100000,
    ],
    ["items", `${kept} t[i] = i end`],
    ["items in a loop without calls", `local t = {} while true do t[#t + 1] = true end`],
    ["items from behind", `local t, i = {}, 0 while true do i = i - 1 t[i] = i end`],
    ["integers beyond 2^53 as keys", `${kept} t[i << 44] = i end`],
    ["string keys", `${kept} t["k" .. i] = i end`],
    ["tables as keys", `local t = {} while true do t[{}] = true end`],
    ["booleans for keys that are new", `${kept} t[-i] = true end`],
    ["fields", `${kept} t[i] = { a = i, b = i } end`],
    ["a chain of fields", `local t = {} while true do t = { next = t } end`],
    ["rawset", `${kept} rawset(t, i, i) end`],
    ["rawset of names", `${kept} rawset(t, "k" .. i, i) end`],
    ["globals", `local i = 0 while true do i = i + 1 _ENV["g" .. i] = i end`],
    [
      "__newindex that stores",
      `local s = {} local t, i = setmetatable({}, { __newindex = s }), 0 while true do i = i + 1 t[i] = i end`,
    ],
    ["table.insert", `local t = {} while true do table.insert(t, 1) end`],
    ["table.move", `local t = { 1 } while true do table.move(t, 1, #t, #t + 1) end`],
    ["table.move to another table", `local s = { 1, 2, 3 } ${kept} table.move(s, 1, 3, i * 3, t) end`],
    ["table.create", `${kept} t[i] = table.create(1000) end`],
    ["table.create with records", `${kept} t[i] = table.create(0, 1000) end`],
    ["table.create at once", `table.create(1 << 30)`],
    ["table.pack", `${kept} t[i] = table.pack(1, 2, 3, 4, 5, 6, 7, 8) end`],
    [
      "table.unpack into a constructor",
      `local s = table.create(100) for n = 1, 100 do s[n] = n end ${kept} t[i] = { table.unpack(s) } end`,
    ],
    [
      "varargs into a constructor",
      `local function f(...) return { ... } end ${kept} t[i] = f(1, 2, 3, 4) end`,
    ],
    ["named varargs", `local function f(...v) return v end ${kept} t[i] = f(1, 2, 3, 4) end`],
    ["constructors of items", `${kept} t[i] = { 1, 2, 3 } end`],
    ["constructors with computed keys", `${kept} t[i] = { [i] = 1 } end`],
    ["table.sort", `local t = setmetatable({}, { __len = function() return 1 << 24 end }) table.sort(t)`],
    ["closures", `${kept} t[i] = function() return i end end`],
    [
      "closures that capture much",
      `${kept} local a, b, c, d = i, i, i, i t[i] = function() a, b, c, d = d, c, b, a end end`,
    ],
    ["coroutines", `${kept} t[i] = coroutine.create(print) end`],
    [
      "coroutines that were left",
      `${kept} t[i] = coroutine.wrap(function(...) coroutine.yield(...) end) t[i](i) end`,
    ],
    [
      "coroutines that were left deep inside",
      `local function f(n) if n == 0 then coroutine.yield() else f(n - 1) end return 1 end ${kept} t[i] = coroutine.wrap(f) t[i](50) end`,
    ],
    ["chunks", `${kept} t[i] = load("return " .. i) end`],
    ["a large chunk", `local s = ("x = 1 "):rep(20000) while true do load(s) end`],
    ["a reader without end", `load(function() return "x = 1 " end)`],
    ["errors", `${kept} local _, e = pcall(error, ("x"):rep(10000)) t[i] = e .. i end`, 100000],
    ["tracebacks", `${kept} t[i] = debug.traceback(("x"):rep(1000)) .. i end`],
    ["a whole file", `io.open("/endless"):read("a")`],
    ["a line", `io.open("/endless"):read("l")`],
    ["a count of bytes", `io.open("/endless"):read(1 << 40)`],
    ["parts of a file", `local f = io.open("/endless") ${kept} t[i] = f:read(1000) end`],
    ["io.lines", `for line in io.lines("/endless") do end`],
    ["print", `local s = ("x"):rep(10000) while true do print(s, s) end`, 100000],
  ])("%s", (_name, source, budget = unbounded) => {
    const state = stateWith({ budget, memoryLimitBytes: 2 * MIB });
    expect(outcome(state, source)).toBe("memory");
    expect(outcome(state, `return ("x"):rep(1000)`)).toBe("returned");
  });
});

describe("what loops is stopped by the budget", () => {
  const budget = 100_000;
  const options = { budget, memoryLimitBytes: 1024 * MIB };
  const many = "local t = {} for i = 1, 1000 do t[i] = i end while true do";
  const names = `local t = {} for i = 1, 1000 do t["k" .. i] = i end while true do`;
  const long = `local s = ("a"):rep(65536) while true do`;

  test.each([
    ["while", "while true do end"],
    ["repeat", "repeat until false"],
    ["for", "for i = 1, math.maxinteger do end"],
    ["for beyond 2^53", "for i = math.mininteger, math.maxinteger do end"],
    ["for with a step that is not known", "local s = #'a' for i = 1, math.maxinteger, s do end"],
    ["goto", "::a:: goto a"],
    ["two labels", "::a:: do goto b end ::b:: goto a"],
    ["goto out of a repeat", "::a:: repeat goto a until false"],
    ["goto out of a while", "::a:: while true do goto a end"],
    ["goto out of two loops", "::a:: for i = 1, 2 do repeat goto a until false end"],
    ["goto continue", "while true do do goto continue end ::continue:: end"],
    ["calls", "local function f() end while true do f() end"],
    ["tail calls", "local function f() return f() end f()"],
    ["tail calls of two", "local f, g function f() return g() end function g() return f() end f()"],
    ["tail calls of methods", "local o = {} function o:f() return self:f() end o:f()"],
    [
      "tail calls through __call",
      "local o = setmetatable({}, { __call = function(self) return self() end }) o()",
    ],
    ["recursion that branches", "local function f(n) if n > 0 then f(n - 1) f(n - 1) end end f(100)"],
    ["recursion that catches its overflow", "local function f() pcall(f) pcall(f) end f()"],
    ["generic for", "for x in function() return 1 end do end"],
    ["generic for over a callable", "for x in setmetatable({}, { __call = function() return 1 end }) do end"],
    ["an iterator that loops", "for x in function() while true do end end do end"],
    ["pairs", `${names} for k, v in pairs(t) do end end`],
    [
      "pairs over what was removed",
      `local t = {} for i = 1, 20000 do t[i] = i end for i = 1, 19999 do t[i] = nil end while true do for k in pairs(t) do end end`,
    ],
    ["__pairs", "setmetatable(_ENV, { __pairs = function() while true do end end }) pairs(_ENV)"],
    ["next", `${names} local k repeat k = next(t, k) until k == nil end`],
    [
      "next over what was removed",
      `local t = {} for i = 1, 5000 do t["k" .. i] = i end for i = 1, 5000 do t["k" .. i] = nil end while true do next(t) end`,
    ],
    ["ipairs", `${many} for i, v in ipairs(t) do end end`],
    [
      "ipairs with __index",
      "for i in ipairs(setmetatable({}, { __index = function(_, i) return i end })) do end",
    ],
    [
      "keys that come and go",
      `local t, i = {}, 0 for n = 1, 50000 do t[n] = n end while true do i = i - 1 t[i] = i t[i] = nil end`,
    ],
    [
      "__index that calls itself",
      "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k + 1] end while true do pcall(function() return t[1] end) end",
    ],
    [
      "a long __index chain",
      "local t = {} for i = 1, 1900 do t = setmetatable({}, { __index = t }) end while true do local x = t.x end",
    ],
    [
      "a long chain of methods",
      "local t = {} for i = 1, 500 do t.__index = t t = setmetatable({}, t) end while true do pcall(function() t:f() end) end",
    ],
    [
      "a long __newindex chain",
      "local t = {} for i = 1, 1900 do t = setmetatable({}, { __newindex = t }) end while true do t.x = nil end",
    ],
    [
      "metamethods of arithmetic",
      "local o = setmetatable({}, { __add = function(a, b) return a end }) while true do o = o + 1 end",
    ],
    [
      "__eq",
      "local mt = { __eq = function() return true end } local a, b = setmetatable({}, mt), setmetatable({}, mt) while a == b do end",
    ],
    [
      "__lt",
      "local mt = { __lt = function() return true end } local a = setmetatable({}, mt) while a < a do end",
    ],
    ["__len", "local t = setmetatable({}, { __len = function() return 1 end }) while #t do end"],
    [
      "__concat",
      `local t = setmetatable({}, { __concat = function(a) return a end }) while true do t = t .. "x" end`,
    ],
    ["__close", "while true do local x <close> = setmetatable({}, { __close = function() end }) end"],
    [
      "__close that loops",
      "do local x <close> = setmetatable({}, { __close = function() while true do end end }) end",
    ],
    [
      "__tostring that loops",
      "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
    ],
    ["tostring", "while true do tostring({}) end"],
    ["tonumber of a long text", `local s = ("1"):rep(65536) while true do tonumber(s) end`],
    ["tonumber with a base", `local s = ("z"):rep(65536) while true do tonumber(s, 36) end`],
    ["arithmetic on a long text", `local s = ("0"):rep(65536) .. "1" while true do local x = s + 1 end`],
    [
      "equality of long texts",
      `local a, b = ("x"):rep(65536) .. "y", ("x"):rep(65536) .. "y" while a == b do end`,
    ],
    [
      "order of long texts",
      `local a, b = ("x"):rep(65536) .. "y", ("x"):rep(65536) .. "z" while a < b do end`,
    ],
    [
      "long texts as keys",
      `local a, b = ("x"):rep(65536) .. "y", ("x"):rep(65536) .. "y" local t = { [a] = 1 } while t[b] do end`,
    ],
    ["concatenation of a long text", `${long} local x = s .. "b" end`],
    ["find", `while true do ("abc"):find("b") end`],
    ["find of plain text", `${long} s:find("ab", 1, true) end`],
    ["find of long plain text", `local n = ("a"):rep(5000) .. "b" ${long} s:find(n, 1, true) end`],
    ["a pattern that backtracks", `("a"):rep(30):find(("a?"):rep(30) .. ("a"):rep(30))`],
    ["a pattern that backtracks over 64 KiB", `("a"):rep(65536):find(".-.-.-b")`],
    ["a pattern with a scan for each start", `("a"):rep(65536):find("a*b")`],
    ["a balance for each start", `("("):rep(65536):find("%b()")`],
    ["a back reference for each start", `("a"):rep(65536):find("(.+)%1b")`],
    ["a frontier", `${long} s:find("%f[b]") end`],
    ["a compiled pattern", `for i = 1, 100 do ("aa"):find("a-a-b") end ("a"):rep(65536):find("a-a-b")`],
    ["patterns that are new", `local i = 0 while true do i = i + 1 ("x"):find("[a-z]+" .. i) end`],
    [
      "patterns that are compiled",
      `local i = 0 while true do i = i + 1 for n = 1, 30 do ("x"):find("[a-z]+" .. i) end end`,
    ],
    ["a long pattern", `local p = ("a"):rep(65536) .. "." while true do ("x"):find(p) end`],
    ["match", `${long} s:match("a*$") end`],
    ["gmatch", `${long} for w in s:gmatch(".") do end end`],
    ["gsub", `${long} s:gsub("a", "%0") end`],
    ["gsub of nothing", `${long} s:gsub("", "") end`],
    ["gsub by a long template", `local r = ("%%"):rep(65536) while true do ("x"):gsub("x", r) end`],
    ["gsub by a function that loops", `("x"):gsub("x", function() while true do end end)`],
    ["rep", `while true do ("x"):rep(100000) end`],
    ["rep of nothing", `while true do (""):rep(1 << 40) end`],
    ["upper", `${long} s:upper() end`],
    ["lower beyond ASCII", `local s = ("\\xe9"):rep(65536) while true do s:lower() end`],
    ["reverse", `${long} s:reverse() end`],
    ["byte", `${long} s:byte(1, 190) end`],
    ["char", "while true do string.char(1, 2, 3) end"],
    ["format", `while true do ("%d %s"):format(1, "x") end`],
    ["format of a long text", `${long} ("%s"):format(s) end`],
    ["format of a long literal", `local s = ("\\0"):rep(65536) while true do ("%q"):format(s) end`],
    ["a long format", `local f = ("%%"):rep(65536) while true do f:format() end`],
    ["pack", `while true do ("i4"):pack(1) end`],
    ["a long format of pack", `local f = ("x"):rep(65536) while true do f:pack() end`],
    ["unpack", `while true do ("i4"):unpack("abcd") end`],
    ["packsize", `local f = ("i4"):rep(65536) while true do f:packsize() end`],
    ["utf8.len", `${long} utf8.len(s) end`],
    ["utf8.codes", `${long} for p in utf8.codes(s) do end end`],
    ["utf8.codepoint", `local s = ("a"):rep(190) while true do utf8.codepoint(s, 1, -1) end`],
    ["utf8.offset", `${long} utf8.offset(s, 60000) end`],
    [
      "utf8.offset over bytes of one character",
      `local s = "\\xc2" .. ("\\x80"):rep(65536) while true do utf8.offset(s, 1) end`,
    ],
    [
      "a step of utf8.codes",
      `local s = "a" .. ("\\x80"):rep(65536) local f = utf8.codes("a") while true do f(s, 1) end`,
    ],
    ["table.concat", `${many} table.concat(t) end`],
    [
      "table.concat without an end",
      `table.concat(setmetatable({}, { __len = function() return math.maxinteger end, __index = function() return "" end }))`,
    ],
    ["table.insert in front", "local t = {} while true do table.insert(t, 1, 1) end"],
    [
      "table.insert without an end",
      "table.insert(setmetatable({}, { __len = function() return math.maxinteger - 1 end }), 1, 1)",
    ],
    ["table.remove", `${many} table.remove(t, 1) t[#t + 1] = 1 end`],
    ["table.move", "local t = {} table.move(t, 1, math.maxinteger - 1, 2)"],
    ["table.unpack", `${many} table.unpack(t, 1, 190) end`],
    ["table.sort", `${many} table.sort(t) end`],
    ["table.sort with a comparator", `${many} table.sort(t, function(a, b) return a > b end) end`],
    ["a comparator that loops", "table.sort({ 1, 2, 3 }, function() while true do end end)"],
    ["a comparator that contradicts itself", `${many} pcall(table.sort, t, function() return true end) end`],
    ["table.sort without an end", "table.sort(setmetatable({}, { __len = function() return 1 << 24 end }))"],
    ["select", "local function f(...) while true do select(-1, ...) end end f(1, 2, 3)"],
    [
      "results that are many",
      "local function r(n) if n > 0 then return n, r(n - 1) end end while true do local t = { r(100) } end",
    ],
    ["coroutine.wrap", "while true do coroutine.wrap(function() end)() end"],
    [
      "resume and yield",
      "local f = coroutine.wrap(function() while true do coroutine.yield() end end) while true do f() end",
    ],
    ["a loop inside a coroutine", "coroutine.wrap(function() while true do end end)()"],
    [
      "coroutines that start two",
      "local function f() for i = 1, 2 do coroutine.resume(coroutine.create(f)) end end f()",
    ],
    [
      "coroutine.close",
      "while true do local c = coroutine.create(coroutine.yield) coroutine.resume(c) coroutine.close(c) end",
    ],
    [
      "a closing method inside coroutine.close",
      "local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() while true do end end }) coroutine.yield() end) coroutine.resume(c) coroutine.close(c)",
    ],
    ["load", `while true do load("return 1") end`],
    ["load of what is no chunk", `while true do load("x =") end`],
    ["load and call", `local i = 0 while true do i = i + 1 load("local x = " .. i .. " return x")() end`],
    ["load of a large chunk", `load(("x = 1 "):rep(20000))`],
    ["a reader that loops", "load(function() while true do end end)"],
    ["pcall", "while true do pcall(error, 'x') end"],
    ["errors with a level", "while true do pcall(error, 'x', 1000000000) end"],
    ["errors of the language", "while true do pcall(function() return nil + 1 end) end"],
    ["stack overflows", "local function f() return 1 + f() end while true do pcall(f) end"],
    ["xpcall with a handler", "while true do xpcall(error, function(e) return e end) end"],
    ["a handler that loops", "xpcall(error, function() while true do end end)"],
    ["a handler that fails", "while true do xpcall(error, error) end"],
    ["debug.traceback", "while true do debug.traceback('x') end"],
    ["debug.getinfo", "while true do debug.getinfo(1) end"],
    ["collectgarbage", "while true do collectgarbage() end"],
    ["collectgarbage count", `while true do collectgarbage("count") end`],
    ["print", `while true do print("x") end`],
    ["warn", `while true do warn("x") end`],
    ["require of nothing", `while true do pcall(require, "nothing") end`],
    ["package.searchpath", `package.searchpath("x", ("?;"):rep(65536))`],
    ["loadfile", `while true do loadfile("nothing") end`],
    ["dofile", `while true do pcall(dofile, "nothing") end`],
    ["io.open", `while true do io.open("/endless") end`],
    ["reading", `local f = io.open("/endless") while true do f:read(1) end`],
    ["writing", `local f = io.open("/endless", "w") while true do f:write("x") end`],
    ["seeking", `local f = io.open("/endless") while true do f:seek("set", 0) end`],
  ])("%s", (_name, source) => {
    const state = stateWith(options);
    expect(outcome(state, source)).toBe("budget");
    expectUsable(state, budget);
  });

  // Rounds that a loop counts in a local must not be lost, whichever way it is left: each round below runs 900 rounds
  // of an inner loop, so 1,000 of them are nine times the budget.
  const leaving = (body: string): string =>
    `local object = setmetatable({}, { __index = function() for i = 1, 900 do end return 1 end })
     local function f(nothing, x) for i = 1, 900 do if i == 890 then ${body} end end ::out:: end
     for i = 1, 1000 do pcall(f) end`;
  test.each([
    ["return", "return 1"],
    ["break", "break"],
    ["goto", "goto out"],
    ["an error of indexing", "x = nothing.x"],
    ["an error of assignment", "nothing.x = 1"],
    ["an error of arithmetic", "x = nothing + 1"],
    ["an error of unary minus", "x = -nothing"],
    ["an error of shifting", "x = 1 << nothing"],
    ["an error of concatenation", "x = nothing .. 'x'"],
    ["an error of comparison", "x = nothing < 1"],
    ["an error of a condition", "if nothing < 1 then x = 1 end"],
    ["an error of length", "x = #nothing"],
    ["an error of a key", "x = { [nothing] = 1 }"],
    ["an error of an inner loop", "for n = 1, nothing do end"],
    ["an error of an inner step", "for n = 1, 2, nothing do end"],
    ["an error of a global", "x = undefinedGlobal.x"],
    ["a metamethod", "x = object.x"],
    ["a metamethod and break", "x = object.x break"],
  ])("a counted loop left by %s", (_name, body) => {
    const state = stateWith(options);
    expect(outcome(state, leaving(body))).toBe("budget");
    expectUsable(state, budget);
  });

  test("a metamethod inside a counted loop is paid for", () => {
    const source = `local object = setmetatable({}, { __index = function() for i = 1, 900 do end return 1 end })
      local function f() end
      for i = 1, 1000 do f() for n = 1, 1 do local x = object.x end end`;
    expect(outcome(stateWith(options), source)).toBe("budget");
  });
});

describe("what takes the engine long costs more than a round", () => {
  const texts = `local a, b = ("x"):rep(65536) .. "y", ("x"):rep(65536) .. "y"`;
  const removed = "local t = {} for i = 1, 20000 do t[i] = i end for i = 1, 19999 do t[i] = nil end";
  test.each([
    ["equality of long texts", `${texts} while a == b do n = n + 1 end`, 12_000],
    [
      "equality of long texts in a coroutine",
      `${texts} coroutine.wrap(function() while a == b do n = n + 1 end end)()`,
      12_000,
    ],
    ["order of long texts", `${texts} while a <= b do n = n + 1 end`, 12_000],
    ["rawequal of long texts", `${texts} while rawequal(a, b) do n = n + 1 end`, 12_000],
    ["a long text as a key", `${texts} local t = { [a] = 1 } while t[b] do n = n + 1 end`, 12_000],
    [
      "assignment to a long key",
      `${texts} local t = { [a] = 1 } while true do t[b] = n n = n + 1 end`,
      12_000,
    ],
    ["a long numeral", `local s = ("0"):rep(65536) while s + 0 == 0 do n = n + 1 end`, 100],
    ["next over what was removed", `${removed} while next(t) do n = n + 1 end`, 300],
    ["pairs over what was removed", `${removed} while true do for k in pairs(t) do n = n + 1 end end`, 300],
    [
      "a long __index chain",
      "local t = {} for i = 1, 1900 do t = setmetatable({}, { __index = t }) end while not t.x do n = n + 1 end",
      1000,
    ],
    ["an error", "while true do n = n + 1 pcall(error, 'x') end", 12_000],
    [
      "an error deep inside",
      "local function f(d) if d == 0 then while true do n = n + 1 pcall(error, 'x', 300) end end f(d - 1) return 1 end f(1000)",
      500,
    ],
    ["a stack overflow", "local function f() return 1 + f() end while true do n = n + 1 pcall(f) end", 20],
    [
      "a handler that overflows the stack",
      "local function f() n = n + 1 xpcall(f, f) end while true do f() end",
      100_000,
    ],
    ["load", `while true do n = n + 1 load("") end`, 500],
    ["a character that is loaded", `local s = ("x=1 "):rep(100) while true do n = n + 1 load(s) end`, 50],
    ["a traceback", "while true do n = n + 1 debug.traceback() end", 12_000],
    ["a look at the heap", `while true do n = n + 1 collectgarbage("count") end`, 20],
    [
      "a long list of arguments",
      "local function r(d) if d > 0 then return d, r(d - 1) end end local function f(...) while true do n = n + 1 select('#', ...) end end f(r(1000))",
      2000,
    ],
    [
      "a long list of results",
      "local function g(...) return ... end local function r(d) if d > 0 then return d, r(d - 1) end end local function f(...) while true do n = n + 1 local t = { g(...) } end end f(r(1000))",
      1000,
    ],
  ])("%s", (_name, source, most) => {
    const state = stateWith({ budget: 200_000, memoryLimitBytes: 1024 * MIB });
    expect(outcome(state, `n = 0 ${source}`)).toBe("budget");
    expect(state.globals.get("n")).toBeLessThan(most);
    expect(state.globals.get("n")).toBeGreaterThan(0);
  });
});

describe("nothing in a script catches a limit", () => {
  const loop = "while true do end";
  const fill = `local t = {} while true do t[#t + 1] = ("x"):rep(1000) end`;
  const ways: [string, (body: string) => string][] = [
    ["pcall", (body) => `pcall(function() ${body} end)`],
    ["xpcall", (body) => `xpcall(function() ${body} end, function() return 1 end)`],
    ["a message handler", (body) => `xpcall(error, function() ${body} end)`],
    ["coroutine.resume", (body) => `coroutine.resume(coroutine.create(function() ${body} end))`],
    ["coroutine.wrap", (body) => `pcall(coroutine.wrap(function() ${body} end))`],
    [
      "pcall in a coroutine",
      (body) =>
        `local f = coroutine.wrap(function() pcall(function() coroutine.yield() ${body} end) end) f() f()`,
    ],
    [
      "coroutine.close",
      (body) =>
        `local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() ${body} end }) coroutine.yield() end) coroutine.resume(c) pcall(coroutine.close, c)`,
    ],
    [
      "__close that fails",
      (body) =>
        `pcall(function() local x <close> = setmetatable({}, { __close = function() error("hidden") end }) ${body} end)`,
    ],
    [
      "__close",
      (body) =>
        `pcall(function() local x <close> = setmetatable({}, { __close = function() ${body} end }) end)`,
    ],
    ["an iterator", (body) => `pcall(function() for x in function() ${body} end do end end)`],
    ["pcall as an iterator", (body) => `for x in pcall, function() ${body} end do break end`],
    ["a reader of load", (body) => `load(function() ${body} end)`],
    ["__tostring", (body) => `pcall(tostring, setmetatable({}, { __tostring = function() ${body} end }))`],
    ["print", (body) => `pcall(print, setmetatable({}, { __tostring = function() ${body} end }))`],
    [
      "__index",
      (body) => `pcall(function() return setmetatable({}, { __index = function() ${body} end }).x end)`,
    ],
    ["a replacement of gsub", (body) => `pcall(string.gsub, "x", "x", function() ${body} end)`],
    ["a comparator", (body) => `pcall(table.sort, { 3, 2, 1 }, function() ${body} end)`],
    [
      "a comparator, and then __newindex that fails",
      (body) =>
        `pcall(table.sort, setmetatable({}, { __len = function() return 3 end, __index = function() return 1 end, __newindex = function() error("hidden") end }), function() ${body} end)`,
    ],
    ["require", (body) => `package.preload.x = function() ${body} end pcall(require, "x")`],
    ["__gc", (body) => `setmetatable({}, { __gc = function() end }) pcall(function() ${body} end)`],
  ];
  const cases = ways.flatMap(([name, wrap]) => [
    [name, "budget", wrap(loop)] as const,
    [name, "memory", wrap(fill)] as const,
  ]);

  test.each(cases)("%s: %s", (_name, reason, source) => {
    const options = { budget: 100_000, memoryLimitBytes: 2 * MIB };
    const state = stateWith(options);
    // What would go on after a limit that was caught says so.
    expect(outcome(state, `${source} error("caught")`)).toBe(reason);
    expectUsable(state, options.budget);
  });
});

describe("what recurses ends in an error that can be caught", () => {
  const overflow = /stack overflow/;
  test.each([
    ["a function", "local function f() return 1 + f() end f()", overflow],
    [
      "two functions",
      "local f, g function f() return 1 + g() end function g() return 1 + f() end f()",
      overflow,
    ],
    ["a method", "local o = {} function o:f() return 1 + self:f() end o:f()", overflow],
    ["gsub callbacks", `local function f() return (("x"):gsub("x", f)) end f()`, overflow],
    ["comparators", "local function f() table.sort({ 1, 2 }, f) end f()", overflow],
    [
      "__index",
      "local mt = {} mt.__index = function(t, k) return t[k .. 'x'] .. '' end local x = setmetatable({}, mt).x",
      overflow,
    ],
    [
      "__newindex",
      "local mt = {} mt.__newindex = function(t, k, v) t[k + 1] = v return 1 end setmetatable({}, mt)[1] = 1",
      overflow,
    ],
    [
      "__add",
      "local mt = {} mt.__add = function(a, b) return 1 + (a + b) end local o = setmetatable({}, mt) local x = o + o",
      overflow,
    ],
    [
      "__unm",
      "local mt = {} mt.__unm = function(a) return 1 + -a end local x = -setmetatable({}, mt)",
      overflow,
    ],
    [
      "__concat",
      "local mt = {} mt.__concat = function(a, b) return 'x' .. (a .. b) end local o = setmetatable({}, mt) local x = o .. o",
      overflow,
    ],
    [
      "__eq",
      "local mt = {} mt.__eq = function(a, b) return not (a == b) end local x = setmetatable({}, mt) == setmetatable({}, mt)",
      overflow,
    ],
    [
      "__lt",
      "local mt = {} mt.__lt = function(a, b) return not (a < b) end local o = setmetatable({}, mt) local x = o < o",
      overflow,
    ],
    [
      "__le",
      "local mt = {} mt.__le = function(a, b) return not (a <= b) end local o = setmetatable({}, mt) local x = o <= o",
      overflow,
    ],
    [
      "__len",
      "local mt = {} mt.__len = function(a) return 1 + #a end local x = #setmetatable({}, mt)",
      overflow,
    ],
    ["__call", "local mt = {} mt.__call = function(a) return 1 + a() end setmetatable({}, mt)()", overflow],
    [
      "__close",
      "local mt = {} mt.__close = function() local x <close> = setmetatable({}, mt) end do local x <close> = setmetatable({}, mt) end",
      overflow,
    ],
    [
      "__pairs",
      "local mt = {} mt.__pairs = function(t) return (pairs(t)) end pairs(setmetatable({}, mt))",
      overflow,
    ],
    [
      "__tostring",
      "local mt = {} mt.__tostring = function(t) return 'x' .. tostring(t) end tostring(setmetatable({}, mt))",
      overflow,
    ],
    [
      "format",
      `local mt = {} mt.__tostring = function(t) return ("%s"):format(t) end ("%s"):format(setmetatable({}, mt))`,
      overflow,
    ],
    [
      "print",
      "local mt = {} mt.__tostring = function(t) print(t) return '' end print(setmetatable({}, mt))",
      overflow,
    ],
    [
      "ipairs",
      "local mt = {} mt.__index = function(t, i) for _, v in ipairs(t) do return v end end for _ in ipairs(setmetatable({}, mt)) do end",
      overflow,
    ],
    ["coroutines", "local function f() coroutine.wrap(f)() end f()", overflow],
    [
      "coroutines and gsub",
      `local function f() return (("x"):gsub("x", coroutine.wrap(f))) end f()`,
      overflow,
    ],
    [
      "require",
      `package.preload.x = function() package.loaded.x = nil return 1 + require("x") end require("x")`,
      overflow,
    ],
    [
      "a ring of __index",
      "local t = {} t.__index = t setmetatable(t, t) return t.x",
      /'__index' chain too long; possible loop/,
    ],
    [
      "a ring of methods",
      "local t = {} t.__index = t setmetatable(t, t) t:f()",
      /'__index' chain too long; possible loop/,
    ],
    [
      "a ring of __newindex",
      "local t = {} t.__newindex = t setmetatable(t, t) t.x = 1",
      /'__newindex' chain too long; possible loop/,
    ],
  ])("%s", (_name, source, message) => {
    const state = stateWith({});
    expect(outcome(state, source)).toMatch(message);
    const caught = `local ok, text = pcall(function() ${source} end) assert(not ok) return text`;
    expect(state.call(state.load(caught, "=caught"))).toMatch(message);
    expectUsable(state, 1_000_000);
  });

  test("recursion is deep before that", () => {
    const depth = "local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end return f(2000)";
    const state = stateWith({});
    expect(state.call(state.load(depth, "=depth"))).toBe(2000);
  });
});

describe("chunks that nest are refused or run", () => {
  const nested: [string, string][] = [
    ["parentheses", `${"(".repeat(20_000)}1${")".repeat(20_000)}`],
    ["tables", `${"{".repeat(20_000)}${"}".repeat(20_000)}`],
    ["not", `${"not ".repeat(20_000)}1`],
    ["minus", `${"- ".repeat(20_000)}1`],
    ["concatenation", `${"1 .. ".repeat(20_000)}1`],
    ["addition", `1${" + x".repeat(20_000)}`],
    ["and", `${"x and ".repeat(20_000)}1`],
    ["comparisons", `${"1 < ".repeat(20_000)}1`],
    ["fields", `x${".x".repeat(20_000)}`],
    ["calls", `f${"()".repeat(20_000)}`],
    ["functions", `${"function() return ".repeat(20_000)}1${" end".repeat(20_000)}`],
  ];
  test.each([
    ...nested.map(([name, text]): [string, string] => [name, `return ${text}`]),
    ["blocks", `${"do ".repeat(20_000)}${"end ".repeat(20_000)}`],
    ["elseif", `if x then ${"elseif x then ".repeat(20_000)}end`],
    ["while", `${"while x do ".repeat(20_000)}${"end ".repeat(20_000)}`],
    ["labels", Array.from({ length: 3000 }, (_, i) => `::a${i}:: if x then goto a${i} end `).join("")],
    ["locals", Array.from({ length: 300 }, (_, i) => `local a${i} = 1 `).join("")],
  ])("%s", (_name, source) => {
    const state = stateWith({});
    try {
      state.load(source, "=nested");
    } catch (error) {
      expect(error).toBeInstanceOf(LuaError);
      expect((error as LuaError).message).toMatch(/too many|overflow/);
    }
  });
});

describe("memory that is really alive", () => {
  /** A heap that a test makes larger and smaller. */
  const heap = { live: 0, looks: 0 };
  const options: LuaStateOptions = {
    budget: 10_000_000,
    memoryLimitBytes: 2 * MIB,
    liveBytes: (collect = true) => {
      if (collect) heap.looks++;
      return heap.live;
    },
  };
  const garbage = `for i = 1, 1000 do local s = ("x"):rep(10000) end`;

  test("garbage is no matter", () => {
    Object.assign(heap, { live: MIB / 2, looks: 0 });
    expect(outcome(stateWith(options), garbage)).toBe("returned");
    expect(heap.looks).toBeGreaterThan(2);
    expect(heap.looks).toBeLessThan(20);
  });

  test("what stays alive is", () => {
    Object.assign(heap, { live: 2 * MIB + 1, looks: 0 });
    expect(outcome(stateWith(options), garbage)).toBe("memory");
    expect(heap.looks).toBe(1);
  });

  test("after that a callback that allocates is stopped at once, and one that frees memory helps", () => {
    Object.assign(heap, { live: 2 * MIB + 1, looks: 0 });
    const state = stateWith(options);
    expect(outcome(state, garbage)).toBe("memory");
    expect(outcome(state, garbage)).toBe("memory");
    // A little more than a step, not once more the whole bound.
    expect(state.machine.allocatedBytes).toBeLessThan(2 * MIB + 128 * 1024);
    expect(outcome(state, "local n = 0 for i = 1, 1000 do n = n + i end")).toBe("returned");
    heap.live = MIB / 2;
    expect(outcome(state, garbage)).toBe("returned");
  });

  test("a little more in every callback is noticed", () => {
    Object.assign(heap, { live: 2 * MIB + 1, looks: 0 });
    const state = stateWith(options);
    const grow = state.load("kept = kept or {} for i = 1, 500 do kept[#kept + 1] = i end", "=grow");
    const callbacks = 2000;
    expect(() => {
      for (let i = 0; i < callbacks; i++) state.call(grow);
    }).toThrow("not enough memory");
  });

  test("memory that nobody announced is seen at a glance", () => {
    Object.assign(heap, { live: 5 * MIB, looks: 0 });
    expect(outcome(stateWith(options), "while true do end")).toBe("memory");
  });
});

test("a budget is counted to the round", () => {
  const state = stateWith({ budget: 12_345 });
  // The call of the chunk itself is one.
  expect(outcome(state, "for i = 1, 12344 do end")).toBe("returned");
  expect(outcome(state, "for i = 1, 12345 do end")).toBe("budget");
});

test("a message of a limit has its position", () => {
  const state = stateWith({});
  expect(() => state.call(state.load("local x\nwhile true do\nend", "@hook.lua"))).toThrow(
    "hook.lua:2: instruction budget exceeded",
  );
  expect(() => state.call(state.load(`\nreturn ("x"):rep(1 << 30)`, "@hook.lua"))).toThrow(
    "hook.lua:2: not enough memory",
  );
});

test("many chunks do not cost the script its positions", () => {
  const state = stateWith({ budget: 1_000_000_000 });
  const source = `for i = 1, 300 do load(("x = y.z "):rep(200) .. i) end\nlocal x = nil + 1`;
  expect(() => state.call(state.load(source, "@main.lua"))).toThrow(
    /^main\.lua:2: attempt to perform arithmetic/,
  );
});
