/**
 * Serves the queues of a script: arms its stations, then takes packets in batches, runs the hooks and answers. Lives
 * in a thread of its own, because it waits inside a system call.
 */

import { Skb } from "../kernel/skb.ts";
import { UnsupportedError } from "../linux/errors.ts";
import { type QueuedPacket, QueueSocket } from "../linux/nfqueue.ts";
import { OwnedTables, type QueuedHook } from "../linux/nftables.ts";
import { ETH_P } from "../uapi/if-ether.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../uapi/netfilter.ts";
import { IP_CT, NF_CT_STATE } from "../uapi/nf-conntrack-common.ts";
import { NFQA_SKB, NFQNL_MAX_COPY_RANGE } from "../uapi/nfnetlink-queue.ts";
import type { Counters, PacketEvent, PacketPath, PacketVerdict } from "./backend.ts";
import type { LiveKernel } from "./live-kernel.ts";
import type { ArmedStation } from "./nfqueue-protocol.ts";
import type { Station } from "./stations.ts";

const { NF_ACCEPT, NF_DROP, NF_QUEUE } = NF_VERDICT;
const { NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;
const { NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } = NF_INET;

/** Low numbers are what other programs use, and queue 0 is where the verdict QUEUE sends packets. */
const FIRST_QUEUE = 7700;

/** How rules tell the relation of a packet; what is left is invalid, or has not been tracked yet. */
const TOLD_STATES = [
  { state: NF_CT_STATE.ESTABLISHED, info: IP_CT.IP_CT_ESTABLISHED },
  { state: NF_CT_STATE.RELATED, info: IP_CT.IP_CT_RELATED },
  { state: NF_CT_STATE.NEW, info: IP_CT.IP_CT_NEW },
  { state: NF_CT_STATE.NF_CT_STATE_UNTRACKED_BIT, info: IP_CT.IP_CT_UNTRACKED },
];

export interface QueueServerOptions {
  readonly kernel: LiveKernel;
  readonly tableName: string;
  /** Packets are dropped, not passed, when the queue is full or nobody serves it. */
  readonly failClosed: boolean;
  /** False: somebody else puts rules in place that send packets here. */
  readonly rules: boolean;
  /** Super-packets come whole. */
  readonly gso: boolean;
  /** Wants to know of every packet; absent when nobody does. */
  readonly onPacket: ((event: PacketEvent) => void) | undefined;
}

export class QueueServer {
  readonly counters: Counters = { packets: 0, accepted: 0, dropped: 0, modified: 0, errors: 0 };
  readonly #options: QueueServerOptions;
  readonly #socket = new QueueSocket();
  readonly #tables: OwnedTables;
  readonly #byQueue = new Map<number, { readonly station: Station; readonly info: number | undefined }>();
  #tellsStates = false;
  readonly #skb = new Skb();
  #timeNs = 0n;
  #warned = false;

  constructor(options: QueueServerOptions) {
    this.#options = options;
    this.#tables = new OwnedTables(options.tableName);
  }

  /** What must be closed when this thread dies without `close`, in this order. */
  get descriptors(): number[] {
    return [this.#tables.fd, this.#socket.fd];
  }

  /** Binds a queue for each station; only when all are served are rules put in place. Throws `ErrnoError`. */
  arm(stations: readonly Station[]): ArmedStation[] {
    const { failClosed, gso } = this.#options;
    const armed: ArmedStation[] = [];
    const states: { state: number; queue: number }[][] = [];
    let next = FIRST_QUEUE;
    const bind = (station: Station, info: number | undefined): number => {
      const queue = this.#socket.bindFree(next, { failOpen: !failClosed, gso });
      next = queue + 1;
      this.#byQueue.set(queue, { station, info });
      return queue;
    };
    for (const station of stations) {
      const { family, hooknum, priority } = station;
      armed.push({ family, hooknum, priority, queue: bind(station, undefined) });
      // Which queue a packet comes by tells how tracking relates it: nothing else does for the first of a connection.
      const told = this.#options.rules && this.#options.kernel.conntrack.started ? TOLD_STATES : [];
      states.push(told.map(({ state, info }) => ({ state, queue: bind(station, info) })));
    }
    const hooks = armed.map((each, i) => ({ ...each, marks: stations[i]!.marks, bypass: !failClosed }));
    if (hooks.length > 0 && this.#options.rules) this.#install(hooks, states);
    return armed;
  }

  /** Without nf_tables' `ct` connections are still found, but not those that only begin. */
  #install(hooks: readonly QueuedHook[], states: readonly QueuedHook["states"][]): void {
    if (this.#options.kernel.conntrack.started) {
      try {
        this.#tables.install(hooks.map((hook, i) => ({ ...hook, states: states[i]! })));
        this.#tellsStates = true;
        return;
      } catch (error) {
        if (!(error instanceof UnsupportedError)) throw error;
      }
    }
    this.#tables.install(hooks);
  }

  /** Waits for packets (a fifth of a second at most) and answers those that came; returns how many. */
  serve(wait = true): number {
    const count = this.#socket.receive(wait);
    if (count === 0) return 0;
    this.#timeNs = this.#options.kernel.nowNs();
    for (let i = 0; i < count; i++) {
      const packet = this.#socket.packet(i);
      if (packet !== undefined) this.#handle(packet);
    }
    this.#socket.flush();
    this.#options.kernel.conntrack.verdictsSent();
    return count;
  }

  /** Rules first, then the packets that were queued already, then chains and queues: nothing held is lost. */
  close(): void {
    try {
      this.#tables.removeRules();
      while (this.serve(false) > 0);
    } finally {
      try {
        this.#tables.remove();
      } finally {
        this.#socket.close();
      }
    }
  }

  #handle(packet: QueuedPacket): void {
    const { queue, id } = packet;
    const { station, info } = this.#byQueue.get(queue) ?? {};
    const family = packet.protocol === ETH_P.ETH_P_IPV6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
    if (station === undefined || !station.concerns(family, packet.mark)) {
      this.#socket.verdict(queue, id, NF_ACCEPT);
      return;
    }
    const skb = this.#load(packet);
    this.#options.kernel.conntrack.begin(info, this.#tellsStates);
    const verdict = this.#run(station, family, skb);
    const payload = verdict === NF_DROP ? undefined : this.#rewritten(packet, skb);
    // A queued packet cannot be stolen: nobody would ever free it. For the stack both mean that it is gone.
    const answer = verdict === NF_ACCEPT || verdict === NF_QUEUE ? verdict : NF_DROP;
    this.#socket.verdict(queue, id, answer, skb.mark === packet.mark ? undefined : skb.mark, payload);
    this.#count(station, packet, verdict, skb);
  }

  /** Hooks never throw; if one does, that is our mistake, and the packet goes on. */
  #run(station: Station, family: number, skb: Skb): number {
    try {
      return station.run(family, skb);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.kernel.log("error", `internal error: ${text.replaceAll("\n", " ")}`);
      return NF_ACCEPT;
    }
  }

  #load(packet: QueuedPacket): Skb {
    const { bytes, payloadStart, payloadEnd, hook } = packet;
    const skb = this.#skb.load(bytes, payloadStart, payloadStart, payloadEnd, undefined, packet.protocol);
    skb.mark = packet.mark;
    skb.inIfindex = packet.inIfindex;
    skb.outIfindex = packet.outIfindex;
    if (hook === NF_INET_POST_ROUTING) skb.ifindex = packet.outIfindex;
    else if (hook !== NF_INET_LOCAL_OUT) skb.ifindex = packet.inIfindex;
    if (packet.inIfindex !== 0 && hook !== NF_INET_LOCAL_OUT) {
      const { hardwareAddressStart: start, hardwareAddressLength: length } = packet;
      const source = length === 0 ? undefined : bytes.subarray(start, start + length);
      this.#options.kernel.devices.addLinkHeader(skb, packet.inIfindex, source);
    }
    return skb;
  }

  /** The new payload, undefined when the old one stands. */
  #rewritten(packet: QueuedPacket, skb: Skb): Uint8Array | undefined {
    if (!skb.modified) return undefined;
    if (packet.length > packet.payloadEnd - packet.payloadStart || skb.length > NFQNL_MAX_COPY_RANGE) {
      this.#warnOnce("a packet too large for its queue was not rewritten");
      return undefined;
    }
    // The kernel takes a rewritten packet for finished and completes no checksum.
    if (packet.skbInfo & NFQA_SKB.NFQA_SKB_CSUMNOTREADY) skb.checksum();
    return skb.packet();
  }

  #warnOnce(text: string): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#options.kernel.log("error", `nfqueue: ${text}`);
  }

  #count({ hooknum }: Station, packet: QueuedPacket, verdict: number, skb: Skb): void {
    const { counters } = this;
    counters.packets++;
    if (verdict === NF_ACCEPT) counters.accepted++;
    else if (verdict === NF_DROP) counters.dropped++;
    if (skb.modified) counters.modified++;
    this.#options.onPacket?.({
      type: "packet",
      n: counters.packets,
      timeNs: this.#timeNs,
      path: pathOf(hooknum, packet),
      verdict: verdictName(verdict),
      modified: skb.modified,
      mark: skb.mark,
    });
  }
}

/** As far as it can be told: PRE_ROUTING comes before the routing decision. */
function pathOf(hooknum: number, packet: QueuedPacket): PacketPath {
  if (hooknum === NF_INET_FORWARD) return "forward";
  // The kernel's own neighbour messages name the device they leave by twice; only what came in has a sender's address.
  const { inIfindex, outIfindex, hardwareAddressLength } = packet;
  const cameIn = inIfindex !== 0 && (inIfindex !== outIfindex || hardwareAddressLength > 0);
  if (hooknum === NF_INET_POST_ROUTING && cameIn) return "forward";
  return hooknum === NF_INET_LOCAL_OUT || hooknum === NF_INET_POST_ROUTING ? "output" : "input";
}

function verdictName(verdict: number): PacketVerdict {
  if (verdict === NF_ACCEPT) return "accept";
  if (verdict === NF_DROP) return "drop";
  return verdict === NF_QUEUE ? "queue" : "stolen";
}
