/**
 * Compiled hooks against the same logic in C, by the kernel's test run: both programs are in the kernel at once and
 * take turns; what an empty program takes is subtracted from both. Records are drained between the turns, because a
 * full ring buffer makes writing look free.
 */

import { loadInKernel } from "../src/bpf/load.ts";
import { assemble } from "../src/ebpf/assemble.ts";
import type { KernelProgram } from "../src/linux/bpf-program.ts";
import { RingBufferReader } from "../src/linux/bpf-ring-buffer.ts";
import { BPF_ATTACH_TYPE, BPF_PROG_TYPE } from "../src/uapi/bpf.ts";
import { clientHello } from "../test/corpus/build.ts";
import { type CProgram, loadCProgram, type NameForm } from "./c-program.ts";
import { loadExample, wireName, withNames } from "./ebpf-hooks.ts";
import { geometricMean, median, report } from "./measure.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 9);
/** Fewer than a ring buffer holds of the longest records. */
const REPEAT = 1500;
/** Turns of a round, so that a figure is of many runs in spite of that. */
const TURNS = 40;

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** IPv4 and UDP headers, and what follows. */
function udp(port: number, payload: Uint8Array): Uint8Array {
  const packet = new Uint8Array(28 + payload.length);
  packet.set(hex("45000000 00004000 40110000 0a000001 0a000002 d4310000 00000000"));
  const view = new DataView(packet.buffer);
  view.setUint16(2, packet.length);
  view.setUint16(22, port);
  view.setUint16(24, packet.length - 20);
  packet.set(payload, 28);
  return packet;
}

const query = (name: string): Uint8Array =>
  udp(53, bytes(`\x124\x01\0\0\x01\0\0\0\0\0\0${wireName(name)}\0\0\x01\0\x01`));

/** An IPv4 packet with a TCP header of these flags. */
function tcp(port: number, flags: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const packet = new Uint8Array(40 + payload.length);
  packet.set(
    hex("45000000 00004000 40060000 0a000001 0a000002 d4310000 00000001 00000000 50000000 00000000"),
  );
  const view = new DataView(packet.buffer);
  view.setUint16(2, packet.length);
  view.setUint16(22, port);
  packet[33] = flags;
  packet.set(payload, 40);
  return packet;
}

interface Case {
  readonly script: string;
  readonly form?: NameForm;
  readonly names?: readonly string[];
  /** As C programs hold a name. */
  readonly nameForm?: (name: string) => string;
  readonly packets: Readonly<Record<string, Uint8Array>>;
  /** A C program that does less: shown, and left out of the mean. */
  readonly lesser?: string;
}

const many = (count: number): string[] =>
  Array.from({ length: count }, (_, i) =>
    i === 0 ? "ads.example.com" : `host${i}.tracker${i % 97}.example.net`,
  );
const DNS = {
  hit: query("www.ads.example.com"),
  miss: query("www.example.org"),
  "long miss": query(`${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(50)}.example.org`),
  "other traffic": udp(123, new Uint8Array(48)),
};
/** A listed name would be cut at once the second time. */
const HELLOS = {
  "ClientHello, not listed": tcp(443, 24, clientHello("www.unblocked.example.org")),
  "ClientHello of 1,800 bytes, not listed": tcp(443, 24, clientHello("www.unblocked.example.org", 1700)),
};
const NO_HELLOS = {
  "begin of a connection": tcp(443, 2),
  "data to port 443": tcp(443, 16, new Uint8Array(1000).fill(23)),
  "other traffic": tcp(80, 16),
};
const SNIBLOCK = {
  script: "sniblock",
  form: "code",
  names: ["blocked.example.com", "tracker.example.net"],
  nameForm: (name: string) => name,
} as const;
const CASES: readonly Case[] = [
  { script: "dnsblock", form: "code", names: ["ads.example.com", "tracker.example.net"], packets: DNS },
  { script: "dnsblock", form: "map", names: many(100), packets: DNS },
  { script: "dnsblock", form: "map", names: many(10_000), packets: DNS },
  { ...SNIBLOCK, packets: { ...HELLOS, ...NO_HELLOS } },
  { ...SNIBLOCK, packets: HELLOS, lesser: "sniblock-stateless" },
  { script: "ratelimit", packets: { udp: DNS.miss, "other traffic": tcp(80, 16) } },
  {
    script: "portknock",
    packets: { guarded: tcp(22, 2), knock: tcp(7000, 2), "other traffic": tcp(80, 16) },
  },
];

