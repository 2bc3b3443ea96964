/**
 * The C programs that the benchmarks compare with, in the kernel by test runs, against the examples that they are
 * peers of on the simulated path: no packet leaves, nothing is attached or pinned.
 */
import { spawnSync } from "node:child_process";
import { afterEach, describe, expect, test } from "vitest";
import { type CProgram, loadCProgram, type NameForm } from "../../bench/c-program.ts";
import { ethernetFrame } from "../../src/kernel/testing.ts";
import type { KernelProgram } from "../../src/linux/bpf-program.ts";
import { numRuns, randomOf } from "../../src/wire/testing.ts";
import { type Frame, readCapture, readExample, runExample } from "../conformance/run-example.ts";
import {
  clientHello,
  counted,
  dnsQuestion,
  ip,
  join,
  tcpSegment,
  text,
  udpSegment,
} from "../corpus/build.ts";
import { corpusPackets } from "../corpus/packets.ts";
import { seed } from "../seed.ts";
import { whyNoBpf } from "./bpf-machine.ts";
import { Choices } from "./choices.ts";
import { VmHook } from "./hook-machines.ts";
import { generateStreams, SNIBLOCK } from "./tls-streams.ts";

const why = whyNoBpf() ?? (spawnSync("clang", ["--version"]).status === 0 ? undefined : "clang is missing");

const DROP = 0;
const ACCEPT = 1;
const ETHERNET_BYTES = 14;

const programs: CProgram[] = [];
const load = (...args: Parameters<typeof loadCProgram>): KernelProgram => {
  const loaded = loadCProgram(...args);
  programs.push(loaded);
  return loaded.program;
};
afterEach(() => {
  for (const program of programs.splice(0)) program.close();
});

const wireName = (name: string): Uint8Array => join(...name.split(".").map((label) => counted(1, label)));
const frameOf = (packet: Uint8Array): Frame => ({ bytes: ethernetFrame(packet), ns: 0n });
const packetOf = ({ bytes }: Frame): Uint8Array => bytes.subarray(ETHERNET_BYTES);

/** The names that a script blocks, as it lists them. */
function blockedBy(example: string): string[] {
  const list = /^local BLOCKED = \{(.*)\}$/m.exec(readExample(example))![1]!;
  return [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name!);
}

/** What the example makes of each packet. */
async function verdictsOf(example: string, packets: readonly Uint8Array[]): Promise<string[]> {
  const ran = await runExample(example, packets.map(frameOf), { local: [] });
  return ran.packets.map(({ verdict }) => verdict);
}

/** The packet as one of a connection of its own: with the number as its source port. */
function ofOwnFlow(packet: Uint8Array, number: number): Uint8Array {
  const at = packet[0]! >> 4 === 4 ? (packet[0]! & 15) * 4 : 40;
  const copy = packet.slice();
  if (at + 2 <= copy.length) copy.set([number >> 8, number & 255], at);
  return copy;
}

const verdictOf = (program: KernelProgram, packet: Uint8Array): string =>
  ({ [DROP]: "drop", [ACCEPT]: "accept" })[program.testRun(packet).result] ?? "neither";

const corpus = corpusPackets().map(({ bytes }) => bytes);
const FORMS: NameForm[] = ["code", "map"];

/** What is in a capture or in the corpus, and copies with bytes of their payload changed. */
function damaged(packets: readonly Uint8Array[], from: number, count: number): Uint8Array[] {
  const next = randomOf(3);
  return Array.from({ length: count }, () => {
    const packet = packets[next() % packets.length]!.slice();
    for (let changes = 1 + (next() % 4); changes > 0; changes--)
      packet[from + (next() % (packet.length - from))] = next();
    return packet;
  });
}

