import { expect, test } from "vitest";
import { BPF, BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { errnoName } from "../uapi/errno.ts";
import { type BpfMap, createMap, RingBufferMap } from "./maps.ts";

const make = (type: keyof typeof BPF_MAP_TYPE, keySize: number, maxEntries: number, cpus = 1): BpfMap =>
  createMap({ name: "m", type: BPF_MAP_TYPE[type], keySize, valueSize: 1, maxEntries, cpus });
const key = (value: number): Uint8Array => Uint8Array.of(value, 0, 0, 0);
const answer = (result: number): string => (result === 0 ? "ok" : (errnoName(-result) ?? `${result}`));
const { BPF_ANY, BPF_NOEXIST, BPF_EXIST } = BPF;

test.each([
  ["hash", make("BPF_MAP_TYPE_HASH", 4, 2), "E2BIG"],
  ["LRU hash", make("BPF_MAP_TYPE_LRU_HASH", 4, 2), "ok"],
] as const)("%s: flags and a full map", (_, map, full) => {
  const put = (k: number, flags: number): string => answer(map.update(key(k), Uint8Array.of(k), flags, 0));
  expect(put(1, BPF_EXIST)).toBe("ENOENT");
  expect(put(1, BPF_NOEXIST)).toBe("ok");
  expect(put(1, BPF_NOEXIST)).toBe("EEXIST");
  expect(put(1, 3)).toBe("EINVAL");
  expect(put(2, BPF_ANY)).toBe("ok");
  expect(map.lookup(key(1), 0)?.bytes).toEqual(Uint8Array.of(1));
  expect(put(3, BPF_ANY)).toBe(full);
  expect(answer(map.delete(key(1)))).toBe("ok");
  expect(answer(map.delete(key(1)))).toBe("ENOENT");
});

test("a full LRU hash drops what was not used for longest", () => {
  const map = make("BPF_MAP_TYPE_LRU_HASH", 4, 2);
  for (const k of [1, 2]) map.update(key(k), key(k).subarray(0, 1), BPF_ANY, 0);
  map.lookup(key(1), 0);
  map.update(key(3), Uint8Array.of(3), BPF_ANY, 0);
  expect(map.entries().map(([k]) => k[0])).toEqual([1, 3]);
});

test("a pointer to a value outlives its deletion, and an update makes a new one", () => {
  const map = make("BPF_MAP_TYPE_HASH", 4, 2);
  map.update(key(1), Uint8Array.of(5), BPF_ANY, 0);
  const old = map.lookup(key(1), 0)!;
  map.update(key(1), Uint8Array.of(6), BPF_ANY, 0);
  map.delete(key(1));
  expect(old.bytes[0]).toBe(5);
});

test("array: elements exist from the start and cannot go", () => {
  const map = make("BPF_MAP_TYPE_ARRAY", 4, 2);
  expect(map.lookup(key(1), 0)?.bytes[0]).toBe(0);
  expect(map.lookup(key(2), 0)).toBeUndefined();
  expect(answer(map.update(key(1), Uint8Array.of(7), BPF_EXIST, 0))).toBe("ok");
  expect(answer(map.update(key(1), Uint8Array.of(7), BPF_NOEXIST, 0))).toBe("EEXIST");
  expect(answer(map.update(key(2), Uint8Array.of(7), BPF_ANY, 0))).toBe("E2BIG");
  expect(answer(map.delete(key(1)))).toBe("EINVAL");
  expect(map.entries().map(([, value]) => value[0])).toEqual([0, 7]);
});

test("per-CPU array: each processor has its own", () => {
  const map = make("BPF_MAP_TYPE_PERCPU_ARRAY", 4, 1, 2);
  map.lookup(key(0), 0)!.bytes[0] = 1;
  map.lookup(key(0), 1)!.bytes[0] = 2;
  expect([0, 1].map((cpu) => map.lookup(key(0), cpu)!.bytes[0])).toEqual([1, 2]);
});

test("LPM trie: the longest prefix wins", () => {
  const map = make("BPF_MAP_TYPE_LPM_TRIE", 8, 3);
  const net = (bits: number, ...address: number[]): Uint8Array => Uint8Array.of(bits, 0, 0, 0, ...address);
  const put = (prefix: Uint8Array, value: number, flags: number = BPF_ANY): string =>
    answer(map.update(prefix, Uint8Array.of(value), flags, 0));
  expect(put(net(8, 10, 99, 99, 99), 1)).toBe("ok");
  expect(put(net(23, 10, 1, 2, 0), 2)).toBe("ok");
  expect(put(net(0, 0, 0, 0, 0), 3)).toBe("ok");
  expect(put(net(8, 10, 0, 0, 0), 4, BPF_NOEXIST)).toBe("EEXIST");
  expect(put(net(32, 1, 1, 1, 1), 4)).toBe("ENOSPC");
  expect(put(net(33, 1, 1, 1, 1), 4)).toBe("EINVAL");
  const found = (...address: number[]): number | undefined => map.lookup(net(32, ...address), 0)?.bytes[0];
  expect(found(10, 1, 3, 4)).toBe(2);
  expect(found(10, 1, 4, 4)).toBe(1);
  expect(found(11, 1, 4, 4)).toBe(3);
  expect(map.entries()[0]).toEqual([net(8, 10, 99, 99, 99), Uint8Array.of(1)]);
  expect(answer(map.delete(net(9, 10, 0, 0, 0)))).toBe("ENOENT");
  expect(answer(map.delete(net(8, 10, 0, 0, 0)))).toBe("ok");
  expect(found(10, 1, 4, 4)).toBe(3);
});

test.each([
  ["queue", make("BPF_MAP_TYPE_QUEUE", 0, 2), [2, 3]],
  ["stack", make("BPF_MAP_TYPE_STACK", 0, 2), [3, 2]],
] as const)("%s", (_, map, order) => {
  const push = (value: number, flags: number = BPF_ANY): string =>
    answer(map.push(Uint8Array.of(value), flags));
  const out = Uint8Array.of(9);
  expect(answer(map.take(out, true))).toBe("ENOENT");
  expect(out[0]).toBe(0);
  expect([push(1), push(2), push(3), push(3, BPF_NOEXIST)]).toEqual(["ok", "ok", "E2BIG", "EINVAL"]);
  expect(push(3, BPF_EXIST)).toBe("ok");
  map.take(out, false);
  expect(out[0]).toBe(order[0]);
  const taken = [0, 1].map(() => {
    map.take(out, true);
    return out[0];
  });
  expect(taken).toEqual(order);
  expect(answer(map.take(out, false))).toBe("ENOENT");
});

test("ring buffer: full until drained", () => {
  const map = make("BPF_MAP_TYPE_RINGBUF", 0, 4096) as RingBufferMap;
  expect(map).toBeInstanceOf(RingBufferMap);
  expect(answer(map.output(new Uint8Array(4000)))).toBe("ok");
  expect(answer(map.output(new Uint8Array(100)))).toBe("EAGAIN");
  expect(map.reserve(100)).toBeUndefined();
  expect(map.drain().map((record) => record.length)).toEqual([4000]);
  expect(answer(map.output(Uint8Array.of(1)))).toBe("ok");
});

test("operations a type does not have", () => {
  const queue = make("BPF_MAP_TYPE_QUEUE", 0, 2);
  expect(queue.lookup(key(0), 0)).toBeUndefined();
  expect(answer(queue.update(key(0), key(0), BPF_ANY, 0))).toBe("EINVAL");
  expect(answer(make("BPF_MAP_TYPE_HASH", 4, 2).push(key(0), BPF_ANY))).toBe("EINVAL");
  expect(() => createMap({ name: "m", type: 99, keySize: 4, valueSize: 1, maxEntries: 1 })).toThrow(
    "there is no map type 99",
  );
});
