/**
 * Standard output is the product, standard error is talk. Both are written synchronously, so that nothing is lost
 * when the process ends and a slow reader slows us down instead of filling memory.
 */

import { fstatSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { CommandFailure, EXIT_FAILED } from "./failure.ts";

const FLUSH_BYTES = 64 * 1024;

/** Writes all of `bytes`, waiting for a reader that is slower than we are. Returns false when the reader has gone. */
export function writeAll(fd: number, bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") return false;
      if (code !== "EAGAIN") throw error;
      // A pipe that another process made non-blocking is full: give its reader a moment.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
  return true;
}

/** Node's module for terminals is large: it is loaded only when there may be one. */
function isTerminal(fd: number): boolean {
  try {
    if (!fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    // Closed.
    return false;
  }
  const { isatty } = createRequire(import.meta.url)("node:tty") as typeof import("node:tty");
  return isatty(fd);
}

/** Buffered text for one file descriptor. */
export class TextOutput {
  readonly isTerminal: boolean;
  readonly #fd: number;
  #pending = "";
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.isTerminal = isTerminal(fd);
  }

  /** True once the reader went away (`| head`): the caller may stop early. */
  get closed(): boolean {
    return this.#closed;
  }

  line(text: string): void {
    this.#pending += `${text}\n`;
    if (this.isTerminal || this.#pending.length >= FLUSH_BYTES) this.flush();
  }

  flush(): void {
    const pending = this.#pending;
    this.#pending = "";
    if (pending === "" || this.#closed) return;
    const erase = this.isTerminal ? takeProgressAway() : "";
    try {
      if (!writeAll(this.#fd, new TextEncoder().encode(erase + pending))) this.#closed = true;
    } catch (error) {
      // Said once: whatever follows has nowhere to go.
      this.#closed = true;
      throw new CommandFailure(EXIT_FAILED, `cannot write output: ${systemText(error)}`);
    }
  }
}

const PROGRESS_EVERY_MS = 200;
const ERASE_LINE = "\r\x1b[K";
/** Whether the terminal's last line tells of progress: what is printed next takes its place. */
let progressShown = false;

/** One line on a terminal that tells how far long work has come. */
export class Progress {
  readonly #fd: number;
  readonly #enabled: boolean;
  #shownAt = performance.now();

  constructor(fd: number) {
    this.#fd = fd;
    this.#enabled = isTerminal(fd);
  }

  /** Shows the text in place of the last one, unless that is too young. */
  show(text: () => string): void {
    if (!this.#enabled || performance.now() - this.#shownAt < PROGRESS_EVERY_MS) return;
    this.#shownAt = performance.now();
    progressShown = true;
    writeAll(this.#fd, new TextEncoder().encode(`${ERASE_LINE}${text()}`));
  }

  clear(): void {
    writeAll(this.#fd, new TextEncoder().encode(takeProgressAway()));
  }
}

function takeProgressAway(): string {
  const erase = progressShown ? ERASE_LINE : "";
  progressShown = false;
  return erase;
}

/** What the system says about a failed call, without the call: its file is named by whoever reports it. */
export function systemText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined ? text : text.replace(new RegExp(`, ${syscall}.*$`, "s"), "");
}

const COLOURS = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

/** Colours only on a terminal, and never against https://no-color.org. */
export function colour(output: TextOutput, name: keyof typeof COLOURS, text: string): string {
  if (!output.isTerminal || process.env["NO_COLOR"]) return text;
  return `\x1b[${COLOURS[name]}m${text}\x1b[0m`;
}
