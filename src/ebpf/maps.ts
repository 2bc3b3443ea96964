/**
 * BPF maps in memory, with the kernel's answers: 0 or a negative errno. One class for each way of keeping values;
 * `createMap` chooses by the kernel's type number. Values are regions, so that pointers to them can be followed and
 * stay valid after a deletion, as under RCU.
 */

import { BPF, BPF_MAP_TYPE, BPF_RINGBUF } from "../uapi/bpf.ts";
import { ERRNO } from "../uapi/errno.ts";
import { assert } from "../util/assert.ts";
import { latin1FromBytes } from "../util/latin1.ts";
import { Region } from "./memory.ts";

export interface MapOptions {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** How many processors per-CPU maps keep a value for. */
  readonly cpus?: number;
}

/** What every map is; operations that a type does not have answer as the kernel does. */
export class BpfMap {
  readonly options: MapOptions;

  constructor(options: MapOptions) {
    this.options = options;
  }

  /** The value of `key` on this processor. */
  lookup(_key: Uint8Array, _cpu: number): Region | undefined {
    return undefined;
  }

  update(_key: Uint8Array, _value: Uint8Array, _flags: number, _cpu: number): number {
    return -ERRNO.EINVAL;
  }

  delete(_key: Uint8Array): number {
    return -ERRNO.EINVAL;
  }

  push(_value: Uint8Array, _flags: number): number {
    return -ERRNO.EINVAL;
  }

  /** Copies the next value into `value`; `isTaken`: and removes it. */
  take(_value: Uint8Array, _isTaken: boolean): number {
    return -ERRNO.EINVAL;
  }

  /** A copy of every key and value, in no order that a program may rely on. */
  entries(): [key: Uint8Array, value: Uint8Array][] {
    return [];
  }

  protected newValue(value?: Uint8Array): Region {
    const bytes = new Uint8Array(this.options.valueSize);
    if (value) bytes.set(value);
    return new Region(`value of ${this.options.name}`, bytes);
  }
}

/** BPF_ANY, BPF_NOEXIST and BPF_EXIST against what is there; undefined when the update may go on. */
function refusal(flags: number, isPresent: boolean): number | undefined {
  if (flags > BPF.BPF_EXIST) return -ERRNO.EINVAL;
  if (flags === BPF.BPF_NOEXIST && isPresent) return -ERRNO.EEXIST;
  if (flags === BPF.BPF_EXIST && !isPresent) return -ERRNO.ENOENT;
  return undefined;
}

const keyText = (key: Uint8Array): string => latin1FromBytes(key);
const keyBytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

class HashMap extends BpfMap {
  protected readonly values = new Map<string, Region>();

  override lookup(key: Uint8Array): Region | undefined {
    return this.values.get(keyText(key));
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number): number {
    const text = keyText(key);
    const isPresent = this.values.has(text);
    const refused = refusal(flags, isPresent);
    if (refused !== undefined) return refused;
    if (!isPresent && this.values.size >= this.options.maxEntries && !this.makeRoom()) return -ERRNO.E2BIG;
    this.values.set(text, this.newValue(value));
    return 0;
  }

  override delete(key: Uint8Array): number {
    return this.values.delete(keyText(key)) ? 0 : -ERRNO.ENOENT;
  }

  override entries(): [Uint8Array, Uint8Array][] {
    return [...this.values].map(([key, value]) => [keyBytes(key), value.bytes.slice()]);
  }

  protected makeRoom(): boolean {
    return false;
  }
}

/**
 * Drops the value longest not used. The kernel only comes near that (free lists of each processor, a reference bit),
 * so which value goes is not the same there; that one goes is.
 */
class LruHashMap extends HashMap {
  override lookup(key: Uint8Array): Region | undefined {
    const text = keyText(key);
    const value = this.values.get(text);
    if (value === undefined) return undefined;
    // A JavaScript map keeps the order of insertion: the last used goes to the end.
    this.values.delete(text);
    this.values.set(text, value);
    return value;
  }

