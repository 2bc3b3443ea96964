/** BTF and the running kernel: what we read of its own is right, and it takes and shows ours. */

import { afterEach, describe, expect, test } from "vitest";
import { kernelBtf } from "../../src/bpf/kernel-btf.ts";
import { type LoadOptions, loadInKernel, VerifierError } from "../../src/bpf/load.ts";
import { assemble } from "../../src/ebpf/assemble.ts";
import { BtfBuilder } from "../../src/ebpf/btf-builder.ts";
import { loadBtf } from "../../src/linux/bpf-btf.ts";
import type { KernelObject } from "../../src/linux/bpf-call.ts";
import { createKernelMap } from "../../src/linux/bpf-map.ts";
import { ErrnoError } from "../../src/linux/errors.ts";
import { BPF_ATTACH_TYPE, BPF_ELEMENT_FLAG, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/bpf.ts";
import { whyNoBpf } from "./bpf-machine.ts";

const why = whyNoBpf();
const objects: KernelObject[] = [];
function kept<T extends KernelObject>(object: T): T {
  objects.push(object);
  return object;
}
afterEach(() => {
  for (const object of objects.splice(0)) object.close();
});

const load = (source: string, options: Partial<LoadOptions> = {}) =>
  kept(
    loadInKernel(assemble(source), {
      name: "test",
      type: BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
      expectedAttachType: BPF_ATTACH_TYPE.BPF_NETFILTER,
      lineText: ({ line }) => source.split("\n")[line - 1]?.trim(),
      ...options,
    }),
  );
const key0 = new Uint8Array(4);

describe.skipIf(why)(`BTF and the kernel${why ? ` (skipped: ${why})` : ""}`, () => {
  test("members lie where we read they do: the kernel's own skb says how long it is", () => {
    const btf = kernelBtf();
    const out = kept(
      createKernelMap({
        name: "out",
        type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
        keySize: 4,
        valueSize: 16,
        maxEntries: 1,
      }),
    );
    const program = load(
      `r2 = *(u64 *)(r1 + ${btf.member("bpf_nf_ctx", "skb").offset})
      r3 = *(u64 *)(r1 + ${btf.member("bpf_nf_ctx", "state").offset})
      w4 = *(u32 *)(r2 + ${btf.member("sk_buff", "len").offset})
      w5 = *(u16 *)(r2 + ${btf.member("sk_buff", "protocol").offset})
      w6 = *(u8 *)(r3 + ${btf.member("nf_hook_state", "pf").offset})
      r1 = map_value out + 0 ll
      *(u32 *)(r1 + 0) = r4
      *(u32 *)(r1 + 4) = r5
      *(u32 *)(r1 + 8) = r6
      r0 = 1
      exit`,
      { maps: { out } },
    );
    const packet = new Uint8Array(77);
    packet[0] = 0x45;
    program.testRun(packet);
    const view = new DataView(out.lookup(key0)!.buffer);
    // ETH_P_IP in the order of the network, NFPROTO_IPV4
    expect([0, 4, 8].map((at) => view.getUint32(at, true))).toEqual([77, 0x0008, 2]);
  });

  test("every type can be read, and every function has parameters", () => {
    const btf = kernelBtf();
    const kinds = new Map<string, number>();
    for (let id = 1; id <= btf.typeCount; id++) {
      const { kind } = btf.type(id);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (kind === "BTF_KIND_FUNC") btf.parameters(id);
      if (kind === "BTF_KIND_STRUCT") btf.members(id);
    }
    for (const kind of ["BTF_KIND_FUNC", "BTF_KIND_STRUCT", "BTF_KIND_ENUM"])
      expect(kinds.get(kind), kind).toBeGreaterThan(1000);
    expect(btf.parameters(btf.functionId("bpf_dynptr_from_skb")).map(({ name }) => name)).toEqual([
      "s",
      "flags",
      "ptr__uninit",
    ]);
  });

  test("the log of a program shows its source lines", () => {
    const { log } = load("r0 = 1 ; the verdict\ncall inner\nexit\ninner:\nr0 = 1\nexit", { logLevel: 2 });
    expect([...log.matchAll(/^; (.*) @ (.*)$/gm)].map(([, text, place]) => `${place} ${text}`)).toEqual([
      "asm:1 r0 = 1 ; the verdict",
      "asm:2 call inner",
      "asm:5 r0 = 1",
      "asm:6 exit",
      "asm:3 exit",
    ]);
  });

  test("a function's address may be taken: what a callback needs", () => {
    const program = load(
      `r1 = 5
      r2 = func each ll
      r3 = r10
      r3 += -8
      *(u64 *)(r10 - 8) = 0
      r4 = 0
      call bpf_loop
      r0 = *(u64 *)(r10 - 8)
      exit
    each:
      r1 = *(u64 *)(r2 + 0)
      r1 += 3
      *(u64 *)(r2 + 0) = r1
      r0 = 0
      exit`,
      { type: BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER, expectedAttachType: 0 },
    );
    expect(program.testRun(new Uint8Array(60)).result).toBe(15);
    expect(program.verifiedInstructions).toBeGreaterThan(10);
  });

  const refusal = (source: string): VerifierError => {
    try {
      load(source);
    } catch (error) {
      if (error instanceof VerifierError) return error;
      throw error;
    }
    throw new Error("the verifier took it");
  };

  test.each([
    ["r0 = 1\nr0 = r5\nexit", 1, 2, "R5 !read_ok", "at asm:2, slot 1 'r0 = r5': R5 !read_ok"],
    ["r1 = 7 ll\nr0 = 3\nexit", 3, 3, /^At program exit the register R0 /, "slot 3 'exit'"],
    ["r0 = 1\nexit\nr0 = 1\nexit", 2, 3, "unreachable insn 2", "at asm:3"],
  ])("a refusal comes back to the line: %j", (source, slot, line, reason, message) => {
    const error = refusal(source);
    expect(error).toMatchObject({ slot, span: { chunk: "asm", line } });
    expect(error.reason).toMatch(reason);
    expect(error.message).toContain(message);
    expect(error.log).toContain("processed");
  });

  test("a spin lock in a value: the types go with the map", () => {
    const builder = new BtfBuilder();
    const u32 = builder.integer("unsigned int", 4);
    const value = builder.struct("counter", 8, [
      { name: "lock", typeId: builder.spinLock(), offsetBytes: 0 },
      { name: "count", typeId: u32, offsetBytes: 4 },
    ]);
    const types = kept(loadBtf(builder.encode()));
    const shape = { name: "locked", keySize: 4, valueSize: 8, maxEntries: 1 };
    const source = `
      r1 = map_value locked + 0 ll
      r6 = r1
      call bpf_spin_lock
      w1 = *(u32 *)(r6 + 4)
      w1 += 1
      *(u32 *)(r6 + 4) = r1
      r1 = r6
      call bpf_spin_unlock
      r0 = 1
      exit`;
    const type = BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY;
    const locked = kept(
      createKernelMap({ ...shape, type, btf: { object: types, keyTypeId: u32, valueTypeId: value } }),
    );
    const program = load(source, { maps: { locked } });
    program.testRun(new Uint8Array(60).fill(0x45, 0, 1), 10);
    expect(locked.lookup(key0)![4]).toBe(10);
    // User space can take the lock too; the lock itself is not shown.
    const { BPF_F_LOCK } = BPF_ELEMENT_FLAG;
    locked.update(key0, Uint8Array.of(1, 1, 1, 1, 77, 0, 0, 0), BPF_F_LOCK);
    expect(locked.lookup(key0, BPF_F_LOCK)).toEqual(Uint8Array.of(0, 0, 0, 0, 77, 0, 0, 0));
    const plain = kept(createKernelMap({ ...shape, type }));
    expect(() => load(source, { maps: { locked: plain } })).toThrow(VerifierError);
  });

  test("BTF that the kernel refuses comes back with its log", () => {
    const builder = new BtfBuilder();
    builder.pointer(77);
    let error: unknown;
    try {
      kept(loadBtf(builder.encode()));
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ErrnoError);
    expect((error as ErrnoError).detail).toMatch(/77/);
  });

  test("a map that was not given is named", () => {
    expect(() => load("r1 = map_value out + 0 ll\nr0 = 1\nexit")).toThrow(
      "program 'test' uses a map 'out' that was not given",
    );
  });
});
