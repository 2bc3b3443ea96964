/**
 * The simulated path with connection tracking and no hooks: packets a second of processor time, against the path
 * without it, and heap per connection.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  CLIENT,
  CLIENT_V6,
  SERVER,
  SERVER_V6,
  tcpPacket,
  udpPacket,
} from "../src/kernel/conntrack/testing.ts";
import { SimulatedKernel } from "../src/kernel/simulated.ts";
import { Skb } from "../src/kernel/skb.ts";
import { ETH_P } from "../src/uapi/if-ether.ts";
import { TCPHDR } from "../src/wire/tcp.ts";
import { interleave, median, report } from "./measure.ts";

const PACKETS = Number(process.env["BENCH_PACKETS"] ?? 1_000_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const CONNECTIONS = Number(process.env["BENCH_CONNECTIONS"] ?? 1_000_000);
const FLOWS = 1000;

function makeKernel(tracking: boolean): SimulatedKernel {
  const kernel = new SimulatedKernel({ log: () => {} });
  for (const address of ["10.0.1.1", "2001:db8:1::1"]) kernel.local.add(address);
  if (tracking) kernel.conntrack.start();
  kernel.conntrack.settings.max = Number.MAX_SAFE_INTEGER;
  return kernel;
}

/** Packets both ways of many UDP flows or TCP conversations (acknowledgements), 64 bytes of payload. */
function traffic(kind: "udp" | "tcp", six: boolean): Uint8Array[] {
  const [client, server] = six ? [CLIENT_V6, SERVER_V6] : [CLIENT, SERVER];
  return Array.from({ length: FLOWS }, (_, flow) => {
    const port = 1000 + flow;
    if (kind === "udp")
      return [udpPacket(client, server, port, 53, 64), udpPacket(server, client, 53, port, 64)];
    const there = { from: client, to: server, sport: port, dport: 80 };
    const back = { from: server, to: client, sport: 80, dport: port };
    const flags = TCPHDR.TCPHDR_ACK;
    return [
      tcpPacket({ ...there, seq: 1, ack: 1, flags, length: 64 }),
      tcpPacket({ ...back, seq: 1, ack: 65, flags, length: 64 }),
    ];
  }).flat();
}

/** Seconds of processor time for PACKETS packets. */
function measure(packets: readonly Uint8Array[], tracking: boolean): number {
  const kernel = makeKernel(tracking);
  const skb = new Skb();
  const started = process.cpuUsage();
  for (let i = 0; i < PACKETS; i++) {
    const packet = packets[i % packets.length]!;
    const protocol = packet[0]! >> 4 === 6 ? ETH_P.ETH_P_IPV6 : ETH_P.ETH_P_IP;
    skb.load(packet, 0, 0, packet.length, undefined, protocol);
    if (kernel.process(skb).verdict !== "accept") throw new Error(`packet ${i} was not accepted`);
  }
  if (tracking && kernel.conntrack.count() !== FLOWS)
    throw new Error(`${kernel.conntrack.count()} connections`);
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1e6;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes in use by JavaScript, typed arrays included. */
function usedBytes(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function memoryPerConnection(): number {
  const kernel = makeKernel(true);
  const skb = new Skb();
  const packet = udpPacket(CLIENT, SERVER, 1, 53);
  // The checksum of what is changed below would be wrong.
  kernel.conntrack.settings.checksum = false;
  const before = usedBytes();
  for (let i = 0; i < CONNECTIONS; i++) {
    packet.set([1 + (i >>> 24), (i >>> 16) & 255, (i >>> 8) & 255, i & 255], 12);
    packet.set(headerChecksumFor(packet), 10);
    skb.load(packet, 0, 0, packet.length, undefined, ETH_P.ETH_P_IP);
    kernel.process(skb);
  }
  const perConnection = (usedBytes() - before) / CONNECTIONS;
  if (kernel.conntrack.count() !== CONNECTIONS) throw new Error(`${kernel.conntrack.count()} connections`);
  return perConnection;
}

function headerChecksumFor(packet: Uint8Array): [number, number] {
  let sum = 0;
  for (let at = 0; at < 20; at += 2) if (at !== 10) sum += packet[at]! * 256 + packet[at + 1]!;
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff);
  return [(~sum >> 8) & 255, ~sum & 255];
}

export async function run(): Promise<void> {
  for (const kind of ["udp", "tcp"] as const) {
    for (const six of [false, true]) {
      const packets = traffic(kind, six);
      const values = await interleave(ROUNDS, {
        tracked: async () => measure(packets, true),
        untracked: async () => measure(packets, false),
      });
      const tracked = median(values.tracked);
      report({
        bench: "conntrack.path",
        metric: `packets a second of processor time, ${kind} over IPv${six ? 6 : 4}`,
        value: PACKETS / tracked,
        unit: "1/s",
        versus: "time of the same path without tracking",
        ratio: tracked / median(values.untracked),
        better: "higher",
      });
    }
  }
  report({
    bench: "conntrack.memory",
    metric: `heap per connection, ${CONNECTIONS} connections`,
    value: memoryPerConnection(),
    unit: "bytes",
    better: "lower",
  });
}
