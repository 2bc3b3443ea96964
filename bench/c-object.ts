/**
 * Reads what clang makes of the C programs in bench/c: an ELF object (`clang -target bpf`) with one program in section
 * `netfilter`, its maps in section `maps`, variables in `.bss`, `.data` and `.rodata`, and kernel functions called by
 * name. The result is the form that src/ebpf works on, whose symbols `relocate` gives their numbers.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { decode, SLOT_BYTES, slotNumbers } from "../src/ebpf/instruction.ts";
import type { MapOptions } from "../src/ebpf/maps.ts";
import type { Program } from "../src/ebpf/program-builder.ts";
import { BPF_MAP_TYPE, BPF_PSEUDO } from "../src/uapi/bpf.ts";
import { struct, u8, u16, u32, u64 } from "../src/wire/struct.ts";

/** Elf64_Ehdr, behind its 16 bytes of identification. */
const elf_header = struct("elf header", {
  type: u16,
  machine: u16,
  version: u32,
  entry: u64,
  programHeaders: u64,
  sectionHeaders: u64,
  flags: u32,
  headerSize: u16,
  programHeaderSize: u16,
  programHeaderCount: u16,
  sectionHeaderSize: u16,
  sectionHeaderCount: u16,
  sectionNames: u16,
});

/** Elf64_Shdr */
const elf_section = struct("elf section", {
  name: u32,
  type: u32,
  flags: u64,
  address: u64,
  offset: u64,
  size: u64,
  link: u32,
  info: u32,
  alignment: u64,
  entrySize: u64,
});

/** Elf64_Sym */
const elf_symbol = struct("elf symbol", {
  name: u32,
  info: u8,
  other: u8,
  section: u16,
  value: u64,
  size: u64,
});

/** Elf64_Rel; the upper half of `info` is the symbol, the lower one the type. */
const elf_relocation = struct("elf relocation", { offset: u64, type: u32, symbol: u32 });

/** struct map, bench/c/bpf.h */
const c_map = struct("struct map", { type: u32, keySize: u32, valueSize: u32, maxEntries: u32 });

const IDENTIFICATION_BYTES = 16;
const ET_REL = 1;
const EM_BPF = 247;
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHT_REL = 9;
/** The address of something in a ld_imm64, and the target of a call: llvm's R_BPF_64_64 and R_BPF_64_32. */
const R_BPF_64_64 = 1;
const R_BPF_64_32 = 10;

const PROGRAM_SECTION = "netfilter";
const MAP_SECTION = "maps";
const VARIABLE_SECTIONS = [".bss", ".data", ".rodata"];

export interface CObject {
  readonly program: Program;
  /** Those of the program, and one array of a single value for each section of variables. */
  readonly maps: readonly MapOptions[];
  /** What the variables hold in the beginning, by section. */
  readonly variables: ReadonlyMap<string, Uint8Array>;
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly link: number;
  readonly info: number;
  readonly bytes: Uint8Array;
}

interface ElfSymbol {
  readonly name: string;
  /** Undefined for what the object itself does not have. */
  readonly section: Section | undefined;
  readonly value: number;
}

/** The program in an ELF object; `name` is what errors call it. */
export function readCObject(name: string, file: Uint8Array): CObject {
  const sections = readSections(file);
  const program = sections.find((section) => section.name === PROGRAM_SECTION);
  if (program === undefined) throw new Error(`${name}: there is no section '${PROGRAM_SECTION}'`);
  const symbols = readSymbols(sections);
  const code = program.bytes.slice();
  const named = new Map<number, string>();
  for (const { offset, type, symbol } of relocationsOf(program, sections)) {
    named.set(offset / SLOT_BYTES, link(name, code, offset, type, symbols[symbol]!));
  }
  const decoded = decode(code);
  const slots = slotNumbers(decoded);
  const instructions = decoded.map((instruction, i) => {
    const symbol = named.get(slots[i]!);
    return symbol === undefined ? instruction : { ...instruction, symbol };
  });
  const variables = sections.filter(
    (section) => VARIABLE_SECTIONS.includes(section.name) && section.bytes.length > 0,
  );
  return {
    program: { instructions, spans: [], labels: new Map([[name, 0]]) },
    maps: [...mapsOf(symbols), ...variables.map(variableMap)],
    variables: new Map(variables.map((section) => [section.name, section.bytes])),
  };
}

function readSections(file: Uint8Array): Section[] {
  const header = elf_header.decode(file, IDENTIFICATION_BYTES);
  if (header.type !== ET_REL || header.machine !== EM_BPF) throw new Error("this is no object file for eBPF");
  const rows = Array.from({ length: header.sectionHeaderCount }, (_, i) =>
    elf_section.decode(file, Number(header.sectionHeaders) + i * elf_section.size),
  );
  const names = rows[header.sectionNames]!;
  return rows.map(({ name, type, link, info, offset, size }) => ({
    name: textAt(file, Number(names.offset) + name),
    type,
    link,
    info,
    bytes:
      type === SHT_NOBITS
        ? new Uint8Array(Number(size))
        : file.subarray(Number(offset), Number(offset) + Number(size)),
  }));
}

