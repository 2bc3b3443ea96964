/** `moonhook run` on live packets, in the kernel or from user space: until Ctrl-C. */

import type { Counters, EventSink, LogEvent, Script } from "../backends/backend.ts";
import { DevicesRequired, type EbpfOptions, type EbpfRunning, ebpf, PinRequired } from "../backends/ebpf.ts";
import { type NfqueueOptions, nfqueue } from "../backends/nfqueue.ts";
import { isPinName, isPinned } from "../backends/pinned-hooks.ts";
import { diagnosticLine } from "./diagnostics.ts";
import type { EventPrinter } from "./event-printer.ts";
import { CommandFailure, EXIT_DONE, usageFailure } from "./failure.ts";
import { kernelFailure, reasonsAgainst } from "./kernel-failure.ts";
import type { Streams } from "./main.ts";
import { matchLines } from "./match-lines.ts";
import { familyName, hookName } from "./netfilter-names.ts";
import { readScript } from "./script-file.ts";
import { onStopSignals } from "./signals.ts";

/** Output is buffered for speed; a person who watches wants it soon. */
const FLUSH_MS = 100;

export interface LiveOptions extends NfqueueOptions, EbpfOptions {
  readonly on: "auto" | "nfqueue" | "ebpf";
}

/** What runs, and what to say about it. */
interface Started {
  /** As that of a run: settles when it has ended, or rejects. */
  readonly finished: Promise<void>;
  /** "1 hook"; nothing when the script registered none. */
  what(): string;
  /** After that. */
  readonly where: string;
  /** Puts another version of the script in the place of this one; rejects when that cannot be, and nothing has changed. */
  replace(script: Script): Promise<void>;
  stop(): Promise<void>;
  summarize(): void;
}

export async function runLive(
  script: Script,
  options: LiveOptions,
  printer: EventPrinter,
  { out, talk }: Streams,
): Promise<number> {
  checkPin(options);
  let interrupt = (): void => {};
  const interrupted = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  let again = (): void => {};
  const removeHandlers = onStopSignals(
    () => interrupt(),
    () => again(),
  );
  const flush = setInterval(() => out.flush(), FLUSH_MS);
  const say = (text: string): void => {
    talk.line(`moonhook: ${text}`);
    talk.flush();
  };
  try {
    const started = await start(script, options, printer, say);
    again = oneAtATime(() => replace(started, script, say));
    const what = started.what();
    const place = `${started.where}${options.netns === undefined ? "" : ` in ${options.netns}`}`;
    const end =
      options.pin === undefined
        ? "Ctrl-C ends it"
        : `Ctrl-C leaves them there, 'moonhook stop ${options.pin}' ends them`;
    say(
      what === ""
        ? "ready, but the script registered no hook; Ctrl-C ends it"
        : `ready, ${what}${place}; ${end}`,
    );
    await Promise.race([interrupted, started.finished]);
    await started.stop();
    // A run that failed by itself says why.
    await started.finished;
    started.summarize();
    return EXIT_DONE;
  } catch (error) {
    throw kernelFailure(script, error);
  } finally {
    clearInterval(flush);
    removeHandlers();
  }
}

/** Reads the script again; where it cannot take the place of the old version, that one runs on. */
async function replace(started: Started, { path }: Script, say: Say): Promise<void> {
  let script: Script | undefined;
  try {
    script = readScript(path);
    await started.replace(script);
    say(`replaced, ${started.what() || "the script registered no hook"}${started.where}`);
  } catch (error) {
    const failure = script === undefined ? error : kernelFailure(script, error);
    const [message, ...details] =
      failure instanceof CommandFailure
        ? [failure.message, ...failure.details]
        : [`internal error: ${failure instanceof Error ? (failure.stack ?? failure.message) : failure}`];
    say(`not replaced, the old version runs on: ${message}`);
    for (const detail of details) say(detail);
  }
}

