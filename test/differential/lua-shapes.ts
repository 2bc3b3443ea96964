/**
 * Pieces of random programs in which constructs of the language meet that seldom meet by chance: yields in metamethods,
 * iterators and closing methods, calls that change the locals of the expression around them, jumps out of scopes to be
 * closed. Each is a block of its own; what is open in PUC Lua (the order of `pairs`, the border of a list with holes)
 * is not looked at.
 */

import type { Choices } from "./choices.ts";

/** What a piece takes from the generator of programs. */
export interface Source {
  readonly choices: Choices;
  readonly canYield: boolean;
  name(prefix: string): string;
  integer(depth: number): string;
  text(depth: number): string;
  boolean(depth: number): string;
  /** Some statements, as a block or the body of a loop. */
  block(count: number, isLoop: boolean): string;
  /** Writes the body of a coroutine, or of a function that nothing yields across. */
  inside(canYield: boolean, action: () => string): string;
}

type Shape = (s: Source) => string;

const ARITHMETIC = ["+", "-", "*", "//", "%", "&", "|", "~", "<<", ">>"];
const COMPARISON = ["==", "~=", "<", "<=", ">", ">="];
const HUGE = [
  "0x9e3779b97f4a7c15",
  "0xcbf29ce484222325",
  "0xff51afd7ed558ccd",
  "math.mininteger",
  "math.maxinteger",
  "-9007199254740993",
  "9007199254740993",
];
const SMALL = ["0", "1", "2", "3", "-1", "7", "255", "4294967296"];

const times = (count: number, make: () => string, between = ""): string =>
  Array.from({ length: count }, make).join(between);

/** Something that is seen from outside: a yield where there may be one. */
function effect(s: Source, value: string): string {
  if (!s.canYield || s.choices.chance(35)) return `print(${value})`;
  return s.choices.pick([`coroutine.yield(${value})`, `print(coroutine.yield(${value}))`]);
}

// ---- expressions

/** A call that changes a local, an upvalue or a table of the expression that it stands in. */
function changes(s: Source): string {
  const { choices: c } = s;
  const mutate = (): string =>
    c.pick([
      "a = a + 5",
      "b = b * 3",
      "a, b = b, a",
      "t = u",
      "t.x = (t.x or 0) + v",
      "t[2] = v",
      "w = w * 31 + v",
      "b = w",
      "a = t[1] or 0",
    ]);
  const leaf = (): string =>
    c.pick(["a", "b", "f(1)", "(a)", "f(2)", "t.x", "t[1]", "3", "w", "f(3)", "'4'", "-a", "o"]);
  const tree = (depth: number): string => {
    if (depth === 0) return leaf();
    const [left, right] = [tree(c.below(depth)), tree(c.below(depth))];
    return c.weighted<() => string>([
      [6, () => `(${left} ${c.pick(ARITHMETIC)} ${right})`],
      [4, () => `${left} ${c.pick(["+", "-", "*"])} ${right}`],
      [2, () => `#(${left} .. ${right})`],
      [2, () => `#(${left} .. ${right} .. ${tree(0)})`],
      [1, () => `(t[${right}] or 6)`],
      [1, () => `(t[f(2)] or ${left})`],
      [1, () => `(${left} ${c.pick(COMPARISON)} ${right} and ${left} or ${right})`],
      [1, () => `((${left} == ${right} or ${left}) and 8)`],
      [1, () => `g(${left}, ${right}, ${tree(0)})`],
      [1, () => `t:m(${left}, f(1), a)`],
      [1, () => `#{ ${left}, f(4), ${right}, 1 }`],
    ])();
  };
  const use = (): string =>
    c.weighted<() => string>([
      [8, () => `print(spread(${tree(3)}, ${tree(1)}))`],
      [2, () => `a = ${tree(2)}`],
      [2, () => `w = ${tree(3)}`],
      [2, () => `t[a & 3] = ${tree(2)}`],
      [2, () => `t.x = ${tree(2)}`],
      [1, () => `t[f(1)] = a`],
      [1, () => `a, t[a & 1] = ${tree(1)}, ${tree(1)}`],
      [1, () => `t.x, t[f(1)], a = ${tree(1)}, ${tree(1)}`],
      [1, () => `print(show({ a, f(1), [a & 3] = f(2), x = a, y = f(3), b, ["k" .. f(1)] = b }))`],
      [1, () => `print(show({ t.x, f(2), a, f(1) }))`],
      [1, () => `local x, y, z = a, f(1), a print(spread(x, y, z))`],
      [1, () => `for i = a & 3, f(5), 1 + (b & 1) do print(i, show(a)) end`],
      [1, () => `if ${tree(2)} ${c.pick(COMPARISON)} ${tree(2)} then print("so") end`],
      [1, () => `print(spread((function() return a, f(1), a, ${tree(1)} end)()))`],
      [1, () => `print(a < f(1), a <= f(2), a > f(1), a == f(3), f(1) < a, a ~= b)`],
      [1, () => `print(t[a & 3] == f(1), t.x ~= f(2), a .. f(1), f(1) .. a)`],
    ])();
  const body = `${times(1 + c.below(4), () => `do ${use()} end\n`)}`;
  const where = c.below(3);
  const uses =
    where === 0
      ? body
      : where === 1
        ? `local function h()\n${body}end h()\n`
        : `for _ = 1, 2 do\n${body}end\n`;
  const initial = c.pick([...HUGE, "1"]);
  return (
    `do\nlocal a, b = ${s.integer(0)}, ${s.integer(0)}\nlocal w = ${initial}\nw = w ~ a\n` +
    `local t, u = { 1, 2, 3, x = 4 }, { 5, 6, 7, x = 8 }\n` +
    `function t:m(...) return select("#", ...) + (...) end u.m = t.m\n` +
    `local o = setmetatable({}, { __add = function(x, y) b = b + 1 return 1 end, __concat = function() a = 3 return "c" end })\n` +
    `local function g(x, y, z) return y end\n` +
    `local function f(v) ${mutate()} ${c.chance(60) ? effect(s, "v") : ""} ${c.chance(30) ? mutate() : ""} return v end\n` +
    `local ok, e = pcall(function() ${c.pick(["", "local t, a, w = t, a, w "])}${uses}end)\n` +
    `print(spread(ok, e, a, b, w, t.x, t[1], t[2]))\nend\n`
  );
}