  protected override makeRoom(): boolean {
    const oldest = this.values.keys().next();
    return !oldest.done && this.values.delete(oldest.value);
  }
}

/** An array, or one for each processor. All elements exist from the start and never go. */
class ArrayMap extends BpfMap {
  readonly #values: Region[][];

  constructor(options: MapOptions, cpus: number) {
    super(options);
    assert(options.keySize === 4, `${options.name}: the keys of an array are 4 bytes`);
    this.#values = Array.from({ length: cpus }, () => []);
  }

  /** The element at `index`, made when first asked for. */
  at(index: number, cpu: number): Region | undefined {
    if (index >= this.options.maxEntries) return undefined;
    const values = this.#values[this.#values.length === 1 ? 0 : cpu]!;
    return (values[index] ??= this.newValue());
  }

  override lookup(key: Uint8Array, cpu: number): Region | undefined {
    return this.at(uint32(key), cpu);
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number, cpu: number): number {
    if (flags > BPF.BPF_EXIST) return -ERRNO.EINVAL;
    const place = this.lookup(key, cpu);
    if (place === undefined) return -ERRNO.E2BIG;
    if (flags === BPF.BPF_NOEXIST) return -ERRNO.EEXIST;
    place.bytes.set(value);
    return 0;
  }

  /** The values of the first processor. */
  override entries(): [Uint8Array, Uint8Array][] {
    return Array.from({ length: this.options.maxEntries }, (_, index) => {
      const key = new Uint8Array(4);
      new DataView(key.buffer).setUint32(0, index, true);
      return [key, this.at(index, 0)!.bytes.slice()];
    });
  }
}

/** Keys are a prefix length and an address; a lookup finds the longest prefix that the address begins with. */
class LpmTrieMap extends BpfMap {
  /** The kernel keeps the bits behind the prefix as they were given. */
  readonly #values = new Map<string, { key: Uint8Array; value: Region }>();

  constructor(options: MapOptions) {
    super(options);
    assert(options.keySize > 4, `${options.name}: the keys of a trie are a length of 4 bytes and an address`);
  }

