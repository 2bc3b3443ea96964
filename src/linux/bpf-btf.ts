/** BTF and the kernel: its own, read from a file, and that of programs and maps, given to it. */

import { readFileSync } from "node:fs";
import { btf_load } from "./bpf-attributes.ts";
import { bpfCall, KernelObject } from "./bpf-call.ts";
import { ErrnoError, UnsupportedError } from "./errors.ts";
import * as ffi from "./ffi.ts";

export const VMLINUX_BTF = "/sys/kernel/btf/vmlinux";
const LOG_BYTES = 1024 * 1024;

/** The bytes of the running kernel's BTF. Throws `UnsupportedError` when the kernel was built without it. */
export function readVmlinuxBtf(): Uint8Array {
  try {
    return readFileSync(VMLINUX_BTF);
  } catch (cause) {
    throw new UnsupportedError(
      "the kernel has no type information (BTF)",
      "a kernel with CONFIG_DEBUG_INFO_BTF is needed, as most distributions build",
      { since: "5.2", cause },
    );
  }
}

/** Hands BTF to the kernel, for programs and maps that refer to it. A refusal carries the kernel's log. */
export function loadBtf(bytes: Uint8Array): KernelObject {
  const label = "type information (BTF)";
  const load = (log?: Uint8Array) =>
    new KernelObject(
      bpfCall("BPF_BTF_LOAD", label, btf_load, (memory) => ({
        btf: memory.put(bytes),
        btf_size: bytes.length,
        ...(log && {
          btf_log_level: 1,
          btf_log_size: log.length,
          btf_log_buf: BigInt(ffi.addressOf(log)),
        }),
      })).result,
      label,
    );
  try {
    return load();
  } catch (first) {
    if (!(first instanceof ErrnoError)) throw first;
    const log = ffi.allocate(LOG_BYTES);
    try {
      return load(log);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      const text = new TextDecoder().decode(log.subarray(0, log.indexOf(0))).trim();
      throw new ErrnoError(error.code, error.call, error.object, text || undefined);
    }
  }
}
