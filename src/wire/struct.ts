/**
 * A binary layout is declared once, as a table of fields without padding:
 *
 *     const udp = struct("udp", { sport: u16be, dport: u16be, length: u16be, checksum: u16be });
 *
 * and everything else follows from it. Three ways to use one, from the fastest to the most comfortable:
 * `udp.get.dport(bytes, at)` allocates nothing and checks nothing; `udp.view(bytes, at)` checks the length once
 * and then reads and writes in place; `udp.decode(bytes, at)` copies everything into a plain object.
 *
 * Each scalar type builds its own reader for an offset, so that an optimising engine sees a small function
 * with a constant in it: a declared field costs what hand-written offsets cost.
 */
import { assert } from "../util/assert.ts";
import { DecodeError } from "./decode-error.ts";

export { DecodeError } from "./decode-error.ts";

export type Reader<T> = (bytes: Uint8Array, at: number) => T;
export type Writer<T> = (bytes: Uint8Array, at: number, value: T) => void;

/** How one field is stored. A `Struct` is one too, so layouts nest. */
export interface FieldType<T> {
  readonly name: string;
  readonly size: number;
  /** Reads the field that lies `offset` bytes after the place it is later called with. */
  reader(offset: number): Reader<T>;
  writer(offset: number): Writer<T>;
  /** A copy that no longer shares memory with the bytes read; absent when values are never shared. */
  own?(value: T): T;
  /** An arbitrary storable value; `next` gives uniform unsigned 32-bit numbers. For tests. */
  random(next: () => number): T;
}

// biome-ignore lint/suspicious/noExplicitAny: FieldType is invariant, so only `any` names "some field type"
export type AnyFieldType = FieldType<any>;
export type Fields = Readonly<Record<string, AnyFieldType>>;
export type FieldValue<F> = F extends FieldType<infer T> ? T : never;
export type StructValue<F extends Fields> = { -readonly [K in keyof F]: FieldValue<F[K]> };
/** Field accessors that work in place, and where they point. */
export type StructView<F extends Fields> = StructValue<F> & {
  readonly buffer: Uint8Array;
  readonly start: number;
};

/** The plain object that a struct or an attribute set decodes to. */
export type ValueOf<T extends { decode(bytes: Uint8Array, ...rest: never[]): unknown }> = ReturnType<
  T["decode"]
>;

export interface Struct<F extends Fields> extends FieldType<StructValue<F>> {
  readonly fields: F;
  /** Field name to its distance in bytes from the start. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** Unchecked readers: the caller knows that `bytes` reaches to `at + size`. */
  readonly get: { readonly [K in keyof F]: Reader<FieldValue<F[K]>> };
  /** Unchecked writers. */
  readonly set: { readonly [K in keyof F]: Writer<FieldValue<F[K]>> };
  /** An accessor object over the bytes themselves, or `undefined` when they are too short. */
  view(bytes: Uint8Array, at?: number): StructView<F> | undefined;
  /** A plain object that owns its bytes. Throws `DecodeError` when the bytes are too short. */
  decode(bytes: Uint8Array, at?: number): StructValue<F>;
  /** Fresh bytes; fields left out are zero. */
  encode(value: Partial<StructValue<F>>): Uint8Array;
  /** Writes the given fields at `at` and leaves the others alone. */
  write(bytes: Uint8Array, at: number, value: Partial<StructValue<F>>): void;
}

