/**
 * The TCP tracker: which state a segment leads to, whether it is believed, and how long the connection lives then. The
 * order of the questions is that of nf_conntrack_tcp_packet.
 */

import { IPCT, IPS } from "../../uapi/nf-conntrack-common.ts";
import { TCP_CONNTRACK } from "../../uapi/nf-conntrack-tcp.ts";
import { SEEN, seenAt, WORD } from "./record.ts";
import { before, TCP_FLAG, type TcpSegment } from "./tcp-segment.ts";
import { IGNORE, INVALID, isClosing, KIND, nextState } from "./tcp-states.ts";
import { firstSegment, WINDOW, windowVerdict } from "./tcp-window.ts";
import type { TrackedConnection } from "./tracked-connection.ts";
import { TRACKED, type Tracking } from "./tracking.ts";

const {
  TCP_CONNTRACK_SYN_SENT,
  TCP_CONNTRACK_SYN_RECV,
  TCP_CONNTRACK_ESTABLISHED,
  TCP_CONNTRACK_FIN_WAIT,
  TCP_CONNTRACK_LAST_ACK,
  TCP_CONNTRACK_TIME_WAIT,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_SYN_SENT2,
} = TCP_CONNTRACK;
const ORIGINAL = 0;
const REPLY = 1;

/** What to do with a segment whose state is known. */
const STEP = { JUDGE: 0, BELIEVE: 1, PASS: 2, INVALID: 3, REPEAT: 4 } as const;

/** Tracks TCP; one object for all connections. */
export class TcpTracker {
  readonly #tracking: Tracking;
  /** States before and after the segment at hand; some steps correct them. */
  #oldState = 0;
  #newState = 0;

  constructor(tracking: Tracking) {
    this.#tracking = tracking;
  }

  /** One of TRACKED. */
  packet(connection: TrackedConnection, segment: TcpSegment, direction: number): number {
    const { settings } = this.#tracking;
    if (!connection.confirmed && !firstSegment(connection, segment, settings)) return TRACKED.INVALID;
    this.#oldState = connection.get(WORD.tcpState);
    this.#newState = nextState(direction, segment.kind, this.#oldState);
    switch (this.#step(connection, segment, direction)) {
      case STEP.PASS:
        return TRACKED.ACCEPT;
      case STEP.INVALID:
        return TRACKED.INVALID;
      case STEP.REPEAT:
        return TRACKED.REPEAT;
      case STEP.JUDGE:
        switch (windowVerdict(connection, segment, direction, settings)) {
          case WINDOW.IGNORE:
            return TRACKED.ACCEPT;
          case WINDOW.INVALID:
            this.#distrust(connection, segment, direction);
            return TRACKED.INVALID;
        }
    }
    this.#enter(connection, segment, direction);
    return TRACKED.ACCEPT;
  }

