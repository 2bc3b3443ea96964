/** What a script's top level may ask while it is only looked at. */

import type { Kernel } from "../kernel/kernel.ts";
import { SimulatedKernel } from "../kernel/simulated.ts";
import { whyNoSystemCalls } from "../linux/ffi.ts";
import { LiveKernel } from "./live-kernel.ts";

export interface LoadingKernel {
  readonly kernel: Kernel;
  /** The machine's own, with its devices and clock; else a simulated one. What is printed is not shown. */
  readonly isReal: boolean;
  close(): void;
}

export function kernelToLoadWith(): LoadingKernel {
  if (whyNoSystemCalls())
    return { kernel: new SimulatedKernel({ log: () => {} }), isReal: false, close: () => {} };
  const kernel = new LiveKernel(() => {});
  return { kernel, isReal: true, close: () => kernel.close() };
}
