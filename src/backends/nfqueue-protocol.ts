/** What the two threads of backend `nfqueue` say to each other. */

import { ErrnoError, UnsupportedError } from "../linux/errors.ts";
import { LuaError, ScriptAbort } from "../lua/error.ts";
import type { RuntimeContext } from "../runtime/runtime.ts";
import type { Counters, LogEvent, PacketEvent, Script } from "./backend.ts";

/** A station with its queue, for whoever wants to know what was armed. */
export interface ArmedStation {
  /** NFPROTO_* */
  readonly family: number;
  readonly hooknum: number;
  readonly priority: number;
  readonly queue: number;
}

export interface WorkerSetup {
  readonly script: Script;
  readonly netns: string | undefined;
  readonly only: readonly number[] | undefined;
  readonly failClosed: boolean;
  readonly context: RuntimeContext | undefined;
  readonly budget: number | undefined;
  readonly loadBudget: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  readonly wantsPackets: boolean;
  readonly shared: SharedState;
}

/** Numbers that both sides see at once. */
export interface SharedState {
  /** Int32: see CONTROL. */
  readonly control: SharedArrayBuffer;
  /** Float64: one for each of COUNTER_NAMES. */
  readonly counters: SharedArrayBuffer;
}

export const CONTROL = {
  /** Not 0: the worker shall end. */
  stop: 0,
  /** Messages with events that the main thread has not handled yet. */
  unhandled: 1,
  length: 2,
} as const;

const COUNTER_NAMES = [
  "packets",
  "accepted",
  "dropped",
  "modified",
  "errors",
] as const satisfies (keyof Counters)[];

export function makeSharedState(): SharedState {
  return {
    control: new SharedArrayBuffer(CONTROL.length * Int32Array.BYTES_PER_ELEMENT),
    counters: new SharedArrayBuffer(COUNTER_NAMES.length * Float64Array.BYTES_PER_ELEMENT),
  };
}

export function writeCounters(target: Float64Array, counters: Counters): void {
  COUNTER_NAMES.forEach((name, index) => {
    target[index] = counters[name];
  });
}

export function readCounters(source: Float64Array): Counters {
  const counters: Counters = { packets: 0, accepted: 0, dropped: 0, modified: 0, errors: 0 };
  COUNTER_NAMES.forEach((name, index) => {
    counters[name] = source[index]!;
  });
  return counters;
}

export type WorkerMessage =
  /** Descriptors belong to the process: they stay open when the thread dies, and with them rules and queues. */
  | { readonly kind: "opened"; readonly descriptors: readonly number[] }
  | { readonly kind: "ready"; readonly stations: readonly ArmedStation[] }
  | { readonly kind: "events"; readonly events: readonly (PacketEvent | LogEvent)[] }
  | { readonly kind: "failed"; readonly failure: SerializedError }
  | { readonly kind: "stopped" };

/** Structured cloning forgets the class of an error. */
export type SerializedError =
  | { readonly kind: "lua"; readonly message: string }
  | { readonly kind: "abort"; readonly message: string; readonly reason: ScriptAbort["reason"] }
  | {
      readonly kind: "errno";
      readonly code: string;
      readonly call: string;
      readonly object: string;
      readonly detail: string | undefined;
    }
  | { readonly kind: "unsupported"; readonly feature: string; readonly howToGet: string }
  | { readonly kind: "other"; readonly message: string; readonly stack: string | undefined };

export function serializeError(error: unknown): SerializedError {
  if (error instanceof LuaError) return { kind: "lua", message: error.message };
  if (error instanceof ScriptAbort) return { kind: "abort", message: error.message, reason: error.reason };
  if (error instanceof ErrnoError) {
    const { code, call, object, detail } = error;
    return { kind: "errno", code, call, object, detail };
  }
  if (error instanceof UnsupportedError) {
    return { kind: "unsupported", feature: error.feature, howToGet: error.howToGet };
  }
  if (error instanceof Error) return { kind: "other", message: error.message, stack: error.stack };
  return { kind: "other", message: String(error), stack: undefined };
}

export function reviveError(failure: SerializedError): Error {
  switch (failure.kind) {
    case "lua":
      return new LuaError(failure.message);
    case "abort":
      return new ScriptAbort(failure.reason, failure.message);
    case "errno":
      return new ErrnoError(failure.code, failure.call, failure.object, failure.detail);
    case "unsupported":
      return new UnsupportedError(failure.feature, failure.howToGet);
    case "other": {
      const error = new Error(failure.message);
      if (failure.stack !== undefined) error.stack = failure.stack;
      return error;
    }
  }
}
