/** Builds BTF to give to the kernel: types get ids from 1 on, in the order they are added; equal ones share theirs. */

import { BTF, BTF_FUNC_LINKAGE, BTF_INT } from "../uapi/btf.ts";
import { assert } from "../util/assert.ts";
import {
  type BtfKind,
  btf_array,
  btf_header,
  btf_int,
  btf_member,
  btf_param,
  btf_type,
  makeInfo,
} from "./btf-layout.ts";

/** A void pointer's target, and what a function without a result returns. */
export const BTF_VOID = 0;

export interface StructMember {
  readonly name: string;
  readonly typeId: number;
  /** From the start of the structure. */
  readonly offsetBytes: number;
}

export class BtfBuilder {
  readonly #types: Uint8Array[] = [];
  /** By their bytes. */
  readonly #ids = new Map<string, number>();
  readonly #strings: Uint8Array[] = [Uint8Array.of(0)];
  readonly #offsets = new Map<string, number>([["", 0]]);
  #stringBytes = 1;

  /** The place of a text among the strings; equal ones share it. It ends at its first NUL, if it has one. */
  string(text: string): number {
    const whole = text.split("\0", 1)[0]!;
    const known = this.#offsets.get(whole);
    if (known !== undefined) return known;
    const bytes = new TextEncoder().encode(`${whole}\0`);
    const offset = this.#stringBytes;
    this.#strings.push(bytes);
    this.#stringBytes += bytes.length;
    this.#offsets.set(whole, offset);
    return offset;
  }

  integer(name: string, sizeBytes: number, isSigned = false): number {
    const encoding = ((isSigned ? BTF_INT.BTF_INT_SIGNED : 0) << 24) | (sizeBytes * 8);
    return this.#add("BTF_KIND_INT", name, sizeBytes, [btf_int.encode({ encoding })]);
  }

  pointer(typeId: number): number {
    return this.#add("BTF_KIND_PTR", "", typeId);
  }

  array(typeId: number, length: number): number {
    const index_type = this.integer("unsigned int", 4);
    return this.#add("BTF_KIND_ARRAY", "", 0, [
      btf_array.encode({ type: typeId, index_type, nelems: length }),
    ]);
  }

  struct(name: string, sizeBytes: number, members: readonly StructMember[]): number {
    const rows = members.map((member) =>
      btf_member.encode({
        name_off: this.string(member.name),
        type: member.typeId,
        offset: member.offsetBytes * 8,
      }),
    );
    return this.#add("BTF_KIND_STRUCT", name, sizeBytes, rows, rows.length);
  }

  /** `struct bpf_spin_lock`: a member of this type in a value is a lock, told by its name. */
  spinLock(): number {
    const typeId = this.integer("unsigned int", 4);
    return this.struct("bpf_spin_lock", 4, [{ name: "val", typeId, offsetBytes: 0 }]);
  }

  /** A function: its parameters by name and type. */
  function(
    name: string,
    parameters: readonly (readonly [name: string, typeId: number])[],
    resultTypeId: number,
    linkage: keyof typeof BTF_FUNC_LINKAGE,
  ): number {
    const rows = parameters.map(([parameter, type]) =>
      btf_param.encode({ name_off: this.string(parameter), type }),
    );
    const prototype = this.#add("BTF_KIND_FUNC_PROTO", "", resultTypeId, rows, rows.length);
    return this.#add("BTF_KIND_FUNC", name, prototype, [], BTF_FUNC_LINKAGE[linkage]);
  }

  encode(): Uint8Array {
    const typeBytes = this.#types.reduce((sum, { length }) => sum + length, 0);
    const header = btf_header.encode({
      magic: BTF.BTF_MAGIC,
      version: BTF.BTF_VERSION,
      hdr_len: btf_header.size,
      type_len: typeBytes,
      str_off: typeBytes,
      str_len: this.#stringBytes,
    });
    const whole = new Uint8Array(header.length + typeBytes + this.#stringBytes);
    let at = 0;
    for (const part of [header, ...this.#types, ...this.#strings]) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  #add(
    kind: BtfKind,
    name: string,
    size_or_type: number,
    trailers: readonly Uint8Array[] = [],
    rows = 0,
  ): number {
    assert(rows < 0x1_0000, `${kind} ${name} has too many rows`);
    const head = btf_type.encode({ name_off: this.string(name), info: makeInfo(kind, rows), size_or_type });
    const bytes = new Uint8Array(head.length + trailers.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of [head, ...trailers]) {
      bytes.set(part, at);
      at += part.length;
    }
    const key = bytes.join();
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#types.push(bytes);
    this.#ids.set(key, this.#types.length);
    return this.#types.length;
  }
}
