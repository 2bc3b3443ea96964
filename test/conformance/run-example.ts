/** Runs a script of `examples/` on the simulated path, over a capture or over packets made here, and reads packets. */

import { readFileSync } from "node:fs";
import type { PacketEvent } from "../../src/backends/backend.ts";
import { sim } from "../../src/backends/sim.ts";
import { ethernetFrame, ipPacket, type PacketFields } from "../../src/kernel/testing.ts";
import { fileReader } from "../../src/linux/script-files.ts";
import { createCaptureReader, createCaptureWriter } from "../../src/wire/capture.ts";
import { LINKTYPE } from "../../src/wire/frame.ts";
import { formatIpv4 } from "../../src/wire/ipv4.ts";
import { formatIpv6 } from "../../src/wire/ipv6.ts";
import { tcp } from "../../src/wire/tcp.ts";

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** In nanoseconds. */
export const SECOND = 1_000_000_000n;

const TCP = 6;
const ETHERNET_BYTES = 14;
const linkType = LINKTYPE.LINKTYPE_ETHERNET;

/** A frame with the time at which it was seen; more bytes may have been on the wire. */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly ns: bigint;
  readonly missingBytes?: number;
}

/** What the headers of a frame say. */
export interface Seen {
  readonly frame: Uint8Array;
  /** From the IP header on. */
  readonly packet: Uint8Array;
  readonly ns: bigint;
  readonly from: string;
  readonly to: string;
  readonly sport: number;
  readonly dport: number;
  /** Of TCP only, otherwise 0. */
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly payload: Uint8Array;
  readonly checksumsRight: boolean;
}

export interface Ran {
  readonly packets: PacketEvent[];
  /** Lines of scripts and of the machinery alike. */
  readonly log: string[];
  readonly errors: number;
  /** What left the path. */
  readonly left: Frame[];
}

export interface ExampleOptions {
  readonly local?: readonly string[];
  /** Replacements in the script's text, each of which must apply: what a user would change in its first lines. */
  readonly change?: Readonly<Record<string, string>>;
}

export const readExample = (name: string, change: ExampleOptions["change"] = {}): string => {
  let source = readFileSync(`examples/${name}.lua`, "latin1");
  for (const [old, now] of Object.entries(change)) {
    if (!source.includes(old)) throw new Error(`there is no '${old}' in ${name}.lua`);
    source = source.replace(old, now);
  }
  return source;
};

export async function runExample(
  name: string,
  frames: readonly Frame[],
  options: ExampleOptions = {},
): Promise<Ran> {
  const path = `examples/${name}.lua`;
  const packets: PacketEvent[] = [];
  const log: string[] = [];
  const written: Uint8Array[] = [];
  const running = await sim.start(
    { path, source: readExample(name, options.change) },
    {
      packets: captureOf(frames),
      readFile: fileReader(path),
      write: (chunk) => void written.push(chunk.slice()),
      ...(options.local === undefined ? {} : { local: options.local }),
    },
    { packet: (event) => void packets.push(event), log: ({ text }) => void log.push(text) },
  );
  await running.finished;
  return { packets, log, errors: running.counters().errors, left: framesOf(written) };
}

/** 1-based numbers of the packets that were dropped. */
export const dropped = ({ packets }: Ran): number[] =>
  packets.filter(({ verdict }) => verdict === "drop").map(({ n }) => n);

export const readCapture = (name: string): Frame[] =>
  framesOf([readFileSync(`examples/captures/${name}.pcap`)]);

/** A frame around an IP packet of ours. */
export const frameOf = (fields: PacketFields, ns = 0n): Frame => ({
  bytes: ethernetFrame(ipPacket(fields)),
  ns,
});

export interface SegmentFields extends PacketFields {
  readonly seq: number;
  readonly ack?: number;
  readonly flags?: number;
}

export function segmentOf(fields: SegmentFields, ns = 0n): Frame {
  const packet = ipPacket({ ...fields, protocol: "tcp", payload: fields.payload ?? [] });
  const at = packet[0]! >> 4 === 6 ? 40 : 20;
  tcp.set.seq(packet, at, fields.seq);
  tcp.set.ack(packet, at, fields.ack ?? 0);
  tcp.set.flags(packet, at, fields.flags ?? ACK);
  return { bytes: ethernetFrame(packet), ns };
}

export function see({ bytes: frame, ns }: Frame): Seen {
  const packet = frame.subarray(ETHERNET_BYTES);
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const six = packet[0]! >> 4 === 6;
  const at = six ? 40 : (packet[0]! & 15) * 4;
  const protocol = packet[six ? 6 : 9]!;
  const isTcp = protocol === TCP;
  const segment = packet.subarray(at);
  const addresses = six ? packet.subarray(8, 40) : packet.subarray(12, 20);
  const pseudo = [...addresses, segment.length >> 8, segment.length & 255, 0, protocol];
  const wordsAdd = onesSum([...pseudo, ...segment]) === 0xffff;
  return {
    frame,
    packet,
    ns,
    from: six ? formatIpv6(packet, 8) : formatIpv4(view.getUint32(12)),
    to: six ? formatIpv6(packet, 24) : formatIpv4(view.getUint32(16)),
    sport: view.getUint16(at),
    dport: view.getUint16(at + 2),
    flags: isTcp ? packet[at + 13]! : 0,
    seq: isTcp ? view.getUint32(at + 4) : 0,
    ack: isTcp ? view.getUint32(at + 8) : 0,
    payload: segment.subarray(isTcp ? (segment[12]! >> 4) * 4 : 8),
    checksumsRight: wordsAdd && (six || onesSum([...packet.subarray(0, at)]) === 0xffff),
  };
}

/** RFC 1071, written without a look at src/wire/checksum.ts: right checksums make the sum of all words −0. */
function onesSum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum = (sum + (bytes[i]! << 8) + (bytes[i + 1] ?? 0)) % 0xffff;
  return sum === 0 ? 0xffff : sum;
}

function* captureOf(frames: readonly Frame[]): Generator<Uint8Array> {
  const writer = createCaptureWriter("pcap", { linkType });
  yield writer.header();
  for (const { bytes, ns, missingBytes = 0 } of frames) {
    yield writer.packet({
      linkType,
      seconds: Number(ns / SECOND),
      nanoseconds: Number(ns % SECOND),
      interfaceIndex: 0,
      bytes,
      originalLength: bytes.length + missingBytes,
    });
  }
}

function framesOf(chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const reader = createCaptureReader();
  for (const chunk of chunks) {
    reader.push(chunk, ({ bytes, seconds, nanoseconds }) => {
      frames.push({ bytes: bytes.slice(), ns: BigInt(seconds) * SECOND + BigInt(nanoseconds) });
    });
  }
  reader.end();
  return frames;
}
