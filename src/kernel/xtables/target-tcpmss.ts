/** Target TCPMSS: the largest segment that a SYN announces is made smaller, or announced at all (`tcpmss_mangle_packet`). */

import { IPPROTO } from "../../uapi/in.ts";
import { NF_VERDICT, NFPROTO } from "../../uapi/netfilter.ts";
import { XT_CONTINUE } from "../../uapi/x-tables.ts";
import { updateChecksum16 } from "../../wire/checksum.ts";
import { ipv4 } from "../../wire/ipv4.ts";
import { ipv6 } from "../../wire/ipv6.ts";
import { forEachTcpOption, TCPHDR, TCPOPT, tcp, tcpHeaderLength } from "../../wire/tcp.ts";
import { flag, option, type RulePlace, type TargetSpec, target } from "./declare.ts";
import type { XtPacket } from "./packet.ts";
import { u16, ValueError } from "./values.ts";

const { NFPROTO_IPV4 } = NFPROTO;

/** Bytes of the option, and the longest header that has room for it. */
const MSS_BYTES = 4;
const HEADER_MOST = 60;
/** What a host may send to one that announced nothing (RFC 9293 §3.7.1); IPv6 by RFC 8200 §8.3. */
const DEFAULT_MSS_V4 = 536;
const DEFAULT_MSS_V6 = 1220;
/** Devices of the simulated machine carry this many bytes, whichever way a packet leaves. */
const DEVICE_MTU = 1500;

export const tcpmssTarget: TargetSpec = target({
  protocols: [IPPROTO.IPPROTO_TCP],
  options: { "set-mss": option(u16), "clamp-mss-to-pmtu": flag() },
  build(given, place) {
    const set = given["set-mss"]?.value;
    if (set === undefined && !given["clamp-mss-to-pmtu"])
      throw new ValueError("--set-mss or --clamp-mss-to-pmtu is needed");
    if (!asksForSyn(place)) throw new ValueError("only for packets with SYN: '-m tcp --syn' is needed");
    const headers = tcp.size + (place.family === NFPROTO_IPV4 ? ipv4.size : ipv6.size);
    const most = set ?? DEVICE_MTU - headers;
    return (packet) => clamp(packet, most);
  },
});

function asksForSyn({ optionsOf }: RulePlace): boolean {
  const options = optionsOf("tcp");
  if (options?.["syn"]) return !options["syn"].not;
  const flags = options?.["tcp-flags"];
  return flags !== undefined && !flags.not && (flags.value.set & TCPHDR.TCPHDR_SYN) !== 0;
}

function clamp(packet: XtPacket, most: number): number {
  const { bytes, transport, end } = packet;
  if (packet.fragmentOffset !== 0) return XT_CONTINUE;
  const length = tcpHeaderLength(bytes, transport, end);
  if (length === undefined) return NF_VERDICT.NF_DROP;
  let found: number | undefined;
  forEachTcpOption(bytes, transport + tcp.size, transport + length, (kind, start, stop) => {
    if (kind === TCPOPT.TCPOPT_MSS && stop - start === 2) found ??= start;
  });
  if (found !== undefined) lower(packet, found, most);
  else if (transport + length === end && length < HEADER_MOST) announce(packet, length, most);
  return XT_CONTINUE;
}

function lower(packet: XtPacket, at: number, most: number): void {
  const { bytes, transport } = packet;
  const before = (bytes[at]! << 8) | bytes[at + 1]!;
  // RFC 879: never announce more than the other side did.
  if (before <= most) return;
  bytes[at] = most >> 8;
  bytes[at + 1] = most & 0xff;
  replaceInChecksum(packet, at - transport, before, most);
}

/** Puts the option in front of the others of a segment without data. */
function announce(packet: XtPacket, headerLength: number, most: number): void {
  const { skb, family, netOffset } = packet;
  const size = Math.min(most, family === NFPROTO_IPV4 ? DEFAULT_MSS_V4 : DEFAULT_MSS_V6);
  if (!skb.resize(skb.length + MSS_BYTES)) return;
  packet.locate();
  const { bytes, transport } = packet;
  const at = transport + tcp.size;
  bytes.copyWithin(at + MSS_BYTES, at, transport + headerLength);
  bytes.set([TCPOPT.TCPOPT_MSS, MSS_BYTES, size >> 8, size & 0xff], at);
  // The pseudo header's length, the option, and the length of the header.
  replaceInChecksum(packet, 0, headerLength, headerLength + MSS_BYTES);
  replaceInChecksum(packet, 0, 0, (TCPOPT.TCPOPT_MSS << 8) | MSS_BYTES);
  replaceInChecksum(packet, 0, 0, size);
  const word = (): number => (tcp.get.dataOffset(bytes, transport) << 8) | tcp.get.flags(bytes, transport);
  const before = word();
  tcp.set.dataOffset(bytes, transport, tcp.get.dataOffset(bytes, transport) + ((MSS_BYTES / 4) << 4));
  replaceInChecksum(packet, 0, before, word());
  if (family === NFPROTO_IPV4) {
    const total = ipv4.get.totalLength(bytes, netOffset);
    ipv4.set.totalLength(bytes, netOffset, total + MSS_BYTES);
    const checksum = ipv4.get.checksum(bytes, netOffset);
    ipv4.set.checksum(bytes, netOffset, updateChecksum16(checksum, total, total + MSS_BYTES));
  } else {
    ipv6.set.payloadLength(bytes, netOffset, ipv6.get.payloadLength(bytes, netOffset) + MSS_BYTES);
  }
}

/** `offset` is where the word lies in the transport header: only whether it is odd counts. */
function replaceInChecksum(
  { bytes, transport, skb }: XtPacket,
  offset: number,
  before: number,
  after: number,
): void {
  const swap = (word: number): number => (offset % 2 === 1 ? ((word << 8) | (word >> 8)) & 0xffff : word);
  const checksum = tcp.get.checksum(bytes, transport);
  tcp.set.checksum(bytes, transport, updateChecksum16(checksum, swap(before), swap(after)));
  skb.modified = true;
}
