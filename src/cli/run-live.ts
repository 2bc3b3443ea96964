/** `moonhook run` on live packets, in the kernel or from user space: until Ctrl-C. */

import type { EventSink, LogEvent, Running, Script } from "../backends/backend.ts";
import { type EbpfOptions, ebpf, PinRequired } from "../backends/ebpf.ts";
import { type NfqueueOptions, nfqueue } from "../backends/nfqueue.ts";
import { isPinName, isPinned } from "../backends/pinned-hooks.ts";
import { diagnosticLine } from "./diagnostics.ts";
import type { EventPrinter } from "./event-printer.ts";
import { EXIT_DONE, usageFailure } from "./failure.ts";
import { kernelFailure, reasonsAgainst } from "./kernel-failure.ts";
import type { Streams } from "./main.ts";
import { matchLines } from "./match-lines.ts";
import { familyName, hookName } from "./netfilter-names.ts";
import { onStopSignals } from "./signals.ts";

/** Output is buffered for speed; a person who watches wants it soon. */
const FLUSH_MS = 100;

export interface LiveOptions extends NfqueueOptions, EbpfOptions {
  readonly on: "auto" | "nfqueue" | "ebpf";
}

/** What runs, and what to say about it. */
interface Started {
  readonly running: Pick<Running, "stop" | "finished">;
  /** "1 hook"; nothing when the script registered none. */
  readonly what: string;
  /** After that. */
  readonly where: string;
  summarize(): void;
}

export async function runLive(
  script: Script,
  options: LiveOptions,
  printer: EventPrinter,
  { out, talk }: Streams,
): Promise<number> {
  checkPin(options.pin);
  let interrupt = (): void => {};
  const interrupted = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  const removeHandlers = onStopSignals(() => interrupt());
  const flush = setInterval(() => out.flush(), FLUSH_MS);
  const say = (text: string): void => {
    talk.line(`moonhook: ${text}`);
    talk.flush();
  };
  try {
    const { running, what, where, summarize } = await start(script, options, printer, say);
    const place = `${where}${options.netns === undefined ? "" : ` in ${options.netns}`}`;
    const end =
      options.pin === undefined
        ? "Ctrl-C ends it"
        : `Ctrl-C leaves them there, 'moonhook stop ${options.pin}' ends them`;
    say(
      what === ""
        ? "ready, but the script registered no hook; Ctrl-C ends it"
        : `ready, ${what}${place}; ${end}`,
    );
    await Promise.race([interrupted, running.finished]);
    await running.stop();
    // A run that failed by itself says why.
    await running.finished;
    summarize();
    return EXIT_DONE;
  } catch (error) {
    throw kernelFailure(script, error);
  } finally {
    clearInterval(flush);
    removeHandlers();
  }
}

const counted = (n: number, one: string, several = `${one}s`): string =>
  n === 0 ? "" : `${n} ${n === 1 ? one : several}`;

function checkPin(name: string | undefined): void {
  if (name === undefined) return;
  if (!isPinName(name))
    throw usageFailure(
      `--pin: '${name}' is no name; letters, digits, '_' and '-' make one`,
      "Try 'moonhook run --help'.",
    );
  if (isPinned(name)) throw usageFailure(`--pin: '${name}' runs already`, `'moonhook stop ${name}' ends it.`);
}

type Say = (text: string) => void;

async function start(
  script: Script,
  options: LiveOptions,
  printer: EventPrinter,
  say: Say,
): Promise<Started> {
  if (options.on === "ebpf") return startInKernel(script, options, printer, say, printer);
  let reasons: readonly string[] = [];
  if (options.on === "auto") {
    const answer = await tryInKernel(script, options, printer, say);
    if ("running" in answer) return answer;
    reasons = answer;
  }
  const running = await nfqueue.start(script, options, printer);
  // Not before: where nothing works, one reason is enough.
  for (const reason of reasons) say(`not in the kernel: ${reason}`);
  return {
    running,
    what: counted(running.stations.length, "hook"),
    where: "",
    summarize: () => printer.summary(running.counters()),
  };
}

/** Or why it must be user space, a line for each reason. */
async function tryInKernel(
  script: Script,
  options: LiveOptions,
  printer: EventPrinter,
  say: Say,
): Promise<Started | string[]> {
  if (printer.packet !== undefined)
    return ["--json reports each packet, which only user space can (--on ebpf reports the log alone)"];
  // If it has to be user space, the top level runs again there, and prints again.
  const held: LogEvent[] = [];
  const sink: { log: EventSink["log"] } = { log: (event) => held.push(event) };
  try {
    const started = await startInKernel(script, options, sink, say, printer);
    for (const event of held) printer.log(event);
    sink.log = (event) => printer.log(event);
    return started;
  } catch (error) {
    const reasons = reasonsAgainst(script, error);
    if (reasons === undefined || error instanceof PinRequired) throw error;
    return reasons;
  }
}

async function startInKernel(
  script: Script,
  options: LiveOptions,
  sink: EventSink,
  say: Say,
  printer: EventPrinter,
): Promise<Started> {
  const running = await ebpf.start(script, options, sink);
  for (const { family, hooknum, wanted, priority } of running.attached)
    if (priority !== wanted)
      say(
        `the hook at ${familyName(family)} ${hookName(hooknum)} has priority ${priority}, for ${wanted} is taken`,
      );
  for (const each of running.left) say(diagnosticLine(script, each));
  const places = new Map<string, string[]>();
  for (const { device, where } of running.atDevices) {
    const names = places.get(where) ?? [];
    places.set(where, names);
    if (!names.includes(device)) names.push(device);
  }
  const at = [...places].map(([where, names]) => `${where} of ${names.join(", ")}`).join("; ");
  for (const match of running.matches) for (const text of matchLines(match, options.netns)) say(text);
  return {
    running,
    what: [counted(running.hookCount, "hook"), counted(running.matches.length, "match", "matches")]
      .filter((text) => text !== "")
      .join(", "),
    where: ` in the kernel${at === "" ? "" : ` at ${at}`}`,
    summarize: () => printer.summary(running.counters()),
  };
}
