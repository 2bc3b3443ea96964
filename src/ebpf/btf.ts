/**
 * Reads BTF, above all that of the running kernel (/sys/kernel/btf/vmlinux: 5 MB, 126,000 types here). Ids and
 * offsets differ between builds of a kernel, so programs look them up when they are loaded.
 *
 * Opening it walks over the types once, to learn where each begins; names stay in the file, and a search for one goes
 * over the bytes. Here the walk took 37 ms and a search 1 to 12; nothing is kept but nine bytes a type.
 */

import { BTF, BTF_KIND } from "../uapi/btf.ts";
import { latin1FromBytes } from "../util/latin1.ts";
import {
  type BtfKind,
  btf_array,
  btf_enum,
  btf_header,
  btf_member,
  btf_param,
  btf_type,
  flagOf,
  kindNumberOf,
  kindOf,
  rowsOf,
  trailerBytes,
} from "./btf-layout.ts";

/** Bytes that are no BTF, or a type that is not in it. */
export class BtfError extends Error {
  override readonly name = "BtfError";
}

export interface BtfType {
  readonly id: number;
  readonly kind: BtfKind;
  /** Empty for what has none. */
  readonly name: string;
  /** Bytes, for the kinds that have a size of their own. */
  readonly size: number | undefined;
  /** What it points to, stands for or returns; 0 is void. */
  readonly typeId: number | undefined;
}

export interface BtfMember {
  /** Empty for an anonymous structure or union. */
  readonly name: string;
  readonly typeId: number;
  /** From the start of its structure. */
  readonly offsetBits: number;
  /** Its width if it is a bit field, otherwise 0. */
  readonly fieldBits: number;
}

/** A member found by its path. */
export interface BtfPlace extends BtfMember {
  /** Whole bytes from the start of the outermost structure. */
  readonly offset: number;
  /** Bytes of its type. */
  readonly size: number;
}

export interface BtfParameter {
  readonly name: string;
  readonly typeId: number;
}

const SIZED = new Set<number>([
  BTF_KIND.BTF_KIND_INT,
  BTF_KIND.BTF_KIND_STRUCT,
  BTF_KIND.BTF_KIND_UNION,
  BTF_KIND.BTF_KIND_ENUM,
  BTF_KIND.BTF_KIND_ENUM64,
  BTF_KIND.BTF_KIND_FLOAT,
  BTF_KIND.BTF_KIND_DATASEC,
]);
/** Kinds that only stand for another type. */
const TRANSPARENT = new Set<BtfKind>([
  "BTF_KIND_TYPEDEF",
  "BTF_KIND_CONST",
  "BTF_KIND_VOLATILE",
  "BTF_KIND_RESTRICT",
  "BTF_KIND_TYPE_TAG",
]);
const POINTER_BYTES = 8;
/** What messages call a kind. */
const WORDS: { readonly [K in BtfKind]?: string } = {
  BTF_KIND_FUNC: "function",
  BTF_KIND_ENUM: "enum",
};

export class Btf {
  readonly #bytes: Uint8Array;
  readonly #strings: Uint8Array;
  /** By id, from 1 on. */
  readonly #places: Uint32Array;
  readonly #nameOffsets: Uint32Array;
  readonly #kinds: Uint8Array;
  /** The highest id; 0 is void and has no entry. */
  readonly typeCount: number;
  readonly #ids = new Map<string, number | undefined>();

