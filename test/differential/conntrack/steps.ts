/**
 * What happens in a case of the judge: steps that make packets, and time that passes. Flows know what their ends have
 * sent, so that a step like "the server acknowledges" gets fitting numbers, which it may shift on purpose.
 */

import fc from "fast-check";
import type { ConnectionTuple } from "../../../src/kernel/connection.ts";
import {
  CLIENT,
  CLIENT_V6,
  echoPacket,
  icmpPacket,
  SERVER,
  SERVER_V6,
  tcpPacket,
  udpPacket,
} from "../../../src/kernel/conntrack/testing.ts";
import { ipAround } from "../../../src/kernel/testing.ts";
import { IPPROTO } from "../../../src/uapi/in.ts";
import { IPPROTO6 } from "../../../src/uapi/in6.ts";
import { NFPROTO } from "../../../src/uapi/netfilter.ts";
import { parseIpv4, writeIpv4Checksum } from "../../../src/wire/ipv4.ts";
import { parseIpv6 } from "../../../src/wire/ipv6.ts";
import { TCPHDR } from "../../../src/wire/tcp.ts";

const { TCPHDR_FIN: F, TCPHDR_SYN: S, TCPHDR_RST: R, TCPHDR_ACK: A, TCPHDR_PSH: P } = TCPHDR;

/** How the machine treats a packet, by its DSCP. */
export const TREAT = { pass: 0, drop: 1, mark: 2 } as const;
export const MARK = 5;

export interface TcpStep {
  readonly kind: "tcp";
  readonly flow: number;
  readonly side: number;
  readonly flags: number;
  readonly length: number;
  /** Added to the fitting numbers. */
  readonly seqShift: number;
  readonly ackShift: number;
  readonly window: number;
  /** Index of OPTIONS. */
  readonly options: number;
  /** Sent, and lost before it comes to the machine. */
  readonly lost: boolean;
  readonly treat: number;
}
export interface UdpStep {
  readonly kind: "udp";
  readonly flow: number;
  readonly side: number;
  readonly length: number;
  readonly damage: "none" | "checksum" | "longer" | "short" | "nothing";
  readonly treat: number;
}
export interface IcmpStep {
  readonly kind: "icmp";
  readonly six: boolean;
  readonly side: number;
  readonly type: number;
  readonly code: number;
  readonly id: number;
  readonly damage: boolean;
}
export interface ErrorStep {
  readonly kind: "error";
  readonly about: "tcp" | "udp" | "icmp";
  readonly flow: number;
  /** Direction of the packet that the error is about; the error goes back. */
  readonly side: number;
  readonly type: number;
  readonly code: number;
  /** How much of the transport header it carries. */
  readonly bytes: number;
  /** Goes to somebody else. */
  readonly strayed: boolean;
  readonly damage: boolean;
}
export interface OtherStep {
  readonly kind: "other";
  readonly six: boolean;
  readonly side: number;
  readonly protocol: number;
  readonly body: readonly number[];
}
export interface WaitStep {
  readonly kind: "wait";
  readonly seconds: number;
}
export type Step = TcpStep | UdpStep | IcmpStep | ErrorStep | OtherStep | WaitStep;

/** End of list, no operation, MSS 1460, scale and SACK as SYNs carry them; a SACK block is filled in when built. */
const OPTIONS: readonly (readonly number[])[] = [
  [],
  [1, 3, 3, 7],
  [1, 3, 3, 7, 4, 2, 1, 1],
  [4, 2, 0, 0],
  [2, 4, 5, 180, 1, 3, 3, 15],
  [1, 3, 3, 0],
];
const SACK = OPTIONS.length;

const flow = fc.integer({ min: 0, max: 2 });
const side = fc.integer({ min: 0, max: 1 });
const seldom = (weight: number) =>
  fc.oneof({ weight: 100 - weight, arbitrary: fc.constant(false) }, { weight, arbitrary: fc.constant(true) });
