/**
 * The pcapng file format (draft-ietf-opsawg-pcapng): blocks of type, length, body, length again. A section header
 * block sets the byte order and forgets all interfaces; interface blocks set link type and clock; packet
 * blocks name an interface. Blocks of unknown type are skipped.
 */
import {
  type CapturedPacket,
  CaptureError,
  type CaptureParser,
  MAX_PACKET_BYTES,
  type OnPacket,
  PacketSlot,
} from "./captured-packet.ts";
import { i64be, i64le, struct, u8, u16be, u16le, u32be, u32le } from "./struct.ts";

/** Block types. */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const PACKET = 2; // obsolete, still found in old files
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

/** Options of an interface description block. */
const OPT_ENDOFOPT = 0;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** libpcap refuses larger blocks as well; a larger length is damage, not data. */
const MAX_BLOCK_BYTES = 16 * 1024 * 1024;
const MIN_BLOCK_BYTES = 12;

/** All layouts in one byte order. Each but `option` starts at the block's first byte. */
const layoutsOf = (u16: typeof u16le, u32: typeof u32le, i64: typeof i64le) => ({
  block: struct("pcapng block", { type: u32, length: u32 }),
  section: struct("pcapng section", {
    type: u32,
    length: u32,
    byteOrderMagic: u32,
    versionMajor: u16,
    versionMinor: u16,
    sectionLength: i64,
  }),
  interface: struct("pcapng interface", {
    type: u32,
    length: u32,
    linkType: u16,
    reserved: u16,
    snaplen: u32,
  }),
  simple: struct("pcapng simple packet", { type: u32, length: u32, originalLength: u32 }),
  obsolete: struct("pcapng packet", {
    type: u32,
    length: u32,
    interfaceId: u16,
    drops: u16,
    timeHigh: u32,
    timeLow: u32,
    capturedLength: u32,
    originalLength: u32,
  }),
  enhanced: struct("pcapng enhanced packet", {
    type: u32,
    length: u32,
    interfaceId: u32,
    timeHigh: u32,
    timeLow: u32,
    capturedLength: u32,
    originalLength: u32,
  }),
  option: struct("pcapng option", { code: u16, length: u16 }),
  trailer: struct("pcapng trailer", { length: u32 }),
  signed: struct("pcapng offset", { seconds: i64 }),
});
const littleEndian = layoutsOf(u16le, u32le, i64le);
const bigEndian = layoutsOf(u16be, u32be, i64be);
type Layouts = typeof littleEndian;

/** How an interface counts time. */
interface Interface {
  readonly linkType: number;
  readonly snaplen: number;
  /** Ticks per second when that is a power of ten up to 10^9, else undefined and `ticksPerSecond` is used. */
  readonly fastTicks: number | undefined;
  readonly ticksPerSecond: bigint;
  readonly offsetSeconds: number;
}

/** Whether a file that starts with these four bytes is pcapng (the block type reads the same both ways). */
export const recognisePcapng = (bytes: Uint8Array, at: number): boolean =>
  littleEndian.block.get.type(bytes, at) === SECTION_HEADER;

/** The parser for a file that `recognisePcapng` accepted. */
export class PcapngParser implements CaptureParser {
  needed = MIN_BLOCK_BYTES;
  #layouts: Layouts = littleEndian;
  #interfaces: Interface[] = [];
  #blocks = 0;
  readonly #slot = new PacketSlot();

  describe(): string {
    return `${this.needed > MIN_BLOCK_BYTES ? "" : "the start of "}block ${this.#blocks + 1}`;
  }

  consume(bytes: Uint8Array, at: number, end: number, fileOffset: number, onPacket: OnPacket): number {
    const shift = fileOffset - at;
    this.#slot.buffer = bytes;
    this.needed = MIN_BLOCK_BYTES;
    while (end - at >= MIN_BLOCK_BYTES) {
      const type = this.#layouts.block.get.type(bytes, at);
      if (type === SECTION_HEADER) this.#setByteOrder(bytes, at, shift);
      const length = this.#layouts.block.get.length(bytes, at);
      if (length < MIN_BLOCK_BYTES || length > MAX_BLOCK_BYTES || length % 4 !== 0) {
        throw new CaptureError(
          at + shift + 4,
          `block ${this.#blocks + 1} claims ${length} bytes, expected a multiple of 4 from ${MIN_BLOCK_BYTES} to ${MAX_BLOCK_BYTES}`,
        );
      }
      if (end - at < length) {
        this.needed = length;
        break;
      }
      const again = this.#layouts.trailer.get.length(bytes, at + length - 4);
      if (again !== length) {
        throw new CaptureError(
          at + shift + length - 4,
          `expected the block length ${length} again, found ${again}`,
        );
      }
      this.#block(type, bytes, at, length, shift, onPacket);
      this.#blocks++;
      at += length;
    }
    return at;
  }

