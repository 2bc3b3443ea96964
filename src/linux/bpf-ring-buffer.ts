/**
 * Reads a BPF ring buffer. The kernel maps its data twice, one copy behind the other, so a record never breaks at the
 * end:
 *
 *     page of the consumer (ours to write) │ page of the producer │ data │ the same data again
 *
 * Both positions only grow. A record is a header of 8 bytes (length with two flags, and a page offset), then the data,
 * up to the next multiple of 8.
 */

import { BPF_RINGBUF } from "../uapi/bpf.ts";
import { MMAP } from "../uapi/mman.ts";
import { assert } from "../util/assert.ts";
import type { KernelMap } from "./bpf-map.ts";
import * as ffi from "./ffi.ts";

const { BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ } = BPF_RINGBUF;

/** What is left makes the descriptor readable again. */
const RECORDS_AT_ONCE = 1000;

export class RingBufferReader {
  readonly #map: KernelMap;
  readonly #mappings: readonly ffi.Mapping[];
  readonly #consumed: BigInt64Array;
  readonly #produced: BigInt64Array;
  readonly #headers: Int32Array;
  readonly #data: Uint8Array;
  readonly #sizeBytes: number;
  #stopWatching: (() => void) | undefined;
  #isOpen = true;

  /** The map must live as long as this. A ring buffer has one reader. */
  constructor(map: KernelMap) {
    this.#map = map;
    this.#sizeBytes = map.maxEntries;
    const page = ffi.pageSize();
    const consumer = ffi.mmap(map.fd, page, MMAP.PROT_READ | MMAP.PROT_WRITE, 0, map.label);
    const producer = ffi.mmap(map.fd, page + 2 * this.#sizeBytes, MMAP.PROT_READ, page, map.label);
    this.#mappings = [consumer, producer];
    this.#consumed = new BigInt64Array(consumer.buffer, 0, 1);
    this.#produced = new BigInt64Array(producer.buffer, 0, 1);
    this.#headers = new Int32Array(producer.buffer, page);
    this.#data = new Uint8Array(producer.buffer, page);
  }

  /**
   * Calls `take` with each record there is, at most `limit` of them, and says how many. The bytes are the kernel's:
   * they are overwritten after `take` returns.
   */
  read(take: (record: Uint8Array) => void, limit = Number.MAX_SAFE_INTEGER): number {
    assert(this.#isOpen, "the ring buffer's reader was closed");
    let count = 0;
    let position = Atomics.load(this.#consumed, 0);
    while (count < limit && position < Atomics.load(this.#produced, 0)) {
      const at = Number(BigInt.asUintN(32, position)) & (this.#sizeBytes - 1);
      const header = Atomics.load(this.#headers, at >> 2);
      // Reserved, but not yet written: what comes behind it waits too.
      if (header & BPF_RINGBUF_BUSY_BIT) break;
      const length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
      const isDiscarded = (header & BPF_RINGBUF_DISCARD_BIT) !== 0;
      try {
        if (!isDiscarded) {
          count++;
          take(this.#data.subarray(at + BPF_RINGBUF_HDR_SZ, at + BPF_RINGBUF_HDR_SZ + length));
        }
      } finally {
        position += BigInt((length + BPF_RINGBUF_HDR_SZ + 7) & ~7);
        Atomics.store(this.#consumed, 0, position);
      }
    }
    return count;
  }

  /** Bytes that were written and not read yet. */
  get pendingBytes(): number {
    return Number(Atomics.load(this.#produced, 0) - Atomics.load(this.#consumed, 0));
  }

  /**
   * Calls `take` with records as they come, on the event loop, which it keeps alive until `close`. When they come
   * faster than they are taken, the loop still gets its turn.
   */
  watch(take: (record: Uint8Array) => void): void {
    this.#stopWatching?.();
    this.#stopWatching = ffi.onReadable(this.#map.fd, () => {
      if (this.#isOpen) this.read(take, RECORDS_AT_ONCE);
    });
  }

  /** Stops watching and gives the memory back; the map stays open. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#stopWatching?.();
    for (const mapping of this.#mappings) mapping.unmap();
  }
}
