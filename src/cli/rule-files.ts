/** Rule sets that commands read, and write with their counters. */

import { readFileSync, writeFileSync } from "node:fs";
import type { SimulatedRules } from "../backends/sim.ts";
import { CommandFailure, EXIT_FAILED, EXIT_USAGE } from "./failure.ts";
import type { Streams } from "./main.ts";
import { systemText } from "./output.ts";

/** The text of a rule file; '-' is standard input. */
export function readRules(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "latin1");
  } catch (error) {
    throw new CommandFailure(EXIT_USAGE, `cannot read rules '${path}': ${systemText(error)}`);
  }
}

/** Both families one behind the other; '-' is standard output. */
export function writeRules(path: string, { v4, v6 }: SimulatedRules, out: Streams["out"]): void {
  const parts = [
    ...(v4 === undefined ? [] : [`# iptables-save -c\n${v4}`]),
    ...(v6 === undefined ? [] : [`# ip6tables-save -c\n${v6}`]),
  ];
  const text = parts.join("");
  if (path === "-") {
    for (const line of text.trimEnd().split("\n")) out.line(line);
    return;
  }
  try {
    writeFileSync(path, text, "latin1");
  } catch (error) {
    throw new CommandFailure(EXIT_FAILED, `cannot write counters to '${path}': ${systemText(error)}`);
  }
}