  #step(connection: TrackedConnection, segment: TcpSegment, direction: number): number {
    const old = this.#oldState;
    switch (this.#newState) {
      case INVALID:
        return STEP.INVALID;
      case TCP_CONNTRACK_SYN_SENT:
        if (old < TCP_CONNTRACK_TIME_WAIT) return STEP.JUDGE;
        if (mayReopen(connection, direction)) {
          this.#tracking.remove(connection);
          return STEP.REPEAT;
        }
        return this.#ignore(connection, segment, direction);
      case IGNORE:
        return this.#ignore(connection, segment, direction);
      case TCP_CONNTRACK_TIME_WAIT:
        return isChallengeAck(connection, segment, direction, old) ? STEP.PASS : STEP.JUDGE;
      case TCP_CONNTRACK_SYN_SENT2:
        addFlags(connection, TCP_FLAG.SIMULTANEOUS_OPEN);
        return STEP.JUDGE;
      case TCP_CONNTRACK_SYN_RECV:
        if (
          direction === REPLY &&
          segment.kind === KIND.ACK &&
          connection.get(WORD.lastFlags) & TCP_FLAG.SIMULTANEOUS_OPEN
        ) {
          this.#newState = TCP_CONNTRACK_ESTABLISHED;
        }
        return STEP.JUDGE;
      case TCP_CONNTRACK_CLOSE:
        return segment.kind === KIND.RST ? this.#reset(connection, segment, direction) : STEP.JUDGE;
      default:
        return STEP.JUDGE;
    }
  }

  /** Ends may agree where we do not: note what the segment says, and let it pass. */
  #ignore(connection: TrackedConnection, segment: TcpSegment, direction: number): number {
    if (
      segment.kind === KIND.SYNACK &&
      connection.get(WORD.lastKind) === KIND.SYN &&
      connection.get(WORD.lastDirection) !== direction &&
      segment.ack === connection.get(WORD.lastEnd)
    ) {
      // Answers a SYN that was ignored: both ends have begun anew, and so do we.
      this.#oldState = TCP_CONNTRACK_SYN_SENT;
      this.#newState = TCP_CONNTRACK_SYN_RECV;
      beginAnew(connection, direction);
      return STEP.JUDGE;
    }
    connection.set(WORD.lastKind, segment.kind);
    connection.set(WORD.lastDirection, direction);
    connection.set(WORD.lastSeq, segment.seq);
    connection.set(WORD.lastEnd, segment.end);
    connection.set(WORD.lastWindow, segment.window);
    if (segment.kind === KIND.SYN && direction === ORIGINAL) {
      segment.readOptions();
      const expected = this.#oldState === TCP_CONNTRACK_LAST_ACK ? TCP_FLAG.EXP_CHALLENGE_ACK : 0;
      connection.set(WORD.lastFlags, segment.optionFlags | expected);
      connection.set(WORD.lastScale, segment.scale);
    }
    if (this.#oldState === TCP_CONNTRACK_SYN_SENT && segment.kind === KIND.ACK && direction === REPLY) {
      // Perhaps a challenge (RFC 5961): the reset that answers it has this number.
      connection.set(WORD.lastAck, segment.ack);
    }
    return STEP.PASS;
  }

  /** RFC 5961 §3: only a reset with exactly the expected number ends a connection at once. */
  #reset(connection: TrackedConnection, segment: TcpSegment, direction: number): number {
    const state = connection.get(WORD.tcpState);
    // Its numbers may be those of a connection that took this one's place.
    if (isClosing(state)) return STEP.BELIEVE;
    const status = connection.get(WORD.status);
    const established = state === TCP_CONNTRACK_ESTABLISHED && (status & IPS.IPS_ASSURED) !== 0;
    const { words, at } = connection;
    const other = seenAt(at, 1 - direction);
    const lastKind = words[at + WORD.lastKind]!;
    if ((words[other + SEEN.flags]! & TCP_FLAG.MAXACK_SET) !== 0 && lastKind !== KIND.SYN) {
      const expected = words[other + SEEN.maxAck]!;
      // Probably answers a SYN that we let pass.
      if (segment.seq === 0 && !established) return STEP.JUDGE;
      if (before(segment.seq, expected) && !this.#tracking.settings.tcpIgnoreInvalidRst) return STEP.INVALID;
      if (!established || segment.seq === expected) return STEP.JUDGE;
      const follows =
        lastKind === KIND.ACK &&
        words[at + WORD.lastDirection] === direction &&
        segment.seq === words[at + WORD.lastEnd];
      if (follows) return STEP.JUDGE;
      this.#newState = this.#oldState;
    }
    const answersIgnored =
      ((status & IPS.IPS_SEEN_REPLY) !== 0 &&
        lastKind === KIND.SYN &&
        words[at + WORD.lastDirection] !== direction) ||
      ((status & IPS.IPS_ASSURED) === 0 && lastKind === KIND.ACK);
    if (answersIgnored && segment.ack === words[at + WORD.lastEnd]) return STEP.BELIEVE;
    const answersChallenge =
      this.#oldState === TCP_CONNTRACK_SYN_SENT &&
      lastKind === KIND.ACK &&
      words[at + WORD.lastDirection] === REPLY &&
      segment.seq === words[at + WORD.lastAck];
    return answersChallenge ? STEP.BELIEVE : STEP.JUDGE;
  }

  /** A FIN or reset outside the window, answered by another: the connection is not what we think, so it lives less. */
  #distrust(connection: TrackedConnection, segment: TcpSegment, direction: number): void {
    const status = connection.get(WORD.status);
    if (!(status & IPS.IPS_ASSURED) || status & IPS.IPS_FIXED_TIMEOUT) return;
    const ends = (kind: number) => kind === KIND.RST || kind === KIND.FIN;
    if (!ends(segment.kind)) return;
    if (connection.get(WORD.lastDirection) !== direction && ends(connection.get(WORD.lastKind))) {
      const { settings, nowMs } = this.#tracking;
      const left = connection.timeoutMs;
      const limit = settings.tcpTimeoutUnacknowledged * 1000;
      if (left >= MAY_STAY_MS && left > limit) this.#tracking.setExpiry(connection, nowMs + limit);
      return;
    }
    connection.set(WORD.lastKind, segment.kind);
    connection.set(WORD.lastDirection, direction);
  }

  #enter(connection: TrackedConnection, segment: TcpSegment, direction: number): void {
    const old = this.#oldState;
    const state = this.#newState;
    connection.set(WORD.lastKind, segment.kind);
    connection.set(WORD.lastDirection, direction);
    connection.set(WORD.tcpState, state);
    if (old !== state && state === TCP_CONNTRACK_FIN_WAIT) {
      connection.words[seenAt(connection.at, direction) + SEEN.flags]! |= TCP_FLAG.CLOSE_INIT;
    }
    if (state !== old) this.#tracking.noteEvent(connection, IPCT.IPCT_PROTOINFO);

    const tracking = this.#tracking;
    const { settings } = tracking;
    const status = connection.get(WORD.status);
    let timeout = this.#timeout(connection, segment, state);
    if (!(status & IPS.IPS_SEEN_REPLY)) {
      if (segment.hasRst) {
        // Refused at once: nothing to remember.
        tracking.account(connection, direction);
        // Hooks still see it on this packet.
        tracking.remove(connection.hold());
        return;
      }
      // Who only repeats a SYN keeps no entry alive.
      if (segment.kind === KIND.SYN && old === TCP_CONNTRACK_SYN_SENT) return;
      // Picked up in the middle: no long life before the other side spoke.
      if (state === TCP_CONNTRACK_ESTABLISHED) timeout = Math.min(timeout, settings.tcpTimeoutUnacknowledged);
    } else if (
      !(status & IPS.IPS_ASSURED) &&
      (old === TCP_CONNTRACK_SYN_RECV || old === TCP_CONNTRACK_ESTABLISHED) &&
      state === TCP_CONNTRACK_ESTABLISHED
    ) {
      connection.set(WORD.status, status | IPS.IPS_ASSURED);
      tracking.noteEvent(connection, IPCT.IPCT_ASSURED);
    }
    tracking.refresh(connection, direction, timeout);
  }

  #timeout(connection: TrackedConnection, segment: TcpSegment, state: number): number {
    const { settings } = this.#tracking;
    const { words, at } = connection;
    const ofState = settings.tcpTimeouts[state]!;
    const whenRepeated = Math.min(ofState, settings.tcpTimeoutMaxRetransmissions);
    if (words[at + WORD.retransmissions]! >= settings.tcpMaxRetransmissions && whenRepeated < ofState) {
      return whenRepeated;
    }
    if (segment.kind === KIND.RST) return settings.tcpTimeouts[TCP_CONNTRACK_CLOSE]!;
    const flags = words[seenAt(at, ORIGINAL) + SEEN.flags]! | words[seenAt(at, REPLY) + SEEN.flags]!;
    if (flags & TCP_FLAG.DATA_UNACKNOWLEDGED) {
      if (ofState > settings.tcpTimeoutUnacknowledged) return settings.tcpTimeoutUnacknowledged;
    }
    return words[at + WORD.lastWindow] === 0 ? whenRepeated : ofState;
  }
}

