/** Random packets that a client sends through the router: valid ones, and what is left of them after accidents. */

import { IPPROTO } from "../../../src/uapi/in.ts";
import { IPPROTO6 } from "../../../src/uapi/in6.ts";
import { finishChecksum, sumWords, transportChecksum } from "../../../src/wire/checksum.ts";
import { ipv4, parseIpv4, writeIpv4Checksum } from "../../../src/wire/ipv4.ts";
import { ipv6, parseIpv6 } from "../../../src/wire/ipv6.ts";
import { tcp } from "../../../src/wire/tcp.ts";
import { udp } from "../../../src/wire/udp.ts";
import type { Choices } from "../choices.ts";
import { CLIENT, type DeviceName, ROUTER, SERVER } from "./router.ts";
import type { Family } from "./rule-sets.ts";

const { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE } = IPPROTO;
const TEXTS = ["", "GET /index.html", "example.com", "EXAMPLE", "\0\0\0\0aaaa", "x".repeat(100)];

/**
 * `isWhole`: no fragments, which connection tracking puts together. From the client, or from the server; `toRouter` to
 * the router itself.
 */
export function generatePacket(
  c: Choices,
  family: Family,
  isWhole: boolean,
  from: DeviceName,
  toRouter = false,
): Uint8Array {
  const protocol = c.weighted([
    [4, IPPROTO_UDP],
    [4, IPPROTO_TCP],
    [2, family === "v4" ? IPPROTO_ICMP : IPPROTO6.IPPROTO_ICMPV6],
    [1, IPPROTO_GRE],
  ]);
  const segment = segmentOf(c, protocol, from, isWhole);
  return family === "v4"
    ? packetV4(c, protocol, segment, isWhole, from, toRouter)
    : packetV6(c, protocol, segment, from, toRouter);
}

const TRACKED_FLAGS = [0x02, 0x12, 0x10, 0x18, 0x11, 0x00, 0x3f];

function segmentOf(c: Choices, protocol: number, from: DeviceName, isWhole: boolean): Uint8Array {
  const payload = Buffer.from(c.pick(TEXTS), "latin1");
  const near = c.pick([1000, 53, 2000, 40000]);
  const far = c.pick([53, 80, 443, 2000]);
  const [sport, dport] = from === "ta" ? [near, far] : [far, near];
  switch (protocol) {
    case IPPROTO_UDP: {
      const bytes = new Uint8Array(udp.size + payload.length);
      udp.write(bytes, 0, { sport, dport, length: bytes.length });
      bytes.set(payload, udp.size);
      return bytes;
    }
    case IPPROTO_TCP: {
      const options = c.pick(TCP_OPTIONS);
      const bytes = new Uint8Array(tcp.size + options.length + payload.length);
      tcp.write(bytes, 0, {
        sport,
        dport,
        seq: c.below(1000),
        ack: c.below(1000),
        dataOffset: ((tcp.size + options.length) / 4) << 4,
        // Linux takes a reset from the other side of a connection that it met in the middle, which ours finds invalid.
        flags: c.pick(isWhole ? TRACKED_FLAGS : [...TRACKED_FLAGS, 0x04]),
        window: 1000,
      });
      bytes.set(options, tcp.size);
      bytes.set(payload, tcp.size + options.length);
      return bytes;
    }
    case IPPROTO_GRE:
      return Uint8Array.from([0, 0, 8, 0, ...payload]);
    default:
      return Uint8Array.from([
        c.pick([8, 128, 0, 129, 3, 1, 13]),
        c.pick([0, 3, 4]),
        0,
        0,
        1,
        2,
        3,
        4,
        ...payload,
      ]);
  }
}

const TCP_OPTIONS = [
  [],
  [2, 4, 0x05, 0xb4],
  [2, 4, 0x05, 0xb4, 1, 3, 3, 7],
  [1, 2, 4, 0x05, 0xb4, 0, 0, 0],
  [8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1],
  [77, 0, 0, 0],
] as const;

const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [IPPROTO_UDP]: 6,
  [IPPROTO_TCP]: 16,
  [IPPROTO_ICMP]: 2,
  [IPPROTO6.IPPROTO_ICMPV6]: 2,
};

function packetV4(
  c: Choices,
  protocol: number,
  segment: Uint8Array,
  isWhole: boolean,
  from: DeviceName,
  toRouter: boolean,
): Uint8Array {
  const client = parseIpv4(c.pick([CLIENT.v4, CLIENT.v4, "10.0.1.7"]))! >>> 0;
  const server = parseIpv4(c.pick(from === "ta" ? [SERVER.v4, SERVER.v4, "192.0.2.7"] : [SERVER.v4]))! >>> 0;
  const [saddr, other] = from === "ta" ? [client, server] : [server, client];
  const daddr = toRouter ? parseIpv4(ROUTER[from].v4)! >>> 0 : other;
  const packet = new Uint8Array(ipv4.size + segment.length);
  packet.set(segment, ipv4.size);
  ipv4.write(packet, 0, {
    versionIhl: 0x45,
    tos: c.pick([0, 0x10, 0xb8, 0x08]),
    totalLength: packet.length,
    id: 1 + c.below(1000),
    fragment: isWhole
      ? c.pick([0, 0, 0x4000])
      : c.weighted([
          [8, 0],
          [2, 0x4000],
          [1, 0x2000],
          [1, 1],
          [1, 0x2002],
        ]),
    ttl: c.weighted([
      [8, 64],
      [1, 1],
      [1, 2],
      [1, 255],
    ]),
    protocol,
    saddr,
    daddr,
  });
  writeIpv4Checksum(packet, 0);
  finish(c, packet, ipv4.size, protocol, protocol !== IPPROTO_ICMP);
  return packet;
}

function packetV6(
  c: Choices,
  protocol: number,
  segment: Uint8Array,
  from: DeviceName,
  toRouter: boolean,
): Uint8Array {
  const client = parseIpv6(c.pick([CLIENT.v6, CLIENT.v6, "fd01::7"]))!;
  const server = parseIpv6(c.pick(from === "ta" ? [SERVER.v6, SERVER.v6, "2001:db8::7"] : [SERVER.v6]))!;
  const [saddr, other] = from === "ta" ? [client, server] : [server, client];
  const daddr = toRouter ? parseIpv6(ROUTER[from].v6)! : other;
  const packet = new Uint8Array(ipv6.size + segment.length);
  packet.set(segment, ipv6.size);
  ipv6.write(packet, 0, {
    versionClassFlow: (0x60000000 | (c.pick([0, 0x10, 0xb8, 0x08]) << 20)) >>> 0,
    payloadLength: segment.length,
    nextHeader: protocol,
    hopLimit: c.weighted([
      [8, 64],
      [1, 1],
      [1, 2],
      [1, 255],
    ]),
    saddr,
    daddr,
  });
  finish(c, packet, ipv6.size, protocol, true);
  return packet;
}

/** Right checksums, mostly; and now and then a transport header that is wrong or cut short. */
export function finish(c: Choices, packet: Uint8Array, at: number, protocol: number, pseudo: boolean): void {
  if (c.chance(10) && packet.length > at + 2) packet[at + c.below(packet.length - at)] = c.below(256);
  const field = CHECKSUM_AT[protocol];
  if (field === undefined || c.chance(8)) return;
  packet[at + field] = 0;
  packet[at + field + 1] = 0;
  const sum = pseudo
    ? transportChecksum(packet, 0, at, packet.length, protocol, field)
    : finishChecksum(sumWords(packet, at));
  packet[at + field] = sum >> 8;
  packet[at + field + 1] = sum & 0xff;
}
