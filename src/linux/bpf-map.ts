/**
 * Maps of the kernel: made, read and written from user space. Keys and values are bytes; how they are laid out is
 * between the program and whoever reads its maps.
 */

import { BPF_MAP_FLAG, BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { MMAP } from "../uapi/mman.ts";
import { bpf_map_info, map_batch, map_create, map_elem, map_freeze } from "./bpf-attributes.ts";
import {
  bpfAttempt,
  bpfCall,
  type CallMemory,
  type Command,
  KernelObject,
  objectInfo,
  objectName,
} from "./bpf-call.ts";
import type { KernelProgram } from "./bpf-program.ts";
import * as ffi from "./ffi.ts";
import { possibleCpuCount } from "./machine.ts";

export interface KernelMapOptions {
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** Of a ring buffer its bytes, of an arena its pages. */
  readonly maxEntries: number;
  /** BPF_F_* of BPF_MAP_CREATE; tries and arenas get theirs by themselves. */
  readonly flags?: number;
  /** Type information, with the ids of key and value in it: spin locks and timers in values need it. */
  readonly btf?: { readonly object: KernelObject; readonly keyTypeId: number; readonly valueTypeId: number };
}

export interface MapInfo {
  readonly id: number;
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export type MapEntry = readonly [key: Uint8Array, value: Uint8Array];

const PER_CPU: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE.BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE.BPF_MAP_TYPE_LRU_PERCPU_HASH,
]);
/** Types that the kernel makes only with these flags. */
const NEEDED_FLAGS: Readonly<Record<number, number>> = {
  [BPF_MAP_TYPE.BPF_MAP_TYPE_LPM_TRIE]: BPF_MAP_FLAG.BPF_F_NO_PREALLOC,
  [BPF_MAP_TYPE.BPF_MAP_TYPE_ARENA]: BPF_MAP_FLAG.BPF_F_MMAPABLE,
};
const BATCH_ENTRIES = 4096;

const inEights = (sizeBytes: number): number => (sizeBytes + 7) & ~7;

export class KernelMap extends KernelObject {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** Bytes that the kernel moves for a value: of per-CPU maps one for each possible processor, in eights. */
  readonly #wireSize: number;

  constructor(
    fd: number,
    label: string,
    shape: Pick<KernelMapOptions, "type" | "keySize" | "valueSize" | "maxEntries">,
  ) {
    super(fd, label);
    this.type = shape.type;
    this.keySize = shape.keySize;
    this.valueSize = shape.valueSize;
    this.maxEntries = shape.maxEntries;
    this.#wireSize = PER_CPU.has(shape.type)
      ? inEights(shape.valueSize) * possibleCpuCount()
      : shape.valueSize;
  }

  /** A copy of the value at `key`, or undefined. Of a per-CPU map the values of all processors, in eights of bytes. */
  lookup(key: Uint8Array, flags = 0): Uint8Array | undefined {
    return this.#read("BPF_MAP_LOOKUP_ELEM", key, this.#wireSize, flags);
  }

  /** The values of a per-CPU map by processor, or undefined. */
  lookupPerCpu(key: Uint8Array): Uint8Array[] | undefined {
    const all = this.lookup(key);
    const step = inEights(this.valueSize);
    return (
      all &&
      Array.from({ length: all.length / step }, (_, cpu) =>
        all.subarray(cpu * step, cpu * step + this.valueSize),
      )
    );
  }

  /** Writes a value; `flags` are BPF_ANY, BPF_NOEXIST or BPF_EXIST, with BPF_F_LOCK where a value has a lock. */
  update(key: Uint8Array, value: Uint8Array, flags = 0): void {
    this.#write("BPF_MAP_UPDATE_ELEM", key, value, flags);
  }

