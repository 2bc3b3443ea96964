/** `moonhook run` on live packets: until Ctrl-C. */

import type { Script } from "../backends/backend.ts";
import { type NfqueueOptions, nfqueue } from "../backends/nfqueue.ts";
import { ErrnoError, UnsupportedError } from "../linux/errors.ts";
import type { EventPrinter } from "./event-printer.ts";
import { CommandFailure, EXIT_DONE, EXIT_MACHINE, EXIT_USAGE } from "./failure.ts";
import type { Streams } from "./main.ts";
import { scriptFailure } from "./script-file.ts";
import { onStopSignals } from "./signals.ts";

/** Output is buffered for speed; a person who watches wants it soon. */
const FLUSH_MS = 100;

export async function runLive(
  script: Script,
  options: NfqueueOptions,
  printer: EventPrinter,
  { out, talk }: Streams,
): Promise<number> {
  let interrupt = (): void => {};
  const interrupted = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  const removeHandlers = onStopSignals(() => interrupt());
  const flush = setInterval(() => out.flush(), FLUSH_MS);
  try {
    const running = await nfqueue.start(script, options, printer);
    talk.line(
      running.stations.length === 0
        ? "moonhook: ready, but the script registered no hook; Ctrl-C ends it"
        : `moonhook: ready, ${running.stations.length} hook${running.stations.length > 1 ? "s" : ""}${options.netns === undefined ? "" : ` in ${options.netns}`}; Ctrl-C ends it`,
    );
    talk.flush();
    await Promise.race([interrupted, running.finished]);
    await running.stop();
    // A run that failed by itself says why.
    await running.finished;
    printer.summary(running.counters());
    return EXIT_DONE;
  } catch (error) {
    if (error instanceof UnsupportedError) throw new CommandFailure(EXIT_MACHINE, error.message);
    if (error instanceof ErrnoError) {
      // A name that the user gave, or something that this machine does not do.
      const named = error.call === "open" && error.code === "ENOENT";
      throw new CommandFailure(named ? EXIT_USAGE : EXIT_MACHINE, error.message);
    }
    throw scriptFailure(script, error);
  } finally {
    clearInterval(flush);
    removeHandlers();
  }
}
