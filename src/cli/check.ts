/** `moonhook check SCRIPT`: what each backend cannot do with a script, by line. Starts nothing. */

import type { Diagnostic } from "../backends/backend.ts";
import { nfqueue } from "../backends/nfqueue.ts";
import { sim } from "../backends/sim.ts";
import { fileReader } from "../linux/script-files.ts";
import { textFromLatin1 } from "../util/latin1.ts";
import { EXIT_DONE, EXIT_FAILED, usageFailure } from "./failure.ts";
import type { Streams, Subcommand } from "./main.ts";
import type { CommandLine, ParsedLine } from "./options.ts";
import { colour } from "./output.ts";
import { readScript } from "./script-file.ts";

const backends = { sim, nfqueue };

const commandLine: CommandLine = {
  name: "check",
  synopsis: "SCRIPT [--on BACKEND] [--json]",
  summary: "Says what each backend can and cannot do with a script, by line. Starts nothing.",
  options: {
    on: { value: "BACKEND", choices: Object.keys(backends), help: "only this backend" },
    json: { help: "one JSON object a line" },
  },
  notes: ["Exit status 1 when something cannot be done."],
};

async function run(line: ParsedLine, { out }: Streams): Promise<number> {
  const [name, extra] = line.positionals;
  if (name === undefined || extra !== undefined)
    throw usageFailure("give one script", "Try 'moonhook check --help'.");
  const found = readScript(name);
  const script = { ...found, readFile: fileReader(found.path) };
  let failed = false;
  for (const [backend, { check }] of Object.entries(backends)) {
    if (line.values["on"] !== undefined && line.values["on"] !== backend) continue;
    const diagnostics = check(script);
    failed ||= diagnostics.some(({ severity }) => severity === "error");
    if (line.values["json"]) {
      for (const diagnostic of diagnostics)
        out.line(JSON.stringify({ type: "diagnostic", backend, ...diagnostic }));
      out.line(JSON.stringify({ type: "check", backend, ok: diagnostics.length === 0 }));
      continue;
    }
    if (diagnostics.length === 0)
      out.line(`${colour(out, "green", "ok")}   ${backend}: ${script.path} can run`);
    for (const diagnostic of diagnostics) {
      for (const text of describe(script.path, script.source, backend, diagnostic)) out.line(text);
    }
  }
  return failed ? EXIT_FAILED : EXIT_DONE;
}

function describe(
  path: string,
  source: string,
  backend: string,
  { severity, message, position }: Diagnostic,
): string[] {
  const text = textFromLatin1(message);
  if (position === undefined) return [`${severity}   ${backend}: ${text}`];
  const sourceLine = textFromLatin1(source.split("\n")[position.line - 1] ?? "");
  return [
    `${severity}   ${backend}: ${path}:${position.line}:${position.column}: ${text}`,
    `${String(position.line).padStart(5)} | ${sourceLine}`,
  ];
}

export const checkCommand: Subcommand = { commandLine, run };
