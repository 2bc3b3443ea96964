/** `--attach`: how hooks get packets; with `tcx[:DEV,…]` at devices, where they may change them. */

import { usageFailure } from "./failure.ts";
import type { OptionRow } from "./options.ts";

export const ATTACH_OPTION: OptionRow = {
  value: "tcx[:DEV,…]",
  help: "ebpf: hooks at devices (all, or these) instead of in netfilter; there they may change packets",
};

export const RUN_ATTACH_OPTION: OptionRow = {
  value: "HOW",
  help: "ebpf: links (the default) need Linux 6.4 and priorities of their own; rules of nf_tables do not; tcx[:DEV,…] runs hooks at devices (all, or these) instead of in netfilter, where they may change packets",
};

export function attachOption(
  text: string,
  hint: string,
): { attach: "links" | "rules" } | { tcx: readonly string[] } {
  if (text === "links" || text === "rules") return { attach: text };
  if (!text.startsWith("tcx"))
    throw usageFailure(`--attach cannot be '${text}'; it is links, rules, tcx, or tcx:DEV,…`, hint);
  return { tcx: attachDevices(text, hint) };
}

/** The names of the devices; none means all. */
export function attachDevices(text: string, hint: string): string[] {
  const parts = /^tcx(?::(.+))?$/.exec(text);
  if (parts === null) throw usageFailure(`--attach cannot be '${text}'; it is tcx, or tcx:DEV,…`, hint);
  return parts[1] === undefined ? [] : deviceNames("attach", parts[1], hint);
}

/** The names in a list. */
export function deviceNames(option: string, text: string, hint: string): string[] {
  const names = text.split(",");
  if (names.includes("")) throw usageFailure(`--${option}: a device without a name in '${text}'`, hint);
  return names;
}
