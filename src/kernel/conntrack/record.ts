/**
 * What is kept of a connection: `WORDS` 32-bit words and `NUMBERS` doubles in pages that many connections share. An
 * object with a field for each would take twice the room and, for a million connections, a long time to
 * collect.
 */

import { TUPLE_WORDS } from "./tuple.ts";

/** One direction of a TCP connection, as the tracker saw it (struct ip_ct_tcp_state): words relative to its start. */
export const SEEN = {
  /** The highest sequence number sent, plus its length. */
  end: 0,
  /** The highest sequence number that the receiver's window allowed. */
  maxEnd: 1,
  /** The largest window advertised; 0 when this side has sent nothing yet. */
  maxWindow: 2,
  maxAck: 3,
  scale: 4,
  /** IP_CT_TCP_FLAG_* */
  flags: 5,
} as const;
const SEEN_WORDS = 6;

/** The words of a connection. Both hash chains hold entries: see table.ts. */
export const WORD = {
  original: 0,
  reply: TUPLE_WORDS,
  nextOriginal: 2 * TUPLE_WORDS,
  nextReply: 2 * TUPLE_WORDS + 1,
  /** Neighbours in the list of a wheel's slot, and which that is: see wheel.ts. */
  wheelNext: 2 * TUPLE_WORDS + 2,
  wheelPrevious: 2 * TUPLE_WORDS + 3,
  wheelSlot: 2 * TUPLE_WORDS + 4,
  /** IPS_* */
  status: 2 * TUPLE_WORDS + 5,
  mark: 2 * TUPLE_WORDS + 6,
  id: 2 * TUPLE_WORDS + 7,
  /** Events not told to the watcher yet. */
  events: 2 * TUPLE_WORDS + 8,
  /** struct ip_ct_tcp, from here on 0 for other protocols. */
  tcpState: 2 * TUPLE_WORDS + 9,
  lastDirection: 2 * TUPLE_WORDS + 10,
  /** Which kind of segment came last: KIND of tcp-states.ts. */
  lastKind: 2 * TUPLE_WORDS + 11,
  retransmissions: 2 * TUPLE_WORDS + 12,
  lastSeq: 2 * TUPLE_WORDS + 13,
  lastAck: 2 * TUPLE_WORDS + 14,
  lastEnd: 2 * TUPLE_WORDS + 15,
  lastWindow: 2 * TUPLE_WORDS + 16,
  lastScale: 2 * TUPLE_WORDS + 17,
  lastFlags: 2 * TUPLE_WORDS + 18,
  /** SEEN words of the original and of the reply direction. */
  seen: 2 * TUPLE_WORDS + 19,
} as const;
export const WORDS = WORD.seen + 2 * SEEN_WORDS;

/** Where the SEEN words of a direction start. */
export const seenAt = (base: number, direction: number): number => base + WORD.seen + direction * SEEN_WORDS;

/** The doubles of a connection: milliseconds, and counts that outgrow 32 bits. */
export const NUMBER = {
  /** While unconfirmed: how long it will live. Afterwards: when it ends. */
  expires: 0,
  packets: 1,
  bytes: 3,
  /** UDP: from when on it is a stream, if it goes both ways. */
  streamFrom: 5,
} as const;
export const NUMBERS = 6;
