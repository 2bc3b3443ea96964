/** Clocks: the one that Lua's `linux.time` shows, how far the one of eBPF programs is from it, the kernel's ticks. */

import { timespec } from "./c-structs.ts";
import * as ffi from "./ffi.ts";

/** linux/time.h */
const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC_COARSE = 6;
const CLOCK_TAI = 11;
const SECOND_NS = 1_000_000_000n;

/** A function that gives nanoseconds since the epoch: ktime_get_real_ns. */
export const realtimeClock = (): (() => bigint) => clock(CLOCK_REALTIME);

/**
 * A function that gives what must be added to atomic time (`bpf_ktime_get_tai_ns`, the only clock of programs that
 * follows when the time is set) for nanoseconds since the epoch. Leap seconds and administrators change it.
 */
export function atomicTimeOffset(): () => bigint {
  const realtime = clock(CLOCK_REALTIME);
  const atomic = clock(CLOCK_TAI);
  return () => roundToSeconds(realtime() - atomic());
}

/** CONFIG_HZ: the coarse clocks go from tick to tick, and their resolution says how long one is. */
export function ticksPerSecond(): number {
  const memory = ffi.allocate(timespec.size);
  ffi.clockGetres(CLOCK_MONOTONIC_COARSE, ffi.addressOf(memory));
  return Math.round(Number(SECOND_NS) / Number(timespec.get.nanoseconds(memory, 0)));
}

/** The clocks are whole seconds apart; between two readings a little time passes. */
function roundToSeconds(ns: bigint): bigint {
  const half = SECOND_NS / 2n;
  return ((ns + (ns < 0n ? -half : half)) / SECOND_NS) * SECOND_NS;
}

function clock(id: number): () => bigint {
  const memory = ffi.allocate(timespec.size);
  const address = ffi.addressOf(memory);
  return () => {
    ffi.clockGettime(id, address);
    return timespec.get.seconds(memory, 0) * SECOND_NS + timespec.get.nanoseconds(memory, 0);
  };
}
