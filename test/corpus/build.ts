/** Packets of any shape for the corpus, layer by layer: an IP header around a transport segment around a message. */

import { IPPROTO } from "../../src/uapi/in.ts";
import { IPPROTO6 } from "../../src/uapi/in6.ts";
import { transportChecksum } from "../../src/wire/checksum.ts";
import { icmp } from "../../src/wire/icmp.ts";
import { ipv4, parseIpv4, writeIpv4Checksum } from "../../src/wire/ipv4.ts";
import { ipv6, parseIpv6 } from "../../src/wire/ipv6.ts";
import { TCPHDR, tcp } from "../../src/wire/tcp.ts";
import { udp } from "../../src/wire/udp.ts";

export type Bytes = readonly number[] | Uint8Array;

/** What stands behind the IP header. */
export interface Segment {
  readonly protocol: number;
  readonly bytes: Uint8Array;
  /** Where its checksum goes; nowhere in a segment that was cut. */
  readonly checksumAt?: number;
}

export interface IpFields {
  readonly from: string;
  readonly to: string;
  readonly ttl?: number;
  /** Differentiated services and congestion bits. */
  readonly tos?: number;
  readonly id?: number;
  /** IPv4: the word of flags and fragment offset. */
  readonly fragment?: number;
  /** IPv4 options, a multiple of four bytes. */
  readonly options?: Bytes;
  /** IPv6 extension headers in order; their next header bytes are filled in. */
  readonly extensions?: readonly { readonly type: number; readonly bytes: Bytes }[];
}

export const text = (string: string): Uint8Array => Uint8Array.from(Buffer.from(string, "latin1"));

export const join = (...parts: readonly (Bytes | string)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...(typeof part === "string" ? text(part) : part)]));

export const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
export const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value)];

/** Bytes behind their length, in `width` bytes. */
export const counted = (width: 1 | 2 | 3, ...parts: readonly (Bytes | string)[]): Uint8Array => {
  const body = join(...parts);
  return join(u32(body.length).slice(4 - width), body);
};

export function udpSegment(sport: number, dport: number, payload: Bytes = [1, 2, 3, 4]): Segment {
  const bytes = join(new Uint8Array(udp.size), payload);
  udp.write(bytes, 0, { sport, dport, length: bytes.length });
  return { protocol: IPPROTO.IPPROTO_UDP, bytes, checksumAt: udp.offsets.checksum };
}

export interface TcpFields {
  readonly sport: number;
  readonly dport: number;
  /** Default ACK. */
  readonly flags?: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  /** A multiple of four bytes. */
  readonly options?: Bytes;
  /** Overrides the header length that follows from the options, in 32-bit words. */
  readonly words?: number;
  readonly payload?: Bytes;
}

export function tcpSegment(fields: TcpFields): Segment {
  const { sport, dport, flags = TCPHDR.TCPHDR_ACK, seq = 1, ack = 0, window = 1000, options = [] } = fields;
  const words = fields.words ?? (tcp.size + options.length) / 4;
  const bytes = join(new Uint8Array(tcp.size), options, fields.payload ?? []);
  tcp.write(bytes, 0, { sport, dport, seq, ack, dataOffset: words << 4, flags, window });
  return { protocol: IPPROTO.IPPROTO_TCP, bytes, checksumAt: tcp.offsets.checksum };
}

export function icmpSegment(type: number, code: number, rest: number, payload: Bytes = [], six = false) {
  const bytes = join(new Uint8Array(icmp.size), payload);
  icmp.write(bytes, 0, { type, code, rest });
  const protocol = six ? IPPROTO6.IPPROTO_ICMPV6 : IPPROTO.IPPROTO_ICMP;
  return { protocol, bytes, checksumAt: icmp.offsets.checksum };
}

export const rawSegment = (protocol: number, bytes: Bytes): Segment => ({ protocol, bytes: join(bytes) });

/** The first bytes of a segment: what a packet is that was made too short on purpose. */
export const cut = ({ protocol, bytes }: Segment, length: number): Segment =>
  rawSegment(protocol, bytes.subarray(0, length));

/** The packet, its version as its addresses have it, with right checksums. */
export const ip = (fields: IpFields, segment: Segment): Uint8Array =>
  fields.from.includes(":") ? ip6(fields, segment) : ip4(fields, segment);

function ip4(fields: IpFields, segment: Segment): Uint8Array {
  const { from, to, ttl = 64, tos = 0, id = 0, fragment = 0, options = [] } = fields;
  const headerLength = ipv4.size + options.length;
  const bytes = join(new Uint8Array(ipv4.size), options, segment.bytes);
  ipv4.write(bytes, 0, {
    versionIhl: 0x40 | (headerLength / 4),
    tos,
    totalLength: bytes.length,
    id,
    fragment,
    ttl,
    protocol: segment.protocol,
    saddr: parseIpv4(from)!,
    daddr: parseIpv4(to)!,
  });
  writeIpv4Checksum(bytes, 0);
  writeChecksum(bytes, headerLength, segment, segment.protocol !== IPPROTO.IPPROTO_ICMP);
  return bytes;
}

