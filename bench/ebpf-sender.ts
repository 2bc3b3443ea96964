/**
 * `ebpf-sender.ts PACKETS HOOKS`: sends DNS queries for a name that nobody blocks to the loopback device, HOOKS copies of
 * examples/dnsblock.lua attached, and prints the nanoseconds that one took. Runs inside the namespace of the bench.
 */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { attachNetfilter, type KernelProgram } from "../src/linux/bpf.ts";
import * as ffi from "../src/linux/ffi.ts";
import { NF_INET, NFPROTO } from "../src/uapi/netfilter.ts";
import { AF, SOCK } from "../src/uapi/socket.ts";
import { loadExample } from "./ebpf-hooks.ts";

const [packets, copies] = process.argv.slice(2).map(Number) as [number, number];
const WARM_UP = 2000;

// Queries that nobody receives would be answered by ICMP.
const sink = createSocket("udp4");
sink.bind(53, "127.0.0.1");
await once(sink, "listening");

const query = Uint8Array.from(
  Buffer.from("\x124\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01", "latin1"),
);
/** sockaddr_in of 127.0.0.1, port 53. */
const target = Uint8Array.of(AF.AF_INET, 0, 0, 53, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);

const loaded = copies > 0 ? loadExample("dnsblock") : undefined;
const links = Array.from({ length: copies }, (_, i) =>
  attachNetfilter({
    program: loaded!.programs.programs[0] as KernelProgram,
    family: NFPROTO.NFPROTO_IPV4,
    hook: NF_INET.NF_INET_POST_ROUTING,
    priority: i + 1,
  }),
);
const socket = ffi.socket(AF.AF_INET, SOCK.SOCK_DGRAM | SOCK.SOCK_CLOEXEC, 0, "a UDP socket");
const send = (count: number): void => {
  for (let i = 0; i < count; i++) ffi.sendto(socket, query, target, "a query");
};
send(WARM_UP);
// Processor time: what the loopback device does with a packet is done by the sender, and others do not count.
const start = process.cpuUsage();
send(packets);
const { user, system } = process.cpuUsage(start);
console.log(((user + system) * 1000) / packets);
for (const link of links) link.close();
loaded?.programs.close();
ffi.close(socket);
sink.close();
