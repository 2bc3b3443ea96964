/** How it fails to bring a script into the kernel, or packets out of it: for the user, with what to do. */

import type { Script } from "../backends/backend.ts";
import { EntryRefused, HooksRefused } from "../backends/compile-script.ts";
import { DevicesRequired, PinRequired } from "../backends/ebpf.ts";
import { VerifierError } from "../bpf/load.ts";
import { ErrnoError, UnsupportedError } from "../linux/errors.ts";
import { diagnosticLine, diagnosticLines } from "./diagnostics.ts";
import {
  CommandFailure,
  EXIT_FAILED,
  EXIT_MACHINE,
  EXIT_USAGE,
  machineFailure,
  usageFailure,
} from "./failure.ts";
import { scriptFailure } from "./script-file.ts";

/** Why a script cannot run in the kernel though nothing is wrong with it, one line each. */
export function reasonsAgainst(script: Script, error: unknown): string[] | undefined {
  if (error instanceof HooksRefused) return error.diagnostics.map((each) => diagnosticLine(script, each));
  if (error instanceof VerifierError) return [error.message, FAULT_OF_OURS];
  const isMachine =
    error instanceof UnsupportedError ||
    (error instanceof ErrnoError && error.call.startsWith("bpf(")) ||
    isBtfError(error);
  return isMachine ? [(error as Error).message] : undefined;
}

const FAULT_OF_OURS =
  "this is a fault of Moonhook, not of the script; 'moonhook check SCRIPT --print log' shows all that the verifier says";

/** What a live run ended with. */
export function kernelFailure(script: Script, error: unknown): unknown {
  if (error instanceof ErrnoError) {
    // A name that the user gave: everything else is something that this machine does not do.
    if (
      (error.call === "open" && error.code === "ENOENT") ||
      error.call === "mkdir" ||
      error.call === "if_nametoindex"
    )
      return new CommandFailure(EXIT_USAGE, error.message);
  }
  if (error instanceof HooksRefused)
    return new CommandFailure(
      EXIT_FAILED,
      `'${script.path}' cannot run in the kernel; with --on nfqueue it can`,
      error.diagnostics.flatMap((each) => diagnosticLines(script, "ebpf", each)),
    );
  if (error instanceof EntryRefused) return new CommandFailure(EXIT_FAILED, error.message);
  if (error instanceof PinRequired)
    return usageFailure(`${error.message}: give one with --pin NAME`, "Try 'moonhook run --help'.");
  if (error instanceof DevicesRequired) return usageFailure(error.message, "Try 'moonhook run --help'.");
  if (error instanceof VerifierError) return new CommandFailure(EXIT_FAILED, error.message, [FAULT_OF_OURS]);
  if (isBtfError(error)) return new CommandFailure(EXIT_MACHINE, error.message);
  return scriptFailure(script, machineFailure(error));
}

const isBtfError = (error: unknown): error is Error => error instanceof Error && error.name === "BtfError";