/** Values of 64 bits in deep trees with small ones. */
function wide(s: Source): string {
  const { choices: c } = s;
  const leaf = (): string =>
    c.weighted<() => string>([
      [4, () => "h"],
      [2, () => "k"],
      [2, () => "i"],
      [2, () => "n"],
      [2, () => c.pick(SMALL)],
      [1, () => c.pick(HUGE)],
      [1, () => "t[1]"],
      [s.canYield ? 2 : 0, () => "coroutine.yield(h)"],
      [1, () => "id(h)"],
      [1, () => "id(n)"],
      [1, () => '"12"'],
    ])();
  const tree = (depth: number): string => {
    if (depth === 0) return leaf();
    const [left, right] = [tree(c.below(depth)), tree(c.below(depth))];
    return c.weighted<() => string>([
      [8, () => `(${left} ${c.pick(["+", "-", "*", "~", "|", "&"])} ${right})`],
      [
        3,
        () =>
          `(${left} ${c.pick(["<<", ">>"])} ${c.pick(["1", "7", "13", "31", "32", "33", "47", "63", "64", "-3", "n"])})`,
      ],
      [1, () => `(${left} ${c.pick(["//", "%"])} ${right})`],
      [1, () => `(${left} & ${c.pick(["0xff", "0xffffffff", "0x7fffffff", "-256"])})`],
      [1, () => `- ${left}`],
      [1, () => `~${left}`],
      [1, () => `${left} ${c.pick(ARITHMETIC)} ${right}`],
    ])();
  };
  const step = (): string =>
    c.pick([
      () => `h = ${tree(3)}`,
      () => `h = (h ~ ${tree(1)}) * ${c.pick(HUGE)}`,
      () => `k = ${tree(2)}`,
      () => `n = ${tree(2)} & ${c.pick(["0xff", "0xffff", "31"])}`,
      () => `h, k = ${tree(2)}, ${tree(1)}`,
      () => `t[1] = ${tree(2)}`,
      () => `if ${tree(1)} ${c.pick(COMPARISON)} ${tree(1)} then h = ${tree(1)} else k = h end`,
      () => `h = ${c.pick(["'5'", "h .. ''", "tostring(h)"])} h = ${tree(1)}`,
      () => `print(${tree(2)}, h == k, h < ${tree(1)}, #tostring(h))`,
      () => `local j = h j = ${tree(1)} + j t[2] = function() j = j * 3 + 1 return j end`,
      () => `k = (${tree(1)} == h) and h or k`,
    ])();
  const captures = c.chance(30)
    ? "local function id(x) h = h + 1 return x end"
    : "local function id(x) return x end";
  return (
    `do\nlocal h, k, n = ${c.pick(HUGE)}, ${c.pick([...HUGE, ...SMALL])}, ${s.integer(0)}\nlocal t = { ${s.integer(0)} }\n` +
    `${captures}\nlocal ok, e = pcall(function()\n${c.pick(["", "local h, k, n = h, k, n h = h * 5 k = k << 1\n"])}` +
    `for i = 1, ${1 + c.below(3)} do\n${times(1 + c.below(4), () => `${step()}\n`)}end\nprint(h, k, n)\nend)\n` +
    `print(ok, show(e), h, k, n, t[1], t[2] and t[2]())\nend\n`
  );
}

/** Literals as operands of everything. */
function literals(s: Source): string {
  const { choices: c } = s;
  const literal = (): string =>
    c.pick([
      "0",
      "1",
      "-1",
      "7",
      '""',
      '"abc"',
      '"10"',
      "nil",
      "true",
      "false",
      "{}",
      "(0)",
      "9007199254740993",
      "(function() return 2 end)",
    ]);
  const prefix = (): string => {
    const text = literal();
    return text.startsWith("(") ? text : `(${text})`;
  };
  const use = (): string =>
    c.pick([
      () =>
        `local r = ${literal()} ${c.pick([...ARITHMETIC, ...COMPARISON, "..", "and", "or"])} ${literal()} return r == nil, type(r)`,
      () => `return type(-${prefix()}), type(#${prefix()})`,
      () => `return ~${prefix()}`,
      () => `return not ${literal()}, not not ${literal()}`,
      () => `return (${prefix()}[${literal()}])`,
      () => `return type(${prefix()}.len), type(${prefix()}.x)`,
      () => `${prefix()}[${literal()}] = ${literal()}`,
      () => `${prefix()}.x = ${literal()}`,
      () => `return ${prefix()}(${literal()})`,
      () =>
        `return ${prefix()}:${c.pick(["upper", "len", "rep", "nothing", "byte", "sub"])}(${c.pick(["", "0", "1", "2, 3", '"x"'])})`,
      () =>
        `return string.${c.pick(["byte", "len", "upper", "sub", "reverse", "char", "find"])}(${times(c.below(4), literal, ", ")})`,
      () => `return (string.byte)(${times(c.below(3), literal, ", ")})`,
      () =>
        `for i = ${c.pick(["1", "0", "-1"])}, ${c.pick(["1", "3"])}, ${c.pick(["1", "-1", "0"])} do print(i) end`,
      () => `for k in ${literal()} do break end`,
      () => `if ${literal()} then return 1 else return 2 end`,
      () => `while ${literal()} do return 1 end`,
      () => `repeat until 1 or ${literal()}`,
      () => `local x <close> = ${literal()}`,
      () => `local x <const> = ${literal()} return (x == x), type(x)`,
      () =>
        `local x <const>, y <const> = ${c.pick(["5", '"k"', "true", "nil"])}, 3 return x ${c.pick([...ARITHMETIC, "..", "==", "<"])} y`,
      () => `return select(${literal()}, ${literal()}, ${literal()})`,
      () => `return math.ult(${times(1 + c.below(2), literal, ", ")})`,
      () => `return tonumber(${times(1 + c.below(2), literal, ", ")})`,
      () => `return ({ ${literal()}, [${literal()}] = ${literal()}, x = ${literal()} })[1] == nil`,
      () =>
        `return ${literal()} == ${literal()}, ${literal()} ~= ${literal()}, ${literal()} and ${literal()} == nil`,
      () => `return #${prefix()} ${c.pick(ARITHMETIC)} ${literal()}`,
      () => `return type(${literal()} .. ${literal()} .. ${literal()})`,
      () => `local a, b = ${literal()} return a == nil, b`,
      () => `return (${prefix()})`,
    ])();
  const line = (): string => {
    const text = use();
    const open = s.canYield && c.chance(30) ? "coroutine.yield(0) " : "";
    return `print(spread(pcall(function() ${open}${text} end)))\n`;
  };
  return `do\n${times(1 + c.below(5), line)}end\n`;
}

