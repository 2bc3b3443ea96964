/** The signals that ask a run to end: Ctrl-C, a service manager, a terminal that was closed. */

import { closeSync, constants, openSync } from "node:fs";

const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Calls `stop` for each of them from now on; returns what ends that. SIGHUP ends a run, too, when its terminal is gone
 * or there is nothing that could be read again; otherwise it calls `again`, as services are told to.
 */
export function onStopSignals(stop: () => void, again?: () => void): () => void {
  const hadTerminal = hasTerminal();
  const hangUp = (): void => (again === undefined || (hadTerminal && !hasTerminal()) ? stop() : again());
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  process.on("SIGHUP", hangUp);
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    process.off("SIGHUP", hangUp);
  };
}

/** The kernel takes a closed terminal away from its processes before it signals them. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", constants.O_RDONLY | constants.O_NOCTTY));
    return true;
  } catch {
    return false;
  }
}
