import { expect, test } from "vitest";
import { TCPHDR } from "../../wire/tcp.ts";
import { ipAround } from "../testing.ts";
import {
  CLIENT,
  CLIENT_V6,
  echoPacket,
  icmpPacket,
  Router,
  SERVER,
  SERVER_V6,
  tcpPacket,
  udpPacket,
} from "./testing.ts";
import { connectionText, eventText } from "./text.ts";

// The forms were taken from conntrack 1.4.7 on Linux 6.18.
const ends = (a: string, b: string) => `src=${a} dst=${b}`;
const there = ends(CLIENT, SERVER);
const back = ends(SERVER, CLIENT);

test.each<[string, Uint8Array, string]>([
  [
    "UDP",
    udpPacket(CLIENT, SERVER, 1000, 53),
    `udp      17 30 ${there} sport=1000 dport=53 packets=1 bytes=36 [UNREPLIED] ${back} sport=53 dport=1000 packets=0 bytes=0 mark=0 use=1`,
  ],
  [
    "TCP",
    tcpPacket({ from: CLIENT, to: SERVER, sport: 1, dport: 2, seq: 1, flags: TCPHDR.TCPHDR_SYN }),
    `tcp      6 120 SYN_SENT ${there} sport=1 dport=2 packets=1 bytes=40 [UNREPLIED] ${back} sport=2 dport=1 packets=0 bytes=0 mark=0 use=1`,
  ],
  [
    "ICMP",
    echoPacket(CLIENT, SERVER, 7),
    `icmp     1 30 ${there} type=8 code=0 id=7 packets=1 bytes=36 [UNREPLIED] ${back} type=0 code=0 id=7 packets=0 bytes=0 mark=0 use=1`,
  ],
  [
    "ICMPv6",
    icmpPacket(CLIENT_V6, SERVER_V6, 128, 0, 0x70001),
    `icmpv6   58 30 ${ends(CLIENT_V6, SERVER_V6)} type=128 code=0 id=7 packets=1 bytes=56 [UNREPLIED] ${ends(SERVER_V6, CLIENT_V6)} type=129 code=0 id=7 packets=0 bytes=0 mark=0 use=1`,
  ],
  [
    "GRE",
    ipAround(CLIENT, SERVER, 47, Uint8Array.of(0, 0, 8, 0)),
    `gre      47 30 ${there} srckey=0x0 dstkey=0x0 packets=1 bytes=24 [UNREPLIED] ${back} srckey=0x0 dstkey=0x0 packets=0 bytes=0 mark=0 use=1`,
  ],
  [
    "any other protocol",
    ipAround(CLIENT, SERVER, 99, new Uint8Array(4)),
    `unknown  99 600 ${there} packets=1 bytes=24 [UNREPLIED] ${back} packets=0 bytes=0 mark=0 use=1`,
  ],
])("%s in a list", (_, packet, text) => {
  const router = new Router();
  router.send(packet);
  expect(router.all().map((each) => connectionText(each, { counters: true }))).toEqual([text]);
});

test("a mark, and no counters", () => {
  const router = new Router();
  router.send(udpPacket(CLIENT, SERVER, 1000, 53));
  router.wait(1);
  const [connection] = router.all();
  connection!.mark = 9;
  expect(connectionText(connection!, { counters: false })).toBe(
    `udp      17 29 ${there} sport=1000 dport=53 [UNREPLIED] ${back} sport=53 dport=1000 mark=9 use=1`,
  );
});

test("events", () => {
  const router = new Router();
  const lines: string[] = [];
  router.kernel.conntrack.watch((events, connection) =>
    lines.push(eventText(events, connection, { counters: true })),
  );
  const ports = { sport: 1, dport: 2 };
  const reversed = { sport: 2, dport: 1 };
  const { TCPHDR_SYN, TCPHDR_RST, TCPHDR_ACK } = TCPHDR;
  router.send(tcpPacket({ from: CLIENT, to: SERVER, ...ports, seq: 1, flags: TCPHDR_SYN }));
  router.send(
    tcpPacket({ from: SERVER, to: CLIENT, ...reversed, seq: 0, ack: 2, flags: TCPHDR_RST | TCPHDR_ACK }),
  );
  router.send(udpPacket(CLIENT, SERVER, 1000, 53));
  router.send(udpPacket(SERVER, CLIENT, 53, 1000));
  router.wait(40_000);
  const udpThere = `${there} sport=1000 dport=53`;
  const udpBack = `${back} sport=53 dport=1000`;
  expect(lines).toEqual([
    `    [NEW] tcp      6 120 SYN_SENT ${there} sport=1 dport=2 [UNREPLIED] ${back} sport=2 dport=1`,
    `[DESTROY] tcp      6 120 CLOSE ${there} sport=1 dport=2 packets=1 bytes=40 [UNREPLIED] ${back} sport=2 dport=1 packets=1 bytes=40`,
    `    [NEW] udp      17 30 ${udpThere} [UNREPLIED] ${udpBack}`,
    ` [UPDATE] udp      17 30 ${udpThere} ${udpBack}`,
    `[DESTROY] udp      17 ${udpThere} packets=1 bytes=36 ${udpBack} packets=1 bytes=36`,
  ]);
});
