/** Hooks of the examples in the kernel, compiled as `moonhook run --on ebpf` compiles them, attached to nothing. */

import { readFileSync } from "node:fs";
import { KernelPrograms, kernelLayout } from "../src/backends/kernel-programs.ts";
import { compileHooks } from "../src/compiler/compile-hooks.ts";
import type { HookRegistration } from "../src/kernel/kernel.ts";
import { SimulatedKernel } from "../src/kernel/simulated.ts";
import type { LuaTable } from "../src/lua/table.ts";
import type { LuaFunction } from "../src/lua/value.ts";
import { Runtime } from "../src/runtime/runtime.ts";

const BUDGET = 100_000n;

class RecordingKernel extends SimulatedKernel {
  readonly registered: HookRegistration[] = [];

  override registerHook(hook: HookRegistration): () => void {
    this.registered.push(hook);
    return super.registerHook(hook);
  }
}

export interface LoadedHooks {
  readonly programs: KernelPrograms;
  /** From the syntax tree to programs. */
  readonly compileMs: number;
  /** Maps made and filled, programs verified. */
  readonly loadMs: number;
}

/** `edit` changes the script's text before it is loaded. Throws when any part of a hook cannot be compiled. */
export function loadExample(
  name: string,
  edit: (source: string) => string = (source) => source,
): LoadedHooks {
  const path = `examples/${name}.lua`;
  const kernel = new RecordingKernel({ log: () => undefined });
  const runtime = new Runtime({ kernel, loadBudget: 100_000_000 });
  runtime.load(edit(readFileSync(path, "latin1")), path);
  const { state, natives } = runtime;
  const script = {
    state,
    nameOf: (f: LuaFunction) => natives.nameOf(f),
    native: (wanted: string) => natives.native(wanted),
  };
  const hooks = kernel.registered.map(({ source, mark }, i) => ({
    name: `${name}${i || ""}`,
    hook: (source as LuaTable).get("hook") as LuaFunction,
    mark,
  }));
  const layout = kernelLayout();
  const start = performance.now();
  const compiled = compileHooks(script, hooks, layout);
  const middle = performance.now();
  const programs = new KernelPrograms(compiled, { budget: BUDGET, timeOffsetNs: 0n });
  const end = performance.now();
  return { programs, compileMs: middle - start, loadMs: end - middle };
}

/** The script with another list of names. */
export const withNames =
  (names: readonly string[]) =>
  (source: string): string =>
    source.replace(
      /^local BLOCKED = .*$/m,
      `local BLOCKED = { ${names.map((name) => `"${name}"`).join(", ")} }`,
    );
