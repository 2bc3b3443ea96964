/**
 * Connections of the kernel that this thread runs on, by ctnetlink: asked by the tuple of the packet in the hook.
 *
 * The first packet of a connection is in the hook before the connection is in the kernel's table, where nothing can
 * ask for it. That it is NEW we know from the rule that sent it; what else is known is its tuple. Its id and timeout are 0
 * until then, and a mark that the hook sets is set when the packet's verdict is out.
 */

import {
  type ConnectionSpec,
  type ConnectionTuple,
  type Conntrack,
  ConntrackError,
  type Connection as ModelConnection,
} from "../kernel/connection.ts";
import {
  describeTuple,
  invertTuple,
  sameTuple,
  TUPLE_WORDS,
  TupleReader,
  writeTuple,
} from "../kernel/conntrack/tuple.ts";
import type { Skb } from "../kernel/skb.ts";
import {
  type Connection,
  type ConnectionChange,
  ConntrackSocket,
  conntrackNumber,
} from "../linux/ctnetlink.ts";
import { ErrnoError } from "../linux/errors.ts";
import { ETH_P } from "../uapi/if-ether.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import { IP_CT, IPS } from "../uapi/nf-conntrack-common.ts";
import { kernelTuple, modelTuple } from "./ctnetlink-tuples.ts";

const ICMP_HEADER_BYTES = 8;
const { IP_CT_RELATED, IP_CT_NEW, IP_CT_UNTRACKED, IP_CT_IS_REPLY } = IP_CT;

/** Makes a request; what the kernel refuses becomes the error that scripts see. */
function asking<T>(request: () => T): T {
  try {
    return request();
  } catch (error) {
    if (error instanceof ErrnoError) throw new ConntrackError(error.code);
    throw error;
  }
}

export class LiveConntrack implements Conntrack {
  /** Packets so far: what was read of a connection holds for the packet it was read for. */
  serial = 0;
  #started = false;
  #opened: ConntrackSocket | undefined;
  readonly #reader = new TupleReader();
  readonly #scratch = new Int32Array(TUPLE_WORDS);
  /** IP_CT_* without direction, as the rule told it; undefined when no rule tells or the packet is invalid. */
  #state: number | undefined;
  #rulesTellState = false;
  #asked = false;
  #connection: LiveConnection | undefined;
  #info: number | undefined;
  /** Marks for connections that are not in the table yet. */
  readonly #pending: { readonly tuple: ConnectionTuple; readonly mark: number }[] = [];

  get started(): boolean {
    return this.#started;
  }

  start(): void {
    this.#started = true;
  }

  get socket(): ConntrackSocket {
    this.#opened ??= new ConntrackSocket();
    return this.#opened;
  }

  /** Another packet comes; `state` is as in `#state`, and `told` whether rules tell it at all. */
  begin(state: number | undefined, told: boolean): void {
    this.serial++;
    this.#state = state;
    this.#rulesTellState = told;
    this.#asked = false;
  }

  /** The verdicts are out: connections whose first packet passed are in the table now. */
  verdictsSent(): void {
    for (const { tuple, mark } of this.#pending.splice(0)) {
      try {
        this.change(tuple, { mark });
      } catch (error) {
        // The packet was dropped further on: there is no connection to mark.
        if (!(error instanceof ConntrackError && error.code === "ENOENT")) throw error;
      }
    }
  }

  markLater(tuple: ConnectionTuple, mark: number): void {
    this.#pending.push({ tuple, mark });
  }

  connectionOf(skb: Skb): ModelConnection | undefined {
    this.#ask(skb);
    return this.#connection;
  }

  infoOf(skb: Skb): number | undefined {
    this.#ask(skb);
    return this.#info;
  }

