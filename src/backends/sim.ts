/**
 * Backend `sim`: the packets of a capture go through the simulated kernel, with the script's hooks in it. Streaming:
 * what is in memory is one chunk of the file, one packet, and what one chunk wrote.
 */

import { type DeviceOptions, SimulatedKernel } from "../kernel/simulated.ts";
import { Skb } from "../kernel/skb.ts";
import { ruleLogText } from "../kernel/xtables/log-text.ts";
import { printTables, type Table } from "../kernel/xtables/ruleset.ts";
import { Runtime, type RuntimeOptions } from "../runtime/runtime.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import {
  CaptureError,
  type CaptureFormat,
  createCaptureReader,
  type PacketSlot,
  timeNs,
} from "../wire/capture.ts";
import { ethernet, VLAN_VID_MASK } from "../wire/ethernet.ts";
import { type FrameLayout, isKnownLinkType, LINKTYPE, splitFrame } from "../wire/frame.ts";
import type {
  Backend,
  Counters,
  Diagnostic,
  EventSink,
  PacketPath,
  PacketVerdict,
  Running,
  Script,
} from "./backend.ts";
import { CaptureSink, type ChunkWriter } from "./capture-sink.ts";
import { checkScript } from "./check-script.ts";
import { LocalAddressFinder } from "./local-address.ts";
import { mayAskForConnections } from "./script-mentions.ts";

/** How many packets `local: "auto"` looks at, and how much of the file it holds back for that at most. */
const AUTO_PACKETS = 10_000;
const AUTO_BYTES = 32 * 1024 * 1024;

export interface SimOptions extends Omit<RuntimeOptions, "kernel"> {
  /** The bytes of a pcap or pcapng file. */
  readonly packets: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Receives the bytes of a capture file with the packets that left the path. */
  readonly write?: ChunkWriter;
  /** Default: the format that was read. */
  readonly writeFormat?: CaptureFormat;
  /** The machine's own addresses, besides the loopback ones. Default "auto". */
  readonly local?: "auto" | readonly string[];
  /** The machine's devices with their addresses and routes; then `local` is not looked for. */
  readonly devices?: readonly DeviceOptions[];
  /** Told the address that `auto` settled on, undefined when the capture has none, before the first packet runs. */
  readonly onLocal?: (address: string | undefined) => void;
  /** u32; the random numbers of the run follow from it. Default 0. */
  readonly seed?: number;
  readonly cpuCount?: number;
  /** Rules to stand in the path, as `iptables-save` and `ip6tables-save` write them. Raises `RulesError`. */
  readonly rules?: SimulatedRules;
  /** Told the rules with their counters, at the end: `iptables-save -c` of each family that has any. */
  readonly onRules?: (rules: SimulatedRules) => void;
}

export interface SimulatedRules {
  readonly v4?: string;
  readonly v6?: string;
}

export const sim: Backend<SimOptions> = {
  name: "sim",
  check: (script: Script): Diagnostic[] => checkScript(script),
  /** Rejects with the script's `LuaError` or `ScriptAbort` when its top level fails. */
  async start(script: Script, options: SimOptions, sink: EventSink): Promise<Running> {
    const run = new SimulatedRun(options, sink);
    run.load(script);
    const finished = run.pump();
    // Whoever started us may look at `finished` later than it fails.
    finished.catch(() => {});
    return { counters: () => run.counters(), stop: () => run.stop(finished), finished };
  },
};

class SimulatedRun {
  readonly #options: SimOptions;
  readonly #sink: EventSink;
  readonly #kernel: SimulatedKernel;
  readonly #runtime: Runtime;
  readonly #output: CaptureSink | undefined;
  readonly #reader = createCaptureReader();
  readonly #skb = new Skb();
  readonly #unknownLinkTypes = new Set<number>();
  readonly #tables: { v4?: Table[]; v6?: Table[] } = {};
  readonly #source: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #stopped = false;
  #stopWaiting = () => {};
  #packets = 0;
  #accepted = 0;
  #dropped = 0;
  #modified = 0;
  #lastLinkType: number = LINKTYPE.LINKTYPE_ETHERNET;
  /** The packet being processed, for what scripts send while it is. */
  #currentSlot: PacketSlot | undefined;
  #currentLayout: FrameLayout | undefined;

