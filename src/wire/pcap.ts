/**
 * The classic pcap file format (draft-ietf-opsawg-pcap): a 24-byte header, then records of a 16-byte header and the
 * packet. The byte order is that of the machine that wrote it; two more magic numbers mean nanoseconds.
 */
import {
  type CapturedPacket,
  CaptureError,
  type CaptureParser,
  MAX_PACKET_BYTES,
  type OnPacket,
  PacketSlot,
} from "./captured-packet.ts";
import { i32be, i32le, struct, u16be, u16le, u32be, u32le } from "./struct.ts";

export const PCAP_MAGIC = {
  PCAP_MAGIC_MICROSECONDS: 0xa1b2c3d4,
  PCAP_MAGIC_NANOSECONDS: 0xa1b23c4d,
  /** Written by a patched libpcap of the 1990s, with longer record headers. */
  PCAP_MAGIC_KUZNETZOV: 0xa1b2cd34,
} as const;

/** Both layouts in one byte order. */
const layoutsOf = (u16: typeof u16le, u32: typeof u32le, i32: typeof i32le) => ({
  file: struct("pcap file header", {
    magic: u32,
    versionMajor: u16,
    versionMinor: u16,
    timezone: i32,
    accuracy: u32,
    snaplen: u32,
    linkType: u32,
  }),
  record: struct("pcap record", { seconds: u32, fraction: u32, capturedLength: u32, originalLength: u32 }),
});
const littleEndian = layoutsOf(u16le, u32le, i32le);
const bigEndian = layoutsOf(u16be, u32be, i32be);

const FILE_HEADER_BYTES = littleEndian.file.size;
const RECORD_HEADER_BYTES = littleEndian.record.size;
const NS_PER_SECOND = 1_000_000_000;

/** Which layouts a file that starts with these four bytes uses; `undefined` when it is no pcap file. */
export function recognisePcap(bytes: Uint8Array, at: number) {
  for (const layouts of [littleEndian, bigEndian]) {
    const magic = layouts.file.get.magic(bytes, at);
    if ((Object.values(PCAP_MAGIC) as number[]).includes(magic)) return { layouts, magic };
  }
  return undefined;
}

/** The parser for a file that `recognisePcap` accepted. */
export class PcapParser implements CaptureParser {
  needed = FILE_HEADER_BYTES;
  #record = littleEndian.record.get;
  #nsPerFraction = 1000;
  #linkType = 0;
  #inHeader = true;
  #packets = 0;
  readonly #slot = new PacketSlot();

  describe(): string {
    if (this.#inHeader) return "the pcap file header";
    return `${this.needed > RECORD_HEADER_BYTES ? "" : "the header of "}packet ${this.#packets + 1}`;
  }

  consume(bytes: Uint8Array, at: number, end: number, fileOffset: number, onPacket: OnPacket): number {
    const start = at;
    if (this.#inHeader) {
      if (end - at < FILE_HEADER_BYTES) return at;
      this.#readFileHeader(bytes, at, fileOffset);
      at += FILE_HEADER_BYTES;
    }
    const slot = this.#slot;
    const { seconds, fraction, capturedLength, originalLength } = this.#record;
    const nsPerFraction = this.#nsPerFraction;
    slot.linkType = this.#linkType;
    slot.buffer = bytes;
    this.needed = RECORD_HEADER_BYTES;
    while (end - at >= RECORD_HEADER_BYTES) {
      const length = capturedLength(bytes, at);
      if (length > MAX_PACKET_BYTES) {
        throw new CaptureError(
          fileOffset + at - start + 8,
          `packet ${this.#packets + 1} claims ${length} captured bytes, expected at most ${MAX_PACKET_BYTES}`,
        );
      }
      const next = at + RECORD_HEADER_BYTES + length;
      if (next > end) {
        this.needed = RECORD_HEADER_BYTES + length;
        break;
      }
      slot.seconds = seconds(bytes, at);
      slot.nanoseconds = fraction(bytes, at) * nsPerFraction;
      if (slot.nanoseconds >= NS_PER_SECOND) {
        slot.seconds += Math.floor(slot.nanoseconds / NS_PER_SECOND);
        slot.nanoseconds %= NS_PER_SECOND;
      }
      slot.originalLength = originalLength(bytes, at);
      slot.start = at + RECORD_HEADER_BYTES;
      slot.end = next;
      this.#packets++;
      onPacket(slot);
      at = next;
    }
    return at;
  }

  #readFileHeader(bytes: Uint8Array, at: number, fileOffset: number): void {
    const { layouts, magic } = recognisePcap(bytes, at)!;
    if (magic === PCAP_MAGIC.PCAP_MAGIC_KUZNETZOV) {
      throw new CaptureError(
        fileOffset,
        "the pcap variant 0xa1b2cd34 is not supported, convert it with editcap",
      );
    }
    const header = layouts.file.decode(bytes, at);
    if (header.versionMajor !== 2) {
      const version = `${header.versionMajor}.${header.versionMinor}`;
      throw new CaptureError(fileOffset + 4, `expected pcap version 2, found ${version}`);
    }
    // The upper half holds the length of a frame check sequence, if any.
    this.#linkType = header.linkType & 0xffff;
    this.#nsPerFraction = magic === PCAP_MAGIC.PCAP_MAGIC_NANOSECONDS ? 1 : 1000;
    this.#record = layouts.record.get;
    this.#inHeader = false;
  }
}

export interface PcapWriterOptions {
  readonly linkType: number;
  readonly nanoseconds: boolean;
  readonly bigEndian: boolean;
}

export function pcapFileHeader({ linkType, nanoseconds, bigEndian: big }: PcapWriterOptions): Uint8Array {
  return (big ? bigEndian : littleEndian).file.encode({
    magic: nanoseconds ? PCAP_MAGIC.PCAP_MAGIC_NANOSECONDS : PCAP_MAGIC.PCAP_MAGIC_MICROSECONDS,
    versionMajor: 2,
    versionMinor: 4,
    snaplen: MAX_PACKET_BYTES,
    linkType,
  });
}

/** Microsecond files lose the last three digits of the time. */
export function pcapRecord(packet: CapturedPacket, options: PcapWriterOptions): Uint8Array {
  const { record } = options.bigEndian ? bigEndian : littleEndian;
  const source = packet.bytes;
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + source.length);
  record.set.seconds(bytes, 0, packet.seconds);
  record.set.fraction(
    bytes,
    0,
    options.nanoseconds ? packet.nanoseconds : Math.floor(packet.nanoseconds / 1000),
  );
  record.set.capturedLength(bytes, 0, source.length);
  record.set.originalLength(bytes, 0, packet.originalLength);
  bytes.set(source, RECORD_HEADER_BYTES);
  return bytes;
}
