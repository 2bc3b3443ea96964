/** Matches on transport headers: tcp, udp, udplite, icmp, icmp6, multiport, ecn, esp, ah, dccp, sctp ports. */

import { IPPROTO } from "../../uapi/in.ts";
import { IPPROTO6 } from "../../uapi/in6.ts";
import { NFPROTO } from "../../uapi/netfilter.ts";
import { icmp } from "../../wire/icmp.ts";
import { TCPHDR, tcp } from "../../wire/tcp.ts";
import { udp } from "../../wire/udp.ts";
import {
  all,
  flag,
  type GivenOption,
  type MatchSpec,
  match,
  option,
  pair,
  type Test,
  when,
} from "./declare.ts";
import type { XtPacket } from "./packet.ts";
import { bits, type IcmpType, icmpType, integer, portRange, type Range, ValueError } from "./values.ts";

const { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_ICMP } = IPPROTO;

/** The bytes in front of a header that hold both ports, of every protocol that has any. */
const PORT_BYTES = 4;
const within = (value: number, { low, high }: Range): boolean => value >= low && value <= high;
const sourcePort = ({ bytes, transport }: XtPacket): number => udp.get.sport(bytes, transport);
const destinationPort = ({ bytes, transport }: XtPacket): number => udp.get.dport(bytes, transport);

const portOptions = {
  "source-port": option(portRange, { aliases: ["--sport"], not: true }),
  "destination-port": option(portRange, { aliases: ["--dport"], not: true }),
};

function portTests(given: {
  readonly "source-port"?: GivenOption<Range>;
  readonly "destination-port"?: GivenOption<Range>;
}): Test {
  return all(
    when(given["source-port"], (packet, ports) => within(sourcePort(packet), ports)),
    when(given["destination-port"], (packet, ports) => within(destinationPort(packet), ports)),
  );
}

/** iptables-save writes a name for each flag, and NONE and ALL. */
const TCP_FLAGS = {
  FIN: TCPHDR.TCPHDR_FIN,
  SYN: TCPHDR.TCPHDR_SYN,
  RST: TCPHDR.TCPHDR_RST,
  PSH: TCPHDR.TCPHDR_PSH,
  ACK: TCPHDR.TCPHDR_ACK,
  URG: TCPHDR.TCPHDR_URG,
  ALL: 0x3f,
  NONE: 0,
};
const SYN_MASK = TCPHDR.TCPHDR_FIN | TCPHDR.TCPHDR_SYN | TCPHDR.TCPHDR_RST | TCPHDR.TCPHDR_ACK;

const tcpMatch = match({
  protocols: [IPPROTO_TCP],
  options: {
    ...portOptions,
    "tcp-flags": pair(
      (mask, compare) => ({
        mask: bits(mask, TCP_FLAGS, "TCP flag"),
        set: bits(compare, TCP_FLAGS, "TCP flag"),
      }),
      { not: true },
    ),
    syn: flag({ not: true }),
    "tcp-option": option((word) => integer(word, 1, 255), { not: true }),
  },
  build(given) {
    const { syn } = given;
    const tests = all(
      portTests(given),
      when(
        given["tcp-flags"],
        ({ bytes, transport }, { mask, set }) => (tcp.get.flags(bytes, transport) & mask) === set,
      ),
      when(syn, ({ bytes, transport }) => (tcp.get.flags(bytes, transport) & SYN_MASK) === TCPHDR.TCPHDR_SYN),
      tcpOptionTest(given["tcp-option"]),
    );
    return (packet) => {
      // A fragment at 8 bytes would overwrite the flags of the first one (RFC 1858).
      if (packet.fragmentOffset === 8) packet.hotdrop = true;
      return packet.hasTransport(tcp.size) && tests(packet);
    };
  },
});

function tcpOptionTest(given: GivenOption<number> | undefined): Test | undefined {
  if (given === undefined) return undefined;
  const { value, not } = given;
  return (packet) => {
    const { bytes, transport, end } = packet;
    const length = (tcp.get.dataOffset(bytes, transport) >> 4) * 4;
    if (length < tcp.size || (length > tcp.size && transport + length > end)) {
      packet.hotdrop = true;
      return false;
    }
    for (let at = transport + tcp.size; at < transport + length; ) {
      if (bytes[at] === value) return !not;
      // As xt_tcpudp walks: what has no length, or none left, counts one byte.
      const step = bytes[at]! < 2 || at + 1 >= transport + length ? 1 : bytes[at + 1]! || 1;
      at += step;
    }
    return not;
  };
}

const portsOf = (protocol: number): MatchSpec =>
  match({
    protocols: [protocol],
    options: portOptions,
    build(given) {
      const tests = portTests(given);
      return (packet) => packet.hasTransport(udp.size) && tests(packet);
    },
  });