/** Text that holds numbers, where numbers are wanted. */
function coercions(s: Source): string {
  const { choices: c } = s;
  const text = (): string =>
    c.pick([
      '"10"',
      '"0x10"',
      '" 7 "',
      '"-3"',
      '"0"',
      '"9007199254740993"',
      '"\\t5\\n"',
      "x",
      "y",
      '"0xffffffffffffffff"',
    ]);
  const number = (): string => c.pick([text(), text(), s.integer(1), "z", "n"]);
  const use = (): string =>
    c.pick([
      () => `print(${number()} ${c.pick(["+", "-", "*"])} ${number()})`,
      () => `print(${text()} // ${c.pick(["3", '"2"', "x"])}, ${text()} % ${c.pick(["3", '"2"', "x"])})`,
      () => `print(-${c.pick([text(), "y"])}, - -${text()})`,
      () => `print(${s.integer(1)} .. ${number()}, (${c.pick(["y", "x", "n & 7"])} .. 1) + 1)`,
      () => `y = ${text()} z = z + y print(z, math.max(1, y + 0))`,
      () => `n = n * ${text()} + 1 print(n)`,
      () => `print(${text()} == ${number()}, ${text()} < ${text()}, tostring(${number()}) == ${text()})`,
      () => `print(({ 10, 20, 30 })[${text()}], ({ 10, 20 })[y + 0])`,
      () =>
        `print(("abc"):sub(${c.pick(['"2"', '"-1"', "1"])}, "2"), ("ab"):rep("2"), string.char("65", 66))`,
      () => `print(#${text()}, (${text()}):len(), (${text()}):byte(-1))`,
      () => `print(${text()} | 1)`,
      () => `print(1 << ${text()})`,
      () => `print(1 < ${text()})`,
    ])();
  return (
    `do\nlocal x, y, z, n = "5", "6", ${c.pick(["1", '"8"', "0x7fffffffffffffff"])}, ${c.pick(["2", "0x123456789abcdef1"])}\n` +
    times(1 + c.below(4), () => `print(pcall(function() ${use()} end))\n`) +
    "end\n"
  );
}

// ---- metamethods

