/** The trackers of UDP, UDP-Lite, ICMP, ICMPv6 and GRE, and of protocols that nothing is known of. */

import { IPCT, IPS } from "../../uapi/nf-conntrack-common.ts";
import { NUMBER, WORD } from "./record.ts";
import type { TrackedConnection } from "./tracked-connection.ts";
import type { Tracking } from "./tracking.ts";

/** A connection of datagrams counts as a stream, and as worth keeping, when it goes both ways for this long. */
const STREAM_AFTER_MS = 2000;

export function udpPacket(tracking: Tracking, connection: TrackedConnection, direction: number): void {
  const { settings, nowMs } = tracking;
  const status = connection.get(WORD.status);
  const streamFrom = connection.numbersAt + NUMBER.streamFrom;
  if (!connection.confirmed) connection.numbers[streamFrom] = nowMs + STREAM_AFTER_MS;
  if (!(status & IPS.IPS_SEEN_REPLY)) {
    tracking.refresh(connection, direction, settings.udpTimeout);
    return;
  }
  const isStream = nowMs > connection.numbers[streamFrom]!;
  tracking.refresh(connection, direction, isStream ? settings.udpTimeoutStream : settings.udpTimeout);
  if (isStream) assure(tracking, connection, status);
}

export function grePacket(tracking: Tracking, connection: TrackedConnection, direction: number): void {
  const { settings } = tracking;
  const status = connection.get(WORD.status);
  const replied = (status & IPS.IPS_SEEN_REPLY) !== 0;
  tracking.refresh(connection, direction, replied ? settings.greTimeoutStream : settings.greTimeout);
  if (replied) assure(tracking, connection, status);
}

function assure(tracking: Tracking, connection: TrackedConnection, status: number): void {
  if (status & (IPS.IPS_ASSURED | IPS.IPS_NAT_CLASH)) return;
  connection.set(WORD.status, status | IPS.IPS_ASSURED);
  tracking.noteEvent(connection, IPCT.IPCT_ASSURED);
}
