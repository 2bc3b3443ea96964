import { describe, expect, test } from "vitest";
import type { Expression, Statement } from "./ast.ts";
import { parse } from "./parser.ts";

const statements = (source: string): readonly Statement[] => parse(source, "=c").main.body.statements;
const message = (source: string): string => {
  try {
    parse(source, "=c");
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
};

/** An expression with all its parentheses. */
function grouped(e: Expression): string {
  switch (e.kind) {
    case "binary":
      return `(${grouped(e.left)} ${e.op} ${grouped(e.right)})`;
    case "unary":
      return `(${e.op} ${grouped(e.operand)})`;
    case "paren":
      return grouped(e.inner);
    case "global":
      return e.name;
    case "integer":
      return String(e.value);
    case "string":
      return `'${e.value}'`;
    case "index":
      return `${grouped(e.object)}[${grouped(e.key)}]`;
    case "call":
      return `${grouped(e.callee)}${e.method === undefined ? "" : `:${e.method}`}(${e.args.map(grouped).join(", ")})`;
    default:
      return e.kind;
  }
}

test.each([
  ["a or b and c", "(a or (b and c))"],
  ["a < b == c", "((a < b) == c)"],
  ["a | b ~ c & d << e", "(a | (b ~ (c & (d << e))))"],
  ["a << b .. c", "(a << (b .. c))"],
  ["a .. b .. c", "(a .. (b .. c))"],
  ["a .. b + c * d", "(a .. (b + (c * d)))"],
  ["a - b - c", "((a - b) - c)"],
  ["a // b % c / d", "(((a // b) % c) / d)"],
  ["-a * b", "((- a) * b)"],
  ["not a == b", "((not a) == b)"],
  ["- - a", "(- (- a))"],
  ["-a.b", "(- a['b'])"],
  ["#a .. b", "((# a) .. b)"],
  ["~a ~ b", "((~ a) ~ b)"],
  ["(a or b) and c", "((a or b) and c)"],
  ["a.b[c]:d(e)'f'{}", "a['b'][c]:d(e)('f')(table)"],
])("%s groups as %s", (source, wanted) => {
  const [statement] = statements(`return ${source}`);
  expect(statement).toMatchObject({ kind: "return" });
  expect(grouped((statement as Extract<Statement, { kind: "return" }>).values[0]!)).toBe(wanted);
});

describe("lines that messages name", () => {
  const first = (source: string): Expression =>
    (statements(source)[0] as Extract<Statement, { kind: "return" }>).values[0]!;

  test("an operator's is its own, a comparison's where it is complete", () => {
    expect(first("return a\n+\nb")).toMatchObject({ line: 2, op: "+" });
    expect(first("return a\n<\nb")).toMatchObject({ line: 3, op: "<" });
    expect(first("return a\n==\n{\n}")).toMatchObject({ line: 4, op: "==" });
    expect(first("return\n-\na")).toMatchObject({ line: 2, op: "-" });
  });

  test("a call's is that of its arguments", () => {
    expect(statements("f\n.g\n(1)")[0]).toMatchObject({ kind: "callstat", call: { line: 3 } });
    expect(statements("f\n:g\n'x'")[0]).toMatchObject({ call: { line: 2, method: "g" } });
  });

  test("a loop's: numeric at do, generic behind in", () => {
    expect(statements("for\ni = 1,\n2\ndo end")[0]).toMatchObject({ kind: "for", line: 4 });
    expect(statements("for\nk\nin\nx\ndo end")[0]).toMatchObject({ kind: "forin", line: 4 });
  });

  test("a function's begin and end", () => {
    expect(parse("\nlocal function f()\n\nend\n", "=c").functions[1]).toMatchObject({
      line: 2,
      endLine: 4,
      name: "f",
    });
  });
});

test("functions are named as they are declared", () => {
  const names = (source: string): string[] => parse(source, "=c").functions.map(({ name }) => name);
  expect(names("function a.b.c:d() end local function e() end local f = function() end")).toEqual([
    "main chunk",
    "a.b.c:d",
    "e",
    "anonymous",
  ]);
});

describe("errors", () => {
  test.each([
    ["x", "c:1: syntax error near <eof>"],
    ["x = ", "c:1: unexpected symbol near <eof>"],
    ["x = }", "c:1: unexpected symbol near '}'"],
    ["f() = 1", "c:1: syntax error near '='"],
    ["(a) = 1", "c:1: syntax error near '='"],
    ["a, f() = 1", "c:1: syntax error near '='"],
    ["a.b:c = 1", "c:1: function arguments expected near '='"],
    ["for x", "c:1: '=' or 'in' expected near <eof>"],
    ["for x, y = 1, 2 do end", "c:1: 'in' expected near '='"],
    ["for x = 1 do end", "c:1: ',' expected near 'do'"],
    ["function f(1) end", "c:1: <name> or '...' expected near '1'"],
    ["function f(a,) end", "c:1: <name> or '...' expected near ')'"],
    ["function f(..., a) end", "c:1: ')' expected near ','"],
    ["return 1 2", "c:1: <eof> expected near '2'"],
    ["do return 1 x = 2 end", "c:1: 'end' expected near 'x'"],
    ["end", "c:1: <eof> expected near 'end'"],
    ["if x then\n\n", "c:3: 'end' expected (to close 'if' at line 1) near <eof>"],
    ["while x do\nif y then\nend\n", "c:4: 'end' expected (to close 'while' at line 1) near <eof>"],
    ["repeat\nx = 1", "c:2: 'until' expected (to close 'repeat' at line 1) near <eof>"],
    ["f(\n1", "c:2: ')' expected (to close '(' at line 1) near <eof>"],
    ["x = {\n1", "c:2: '}' expected (to close '{' at line 1) near <eof>"],
    ["x = {1 2}", "c:1: '}' expected near '2'"],
    ["break", "c:1: break outside loop near 'break'"],
    ["for i = 1, 2 do\nlocal f = function() break end end", "c:2: break outside loop near 'break'"],
    ["goto x\n\n", "c:3: no visible label 'x' for <goto> at line 1"],
    ["do goto x end\ndo\n::x:: end\n", "c:4: no visible label 'x' for <goto> at line 1"],
    ["::x::\n::x::\ny = 1", "c:3: label 'x' already defined on line 2"],
    ["::x:: do ::x:: end", "c:1: label 'x' already defined on line 1"],
    ["goto x; local a\n::x::\nb = a\n", "c:4: <goto x> at line 1 jumps into the scope of 'a'"],
    ["goto x; global *; ::x:: b = 1", "c:1: <goto x> at line 1 jumps into the scope of '*'"],
    ["local x <foo> = 1", "c:1: unknown attribute 'foo'"],
    ["local x <const> = 1\nx\n= 2", "c:3: attempt to assign to const variable 'x'"],
    ["local x <const> = 1\nfunction x() end", "c:2: attempt to assign to const variable 'x'"],
    ["for i = 1, 2 do i = 3 end", "c:1: attempt to assign to const variable 'i'"],
    ["local a <close>, b <close> = 1", "c:1: multiple to-be-closed variables in local list"],
    ["global x <close>", "c:1: global variables cannot be to-be-closed"],
    ["global x; y = 1", "c:1: variable 'y' not declared"],
    ["global _ENV, y; y = 1", "c:1: _ENV is global when accessing variable 'y'"],
    ["function f() return ... end", "c:1: cannot use '...' outside a vararg function near '...'"],
    ["x = \x02", "c:1: unexpected symbol near '<\\2>'"],
  ])("%j", (source, wanted) => {
    expect(message(source)).toBe(wanted);
  });

  test("a label at the end of a block is behind its locals", () => {
    for (const source of [
      "do goto x; local a; ::x:: end",
      "do goto x; local a; ::x:: ; ::y:: ; end",
      "goto x; local a; ::x:: ::y::",
      "repeat if x then goto c end local y ::c:: until true",
    ]) {
      expect([source, message(source)]).toEqual([
        source,
        source.startsWith("repeat") ? "c:1: <goto c> at line 1 jumps into the scope of 'y'" : "no error",
      ]);
    }
  });
});

describe("limits", () => {
  const repeat = (open: string, n: number, close = "", middle = ""): string =>
    open.repeat(n) + middle + close.repeat(n);

  test.each([
    ["parentheses", `return ${repeat("(", 190, ")", "1")}`, `return ${repeat("(", 200, ")", "1")}`],
    ["tables", `return ${repeat("{", 190, "}")}`, `return ${repeat("{", 200, "}")}`],
    ["blocks", repeat("do ", 190, "end "), repeat("do ", 200, "end ")],
    ["functions", repeat("function f() ", 190, "end "), repeat("function f() ", 200, "end ")],
    ["signs", `return ${repeat("- ", 190)}1`, `return ${repeat("- ", 200)}1`],
    ["operators to the right", `return ${repeat("1 .. ", 190)}1`, `return ${repeat("1 .. ", 200)}1`],
    ["targets", `${repeat("a, ", 190)}a = 1`, `${repeat("a, ", 200)}a = 1`],
  ])("nested %s", (_, fits, tooDeep) => {
    expect(message(fits)).toBe("no error");
    expect(message(tooDeep)).toBe("C stack overflow");
  });

  test("what does not nest has none", () => {
    expect(message(`return ${repeat("1 + ", 5000)}1`)).toBe("no error");
    expect(message(`x = a${repeat(".b", 5000)}`)).toBe("no error");
    expect(message(repeat("x = 1 ", 5000))).toBe("no error");
  });

  const locals = (n: number): string => Array.from({ length: n }, (_, i) => `local v${i}\n`).join("");

  test("200 locals at a time, those of loops' own counted", () => {
    expect(message(locals(200))).toBe("no error");
    expect(message(`${locals(200)}local x = 5`)).toBe(
      "c:201: too many local variables (limit is 200) in main function near <eof>",
    );
    expect(message(`\nfunction f() ${locals(201)} end`)).toBe(
      "c:203: too many local variables (limit is 200) in function at line 2 near 'end'",
    );
    expect(message(`${locals(197)}for i = 1, 2 do end`)).toBe("no error");
    expect(message(`${locals(198)}for i = 1, 2 do end`)).toMatch(/too many local variables .* near 'end'$/);
    expect(message(`${locals(196)}for k in x do end`)).toBe("no error");
    expect(message(`${locals(197)}for k in x do end`)).toMatch(/too many local variables/);
    expect(message("do local a end ".repeat(500))).toBe("no error");
  });

  test("255 captured variables", () => {
    const uses = (name: string, n: number): string =>
      Array.from({ length: n }, (_, i) => `${name}${i} = 1 `).join("");
    const source = (n: number): string =>
      `${locals(150)} local function f() ${locals(n).replaceAll("v", "w")}\nreturn function() ${uses("v", 150)}${uses("w", n)} end end`;
    expect(message(source(105))).toBe("no error");
    expect(message(source(106))).toMatch(
      /^c:\d+: too many upvalues \(limit is 255\) in function at line \d+ near '='$/,
    );
  });
});
