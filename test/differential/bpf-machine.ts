/** Why the kernel cannot be asked about eBPF here, or undefined when it can (and then it must). */
export function whyNoBpf(): string | undefined {
  if (process.platform !== "linux") return "eBPF needs Linux";
  return process.getuid?.() === 0 ? undefined : "loading eBPF programs needs root";
}
