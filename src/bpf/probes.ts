/**
 * What this kernel's eBPF can, found out by trying: a tiny program is loaded, a map made, a link asked for at a place
 * that cannot be. Versions say little, since distributions carry features back and leave others out. Nothing is
 * attached and nothing outlasts the call.
 */

import { assemble } from "../ebpf/assemble.ts";
import { BtfError } from "../ebpf/btf.ts";
import { attachNetfilter, attachTcx } from "../linux/bpf-link.ts";
import { createKernelMap, type KernelMapOptions } from "../linux/bpf-map.ts";
import { BPF_FOLDER, isBpfFolder } from "../linux/bpf-pins.ts";
import type { KernelProgram } from "../linux/bpf-program.ts";
import { ErrnoError } from "../linux/errors.ts";
import { type Feature, type FeatureRow, probeRows } from "../linux/features.ts";
import { pageSize } from "../linux/ffi.ts";
import { BPF_ATTACH_TYPE, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../uapi/bpf.ts";
import { NF_INET, NFPROTO } from "../uapi/netfilter.ts";
import { kernelBtf } from "./kernel-btf.ts";
import { loadInKernel, VerifierError } from "./load.ts";

export type ProgramTypeName = keyof typeof BPF_PROG_TYPE;

/** What a program of each type returns to let a packet go its way. */
const PASS: Readonly<Record<ProgramTypeName, number>> = {
  BPF_PROG_TYPE_SOCKET_FILTER: 0,
  BPF_PROG_TYPE_SCHED_CLS: -1,
  BPF_PROG_TYPE_XDP: 2,
  BPF_PROG_TYPE_NETFILTER: 1,
};

/** Loads `body` before a return. Throws as `loadInKernel` does. */
function load(type: ProgramTypeName, body = ""): KernelProgram {
  return loadInKernel(assemble(`${body}\nr0 = ${PASS[type]}\nexit`), {
    name: "probe",
    type: BPF_PROG_TYPE[type],
    ...(type === "BPF_PROG_TYPE_NETFILTER" && { expectedAttachType: BPF_ATTACH_TYPE.BPF_NETFILTER }),
  });
}

/** The verifier's reason to refuse `body` in a program of this type, or undefined when it takes it. */
export function refusalOf(type: ProgramTypeName, body: string): string | undefined {
  try {
    load(type, body).close();
    return undefined;
  } catch (error) {
    if (error instanceof VerifierError) return error.reason;
    if (error instanceof BtfError) return error.message;
    throw error;
  }
}

/** Whether programs of this type may call a helper: `bpf_loop`. */
export function hasHelper(type: ProgramTypeName, name: string): boolean {
  // Its arguments are missing, so it is refused in any case: what counts is the reason.
  return !/unknown func|invalid func|cannot use helper/.test(refusalOf(type, `call ${name}`) ?? "");
}

/** Whether programs of this type may call a kernel function: `bpf_dynptr_slice`. */
export function hasKernelFunction(type: ProgramTypeName, name: string): boolean {
  if (kernelBtf().find("BTF_KIND_FUNC", name) === undefined) return false;
  return !/is not allowed|not supported/.test(refusalOf(type, `call kfunc ${name}`) ?? "");
}

/** Whether a map of this type can be made. */
export function hasMapType(type: keyof typeof BPF_MAP_TYPE): boolean {
  try {
    createKernelMap({ name: "probe", type: BPF_MAP_TYPE[type], ...MAP_SHAPES[type] }).close();
    return true;
  } catch (error) {
    if (error instanceof ErrnoError && error.code === "EINVAL") return false;
    throw error;
  }
}

type Shape = Pick<KernelMapOptions, "keySize" | "valueSize" | "maxEntries">;
const KEYED: Shape = { keySize: 4, valueSize: 4, maxEntries: 1 };
const KEYLESS: Shape = { keySize: 0, valueSize: 4, maxEntries: 1 };
const RING: Shape = {
  keySize: 0,
  valueSize: 0,
  get maxEntries() {
    return pageSize();
  },
};
const MAP_SHAPES: Readonly<Record<keyof typeof BPF_MAP_TYPE, Shape>> = {
  BPF_MAP_TYPE_HASH: KEYED,
  BPF_MAP_TYPE_ARRAY: KEYED,
  BPF_MAP_TYPE_PROG_ARRAY: KEYED,
  BPF_MAP_TYPE_PERCPU_HASH: KEYED,
  BPF_MAP_TYPE_PERCPU_ARRAY: KEYED,
  BPF_MAP_TYPE_LRU_HASH: KEYED,
  // Each processor wants an element to take from.
  BPF_MAP_TYPE_LRU_PERCPU_HASH: { ...KEYED, maxEntries: 1024 },
  BPF_MAP_TYPE_LPM_TRIE: { ...KEYED, keySize: 8 },
  BPF_MAP_TYPE_QUEUE: KEYLESS,
  BPF_MAP_TYPE_STACK: KEYLESS,
  BPF_MAP_TYPE_RINGBUF: RING,
  BPF_MAP_TYPE_BLOOM_FILTER: KEYLESS,
  BPF_MAP_TYPE_USER_RINGBUF: RING,
  BPF_MAP_TYPE_ARENA: { keySize: 0, valueSize: 0, maxEntries: 1 },
};

/** A row that says yes when every part is there, and otherwise which are not. */
const all = <T extends string>(
  feature: string,
  neededBy: string,
  howToGet: string,
  parts: readonly T[],
  has: (part: T) => boolean,
): FeatureRow => ({
  feature,
  neededBy,
  howToGet,
  probe: () => {
    const missing = parts.filter((part) => !has(part));
    const names = (missing.length > 0 ? missing : parts).map((part) => part.replace("BPF_MAP_TYPE_", ""));
    return {
      ok: missing.length === 0,
      detail: `${missing.length > 0 ? "lacks " : ""}${names.join(", ")}`,
    };
  },
});

const takes = (
  feature: string,
  neededBy: string,
  howToGet: string,
  type: ProgramTypeName,
  body = "",
): FeatureRow => ({
  feature,
  neededBy,
  howToGet,
  probe: () => {
    const reason = refusalOf(type, body);
    return { ok: reason === undefined, detail: reason ?? "loads" };
  },
});

/** Asks for a link that cannot be; the kernel's answer to a link it knows is `expected`. */
const link = (
  feature: string,
  neededBy: string,
  howToGet: string,
  type: ProgramTypeName,
  expected: string,
  attach: (program: KernelProgram) => { close(): void },
): FeatureRow => ({
  feature,
  neededBy,
  howToGet,
  probe: () => {
    const program = load(type);
    try {
      attach(program).close();
      throw new Error("the kernel made a link that cannot be");
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.call !== "bpf(BPF_LINK_CREATE)") throw error;
      const ok = error.code === expected;
      return { ok, detail: ok ? "can be made" : `${error.code}: this kernel makes none` };
    } finally {
      program.close();
    }
  },
});

