/**
 * Random programs that mean the same in standard Lua 5.4 and in the kernel's dialect: integers only, `//` for
 * division, no order of evaluation that is left open, loops that end. Expressions have a type, so most of a program
 * works; mistakes are made on purpose, inside pcall.
 */

import type { Choices } from "./choices.ts";
import { SHAPE_PRELUDE, type Source, shape } from "./lua-shapes.ts";

type Type = "integer" | "string" | "boolean" | "array" | "map" | "function";

interface Local {
  readonly name: string;
  readonly type: Type;
  readonly isAssignable: boolean;
}

/**
 * What every program may use; `show` prints any value alike in both. `close` leaves a coroutine alone that waits inside
 * an `xpcall`, which says so to `guarded`: Lua 5.4.4 would still take that one's handler for the errors of the closing
 * methods, and call what stands in its place by then (mended in 5.4.7).
 *
 * `grow` makes the stack large enough, and the collector, which would make it small again, is off: Debian's Lua 5.4.4-3
 * goes on with the freed stack when that moves while a `__concat` runs (a mistake in its patch for CVE-2022-33099, which
 * later versions do not have), and dies now and then.
 */
export const PRELUDE = `
local function plain(v)
  local type = type(v)
  return type == "table" and "{}" or (type == "function" or type == "thread") and type or tostring(v)
end
local function show(v)
  if type(v) ~= "table" then return plain(v) end
  local items = {}
  for k, value in next, v do
    items[#items + 1] = (type(k) == "number" and ("%20d"):format(k) or plain(k)) .. "=" .. plain(value)
  end
  table.sort(items)
  return (("{" .. table.concat(items, ",") .. "}"):gsub(" ", ""))
end
local function traced(name)
  return setmetatable({}, { __close = function(_, e) print("close " .. name, show(e)) end })
end
local guards = setmetatable({}, { __mode = "k" })
local function guarded(n)
  local co = coroutine.running()
  guards[co] = (guards[co] or 0) + n
end
local function close(co)
  if (guards[co] or 0) > 0 then return "left in xpcall" end
  return coroutine.close(co)
end
collectgarbage()
collectgarbage("stop")
local function descend(n)
  return n > 0 and 1 + descend(n - 1) or 0
end
local function grow()
  return descend(100)
end
local function program(n, f)
  print("#" .. n)
  grow()
  local ok, e = pcall(f)
  if not ok then print("error", show(e)) end
end
${SHAPE_PRELUDE}`;

const SMALL = ["0", "1", "2", "3", "-1", "5", "7", "10", "-3", "16", "31", "32", "63", "64", "100", "-64"];
const BIG = [
  "math.maxinteger",
  "math.mininteger",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "-9007199254740991",
  "-9007199254740993",
  "2147483647",
  "2147483648",
  "-2147483648",
  "4294967295",
  "4294967296",
  "0xffffffff",
  "0x7fffffffffffffff",
  "0xffffffffffffffff",
  "0x123456789abcdef",
  "1099511627776",
  "3037000500",
  "94906267",
  "4503599627370496",
  "-4611686018427387904",
];
const STRINGS = [
  '""',
  '"a"',
  '"abc"',
  '"Hello World"',
  '"12"',
  '"0x1f"',
  '" 7 "',
  '"a,b,,c"',
  '"x\\0y"',
  '"\\255\\1"',
  '"key=value"',
  '"(a(b)c)"',
  "'%d'",
  "[[\nlong]]",
];
const PATTERNS = [
  "%w",
  "%a+",
  "[a-c]",
  "l",
  ".",
  "%d*",
  "^%s*",
  "(%w)(%w)",
  "%s+$",
  "()",
  "b?",
  "%b()",
  "a-b",
  "[^,]*",
];
const REPLACEMENTS = [
  '"<%0>"',
  '""',
  '"%%"',
  "string.upper",
  "{ a = 1, b = false }",
  'function(x) return #tostring(x) > 1 and x .. "!" end',
];
const FORMATS = ["%d", "%5d", "%-5d|", "%05d", "%x", "%X", "%+d", "%.3d"];
const KEYS = ["a", "b", "c", "key"];
const ARITHMETIC = ["+", "-", "*", "//", "%", "&", "|", "~", "<<", ">>"];
const COMPARISON = ["==", "~=", "<", "<=", ">", ">="];
const UNARY_EVENTS = new Set(["__len", "__unm", "__bnot"]);
/** `n` is nil, `t` an empty table, `u` a nil upvalue, `s` a string. */
const MISTAKES = [
  "n()",
  "n.x = 1",
  "local _ = n.x",
  "local _ = n + 1",
  "local _ = 1 - n",
  "local _ = -n",
  "local _ = ~n",
  "local _ = 2 & n",
  'local _ = n .. "x"',
  'local _ = "x" .. n',
  "local _ = #n",
  "local _ = n < 1",
  "local _ = 1 <= t",
  "local _ = t < t",
  'local _ = 1 < "1"',
  "u()",
  "u.x = 1",
  "local _ = u.x.y",
  "local _ = u * 2",
  "local _ = u .. 'x'",
  "t.f()",
  "t:m()",
  "t.a.b = 1",
  "local _ = t.a.b",
  "local _ = t.x + 1",
  "local _ = 3 // t.x",
  "local _ = t.x .. 'y'",
  "local _ = #t.x",
  "local _ = t + 1",
  "local _ = t | 1",
  "t[n] = 1",
  "nothere()",
  "nothere.x = 1",
  "local _ = nothere + 1",
  "string.nothere()",
  "s:nothere()",
  "local _ = s.x.y",
  "local _ = 1 // 0",
  "local _ = 1 % 0",
  'error("plain")',
  'error("none", 0)',
  'error("two", 2)',
  "error({ 1, 2 })",
  "error(42)",
  'assert(false, "asserted")',
  "assert(nil)",
  "assert(1 == 2, t)",
  "string.rep()",
  "s:rep({})",
  's:rep("x")',
  "s:sub({})",
  "string.char(256)",
  '("%d"):format("x")',
  '("%d"):format()',
  '("%y"):format(1)',
  's:find("[a")',
  's:gsub("(", "")',
  's:gsub("a", "%2")',
  "table.concat({ 1, {}, 3 })",
  'table.insert({ 1 }, 5, "x")',
  "table.insert({}, 1, 2, 3)",
  "setmetatable(1, {})",
  "setmetatable({}, 1)",
  'select(0, "x")',
  "tostring()",
  "ipairs()",
  "for k in n do end",
  "for k in pairs(n) do end",
  "for i = 1, 2, 0 do end",
  "local x <close> = 5",
  "local x <close> = t",
  "math.tointeger()",
  "rawset(t, n, 1)",
  'next(t, "missing")',
  "coroutine.resume(s)",
  "coroutine.wrap(function() error('inside') end)()",
  "coroutine.wrap(function() local x = nil; x() end)()",
  "local w = coroutine.wrap(function() end) w() w()",
  "coroutine.yield(1)",
  "load(function() return {} end)",
  'load("x = ")()',
  'tonumber("1", 99)',
  "utf8.char(-1)",
  'utf8.codepoint("abc", 10)',
  'string.pack("i1", 300)',
  'string.unpack("i4", "ab")',
  "table.unpack({}, 1, 1 << 40)",
  "(1)()",
  "({})()",
  "(function() end)()()",
  "local f = function() local a = n; return a.b end f()",
  "local f f = function(k) if k == 0 then return n.x end f(k - 1) end f(2)",
] as const;

