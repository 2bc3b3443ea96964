/**
 * The capture that `moonhook run` reads and the one it writes. Files are read in chunks with a turn of the event loop
 * between them, and pipes as a stream: a signal must reach us while a capture is long, or does not come.
 */

import {
  closeSync,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
} from "node:fs";
import { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { CommandFailure, EXIT_FAILED, EXIT_USAGE } from "./failure.ts";
import { systemText, writeAll } from "./output.ts";

/** Some hundred packets: a slow script must not keep a signal waiting for long. */
const CHUNK_BYTES = 64 * 1024;

export interface CaptureInput {
  /** Each is valid until the next one is asked for. */
  readonly chunks: AsyncIterable<Uint8Array>;
  close(): void;
}

/** Opens a capture for reading; '-' is standard input. `stop` is asked before every chunk: true ends the capture there. */
export function openCapture(path: string, stop: () => boolean): CaptureInput {
  let fd: number;
  let stats: Stats;
  try {
    fd = path === "-" ? 0 : openSync(path, "r");
    stats = fstatSync(fd);
  } catch (error) {
    throw new CommandFailure(EXIT_USAGE, `cannot open capture '${path}': ${systemText(error)}`);
  }
  const unreadable = (error: unknown): CommandFailure =>
    new CommandFailure(EXIT_FAILED, `cannot read capture '${path}': ${systemText(error)}`);
  if (stats.isDirectory()) {
    if (fd !== 0) closeSync(fd);
    throw new CommandFailure(EXIT_USAGE, `cannot open capture '${path}': it is a directory`);
  }
  if (stats.isFIFO() || stats.isSocket()) {
    const stream = new Socket({ fd, readable: true, writable: false });
    return { chunks: streamChunks(stream, stop, unreadable), close: () => stream.destroy() };
  }
  return {
    chunks: fileChunks(fd, stop, unreadable),
    close: () => {
      if (fd !== 0) closeSync(fd);
    },
  };
}

type Wrap = (error: unknown) => CommandFailure;

async function* fileChunks(fd: number, stop: () => boolean, wrap: Wrap): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  while (!stop()) {
    let length: number;
    try {
      length = readSync(fd, buffer, 0, buffer.length, null);
    } catch (error) {
      throw wrap(error);
    }
    if (length === 0) return;
    // Packets are dealt with before the next chunk is asked for, so one buffer does.
    yield buffer.subarray(0, length);
    await setImmediate();
  }
}

async function* streamChunks(stream: Socket, stop: () => boolean, wrap: Wrap): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) {
      if (stop()) return;
      yield chunk as Uint8Array;
    }
  } catch (error) {
    throw wrap(error);
  }
}

/** Where the packets go that left the path. */
export interface CaptureOutput {
  /** False when the reader has gone. */
  write(bytes: Uint8Array): boolean;
  /** What was written is whole: it gets its name. */
  commit(): void;
  /** Removes what was not committed, where that is possible. */
  discard(): void;
}

/**
 * Opens a capture for writing; '-' is standard output. A file is written beside the name it will have, and given that
 * name only when it is whole, so that it may be the file that is read; a device or a pipe is written to as it is.
 */
export function createCapture(path: string): CaptureOutput {
  const failed = (error: unknown, status = EXIT_FAILED): CommandFailure =>
    new CommandFailure(status, `cannot write '${path}': ${systemText(error)}`);
  const write = (fd: number, bytes: Uint8Array): boolean => {
    try {
      return writeAll(fd, bytes);
    } catch (error) {
      throw failed(error);
    }
  };
  if (path === "-") return { write: (bytes) => write(1, bytes), commit: () => {}, discard: () => {} };
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) throw new CommandFailure(EXIT_USAGE, `cannot write '${path}': it is a directory`);
  const replaces = stats === undefined || stats.isFile();
  // The file behind a symbolic link is replaced, not the link.
  const target = stats?.isFile() ? realpathSync(path) : path;
  const opened = replaces ? `${target}.${process.pid}.tmp` : path;
  let fd: number;
  try {
    fd = openSync(opened, "w", stats === undefined ? 0o666 : stats.mode & 0o777);
  } catch (error) {
    throw failed(error, EXIT_USAGE);
  }
  let open = true;
  const finish = (end: () => void): void => {
    if (!open) return;
    open = false;
    closeSync(fd);
    if (replaces) end();
  };
  return {
    write: (bytes) => write(fd, bytes),
    commit: () =>
      finish(() => {
        try {
          renameSync(opened, target);
        } catch (error) {
          unlinkSync(opened);
          throw failed(error);
        }
      }),
    discard: () => finish(() => unlinkSync(opened)),
  };
}
