/** Packets for tests, made from the declared headers, with right checksums. */

import { ETH_P } from "../uapi/if-ether.ts";
import { IPPROTO } from "../uapi/in.ts";
import { transportChecksum } from "../wire/checksum.ts";
import { ethernet } from "../wire/ethernet.ts";
import { ipv4, parseIpv4, writeIpv4Checksum } from "../wire/ipv4.ts";
import { ipv6, parseIpv6 } from "../wire/ipv6.ts";
import { tcp } from "../wire/tcp.ts";
import { udp } from "../wire/udp.ts";
import { Skb } from "./skb.ts";

export interface PacketFields {
  readonly from?: string;
  readonly to?: string;
  readonly ttl?: number;
  readonly protocol?: "udp" | "tcp";
  readonly sport?: number;
  readonly dport?: number;
  readonly payload?: readonly number[] | Uint8Array;
}

/** An IP packet without link header; the version follows from the addresses. */
export function ipPacket(fields: PacketFields = {}): Uint8Array {
  const {
    from = "10.0.0.1",
    to = "10.0.0.2",
    ttl = 64,
    protocol = "udp",
    sport = 1000,
    dport = 2000,
  } = fields;
  const payload = Uint8Array.from(fields.payload ?? [1, 2, 3, 4]);
  const number = protocol === "udp" ? IPPROTO.IPPROTO_UDP : IPPROTO.IPPROTO_TCP;
  const header = protocol === "udp" ? udp : tcp;
  const segment = new Uint8Array(header.size + payload.length);
  segment.set(payload, header.size);
  if (protocol === "udp") udp.write(segment, 0, { sport, dport, length: segment.length });
  else tcp.write(segment, 0, { sport, dport, seq: 1, dataOffset: 0x50, flags: 0x10, window: 1000 });
  return sealTransport(ipAround(from, to, number, segment, ttl), number, header.offsets.checksum);
}

/** Wraps a transport header and its payload into an IP packet; the version follows from the addresses. */
export function ipAround(
  from: string,
  to: string,
  protocol: number,
  segment: Uint8Array,
  ttl = 64,
): Uint8Array {
  const six = from.includes(":");
  const size = six ? ipv6.size : ipv4.size;
  const packet = new Uint8Array(size + segment.length);
  packet.set(segment, size);
  if (six) {
    ipv6.write(packet, 0, {
      versionClassFlow: 0x60000000,
      payloadLength: segment.length,
      nextHeader: protocol,
      hopLimit: ttl,
      saddr: parseIpv6(from)!,
      daddr: parseIpv6(to)!,
    });
  } else {
    ipv4.write(packet, 0, {
      versionIhl: 0x45,
      totalLength: packet.length,
      ttl,
      protocol,
      saddr: parseIpv4(from)!,
      daddr: parseIpv4(to)!,
    });
    writeIpv4Checksum(packet, 0);
  }
  return packet;
}

/** Stores the transport checksum of a packet of `ipAround`, whose field lies `field` bytes into its header. */
export function sealTransport(packet: Uint8Array, protocol: number, field: number): Uint8Array {
  const at = packet[0]! >> 4 === 6 ? ipv6.size : ipv4.size;
  const sum = transportChecksum(packet, 0, at, packet.length, protocol, field);
  packet[at + field] = sum >> 8;
  packet[at + field + 1] = sum & 0xff;
  return packet;
}

const MAC_HEADER = ethernet.encode({
  destination: Uint8Array.of(2, 0, 0, 0, 0, 1),
  source: Uint8Array.of(2, 0, 0, 0, 0, 9),
  ethertype: ETH_P.ETH_P_IP,
});

/** The Ethernet frame around an IP packet; `trailer` bytes of padding behind it. */
export function ethernetFrame(packet: Uint8Array, trailer = 0): Uint8Array {
  const frame = new Uint8Array(ethernet.size + packet.length + trailer);
  frame.set(MAC_HEADER);
  ethernet.set.ethertype(frame, 0, etherType(packet));
  frame.set(packet, ethernet.size);
  return frame;
}

/** An skb around a frame of `ethernetFrame`. */
export function skbOf(packet: Uint8Array, trailer = 0): Skb {
  return Skb.from(ethernetFrame(packet, trailer), {
    protocol: etherType(packet),
    networkOffset: ethernet.size,
    macLength: ethernet.size,
  });
}

const etherType = (packet: Uint8Array): number => (packet[0]! >> 4 === 6 ? ETH_P.ETH_P_IPV6 : ETH_P.ETH_P_IP);
