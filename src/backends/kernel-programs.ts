/** Compiled hooks in the kernel: their maps made and filled, their programs loaded, nothing attached yet. */

import { kernelBtf } from "../bpf/kernel-btf.ts";
import { loadInKernel } from "../bpf/load.ts";
import type { CompiledScript } from "../compiler/compile-hooks.ts";
import { CONFIG, COUNTERS, type KernelLayout, MAPS } from "../compiler/target.ts";
import type { SourceSpan } from "../ebpf/program-builder.ts";
import { createKernelMap, type KernelMap, type KernelProgram } from "../linux/bpf.ts";
import { storesInOrder } from "../linux/machine.ts";
import { BPF_ATTACH_TYPE, BPF_PROG_TYPE } from "../uapi/bpf.ts";
import { connectionLayout } from "./connection-layout.ts";

/** Where the running kernel keeps what programs read. Throws `BtfError` naming what it does not have. */
export function kernelLayout(): KernelLayout {
  const btf = kernelBtf();
  const at = (structure: string, path: string): number => btf.member(structure, path).offset;
  return {
    storesInOrder: storesInOrder(),
    bpf_nf_ctx: { state: at("bpf_nf_ctx", "state"), skb: at("bpf_nf_ctx", "skb") },
    sk_buff: {
      len: at("sk_buff", "len"),
      data_len: at("sk_buff", "data_len"),
      data: at("sk_buff", "data"),
      mark: at("sk_buff", "mark"),
      dev: at("sk_buff", "dev"),
      vlan_tci: at("sk_buff", "vlan_tci"),
      vlan_all: at("sk_buff", "vlan_all"),
      _nfct: at("sk_buff", "_nfct"),
      protocol: at("sk_buff", "protocol"),
      mac_header: at("sk_buff", "mac_header"),
      network_header: at("sk_buff", "network_header"),
      csum_start: at("sk_buff", "csum_start"),
      ip_summed: {
        offset: at("sk_buff", "ip_summed"),
        shift: btf.member("sk_buff", "ip_summed").offsetBits % 8,
      },
    },
    xdp_buff: { data: at("xdp_buff", "data"), data_end: at("xdp_buff", "data_end") },
    net_device: { ifindex: at("net_device", "ifindex") },
    connection: connectionLayout(btf),
  };
}

/** What the kernel calls the forms of programs. */
export const PROGRAM_TYPES = {
  netfilter: {
    type: BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
    expectedAttachType: BPF_ATTACH_TYPE.BPF_NETFILTER,
  },
  match: { type: BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER },
  rule: { type: BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER },
  tcx: { type: BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS },
  xdp: { type: BPF_PROG_TYPE.BPF_PROG_TYPE_XDP },
} as const;

export interface KernelSettings {
  /** Loops and calls of one run. */
  readonly budget: bigint;
  /** From atomic time to the time of the epoch. */
  readonly timeOffsetNs: bigint;
}

export interface LoadSettings {
  /** The text of a source line, for the verifier's log. */
  readonly lineText?: (span: SourceSpan) => string | undefined;
  /** As in `loadProgram`: what the verifier says of programs that it takes. */
  readonly logLevel?: number;
}

/** Programs and maps of one script; `close` lets go of all. */
export class KernelPrograms {
  readonly programs: readonly KernelProgram[];
  readonly maps: Readonly<Record<string, KernelMap>>;
  #settings: KernelSettings;

  /** Throws `VerifierError` when the kernel refuses a program, and leaves nothing behind. */
  constructor(compiled: CompiledScript, settings: KernelSettings, { lineText, logLevel }: LoadSettings = {}) {
    this.#settings = settings;
    const maps: Record<string, KernelMap> = {};
    const programs: KernelProgram[] = [];
    this.maps = maps;
    this.programs = programs;
    try {
      for (const { name, type, keySize, valueSize, maxEntries, flags, entries } of compiled.maps) {
        const map = createKernelMap({ name, type, keySize, valueSize, maxEntries, flags });
        maps[name] = map;
        if (entries.length > 0) map.updateAll(entries);
      }
      maps[MAPS.config]?.update(new Uint8Array(4), configuration(settings));
      for (const { name, form, program } of compiled.hooks)
        programs.push(
          loadInKernel(program, {
            name,
            ...PROGRAM_TYPES[form.name],
            maps,
            ...(lineText && { lineText }),
            ...(logLevel !== undefined && { logLevel }),
          }),
        );
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Programs use it from now on. */
  setTimeOffset(timeOffsetNs: bigint): void {
    if (timeOffsetNs === this.#settings.timeOffsetNs) return;
    this.#settings = { ...this.#settings, timeOffsetNs };
    this.maps[MAPS.config]?.update(new Uint8Array(4), configuration(this.#settings));
  }

  /** Lines of the log for which there was no room. */
  lostEvents(): number {
    const counters = this.maps[MAPS.counters]?.lookup(new Uint8Array(4));
    return counters === undefined
      ? 0
      : Number(new DataView(counters.buffer, counters.byteOffset).getBigUint64(COUNTERS.lostEvents, true));
  }

  /** Packets that were left to user space. */
  punted(): number {
    const counters = this.maps[MAPS.counters]?.lookup(new Uint8Array(4));
    return counters === undefined
      ? 0
      : Number(new DataView(counters.buffer, counters.byteOffset).getBigUint64(COUNTERS.punted, true));
  }

  close(): void {
    for (const program of this.programs) program.close();
    for (const map of Object.values(this.maps)) map.close();
  }
}

function configuration({ budget, timeOffsetNs }: KernelSettings): Uint8Array {
  const view = new DataView(new ArrayBuffer(CONFIG.bytes));
  view.setBigInt64(CONFIG.budget, budget, true);
  view.setBigInt64(CONFIG.timeOffset, timeOffsetNs, true);
  return new Uint8Array(view.buffer);
}
