/** The command `moonhook`: picks the subcommand, prints help, and turns failures into messages and exit statuses. */

import { readFileSync } from "node:fs";
import { CommandFailure, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from "./failure.ts";
import { type CommandLine, helpText, type ParsedLine, parseCommandLine } from "./options.ts";
import { colour, TextOutput } from "./output.ts";

/** What each file beside this one exports. */
export interface Subcommand {
  readonly commandLine: CommandLine;
  run(line: ParsedLine, streams: Streams): Promise<number>;
}

export interface Streams {
  readonly out: TextOutput;
  readonly talk: TextOutput;
}

// Loaded when asked for: `moonhook lua` must not pay for netlink.
const subcommands: Record<string, { summary: string; load: () => Promise<Subcommand> }> = {
  run: { summary: "run a script on packets", load: async () => (await import("./run.ts")).runCommand },
  check: {
    summary: "say what each backend can and cannot do with a script",
    load: async () => (await import("./check.ts")).checkCommand,
  },
  lua: {
    summary: "run a plain Lua file in the kernel dialect",
    load: async () => (await import("./lua.ts")).luaCommand,
  },
  list: {
    summary: "list the hooks that stay in the kernel without a process",
    load: async () => (await import("./list.ts")).listCommand,
  },
  stop: {
    summary: "end hooks that stay in the kernel without a process",
    load: async () => (await import("./stop.ts")).stopCommand,
  },
  doctor: {
    summary: "say what this machine offers, and what is missing",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
};

/** Runs the command; returns the exit status and never throws. */
export async function main(args: string[]): Promise<number> {
  const streams: Streams = { out: new TextOutput(1), talk: new TextOutput(2) };
  try {
    const status = await dispatch(args, streams);
    streams.out.flush();
    streams.talk.flush();
    return status;
  } catch (error) {
    return reportFailure(error, streams);
  }
}

async function dispatch(args: string[], streams: Streams): Promise<number> {
  let [name, ...rest] = args;
  // `moonhook help run` is `moonhook run --help`.
  if (name === "help" && rest[0] !== undefined) [name, rest] = [rest[0], ["--help"]];
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    (name === undefined ? streams.talk : streams.out).line(overview());
    return name === undefined ? EXIT_USAGE : EXIT_DONE;
  }
  if (name === "--version" || name === "version") {
    streams.out.line(`moonhook ${version()}`);
    return EXIT_DONE;
  }
  const entry = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (entry === undefined) {
    throw new CommandFailure(EXIT_USAGE, `there is no command '${name}'`, ["Try 'moonhook --help'."]);
  }
  const subcommand = await entry.load();
  const line = parseCommandLine(subcommand.commandLine, rest);
  if (line.values["help"]) {
    streams.out.line(helpText(subcommand.commandLine));
    return EXIT_DONE;
  }
  return subcommand.run(line, streams);
}

function overview(): string {
  const width = Math.max(...Object.keys(subcommands).map((name) => name.length)) + 2;
  return [
    "usage: moonhook COMMAND [ARGUMENT…]",
    "",
    "Linux netfilter extensions in Lua: simulated, on live packets, or inside the kernel.",
    "",
    "commands:",
    ...Object.entries(subcommands).map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`),
    "",
    "'moonhook COMMAND --help' tells more.",
  ].join("\n");
}

function version(): string {
  return (
    JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
  ).version;
}

function reportFailure(error: unknown, { out, talk }: Streams): number {
  const prefix = colour(talk, "red", "moonhook:");
  flushQuietly(out);
  if (error instanceof CommandFailure) {
    talk.line(`${prefix} ${error.message}`);
    for (const detail of error.details) talk.line(detail);
  } else {
    // Our own mistake: the stack helps whoever mends it.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    talk.line(`${prefix} internal error: ${text}`);
  }
  flushQuietly(talk);
  return error instanceof CommandFailure ? error.status : EXIT_FAILED;
}

/** A failure is being reported already: that its report cannot be written is no further news. */
function flushQuietly(output: TextOutput): void {
  try {
    output.flush();
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
  }
}
