/** How the machine says no: a call that failed, or a feature that is not there. */

import { errnoName } from "../uapi/errno.ts";

/** A system call or a netlink request that the kernel refused: `socket(AF_NETLINK): EPERM`. */
export class ErrnoError extends Error {
  override readonly name = "ErrnoError";
  /** The bare errno name, such as "EPERM". */
  readonly code: string;
  /** What was called. */
  readonly call: string;
  /** What it was called for. */
  readonly object: string;
  /** The kernel's own words (extended acknowledgement), or a hint of ours. */
  readonly detail: string | undefined;

  constructor(code: string, call: string, object: string, detail?: string) {
    super(`${call} ${object}: ${code}${detail ? ` (${detail})` : ""}`);
    this.code = code;
    this.call = call;
    this.object = object;
    this.detail = detail;
  }

  /** From a positive errno number. */
  static fromNumber(errno: number, call: string, object: string, detail?: string): ErrnoError {
    return new ErrnoError(errnoName(errno) ?? `errno ${errno}`, call, object, detail);
  }
}

/** This machine, or this process, lacks something. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
  /** What is missing, in a few words. */
  readonly feature: string;
  /** How to get it. */
  readonly howToGet: string;
  /** The kernel release that brought it, where there is one. */
  readonly since: string | undefined;

  constructor(feature: string, howToGet: string, options: { since?: string; cause?: unknown } = {}) {
    super(`${feature}: ${howToGet}`, "cause" in options ? { cause: options.cause } : undefined);
    this.feature = feature;
    this.howToGet = howToGet;
    this.since = options.since;
  }
}