/** What nf_tcp_handle_invalid leaves to every connection. */
const MAY_STAY_MS = 120_000;

/** A closed or aborted connection that its SYN may open again (RFC 9293 §3.6.1). */
function mayReopen(connection: TrackedConnection, direction: number): boolean {
  const { words, at } = connection;
  const flags = words[seenAt(at, ORIGINAL) + SEEN.flags]! | words[seenAt(at, REPLY) + SEEN.flags]!;
  return (
    (flags & TCP_FLAG.CLOSE_INIT) !== 0 ||
    (words[at + WORD.lastDirection] === direction && words[at + WORD.lastKind] === KIND.RST)
  );
}

/** The side that sent the ignored SYN is what it said; of the other nothing is known. */
function beginAnew(connection: TrackedConnection, direction: number): void {
  const { words, at } = connection;
  const side = seenAt(at, words[at + WORD.lastDirection]!);
  const flags = words[at + WORD.lastFlags]! & ~TCP_FLAG.EXP_CHALLENGE_ACK;
  words[side + SEEN.end] = words[at + WORD.lastEnd]!;
  words[side + SEEN.maxEnd] = words[at + WORD.lastEnd]!;
  words[side + SEEN.maxWindow] = words[at + WORD.lastWindow]! || 1;
  words[side + SEEN.scale] = words[at + WORD.lastScale]!;
  words[at + WORD.lastFlags] = flags;
  words[side + SEEN.flags] = flags;
  const other = seenAt(at, direction);
  const liberal = words[other + SEEN.flags]! & TCP_FLAG.BE_LIBERAL;
  words.fill(0, other, other + Object.keys(SEEN).length);
  words[other + SEEN.flags] = liberal;
}

/** RFC 5961 §4: the answer to a SYN in the middle of a connection must not be taken for that to the last FIN. */
function isChallengeAck(
  connection: TrackedConnection,
  segment: TcpSegment,
  direction: number,
  oldState: number,
): boolean {
  const found =
    oldState === TCP_CONNTRACK_LAST_ACK &&
    segment.kind === KIND.ACK &&
    connection.get(WORD.lastDirection) !== direction &&
    connection.get(WORD.lastKind) === KIND.SYN &&
    (connection.get(WORD.lastFlags) & TCP_FLAG.EXP_CHALLENGE_ACK) !== 0;
  if (found) connection.set(WORD.lastFlags, connection.get(WORD.lastFlags) & ~TCP_FLAG.EXP_CHALLENGE_ACK);
  return found;
}

function addFlags(connection: TrackedConnection, flags: number): void {
  connection.set(WORD.lastFlags, connection.get(WORD.lastFlags) | flags);
}
