/** Programs of the kernel: loading with BTF and the verifier's log, test runs, information. */

import { BPF_STATS_TYPE } from "../uapi/bpf.ts";
import { bpf_prog_info, enable_stats, prog_load, test_run } from "./bpf-attributes.ts";
import { bpfCall, type CallMemory, cString, KernelObject, objectInfo, objectName } from "./bpf-call.ts";
import { ErrnoError } from "./errors.ts";
import * as ffi from "./ffi.ts";

const INSTRUCTION_BYTES = 8;
const FUNC_INFO_BYTES = 8;
const LINE_INFO_BYTES = 16;
const LOG_BYTES = 4 * 1024 * 1024;
/** The kernel's own bound. */
const MAX_LOG_BYTES = 0xffff_ffff >>> 2;
/** It says EAGAIN when a signal came in between. */
const ATTEMPTS = 5;

export interface ProgramLoadOptions {
  readonly name: string;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** Encoded, with the descriptors of its maps. */
  readonly instructions: Uint8Array;
  /** BPF_NETFILTER for programs of netfilter; others may leave it out. */
  readonly expectedAttachType?: number;
  /** Type information (`loadBtf`), which `funcInfo` and `lineInfo` refer to. */
  readonly btf?: KernelObject;
  /** `bpf_func_info` records, one for each function. */
  readonly funcInfo?: Uint8Array;
  /** `bpf_line_info` records: the verifier then prints source lines. */
  readonly lineInfo?: Uint8Array;
  /** 1: the verifier's way, 2: each state, 4: statistics only. 0, as when left out: no log of a success. */
  readonly logLevel?: number;
}

export interface ProgramInfo {
  readonly id: number;
  readonly type: number;
  readonly name: string;
  /** SHA of its instructions, sixteen digits. */
  readonly tag: string;
  /** Instructions as the kernel rewrote them, in bytes. */
  readonly translatedBytes: number;
  readonly jitedBytes: number;
  /** Instructions that the verifier walked over, each as often as it came by; 0 before Linux 5.16. */
  readonly verifiedInstructions: number;
  readonly mapIds: readonly number[];
  /** Since boot. */
  readonly loadedAtNs: bigint;
  /** Counted only while `enableRunStatistics` is on. */
  readonly runCount: bigint;
  readonly runTimeNs: bigint;
}

export interface TestRunResult {
  /** The low half of r0. */
  readonly result: number;
  /** Nanoseconds of one run, on average. */
  readonly durationNs: number;
}

export interface TransformResult {
  /** The low half of r0. */
  readonly result: number;
  readonly packet: Uint8Array;
  readonly context: Uint8Array | undefined;
}

/** Room for what a program adds to a packet. */
const MOST_GROWTH_BYTES = 65_536;

export class KernelProgram extends KernelObject {
  /** What the verifier said; empty without a log level. */
  readonly log: string;

  constructor(fd: number, label: string, log = "") {
    super(fd, label);
    this.log = log;
  }

  info(): ProgramInfo {
    const { nr_map_ids } = objectInfo(this.fd, this.label, bpf_prog_info);
    let ids: Uint8Array | undefined;
    const info = objectInfo(this.fd, this.label, bpf_prog_info, (memory) => {
      const { bytes, address } = memory.reserve(nr_map_ids * 4);
      ids = bytes;
      return { nr_map_ids, map_ids: address };
    });
    const view = new DataView(ids!.buffer);
    return {
      id: info.id,
      type: info.type,
      name: info.name,
      tag: Buffer.from(info.tag).toString("hex"),
      translatedBytes: info.xlated_prog_len,
      jitedBytes: info.jited_prog_len,
      verifiedInstructions: info.verified_insns,
      mapIds: Array.from({ length: nr_map_ids }, (_, i) => view.getUint32(i * 4, true)),
      loadedAtNs: info.load_time,
      runCount: info.run_cnt,
      runTimeNs: info.run_time_ns,
    };
  }

  get verifiedInstructions(): number {
    return this.info().verifiedInstructions;
  }

  /**
   * Runs it on a packet, `repeat` times. Where the packet begins depends on the type: netfilter programs want the IP
   * header first, the others an Ethernet header. This thread waits: keep `repeat` bounded.
   */
  testRun(packet: Uint8Array, repeat = 1): TestRunResult {
    const { attribute } = bpfCall("BPF_PROG_TEST_RUN", this.label, test_run, (memory) => ({
      prog_fd: this.fd,
      data_size_in: packet.length,
      data_in: memory.put(packet),
      repeat,
    }));
    return { result: attribute.retval, durationNs: attribute.duration };
  }

