/** How BTF lies in memory: linux/btf.h. */

import { BTF_KIND } from "../uapi/btf.ts";
import { i32, struct, u8, u16, u32 } from "../wire/struct.ts";

export type BtfKind = keyof typeof BTF_KIND;

export const btf_header = struct("btf_header", {
  magic: u16,
  version: u8,
  flags: u8,
  hdr_len: u32,
  type_off: u32,
  type_len: u32,
  str_off: u32,
  str_len: u32,
});

/** `info` holds how many rows follow (16 bits), the kind (5 bits from 24 on) and a flag (bit 31). */
export const btf_type = struct("btf_type", { name_off: u32, info: u32, size_or_type: u32 });

export const btf_array = struct("btf_array", { type: u32, index_type: u32, nelems: u32 });
/** With the flag of its structure, `offset` holds the width of a bit field in its highest byte. */
export const btf_member = struct("btf_member", { name_off: u32, type: u32, offset: u32 });
export const btf_param = struct("btf_param", { name_off: u32, type: u32 });
export const btf_enum = struct("btf_enum", { name_off: u32, val: i32 });
/** What follows an integer: encoding (4 bits from 24 on), offset (8 from 16 on), bits (8). */
export const btf_int = struct("btf_int", { encoding: u32 });

/** Records of BPF_PROG_LOAD: linux/bpf.h. */
export const bpf_func_info = struct("bpf_func_info", { insn_off: u32, type_id: u32 });
/** `line_col` holds the line above ten bits of column. */
export const bpf_line_info = struct("bpf_line_info", {
  insn_off: u32,
  file_name_off: u32,
  line_off: u32,
  line_col: u32,
});

const KINDS: readonly BtfKind[] = Object.keys(BTF_KIND) as BtfKind[];

/** Bytes that follow a type: `once`, and for each of its rows. */
const TRAILERS: { readonly [K in BtfKind]?: { readonly once?: number; readonly each?: number } } = {
  BTF_KIND_INT: { once: btf_int.size },
  BTF_KIND_ARRAY: { once: btf_array.size },
  BTF_KIND_STRUCT: { each: btf_member.size },
  BTF_KIND_UNION: { each: btf_member.size },
  BTF_KIND_ENUM: { each: btf_enum.size },
  BTF_KIND_FUNC_PROTO: { each: btf_param.size },
  BTF_KIND_VAR: { once: 4 },
  BTF_KIND_DATASEC: { each: 12 },
  BTF_KIND_DECL_TAG: { once: 4 },
  BTF_KIND_ENUM64: { each: 12 },
};
const ONCE = KINDS.map((kind) => TRAILERS[kind]?.once ?? 0);
const EACH = KINDS.map((kind) => TRAILERS[kind]?.each ?? 0);

/** The kind in `info`; undefined for one that Moonhook does not know. */
export const kindOf = (info: number): BtfKind | undefined => KINDS[kindNumberOf(info)];
export const kindNumberOf = (info: number): number => (info >>> 24) & 31;
export const rowsOf = (info: number): number => info & 0xffff;
export const flagOf = (info: number): boolean => info >>> 31 === 1;

export const makeInfo = (kind: BtfKind, rows = 0, flag = false): number =>
  ((flag ? 0x8000_0000 : 0) | (BTF_KIND[kind] << 24) | rows) >>> 0;

/** Bytes behind the `btf_type` of this `info`. */
export const trailerBytes = (info: number): number =>
  ONCE[kindNumberOf(info)]! + EACH[kindNumberOf(info)]! * rowsOf(info);
