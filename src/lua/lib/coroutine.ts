/** The coroutine library. */

import { LuaCoroutine, runCoroutine, setResumable, YIELDED } from "../coroutine.ts";
import { LuaError, ScriptAbort } from "../error.ts";
import { CoroutineClose } from "../operations.ts";
import { asCoroutine, runningFrames, where } from "../position.ts";
import { type LuaState, withPosition } from "../state.ts";
import { asResult, type LuaFunction, type LuaResult, resultList } from "../value.ts";
import { checkCoroutine, checkFunction, raise } from "./check.ts";
import { register } from "./register.ts";

/** Coroutines that may resume one another: each takes some of the engine's stack. */
const MAX_NESTED = 190;
/** What a coroutine takes that did not run yet, and what it takes the engine to start one, or to close it. */
const COROUTINE_BYTES = 512;
const COROUTINE_ROUNDS = 4;

export function openCoroutine(state: LuaState): void {
  const { machine } = state;
  /** The running coroutine is being closed: no closing method may yield. */
  let isClosing = false;

  /** Runs `coroutine` until it yields or ends; throws what it throws. */
  const resume = (coroutine: LuaCoroutine, passed: LuaResult): LuaResult => {
    if (coroutine.status === "dead") throw new LuaError("cannot resume dead coroutine");
    if (coroutine.status !== "suspended") throw new LuaError(`cannot resume non-suspended coroutine`);
    const resumer = state.currentCoroutine;
    if (machine.nesting >= MAX_NESTED) throw new LuaError("C stack overflow");
    if (resumer !== undefined) resumer.status = "normal";
    coroutine.status = "running";
    state.currentCoroutine = coroutine;
    machine.nesting++;
    const outer = runningFrames(coroutine);
    const wasClosing = isClosing;
    isClosing = false;
    try {
      return asCoroutine(runCoroutine, machine, coroutine, passed, undefined);
    } finally {
      isClosing = wasClosing;
      runningFrames(outer);
      machine.nesting--;
      state.currentCoroutine = resumer;
      if (resumer !== undefined) resumer.status = "running";
    }
  };

  const yieldPlain: LuaFunction = () => {
    throw new LuaError(
      state.currentCoroutine === undefined
        ? "attempt to yield from outside a coroutine"
        : "attempt to yield across a C-call boundary",
    );
  };
  setResumable(yieldPlain, (...args) => {
    machine.yielded = asResult(args);
    machine.unwinding = true;
    return YIELDED;
  });

  /** Inside a coroutine the plain version is only called below a native function that cannot be left. */
  const isYieldable: LuaFunction = () => false;
  setResumable(isYieldable, () => !isClosing);

  const payForCoroutine = (): void => {
    machine.charge(COROUTINE_BYTES);
    machine.spend(COROUTINE_ROUNDS);
  };

  /** Ends a suspended coroutine by an error that only scopes to be closed see; returns that of a closing method. */
  const close = (coroutine: LuaCoroutine): LuaError | undefined => {
    if (!coroutine.hasStarted) {
      coroutine.status = "dead";
      return undefined;
    }
    const resumer = state.currentCoroutine;
    state.currentCoroutine = coroutine;
    const outer = runningFrames(coroutine);
    const wasClosing = isClosing;
    isClosing = true;
    try {
      let failure: Error = new CoroutineClose();
      for (;;) {
        asCoroutine(runCoroutine, machine, coroutine, [], failure);
        // A closing method yielded; to that yield it is an error.
        failure = new LuaError("attempt to yield across a C-call boundary");
      }
    } catch (error) {
      machine.checkAborted();
      if (error instanceof CoroutineClose) return error.failure;
      if (error instanceof ScriptAbort) throw error;
      return error instanceof LuaError ? error : withPosition(error);
    } finally {
      isClosing = wasClosing;
      runningFrames(outer);
      state.currentCoroutine = resumer;
      coroutine.status = "dead";
    }
  };

  register(state, "coroutine", {
    create: (body) => {
      payForCoroutine();
      return new LuaCoroutine(checkFunction(body, 1, "create"));
    },
    resume: (coroutine, ...args) => {
      const c = checkCoroutine(coroutine, 1, "resume");
      const canRun = c.status === "suspended";
      try {
        const result = resume(c, asResult(args));
        return Array.isArray(result) ? [true, ...resultList(result)] : [true, result];
      } catch (error) {
        machine.checkAborted();
        if (error instanceof ScriptAbort) throw error;
        const luaError = error instanceof LuaError ? error : withPosition(error);
        if (canRun) failures.set(c, luaError);
        return [false, luaError.value === undefined ? "<no error object>" : luaError.value];
      }
    },
    yield: yieldPlain,
    wrap: (body) => {
      payForCoroutine();
      const coroutine = new LuaCoroutine(checkFunction(body, 1, "wrap"));
      return (...args) => {
        try {
          return resume(coroutine, asResult(args));
        } catch (error) {
          // As the error goes on to another stack, text gets the position of whoever called.
          if (error instanceof LuaError && typeof error.value === "string") {
            throw new LuaError(where() + error.value);
          }
          throw error;
        }
      };
    },
    status: (coroutine) => checkCoroutine(coroutine, 1, "status").status,
    running: () => [state.currentCoroutine ?? mainCoroutine(state), state.currentCoroutine === undefined],
    isyieldable: isYieldable,
    close: (coroutine) => {
      const c = checkCoroutine(coroutine, 1, "close");
      if (c.status !== "suspended" && c.status !== "dead")
        return raise(`cannot close a ${c.status} coroutine`);
      machine.spend(COROUTINE_ROUNDS);
      const failed = failures.get(c);
      failures.delete(c);
      const error = c.status === "dead" ? failed : close(c);
      return error === undefined ? true : [false, error.value];
    },
  });
}

/** How coroutines ended that ended badly, for `coroutine.close`. */
const failures = new WeakMap<LuaCoroutine, LuaError>();
const mains = new WeakMap<LuaState, LuaCoroutine>();

/** The object that stands for the main coroutine. */
export function mainCoroutine(state: LuaState): LuaCoroutine {
  let main = mains.get(state);
  if (main === undefined) {
    main = new LuaCoroutine(() => []);
    main.status = "running";
    mains.set(state, main);
  }
  return main;
}