  /** Writes a value for each processor. */
  updatePerCpu(key: Uint8Array, values: readonly Uint8Array[], flags = 0): void {
    const all = new Uint8Array(this.#wireSize);
    const step = inEights(this.valueSize);
    for (const [cpu, value] of values.entries()) all.set(value.subarray(0, this.valueSize), cpu * step);
    this.update(key, all, flags);
  }

  /** Whether there was something to delete. */
  delete(key: Uint8Array): boolean {
    const { error } = bpfAttempt("BPF_MAP_DELETE_ELEM", this.label, map_elem, (memory) => ({
      map_fd: this.fd,
      key: memory.put(this.#checkedKey(key)),
    }));
    if (error && error.code !== "ENOENT") throw error;
    return error === undefined;
  }

  /** The key after `key`, or the first; undefined behind the last. After a key that is not there comes the first. */
  nextKey(key?: Uint8Array): Uint8Array | undefined {
    return this.#read("BPF_MAP_GET_NEXT_KEY", key, this.keySize, 0);
  }

  /** Appends to a queue or a stack; a full one refuses (E2BIG), or with BPF_EXIST drops its oldest. */
  push(value: Uint8Array, flags = 0): void {
    this.#write("BPF_MAP_UPDATE_ELEM", undefined, value, flags);
  }

  /** Takes the next value out of a queue or a stack; of a hash the one at `key`. */
  take(key?: Uint8Array): Uint8Array | undefined {
    return this.#read("BPF_MAP_LOOKUP_AND_DELETE_ELEM", key, this.#wireSize, 0);
  }

  /** The next value of a queue or a stack, which stays there. */
  peek(): Uint8Array | undefined {
    return this.#read("BPF_MAP_LOOKUP_ELEM", undefined, this.#wireSize, 0);
  }

  /**
   * All keys and values, in batches where the kernel has them for this type. What programs write meanwhile may be in
   * or not; a hash may then give an entry twice.
   */
  entries(): [Uint8Array, Uint8Array][] {
    const entries: [Uint8Array, Uint8Array][] = [];
    if (this.#readBatches(entries)) return entries;
    for (let key = this.nextKey(); key; key = this.nextKey(key)) {
      const value = this.lookup(key);
      if (value) entries.push([key, value]);
    }
    return entries;
  }

  /** Writes many entries, in batches where the kernel has them for this type. */
  updateAll(entries: readonly MapEntry[], flags = 0): void {
    for (let from = 0; from < entries.length; from += BATCH_ENTRIES) {
      const batch = entries.slice(from, from + BATCH_ENTRIES);
      const { error } = bpfAttempt("BPF_MAP_UPDATE_BATCH", this.label, map_batch, (memory) => ({
        map_fd: this.fd,
        keys: this.#packed(memory, batch, 0),
        values: this.#packed(memory, batch, 1),
        count: batch.length,
        elem_flags: BigInt(flags),
      }));
      if (error === undefined) continue;
      if (!hasNoBatches(error.code)) throw error;
      for (const [key, value] of batch) this.update(key, value, flags);
    }
  }

  /** Puts a program into a program array, for tail calls, or takes it out. Calls see it from now on. */
  setProgram(index: number, program: KernelProgram | undefined): void {
    const key = new Uint8Array(Uint32Array.of(index).buffer);
    if (program === undefined) this.delete(key);
    else this.update(key, new Uint8Array(Uint32Array.of(program.fd).buffer));
  }

  /** From now on user space can no longer write to it. */
  freeze(): void {
    bpfCall("BPF_MAP_FREEZE", this.label, map_freeze, () => ({ map_fd: this.fd }));
  }

  info(): MapInfo {
    const { id, type, name, key_size, value_size, max_entries, map_flags } = objectInfo(
      this.fd,
      this.label,
      bpf_map_info,
    );
    return {
      id,
      type,
      name,
      keySize: key_size,
      valueSize: value_size,
      maxEntries: max_entries,
      flags: map_flags,
    };
  }

  /**
   * The memory of an array made with BPF_F_MMAPABLE (values in eights of bytes) or of an arena, shared with the
   * programs that run: no call is needed to read or write it. A program with an arena loads only after this.
   */
  mapMemory(): ffi.Mapping {
    const page = ffi.pageSize();
    const isArena = this.type === BPF_MAP_TYPE.BPF_MAP_TYPE_ARENA;
    const size = isArena ? page * this.maxEntries : inEights(this.valueSize) * this.maxEntries;
    const whole = Math.ceil(size / page) * page;
    return ffi.mmap(this.fd, whole, MMAP.PROT_READ | MMAP.PROT_WRITE, 0, this.label);
  }

  #checkedKey(key: Uint8Array): Uint8Array {
    // The kernel would read on behind a key that is too short.
    if (key.length !== this.keySize)
      throw new RangeError(`${this.label} has keys of ${this.keySize} bytes, not ${key.length}`);
    return key;
  }

  #checkedValue(value: Uint8Array): Uint8Array {
    if (value.length !== this.#wireSize)
      throw new RangeError(`${this.label} has values of ${this.#wireSize} bytes, not ${value.length}`);
    return value;
  }

  #write(command: Command, key: Uint8Array | undefined, value: Uint8Array, flags: number): void {
    bpfCall(command, this.label, map_elem, (memory) => ({
      map_fd: this.fd,
      ...(key && { key: memory.put(this.#checkedKey(key)) }),
      value: memory.put(this.#checkedValue(value)),
      flags: BigInt(flags),
    }));
  }

  /** Reads what `command` writes, or undefined when it answers ENOENT. */
  #read(
    command: Command,
    key: Uint8Array | undefined,
    sizeBytes: number,
    flags: number,
  ): Uint8Array | undefined {
    let bytes: Uint8Array | undefined;
    const { error } = bpfAttempt(command, this.label, map_elem, (memory) => {
      const reserved = memory.reserve(sizeBytes);
      bytes = reserved.bytes.subarray(0, sizeBytes);
      return {
        map_fd: this.fd,
        ...(key && { key: memory.put(this.#checkedKey(key)) }),
        value: reserved.address,
        flags: BigInt(flags),
      };
    });
    if (error && error.code !== "ENOENT") throw error;
    return error ? undefined : bytes;
  }

  /** Keys (0) or values (1) behind each other. */
  #packed(memory: CallMemory, entries: readonly MapEntry[], part: 0 | 1): bigint {
    const size = part === 0 ? this.keySize : this.#wireSize;
    const { bytes, address } = memory.reserve(size * entries.length);
    for (const [i, entry] of entries.entries())
      bytes.set(part === 0 ? this.#checkedKey(entry[0]) : this.#checkedValue(entry[1]), i * size);
    return address;
  }

  /** False when this type has no batches. */
  #readBatches(entries: [Uint8Array, Uint8Array][]): boolean {
    const { keySize } = this;
    const valueSize = this.#wireSize;
    // The place where the next batch begins: a key, or a number of the kernel's.
    let place = new Uint8Array(Math.max(keySize, 8));
    const room = BATCH_ENTRIES;
    for (let isFirst = true; ; isFirst = false) {
      let keys: Uint8Array | undefined;
      let values: Uint8Array | undefined;
      let next: Uint8Array | undefined;
      const { error, attribute } = bpfAttempt("BPF_MAP_LOOKUP_BATCH", this.label, map_batch, (memory) => {
        const reserved = [keySize * room, valueSize * room, place.length].map((size) => memory.reserve(size));
        [keys, values, next] = reserved.map(({ bytes }) => bytes);
        return {
          map_fd: this.fd,
          in_batch: isFirst ? 0n : memory.put(place),
          out_batch: reserved[2]!.address,
          keys: reserved[0]!.address,
          values: reserved[1]!.address,
          count: room,
        };
      });
      if (error && isFirst && hasNoBatches(error.code)) return false;
      if (error && error.code !== "ENOENT") throw error;
      for (let i = 0; i < attribute.count; i++)
        entries.push([
          keys!.slice(i * keySize, (i + 1) * keySize),
          values!.slice(i * valueSize, (i + 1) * valueSize),
        ]);
      if (error) return true;
      place = new Uint8Array(next!.subarray(0, place.length));
    }
  }
}

/** ENOTSUPP has no name in user space; kernels before 5.6 do not know the command. */
const hasNoBatches = (code: string): boolean =>
  code === "errno 524" || code === "EINVAL" || code === "ENOTSUPP";

/** Creates a map. */
export function createKernelMap(options: KernelMapOptions): KernelMap {
  const label = `map '${options.name}'`;
  const { btf } = options;
  const { result } = bpfCall("BPF_MAP_CREATE", label, map_create, () => ({
    map_type: options.type,
    key_size: options.keySize,
    value_size: options.valueSize,
    max_entries: options.maxEntries,
    map_flags: (options.flags ?? 0) | (NEEDED_FLAGS[options.type] ?? 0),
    map_name: objectName(options.name),
    ...(btf && {
      btf_fd: btf.object.fd,
      btf_key_type_id: btf.keyTypeId,
      btf_value_type_id: btf.valueTypeId,
    }),
  }));
  return new KernelMap(result, label, options);
}

/** A map from a descriptor of it: of a pin, or by its id. */
export function kernelMapOf(fd: number): KernelMap {
  const info = objectInfo(fd, `map of descriptor ${fd}`, bpf_map_info);
  return new KernelMap(fd, `map '${info.name}'`, {
    type: info.type,
    keySize: info.key_size,
    valueSize: info.value_size,
    maxEntries: info.max_entries,
  });
}
