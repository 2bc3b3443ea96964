/** `moonhook stop NAME`: ends hooks that stay without a process (`run --pin NAME`). */

import { listPinned, stopPinned } from "../backends/pinned-hooks.ts";
import { CommandFailure, EXIT_DONE, EXIT_FAILED, machineFailure, usageFailure } from "./failure.ts";
import type { Streams, Subcommand } from "./main.ts";
import type { CommandLine, ParsedLine } from "./options.ts";

const commandLine: CommandLine = {
  name: "stop",
  synopsis: "NAME…",
  summary: "Ends hooks that stay in the kernel without a process (run --pin NAME).",
  options: {},
  notes: ["Exit status 1 when there is no such name; the others are stopped all the same."],
};

async function run({ positionals }: ParsedLine, { talk }: Streams): Promise<number> {
  if (positionals.length === 0) throw usageFailure("no name given", "'moonhook list' shows them.");
  try {
    const missing: string[] = [];
    for (const name of positionals) {
      const stopped = stopPinned(name);
      if (stopped === undefined) {
        missing.push(name);
        continue;
      }
      talk.line(`moonhook: stopped ${name}`);
      if (stopped.matches > 0) talk.line("moonhook: rules that ask its matches match nothing from now on");
    }
    if (missing.length === 0) return EXIT_DONE;
    const names = listPinned().map(({ name }) => name);
    throw new CommandFailure(EXIT_FAILED, `there are no hooks of the name '${missing.join("', '")}'`, [
      names.length === 0 ? "Nothing is pinned." : `Pinned: ${names.join(", ")}`,
    ]);
  } catch (error) {
    throw machineFailure(error);
  }
}

export const stopCommand: Subcommand = { commandLine, run };
