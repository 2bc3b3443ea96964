/**
 * Backend `ebpf`: the script's hooks as programs inside the kernel. The top level runs here, the hooks are compiled
 * and attached, and from then on this process only reads what they print. When it dies the kernel removes them, unless
 * they are pinned.
 *
 * Differences from the other backends: no packet passes through this process, so that packets are neither reported nor
 * counted; a priority that something else has is moved; a packet that a program cannot decide is accepted, and the log says so.
 */

import { refusalOf } from "../bpf/probes.ts";
import type { CompiledScript } from "../compiler/compile-hooks.ts";
import { eventText } from "../compiler/event-text.ts";
import { EXAMPLE_LAYOUT, MAPS } from "../compiler/target.ts";
import { type KernelMap, RingBufferReader } from "../linux/bpf.ts";
import { requireCapability } from "../linux/capabilities.ts";
import { atomicTimeOffset } from "../linux/clock.ts";
import { UnsupportedError } from "../linux/errors.ts";
import { whyNoSystemCalls } from "../linux/ffi.ts";
import { withinNamespace } from "../linux/netns.ts";
import { LuaError, ScriptAbort } from "../lua/error.ts";
import { DEFAULT_BUDGET } from "../lua/state.ts";
import { logLines, oneLine } from "../runtime/runtime.ts";
import type { Backend, Diagnostic, EventSink, Running, Script } from "./backend.ts";
import { checkScript } from "./check-script.ts";
import { HooksRefused, LoadedScript, type LoadOptions } from "./compile-script.ts";
import { attachAtDevices, type DeviceHook, devicesOf } from "./device-links.ts";
import { type HookRules, putRules } from "./hook-rules.ts";
import { KernelPrograms, kernelLayout } from "./kernel-programs.ts";
import { LiveKernel } from "./live-kernel.ts";
import { kernelToLoadWith } from "./loading-kernel.ts";
import { type AttachedHook, attachHooks, type PlacedHook, type ProgramAtHook } from "./netfilter-links.ts";
import { type NfqueueRunning, nfqueue } from "./nfqueue.ts";
import { type PinnedMatch, pinHooks } from "./pinned-hooks.ts";
import { mayAskForConnections } from "./script-mentions.ts";
import { moveToMaps } from "./shared-tables.ts";
import { trackConnections } from "./tracking.ts";

export interface EbpfOptions extends LoadOptions {
  /** Name of the network namespace, or a path to one; default: that of this process. */
  readonly netns?: string;
  /** How hooks get packets; default: links where the kernel has them, otherwise rules. */
  readonly attach?: "links" | "rules";
  /** Keeps the hooks under this name when the process ends. */
  readonly pin?: string;
  /** Hooks run at these devices (none: at all) instead of in netfilter, and may change packets. */
  readonly tcx?: readonly string[];
}

/** What can be counted without slowing packets down. */
export interface EbpfCounters {
  /** Hook runs that ended in a script error or undecided. */
  errors: number;
  /** Lines of the log that came faster than they were read. */
  lost: number;
  /** Packets that were left to user space; absent when the programs decide all. */
  punted?: number;
}

/** A match that rules may ask, and what its script says about such rules. */
export interface OfferedMatch extends PinnedMatch {
  /** NFPROTO_*; 0 for IPv4 and IPv6. */
  readonly family: number;
  readonly proto: number;
  readonly hooks: number;
}

/** Rules find a match by its path: without one nobody could ask it. */
export class PinRequired extends Error {
  override readonly name = "PinRequired";
}

export interface EbpfRunning extends Omit<Running, "counters"> {
  counters(): EbpfCounters;
  /** Hooks that the script registered. */
  readonly hookCount: number;
  /** Where they run; a hook for both families is there twice. */
  readonly attached: readonly PlacedHook[];
  readonly matches: readonly OfferedMatch[];
  /** What cannot be compiled: packets that come there go to user space. */
  readonly left: readonly Diagnostic[];
  /** Where they run at devices. */
  readonly atDevices: readonly DeviceHook[];
}

export interface EbpfBackend extends Omit<Backend<EbpfOptions>, "start" | "check"> {
  check(script: Script, options?: Pick<EbpfOptions, "tcx">): Diagnostic[];
  start(script: Script, options: EbpfOptions, sink: EventSink): Promise<EbpfRunning>;
}

/** As many as fit into the ring buffer. */
const MOST_LAST_LINES = 65_536;

/** How often this process looks after clock and counters. */
const HOUSEKEEPING_MS = 1000;

export const ebpf: EbpfBackend = {
  name: "ebpf",
  check,
  /**
   * Resolves when the hooks run. Rejects with `HooksRefused` when something cannot be compiled, `UnsupportedError`,
   * `BtfError` or `ErrnoError` when the machine cannot, `VerifierError` when a program of ours is no good, `PinRequired`
   * or `EntryRefused` for a match, or what the script's top level threw. Nothing is then left behind.
   */
  async start(script, options, sink) {
    requireMachine(options);
    const run = withinNamespace(options.netns, () => new KernelRun(script, options, sink));
    await run.serveTheRest(script, options);
    return run;
  },
};

