/**
 * Whether a segment lies in the window, and what it tells about both ends: tcp_in_window of the kernel, after
 * G. van Rooij, "Real Stateful TCP Packet Filtering in IP Filter". Four bounds hold, with the sender's and the
 * receiver's side of the connection as `SEEN` of record.ts:
 *
 *     I    seq  ≤ sender.maxEnd                        nothing beyond the window
 *     II   end  ≥ sender.end − receiver.maxWindow      nothing that was acknowledged long ago
 *     III  sack ≤ receiver.end                         nothing acknowledged that was not sent
 *     IV   sack ≥ receiver.end − MAXACKWINDOW          no acknowledgement from long ago
 */

import { TCP_CONNTRACK } from "../../uapi/nf-conntrack-tcp.ts";
import { SEEN, seenAt, WORD } from "./record.ts";
import type { ConntrackSettings } from "./settings.ts";
import { after, before, TCP_FLAG, type TcpSegment } from "./tcp-segment.ts";
import { KIND } from "./tcp-states.ts";
import type { TrackedConnection } from "./tracked-connection.ts";

/** What `windowVerdict` says: in the window; outside and let pass without belief; outside and invalid. */
export const WINDOW = { ACCEPT: 0, IGNORE: 1, INVALID: 2 } as const;

/** MAXACKWINCONST: acknowledgements may always be this old. */
const LEAST_ACK_WINDOW = 66_000;

const { TCP_CONNTRACK_SYN_SENT, TCP_CONNTRACK_SYN_RECV } = TCP_CONNTRACK;
const REPLY = 1;

const unsigned = (value: number): number => value >>> 0;

/** Sets up a connection by the first segment of its original direction; false for what starts none (tcp_new). */
export function firstSegment(
  connection: TrackedConnection,
  segment: TcpSegment,
  settings: ConntrackSettings,
): boolean {
  const { words, at } = connection;
  const sender = seenAt(at, 0);
  if (segment.kind !== KIND.SYN && segment.kind !== KIND.ACK) return false;
  if (segment.kind === KIND.ACK && !settings.tcpLoose) return false;
  words[sender + SEEN.end] = segment.end;
  words[sender + SEEN.maxWindow] = segment.window || 1;
  words[sender + SEEN.maxEnd] = segment.end;
  if (segment.kind === KIND.SYN) {
    takeOptions(words, sender, segment);
  } else {
    // In the middle of a connection, nothing is known of its options: believe what comes.
    words[sender + SEEN.maxEnd] = segment.end + (segment.window || 1);
    const flags = TCP_FLAG.SACK_PERM | TCP_FLAG.BE_LIBERAL;
    words[sender + SEEN.flags] = flags;
    words[seenAt(at, REPLY) + SEEN.flags] = flags;
  }
  words[at + WORD.lastKind] = KIND.NONE;
  return true;
}

function takeOptions(words: Int32Array, side: number, segment: TcpSegment): void {
  // Without options the side keeps what it offered before.
  if (!segment.hasOptions) return;
  segment.readOptions();
  words[side + SEEN.scale] = segment.scale;
  words[side + SEEN.flags] = (words[side + SEEN.flags]! & TCP_FLAG.BE_LIBERAL) | segment.optionFlags;
}

/** A side by its SYN: tcp_init_sender. */
function startSide(
  words: Int32Array,
  sender: number,
  receiver: number,
  segment: TcpSegment,
  direction: number,
): void {
  words[sender + SEEN.end] = segment.end;
  words[sender + SEEN.maxEnd] = segment.end;
  words[sender + SEEN.maxWindow] = segment.window || 1;
  takeOptions(words, sender, segment);
  // RFC 7323 §2.2: windows are scaled only when both sides offered it.
  const both = words[sender + SEEN.flags]! & words[receiver + SEEN.flags]! & TCP_FLAG.WINDOW_SCALE;
  if (direction === REPLY && !both) {
    words[sender + SEEN.scale] = 0;
    words[receiver + SEEN.scale] = 0;
  }
}

/** Judges a segment by what was seen before, and notes what it says when it is believed. */
export function windowVerdict(
  connection: TrackedConnection,
  segment: TcpSegment,
  direction: number,
  settings: ConntrackSettings,
): number {
  const { words, at } = connection;
  const sender = seenAt(at, direction);
  const receiver = seenAt(at, 1 - direction);
  const state = words[at + WORD.tcpState]!;
  let { seq, end, ack } = segment;
  let sack = words[receiver + SEEN.flags]! & TCP_FLAG.SACK_PERM ? segment.highestAck() : ack;

  if (words[sender + SEEN.maxWindow] === 0) {
    if (segment.hasSyn) {
      startSide(words, sender, receiver, segment, direction);
      // Both sides open at once.
      if (!segment.hasAck) return WINDOW.ACCEPT;
    } else {
      joinInTheMiddle(words, sender, receiver, segment, sack);
    }
  } else if (
    segment.hasSyn &&
    after(end, words[sender + SEEN.end]!) &&
    (state === TCP_CONNTRACK_SYN_SENT || state === TCP_CONNTRACK_SYN_RECV)
  ) {
    // This side starts anew: numbers and options may differ.
    startSide(words, sender, receiver, segment, direction);
    if (direction === REPLY && !segment.hasAck) return WINDOW.ACCEPT;
  }

  const zeroAckOfReset = segment.hasAck && segment.hasRst && ack === 0;
  if (!segment.hasAck || zeroAckOfReset) {
    ack = words[receiver + SEEN.end]!;
    sack = ack;
  }
  if (segment.hasRst && seq === 0 && state === TCP_CONNTRACK_SYN_SENT) {
    // Answers the SYN; it has no numbers of its own.
    seq = words[sender + SEEN.end]!;
    end = seq;
  }

  const verdict = judge(words, sender, receiver, seq, end, sack);
  if (verdict !== WINDOW.ACCEPT) {
    const liberal = settings.tcpBeLiberal || (words[sender + SEEN.flags]! & TCP_FLAG.BE_LIBERAL) !== 0;
    return liberal ? WINDOW.ACCEPT : verdict;
  }
  believe(words, sender, receiver, segment, end, ack, sack);
  if (segment.kind === KIND.ACK) countRetransmissions(words, at, segment, direction, seq, ack, end);
  return WINDOW.ACCEPT;
}

