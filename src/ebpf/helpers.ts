/** Helper functions by number, as the kernel's verifier spells them (`bpf_map_lookup_elem`). */

import { BPF_FUNC } from "../uapi/bpf.ts";

const names = new Map<number, string>();
const numbers = new Map<string, number>();
for (const [constant, number] of Object.entries(BPF_FUNC)) {
  const name = constant.replace("BPF_FUNC_", "bpf_");
  names.set(number, name);
  numbers.set(name, number);
}

/** The name of a helper, or undefined when Moonhook does not know it. */
export const helperName = (number: number): string | undefined => names.get(number);

/** The number of a helper, or undefined when Moonhook does not know it. */
export const helperNumber = (name: string): number | undefined => numbers.get(name);
