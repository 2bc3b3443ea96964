/**
 * What is printed is put together in user space: a program sends only what the packet has to give. `printedParts` finds the
 * parts of an expression that must be evaluated in the kernel; everything around them (concatenation, `string.format`,
 * functions of the script that only compute) is evaluated later, by `evaluate`, with the holes filled.
 */

import type { Block, Expression, FunctionBody, Variable } from "../lua/ast.ts";
import { ARITHMETIC } from "../lua/compile-arithmetic.ts";
import { describe, isItself, needsCell } from "../lua/emit-names.ts";
import type { LuaState } from "../lua/state.ts";
import { blocksOf, expressionsOf, operandsOf } from "../lua/syntax-walk.ts";
import { LuaTable } from "../lua/table.ts";
import { firstResult, type LuaFunction, LuaUserdata, type LuaValue, resultList } from "../lua/value.ts";
import { type Abstract, alternativesOf, type Closure, type Single, typeOf } from "./abstract.ts";
import {
  calledLater,
  check,
  isAlways,
  isDivisor,
  NUMBER,
  type Part,
  part,
  partOf,
  TEXT,
  TRUSTED,
  UNKNOWN,
} from "./deferred-types.ts";
import { type LiveVariable, liveVariables } from "./frame.ts";
import { PURE } from "./intrinsics.ts";
import type { Specializer } from "./specializer.ts";

type Hole = readonly [Expression, Abstract];

/**
 * What to print later, and the parts of it to be evaluated now, with their values. The last ones of both are `tail`, when
 * it depends on the packet how many there are.
 */
export function printedParts(
  s: Specializer,
  list: readonly Expression[],
): {
  readonly list: readonly Expression[];
  readonly holes: readonly Hole[];
  readonly tail?: readonly Abstract[];
} {
  const holes: Hole[] = [];
  const last = list.at(-1);
  const isList = last?.kind === "vararg" || last?.kind === "call";
  const single = isList ? list.slice(0, -1) : list;
  for (const e of single) visit(s, e, holes);
  if (!isList || s.block === undefined) return { list, holes };
  let values: readonly Abstract[] = s.frame.varargs;
  if (last.kind === "call") {
    const before = holes.length;
    const isLater = isDeferrable(s, last) && s.tentatively(() => visitLater(s, last, holes, false));
    if (isLater) return { list, holes };
    holes.length = before;
    const now = isDeferrable(s, last) ? s.tentatively(() => s.results(last)) : s.results(last);
    if (now === undefined) {
      visit(s, last, holes);
      return { list, holes };
    }
    values = now;
  }
  // Each of several values is a part of its own.
  const { line, column } = last;
  const parts = values.map((value): Hole => [{ kind: "nil", line, column } as Expression, value]);
  const whole = { list: [...single, ...parts.map(([e]) => e)], holes: [...holes, ...parts] };
  return s.lists.of(values).possible.length === 1 ? whole : { ...whole, tail: values };
}

/** Collects the holes of `e`, and says what its value will be. */
function visit(s: Specializer, e: Expression, holes: Hole[]): Part {
  const before = holes.length;
  const later = (mayTrust: boolean): Part | undefined => {
    const known = s.tentatively(() => {
      const found = visitLater(s, e, holes, mayTrust);
      // A question about what user space does not have is answered here.
      return holes.slice(before).every(([, value]) => canTravel(value)) ? found : undefined;
    });
    if (known === undefined) holes.length = before;
    return known;
  };
  if (s.block === undefined) return UNKNOWN;
  const known = later(false);
  if (known !== undefined) return known;
  const value = s.tentatively(() => s.printedExpression(e));
  if (value === undefined) {
    const trusted = later(true);
    if (trusted !== undefined) return trusted;
  }
  const now = value ?? s.printedExpression(e);
  holes.push([e, now]);
  return partOf(s, now);
}