/** Declares a layout: fields in order, packed. */
export function struct<const F extends Fields>(name: string, fields: F): Struct<F> {
  const keys = Object.keys(fields) as (keyof F & string)[];
  const offsets: Record<string, number> = {};
  const get: Record<string, Reader<unknown>> = {};
  const set: Record<string, Writer<unknown>> = {};
  let size = 0;
  for (const key of keys) {
    assert(key !== "buffer" && key !== "start", `${name}: a field cannot be called ${key}`);
    const type: FieldType<unknown> = fields[key]!;
    offsets[key] = size;
    get[key] = type.reader(size);
    set[key] = type.writer(size);
    size += type.size;
  }
  const View = viewClass(keys, get, set);

  function checkLength(bytes: Uint8Array, at: number): void {
    if (at >= 0 && at + size <= bytes.length) return;
    const field = keys.find((key) => at + offsets[key]! + fields[key]!.size > bytes.length) ?? keys[0] ?? "";
    const from = at + (offsets[field] ?? 0);
    const left = Math.max(0, bytes.length - from);
    throw new DecodeError(name, field, from, `needs ${fields[field]?.size ?? 0} bytes, ${left} left`);
  }

  function decode(bytes: Uint8Array, at = 0): StructValue<F> {
    checkLength(bytes, at);
    const value: Record<string, unknown> = {};
    for (const key of keys) {
      const type: FieldType<unknown> = fields[key]!;
      const shared = get[key]!(bytes, at);
      value[key] = type.own === undefined ? shared : type.own(shared);
    }
    return value as StructValue<F>;
  }

  function write(bytes: Uint8Array, at: number, value: Partial<StructValue<F>>): void {
    for (const key of keys) {
      const given = value[key];
      if (given !== undefined) set[key]!(bytes, at, given);
    }
  }

  return {
    name,
    size,
    fields,
    offsets: offsets as Struct<F>["offsets"],
    get: get as Struct<F>["get"],
    set: set as Struct<F>["set"],
    view: (bytes, at = 0) =>
      at >= 0 && at + size <= bytes.length ? (new View(bytes, at) as unknown as StructView<F>) : undefined,
    decode,
    write,
    encode(value) {
      const bytes = new Uint8Array(size);
      write(bytes, 0, value);
      return bytes;
    },
    reader: (offset) => (bytes, at) => decode(bytes, at + offset),
    writer: (offset) => (bytes, at, value) => write(bytes, at + offset, value),
    random(next) {
      const value: Record<string, unknown> = {};
      for (const key of keys) value[key] = fields[key]!.random(next);
      return value as StructValue<F>;
    },
  };
}

/** One class per layout, so that every view of it has the same hidden class. */
function viewClass(
  keys: readonly string[],
  get: Record<string, Reader<unknown>>,
  set: Record<string, Writer<unknown>>,
): new (
  buffer: Uint8Array,
  start: number,
) => object {
  class View {
    readonly buffer: Uint8Array;
    readonly start: number;
    constructor(buffer: Uint8Array, start: number) {
      this.buffer = buffer;
      this.start = start;
    }
  }
  for (const key of keys) {
    const read = get[key]!;
    const write = set[key]!;
    Object.defineProperty(View.prototype, key, {
      enumerable: true,
      get(this: View) {
        return read(this.buffer, this.start);
      },
      set(this: View, value: unknown) {
        write(this.buffer, this.start, value);
      },
    });
  }
  return View;
}

// Scalars. Each has its own reader literal: sharing one would make its calls megamorphic.

export const u8: FieldType<number> = {
  name: "u8",
  size: 1,
  reader: (offset) => (bytes, at) => bytes[at + offset]!,
  writer: (offset) => (bytes, at, value) => {
    bytes[at + offset] = value;
  },
  random: (next) => next() & 0xff,
};

export const i8: FieldType<number> = {
  name: "i8",
  size: 1,
  reader: (offset) => (bytes, at) => (bytes[at + offset]! << 24) >> 24,
  writer: (offset) => (bytes, at, value) => {
    bytes[at + offset] = value;
  },
  random: (next) => (next() << 24) >> 24,
};

export const u16be: FieldType<number> = {
  name: "u16be",
  size: 2,
  reader: (offset) => (bytes, at) => (bytes[at + offset]! << 8) | bytes[at + offset + 1]!,
  writer: (offset) => (bytes, at, value) => {
    bytes[at + offset] = value >> 8;
    bytes[at + offset + 1] = value;
  },
  random: (next) => next() & 0xffff,
};

export const u16le: FieldType<number> = {
  name: "u16le",
  size: 2,
  reader: (offset) => (bytes, at) => bytes[at + offset]! | (bytes[at + offset + 1]! << 8),
  writer: (offset) => (bytes, at, value) => {
    bytes[at + offset] = value;
    bytes[at + offset + 1] = value >> 8;
  },
  random: (next) => next() & 0xffff,
};

