/**
 * Whether a script might write packets. One that only reads can be given super-packets as the stack has them, which
 * is several times cheaper; one that writes needs packets of wire size with whole checksums.
 */

import { dataClass } from "../modules/data.ts";
import { skbClass } from "../modules/skb.ts";
import { scriptMentions } from "./script-mentions.ts";

/** Methods declared as writing, and `copy`, which is there to be changed and sent. */
const WRITING_METHODS: ReadonlySet<string> = new Set([
  "copy",
  ...[skbClass, dataClass].flatMap(({ methods }) =>
    Object.entries(methods).flatMap(([name, { flags }]) => (flags.writes ? [name] : [])),
  ),
]);

/** True when the name of such a method occurs anywhere. */
export const mayWritePackets = (source: string, chunkName: string): boolean =>
  scriptMentions(source, chunkName, WRITING_METHODS);
