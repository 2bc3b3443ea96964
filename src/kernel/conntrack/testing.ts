/** A router between a client and a server, for tests of tracking: packets of any kind through a simulated kernel. */

import { ICMP } from "../../uapi/icmp.ts";
import { IPPROTO } from "../../uapi/in.ts";
import { IPPROTO6 } from "../../uapi/in6.ts";
import { internetChecksum } from "../../wire/checksum.ts";
import { tcp } from "../../wire/tcp.ts";
import { udp } from "../../wire/udp.ts";
import { type PacketOutcome, SimulatedKernel } from "../simulated.ts";
import type { Skb } from "../skb.ts";
import { ipAround, sealTransport, skbOf } from "../testing.ts";
import type { TrackedConnection } from "./tracked-connection.ts";

export const CLIENT = "10.0.1.2";
export const SERVER = "10.0.2.2";
export const CLIENT_V6 = "2001:db8:1::2";
export const SERVER_V6 = "2001:db8:2::2";

export interface TcpFields {
  readonly from: string;
  readonly to: string;
  readonly sport: number;
  readonly dport: number;
  readonly seq: number;
  readonly ack?: number;
  /** TCPHDR_* */
  readonly flags: number;
  readonly window?: number;
  readonly options?: readonly number[];
  readonly length?: number;
}

export function tcpPacket(fields: TcpFields): Uint8Array {
  const { from, to, sport, dport, seq, ack = 0, flags, window = 8000, options = [], length = 0 } = fields;
  const header = tcp.size + Math.ceil(options.length / 4) * 4;
  const segment = new Uint8Array(header + length);
  const dataOffset = (header / 4) << 4;
  tcp.write(segment, 0, { sport, dport, seq: seq >>> 0, ack: ack >>> 0, dataOffset, flags, window });
  segment.set(options, tcp.size);
  const { IPPROTO_TCP } = IPPROTO;
  return sealTransport(ipAround(from, to, IPPROTO_TCP, segment), IPPROTO_TCP, tcp.offsets.checksum);
}

export function udpPacket(from: string, to: string, sport: number, dport: number, length = 8): Uint8Array {
  const datagram = new Uint8Array(udp.size + length);
  udp.write(datagram, 0, { sport, dport, length: datagram.length });
  const { IPPROTO_UDP } = IPPROTO;
  return sealTransport(ipAround(from, to, IPPROTO_UDP, datagram), IPPROTO_UDP, udp.offsets.checksum);
}

/** An ICMP or ICMPv6 message: type, code, the four bytes behind the checksum, and what follows. */
export function icmpPacket(
  from: string,
  to: string,
  type: number,
  code: number,
  rest: number,
  body: Uint8Array = new Uint8Array(8),
): Uint8Array {
  const message = new Uint8Array(8 + body.length);
  message.set([type, code, 0, 0, rest >>> 24, (rest >>> 16) & 255, (rest >>> 8) & 255, rest & 255]);
  message.set(body, 8);
  if (from.includes(":")) {
    const { IPPROTO_ICMPV6 } = IPPROTO6;
    return sealTransport(ipAround(from, to, IPPROTO_ICMPV6, message), IPPROTO_ICMPV6, 2);
  }
  const sum = internetChecksum(message);
  message[2] = sum >> 8;
  message[3] = sum & 0xff;
  return ipAround(from, to, IPPROTO.IPPROTO_ICMP, message);
}

/** The echo request or reply with this id. */
export const echoPacket = (from: string, to: string, id: number, type: number = ICMP.ICMP_ECHO): Uint8Array =>
  icmpPacket(from, to, type, 0, (id << 16) | 1);

export class Router {
  readonly kernel = new SimulatedKernel({ log: () => {}, seed: 1 });
  readonly log: string[] = [];
  #milliseconds = 1_700_000_000_000;

  constructor() {
    this.kernel.local.add("10.0.1.1");
    this.kernel.local.add("10.0.2.1");
    this.kernel.local.add("2001:db8:1::1");
    this.kernel.local.add("2001:db8:2::1");
    this.kernel.conntrack.start();
    this.wait(0);
  }

  /** Lets time pass. */
  wait(milliseconds: number): void {
    this.#milliseconds += milliseconds;
    const seconds = Math.floor(this.#milliseconds / 1000);
    this.kernel.setTime(seconds, (this.#milliseconds - seconds * 1000) * 1_000_000);
  }

  /** Sends a packet through; what tracking made of it is in the skb. */
  send(packet: Uint8Array, missingBytes = 0): { skb: Skb; outcome: PacketOutcome } {
    const skb = skbOf(packet);
    return { skb, outcome: this.kernel.process(skb, missingBytes) };
  }

  /** The connections that there are. */
  all(): TrackedConnection[] {
    const found: TrackedConnection[] = [];
    this.kernel.conntrack.each((connection) => {
      found.push(connection);
      return true;
    });
    return found;
  }
}