const linux = (release: string, option = ""): string =>
  `a kernel of Linux ${release} or later${option && `, with ${option}`}`;

/** The first bytes of a packet by dynptr: all that a netfilter program has. */
const READ_PACKET = `
  r1 = *(u64 *)(r1 + 8)
  r2 = 0
  r3 = r10
  r3 += -16
  call kfunc bpf_dynptr_from_skb
  r1 = r10
  r1 += -16
  r2 = 0
  r3 = r10
  r3 += -24
  r4 = 4
  call kfunc bpf_dynptr_slice`;

const rows: readonly FeatureRow[] = [
  takes("eBPF socket filters", "ebpf: xtable.match", linux("4.16"), "BPF_PROG_TYPE_SOCKET_FILTER"),
  takes(
    "eBPF netfilter programs",
    "ebpf",
    linux("6.4", "CONFIG_NETFILTER_BPF_LINK"),
    "BPF_PROG_TYPE_NETFILTER",
  ),
  link(
    "eBPF netfilter links",
    "ebpf",
    linux("6.4", "CONFIG_NETFILTER_BPF_LINK"),
    "BPF_PROG_TYPE_NETFILTER",
    "EAFNOSUPPORT",
    (program) =>
      attachNetfilter({
        program,
        family: NFPROTO.NFPROTO_UNSPEC,
        hook: NF_INET.NF_INET_PRE_ROUTING,
        priority: 0,
      }),
  ),
  takes(
    "packets in eBPF netfilter programs",
    "ebpf",
    linux("6.4", "CONFIG_DEBUG_INFO_BTF"),
    "BPF_PROG_TYPE_NETFILTER",
    READ_PACKET,
  ),
  takes("XDP programs", "ebpf: xdp", linux("5.9"), "BPF_PROG_TYPE_XDP"),
  link(
    "tcx links",
    "ebpf: hooks that write packets",
    linux("6.6", "CONFIG_NET_XGRESS"),
    "BPF_PROG_TYPE_SCHED_CLS",
    "ENODEV",
    (program) => attachTcx({ program, ifindex: 0, direction: "ingress" }),
  ),
  all(
    "eBPF maps",
    "ebpf",
    linux("5.8"),
    [
      "BPF_MAP_TYPE_HASH",
      "BPF_MAP_TYPE_ARRAY",
      "BPF_MAP_TYPE_PROG_ARRAY",
      "BPF_MAP_TYPE_PERCPU_ARRAY",
      "BPF_MAP_TYPE_LRU_HASH",
      "BPF_MAP_TYPE_LPM_TRIE",
      "BPF_MAP_TYPE_QUEUE",
      "BPF_MAP_TYPE_STACK",
      "BPF_MAP_TYPE_RINGBUF",
    ],
    hasMapType,
  ),
  all("eBPF arenas", "nothing yet", linux("6.9"), ["BPF_MAP_TYPE_ARENA"], hasMapType),
  all(
    "eBPF helpers",
    "ebpf",
    linux("5.17"),
    [
      "bpf_tail_call",
      "bpf_spin_lock",
      "bpf_ringbuf_output",
      "bpf_loop",
      "bpf_strncmp",
      "bpf_dynptr_read",
      "bpf_ktime_get_tai_ns",
    ],
    (name) => hasHelper("BPF_PROG_TYPE_NETFILTER", name),
  ),
  all(
    "eBPF kernel functions",
    "ebpf",
    linux("6.4", "CONFIG_DEBUG_INFO_BTF"),
    [
      "bpf_dynptr_from_skb",
      "bpf_dynptr_slice",
      "bpf_iter_num_new",
      "bpf_iter_num_next",
      "bpf_iter_num_destroy",
      "bpf_rdonly_cast",
    ],
    (name) => hasKernelFunction("BPF_PROG_TYPE_NETFILTER", name),
  ),
  takes(
    "eBPF bounded loops",
    "ebpf",
    linux("5.3"),
    "BPF_PROG_TYPE_SOCKET_FILTER",
    "r1 = 9\nagain: r1 += -1\nif r1 != 0 goto again",
  ),
  takes(
    "eBPF instructions of version 4",
    "ebpf",
    linux("6.6"),
    "BPF_PROG_TYPE_SOCKET_FILTER",
    "r1 = 300\nr2 = (s8)r1\nr1 = bswap32 r1\nr1 s/= r2\ngotol pc+0",
  ),
  takes(
    "eBPF may_goto",
    "ebpf",
    linux("6.9"),
    "BPF_PROG_TYPE_SOCKET_FILTER",
    "again: may_goto over\ngoto again\nover: r1 = 0",
  ),
  {
    feature: "bpf file system",
    neededBy: "ebpf: --pin",
    howToGet: `mount -t bpf bpf ${BPF_FOLDER}`,
    probe: () => {
      const ok = isBpfFolder(BPF_FOLDER);
      return { ok, detail: ok ? BPF_FOLDER : `not mounted at ${BPF_FOLDER}` };
    },
  },
];

/** Tries everything that Moonhook may use of eBPF; changes nothing. Never throws. */
export const probeBpfFeatures = (): Feature[] => probeRows(rows);