/** The history of this side is lost: take the segment's word. */
function joinInTheMiddle(
  words: Int32Array,
  sender: number,
  receiver: number,
  segment: TcpSegment,
  sack: number,
): void {
  words[sender + SEEN.end] = segment.end;
  const window = segment.window << words[sender + SEEN.scale]! || 1;
  words[sender + SEEN.maxWindow] = window;
  words[sender + SEEN.maxEnd] = segment.end + window;
  if (words[receiver + SEEN.maxWindow] === 0) {
    // Nothing came from there yet; bounds III and IV must hold until it does.
    words[receiver + SEEN.end] = sack;
    words[receiver + SEEN.maxEnd] = sack;
  } else if (sack === ((words[receiver + SEEN.end]! + 1) | 0)) {
    // Probably the answer to a keep-alive.
    words[receiver + SEEN.end] = sack;
  }
}

function judge(
  words: Int32Array,
  sender: number,
  receiver: number,
  seq: number,
  end: number,
  sack: number,
): number {
  const senderEnd = words[sender + SEEN.end]!;
  const senderMaxEnd = words[sender + SEEN.maxEnd]!;
  const receiverEnd = words[receiver + SEEN.end]!;
  const receiverWindow = words[receiver + SEEN.maxWindow]!;
  const ackWindow = Math.max(unsigned(words[sender + SEEN.maxWindow]!), LEAST_ACK_WINDOW);
  const acksSent = before(sack, receiverEnd + 1);
  const acksRecent = after(sack, receiverEnd - ackWindow - 1);
  const notAcknowledged = after(end, senderEnd - receiverWindow - 1);

  if (!before(seq, senderMaxEnd + 1)) {
    const overshot = unsigned(end - senderMaxEnd + 1);
    const littleTooMuch = receiverWindow !== 0 && overshot <= unsigned(receiverWindow);
    if (!(notAcknowledged && acksRecent && littleTooMuch && acksSent)) return WINDOW.INVALID;
    // Some senders go a little beyond the window. Should the receiver take it, its answer must not be invalid.
    words[sender + SEEN.end] = end;
    words[sender + SEEN.flags]! |= TCP_FLAG.DATA_UNACKNOWLEDGED;
    return WINDOW.IGNORE;
  }
  if (!acksSent) return WINDOW.INVALID;
  if (receiverWindow !== 0 && !notAcknowledged) return WINDOW.IGNORE;
  return acksRecent ? WINDOW.ACCEPT : WINDOW.IGNORE;
}

function believe(
  words: Int32Array,
  sender: number,
  receiver: number,
  segment: TcpSegment,
  end: number,
  ack: number,
  sack: number,
): void {
  // The window of a SYN is never scaled.
  const window = segment.hasSyn ? segment.window : segment.window << words[sender + SEEN.scale]!;
  const offered = (window + (sack - ack)) | 0;
  if (unsigned(words[sender + SEEN.maxWindow]!) < unsigned(offered)) {
    words[sender + SEEN.maxWindow] = offered;
  }
  if (after(end, words[sender + SEEN.end]!)) {
    words[sender + SEEN.end] = end;
    words[sender + SEEN.flags]! |= TCP_FLAG.DATA_UNACKNOWLEDGED;
  }
  if (segment.hasAck) {
    const known = words[sender + SEEN.flags]! & TCP_FLAG.MAXACK_SET;
    if (!known || after(ack, words[sender + SEEN.maxAck]!)) words[sender + SEEN.maxAck] = ack;
    words[sender + SEEN.flags]! |= TCP_FLAG.MAXACK_SET;
  }

  const beyond = (end - words[sender + SEEN.maxEnd]!) | 0;
  if (words[receiver + SEEN.maxWindow] !== 0 && beyond > 0) words[receiver + SEEN.maxWindow]! += beyond;
  if (after(sack + window, words[receiver + SEEN.maxEnd]! - 1)) {
    // A closed window may still be probed with one byte.
    words[receiver + SEEN.maxEnd] = sack + window + (window === 0 ? 1 : 0);
  }
  if (ack === words[receiver + SEEN.end]) words[receiver + SEEN.flags]! &= ~TCP_FLAG.DATA_UNACKNOWLEDGED;
}

function countRetransmissions(
  words: Int32Array,
  at: number,
  segment: TcpSegment,
  direction: number,
  seq: number,
  ack: number,
  end: number,
): void {
  if (
    words[at + WORD.lastDirection] === direction &&
    words[at + WORD.lastSeq] === seq &&
    words[at + WORD.lastAck] === ack &&
    words[at + WORD.lastEnd] === end &&
    words[at + WORD.lastWindow] === segment.window
  ) {
    // A byte in the kernel: it starts again at 0.
    words[at + WORD.retransmissions] = (words[at + WORD.retransmissions]! + 1) & 0xff;
    return;
  }
  words[at + WORD.lastDirection] = direction;
  words[at + WORD.lastSeq] = seq;
  words[at + WORD.lastAck] = ack;
  words[at + WORD.lastEnd] = end;
  words[at + WORD.lastWindow] = segment.window;
  words[at + WORD.retransmissions] = 0;
}
