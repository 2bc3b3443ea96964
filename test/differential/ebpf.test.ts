/** Our interpreter against the real kernel, by test runs: no packet leaves, nothing is attached or pinned. */

import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { assemble } from "../../src/ebpf/assemble.ts";
import { netfilterEnvironment } from "../../src/ebpf/contexts.ts";
import { disassemble } from "../../src/ebpf/disassemble.ts";
import { Executable } from "../../src/ebpf/executable.ts";
import { encode, instruction, type Linker, relocate } from "../../src/ebpf/instruction.ts";
import { interpret } from "../../src/ebpf/interpret.ts";
import { createMap, type MapOptions } from "../../src/ebpf/maps.ts";
import { OPCODES } from "../../src/ebpf/opcodes.ts";
import type { Program } from "../../src/ebpf/program-builder.ts";
import { randomOf } from "../../src/ebpf/testing.ts";
import {
  createKernelMap,
  type KernelMap,
  type KernelObject,
  type KernelProgram,
  loadProgram,
} from "../../src/linux/bpf.ts";
import { ErrnoError } from "../../src/linux/errors.ts";
import { BPF_ATTACH_TYPE, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/bpf.ts";
import { ERRNO, errnoName } from "../../src/uapi/errno.ts";
import { NF_INET, NFPROTO } from "../../src/uapi/netfilter.ts";
import { numRuns } from "../../src/wire/testing.ts";
import { parseEbpfCases } from "../golden/ebpf-file.ts";
import { whyNoBpf } from "./bpf-machine.ts";
import { EXERCISED, randomKernelProgram, randomState, STATE_BYTES } from "./ebpf-programs.ts";

const why = whyNoBpf();

const objects: KernelObject[] = [];
function kept<T extends KernelObject>(object: T): T {
  objects.push(object);
  return object;
}
function closeAll(): void {
  for (const object of objects.splice(0)) object.close();
}
afterEach(closeAll);

const kernelMap = (options: MapOptions): KernelMap => kept(createKernelMap(options));

function kernelProgram(
  program: Program,
  maps: Readonly<Record<string, KernelMap>>,
  type: number,
): KernelProgram {
  const linker: Linker = {
    map: (name) => maps[name]!.fd,
    kfunc: (name) => {
      throw new Error(`no BTF id for ${name}`);
    },
  };
  return kept(
    loadProgram({ name: "test", type, instructions: encode(relocate(program.instructions, linker)) }),
  );
}

const packet = new Uint8Array(60);
const key0 = new Uint8Array(4);

describe.skipIf(why)(`eBPF${why ? ` (skipped: ${why})` : ""}`, () => {
  const state: MapOptions = {
    name: "state",
    type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: STATE_BYTES,
    maxEntries: 1,
  };

  test.each([
    ["BPF_PROG_TYPE_SCHED_CLS", 1],
    ["BPF_PROG_TYPE_SOCKET_FILTER", 2],
  ] as const)("random programs end with the same registers and stack (%s)", (type, firstSeed) => {
    let compared = 0;
    for (let run = 0; run < numRuns(500); run++) {
      const seed = firstSeed + run * 7919;
      const next = randomOf(seed);
      const program = randomKernelProgram(next, 5 + (next() % 60));
      const theirs = kernelMap(state);
      const loaded = kernelProgram(program, { state: theirs }, BPF_PROG_TYPE[type]);
      const executable = new Executable(program);
      for (let i = 0; i < 4; i++) {
        const bytes = randomState(next);
        theirs.update(key0, bytes);
        const { result } = loaded.testRun(packet);
        const map = createMap(state);
        map.update(key0, bytes, 0, 0);
        const ours = interpret(executable, { maps: { state: map } });
        const text = `seed ${seed}\n${disassemble(program.instructions)}`;
        expect(ours.low, text).toBe(result);
        expect(map.entries()[0]![1], text).toEqual(theirs.lookup(key0));
        compared++;
      }
      closeAll();
    }
    expect(compared).toBe(numRuns(500) * 4);
  });

  test("the verifier's log spells instructions as we do", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed < 60; seed++) {
      const program = randomKernelProgram(randomOf(seed), 60);
      // Reading above the stack makes the verifier print the way that it went.
      const instructions = [
        ...program.instructions.slice(0, -1),
        instruction("ldx64", { dst: 0, src: 10, off: 8 }),
        instruction("exit"),
      ];
      const bySlot = new Executable({ ...program, instructions }).slots;
      const log = refusal(() => kernelProgram({ ...program, instructions }, { state: kernelMap(state) }, 1));
      for (const [, slot, code, rest] of log.matchAll(/^(\d+): \(([0-9a-f]{2})\) ([^;\n]*)/gm)) {
        const text = rest!.replace(/(goto pc[-+]\d+).*/, "$1");
        // Of a map the verifier prints the address.
        if (code === "18") continue;
        expect(assemble(text).instructions, text).toEqual([bySlot[Number(slot)]]);
        seen.add(bySlot[Number(slot)]!.opcode.name);
      }
      closeAll();
    }
    expect([...EXERCISED].filter((name) => !seen.has(name) && !name.startsWith("ld_"))).toEqual([]);
  });

  test("random programs contain every instruction of arithmetic, memory and comparison", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed < 300; seed++)
      for (const { opcode } of randomKernelProgram(randomOf(seed), 60).instructions) seen.add(opcode.name);
    expect([...EXERCISED].filter((name) => !seen.has(name))).toEqual([]);
    const left = OPCODES.map(({ name }) => name).filter((name) => !seen.has(name));
    expect(left).toEqual([
      "addr_space_cast",
      "ja",
      "ja32",
      "may_goto",
      "call_helper",
      "call",
      "call_kfunc",
      "ld_imm64",
      "ld_map",
      "ld_btf_id",
      "ld_func",
      "ld_map_idx",
      "ld_map_idx_value",
    ]);
  });

  const folder = new URL("../golden/ebpf/", import.meta.url);
  for (const file of readdirSync(folder)) {
    const cases = parseEbpfCases(readFileSync(new URL(file, folder), "utf8"));
    test.each(cases.filter((golden) => !golden.isInterpreterOnly))(`${file}: $title`, (golden) => {
      const maps = Object.fromEntries(golden.maps.map((options) => [options.name, kernelMap(options)]));
      const loaded = kernelProgram(assemble(golden.source), maps, BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS);
      // A test run gives the low half of r0 only.
      const { result } = loaded.testRun(golden.packet ?? packet);
      expect(result).toBe(Number(BigInt.asUintN(32, BigInt(golden.result))));
    });
  }

  const answer = (action: () => number): string => {
    try {
      const result = action();
      return result === 0 ? "ok" : (errnoName(-result) ?? `${result}`);
    } catch (error) {
      if (error instanceof ErrnoError) return error.code;
      throw error;
    }
  };
  const done = (action: () => void): string =>
    answer(() => {
      action();
      return 0;
    });

  test.each([
    ["hash", { type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH, keySize: 4 }],
    ["array", { type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY, keySize: 4 }],
    ["LPM trie", { type: BPF_MAP_TYPE.BPF_MAP_TYPE_LPM_TRIE, keySize: 6 }],
  ])("a %s answers as the kernel's", (name, { type, keySize }) => {
    const options: MapOptions = { name: "m", type, keySize, valueSize: 8, maxEntries: 5 };
    const isTrie = type === BPF_MAP_TYPE.BPF_MAP_TYPE_LPM_TRIE;
    for (let round = 0; round < 20; round++) {
      const next = randomOf(round + 1);
      const theirs = kernelMap(options);
      const map = createMap(options);
      for (let step = 0; step < 60; step++) {
        const key = new Uint8Array(keySize);
        key[0] = isTrie ? next() % 18 : next() % 7;
        if (isTrie) key.set([10 + (next() % 2), (next() % 4) << 6], 4);
        const value = new Uint8Array(8).fill(next());
        const flags = next() % 4;
        const where = `${name}, round ${round}, step ${step}, key ${key}, flags ${flags}`;
        switch (next() % 3) {
          case 0:
            expect(
              answer(() => map.delete(key)),
              `delete in ${where}`,
            ).toBe(answer(() => (theirs.delete(key) ? 0 : -ERRNO.ENOENT)));
            break;
          case 1:
            expect(map.lookup(key, 0)?.bytes, `look up in ${where}`).toEqual(theirs.lookup(key));
            break;
          default:
            expect(
              answer(() => map.update(key, value, flags, 0)),
              `update in ${where}`,
            ).toBe(done(() => theirs.update(key, value, flags)));
        }
      }
      const keys: string[] = [];
      for (let key = theirs.nextKey(); key; key = theirs.nextKey(key)) keys.push(`${key}`);
      expect(keys.sort()).toEqual(
        map
          .entries()
          .map(([key]) => `${key}`)
          .sort(),
      );
      closeAll();
    }
  });

  test.each([
    ["queue", BPF_MAP_TYPE.BPF_MAP_TYPE_QUEUE],
    ["stack", BPF_MAP_TYPE.BPF_MAP_TYPE_STACK],
  ])("a %s answers as the kernel's", (_, type) => {
    const options: MapOptions = { name: "m", type, keySize: 0, valueSize: 4, maxEntries: 3 };
    const theirs = kernelMap(options);
    const map = createMap(options);
    const next = randomOf(5);
    for (let step = 0; step < 300; step++) {
      const value = new Uint8Array(4).fill(next());
      if (next() % 2 === 0) {
        const flags = next() % 4;
        expect(answer(() => map.push(value, flags))).toBe(done(() => theirs.push(value, flags)));
      } else {
        const ours = new Uint8Array(4);
        const result = map.take(ours, true);
        expect(result === 0 ? ours : undefined).toEqual(theirs.take());
      }
    }
  });

  test("a netfilter program finds hook and family where ours does", () => {
    const program = assemble(`
      r1 = *(u64 *)(r1 + 0)
      r2 = *(u8 *)(r1 + 0)
      r3 = *(u8 *)(r1 + 1)
      r1 = map_value state + 0 ll
      *(u64 *)(r1 + 0) = r2
      *(u64 *)(r1 + 8) = r3
      r0 = 1
      exit`);
    const theirs = kernelMap(state);
    const loaded = kept(
      loadProgram({
        name: "test",
        type: BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
        instructions: encode(relocate(program.instructions, { map: () => theirs.fd, kfunc: () => 0 })),
        expectedAttachType: BPF_ATTACH_TYPE.BPF_NETFILTER,
      }),
    );
    const ip = new Uint8Array(40).fill(0x45, 0, 1);
    expect(loaded.testRun(ip).result).toBe(1);
    // Without a state of ours the kernel runs it as at LOCAL_OUT, for IPv4.
    const station = { hook: NF_INET.NF_INET_LOCAL_OUT, pf: NFPROTO.NFPROTO_IPV4 };
    const map = createMap(state);
    interpret(program, { ...netfilterEnvironment(ip, station), maps: { state: map } });
    expect(theirs.lookup(key0)).toEqual(map.entries()[0]![1]);
  });

  /** The verifier's log. */
  function refusal(action: () => unknown): string {
    try {
      action();
    } catch (error) {
      if (error instanceof ErrnoError) return error.detail ?? "";
      throw error;
    }
    throw new Error("the verifier took it");
  }

  test("a refusal carries the verifier's whole log", () => {
    const program = assemble("r0 = r5\nexit");
    let error: unknown;
    try {
      kernelProgram(program, {}, BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ErrnoError);
    expect((error as ErrnoError).code).toBe("EACCES");
    expect((error as ErrnoError).call).toBe("bpf(BPF_PROG_LOAD)");
    expect((error as ErrnoError).detail).toMatch(/R5 !read_ok[\s\S]*processed 1 insns/);
  });
});
