/**
 * bpf(2): programs, maps, links, type information, pins, by file. Descriptors are closed with `close` or, if
 * forgotten, by the kernel when the process ends; only `pin` makes something that outlives it.
 */

export * from "./bpf-btf.ts";
export { KernelObject } from "./bpf-call.ts";
export * from "./bpf-ids.ts";
export * from "./bpf-link.ts";
export * from "./bpf-map.ts";
export * from "./bpf-pins.ts";
export * from "./bpf-program.ts";
export * from "./bpf-ring-buffer.ts";
