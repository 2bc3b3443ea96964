/** Scripts in a simulated machine, for tests: what they return, what they log, and what packets become of. */

import { SimulatedKernel } from "../kernel/simulated.ts";
import { LuaError } from "../lua/error.ts";
import type { LuaValue } from "../lua/value.ts";
import { Runtime, type RuntimeOptions } from "./runtime.ts";

export interface TestMachine {
  readonly kernel: SimulatedKernel;
  readonly runtime: Runtime;
  /** `level: text` */
  readonly log: string[];
}

/** A runtime that has loaded nothing yet, on a machine with the address 10.0.0.1. */
export function machine(options: Partial<RuntimeOptions> = {}): TestMachine {
  const log: string[] = [];
  const kernel = new SimulatedKernel({ log: (level, text) => log.push(`${level}: ${text}`), seed: 1 });
  kernel.local.add("10.0.0.1");
  return { kernel, log, runtime: new Runtime({ kernel, ...options }) };
}

/** A machine with a script loaded as `test.lua`. */
export function machineWith(source: string, options: Partial<RuntimeOptions> = {}): TestMachine {
  const made = machine(options);
  made.runtime.load(source, "test.lua");
  return made;
}

/** What a script returns. */
export const evaluate = (source: string, options: Partial<RuntimeOptions> = {}): readonly LuaValue[] =>
  machineWith(source, options).runtime.returned;

/** The message of the error that a script ends with. */
export function failureOf(source: string, options: Partial<RuntimeOptions> = {}): string {
  try {
    machineWith(source, options);
  } catch (error) {
    if (error instanceof LuaError) return error.message;
    throw error;
  }
  throw new Error("the script did not fail");
}
