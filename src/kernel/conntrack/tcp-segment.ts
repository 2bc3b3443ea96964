/** A TCP segment as tracking looks at it, and the options that it needs. */

import { forEachTcpOption, TCPHDR, TCPOPT, tcp } from "../../wire/tcp.ts";
import { areValidFlags, kindOf } from "./tcp-states.ts";

/** IP_CT_TCP_FLAG_* and the like, of linux/netfilter/nf_conntrack_tcp.h. */
export const TCP_FLAG = {
  WINDOW_SCALE: 0x01,
  SACK_PERM: 0x02,
  /** This side sent the first FIN. */
  CLOSE_INIT: 0x04,
  BE_LIBERAL: 0x08,
  DATA_UNACKNOWLEDGED: 0x10,
  MAXACK_SET: 0x20,
  EXP_CHALLENGE_ACK: 0x40,
  SIMULTANEOUS_OPEN: 0x80,
} as const;

const MAX_SCALE = 14;

/** Whether sequence number `a` comes before `b`, modulo 2^32. */
export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;

/** One object serves all packets: `read` fills it anew. */
export class TcpSegment {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the header starts, and where its options end. */
  at = 0;
  optionsEnd = 0;
  flags = 0;
  kind = 0;
  seq = 0;
  ack = 0;
  window = 0;
  /** Sequence number behind the segment: SYN and FIN count one each. */
  end = 0;

  /**
   * The segment in `bytes[at, end)`; `missing` more bytes of it were not captured. False when it is cut, its header does not fit or its flags
   * contradict each other (tcp_error, checksum aside).
   */
  read(bytes: Uint8Array, at: number, end: number, missing: number): boolean {
    if (at + tcp.size > end) return false;
    const headerLength = (tcp.get.dataOffset(bytes, at) >> 4) * 4;
    const flags = tcp.get.flags(bytes, at);
    if (headerLength < tcp.size || at + headerLength > end + missing || !areValidFlags(flags)) return false;
    this.bytes = bytes;
    this.at = at;
    this.optionsEnd = Math.min(end, at + headerLength);
    this.flags = flags;
    this.kind = kindOf(flags);
    this.seq = tcp.get.seq(bytes, at) | 0;
    this.ack = tcp.get.ack(bytes, at) | 0;
    this.window = tcp.get.window(bytes, at);
    const length = end + missing - at - headerLength;
    this.end =
      (this.seq + length + (flags & TCPHDR.TCPHDR_SYN ? 1 : 0) + (flags & TCPHDR.TCPHDR_FIN ? 1 : 0)) | 0;
    return true;
  }

  get hasAck(): boolean {
    return (this.flags & TCPHDR.TCPHDR_ACK) !== 0;
  }

  get hasSyn(): boolean {
    return (this.flags & TCPHDR.TCPHDR_SYN) !== 0;
  }

  get hasRst(): boolean {
    return (this.flags & TCPHDR.TCPHDR_RST) !== 0;
  }

  get hasOptions(): boolean {
    return this.optionsEnd > this.at + tcp.size;
  }

  /** Result of `readOptions`. */
  scale = 0;
  optionFlags = 0;

  /** What a SYN offers: `scale`, and WINDOW_SCALE and SACK_PERM in `optionFlags`. */
  readOptions(): void {
    this.scale = 0;
    this.optionFlags = 0;
    forEachTcpOption(this.bytes, this.at + tcp.size, this.optionsEnd, (option, start, end) => {
      if (option === TCPOPT.TCPOPT_SACK_PERM && end === start) this.optionFlags |= TCP_FLAG.SACK_PERM;
      if (option === TCPOPT.TCPOPT_WINDOW && end === start + 1) {
        this.optionFlags |= TCP_FLAG.WINDOW_SCALE;
        this.scale = Math.min(MAX_SCALE, this.bytes[start]!);
      }
    });
  }

  /** The highest sequence number that the segment says has arrived, selective acknowledgements included. */
  highestAck(): number {
    let highest = this.ack;
    if (!this.hasOptions) return highest;
    forEachTcpOption(this.bytes, this.at + tcp.size, this.optionsEnd, (option, start, end) => {
      if (option !== TCPOPT.TCPOPT_SACK || end === start || (end - start) % 8 !== 0) return;
      for (let at = start + 4; at < end; at += 8) {
        const edge = word(this.bytes, at);
        if (after(edge, highest)) highest = edge;
      }
    });
    return highest;
  }
}

const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
