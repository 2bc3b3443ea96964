/**
 * A stretch of bytes that scripts read and write by offset: the Lua class `data`. Either memory of its own
 * (`data.new`) or a window onto a packet, which the hook's skb aims anew for every packet and empties afterwards.
 *
 * Everything is little endian, as on the machines whose kernels we compare with: native order must not depend on
 * where the simulator runs. Offsets are bytes from 0. Callers check bounds (`fits`) first: accessors trust them.
 */

import { latin1FromBytes, writeLatin1 } from "../util/latin1.ts";
import { internetChecksum } from "../wire/checksum.ts";

export class Data {
  bytes: Uint8Array;
  /** Where the window starts within `bytes`. */
  start: number;
  length: number;
  readonly resizable: boolean;
  readonly writable: boolean;
  /** May cross runtimes: memory of its own, unless its maker wanted it otherwise. */
  readonly isShared: boolean;
  /** Set by every write, never cleared here: the skb learns from it that the packet changed. */
  written = false;

  constructor(
    bytes: Uint8Array,
    start: number,
    length: number,
    resizable: boolean,
    writable = true,
    isShared = false,
  ) {
    this.bytes = bytes;
    this.isShared = isShared;
    this.start = start;
    this.length = length;
    this.resizable = resizable;
    this.writable = writable;
  }

  /** Memory of its own, as `data.new` makes it. Zeroed: a run must not depend on what memory held before. */
  static allocate(lengthBytes: number, isShared = true): Data {
    return new Data(new Uint8Array(lengthBytes), 0, lengthBytes, true, true, isShared);
  }

  /** A window onto a packet; length 0 until it is aimed. */
  static window(writable = true): Data {
    return new Data(NOTHING, 0, 0, false, writable);
  }

  aim(bytes: Uint8Array, start: number, length: number): void {
    this.bytes = bytes;
    this.start = start;
    this.length = length;
  }

  /** What remains of a window when its packet has gone. */
  empty(): void {
    this.bytes = NOTHING;
    this.start = 0;
    this.length = 0;
  }

  /** The one bounds rule of the API: nothing of length 0 fits anywhere. */
  fits(offset: number, length: number): boolean {
    return offset >= 0 && length > 0 && offset + length <= this.length;
  }

  getUint8(offset: number): number {
    return this.bytes[this.start + offset]!;
  }

  getUint16(offset: number): number {
    const at = this.start + offset;
    return this.bytes[at]! | (this.bytes[at + 1]! << 8);
  }

  /** Signed, as the bitwise operators of JavaScript make it. */
  getInt32(offset: number): number {
    const at = this.start + offset;
    const bytes = this.bytes;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  setUint8(offset: number, value: number): void {
    this.written = true;
    this.bytes[this.start + offset] = value;
  }

  setUint16(offset: number, value: number): void {
    this.written = true;
    const at = this.start + offset;
    this.bytes[at] = value;
    this.bytes[at + 1] = value >> 8;
  }

  setUint32(offset: number, value: number): void {
    this.written = true;
    const at = this.start + offset;
    this.bytes[at] = value;
    this.bytes[at + 1] = value >> 8;
    this.bytes[at + 2] = value >> 16;
    this.bytes[at + 3] = value >> 24;
  }

  getString(offset: number, length: number): string {
    const at = this.start + offset;
    return latin1FromBytes(this.bytes, at, at + length);
  }

  setString(offset: number, text: string): void {
    this.written = true;
    writeLatin1(this.bytes, this.start + offset, text);
  }

  /** The Internet checksum of a range as the number that `setUint16` stores in the right byte order. */
  checksum(offset: number, length: number): number {
    const at = this.start + offset;
    const bigEndian = internetChecksum(this.bytes, at, at + length);
    return ((bigEndian & 0xff) << 8) | (bigEndian >> 8);
  }

  /** Keeps old bytes up to the smaller size; added bytes are zero. Only for memory of its own. */
  resize(length: number): void {
    const bytes = new Uint8Array(length);
    bytes.set(this.bytes.subarray(0, Math.min(length, this.length)));
    this.aim(bytes, 0, length);
  }
}

const NOTHING = new Uint8Array(0);
