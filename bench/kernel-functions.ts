/** The BTF ids of the running kernel's functions, by name: what a program calls them by. Ids differ between builds. */

import { readFileSync } from "node:fs";
import { struct, u8, u16, u32 } from "../src/wire/struct.ts";

/** struct btf_header, linux/btf.h */
const btf_header = struct("btf_header", {
  magic: u16,
  version: u8,
  flags: u8,
  headerLength: u32,
  typesAt: u32,
  typesLength: u32,
  stringsAt: u32,
  stringsLength: u32,
});

/** struct btf_type; `info` has the number of members in its lower half and the kind in bits 24 to 28. */
const btf_type = struct("btf_type", { name: u32, info: u32, sizeOrType: u32 });

const BTF_KIND_FUNC = 12;
/** Bytes behind the types of a kind: so many, or so many for each member. */
const BEHIND: Record<number, number> = { 1: 4, 3: 12, 14: 4, 17: 4 };
const BEHIND_MEMBER: Record<number, number> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };

/** Finds the ids of all of `names`; throws when the kernel has no such function. */
export function kernelFunctionIds(names: readonly string[]): Map<string, number> {
  const file = readFileSync("/sys/kernel/btf/vmlinux");
  const header = btf_header.decode(file);
  const strings = header.headerLength + header.stringsAt;
  const wanted = new Map<number, string>();
  for (const name of names) {
    const at = file.indexOf(`\0${name}\0`, strings, "latin1");
    if (at >= 0) wanted.set(at + 1 - strings, name);
  }
  const ids = new Map<string, number>();
  const end = header.headerLength + header.typesAt + header.typesLength;
  for (let at = header.headerLength + header.typesAt, id = 1; at < end; id++) {
    const info = btf_type.get.info(file, at);
    const kind = (info >>> 24) & 31;
    const name = kind === BTF_KIND_FUNC ? wanted.get(btf_type.get.name(file, at)) : undefined;
    if (name !== undefined) ids.set(name, id);
    at += btf_type.size + (BEHIND[kind] ?? 0) + (BEHIND_MEMBER[kind] ?? 0) * (info & 0xffff);
  }
  const missing = names.filter((name) => !ids.has(name));
  if (missing.length > 0) throw new Error(`this kernel has no function ${missing.join(", ")}`);
  return ids;
}
