/**
 * What Lua modules need of a kernel, whichever it is: `SimulatedKernel` (simulated.ts) and the live one
 * (src/backends/live-kernel.ts) implement it. No module asks which backend it runs on.
 */

import type { Conntrack } from "./connection.ts";
import type { Extension } from "./extensions.ts";
import type { Skb } from "./skb.ts";
import type { Translation } from "./translation.ts";
import type { XdpProgram } from "./xdp.ts";

/** Verdict of one hook run; `mark` is the new packet mark (u32), absent when the mark stays. */
export interface HookOutcome {
  /** 0..5, `NF_DROP` … `NF_STOP` of uapi/netfilter.ts. */
  readonly verdict: number;
  readonly mark: number | undefined;
}

/** One `netfilter.register` call. */
export interface HookRegistration {
  /** `NFPROTO_*` */
  readonly pf: number;
  /** Hook point within the family. */
  readonly hooknum: number;
  /** Signed 32-bit; lower runs earlier. */
  readonly priority: number;
  /** Only packets whose mark equals this value reach `run` (u32). */
  readonly mark: number;
  /** What a script registered, for whoever compiles it. */
  readonly source?: object;
  /** Never throws: script errors are logged and become the fallback verdict inside. */
  run(skb: Skb): HookOutcome;
}

export type LogLevel = "info" | "error";

/** Errors carry the bare errno name (`"EINVAL"`) where the kernel gives one. */
export interface Kernel {
  /** Arms a hook until the runtime stops; returns the function that removes it. */
  registerHook(hook: HookRegistration): () => void;
  /** Offers a match or target to rules until the runtime stops; returns the function that takes it back. */
  registerExtension(extension: Extension): () => void;
  /** Runs it on frames that come in until the runtime stops; returns the function that ends that. */
  registerXdp(program: XdpProgram): () => void;
  readonly conntrack: Conntrack;
  readonly translation: Translation;
  /** Nanoseconds since the epoch. */
  nowNs(): bigint;
  /** 64 random bits, as an unsigned bigint. */
  random64(): bigint;
  /** One line of the kernel log; `text` is a latin1 byte string without newline. */
  log(level: LogLevel, text: string): void;
  /** Interface index by name, undefined when there is none. */
  ifindex(name: string): number | undefined;
  /** Hardware address of an interface, undefined when there is no such interface. */
  hardwareAddress(ifindex: number): Uint8Array | undefined;
  /** Number of possible CPU ids. */
  cpuCount(): number;
  /** Waits, where the script may (never in a hook); absent on kernels that cannot wait. */
  sleep?(milliseconds: number): void;
  /** Sends a clone of the frame, MAC header included, out of the device it came in on. */
  forward(skb: Skb): void;
}