  #key(key: Uint8Array, prefixLength: number): string {
    const bytes = key.slice();
    new DataView(bytes.buffer).setUint32(0, prefixLength, true);
    for (let i = 4; i < bytes.length; i++) {
      const bits = Math.min(8, Math.max(0, prefixLength - (i - 4) * 8));
      bytes[i]! &= 0xff00 >> bits;
    }
    return keyText(bytes);
  }

  #isTooLong(key: Uint8Array): boolean {
    return uint32(key) > (this.options.keySize - 4) * 8;
  }

  override lookup(key: Uint8Array): Region | undefined {
    if (this.#isTooLong(key)) return undefined;
    for (let length = uint32(key); length >= 0; length--) {
      const found = this.#values.get(this.#key(key, length));
      if (found) return found.value;
    }
    return undefined;
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (flags > BPF.BPF_EXIST || this.#isTooLong(key)) return -ERRNO.EINVAL;
    const text = this.#key(key, uint32(key));
    const isPresent = this.#values.has(text);
    const refused = refusal(flags, isPresent);
    if (refused !== undefined) return refused;
    if (!isPresent && this.#values.size >= this.options.maxEntries) return -ERRNO.ENOSPC;
    this.#values.set(text, { key: key.slice(), value: this.newValue(value) });
    return 0;
  }

  override delete(key: Uint8Array): number {
    if (this.#isTooLong(key)) return -ERRNO.EINVAL;
    return this.#values.delete(this.#key(key, uint32(key))) ? 0 : -ERRNO.ENOENT;
  }

  override entries(): [Uint8Array, Uint8Array][] {
    return [...this.#values.values()].map(({ key, value }) => [key.slice(), value.bytes.slice()]);
  }
}

/** First in, first out; a stack takes from the other end. */
class QueueMap extends BpfMap {
  readonly #values: Uint8Array[] = [];
  readonly #isStack: boolean;

  constructor(options: MapOptions, isStack: boolean) {
    super(options);
    assert(options.keySize === 0, `${options.name}: queues and stacks have no keys`);
    this.#isStack = isStack;
  }

  /** With BPF_EXIST a full one drops its oldest value. */
  override push(value: Uint8Array, flags: number): number {
    if (flags > BPF.BPF_EXIST || flags === BPF.BPF_NOEXIST) return -ERRNO.EINVAL;
    if (this.#values.length >= this.options.maxEntries) {
      if (flags !== BPF.BPF_EXIST) return -ERRNO.E2BIG;
      this.#values.shift();
    }
    this.#values.push(value.slice());
    return 0;
  }

  override take(value: Uint8Array, isTaken: boolean): number {
    const next = this.#values.at(this.#isStack ? -1 : 0);
    // The kernel leaves zeros behind a failure.
    value.fill(0);
    if (next === undefined) return -ERRNO.ENOENT;
    value.set(next);
    if (isTaken) this.#values.splice(this.#isStack ? -1 : 0, 1);
    return 0;
  }
}

/** Programs by index, for tail calls. */
export class ProgArrayMap<Program> extends BpfMap {
  readonly programs: (Program | undefined)[] = [];
}

/** Records for user space. `maxEntries` is its size in bytes; a record needs its length and a header, in eights. */
export class RingBufferMap extends BpfMap {
  #usedBytes = 0;
  #records: Uint8Array[] = [];

  /** Room for a record that `submit` or `discard` must end, or undefined when the buffer is full. */
  reserve(sizeBytes: number): Region | undefined {
    const room = (sizeBytes + BPF_RINGBUF.BPF_RINGBUF_HDR_SZ + 7) & ~7;
    // The kernel never lets the producer come round to where the consumer is.
    if (room > this.options.maxEntries || this.#usedBytes + room > this.options.maxEntries - 1)
      return undefined;
    this.#usedBytes += room;
    return new Region(`record of ${this.options.name}`, new Uint8Array(sizeBytes));
  }

  submit(record: Region): void {
    this.#records.push(record.bytes);
  }

  /** A record of these bytes, or −EAGAIN. */
  output(bytes: Uint8Array): number {
    const record = this.reserve(bytes.length);
    if (record === undefined) return -ERRNO.EAGAIN;
    record.bytes.set(bytes);
    this.submit(record);
    return 0;
  }

  /** Takes all records out, as user space does. */
  drain(): Uint8Array[] {
    const records = this.#records;
    this.#records = [];
    this.#usedBytes = 0;
    return records;
  }
}

const uint32 = (bytes: Uint8Array): number =>
  (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;

const KINDS: Readonly<Record<number, (options: MapOptions) => BpfMap>> = {
  [BPF_MAP_TYPE.BPF_MAP_TYPE_HASH]: (options) => new HashMap(options),
  [BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY]: (options) => new ArrayMap(options, 1),
  [BPF_MAP_TYPE.BPF_MAP_TYPE_PROG_ARRAY]: (options) => new ProgArrayMap(options),
  [BPF_MAP_TYPE.BPF_MAP_TYPE_PERCPU_ARRAY]: (options) => new ArrayMap(options, options.cpus ?? 1),
  [BPF_MAP_TYPE.BPF_MAP_TYPE_LRU_HASH]: (options) => new LruHashMap(options),
  [BPF_MAP_TYPE.BPF_MAP_TYPE_LPM_TRIE]: (options) => new LpmTrieMap(options),
  [BPF_MAP_TYPE.BPF_MAP_TYPE_QUEUE]: (options) => new QueueMap(options, false),
  [BPF_MAP_TYPE.BPF_MAP_TYPE_STACK]: (options) => new QueueMap(options, true),
  [BPF_MAP_TYPE.BPF_MAP_TYPE_RINGBUF]: (options) => new RingBufferMap(options),
};

/** An empty map of this type. */
export function createMap(options: MapOptions): BpfMap {
  const make = KINDS[options.type];
  assert(make !== undefined, `there is no map type ${options.type}`);
  return make(options);
}
