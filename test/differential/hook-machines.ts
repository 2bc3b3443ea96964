/**
 * One hook on three machines: the Lua VM, the interpreter of eBPF, the kernel by test runs. Each says what became of a
 * packet: the verdict, and the lines of the log.
 */

import { KernelPrograms } from "../../src/backends/kernel-programs.ts";
import type { Script } from "../../src/compiler/calling.ts";
import { type CompiledScript, compileHooks, type ProgramSource } from "../../src/compiler/compile-hooks.ts";
import { eventText } from "../../src/compiler/event-text.ts";
import type { Place } from "../../src/compiler/packet.ts";
import { CONFIG, type KernelLayout, MAPS, SCRATCH, SK_BUFF_CONTEXT } from "../../src/compiler/target.ts";
import {
  frameEnvironment,
  netfilterEnvironment,
  type PacketConnection,
  ruleEnvironment,
} from "../../src/ebpf/contexts.ts";
import { Executable } from "../../src/ebpf/executable.ts";
import { interpret } from "../../src/ebpf/interpret.ts";
import { type BpfMap, createMap, RingBufferMap } from "../../src/ebpf/maps.ts";
import type { Extension, MatchExtension } from "../../src/kernel/extensions.ts";
import type { HookRegistration } from "../../src/kernel/kernel.ts";
import { SimulatedKernel } from "../../src/kernel/simulated.ts";
import type { Skb } from "../../src/kernel/skb.ts";
import { ethernetFrame, skbOf } from "../../src/kernel/testing.ts";
import type { XdpProgram } from "../../src/kernel/xdp.ts";
import { RingBufferReader } from "../../src/linux/bpf.ts";
import { LuaTable } from "../../src/lua/table.ts";
import type { LuaFunction } from "../../src/lua/value.ts";
import { Runtime } from "../../src/runtime/runtime.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../../src/uapi/netfilter.ts";
import { assert } from "../../src/util/assert.ts";
import { ipv4 } from "../../src/wire/ipv4.ts";
import { ipv6Extent } from "../../src/wire/ipv6.ts";

export interface Outcome {
  /** "other": one that a program cannot return. A packet that matches is dropped. */
  readonly verdict: "drop" | "accept" | "other";
  /** As the log has them. */
  readonly lines: readonly string[];
  /** The program left the packet to user space. */
  readonly isPunted: boolean;
  /** The budget ended the run; which round is the last is not the same everywhere. */
  readonly isStopped: boolean;
}

/** What became of a frame that a hook may change. */
export interface DeviceOutcome extends Outcome {
  readonly frame: Uint8Array;
  readonly mark: number;
}

/** What became of a frame. */
export interface FrameOutcome extends Omit<Outcome, "verdict"> {
  /** `XDP_*` */
  readonly verdict: string;
  readonly frame: Uint8Array;
}

/** Rounds of loops and calls that one run may take. */
const BUDGET = 3_000;
const STOPPED = "instruction budget exceeded";

/** `struct __sk_buff` */
const SK_BUFF_BYTES = 192;

const key0 = new Uint8Array(4);

type Registration = HookRegistration | MatchExtension | XdpProgram;

class HookRecorder extends SimulatedKernel {
  readonly registered: Registration[] = [];

  override registerXdp(program: XdpProgram): () => void {
    this.registered.push(program);
    return () => {};
  }

  override registerHook(hook: HookRegistration): () => void {
    this.registered.push(hook);
    return () => {};
  }

  override registerExtension(extension: Extension): () => void {
    if (extension.kind === "match") this.registered.push(extension);
    return () => {};
  }
}

/** What rules of the tests give a match. */
const USERARGS = "example.org".padEnd(256, "\0");

/** The Lua VM with a script that registers one hook, or one match, or attaches a function to frames. */
export class VmHook {
  readonly runtime: Runtime;
  readonly #registration: Registration;
  #lines: string[] = [];

  constructor(source: string) {
    const kernel = new HookRecorder({ log: (_level, text) => this.#lines.push(text) });
    this.runtime = new Runtime({ kernel, budget: BUDGET });
    this.runtime.load(source, "test.lua");
    const [registration, ...others] = kernel.registered;
    assert(registration !== undefined && others.length === 0, "the script registers one hook");
    this.#registration = registration;
  }

  run(packet: Uint8Array): Outcome {
    this.#lines = [];
    return this.#outcome(this.#run(packet));
  }

  #outcome(verdict: number): Outcome {
    const lines = this.#lines;
    const isStopped = lines.some((line) => line.includes(STOPPED));
    return { verdict: verdictOf(verdict), lines, isPunted: false, isStopped };
  }

  #run(packet: Uint8Array): number {
    const registration = this.#registration;
    const skb = skbOf(packet);
    assert(!("callback" in registration), "frames are no packets");
    if (!("kind" in registration)) return registration.run(skb).verdict;
    const of = { skb, hotdrop: false, hooknum: STATION.hook, ...transportHeader(packet) };
    return registration.match(of, USERARGS).matches ? NF_VERDICT.NF_DROP : NF_VERDICT.NF_ACCEPT;
  }

