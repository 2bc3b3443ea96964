/**
 * From a program with symbols to one that the kernel holds: maps get their descriptors, kernel functions the ids that
 * this kernel gives them, source positions go along as BTF. A refusal comes back to the source line.
 */

import { formatInstruction } from "../ebpf/disassemble.ts";
import { Executable } from "../ebpf/executable.ts";
import { encode, relocate } from "../ebpf/instruction.ts";
import { programBtf } from "../ebpf/program-btf.ts";
import { type Program, type SourceSpan, spanOfSlot } from "../ebpf/program-builder.ts";
import { loadBtf } from "../linux/bpf-btf.ts";
import type { KernelMap } from "../linux/bpf-map.ts";
import { type KernelProgram, loadProgram } from "../linux/bpf-program.ts";
import { ErrnoError } from "../linux/errors.ts";
import { kernelBtf } from "./kernel-btf.ts";

export interface LoadOptions {
  readonly name: string;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** BPF_NETFILTER for programs of netfilter; others may leave it out. */
  readonly expectedAttachType?: number;
  /** By the names that the program uses. */
  readonly maps?: Readonly<Record<string, KernelMap>>;
  /** The text of a source line, for the verifier's log. */
  readonly lineText?: (span: SourceSpan) => string | undefined;
  /** As in `loadProgram`. */
  readonly logLevel?: number;
}

/** The verifier refuses a program: where, why, and its whole log. */
export class VerifierError extends Error {
  override readonly name = "VerifierError";
  /** The kernel's last words before it gave up. */
  readonly reason: string;
  readonly log: string;
  /** The slot it had come to, where the log tells. */
  readonly slot: number | undefined;
  /** Where in the source that slot comes from. */
  readonly span: SourceSpan | undefined;

  constructor(program: Program, refusal: ErrnoError) {
    const log = refusal.detail ?? "";
    const { slot, reason } = lastWords(log);
    const span = slot === undefined ? undefined : spanOfSlot(program, slot);
    const made = slot === undefined ? undefined : new Executable(program).slots[slot];
    const place = [
      span && `${span.chunk}:${span.line}`,
      made && `slot ${slot} '${formatInstruction(made)}'`,
    ].filter((part) => part !== undefined);
    super(
      `the kernel's verifier refuses ${refusal.object}${place.length > 0 ? ` at ${place.join(", ")}` : ""}: ${reason || refusal.code}`,
      { cause: refusal },
    );
    this.reason = reason;
    this.log = log;
    this.slot = slot;
    this.span = span;
  }
}

/** The last instruction that a log shows, and the last line that is none and no statistics either. */
function lastWords(log: string): { slot: number | undefined; reason: string } {
  let slot: number | undefined;
  let reason = "";
  for (const line of log.split("\n")) {
    const instruction = /^(\d+): \([0-9a-f]{2}\) /.exec(line);
    if (instruction) slot = Number(instruction[1]);
    else if (isReason(line)) reason = line.trim();
  }
  // What the whole program is checked for comes before the first instruction.
  const named = slot === undefined ? /\binsn (\d+)/.exec(reason)?.[1] : undefined;
  return { slot: named === undefined ? slot : Number(named), reason };
}

/** Neither a state of registers, nor a source line, nor where the verifier goes, nor what it counted at the end. */
const isReason = (line: string): boolean =>
  line.trim() !== "" &&
  !/^(;|\d+: |from \d|processed \d|verification time|stack depth|func#|mark_precise|Live regs|peak_states)/.test(
    line,
  );

/**
 * Loads a program. Throws `VerifierError` when the verifier refuses it, `BtfError` when this kernel lacks a function
 * that it calls, `ErrnoError` for any other refusal.
 */
export function loadInKernel(program: Program, options: LoadOptions): KernelProgram {
  const { name, type, maps = {}, lineText, expectedAttachType, logLevel } = options;
  const instructions = relocate(program.instructions, {
    map: (symbol) => {
      const map = maps[symbol];
      if (map === undefined)
        throw new RangeError(`program '${name}' uses a map '${symbol}' that was not given`);
      return map.fd;
    },
    kfunc: (symbol) => kernelBtf().functionId(symbol),
  });
  const { btf, funcInfo, lineInfo } = programBtf(program, lineText);
  const types = loadBtf(btf);
  try {
    return loadProgram({
      name,
      type,
      instructions: encode(instructions),
      btf: types,
      funcInfo,
      lineInfo,
      ...(expectedAttachType !== undefined && { expectedAttachType }),
      ...(logLevel !== undefined && { logLevel }),
    });
  } catch (error) {
    if (error instanceof ErrnoError && error.detail !== undefined) throw new VerifierError(program, error);
    throw error;
  } finally {
    types.close();
  }
}
