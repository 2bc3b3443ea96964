/**
 * Backend `nfqueue`: the script's hooks on live packets, in user space. A worker thread has the Lua state and the queues
 * (queue-server.ts); this side starts it, hands its events on, and ends it.
 *
 * Differences from the kernel's own hooks: a packet counts, and is reported, once for each hook point and priority that it
 * passes; STOLEN drops, because a queued packet that nobody answers for would wait for ever; at PRE_ROUTING every packet's path is "input".
 */

import { requireCapability } from "../linux/capabilities.ts";
import { closeLeftOvers, whyNoSystemCalls } from "../linux/ffi.ts";
import { startWorker, type WorkerHandle } from "../linux/worker-thread.ts";
import type { RuntimeContext } from "../runtime/runtime.ts";
import type { Backend, Counters, Diagnostic, EventSink, Running, Script } from "./backend.ts";
import { checkScript } from "./check-script.ts";
import {
  type ArmedStation,
  CONTROL,
  makeSharedState,
  readCounters,
  reviveError,
  type WorkerMessage,
  type WorkerSetup,
} from "./nfqueue-protocol.ts";

export interface NfqueueOptions {
  /** Name of the network namespace, or a path to one; default: that of this process. */
  readonly netns?: string;
  /** Packets are dropped when their queue is full or nobody serves it; otherwise they pass. */
  readonly failClosed?: boolean;
  /** Queues for these hooks alone, by the order of registration, and no rules: whoever starts this has his own. */
  readonly only?: readonly number[];
  readonly context?: RuntimeContext;
  readonly budget?: number;
  readonly loadBudget?: number;
  readonly memoryLimitBytes?: number;
}

export interface NfqueueRunning extends Running {
  /** What the script hooked; empty when it registered nothing. */
  readonly stations: readonly ArmedStation[];
}

const LIMITED = {
  nat: "live packets are translated by rules of nftables or iptables; nat.register is for sim",
  xdp: "frames do not come to user space; xdp.attach runs in the kernel, with --on ebpf --xdp DEV",
  xtable: "rules cannot ask user space; matches run in the kernel, with --on ebpf --pin NAME",
};

/** Beyond the script's own bound: what the machinery around it may use before the thread is ended by force. */
const MACHINERY_BYTES = 512 * 1024 * 1024;

/** A thread that has not stopped by itself after this long is ended by force. */
const STOP_LIMIT_MS = 10_000;

export interface NfqueueBackend extends Backend<NfqueueOptions> {
  start(script: Script, options: NfqueueOptions, sink: EventSink): Promise<NfqueueRunning>;
}

export const nfqueue: NfqueueBackend = {
  name: "nfqueue",
  check: (script: Script): Diagnostic[] => checkScript(script, {}, LIMITED),
  /**
   * Resolves when rules are in place. Rejects with `UnsupportedError` (no Linux, no koffi, no capability, no queueing
   * in this kernel), `ErrnoError` (ENOENT: no such namespace), or what the script's top level threw.
   */
  async start(script, options, sink) {
    requireMachine(options);
    const run = new LiveRun(script, options, sink);
    await run.ready;
    return run;
  },
};

function requireMachine({ netns }: NfqueueOptions): void {
  const problem = whyNoSystemCalls();
  if (problem) throw problem;
  requireCapability("CAP_NET_ADMIN", "hooking live packets");
  if (netns !== undefined) requireCapability("CAP_SYS_ADMIN", "entering a network namespace");
}

class LiveRun implements NfqueueRunning {
  readonly ready: Promise<void>;
  readonly finished: Promise<void>;
  stations: readonly ArmedStation[] = [];
  readonly #sink: EventSink;
  readonly #worker: WorkerHandle;
  readonly #control: Int32Array;
  readonly #counters: Float64Array;
  #failure: Error | undefined;
  #stopped = false;
  /** What the worker would leave open if it died now. */
  #descriptors: readonly number[] = [];
  #becomeReady!: () => void;
  #failToBecomeReady!: (error: Error) => void;
  #finish!: () => void;
  #failToFinish!: (error: Error) => void;

  constructor(script: Script, options: NfqueueOptions, sink: EventSink) {
    this.#sink = sink;
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      this.#failToBecomeReady = reject;
    });
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#failToFinish = reject;
    });
    // Whoever started us may look at it later than it fails.
    this.finished.catch(() => {});
    const shared = makeSharedState();
    this.#control = new Int32Array(shared.control);
    this.#counters = new Float64Array(shared.counters);
    const { netns, only, failClosed = false, context, budget, loadBudget, memoryLimitBytes } = options;
    const wantsPackets = sink.packet !== undefined;
    const limits = { budget, loadBudget, memoryLimitBytes };
    const setup: WorkerSetup = { script, netns, only, failClosed, context, ...limits, wantsPackets, shared };
    const heapLimit = memoryLimitBytes === undefined ? undefined : 2 * memoryLimitBytes + MACHINERY_BYTES;
    // The built file: Node runs no TypeScript in threads.
    this.#worker = startWorker(new URL("./nfqueue-worker.js", import.meta.url), setup, heapLimit, {
      message: (message) => this.#handle(message as WorkerMessage),
      error: (error) => {
        this.#failure ??= error;
      },
      exit: () => this.#ended(),
    });
  }

  counters(): Counters {
    return readCounters(this.#counters);
  }

  async stop(): Promise<void> {
    Atomics.store(this.#control, CONTROL.stop, 1);
    Atomics.notify(this.#control, CONTROL.stop);
    Atomics.notify(this.#control, CONTROL.unhandled);
    const impatience = setTimeout(() => void this.#worker.terminate(), STOP_LIMIT_MS);
    await this.finished.catch(() => {});
    clearTimeout(impatience);
  }

  #handle(message: WorkerMessage): void {
    switch (message.kind) {
      case "opened":
        this.#descriptors = message.descriptors;
        return;
      case "ready":
        this.stations = message.stations;
        this.#becomeReady();
        return;
      case "events":
        for (const event of message.events) {
          if (event.type === "log") this.#sink.log(event);
          else this.#sink.packet?.(event);
        }
        Atomics.sub(this.#control, CONTROL.unhandled, 1);
        Atomics.notify(this.#control, CONTROL.unhandled);
        return;
      case "failed":
        this.#descriptors = [];
        this.#failure ??= reviveError(message.failure);
        return;
      case "stopped":
        this.#descriptors = [];
        this.#stopped = true;
        return;
    }
  }

  #ended(): void {
    if (this.#stopped && this.#failure === undefined) {
      this.#finish();
      return;
    }
    const error = this.#failure ?? new Error("the queue's thread ended by itself");
    closeLeftOvers(this.#descriptors);
    this.#failToBecomeReady(error);
    this.#failToFinish(error);
  }
}
