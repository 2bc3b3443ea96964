/**
 * What a compiled hook finds around it: where the kernel keeps the fields it reads (they differ from build to build,
 * so whoever compiles asks BTF), and the memory that its programs share with user space.
 */

import { TCX, XDP } from "../uapi/bpf.ts";
import { type ConnectionLayout, EXAMPLE_CONNECTION } from "./connection-layout.ts";

/** Where a program runs: what it is given, and what its results say. */
export interface ProgramForm {
  readonly name: "netfilter" | "rule" | "match" | "tcx" | "xdp";
  /** What its argument points to: the state of a hook, the packet as socket filters see it, or a frame. */
  readonly argument: "bpf_nf_ctx" | "__sk_buff" | "xdp_md";
  readonly results: { readonly accept: bigint; readonly drop: bigint };
  /** Bytes, length and mark of the packet may be changed, and packets sent. */
  readonly canWrite: boolean;
  /** What of a script is compiled to it. */
  readonly called: string;
  /** What becomes of a packet that the program cannot decide. */
  readonly fallback: string;
}

/** The forms, each with what it can do. */
export const FORMS = {
  /** BPF_PROG_TYPE_NETFILTER, linked to a hook. */
  netfilter: {
    name: "netfilter",
    argument: "bpf_nf_ctx",
    results: { accept: 1n, drop: 0n },
    canWrite: false,
    called: "hook",
    fallback: "it is accepted",
  },
  /** BPF_PROG_TYPE_SOCKET_FILTER, asked by a rule of ours that drops what matches. */
  rule: {
    name: "rule",
    argument: "__sk_buff",
    results: { accept: 0n, drop: 1n },
    canWrite: false,
    called: "hook",
    fallback: "it is accepted",
  },
  /** BPF_PROG_TYPE_SOCKET_FILTER, asked by a rule with the match `bpf`; such a packet matches that would be dropped. */
  match: {
    name: "match",
    argument: "__sk_buff",
    results: { accept: 0n, drop: 1n },
    canWrite: false,
    called: "match",
    fallback: "it does not match",
  },
  /** BPF_PROG_TYPE_SCHED_CLS at a device, where what passes begins with a link header. */
  tcx: {
    name: "tcx",
    argument: "__sk_buff",
    results: { accept: BigInt(TCX.TCX_NEXT), drop: BigInt(TCX.TCX_DROP) },
    canWrite: true,
    called: "hook",
    fallback: "it is accepted",
  },
  /** BPF_PROG_TYPE_XDP at a device: a frame before there is a packet, always in one piece. */
  xdp: {
    name: "xdp",
    argument: "xdp_md",
    results: { accept: BigInt(XDP.XDP_PASS), drop: BigInt(XDP.XDP_DROP) },
    canWrite: true,
    called: "callback",
    fallback: "it passes",
  },
} as const satisfies Record<string, ProgramForm>;

/** Offsets in bytes. */
export interface KernelLayout {
  /** Other processors see stores in the order of the program, as on x86: a lock is let go of by a plain one. */
  readonly storesInOrder: boolean;
  readonly bpf_nf_ctx: { readonly state: number; readonly skb: number };
  readonly sk_buff: {
    readonly len: number;
    readonly data_len: number;
    readonly data: number;
    readonly mark: number;
    readonly dev: number;
    readonly vlan_tci: number;
    readonly vlan_all: number;
    readonly _nfct: number;
    readonly protocol: number;
    readonly mac_header: number;
    readonly network_header: number;
    readonly csum_start: number;
    /** Two bits of a byte. */
    readonly ip_summed: { readonly offset: number; readonly shift: number };
  };
  readonly xdp_buff: { readonly data: number; readonly data_end: number };
  readonly net_device: { readonly ifindex: number };
  readonly connection: ConnectionLayout;
}

/** Linux 6.18 of x86-64; what the interpreter's packets look like. */
export const EXAMPLE_LAYOUT: KernelLayout = {
  storesInOrder: true,
  bpf_nf_ctx: { state: 0, skb: 8 },
  sk_buff: {
    len: 112,
    data_len: 116,
    data: 200,
    mark: 164,
    dev: 16,
    vlan_tci: 158,
    vlan_all: 156,
    _nfct: 104,
    protocol: 176,
    mac_header: 182,
    network_header: 180,
    csum_start: 136,
    ip_summed: { offset: 128, shift: 5 },
  },
  xdp_buff: { data: 0, data_end: 8 },
  net_device: { ifindex: 224 },
  connection: EXAMPLE_CONNECTION,
};

/** Where the context of a program of traffic control (`struct __sk_buff`) has what it reads or writes: linux/bpf.h. */
export const SK_BUFF_CONTEXT = { pkt_type: 4, mark: 8 } as const;

/**
 * A per-CPU page: the packet when it has to be copied, then strings that the hook builds, then a record of the log.
 * The verifier bounds place and length of a string apart, each by the next power of two, so that as many bytes again
 * must follow the heap.
 */
export const SCRATCH = {
  windowBytes: 4096,
  heapOffset: 4096 + 64,
  heapBytes: 8184,
  eventOffset: 4096 + 64 + 8192 + 512,
  eventBytes: 4096,
  bytes: 24576,
} as const;

/**
 * Map `strings`: what hooks keep for later packets, and instead of the scratch's a larger heap to put it together on.
 * Only one hook at a time is here: all hold the lock.
 */
export const STRINGS = {
  /** A power of two. */
  ringBytes: 1 << 22,
  /** The longest that is kept. As much room follows the ring, so that each is in one piece. */
  mostBytes: 32767,
  heapBytes: 65528,
} as const;

/** What one run may keep: what it has read is not written over by so much. */
export const runBytes = (ringBytes: number): number => ringBytes >> 3;
/** Where the heap begins in map `strings`, and its size, for a ring of so many bytes. */
export const heapOfStrings = (ringBytes: number): number => ringBytes + STRINGS.mostBytes + 1;
export const sizeOfStrings = (ringBytes: number): number =>
  heapOfStrings(ringBytes) + 2 * (STRINGS.heapBytes + 8) + 512;

/**
 * A second per-CPU page, for hooks that copy packets or send them: whether one is being sent (what is sent passes the
 * hooks of its device, which must not run then), the copy, and the original while the copy goes out in its place. As in
 * the first page, as many bytes again follow what has a place and a length.
 */
export const FRAMES = {
  sending: 0,
  copy: 64,
  saved: 64 + 4096,
  mostBytes: 2047,
  bytes: 64 + 4096 + 4096,
} as const;

/** The words of map `config`: what user space sets and no program writes. */
export const CONFIG = {
  /** Always 0, which the verifier does not know. */
  zero: 0,
  /** Loops and calls of one run. */
  budget: 8,
  /** What must be added to the clock of atomic time for nanoseconds since the epoch. */
  timeOffset: 16,
  bytes: 24,
} as const;

/** The words of map `counters`: what programs count beside what scripts see. */
export const COUNTERS = { lostEvents: 0, punted: 8, bytes: 16 } as const;

export const MAPS = {
  config: "config",
  scratch: "scratch",
  rodata: "rodata",
  state: "state",
  strings: "strings",
  events: "events",
  counters: "counters",
  /** Packets that are on their way to user space, by the address of their `sk_buff`. */
  punted: "punted",
  frames: "frames",
} as const;

/** A map that programs need, with what is in it at the start. */
export interface MapSpec {
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[];
  /** No program writes it: it may be frozen, and the verifier may take its contents as constants. */
  readonly isConstant: boolean;
}