/** Undefined when the expression is better evaluated now. */
function visitLater(s: Specializer, e: Expression, holes: Hole[], mayTrust: boolean): Part | undefined {
  switch (e.kind) {
    case "nil":
    case "true":
    case "false":
    case "integer":
    case "string":
      return partOf(s, s.expression(e));
    case "paren":
      return visit(s, e.inner, holes);
    case "unary": {
      if (e.op === "#") return undefined;
      const operand = trusting(mayTrust, visit(s, e.operand, holes));
      if (e.op === "not") return part("boolean");
      return isAlways(operand, NUMBER) ? part("number") : undefined;
    }
    case "binary":
      return visitBinary(s, e, holes, mayTrust);
    case "table":
      for (const { key, value } of e.items) {
        if (key !== undefined) visit(s, key, holes);
        visit(s, value, holes);
      }
      return part("table");
    case "call":
      return isDeferrable(s, e) ? visitCall(s, e, holes, mayTrust) : undefined;
    case "vararg":
    case "function":
      return s.refuse("a list of values that is printed", "print the values one by one");
    default:
      return undefined;
  }
}

const trusting = (mayTrust: boolean, given: Part): Part =>
  mayTrust && given.types === undefined ? TRUSTED : given;

function visitBinary(
  s: Specializer,
  e: Extract<Expression, { kind: "binary" }>,
  holes: Hole[],
  mayTrust: boolean,
): Part | undefined {
  const { op } = e;
  // What is behind `and` and `or` may only be evaluated when it is its turn.
  const isChoice = op === "and" || op === "or";
  if (isChoice && !isHarmless(e.right)) return undefined;
  const left = trusting(mayTrust, visit(s, e.left, holes));
  const right = trusting(mayTrust, visit(s, e.right, holes));
  if (s.block === undefined) return UNKNOWN;
  if (isChoice) {
    if (left.types === undefined || right.types === undefined) return UNKNOWN;
    const kept = op === "or" ? left.types.filter((type) => type !== "nil") : left.types;
    return { types: [...new Set([...kept, ...right.types])] };
  }
  if (op === "==" || op === "~=") return part("boolean");
  const both = (types: readonly string[]): boolean => isAlways(left, types) && isAlways(right, types);
  if (op === "..") {
    s.at(e);
    const joins = (given: Part, operand: Expression): boolean =>
      check(s, given, TEXT, (type) => {
        const name = describe(operand, s.frame.body);
        s.fail(`attempt to concatenate a ${type} value${name === undefined ? "" : ` (${name})`}`);
      });
    return joins(left, e.left) && joins(right, e.right)
      ? { types: ["string"], isLong: left.isLong === true || right.isLong === true }
      : undefined;
  }
  if (["<", "<=", ">", ">="].includes(op))
    return both(NUMBER) || both(["string"]) ? part("boolean") : undefined;
  if (["/", "//", "%"].includes(op) && !isDivisor(right, s)) return undefined;
  return both(NUMBER) ? part("number") : undefined;
}

function visitCall(
  s: Specializer,
  e: Extract<Expression, { kind: "call" }>,
  holes: Hole[],
  mayTrust: boolean,
): Part | undefined {
  // The callee's own value is a hole too: a constant.
  const callee = visit(s, e.callee, holes);
  const args = e.args.map((arg) => trusting(mayTrust, visit(s, arg, holes)));
  if (s.block === undefined) return UNKNOWN;
  s.at(e);
  if (e.method !== undefined) return calledLater(s, `string.${e.method}`, [callee, ...args], true);
  const native = callee.value?.kind === "function" ? s.script.nameOf(callee.value.f) : undefined;
  return native === undefined ? UNKNOWN : calledLater(s, native, args, false);
}

const isHarmless = (e: Expression): boolean =>
  ["nil", "true", "false", "integer", "string", "local"].includes(e.kind) ||
  (e.kind === "binary" && e.op === ".." && isHarmless(e.left) && isHarmless(e.right));

/** Whether a call only computes, so that it may be made later. */
function isDeferrable(s: Specializer, e: Extract<Expression, { kind: "call" }>): boolean {
  if (e.args.some((arg) => arg.kind === "local" && !canTravel(s.read(arg.variable)))) return false;
  if (e.method !== undefined) {
    const object = quietly(s, e.callee);
    return object !== undefined && typeOfAll(object) === "string" && PURE.has(`string.${e.method}`);
  }
  const callee = quietly(s, e.callee);
  if (callee === undefined || callee.kind !== "function") return false;
  return isPureFunction(s, callee.f, new Set());
}

/** What is nothing outside of the program. */
const STAYING: readonly Single["kind"][] = ["local", "dynamic", "skb", "view", "connection", "closure"];

/** Whether a value can be sent to user space. */
const canTravel = (value: Abstract): boolean =>
  alternativesOf(value).every(({ kind }) => !STAYING.includes(kind));

