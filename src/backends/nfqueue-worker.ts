/**
 * The thread behind backend `nfqueue`: enters the namespace, loads the script, arms it, serves its queues until told
 * to stop. It never goes back to the event loop; what it has to say goes by messages, and the flag to stop is
 * shared memory.
 */

import type { Kernel } from "../kernel/kernel.ts";
import { liveBytes } from "../linux/memory-meter.ts";
import { enterNamespace } from "../linux/netns.ts";
import { fileReader } from "../linux/script-files.ts";
import { workerSide } from "../linux/worker-thread.ts";
import { Runtime } from "../runtime/runtime.ts";
import type { LogEvent, PacketEvent } from "./backend.ts";
import { LiveKernel } from "./live-kernel.ts";
import {
  CONTROL,
  serializeError,
  type WorkerMessage,
  type WorkerSetup,
  writeCounters,
} from "./nfqueue-protocol.ts";
import { mayWritePackets } from "./packet-writes.ts";
import { QueueServer } from "./queue-server.ts";
import { mayAskForConnections } from "./script-mentions.ts";

/** Messages that may wait for the main thread before packets wait for it too: memory stays bounded. */
const MAX_UNHANDLED = 64;
const WAIT_MS = 200;

const { data, id, post } = workerSide();
const setup = data as WorkerSetup;
const control = new Int32Array(setup.shared.control);
const sharedCounters = new Float64Array(setup.shared.counters);
let events: (PacketEvent | LogEvent)[] = [];

const say = (message: WorkerMessage): void => post(message);
const shouldStop = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;

function sendEvents(): void {
  if (events.length === 0) return;
  Atomics.add(control, CONTROL.unhandled, 1);
  say({ kind: "events", events });
  events = [];
  for (;;) {
    const unhandled = Atomics.load(control, CONTROL.unhandled);
    if (unhandled < MAX_UNHANDLED || shouldStop()) return;
    Atomics.wait(control, CONTROL.unhandled, unhandled, WAIT_MS);
  }
}

function main(): void {
  if (setup.netns !== undefined) enterNamespace(setup.netns);
  const kernel = new LiveKernel((level, text) => events.push({ type: "log", level, text }));
  const sources = [setup.script.source];
  const runtime = loadScript(kernel, sources);
  const { only } = setup;
  // Whoever puts the rules in place has loaded the script, too, and shown what its top level prints.
  if (only !== undefined) events = [];
  const stations = only === undefined ? kernel.stations.arm() : kernel.stations.alone(only);
  const server = new QueueServer({
    kernel,
    tableName: `moonhook-${id}`,
    failClosed: setup.failClosed,
    rules: only === undefined,
    gso: !sources.some((source) => mayWritePackets(source, "=script")),
    onPacket: setup.wantsPackets ? (event) => events.push(event) : undefined,
  });
  say({ kind: "opened", descriptors: server.descriptors });
  const report = (): void => {
    server.counters.errors = runtime.errors;
    writeCounters(sharedCounters, server.counters);
    sendEvents();
  };
  try {
    const armed = server.arm(stations);
    report();
    say({ kind: "ready", stations: armed });
    while (!shouldStop()) {
      if (armed.length === 0) Atomics.wait(control, CONTROL.stop, 0);
      else server.serve();
      report();
    }
  } finally {
    server.close();
    runtime.stop();
    kernel.close();
    report();
  }
}

/** Loads the script; `sources` receives every file that it reads, so that we know what it may do. */
function loadScript(kernel: Kernel, sources: string[]): Runtime {
  const { script, context, budget, loadBudget, memoryLimitBytes } = setup;
  const read = fileReader(script.path);
  const runtime = new Runtime({
    kernel,
    liveBytes,
    ...(context === undefined ? {} : { context }),
    ...(budget === undefined ? {} : { budget }),
    ...(loadBudget === undefined ? {} : { loadBudget }),
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
    readFile: (path) => {
      const source = read(path);
      if (source !== undefined) sources.push(source);
      return source;
    },
  });
  if (mayAskForConnections(script.source)) kernel.conntrack.start();
  runtime.load(script.source, script.path);
  return runtime;
}

try {
  main();
  say({ kind: "stopped" });
} catch (error) {
  sendEvents();
  say({ kind: "failed", failure: serializeError(error) });
}