/** Does it once more after the current time when it is asked for meanwhile, however often. */
function oneAtATime(action: () => Promise<void>): () => void {
  let wanted = false;
  let isBusy = false;
  return () => {
    wanted = true;
    if (isBusy) return;
    isBusy = true;
    const next = async (): Promise<void> => {
      while (wanted) {
        wanted = false;
        await action();
      }
      isBusy = false;
    };
    void next();
  };
}

const counted = (n: number, one: string, several = `${one}s`): string =>
  n === 0 ? "" : `${n} ${n === 1 ? one : several}`;

function checkPin({ pin, replace }: LiveOptions): void {
  if (pin === undefined) return;
  if (!isPinName(pin))
    throw usageFailure(
      `--pin: '${pin}' is no name; letters, digits, '_' and '-' make one`,
      "Try 'moonhook run --help'.",
    );
  if (replace !== true && isPinned(pin))
    throw usageFailure(
      `--pin: '${pin}' runs already`,
      `'moonhook stop ${pin}' ends it, with --replace this script takes its place.`,
    );
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
    if ("finished" in answer) return answer;
    reasons = answer;
  }
  const started = await startInUserSpace(script, options, printer);
  // Not before: where nothing works, one reason is enough.
  for (const reason of reasons) say(`not in the kernel: ${reason}`);
  return started;
}

async function startInUserSpace(
  script: Script,
  options: LiveOptions,
  printer: EventPrinter,
): Promise<Started> {
  let running = await nfqueue.start(script, options, printer);
  const before: Counters = { packets: 0, accepted: 0, dropped: 0, modified: 0, errors: 0 };
  let finish = (): void => {};
  let fail = (_: unknown): void => {};
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  // Looked at later than it may fail.
  finished.catch(() => {});
  const watch = (one: typeof running): void => {
    one.finished.then(() => one === running && finish(), fail);
  };
  watch(running);
  const add = (counters: Counters): Counters => {
    for (const name of Object.keys(before) as (keyof Counters)[]) before[name] += counters[name];
    return before;
  };
  return {
    finished,
    what: () => counted(running.stations.length, "hook"),
    where: "",
    // For a moment both get each packet, one after the other.
    async replace(next) {
      const old = running;
      running = await nfqueue.start(next, options, printer);
      watch(running);
      await old.stop();
      add(old.counters());
    },
    stop: () => running.stop(),
    summarize: () => printer.summary(add(running.counters())),
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
    if (reasons === undefined || error instanceof PinRequired || error instanceof DevicesRequired)
      throw error;
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
  tell(script, running, options, say);
  const places = new Map<string, string[]>();
  for (const { device, where } of running.atDevices) {
    const names = places.get(where) ?? [];
    places.set(where, names);
    if (!names.includes(device)) names.push(device);
  }
  const at = [...places].map(([where, names]) => `${where} of ${names.join(", ")}`).join("; ");
  return {
    finished: running.finished,
    what: () =>
      [
        counted(running.hookCount, "hook"),
        counted(running.matches.length, "match", "matches"),
        running.hasXdp ? "1 function on frames" : "",
      ]
        .filter((text) => text !== "")
        .join(", "),
    where: ` in the kernel${at === "" ? "" : ` at ${at}`}`,
    async replace(next) {
      await running.replace(next);
      tell(next, running, options, say);
    },
    stop: () => running.stop(),
    summarize: () => printer.summary(running.counters()),
  };
}

/** What may surprise of how a script runs, and how rules ask its matches. */
function tell(script: Script, running: EbpfRunning, { netns }: LiveOptions, say: Say): void {
  for (const { family, hooknum, wanted, priority } of running.attached)
    if (priority !== wanted)
      say(
        `the hook at ${familyName(family)} ${hookName(hooknum)} has priority ${priority}, for ${wanted} is taken`,
      );
  for (const { device, isGeneric } of running.atDevices)
    if (isGeneric === true)
      say(`the driver of ${device} cannot run programs on frames, the stack does it behind the driver`);
  for (const each of running.left) say(diagnosticLine(script, each));
  for (const match of running.matches) for (const text of matchLines(match, netns)) say(text);
}