  /** Throws `BtfError` or `DecodeError` when the bytes are no whole BTF of this machine's byte order. */
  constructor(bytes: Uint8Array) {
    const header = btf_header.decode(bytes);
    if (header.magic !== BTF.BTF_MAGIC)
      throw new BtfError(`no BTF: it begins with 0x${header.magic.toString(16)}`);
    const from = header.hdr_len + header.type_off;
    const end = from + header.type_len;
    const strings = header.hdr_len + header.str_off;
    if (end > bytes.length || strings + header.str_len > bytes.length)
      throw new BtfError(`cut off: its sections need more than ${bytes.length} bytes`);
    this.#bytes = bytes;
    this.#strings = bytes.subarray(strings, strings + header.str_len);
    const mostTypes = Math.floor(header.type_len / btf_type.size) + 1;
    const places = new Uint32Array(mostTypes);
    const nameOffsets = new Uint32Array(mostTypes);
    const kinds = new Uint8Array(mostTypes);
    let id = 0;
    for (let at = from; at < end; ) {
      id++;
      if (at + btf_type.size > end) throw new BtfError(`cut off in type ${id}`);
      const info = btf_type.get.info(bytes, at);
      if (kindOf(info) === undefined)
        throw new BtfError(`type ${id} is of the unknown kind ${kindNumberOf(info)}`);
      places[id] = at;
      nameOffsets[id] = btf_type.get.name_off(bytes, at);
      kinds[id] = kindNumberOf(info);
      at += btf_type.size + trailerBytes(info);
      if (at > end) throw new BtfError(`cut off in type ${id}`);
    }
    this.typeCount = id;
    this.#places = places.slice(0, id + 1);
    this.#nameOffsets = nameOffsets.slice(0, id + 1);
    this.#kinds = kinds.slice(0, id + 1);
  }

