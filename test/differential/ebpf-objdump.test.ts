/** llvm-objdump reads our bytes, and we read what it prints: an encoder and an assembler that we did not write. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AssembleError, assemble } from "../../src/ebpf/assemble.ts";
import { encode, type Instruction, slotsOf } from "../../src/ebpf/instruction.ts";
import { OPCODES } from "../../src/ebpf/opcodes.ts";
import { randomInstance, randomOf } from "../../src/ebpf/testing.ts";

const toolMissing = spawnSync("llvm-objdump", ["--version"]).status !== 0;

/** A relocatable ELF file for eBPF whose section `.text` is `code`. */
function elf(code: Uint8Array): Uint8Array {
  const names = "\0.text\0.shstrtab\0";
  const headerBytes = 64;
  const namesAt = headerBytes + code.length;
  const sectionsAt = (namesAt + names.length + 7) & ~7;
  const bytes = new Uint8Array(sectionsAt + 3 * headerBytes);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 1, true); // ET_REL
  view.setUint16(18, 247, true); // EM_BPF
  view.setUint32(20, 1, true);
  view.setUint32(40, sectionsAt, true);
  view.setUint16(52, headerBytes, true);
  view.setUint16(58, headerBytes, true);
  view.setUint16(60, 3, true);
  view.setUint16(62, 2, true);
  bytes.set(code, headerBytes);
  bytes.set(new TextEncoder().encode(names), namesAt);
  const section = (
    index: number,
    name: number,
    type: number,
    flags: number,
    at: number,
    size: number,
  ): void => {
    const start = sectionsAt + index * headerBytes;
    view.setUint32(start, name, true);
    view.setUint32(start + 4, type, true);
    view.setUint32(start + 8, flags, true);
    view.setUint32(start + 24, at, true);
    view.setUint32(start + 32, size, true);
    view.setUint32(start + 48, 1, true);
  };
  section(1, 1, 1, 6, headerBytes, code.length); // SHT_PROGBITS, ALLOC | EXECINSTR
  section(2, 7, 3, 0, namesAt, names.length); // SHT_STRTAB
  return bytes;
}

/** What llvm-objdump prints for each instruction. */
function objdump(program: readonly Instruction[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "moonhook-elf-"));
  try {
    writeFileSync(join(folder, "x.o"), elf(encode(program)));
    const { stdout } = spawnSync(
      "llvm-objdump",
      ["-d", "--mcpu=v4", "--no-show-raw-insn", join(folder, "x.o")],
      { encoding: "utf8" },
    );
    const texts = new Map<number, string>();
    for (const [, slot, text] of stdout.matchAll(/^\s*(\d+):\s+(.*)$/gm)) texts.set(Number(slot), text!);
    let at = 0;
    return program.map((instruction) => {
      const text = texts.get(at)!.replace(/ <[.\w+]*>$/, "");
      at += slotsOf(instruction);
      return text;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Rows whose bytes Debian's LLVM 14 does not know (and, where only `off` tells them, takes for their elders) or
 * spells in its own way (exchanges, pseudo loads, calls of other kinds).
 */
const otherwise =
  /^(mod|sdiv|smod|movsx|bswap|addr_space|ja32|may_goto|jset|st\d|ldxs|load_acq|store_rel|call|ld_|atomic\d+_(or|and|xor|cmpxchg|xchg|fetch))/;

test.skipIf(toolMissing)("what llvm-objdump prints for our bytes is our instruction", () => {
  const known = OPCODES.filter(({ name }) => !otherwise.test(name) || name === "ld_imm64");
  const program = known.flatMap((opcode) =>
    [1, 2, 3, 4, 5].map((seed) => randomInstance(opcode, randomOf(seed * 7919))),
  );
  const texts = objdump(program);
  const differing = program.flatMap((made, i) =>
    isSame(texts[i]!, made) ? [] : [`${made.opcode.name}: ${texts[i]}`],
  );
  expect(differing).toEqual([]);
  expect(known.length).toBeGreaterThan(80);
});

function isSame(text: string, made: Instruction): boolean {
  try {
    return JSON.stringify(assemble(text).instructions) === JSON.stringify([made]);
  } catch (error) {
    if (error instanceof AssembleError) return false;
    throw error;
  }
}
