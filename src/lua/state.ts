/**
 * One Lua state: globals, libraries, limits. A host loads source, runs it, and calls back into functions; each run
 * and each callback has its own instruction budget.
 */

import { compileChunk, compileResumable } from "./compile.ts";
import type { LuaCoroutine } from "./coroutine.ts";
import { LuaError, observingErrors, ScriptAbort } from "./error.ts";
import { Finalizers } from "./finalizers.ts";
import { openLibraries } from "./lib/index.ts";
import type { IoHost } from "./lib/io.ts";
import { traceback } from "./lib/traceback.ts";
import { type FunctionInfo, isStackOverflow, type LinkedChunk, Machine, toLuaError } from "./machine.ts";
import { meterFor } from "./meter.ts";
import { parse } from "./parser.ts";
import {
  displayName,
  positionsOfStack,
  registerSourceMap,
  reserveSourceName,
  SourceMap,
} from "./position.ts";
import { LuaTable } from "./table.ts";
import { type LuaFunction, type LuaResult, type LuaValue, resultList, settle } from "./value.ts";

export interface LuaStateOptions {
  /** Loop rounds and calls that one callback may use; default 1,000,000. */
  readonly budget?: number;
  /** The same for `run`; default 100,000,000. */
  readonly loadBudget?: number;
  /** Default 128 MiB. */
  readonly memoryLimitBytes?: number;
  /**
   * Bytes alive on the heap now, after a collection; or, when `collect` is false, bytes in use, dead or alive, which
   * must not take long. Without it, what one callback allocates is bounded.
   */
  readonly liveBytes?: (collect?: boolean) => number | undefined;
  /** Errors that `run` and `call` throw have a `traceback`; raising errors then takes longer. */
  readonly traceback?: boolean;
  /** Receives what `print` prints, without the end of line. */
  readonly print?: (line: string) => void;
  readonly warn?: (text: string) => void;
  /** The bytes of a file for `require`, `loadfile` and `dofile`; undefined when it cannot be read. */
  readonly readFile?: (path: string) => string | undefined;
  /** Files for the `io` library; without it there is none. */
  readonly io?: IoHost;
}

/** Loop rounds and calls of one callback. */
export const DEFAULT_BUDGET = 1_000_000;
const DEFAULT_LOAD_BUDGET = 100_000_000;
const DEFAULT_MEMORY_BYTES = 128 * 1024 * 1024;

export class LuaState {
  readonly globals = new LuaTable();
  /** `package.loaded` */
  readonly loaded = new LuaTable();
  /** `package.preload` */
  readonly preload = new LuaTable();
  readonly options: LuaStateOptions;
  readonly finalizers: Finalizers = new Finalizers(this);
  readonly machine: Machine;
  /** The coroutine that runs now; undefined in the main one. */
  currentCoroutine: LuaCoroutine | undefined = undefined;
  readonly #budget: number;
  #depth = 0;

  constructor(options: LuaStateOptions = {}) {
    this.options = options;
    this.#budget = options.budget ?? DEFAULT_BUDGET;
    this.machine = new Machine({
      memoryLimitBytes: options.memoryLimitBytes ?? DEFAULT_MEMORY_BYTES,
      liveBytes: options.liveBytes,
    });
    this.machine.begin(DEFAULT_LOAD_BUDGET);
    openLibraries(this);
  }

  get stringMetatable(): LuaTable | undefined {
    return this.machine.stringMetatable;
  }

  set stringMetatable(metatable: LuaTable | undefined) {
    this.machine.stringMetatable = metatable;
  }

  /**
   * Compiles a chunk. `chunkName` is `@path`, `=name`, or the source itself. Throws `LuaError` with the message of a
   * syntax error. What a chunk does outside functions and loops is compiled to run once.
   */
  load(source: string, chunkName: string): LuaFunction {
    return this.loadWith(source, chunkName, this.globals);
  }

  /** The same with `env` for the globals. */
  loadWith(source: string, chunkName: string, env: LuaValue): LuaFunction {
    const isLasting = this.#depth === 0;
    let generated: ReturnType<typeof compileChunk>;
    let tree: ReturnType<typeof parse>;
    try {
      tree = parse(source, chunkName);
      generated = compileChunk(tree, isLasting);
    } catch (error) {
      if (isStackOverflow(error))
        throw new LuaError(`${displayName(chunkName)}: chunk has too many syntax levels`);
      throw error;
    }
    const chunk = displayName(chunkName);
    const { id, name } = reserveSourceName();
    const machine = this.machine;
    let factories: ((...captured: unknown[]) => LuaFunction)[];
    const versions: ReturnType<LinkedChunk["resumableFactory"]>[] = [];
    const linked: LinkedChunk = {
      source: chunkName,
      functions: tree.functions,
      resumableFactory: (functionId) => {
        versions[functionId] ??= ((): ReturnType<LinkedChunk["resumableFactory"]> => {
          const version = compileResumable(tree.functions[functionId]!);
          const source = reserveSourceName();
          const names = { source: chunkName, chunk };
          const link = compiled(["$", "make", "places"], version.code, source.name);
          registerSourceMap(source.id, new SourceMap(chunkName, chunk, version.marks, link), isLasting);
          return link(machine, factories, { ...names, sites: version.saved }) as never;
        })();
        return versions[functionId];
      },
      instantiate: (functionId, captured) => factories[functionId]!(...captured),
    };
    const link = compiled(["$", "chunk"], generated.code, name);
    registerSourceMap(id, new SourceMap(chunkName, chunk, generated.marks, link), isLasting);
    factories = link(machine, linked) as never;
    return factories[0]!(tree.env.assigned ? { v: env } : env);
  }

