/**
 * Random beginnings of TLS connections as their packets, and what sniblock makes of them on several machines: whole, in
 * pieces, over several records, sent again, out of order, damaged, several at once.
 */

import { readFileSync } from "node:fs";
import { clientHello, counted, type IpFields, ip, join, tcpSegment, udpSegment } from "../corpus/build.ts";
import type { Choices } from "./choices.ts";
import { differenceOf, type Outcome, type VmHook } from "./hook-machines.ts";

export const SNIBLOCK = readFileSync("examples/sniblock.lua", "latin1");

const SYN = 2;
const ACK = 16;
const NAMES = [
  "blocked.example.com",
  "www.tracker.example.net",
  "a.b.c.d.BLOCKED.Example.Com",
  "unblocked.example.com",
  "example.org",
  "",
  ".",
  "blocked.example.com.",
  `${"long.".repeat(40)}blocked.example.com`,
  `${"x".repeat(240)}.blocked.example.com`,
  "\0strange\xff name.tracker.example.net",
  undefined,
];
const ENDS: readonly IpFields[] = [
  { from: "10.0.0.1", to: "10.0.0.2" },
  { from: "10.0.0.1", to: "10.0.0.2", options: [148, 4, 0, 0] },
  { from: "fd00::1", to: "fd00::2" },
];

/** A ClientHello in records of these sizes. */
function inRecords(c: Choices, hello: Uint8Array): Uint8Array {
  const records: Uint8Array[] = [];
  for (let at = 5; at < hello.length; ) {
    const end = Math.min(hello.length, at + 1 + c.below(c.pick([4, 100, 400])));
    records.push(join([22, 3, 1], counted(2, hello.subarray(at, end))));
    at = end;
  }
  return join(...records);
}

function stream(c: Choices): Uint8Array {
  let bytes = clientHello(c.pick(NAMES));
  if (c.chance(20)) bytes = inRecords(c, bytes);
  if (c.chance(20)) bytes = join(bytes, [20, 3, 3, 0, 1, 1]);
  for (let i = c.chance(30) ? 1 + c.below(3) : 0; i > 0; i--)
    bytes[c.below(c.pick([12, bytes.length]))] = c.pick([c.below(256), 0, 255]);
  return c.chance(10) ? bytes.subarray(0, c.below(bytes.length)) : bytes;
}

/** The packets of one connection. */
function connection(c: Choices, sport: number): Uint8Array[] {
  const ends = c.pick(ENDS);
  const first = c.pick([1000, 0xffffff80, 0xffffffff]);
  const bytes = stream(c);
  const segment = (from: number, to: number, flags = ACK): Uint8Array =>
    ip(
      ends,
      tcpSegment({
        sport,
        dport: 443,
        flags,
        seq: (first + from) >>> 0,
        options: c.pick([[], [1, 1, 1, 1]]),
        payload: bytes.subarray(Math.max(from, 0), Math.max(to, 0)),
      }),
    );
  const packets: Uint8Array[] = [];
  if (c.chance(70)) packets.push(segment(-1, 0, SYN));
  const pieces = c.weighted([
    [3, 1],
    [3, 2],
    [2, 5],
  ]);
  const cuts = Array.from({ length: pieces - 1 }, () => c.below(bytes.length + 1)).sort((a, b) => a - b);
  for (const [i, from] of [0, ...cuts].entries()) packets.push(segment(from, cuts[i] ?? bytes.length));
  for (let i = c.chance(40) ? 2 : 0; i > 0; i--) {
    const again = packets[c.below(packets.length)]!;
    packets.splice(c.below(packets.length + 1), 0, again);
  }
  if (c.chance(20)) packets.splice(c.below(packets.length), 1);
  if (c.chance(20)) packets.push(segment(0, bytes.length));
  return packets;
}

/** Packets of several connections, one between the others. */
export function generateStreams(c: Choices): Uint8Array[] {
  const flows = Array.from({ length: 1 + c.below(4) }, (_, i) => connection(c, 40_000 + i));
  if (c.chance(30))
    flows.push([ip(ENDS[0]!, udpSegment(1, 443)), ip(ENDS[0]!, tcpSegment({ sport: 1, dport: 80 }))]);
  const packets: Uint8Array[] = [];
  const isMore = ({ length }: readonly unknown[]): boolean => length > 0;
  for (let left = flows.filter(isMore); left.length > 0; left = left.filter(isMore))
    packets.push(c.pick(left).shift()!);
  return packets;
}

export interface Run {
  /** Of the VM. */
  readonly outcomes: readonly Outcome[];
  readonly difference: string | undefined;
}

/** Runs packets on the VM and on others; none of them may leave a packet to user space. */
export function compare(
  vm: VmHook,
  others: readonly { run(packet: Uint8Array, linearBytes?: number): Outcome }[],
  packets: readonly Uint8Array[],
): Run {
  const outcomes: Outcome[] = [];
  for (const [i, packet] of packets.entries()) {
    const wanted = vm.run(packet);
    outcomes.push(wanted);
    for (const other of others) {
      const got = other.run(packet, 20);
      const difference = got.isPunted || got.isStopped ? got.lines.join("\n") : differenceOf(wanted, got);
      if (difference !== undefined)
        return { outcomes, difference: `packet ${i}: ${Buffer.from(packet).toString("hex")}\n${difference}` };
    }
  }
  return { outcomes, difference: undefined };
}
