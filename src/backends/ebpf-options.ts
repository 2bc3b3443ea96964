/** What a run in the kernel is asked for, and what it tells. */

import type { Diagnostic, Running, Script } from "./backend.ts";
import type { LoadOptions } from "./compile-script.ts";
import type { DeviceHook } from "./device-links.ts";
import type { PlacedHook } from "./netfilter-links.ts";
import type { PinnedMatch } from "./pinned-hooks.ts";

export interface EbpfOptions extends LoadOptions {
  /** Name of the network namespace, or a path to one; default: that of this process. */
  readonly netns?: string;
  /** How hooks get packets; default: links where the kernel has them, otherwise rules. */
  readonly attach?: "links" | "rules";
  /** Keeps the hooks under this name when the process ends. */
  readonly pin?: string;
  /** With `pin`: takes the place of the hooks that run under this name, if there are some. */
  readonly replace?: boolean;
  /** Hooks run at these devices (none: at all) instead of in netfilter, and may change packets. */
  readonly tcx?: readonly string[];
  /** What the script's `xdp.attach` got runs on the frames of these devices; none: of all. */
  readonly xdp?: readonly string[];
}

/** What can be counted without slowing packets down. */
export interface EbpfCounters {
  /** Hook runs that ended in a script error or undecided. */
  errors: number;
  /** Lines of the log that came faster than they were read. */
  lost: number;
  /** Packets that were left to user space; absent when the programs decide all. */
  punted?: number;
}

/** A match that rules may ask, and what its script says about such rules. */
export interface OfferedMatch extends PinnedMatch {
  /** NFPROTO_*; 0 for IPv4 and IPv6. */
  readonly family: number;
  readonly proto: number;
  readonly hooks: number;
}

/** Rules find a match by its path: without one nobody could ask it. */
export class PinRequired extends Error {
  override readonly name = "PinRequired";
}

/** `xdp.attach` does not say at which devices. */
export class DevicesRequired extends Error {
  override readonly name = "DevicesRequired";
}

export interface EbpfRunning extends Omit<Running, "counters"> {
  counters(): EbpfCounters;
  /** Hooks that the script registered. */
  readonly hookCount: number;
  /** Whether it attached a function to frames. */
  readonly hasXdp: boolean;
  /** Where they run, as far as this run has placed them; a hook for both families is there twice. */
  readonly attached: readonly PlacedHook[];
  readonly matches: readonly OfferedMatch[];
  /** What cannot be compiled: packets that come there go to user space. */
  readonly left: readonly Diagnostic[];
  /** Where they run at devices. */
  readonly atDevices: readonly DeviceHook[];
  /**
   * Puts another version of the script in the place of this one, with the same options: each packet meets the old or
   * the new one, or for a moment both, and never none. What the old one kept is gone. Rejects as `start` does, and then the old one runs on.
   */
  replace(script: Script): Promise<void>;
}