/** Handlers of all events that yield, or fail, or change what they are about. */
function metamethods(s: Source): string {
  const { choices: c } = s;
  // `(o)[key]`: Lua 5.4.4 forgets to load an upvalue that a comparison indexes. `keep`: its `..` of three values loses
  // its place when one has a metamethod.
  const events = [
    "__add",
    "__sub",
    "__mul",
    "__idiv",
    "__mod",
    "__band",
    "__bor",
    "__shl",
    "__concat",
    "__lt",
    "__le",
    "__eq",
    "__len",
    "__unm",
    "__bnot",
    "__index",
    "__newindex",
    "__call",
    "__close",
  ];
  const result = (): string =>
    c.pick([
      "7",
      "nil",
      "false",
      "true",
      '"r"',
      "a",
      "o",
      "n",
      "1, 2",
      "coroutine.isyieldable()",
      "select('#', ...)",
      "...",
    ]);
  const handler = (event: string): string => {
    const fail = c.chance(8)
      ? `if plus(n, 0) > ${c.below(4)} then error(${c.pick([`"${event}"`, "{ n }", '"x", 0'])}) end `
      : "";
    // `n` may be an object: its own operators here would call each other for ever, and how deep that goes is open.
    const change = c.pick(["", "", "n = plus(n, 1) ", "n = plus(n, n) ", "l = n ", "o2 = o "]);
    const leave = c.chance(15) ? `return keep(${result()})` : `return ${result()}`;
    return `${event} = function(a, ...) ${change}${effect(s, `"${event}", show(n)`)} ${fail}${leave} end`;
  };
  // Standard Lua makes `a <= b` of `b < a` where `__le` is missing.
  const some = c.chance(50) ? events : events.filter((event) => event === "__le" || c.chance(60));
  const leaf = (): string => c.pick(["o", "o2", "n", "l", "1", '"s"', "o", "5", "keep(o)", "t.o", "o.f"]);
  const tree = (depth: number): string => {
    if (depth === 0) return leaf();
    const [left, right] = [tree(c.below(depth)), tree(c.below(depth))];
    return c.weighted<() => string>([
      [6, () => `(${left} ${c.pick(ARITHMETIC)} ${right})`],
      // No numeral: one beyond 64 bits would be a float in standard Lua.
      [2, () => `(${left} .. keep(${/^(o2?|"s")$/.test(right) ? right : `"s"`}))`],
      [2, () => `(${left} ${c.pick(COMPARISON)} ${right})`],
      [1, () => `(-${left})`],
      [1, () => `(~${left})`],
      [1, () => `(#${left})`],
      [1, () => `(not ${left})`],
      [1, () => `(o)[${left}]`],
      [1, () => `o.x`],
      [1, () => `(o(${left}, ${right}))`],
      [1, () => `(o:m(${left}))`],
      [1, () => `(${left} and ${right} or ${leaf()})`],
      [s.canYield ? 1 : 0, () => `(coroutine.yield(${left}))`],
    ])();
  };
  const use = (): string =>
    c.weighted<() => string>([
      [6, () => `print(spread(${tree(2)}, ${tree(1)}))`],
      [2, () => `n = ${tree(2)}`],
      [1, () => `l = ${tree(2)}`],
      [2, () => `(o)[${tree(1)}] = ${tree(1)}`],
      [1, () => `o.x, o.y, n = ${tree(1)}, ${tree(1)}`],
      [1, () => `t.k, o[${leaf()}], t[${leaf()}] = ${tree(1)}, 2, 3`],
      [
        2,
        () =>
          `if ${tree(1)} ${c.pick(COMPARISON)} ${tree(1)} then print("yes", show(n)) else print("no") end`,
      ],
      [1, () => `local i = 0 while i < 2 and ${tree(1)} do i = i + 1 end`],
      [1, () => `local i = 0 repeat i = i + 1 local q = ${tree(1)} until i > 2 or q ~= ${leaf()}`],
      [1, () => `print(spread(o(${tree(1)}, n)))`],
      [1, () => `print(spread((function(...) return o(...) end)(${tree(1)}, nil)))`],
      [
        1,
        () =>
          `local i = 0 for a, b in o, 1, 2 do i = i + 1 print(show(a), show(b)) if i > 2 then break end end`,
      ],
      [
        2,
        () =>
          `do local x <close> = o ${c.pick(["", `local y <close> = o2`])} ${c.pick(["n = 3", `print(spread(${tree(1)}))`, 'error("in")'])} end`,
      ],
      [1, () => `print(spread((function() local x <close> = o return n, ${tree(1)} == nil end)()))`],
      [
        1,
        () =>
          `for i = 1, 3 do local x <close> = o if i == 2 then ${c.pick(["break", "goto out", "error({ 5 })", "return"])} end end ::out::`,
      ],
      [1, () => `print(show({ ${tree(1)}, ${tree(1)}, k = ${tree(0)} }))`],
      [1, () => `local f = function() return ${tree(1)} end print(spread(f(), f()))`],
      [1, () => `for i = 1, 2 do n = i fs[#fs + 1] = function() return ${tree(1)} end end`],
      [1, () => `print(spread(pcall(${c.pick(["o", "o.x", "rawget(o, 1)"])}, ${leaf()})))`],
      [1, () => `print(spread(select(2, pcall(function() return ${tree(2)} end))))`],
    ])();
  const uses = times(1 + c.below(4), () => `print(spread(pcall(function() ${use()} end)))\n`);
  return (
    `do\nlocal n, l, t, fs, o2, o = ${s.integer(0)}, ${c.pick(HUGE)}, {}, {}\nlocal function keep(...) n = n == 1 and 4 or 1 return ... end\nl = 1\n` +
    `local function plus(x, y) return type(x) == "number" and x + y or 3 end\n` +
    `local mt = { ${some.map(handler).join(",\n")} }\no, o2 = setmetatable({}, mt), setmetatable({}, mt) t.o = o\n${uses}` +
    `print(spread(pcall(function() for i = 1, #fs do print(spread(fs[i]())) end end)))\nend\n`
  );
}

// ---- scopes

const again = (label: string, text: string): string =>
  `do\nlocal i = 0\n::${label}::\ni = i + 1\ndo\n${text}end\nif i < 3 then goto ${label} end\nend\n`;

/** Scopes to be closed, left in every way there is. */
function closes(s: Source): string {
  const { choices: c } = s;
  const closer = (name: string): string =>
    c.weighted<() => string>([
      [4, () => `closer("${name}")`],
      [1, () => "nil"],
      [1, () => "false"],
      [1, () => `closer("${name}", "oops")`],
    ])();
  const open = (): string => {
    const x = s.name("x");
    return c.chance(25)
      ? `local k, ${x} <close> = ${s.integer(0)}, ${closer(x)}\n`
      : `local ${x} <close> = ${closer(x)}\n`;
  };
  const leave = (isLoop: boolean): string =>
    c.weighted<() => string>([
      [2, () => ""],
      [isLoop ? 3 : 0, () => "if i > 1 then break end\n"],
      [isLoop ? 3 : 0, () => "if i == 2 then goto continue end\n"],
      [2, () => "if n > 3 then goto out end\n"],
      [2, () => `if n > 2 then return n, "back" end\n`],
      [1, () => "if n > 2 then return keep(n, nil) end\n"],
      [1, () => "if n > 2 then error({ n }) end\n"],
      [1, () => 'if n > 2 then error("left") end\n'],
      [1, () => "if n > 2 then local z = nil + 1 end\n"],
      [1, () => `${effect(s, "n")}\n`],
    ])();
  const scope = (depth: number, isLoop: boolean): string =>
    `${c.chance(70) ? open() : ""}n = n + 1\n${leave(isLoop)}` +
    (depth > 0 && c.chance(70) ? inner(depth - 1, isLoop) : "") +
    (c.chance(40) ? open() : "") +
    (c.chance(25) ? s.block(1, isLoop) : "") +
    leave(isLoop);
  const loop = (head: string, depth: number, end = "end"): string =>
    `${head}\ndo\n${scope(depth, true).replaceAll("goto continue", "goto next")}end\n::next::\n${end}\n`;
  // Lua 5.4.4 closes something else than the state of a loop that is left by `break` when its body has to close, too.
  const withState = (text: string): string =>
    `for i in upto, 3, 0${/function|<close>/.test(text) ? "" : `, ${closer("state")}`} do\ndo\n${text.replaceAll("goto continue", "goto next")}end\n::next::\nend\n`;
  const inner = (depth: number, isLoop: boolean): string =>
    c.weighted<() => string>([
      [2, () => `do\n${scope(depth, isLoop)}end\n`],
      [2, () => loop("for i = 1, 3 do", depth)],
      [1, () => withState(scope(depth, true))],
      [1, () => loop("local i = 0 while i < 3 do i = i + 1", depth)],
      [1, () => loop("local i = 0 repeat i = i + 1", depth, "until i > 2")],
      [1, () => `print(spread(pcall(function(...)\n${scope(depth, false)}::out::\nend)))\n`],
      [1, () => again(s.name("again"), scope(depth, false))],
    ])();
  const text = scope(2, false);
  return (
    `do\nlocal n = 0\nlocal function keep(...) n = n + 1 return ... end\n` +
    `local function upto(m, i) ${c.chance(50) ? `${effect(s, "i")} ` : ""}if i < m then return i + 1 end end\n` +
    `local function closer(name, fails) return setmetatable({}, { __close = function(_, e)\nprint("close", name, show(e), n)\n` +
    `${c.chance(50) ? effect(s, '"closing"') : ""}\nif fails then error(fails .. name, ${c.pick(["0", "1"])}) end end }) end\n` +
    `print(spread(pcall(function()\ndo\n${text}end\n::out::\nprint("end", n)\nend)))\nend\n`
  );
}

