/**
 * The packets that left the path, as a capture file in the making. Records are collected while one chunk of input is
 * processed, synchronously, and handed to the writer in between: memory stays flat and a slow disk slows us down.
 */

import type { Skb } from "../kernel/skb.ts";
import {
  type CaptureFormat,
  type CaptureWriter,
  createCaptureWriter,
  type PacketSlot,
} from "../wire/capture.ts";
import { LINKTYPE } from "../wire/frame.ts";

export type ChunkWriter = (chunk: Uint8Array) => void | Promise<void>;

export class CaptureSink {
  readonly #write: ChunkWriter;
  #writer: CaptureWriter | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(write: ChunkWriter) {
    this.#write = write;
  }

  /** Starts the file; later calls change nothing. */
  begin(format: CaptureFormat, linkType: number): void {
    if (this.#writer) return;
    this.#writer = createCaptureWriter(format, { linkType });
    this.#add(this.#writer.header());
  }

  /** A packet as it was captured. */
  addUntouched(packet: PacketSlot): void {
    this.#add(this.#writer!.packet(packet));
  }

  /**
   * A packet as it is now. `captured` gives what an skb does not hold: time, link type, and the link header with tags
   * and all, which lies before `networkOffset`; `missingBytes` were cut off by the capture.
   */
  addRewritten(captured: PacketSlot, networkOffset: number, skb: Skb, missingBytes: number): void {
    const headerBytes = networkOffset - captured.start;
    const bytes = new Uint8Array(headerBytes + skb.length);
    bytes.set(captured.buffer.subarray(captured.start, networkOffset));
    bytes.set(skb.packet(), headerBytes);
    if (captured.linkType === LINKTYPE.LINKTYPE_ETHERNET && skb.macOffset !== undefined) {
      // A script may have written to the link header. Its EtherType is the last one, behind the tags.
      const mac = skb.bytes.subarray(skb.macOffset, skb.netOffset);
      bytes.set(mac.subarray(0, mac.length - 2));
      bytes.set(mac.subarray(mac.length - 2), headerBytes - 2);
    }
    this.#add(
      this.#writer!.packet({
        linkType: captured.linkType,
        seconds: captured.seconds,
        nanoseconds: captured.nanoseconds,
        interfaceIndex: captured.interfaceIndex,
        originalLength: bytes.length + missingBytes,
        bytes,
      }),
    );
  }

  /** Writes what has come together. */
  async flush(): Promise<void> {
    if (this.#pendingBytes === 0) return;
    const chunk = new Uint8Array(this.#pendingBytes);
    let at = 0;
    for (const piece of this.#pending) {
      chunk.set(piece, at);
      at += piece.length;
    }
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#write(chunk);
  }

  #add(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }
}