export const i32be: FieldType<number> = {
  name: "i32be",
  size: 4,
  reader: (offset) => (bytes, at) => {
    const i = at + offset;
    return (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!;
  },
  writer: (offset) => (bytes, at, value) => {
    const i = at + offset;
    bytes[i] = value >> 24;
    bytes[i + 1] = value >> 16;
    bytes[i + 2] = value >> 8;
    bytes[i + 3] = value;
  },
  random: (next) => next() | 0,
};

export const i32le: FieldType<number> = {
  name: "i32le",
  size: 4,
  reader: (offset) => (bytes, at) => {
    const i = at + offset;
    return bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
  },
  writer: (offset) => (bytes, at, value) => {
    const i = at + offset;
    bytes[i] = value;
    bytes[i + 1] = value >> 8;
    bytes[i + 2] = value >> 16;
    bytes[i + 3] = value >> 24;
  },
  random: (next) => next() | 0,
};

export const u32be: FieldType<number> = {
  name: "u32be",
  size: 4,
  reader: (offset) => (bytes, at) => {
    const i = at + offset;
    return ((bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!) >>> 0;
  },
  writer: i32be.writer,
  random: (next) => next() >>> 0,
};

export const u32le: FieldType<number> = {
  name: "u32le",
  size: 4,
  reader: (offset) => (bytes, at) => {
    const i = at + offset;
    return (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)) >>> 0;
  },
  writer: i32le.writer,
  random: (next) => next() >>> 0,
};

export const u64be: FieldType<bigint> = wide("u64be", u32be, true, false);
export const u64le: FieldType<bigint> = wide("u64le", u32le, false, false);
export const i64be: FieldType<bigint> = wide("i64be", u32be, true, true);
export const i64le: FieldType<bigint> = wide("i64le", u32le, false, true);

/** Sixty-four bits as two halves; values are bigints because a number holds only 53 of them. */
function wide(name: string, half: FieldType<number>, highFirst: boolean, signed: boolean): FieldType<bigint> {
  const wrap = signed ? BigInt.asIntN : BigInt.asUintN;
  const highAt = highFirst ? 0 : 4;
  return {
    name,
    size: 8,
    reader(offset) {
      const high = half.reader(offset + highAt);
      const low = half.reader(offset + 4 - highAt);
      return (bytes, at) => wrap(64, (BigInt(high(bytes, at)) << 32n) | BigInt(low(bytes, at)));
    },
    writer(offset) {
      const high = half.writer(offset + highAt);
      const low = half.writer(offset + 4 - highAt);
      return (bytes, at, value) => {
        high(bytes, at, Number(BigInt.asUintN(32, value >> 32n)));
        low(bytes, at, Number(BigInt.asUintN(32, value)));
      };
    },
    random: (next) => wrap(64, (BigInt(next() >>> 0) << 32n) | BigInt(next() >>> 0)),
  };
}

/** Whether this machine stores the low byte first. Only host-order fields and netlink headers depend on it. */
export const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

// Host order, as C's plain integers in a netlink message.
export const u16 = hostIsLittleEndian ? u16le : u16be;
export const u32 = hostIsLittleEndian ? u32le : u32be;
export const i32 = hostIsLittleEndian ? i32le : i32be;
export const u64 = hostIsLittleEndian ? u64le : u64be;
export const i64 = hostIsLittleEndian ? i64le : i64be;

/** `length` raw bytes. Views share them with the packet; `decode` copies. Shorter values are zero-padded. */
export function bytes(length: number): FieldType<Uint8Array> {
  return {
    name: `bytes(${length})`,
    size: length,
    reader: (offset) => (source, at) => source.subarray(at + offset, at + offset + length),
    writer: (offset) => (target, at, value) => {
      const fitting = value.length > length ? value.subarray(0, length) : value;
      target.set(fitting, at + offset);
      target.fill(0, at + offset + fitting.length, at + offset + length);
    },
    // Not slice(): that of a Node Buffer shares its memory.
    own: (value) => new Uint8Array(value),
    random: (next) => Uint8Array.from({ length }, () => next() & 0xff),
  };
}

/** A C character array: text up to the first NUL, padded with NULs. One character per byte (latin1). */
export function chars(length: number): FieldType<string> {
  return {
    name: `chars(${length})`,
    size: length,
    reader: (offset) => (source, at) => {
      let text = "";
      for (let i = at + offset; i < at + offset + length && source[i] !== 0; i++) {
        text += String.fromCharCode(source[i]!);
      }
      return text;
    },
    writer: (offset) => (target, at, value) => {
      // charCodeAt past the end is NaN, which a byte array stores as 0: the padding.
      for (let i = 0; i < length; i++) target[at + offset + i] = value.charCodeAt(i);
    },
    random: (next) =>
      Array.from({ length: next() % (length + 1) }, () => String.fromCharCode(1 + (next() % 255))).join(""),
  };
}

/** `count` values of one type in a row. */
export function array<T>(type: FieldType<T>, count: number): FieldType<T[]> {
  const indices = Array.from({ length: count }, (_, i) => i);
  return {
    name: `${type.name}[${count}]`,
    size: type.size * count,
    reader(offset) {
      const readers = indices.map((i) => type.reader(offset + i * type.size));
      return (source, at) => readers.map((read) => read(source, at));
    },
    writer(offset) {
      const writers = indices.map((i) => type.writer(offset + i * type.size));
      return (target, at, value) => {
        for (let i = 0; i < count && i < value.length; i++) writers[i]!(target, at, value[i]!);
      };
    },
    own: (value) => value.map((item) => (type.own === undefined ? item : type.own(item))),
    random: (next) => indices.map(() => type.random(next)),
  };
}
