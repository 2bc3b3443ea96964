/**
 * A script compiled and loaded into the kernel, nothing attached yet: its programs and maps, and the reading of what
 * they print. A run has one after another of them, when its script is replaced.
 */

import { refusalOf } from "../bpf/probes.ts";
import type { CompiledScript } from "../compiler/compile-hooks.ts";
import { eventText } from "../compiler/event-text.ts";
import { MAPS } from "../compiler/target.ts";
import type { MatchExtension } from "../kernel/extensions.ts";
import { type KernelMap, type KernelProgram, RingBufferReader } from "../linux/bpf.ts";
import { atomicTimeOffset } from "../linux/clock.ts";
import { UnsupportedError } from "../linux/errors.ts";
import { currentNamespaceId } from "../linux/netns.ts";
import { DEFAULT_BUDGET } from "../lua/state.ts";
import { logLines, oneLine } from "../runtime/runtime.ts";
import type { Diagnostic, EventSink, Script } from "./backend.ts";
import { HooksRefused, LoadedScript } from "./compile-script.ts";
import { attachAtDevices, attachAtFrames, devicesOf } from "./device-links.ts";
import { DevicesRequired, type EbpfCounters, type EbpfOptions, PinRequired } from "./ebpf-options.ts";
import { KernelPrograms, kernelLayout } from "./kernel-programs.ts";
import { LiveKernel } from "./live-kernel.ts";
import { attachHooks, inOrder, type ProgramAtHook } from "./netfilter-links.ts";
import { matchFiles } from "./pinned-hooks.ts";
import type { Wanted } from "./placement.ts";
import { mayAskForConnections } from "./script-mentions.ts";
import { moveToMaps } from "./shared-tables.ts";
import { trackConnections } from "./tracking.ts";

/** As many as fit into the ring buffer. */
const MOST_LAST_LINES = 65_536;

/** How often this process looks after clock and counters. */
const HOUSEKEEPING_MS = 1000;

const hasLinks = (): boolean => refusalOf("BPF_PROG_TYPE_NETFILTER", "") === undefined;

export class KernelScript {
  readonly matches: readonly MatchExtension[];
  readonly hasXdp: boolean;
  /** What cannot be compiled: packets that come there go to user space. */
  readonly left: readonly Diagnostic[];
  /** The hooks' programs. */
  readonly programs: readonly ProgramAtHook[];
  readonly maps: Readonly<Record<string, KernelMap>>;
  /** Rules ask the hooks, which are no links. */
  readonly isAsked: boolean;
  /** Packets that are left to user space; undefined when the programs decide all. */
  readonly punted: KernelMap | undefined;
  /** What runs at places that last longer than this version, in the order in which it runs. */
  readonly wanted: readonly Wanted[];
  readonly #kept: KernelPrograms;
  readonly #sink: EventSink;
  readonly #undo: (() => void)[] = [];
  #errors = 0;
  /** When it is closed. */
  #last: EbpfCounters | undefined;

  /** In the namespace where the hooks shall run. Throws as `ebpf.start` does, and leaves nothing behind. */
  constructor(script: Script, options: EbpfOptions, sink: EventSink) {
    this.#sink = sink;
    try {
      const kernel = this.#until(new LiveKernel((level, text) => sink.log({ type: "log", level, text })));
      const loaded = this.#until(new LoadedScript(script, kernel, options));
      const { tcx } = options;
      const { matches } = loaded;
      this.matches = matches;
      this.hasXdp = loaded.xdp !== undefined;
      if (this.hasXdp && options.xdp === undefined)
        throw new DevicesRequired("xdp.attach needs the devices whose frames it gets: --xdp DEV,…");
      if (!this.hasXdp && options.xdp !== undefined)
        throw new DevicesRequired("the script attaches nothing to frames (xdp.attach), --xdp means nothing");
      if (matches.length > 0 && options.pin === undefined)
        throw new PinRequired(`rules find the match '${matches[0]!.name}' by its path`);
      loaded.enter();
      const asksRules = tcx === undefined && (options.attach ?? (hasLinks() ? "links" : "rules")) === "rules";
      if (asksRules && options.pin !== undefined && loaded.hooks.length > 0)
        throw new UnsupportedError("hooks that rules ask cannot be pinned", "leave --pin out");
      if (kernel.conntrack.started || mayAskForConnections(script.source)) this.#track(loaded, options);
      const compiled = compileAll(loaded, options, asksRules);
      this.left = loaded.leftToUserSpace(compiled);
      const timeOffset = atomicTimeOffset();
      const settings = { budget: BigInt(options.budget ?? DEFAULT_BUDGET), timeOffsetNs: timeOffset() };
      const kept = this.#until(
        new KernelPrograms(compiled, settings, { lineText: (span) => loaded.lineText(span) }),
      );
      this.#kept = kept;
      this.maps = kept.maps;
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
      const timer = setInterval(() => kept.setTimeOffset(timeOffset()), HOUSEKEEPING_MS);
      this.#undo.push(() => {
        clearInterval(timer);
        this.#last = this.#count();
      });
      this.programs = loaded.hooks.map((hook, i) => ({ program: kept.programs[i]!, hook }));
      this.punted = kept.maps[MAPS.punted];
      this.isAsked = asksRules || this.punted !== undefined;
      const devices = tcx === undefined ? undefined : devicesOf(kernel.devices, tcx);
      const nameOf = new Map(kept.programs.map((program, i) => [program, compiled.hooks[i]!.name]));
      const names = matchFiles(matches);
      const frames = this.hasXdp ? devicesOf(kernel.devices, options.xdp ?? []) : [];
      this.wanted = [
        ...(this.isAsked ? [] : inOrder(this.programs)).map(({ program, hook }): Wanted => {
          const at = [hook.pf, hook.hooknum, hook.priority, currentNamespaceId()].join("_");
          return {
            name: nameOf.get(program)!,
            program,
            ...(devices === undefined
              ? {
                  form: "netfilter",
                  key: `netfilter_${at}`,
                  attach: (stub: KernelProgram) => attachHooks([{ program: stub, hook }]),
                }
              : {
                  form: "tcx",
                  key: `tcx_${at}`,
                  devices: devices.map(({ index }) => index),
                  attach: (stub: KernelProgram) => attachAtDevices([{ program: stub, hook }], devices),
                }),
          };
        }),
        ...names.map((key, i): Wanted => {
          const program = kept.programs[this.programs.length + i]!;
          return { name: nameOf.get(program)!, form: "match", key, program };
        }),
        ...(this.hasXdp ? [kept.programs.at(-1)!] : []).map((program): Wanted => {
          return {
            name: nameOf.get(program)!,
            form: "xdp",
            key: `xdp_${currentNamespaceId()}`,
            program,
            devices: frames.map(({ index }) => index),
            attach: (stub: KernelProgram) => attachAtFrames(stub, frames),
          };
        }),
      ];
    } catch (error) {
      this.close();
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

  counters(): EbpfCounters {
    return this.#last ?? this.#count();
  }

  #count(): EbpfCounters {
    const counters = { errors: this.#errors, lost: this.#kept.lostEvents() };
    return this.punted === undefined ? counters : { ...counters, punted: this.#kept.punted() };
  }

  /** Lets go of everything, the last first. What is attached or pinned goes on running. */
  close(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  #until<T extends { close(): void }>(object: T): T {
    this.#undo.push(() => object.close());
    return object;
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

function compileAll(loaded: LoadedScript, { pin, tcx }: EbpfOptions, asksRules: boolean): CompiledScript {
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
