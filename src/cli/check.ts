/** `moonhook check SCRIPT`: what each backend cannot do with a script, by line. Starts nothing. */

import type { Script } from "../backends/backend.ts";
import { ebpf } from "../backends/ebpf.ts";
import { type Listing, listScript } from "../backends/ebpf-listing.ts";
import { nfqueue } from "../backends/nfqueue.ts";
import { sim } from "../backends/sim.ts";
import { fileReader } from "../linux/script-files.ts";
import { textFromLatin1 } from "../util/latin1.ts";
import { ATTACH_OPTION, attachDevices } from "./attach-option.ts";
import { diagnosticLines } from "./diagnostics.ts";
import { EXIT_DONE, EXIT_FAILED, usageFailure } from "./failure.ts";
import { kernelFailure } from "./kernel-failure.ts";
import type { Streams, Subcommand } from "./main.ts";
import { type CommandLine, type ParsedLine, stringOption } from "./options.ts";
import { colour } from "./output.ts";
import { readScript } from "./script-file.ts";

const backends = { sim, nfqueue, ebpf };

const commandLine: CommandLine = {
  name: "check",
  synopsis: "SCRIPT [--on BACKEND] [--json] [--print FORM]",
  summary: "Says what each backend can and cannot do with a script, by line. Starts nothing.",
  options: {
    on: { value: "BACKEND", choices: Object.keys(backends), help: "only this backend" },
    json: { help: "one JSON object a line" },
    attach: ATTACH_OPTION,
    print: {
      value: "FORM",
      choices: ["ir", "asm", "log"],
      help: "print what ebpf makes of it: the form before registers, the instructions, the verifier's log",
    },
  },
  notes: [
    "For ebpf the script's top level is run: what can be compiled depends on the values that it computes.",
    "Exit status 1 when something cannot be done.",
  ],
};

async function run(line: ParsedLine, { out }: Streams): Promise<number> {
  const [name, extra] = line.positionals;
  if (name === undefined || extra !== undefined)
    throw usageFailure("give one script", "Try 'moonhook check --help'.");
  const found = readScript(name);
  const script = { ...found, readFile: fileReader(found.path) };
  const attach = stringOption(line, "attach");
  const tcx = attach === undefined ? undefined : attachDevices(attach, "Try 'moonhook check --help'.");
  const listing = stringOption(line, "print");
  if (listing !== undefined) return print(script, listing as Listing, tcx !== undefined, out);
  let failed = false;
  const on = stringOption(line, "on") ?? (tcx && "ebpf");
  for (const backend of ["sim", "nfqueue", "ebpf"] as const) {
    if (on !== undefined && on !== backend) continue;
    const diagnostics =
      backend === "ebpf" ? ebpf.check(script, tcx && { tcx }) : backends[backend].check(script);
    const ok = diagnostics.every(({ severity }) => severity !== "error");
    failed ||= !ok;
    if (line.values["json"]) {
      for (const diagnostic of diagnostics)
        out.line(JSON.stringify({ type: "diagnostic", backend, ...diagnostic }));
      out.line(JSON.stringify({ type: "check", backend, ok }));
      continue;
    }
    if (diagnostics.length === 0)
      out.line(`${colour(out, "green", "ok")}   ${backend}: ${script.path} can run`);
    for (const diagnostic of diagnostics) {
      for (const text of diagnosticLines(script, backend, diagnostic)) out.line(text);
    }
  }
  return failed ? EXIT_FAILED : EXIT_DONE;
}

async function print(
  script: Script,
  what: Listing,
  isAtDevices: boolean,
  out: Streams["out"],
): Promise<number> {
  try {
    for (const text of listScript(script, what, isAtDevices).split("\n")) out.line(textFromLatin1(text));
    return EXIT_DONE;
  } catch (error) {
    throw kernelFailure(script, error);
  }
}

export const checkCommand: Subcommand = { commandLine, run };
