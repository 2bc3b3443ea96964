/**
 * Random scripts with one hook that reads a packet. Expressions have a type, so that most hooks compile and come to
 * their end; mistakes are made on purpose, and rarely. What the compiler refuses by design is left out.
 */

import type { Choices } from "./choices.ts";
import { STATE_PRELUDE, stateStatement } from "./hook-state.ts";

type Type = "integer" | "string" | "boolean" | "maybe integer" | "maybe string";

interface Local {
  readonly name: string;
  readonly type: Type;
  readonly isAssignable: boolean;
}

interface Helper {
  readonly name: string;
  readonly parameters: readonly Type[];
  readonly result: Type;
}

const SMALL = [
  "0",
  "1",
  "2",
  "3",
  "4",
  "7",
  "8",
  "9",
  "12",
  "20",
  "28",
  "-1",
  "-2",
  "-3",
  "63",
  "64",
  "65",
  "255",
];
const BIG = [
  "math.maxinteger",
  "math.mininteger",
  "0x7fffffff",
  "0x80000000",
  "-0x80000000",
  "0xffffffff",
  "0x100000000",
  "1000000007",
  "-4611686018427387904",
  "0x123456789abcdef",
  "9007199254740993",
  "256",
  "65535",
  "65536",
];
const STRINGS = [
  '""',
  '"a"',
  '"example"',
  '"www.example.com"',
  '"\\3www\\7example\\3com"',
  '"GET /"',
  '"aaaaaaaa"',
  '"x\\0y"',
  '"Host: "',
  '"\\255\\1"',
  '"key=value"',
];
const PATTERNS = [
  '"%a+"',
  '"a"',
  '"^a*"',
  '"(%w+)%.(%w+)"',
  '"[^%z%c]+"',
  '"e.-m"',
  '"%d"',
  '"^(%u%l*)"',
  '"()%."',
  '"com$"',
  '"[a-f0-9]+"',
  '"^.?(.)"',
  '"(.-)="',
  '"%s*$"',
  '"..$"',
  '"^[%w%-]+$"',
  '"H(o)st: ([^\\r]*)"',
  '"x?y?z?"',
  '"%.%w-%."',
  '"[%p]"',
  '"(a*(.)%w(%s*))"',
  '"^$"',
  '""',
];
const PLAIN = ['"."', '"example"', '"a*"', '"%"', '"\\0"', '""'];
const FORMATS: readonly (readonly [format: string, types: readonly Type[]])[] = [
  ["B", ["integer"]],
  [">H", ["integer"]],
  ["<I3", ["integer"]],
  [">i2", ["integer"]],
  ["<i8", ["integer"]],
  [">I4I2", ["integer", "integer"]],
  ["s1", ["string"]],
  [">s2", ["string"]],
  ["z", ["string"]],
  ["c3", ["string"]],
  ["<Bxi3", ["integer", "integer"]],
  ["!4Bi4", ["integer", "integer"]],
  [">I7", ["integer"]],
  ["bh", ["integer", "integer"]],
];
const CONVERSIONS = [
  "ntoh16",
  "hton16",
  "ntoh32",
  "hton32",
  "ntoh64",
  "be16toh",
  "htole16",
  "le32toh",
  "htobe64",
];
const READS: readonly (readonly [name: string, bytes: number])[] = [
  ["getuint8", 1],
  ["getbyte", 1],
  ["getint8", 1],
  ["getuint16", 2],
  ["getint16", 2],
  ["getuint32", 4],
  ["getint32", 4],
  ["getint64", 8],
  ["getnumber", 8],
];

