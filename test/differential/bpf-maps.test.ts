/** Every kind of map of the real kernel, from user space and from programs by test run. Nothing is attached. */

import { afterEach, describe, expect, test } from "vitest";
import { type LoadOptions, loadInKernel } from "../../src/bpf/load.ts";
import { assemble } from "../../src/ebpf/assemble.ts";
import { randomOf } from "../../src/ebpf/testing.ts";
import { createKernelMap, type KernelMap, type KernelMapOptions } from "../../src/linux/bpf-map.ts";
import type { KernelProgram } from "../../src/linux/bpf-program.ts";
import { RingBufferReader } from "../../src/linux/bpf-ring-buffer.ts";
import { ErrnoError } from "../../src/linux/errors.ts";
import { pageSize } from "../../src/linux/ffi.ts";
import { possibleCpuCount } from "../../src/linux/machine.ts";
import { BPF, BPF_MAP_FLAG, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/bpf.ts";
import { whyNoBpf } from "./bpf-machine.ts";

const why = whyNoBpf();
const objects: { close(): void }[] = [];
function kept<T extends { close(): void }>(object: T): T {
  objects.push(object);
  return object;
}
afterEach(() => {
  for (const object of objects.splice(0).reverse()) object.close();
});

type TypeName = keyof typeof BPF_MAP_TYPE;
const make = (type: TypeName, options: Partial<KernelMapOptions> = {}): KernelMap =>
  kept(
    createKernelMap({
      name: "m",
      type: BPF_MAP_TYPE[type],
      keySize: 4,
      valueSize: 8,
      maxEntries: 8,
      ...options,
    }),
  );
const load = (
  source: string,
  maps: Record<string, KernelMap>,
  options: Partial<LoadOptions> = {},
): KernelProgram =>
  kept(
    loadInKernel(assemble(source), {
      name: "test",
      type: BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER,
      maps,
      ...options,
    }),
  );

const packet = new Uint8Array(60);
const u32 = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.of(...values).buffer);
const u64 = (...values: bigint[]): Uint8Array => new Uint8Array(BigUint64Array.of(...values).buffer);
const numbers = (bytes: Uint8Array): number[] => [
  ...new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
];
/** The kernel's answer by name; "ok" for none. */
function code(action: () => unknown): string {
  try {
    action();
    return "ok";
  } catch (error) {
    if (error instanceof ErrnoError) return error.code;
    throw error;
  }
}

