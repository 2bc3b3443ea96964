/**
 * Coroutines. JavaScript has no way to suspend a stack of calls, so a function that runs inside a coroutine is another
 * version of it, compiled from the same tree when it is first needed (compile.ts): one that can be left and entered
 * again.
 *
 * A yield unwinds: it sets `machine.unwinding`. Each caller looks when its call gives a list, saves the place and the
 * variables that it still needs in a frame, and returns that, until the resume is reached. The next resume enters the
 * innermost function again: it restores its frame, jumps to its place, and takes what the resume passed for the result
 * of its call. When it returns, its result goes to the next frame, and so on. So a frame that stays suspended, deep
 * below others that yield again and again, is saved once.
 *
 * What was called in between, natives that know nothing of this, cannot be left: a yield below them is an error, as in
 * PUC Lua.
 */

import { observingErrors, ScriptAbort } from "./error.ts";
import type { Machine } from "./machine.ts";
import type { Places } from "./position.ts";
import { type LuaFunction, type LuaResult, type LuaValue, resultList } from "./value.ts";

/**
 * A function that was left: itself, its site, where its sites are in the script, the frame of its caller when that was
 * left as well, and the values of its variables.
 */
export type Frame = [
  fn: () => LuaResult,
  site: number,
  places: Places | undefined,
  link: unknown,
  ...values: unknown[],
];
/**
 * Where a frame is linked: on the way out to that of the function that it called, then to that of its caller; when it
 * goes on, what its call gave stands there.
 */
const LINK = 3;
/** What a yield returns on the way out: the end of the links. */
export const YIELDED: LuaValue[] = [];
Object.freeze(YIELDED);

/** What the call gave at which a function was left. */
export const deliveredTo = (frame: Frame): LuaResult => frame[LINK] as LuaResult;

/** A function with its other version beside it. */
export type ResumableFunction = LuaFunction & { resumable?: LuaFunction };

export type CoroutineStatus = "suspended" | "running" | "normal" | "dead";

export class LuaCoroutine {
  status: CoroutineStatus = "suspended";
  /** A protected call in it, which was left, wants to know where errors are raised. */
  isObserved = false;
  hasStarted = false;
  readonly body: LuaFunction;
  /** Of the innermost function that was left and did not go on yet. */
  frame: Frame | undefined = undefined;

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

/**
 * Runs a coroutine until it yields or ends, and returns what it yields or returns; `status` tells which. `passed` are
 * the arguments of its body, or what the yield returns at which it was left; that one throws `error`, when there is.
 */
export function runCoroutine(
  machine: Machine,
  coroutine: LuaCoroutine,
  passed: LuaResult,
  error: unknown,
): LuaResult {
  let result = passed;
  let failure = error;
  for (;;) {
    try {
      if (coroutine.hasStarted) {
        const { frame } = coroutine;
        if (frame === undefined) break;
        coroutine.frame = frame[LINK] as Frame | undefined;
        frame[LINK] = result;
        machine.frame = frame;
        machine.failure = failure;
        failure = undefined;
        result = coroutine.isObserved
          ? observingErrors(() => machine.settle(frame[0]()))
          : machine.settle(frame[0]());
      } else {
        coroutine.hasStarted = true;
        result = machine.settle(machine.co(coroutine.body)(...resultList(passed)));
      }
    } catch (thrown) {
      failure = thrown;
      machine.unwinding = false;
      // Limits are not for the frames to see.
      if (thrown instanceof ScriptAbort) break;
      continue;
    }
    if (machine.unwinding) {
      machine.unwinding = false;
      // The outermost one came; each is linked to what it called, and shall be linked to its caller.
      let frame = coroutine.frame;
      for (let left = result; left !== YIELDED; ) {
        const callee = (left as Frame)[LINK];
        (left as Frame)[LINK] = frame;
        frame = left as Frame;
        left = callee as LuaResult;
      }
      coroutine.frame = frame;
      if (machine.leftObserved) {
        machine.leftObserved = false;
        coroutine.isObserved = true;
      }
      coroutine.status = "suspended";
      return machine.yielded;
    }
  }
  coroutine.status = "dead";
  if (failure !== undefined) throw failure;
  return result;
}
