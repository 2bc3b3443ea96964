/**
 * Backend `ebpf`: the script's hooks as programs inside the kernel. The top level runs here, the hooks are compiled
 * and attached, and from then on this process only reads what they print. When it dies the kernel removes them, unless
 * they are pinned.
 *
 * Differences from the other backends: no packet passes through this process, so that packets are neither reported nor
 * counted; a priority that something else has is moved; a packet that a program cannot decide is accepted, and the log says so.
 */

import { EXAMPLE_LAYOUT } from "../compiler/target.ts";
import { requireCapability } from "../linux/capabilities.ts";
import { whyNoSystemCalls } from "../linux/ffi.ts";
import { withinNamespace } from "../linux/netns.ts";
import { LuaError, ScriptAbort } from "../lua/error.ts";
import { AskedHooks } from "./asked-hooks.ts";
import type { Backend, Diagnostic, EventSink, Script } from "./backend.ts";
import { checkScript } from "./check-script.ts";
import { HooksRefused, LoadedScript } from "./compile-script.ts";
import type { DeviceHook } from "./device-links.ts";
import type { EbpfCounters, EbpfOptions, EbpfRunning, OfferedMatch } from "./ebpf-options.ts";
import { KernelScript } from "./kernel-script.ts";
import { kernelToLoadWith } from "./loading-kernel.ts";
import type { PlacedHook } from "./netfilter-links.ts";
import { isPinned, matchFiles, PinFolder } from "./pinned-hooks.ts";
import { Placement } from "./placement.ts";

export * from "./ebpf-options.ts";

export interface EbpfBackend extends Omit<Backend<EbpfOptions>, "start" | "check"> {
  check(script: Script, options?: Pick<EbpfOptions, "tcx">): Diagnostic[];
  start(script: Script, options: EbpfOptions, sink: EventSink): Promise<EbpfRunning>;
}

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
    const run = new KernelRun(options, sink);
    try {
      await run.replace(script);
      return run;
    } catch (error) {
      await run.stop();
      throw error;
    }
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

class KernelRun implements EbpfRunning {
  readonly finished: Promise<void>;
  readonly #options: EbpfOptions;
  readonly #sink: EventSink;
  /** What outlives the process. */
  readonly #pins: PinFolder | undefined;
  /** Programs at places that outlive a version of the script. */
  readonly #placement: Placement;
  #version: KernelScript | undefined;
  /** Hooks of the version that rules ask. */
  #asked: AskedHooks | undefined;
  #matches: readonly OfferedMatch[] = [];
  /** Of the versions before. */
  #before: EbpfCounters = { errors: 0, lost: 0 };
  #finish!: () => void;
  #fail!: (error: unknown) => void;

  constructor(options: EbpfOptions, sink: EventSink) {
    this.#options = options;
    this.#sink = sink;
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    // Whoever started us may look at it later than it fails.
    this.finished.catch(() => {});
    const { pin, replace } = options;
    this.#pins = pin === undefined ? undefined : new PinFolder(pin);
    this.#placement = new Placement(
      replace === true && pin !== undefined && isPinned(pin) ? this.#pins!.open() : [],
    );
  }

  get hookCount(): number {
    return this.#version?.programs.length ?? 0;
  }

  get hasXdp(): boolean {
    return this.#version?.hasXdp ?? false;
  }

  get attached(): readonly PlacedHook[] {
    const linked = this.#placement.attached.flatMap((each) => ("family" in each ? [each] : []));
    return [...linked, ...(this.#asked?.attached ?? [])];
  }

  get atDevices(): readonly DeviceHook[] {
    return this.#placement.attached.flatMap((each) => ("device" in each ? [each] : []));
  }

  get matches(): readonly OfferedMatch[] {
    return this.#matches;
  }

  get left(): readonly Diagnostic[] {
    return this.#version?.left ?? [];
  }

  async replace(script: Script): Promise<void> {
    const options = this.#options;
    const version = withinNamespace(options.netns, () => new KernelScript(script, options, this.#sink));
    let asked: AskedHooks | undefined;
    try {
      // Where rules ask, both versions do for a moment.
      if (version.isAsked)
        asked = await AskedHooks.put(script, version, options, this.#sink, (error) => this.#fail(error));
      withinNamespace(options.netns, () =>
        this.#placement.replace(
          version.wanted,
          this.#version?.wanted.map(({ program }) => program) ?? [],
          this.#pins && ((places) => this.#pins!.keep(places)),
        ),
      );
    } catch (error) {
      await asked?.stop();
      version.close();
      throw error;
    }
    this.#pins?.keepMaps(version.maps);
    const files = matchFiles(version.matches);
    this.#matches = version.matches.map(({ name, family, proto, hooks }, i) => ({
      name,
      path: this.#pins?.matchPath(files[i]!) ?? "",
      family,
      proto,
      hooks,
    }));
    const old = this.#asked;
    this.#asked = asked;
    const oldVersion = this.#version;
    this.#version = version;
    await old?.stop();
    if (old !== undefined) this.#before.errors += old.errors;
    oldVersion?.close();
    if (oldVersion !== undefined) this.#before = sum(this.#before, oldVersion.counters());
  }

  counters(): EbpfCounters {
    const counters = sum(this.#before, this.#version?.counters() ?? { errors: 0, lost: 0 });
    return { ...counters, errors: counters.errors + (this.#asked?.errors ?? 0) };
  }

  async stop(): Promise<void> {
    try {
      await this.#asked?.stop();
    } finally {
      this.#placement.close();
      this.#version?.close();
      this.#finish();
    }
  }
}

const sum = (a: EbpfCounters, b: EbpfCounters): EbpfCounters => ({
  errors: a.errors + b.errors,
  lost: a.lost + b.lost,
  ...(a.punted === undefined && b.punted === undefined ? {} : { punted: (a.punted ?? 0) + (b.punted ?? 0) }),
});