/** The value of a variable or a constant field, without emitting anything. */
function quietly(s: Specializer, e: Expression): Abstract | undefined {
  if (e.kind === "string") return s.expression(e);
  if (e.kind === "local") return s.read(e.variable);
  if (e.kind === "paren") return quietly(s, e.inner);
  if (e.kind === "call" && isDeferrable(s, e)) {
    // The results of functions that are called later are not known; those of string.* mostly are strings.
    return e.method !== undefined &&
      ["gsub", "format", "sub", "lower", "upper", "rep", "reverse"].includes(e.method)
      ? { kind: "text", text: "" }
      : undefined;
  }
  if (e.kind !== "global" && e.kind !== "index") return undefined;
  const object = e.kind === "global" ? quietly(s, e.env) : quietly(s, e.object);
  const key = e.kind === "global" ? e.name : e.key.kind === "string" ? e.key.value : undefined;
  if (object?.kind !== "table" || key === undefined || s.isMutable(object.table, key)) return undefined;
  const value = object.table.get(key);
  return typeof value === "function" || value instanceof LuaTable ? s.abstractOf(value) : undefined;
}

const typeOfAll = (value: Abstract): string | undefined =>
  value.kind === "union" ? undefined : typeOf(value);

const NEVER_PURE = new Set(["string.gmatch"]);

function isPureFunction(s: Specializer, f: LuaFunction, seen: Set<LuaFunction>): boolean {
  if (seen.has(f)) return true;
  seen.add(f);
  const native = s.script.nameOf(f);
  if (native !== undefined)
    return (PURE.has(native) && !NEVER_PURE.has(native)) || ["ipairs", "pairs", "next"].includes(native);
  const info = s.script.state.functionInfo(f);
  if (info === undefined) return false;
  return isPureBody(s, info.body, liveVariables(info, f), seen);
}

/** Changes nothing but its own variables and tables, and reads nothing that hooks change. */
function isPureBody(
  s: Specializer,
  body: FunctionBody,
  live: ReadonlyMap<Variable, LiveVariable>,
  seen: Set<LuaFunction>,
): boolean {
  const own = (variable: Variable): boolean => !live.has(variable);
  const expression = (e: Expression): boolean => {
    // Of objects the state now is wanted, not that of when it is printed.
    if (constantIn(s, e, live) instanceof LuaUserdata) return false;
    switch (e.kind) {
      case "local": {
        const captured = live.get(e.variable);
        return captured === undefined || !s.isMutableVariable(captured);
      }
      case "function":
        return isPureBody(s, e, live, seen);
      case "call": {
        if (!e.args.every(expression)) return false;
        if (e.method !== undefined) return PURE.has(`string.${e.method}`) && expression(e.callee);
        const f = constantIn(s, e.callee, live);
        return typeof f === "function" && isPureFunction(s, f, seen);
      }
      default:
        return operandsOf(e).every(expression);
    }
  };
  const block = ({ statements }: Block): boolean =>
    statements.every((statement) => {
      if (statement.kind === "assign" || statement.kind === "globalinit")
        for (const target of statement.targets) {
          if (target.kind === "local" && own(target.variable)) continue;
          if (target.kind === "index" && target.object.kind === "local" && own(target.object.variable))
            continue;
          return false;
        }
      return expressionsOf(statement).every(expression) && blocksOf(statement).every(block);
    });
  return block(body.body);
}

/** A function behind names that nothing changes. */
function constantIn(s: Specializer, e: Expression, live: ReadonlyMap<Variable, LiveVariable>): LuaValue {
  if (e.kind === "local") {
    if (e.variable.name === "_ENV" && !live.has(e.variable)) return s.script.state.globals;
    const captured = live.get(e.variable);
    return captured === undefined || s.isMutableVariable(captured) ? undefined : captured.get();
  }
  if (e.kind === "global" || (e.kind === "index" && e.key.kind === "string")) {
    const object = constantIn(s, e.kind === "global" ? e.env : e.object, live);
    const key = e.kind === "global" ? e.name : (e.key as { value: string }).value;
    return object instanceof LuaTable && !s.isMutable(object, key) ? object.get(key) : undefined;
  }
  return undefined;
}

