/** The running kernel's type information: read once in a process, when the first program needs it. */

import { Btf } from "../ebpf/btf.ts";
import { readVmlinuxBtf } from "../linux/bpf-btf.ts";

let read: Btf | undefined;

/** Throws `UnsupportedError` when the kernel was built without. */
export function kernelBtf(): Btf {
  read ??= new Btf(readVmlinuxBtf());
  return read;
}
