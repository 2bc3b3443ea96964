/** `moonhook run --pcap`: a script on the packets of a capture file. */

import { closeSync, openSync, readSync, renameSync, unlinkSync } from "node:fs";
import type { Running, Script } from "../backends/backend.ts";
import { type SimOptions, sim } from "../backends/sim.ts";
import { liveBytes } from "../linux/memory-meter.ts";
import { fileReader } from "../linux/script-files.ts";
import { CaptureError } from "../wire/capture.ts";
import type { EventPrinter } from "./event-printer.ts";
import { CommandFailure, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from "./failure.ts";
import type { Streams } from "./main.ts";
import { writeAll } from "./output.ts";
import { scriptFailure } from "./script-file.ts";

const CHUNK_BYTES = 256 * 1024;

export interface CaptureRunOptions
  extends Omit<SimOptions, "packets" | "write" | "onLocal" | "liveBytes" | "readFile"> {
  readonly pcap: string;
  readonly write?: string;
}

export async function runCapture(
  script: Script,
  { pcap, write, ...options }: CaptureRunOptions,
  printer: EventPrinter,
  { talk, out }: Streams,
): Promise<number> {
  const input = openInput(pcap);
  const output = write === undefined ? undefined : new OutputFile(write);
  let running: Running | undefined;
  const interrupt = () => void running?.stop();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    running = await sim.start(
      script,
      {
        packets: input.chunks(() => out.closed),
        ...(output === undefined ? {} : { write: (bytes) => output.write(bytes) }),
        ...options,
        liveBytes,
        readFile: fileReader(script.path),
        onLocal: (address) => {
          talk.line(
            address === undefined
              ? "moonhook: no local address found in the capture: every packet is forwarded"
              : `moonhook: taking ${address} as the machine's own address (--local changes it)`,
          );
          talk.flush();
        },
      },
      printer,
    );
    await running.finished;
    output?.commit();
    printer.summary(running.counters());
    return EXIT_DONE;
  } catch (error) {
    if (error instanceof CaptureError && running !== undefined) {
      // What came before the damage counts, and is kept.
      output?.commit();
      printer.summary(running.counters());
      throw new CommandFailure(EXIT_FAILED, `cannot read all of '${pcap}': ${error.message}`);
    }
    throw scriptFailure(script, error);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    input.close();
    output?.discard();
  }
}

function openInput(path: string): { chunks(stop: () => boolean): Iterable<Uint8Array>; close(): void } {
  let fd: number;
  try {
    fd = path === "-" ? 0 : openSync(path, "r");
  } catch (error) {
    throw new CommandFailure(EXIT_USAGE, `cannot open capture '${path}': ${(error as Error).message}`);
  }
  return {
    *chunks(stop) {
      const buffer = new Uint8Array(CHUNK_BYTES);
      while (!stop()) {
        const length = readSync(fd, buffer, 0, buffer.length, null);
        if (length === 0) return;
        yield buffer.slice(0, length);
      }
    },
    close: () => {
      if (fd !== 0) closeSync(fd);
    },
  };
}

/** Written beside the name it will have, and given that name only when it is whole. */
class OutputFile {
  readonly #path: string;
  readonly #temporary: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#temporary = `${path}.${process.pid}.tmp`;
    try {
      this.#fd = path === "-" ? 1 : openSync(this.#temporary, "w");
    } catch (error) {
      throw new CommandFailure(EXIT_USAGE, `cannot write '${path}': ${(error as Error).message}`);
    }
  }

  write(bytes: Uint8Array): void {
    writeAll(this.#fd!, bytes);
  }

  commit(): void {
    if (this.#path !== "-") {
      closeSync(this.#fd!);
      renameSync(this.#temporary, this.#path);
    }
    this.#fd = undefined;
  }

  /** Removes what was not committed. */
  discard(): void {
    if (this.#fd === undefined || this.#path === "-") return;
    closeSync(this.#fd);
    unlinkSync(this.#temporary);
    this.#fd = undefined;
  }
}
