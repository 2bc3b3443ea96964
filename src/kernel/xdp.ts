/** What scripts run on frames at the device, before anything else of the stack sees them. */

import type { Skb } from "./skb.ts";

export interface XdpProgram {
  /** What a script attached, for whoever compiles it. */
  readonly callback: object;
  /** `XDP_*`, from ABORTED to TX. Never throws: after a script error, which is logged, the frame passes. */
  run(frame: Skb): number;
}
