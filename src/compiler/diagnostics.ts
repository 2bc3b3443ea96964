/** What cannot be compiled: where, why, and what to write instead. */

import type { SourceSpan } from "../ebpf/program-builder.ts";

export interface Refusal {
  readonly span: SourceSpan | undefined;
  /** What stands there and cannot be compiled. */
  readonly reason: string;
  /** What to write instead, or which backend to use. */
  readonly advice: string;
}

/** Ends the compilation of a piece of a hook; whether the rest can do without it is decided further out. */
export class CannotCompile extends Error implements Refusal {
  override readonly name = "CannotCompile";
  readonly span: SourceSpan | undefined;
  readonly reason: string;
  readonly advice: string;

  constructor(span: SourceSpan | undefined, reason: string, advice: string) {
    super(reason);
    this.span = span;
    this.reason = reason;
    this.advice = advice;
  }
}