const icmpOf = (family: number, protocol: number, name: string): MatchSpec =>
  match({
    family,
    protocols: [protocol],
    options: { [name]: option((word) => icmpType(word, family), { not: true }) },
    build(given) {
      const asked = given[name] as GivenOption<IcmpType | undefined> | undefined;
      const wanted = asked?.value;
      return (packet) => {
        if (!packet.hasTransport(PORT_BYTES)) return false;
        if (asked === undefined) return true;
        const { bytes, transport } = packet;
        const matches =
          wanted === undefined ||
          (icmp.get.type(bytes, transport) === wanted.type &&
            within(icmp.get.code(bytes, transport), wanted.codes));
        return matches !== asked.not;
      };
    },
  });

/** Fifteen ports, a range counts as two. */
const MULTIPORT_MOST = 15;

function portList(word: string): Range[] {
  const ranges = word.split(",").map((part) => portRange(part));
  const places = ranges.reduce((sum, range) => sum + (range.low === range.high ? 1 : 2), 0);
  if (places > MULTIPORT_MOST)
    throw new ValueError(`more than ${MULTIPORT_MOST} ports; a range counts as two`);
  return ranges;
}

const multiport = match({
  protocols: [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP],
  options: {
    "source-ports": option(portList, { aliases: ["--sports"], not: true }),
    "destination-ports": option(portList, { aliases: ["--dports"], not: true }),
    ports: option(portList, { not: true }),
  },
  build(given) {
    const chosen = [given["source-ports"], given["destination-ports"], given.ports].filter(
      (o) => o !== undefined,
    );
    if (chosen.length !== 1)
      throw new ValueError("give one of --source-ports, --destination-ports and --ports");
    const has = (ranges: readonly Range[], port: number) => ranges.some((range) => within(port, range));
    const test = all(
      when(given["source-ports"], (packet, ranges) => has(ranges, sourcePort(packet))),
      when(given["destination-ports"], (packet, ranges) => has(ranges, destinationPort(packet))),
      when(
        given.ports,
        (packet, ranges) => has(ranges, sourcePort(packet)) || has(ranges, destinationPort(packet)),
      ),
    );
    return (packet) => packet.hasTransport(PORT_BYTES) && test(packet);
  },
});

const ecn = match({
  options: {
    "ecn-tcp-cwr": flag({ not: true }),
    "ecn-tcp-ece": flag({ not: true }),
    "ecn-ip-ect": option((word) => integer(word, 0, 3), { not: true }),
  },
  build(given, { protocol }) {
    const cwr = given["ecn-tcp-cwr"];
    const ece = given["ecn-tcp-ece"];
    if ((cwr || ece) && protocol !== IPPROTO_TCP) throw new ValueError("--ecn-tcp-… needs '-p tcp'");
    const flags = all(
      when(cwr, ({ bytes, transport }) => (tcp.get.flags(bytes, transport) & TCPHDR.TCPHDR_CWR) !== 0),
      when(ece, ({ bytes, transport }) => (tcp.get.flags(bytes, transport) & TCPHDR.TCPHDR_ECE) !== 0),
    );
    return all(
      when(given["ecn-ip-ect"], (packet, value) => (trafficClass(packet) & 3) === value),
      cwr || ece ? (packet) => packet.hasTransport(tcp.size) && flags(packet) : undefined,
    );
  },
});

/** The type-of-service byte of IPv4, the traffic class of IPv6. */
export function trafficClass({ bytes, netOffset, family }: XtPacket): number {
  return family === NFPROTO.NFPROTO_IPV4
    ? bytes[netOffset + 1]!
    : ((bytes[netOffset]! & 0x0f) << 4) | (bytes[netOffset + 1]! >> 4);
}

export const TRANSPORT_MATCHES = {
  tcp: tcpMatch,
  udp: portsOf(IPPROTO_UDP),
  udplite: portsOf(IPPROTO_UDPLITE),
  icmp: icmpOf(NFPROTO.NFPROTO_IPV4, IPPROTO_ICMP, "icmp-type"),
  icmp6: icmpOf(NFPROTO.NFPROTO_IPV6, IPPROTO6.IPPROTO_ICMPV6, "icmpv6-type"),
  multiport,
  ecn,
} satisfies Record<string, MatchSpec>;

/** What an option of a protocol's own match loads when no `-m` did: `-p tcp --dport 22`. */
export const IMPLICIT_MATCHES: Readonly<Record<number, string>> = {
  [IPPROTO_TCP]: "tcp",
  [IPPROTO_UDP]: "udp",
  [IPPROTO_UDPLITE]: "udplite",
  [IPPROTO_ICMP]: "icmp",
  [IPPROTO6.IPPROTO_ICMPV6]: "icmp6",
};
