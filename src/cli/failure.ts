/** How a command ends badly: an exit status of design (0 done, 1 the script failed, 2 usage, 3 the machine cannot). */

import { ErrnoError, UnsupportedError } from "../linux/errors.ts";

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_MACHINE = 3;

/** Ends the command with `status`; the message is for the user and complete. */
export class CommandFailure extends Error {
  readonly status: number;
  /** Further lines, printed under the message as they are. */
  readonly details: readonly string[];

  constructor(status: number, message: string, details: readonly string[] = []) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

/** A call that the system refused, or a feature it lacks, for the user; anything else unchanged. */
export function machineFailure(error: unknown): unknown {
  return error instanceof ErrnoError || error instanceof UnsupportedError
    ? new CommandFailure(EXIT_MACHINE, error.message)
    : error;
}

export function usageFailure(message: string, hint: string): CommandFailure {
  return new CommandFailure(EXIT_USAGE, message, [hint]);
}