const textAt = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.subarray(at, bytes.indexOf(0, at))).toString("latin1");

function readSymbols(sections: readonly Section[]): ElfSymbol[] {
  const table = sections.find(({ type }) => type === SHT_SYMTAB);
  if (table === undefined) return [];
  const names = sections[table.link]!.bytes;
  return rowsOf(elf_symbol, table.bytes).map(({ name, section, value }) => ({
    name: textAt(names, name),
    section: section === 0 ? undefined : sections[section],
    value: Number(value),
  }));
}

const relocationsOf = (target: Section, sections: readonly Section[]) =>
  sections
    .filter(({ type, info }) => type === SHT_REL && sections[info] === target)
    .flatMap(({ bytes }) => rowsOf(elf_relocation, bytes))
    .map(({ offset, type, symbol }) => ({ offset: Number(offset), type, symbol }));

function rowsOf<T>(
  layout: { size: number; decode(bytes: Uint8Array, at: number): T },
  bytes: Uint8Array,
): T[] {
  return Array.from({ length: bytes.length / layout.size }, (_, i) => layout.decode(bytes, i * layout.size));
}

/** Makes the instruction at `offset` one that src/ebpf knows, and returns the name of what it refers to. */
function link(program: string, code: Uint8Array, offset: number, type: number, symbol: ElfSymbol): string {
  const view = new DataView(code.buffer, code.byteOffset + offset);
  const setSource = (source: number) => view.setUint8(1, (view.getUint8(1) & 15) | (source << 4));
  const { name, section, value } = symbol;
  if (type === R_BPF_64_32 && section === undefined) {
    setSource(BPF_PSEUDO.BPF_PSEUDO_KFUNC_CALL);
    view.setInt32(4, 0, true);
    return name;
  }
  if (type === R_BPF_64_64 && section?.name === MAP_SECTION) {
    setSource(BPF_PSEUDO.BPF_PSEUDO_MAP_FD);
    return name;
  }
  if (type === R_BPF_64_64 && section !== undefined && VARIABLE_SECTIONS.includes(section.name)) {
    setSource(BPF_PSEUDO.BPF_PSEUDO_MAP_VALUE);
    // What stands there already is the distance from the symbol.
    view.setInt32(SLOT_BYTES + 4, value + view.getInt32(4, true), true);
    view.setInt32(4, 0, true);
    return section.name;
  }
  throw new Error(`${program}: '${name}' is nothing that a program can refer to (relocation type ${type})`);
}

const mapsOf = (symbols: readonly ElfSymbol[]): MapOptions[] =>
  symbols
    .filter(({ name, section }) => section?.name === MAP_SECTION && name !== "")
    .map(({ name, section, value }) => ({ name, ...c_map.decode(section!.bytes, value) }));

const variableMap = ({ name, bytes }: Section): MapOptions => ({
  name,
  type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
  keySize: 4,
  valueSize: bytes.length,
  maxEntries: 1,
});

const FOLDER = ".bench/c";

/**
 * Compiles bench/c/`name`.c; `names` become the header that its `NAMES` is about, without which the names are in a map.
 * Returns the object file.
 */
export function compileC(name: string, names?: readonly Uint8Array[]): Uint8Array {
  mkdirSync(FOLDER, { recursive: true });
  const options: string[] = [];
  if (names !== undefined) {
    const header = `${process.cwd()}/${FOLDER}/${name}-names.h`;
    writeFileSync(header, names.map((name) => `NAME(${name.length}, ${equals(name)})\n`).join(""));
    options.push(`-DNAMES="${header}"`);
  }
  const { status, stdout, stderr, error } = spawnSync("clang", [
    ...["-O2", "-target", "bpf", "-mcpu=v3", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror"],
    ...options,
    ...["-c", `bench/c/${name}.c`, "-o", "-"],
  ]);
  if (error) throw error;
  if (status !== 0) throw new Error(`clang ${name}.c: ${stderr.toString()}`);
  return stdout;
}

/** A condition in C: each part of the name, as large as can be, is the number that it should be. */
function equals(name: Uint8Array): string {
  const view = new DataView(name.buffer, name.byteOffset, name.length);
  const parts: string[] = [];
  for (let at = 0; at < name.length; ) {
    const left = name.length - at;
    const [size, value] =
      left >= 8
        ? [8, view.getBigUint64(at, true)]
        : left >= 4
          ? [4, view.getUint32(at, true)]
          : left >= 2
            ? [2, view.getUint16(at, true)]
            : [1, view.getUint8(at)];
    parts.push(`U${size * 8}(${at}) == 0x${value.toString(16)}${size === 8 ? "ULL" : "U"}`);
    at += size;
  }
  return parts.join(" && ");
}