  /** Throws `BtfError` when there is no such type. */
  type(id: number): BtfType {
    const at = this.#placeOf(id);
    const info = btf_type.get.info(this.#bytes, at);
    const number = btf_type.get.size_or_type(this.#bytes, at);
    const kind = kindOf(info)!;
    const isSized = SIZED.has(kindNumberOf(info));
    return {
      id,
      kind,
      name: this.#text(btf_type.get.name_off(this.#bytes, at)),
      size: isSized ? number : kind === "BTF_KIND_PTR" ? POINTER_BYTES : undefined,
      typeId: isSized || kind === "BTF_KIND_ARRAY" || kind === "BTF_KIND_FWD" ? undefined : number,
    };
  }

  /** The first type of this kind and name, or undefined. */
  find(kind: BtfKind, name: string): number | undefined {
    const key = `${kind} ${name}`;
    if (this.#ids.has(key)) return this.#ids.get(key);
    const offsets = this.#offsetsOf(name);
    const number = BTF_KIND[kind];
    let found: number | undefined;
    for (let id = 1; id <= this.typeCount && found === undefined; id++)
      if (this.#kinds[id] === number && offsets.has(this.#nameOffsets[id]!)) found = id;
    this.#ids.set(key, found);
    return found;
  }

  /** The id of a kernel function: what a call of it carries. Throws `BtfError` when there is none. */
  functionId(name: string): number {
    return this.#wanted("BTF_KIND_FUNC", name);
  }

  /** Rows of a structure or a union, in order. */
  members(id: number): BtfMember[] {
    const isBitfields = flagOf(this.#infoOf(id, "BTF_KIND_STRUCT", "BTF_KIND_UNION"));
    return this.#rows(id, btf_member.size, (at) => {
      const offset = btf_member.get.offset(this.#bytes, at);
      return {
        name: this.#text(btf_member.get.name_off(this.#bytes, at)),
        typeId: btf_member.get.type(this.#bytes, at),
        offsetBits: isBitfields ? offset & 0xff_ffff : offset,
        fieldBits: isBitfields ? offset >>> 24 : 0,
      };
    });
  }

  /** Parameters of a function or of a prototype. */
  parameters(id: number): BtfParameter[] {
    const { kind, typeId } = this.type(id);
    if (kind === "BTF_KIND_FUNC") return this.parameters(typeId!);
    this.#infoOf(id, "BTF_KIND_FUNC_PROTO");
    return this.#rows(id, btf_param.size, (at) => ({
      name: this.#text(btf_param.get.name_off(this.#bytes, at)),
      typeId: btf_param.get.type(this.#bytes, at),
    }));
  }

  array(id: number): { readonly typeId: number; readonly length: number } {
    this.#infoOf(id, "BTF_KIND_ARRAY");
    const { type, nelems } = btf_array.decode(this.#bytes, this.#placeOf(id) + btf_type.size);
    return { typeId: type, length: nelems };
  }

  /** The number that `name` stands for in an enumeration. Throws `BtfError` naming what is missing. */
  enumerator(enumeration: string, name: string): number {
    const id = this.#wanted("BTF_KIND_ENUM", enumeration);
    const numbers = this.#rows(id, btf_enum.size, (at) =>
      this.#text(btf_enum.get.name_off(this.#bytes, at)) === name
        ? btf_enum.get.val(this.#bytes, at)
        : undefined,
    );
    const found = numbers.find((number) => number !== undefined);
    if (found === undefined) throw new BtfError(`enum ${enumeration} has no '${name}' in this kernel`);
    return found;
  }

  /**
   * The member of structure `structure` at `path` (`mark`, `tuplehash`, `dst.u3`), through anonymous structures and
   * unions. Throws `BtfError` naming what is missing.
   */
  member(structure: string, path: string): BtfPlace {
    let id = this.#wanted("BTF_KIND_STRUCT", structure);
    let offsetBits = 0;
    let found: BtfMember | undefined;
    for (const name of path.split(".")) {
      found = this.#memberOf(id, name);
      if (found === undefined) throw new BtfError(`struct ${structure} has no '${path}' in this kernel`);
      offsetBits += found.offsetBits;
      id = this.resolve(found.typeId);
    }
    return { ...found!, offsetBits, offset: Math.floor(offsetBits / 8), size: this.sizeOf(id) };
  }

  /** The type behind names and qualifiers. */
  resolve(id: number): number {
    for (let current = id; ; ) {
      if (current === 0) return 0;
      const { kind, typeId } = this.type(current);
      if (!TRANSPARENT.has(kind)) return current;
      current = typeId!;
    }
  }

  /** Bytes of a type; 0 for void and functions. */
  sizeOf(id: number): number {
    const resolved = this.resolve(id);
    if (resolved === 0) return 0;
    const { kind, size } = this.type(resolved);
    if (kind !== "BTF_KIND_ARRAY") return size ?? 0;
    const { typeId, length } = this.array(resolved);
    return this.sizeOf(typeId) * length;
  }

  /** Bytes of a structure by its name. Throws `BtfError` when there is none. */
  structureSize(name: string): number {
    return this.sizeOf(this.#wanted("BTF_KIND_STRUCT", name));
  }

  #memberOf(id: number, name: string): BtfMember | undefined {
    const members = this.members(id);
    const direct = members.find((member) => member.name === name);
    if (direct !== undefined) return direct;
    for (const { name: anonymous, typeId, offsetBits } of members) {
      if (anonymous !== "") continue;
      const inner = this.#memberOf(this.resolve(typeId), name);
      if (inner) return { ...inner, offsetBits: inner.offsetBits + offsetBits };
    }
    return undefined;
  }

  #wanted(kind: BtfKind, name: string): number {
    const id = this.find(kind, name);
    if (id === undefined) {
      throw new BtfError(`this kernel has no ${WORDS[kind] ?? "struct"} ${name}`);
    }
    return id;
  }

  #placeOf(id: number): number {
    const at = id === 0 ? undefined : this.#places[id];
    if (at === undefined) throw new BtfError(`there is no type ${id}`);
    return at;
  }

  #infoOf(id: number, ...kinds: BtfKind[]): number {
    const info = btf_type.get.info(this.#bytes, this.#placeOf(id));
    const kind = kindOf(info)!;
    if (!kinds.includes(kind)) throw new BtfError(`type ${id} is ${kind}, not ${kinds.join(" or ")}`);
    return info;
  }

  #rows<T>(id: number, sizeBytes: number, read: (at: number) => T): T[] {
    const at = this.#placeOf(id);
    return Array.from({ length: rowsOf(btf_type.get.info(this.#bytes, at)) }, (_, row) =>
      read(at + btf_type.size + row * sizeBytes),
    );
  }

  #text(offset: number): string {
    const end = this.#strings.indexOf(0, offset);
    return latin1FromBytes(this.#strings, offset, end < 0 ? this.#strings.length : end);
  }

  /** Where in the strings `name` stands up to its NUL: one may be the end of another. */
  #offsetsOf(name: string): Set<number> {
    const wanted = Uint8Array.from(`${name}\0`, (character) => character.charCodeAt(0));
    const offsets = new Set<number>();
    const strings = this.#strings;
    const first = wanted[0]!;
    for (let at = strings.indexOf(first); at >= 0; at = strings.indexOf(first, at + 1)) {
      let i = 1;
      while (i < wanted.length && strings[at + i] === wanted[i]) i++;
      if (i === wanted.length) offsets.add(at);
    }
    return offsets;
  }
}
