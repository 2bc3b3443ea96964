/** What text files (test/golden/ebpf) cannot say: time, chance, processors, tail calls, kernel functions, spans. */
import { describe, expect, test } from "vitest";
import { BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { assemble } from "./assemble.ts";
import { netfilterEnvironment, skBuffEnvironment } from "./contexts.ts";
import { BpfFault, type Environment, Executable } from "./executable.ts";
import { instruction } from "./instruction.ts";
import { interpret } from "./interpret.ts";
import { createMap, type ProgArrayMap, type RingBufferMap } from "./maps.ts";
import { OPCODES } from "./opcodes.ts";
import { randomInstance, randomOf } from "./testing.ts";

const run = (text: string, environment: Environment = {}): bigint => {
  const { low, high } = interpret(assemble(text), environment);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
};
const map = (name: keyof typeof BPF_MAP_TYPE, maxEntries: number, keySize = 0, cpus = 1) =>
  createMap({ name: "m", type: BPF_MAP_TYPE[name], keySize, valueSize: keySize, maxEntries, cpus });

test("time, chance and the processor come from the environment", () => {
  const environment = { now: () => 2 ** 40 + 5, random: () => -1, cpu: 3 };
  expect(run("call bpf_ktime_get_ns\nexit", environment)).toBe(2n ** 40n + 5n);
  expect(run("call bpf_get_prandom_u32\nexit", environment)).toBe(0xffffffffn);
  expect(run("call bpf_get_smp_processor_id\nexit", environment)).toBe(3n);
});

test("a call takes r1 to r5 with it", () => {
  expect(run("r1 = 1\ncall bpf_ktime_get_ns\nr0 = r1\nexit")).not.toBe(1n);
});

describe("tail calls", () => {
  const callText = `
    r2 = map programs ll
    r3 = 0
    call bpf_tail_call
    r0 = 7
    exit`;
  const programs = (): ProgArrayMap<Executable> =>
    map("BPF_MAP_TYPE_PROG_ARRAY", 2, 4) as ProgArrayMap<Executable>;

  test("go on in the other program with the context in r1", () => {
    const array = programs();
    array.programs[0] = new Executable(assemble("r0 = *(u32 *)(r1 + 0)\nexit"));
    expect(run(callText, { maps: { programs: array }, ...skBuffEnvironment(new Uint8Array(20)) })).toBe(20n);
  });

  test("an empty slot: the program goes on", () => {
    expect(run(callText, { maps: { programs: programs() } })).toBe(7n);
  });

  test("33 and no more", () => {
    const array = programs();
    const text = "r6 = map counter ll\nr1 = map_value counter + 0 ll\nr2 = 1\nlock *(u32 *)(r1 + 0) += r2";
    array.programs[0] = new Executable(assemble(`${text}${callText}`));
    const counter = map("BPF_MAP_TYPE_ARRAY", 1, 4);
    expect(run(callText, { maps: { programs: array, counter } })).toBe(7n);
    expect(counter.lookup(new Uint8Array(4), 0)!.bytes[0]).toBe(33);
  });
});

test("ring buffer records arrive in the order of their submission, discarded ones never", () => {
  const ring = map("BPF_MAP_TYPE_RINGBUF", 4096) as RingBufferMap;
  const reserve = (value: number, end: string): string => `
    r1 = map ring ll
    r2 = 4
    r3 = 0
    call bpf_ringbuf_reserve
    *(u32 *)(r0 + 0) = ${value}
    r1 = r0
    r2 = 0
    call ${end}`;
  run(
    `${reserve(1, "bpf_ringbuf_submit")}${reserve(2, "bpf_ringbuf_discard")}${reserve(3, "bpf_ringbuf_submit")}
    exit`,
    { maps: { ring } },
  );
  expect(ring.drain()).toEqual([Uint8Array.of(1, 0, 0, 0), Uint8Array.of(3, 0, 0, 0)]);
});

test("a record is submitted once", () => {
  const text =
    "r1 = map ring ll\nr2 = 4\nr3 = 0\ncall bpf_ringbuf_reserve\nr6 = r0\nr1 = r6\ncall bpf_ringbuf_submit\nr1 = r6\ncall bpf_ringbuf_submit\nexit";
  expect(() => run(text, { maps: { ring: map("BPF_MAP_TYPE_RINGBUF", 4096) } })).toThrow(
    "r1 is no reserved record in slot 9",
  );
});

describe("dynptr", () => {
  const packet = Uint8Array.from({ length: 40 }, (_, i) => i);
  const open = "r2 = 0\nr3 = r10\nr3 += -16\ncall kfunc bpf_dynptr_from_skb\n";
  const slice = (offset: number, buffer: string): string => `${open}
    r1 = r10
    r1 += -16
    r2 = ${offset}
    ${buffer}
    r4 = 4
    call kfunc bpf_dynptr_slice
    if r0 == 0 goto none
    r0 = *(u8 *)(r0 + 0)
    none: exit`;
  const toBuffer = "r3 = r10\nr3 += -32";
  const environment = skBuffEnvironment(packet);

  test.each([
    ["inside", 8, toBuffer, 40, 8n],
    ["at the end", 36, toBuffer, 40, 36n],
    ["beyond the end", 37, toBuffer, 40, 0n],
    ["beyond the linear part", 30, toBuffer, 20, 30n],
    ["in the linear part, without a buffer", 8, "r3 = 0", 20, 8n],
  ] as const)("slice %s", (_, offset, buffer, linearBytes, wanted) => {
    expect(run(slice(offset, buffer), { ...environment, linearBytes })).toBe(wanted);
  });

  test("a slice without a buffer that would need one", () => {
    expect(() => run(slice(30, "r3 = 0"), { ...environment, linearBytes: 20 })).toThrow(
      "a slice beyond the linear part needs a buffer",
    );
  });

  test.each([
    [0, 0x0100n],
    [38, 0x2726n],
    [39, BigInt.asUintN(64, -7n)],
  ])("bpf_dynptr_read at %i", (offset, wanted) => {
    const text = `${open}
      r1 = r10
      r1 += -24
      r2 = 2
      r3 = r10
      r3 += -16
      r4 = ${offset}
      r5 = 0
      call bpf_dynptr_read
      if r0 != 0 goto failed
      r0 = *(u16 *)(r10 - 24)
      failed: exit`;
    expect(run(text, environment)).toBe(wanted);
  });
});

test("a netfilter program sees its station and, by its skb, the packet", () => {
  const text = `
    r6 = r1
    r1 = *(u64 *)(r6 + 0)
    r7 = *(u8 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 1)
    r7 <<= 8
    r7 |= r2
    r1 = *(u64 *)(r6 + 8)
    r2 = 0
    r3 = r10
    r3 += -16
    call kfunc bpf_dynptr_from_skb
    r1 = r10
    r1 += -16
    call kfunc bpf_dynptr_size
    r7 <<= 8
    r0 |= r7
    exit`;
  expect(run(text, netfilterEnvironment(new Uint8Array(20), { hook: 3, pf: 2 }))).toBe(0x030214n);
});

describe("an skb with fields", () => {
  const offsets = { len: 112, data_len: 116, data: 200 };
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => i + 1);
  const load = (text: string) => `r1 = *(u64 *)(r1 + 8)\n${text}\nexit`;
  const at = (text: string, linearBytes = 24) =>
    run(load(text), netfilterEnvironment(bytes, { hook: 3, pf: 2, offsets, linearBytes }));

  test("has lengths and a pointer to its linear part", () => {
    expect(at("r0 = *(u32 *)(r1 + 112)")).toBe(24n);
    expect(at("r0 = *(u32 *)(r1 + 116)", 20)).toBe(4n);
    expect(at("r1 = *(u64 *)(r1 + 200)\nr0 = *(u8 *)(r1 + 19)", 20)).toBe(20n);
  });

  test("gives nothing of use behind the linear part, and no more than eight bytes at once can reach", () => {
    expect(at("r1 = *(u64 *)(r1 + 200)\nr0 = *(u64 *)(r1 + 19)", 20)).toBe(0xa5a5a5a5a5a5a514n);
    expect(() => at("r1 = *(u64 *)(r1 + 200)\nr0 = *(u64 *)(r1 + 20)", 20)).toThrow(
      "reads 8 bytes at offset 20 of the linear part of the packet, which has 27",
    );
  });
});