/** Tables and functions from the time of loading, the same for every hook; what some hooks change for later packets. */
const PRELUDE = `local netfilter, nf, byteorder = require("netfilter"), require("linux.nf"), require("byteorder")
local ports = { [53] = 1, [80] = 2, [443] = 3, [2000] = 4 }
local words = { a = 1, example = 2, www = 3, com = -4, ["Host: "] = 5, [""] = 6 }
local list = { 10, 20, 30, 45, 53 }
local texts = { [0] = "a", "example", "www", "com" }
local flags = { [1] = true, [17] = false, [6] = true }
local mixed = { [4] = "four", [6] = 6, [17] = false, x = "y", a = 0, [true] = 11, [false] = "no" }
local many, names = {}, {}
for i = 1, 40 do many[i * 6] = i * i - 100 end
for i = 1, 20 do names["n" .. i] = i end
names.example, names.com, names["www.example.com"], names.a, names["a\\0b"] = 100, -1, math.mininteger, 7, 8
local set, rcu = require("set"), require("rcu")
local few, several = set.new{ "a", "example", "com", "" }, { "www.example.com", "example", "com", "a\\0b", "" }
for i = 1, 20 do several[i + 5] = "n" .. i end
local members = set.new(several)
local tags, suffixes = { com = 1, ["example.com"] = 2, [""] = 4, a = 0x80000000 }, { b = 256, n = 512, x = 1024, ["www.example.com"] = 8 }
local tagged = set.labeled(tags)
for k, v in pairs(tags) do suffixes[k] = v end
for i = 1, 20 do suffixes["n" .. i] = i end
local labeled = set.labeled(suffixes)
local counts, known = rcu.table(), rcu.table()
for i = 0, 40 do counts[i * 3] = i end
counts.a, counts.com, counts.example, known.a, known.com, known[6], known[""] = 1, -2, math.mininteger, true, false, true, true
local config = { limit = 12, name = "example", deep = { on = true, n = 3 } }
local class = setmetatable({}, { __index = { inherited = 77 } })
local last, noted, any = "", nil, nil
local memory = { name = "nobody", count = 0 }
local entries, byname, flows = { [1] = "one" }, {}, {}
local function clamp(v, low, high) if v < low then return low elseif v > high then return high end return v end
local function pair(a, b) return b, a end
local function sum(...) local a, b, c = ... return (a or 0) + (b or 0) + (c or 0) + select("#", ...) end
local function maybe(v) if v & 1 == 0 then return v end return nil end
local function down(n) if n <= 0 then return 0 end return 1 + down(n - 1) end
local function check(v, text) if v < 0 then error(text) end return v end
local function blame(v) if v > 9 then error("too large", 2) end return v end
`;

export function generateHook(c: Choices): string {
  return new HookGenerator(c).script();
}

class HookGenerator {
  readonly #c: Choices;
  #locals: Local[] = [];
  #helpers: Helper[] = [];
  #names = 0;
  #indent = 1;
  #lines: string[] = [];
  /** Statements that may still be made. */
  #fuel: number;
  #loops = 0;
  #inFunction: Type | undefined;
  /** Whether it keeps strings for later packets. */
  readonly #isKeeping: boolean;
  readonly #hasState: boolean;

  constructor(c: Choices) {
    this.#c = c;
    this.#isKeeping = c.chance(40);
    this.#fuel = 3 + c.below(12);
    this.#hasState = c.chance(40);
  }

  script(): string {
    const c = this.#c;
    if (c.chance(30)) this.#helper();
    const outside = this.#lines.map((line) => line.slice(2));
    this.#lines = [];
    this.#line("local d = skb:data()");
    while (this.#fuel > 0) this.#statement();
    this.#show();
    if (c.chance(90)) this.#line(`return ${this.#verdict()}`);
    return `${PRELUDE}${this.#hasState ? STATE_PRELUDE : ""}${outside.map((line) => `${line}\n`).join("")}netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = 0, hook = function(skb)
${this.#lines.join("\n")}
end }
`;
  }

  #line(text: string): void {
    this.#lines.push("  ".repeat(this.#indent) + text);
  }

