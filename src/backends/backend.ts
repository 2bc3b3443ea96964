/**
 * What the command line and the playground need of a backend. `check` says, with source positions, all that a
 * backend cannot do before anything starts; `start` arms the script; nothing is silently approximated.
 */

import type { LogLevel } from "../kernel/kernel.ts";

export type BackendName = "sim" | "nfqueue" | "ebpf";

/** A script as read from disk: `source` is a latin1 byte string. */
export interface Script {
  /** As the user named it, for messages and Lua chunk names. */
  readonly path: string;
  readonly source: string;
  /** The bytes of a file that `require` would read, to check names of modules; undefined when there is none. */
  readonly readFile?: (path: string) => string | undefined;
}

/** 1-based line and column (in bytes) of something in a script. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
}

/** Something that a backend cannot do, or that makes the script wrong everywhere. */
export interface Diagnostic {
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly position: SourcePosition | undefined;
  /** The file of the position, when it is not the script's own. */
  readonly file?: string;
  /** What to write instead. */
  readonly advice?: string;
}

export type PacketPath = "input" | "output" | "forward";
export type PacketVerdict = "accept" | "drop" | "stolen" | "queue";

/** What happened to one packet. */
export interface PacketEvent {
  readonly type: "packet";
  /** 1-based number of the packet in this run. */
  readonly n: number;
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint;
  readonly path: PacketPath;
  readonly verdict: PacketVerdict;
  readonly modified: boolean;
  readonly mark: number;
}

/** One line of the kernel log. */
export interface LogEvent {
  readonly type: "log";
  readonly level: LogLevel;
  readonly text: string;
}

export interface Counters {
  packets: number;
  accepted: number;
  dropped: number;
  modified: number;
  /** Hook runs that ended in a script error, budget and memory stops included. */
  errors: number;
}

/** Receives events in the order in which they happened. */
export interface EventSink {
  /** Left out by who does not want them: then no event is ever made. */
  packet?(event: PacketEvent): void;
  log(event: LogEvent): void;
}

/** A script that is armed. */
export interface Running {
  counters(): Counters;
  /** Removes everything that `start` put in place; safe to call again. */
  stop(): Promise<void>;
  /** Settles when the run is over: the capture ended, `stop` was called, or the backend failed (rejects). */
  readonly finished: Promise<void>;
}

export interface Backend<Options> {
  readonly name: BackendName;
  check(script: Script): Diagnostic[];
  start(script: Script, options: Options, sink: EventSink): Promise<Running>;
}
