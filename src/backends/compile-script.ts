/**
 * A script loaded to be compiled: its top level has run, so that its hooks and all that they refer to are there, and
 * what cannot be compiled of them is said by line.
 */

import { type CompiledScript, compileHooks } from "../compiler/compile-hooks.ts";
import { CannotCompile, type Refusal } from "../compiler/diagnostics.ts";
import type { KernelLayout } from "../compiler/target.ts";
import type { SourceSpan } from "../ebpf/program-builder.ts";
import type { HookRegistration, Kernel } from "../kernel/kernel.ts";
import { liveBytes } from "../linux/memory-meter.ts";
import { fileReader } from "../linux/script-files.ts";
import { displayName } from "../lua/position.ts";
import { LuaTable } from "../lua/table.ts";
import type { LuaFunction } from "../lua/value.ts";
import { Runtime, type RuntimeContext } from "../runtime/runtime.ts";
import type { Diagnostic, Script } from "./backend.ts";

export interface LoadOptions {
  readonly context?: RuntimeContext;
  readonly budget?: number;
  readonly loadBudget?: number;
  readonly memoryLimitBytes?: number;
}

/** What cannot be compiled; the script itself is in order. */
export class HooksRefused extends Error {
  override readonly name = "HooksRefused";
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(({ message }) => message).join("; "));
    this.diagnostics = diagnostics;
  }
}

/** Runs a script's top level; its hooks are noted, and never run. */
export class LoadedScript {
  readonly runtime: Runtime;
  /** In the order of their registration. */
  readonly hooks: readonly HookRegistration[];
  readonly #script: Script;
  /** Every file that was read, by chunk name. */
  readonly #sources = new Map<string, string>();

  /** Throws what the top level throws. */
  constructor(script: Script, kernel: Kernel, options: LoadOptions = {}) {
    this.#script = script;
    this.hooks = noteHooks(kernel);
    const read = script.readFile ?? fileReader(script.path);
    const { context, budget, loadBudget, memoryLimitBytes } = options;
    this.runtime = new Runtime({
      kernel,
      liveBytes,
      ...(context === undefined ? {} : { context }),
      ...(budget === undefined ? {} : { budget }),
      ...(loadBudget === undefined ? {} : { loadBudget }),
      ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
      readFile: (path) => {
        const source = read(path);
        if (source !== undefined) this.#sources.set(displayName(`@${path}`), source);
        return source;
      },
    });
    this.#sources.set(displayName(`@${script.path}`), script.source);
    this.runtime.load(script.source, script.path);
  }

  /** All hooks as programs. Throws `HooksRefused` when one of them, or a part of one, cannot be compiled. */
  compile(layout: KernelLayout): CompiledScript {
    const diagnostics = this.hooks.flatMap((hook, i) =>
      typeof hookOf(hook) === "function" ? [] : [this.#refused(notCallable(i))],
    );
    if (diagnostics.length > 0) throw new HooksRefused(diagnostics);
    const compiled = this.#compile(this.hooks, layout);
    const refusals = "refusals" in compiled ? compiled.refusals : this.#each(layout);
    if (refusals.length > 0 || !("hooks" in compiled))
      throw new HooksRefused(refusals.toSorted(byPlace).map((refusal) => this.#refused(refusal)));
    return compiled;
  }

  /** The text of a source line, for whoever shows where something comes from. */
  lineText({ chunk, line }: SourceSpan): string | undefined {
    return this.#sources.get(chunk)?.split("\n")[line - 1];
  }

  close(): void {
    this.runtime.stop();
  }

  #compile(hooks: readonly HookRegistration[], layout: KernelLayout): CompiledScript | CannotCompile {
    const { state, natives } = this.runtime;
    const script = {
      state,
      nameOf: (f: LuaFunction) => natives.nameOf(f),
      native: (name: string) => natives.native(name),
    };
    const name = programName(this.#script.path);
    const sources = hooks.map((hook, i) => ({
      name: hooks.length === 1 ? name : `${name.slice(0, 12)}_${i + 1}`,
      hook: hookOf(hook) as LuaFunction,
      mark: hook.mark,
    }));
    try {
      return compileHooks(script, sources, layout);
    } catch (error) {
      if (error instanceof CannotCompile) return error;
      throw error;
    }
  }

  /** What is in the way, hook by hook: the first of them would hide the others. */
  #each(layout: KernelLayout): Refusal[] {
    const found: Refusal[] = [];
    for (const hook of this.hooks) {
      const compiled = this.#compile([hook], layout);
      for (const refusal of "hooks" in compiled ? compiled.refusals : [compiled])
        if (!found.some((other) => isSame(other, refusal))) found.push(refusal);
    }
    return found;
  }

  #refused({ span, reason, advice }: Refusal): Diagnostic {
    const isOwn = span === undefined || span.chunk === displayName(`@${this.#script.path}`);
    return {
      code: "cannot-compile",
      severity: "error",
      message: `${reason} cannot be compiled`,
      position: span && { line: span.line, column: span.column ?? 1 },
      advice,
      ...(isOwn ? {} : { file: span.chunk }),
    };
  }
}

const hookOf = (registration: HookRegistration): unknown =>
  registration.source instanceof LuaTable ? registration.source.get("hook") : undefined;

const notCallable = (index: number): Refusal => ({
  span: undefined,
  reason: `hook ${index + 1}, whose field 'hook' is no function,`,
  advice: "set it before netfilter.register is called",
});

const byPlace = ({ span: a }: Refusal, { span: b }: Refusal): number =>
  (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);

const isSame = (a: Refusal, b: Refusal): boolean =>
  a.reason === b.reason && a.span?.line === b.span?.line && a.span?.column === b.span?.column;

/** What the kernel calls the programs of a script: 15 characters are all it keeps. */
const programName = (path: string): string => /([^/]*?)(\.lua)?$/.exec(path)![1]!.slice(0, 15) || "script";

function noteHooks(kernel: Kernel): HookRegistration[] {
  const hooks: HookRegistration[] = [];
  const register = kernel.registerHook.bind(kernel);
  kernel.registerHook = (hook) => {
    const remove = register(hook);
    hooks.push(hook);
    return () => {
      remove();
      const at = hooks.indexOf(hook);
      if (at >= 0) hooks.splice(at, 1);
    };
  };
  return hooks;
}
