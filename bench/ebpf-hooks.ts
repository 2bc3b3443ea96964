/** Hooks of the examples in the kernel, compiled as `moonhook run --on ebpf` compiles them, attached to nothing. */

import { readFileSync } from "node:fs";
import { LoadedScript } from "../src/backends/compile-script.ts";
import { KernelPrograms, kernelLayout } from "../src/backends/kernel-programs.ts";
import { SimulatedKernel } from "../src/kernel/simulated.ts";

const BUDGET = 100_000n;

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
  const source = edit(readFileSync(path, "latin1"));
  const kernel = new SimulatedKernel({ log: () => undefined });
  const script = new LoadedScript({ path, source }, kernel, { loadBudget: 100_000_000 });
  const layout = kernelLayout();
  const start = performance.now();
  const compiled = script.compile(layout);
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

/** A name as it stands in a DNS message, each label behind its length, as latin1. */
export const wireName = (name: string): string =>
  name
    .split(".")
    .map((label) => String.fromCharCode(label.length) + label)
    .join("");
