/**
 * The states of a TCP connection, as a table: what a segment of a kind, in a direction, makes of each state. The facts
 * are those of nf_conntrack_proto_tcp.c; a row reads from left to right in the order of its states.
 *
 *     --   invalid: the segment cannot come in this state
 *     ig   ignored: tracking may be out of step, so the segment passes and what it says is only noted
 */

import { TCP_CONNTRACK } from "../../uapi/nf-conntrack-tcp.ts";
import { TCPHDR } from "../../wire/tcp.ts";

/** enum tcp_bit_set: kinds of segments. */
export const KIND = { SYN: 0, SYNACK: 1, FIN: 2, ACK: 3, RST: 4, NONE: 5 } as const;

/** What is no state. */
export const INVALID = 10;
export const IGNORE = 11;

const ORDER = "no ss sr es fw cw la tw cl s2".split(" ");
/** Indexed by kind. */
const ORIGINAL = [
  /* syn    */ "ss ss ig ig ig ig ig ss ss s2",
  /* synack */ "-- -- sr -- -- -- -- -- -- sr",
  /* fin    */ "-- -- fw fw la la la tw cl --",
  /* ack    */ "es -- es es cw cw tw tw cl --",
  /* rst    */ "-- cl cl cl cl cl cl cl cl cl",
  /* none   */ "-- -- -- -- -- -- -- -- -- --",
];
const REPLY = [
  /* syn    */ "-- s2 -- -- -- -- -- ss -- s2",
  /* synack */ "-- sr ig ig ig ig ig ig ig sr",
  /* fin    */ "-- -- fw fw la la la tw cl --",
  /* ack    */ "-- ig sr es cw cw tw tw cl ig",
  /* rst    */ "-- cl cl cl cl cl cl cl cl cl",
  /* none   */ "-- -- -- -- -- -- -- -- -- --",
];

const KINDS = ORIGINAL.length;
const STATES = ORDER.length;

const TABLE = Uint8Array.from(
  [...ORIGINAL, ...REPLY].flatMap((row) =>
    row.split(" ").map((name) => (name === "--" ? INVALID : name === "ig" ? IGNORE : ORDER.indexOf(name))),
  ),
);

/** The state after a segment: TCP_CONNTRACK_*, or INVALID or IGNORE. */
export const nextState = (direction: number, kind: number, state: number): number =>
  TABLE[(direction * KINDS + kind) * STATES + state]!;

const { TCPHDR_FIN, TCPHDR_SYN, TCPHDR_RST, TCPHDR_PSH, TCPHDR_ACK, TCPHDR_URG, TCPHDR_ECE, TCPHDR_CWR } =
  TCPHDR;

/** The kind of a segment, from its flags. */
export function kindOf(flags: number): number {
  if (flags & TCPHDR_RST) return KIND.RST;
  if (flags & TCPHDR_SYN) return flags & TCPHDR_ACK ? KIND.SYNACK : KIND.SYN;
  if (flags & TCPHDR_FIN) return KIND.FIN;
  return flags & TCPHDR_ACK ? KIND.ACK : KIND.NONE;
}

/** The combinations of flags that there are, PSH, ECE and CWR aside. */
const VALID_FLAGS = new Set([
  TCPHDR_SYN,
  TCPHDR_SYN | TCPHDR_URG,
  TCPHDR_SYN | TCPHDR_ACK,
  TCPHDR_RST,
  TCPHDR_RST | TCPHDR_ACK,
  TCPHDR_FIN | TCPHDR_ACK,
  TCPHDR_FIN | TCPHDR_ACK | TCPHDR_URG,
  TCPHDR_ACK,
  TCPHDR_ACK | TCPHDR_URG,
]);
const IS_VALID = Uint8Array.from({ length: 256 }, (_, flags) =>
  VALID_FLAGS.has(flags & ~(TCPHDR_PSH | TCPHDR_ECE | TCPHDR_CWR)) ? 1 : 0,
);

export const areValidFlags = (flags: number): boolean => IS_VALID[flags] === 1;

const { TCP_CONNTRACK_FIN_WAIT, TCP_CONNTRACK_CLOSE } = TCP_CONNTRACK;

/** Closing, closed or about to be: tcp_can_early_drop. */
export const isClosing = (state: number): boolean =>
  state >= TCP_CONNTRACK_FIN_WAIT && state <= TCP_CONNTRACK_CLOSE;