/** Closures that capture what each round of a loop has for its own. */
function captured(s: Source): string {
  const { choices: c } = s;
  const body = (): string =>
    `local own = j * 2\n${c.chance(50) ? `${effect(s, "own")}\n` : ""}${c.chance(40) ? `if ${s.boolean(1)} then goto continue end\n` : ""}` +
    `fs[#fs + 1] = function(d) own = own + (d or 1) all = all + j return own, all, j end\n` +
    `${c.chance(40) ? "own = own + 100\n" : ""}${c.chance(30) ? `do local more = own fs[#fs + 1] = function() more = more * 3 own = more return more end end\n` : ""}` +
    `${c.chance(25) ? "if #fs > 3 then break end\n" : ""}${c.chance(20) ? s.block(1, true) : ""}`;
  const wrapped = (head: string, end: string): string =>
    `${head}\ndo\n${body().replaceAll("goto continue", "goto next")}end\n::next::\n${end}\n`;
  const loop = c.pick([
    () => wrapped("for j = 1, 3 do", "end"),
    () => wrapped("for j = 3, 1, -1 do", "end"),
    () => wrapped("for _, j in ipairs({ 4, 5, 6 }) do", "end"),
    () => wrapped("for j in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do", "end"),
    () => wrapped("local k = 0 while k < 3 do k = k + 1 local j = k", "end"),
    () => wrapped("local k = 0 repeat k = k + 1 local j <const> = k", "until k > 2 or j > 5"),
    () =>
      `do\nlocal k = 0\n::top::\nlocal j = k\nfor _ = 1, 1 do\n${wrapped("do", "end")}end\nk = k + 1\nif k < 3 then goto top end\nend\n`,
    () =>
      `local k = 0\nwhile k < 3 do\nk = k + 1\nlocal j = k\n${wrapped("for m = 1, 2 do", "end")}if k == 2 then goto done end\nend\n::done::\n`,
  ])();
  return (
    `do\nlocal fs, all = {}, ${s.integer(0)}\ndo\n${loop}end\n` +
    `for i = 1, #fs do print(fs[i](i)) end\n${c.chance(50) ? `${effect(s, "all")}\n` : ""}for i = #fs, 1, -1 do print(fs[i]()) end\nprint(all)\nend\n`
  );
}

/** Jumps of every kind, with yields between them. */
function jumps(s: Source): string {
  const { choices: c } = s;
  const labels = ["one", "two", "three"];
  const go = (): string =>
    `count = count + 1 if count < 9 and ${s.boolean(1)} then goto ${c.pick(labels)} end\n`;
  const part = (): string =>
    c.weighted<() => string>([
      [3, () => `${effect(s, "count")}\n`],
      [4, go],
      [1, () => `for i = 1, 2 do ${go()} end\n`],
      [1, () => `for i, v in ipairs({ 1, 2 }) do if i == 2 then ${go()} end end\n`],
      [1, () => `while count < 5 do ${effect(s, "count")} ${go()} end\n`],
      [1, () => `do local f = function() return count end ${go()} print(f()) end\n`],
      [1, () => `do local guard <close> = traced("jump") ${go()} end\n`],
      [1, () => "count = count + 1 if count < 6 then goto three end\n"],
    ])();
  const segment = (label: string): string => `::${label}::\n${times(1 + c.below(3), part)}`;
  return `do\nlocal count = 0\n${part()}${labels.map(segment).join("")}print("count", count)\nend\n`;
}

// ---- values

/** Assignments whose targets and values overlap. */
function overlapping(s: Source): string {
  const { choices: c } = s;
  const target = (): string =>
    c.pick([
      "a",
      "b",
      "k",
      "t[1]",
      "t[2]",
      "t[k]",
      "t.x",
      "t.y",
      "t[t[1]]",
      "t",
      "u",
      "t[a]",
      "up",
      "up.x",
      "u.x",
      "f().x",
      "t[g()]",
    ]);
  const value = (): string =>
    c.pick([
      "a",
      "b",
      "k",
      "t[1]",
      "t[k]",
      "t.x",
      "t",
      "u",
      "{ x = a }",
      "1",
      "2",
      "nil",
      "a",
      "g()",
      "two()",
      "up",
      "t[1] or k",
      "(two())",
      "{ 7, 8 }",
      '"s"',
    ]);
  const line = (): string => {
    const [left, right] = [2 + c.below(3), 1 + c.below(4)];
    const text = `${times(left, target, ", ")} = ${times(right, value, ", ")}`;
    const end = s.canYield && c.chance(30) ? ", coroutine.yield(3)" : "";
    return `print(pcall(function() ${text}${end} end)) dump()\n`;
  };
  return (
    `do\nlocal a, b, k, u = 1, 2, 1, { x = "ux" }\nlocal t = { 2, 1, x = "tx" }\nlocal up = { x = "upx" }\n` +
    `local function f() ${effect(s, '"f"')} return u end\nlocal function g() k = 3 - (tonumber(k) or 1) ${c.chance(40) ? effect(s, "k") : ""} return 1 end\nlocal function two() a = 9 return "p", "q" end\n` +
    `local function dump() print(show(a), show(b), show(k), show(t), show(u), show(up)) end\n` +
    `${times(1 + c.below(4), line)}` +
    `print(pcall(function()\nlocal a, b, t, k = a, b, t, k\n${times(1 + c.below(3), () => `${times(2, target, ", ")} = ${times(2, value, ", ")}\n`)}print(show(a), show(b), show(k), show(t))\nend))\nend\n`
  );
}

/** Lists of arguments with nil among them, handed on in every way. */
function varargs(s: Source): string {
  const { choices: c } = s;
  const value = (): string =>
    c.pick(["nil", "false", "1", "2", s.integer(0), '"s"', "nil", "g()", "g(nil, 4)", "(g(5, 6))"]);
  const values = (): string[] => Array.from({ length: c.below(6) }, value);
  const list = (): string => values().join(", ");
  const use = (): string =>
    c.pick([
      () => "print(select('#', ...), ...)",
      () => `print(select(${c.pick(["1", "2", "-1", "3", "-2", "0", "9"])}, ...))`,
      () => "local a, b, c = ... print(a, b, c)",
      () => "print((...), ..., ...)",
      () => "print(table.pack(...).n, table.pack(..., nil).n, table.pack(nil, ...).n)",
      () => "print(table.unpack({ ... }, 1, select('#', ...)))",
      () => "print((function(...) return select('#', ...), ... end)(..., ...))",
      () => "print(pcall(g, ...))",
      () => "print(g(g(...)))",
      () => "local t = { n = 1, ..., k = (...), ... } print(t.k, t[1], t[2], t[3], t[4], t.n)",
      () => `local t = { ${[...values(), "..."].join(", ")} } print(t[1], t[2], t[3], t[4], t[5], t[6])`,
      () =>
        "print(coroutine.wrap(function(...) local a = coroutine.yield(select('#', ...), ...) return a, ... end)(...))",
      () =>
        `local co = coroutine.wrap(function(...) print(select('#', ...)) while true do print(select('#', coroutine.yield(...))) end end) co(...) co() co(nil) co(${list()})`,
      () => "local a, b = (...), (g(...)) a, b = b, ... print(a, b)",
      () => "for i, v in ipairs({ ... }) do print(i, v) end",
      () => "for i = 1, select('#', ...) do print(i, (select(i, ...))) end",
      () => `print(string.format("%s %s %s", ..., "a", "b", "c"))`,
      () => "if ... then print('first') else print('none') end",
      () => "print(... == nil, ... and 1, not ...)",
      () =>
        "local function h(a, ...) if a then return h(...) end return select('#', ...), ... end print(h(...))",
      () => `${effect(s, "...")}`,
      () => `local f = function() return ${list() || "nil"} end print(f(), (f()), f())`,
      () => "return g(...), ...",
      () => "return ...",
      () => "do return select(2, ...) end",
      () => "print(#table.pack(1, 2), math.max(1, ... and 2 or 3), ('x'):rep(2, ...))",
    ])();
  const fixed = c.pick(["", "a, ", "a, b, "]);
  return (
    `do\nlocal function g(...) ${c.chance(40) ? `${effect(s, '"g"')} ` : ""}return ... end\n` +
    `local function f(${fixed}...)\n${times(1 + c.below(3), () => `do ${use()} end\n`)}end\n` +
    `${times(1 + c.below(2), () => `print(pcall(${["f", ...values()].join(", ")}))\n`)}end\n`
  );
}

/** Loops over numbers at the ends of what there is. */
function extremes(s: Source): string {
  const { choices: c } = s;
  const bound = (names: readonly string[]): string =>
    c.weighted<() => string>([
      [3, () => `math.maxinteger${c.pick(["", " - 1", " - 2", " - 3", " // 2"])}`],
      [3, () => `math.mininteger${c.pick(["", " + 1", " + 2", " // 2"])}`],
      [
        2,
        () =>
          c.pick([
            "9007199254740991",
            "9007199254740992",
            "-9007199254740992",
            "4503599627370496",
            "-4503599627370497",
            "4503599628419072",
            "0x7fffffff",
            "-0x80000000",
            "1 << 52",
            "(1 << 53) - 2",
          ]),
      ],
      [2, () => s.integer(1)],
      [names.length, () => c.pick(names)],
    ])();
  const step = (): string =>
    c.pick([
      "1",
      "-1",
      "2",
      "-2",
      "math.maxinteger",
      "math.mininteger",
      "math.maxinteger // 2",
      "65536",
      "-65537",
      "1 << 52",
      "-(1 << 53)",
      "n",
      "m",
      "0",
      "1 << 62",
    ]);
  const use = c.pick([
    () => "print(i)",
    () => `print(i ${c.pick(ARITHMETIC)} ${c.pick(["1", "i", "n", "m"])}, i == m, i < n)`,
    () => "fs[#fs + 1] = function() return i + 1 end",
    () => `${effect(s, "i")}`,
    () => `print(i & 0xff, i // 3, i % 5, -i, ~i, i .. "")`,
    () => "m = m + i t[i] = 1 print(m, t[i])",
    () => "local i = i * 3 i = i + 1 print(i)",
  ])();
  const go = (): string => {
    const text = `${bound(["n"])}, ${bound(["n"])}${c.chance(70) ? `, ${step()}` : ""}`;
    return `count = 0\nfor i = ${text} do\ncount = count + 1\nif count > 4 then break end\n${use}\nend\n`;
  };
  return (
    `do\nlocal n, m, fs, t = ${bound([])}, ${s.integer(0)}, {}, {}\nlocal count\n` +
    `print(pcall(function()\n${times(1 + c.below(3), go)}end))\nfor i = 1, #fs do print(fs[i]()) end\nprint(n, m)\nend\n`
  );
}

// ---- errors, iterators and calls

/** Errors in errors, values of all kinds, levels. */
function errors(s: Source): string {
  const { choices: c } = s;
  const value = (): string =>
    c.pick(['"text"', "{ 1, 2 }", "42", "true", "object", '"bare", 0', '"one", 1', "e or 1", '"x" .. n']);
  const raise = (): string =>
    c.weighted<() => string>([
      [5, () => `error(${value()})`],
      [1, () => "local x = nothing.x"],
      [1, () => "local x = n.a.b"],
      [1, () => "(nil)()"],
      [1, () => "n()"],
      [1, () => `thrower(${value()})`],
      [1, () => '(function() error("at", 2) end)()'],
      [1, () => 'thrower("at", 2) return n'],
      [1, () => `return thrower(${value()})`],
      [1, () => "assert(false, object)"],
      [1, () => `assert(nil, "said")`],
      [1, () => "assert(false)"],
      [1, () => "string.rep()"],
      [1, () => `("x"):bad()`],
      [1, () => `coroutine.wrap(function() ${s.canYield ? "" : ""}error(${value()}) end)()`],
      [1, () => `coroutine.wrap(function() coroutine.yield() error(${value()}) end)()`],
    ])();
  // An error that ends a coroutine leaves its variables open in PUC Lua, and closes them here; and there the handler of
  // `xpcall` is called before they are closed, here afterwards.
  const nest = (depth: number, mayClose = true): string => {
    const body = (close: boolean): string => (depth === 0 ? raise() : nest(depth - 1, close));
    const before = c.chance(40) ? `${effect(s, "n")} ` : "";
    const after = c.pick([
      "",
      " n = n + 1",
      " error(e or 0)",
      ` error(${value()})`,
      " return e, n",
      " if not ok then error(e, 0) end",
      " return thrower(e or 2)",
    ]);
    return c.weighted<() => string>([
      [4, () => `${before}local ok, e = pcall(function() ${body(true)} end) print("p", ok, show(e))${after}`],
      [
        2,
        () =>
          `${before}guarded(1) local ok, e, x = xpcall(function(...) ${body(false)} end, function(m) ${c.pick(["n = n + 1", "print('h', show(m))", ""])} return ${c.pick(["m", "{ m }", "show(m)", "n, m", "false"])} end, 1, nil) guarded(-1) print("x", ok, show(e), x)${after}`,
      ],
      [
        1,
        () => `${before}local ok, e = pcall(pcall, function() ${body(true)} end) print(ok, show(e))${after}`,
      ],
      [
        1,
        () =>
          `${before}local ok, e = pcall(coroutine.wrap(function() ${body(true)} end)) print("w", ok, show(e))${after}`,
      ],
      [
        1,
        () =>
          `local co = coroutine.create(function(...) ${body(false)} end) local ok, e = coroutine.resume(co, 1) print("c", ok, show(e), coroutine.status(co), spread(coroutine.resume(co))) print(spread(coroutine.close(co)))`,
      ],
      [
        mayClose ? 1 : 0,
        () =>
          `${before}local x <close> = setmetatable({}, { __close = function(_, e) print("close", show(e)) ${c.chance(30) ? raise() : ""} end }) ${body(mayClose)}`,
      ],
      [1, () => `${before}local e = n print(spread(select(2, pcall(error, ${value()}))))${after}`],
      [
        1,
        () =>
          `${before}local function f() ${body(mayClose)} end ${c.pick(["f()", "return f()", "return (f())", "local r = f()", "f() f()"])}`,
      ],
    ])();
  };
  return (
    `do\nlocal n, e, nothing = ${s.integer(0)}\nlocal object = setmetatable({}, { __tostring = function() return "object" end })\n` +
    `local function thrower(...)\nerror(...)\nend\nprint(spread(pcall(function()\n${nest(1 + c.below(3))}\nend)))\nend\n`
  );
}

/** The generic loop over everything that can be called. */
function iterators(s: Source): string {
  const { choices: c } = s;
  const pause = c.chance(60) ? effect(s, '"step"') : "";
  const source = c.pick([
    () => `function(m, i) ${pause} if i < m then return i + 1, i * i end end, 3, 0`,
    () =>
      `setmetatable({}, { __call = function(self, m, i) ${pause} if i < m then return i + 1, self == nil end end }), 3, 0`,
    () => `coroutine.wrap(function() for i = 1, 3 do ${pause} coroutine.yield(i, i == 2 or nil) end end)`,
    () => "next, { 11 }",
    () => "next, { x = 11 }, nil",
    () => "pairs({ 7 })",
    () =>
      `pairs(setmetatable({}, { __pairs = function(t) ${pause} return function(_, k) if not k then return 1, 2 end end, t, nil end }))`,
    () => "ipairs(setmetatable({ 1, 2 }, { __index = function(_, k) if k < 4 then return k * 10 end end }))",
    () => `make(3)`,
    () => `function(_, k) ${pause} k = (k or 0) + 1 if k < 4 then return k, nil, k end end`,

    () => `("a1b2"):gmatch("(%a)(%d)")`,

    () => "{}",
    () => "nil",
    () => `function(_, k) ${pause} if (k or 0) < 2 then return (k or 0) + 1 end error("stop") end`,
    () => "select, 2, 5",
    () => "rawget, { 2, 3, nil }, 1",
  ])();
  const body = c.pick([
    () => "print(a, b)",
    () => "local d = a fs[#fs + 1] = function() d = d + 1 return a, b, d end",
    () => `${effect(s, "a")}`,
    () => "if a == 2 then break end print(a)",
    () => "if a == 2 then return a, b end print(a)",
    () => "if a == 2 then goto skip end print(a, b)",
    () => `if b then error({ a }) end print(b)`,
    () => `local x <close> = traced("body") if a == 2 then break end`,
    () => s.block(1, true),
  ])();
  const names = c.pick(["a, b", "a, b", "a, b, c", "a, b"]);
  return (
    `do\nlocal fs = {}\nlocal function make(m) local i = 0 return function() ${pause} i = i + 1 if i <= m then return i, m end end end\n` +
    `print(spread(pcall(function()\nlocal rounds = 0\nfor ${names} in ${source} do\nrounds = rounds + 1\nif rounds > 5 then break end\ndo\n${body}\nend\n::skip::\nend\nprint("rounds", rounds)\nend)))\n` +
    `for i = 1, #fs do print(fs[i]()) end\nend\n`
  );
}

/** Calls in the places of calls: tail calls, methods, chains, arguments that yield. */
function calls(s: Source): string {
  const { choices: c } = s;
  const y = (): string =>
    s.canYield && c.chance(60)
      ? `coroutine.yield(${c.pick(["1", "n", "nil, 2", ""])})`
      : c.pick(["1", "n", "nil", "v(2)", "v(n)", '"s"']);
  const use = (): string =>
    c.pick([
      () => `print(v(${y()}, ${y()}))`,
      () => `print(o:add(${y()}):add(${y()}):get())`,
      () => `print(make(${y()})(${y()})(${y()}))`,
      () => `print(spread((v)(v(${y()}), v(${y()}, 3))))`,
      () => `print(down(${c.pick(["3", "10", "300"])}, ${y()}))`,
      () => `print(even(${c.pick(["7", "8", "401"])}))`,
      () => `print(pcall(down, 5, ${y()}))`,
      () => `print(select("#", ${y()}, v(), ${y()}, v(nil, nil)))`,
      () => `local t = { ${y()}, v(${y()}), x = ${y()}, v(1, 2) } print(t[1], t[2], t.x, t[3], t[4])`,
      () => `local a <const>, b = ${y()}, ${y()} print(a, b)`,
      () => `print(${y()} == ${y()}, ${y()} and ${y()}, ${y()} or ${y()})`,
      () => `if ${y()} and not ${y()} or ${y()} then print("then", n) end`,
      () => `n = (${y()}) and n or 3 print(n)`,
      () => `print(v(table.unpack({ 1, nil, 3 }, 1, 3)), ${y()})`,
      () => `print((v(${y()}, 4)), (o:get()))`,
      () => `print(#{ v(1, 2), v(3, 4) }, v "lit", v { 1 }[1])`,
      () =>
        `local s = "x" s = s .. ${c.pick(['"a"', "1", "n"])} .. tostring(${y()}) .. s print(s, s:rep(2):sub(2):upper())`,
      () => `print(pcall(function(...) return v(...), o:get() end, ${y()}))`,
      () => `print(rawequal(${y()}, nil), type(${y()}), tostring(${y()}))`,
    ])();
  return (
    `do\nlocal n = ${s.integer(0)}\nlocal function v(...) n = n + 1 return ... end\n` +
    `local o = { n = 1 } function o:add(x) ${c.chance(40) ? `${effect(s, "self.n")} ` : ""}self.n = self.n * 3 + (tonumber(x) or 1) return self end function o:get() return self.n, n end\n` +
    `local function make(x) return function(y) ${c.chance(40) ? `${effect(s, "n")} ` : ""}return function(z) n = n + 2 return x, y, z end end end\n` +
    `local function down(k, x) if k == 0 then ${c.chance(50) ? `${effect(s, "k")} ` : ""}return x, "down" end return down(k - 1, x) end\n` +
    `local even, odd\nfunction even(k) if k == 0 then return true end return odd(k - 1) end\nfunction odd(k) ${c.chance(20) ? `if k == 3 then ${effect(s, "k")} end ` : ""}if k == 0 then return false end return even(k - 1) end\n` +
    `print(spread(pcall(function()\n${times(1 + c.below(4), () => `do ${use()} end\n`)}end)))\nprint(n)\nend\n`
  );
}

/** One piece inside a coroutine that is resumed until it ends, fails or is closed. */
function driven(s: Source): string {
  const { choices: c } = s;
  const text = s.inside(true, () => times(1 + c.below(2), () => c.weighted(SHAPES)(s)));
  return c.chance(20)
    ? `driveAndClose(${1 + c.below(6)}, function(...)\n${text}end)\n`
    : `drive(function(...)\n${text}end)\n`;
}

const SHAPES: readonly (readonly [number, Shape])[] = [
  [4, changes],
  [3, wide],
  [2, literals],
  [1, coercions],
  [5, metamethods],
  [4, closes],
  [2, captured],
  [2, jumps],
  [2, overlapping],
  [2, varargs],
  [2, extremes],
  [3, errors],
  [3, iterators],
  [3, calls],
];

/** One of all of them; half of them in coroutines. */
export function shape(s: Source): string {
  return s.choices.chance(50) ? driven(s) : s.choices.weighted(SHAPES)(s);
}

/** What they use besides the prelude of all programs. */
export const SHAPE_PRELUDE = `
local function spread(...)
  local all = table.pack(...)
  for i = 1, all.n do all[i] = type(all[i]) == "function" and "function" or type(all[i]) == "thread" and "thread" or show(all[i]) end
  return table.concat(all, " ", 1, all.n)
end
local function drive(f)
  local isDone = false
  local co = coroutine.wrap(function(...) grow() f(...) isDone = true end)
  for i = 1, 60 do
    local text = spread(pcall(co, i))
    print("resumed", text)
    if isDone or text:sub(1, 4) ~= "true" then break end
  end
end
local function driveAndClose(n, f)
  local co = coroutine.create(function(...) grow() return f(...) end)
  for i = 1, n do
    print("resumed", spread(coroutine.resume(co, i)))
    if coroutine.status(co) == "dead" then break end
  end
  print("closed", spread(close(co)), coroutine.status(co))
end
`;
