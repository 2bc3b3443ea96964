/** What r1 points to for each type of program, made from a packet. Offsets of `__sk_buff`: linux/bpf.h. */

import type { Environment } from "./executable.ts";
import { Region } from "./memory.ts";

const SK_BUFF = { len: 0, mark: 8, protocol: 16, data: 76, data_end: 80, bytes: 192 } as const;

/** A packet and the context of BPF_PROG_TYPE_SCHED_CLS or BPF_PROG_TYPE_SOCKET_FILTER (`struct __sk_buff`). */
export function skBuffEnvironment(
  bytes: Uint8Array,
  fields: { mark?: number; protocol?: number } = {},
): Pick<Environment, "context" | "packet"> {
  const packet = new Region("the packet", bytes);
  const context = new Region("the context", new Uint8Array(SK_BUFF.bytes), {
    pointers: new Map([
      [SK_BUFF.data, { region: packet, offset: 0 }],
      [SK_BUFF.data_end, { region: packet, offset: bytes.length }],
    ]),
  });
  context.view.setUint32(SK_BUFF.len, bytes.length, true);
  context.view.setUint32(SK_BUFF.mark, fields.mark ?? 0, true);
  context.view.setUint32(SK_BUFF.protocol, fields.protocol ?? 0, true);
  return { context, packet };
}

/** Where `struct sk_buff` has the fields that programs read; they differ from kernel to kernel. */
export interface SkBuffOffsets {
  readonly len: number;
  readonly data_len: number;
  readonly data: number;
  readonly _nfct?: number;
}

/** What the kernel knows of a packet's connection: `struct nf_conn`, if there is one, and IP_CT_*. */
export interface PacketConnection {
  readonly region?: Region;
  readonly info: number;
}

export interface NetfilterPacket {
  /** NF_INET_* and NFPROTO_* */
  readonly hook: number;
  readonly pf: number;
  /** Without it `struct sk_buff` has no fields, and only kernel functions can read the packet. */
  readonly offsets?: SkBuffOffsets;
  /** How much of the packet `skb->data` points to; all, when left out. */
  readonly linearBytes?: number;
  /** None, when left out. */
  readonly connection?: PacketConnection | undefined;
}

/** A program may read eight bytes at once where fewer are left, if it does not use what it read too much. */
const SLACK = 7;
/** What stands there: nothing that a program could take for the zeros behind a real packet. */
const SLACK_BYTE = 0xa5;

/** A packet from its IP header on, and the context of BPF_PROG_TYPE_NETFILTER (`struct bpf_nf_ctx`). */
export function netfilterEnvironment(
  bytes: Uint8Array,
  { hook, pf, offsets, linearBytes = bytes.length, connection }: NetfilterPacket,
): Pick<Environment, "context" | "packet" | "linearBytes"> {
  const packet = new Region("the packet", bytes);
  // Scripts can reach few fields of these two; those of nf_hook_state are at the same offsets everywhere.
  const state = new Region("the hook state", Uint8Array.of(hook, pf, ...new Uint8Array(46)), {
    isWritable: false,
  });
  const skb = offsets === undefined ? emptySkb() : skbOf(bytes, offsets, linearBytes, connection);
  const context = new Region("the context", new Uint8Array(16), {
    isWritable: false,
    pointers: new Map([
      [0, { region: state, offset: 0 }],
      [8, { region: skb, offset: 0 }],
    ]),
  });
  return { context, packet, linearBytes };
}

/**
 * A packet from its IP header on, as a program of BPF_PROG_TYPE_SOCKET_FILTER gets it that a rule asks. The context is
 * the packet itself: `bpf_cast_to_kern_ctx` is where the kernel would turn one into the other.
 */
export function ruleEnvironment(
  bytes: Uint8Array,
  {
    offsets,
    linearBytes = bytes.length,
    connection,
  }: Omit<NetfilterPacket, "hook" | "pf"> & { readonly offsets: SkBuffOffsets },
): Pick<Environment, "context" | "packet" | "linearBytes"> {
  return {
    context: skbOf(bytes, offsets, linearBytes, connection),
    packet: new Region("the packet", bytes),
    linearBytes,
  };
}

/**
 * A frame from its link header on, and what `bpf_cast_to_kern_ctx` makes of the context of BPF_PROG_TYPE_XDP (`struct
 * xdp_buff`). `packet` is the frame as the program leaves it.
 */
export function frameEnvironment(
  bytes: Uint8Array,
  offsets: { readonly data: number; readonly data_end: number },
): { readonly context: Region; readonly packet: Region } {
  const memory = new Uint8Array(bytes.length + SLACK).fill(SLACK_BYTE);
  memory.set(bytes);
  // Programs write by calls alone.
  const region = new Region("the frame", memory, { isWritable: false });
  const context = new Region("the context", new Uint8Array(Math.max(offsets.data, offsets.data_end) + 8), {
    isWritable: false,
    pointers: new Map([
      [offsets.data, { region, offset: 0 }],
      [offsets.data_end, { region, offset: bytes.length }],
    ]),
  });
  return { context, packet: new Region("the frame", memory.subarray(0, bytes.length)) };
}

const emptySkb = (): Region => new Region("the skb", new Uint8Array(0), { isWritable: false });

function skbOf(
  bytes: Uint8Array,
  offsets: SkBuffOffsets,
  linearBytes: number,
  connection: PacketConnection | undefined,
): Region {
  const linear = new Uint8Array(linearBytes + SLACK).fill(SLACK_BYTE);
  linear.set(bytes.subarray(0, linearBytes));
  const data = new Region("the linear part of the packet", linear, { isWritable: false });
  const numbers = Object.values(offsets).filter((offset) => typeof offset === "number");
  const size = Math.max(...numbers) + 8;
  const pointers = new Map([[offsets.data, { region: data, offset: 0 }]]);
  const { region, info = 0 } = connection ?? {};
  // How the packet relates to its connection is in the low bits of its address.
  if (region !== undefined && offsets._nfct !== undefined)
    pointers.set(offsets._nfct, { region, offset: info });
  const skb = new Region("the skb", new Uint8Array(size), { isWritable: false, pointers });
  if (offsets._nfct !== undefined) skb.view.setUint32(offsets._nfct, info, true);
  skb.view.setUint32(offsets.len, bytes.length, true);
  skb.view.setUint32(offsets.data_len, bytes.length - linearBytes, true);
  return skb;
}
