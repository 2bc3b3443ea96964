/** The clock that Lua's `linux.time` shows: ktime_get_real_ns, to the nanosecond. */

import { timespec } from "./c-structs.ts";
import * as ffi from "./ffi.ts";

const CLOCK_REALTIME = 0;

/** A function that gives nanoseconds since the epoch. */
export function realtimeClock(): () => bigint {
  const memory = ffi.allocate(timespec.size);
  const address = ffi.addressOf(memory);
  return () => {
    ffi.clockGettime(CLOCK_REALTIME, address);
    return timespec.get.seconds(memory, 0) * 1_000_000_000n + timespec.get.nanoseconds(memory, 0);
  };
}
