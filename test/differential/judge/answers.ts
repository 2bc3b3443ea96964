/** Packets that answer what the router sent: from the other end of a connection, or an error from somewhere on the way. */

import { IPPROTO } from "../../../src/uapi/in.ts";
import { IPPROTO6 } from "../../../src/uapi/in6.ts";
import { ipv4, ipv4HeaderLength, parseIpv4, writeIpv4Checksum } from "../../../src/wire/ipv4.ts";
import { ipv6, parseIpv6 } from "../../../src/wire/ipv6.ts";
import { TCPHDR, tcp } from "../../../src/wire/tcp.ts";
import type { Choices } from "../choices.ts";
import { finish } from "./packets.ts";
import type { DeviceName, Sent } from "./router.ts";
import type { Family } from "./rule-sets.ts";

/** A packet that comes to the router. */
export interface Arrival {
  readonly device: DeviceName;
  readonly packet: Uint8Array;
}

const { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP } = IPPROTO;
const { IPPROTO_ICMPV6 } = IPPROTO6;
const { TCPHDR_FIN, TCPHDR_SYN, TCPHDR_PSH, TCPHDR_ACK } = TCPHDR;

export function answerTo(c: Choices, family: Family, { device, packet }: Sent): Arrival {
  const answer = c.chance(25) ? errorAbout(c, family, packet) : reply(c, family, packet);
  return { device, packet: answer };
}

/** The same packet the other way, with what the other end would put there. */
function reply(c: Choices, family: Family, packet: Uint8Array): Uint8Array {
  const bytes = packet.slice();
  const [at, protocol] = transportOf(family, bytes);
  turnAddresses(family, bytes);
  if ((protocol === IPPROTO_TCP || protocol === IPPROTO_UDP) && at + 4 <= bytes.length)
    bytes.set([...packet.subarray(at + 2, at + 4), ...packet.subarray(at, at + 2)], at);
  if (protocol === IPPROTO_TCP && at + tcp.size <= bytes.length) {
    const [seq, ack] = [tcp.get.ack(packet, at), tcp.get.seq(packet, at)];
    const isFirst = (tcp.get.flags(packet, at) & TCPHDR_SYN) !== 0;
    tcp.set.seq(bytes, at, seq);
    tcp.set.ack(bytes, at, ack + 1);
    tcp.set.flags(
      bytes,
      at,
      isFirst
        ? TCPHDR_SYN | TCPHDR_ACK
        : c.pick([TCPHDR_ACK, TCPHDR_ACK | TCPHDR_PSH, TCPHDR_ACK | TCPHDR_FIN]),
    );
  }
  if (protocol === IPPROTO_ICMP && bytes[at] === 8) bytes[at] = 0;
  if (protocol === IPPROTO_ICMPV6 && bytes[at] === 128) bytes[at] = 129;
  renewHops(c, family, bytes);
  finish(c, bytes, at, protocol, protocol !== IPPROTO_ICMP);
  return bytes;
}

/** From the packet's destination or from a router before it. */
function errorAbout(c: Choices, family: Family, packet: Uint8Array): Uint8Array {
  const [at] = transportOf(family, packet);
  const quoted = packet.subarray(0, c.pick([at + 8, packet.length, at + 4]));
  const isV4 = family === "v4";
  const size = isV4 ? ipv4.size : ipv6.size;
  const bytes = new Uint8Array(size + 8 + quoted.length);
  bytes.set(quoted, size + 8);
  const typeAndCode = c.pick(isV4 ? ERRORS_V4 : ERRORS_V6);
  bytes.set(typeAndCode, size);
  if (isV4) {
    ipv4.write(bytes, 0, {
      versionIhl: 0x45,
      totalLength: bytes.length,
      id: 7,
      protocol: IPPROTO_ICMP,
      saddr: c.chance(50) ? ipv4.get.daddr(packet, 0) : parseIpv4("192.0.2.9")! >>> 0,
      daddr: ipv4.get.saddr(packet, 0),
    });
  } else {
    ipv6.write(bytes, 0, {
      versionClassFlow: 0x60000000,
      payloadLength: bytes.length - size,
      nextHeader: IPPROTO_ICMPV6,
      saddr: c.chance(50) ? ipv6.get.daddr(packet, 0) : parseIpv6("2001:db8::9")!,
      daddr: ipv6.get.saddr(packet, 0),
    });
  }
  renewHops(c, family, bytes);
  finish(c, bytes, size, isV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, !isV4);
  return bytes;
}

const ERRORS_V4 = [
  [3, 3],
  [3, 1],
  [11, 0],
  [12, 0],
  [5, 1],
];
const ERRORS_V6 = [
  [1, 4],
  [1, 0],
  [3, 0],
  [4, 1],
];

const transportOf = (family: Family, bytes: Uint8Array): [at: number, protocol: number] =>
  family === "v4"
    ? [ipv4HeaderLength(bytes, 0), ipv4.get.protocol(bytes, 0)]
    : [ipv6.size, ipv6.get.nextHeader(bytes, 0)];

function turnAddresses(family: Family, bytes: Uint8Array): void {
  const { offsets } = family === "v4" ? ipv4 : ipv6;
  const size = offsets.daddr - offsets.saddr;
  const source = bytes.slice(offsets.saddr, offsets.saddr + size);
  bytes.copyWithin(offsets.saddr, offsets.daddr, offsets.daddr + size);
  bytes.set(source, offsets.daddr);
}

function renewHops(c: Choices, family: Family, bytes: Uint8Array): void {
  const hops = c.chance(90) ? 64 : 1;
  if (family === "v6") {
    ipv6.set.hopLimit(bytes, 0, hops);
    return;
  }
  ipv4.set.ttl(bytes, 0, hops);
  writeIpv4Checksum(bytes, 0);
}