  #name(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  #block(body: () => void): void {
    const locals = [...this.#locals];
    const helpers = [...this.#helpers];
    this.#indent++;
    body();
    this.#indent--;
    this.#locals = locals;
    this.#helpers = helpers;
  }

  #body(most = 3): void {
    this.#block(() => {
      for (let i = this.#c.below(most); i >= 0; i--) this.#statement();
    });
  }

  #declare(type: Type, isAssignable = true): string {
    const name = this.#name("v");
    this.#locals.push({ name, type, isAssignable });
    return name;
  }

  /** Variables of a type, the latest most often. */
  #variable(type: Type): string | undefined {
    const found = this.#locals.filter((local) => local.type === type);
    if (found.length === 0) return undefined;
    return found[found.length - 1 - this.#c.below(this.#c.pick([1, found.length]))]!.name;
  }

  #type(): Type {
    return this.#c.weighted<Type>([
      [5, "integer"],
      [4, "string"],
      [1, "boolean"],
      [2, "maybe integer"],
      [1, "maybe string"],
    ]);
  }

  // ---- statements

  #statement(): void {
    if (this.#fuel <= 0) {
      this.#line(";");
      return;
    }
    this.#fuel--;
    const inLoop = this.#loops > 0;
    this.#c.weighted<() => void>([
      [12, () => this.#local()],
      [5, () => this.#assign()],
      [4, () => this.#if()],
      [3, () => this.#show()],
      [inLoop ? 1 : 3, () => this.#numericFor()],
      [inLoop ? 0 : 2, () => this.#while()],
      [inLoop ? 0 : 1, () => this.#repeat()],
      [inLoop ? 0 : 2, () => this.#genericFor()],
      [2, () => this.#protected()],
      [2, () => this.#several()],
      [2, () => this.#later()],
      [1, () => this.#helper()],
      [2, () => this.#guardedReturn()],
      [1, () => this.#localTable()],
      [1, () => this.#mistake()],
      [this.#isKeeping ? 8 : 0, () => this.#keep()],
      [inLoop ? 2 : 0, () => this.#leave()],
      [this.#hasState ? (inLoop ? 4 : 20) : 0, () => this.#state()],
    ])();
  }

  #local(): void {
    const type = this.#type();
    const value = this.#expression(type, 3);
    this.#line(`local ${this.#declare(type)} = ${value}`);
  }

  #assign(): void {
    const targets = this.#locals.filter(({ isAssignable }) => isAssignable);
    if (targets.length === 0) {
      this.#local();
      return;
    }
    const { name, type } = this.#c.pick(targets);
    this.#line(`${name} = ${this.#expression(type, 3)}`);
  }

  #if(): void {
    this.#line(`if ${this.#condition(2)} then`);
    this.#body();
    for (let i = this.#c.below(3) - 1; i > 0; i--) {
      this.#line(`elseif ${this.#condition(2)} then`);
      this.#body(2);
    }
    if (this.#c.chance(40)) {
      this.#line("else");
      this.#body(2);
    }
    this.#line("end");
  }

  #state(): void {
    const lines = stateStatement({
      c: this.#c,
      integer: () => this.#integer(1),
      condition: () => this.#condition(1),
      name: () => this.#name("w"),
    });
    this.#line("do");
    for (const line of lines) this.#line(`  ${line}`);
    this.#line("end");
  }

  /** Prints some values, or lets one decide. */
  #show(): void {
    const values = Array.from({ length: 1 + this.#c.below(3) }, () => this.#expression(this.#type(), 2));
    const text = values.map((value) => this.#printed(value)).join(", ");
    this.#line(`print(${text})`);
  }

  #printed(value: string): string {
    return this.#c.weighted<() => string>([
      [8, () => value],
      [1, () => `("<%s>"):format(tostring(${value}))`],
      [1, () => `"v=" .. tostring(${value})`],
      [1, () => `(${value}) == nil and "none" or "some"`],
    ])();
  }

  #numericFor(): void {
    const c = this.#c;
    const [from, to, step] = c.pick([
      () => ["1", `${c.below(6)}`, ""],
      () => [this.#integer(1), this.#bounded(20), ""],
      () => ["0", `#d - 1`, c.pick(["", ", 7", ", 40"])],
      () => [this.#bounded(30), "0", ", -1"],
      () => [c.pick(SMALL), `${this.#bounded(40)} - 3`, ", 3"],
      () => ["math.maxinteger - 2", "math.maxinteger", ""],
      () => [`math.mininteger + ${this.#bounded(3)}`, "math.mininteger", ", -2"],
    ])() as [string, string, string];
    const name = this.#name("i");
    this.#line(`for ${name} = ${from}, ${to}${step} do`);
    this.#loop(() => {
      this.#locals.push({ name, type: "integer", isAssignable: false });
      this.#guard();
    });
    this.#line("end");
  }

  /** Runs that take too long teach nothing: all loops count, too. */
  #loop(begin: () => void): void {
    const c = this.#c;
    this.#loops++;
    this.#block(() => {
      begin();
      const hasContinue = c.chance(25);
      const label = this.#name("next");
      if (hasContinue) this.#line(`if ${this.#condition(1)} then goto ${label} end`);
      // No local may come between the jump and its label.
      if (hasContinue) this.#line("do");
      this.#body(2);
      if (hasContinue) this.#line("end");
      if (hasContinue) this.#line(`::${label}::`);
    });
    this.#loops--;
  }

  #guard(): void {
    const counter = this.#c.chance(90) ? this.#locals.find(({ name }) => name === "rounds") : undefined;
    if (counter === undefined) return;
    this.#line("rounds = rounds + 1");
    this.#line("if rounds > 200 then break end");
  }

  #while(): void {
    const start = this.#c.pick(["0", this.#bounded(9)]);
    const name = this.#declare("integer");
    this.#line(`local ${name} = ${start}`);
    this.#line(`while ${name} < ${this.#bounded(30)} do`);
    this.#loop(() => this.#line(`${name} = ${name} + ${this.#c.pick(["1", "2", "7"])}`));
    this.#line("end");
  }

  #repeat(): void {
    const start = this.#bounded(30);
    const name = this.#declare("integer");
    this.#line(`local ${name} = ${start}`);
    this.#line("repeat");
    this.#loop(() => this.#line(`${name} = ${name} - 1 - ${this.#bounded(3)}`));
    this.#line(`until ${name} <= 0 or ${this.#condition(1)}`);
  }

  #leave(): void {
    this.#line(`if ${this.#condition(1)} then break end`);
  }

  #genericFor(): void {
    const c = this.#c;
    const [iterator, table, keyType, valueType] = c.pick([
      ["ipairs", "list", "integer", "integer"],
      ["pairs", "ports", "integer", "integer"],
      ["pairs", "words", "string", "integer"],
      ["ipairs", "texts", "integer", "string"],
      ["pairs", "flags", "integer", "boolean"],
    ] as const);
    const key = this.#name("k");
    const value = this.#name("x");
    this.#line(`for ${key}, ${value} in ${iterator}(${table}) do`);
    this.#loop(() => {
      this.#locals.push({ name: key, type: keyType, isAssignable: false });
      this.#locals.push({ name: value, type: valueType, isAssignable: false });
    });
    this.#line("end");
  }

  #protected(): void {
    const c = this.#c;
    const ok = this.#name("v");
    if (c.chance(40)) {
      const result = this.#name("r");
      this.#line(
        `local ${ok}, ${result} = pcall(${c.pick([
          () => `check, ${this.#integer(2)}, "negative"`,
          () => `error, "boom", 0`,
          () => `function() return d:getuint16(${this.#integer(1)}) end`,
          () => `string.byte, ${this.#string(1)}, ${this.#bounded(20)} + 1`,
          () => `string.byte, ${this.#variable("maybe string") ?? "nil"}`,
          () => `blame, ${this.#integer(1)}`,
          () => `error, "boom"`,
          () => `error`,
          () => `error, ${this.#integer(0)}`,
          () => `function() blame(${this.#integer(1)}) end`,
          () => `function() local t = config.missing return t.x end`,
          () => `assert, ${this.#condition(1)}, "asserted"`,
        ])()})`,
      );
      this.#line(`print(${ok}, ${result})`);
      this.#locals.push({ name: ok, type: "boolean", isAssignable: true });
      return;
    }
    this.#line(`local ${ok} = pcall(function()`);
    const before = this.#inFunction;
    this.#inFunction = "boolean";
    const loops = this.#loops;
    this.#loops = 0;
    this.#body();
    this.#loops = loops;
    this.#inFunction = before;
    this.#line("end)");
    this.#locals.push({ name: ok, type: "boolean", isAssignable: true });
  }

  /** Several values at once. */
  #several(): void {
    const c = this.#c;
    c.pick([
      () => {
        const [a, b] = [this.#integer(2), this.#string(2)];
        this.#line(`local ${this.#declare("string")}, ${this.#declare("integer")} = pair(${a}, ${b})`);
      },
      () => {
        const subject = this.#string(2);
        const found = [this.#declare("maybe integer"), this.#declare("maybe integer")];
        const from = c.chance(40) ? `, ${this.#integer(1)}` : "";
        this.#line(
          `local ${found.join(", ")} = ${this.#call(subject, "find", `${c.pick(PATTERNS)}${from}`)}`,
        );
      },
      () => {
        const subject = this.#string(2);
        const found = this.#declare("maybe integer");
        this.#line(
          `local ${found} = ${this.#call(subject, "find", `${c.pick(PLAIN)}, ${this.#bounded(9)}, true`)}`,
        );
      },
      () => {
        const subject = this.#string(2);
        const [a, b] = [this.#declare("maybe string"), this.#name("o")];
        this.#line(`local ${a}, ${b} = ${this.#call(subject, "match", '"^(.-)[%.=](%w*)"')}`);
        this.#line(`print(${b})`);
      },
      () => {
        const [format, types] = c.pick(FORMATS);
        const subject = this.#string(1);
        const at = c.chance(50) ? `, ${this.#bounded(12)} + 1` : "";
        const values = types.map((type) => ({ name: this.#name("u"), type }));
        const next = this.#name("u");
        this.#line(`local ${[...values.map(({ name }) => name), next].join(", ")}`);
        this.#line(`if #d > 30 then`);
        this.#line(
          `  ${[...values.map(({ name }) => name), next].join(", ")} = string.unpack("${format}", ${subject}${at})`,
        );
        this.#line("end");
        for (const { name, type } of values)
          this.#locals.push({
            name,
            type: type === "string" ? "maybe string" : "maybe integer",
            isAssignable: true,
          });
        this.#line(`print(${next})`);
      },
      () => {
        const targets = this.#locals.filter(({ type, isAssignable }) => isAssignable && type === "integer");
        if (targets.length < 2) return this.#local();
        const [a, b] = [c.pick(targets).name, c.pick(targets).name];
        this.#line(`${a}, ${b} = ${b}, ${this.#integer(1)}`);
      },
    ])();
  }

  #call(subject: string, method: string, args: string): string {
    const isCall = this.#c.chance(30) || !/^[\w.:]*$|^\(/.test(subject);
    return isCall ? `string.${method}(${subject}, ${args})` : `${subject}:${method}(${args})`;
  }

  #helper(): void {
    const parameters = Array.from({ length: this.#c.below(3) }, () => this.#type());
    const result = this.#type();
    const name = this.#name("f");
    const before = {
      locals: this.#locals,
      helpers: this.#helpers,
      inFunction: this.#inFunction,
      loops: this.#loops,
    };
    const names = parameters.map(() => this.#name("p"));
    this.#line(`local function ${name}(${["d", ...names].join(", ")})`);
    this.#locals = [...this.#locals];
    this.#helpers = [];
    this.#loops = 0;
    this.#inFunction = result;
    for (const [i, type] of parameters.entries())
      this.#locals.push({ name: names[i]!, type, isAssignable: true });
    this.#block(() => {
      for (let i = this.#c.below(3); i > 0; i--) this.#statement();
      this.#line(`return ${this.#expression(result, 2)}`);
    });
    this.#line("end");
    this.#locals = before.locals;
    this.#helpers = [...before.helpers, { name, parameters, result }];
    this.#inFunction = before.inFunction;
    this.#loops = before.loops;
  }

  /** A string that does not grow from packet to packet. */
  #keptString(): string {
    const c = this.#c;
    return c.weighted<() => string>([
      [
        3,
        () =>
          `(${this.#string(2)}):sub(${c.pick(["1", "-60", "2", "9"])}, ${c.pick(["3", "60", "64", "200"])})`,
      ],
      [2, () => `d:getstring(${c.below(12)}, ${1 + c.below(8)})`],
      [1, () => `d:getstring(${c.below(20)})`],
      [1, () => c.pick(STRINGS)],
    ])();
  }

  #maybeKept(): string {
    return this.#c.weighted<() => string>([
      [3, () => this.#keptString()],
      [1, () => `${this.#condition(1)} and ${this.#keptString()} or nil`],
      [1, () => "nil"],
    ])();
  }

  /** Changes what later packets find. */
  #keep(): void {
    const c = this.#c;
    c.weighted<() => void>([
      [3, () => this.#line(`last = ${this.#keptString()}`)],
      [2, () => this.#line(`noted = ${this.#maybeKept()}`)],
      [2, () => this.#line(`any = ${this.#expression(this.#type(), 2)}`)],
      [1, () => this.#line(`last, noted = noted or ${c.pick(STRINGS)}, last`)],
      [1, () => this.#line(`memory.name, memory.count = ${this.#keptString()}, memory.count + 1`)],
      [1, () => this.#line(`memory.text = ${this.#maybeKept()}`)],
      [2, () => this.#line(`entries[${this.#bounded(4)}] = ${this.#maybeKept()}`)],
      [2, () => this.#line(`byname[(${this.#string(1)}):sub(1, 8)] = ${this.#maybeKept()}`)],
      [2, () => this.#flow()],
    ])();
    if (c.chance(50))
      this.#line(
        c.pick([
          "print(any, type(any))",
          "print(last, noted)",
          "print(memory.name, memory.text, memory.count)",
        ]),
      );
  }

  /** A table for some packets, which puts their texts together. */
  #flow(): void {
    const c = this.#c;
    const [key, flow] = [this.#name("k"), this.#name("w")];
    this.#line(`local ${key} = ${this.#bounded(3)}`);
    this.#line(`local ${flow} = flows[${key}]`);
    this.#line(
      `if not ${flow} then ${flow} = { text = ${this.#keptString()}, count = 0 } flows[${key}] = ${flow} end`,
    );
    this.#line(`${flow}.text, ${flow}.count = ${flow}.text .. ${this.#keptString()}, ${flow}.count + 1`);
    this.#line(`print(${flow}.text, ${flow}.seen, ${flow}.count)`);
    this.#line(
      `if #${flow}.text > 200 then ${flow}.text = ${flow}.text:sub(${c.pick(["190", "-5", "1, 3"])}) end`,
    );
    if (c.chance(40)) this.#line(`${flow}.seen = ${this.#maybeKept()}`);
    if (c.chance(30)) this.#line(`if ${this.#condition(1)} then flows[${key}] = nil end`);
  }

  #guardedReturn(): void {
    const condition = this.#condition(2);
    const value = this.#inFunction === undefined ? this.#verdict() : this.#expression(this.#inFunction, 1);
    this.#line(`if ${condition} then return ${value} end`);
  }

  /** A table that lives in one run. */
  #localTable(): void {
    const c = this.#c;
    const name = this.#name("t");
    this.#line(`local ${name} = { ${this.#integer(2)}, ${this.#string(1)}, x = ${this.#integer(1)} }`);
    if (c.chance(50)) this.#line(`if ${this.#condition(1)} then ${name}.x = ${this.#integer(1)} end`);
    this.#line(`local ${this.#declare("maybe integer")} = ${name}.${c.pick(["x", "y"])}`);
    this.#line(`local ${this.#declare("integer")} = ${name}[1] + #${name}`);
  }

  #mistake(): void {
    const c = this.#c;
    const text = c.pick([
      () => `local x = ${this.#variable("maybe integer") ?? "nil"} + 1`,
      () => `local x = d:getuint8(${this.#integer(2)})`,
      () => `local x = d:getstring(${this.#integer(1)}, ${this.#integer(1)})`,
      () => `local x = #${this.#variable("maybe string") ?? "nil"}`,
      () => `error("${c.pick(["bad", "worse"])}"${c.pick(["", ", 0", ", 1"])})`,
      () => `assert(${this.#condition(1)})`,
      () => `assert(${this.#condition(1)}, "not so")`,
      () => `local x = ${this.#integer(1)} // ${this.#integer(2)}`,
      () => `local x = ${this.#variable("maybe string") ?? "nil"} .. "x"`,
      () => `local x = config.missing.field`,
      () => `local x = ${this.#variable("maybe integer") ?? "nil"} < 3`,
      () => `string.byte(${this.#variable("maybe string") ?? "nil"})`,
      () => `check(${this.#integer(2)}, "below zero")`,
      () => `blame(${this.#integer(2)})`,
      () => `local x = (${this.#string(1)}):sub(${this.#variable("maybe integer") ?? "nil"})`,
      () => `local x = (${this.#string(1)}):rep(${this.#variable("maybe integer") ?? "nil"})`,
      () => `local x = d:getuint16(${this.#variable("maybe integer") ?? "nil"})`,
      () => `local x = ${this.#variable("maybe integer") ?? "nil"} & 1`,
      () => `local x = -${this.#atom(this.#variable("maybe string") ?? "nil")}`,
      () => `print("x" .. ${this.#variable("maybe integer") ?? "nil"})`,
      () => `print(1 + ${this.#variable("maybe integer") ?? "nil"})`,
      () => `print(("%d %s"):format(${this.#variable("maybe integer") ?? "nil"}, (${this.#integer(0)})))`,
      () => `print(string.format("%x", ${this.#variable("maybe integer") ?? "nil"}))`,
      () => `print((${this.#string(1)}):sub(${this.#variable("maybe integer") ?? "nil"}))`,
      () => `local x = ${this.#integer(1)} < ${this.#string(0)}`,
      () => `local x = list.field.more`,
      () => `local x = (${this.#variable("maybe integer") ?? "nil"}).y`,
      () => `for i = 1, ${this.#c.pick(["nil", '"3"', '"x"', "{}"])} do print(i) end`,
      () => `for i = ${this.#integer(1)}, 3, ${c.pick(["0", "nil"])} do print(i) end`,
      () => `local x = ${this.#integer(0)} .. {}`,
      () => `nothing.x = 1`,
      () => `local x = assert()`,
      () => `local x = math.max(${this.#variable("maybe integer") ?? "nil"}, 3)`,
      () => `local x = skb:nothing()`,
      () => `local x = missing(1)`,
    ])();
    // Most at the end of a rare path, so that the rest is seen, too.
    if (c.chance(75)) this.#line(`if ${this.#condition(1)} then ${text} end`);
    else this.#line(`do ${text} end`);
  }

  #verdict(): string {
    return this.#c.weighted<() => string>([
      [4, () => `(${this.#integer(2)}) & 1`],
      [2, () => `${this.#condition(2)} and nf.action.DROP or nf.action.ACCEPT`],
      [2, () => this.#c.pick(["nf.action.ACCEPT", "nf.action.DROP"])],
      [1, () => this.#expression("maybe integer", 1)],
      [1, () => this.#integer(1)],
    ])();
  }

  /** A text that is only printed. */
  #later(): void {
    const c = this.#c;
    const name = this.#name("s");
    this.#line(
      `local ${name} = ${c.pick([
        () => `string.format("%d:%x", ${this.#integer(2)}, ${this.#integer(1)})`,
        () => `("%s"):format(${this.#expression(this.#type(), 1)})`,
        () => `"n=" .. ${this.#atom(this.#integer(2))}`,
        () => `tostring(${this.#integer(2)}) .. "/" .. ${this.#atom(this.#string(1))}`,
        () => `("%d"):format(${this.#variable("maybe integer") ?? "1"})`,
        () => `(${this.#string(1)}):sub(1, 30):reverse()`,
        () => `string.gsub(${this.#string(1)}, "%a", string.upper)`,
        () => `(${this.#string(0)}):rep(${this.#bounded(4)})`,
      ])()}`,
    );
    if (c.chance(80)) this.#line(`print(${name})`);
  }

  // ---- expressions

  #expression(type: Type, depth: number): string {
    switch (type) {
      case "integer":
        return this.#integer(depth);
      case "string":
        return this.#string(depth);
      case "boolean":
        return this.#condition(depth);
      case "maybe integer":
        return this.#maybeInteger(depth);
      case "maybe string":
        return this.#maybeString(depth);
    }
  }

  #helperCall(type: Type, depth: number): string | undefined {
    const found = this.#helpers.filter(({ result }) => result === type);
    if (found.length === 0) return undefined;
    const { name, parameters } = this.#c.pick(found);
    return `${name}(${["d", ...parameters.map((parameter) => this.#expression(parameter, depth - 1))].join(", ")})`;
  }

  /** From 0 to below `most`. */
  #bounded(most: number): string {
    return this.#c.pick([
      () => `${this.#c.below(most)}`,
      () => `(${this.#integer(1)}) % ${most}`,
      () => `d:getuint8(${this.#c.below(20)}) % ${most}`,
    ])();
  }

  #read(depth: number): string {
    const c = this.#c;
    const [name, bytes] = c.pick(READS);
    const at = c.weighted<() => string>([
      [6, () => `${c.below(20 - bytes + 1)}`],
      [4, () => `(${this.#integer(depth - 1)}) % (#d - ${bytes - 1})`],
      [1, () => `#d - ${bytes}`],
      [1, () => `${c.below(60)}`],
    ])();
    const read = `d:${name}(${at})`;
    return bytes === 2 && c.chance(50) ? `byteorder.ntoh16(${read})` : read;
  }

  #integer(depth: number): string {
    const c = this.#c;
    const leaf = (): string =>
      c.weighted<() => string>([
        [4, () => this.#variable("integer") ?? `d:getuint8(${c.below(20)})`],
        [2, () => c.pick(SMALL)],
        [1, () => c.pick(BIG)],
        [2, () => this.#read(0)],
        [1, () => "#d"],
      ])();
    if (depth <= 0) return leaf();
    return c.weighted<() => string>([
      [4, leaf],
      [4, () => this.#read(depth)],
      [5, () => this.#operation(depth)],
      [2, () => `#${this.#atom(this.#string(depth - 1))}`],
      [2, () => `((${this.#maybeInteger(depth - 1)}) or ${this.#integer(depth - 1)})`],
      [1, () => `byteorder.${c.pick(CONVERSIONS)}(${this.#integer(depth - 1)})`],
      [1, () => `math.${c.pick(["max", "min"])}(${this.#integer(depth - 1)}, ${this.#integer(depth - 1)})`],
      [1, () => `math.abs(${this.#integer(depth - 1)})`],
      [1, () => `clamp(${this.#integer(depth - 1)}, ${c.pick(["0", "-5"])}, ${c.pick(["9", "255"])})`],
      [1, () => `sum(${this.#integer(depth - 1)}, ${this.#integer(depth - 1)})`],
      [1, () => `down(${c.below(5)})`],
      [1, () => `${c.pick(["tagged", "labeled"])}:match(${this.#string(depth - 1)})`],
      [1, () => `(${this.#condition(depth - 1)} and ${this.#integer(depth - 1)} or ${this.#integer(0)})`],
      [1, () => this.#helperCall("integer", depth) ?? leaf()],
      [1, () => c.pick(["config.limit", "config.deep.n", "class.inherited", "#list", "list[2]"])],
    ])();
  }

  #operation(depth: number): string {
    const c = this.#c;
    const left = (): string => this.#integer(depth - 1);
    return c.weighted<() => string>([
      [8, () => `(${left()} ${c.pick(["+", "-", "*", "&", "|", "~"])} ${this.#integer(depth - 1)})`],
      [2, () => `(${left()} ${c.pick(["<<", ">>"])} ${c.pick([this.#integer(depth - 1), c.pick(SMALL)])})`],
      [
        2,
        () =>
          `(${left()} ${c.pick(["//", "%", "/"])} ${c.pick(["3", "-3", "8", "-8", "1", "-1", "256", "7"])})`,
      ],
      [1, () => `(${left()} ${c.pick(["//", "%"])} ((${this.#integer(depth - 1)}) | 1))`],
      [1, () => `(${c.pick(["-", "~"])}${this.#atom(left())})`],
    ])();
  }

  #atom(text: string): string {
    return /^\w+$/.test(text) ? text : `(${text})`;
  }

  #maybeInteger(depth: number): string {
    const c = this.#c;
    return c.weighted<() => string>([
      [3, () => this.#variable("maybe integer") ?? this.#integer(0)],
      [1, () => "nil"],
      [2, () => `${c.pick(["ports", "many", "list"])}[${this.#integer(depth - 1)}]`],
      [2, () => `${c.pick(["words", "names", "counts"])}[${this.#string(depth - 1)}]`],
      [1, () => `counts[${this.#integer(depth - 1)}]`],
      [
        2,
        () =>
          `(string.byte(${this.#string(depth - 1)}, ${c.pick([...SMALL.slice(0, 14), this.#integer(0)])}))`,
      ],
      [1, () => `maybe(${this.#integer(depth - 1)})`],
      [1, () => `(${this.#condition(depth - 1)} and ${this.#integer(depth - 1)} or nil)`],
      [1, () => this.#helperCall("maybe integer", depth) ?? this.#integer(0)],
      [1, () => `(string.find(${this.#string(depth - 1)}, ${c.pick(PATTERNS)}))`],
    ])();
  }

  #maybeString(depth: number): string {
    const c = this.#c;
    return c.weighted<() => string>([
      [3, () => this.#variable("maybe string") ?? this.#string(0)],
      [1, () => "nil"],
      [2, () => `texts[${this.#integer(depth - 1)} & 3]`],
      [
        2,
        () =>
          `(string.match(${this.#string(depth - 1)}, ${c.pick(PATTERNS.filter((p) => !p.includes("()")))}))`,
      ],
      [1, () => `(${this.#condition(depth - 1)} and ${this.#string(depth - 1)} or nil)`],
      [1, () => this.#helperCall("maybe string", depth) ?? this.#string(0)],
      [
        this.#isKeeping ? 4 : 0,
        () =>
          c.pick([
            "noted",
            "memory.text",
            `entries[${this.#bounded(4)}]`,
            `byname[(${this.#string(0)}):sub(1, 8)]`,
          ]),
      ],
    ])();
  }

  #string(depth: number): string {
    const c = this.#c;
    const leaf = (): string =>
      c.weighted<() => string>([
        [4, () => this.#variable("string") ?? `d:getstring(${c.below(12)}, ${1 + c.below(8)})`],
        [2, () => c.pick(STRINGS)],
        [2, () => `d:getstring(${c.below(12)}, ${1 + c.below(8)})`],
        [1, () => `d:getstring(${c.below(20)})`],
        [1, () => `d:getstring(${this.#bounded(19)})`],
        [this.#isKeeping ? 4 : 0, () => c.pick(["last", "memory.name"])],
      ])();
    if (depth <= 0) return leaf();
    return c.weighted<() => string>([
      [5, leaf],
      [
        3,
        () =>
          `string.sub(${this.#string(depth - 1)}, ${this.#integer(depth - 1)}${c.pick([() => "", () => `, ${this.#integer(depth - 1)}`])()})`,
      ],
      [
        2,
        () =>
          `(${this.#string(depth - 1)}):sub(${c.pick(SMALL)}${c.pick(["", ", -1", ", -2", ", 3", ", 8"])})`,
      ],
      [2, () => `string.${c.pick(["lower", "upper"])}(${this.#string(depth - 1)})`],
      [2, () => `(${this.#string(depth - 1)} .. ${this.#string(depth - 1)})`],
      [2, () => `((${this.#maybeString(depth - 1)}) or ${this.#string(0)})`],
      [1, () => `type(${this.#expression(this.#type(), depth - 1)})`],
      [1, () => `tostring(${this.#condition(depth - 1)})`],
      [1, () => `d:getstring((${this.#integer(depth - 1)}) % #d, 1)`],
      [1, () => this.#helperCall("string", depth) ?? leaf()],
      [1, () => "config.name"],
    ])();
  }

  #condition(depth: number): string {
    const c = this.#c;
    const leaf = (): string =>
      this.#variable("boolean") ?? `d:getuint8(${c.below(20)}) ${c.pick(["<", "=="])} ${c.pick(SMALL)}`;
    if (depth <= 0) return `(${leaf()})`;
    const order = (): string => c.pick(["<", "<=", ">", ">=", "==", "~="]);
    return c.weighted<() => string>([
      [2, () => `(${leaf()})`],
      [5, () => `(${this.#integer(depth - 1)} ${order()} ${this.#integer(depth - 1)})`],
      [3, () => `(${this.#string(depth - 1)} ${c.pick(["==", "~="])} ${this.#string(depth - 1)})`],
      [
        2,
        () =>
          `(${this.#maybeInteger(depth - 1)} ${c.pick(["==", "~="])} ${c.pick(["nil", this.#integer(0)])})`,
      ],
      [
        1,
        () => `(${this.#maybeString(depth - 1)} ${c.pick(["==", "~="])} ${c.pick(["nil", this.#string(0)])})`,
      ],
      [2, () => `(not ${this.#condition(depth - 1)})`],
      [2, () => `(${this.#condition(depth - 1)} ${c.pick(["and", "or"])} ${this.#condition(depth - 1)})`],
      [1, () => `(flags[${this.#integer(depth - 1)}] == ${c.pick(["true", "false", "nil"])})`],
      [
        1,
        () =>
          `(mixed[${c.pick([this.#integer(0), this.#string(0), this.#condition(0)])}] == ${c.pick(['"four"', "6", "nil", "11", '"no"'])})`,
      ],
      [1, () => `${c.pick(["few", "members"])}:has(${this.#string(depth - 1)})`],
      [
        1,
        () =>
          `(known[${c.pick([this.#integer(0), this.#string(0)])}] == ${c.pick(["true", "false", "nil"])})`,
      ],
      [1, () => `(math.ult(${this.#integer(depth - 1)}, ${this.#integer(depth - 1)}))`],
      [1, () => `(type(${this.#maybeInteger(depth - 1)}) == ${c.pick(['"nil"', '"number"'])})`],
      [1, () => c.pick(["true", "false", "config.deep.on"])],
      [1, () => `(${this.#helperCall("boolean", depth) ?? leaf()})`],
    ])();
  }
}