const shift = fc.oneof(
  { weight: 12, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.constantFrom(-1, 1, -100, 100) },
  { weight: 2, arbitrary: fc.integer({ min: -20_000, max: 20_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(-70_000, 70_000, -1_000_000, 1_000_000, 0x7fffffff, -0x80000000) },
);
const treat = fc.oneof(
  { weight: 20, arbitrary: fc.constant<number>(TREAT.pass) },
  { weight: 1, arbitrary: fc.constant<number>(TREAT.drop) },
  { weight: 1, arbitrary: fc.constant<number>(TREAT.mark) },
);
const flags = fc.oneof(
  { weight: 10, arbitrary: fc.constant(A) },
  { weight: 4, arbitrary: fc.constant(A | P) },
  { weight: 4, arbitrary: fc.constantFrom(S, S | A) },
  { weight: 4, arbitrary: fc.constant(F | A) },
  { weight: 3, arbitrary: fc.constantFrom(R, R | A) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);
const window = fc.oneof(
  { weight: 8, arbitrary: fc.constant(8000) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 500, 65535) },
);
const length = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.constantFrom(1, 10, 100, 1000) },
);

const tcpStep: fc.Arbitrary<TcpStep> = fc.record({
  kind: fc.constant("tcp" as const),
  flow,
  side,
  flags,
  length,
  seqShift: shift,
  ackShift: shift,
  window,
  options: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: SACK }) },
  ),
  lost: seldom(6),
  treat,
});
const udpStep: fc.Arbitrary<UdpStep> = fc.record({
  kind: fc.constant("udp" as const),
  flow,
  side,
  length: fc.constantFrom(0, 1, 8, 500),
  damage: fc.oneof(
    { weight: 10, arbitrary: fc.constant("none" as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        "checksum" as const,
        "longer" as const,
        "short" as const,
        "nothing" as const,
      ),
    },
  ),
  treat,
});
const icmpStep: fc.Arbitrary<IcmpStep> = fc.record({
  kind: fc.constant("icmp" as const),
  six: fc.boolean(),
  side,
  type: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0, 8, 128, 129) },
    { weight: 2, arbitrary: fc.constantFrom(13, 14, 15, 16, 17, 18, 139, 140) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
  ),
  code: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(5) }),
  id: fc.integer({ min: 1, max: 2 }),
  damage: seldom(8),
});
const errorStep: fc.Arbitrary<ErrorStep> = fc.record({
  kind: fc.constant("error" as const),
  about: fc.constantFrom("tcp" as const, "udp" as const, "icmp" as const),
  flow,
  side,
  type: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(3, 1) },
    { weight: 2, arbitrary: fc.constantFrom(2, 4, 5, 11, 12) },
  ),
  code: fc.integer({ min: 0, max: 4 }),
  bytes: fc.constantFrom(8, 20, 4, 3, 0),
  strayed: seldom(10),
  damage: seldom(5),
});
const otherStep: fc.Arbitrary<OtherStep> = fc.record({
  kind: fc.constant("other" as const),
  six: fc.boolean(),
  side,
  protocol: fc.constantFrom(99, 50, 47, 136, 33),
  body: fc.oneof(
    fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 24 }),
    fc.constant([0, 0, 8, 0]),
    fc.constant([0x30, 1, 0x88, 0x0b, 0, 4, 0, 9, 0, 0, 0, 0]),
  ),
});
const waitStep: fc.Arbitrary<WaitStep> = fc.record({
  kind: fc.constant("wait" as const),
  seconds: fc.constantFrom(3, 20, 50, 100, 280, 400_000),
});

const ordinary = (values: Partial<TcpStep> & { flow: number }): TcpStep => ({
  kind: "tcp",
  side: 0,
  flags: A,
  length: 0,
  seqShift: 0,
  ackShift: 0,
  window: 8000,
  options: 0,
  lost: false,
  treat: TREAT.pass,
  ...values,
});

