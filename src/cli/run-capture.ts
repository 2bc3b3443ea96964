/** `moonhook run --pcap`: a script on the packets of a capture file. */

import type { Running, Script } from "../backends/backend.ts";
import { type SimOptions, sim } from "../backends/sim.ts";
import { RulesError } from "../kernel/xtables/rules-error.ts";
import { liveBytes } from "../linux/memory-meter.ts";
import { fileReader } from "../linux/script-files.ts";
import { CaptureError } from "../wire/capture.ts";
import { createCapture, openCapture } from "./capture-files.ts";
import type { EventPrinter } from "./event-printer.ts";
import { CommandFailure, EXIT_DONE, EXIT_FAILED } from "./failure.ts";
import type { Streams } from "./main.ts";
import { Progress } from "./output.ts";
import { writeRules } from "./rule-files.ts";
import { scriptFailure } from "./script-file.ts";
import { onStopSignals } from "./signals.ts";

export interface CaptureRunOptions
  extends Omit<SimOptions, "packets" | "write" | "onLocal" | "onRules" | "liveBytes" | "readFile"> {
  readonly pcap: string;
  readonly write?: string;
  /** Where the rules go with their counters. */
  readonly counters?: string;
}

export async function runCapture(
  script: Script,
  { pcap, write, counters, ...options }: CaptureRunOptions,
  printer: EventPrinter,
  { talk, out }: Streams,
): Promise<number> {
  let running: Running | undefined;
  let readerGone = false;
  const progress = new Progress(2);
  const stop = (): boolean => {
    if (running) progress.show(() => `${running!.counters().packets} packets`);
    // Nobody reads what we print any more: only a capture that we write is a reason to go on.
    if (!readerGone && !(out.closed && output === undefined)) return false;
    void running?.stop();
    return true;
  };
  const input = openCapture(pcap, stop);
  const output = write === undefined ? undefined : createCapture(write);
  const removeHandlers = onStopSignals(() => void running?.stop());
  try {
    running = await sim.start(
      script,
      {
        packets: input.chunks,
        ...(output === undefined
          ? {}
          : {
              write: (bytes) => {
                readerGone ||= !output.write(bytes);
              },
            }),
        ...options,
        liveBytes,
        readFile: fileReader(script.path),
        ...(counters === undefined ? {} : { onRules: (rules) => writeRules(counters, rules, out) }),
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
    progress.clear();
    printer.summary(running.counters());
    return EXIT_DONE;
  } catch (error) {
    progress.clear();
    if (error instanceof CaptureError && running !== undefined) {
      const counters = running.counters();
      // What came before the damage counts, and is kept; a file that was no capture replaces nothing.
      if (counters.packets > 0) output?.commit();
      printer.summary(counters);
      throw new CommandFailure(EXIT_FAILED, `cannot read all of '${pcap}': ${error.message}`);
    }
    if (error instanceof RulesError)
      throw new CommandFailure(EXIT_FAILED, `cannot use the rules: ${error.message}`);
    throw scriptFailure(script, error);
  } finally {
    removeHandlers();
    input.close();
    output?.discard();
  }
}
