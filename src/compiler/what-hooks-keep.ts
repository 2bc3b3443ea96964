/**
 * Whether the hooks of a script keep anything for later packets, or leave something to chance. Packets that a program
 * cannot decide may go to user space, where the hook runs from its start, only if they do not: what they keep would be in
 * two places. Told from the text of all that hooks can reach; what is not sure counts as kept.
 */

import type { SourceSpan } from "../ebpf/program-builder.ts";
import { LabeledSet, StringSet } from "../kernel/string-set.ts";
import type { Block, CallExpression, Expression, FunctionBody, Span, Target, Variable } from "../lua/ast.ts";
import { displayName } from "../lua/position.ts";
import { blocksOf, expressionsOf, operandsOf } from "../lua/syntax-walk.ts";
import { LuaTable } from "../lua/table.ts";
import { type LuaFunction, LuaUserdata, type LuaValue } from "../lua/value.ts";
import type { Script } from "./calling.ts";
import { type LiveVariable, liveVariables } from "./frame.ts";
import { PURE } from "./intrinsics.ts";

export interface Kept {
  readonly span: SourceSpan;
  readonly what: string;
  /** Nothing that is kept, but what user space is not told: connections that only begin. */
  readonly isConnection?: boolean;
}

/** Native functions beside `PURE` that change nothing which outlives the packet. */
const HARMLESS: ReadonlySet<string> = new Set(
  "print error assert pcall xpcall ipairs pairs next getmetatable table.pack linux.time tostring".split(" "),
);
/** Those that change their first argument. */
const CHANGING: ReadonlySet<string> = new Set(
  "table.insert table.remove table.sort setmetatable rawset".split(" "),
);
/** Methods of what is no object of the script: strings, the packet and views of it, sets. */
const OBJECTS = ["string", "skb", "data", "set"];

/** Functions and methods that ask for connections. */
const CONNECTIONS = /^(conntrack\.|connmark$)/;

/** The first thing that is kept, undefined when nothing is. */
export function whatHooksKeep(script: Script, hooks: readonly LuaFunction[]): Kept | undefined {
  const walk = new Walk(script);
  try {
    for (const hook of hooks) walk.visit(hook);
    return undefined;
  } catch (error) {
    if (error instanceof Found) return error.kept;
    throw error;
  }
}

class Found extends Error {
  readonly kept: Kept;
  constructor(kept: Kept) {
    super(kept.what);
    this.kept = kept;
  }
}

class Walk {
  readonly #script: Script;
  readonly #seen = new Set<LuaValue>();
  #at: SourceSpan = { chunk: "?", line: 0 };
  #source = "?";
  #live: ReadonlyMap<Variable, LiveVariable> = new Map();
  /** Locals that hold a table of their own. */
  readonly #fresh = new Set<Variable>();

  constructor(script: Script) {
    this.#script = script;
  }

  /** A value that hooks can get hold of. */
  visit(value: LuaValue): void {
    if (this.#seen.has(value)) return;
    if (value instanceof LuaUserdata) {
      const { object } = value;
      if (!(object instanceof StringSet || object instanceof LabeledSet)) this.#found("an object");
    } else if (value instanceof LuaTable) {
      this.#seen.add(value);
      for (let entry = value.next(undefined); entry !== undefined; entry = value.next(entry[0]))
        for (const part of entry) this.visit(part);
      if (value.metatable !== undefined) this.visit(value.metatable);
    } else if (typeof value === "function") {
      this.#seen.add(value);
      this.#function(value as LuaFunction);
    }
  }

  #found(what: string): never {
    throw new Found({ span: this.#at, what, isConnection: CONNECTIONS.test(what) });
  }

  #function(f: LuaFunction): void {
    const name = this.#script.nameOf(f);
    if (name !== undefined) {
      const isHarmless =
        PURE.has(name) || HARMLESS.has(name) || OBJECTS.some((object) => name.startsWith(`${object}.`));
      if (!isHarmless) this.#found(name);
      return;
    }
    const info = this.#script.state.functionInfo(f);
    if (info === undefined) this.#found("a function of the host");
    const outside = [this.#source, this.#live, this.#at] as const;
    this.#source = info.source;
    this.#live = liveVariables(info, f);
    this.#body(info.body);
    [this.#source, this.#live, this.#at] = outside;
  }

  #body({ body }: FunctionBody): void {
    this.#block(body);
  }

  #move({ line, column }: Span): void {
    this.#at = { chunk: displayName(this.#source), line, column };
  }

  #block({ statements }: Block): void {
    for (const s of statements) {
      this.#move(s);
      if (s.kind === "local")
        for (const [i, variable] of s.variables.entries())
          if (s.values[i]?.kind === "table" && !variable.assigned) this.#fresh.add(variable);
      if (s.kind === "assign" || s.kind === "globalinit") {
        for (const target of s.targets) this.#target(target);
        for (const value of s.values) this.#expression(value);
      } else for (const e of expressionsOf(s)) this.#expression(e);
      for (const block of blocksOf(s)) this.#block(block);
    }
  }

  #target(target: Target): void {
    this.#move(target);
    if (target.kind === "local") {
      if (this.#live.has(target.variable)) this.#found(`the variable '${target.variable.name}'`);
      return;
    }
    if (target.kind === "global") this.#found(`the variable '${target.name}'`);
    if (!this.#isFresh(target.object)) this.#found("a field of a table");
    this.#expression(target.key);
  }

  #isFresh(e: Expression | undefined): boolean {
    return e?.kind === "table" || (e?.kind === "local" && this.#fresh.has(e.variable));
  }

  #expression(e: Expression): void {
    this.#move(e);
    if (e.kind === "function") {
      this.#body(e);
      return;
    }
    if (e.kind === "call" && this.#call(e)) return;
    const value = this.#valueOf(e);
    if (value !== undefined) this.visit(value);
    else for (const operand of operandsOf(e)) this.#expression(operand);
  }

  /** True when all of it has been looked at. */
  #call(e: CallExpression): boolean {
    if (e.method !== undefined) {
      const name = e.method;
      if (CONNECTIONS.test(name)) this.#found(name);
      if (OBJECTS.every((object) => this.#script.native(`${object}.${name}`) === undefined))
        this.#found(`the method '${name}'`);
      return false;
    }
    const callee = this.#valueOf(e.callee);
    const native = typeof callee === "function" ? this.#script.nameOf(callee as LuaFunction) : undefined;
    if (native === undefined || !CHANGING.has(native)) return false;
    if (!this.#isFresh(e.args[0])) this.#found(native);
    for (const arg of e.args) this.#expression(arg);
    return true;
  }

  /** What names that nothing assigns stand for. */
  #valueOf(e: Expression): LuaValue {
    if (e.kind === "local") {
      if (e.variable.name === "_ENV" && !this.#live.has(e.variable)) return this.#script.state.globals;
      return this.#live.get(e.variable)?.get();
    }
    if (e.kind !== "global" && !(e.kind === "index" && e.key.kind === "string")) return undefined;
    const object = this.#valueOf(e.kind === "global" ? e.env : e.object);
    if (!(object instanceof LuaTable)) return undefined;
    if (object.metatable !== undefined) this.visit(object.metatable);
    return object.get(e.kind === "global" ? e.name : (e.key as { value: string }).value);
  }
}