describe.skipIf(why)(`C programs${why ? ` (skipped: ${why})` : ""}`, () => {
  test.each(FORMS)("dnsblock decides as examples/dnsblock.lua, names in its %s", async (form) => {
    const program = load("dnsblock", blockedBy("dnsblock").map(wireName), form);
    const queries = readCapture("dns").map(packetOf);
    const long = ["x".repeat(63), "y".repeat(63), "z".repeat(63), "ads.example.com"].join(".");
    const packets = [
      ...queries,
      ...corpus,
      ...[long, `${long.slice(0, 233)}.ads.example.com`, `a.${"b.".repeat(60)}ads.example.com`].map((name) =>
        ip({ from: "10.0.0.9", to: "10.0.0.1" }, udpSegment(5353, 53, dnsQuestion(name))),
      ),
      ...damaged(
        [...queries, ...corpus].filter(
          (packet) => packet.length > 60 && packet[0] === 0x45 && packet[9] === 17,
        ),
        28,
        numRuns(2000),
      ),
    ];
    const expected = await verdictsOf("dnsblock", packets);
    expect(expected.filter((verdict) => verdict === "drop").length).toBeGreaterThan(50);
    expect(packets.map((packet) => verdictOf(program, packet))).toEqual(expected);
  });

  test.each(FORMS)(
    "sniblock-stateless decides as examples/sniblock.lua on single segments, names in its %s",
    async (form) => {
      const program = load("sniblock-stateless", blockedBy("sniblock").map(text), form);
      const segments = readCapture("tls").map(packetOf);
      const hello = (name: string, options: number[] = []) =>
        ip(
          { from: "10.0.0.9", to: "10.0.0.1", options },
          tcpSegment({ sport: 5, dport: 443, payload: clientHello(name) }),
        );
      const packets = [
        ...segments,
        ...corpus,
        ...["a.b.c.tracker.example.net", "xtracker.example.net", "tracker.example.net.test", "."].map(
          (name) => hello(name),
        ),
        hello("tracker.example.net", [148, 4, 0, 0]),
        ...damaged([hello("www.tracker.example.net"), hello("example.org")], 40, numRuns(2000)),
      ].map(ofOwnFlow);
      const expected = await verdictsOf("sniblock", packets);
      expect(expected.filter((verdict) => verdict === "drop").length).toBeGreaterThan(50);
      expect(packets.map((packet) => verdictOf(program, packet))).toEqual(expected);
    },
  );

  test.each(FORMS)("sniblock decides as examples/sniblock.lua on connections, names in its %s", (form) => {
    const program = load("sniblock", blockedBy("sniblock").map(text), form);
    const vm = new VmHook(SNIBLOCK);
    let drops = 0;
    for (let i = 0; i < numRuns(1000); i++)
      for (const [at, packet] of generateStreams(new Choices(seed + i)).entries()) {
        const { verdict } = vm.run(packet);
        expect(verdictOf(program, packet), `MOONHOOK_SEED=${seed + i}, packet ${at}`).toBe(verdict);
        if (verdict === "drop") drops++;
      }
    expect(drops).toBeGreaterThan(500);
  });

  test("dnsblock knows ten thousand names apart", () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `host${i}.blocked${i % 7}.example`);
    const program = load("dnsblock", names.map(wireName));
    const verdict = (name: string) =>
      verdictOf(program, ip({ from: "10.0.0.9", to: "10.0.0.1" }, udpSegment(5353, 53, dnsQuestion(name))));
    for (const name of [...names.slice(0, 20), ...names.slice(-20)]) {
      expect(verdict(name)).toBe("drop");
      expect(verdict(`www.${name.toUpperCase()}`)).toBe("drop");
      expect(verdict(`x${name}`)).toBe("accept");
    }
    expect(verdict("host1.blocked2.example")).toBe("accept");
  });

  test("ratelimit lets a burst pass, then refuses, for each source apart", () => {
    const program = load("ratelimit");
    const from = (source: string, six = false) =>
      ip({ from: source, to: six ? "fd00::1" : "10.0.0.1" }, udpSegment(1, 2));
    // The last of so many runs is refused unless they take more than a minute.
    const lastOf = (packet: Uint8Array, count: number) => program.testRun(packet, count).result;
    for (const [source, neighbour, six] of [
      ["10.0.0.9", "10.0.0.10", false],
      ["fd00::9", "fd00:0:0:1::9", true],
    ] as const) {
      expect(lastOf(from(source, six), 20)).toBe(ACCEPT);
      expect(lastOf(from(source, six), 1000)).toBe(DROP);
      expect(lastOf(from(neighbour, six), 1)).toBe(ACCEPT);
    }
    expect(lastOf(from("fd01::9", true), 1)).toBe(ACCEPT);
    // An IPv6 network that is spelled like the IPv4 address.
    expect(lastOf(from("0:0:a00:9::9", true), 1)).toBe(ACCEPT);
    // Another host of the same network, whose bucket is empty.
    expect(lastOf(from("fd00::77", true), 1000)).toBe(DROP);
    const tcp = ip({ from: "10.0.0.9", to: "10.0.0.1" }, tcpSegment({ sport: 1, dport: 2 }));
    expect(lastOf(tcp, 1000)).toBe(ACCEPT);
  });

  test("portknock opens to who knocks in order, and to nobody else", () => {
    const program = load("portknock");
    const attempt = (from: string, dport: number, flags = 2, options: number[] = []) =>
      verdictOf(
        program,
        ip(
          { from, to: from.includes(":") ? "fd00::1" : "10.0.0.1", options },
          tcpSegment({ sport: 5, dport, flags }),
        ),
      );
    const passes = (from: string, ...ports: number[]) =>
      ports.map((port) => (attempt(from, port) === "accept" ? port : -port));
    expect(passes("10.0.0.9", 22, 7000, 8000, 9000, 22, 23)).toEqual([-22, -7000, -8000, -9000, 22, 23]);
    expect(passes("10.0.0.8", 7000, 9000, 8000, 22)).toEqual([-7000, -9000, -8000, -22]);
    expect(passes("10.0.0.7", 7000, 8000, 80, 9000, 22)).toEqual([-7000, -8000, 80, -9000, -22]);
    expect(passes("10.0.0.4", 7000, 80, 8000, 9000, 22)).toEqual([-7000, 80, -8000, -9000, -22]);
    expect(passes("10.0.0.6", 7000, 7000, 8000, 8000, 9000, 22)).toEqual([
      -7000, -7000, -8000, -8000, -9000, 22,
    ]);
    expect(passes("fd00::9", 7000, 8000, 9000, 22)).toEqual([-7000, -8000, -9000, 22]);
    expect(passes("fd00::8", 22)).toEqual([-22]);
    expect(attempt("10.0.0.5", 22, 16)).toBe("accept");
    expect(attempt("10.0.0.5", 22, 2, [148, 4, 0, 0])).toBe("drop");
  });
});
