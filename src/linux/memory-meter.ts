/**
 * How much memory is really alive, for the memory bound of a runtime. Asked seldom: only when a script has been
 * charged as much as its bound since the last look.
 */

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collectGarbage: (() => void) | undefined;

/**
 * Bytes alive on this thread's heap and in its buffers, after a collection; without one, which takes next to no time,
 * it is what is in use, dead or alive.
 */
export function liveBytes(collect = true): number {
  if (collect && collectGarbage === undefined) {
    // The flag adds a function to contexts made from now on; nothing else in the process changes.
    setFlagsFromString("--expose-gc");
    collectGarbage = runInNewContext("gc") as () => void;
  }
  if (collect) collectGarbage!();
  const statistics = getHeapStatistics();
  return statistics.used_heap_size + statistics.external_memory;
}
