/**
 * Moonhook as a library: run a script on the packets of a capture, or look at what a backend says about it. Nothing
 * here needs Node; the live backends are reached through the command line and `moonhook/netlink`.
 */

export type {
  Backend,
  BackendName,
  Counters,
  Diagnostic,
  EventSink,
  LogEvent,
  PacketEvent,
  PacketPath,
  PacketVerdict,
  Running,
  Script,
  SourcePosition,
} from "./backends/backend.ts";
export { checkScript } from "./backends/check-script.ts";
export { type SimOptions, sim } from "./backends/sim.ts";
export type { HookOutcome, HookRegistration, Kernel, LogLevel } from "./kernel/kernel.ts";
export {
  type PacketOutcome,
  type SimulatedDevice,
  SimulatedKernel,
  type SimulatedKernelOptions,
} from "./kernel/simulated.ts";
export { SKB_TAILROOM_BYTES, Skb, type SkbOrigin } from "./kernel/skb.ts";
export { LuaError, ScriptAbort } from "./lua/error.ts";
export { nativeModules } from "./modules/index.ts";
export { Runtime, type RuntimeContext, type RuntimeOptions, type RuntimePhase } from "./runtime/runtime.ts";
export {
  type CapturedPacket,
  CaptureError,
  type CaptureFormat,
  type CaptureReader,
  type CaptureWriter,
  createCaptureReader,
  createCaptureWriter,
} from "./wire/capture.ts";
