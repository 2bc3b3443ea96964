import { expect, test } from "vitest";
import type { FunctionBody } from "./ast.ts";
import { parse } from "./parser.ts";
import { Scope } from "./scope.ts";

const fail = (message: string): Error => new Error(message);
const body = (name: string, parent?: FunctionBody): FunctionBody =>
  ({ name, parent, upvalues: [], line: 1 }) as unknown as FunctionBody;

test("the innermost declaration of a name counts, and ends with its block", () => {
  const scope = new Scope(fail as never, fail);
  const f = body("f");
  scope.openBlock(f);
  const outer = scope.declare("x", f);
  scope.activate(outer);
  scope.openBlock(f);
  const inner = scope.declare("x", f);
  expect(scope.resolve("x", f)).toEqual({ kind: "local", variable: outer });
  scope.activate(inner);
  expect(scope.resolve("x", f)).toEqual({ kind: "local", variable: inner });
  scope.closeBlock(1);
  expect(scope.resolve("x", f)).toEqual({ kind: "local", variable: outer });
  expect(scope.resolve("y", f)).toEqual({ kind: "global", readOnly: false });
});

test("a captured variable is an upvalue of every function on the way, once", () => {
  const scope = new Scope(fail as never, fail);
  const outer = body("outer");
  const middle = body("middle", outer);
  const inner = body("inner", middle);
  scope.openBlock(outer);
  const x = scope.declare("x", outer);
  scope.activate(x);
  expect(x.captured).toBe(false);
  scope.resolve("x", inner);
  scope.resolve("x", inner);
  expect(x.captured).toBe(true);
  expect([outer.upvalues, middle.upvalues, inner.upvalues]).toEqual([[], [x], [x]]);
});

test("global statements decide what a free name is", () => {
  const scope = new Scope(fail as never, fail);
  const f = body("f");
  scope.openBlock(f);
  expect(scope.resolve("x", f)).toEqual({ kind: "global", readOnly: false });
  scope.declareGlobal("a", true);
  expect(scope.resolve("x", f)).toEqual({ kind: "undeclared" });
  expect(scope.resolve("a", f)).toEqual({ kind: "global", readOnly: true });
  scope.openBlock(f);
  scope.declareGlobal(undefined, true);
  expect(scope.resolve("x", f)).toEqual({ kind: "global", readOnly: true });
  scope.declareGlobal("x", false);
  expect(scope.resolve("x", f)).toEqual({ kind: "global", readOnly: false });
  scope.closeBlock(1);
  expect(scope.resolve("x", f)).toEqual({ kind: "undeclared" });
});

test("variables know whether they are captured, assigned or hold a function", () => {
  const chunk = parse(
    "local a, b, c = 1, 2, 3 b = 5 local function f() return c, f end local function g() end g = nil",
    "=c",
  );
  const [first, , second] = chunk.main.body.statements;
  if (first?.kind !== "local" || second?.kind !== "localfunction") throw new Error("other statements");
  expect(first.variables.map(({ name, captured, assigned }) => [name, captured, assigned])).toEqual([
    ["a", false, false],
    ["b", false, true],
    ["c", true, false],
  ]);
  expect(second.variable.holds).toBe(second.body);
  expect(second.body.upvalues.map(({ name }) => name)).toEqual(["c", "f"]);
});