describe.skipIf(why)(`maps of the kernel${why ? ` (skipped: ${why})` : ""}`, () => {
  test.each(["BPF_MAP_TYPE_HASH", "BPF_MAP_TYPE_LRU_HASH"] as const)("%s", (type) => {
    const map = make(type);
    expect(map.lookup(u32(1))).toBe(undefined);
    map.update(u32(1), u64(10n), BPF.BPF_NOEXIST);
    expect(code(() => map.update(u32(1), u64(11n), BPF.BPF_NOEXIST))).toBe("EEXIST");
    expect(code(() => map.update(u32(2), u64(11n), BPF.BPF_EXIST))).toBe("ENOENT");
    map.update(u32(2), u64(20n));
    expect(map.lookup(u32(1))).toEqual(u64(10n));
    expect(
      map
        .entries()
        .map(([key, value]) => [...numbers(key), ...numbers(value)])
        .sort(),
    ).toEqual([
      [1, 10, 0],
      [2, 20, 0],
    ]);
    expect(map.take(u32(2))).toEqual(u64(20n));
    expect([map.delete(u32(1)), map.delete(u32(1))]).toEqual([true, false]);
    expect(map.nextKey()).toBe(undefined);
    expect(map.entries()).toEqual([]);
  });

  test("a full hash refuses, a full LRU hash forgets", () => {
    const keys = Array.from({ length: 2000 }, (_, i) => i);
    const hash = make("BPF_MAP_TYPE_HASH");
    expect(keys.map((key) => code(() => hash.update(u32(key), u64(0n)))).indexOf("E2BIG")).toBe(8);
    const lru = make("BPF_MAP_TYPE_LRU_HASH");
    for (const key of keys) lru.update(u32(key), u64(0n));
    expect(lru.entries().length).toBeLessThanOrEqual(lru.maxEntries);
    expect(lru.lookup(u32(1999))).toBeDefined();
    expect(lru.lookup(u32(0))).toBe(undefined);
  });

  test("an array has all its elements from the start", () => {
    const map = make("BPF_MAP_TYPE_ARRAY", { maxEntries: 3 });
    map.update(u32(2), u64(7n));
    expect(map.entries().map(([key, value]) => [...numbers(key), ...numbers(value)])).toEqual([
      [0, 0, 0],
      [1, 0, 0],
      [2, 7, 0],
    ]);
    expect(map.lookup(u32(3))).toBe(undefined);
    expect(code(() => map.update(u32(3), u64(0n)))).toBe("E2BIG");
    expect(code(() => map.delete(u32(0)))).toBe("EINVAL");
  });

  test.each([
    "BPF_MAP_TYPE_PERCPU_ARRAY",
    "BPF_MAP_TYPE_PERCPU_HASH",
    "BPF_MAP_TYPE_LRU_PERCPU_HASH",
  ] as const)("%s: a value for each processor", (type) => {
    const map = make(type, { valueSize: 4 });
    const cpus = possibleCpuCount();
    const values = Array.from({ length: cpus }, (_, cpu) => u32(100 * (cpu + 1)));
    map.updatePerCpu(u32(0), values);
    expect(map.lookupPerCpu(u32(0))).toEqual(values);
    const counts = load(
      `*(u32 *)(r10 - 4) = 0
        r2 = r10
        r2 += -4
        r1 = map m ll
        call bpf_map_lookup_elem
        if r0 == 0 goto end
        w1 = *(u32 *)(r0 + 0)
        w1 += 1
        *(u32 *)(r0 + 0) = r1
        end: r0 = 0
        exit`,
      { m: map },
    );
    counts.testRun(packet, 5);
    const after = map.lookupPerCpu(u32(0))!.map((value) => numbers(value)[0]!);
    // All runs of a test run are on one processor.
    expect(after.map((value, cpu) => value - 100 * (cpu + 1)).sort()).toEqual([
      ...Array(cpus - 1).fill(0),
      5,
    ]);
    expect(map.lookupPerCpu(u32(9))).toBe(undefined);
  });

  test("an LPM trie finds the longest prefix", () => {
    const map = make("BPF_MAP_TYPE_LPM_TRIE", { keySize: 8, valueSize: 4 });
    const key = (length: number, ...address: number[]) => Uint8Array.of(length, 0, 0, 0, ...address);
    map.update(key(8, 10, 0, 0, 0), u32(1));
    map.update(key(16, 10, 1, 0, 0), u32(2));
    expect(numbers(map.lookup(key(32, 10, 1, 2, 3))!)).toEqual([2]);
    expect(numbers(map.lookup(key(32, 10, 2, 2, 3))!)).toEqual([1]);
    expect(map.lookup(key(32, 11, 0, 0, 1))).toBe(undefined);
    expect(map.entries().map(([prefix]) => prefix[0])).toEqual(expect.arrayContaining([8, 16]));
    expect(map.delete(key(16, 10, 1, 0, 0))).toBe(true);
    expect(numbers(map.lookup(key(32, 10, 1, 2, 3))!)).toEqual([1]);
  });

  test.each([
    ["BPF_MAP_TYPE_QUEUE", [1, 2, 3]],
    ["BPF_MAP_TYPE_STACK", [3, 2, 1]],
  ] as const)("%s", (type, order) => {
    const map = make(type, { keySize: 0, valueSize: 4, maxEntries: 3 });
    for (const value of [1, 2, 3]) map.push(u32(value));
    expect(code(() => map.push(u32(4)))).toBe("E2BIG");
    expect(numbers(map.peek()!)).toEqual([order[0]]);
    expect(order.map(() => numbers(map.take()!)[0])).toEqual(order);
    expect([map.peek(), map.take()]).toEqual([undefined, undefined]);
  });

  test.each([
    "BPF_MAP_TYPE_HASH",
    "BPF_MAP_TYPE_LRU_HASH",
    "BPF_MAP_TYPE_LPM_TRIE",
    "BPF_MAP_TYPE_ARRAY",
  ] as const)("%s: ten thousand entries at once", (type) => {
    const next = randomOf(3);
    const isTrie = type === "BPF_MAP_TYPE_LPM_TRIE";
    const map = make(type, { maxEntries: 20_000, ...(isTrie && { keySize: 8 }) });
    const entries = Array.from(
      { length: 10_000 },
      (_, i) => [isTrie ? u32(32, i) : u32(i), u64(BigInt(next() >>> 0))] as const,
    );
    map.updateAll(entries);
    const text = (all: readonly (readonly [Uint8Array, Uint8Array])[]) =>
      all.map(([key, value]) => `${numbers(key)}=${numbers(value)}`).sort();
    const read = map.entries();
    expect(text(type === "BPF_MAP_TYPE_ARRAY" ? read.slice(0, 10_000) : read)).toEqual(text(entries));
    expect(code(() => map.updateAll(entries.slice(0, 2), BPF.BPF_NOEXIST))).toBe("EEXIST");
  });

  test("a map without batches is written and read one by one", () => {
    // Per-CPU arrays have them, queues do not even have keys: this type has keys and no batches.
    const map = make("BPF_MAP_TYPE_PROG_ARRAY", { valueSize: 4, maxEntries: 4 });
    const program = load("r0 = 5\nexit", {});
    map.updateAll([[u32(1), u32(program.fd)]]);
    expect(map.entries().map(([key, value]) => [...numbers(key), ...numbers(value)])).toEqual([
      [1, program.info().id],
    ]);
  });

  test("a program array swaps what a stub calls", () => {
    const map = make("BPF_MAP_TYPE_PROG_ARRAY", { valueSize: 4, maxEntries: 1 });
    const stub = load("r2 = map m ll\nr3 = 0\ncall bpf_tail_call\nr0 = 1\nexit", { m: map });
    const results = [stub.testRun(packet).result];
    for (const result of [7, 8]) {
      const program = load(`r0 = ${result}\nexit`, {});
      map.setProgram(0, program);
      results.push(stub.testRun(packet).result);
    }
    map.setProgram(0, undefined);
    results.push(stub.testRun(packet).result);
    expect(results).toEqual([1, 7, 8, 1]);
    map.setProgram(0, undefined);
  });

  test("a frozen map takes no more from user space, and one for reading only never did", () => {
    const map = make("BPF_MAP_TYPE_ARRAY");
    map.update(u32(0), u64(3n));
    map.freeze();
    expect(code(() => map.update(u32(0), u64(4n)))).toBe("EPERM");
    expect(map.lookup(u32(0))).toEqual(u64(3n));
    const readOnly = make("BPF_MAP_TYPE_HASH", { flags: BPF_MAP_FLAG.BPF_F_RDONLY });
    expect(code(() => readOnly.update(u32(0), u64(4n)))).toBe("EPERM");
  });

  test("an array in shared memory: what programs count is there without a call", () => {
    const map = make("BPF_MAP_TYPE_ARRAY", { maxEntries: 1, flags: BPF_MAP_FLAG.BPF_F_MMAPABLE });
    const { buffer, unmap } = map.mapMemory();
    const counter = new BigUint64Array(buffer, 0, 1);
    counter[0] = 40n;
    load("r1 = map_value m + 0 ll\nr2 = 1\nlock *(u64 *)(r1 + 0) += r2\nr0 = 0\nexit", { m: map }).testRun(
      packet,
      2,
    );
    expect(counter[0]).toBe(42n);
    expect(map.lookup(u32(0))).toEqual(u64(42n));
    unmap();
  });

  test("an arena: any offset, without a check", () => {
    const map = make("BPF_MAP_TYPE_ARENA", { keySize: 0, valueSize: 0, maxEntries: 4 });
    const { buffer, address, unmap } = map.mapMemory();
    const bytes = new Uint8Array(buffer);
    bytes[pageSize() + 5] = 200;
    // A pointer into an arena is the low half of where it lies in this process.
    const program = load(
      `r1 = map m ll
      r6 = ${Number(BigInt.asIntN(32, BigInt(address)))}
      w6 = w6
      r6 = addr_space_cast(r6, 0, 1)
      r6 += ${pageSize()}
      w0 = *(u8 *)(r6 + 5)
      *(u8 *)(r6 + 6) = r0
      exit`,
      { m: map },
      { type: BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS },
    );
    expect(program.testRun(packet).result).toBe(200);
    expect(bytes[pageSize() + 6]).toBe(200);
    unmap();
  });

  test("what does not fit is said before the kernel reads behind it", () => {
    const map = make("BPF_MAP_TYPE_HASH");
    expect(() => map.lookup(new Uint8Array(3))).toThrow("map 'm' has keys of 4 bytes, not 3");
    expect(() => map.update(u32(1), new Uint8Array(4))).toThrow("map 'm' has values of 8 bytes, not 4");
    expect(() => map.updateAll([[new Uint8Array(5), u64(0n)]])).toThrow("keys of 4 bytes, not 5");
    map.close();
    map.close();
    expect(() => map.lookup(u32(1))).toThrow("use map 'm': EBADF (it was closed)");
    expect(code(() => make("BPF_MAP_TYPE_RINGBUF", { keySize: 0, valueSize: 0, maxEntries: 5000 }))).toBe(
      "EINVAL",
    );
  });

  test("information", () => {
    const map = make("BPF_MAP_TYPE_HASH", { name: "seen-names/of.all" });
    expect(map.info()).toEqual({
      id: expect.any(Number),
      type: 1,
      name: "seen_names_of.a",
      keySize: 4,
      valueSize: 8,
      maxEntries: 8,
      flags: 0,
    });
  });
});

