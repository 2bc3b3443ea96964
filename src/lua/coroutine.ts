/**
 * A coroutine runs the coroutine version of its function: a generator, compiled from the same tree when it is first
 * needed (compile.ts). `yield` in Lua is `yield` in JavaScript; what a resume passes comes back as its value.
 */

import type { LuaFunction, LuaValue } from "./value.ts";

/** A suspended run: yields the values that Lua yields, receives those of the next resume, returns the results. */
export type LuaGenerator = Generator<LuaValue[], LuaValue[], LuaValue[]>;

export type CoroutineStatus = "suspended" | "running" | "normal" | "dead";

export class LuaCoroutine {
  status: CoroutineStatus = "suspended";
  readonly body: LuaFunction;
  /** Undefined until the first resume. */
  generator: LuaGenerator | undefined;
  /** The coroutine that resumed this one. */
  resumer: LuaCoroutine | undefined;

  constructor(body: LuaFunction) {
    this.body = body;
  }
}

/**
 * Native functions that may be left by a yield and entered again (`pcall`, `coroutine.wrap` results …) have a twin of
 * this kind; other natives are called plainly, and a yield inside them is an error.
 */
export type CoroutineTwin = (...args: LuaValue[]) => Generator<LuaValue[], LuaValue | LuaValue[], LuaValue[]>;

const twins = new WeakMap<LuaFunction, CoroutineTwin>();

export function setCoroutineTwin(native: LuaFunction, twin: CoroutineTwin): LuaFunction {
  twins.set(native, twin);
  return native;
}

export function coroutineTwin(native: LuaFunction): CoroutineTwin | undefined {
  return twins.get(native);
}