  /** What is known of a function of a script; undefined for a native one. */
  functionInfo(f: LuaFunction): FunctionInfo | undefined {
    return this.machine.closureOf(f);
  }

  /** Runs a main chunk, with the larger budget. Throws `LuaError` or `ScriptAbort`. */
  run(f: LuaFunction, ...args: LuaValue[]): LuaValue[] {
    return resultList(this.#protected(f, args, this.options.loadBudget ?? DEFAULT_LOAD_BUDGET));
  }

  /** Whether warnings are shown; `warn("@off")` switches them off. */
  warns = true;

  /** Hands a warning to the host. */
  warn(text: string): void {
    if (this.warns) this.options.warn?.(text);
  }

  /** Ends the state: what `__gc` is for is done now. Errors in it are warnings. */
  close(): void {
    this.finalizers.runAll();
  }

  /**
   * Calls a function. From the host this is a callback with a fresh budget; from a native function that Lua called
   * it is part of the callback that is under way. Throws `LuaError` or `ScriptAbort`.
   */
  call(f: LuaFunction, ...args: LuaValue[]): LuaResult {
    if (this.#depth > 0) return settle(f(...args));
    return this.#protected(f, args, this.#budget);
  }

  #protected(f: LuaFunction, args: LuaValue[], budget: number): LuaResult {
    const { machine, currentCoroutine } = this;
    const isOutermost = this.#depth === 0;
    const payer = meterFor(machine);
    this.#depth++;
    try {
      if (isOutermost) machine.begin(budget);
      const wantsTraceback = isOutermost && this.options.traceback === true;
      const result = wantsTraceback ? observingErrors(() => settle(f(...args))) : settle(f(...args));
      machine.checkAborted();
      return result;
    } catch (error) {
      machine.checkAborted();
      if (error instanceof ScriptAbort) throw error;
      const luaError = error instanceof LuaError ? error : withPosition(error);
      if (luaError.positions !== undefined) luaError.traceback ??= traceback(this, luaError.positions, true);
      throw luaError;
    } finally {
      this.#depth--;
      this.currentCoroutine = currentCoroutine;
      if (isOutermost) machine.end();
      meterFor(payer);
    }
  }

  isLuaError(error: unknown): boolean {
    return error instanceof LuaError || error instanceof ScriptAbort;
  }

  /** Takes `n` rounds of the budget, for a native function that loops. */
  spend(n: number): void {
    this.machine.spend(n);
  }

  /** Announces an allocation; throws `ScriptAbort` when it is beyond the memory bound. */
  charge(bytes: number): void {
    this.machine.charge(bytes);
  }

  // The operations of the language, with metamethods, for native functions.

  index(object: LuaValue, key: LuaValue): LuaValue {
    return this.machine.plain.index(object, key) as LuaValue;
  }

  setIndex(object: LuaValue, key: LuaValue, value: LuaValue): void {
    this.machine.plain.setindex(object, key, value);
  }

  length(value: LuaValue): LuaValue {
    return this.machine.plain.len(value) as LuaValue;
  }

  lessThan(a: LuaValue, b: LuaValue): boolean {
    return this.machine.plain.lt(a, b) as boolean;
  }

  tostring(value: LuaValue): string {
    return this.machine.tostring(value);
  }

  metatableOf(value: LuaValue): LuaTable | undefined {
    return this.machine.metatableOf(value);
  }
}

/** A function of generated code, which the engine shows under `name`. */
function compiled(parameters: string[], code: string, name: string): (...args: unknown[]) => unknown {
  return new Function(...parameters, `${code}\n//# sourceURL=${name}`) as (...args: unknown[]) => unknown;
}

/** A stack overflow or a refused allocation of the engine, as a Lua error with the place where it happened. */
export function withPosition(error: unknown): LuaError {
  const luaError = toLuaError(error);
  if (luaError === error) return luaError;
  const [position] = positionsOfStack(error instanceof Error ? (error.stack ?? "") : "");
  return position === undefined
    ? luaError
    : new LuaError(`${position.chunk}:${position.site.line}: ${String(luaError.value)}`);
}

/** The source that the engine runs for a chunk: for people who want to see it. */
export function toJavaScript(source: string, chunkName: string): string {
  // Without the marks of positions.
  return compileChunk(parse(source, chunkName), true).code.replace(/^\/\*\d+\*\//gm, "");
}