/** How a conversation begins: so the later states are reached as well. */
const opening = fc
  .record({ flow, options: fc.integer({ min: 0, max: SACK - 1 }), depth: fc.integer({ min: 0, max: 6 }) })
  .map(({ flow, options, depth }): TcpStep[] =>
    [
      ordinary({ flow, flags: S, options }),
      ordinary({ flow, side: 1, flags: S | A, options }),
      ordinary({ flow }),
      ordinary({ flow, flags: A | P, length: 100 }),
      ordinary({ flow, side: 1 }),
      ordinary({ flow, side: 1, flags: F | A }),
    ].slice(0, depth),
  );

const step = fc.oneof(
  { weight: 14, arbitrary: tcpStep },
  { weight: 4, arbitrary: udpStep },
  { weight: 3, arbitrary: icmpStep },
  { weight: 2, arbitrary: errorStep },
  { weight: 1, arbitrary: otherStep },
);

/** The steps of one case. Where time passes there is no UDP: the kernel's clock for streams cannot be moved. */
export const steps: fc.Arbitrary<Step[]> = fc
  .record({
    openings: fc.array(opening, { maxLength: 2 }),
    rest: fc.oneof(
      { weight: 3, arbitrary: fc.array(step, { maxLength: 40, size: "max" }) },
      {
        weight: 1,
        arbitrary: fc
          .array(fc.oneof({ weight: 8, arbitrary: step }, { weight: 1, arbitrary: waitStep }), {
            maxLength: 40,
          })
          .map((list: Step[]) => list.filter(({ kind }) => kind !== "udp")),
      },
    ),
  })
  .map(({ openings, rest }) => [...openings.flat(), ...rest]);

/** Of the flow `index`: flow 1 is IPv6. */
const isSix = (index: number): boolean => index === 1;
const addresses = (six: boolean, from: number): [string, string] => {
  const both: [string, string] = six ? [CLIENT_V6, SERVER_V6] : [CLIENT, SERVER];
  return from === 0 ? both : [both[1], both[0]];
};
const ports = (index: number, from: number): [number, number] =>
  from === 0 ? [1000 + index, 80] : [80, 1000 + index];

const WRAPPING = 0xffffff00;

/** What the ends of the conversations of one case have sent. */
export class Flows {
  readonly #next = [0, 1, 2].map((index) => [1000 * (index + 1), WRAPPING + index]);

  /** The packet of a step, undefined when none comes to the machine. */
  packet(step: Exclude<Step, WaitStep>): Uint8Array | undefined {
    switch (step.kind) {
      case "tcp":
        return this.#tcp(step);
      case "udp":
        return udp(step);
      case "icmp": {
        const packet = icmpPacket(
          ...addresses(step.six, step.side),
          step.type,
          step.code,
          (step.id << 16) | 1,
        );
        if (step.damage) packet[packet.length - 1]! ^= 1;
        return packet;
      }
      case "error":
        return this.#error(step);
      case "other":
        return ipAround(...addresses(step.six, step.side), step.protocol, Uint8Array.from(step.body));
    }
  }

  #tcp(step: TcpStep): Uint8Array | undefined {
    const next = this.#next[step.flow]!;
    const { side, flags } = step;
    const seq = next[side]! + step.seqShift;
    const ack = flags & A ? next[1 - side]! + step.ackShift : 0;
    const syn = flags & S ? 1 : 0;
    const fin = flags & F ? 1 : 0;
    if (step.seqShift === 0) next[side] = next[side]! + step.length + syn + fin;
    if (step.lost) return undefined;
    const [from, to] = addresses(isSix(step.flow), side);
    const [sport, dport] = ports(step.flow, side);
    const options = step.options === SACK ? sackOption(ack + 500) : OPTIONS[step.options]!;
    const packet = tcpPacket({
      from,
      to,
      sport,
      dport,
      seq,
      ack,
      flags,
      window: step.window,
      options,
      length: step.length,
    });
    return treated(packet, step.treat);
  }

  #error(step: ErrorStep): Uint8Array {
    const six = step.about === "icmp" ? step.flow === 1 : isSix(step.flow);
    const inner = this.#inner(step, six);
    const header = six ? 40 : 20;
    const [from, to] = addresses(six, 1 - step.side);
    const receiver = step.strayed ? to.replace(/2$/, "3") : to;
    const type = six ? Math.min(step.type, 4) : Math.max(step.type, 3);
    const packet = icmpPacket(from, receiver, type, step.code, 0, inner.subarray(0, header + step.bytes));
    if (step.damage) packet[packet.length - 1]! ^= 1;
    return packet;
  }

  #inner(step: ErrorStep, six: boolean): Uint8Array {
    const [from, to] = addresses(six, step.side);
    const [sport, dport] = ports(step.flow, step.side);
    switch (step.about) {
      case "tcp":
        return tcpPacket({ from, to, sport, dport, seq: this.#next[step.flow]![step.side]!, flags: A });
      case "udp":
        return udpPacket(from, to, sport, dport);
      case "icmp": {
        const request = six ? 128 : 8;
        const reply = six ? 129 : 0;
        return echoPacket(from, to, 1, step.side === 0 ? request : reply);
      }
    }
  }
}

