/** What the trackers of single protocols share. */

import type { ConntrackSettings } from "./settings.ts";
import type { TrackedConnection } from "./tracked-connection.ts";

/** What a tracker says of a packet. */
export const TRACKED = {
  /** It belongs to the connection. */
  ACCEPT: 0,
  /** It passes, but belongs to no connection. */
  INVALID: 1,
  /** The connection is over and gone; the packet starts a new one. */
  REPEAT: 2,
} as const;

/** What trackers need of the whole. */
export interface Tracking {
  readonly settings: ConntrackSettings;
  readonly nowMs: number;
  /** The packet counts, and the connection lives `seconds` from now. */
  refresh(connection: TrackedConnection, direction: number, seconds: number): void;
  /** As `refresh`, with the time left as it is. */
  account(connection: TrackedConnection, direction: number): void;
  noteEvent(connection: TrackedConnection, event: number): void;
  remove(connection: TrackedConnection): void;
  setExpiry(connection: TrackedConnection, atMs: number): void;
}
