/**
 * All connections: records in pages, found through one hash table that holds both directions of each, as the kernel's
 * does. An entry is `2 * slot + direction + 1`; 0 ends a chain.
 */

import { NUMBER, NUMBERS, WORD, WORDS } from "./record.ts";
import { type ConnectionOwner, TrackedConnection } from "./tracked-connection.ts";
import { hashTuple, sameTuple } from "./tuple.ts";
import { TimerWheel } from "./wheel.ts";

const PAGE_RECORDS = 1024;
const FIRST_BUCKETS = 1024;

export class ConnectionTable {
  /** By slot; those whose `alive` is false are free. */
  readonly connections: TrackedConnection[] = [];
  /** Connections that exist, unconfirmed ones included. */
  count = 0;
  readonly wheel = new TimerWheel(this.connections);
  readonly #owner: ConnectionOwner;
  readonly #free: number[] = [];
  #words = new Int32Array(0);
  #numbers = new Float64Array(0);
  #buckets = new Int32Array(FIRST_BUCKETS);
  /** Confirmed connections. */
  #hashed = 0;

  constructor(owner: ConnectionOwner) {
    this.#owner = owner;
  }

  get bucketCount(): number {
    return this.#buckets.length;
  }

  /** A zeroed connection, not in the table yet. */
  allocate(): TrackedConnection {
    this.count++;
    const slot = this.#free.pop();
    if (slot === undefined) return this.#grow();
    const old = this.connections[slot]!;
    let connection = old;
    if (old.held) {
      // It has moved out: the page is found through the neighbour that shares it, which is the first of the page.
      connection = this.#at(slot, this.#pages[(slot / PAGE_RECORDS) | 0]!);
      this.connections[slot] = connection;
    }
    connection.reset();
    return connection;
  }

  readonly #pages: Page[] = [];

  #grow(): TrackedConnection {
    const slot = this.connections.length;
    if (slot % PAGE_RECORDS === 0) {
      this.#words = new Int32Array(PAGE_RECORDS * WORDS);
      this.#numbers = new Float64Array(PAGE_RECORDS * NUMBERS);
      this.#pages.push({ words: this.#words, numbers: this.#numbers });
    }
    const connection = this.#at(slot, this.#pages[this.#pages.length - 1]!);
    this.connections.push(connection);
    return connection;
  }

  #at(slot: number, { words, numbers }: Page): TrackedConnection {
    const index = slot % PAGE_RECORDS;
    return new TrackedConnection(this.#owner, slot, words, index * WORDS, numbers, index * NUMBERS);
  }

  /** Takes a connection that is not, or no longer, in the table out of existence. */
  release(connection: TrackedConnection): void {
    this.count--;
    connection.detach();
    this.#free.push(connection.slot);
  }

  /** The entry with this tuple, 0 when there is none. What has expired by now is the caller's to judge. */
  find(words: Int32Array, at: number): number {
    const { connections } = this;
    let entry = this.#buckets[hashTuple(words, at) & (this.#buckets.length - 1)]!;
    while (entry !== 0) {
      const connection = connections[(entry - 1) >> 1]!;
      const reply = (entry - 1) & 1;
      const record = connection.words;
      const start = connection.at;
      if (sameTuple(record, start + (reply ? WORD.reply : WORD.original), words, at)) return entry;
      entry = record[start + (reply ? WORD.nextReply : WORD.nextOriginal)]!;
    }
    return 0;
  }

  connectionOf(entry: number): TrackedConnection {
    return this.connections[(entry - 1) >> 1]!;
  }

  /** Puts a connection into the hash table and the wheel. */
  insert(connection: TrackedConnection): void {
    if (++this.#hashed > this.#buckets.length) this.#rehash();
    this.#link(connection, 0);
    this.#link(connection, 1);
    this.wheel.add(connection);
  }

  /** The opposite of `insert`. */
  remove(connection: TrackedConnection): void {
    this.#hashed--;
    this.#unlink(connection, 0);
    this.#unlink(connection, 1);
    this.wheel.remove(connection);
  }

  /** Visits the connections of one bucket. */
  inBucket(bucket: number, visit: (connection: TrackedConnection) => void): void {
    let entry = this.#buckets[bucket & (this.#buckets.length - 1)]!;
    while (entry !== 0) {
      const connection = this.connectionOf(entry);
      const next = connection.get(((entry - 1) & 1) === 1 ? WORD.nextReply : WORD.nextOriginal);
      visit(connection);
      entry = next;
    }
  }

  #bucketOf(connection: TrackedConnection, direction: number): number {
    const at = connection.at + (direction === 1 ? WORD.reply : WORD.original);
    return hashTuple(connection.words, at) & (this.#buckets.length - 1);
  }

  #link(connection: TrackedConnection, direction: number): void {
    const bucket = this.#bucketOf(connection, direction);
    connection.set(direction === 1 ? WORD.nextReply : WORD.nextOriginal, this.#buckets[bucket]!);
    this.#buckets[bucket] = 2 * connection.slot + direction + 1;
  }

  #unlink(connection: TrackedConnection, direction: number): void {
    const bucket = this.#bucketOf(connection, direction);
    const entry = 2 * connection.slot + direction + 1;
    const after = connection.get(direction === 1 ? WORD.nextReply : WORD.nextOriginal);
    let at = this.#buckets[bucket]!;
    if (at === entry) {
      this.#buckets[bucket] = after;
      return;
    }
    for (;;) {
      const other = this.connectionOf(at);
      const word = ((at - 1) & 1) === 1 ? WORD.nextReply : WORD.nextOriginal;
      at = other.get(word);
      if (at === entry) {
        other.set(word, after);
        return;
      }
    }
  }

  #rehash(): void {
    this.#buckets = new Int32Array(2 * this.#buckets.length);
    for (const connection of this.connections) {
      // One that is just being confirmed has the status already, but is in no list yet.
      if (!connection.alive || connection.get(WORD.wheelSlot) === 0) continue;
      this.#link(connection, 0);
      this.#link(connection, 1);
    }
  }
}

interface Page {
  readonly words: Int32Array;
  readonly numbers: Float64Array;
}

export const expiryOf = (connection: TrackedConnection): number =>
  connection.numbers[connection.numbersAt + NUMBER.expires]!;
