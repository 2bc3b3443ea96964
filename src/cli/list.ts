/** `moonhook list`: the hooks that stay without a process (`run --pin NAME`). */

import { listPinned, type PinnedHook } from "../backends/pinned-hooks.ts";
import { EXIT_DONE, machineFailure, usageFailure } from "./failure.ts";
import type { Streams, Subcommand } from "./main.ts";
import { familyName, hookName } from "./netfilter-names.ts";
import type { CommandLine, ParsedLine } from "./options.ts";

const commandLine: CommandLine = {
  name: "list",
  synopsis: "[--json]",
  summary: "Lists the hooks that stay in the kernel without a process (run --pin NAME).",
  options: { json: { help: "one JSON object a line" } },
};

async function run(line: ParsedLine, { out }: Streams): Promise<number> {
  if (line.positionals.length > 0)
    throw usageFailure(`unexpected '${line.positionals[0]}'`, "Try 'moonhook list --help'.");
  try {
    for (const { name, hooks, matches } of listPinned()) {
      if (line.values["json"]) {
        out.line(JSON.stringify({ type: "pinned", name, hooks, matches }));
        continue;
      }
      out.line(name);
      for (const { name: match, path } of matches)
        out.line(`  match ${match}: -m bpf --object-pinned ${path}`);
      for (const hook of hooks) out.line(`  ${placeOf(hook)}: ${hook.program}`);
    }
    return EXIT_DONE;
  } catch (error) {
    throw machineFailure(error);
  }
}

function placeOf(hook: PinnedHook): string {
  if ("ifindex" in hook) return `${hook.where} of device ${hook.ifindex}`;
  return `${familyName(hook.family)} ${hookName(hook.hooknum)}, priority ${hook.priority}`;
}

export const listCommand: Subcommand = { commandLine, run };