function ip6(fields: IpFields, segment: Segment): Uint8Array {
  const { from, to, ttl = 64, tos = 0, extensions = [] } = fields;
  const types = [...extensions.map(({ type }) => type), segment.protocol];
  const headers = extensions.flatMap(({ bytes }, i) => [types[i + 1]!, ...[...bytes].slice(1)]);
  const bytes = join(new Uint8Array(ipv6.size), headers, segment.bytes);
  ipv6.write(bytes, 0, {
    versionClassFlow: 0x60000000 + tos * 0x100000,
    payloadLength: bytes.length - ipv6.size,
    nextHeader: types[0]!,
    hopLimit: ttl,
    saddr: parseIpv6(from)!,
    daddr: parseIpv6(to)!,
  });
  writeChecksum(bytes, ipv6.size + headers.length, segment, true);
  return bytes;
}

function writeChecksum(bytes: Uint8Array, at: number, { protocol, checksumAt }: Segment, pseudo: boolean) {
  if (checksumAt === undefined) return;
  const sum = transportChecksum(bytes, 0, at, bytes.length, protocol, checksumAt, pseudo);
  bytes.set(u16(sum), at + checksumAt);
}

export interface DnsFields {
  readonly type?: number;
  readonly id?: number;
  /** Default: recursion desired. */
  readonly flags?: number;
}

/** A DNS message with one question (RFC 1035). */
export const dnsQuestion = (name: string, { type = 1, id = 0x1234, flags = 0x0100 }: DnsFields = {}) =>
  join(
    u16(id),
    u16(flags),
    u16(1),
    [0, 0, 0, 0, 0, 0],
    ...name
      .split(".")
      .filter((label) => label !== "")
      .map((label) => counted(1, label)),
    [0],
    u16(type),
    u16(1),
  );

/** The answer to `dnsQuestion(name)`: one A record that points back at the question. */
export const dnsAnswer = (name: string, address: Bytes, fields: DnsFields = {}): Uint8Array => {
  const message = dnsQuestion(name, { ...fields, flags: 0x8180 });
  message[7] = 1;
  return join(message, [0xc0, 12], u16(1), u16(1), u32(300), counted(2, address));
};

/**
 * A TLS record with a ClientHello (RFC 8446), which asks for a name (RFC 6066) or for none; `padding` bytes in an extension
 * (RFC 7685) before that.
 */
export function clientHello(name?: string, padding = 0): Uint8Array {
  const serverName = name === undefined ? [] : join(u16(0), counted(2, counted(2, [0], counted(2, name))));
  const groups = join(u16(10), counted(2, counted(2, [0, 29, 0, 23])));
  const versions = join(u16(43), counted(2, counted(1, [3, 4])));
  const random = Array.from({ length: 32 }, (_, i) => i * 7);
  const hello = join(
    [3, 3],
    random,
    counted(1, random.slice(0, 16)),
    counted(2, [0x13, 1, 0x13, 2, 0xc0, 0x2f]),
    counted(1, [0]),
    counted(
      2,
      groups,
      padding === 0 ? [] : join(u16(21), counted(2, new Uint8Array(padding))),
      serverName,
      versions,
    ),
  );
  return join([22, 3, 1], counted(2, [1], counted(3, hello)));
}

/** A DHCP message (RFC 2131) of a type (RFC 2132, option 53) with more options. */
export function dhcpMessage(
  op: 1 | 2,
  type: number,
  ...options: readonly (readonly [number, Bytes | string])[]
) {
  const fixed = new Uint8Array(236);
  fixed.set([op, 1, 6, 0, 0x39, 0x03, 0xf3, 0x26]);
  fixed.set([2, 0, 0, 0, 0, 9], 28);
  const more = options.map(([code, value]) => join([code], counted(1, value)));
  return join(fixed, [99, 130, 83, 99], [53, 1, type], ...more, [255]);
}

/** BER: SNMP GetRequest for sysDescr.0 (RFC 1157, RFC 1901 for version 2c). */
export function snmpGet(version: 0 | 1, community: string): Uint8Array {
  const oid = [0x06, 8, 0x2b, 6, 1, 2, 1, 1, 1, 0];
  const bindings = join([0x30], counted(1, [0x30], counted(1, oid, [5, 0])));
  const pdu = join([0xa0], counted(1, [2, 1, 42, 2, 1, 0, 2, 1, 0], bindings));
  return join([0x30], counted(1, [2, 1, version], [4], counted(1, community), pdu));
}