  constructor(options: SimOptions, sink: EventSink) {
    const {
      packets,
      write,
      writeFormat: _f,
      local: _a,
      devices,
      onLocal: _l,
      rules: _r,
      onRules: _o,
      seed,
      cpuCount,
      ...runtimeOptions
    } = options;
    this.#options = options;
    this.#source = iteratorOf(packets);
    this.#sink = sink;
    this.#kernel = new SimulatedKernel({
      log: (level, text) => sink.log({ type: "log", level, text }),
      transmit: (skb) => this.#transmit(skb),
      ruleLog: (entry) => sink.log({ type: "log", level: "info", text: ruleLogText(entry) }),
      ...(devices === undefined ? {} : { devices }),
      ...(seed === undefined ? {} : { seed }),
      ...(cpuCount === undefined ? {} : { cpuCount }),
    });
    const local = this.#local;
    if (local !== "auto") this.#addLocal(local);
    this.#runtime = new Runtime({ ...runtimeOptions, kernel: this.#kernel });
    this.#output = write && new CaptureSink(write);
  }

  /** A machine that is described needs no other address. */
  get #local(): "auto" | readonly string[] {
    const { local, devices } = this.#options;
    return local ?? (devices === undefined ? "auto" : []);
  }

  load(script: Script): void {
    if (mayAskForConnections(script.source)) this.#kernel.conntrack.start();
    this.#runtime.load(script.source, script.path);
    // Behind the script: rules may ask the matches and targets that it offers.
    const { v4, v6 } = this.#options.rules ?? {};
    if (v4 !== undefined) this.#tables.v4 = this.#kernel.loadRules(v4, NFPROTO.NFPROTO_IPV4);
    if (v6 !== undefined) this.#tables.v6 = this.#kernel.loadRules(v6, NFPROTO.NFPROTO_IPV6);
  }

  counters(): Counters {
    return {
      packets: this.#packets,
      accepted: this.#accepted,
      dropped: this.#dropped,
      modified: this.#modified,
      errors: this.#runtime.errors,
    };
  }

  async stop(finished: Promise<void>): Promise<void> {
    this.#stopped = true;
    this.#stopWaiting();
    await finished.catch(() => {});
  }

  /** Reads to the end. All good packets are written before damage to the capture is reported. */
  async pump(): Promise<void> {
    try {
      await this.#pumpAll();
    } finally {
      const { v4, v6 } = this.#tables;
      this.#options.onRules?.({
        ...(v4 && { v4: printTables(v4) }),
        ...(v6 && { v6: printTables(v6) }),
      });
      this.#runtime.stop();
      // Lets the source close its file; whether that works is not our business any more.
      Promise.resolve(this.#source.return?.()).catch(() => {});
      if (this.#output) {
        this.#output.begin(this.#format(), this.#lastLinkType);
        await this.#output.flush();
      }
    }
  }

  async #pumpAll(): Promise<void> {
    let held = this.#local === "auto" ? new HeldBack() : undefined;
    for (;;) {
      const chunk = await this.#nextChunk();
      if (chunk === undefined) break;
      if (held === undefined) {
        await this.#feed(chunk);
      } else if (held.add(chunk)) {
        const chunks = this.#settleLocal(held);
        held = undefined;
        for (const early of chunks) await this.#feed(early);
      }
    }
    if (this.#stopped) return;
    if (held) for (const early of this.#settleLocal(held)) await this.#feed(early);
    this.#reader.end();
  }

  /** Undefined at the end of the capture, or as soon as the run is stopped: a source may keep us waiting for ever. */
  #nextChunk(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return resolve(undefined);
      this.#stopWaiting = () => resolve(undefined);
      Promise.resolve(this.#source.next()).then(
        ({ done, value }) => resolve(done ? undefined : value),
        reject,
      );
    });
  }

  #settleLocal(held: HeldBack): Uint8Array[] {
    const address = held.finder.result();
    if (address !== undefined) this.#addLocal([address]);
    this.#options.onLocal?.(address);
    return held.chunks;
  }

  #addLocal(addresses: readonly string[]): void {
    for (const address of addresses) {
      if (!this.#kernel.local.add(address)) throw new RangeError(`'${address}' is no IPv4 or IPv6 address`);
    }
  }

  async #feed(chunk: Uint8Array): Promise<void> {
    if (this.#stopped) return;
    this.#reader.push(chunk, this.#onPacket);
    await this.#output?.flush();
  }

  readonly #onPacket = (slot: PacketSlot): void => {
    if (this.#stopped) return;
    this.#packets++;
    this.#lastLinkType = slot.linkType;
    this.#kernel.setTime(slot.seconds, slot.nanoseconds);
    this.#output?.begin(this.#format(), slot.linkType);
    const layout = splitFrame(slot.linkType, slot.buffer, slot.start, slot.end);
    if (layout === undefined) this.#passUnreadable(slot);
    else this.#process(slot, layout);
  };

  #process(slot: PacketSlot, layout: FrameLayout): void {
    const skb = this.#skb.load(
      slot.buffer,
      slot.start,
      layout.networkOffset,
      slot.end,
      macLength(slot.linkType),
      layout.ethertype,
    );
    if (layout.vlan !== undefined) skb.vlan = layout.vlan & VLAN_VID_MASK;
    const missingBytes = Math.max(0, slot.originalLength - (slot.end - slot.start));
    this.#currentSlot = slot;
    this.#currentLayout = layout;
    const length = skb.length;
    const { path, verdict } = this.#kernel.process(skb, missingBytes);
    if (skb.modified) this.#modified++;
    this.#count(slot, path, verdict, skb.modified, skb.mark);
    if (verdict !== "accept" || this.#output === undefined) return;
    if (skb.modified || skb.length !== length || path === "forward") {
      this.#output.addRewritten(slot, layout.networkOffset, skb, missingBytes);
    } else {
      this.#output.addUntouched(slot);
    }
  }

  /** A frame that is no frame of its link type is dropped; one of an unknown link type is none of our business. */
  #passUnreadable(slot: PacketSlot): void {
    const known = isKnownLinkType(slot.linkType);
    this.#count(slot, "input", known ? "drop" : "accept", false, 0);
    if (known) return;
    this.#output?.addUntouched(slot);
    if (this.#unknownLinkTypes.has(slot.linkType)) return;
    this.#unknownLinkTypes.add(slot.linkType);
    this.#kernel.log("error", `capture: packets of unknown link type ${slot.linkType} pass untouched`);
  }

  #count(slot: PacketSlot, path: PacketPath, verdict: PacketVerdict, modified: boolean, mark: number): void {
    if (verdict === "accept") this.#accepted++;
    else if (verdict === "drop") this.#dropped++;
    this.#sink.packet?.({
      type: "packet",
      n: this.#packets,
      timeNs: timeNs(slot),
      path,
      verdict,
      modified,
      mark,
    });
  }

  #transmit(skb: Skb): void {
    // Before the first packet nothing tells what the frames of this capture look like.
    if (!this.#currentSlot) return;
    this.#output?.addRewritten(this.#currentSlot, this.#currentLayout!.networkOffset, skb, 0);
  }

  #format(): CaptureFormat {
    return this.#options.writeFormat ?? this.#reader.format ?? "pcap";
  }
}

