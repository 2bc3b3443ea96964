/** Runs a script of the corpus on the simulated path, in one of three roles of the machine that it guards. */

import { readdirSync, readFileSync } from "node:fs";
import type { Counters, PacketEvent } from "../../src/backends/backend.ts";
import { sim } from "../../src/backends/sim.ts";
import { ethernetFrame } from "../../src/kernel/testing.ts";
import { createCaptureReader, createCaptureWriter } from "../../src/wire/capture.ts";
import { ethernet } from "../../src/wire/ethernet.ts";
import { LINKTYPE } from "../../src/wire/frame.ts";
import { hex } from "../../src/wire/testing.ts";
import { CLIENTS, type CorpusPacket, SERVER } from "./packets.ts";

/** The machine is the server that the packets are for, or all of the clients, or it stands between them. */
export const ROLES = ["server", "client", "router"] as const;
export type Role = (typeof ROLES)[number];

const LOCAL: Record<Role, readonly string[]> = { server: SERVER, client: CLIENTS, router: [] };

export interface CorpusScript {
  /** Below test/corpus. */
  readonly path: string;
  readonly source: string;
}

export interface ScriptRun {
  /** `packet: what happened`: verdicts other than plain acceptance, marks, changes, and what was logged. */
  readonly lines: string[];
  /** Names of the packets on which it ended in an error. */
  readonly failedOn: string[];
  readonly counters: Counters;
}

const folder = new URL("./", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, folder), "latin1");

/** All scripts; those of `held/` come last. */
export function corpusScripts(): CorpusScript[] {
  const inFolder = (prefix: string) =>
    readdirSync(new URL(prefix, folder))
      .filter((name) => name.endsWith(".lua"))
      .sort()
      .map((name) => ({ path: prefix + name, source: read(prefix + name) }));
  return [...inFolder("./"), ...inFolder("held/")].map(({ path, source }) => ({
    path: path.replace("./", ""),
    source,
  }));
}

/** Shows a script the packets; without a path, nothing is between the packets and their destination. */
export async function runScript(
  path: string | undefined,
  role: Role,
  packets: readonly CorpusPacket[],
): Promise<ScriptRun> {
  const events: PacketEvent[] = [];
  const notes: string[][] = [];
  const written: Uint8Array[] = [];
  const failedOn: string[] = [];
  let logged: { level: string; text: string }[] = [];
  const running = await sim.start(
    { path: path ?? "none.lua", source: path === undefined ? "" : read(path) },
    {
      packets: captureOf(packets),
      write: (chunk) => void written.push(chunk.slice()),
      local: LOCAL[role],
      seed: 1,
    },
    {
      log: (event) => void logged.push(event),
      packet: (event) => {
        events.push(event);
        notes.push(logged.map(({ text }) => `logs ${text.trimEnd()}`));
        if (logged.some(({ level }) => level === "error")) failedOn.push(packets[event.n - 1]!.name);
        logged = [];
      },
    },
  );
  await running.finished;
  const left = packetsOf(written);
  const lines = events.flatMap(({ n, verdict, mark, modified }, i) => {
    const { name, bytes } = packets[n - 1]!;
    const what = notes[i]!;
    if (mark !== 0) what.push(`mark 0x${mark.toString(16)}`);
    const now = verdict === "accept" ? left.shift() : undefined;
    if (modified && now) what.push(`modified${changes(bytes, now)}`);
    if (verdict !== "accept") what.push(verdict);
    return what.map((text) => `${name}: ${text}`);
  });
  return { lines, failedOn, counters: running.counters() };
}

/** What became of a packet: ` [offset] bytes` for each run of bytes that changed, and its length if that did. */
function changes(before: Uint8Array, now: Uint8Array): string {
  const isSame = (i: number) => i >= now.length || before[i] === now[i];
  let text = now.length === before.length ? "" : ` length ${now.length}`;
  for (let i = 0; i < now.length; i++) {
    if (isSame(i)) continue;
    let end = i;
    while (!isSame(end)) end++;
    text += ` [${i}] ${hex(now.subarray(i, end))}`;
    i = end;
  }
  return text;
}

function packetsOf(chunks: readonly Uint8Array[]): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const reader = createCaptureReader();
  for (const chunk of chunks) reader.push(chunk, ({ bytes }) => packets.push(bytes.slice(ethernet.size)));
  reader.end();
  return packets;
}

const linkType = LINKTYPE.LINKTYPE_ETHERNET;
const SECOND = 1_000_000_000n;

function* captureOf(packets: readonly CorpusPacket[]): Generator<Uint8Array> {
  const writer = createCaptureWriter("pcap", { linkType });
  yield writer.header();
  for (const { bytes: packet, ns } of packets) {
    const bytes = ethernetFrame(packet);
    const times = { seconds: Number(ns / SECOND), nanoseconds: Number(ns % SECOND) };
    yield writer.packet({ linkType, ...times, interfaceIndex: 0, bytes, originalLength: bytes.length });
  }
}
