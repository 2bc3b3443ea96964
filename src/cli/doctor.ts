/** `moonhook doctor`: what this machine offers, and what is missing for which backend. */

import { probeBpfFeatures } from "../bpf/probes.ts";
import { probeFeatures } from "../linux/features.ts";
import { EXIT_DONE, usageFailure } from "./failure.ts";
import type { Streams, Subcommand } from "./main.ts";
import type { CommandLine, ParsedLine } from "./options.ts";
import { colour } from "./output.ts";

const commandLine: CommandLine = {
  name: "doctor",
  synopsis: "[--json]",
  summary: "Says what this machine offers, and what is missing for which backend.",
  options: { json: { help: "one JSON object a line" } },
};

const MIN_NODE = 20;

async function run(line: ParsedLine, { out }: Streams): Promise<number> {
  if (line.positionals.length > 0)
    throw usageFailure(`unexpected '${line.positionals[0]}'`, "Try 'moonhook doctor --help'.");
  const major = Number(process.versions.node.split(".")[0]);
  const rows = [
    {
      feature: "node",
      ok: major >= MIN_NODE,
      detail: `Node.js ${process.versions.node} on ${process.platform} ${process.arch}; ${MIN_NODE} or later is needed`,
      neededBy: "sim",
      howToGet: "install a later Node.js",
    },
    ...probeFeatures(),
    ...probeBpfFeatures(),
  ];
  for (const row of rows) {
    if (line.values["json"]) {
      out.line(JSON.stringify({ type: "feature", ...row }));
      continue;
    }
    const mark = row.ok ? colour(out, "green", "ok     ") : colour(out, "red", "missing");
    out.line(`${mark}  ${row.feature}: ${row.detail} (for ${row.neededBy})`);
    if (!row.ok && row.howToGet !== "") out.line(`         ${row.howToGet}`);
  }
  return EXIT_DONE;
}

export const doctorCommand: Subcommand = { commandLine, run };
