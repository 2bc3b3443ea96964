/** Connection tracking in this thread's namespace, for hooks that ask for connections and have no rules of their own. */

import { OwnedTables } from "../linux/nftables.ts";

let made = 0;

/** Connections are tracked until `close`, or the end of the process. Throws as `OwnedTables.track` does. */
export function trackConnections(): { close(): void } {
  const tables = new OwnedTables(`moonhook-track-${process.pid}-${++made}`);
  try {
    tables.track();
  } catch (error) {
    tables.remove();
    throw error;
  }
  return { close: () => tables.remove() };
}
