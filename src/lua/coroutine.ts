/**
 * Coroutines. JavaScript has no way to suspend a stack of calls, so a function that runs inside a coroutine is another
 * version of it, compiled from the same tree when it is first needed (compile.ts): one that can be left and entered
 * again.
 *
 * A yield unwinds: it sets `machine.unwinding` and returns. Each caller looks after a call, saves its variables and
 * the place in a frame, and returns as well, until the resume is reached. The next resume rewinds: it calls the
 * outermost frame's function with `machine.rewinding` set; each function takes its frame, jumps to its place and calls
 * the next one, until the yield is reached again, which returns what the resume passed.
 *
 * What was called in between, natives that know nothing of this, cannot be left: a yield below them is an error, as in
 * PUC Lua.
 */

import type { Machine } from "./machine.ts";
import type { LuaFunction } from "./value.ts";

/** A function that was left, and what it needs to go on. */
export interface Frame {
  readonly fn: LuaFunction;
  readonly pc: number;
  readonly values: readonly unknown[];
}

/** A function with its other version beside it. */
export type ResumableFunction = LuaFunction & { resumable?: LuaFunction };

export type CoroutineStatus = "suspended" | "running" | "normal" | "dead";

export class LuaCoroutine {
  status: CoroutineStatus = "suspended";
  readonly body: LuaFunction;
  /** Undefined until the first resume. */
  frames: Frame[] | undefined;
  /** The coroutine that resumed this one. */
  resumer: LuaCoroutine | undefined;

  constructor(body: LuaFunction) {
    this.body = body;
  }
}

/** Gives a native function a version that may be left by a yield (`pcall`, `yield` itself …). */
export function setResumable(native: LuaFunction, version: LuaFunction): LuaFunction {
  (native as ResumableFunction).resumable = version;
  return native;
}

/** Finds the other version of a function for the first time. */
export function resumableVersion(f: LuaFunction, machine: Machine): LuaFunction {
  let version = f;
  if (f.name === "$lua") {
    const { fuel } = machine;
    machine.entering = true;
    machine.fuel = 0;
    try {
      version = f() as LuaFunction;
    } finally {
      machine.entering = false;
      machine.fuel = fuel;
    }
  }
  (f as ResumableFunction).resumable = version;
  return version;
}
