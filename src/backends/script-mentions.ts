/** Whether a script names certain methods anywhere: what can be known of it before it runs. */

import { parse } from "../lua/parser.ts";

/**
 * True when one of the names occurs, as a method or as a string: `skb:resize(1)`, `d.setbyte`. A script that does not
 * parse mentions nothing.
 */
export function scriptMentions(source: string, chunkName: string, names: ReadonlySet<string>): boolean {
  try {
    return mentions(parse(source, chunkName).main, names, new Set());
  } catch {
    return false;
  }
}

function mentions(node: unknown, names: ReadonlySet<string>, seen: Set<object>): boolean {
  if (typeof node !== "object" || node === null || seen.has(node)) return false;
  seen.add(node);
  if ("method" in node && names.has(node.method as string)) return true;
  if ("kind" in node && node.kind === "string" && names.has((node as { value?: unknown }).value as string)) {
    return true;
  }
  return Object.values(node).some((child) => mentions(child, names, seen));
}

const CONNECTION_METHODS: ReadonlySet<string> = new Set(["connmark"]);

/** Whether a script asks packets for their connection without the module `conntrack`, which says so by itself. */
export const mayAskForConnections = (source: string): boolean =>
  scriptMentions(source, "=script", CONNECTION_METHODS);
