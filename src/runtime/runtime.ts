/**
 * A Lua state in a context: loads one script, keeps what its hooks need, and stands between their failures and the
 * packets. The top-level chunk runs once, in process context; from then on only callbacks run.
 */

import type { Kernel } from "../kernel/kernel.ts";
import { LuaError, ScriptAbort } from "../lua/error.ts";
import type { IoHost } from "../lua/lib/io.ts";
import { LuaState } from "../lua/state.ts";
import type { LuaTable } from "../lua/table.ts";
import type { LuaValue } from "../lua/value.ts";
import {
  type ClassDefinition,
  classMetatable,
  type Environment,
  type RuntimeContext,
} from "../modules/define.ts";
import { nativeModules } from "../modules/index.ts";
import { NativeNames } from "./native-names.ts";

export type { RuntimeContext } from "../modules/define.ts";

export interface RuntimeOptions {
  readonly kernel: Kernel;
  /** Default "auto": decided by the first class that works in one context only. */
  readonly context?: RuntimeContext;
  /** Loops and calls that one callback may take. */
  readonly budget?: number;
  /** The same for the top-level chunk. */
  readonly loadBudget?: number;
  readonly memoryLimitBytes?: number;
  /** Bytes of heap in use now, for the memory limit; counted by allocation alone without it. */
  readonly liveBytes?: (collect?: boolean) => number | undefined;
  /** Contents of a file for `require` and the like, undefined when there is none; `path` and the result are latin1. */
  readonly readFile?: (path: string) => string | undefined;
  /** Files for the `io` library, which interrupt runtimes do not have. */
  readonly io?: IoHost;
}

/** `loading` until the top-level chunk has returned. */
export type RuntimePhase = "loading" | "ready" | "stopped";

export class Runtime {
  readonly state: LuaState;
  /** Which native function is which, whatever the script calls it. */
  readonly natives: NativeNames;
  /** What the script returned at its top level. */
  returned: readonly LuaValue[] = [];
  /** Callbacks that ended in an error. */
  errors = 0;
  readonly #kernel: Kernel;
  readonly #metatables = new Map<ClassDefinition, LuaTable>();
  readonly #stopActions: (() => void)[] = [];
  #context: RuntimeContext;
  #phase: RuntimePhase = "loading";

  constructor(options: RuntimeOptions) {
    const { kernel, context = "auto", readFile, io, ...limits } = options;
    this.#kernel = kernel;
    this.#context = context;
    const { budget, loadBudget, memoryLimitBytes, liveBytes } = limits;
    this.state = new LuaState({
      ...(budget === undefined ? {} : { budget }),
      ...(loadBudget === undefined ? {} : { loadBudget }),
      ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
      ...(liveBytes === undefined ? {} : { liveBytes }),
      print: (text: string) => this.#log("info", text),
      warn: (text: string) => this.#log("error", text),
      ...(io === undefined ? {} : { io }),
      ...(readFile === undefined ? {} : { readFile: (path: string) => this.#readFile(readFile, path) }),
    });
    this.natives = new NativeNames(this.state);
    this.#openModules();
    if (this.#interrupts) this.#removeIo();
  }

  get phase(): RuntimePhase {
    return this.#phase;
  }

  /** "auto" while the script loads and nothing has decided it yet. */
  get context(): RuntimeContext {
    return this.#context;
  }

  /**
   * Compiles and runs the script. A `LuaError` or `ScriptAbort` is thrown on, after everything that the script had
   * put in place is gone again.
   */
  load(source: string, path: string): void {
    try {
      this.returned = this.state.run(this.state.load(source, `@${path}`));
      // Nothing asked for an interrupt context: what is left is Lunatik's default.
      if (this.#context === "auto") this.#context = "process";
      this.#phase = "ready";
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Removes all hooks, and runs what finalizers there are; harmless when repeated. */
  stop(): void {
    this.#phase = "stopped";
    for (const action of this.#stopActions.splice(0).reverse()) action();
    this.state.close();
  }

  get #interrupts(): boolean {
    return this.#context === "softirq" || this.#context === "hardirq";
  }

  #settle(context: RuntimeContext): void {
    this.#context = context;
    if (this.#interrupts) this.#removeIo();
  }

  #removeIo(): void {
    this.state.globals.set("io", undefined);
    this.state.loaded.set("io", undefined);
  }

  #openModules(): void {
    const runtime = this;
    const env: Environment = {
      state: this.state,
      kernel: this.#kernel,
      get ready() {
        return runtime.#phase === "ready";
      },
      get maySleep() {
        return runtime.#phase === "loading" || runtime.#context === "process";
      },
      claimContext: (context) => {
        if (runtime.#context === "auto") runtime.#settle(context);
        return runtime.#context === context;
      },
      onStop: (action) => runtime.#stopActions.push(action),
      callbackFailed: (error) => runtime.#callbackFailed(error),
      metatable: (definition) => runtime.#metatable(definition, env),
    };
    const natives = new Map(nativeModules.map((module) => [module.name, module]));
    addSearcher(this.state, (name) => {
      const module = natives.get(name);
      if (module === undefined) return undefined;
      return () => {
        const table = module.open(env);
        this.natives.add(module.name, table);
        return table;
      };
    });
  }

  #metatable(definition: ClassDefinition, env: Environment): LuaTable {
    let metatable = this.#metatables.get(definition);
    if (metatable === undefined) {
      metatable = classMetatable(definition, env);
      this.#metatables.set(definition, metatable);
      this.natives.add(definition.name, metatable);
    }
    return metatable;
  }

  #callbackFailed(error: unknown): void {
    this.errors++;
    this.#kernel.log("error", oneLine(messageOf(error)));
  }

  #log(level: "info" | "error", text: string): void {
    for (const line of logLines(text)) this.#kernel.log(level, line);
  }

  #readFile(readFile: (path: string) => string | undefined, path: string): string | undefined {
    if (this.#interrupts && this.#phase !== "loading") {
      throw new LuaError("cannot load file on non-sleepable runtime");
    }
    return readFile(path);
  }
}

/** The native modules come last, after `package.preload` and Lua files. */
function addSearcher(state: LuaState, find: (name: string) => (() => LuaTable) | undefined): void {
  const searchers = (state.globals.get("package") as LuaTable).get("searchers") as LuaTable;
  let last = 1;
  while (searchers.get(last) !== undefined) last++;
  searchers.set(last, (name: LuaValue) => {
    const open = find(String(name));
    return open ?? `no native module '${String(name)}'`;
  });
}

function messageOf(error: unknown): string {
  if (typeof error === "string") return error;
  if (error instanceof LuaError || error instanceof ScriptAbort) return error.message;
  // A mistake of ours must not stop the packets; its stack helps whoever mends it.
  return `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** A line of the log for each line of what is printed; a text stops at a NUL, as in the kernel. */
export function logLines(text: string): string[] {
  const end = text.indexOf("\0");
  return (end < 0 ? text : text.slice(0, end)).split("\n");
}

/** Errors are one line each. */
export const oneLine = (text: string): string => text.replaceAll("\n", " ");