function requireMachine({ netns }: EbpfOptions): void {
  const problem = whyNoSystemCalls();
  if (problem) throw problem;
  requireCapability("CAP_BPF", "loading programs into the kernel");
  requireCapability("CAP_PERFMON", "letting programs read packets in place");
  requireCapability("CAP_NET_ADMIN", "hooking live packets");
  if (netns !== undefined) requireCapability("CAP_SYS_ADMIN", "entering a network namespace");
}

/** Runs the script's top level, as the compiler needs its values; nothing is loaded or attached. */
function check(script: Script, { tcx }: Pick<EbpfOptions, "tcx"> = {}): Diagnostic[] {
  const found = checkScript(script);
  if (found.some(({ severity }) => severity === "error")) return found;
  const { kernel, close } = kernelToLoadWith();
  try {
    const loaded = new LoadedScript(script, kernel);
    try {
      const compiled = loaded.compileOrPunt(EXAMPLE_LAYOUT, tcx === undefined ? "netfilter" : "tcx");
      return [...found, ...loaded.leftToUserSpace(compiled)];
    } finally {
      loaded.close();
    }
  } catch (error) {
    if (error instanceof HooksRefused) return [...found, ...error.diagnostics];
    if (!(error instanceof LuaError || error instanceof ScriptAbort)) throw error;
    return [...found, loadProblem(error.message, found.length > 0)];
  } finally {
    close();
  }
}

/** What the top level raised. Where a module seems to be missing that may be all, and it may be there elsewhere. */
function loadProblem(message: string, isExpected: boolean): Diagnostic {
  const [text] = message.split("\n");
  const parts = /^(.*?):(\d+): (.*)$/.exec(text!);
  return {
    code: "load",
    severity: isExpected ? "warning" : "error",
    message: parts?.[3] ?? text!,
    position: parts ? { line: Number(parts[2]), column: 1 } : undefined,
  };
}

const hasLinks = (): boolean => refusalOf("BPF_PROG_TYPE_NETFILTER", "") === undefined;

class KernelRun implements EbpfRunning {
  readonly finished: Promise<void>;
  readonly hookCount: number;
  attached: readonly PlacedHook[] = [];
  readonly matches: readonly OfferedMatch[];
  readonly left: readonly Diagnostic[];
  /** Hooks that leave packets to user space, not yet in place. */
  #waiting: { readonly programs: readonly ProgramAtHook[]; readonly punted: KernelMap } | undefined;
  #rules: HookRules | undefined;
  #queues: NfqueueRunning | undefined;
  #punted: (() => number) | undefined;
  #failToFinish!: (error: unknown) => void;
  readonly atDevices: readonly DeviceHook[] = [];
  readonly #sink: EventSink;
  readonly #undo: (() => void)[] = [];
  #errors = 0;
  #lost = 0;
  #finish!: () => void;