function iteratorOf(packets: SimOptions["packets"]): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  return Symbol.asyncIterator in packets ? packets[Symbol.asyncIterator]() : packets[Symbol.iterator]();
}

/** The beginning of the file, held back until the machine's address is known. */
class HeldBack {
  readonly chunks: Uint8Array[] = [];
  readonly finder = new LocalAddressFinder();
  readonly #reader = createCaptureReader();
  #bytes = 0;

  /** Takes a copy of the chunk; true when enough has been seen. */
  add(chunk: Uint8Array): boolean {
    this.chunks.push(chunk.slice());
    this.#bytes += chunk.length;
    try {
      this.#reader.push(chunk, (packet) => this.finder.packets < AUTO_PACKETS && this.finder.add(packet));
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      // The damage is reported when the chunks are read in earnest.
      return true;
    }
    return this.finder.packets >= AUTO_PACKETS || this.#bytes >= AUTO_BYTES;
  }
}

/** What skb->mac_header covers: nothing is known of the frame's header once a cooked one took its place. */
function macLength(linkType: number): number | undefined {
  switch (linkType) {
    case LINKTYPE.LINKTYPE_ETHERNET:
      return ethernet.size;
    case LINKTYPE.LINKTYPE_LINUX_SLL:
    case LINKTYPE.LINKTYPE_LINUX_SLL2:
      return undefined;
    default:
      return 0;
  }
}
