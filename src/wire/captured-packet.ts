/** What capture readers deliver and capture writers take. */

export interface CapturedPacket {
  /** LINKTYPE_*, see frame.ts */
  readonly linkType: number;
  /** Capture time since the epoch: whole seconds and the nanoseconds beyond them. */
  readonly seconds: number;
  readonly nanoseconds: number;
  /** As captured: may be fewer than were on the wire. From a reader, valid only during the callback. */
  readonly bytes: Uint8Array;
  /** Length on the wire. */
  readonly originalLength: number;
  /** Which interface of the file; 0 in a pcap file. */
  readonly interfaceIndex: number;
}

/** Capture time in nanoseconds since the epoch. */
export const timeNs = (packet: Pick<CapturedPacket, "seconds" | "nanoseconds">): bigint =>
  BigInt(packet.seconds) * 1_000_000_000n + BigInt(packet.nanoseconds);

/**
 * The one packet object a reader fills again and again. `bytes` is made when asked for, because creating a
 * subarray is the most expensive thing a reader does; `buffer`, `start` and `end` say the same for free.
 */
export class PacketSlot implements CapturedPacket {
  linkType = 0;
  seconds = 0;
  nanoseconds = 0;
  originalLength = 0;
  interfaceIndex = 0;
  buffer: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;

  get bytes(): Uint8Array {
    return this.buffer.subarray(this.start, this.end);
  }
}

export type OnPacket = (packet: PacketSlot) => void;

/** A capture file that is damaged, cut short, or no capture file at all. */
export class CaptureError extends Error {
  override readonly name = "CaptureError";
  /** Distance in bytes from the start of the file. */
  readonly offset: number;

  constructor(offset: number, detail: string) {
    super(`capture file, byte ${offset}: ${detail}`);
    this.offset = offset;
  }
}

/** No capture tool writes longer packets (MAXIMUM_SNAPLEN of tcpdump); a longer length is damage. */
export const MAX_PACKET_BYTES = 262_144;

/**
 * The part of a reader that knows the format. It sees whole units (a file header, a packet record, a block) and
 * never copies.
 */
export interface CaptureParser {
  /**
   * Consumes as many whole units of `bytes[at, end)` as there are, and returns where it stopped. Sets `needed`. The byte
   * at `at` has the file offset `fileOffset`.
   */
  consume(bytes: Uint8Array, at: number, end: number, fileOffset: number, onPacket: OnPacket): number;
  /** How many bytes the unit at the stopping place needs, as far as the bytes seen so far tell. */
  readonly needed: number;
  /** What that unit is, for messages: "the header of packet 3". */
  describe(): string;
}