  /** As a hook at PRE_ROUTING sees a frame of Ethernet; it must have been let in by `arrivalOf`. */
  runFrame(skb: Skb): DeviceOutcome {
    this.#lines = [];
    const registration = this.#registration;
    assert("hooknum" in registration && !("kind" in registration), "only hooks write to packets");
    const { verdict, mark } = registration.run(skb);
    return { ...this.#outcome(verdict), frame: skb.frame().slice(), mark: mark ?? 0 };
  }

  /** As the function of `xdp.attach` sees a frame. */
  onFrame(skb: Skb): FrameOutcome {
    this.#lines = [];
    const registration = this.#registration;
    assert("callback" in registration, "the script attaches a function");
    const result = registration.run(skb);
    return { ...this.#outcome(NF_VERDICT.NF_ACCEPT), verdict: `${result}`, frame: skb.frame().slice() };
  }

  get script(): Script {
    const { state, natives } = this.runtime;
    return { state, nameOf: (f) => natives.nameOf(f), native: (name) => natives.native(name) };
  }

  /** Throws `CannotCompile` when no packet could be decided. */
  compile(layout: KernelLayout, ringBytes?: number, place?: Place): CompiledScript {
    if ("callback" in this.#registration) {
      const callback = this.#registration.callback as LuaFunction;
      return compileHooks(this.script, [{ name: "xdp", form: "xdp", callback }], layout, ringBytes);
    }
    const { source } = this.#registration;
    assert(source instanceof LuaTable, "a hook is registered with a table");
    const of: ProgramSource =
      "kind" in this.#registration
        ? { name: "match", form: "match", match: source.get("match") as LuaFunction, userargs: USERARGS }
        : { name: "hook", hook: source.get("hook") as LuaFunction, ...(place && { place }) };
    return compileHooks(this.script, [of], layout, ringBytes);
  }

  outcomeOf(result: number, records: readonly Uint8Array[], { sites, hooks }: CompiledScript): Outcome {
    const { accept, drop } = hooks[0]!.form.results;
    const low = (word: bigint): number => Number(BigInt.asIntN(32, word));
    const events = records.map((record) => eventText(this.runtime.state, sites, record));
    const lines: string[] = [];
    for (const { kind, text } of events) {
      // As the runtime logs them.
      if (kind === "print") lines.push(...text.split("\0", 1)[0]!.split("\n"));
      else lines.push(text.replaceAll("\n", " "));
    }
    return {
      verdict: (result | 0) === low(drop) ? "drop" : (result | 0) === low(accept) ? "accept" : "other",
      lines,
      isPunted: events.some(({ kind }) => kind === "punt"),
      isStopped: lines.includes(STOPPED),
    };
  }
}

/** As ip_tables and ip6_tables find it for a rule that asks for a protocol. */
function transportHeader(packet: Uint8Array): { thoff: number; fragoff: number } {
  if (packet[0]! >> 4 === 4)
    return { thoff: (packet[0]! & 15) * 4, fragoff: ipv4.get.fragment(packet, 0) & 0x1fff };
  const extent = ipv6Extent(packet, 0, packet.length, true);
  const fragoff = extent?.fragmentOffset ?? 0;
  return { thoff: fragoff === 0 ? (extent?.headerLength ?? 0) : 0, fragoff };
}

function verdictOf(verdict: number): Outcome["verdict"] {
  if (verdict === NF_VERDICT.NF_DROP) return "drop";
  return verdict === NF_VERDICT.NF_ACCEPT || verdict === NF_VERDICT.NF_STOP ? "accept" : "other";
}

/** Without a state of ours the kernel makes a test run at LOCAL_OUT, for IPv4. */
const STATION = { hook: NF_INET.NF_INET_LOCAL_OUT, pf: NFPROTO.NFPROTO_IPV4 };

/** What a program may find in its memory from the run before. */
const LEFTOVER = 0xa5;

export class InterpretedHook {
  readonly compiled: CompiledScript;
  readonly #vm: VmHook;
  readonly #executable: Executable;
  readonly #maps: Record<string, BpfMap> = {};
  readonly #station;
  readonly #layout: KernelLayout;

  /** `layout` is what it was compiled for. */
  constructor(vm: VmHook, compiled: CompiledScript, layout: KernelLayout) {
    this.#vm = vm;
    this.#layout = layout;
    this.compiled = compiled;
    this.#station = { ...STATION, offsets: layout.sk_buff };
    this.#executable = new Executable(this.compiled.hooks[0]!.program);
    for (const spec of this.compiled.maps) {
      const map = createMap(spec);
      for (const [key, value] of spec.entries) map.update(key, value, 0, 0);
      this.#maps[spec.name] = map;
    }
    this.#maps[MAPS.config]?.lookup(key0, 0)?.view.setBigInt64(CONFIG.budget, BigInt(BUDGET), true);
  }

  /** Whether the last run left anything where strings are built. */
  get hasBuilt(): boolean {
    const { heapOffset, heapBytes } = SCRATCH;
    const page = this.#maps[MAPS.scratch]?.lookup(key0, 0)?.bytes;
    return page?.subarray(heapOffset, heapOffset + heapBytes).some((byte) => byte !== LEFTOVER) ?? false;
  }

  run(packet: Uint8Array, linearBytes = packet.length, connection?: PacketConnection): Outcome {
    this.#maps[MAPS.scratch]?.lookup(key0, 0)?.bytes.fill(LEFTOVER);
    const { form } = this.compiled.hooks[0]!;
    const environment = form.argument === "__sk_buff" ? ruleEnvironment : netfilterEnvironment;
    const { low } = interpret(this.#executable, {
      ...environment(packet, { ...this.#station, linearBytes, connection }),
      maps: this.#maps,
      limit: 50_000_000,
    });
    const events = this.#maps[MAPS.events];
    const records = events instanceof RingBufferMap ? events.drain() : [];
    return this.#vm.outcomeOf(low, records, this.compiled);
  }

  /** The function of `xdp.attach`. */
  onFrame(frame: Uint8Array): FrameOutcome {
    this.#maps[MAPS.scratch]?.lookup(key0, 0)?.bytes.fill(LEFTOVER);
    const environment = frameEnvironment(frame, this.#layout.xdp_buff);
    const { low } = interpret(this.#executable, { ...environment, maps: this.#maps, limit: 50_000_000 });
    const events = this.#maps[MAPS.events];
    const records = events instanceof RingBufferMap ? events.drain() : [];
    const outcome = this.#vm.outcomeOf(low, records, this.compiled);
    return { ...outcome, verdict: `${low}`, frame: environment.packet.bytes };
  }
}

export class KernelHook {
  readonly compiled: CompiledScript;
  readonly programs: KernelPrograms;
  readonly #vm: VmHook;
  readonly #reader: RingBufferReader | undefined;

  /** Throws `VerifierError` when the kernel refuses the program. */
  constructor(vm: VmHook, compiled: CompiledScript) {
    this.#vm = vm;
    this.compiled = compiled;
    this.programs = new KernelPrograms(this.compiled, { budget: BigInt(BUDGET), timeOffsetNs: 0n });
    const { events } = this.programs.maps;
    this.#reader = events && new RingBufferReader(events);
  }

  run(packet: Uint8Array): Outcome {
    const { form } = this.compiled.hooks[0]!;
    const { result } = this.programs.programs[0]!.testRun(
      // Test runs of socket filters want a link header in front, which the program does not see.
      form.argument === "__sk_buff" ? ethernetFrame(packet) : packet,
    );
    const records: Uint8Array[] = [];
    this.#reader?.read((record) => records.push(record.slice()));
    return this.#vm.outcomeOf(result, records, this.compiled);
  }

  /** At a device, by a test run. */
  runFrame(frame: Uint8Array): DeviceOutcome {
    const run = this.programs.programs[0]!.transform(frame, new Uint8Array(SK_BUFF_BYTES));
    const records: Uint8Array[] = [];
    this.#reader?.read((record) => records.push(record.slice()));
    const context = new DataView(run.context!.buffer, run.context!.byteOffset);
    return {
      ...this.#vm.outcomeOf(run.result, records, this.compiled),
      frame: run.packet,
      mark: context.getUint32(SK_BUFF_CONTEXT.mark, true),
    };
  }

  /** The function of `xdp.attach`, by a test run. */
  onFrame(frame: Uint8Array): FrameOutcome {
    const { result, packet } = this.programs.programs[0]!.transform(frame);
    const records: Uint8Array[] = [];
    this.#reader?.read((record) => records.push(record.slice()));
    return { ...this.#vm.outcomeOf(result, records, this.compiled), verdict: `${result}`, frame: packet };
  }

  close(): void {
    this.#reader?.close();
    this.programs.close();
  }
}

type Said = Omit<Outcome, "verdict"> & { readonly verdict: string };

/** What differs, if anything that counts does. */
export function differenceOf(vm: Said, other: Said): string | undefined {
  if (other.isPunted || vm.isStopped || other.isStopped) return undefined;
  // Of a long string the log has the beginning and the length.
  const isCut = other.lines.some((line) => /\.\.\. \(\d+ bytes\)/.test(line));
  if (isCut && vm.verdict === other.verdict) return undefined;
  const wanted = JSON.stringify([vm.verdict, vm.lines]);
  const got = JSON.stringify([other.verdict, other.lines]);
  return wanted === got ? undefined : `VM:    ${wanted}\nother: ${got}`;
}