const sackOption = (end: number): number[] => {
  const word = (value: number) => [24, 16, 8, 0].map((by) => (value >>> by) & 255);
  return [1, 1, 5, 10, ...word((end - 100) >>> 0), ...word(end >>> 0)];
};

function udp(step: UdpStep): Uint8Array {
  const [from, to] = addresses(isSix(step.flow), step.side);
  const packet = udpPacket(from, to, ...ports(step.flow, step.side), step.length);
  const at = isSix(step.flow) ? 40 : 20;
  if (step.damage === "checksum") packet[at + 7]! ^= 1;
  if (step.damage === "longer") packet[at + 4]! += 4;
  if (step.damage === "short") packet.set([0, 7], at + 4);
  if (step.damage === "nothing") packet.set([0, 0], at + 6);
  return treated(packet, step.treat);
}

/** Puts a DSCP into a packet. */
function treated(packet: Uint8Array, dscp: number): Uint8Array {
  if (packet[0]! >> 4 === 6) {
    packet[0] = 0x60 | (dscp >> 2);
    packet[1] = (dscp & 3) << 6;
  } else {
    packet[1] = dscp << 2;
    writeIpv4Checksum(packet, 0);
  }
  return packet;
}

/** The DSCP of a packet. */
export const dscpOf = (packet: Uint8Array, at = 0): number =>
  packet[at]! >> 4 === 6 ? ((packet[at]! & 15) << 2) | (packet[at + 1]! >> 6) : packet[at + 1]! >> 2;

/** The tuples that steps can make connections of, seen from the client. */
export const TUPLES: readonly ConnectionTuple[] = [
  ...[0, 1, 2].flatMap((index) =>
    [IPPROTO.IPPROTO_TCP, IPPROTO.IPPROTO_UDP].map((protocol) => {
      const [sport, dport] = ports(index, 0);
      return { ...endsOf(isSix(index)), protocol, sport, dport };
    }),
  ),
  ...[1, 2].flatMap((id) =>
    [0, 1].flatMap((from) => [
      ...[8, 13, 15, 17].map((type) => icmpTuple(false, from, type, id)),
      ...[128, 139].map((type) => icmpTuple(true, from, type, id)),
    ]),
  ),
  ...[99, 50, 47, 33].flatMap((protocol) =>
    [false, true].map((six) => ({ ...endsOf(six), protocol, sport: 0, dport: 0 })),
  ),
];

function endsOf(six: boolean, from = 0) {
  const [source, destination] = addresses(six, from).map((text) =>
    six ? parseIpv6(text)! : parseIpv4(text)!,
  );
  const family = six ? NFPROTO.NFPROTO_IPV6 : NFPROTO.NFPROTO_IPV4;
  return { family, source: source!, destination: destination! };
}

function icmpTuple(six: boolean, from: number, type: number, id: number): ConnectionTuple {
  const protocol = six ? IPPROTO6.IPPROTO_ICMPV6 : IPPROTO.IPPROTO_ICMP;
  return { ...endsOf(six, from), protocol, icmp: { type, code: 0, id } };
}
