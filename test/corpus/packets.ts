/**
 * The packets that every script of the corpus is shown: ordinary traffic of a small network, what scanners and
 * attackers send, and what is cut or wrong. Clients talk to one server; each packet comes 10 ms after the one before.
 */

import { TCPHDR } from "../../src/wire/tcp.ts";
import {
  clientHello,
  cut,
  dhcpMessage,
  dnsAnswer,
  dnsQuestion,
  type IpFields,
  icmpSegment,
  ip,
  join,
  rawSegment,
  type Segment,
  snmpGet,
  type TcpFields,
  tcpSegment,
  text,
  u16,
  u32,
  udpSegment,
} from "./build.ts";

export interface CorpusPacket {
  readonly name: string;
  readonly family: "ipv4" | "ipv6";
  /** From the IP header on. */
  readonly bytes: Uint8Array;
  /** When it is seen, in nanoseconds since the epoch. */
  readonly ns: bigint;
  /** A fragment, or cut: its headers promise bytes that are not there, and a script may fail on it. */
  readonly isPartial: boolean;
}

/** The server of both families. */
export const SERVER = ["10.0.0.1", "fd00::1"];
/** A host of the network, one of a network next door, one of the internet. */
export const CLIENTS = ["10.0.0.9", "192.168.1.20", "203.0.113.7", "198.51.100.66", "fd00::9", "2001:db8::7"];

const HOST: IpFields = { from: "10.0.0.9", to: "10.0.0.1" };
const NEAR: IpFields = { from: "192.168.1.20", to: "10.0.0.1" };
const FAR: IpFields = { from: "203.0.113.7", to: "10.0.0.1" };
const OTHER: IpFields = { from: "198.51.100.66", to: "10.0.0.1" };
const HOST6: IpFields = { from: "fd00::9", to: "fd00::1" };
const FAR6: IpFields = { from: "2001:db8::7", to: "fd00::1" };
const back = ({ from, to }: IpFields): IpFields => ({ from: to, to: from });

const {
  TCPHDR_FIN: FIN,
  TCPHDR_SYN: SYN,
  TCPHDR_RST: RST,
  TCPHDR_PSH: PSH,
  TCPHDR_ACK: ACK,
  TCPHDR_URG: URG,
} = TCPHDR;
const MSS_1460 = [2, 4, 5, 0xb4];
/** MSS, selective acknowledgements, timestamps, one padding byte, window scale: what Linux sends. */
const SYN_OPTIONS = [...MSS_1460, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7];

const syn = (dport: number, more: Partial<TcpFields> = {}): Segment =>
  tcpSegment({ sport: 40000, dport, flags: SYN, seq: 1000, ...more });
const says = (dport: number, payload: string | Uint8Array, more: Partial<TcpFields> = {}): Segment =>
  tcpSegment({
    sport: 40000,
    dport,
    flags: PSH | ACK,
    seq: 1001,
    ack: 5000,
    payload: typeof payload === "string" ? text(payload) : payload,
    ...more,
  });
const query = (name: string, type = 1): Segment => udpSegment(5353, 53, dnsQuestion(name, { type }));

