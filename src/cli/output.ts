/**
 * Standard output is the product, standard error is talk. Both are written synchronously, so that nothing is lost
 * when the process ends and a slow reader slows us down instead of filling memory.
 */

import { writeSync } from "node:fs";
import { isatty } from "node:tty";

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

/** Buffered text for one file descriptor. */
export class TextOutput {
  readonly isTerminal: boolean;
  readonly #fd: number;
  #pending = "";
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.isTerminal = isatty(fd);
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
    if (!writeAll(this.#fd, new TextEncoder().encode(pending))) this.#closed = true;
  }
}

const COLOURS = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

/** Colours only on a terminal, and never against https://no-color.org. */
export function colour(output: TextOutput, name: keyof typeof COLOURS, text: string): string {
  if (!output.isTerminal || process.env["NO_COLOR"]) return text;
  return `\x1b[${COLOURS[name]}m${text}\x1b[0m`;
}
