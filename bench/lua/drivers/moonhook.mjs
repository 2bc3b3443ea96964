/**
 * Moonhook: the program is loaded as a script into a runtime of the public entry, and each repetition is a callback
 * as a hook's is, from the host, with the instruction budget and the memory bound counting. Only their limits are
 * higher than a hook's.
 */

import { readFileSync } from "node:fs";
import { Runtime, SimulatedKernel } from "moonhook";
import { int64 } from "moonhook/lua";
import { liveBytes } from "../../../dist/linux/memory-meter.js";
import { readArguments, repeat } from "./repeat.mjs";

const options = readArguments();
const runtime = new Runtime({
  kernel: new SimulatedKernel({ log: (_level, text) => console.error(text), seed: 1 }),
  budget: 1e12,
  memoryLimitBytes: 1024 * 1024 * 1024,
  liveBytes,
});
runtime.load(readFileSync(options.program, "latin1"), options.program);
const run = runtime.state.globals.get("run");
repeat(options, () => {
  const value = runtime.state.call(run);
  return typeof value === "string" ? value : int64.toDecimal(value);
});