  #ask(skb: Skb): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#connection = undefined;
    this.#info = undefined;
    if (this.#rulesTellState && (this.#state === undefined || this.#state === IP_CT_UNTRACKED)) {
      this.#info = this.#state;
      return;
    }
    const isError = this.#readTuple(skb);
    if (isError === undefined) return;
    const tuple = describeTuple(this.#reader.words, 0);
    const found = asking(() => this.socket.get(tuple.family, kernelTuple(tuple)));
    if (found === undefined) {
      // What is expected begins as RELATED; so does an error of ICMP, which begins nothing.
      if (this.#state === IP_CT_NEW || (this.#state === IP_CT_RELATED && !isError)) {
        this.#connection = new LiveConnection(this, tuple, undefined);
        this.#info = this.#state;
      }
      return;
    }
    const original = modelTuple(found.family, found.original!);
    this.#connection = new LiveConnection(this, original, found);
    writeTuple(original, 0, this.#scratch, 0);
    const reply = !sameTuple(this.#scratch, 0, this.#reader.words, 0);
    this.#info = (this.#state ?? stateOf(found, reply, isError)) + (reply ? IP_CT_IS_REPLY : 0);
  }

  /** Reads the tuple to look up; true when it is that of the packet in an ICMP error, undefined when there is none. */
  #readTuple(skb: Skb): boolean | undefined {
    const reader = this.#reader;
    const family = skb.protocol === ETH_P.ETH_P_IPV6 ? NFPROTO.NFPROTO_IPV6 : NFPROTO.NFPROTO_IPV4;
    const end = skb.netOffset + skb.length;
    if (!reader.read(skb.bytes, skb.netOffset, end, family, 0)) return undefined;
    // A message that nothing answers is an error, if it is anything that tracking knows.
    if (invertTuple(reader.words, 0, this.#scratch, 0)) return false;
    if (!reader.read(skb.bytes, reader.l4 + ICMP_HEADER_BYTES, end, family, 0)) return undefined;
    if (!invertTuple(reader.words, 0, this.#scratch, 0)) return undefined;
    reader.words.set(this.#scratch);
    return true;
  }

  count(): number {
    return numberIn("nf_conntrack_count");
  }

  max(): number {
    return numberIn("nf_conntrack_max");
  }

  lookup(tuple: ConnectionTuple): ModelConnection | undefined {
    const found = this.fetch(tuple);
    return found && new LiveConnection(this, modelTuple(found.family, found.original!), found);
  }

  each(visit: (connection: ModelConnection) => boolean): void {
    for (const found of asking(() => this.socket.dump())) {
      if (!visit(new LiveConnection(this, modelTuple(found.family, found.original!), found))) return;
    }
  }

  create(spec: ConnectionSpec): ModelConnection {
    const { original, timeoutMs, status, mark } = spec;
    const reply = spec.reply ?? invertedTuple(original);
    const timeout = Math.ceil(timeoutMs / 1000);
    asking(() =>
      this.socket.create(original.family, {
        original: kernelTuple(original),
        reply: kernelTuple(reply),
        timeout,
        ...(status ? { status: status | IPS.IPS_CONFIRMED } : {}),
        ...(mark ? { mark } : {}),
      }),
    );
    const made = this.lookup(original);
    if (made === undefined) throw new ConntrackError("ENOENT");
    return made;
  }

  watch(): never {
    throw new ConntrackError("EOPNOTSUPP");
  }

  fetch(tuple: ConnectionTuple): Connection | undefined {
    return asking(() => this.socket.get(tuple.family, kernelTuple(tuple)));
  }

  change(tuple: ConnectionTuple, change: ConnectionChange): void {
    asking(() => this.socket.update(tuple.family, kernelTuple(tuple), change));
  }

  close(): void {
    this.#opened?.close();
  }
}

/** The relation as the kernel finds it, from an entry alone. */
function stateOf(found: Connection, reply: boolean, isError: boolean): number {
  if (isError) return IP_CT_RELATED;
  const status = found.status ?? 0;
  if (reply || status & IPS.IPS_SEEN_REPLY) return IP_CT.IP_CT_ESTABLISHED;
  return status & IPS.IPS_EXPECTED ? IP_CT_RELATED : IP_CT_NEW;
}

function numberIn(name: Parameters<typeof conntrackNumber>[0]): number {
  const value = conntrackNumber(name);
  if (value === undefined) throw new ConntrackError("EOPNOTSUPP");
  return value;
}

function invertedTuple(tuple: ConnectionTuple): ConnectionTuple {
  const words = new Int32Array(2 * TUPLE_WORDS);
  writeTuple(tuple, 0, words, 0);
  if (!invertTuple(words, 0, words, TUPLE_WORDS)) throw new ConntrackError("EINVAL");
  return describeTuple(words, TUPLE_WORDS);
}

/** An entry of the kernel's table, or a connection that is not in it yet. Read anew for each packet. */
class LiveConnection implements ModelConnection {
  readonly #conntrack: LiveConntrack;
  readonly #original: ConnectionTuple;
  #entry: Connection | undefined;
  #serial: number;
  /** Set by the hook, while there is no entry. */
  #mark = 0;

  constructor(conntrack: LiveConntrack, original: ConnectionTuple, entry: Connection | undefined) {
    this.#conntrack = conntrack;
    this.#original = original;
    this.#entry = entry;
    this.#serial = conntrack.serial;
  }

  /** What the kernel says now; what it said last when the connection is gone. */
  get #now(): Connection | undefined {
    if (this.#serial !== this.#conntrack.serial) {
      this.#serial = this.#conntrack.serial;
      const found = this.#conntrack.fetch(this.#original);
      if (found !== undefined && (this.#entry === undefined || found.id === this.#entry.id))
        this.#entry = found;
    }
    return this.#entry;
  }

  tuple(direction: number): ConnectionTuple {
    if (direction === 0) return this.#original;
    const reply = this.#entry?.reply;
    return reply === undefined ? invertedTuple(this.#original) : modelTuple(this.#original.family, reply);
  }

  get status(): number {
    return this.#now?.status ?? 0;
  }

  get id(): number {
    return this.#now?.id ?? 0;
  }

  get zone(): number {
    return this.#entry?.zone ?? 0;
  }

  get timeoutMs(): number {
    return (this.#now?.timeout ?? 0) * 1000;
  }

  refresh(milliseconds: number): void {
    if (this.#entry === undefined) return;
    this.#conntrack.change(this.#original, { timeout: Math.ceil(milliseconds / 1000) });
    this.#serial = -1;
  }

  get mark(): number {
    const entry = this.#now;
    return entry === undefined ? this.#mark : (entry.mark ?? 0);
  }

  set mark(value: number) {
    this.#mark = value;
    if (this.#entry === undefined) {
      this.#conntrack.markLater(this.#original, value);
      return;
    }
    this.#conntrack.change(this.#original, { mark: value });
    this.#serial = -1;
  }

  labels(): Uint8Array {
    const labels = new Uint8Array(16);
    labels.set(this.#now?.labels?.subarray(0, 16) ?? []);
    return labels;
  }

  packets(direction: number): number {
    return Number(this.#counters(direction)?.packets ?? 0);
  }

  bytes(direction: number): number {
    return Number(this.#counters(direction)?.bytes ?? 0);
  }

  #counters(direction: number) {
    const entry = this.#now;
    return direction === 0 ? entry?.countersOriginal : entry?.countersReply;
  }

  get tcpState(): number | undefined {
    return this.#now?.protoInfo?.tcp?.state;
  }

  get master(): ModelConnection | undefined {
    const tuple = this.#now?.master;
    return tuple && this.#conntrack.lookup(modelTuple(this.#original.family, tuple));
  }

  get helper(): string | undefined {
    return this.#now?.help?.name;
  }

  remove(): void {
    if (this.#entry === undefined) return;
    try {
      asking(() => this.#conntrack.socket.remove(this.#original.family, kernelTuple(this.#original)));
    } catch (error) {
      if (!(error instanceof ConntrackError && error.code === "ENOENT")) throw error;
    }
  }

  /** ctnetlink takes expectations only for connections with a helper. */
  expect(): never {
    throw new ConntrackError("EOPNOTSUPP");
  }

  hold(): this {
    return this;
  }
}
