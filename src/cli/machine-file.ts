/** The description of a machine that a command reads. */

import { readFileSync } from "node:fs";
import { MachineError, readMachine } from "../kernel/machine.ts";
import type { DeviceOptions } from "../kernel/simulated.ts";
import { CommandFailure, EXIT_USAGE } from "./failure.ts";
import { systemText } from "./output.ts";

/** The devices of the machine that the file describes; '-' is standard input. */
export function readMachineFile(path: string): DeviceOptions[] {
  try {
    return readMachine(readFileSync(path === "-" ? 0 : path, "utf8"));
  } catch (error) {
    const reason = error instanceof MachineError ? error.message : systemText(error);
    throw new CommandFailure(EXIT_USAGE, `cannot take the machine '${path}': ${reason}`);
  }
}