  #setByteOrder(bytes: Uint8Array, at: number, shift: number): void {
    for (const layouts of [littleEndian, bigEndian]) {
      if (layouts.trailer.get.length(bytes, at + 8) === BYTE_ORDER_MAGIC) {
        this.#layouts = layouts;
        return;
      }
    }
    const found = bigEndian.trailer.get.length(bytes, at + 8).toString(16);
    throw new CaptureError(at + shift + 8, `expected the byte order magic 1a2b3c4d, found ${found}`);
  }

  #block(
    type: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    shift: number,
    onPacket: OnPacket,
  ): void {
    switch (type) {
      case ENHANCED_PACKET: {
        const { get, size } = this.#layouts.enhanced;
        this.#checkSize(size, length, at + shift);
        const captured = get.capturedLength(bytes, at);
        this.#time(
          get.interfaceId(bytes, at),
          get.timeHigh(bytes, at),
          get.timeLow(bytes, at),
          at + shift + 8,
        );
        this.#slot.originalLength = get.originalLength(bytes, at);
        this.#deliver(at + size, captured, at + length - 4, shift, onPacket);
        return;
      }
      case SIMPLE_PACKET: {
        const { get, size } = this.#layouts.simple;
        this.#checkSize(size, length, at + shift);
        const snaplen = this.#time(0, 0, 0, at + shift).snaplen;
        const original = get.originalLength(bytes, at);
        // It has no captured length: the packet is whole unless the snapshot length of interface 0 cut it.
        const room = length - size - 4;
        const captured = Math.min(original, snaplen === 0 ? original : snaplen);
        if (room - captured >= 4 || captured > room) {
          throw new CaptureError(
            at + shift + 8,
            `packet of ${captured} bytes in a block with room for ${room}`,
          );
        }
        this.#slot.seconds = 0;
        this.#slot.nanoseconds = 0;
        this.#slot.originalLength = original;
        this.#deliver(at + size, captured, at + length - 4, shift, onPacket);
        return;
      }
      case PACKET: {
        const { get, size } = this.#layouts.obsolete;
        this.#checkSize(size, length, at + shift);
        const captured = get.capturedLength(bytes, at);
        this.#time(
          get.interfaceId(bytes, at),
          get.timeHigh(bytes, at),
          get.timeLow(bytes, at),
          at + shift + 8,
        );
        this.#slot.originalLength = get.originalLength(bytes, at);
        this.#deliver(at + size, captured, at + length - 4, shift, onPacket);
        return;
      }
      case INTERFACE_DESCRIPTION:
        this.#checkSize(this.#layouts.interface.size, length, at + shift);
        this.#interfaces.push(this.#readInterface(bytes, at, at + length - 4, shift));
        return;
      case SECTION_HEADER: {
        const { get, size } = this.#layouts.section;
        this.#checkSize(size, length, at + shift);
        const major = get.versionMajor(bytes, at);
        if (major !== 1) throw new CaptureError(at + shift + 12, `expected pcapng version 1, found ${major}`);
        this.#interfaces = [];
        return;
      }
    }
  }

  /** The block must hold `size` bytes of header and the trailing length. */
  #checkSize(size: number, length: number, offset: number): void {
    if (length < size + 4) {
      throw new CaptureError(offset + 4, `block of ${length} bytes, its header needs ${size + 4}`);
    }
  }

  /** Fills the slot's interface and time. */
  #time(interfaceId: number, high: number, low: number, offset: number): Interface {
    const from = this.#interfaces[interfaceId];
    if (from === undefined) {
      const count = this.#interfaces.length;
      throw new CaptureError(offset, `packet of interface ${interfaceId}, the section describes ${count}`);
    }
    const slot = this.#slot;
    slot.linkType = from.linkType;
    slot.interfaceIndex = interfaceId;
    const ticks = from.fastTicks;
    if (ticks === undefined) {
      const count = (BigInt(high) << 32n) | BigInt(low);
      slot.seconds = Number(count / from.ticksPerSecond);
      slot.nanoseconds = Number(((count % from.ticksPerSecond) * 1_000_000_000n) / from.ticksPerSecond);
    } else {
      // Long division of the 64-bit count in 16-bit digits: every step fits a double exactly.
      const q0 = Math.floor(high / ticks);
      const r0 = (high - q0 * ticks) * 65536 + (low >>> 16);
      const q1 = Math.floor(r0 / ticks);
      const r1 = (r0 - q1 * ticks) * 65536 + (low & 0xffff);
      const q2 = Math.floor(r1 / ticks);
      slot.seconds = (q0 * 65536 + q1) * 65536 + q2;
      slot.nanoseconds = (r1 - q2 * ticks) * (1_000_000_000 / ticks);
    }
    slot.seconds += from.offsetSeconds;
    return from;
  }

  #deliver(start: number, captured: number, end: number, shift: number, onPacket: OnPacket): void {
    if (captured > end - start || captured > MAX_PACKET_BYTES) {
      const room = Math.min(end - start, MAX_PACKET_BYTES);
      throw new CaptureError(
        start + shift - 8,
        `packet claims ${captured} captured bytes, expected at most ${room}`,
      );
    }
    const slot = this.#slot;
    slot.start = start;
    slot.end = start + captured;
    onPacket(slot);
  }

  #readInterface(bytes: Uint8Array, at: number, end: number, shift: number): Interface {
    const { interface: layout, option, signed } = this.#layouts;
    let resolution = 6; // microseconds unless the option says otherwise
    let offsetSeconds = 0;
    let next = at + layout.size;
    while (end - next >= option.size) {
      const code = option.get.code(bytes, next);
      const length = option.get.length(bytes, next);
      const value = next + option.size;
      if (code === OPT_ENDOFOPT) break;
      if (value + length > end) {
        throw new CaptureError(next + shift, `option ${code} claims ${length} bytes, ${end - value} left`);
      }
      if (code === IF_TSRESOL && length >= u8.size) resolution = bytes[value]!;
      if (code === IF_TSOFFSET && length >= signed.size)
        offsetSeconds = Number(signed.get.seconds(bytes, value));
      next = value + ((length + 3) & ~3);
    }
    // The high bit chooses between powers of two and of ten.
    const base = resolution & 0x80 ? 2n : 10n;
    return {
      linkType: layout.get.linkType(bytes, at),
      snaplen: layout.get.snaplen(bytes, at),
      fastTicks: base === 10n && resolution <= 9 ? 10 ** resolution : undefined,
      ticksPerSecond: base ** BigInt(resolution & 0x7f),
      offsetSeconds,
    };
  }
}

