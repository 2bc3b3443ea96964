/**
 * Capture files, read and written as a stream. The reader takes chunks of any size, recognises the format by its first
 * bytes, and hands out packets that point into the chunk; only a packet that straddles two chunks is copied.
 */
import { type CapturedPacket, CaptureError, type CaptureParser, type OnPacket } from "./captured-packet.ts";
import { PcapParser, pcapFileHeader, pcapRecord, recognisePcap } from "./pcap.ts";
import {
  PcapngParser,
  pcapngInterface,
  pcapngPacket,
  pcapngSectionHeader,
  recognisePcapng,
} from "./pcapng.ts";

export {
  type CapturedPacket,
  CaptureError,
  type OnPacket,
  type PacketSlot,
  timeNs,
} from "./captured-packet.ts";

export type CaptureFormat = "pcap" | "pcapng";

export interface CaptureReader {
  /** Known once four bytes have been seen. */
  readonly format: CaptureFormat | undefined;
  /**
   * Delivers every packet that is complete by now. Throws `CaptureError` at damage, after the packets before it;
   * the reader is then of no more use and repeats the error.
   */
  push(chunk: Uint8Array, onPacket: OnPacket): void;
  /** Throws `CaptureError` when the file stopped in the middle of something. */
  end(onPacket?: OnPacket): void;
}

/** Long enough for the magic numbers of both formats. */
const MAGIC_BYTES = 4;

export function createCaptureReader(): CaptureReader {
  let parser: CaptureParser | undefined;
  let format: CaptureFormat | undefined;
  let failure: CaptureError | undefined;
  /** Start of a unit whose rest has not come yet: `carry[0, carried)`. */
  let carry = new Uint8Array(4096);
  let carried = 0;
  /** File offset of the first byte not consumed, which is `carry[0]` when there is a carry. */
  let offset = 0;

  /** Consumes whole units and keeps `offset` true. */
  function consume(bytes: Uint8Array, at: number, end: number, onPacket: OnPacket): number {
    if (parser === undefined) {
      if (end - at < MAGIC_BYTES) return at;
      format = recognise(bytes, at);
      parser = format === "pcap" ? new PcapParser() : new PcapngParser();
    }
    const stopped = parser.consume(bytes, at, end, offset, onPacket);
    offset += stopped - at;
    return stopped;
  }

  function keep(bytes: Uint8Array, at: number, end: number): void {
    if (carried + end - at > carry.length) {
      const larger = new Uint8Array(Math.max(2 * carry.length, carried + end - at));
      larger.set(carry.subarray(0, carried));
      carry = larger;
    }
    carry.set(bytes.subarray(at, end), carried);
    carried += end - at;
  }

  function feed(chunk: Uint8Array, onPacket: OnPacket): void {
    let at = 0;
    // First complete the unit that the last chunk began: a header may reveal that more is needed, hence the loop.
    while (carried > 0) {
      const needed = parser?.needed ?? MAGIC_BYTES;
      const until = Math.min(chunk.length, at + Math.max(0, needed - carried));
      keep(chunk, at, until);
      at = until;
      if (carried < needed) return;
      // All or nothing: the carry was filled up to the end of one unit, so nothing of another is in it.
      carried -= consume(carry, 0, carried, onPacket);
    }
    at = consume(chunk, at, chunk.length, onPacket);
    keep(chunk, at, chunk.length);
  }

  function guarded(work: () => void): void {
    if (failure !== undefined) throw failure;
    try {
      work();
    } catch (error) {
      if (error instanceof CaptureError) failure = error;
      throw error;
    }
  }

  return {
    get format() {
      return format;
    },
    push: (chunk, onPacket) => guarded(() => feed(plainBytes(chunk), onPacket)),
    end: () =>
      guarded(() => {
        if (parser === undefined) {
          throw new CaptureError(0, `expected a pcap or pcapng file, found ${offset + carried} bytes`);
        }
        if (carried > 0 || (format === "pcap" && offset === 0)) {
          const found = `expected ${parser.needed} bytes, found ${carried}`;
          throw new CaptureError(offset, `the file ends inside ${parser.describe()}: ${found}`);
        }
      }),
  };
}

/** Of a subclass such as Node's Buffer, whose `slice` shares memory, the plain view: packets are always Uint8Array. */
const plainBytes = (chunk: Uint8Array): Uint8Array =>
  chunk.constructor === Uint8Array ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);

function recognise(bytes: Uint8Array, at: number): CaptureFormat {
  if (recognisePcap(bytes, at) !== undefined) return "pcap";
  if (recognisePcapng(bytes, at)) return "pcapng";
  const start = Array.from(bytes.subarray(at, at + MAGIC_BYTES), (b) => b.toString(16).padStart(2, "0"));
  const compressed = start.join("").startsWith("1f8b") || start.join("") === "28b52ffd";
  const hint = compressed ? " (a compressed file: decompress it first)" : "";
  throw new CaptureError(
    0,
    `expected a pcap or pcapng file, found one that starts with ${start.join(" ")}${hint}`,
  );
}

export interface CaptureWriterOptions {
  readonly linkType: number;
  /** Keep nanoseconds; microseconds otherwise. Default true. */
  readonly nanoseconds?: boolean;
  /** Default false: little-endian, whatever the machine, so that output depends on input alone. */
  readonly bigEndian?: boolean;
}

export interface CaptureWriter {
  /** The bytes that start the file. */
  header(): Uint8Array;
  /**
   * The bytes for one packet. A pcapng file describes another interface when the link type changes; a pcap
   * file has one link type, and a packet of another throws `CaptureError`.
   */
  packet(packet: CapturedPacket): Uint8Array;
}

export function createCaptureWriter(format: CaptureFormat, options: CaptureWriterOptions): CaptureWriter {
  const { linkType, nanoseconds = true, bigEndian = false } = options;
  const settings = { linkType, nanoseconds, bigEndian };

  if (format === "pcap") {
    let written = pcapFileHeader(settings).length;
    return {
      header: () => pcapFileHeader(settings),
      packet(packet) {
        if (packet.linkType !== linkType) {
          const types = `link type ${packet.linkType} in a file of link type ${linkType}`;
          throw new CaptureError(written, `${types}: a pcap file holds only one, write pcapng instead`);
        }
        const record = pcapRecord(packet, settings);
        written += record.length;
        return record;
      },
    };
  }
  /** Link type to interface id. */
  const interfaces = new Map([[linkType, 0]]);
  return {
    header: () => concat(pcapngSectionHeader(settings), pcapngInterface(linkType, settings)),
    packet(packet) {
      const known = interfaces.get(packet.linkType);
      if (known !== undefined) return pcapngPacket(packet, known, settings);
      const id = interfaces.size;
      interfaces.set(packet.linkType, id);
      return concat(pcapngInterface(packet.linkType, settings), pcapngPacket(packet, id, settings));
    },
  };
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