/** The values of a list whose holes are filled: the last expression may give several. Raises what the script would raise. */
export function evaluateList(
  state: LuaState,
  list: readonly Expression[],
  holes: ReadonlyMap<Expression, LuaValue>,
): LuaValue[] {
  return list.flatMap((e, i) =>
    i === list.length - 1 ? evaluateAll(state, e, holes) : [evaluate(state, e, holes)],
  );
}

/** The functions whose calls may wait until their results are printed, with the types of these. */
export const DEFERRED: Readonly<Record<string, readonly ("string" | "number")[]>> = {
  "string.gsub": ["string", "number"],
  "string.format": ["string"],
  "string.rep": ["string"],
  "string.reverse": ["string"],
  "string.char": ["string"],
  "string.pack": ["string"],
  "table.concat": ["string"],
  tostring: ["string"],
};

/** A function that the hook makes, as a constant: if it only computes, and from constants. */
export function pureClosure(s: Specializer, { body, frame }: Closure): Single | undefined {
  const captured: unknown[] = [];
  const live = new Map<Variable, LiveVariable>();
  for (const variable of body.upvalues) {
    if (isItself(variable, body)) return undefined;
    const value = s.constantValue(s.readIn(frame, variable));
    if (value === undefined) return undefined;
    const known = frame.liveVariable(variable);
    if (known !== undefined && s.isMutableVariable(known)) return undefined;
    live.set(variable, { name: variable.name, cell: undefined, get: () => value.value });
    captured.push(needsCell(variable) ? { v: value.value } : value.value);
  }
  if (!isPureBody(s, body, live, new Set())) return undefined;
  const f = s.instantiate(body, captured);
  return f === undefined ? undefined : { kind: "function", f };
}

/** The value of an expression whose holes are filled. Raises what the script would raise. */
export function evaluate(state: LuaState, e: Expression, holes: ReadonlyMap<Expression, LuaValue>): LuaValue {
  return firstResult(evaluateAll(state, e, holes));
}

function evaluateAll(state: LuaState, e: Expression, holes: ReadonlyMap<Expression, LuaValue>): LuaValue[] {
  if (holes.has(e)) return [holes.get(e)];
  const one = (inner: Expression): LuaValue => evaluate(state, inner, holes);
  const { plain } = state.machine;
  switch (e.kind) {
    case "true":
      return [true];
    case "false":
      return [false];
    case "integer":
    case "string":
      return [e.value];
    case "paren":
      return [one(e.inner)];
    case "unary": {
      const value = one(e.operand);
      if (e.op === "not") return [value === undefined || value === false];
      return [
        (e.op === "-" ? plain.unm(value) : e.op === "~" ? plain.bnot(value) : plain.len(value)) as LuaValue,
      ];
    }
    case "binary":
      return [binary(state, e, one)];
    case "table": {
      const table = new LuaTable();
      let next = 1;
      for (const [i, { key, value }] of e.items.entries()) {
        if (key !== undefined) table.set(one(key) as string, one(value));
        else if (i < e.items.length - 1) table.set(next++, one(value));
        else for (const item of evaluateAll(state, value, holes)) table.set(next++, item);
      }
      return [table];
    }
    case "call": {
      const args = evaluateList(state, e.args, holes);
      const callee = one(e.callee);
      if (e.method === undefined) return resultList(state.call(callee as LuaFunction, ...args));
      const method = plain.index(callee, e.method) as LuaFunction;
      return resultList(state.call(method, callee, ...args));
    }
    default:
      return [undefined];
  }
}

function binary(
  state: LuaState,
  e: Extract<Expression, { kind: "binary" }>,
  one: (inner: Expression) => LuaValue,
): LuaValue {
  const { plain } = state.machine;
  const left = one(e.left);
  const isTrue = left !== undefined && left !== false;
  if (e.op === "and") return isTrue ? one(e.right) : left;
  if (e.op === "or") return isTrue ? left : one(e.right);
  const right = one(e.right);
  switch (e.op) {
    case "==":
      return plain.eq(left, right) as boolean;
    case "~=":
      return !plain.eq(left, right);
    case "<":
      return plain.lt(left, right) as boolean;
    case "<=":
      return plain.le(left, right) as boolean;
    case ">":
      return plain.lt(right, left) as boolean;
    case ">=":
      return plain.le(right, left) as boolean;
    default:
      return plain[e.op === ".." ? "concat" : ARITHMETIC[e.op]](left, right) as LuaValue;
  }
}
