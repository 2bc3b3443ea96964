/** `moonhook lua FILE`: a plain Lua program in the kernel dialect, without any packet. */

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { liveBytes } from "../linux/memory-meter.ts";
import { fileReader } from "../linux/script-files.ts";
import { LuaError, LuaState, ScriptAbort, toJavaScript } from "../lua/index.ts";
import { bytesFromLatin1, latin1FromText, textFromLatin1 } from "../util/latin1.ts";
import { CommandFailure, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from "./failure.ts";
import { nodeIoHost } from "./io-host.ts";
import type { Streams, Subcommand } from "./main.ts";
import { type CommandLine, numberOption, type ParsedLine } from "./options.ts";
import { systemText, writeAll } from "./output.ts";

const MIB = 1024 * 1024;
// A program that a person started may work for a while; a hook may not.
const UNLIMITED_BUDGET = Number.MAX_SAFE_INTEGER;

const commandLine: CommandLine = {
  name: "lua",
  synopsis: "[--budget N] [--memory MIB] [--print js] FILE [ARG…]",
  summary: "Runs a Lua file in the kernel dialect (64-bit integers only, no os, no floats).",
  options: {
    budget: { value: "N", help: "stop after N loop rounds and calls (default: no limit)" },
    memory: { value: "MIB", help: "stop when more than MIB mebibytes stay alive (default 1024)" },
    print: { value: "js", choices: ["js"], help: "print the generated JavaScript instead of running" },
  },
  notes: [
    "FILE '-' is standard input. The arguments are what '...' gives in the file.",
    "Exit status 1 when the program fails.",
  ],
  passThrough: true,
};

async function run(line: ParsedLine, { out, talk }: Streams): Promise<number> {
  const [file, ...args] = line.positionals;
  if (file === undefined) {
    throw new CommandFailure(EXIT_USAGE, "no Lua file given", ["Try 'moonhook lua --help'."]);
  }
  const source = readSource(file);
  const chunkName = file === "-" ? "=stdin" : `@${file}`;
  const budget = numberOption(line, commandLine, "budget") ?? UNLIMITED_BUDGET;
  let pending = "";
  const flush = () => {
    const bytes = bytesFromLatin1(pending);
    pending = "";
    // Nobody reads any more (`| head`): what the program still does would be for nothing.
    if (!writeOutput(bytes)) process.exit(EXIT_DONE);
  };
  const state = new LuaState({
    budget,
    loadBudget: budget,
    memoryLimitBytes: (numberOption(line, commandLine, "memory") ?? 1024) * MIB,
    liveBytes,
    print: (text) => {
      pending += `${text}\n`;
      if (pending.length > 64 * 1024 || out.isTerminal) flush();
    },
    warn: (text) => {
      flush();
      talk.line(`Lua warning: ${textFromLatin1(text)}`);
      talk.flush();
    },
    readFile: fileReader(file),
    io: nodeIoHost,
  });
  try {
    if (line.values["print"] === "js") {
      out.line(toJavaScript(source, chunkName));
      return EXIT_DONE;
    }
    const main = inHaste(source.length, () => state.load(source, chunkName));
    state.run(main, ...args.map(latin1FromText));
    state.close();
    return EXIT_DONE;
  } catch (error) {
    if (!(error instanceof LuaError || error instanceof ScriptAbort)) throw error;
    flush();
    talk.line(`moonhook lua: ${textFromLatin1(error.message)}`);
    state.close();
    return EXIT_FAILED;
  } finally {
    flush();
  }
}

/**
 * The engine would optimize our compiler while it is at work, which pays only after some hundred KiB of Lua; up to there
 * it takes longer than what it then saves.
 */
const SHORT_SOURCE = 256 * 1024;

/** Does without the engine's optimizing compiler, when there is little to do. */
function inHaste<T>(length: number, work: () => T): T {
  if (length > SHORT_SOURCE) return work();
  setFlagsFromString("--no-opt");
  try {
    return work();
  } finally {
    setFlagsFromString("--opt");
  }
}

/** False when the reader has gone. */
function writeOutput(bytes: Uint8Array): boolean {
  try {
    return writeAll(1, bytes);
  } catch (error) {
    throw new CommandFailure(EXIT_FAILED, `cannot write output: ${systemText(error)}`);
  }
}

function readSource(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "latin1");
  } catch (error) {
    throw new CommandFailure(EXIT_FAILED, `cannot read '${file}': ${systemText(error)}`);
  }
}

export const luaCommand: Subcommand = { commandLine, run };