export interface PcapngWriterOptions {
  readonly nanoseconds: boolean;
  readonly bigEndian: boolean;
}

export function pcapngSectionHeader(options: PcapngWriterOptions): Uint8Array {
  const { section, trailer } = layoutsFor(options);
  const length = section.size + trailer.size;
  const bytes = new Uint8Array(length);
  section.write(bytes, 0, {
    type: SECTION_HEADER,
    length,
    byteOrderMagic: BYTE_ORDER_MAGIC,
    versionMajor: 1,
    versionMinor: 0,
    sectionLength: -1n, // unknown: the section ends where the file does
  });
  trailer.set.length(bytes, section.size, length);
  return bytes;
}

export function pcapngInterface(linkType: number, options: PcapngWriterOptions): Uint8Array {
  const { interface: layout, option, trailer } = layoutsFor(options);
  const length = layout.size + option.size + 4 + option.size + trailer.size;
  const bytes = new Uint8Array(length);
  layout.write(bytes, 0, { type: INTERFACE_DESCRIPTION, length, linkType, snaplen: MAX_PACKET_BYTES });
  option.write(bytes, layout.size, { code: IF_TSRESOL, length: u8.size });
  bytes[layout.size + option.size] = options.nanoseconds ? 9 : 6;
  trailer.set.length(bytes, length - trailer.size, length);
  return bytes;
}

export function pcapngPacket(
  packet: CapturedPacket,
  interfaceId: number,
  options: PcapngWriterOptions,
): Uint8Array {
  const { enhanced, trailer } = layoutsFor(options);
  const source = packet.bytes;
  const length = enhanced.size + ((source.length + 3) & ~3) + trailer.size;
  const bytes = new Uint8Array(length);
  const ticksPerSecond = options.nanoseconds ? 1_000_000_000 : 1_000_000;
  const fraction = options.nanoseconds ? packet.nanoseconds : Math.floor(packet.nanoseconds / 1000);
  // seconds * ticksPerSecond + fraction in two 32-bit halves; the product alone would not fit a double.
  const low = (packet.seconds % 65536) * ticksPerSecond + fraction;
  const high = Math.floor(packet.seconds / 65536) * ticksPerSecond + Math.floor(low / 65536);
  const { set } = enhanced;
  set.type(bytes, 0, ENHANCED_PACKET);
  set.length(bytes, 0, length);
  set.interfaceId(bytes, 0, interfaceId);
  set.timeHigh(bytes, 0, Math.floor(high / 65536));
  set.timeLow(bytes, 0, (high % 65536) * 65536 + (low % 65536));
  set.capturedLength(bytes, 0, source.length);
  set.originalLength(bytes, 0, packet.originalLength);
  bytes.set(source, enhanced.size);
  trailer.set.length(bytes, length - trailer.size, length);
  return bytes;
}

const layoutsFor = (options: PcapngWriterOptions): Layouts => (options.bigEndian ? bigEndian : littleEndian);