describe.skipIf(why)(`ring buffers of the kernel${why ? ` (skipped: ${why})` : ""}`, () => {
  const size = pageSize();
  /** Sends the first word of the packet as many bytes; 0: reserves and discards. The result is the helper's. */
  const source = `
    r6 = r1
    r2 = 14
    r3 = r10
    r3 += -4
    r4 = 4
    call bpf_skb_load_bytes
    w7 = *(u32 *)(r10 - 4)
    if w7 == 0 goto discard
    w7 &= 255
    if w7 == 0 goto end
    *(u64 *)(r10 - 264) = 0
    r2 = r10
    r2 += -264
    w1 = *(u32 *)(r10 - 4)
    *(u32 *)(r2 + 0) = r1
    r3 = r7
    r1 = map m ll
    r4 = 0
    call bpf_ringbuf_output
    exit
    discard:
    r1 = map m ll
    r2 = 16
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto end
    r1 = r0
    r2 = 0
    call bpf_ringbuf_discard
    end:
    r0 = 0
    exit`;
  const frame = (word: number): Uint8Array => {
    const bytes = new Uint8Array(60);
    bytes.set(u32(word), 14);
    return bytes;
  };
  function make(maxEntries = size) {
    const map = kept(
      createKernelMap({
        name: "ring",
        type: BPF_MAP_TYPE.BPF_MAP_TYPE_RINGBUF,
        keySize: 0,
        valueSize: 0,
        maxEntries,
      }),
    );
    const program = load(source, { m: map }, { type: BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS });
    const reader = kept(new RingBufferReader(map));
    const send = (word: number) => program.testRun(frame(word)).result | 0;
    return { reader, send };
  }
  const lengthsIn = (reader: RingBufferReader, limit?: number) => {
    const seen: number[] = [];
    const count = reader.read((record) => seen.push(record.length), limit);
    expect(count).toBe(seen.length);
    return seen;
  };

  test("records come in order with their lengths, discarded ones do not", () => {
    const { reader, send } = make();
    expect(lengthsIn(reader)).toEqual([]);
    for (const word of [1, 0, 7, 8, 9, 0, 100]) expect(send(word)).toBe(0);
    expect(reader.pendingBytes).toBe(16 + 24 + 16 + 16 + 24 + 24 + 112);
    expect(lengthsIn(reader, 2)).toEqual([1, 7]);
    expect(lengthsIn(reader)).toEqual([8, 9, 100]);
    expect(reader.pendingBytes).toBe(0);
  });

  test("round and round: every byte arrives", () => {
    const { reader, send } = make();
    const next = randomOf(11);
    let sent = 0;
    for (let round = 0; round < 300; round++) {
      const words = Array.from(
        { length: 1 + (next() % 12) },
        () => 4 + (next() % 250) + ((next() % 1000) << 8),
      );
      for (const word of words) if ((word & 255) > 3) expect(send(word)).toBe(0);
      const seen: number[][] = [];
      reader.read((record) => seen.push([record.length, numbers(record.slice(0, 4))[0]!]));
      const wanted = words.filter((word) => (word & 255) > 3);
      expect(seen).toEqual(wanted.map((word) => [word & 255, word]));
      sent += wanted.length;
    }
    expect(sent).toBeGreaterThan(1000);
  });

  test("a full buffer refuses new records and keeps the old", () => {
    const { reader, send } = make();
    let taken = 0;
    while (send(120) === 0) taken++;
    expect(taken).toBe(Math.floor((size - 1) / 128));
    expect(send(120)).toBe(-11);
    expect(lengthsIn(reader)).toHaveLength(taken);
    expect(send(120)).toBe(0);
  });

  test("a taker that throws loses its record only", () => {
    const { reader, send } = make();
    for (const word of [5, 6]) send(word);
    expect(() =>
      reader.read(() => {
        throw new Error("taker");
      }),
    ).toThrow("taker");
    expect(lengthsIn(reader)).toEqual([6]);
  });

  test("watching wakes the event loop, until it is closed", async () => {
    const { reader, send } = make();
    const lengths: number[] = [];
    let wake = () => {};
    reader.watch((record) => {
      lengths.push(record.length);
      wake();
    });
    for (const word of [5, 6]) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      send(word);
      await woken;
    }
    expect(lengths).toEqual([5, 6]);
    reader.close();
    send(7);
    await new Promise((resolve) => setImmediate(resolve));
    expect(lengths).toEqual([5, 6]);
    expect(() => reader.read(() => {})).toThrow("was closed");
  });
});