/** The text of one program, as the body of a function. */
export function generateProgram(choices: Choices): string {
  return new Generator(choices).program();
}

class Generator {
  readonly #c: Choices;
  #locals: Local[] = [];
  #names = 0;
  #depth = 0;
  /** Statements left, so that programs stay small. */
  #room = 24;
  #isLoop = false;
  #canYield = false;
  #hasVarargs = false;
  /** What a `return` gives: expressions rely on functions of integers. */
  #returns: "integer" | "anything" = "anything";

  constructor(choices: Choices) {
    this.#c = choices;
  }

  program(): string {
    return this.#statements(2 + this.#c.below(8)) + this.#printAll();
  }

  // ---- names

  #name(prefix: string): string {
    return `${prefix}${++this.#names}`;
  }

  #declare(type: Type, isAssignable = true): Local {
    // Now and then a name again, so that it shadows.
    const old = this.#c.chance(10) ? this.#known(type) : undefined;
    const local = { name: old?.name ?? this.#name(type[0]!), type, isAssignable };
    this.#locals.push(local);
    return local;
  }

  /** A visible local, one that is not hidden by another of its name. */
  #known(type: Type, assignable = false): Local | undefined {
    const seen = new Set<string>();
    const fit: Local[] = [];
    for (let i = this.#locals.length - 1; i >= 0; i--) {
      const local = this.#locals[i]!;
      if (!seen.has(local.name) && local.type === type && (local.isAssignable || !assignable))
        fit.push(local);
      seen.add(local.name);
    }
    return fit.length === 0 ? undefined : this.#c.pick(fit);
  }

  #scoped<T>(action: () => T): T {
    const { length } = this.#locals;
    const result = action();
    this.#locals.length = length;
    return result;
  }

  /** The body of a function: other rules for break, yield and varargs. */
  #function<T>(canYield: boolean, hasVarargs: boolean, action: () => T): T {
    const saved = [this.#isLoop, this.#canYield, this.#hasVarargs, this.#returns] as const;
    [this.#isLoop, this.#canYield, this.#hasVarargs, this.#returns] = [
      false,
      canYield,
      hasVarargs,
      "anything",
    ];
    const result = this.#scoped(action);
    [this.#isLoop, this.#canYield, this.#hasVarargs, this.#returns] = saved;
    return result;
  }

  // ---- statements

  #statements(count: number): string {
    let out = "";
    for (let i = 0; i < count && this.#room > 0; i++) {
      this.#room--;
      out += this.#statement();
    }
    return out;
  }

  #block(count = 1 + this.#c.below(4), isLoop = this.#isLoop): string {
    const saved = this.#isLoop;
    this.#isLoop = isLoop;
    this.#depth++;
    const out = this.#scoped(() => this.#statements(count));
    this.#depth--;
    this.#isLoop = saved;
    return out;
  }

  #statement(): string {
    const isDeep = this.#depth >= 3;
    const nested = isDeep ? 0 : 1;
    return this.#c.weighted<() => string>([
      [14, () => this.#print()],
      [16, () => this.#local()],
      [14, () => this.#assign()],
      [4, () => this.#multipleAssign()],
      [8 * nested, () => this.#if()],
      [8 * nested, () => this.#numericFor()],
      [6 * nested, () => this.#genericFor()],
      [4 * nested, () => this.#while()],
      [4 * nested, () => this.#repeat()],
      [4 * nested, () => this.#goto()],
      [3 * nested, () => `do\n${this.#block()}end\n`],
      [8 * nested, () => this.#localFunction()],
      [4 * nested, () => this.#closures()],
      [5, () => this.#tableStatement()],
      [6 * nested, () => this.#pcall()],
      [6, () => this.#mistake()],
      [6 * nested, () => this.#coroutine()],
      [5 * nested, () => this.#metatable()],
      [4 * nested, () => this.#varargFunction()],
      [3 * nested, () => this.#closing()],
      [3 * nested, () => this.#object()],
      [5, () => this.#order()],
      [12 * nested, () => this.#shape()],
      [this.#isLoop ? 3 : 0, () => `if ${this.#boolean(1)} then break end\n`],
      [this.#canYield ? 8 : 0, () => this.#yield()],
      [2, () => this.#return()],
      [this.#hasVarargs ? 4 : 0, () => 'print(select("#", ...), ...)\n'],
    ])();
  }

  #print(): string {
    const count = 1 + this.#c.below(3);
    const values = Array.from({ length: count }, () => this.#shown());
    return `print(${values.join(", ")})\n`;
  }

  #shown(): string {
    const type = this.#c.pick<Type>(["integer", "string", "boolean", "array", "map"]);
    const text = this.#expression(type, 2);
    return type === "array" || type === "map" ? `show(${text})` : text;
  }

  #printAll(): string {
    const seen = new Set<string>();
    const names: string[] = [];
    for (const { name, type } of [...this.#locals].reverse()) {
      if (!seen.has(name) && type !== "function") names.push(`show(${name})`);
      seen.add(name);
    }
    return `print(${names.slice(0, 20).join(", ")})\n`;
  }

  #local(): string {
    const type = this.#c.pick<Type>(["integer", "integer", "string", "boolean", "array", "map"]);
    const isConstant = this.#c.chance(10);
    const value = this.#value(type);
    const { name } = this.#declare(type, !isConstant);
    return `local ${name}${isConstant ? " <const>" : ""} = ${value}\n`;
  }

  /** A whole right side, where calls that change locals may stand. */
  #value(type: Type): string {
    if (type === "string") return `(${this.#string(2)}):sub(-24)`;
    if (type === "integer" && this.#c.chance(15)) {
      const f = this.#known("function");
      if (f) return `${f.name}(${this.#integer(1)})`;
    }
    return this.#expression(type, 3);
  }

  #assign(): string {
    const type = this.#c.pick<Type>(["integer", "string", "boolean", "array", "map"]);
    const target = this.#known(type, true);
    return target === undefined ? this.#local() : `${target.name} = ${this.#value(type)}\n`;
  }

  #multipleAssign(): string {
    const types = [this.#c.pick<Type>(["integer", "string"]), this.#c.pick<Type>(["integer", "boolean"])];
    const targets = types.map((type) => this.#known(type, true));
    const [first, second] = targets;
    if (first === undefined || second === undefined || first.name === second.name) {
      const values = types.map((type) => this.#value(type));
      const names = types.map((type) => this.#declare(type).name);
      return names[0] === names[1]
        ? `local ${names[0]} = ${values[1]}\n`
        : `local ${names.join(", ")} = ${values.join(", ")}\n`;
    }
    return `${first.name}, ${second.name} = ${this.#value(types[0]!)}, ${this.#value(types[1]!)}\n`;
  }

  #if(): string {
    let out = `if ${this.#boolean(2)} then\n${this.#block()}`;
    while (this.#c.chance(30)) out += `elseif ${this.#boolean(2)} then\n${this.#block()}`;
    if (this.#c.chance(50)) out += `else\n${this.#block()}`;
    return `${out}end\n`;
  }

  #numericFor(): string {
    return this.#scoped(() => {
      if (this.#c.chance(60)) {
        const bounds = this.#c.pick(["1, 3", "3, 1, -1", "0, 4, 2", "1, 0", "-1, 1", "5, 5", "2, -2, -2"]);
        const i = this.#declare("integer", false).name;
        return `for ${i} = ${bounds} do\n${this.#block(1 + this.#c.below(4), true)}end\n`;
      }
      const [from, to, by] = [this.#integer(1), this.#integer(1), this.#integer(1)];
      const count = this.#name("n");
      const step = this.#c.chance(50) ? `, ${by}` : "";
      const i = this.#declare("integer", false).name;
      const body = this.#block(1, true);
      return `local ${count} = 0\nfor ${i} = ${from}, ${to}${step} do\n${count} = ${count} + 1\nif ${count} > 4 then break end\nprint(${i})\n${body}end\n`;
    });
  }

  #genericFor(): string {
    return this.#scoped(() => {
      const kind = this.#c.below(6);
      const array = this.#expression("array", 1);
      const map = this.#expression("map", 1);
      const text = this.#string(1);
      switch (kind) {
        case 0: {
          const [i, v] = [this.#declare("integer", false).name, this.#declare("integer").name];
          if (i === v) return "";
          // A list that the loop makes longer would grow twofold from loop to loop around it.
          return `for ${i}, ${v} in ipairs({ table.unpack(${array}, 1, 8) }) do\n${this.#block(2, true)}end\n`;
        }
        case 1: {
          // The order of pairs is open, so only a sum leaves the loop.
          const sum = this.#declare("integer").name;
          return `local ${sum} = 0\nfor k, v in pairs(${map}) do ${sum} = ${sum} + v * #k end\nprint(${sum})\n`;
        }
        case 2: {
          const word = this.#declare("string", false).name;
          return `for ${word} in (${text}):gmatch("[%w]+") do\n${this.#block(2, true)}end\n`;
        }
        case 3: {
          const i = this.#declare("integer", false).name;
          return `for ${i} in (function(_, i) if (i or 0) < 3 then return (i or 0) + 1 end end) do\n${this.#block(2, true)}end\n`;
        }
        case 4: {
          const i = this.#declare("integer", false).name;
          const body = this.#block(2, true);
          return `for ${i} in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end) do\n${body}end\n`;
        }
        default:
          // In pcall, as an error that ends a coroutine leaves its variables open in PUC Lua and closes them here.
          // No break: Lua 5.4.4 calls nil afterwards when a closure holds the variable of the loop.
          return this.#function(this.#canYield, false, () => {
            const i = this.#declare("integer", false).name;
            const body = this.#block(2, false);
            return `do local ok, e = pcall(function()\nfor ${i} in function(s, i) if i < s then return i + 1 end end, 2, 0, traced("loop") do\n${body}end\nend) print(ok, show(e)) end\n`;
          });
      }
    });
  }

  #while(): string {
    const count = this.#name("w");
    const condition = this.#boolean(1);
    return `local ${count} = 0\nwhile ${count} < ${1 + this.#c.below(4)} and (${condition} or ${count} < 2) do\n${count} = ${count} + 1\n${this.#block(2, true)}end\n`;
  }

  #repeat(): string {
    const count = this.#name("r");
    const limit = 1 + this.#c.below(3);
    return this.#scoped(() => {
      const local = this.#local();
      const condition = this.#boolean(1);
      const body = this.#block(2, true);
      return `local ${count} = 0\nrepeat\n${count} = ${count} + 1\n${local}do\n${body}end\nuntil ${count} > ${limit} or ${condition}\n`;
    });
  }

  #goto(): string {
    const label = this.#name("l");
    const count = this.#name("g");
    switch (this.#c.below(4)) {
      case 0:
        return `for _ = 1, 3 do\nif ${this.#boolean(1)} then goto ${label} end\n${this.#block(2, true)}::${label}::\nend\n`;
      case 1:
        return `do\nlocal ${count} = 0\n::${label}::\n${count} = ${count} + 1\ndo\n${this.#block(2, false)}end\nif ${count} < 3 then goto ${label} end\nend\n`;
      case 2:
        return `do\nfor _ = 1, 2 do\nfor _ = 1, 2 do\nif ${this.#boolean(1)} then goto ${label} end\ndo\n${this.#block(1, true)}end\nend\nend\n::${label}::\nend\n`;
      default: {
        const other = this.#name("l");
        return `do\nlocal ${count} = 0\n::${label}::\n${count} = ${count} + 1\nif ${count} > 3 then goto ${other} end\ndo\n${this.#block(1, false)}end\nif ${this.#boolean(1)} then goto ${label} end\ndo\n${this.#block(1, false)}end\n::${other}::\nend\n`;
      }
    }
  }

  #localFunction(): string {
    const parameter = this.#name("p");
    const body = this.#function(false, false, () => {
      this.#returns = "integer";
      this.#locals.push({ name: parameter, type: "integer", isAssignable: true });
      this.#depth++;
      const text = this.#statements(1 + this.#c.below(3)) + this.#end(`return ${this.#integer(2)}\n`);
      this.#depth--;
      return text;
    });
    const f = this.#name("f");
    this.#locals.push({ name: f, type: "function", isAssignable: false });
    return `local function ${f}(${parameter})\n${body}end\n`;
  }

  /** A last statement in a block of its own, as something may have returned before it. */
  #end(text: string): string {
    return `do ${text.trimEnd()} end\n`;
  }

  /** Closures made in a loop share some variables and not others. */
  #closures(): string {
    const [list, shared] = [this.#name("c"), this.#name("v")];
    const step = this.#c.pick(["1", "2", "-1", "j"]);
    const kind = this.#c.below(3);
    const loop =
      kind === 0
        ? "for j = 1, 3 do"
        : kind === 1
          ? "for _, j in ipairs { 10, 20, 30 } do"
          : "local k = 0 while k < 3 do k = k + 1 local j = k";
    return (
      `do\nlocal ${list}, ${shared} = {}, ${this.#integer(1)}\n${loop} local own = j * 2\n` +
      `${list}[#${list} + 1] = function() ${shared} = ${shared} + ${step} own = own + 1 return own, ${shared}, j end\n` +
      `if ${this.#boolean(1)} then ${list}[#${list} + 1] = function() own = own * 2 return own end end\nend\n` +
      `for i = 1, #${list} do print(${list}[i]()) end\nprint(${list}[1](), ${shared})\nend\n`
    );
  }

  #tableStatement(): string {
    const array = this.#known("array");
    const map = this.#known("map");
    if (map !== undefined && (array === undefined || this.#c.chance(40))) {
      const key = this.#c.pick(KEYS);
      return this.#c.pick([
        () => `${map.name}.${key} = ${this.#integer(2)}\n`,
        () => `${map.name}[${this.#keyOf()}] = ${this.#integer(1)}\n`,
        () => `${map.name}.${key} = nil\n`,
        () => `${map.name}.${key} = (${map.name}.${key} or 0) + 1\n`,
        () => `for k in pairs(${map.name}) do if #k > 1 then ${map.name}[k] = nil end end\n`,
      ])();
    }
    if (array === undefined) return this.#local();
    const { name } = array;
    return this.#c.pick([
      () => `${name}[#${name} + 1] = ${this.#integer(2)}\n`,
      () => `table.insert(${name}, ${this.#integer(1)})\n`,
      () => `table.insert(${name}, 1, ${this.#integer(1)})\n`,
      () => `print(table.remove(${name}))\n`,
      () => `print(table.remove(${name}, 1), #${name})\n`,
      () => `table.sort(${name})\n`,
      () => `table.sort(${name}, function(x, y) return x > y end)\n`,
      () => `print(table.concat(${name}, ","))\n`,
      () => `print(table.unpack(${name}))\n`,
      () => `if #${name} > 0 then ${name}[#${name}] = nil end\n`,
      () => `if #${name} > 1 then ${name}[1], ${name}[2] = ${name}[2], ${name}[1] end\n`,
      () => `table.move(${name}, 1, #${name}, 2)\n`,
      () => `print(show(table.pack(table.unpack(${name}, 1, ${this.#c.below(4)}))))\n`,
    ])();
  }

  #pcall(): string {
    const body = this.#function(this.#canYield, false, () => {
      this.#depth++;
      const text = this.#statements(1 + this.#c.below(3));
      this.#depth--;
      return text;
    });
    const raise = this.#c.pick([
      "",
      `error(${this.#string(1)}, 0)\n`,
      `error(${this.#string(1)})\n`,
      `error(${this.#integer(1)})\n`,
      `error({ ${this.#integer(1)} })\n`,
      `error(${this.#string(1)}, 2)\n`,
    ]);
    const end = this.#c.chance(30) ? this.#end(`return ${this.#integer(1)}, ${this.#string(1)}\n`) : raise;
    if (this.#c.chance(25)) {
      return `do guarded(1) local ok, e = xpcall(function()\n${body}${end}end, function(m) return { m } end) guarded(-1) print(ok, show(type(e) == "table" and e[1] or e)) end\n`;
    }
    return `do local ok, e, x = pcall(function()\n${body}${end}end) print(ok, show(e), x) end\n`;
  }

  #mistake(): string {
    const mistake = this.#c.pick(MISTAKES);
    const where = this.#c.pick(["", "\n", "do ", "if true then "]);
    const close = where.trim() === "" ? "" : " end";
    return `do local u\nlocal ok, e = pcall(function()\nlocal n, t, s = nil, {}, "str"\n${where}${mistake}${close}\nlocal _ = u\nend) print(ok, show(e)) end\n`;
  }

  #coroutine(): string {
    const co = this.#name("co");
    const body = this.#function(true, false, () => {
      // A name that no shape has for anything else.
      this.#locals.push({ name: "p0", type: "integer", isAssignable: true });
      this.#depth++;
      const text = this.#statements(2 + this.#c.below(4));
      this.#depth--;
      return text;
    });
    const end = this.#c.pick(["", "do return p0, 'end' end\n", "error('in coroutine')\n", "error({ 7 })\n"]);
    const resumes = 1 + this.#c.below(4);
    if (this.#c.chance(40)) {
      return `do\nlocal ${co} = coroutine.wrap(function(p0)\ngrow()\n${body}${end}end)\nfor i = 1, ${resumes} do local ok, a, b = pcall(${co}, i) print(ok, show(a), show(b)) if not ok then break end end\nend\n`;
    }
    const close = this.#c.chance(30) ? `do local ok, e = close(${co}) print(ok, show(e)) end\n` : "";
    return `do\nlocal ${co} = coroutine.create(function(p0)\ngrow()\n${body}${end}end)\nfor i = 1, ${resumes} do local ok, a, b = coroutine.resume(${co}, i) print(ok, show(a), show(b), coroutine.status(${co})) if not ok then break end end\n${close}end\n`;
  }

  #yield(): string {
    const target = this.#known("integer", true);
    const values = this.#c.pick([
      () => this.#integer(1),
      () => `${this.#integer(1)}, ${this.#string(1)}`,
      () => "",
    ])();
    if (target !== undefined && this.#c.chance(50))
      return `${target.name} = coroutine.yield(${values}) or 0\n`;
    return `print(coroutine.yield(${values}))\n`;
  }

  #metatable(): string {
    const o = this.#name("o");
    const events = [
      ["__add", `${o} + 1`, `1 + ${o}`, `${o} + ${o}`],
      ["__sub", `${o} - 2`, `2 - ${o}`],
      ["__idiv", `${o} // 3`],
      ["__band", `${o} & 1`, `1 & ${o}`],
      ["__shl", `${o} << 1`],
      ["__unm", `-${o}`],
      ["__bnot", `~${o}`],
      ["__concat", `${o} .. "x"`, `"x" .. ${o}`, `1 .. ${o}`],
      ["__len", `#${o}`],
      ["__index", `${o}.field`, `${o}[1]`, `${o}[${o}]`],
      ["__call", `${o}(1, nil)`, `${o}()`, `(${o} "s")`],
      ["__lt", `${o} < 1`, `${o} > 1`],
      ["__le", `${o} <= 1`, `${o} >= ${o}`],
      ["__eq", `${o} == setmetatable({}, getmetatable(${o}))`, `${o} ~= {}`, `${o} == ${o}`],
      ["__tostring", `tostring(${o})`],
    ] as const;
    const chosen = Array.from({ length: 1 + this.#c.below(3) }, () => this.#c.pick(events));
    const kind = (v: string): string => `(type(${v}) == "table" and "T" or tostring(${v}))`;
    // A handler is no place for a yield of the coroutine around it.
    const handlers = this.#function(false, false, () =>
      chosen.map(([event]) => {
        if (event === "__tostring") return `${event} = function() return ${this.#string(1)} end`;
        const operands = UNARY_EVENTS.has(event) ? kind("a") : `${kind("a")} .. ":" .. ${kind("b")}`;
        const result = this.#c.pick([operands, this.#integer(1), "nil", this.#boolean(1)]);
        return `${event} = function(a, b) print("${event}") return ${result} end`;
      }),
    );
    const uses = chosen.map(([, ...texts]) => `print(pcall(function() return (${this.#c.pick(texts)}) end))`);
    return `do\nlocal ${o} = setmetatable({}, { ${handlers.join(", ")} })\n${uses.join("\n")}\nend\n`;
  }

  #varargFunction(): string {
    const f = this.#name("va");
    const fixed = this.#c.pick(["", "a, ", "a, b, "]);
    const body = this.#function(false, true, () => {
      this.#depth++;
      const text = this.#statements(1 + this.#c.below(3));
      this.#depth--;
      return text;
    });
    const result = this.#c.pick([
      "...",
      "(...)",
      "select('#', ...), ...",
      "#{ ... }, (select(2, ..., 'x'))",
      "nil, ...",
      "select(-1, 0, ...)",
    ]);
    const args = Array.from({ length: this.#c.below(4) }, () =>
      this.#c.pick(["nil", this.#integer(1), this.#string(1), "false"]),
    );
    return `do\nlocal function ${f}(${fixed}...)\n${body}do return ${result} end\nend\nprint(${f}(${args.join(", ")}))\nprint(#{ ${f}(1, 2, 3), 4 }, (${f}(5, 6)), ${f}())\nend\n`;
  }

  #closing(): string {
    const body = this.#function(this.#canYield, false, () => this.#block(2));
    const second = this.#c.chance(40) ? 'local z <close> = traced("inner")\n' : "";
    const leave = this.#c.pick([
      "",
      'error("left")\n',
      "do return 1, 2 end\n",
      "do local a <close> = traced('a') end\n",
    ]);
    return `do local ok, e = pcall(function()\nlocal y <close> = traced("outer")\n${second}do\n${body}end\n${leave}end) print(ok, show(e)) end\n`;
  }

  /** Calls with effects, in every place of an expression: each tells when it is made. */
  #order(): string {
    const f = this.#name("e");
    const x = this.#known("integer", true)?.name ?? "0";
    const effect = this.#canYield && this.#c.chance(50) ? "coroutine.yield(v)" : "print(v)";
    const call = (): string => `${f}(${this.#c.pick(["1", "2", "3", '"4"', "false", "nil"])})`;
    const number = (): string => `${f}(${this.#c.pick(["1", "2", "5", "7"])})`;
    const uses = [
      () => `print(${call()}, ${x}, ${call()}, ${x})`,
      () => `print(show({ ${call()}, ${x}, k = ${call()}, ["k" .. ${number()}] = ${call()}, ${call()} }))`,
      () =>
        `print(${number()} ${this.#c.pick(ARITHMETIC)} ${number()} ${this.#c.pick(ARITHMETIC)} ${number()})`,
      () => `print(${number()} .. ${number()} .. ${number()})`,
      () => `print(${number()} ${this.#c.pick(COMPARISON)} ${number()}, ${call()} == ${call()})`,
      () => `print(${call()} and ${call()} or ${call()} and not ${call()})`,
      () => `local t = {} t[${number()}], t[${number()}] = ${call()}, ${call()} print(show(t))`,
      () => `local a, b, c = ${call()}, ${call()} print(a, b, c)`,
      () => `local a, b = ${call()}, ${call()}, ${call()} print(a, b)`,
      () => `for i = ${number()}, ${number()}, ${number()} do print(i) end`,
      () => `if ${call()} then print("yes") elseif ${call()} then print("second") else print("no") end`,
      () => `print(#{ ${call()}, ${number()} }, -${number()}, ~${number()}, not ${call()})`,
      () => `print((${call()}), (select(${number()}, "a", "b", "c", "d", "e", "f", "g")))`,
      () => `print(math.max(${number()}, ${number()}), ("x"):rep(${number()}, ${number()}))`,
      () => `repeat local r = ${call()} until r or ${number()} > 0`,
      () =>
        `local t = { m = function(self, ...) return ... end } print(t:m(${call()}, ${call()}), (t.m(${call()}, ${call()})))`,
    ];
    const text = Array.from({ length: 1 + this.#c.below(3) }, () => `do ${this.#c.pick(uses)()} end\n`).join(
      "",
    );
    const count = this.#c.chance(50) && x !== "0" ? `${x} = ${x} + 1 ` : "";
    return `do\nlocal function ${f}(v) ${count}${effect} return v end\n${text}end\n`;
  }

  #object(): string {
    const C = this.#name("C");
    const n = this.#integer(1);
    return (
      `do\nlocal ${C} = {} ${C}.__index = ${C}\nfunction ${C}.new(n) return setmetatable({ n = n }, ${C}) end\n` +
      `function ${C}:add(x, ...) self.n = self.n + x if ... then return self:add(...) end return self end\n` +
      `function ${C}:get() return self.n, self.missing end\nlocal o = ${C}.new(${n})\n` +
      `print(o:add(${this.#integer(1)}):get())\nprint(o:add(1, 2, 3).n, (o:get()), pcall(o.add, o), pcall(o.nothing))\nend\n`
    );
  }

  #shape(): string {
    const source: Source = {
      choices: this.#c,
      canYield: this.#canYield,
      name: (prefix) => this.#name(prefix),
      integer: (depth) => this.#integer(depth),
      text: (depth) => this.#string(depth),
      boolean: (depth) => this.#boolean(depth),
      block: (count, isLoop) => this.#block(count, isLoop),
      inside: (canYield, action) => this.#function(canYield, false, () => action()),
    };
    return this.#function(this.#canYield, false, () => shape(source));
  }

  #return(): string {
    if (this.#returns === "integer") return `if ${this.#boolean(1)} then return ${this.#integer(1)} end\n`;
    const value = this.#c.pick([() => this.#integer(1), () => this.#string(1), () => "nil", () => ""])();
    return `if ${this.#boolean(1)} then return ${value} end\n`;
  }

  // ---- expressions

  #expression(type: Type, depth: number): string {
    switch (type) {
      case "integer":
        return this.#integer(depth);
      case "string":
        return this.#string(depth);
      case "boolean":
        return this.#boolean(depth);
      case "array":
        return this.#array(depth);
      case "map":
        return this.#map(depth);
      case "function":
        return this.#known("function")?.name ?? "function(x) return x end";
    }
  }

  #variable(type: Type): string | undefined {
    return this.#known(type)?.name;
  }

  #integer(depth: number): string {
    const leaf = (): string =>
      this.#c.weighted<() => string>([
        [3, () => this.#c.pick(SMALL)],
        [5, () => this.#variable("integer") ?? this.#c.pick(SMALL)],
        [2, () => this.#c.pick(BIG)],
      ])();
    if (depth <= 0) return leaf();
    const next = depth - 1;
    return this.#c.weighted<() => string>([
      [4, leaf],
      // Every operator takes and gives integers, so parentheses may be left out.
      [8, () => `${this.#integer(next)} ${this.#c.pick(ARITHMETIC)} ${this.#integer(next)}`],
      [3, () => `(${this.#integer(next)} ${this.#c.pick(ARITHMETIC)} ${this.#integer(next)})`],
      [1, () => `- ${this.#integer(next)}`],
      [1, () => `~${this.#integer(next)}`],
      [1, () => `#${this.#primary("string", next)}`],
      [1, () => `#${this.#primary("array", 0)}`],
      [2, () => `(${this.#primary("array", 0)}[${this.#integer(next)}] or ${this.#c.pick(SMALL)})`],
      [2, () => `(${this.#primary("map", 0)}.${this.#c.pick(KEYS)} or ${this.#c.pick(SMALL)})`],
      [1, () => `(${this.#boolean(next)} and ${this.#integer(next)} or ${this.#integer(next)})`],
      [this.#canYield ? 2 : 0, () => `(coroutine.yield(${this.#integer(0)}) or ${this.#c.pick(SMALL)})`],
      [1, () => `math.${this.#c.pick(["max", "min"])}(${this.#integer(next)}, ${this.#integer(next)})`],
      [1, () => `(tonumber(${this.#c.pick(STRINGS)}) or 1)`],
      [1, () => `(select("#", ${this.#integer(next)}, nil))`],
      [1, () => `((${this.#string(next)}):byte(${this.#c.pick(SMALL)}) or 0)`],
      [1, () => `((${this.#string(next)}):find(${this.#pattern()}) or 0)`],
      [
        1,
        () =>
          `(${this.#c.pick(['"10"', '"0x10"', '" 3 "', '"-7"'])} ${this.#c.pick(["+", "-", "*"])} ${this.#integer(0)})`,
      ],
    ])();
  }

  #primary(type: Type, depth: number): string {
    return `(${this.#expression(type, depth)})`;
  }

  #pattern(): string {
    return JSON.stringify(this.#c.pick(PATTERNS));
  }

  #string(depth: number): string {
    const leaf = (): string =>
      this.#c.weighted<() => string>([
        [4, () => this.#c.pick(STRINGS)],
        [5, () => this.#variable("string") ?? this.#c.pick(STRINGS)],
      ])();
    if (depth <= 0) return leaf();
    const next = depth - 1;
    return this.#c.weighted<() => string>([
      [4, leaf],
      [
        5,
        () =>
          `${this.#primary("string", next)} .. ${this.#primary(this.#c.pick<Type>(["string", "integer"]), next)}`,
      ],
      [
        1,
        () =>
          `${this.#primary("integer", next)} .. ${this.#primary("string", next)} .. ${this.#primary("integer", 0)}`,
      ],
      [2, () => `(${this.#string(next)}):sub(${this.#c.pick(SMALL)}, ${this.#c.pick(SMALL)})`],
      [1, () => `(${this.#string(next)}):${this.#c.pick(["upper", "lower", "reverse"])}()`],
      [
        1,
        () =>
          `(${this.#string(next)}):rep(${this.#c.pick(["0", "1", "2", "3", "-1"])}, ${this.#c.pick(['""', '","'])})`,
      ],
      [2, () => `("${this.#c.pick(FORMATS)}"):format(${this.#integer(next)})`],
      [1, () => `("%s|%5s|%q"):format(${this.#string(0)}, ${this.#boolean(0)}, ${this.#integer(0)})`],
      [1, () => `("%q"):format(${this.#string(next)})`],
      [2, () => `tostring(${this.#expression(this.#c.pick<Type>(["integer", "boolean", "string"]), next)})`],
      [2, () => `((${this.#string(next)}):gsub(${this.#pattern()}, ${this.#c.pick(REPLACEMENTS)}))`],
      [1, () => `((${this.#string(next)}):match(${this.#pattern()}) or "none") .. ""`],
      [1, () => `table.concat(${this.#expression("array", 0)}, ${this.#string(0)})`],
      [1, () => `(${this.#boolean(next)} and ${this.#string(next)} or ${this.#string(next)})`],
      [1, () => `string.char(${this.#c.below(256)}, 65)`],
      [1, () => `type(${this.#shownType()})`],
    ])();
  }

  #shownType(): string {
    return this.#c.pick(["nil", "1", '"x"', "{}", "print", "true", "coroutine.create(print)"]);
  }

  #boolean(depth: number): string {
    const leaf = (): string =>
      this.#c.weighted<() => string>([
        [2, () => this.#c.pick(["true", "false"])],
        [3, () => this.#variable("boolean") ?? "true"],
        [4, () => `${this.#integer(0)} ${this.#c.pick(COMPARISON)} ${this.#integer(0)}`],
      ])();
    if (depth <= 0) return `(${leaf()})`;
    const next = depth - 1;
    return this.#c.weighted<() => string>([
      [4, () => `(${leaf()})`],
      [4, () => `(${this.#integer(next)} ${this.#c.pick(COMPARISON)} ${this.#integer(next)})`],
      [
        2,
        () =>
          `(${this.#primary("string", next)} ${this.#c.pick(COMPARISON)} ${this.#primary("string", next)})`,
      ],
      [2, () => `(${this.#boolean(next)} and ${this.#boolean(next)})`],
      [2, () => `(${this.#boolean(next)} or ${this.#boolean(next)})`],
      [2, () => `not ${this.#boolean(next)}`],
      [1, () => `(${this.#primary("array", 0)}[${this.#integer(0)}] == nil)`],
      [1, () => `math.ult(${this.#integer(next)}, ${this.#integer(next)})`],
      [1, () => `rawequal(${this.#integer(next)}, ${this.#integer(next)})`],
    ])();
  }

  #array(depth: number): string {
    const known = this.#variable("array");
    if (known !== undefined && this.#c.chance(60)) return known;
    const items = Array.from({ length: this.#c.below(4) }, () => this.#integer(depth - 1));
    if (this.#c.chance(15)) items.push(`table.unpack({ ${this.#integer(0)}, ${this.#integer(0)} })`);
    return `{ ${items.join(", ")} }`;
  }

  #map(depth: number): string {
    const known = this.#variable("map");
    if (known !== undefined && this.#c.chance(60)) return known;
    const items = Array.from({ length: this.#c.below(3) }, () => {
      return this.#c.chance(30)
        ? `[${this.#keyOf()}] = ${this.#integer(depth - 1)}`
        : `${this.#c.pick(KEYS)} = ${this.#integer(depth - 1)}`;
    });
    return `{ ${items.join(", ")} }`;
  }

  #keyOf(): string {
    return this.#c.pick(['"a"', '"b" .. ""', '("c"):rep(1)', '"k" .. "ey"', "tostring(1)"]);
  }
}
