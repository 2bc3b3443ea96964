/** TCP (RFC 9293): the header, its flags, and the walk over options. */
import { struct, u8, u16be, u32be } from "./struct.ts";

/** struct tcphdr, linux/tcp.h, without options. */
export const tcp = struct("tcp", {
  sport: u16be,
  dport: u16be,
  seq: u32be,
  ack: u32be,
  /** Header length in 32-bit words in the upper half. */
  dataOffset: u8,
  flags: u8,
  window: u16be,
  checksum: u16be,
  urgent: u16be,
});

/** Bits of `flags`, RFC 9293 §3.1 and RFC 3168. */
export const TCPHDR = {
  TCPHDR_FIN: 0x01,
  TCPHDR_SYN: 0x02,
  TCPHDR_RST: 0x04,
  TCPHDR_PSH: 0x08,
  TCPHDR_ACK: 0x10,
  TCPHDR_URG: 0x20,
  TCPHDR_ECE: 0x40,
  TCPHDR_CWR: 0x80,
} as const;

/** net/tcp.h */
export const TCPOPT = {
  TCPOPT_EOL: 0,
  TCPOPT_NOP: 1,
  TCPOPT_MSS: 2,
  TCPOPT_WINDOW: 3,
  TCPOPT_SACK_PERM: 4,
  TCPOPT_SACK: 5,
  TCPOPT_TIMESTAMP: 8,
} as const;

/** Header length in bytes, options included, of the segment in `bytes[at, end)`; `undefined` when it does not fit. */
export function tcpHeaderLength(bytes: Uint8Array, at: number, end = bytes.length): number | undefined {
  if (at + tcp.size > end) return undefined;
  const length = (tcp.get.dataOffset(bytes, at) >> 4) * 4;
  return length < tcp.size || at + length > end ? undefined : length;
}

/**
 * Calls `visit(kind, start, end)` with the value range of each option in `bytes[start, end)`. Stops quietly at the end
 * marker or at an option that does not fit, as `tcp_parse_options` does.
 */
export function forEachTcpOption(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (kind: number, start: number, end: number) => void,
): void {
  let at = start;
  while (at < end) {
    const kind = bytes[at]!;
    if (kind === TCPOPT.TCPOPT_EOL) return;
    if (kind === TCPOPT.TCPOPT_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (length < 2 || at + length > end) return;
    visit(kind, at + 2, at + length);
    at += length;
  }
}
