/** `moonhook run SCRIPT`: a script on the packets of a capture. */

import { closeSync, openSync, readSync, renameSync, unlinkSync } from "node:fs";
import type { Running, Script } from "../backends/backend.ts";
import { sim } from "../backends/sim.ts";
import { liveBytes } from "../linux/memory-meter.ts";
import { LuaError, ScriptAbort } from "../lua/index.ts";
import type { RuntimeContext } from "../runtime/runtime.ts";
import { textFromLatin1 } from "../util/latin1.ts";
import { CaptureError } from "../wire/capture.ts";
import { type EventPrinter, jsonPrinter, quietPrinter, textPrinter } from "./event-printer.ts";
import { CommandFailure, EXIT_DONE, EXIT_FAILED, EXIT_MACHINE, EXIT_USAGE, usageFailure } from "./failure.ts";
import type { Streams, Subcommand } from "./main.ts";
import { type CommandLine, numberOption, type ParsedLine, stringOption } from "./options.ts";
import { writeAll } from "./output.ts";
import { readScript, scriptFileReader, sourceExcerpt } from "./script-file.ts";

const MIB = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const CONTEXTS: readonly string[] = ["softirq", "hardirq", "process"];
const HINT = "Try 'moonhook run --help'.";

const commandLine: CommandLine = {
  name: "run",
  synopsis: "SCRIPT [softirq|hardirq|process] [options]",
  summary: "Runs a script on packets: those of a capture file (--pcap).",
  options: {
    on: {
      value: "BACKEND",
      choices: ["auto", "sim"],
      help: "where to run; auto (the default) takes sim for --pcap",
    },
    pcap: { value: "FILE", help: "packets from this pcap or pcapng file; '-' is standard input" },
    write: { value: "FILE", help: "the packets that left the path, as rewritten; '-' is standard output" },
    local: {
      value: "ADDR,…",
      help: "the machine's own addresses; auto (the default) takes the busiest of the capture",
    },
    budget: {
      value: "N",
      help: "loop rounds and calls that a hook may use for one packet (default 1000000)",
    },
    memory: { value: "MIB", help: "mebibytes that the script may keep alive (default 128)" },
    json: { help: "one JSON object a line" },
    quiet: { help: "only the summary" },
  },
  notes: ["Exit status: 0 done, 1 the script or the capture failed, 2 usage, 3 the machine cannot do it."],
};

async function run(line: ParsedLine, streams: Streams): Promise<number> {
  const [name, ...words] = line.positionals;
  if (name === undefined) throw usageFailure("no script given", HINT);
  const unknown = words.find((word) => !CONTEXTS.includes(word));
  if (unknown !== undefined)
    throw usageFailure(`'${unknown}' is no context; they are ${CONTEXTS.join(", ")}`, HINT);
  const script = readScript(name);
  const pcap = stringOption(line, "pcap");
  if (pcap === undefined) {
    throw new CommandFailure(
      EXIT_MACHINE,
      "live packets are not built yet; give a capture with --pcap FILE",
      [HINT],
    );
  }
  const write = stringOption(line, "write");
  if (write === "-" && (line.values["json"] || !line.values["quiet"])) {
    throw usageFailure("--write - needs standard output for the capture: add --quiet", HINT);
  }
  const printer = line.values["json"]
    ? jsonPrinter(streams)
    : line.values["quiet"]
      ? quietPrinter(streams)
      : textPrinter(streams);
  return runCapture(script, pcap, write, words[0] as RuntimeContext | undefined, line, printer, streams);
}

async function runCapture(
  script: Script,
  pcap: string,
  write: string | undefined,
  context: RuntimeContext | undefined,
  line: ParsedLine,
  printer: EventPrinter,
  { talk, out }: Streams,
): Promise<number> {
  const input = openInput(pcap);
  const output = write === undefined ? undefined : new OutputFile(write);
  const budget = numberOption(line, commandLine, "budget");
  const memory = numberOption(line, commandLine, "memory");
  const local = stringOption(line, "local");
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
        ...(context === undefined ? {} : { context }),
        ...(budget === undefined ? {} : { budget }),
        ...(memory === undefined ? {} : { memoryLimitBytes: memory * MIB }),
        local: local === undefined || local === "auto" ? "auto" : local.split(","),
        liveBytes,
        readFile: scriptFileReader(script),
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

/** What a script's top level threw, for its author; anything else unchanged. */
export function scriptFailure(script: Script, error: unknown): unknown {
  if (!(error instanceof LuaError || error instanceof ScriptAbort)) return error;
  return new CommandFailure(EXIT_FAILED, textFromLatin1(error.message), sourceExcerpt(script, error.message));
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

export const runCommand: Subcommand = { commandLine, run };
