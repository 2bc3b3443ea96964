/** Connections as conntrack(8), version 1.4.7, prints them: `conntrack -L` and `conntrack -E`. */

import { IPPROTO } from "../../uapi/in.ts";
import { IPPROTO6 } from "../../uapi/in6.ts";
import { IPCT, IPS } from "../../uapi/nf-conntrack-common.ts";
import { TCP_CONNTRACK } from "../../uapi/nf-conntrack-tcp.ts";
import { formatIpv4 } from "../../wire/ipv4.ts";
import { formatIpv6 } from "../../wire/ipv6.ts";
import type { Connection, ConnectionTuple } from "../connection.ts";

/** What the tool calls the protocols that it knows. */
const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [IPPROTO.IPPROTO_ICMP]: "icmp",
  [IPPROTO.IPPROTO_TCP]: "tcp",
  [IPPROTO.IPPROTO_UDP]: "udp",
  [IPPROTO.IPPROTO_DCCP]: "dccp",
  [IPPROTO.IPPROTO_GRE]: "gre",
  [IPPROTO6.IPPROTO_ICMPV6]: "icmpv6",
  [IPPROTO.IPPROTO_SCTP]: "sctp",
  [IPPROTO.IPPROTO_UDPLITE]: "udplite",
};

/** SYN_SENT … by state; two names have the number 9, of which the tool prints the later one. */
const TCP_STATES: ReadonlyMap<number, string> = new Map(
  Object.entries(TCP_CONNTRACK).map(([name, number]) => [number, name.slice("TCP_CONNTRACK_".length)]),
);

export interface ConnectionTextOptions {
  /** Whether the kernel counts (nf_conntrack_acct). */
  readonly counters: boolean;
}

/** One line of `conntrack -L`, without its end. */
export function connectionText(connection: Connection, { counters }: ConnectionTextOptions): string {
  const zone = connection.zone === 0 ? "" : ` zone=${connection.zone}`;
  return `${body(connection, String(seconds(connection)), true, counters)} mark=${connection.mark}${zone} use=1`;
}

/** One line of `conntrack -E`, without its end; `events` is a mask of 1 << IPCT_*. */
export function eventText(events: number, connection: Connection, options: ConnectionTextOptions): string {
  const has = (event: number) => (events & (1 << event)) !== 0;
  const isEnd = has(IPCT.IPCT_DESTROY);
  const isNew = has(IPCT.IPCT_NEW) || has(IPCT.IPCT_RELATED);
  const kind = isEnd ? "[DESTROY]" : isNew ? "    [NEW]" : " [UPDATE]";
  // The end by time has no time left to tell.
  const time = isEnd && seconds(connection) === 0 ? "" : String(seconds(connection));
  const tellsState = isEnd || isNew || has(IPCT.IPCT_PROTOINFO);
  const tellsMark = connection.mark !== 0 || has(IPCT.IPCT_MARK);
  const mark = tellsMark ? ` mark=${connection.mark}` : "";
  const zone = connection.zone === 0 ? "" : ` zone=${connection.zone}`;
  return `${kind} ${body(connection, time, tellsState, options.counters && isEnd)}${mark}${zone}`;
}

const seconds = (connection: Connection): number => Math.floor(connection.timeoutMs / 1000);

function body(connection: Connection, time: string, tellsState: boolean, counters: boolean): string {
  const original = connection.tuple(0);
  const { protocol } = original;
  const { status, tcpState } = connection;
  const name = PROTOCOL_NAMES[protocol] ?? "unknown";
  const count = (direction: number) =>
    counters ? ` packets=${connection.packets(direction)} bytes=${connection.bytes(direction)}` : "";
  return [
    `${name.padEnd(8)} ${protocol}`,
    time,
    tcpState === undefined || !tellsState ? "" : TCP_STATES.get(tcpState)!,
    tupleText(original) + count(0),
    status & IPS.IPS_SEEN_REPLY ? "" : "[UNREPLIED]",
    tupleText(connection.tuple(1)) + count(1),
    status & IPS.IPS_ASSURED ? "[ASSURED]" : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** `src=… dst=… sport=… dport=…` */
export function tupleText({ protocol, source, destination, sport, dport, icmp }: ConnectionTuple): string {
  const ends = `src=${addressText(source)} dst=${addressText(destination)}`;
  if (icmp !== undefined) return `${ends} type=${icmp.type} code=${icmp.code} id=${icmp.id}`;
  if (protocol === IPPROTO.IPPROTO_GRE) return `${ends} srckey=0x${hex(sport)} dstkey=0x${hex(dport)}`;
  return HAVE_PORTS.has(protocol) ? `${ends} sport=${sport} dport=${dport}` : ends;
}

const hex = (value = 0): string => value.toString(16);

const HAVE_PORTS: ReadonlySet<number> = new Set([
  IPPROTO.IPPROTO_TCP,
  IPPROTO.IPPROTO_UDP,
  IPPROTO.IPPROTO_UDPLITE,
  IPPROTO.IPPROTO_SCTP,
  IPPROTO.IPPROTO_DCCP,
]);

const addressText = (address: number | Uint8Array): string =>
  typeof address === "number" ? formatIpv4(address) : formatIpv6(address);
