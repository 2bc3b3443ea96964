/** Small facts about this machine. */

import { readFileSync } from "node:fs";
import { release } from "node:os";

export const kernelRelease = (): string => release();

/** One more than the highest CPU number that may ever be used. */
export function possibleCpuCount(): number {
  try {
    // "0-3", or "0,2-5"
    const ranges = readFileSync("/sys/devices/system/cpu/possible", "latin1").trim();
    return Number(ranges.split(/[,-]/).at(-1)) + 1 || 1;
  } catch {
    return 1;
  }
}

/** Whether other processors see this one's stores in their order. */
export const storesInOrder = (): boolean => process.arch === "x64" || process.arch === "ia32";