class Contender {
  readonly #program: KernelProgram;
  readonly #ring: RingBufferReader | undefined;
  readonly #close: () => void;

  constructor(program: KernelProgram, ring: RingBufferReader | undefined, close: () => void) {
    this.#program = program;
    this.#ring = ring;
    this.#close = close;
  }

  /** Nanoseconds of a run, the median of many turns. */
  run(packet: Uint8Array): number {
    this.#ring?.read(() => undefined);
    return this.#program.testRun(packet, REPEAT).durationNs;
  }

  close(): void {
    this.#ring?.close();
    this.#close();
  }
}

function empty(): KernelProgram {
  return loadInKernel(assemble("r0 = 1\nexit"), {
    name: "empty",
    type: BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
    expectedAttachType: BPF_ATTACH_TYPE.BPF_NETFILTER,
  });
}

export async function run(): Promise<void> {
  const nothing = empty();
  const ratios: number[] = [];
  for (const { script, form, names, nameForm = wireName, packets, lesser } of CASES) {
    const label = `${script}${names === undefined ? "" : `, ${names.length} names`}${lesser ? `, against ${lesser}.c` : ""}`;
    const loaded = loadExample(script, names && withNames(names));
    const [program] = loaded.programs.programs as [KernelProgram];
    const { events } = loaded.programs.maps;
    const ours = new Contender(program, events && new RingBufferReader(events), () =>
      loaded.programs.close(),
    );
    const c: CProgram = loadCProgram(
      lesser ?? script,
      names?.map((name) => bytes(nameForm(name))),
      form,
    );
    report({
      bench: "ebpf",
      metric: `${label}: instructions verified`,
      value: program.verifiedInstructions,
      unit: "instructions",
      versus: "C",
      ratio: program.verifiedInstructions / c.program.verifiedInstructions,
      better: "lower",
    });
    report({
      bench: "ebpf",
      metric: `${label}: loaded in`,
      value: loaded.loadMs,
      unit: "ms",
      better: "lower",
    });
    report({
      bench: "ebpf",
      metric: `${label}: compiled in`,
      value: loaded.compileMs,
      unit: "ms",
      better: "lower",
    });
    const theirs = new Contender(c.program, c.maps["events"] && new RingBufferReader(c.maps["events"]), () =>
      c.close(),
    );
    for (const [kind, packet] of Object.entries(packets)) {
      const values: { ours: number[]; theirs: number[]; none: number[] } = { ours: [], theirs: [], none: [] };
      for (let round = 0; round < ROUNDS; round++) {
        const turns = { ours: [] as number[], theirs: [] as number[], none: [] as number[] };
        for (let turn = 0; turn < TURNS; turn++) {
          turns.ours.push(ours.run(packet));
          turns.theirs.push(theirs.run(packet));
          turns.none.push(nothing.testRun(packet, REPEAT).durationNs);
        }
        for (const who of ["ours", "theirs", "none"] as const) values[who].push(median(turns[who]));
      }
      const floor = median(values.none);
      const net = Math.max(median(values.ours) - floor, 1);
      const other = Math.max(median(values.theirs) - floor, 1);
      if (lesser === undefined) ratios.push(net / other);
      report({
        bench: "ebpf",
        metric: `${label}: ${kind}`,
        value: net,
        unit: "ns above an empty program",
        versus: "C",
        ratio: net / other,
        better: "lower",
        note: `C ${other} ns; an empty program takes ${floor} ns`,
      });
    }
    ours.close();
    theirs.close();
  }
  nothing.close();
  report({
    bench: "ebpf",
    metric: "geometric mean",
    value: geometricMean(ratios),
    unit: "times C",
    better: "lower",
  });
}
