/**
 * Whether a script might write packets. One that only reads can be given super-packets as the stack has them, which
 * is several times cheaper; one that writes needs packets of wire size with whole checksums.
 */

import { parse } from "../lua/parser.ts";
import { dataClass } from "../modules/data.ts";
import { skbClass } from "../modules/skb.ts";

/** Methods declared as writing, and `copy`, which is there to be changed and sent. */
const WRITING_METHODS: ReadonlySet<string> = new Set([
  "copy",
  ...[skbClass, dataClass].flatMap(({ methods }) =>
    Object.entries(methods).flatMap(([name, { flags }]) => (flags.writes ? [name] : [])),
  ),
]);

/**
 * True when the name of such a method occurs anywhere, as a method or as a string: `skb:resize(1)`, `d.setbyte`. A
 * script that does not parse writes nothing.
 */
export function mayWritePackets(source: string, chunkName: string): boolean {
  try {
    return mentions(parse(source, chunkName).main, new Set());
  } catch {
    return false;
  }
}

function mentions(node: unknown, seen: Set<object>): boolean {
  if (typeof node !== "object" || node === null || seen.has(node)) return false;
  seen.add(node);
  if ("method" in node && WRITING_METHODS.has(node.method as string)) return true;
  if (
    "kind" in node &&
    node.kind === "string" &&
    WRITING_METHODS.has((node as { value?: unknown }).value as string)
  ) {
    return true;
  }
  return Object.values(node).some((child) => mentions(child, seen));
}