const http = (method: string, path: string, host: string, agent = "curl/8.5.0"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${agent}\r\nAccept: */*\r\n\r\n`;

/** A destination options header of 8 bytes with padding in it. */
const padding = { type: 60, bytes: [0, 0, 1, 4, 0, 0, 0, 0] };
const monlist = [0x17, 0, 3, 42, 0, 0, 0, 0];

type Made = readonly [name: string, fields: IpFields, segment: Segment, pauseMs?: number];

const udpPackets: Made[] = [
  ["udp", HOST, udpSegment(1000, 2000)],
  ["udp v6", HOST6, udpSegment(1000, 2000)],
  ["udp empty", NEAR, udpSegment(1000, 2000, [])],
  ["udp expedited", { ...HOST, tos: 46 << 2 }, udpSegment(4000, 5004, new Uint8Array(160))],
  ["udp expedited v6", { ...HOST6, tos: 46 << 2 }, udpSegment(4000, 5004, new Uint8Array(160))],
  ["udp ttl 2", { ...FAR, ttl: 2 }, udpSegment(33000, 33434)],
  ["udp hop limit 2", { ...FAR6, ttl: 2 }, udpSegment(33000, 33434)],
  ["udp to port 0", FAR, udpSegment(1000, 0)],
  ["ntp client", HOST, udpSegment(123, 123, join([0x23, 0, 6, 0xec], new Uint8Array(44)))],
  ["ntp monlist", FAR, udpSegment(50000, 123, monlist)],
  ["ntp monlist v6", FAR6, udpSegment(50000, 123, monlist)],
  ["snmp public", FAR, udpSegment(50001, 161, snmpGet(0, "public"))],
  ["snmp v2c own", HOST, udpSegment(50001, 161, snmpGet(1, "n0c-r34d"))],
  ["tftp read", NEAR, udpSegment(50002, 69, join([0, 1], "boot.cfg\0octet\0"))],
  ["memcached stats", FAR, udpSegment(50003, 11211, join([0, 1, 0, 0, 0, 1, 0, 0], "stats\r\n"))],
  ["ssdp reply", FAR, udpSegment(1900, 50004, text("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"))],
  ["syslog", HOST, udpSegment(514, 514, text("<34>Oct 11 22:14:15 web su: 'su root' failed"))],
  [
    "sip register",
    NEAR,
    udpSegment(
      5060,
      5060,
      text("REGISTER sip:pbx.example.org SIP/2.0\r\nUser-Agent: friendly-scanner\r\n\r\n"),
    ),
  ],
  ["quic initial", HOST, udpSegment(50005, 443, join([0xc3, 0, 0, 0, 1, 8], new Uint8Array(60)))],
  ["quic short v6", HOST6, udpSegment(50005, 443, join([0x43], new Uint8Array(60)))],
  ["wireguard", FAR, udpSegment(50006, 51820, join([1, 0, 0, 0], new Uint8Array(144)))],
  [
    "dhcp discover",
    { from: "0.0.0.0", to: "255.255.255.255" },
    udpSegment(68, 67, dhcpMessage(1, 1, [12, "laptop"])),
  ],
  ["dhcp offer", back(HOST), udpSegment(67, 68, dhcpMessage(2, 2, [54, [10, 0, 0, 1]]))],
  [
    "dhcp offer rogue",
    { ...NEAR, to: "10.0.0.1" },
    udpSegment(67, 68, dhcpMessage(2, 2, [54, [192, 168, 1, 20]])),
  ],
];

const dnsPackets: Made[] = [
  ["dns www.example.com", HOST, query("www.example.com")],
  ["dns ads.example.com", HOST, query("ads.example.com")],
  ["dns mixed case", NEAR, query("AdS.ExAmPlE.CoM")],
  ["dns below", HOST, query("sub.tracker.example.net")],
  ["dns lookalike", HOST, query("notads.example.com")],
  ["dns v6", HOST6, query("ads.example.com", 28)],
  ["dns github", HOST, query("api.github.com")],
  ["dns any", FAR, query("isc.org", 255)],
  ["dns any v6", FAR6, query("isc.org", 255)],
  [
    "dns txt tunnel",
    NEAR,
    query("4a6f686e20446f6520736179732068656c6c6f20746f20796f7531.0001.t.example.org", 16),
  ],
  ["dns many labels", NEAR, query("a.b.c.d.e.f.g.h.i.j.example.org")],
  ["dns root", HOST, query("", 2)],
  ["dns local", HOST, query("printer.local")],
  ["dns behind ip options", { ...HOST, options: [148, 4, 0, 0] }, query("ads.example.com")],
  ["dns answer", back(HOST), udpSegment(53, 5353, dnsAnswer("www.example.com", [192, 0, 2, 80]))],
  ["dns answer private", back(NEAR), udpSegment(53, 5353, dnsAnswer("rebind.example.org", [192, 168, 1, 1]))],
  ["dns over tcp", HOST, says(53, join(u16(33), dnsQuestion("ads.example.com")))],
];

const icmpPackets: Made[] = [
  ["ping", HOST, icmpSegment(8, 0, 0x00010001, new Uint8Array(56))],
  ["ping large", FAR, icmpSegment(8, 0, 0x00010002, new Uint8Array(300).fill(0x41))],
  ["ping reply", back(HOST), icmpSegment(0, 0, 0x00010001, new Uint8Array(56))],
  ["icmp unreachable", NEAR, icmpSegment(3, 3, 0, new Uint8Array(28))],
  ["icmp redirect", NEAR, icmpSegment(5, 1, 0x0a0000fe, new Uint8Array(28))],
  ["icmp timestamp", FAR, icmpSegment(13, 0, 0x00010001, new Uint8Array(12))],
  ["ping v6", HOST6, icmpSegment(128, 0, 0x00010001, new Uint8Array(56), true)],
  [
    "router advertisement",
    { from: "fd00::9", to: "fd00::1", ttl: 255 },
    icmpSegment(134, 0, 0x40000708, new Uint8Array(8), true),
  ],
  [
    "neighbour solicitation",
    { from: "fd00::9", to: "fd00::1", ttl: 255 },
    icmpSegment(135, 0, 0, new Uint8Array(16), true),
  ],
  [
    "redirect v6",
    { from: "fd00::9", to: "fd00::1", ttl: 255 },
    icmpSegment(137, 0, 0, new Uint8Array(32), true),
  ],
];

const tcpPackets: Made[] = [
  ["syn ssh", HOST, syn(22, { options: SYN_OPTIONS })],
  [
    "syn-ack ssh",
    back(HOST),
    tcpSegment({ sport: 22, dport: 40000, flags: SYN | ACK, seq: 5000, ack: 1001, options: MSS_1460 }),
  ],
  ["ack ssh", HOST, tcpSegment({ sport: 40000, dport: 22, seq: 1001, ack: 5001 })],
  ["syn ssh v6", HOST6, syn(22, { options: SYN_OPTIONS })],
  ["syn http", FAR, syn(80, { options: SYN_OPTIONS })],
  ["syn http v6", FAR6, syn(80, { options: SYN_OPTIONS })],
  ["syn without options", FAR, syn(80)],
  ["syn small mss", FAR, syn(80, { options: [2, 4, 0x01, 0x2c] })],
  ["syn telnet", FAR, syn(23)],
  ["syn telnet v6", FAR6, syn(23)],
  ["syn smb", NEAR, syn(445, { options: MSS_1460 })],
  ["syn alternative http", NEAR, syn(8080, { options: SYN_OPTIONS })],
  ["syn high port", OTHER, syn(31337, { options: MSS_1460 })],
  ["syn with data", OTHER, syn(80, { payload: text("early") })],
  ["fin", HOST, tcpSegment({ sport: 40000, dport: 22, flags: FIN | ACK, seq: 1001, ack: 5001 })],
  ["rst", FAR, tcpSegment({ sport: 40000, dport: 80, flags: RST, seq: 1001 })],
  ["null scan", OTHER, tcpSegment({ sport: 40000, dport: 80, flags: 0 })],
  ["xmas scan", OTHER, tcpSegment({ sport: 40000, dport: 80, flags: FIN | PSH | URG })],
  ["syn-fin", OTHER, tcpSegment({ sport: 40000, dport: 80, flags: SYN | FIN })],
  ["zero window", FAR, tcpSegment({ sport: 40000, dport: 80, seq: 1001, ack: 1, window: 0 })],
  ["land", { from: "10.0.0.1", to: "10.0.0.1" }, tcpSegment({ sport: 139, dport: 139, flags: SYN })],
  ["bad option length", OTHER, syn(80, { options: [2, 0, 5, 0xb4] })],
];

const applicationPackets: Made[] = [
  ["http www", HOST, says(80, http("GET", "/index.html", "www.example.com"))],
  ["http blocked host", NEAR, says(80, http("POST", "/login", "blocked.example.com"))],
  ["http admin", FAR, says(80, http("GET", "/admin/panel?id=1", "www.example.com:80"))],
  ["http scanner", FAR, says(80, http("GET", "/../../etc/passwd", "10.0.0.1", "sqlmap/1.7"))],
  ["http options v6", FAR6, says(80, http("OPTIONS", "*", "[fd00::1]"))],
  ["http alternative port", NEAR, says(8080, http("GET", "/", "proxy.example.org"))],
  [
    "http answer",
    back(HOST),
    says(40000, "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Length: 2\r\n\r\nok", {
      sport: 80,
      dport: 40000,
    }),
  ],
  ["http first half", HOST, says(80, "GET /forbid", { sport: 40007, seq: 2000 })],
  [
    "http second half",
    HOST,
    says(80, "den/file HTTP/1.1\r\nHost: www.example.com\r\n\r\n", { sport: 40007, seq: 2011 }),
  ],
  ["tls blocked.example.com", HOST, says(443, clientHello("blocked.example.com"))],
  ["tls upper case", NEAR, says(443, clientHello("WWW.Blocked.Example.COM"))],
  ["tls www.example.org", HOST, says(443, clientHello("www.example.org"))],
  ["tls v6", HOST6, says(443, clientHello("tracker.example.net"))],
  ["tls no name", HOST, says(443, clientHello())],
  ["tls application data", HOST, says(443, join([23, 3, 3], u16(32), new Uint8Array(32).fill(0x5a)))],
  ["ssh banner", HOST, says(22, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")],
  ["ssh old version", FAR, says(22, "SSH-1.5-1.2.27\n")],
  ["ssh library v6", FAR6, says(22, "SSH-2.0-libssh_0.9.6\r\n")],
  ["ftp user", NEAR, says(21, "USER anonymous\r\n")],
  ["ftp port bounce", NEAR, says(21, "PORT 10,0,0,9,4,1\r\n")],
  ["smtp hello", FAR, says(25, "EHLO mail.spam.example\r\n")],
  ["smtp from", FAR, says(25, "MAIL FROM:<win@lottery.example>\r\n")],
  ["bittorrent", NEAR, says(6881, join([19], "BitTorrent protocol", new Uint8Array(48)))],
  ["redis command", FAR, says(6379, "*1\r\n$8\r\nFLUSHALL\r\n")],
];

const fragments: Made[] = [
  ["first fragment", { ...NEAR, id: 77, fragment: 0x2000 }, udpSegment(1000, 2000, new Uint8Array(24))],
  ["later fragment", { ...NEAR, id: 77, fragment: 4 }, rawSegment(17, new Uint8Array(16))],
  ["tiny first fragment", { ...OTHER, id: 78, fragment: 0x2000 }, cut(syn(80), 8)],
  ["fragment at 8", { ...OTHER, id: 78, fragment: 1 }, rawSegment(6, syn(80).bytes.subarray(8))],
  [
    "first fragment v6",
    { ...HOST6, extensions: [{ type: 44, bytes: [0, 0, 0, 1, 0, 0, 0, 9] }] },
    rawSegment(17, udpSegment(1000, 2000).bytes),
  ],
  [
    "later fragment v6",
    { ...HOST6, extensions: [{ type: 44, bytes: [0, 0, 0, 32, 0, 0, 0, 9] }] },
    rawSegment(17, new Uint8Array(16)),
  ],
];

const otherPackets: Made[] = [
  ["do not fragment", { ...HOST, fragment: 0x4000 }, udpSegment(1000, 2000)],
  [
    "hop-by-hop v6",
    { ...HOST6, extensions: [{ type: 0, bytes: [0, 0, 5, 2, 0, 0, 1, 0] }] },
    udpSegment(1000, 2000),
  ],
  [
    "routing header 0",
    {
      ...FAR6,
      extensions: [
        { type: 43, bytes: join([0, 2, 0, 1, 0, 0, 0, 0], u32(0xfd000000), new Uint8Array(11), [2]) },
      ],
    },
    syn(80),
  ],
  [
    "many extensions",
    { ...FAR6, extensions: [padding, padding, padding, padding, padding, padding] },
    syn(22),
  ],
  ["extension then telnet", { ...FAR6, extensions: [padding] }, syn(23)],
  ["esp v6", { ...HOST6 }, rawSegment(50, join(u32(0x1001), u32(7), new Uint8Array(24)))],
  ["gre", FAR, rawSegment(47, join([0, 0, 8, 0], new Uint8Array(20)))],
  [
    "igmp report",
    { from: "10.0.0.9", to: "224.0.0.22", ttl: 2, options: [148, 4, 0, 0] },
    rawSegment(2, [0x22, 0, 0xf9, 2, 0, 0, 0, 1, 4, 0, 0, 0, 0xe0, 0, 0, 0xfb]),
  ],
  [
    "sctp init",
    NEAR,
    rawSegment(
      132,
      join(u16(5000), u16(2905), new Uint8Array(4), new Uint8Array(4), [1, 0, 0, 20], new Uint8Array(16)),
    ),
  ],
  ["ip source route", { ...FAR, options: [131, 7, 4, 10, 0, 0, 2, 0] }, udpSegment(1000, 2000)],
];

/** Each ends before its headers say that it does. */
const cutPackets: Made[] = [
  ["cut udp", HOST, cut(udpSegment(1000, 53), 4)],
  ["cut udp v6", HOST6, cut(udpSegment(1000, 53), 4)],
  ["cut tcp", FAR, cut(syn(80), 8)],
  ["cut tcp v6", FAR6, cut(syn(80), 13)],
  ["tcp header too long", FAR, tcpSegment({ sport: 40000, dport: 80, words: 15 })],
  ["tcp header too short", FAR, tcpSegment({ sport: 40000, dport: 80, words: 3 })],
  ["no transport", HOST, rawSegment(17, [])],
  ["no transport v6", HOST6, rawSegment(6, [])],
  ["cut icmp", NEAR, rawSegment(1, [8, 0])],
  ["cut dns name", HOST, udpSegment(5353, 53, dnsQuestion("ads.example.com").subarray(0, 20))],
  ["cut dns header", HOST, udpSegment(5353, 53, [0x12, 0x34, 1])],
  ["dns label past the end", HOST, udpSegment(5353, 53, join(dnsQuestion("x").subarray(0, 12), [63], "abc"))],
  ["cut client hello", HOST, says(443, clientHello("blocked.example.com").subarray(0, 90))],
  ["cut snmp", FAR, udpSegment(50001, 161, snmpGet(0, "public").subarray(0, 9))],
  ["cut dhcp", NEAR, udpSegment(68, 67, dhcpMessage(1, 3).subarray(0, 241))],
  ["cut extension", { ...FAR6 }, rawSegment(60, [6, 0, 1])],
];

const KNOCKS: Made[] = [7000, 8000, 9000].map((port) => [`knock ${port}`, FAR, syn(port)]);

/** What only many packets, or their order, make suspicious. */
const behaviour: Made[] = [
  ...KNOCKS,
  ["ssh after knocks", FAR, syn(22, { options: SYN_OPTIONS })],
  ["ssh without knocks", OTHER, syn(22, { options: SYN_OPTIONS })],
  ...Array.from(
    { length: 24 },
    (_, i): Made => [`syn flood ${i + 1}`, OTHER, syn(80, { sport: 2000 + i, options: MSS_1460 }), 1],
  ),
  ...Array.from({ length: 30 }, (_, i): Made => [`udp flood ${i + 1}`, OTHER, udpSegment(2000 + i, 9999), 1]),
  ...Array.from(
    { length: 12 },
    (_, i): Made => [`ping flood v6 ${i + 1}`, FAR6, icmpSegment(128, 0, i, [], true), 1],
  ),
  ...[21, 25, 110, 139, 143, 1433, 3306, 3389, 5432, 5900].map(
    (port): Made => [`port scan ${port}`, NEAR, syn(port), 1],
  ),
  ["udp after a pause", OTHER, udpSegment(2100, 9999), 20_000],
  ["syn after a pause", OTHER, syn(80, { sport: 2100, options: MSS_1460 })],
];

const START_NS = 1_700_000_000_000_000_000n;
const USUAL_PAUSE_MS = 10;

/** The packets, in the order in which they are seen. */
export function corpusPackets(): CorpusPacket[] {
  const ordinary = [
    ...udpPackets,
    ...dnsPackets,
    ...icmpPackets,
    ...tcpPackets,
    ...applicationPackets,
    ...otherPackets,
  ];
  let ns = START_NS;
  const make = ([name, fields, segment, pauseMs = USUAL_PAUSE_MS]: Made, isPartial: boolean) => {
    ns += BigInt(pauseMs) * 1_000_000n;
    const family: CorpusPacket["family"] = fields.from.includes(":") ? "ipv6" : "ipv4";
    return { name, family, bytes: ip(fields, segment), ns, isPartial };
  };
  return [
    ...ordinary.map((made) => make(made, false)),
    ...[...fragments, ...cutPackets].map((made) => make(made, true)),
    ...behaviour.map((made) => make(made, false)),
  ];
}