  /**
   * Runs it once on a packet and gives what became of it; `context` is what the type has as such (`struct __sk_buff`),
   * of which the kernel takes few fields.
   */
  transform(packet: Uint8Array, context?: Uint8Array): TransformResult {
    let out: Uint8Array | undefined;
    let after: Uint8Array | undefined;
    const { attribute } = bpfCall("BPF_PROG_TEST_RUN", this.label, test_run, (memory) => {
      const data = memory.reserve(packet.length + MOST_GROWTH_BYTES);
      out = data.bytes;
      const state = context && memory.reserve(context.length);
      after = state?.bytes;
      return {
        prog_fd: this.fd,
        data_size_in: packet.length,
        data_in: memory.put(packet),
        data_size_out: data.bytes.length,
        data_out: data.address,
        repeat: 1,
        ...(context &&
          state && {
            ctx_size_in: context.length,
            ctx_in: memory.put(context),
            ctx_size_out: context.length,
            ctx_out: state.address,
          }),
      };
    });
    return {
      result: attribute.retval,
      packet: out!.slice(0, attribute.data_size_out),
      context: after?.slice(0, attribute.ctx_size_out),
    };
  }
}

/**
 * Loads a program. A refusal carries the verifier's whole log as `detail`: it is made by a second attempt, since a
 * log costs more than the loading itself.
 */
export function loadProgram(options: ProgramLoadOptions): KernelProgram {
  const label = `program '${options.name}'`;
  const level = options.logLevel ?? 0;
  if (level > 0) return loadWithLog(options, label, level);
  try {
    return new KernelProgram(load(options, label), label);
  } catch (first) {
    if (!(first instanceof ErrnoError)) throw first;
    return loadWithLog(options, label, 1);
  }
}

/** With a log as large as it needs: a log that is too small fails programs that are valid. */
function loadWithLog(options: ProgramLoadOptions, label: string, level: number): KernelProgram {
  for (let sizeBytes = LOG_BYTES; ; sizeBytes *= 4) {
    const bytes = ffi.allocate(sizeBytes);
    try {
      return new KernelProgram(load(options, label, { bytes, level }), label, textOf(bytes));
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      if (error.code === "ENOSPC" && sizeBytes * 4 < MAX_LOG_BYTES) continue;
      throw new ErrnoError(error.code, error.call, error.object, textOf(bytes).trim() || undefined);
    }
  }
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));

function load(
  options: ProgramLoadOptions,
  label: string,
  log?: { readonly bytes: Uint8Array; readonly level: number },
): number {
  const { btf, funcInfo, lineInfo, instructions } = options;
  const fill = (memory: CallMemory) => ({
    prog_type: options.type,
    insn_cnt: instructions.length / INSTRUCTION_BYTES,
    insns: memory.put(instructions),
    license: memory.put(cString("GPL")),
    prog_name: objectName(options.name),
    expected_attach_type: options.expectedAttachType ?? 0,
    ...(btf && { prog_btf_fd: btf.fd }),
    ...(funcInfo && {
      func_info: memory.put(funcInfo),
      func_info_rec_size: FUNC_INFO_BYTES,
      func_info_cnt: funcInfo.length / FUNC_INFO_BYTES,
    }),
    ...(lineInfo && {
      line_info: memory.put(lineInfo),
      line_info_rec_size: LINE_INFO_BYTES,
      line_info_cnt: lineInfo.length / LINE_INFO_BYTES,
    }),
    ...(log && {
      log_level: log.level,
      log_size: log.bytes.length,
      log_buf: BigInt(ffi.addressOf(log.bytes)),
    }),
  });
  for (let attempt = 1; ; attempt++) {
    try {
      return bpfCall("BPF_PROG_LOAD", label, prog_load, fill).result;
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof ErrnoError) || error.code !== "EAGAIN") throw error;
    }
  }
}

/** From now until the result is closed the kernel counts and times the runs of every program. */
export const enableRunStatistics = (): KernelObject =>
  new KernelObject(
    bpfCall("BPF_ENABLE_STATS", "run statistics", enable_stats, () => ({
      type: BPF_STATS_TYPE.BPF_STATS_RUN_TIME,
    })).result,
    "run statistics",
  );
