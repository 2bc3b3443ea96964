/**
 * Public entry `moonhook/bpf`: eBPF for Node on Linux. Assemble a program, load it, attach it, share maps with it; or
 * run it in the interpreter, without a kernel. Everything that makes a system call needs root and `koffi`.
 */

export * from "../ebpf/index.ts";
export * from "../linux/bpf.ts";
export { ErrnoError, UnsupportedError } from "../linux/errors.ts";
export type { Feature } from "../linux/features.ts";
export type { Mapping } from "../linux/ffi.ts";
export { enterNamespace } from "../linux/netns.ts";
export * from "../uapi/bpf.ts";
export { NF_INET, NFPROTO } from "../uapi/netfilter.ts";
export { kernelBtf } from "./kernel-btf.ts";
export { type LoadOptions, loadInKernel, VerifierError } from "./load.ts";
export {
  hasHelper,
  hasKernelFunction,
  hasMapType,
  type ProgramTypeName,
  probeBpfFeatures,
  refusalOf,
} from "./probes.ts";