  /** In the namespace where the hooks shall run. */
  constructor(script: Script, options: EbpfOptions, sink: EventSink) {
    this.#sink = sink;
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#failToFinish = reject;
    });
    // Whoever started us may look at it later than it fails.
    this.finished.catch(() => {});
    try {
      const kernel = this.#until(new LiveKernel((level, text) => sink.log({ type: "log", level, text })));
      const loaded = this.#until(new LoadedScript(script, kernel, options));
      this.hookCount = loaded.hooks.length;
      const { tcx } = options;
      const { matches } = loaded;
      if (matches.length > 0 && options.pin === undefined)
        throw new PinRequired(`rules find the match '${matches[0]!.name}' by its path`);
      loaded.enter();
      const asksRules = tcx === undefined && (options.attach ?? (hasLinks() ? "links" : "rules")) === "rules";
      if (asksRules && options.pin !== undefined && loaded.hooks.length > 0)
        throw new UnsupportedError("hooks that rules ask cannot be pinned", "leave --pin out");
      if (kernel.conntrack.started || mayAskForConnections(script.source)) this.#track(loaded, options);
      const compiled = this.#compile(loaded, options, asksRules);
      this.left = loaded.leftToUserSpace(compiled);
      const timeOffset = atomicTimeOffset();
      const settings = { budget: BigInt(options.budget ?? DEFAULT_BUDGET), timeOffsetNs: timeOffset() };
      const kept = this.#until(
        new KernelPrograms(compiled, settings, { lineText: (span) => loaded.lineText(span) }),
      );
      this.#undo.push(moveToMaps(compiled.sharedTables, kept.maps));
      const events = kept.maps[MAPS.events];
      if (events !== undefined) {
        const reader = this.#until(new RingBufferReader(events));
        const take = (record: Uint8Array) =>
          this.#take(() => eventText(loaded.runtime.state, compiled.sites, record));
        reader.watch(take);
        // What was printed before the hooks went is still read; pinned ones go on printing.
        this.#undo.push(() => reader.read(take, MOST_LAST_LINES));
      }
      const timer = setInterval(() => {
        kept.setTimeOffset(timeOffset());
        this.#lost = kept.lostEvents();
      }, HOUSEKEEPING_MS);
      this.#undo.push(() => {
        clearInterval(timer);
        this.#lost = kept.lostEvents();
      });
      const programs = loaded.hooks.map((hook, i) => ({ program: kept.programs[i]!, hook }));
      const asked = matches.map(({ name }, i) => ({ name, program: kept.programs[programs.length + i]! }));
      let placed: readonly (AttachedHook | DeviceHook)[] = [];
      const { punted } = kept.maps;
      if (punted !== undefined) {
        this.#waiting = { programs, punted };
        this.#punted = () => kept.punted();
        this.#undo.push(() => {
          const count = kept.punted();
          this.#punted = () => count;
        });
      } else if (tcx !== undefined) {
        this.atDevices = attachAtDevices(programs, devicesOf(kernel.devices, tcx));
        placed = this.atDevices;
      } else if (asksRules) {
        this.attached = this.#until(putRules(programs)).placed;
      } else {
        const attached = attachHooks(programs);
        this.attached = attached;
        placed = attached;
      }
      const links = placed.map(({ link }) => link);
      for (const link of links) this.#until(link);
      const pinned = options.pin === undefined ? [] : pinHooks(options.pin, links, asked, kept.maps);
      this.matches = pinned.map((each, i) => {
        const { family, proto, hooks } = matches[i]!;
        return { ...each, family, proto, hooks };
      });
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** The hooks will find connections. For matches it is the rules that ask them that must see to it. */
  #track({ hooks }: LoadedScript, { pin }: EbpfOptions): void {
    if (hooks.length === 0) return;
    if (pin !== undefined)
      throw new UnsupportedError(
        "hooks that ask for connections cannot be pinned",
        "what has the kernel track them ends with this process: leave --pin out",
      );
    this.#until(trackConnections());
  }

  #compile(loaded: LoadedScript, { pin, tcx }: EbpfOptions, asksRules: boolean): CompiledScript {
    const layout = kernelLayout();
    if (tcx !== undefined) return loaded.compile(layout, "tcx");
    const form = asksRules ? "rule" : "netfilter";
    if (pin === undefined) return loaded.compileOrPunt(layout, form);
    try {
      return loaded.compile(layout, form);
    } catch (error) {
      if (!(error instanceof HooksRefused)) throw error;
      throw error.withoutPunt("pinned hooks have no process that could take them");
    }
  }

  /** Puts hooks that leave packets to user space in place, once somebody takes them. Leaves nothing behind when it throws. */
  async serveTheRest(script: Script, options: EbpfOptions): Promise<void> {
    const { context, budget, loadBudget, memoryLimitBytes, netns } = options;
    if (this.#waiting === undefined) return;
    const { programs, punted } = this.#waiting;
    try {
      const only = programs.map((_, i) => i);
      const queues = await nfqueue.start(
        script,
        {
          only,
          ...(netns === undefined ? {} : { netns }),
          ...(context === undefined ? {} : { context }),
          ...(budget === undefined ? {} : { budget }),
          ...(loadBudget === undefined ? {} : { loadBudget }),
          ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
        },
        { log: (event) => this.#sink.log(event) },
      );
      this.#queues = queues;
      queues.finished.catch((error) => this.#failToFinish(error));
      const asking = programs.map((each, i) => ({ ...each, queue: queues.stations[i]!.queue }));
      this.#rules = withinNamespace(netns, () => putRules(asking, punted));
      this.attached = this.#rules.placed;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  counters(): EbpfCounters {
    const errors = this.#errors + (this.#queues?.counters().errors ?? 0);
    const counters = { errors, lost: this.#lost };
    return this.#punted === undefined ? counters : { ...counters, punted: this.#punted() };
  }

  /** Rules first, then the packets that are queued already: nothing held is lost. */
  async stop(): Promise<void> {
    const rules = this.#rules;
    this.#rules = undefined;
    try {
      rules?.quiesce();
      await this.#queues?.stop();
    } finally {
      rules?.close();
      this.#close();
      this.#finish();
    }
  }

  /** Closes it at the end, the last first. */
  #until<T extends { close(): void }>(object: T): T {
    this.#undo.push(() => object.close());
    return object;
  }

  #close(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  #take(read: () => ReturnType<typeof eventText>): void {
    let event: ReturnType<typeof eventText>;
    try {
      event = read();
    } catch (error) {
      // A mistake of ours must not end the reading.
      this.#fail(
        `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
      return;
    }
    if (event.kind === "print")
      for (const text of logLines(event.text)) this.#sink.log({ type: "log", level: "info", text });
    else if (event.kind === "error") this.#fail(event.text);
    else this.#fail(`cannot decide this packet in the kernel, ${event.text}`);
  }

  #fail(text: string): void {
    this.#errors++;
    this.#sink.log({ type: "log", level: "error", text: oneLine(text) });
  }
}
