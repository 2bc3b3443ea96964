/** What this process may do. */

import { readFileSync } from "node:fs";
import { CAP } from "../uapi/capability.ts";
import { UnsupportedError } from "./errors.ts";

export type CapabilityName = keyof typeof CAP;

/** The effective capabilities as a bit set (CapEff of /proc/self/status); 0 where there is no such file. */
export function effectiveCapabilities(): bigint {
  try {
    return parseCapabilities(readFileSync("/proc/self/status", "latin1"));
  } catch {
    return 0n;
  }
}

/** From the text of /proc/PID/status. */
export function parseCapabilities(status: string): bigint {
  const digits = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return digits === undefined ? 0n : BigInt(`0x${digits}`);
}

export const hasCapability = (name: CapabilityName, set = effectiveCapabilities()): boolean =>
  ((set >> BigInt(CAP[name])) & 1n) === 1n;

/** Throws `UnsupportedError` unless this process has the capability; `purpose` completes "… needs it". */
export function requireCapability(name: CapabilityName, purpose: string): void {
  if (hasCapability(name)) return;
  throw new UnsupportedError(`no permission: ${purpose} needs ${name}`, howToGetCapability(name));
}

export const howToGetCapability = (name: CapabilityName): string =>
  `run as root (sudo), or give the program the capability: setcap ${name.toLowerCase()}+ep "$(command -v node)"`;
