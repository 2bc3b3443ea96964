/** The hooks of a version that rules ask, with the queues of what its programs leave to user space. */

import { withinNamespace } from "../linux/netns.ts";
import type { EventSink, Script } from "./backend.ts";
import type { EbpfOptions } from "./ebpf-options.ts";
import { type HookRules, putRules } from "./hook-rules.ts";
import type { KernelScript } from "./kernel-script.ts";
import type { PlacedHook } from "./netfilter-links.ts";
import { type NfqueueRunning, nfqueue } from "./nfqueue.ts";

export class AskedHooks {
  readonly #rules: HookRules;
  readonly #queues: NfqueueRunning | undefined;

  private constructor(rules: HookRules, queues: NfqueueRunning | undefined) {
    this.#rules = rules;
    this.#queues = queues;
  }

  /** Puts the hooks in place, once somebody takes what they leave. Leaves nothing behind when it throws. */
  static async put(
    script: Script,
    { programs, punted }: KernelScript,
    options: EbpfOptions,
    sink: EventSink,
    failed: (error: unknown) => void,
  ): Promise<AskedHooks> {
    const { context, budget, loadBudget, memoryLimitBytes, netns } = options;
    if (punted === undefined)
      return new AskedHooks(
        withinNamespace(netns, () => putRules(programs)),
        undefined,
      );
    const queues = await nfqueue.start(
      script,
      {
        only: programs.map((_, i) => i),
        ...(netns === undefined ? {} : { netns }),
        ...(context === undefined ? {} : { context }),
        ...(budget === undefined ? {} : { budget }),
        ...(loadBudget === undefined ? {} : { loadBudget }),
        ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
      },
      { log: (event) => sink.log(event) },
    );
    queues.finished.catch(failed);
    try {
      const asking = programs.map((each, i) => ({ ...each, queue: queues.stations[i]!.queue }));
      const rules = withinNamespace(netns, () => putRules(asking, punted));
      return new AskedHooks(rules, queues);
    } catch (error) {
      await queues.stop();
      throw error;
    }
  }

  get attached(): readonly PlacedHook[] {
    return this.#rules.placed;
  }

  /** Of the hooks in user space. */
  get errors(): number {
    return this.#queues?.counters().errors ?? 0;
  }

  /** Rules first, then the packets that are queued already: nothing held is lost. */
  async stop(): Promise<void> {
    try {
      this.#rules.quiesce();
      await this.#queues?.stop();
    } finally {
      this.#rules.close();
    }
  }
}