test("probe_read_kernel copies, and a place that is not there is a fault", () => {
  const copy = (from: number) => `r3 = *(u64 *)(r1 + 8)
    r3 = *(u64 *)(r3 + 0)
    r3 += ${from}
    r1 = r10
    r1 += -8
    r2 = 3
    *(u64 *)(r10 - 8) = 0
    call 113
    r0 = *(u64 *)(r10 - 8)
    exit`;
  const environment = netfilterEnvironment(Uint8Array.of(1, 2, 3, 4), {
    hook: 3,
    pf: 2,
    offsets: { len: 8, data_len: 12, data: 0 },
  });
  expect(run(copy(1), environment)).toBe(0x040302n);
  expect(() => run(copy(9), environment)).toThrow("reads 3 bytes at offset 9");
});

test("bpf_iter_num counts", () => {
  const iterator = "r1 = r10\nr1 += -8\n";
  const text = `${iterator}r2 = 3
    r3 = 6
    call kfunc bpf_iter_num_new
    r6 = 0
    next: ${iterator}call kfunc bpf_iter_num_next
    if r0 == 0 goto done
    r1 = *(u32 *)(r0 + 0)
    r6 <<= 4
    r6 |= r1
    goto next
    done: ${iterator}call kfunc bpf_iter_num_destroy
    r0 = r6
    exit`;
  expect(run(text)).toBe(0x345n);
});

test("a fault names the slot, the instruction and the line", () => {
  const program = assemble("r1 = 1 ll\nr0 = *(u32 *)(r1 + 16)\nexit", "drop.s");
  const attempt = (): unknown => interpret(program);
  expect(attempt).toThrow(BpfFault);
  expect(attempt).toThrow("reads 4 bytes at 0x000000011 in slot 2 (r0 = *(u32 *)(r1 + 16)), drop.s:2");
});

test("may_goto gives up at last", () => {
  expect(run("r0 = 0\nmore: may_goto out\nr0 += 1\ngoto more\nout: exit", { limit: 2 ** 26 })).toBe(
    2n ** 23n,
  );
});

test("every instruction of the table is executed or ends in a fault that says why", () => {
  const exit = instruction("exit");
  for (const opcode of OPCODES) {
    for (let seed = 1; seed < 20; seed++) {
      const program = {
        instructions: [randomInstance(opcode, randomOf(seed)), exit],
        spans: [],
        labels: new Map(),
      };
      try {
        expect(interpret(program, { limit: 100 }).executed).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(BpfFault);
      }
    }
  }
});
