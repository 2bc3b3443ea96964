/**
 * Coroutines. JavaScript has no way to suspend a stack of calls, so a function that runs inside a coroutine is another
 * version of it, compiled from the same tree when it is first needed (compile.ts): one that can be left and entered
 * again.
 *
 * A yield unwinds: it sets `machine.unwinding` and returns. Each caller looks after a call, saves its variables and
 * the place in a frame, and returns as well, until the resume is reached. The next resume enters the innermost
 * function again: it restores its frame, jumps to its place, and takes what the resume passed for the result of its
 * call. When it returns, its result goes to the next frame, and so on. So a frame that stays suspended, deep below
 * others that yield again and again, is saved once.
 *
 * What was called in between, natives that know nothing of this, cannot be left: a yield below them is an error, as in
 * PUC Lua.
 */

import { observingErrors, ScriptAbort } from "./error.ts";
import type { Machine } from "./machine.ts";
import { enterFrames, leaveFrames, type Places } from "./position.ts";
import { type LuaFunction, type LuaResult, type LuaValue, resultList } from "./value.ts";

/** A function that was left: itself, its site, where its sites are in the script, and the values of its variables. */
export type Frame = [fn: () => LuaResult, site: number, places: Places | undefined, ...values: unknown[]];

/** A function with its other version beside it. */
export type ResumableFunction = LuaFunction & { resumable?: LuaFunction };

export type CoroutineStatus = "suspended" | "running" | "normal" | "dead";

export class LuaCoroutine {
  status: CoroutineStatus = "suspended";
  /** A protected call in it, which was left, wants to know where errors are raised. */
  isObserved = false;
  readonly body: LuaFunction;
  /** The innermost one last; undefined until the first resume. */
  frames: Frame[] | undefined;

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
  passed: LuaValue[],
  error: Error | undefined,
): LuaValue[] {
  let result: LuaResult = passed;
  let failure: unknown = error;
  let isStart = coroutine.frames === undefined;
  coroutine.frames ??= [];
  const { frames } = coroutine;
  enterFrames(frames);
  try {
    for (;;) {
      try {
        if (isStart) {
          isStart = false;
          result = machine.settle(machine.co(coroutine.body)(...passed));
        } else {
          const frame = frames.pop();
          if (frame === undefined) break;
          machine.rewinding = true;
          machine.frame = frame;
          machine.delivered = result;
          machine.failure = failure;
          failure = undefined;
          const go = (): LuaResult => machine.settle(frame[0]());
          result = coroutine.isObserved ? observingErrors(go) : go();
        }
      } catch (thrown) {
        failure = thrown;
        // Limits are not for the frames to see.
        if (thrown instanceof ScriptAbort) break;
      }
      if (machine.unwinding) {
        machine.unwinding = false;
        const { left } = machine;
        while (left.length > 0) frames.push(left.pop()!);
        if (machine.leftObserved) {
          machine.leftObserved = false;
          coroutine.isObserved = true;
        }
        coroutine.status = "suspended";
        return machine.yielded;
      }
    }
  } finally {
    leaveFrames();
  }
  coroutine.status = "dead";
  if (failure !== undefined) throw failure;
  return resultList(result);
}
