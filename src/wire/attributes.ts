/**
 * Netlink attributes (struct nlattr, linux/netlink.h): a 16-bit length that counts its own 4-byte header, a
 * 16-bit type, the payload, then padding to 4 bytes. A set of attributes is declared once:
 *
 *     const tuple = attributes("CTA_TUPLE", {
 *       ip: [1, nest(ipAttributes)],
 *       proto: [2, nest(protoAttributes)],
 *       zone: [3, u16be],
 *     });
 *     type Tuple = ValueOf<typeof tuple>;
 *
 * Every attribute is optional, because the kernel may leave any out. Attributes that are not in the table are kept
 * under `unknown` and written back by `encode`: the next kernel will send them. Numbers, structs and nests decode
 * to values of their own; nothing decoded shares memory with the receive buffer.
 */
import { assert } from "../util/assert.ts";
import { latin1FromBytes, writeLatin1 } from "../util/latin1.ts";
import { DecodeError } from "./decode-error.ts";
import { type AnyFieldType, type FieldType, struct, u16 } from "./struct.ts";

export { DecodeError } from "./decode-error.ts";
export type { ValueOf } from "./struct.ts";

/** struct nlattr, linux/netlink.h. Host byte order. */
export const nlattr = struct("nlattr", { length: u16, type: u16 });

export const NLA_HDRLEN = 4;
export const NLA_F_NESTED = 0x8000;
export const NLA_F_NET_BYTEORDER = 0x4000;
export const NLA_TYPE_MASK = 0x3fff;

/** Rounds up to the 4-byte boundary every attribute starts at. */
export const nlaAlign = (length: number): number => (length + 3) & ~3;

/** How a payload of varying size is stored. Fixed-size payloads use the field types of struct.ts. */
export interface PayloadType<T> {
  readonly payload: true;
  readonly nested: boolean;
  size(value: T): number;
  write(bytes: Uint8Array, at: number, value: T): void;
  read(bytes: Uint8Array, start: number, end: number): T;
}

// biome-ignore lint/suspicious/noExplicitAny: both are invariant, so only `any` names "some attribute type"
type AnyAttributeType = AnyFieldType | PayloadType<any>;
export type AttributeTable = Readonly<Record<string, readonly [type: number, value: AnyAttributeType]>>;
type PayloadValue<A> = A extends PayloadType<infer T> ? T : A extends FieldType<infer T> ? T : never;

export interface UnknownAttribute {
  /** Without the nested and byte-order flags. */
  readonly type: number;
  readonly bytes: Uint8Array;
}

export type AttributeValues<T extends AttributeTable> = {
  -readonly [K in keyof T]?: PayloadValue<T[K][1]> | undefined;
} & { unknown?: UnknownAttribute[] | undefined };

export interface Attributes<T extends AttributeTable> {
  readonly name: string;
  readonly table: T;
  /** Attribute name to its number in the C enum. */
  readonly numbers: { readonly [K in keyof T]: number };
  /** Encoded size in bytes, padding included. */
  size(value: AttributeValues<T>): number;
  /** Writes in table order at `at` and returns the offset behind the last padding byte. */
  write(bytes: Uint8Array, at: number, value: AttributeValues<T>): number;
  encode(value: AttributeValues<T>): Uint8Array;
  /** Reads `bytes[start, end)`. Throws `DecodeError` when a length does not fit. */
  decode(bytes: Uint8Array, start?: number, end?: number): AttributeValues<T>;
}

interface Row {
  readonly key: string;
  readonly type: number;
  readonly value: PayloadType<unknown>;
}

/** Declares a set of attributes. */
export function attributes<const T extends AttributeTable>(name: string, table: T): Attributes<T> {
  const rows = Object.entries(table).map(
    ([key, [type, value]]): Row => ({ key, type, value: asPayload(value, name, key) }),
  );
  const byType = new Map(rows.map((row) => [row.type, row]));
  assert(byType.size === rows.length, `${name}: two attributes share a number`);
  assert(!("unknown" in table), `${name}: an attribute cannot be called unknown`);

  function size(value: AttributeValues<T>): number {
    const values = value as Readonly<Record<string, unknown>>;
    let total = 0;
    for (const { key, value: payload } of rows) {
      const given = values[key];
      if (given === undefined || isAbsentFlag(payload, given)) continue;
      total += nlaAlign(NLA_HDRLEN + payload.size(given));
    }
    for (const extra of value.unknown ?? []) total += nlaAlign(NLA_HDRLEN + extra.bytes.length);
    return total;
  }

  function write(bytes: Uint8Array, at: number, value: AttributeValues<T>): number {
    const values = value as Readonly<Record<string, unknown>>;
    for (const { key, type, value: payload } of rows) {
      const given = values[key];
      if (given === undefined || isAbsentFlag(payload, given)) continue;
      at = writeAttribute(bytes, at, type, payload, given);
    }
    for (const extra of value.unknown ?? []) at = writeAttribute(bytes, at, extra.type, rest, extra.bytes);
    return at;
  }

  function decode(bytes: Uint8Array, start = 0, end = bytes.length): AttributeValues<T> {
    const values: Record<string, unknown> = {};
    forEachAttribute(name, bytes, start, end, (type, from, to) => {
      const row = byType.get(type);
      if (row !== undefined) values[row.key] = row.value.read(bytes, from, to);
      else ((values["unknown"] ??= []) as UnknownAttribute[]).push({ type, bytes: copyOf(bytes, from, to) });
    });
    return values as AttributeValues<T>;
  }

  return {
    name,
    table,
    numbers: Object.fromEntries(rows.map((row) => [row.key, row.type])) as Attributes<T>["numbers"],
    size,
    write,
    decode,
    encode(value) {
      const bytes = new Uint8Array(size(value));
      write(bytes, 0, value);
      return bytes;
    },
  };
}

/**
 * Calls `visit(type, start, end)` with the payload range of each attribute in `bytes[start, end)`, flags removed.
 * The last attribute may lack its padding (nfqueue and conntrack events do that).
 */
export function forEachAttribute(
  name: string,
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (type: number, start: number, end: number) => void,
): void {
  if (start < 0 || end > bytes.length) {
    throw new DecodeError(name, "length", start, `ends at byte ${end} of ${bytes.length}`);
  }
  let at = start;
  while (at < end) {
    if (end - at < NLA_HDRLEN) {
      // Fewer bytes than a header are padding, or damage when they are not zero.
      if (bytes.subarray(at, end).every((byte) => byte === 0)) return;
      throw new DecodeError(name, "header", at, `needs ${NLA_HDRLEN} bytes, ${end - at} left`);
    }
    const length = nlattr.get.length(bytes, at);
    const type = nlattr.get.type(bytes, at) & NLA_TYPE_MASK;
    if (length < NLA_HDRLEN || length > end - at) {
      throw new DecodeError(name, `attribute ${type}`, at, `length ${length}, ${end - at} bytes left`);
    }
    visit(type, at + NLA_HDRLEN, at + length);
    at += nlaAlign(length);
  }
}

function writeAttribute<T>(
  bytes: Uint8Array,
  at: number,
  type: number,
  payload: PayloadType<T>,
  value: T,
): number {
  const length = NLA_HDRLEN + payload.size(value);
  assert(length <= 0xffff, `attribute ${type} of ${length} bytes does not fit its 16-bit length`);
  nlattr.set.length(bytes, at, length);
  nlattr.set.type(bytes, at, payload.nested ? type | NLA_F_NESTED : type);
  payload.write(bytes, at + NLA_HDRLEN, value);
  return at + nlaAlign(length);
}

/** A fixed-size field as a payload. Longer payloads are tolerated (the kernel does so too), shorter ones are not. */
function asPayload(type: AnyAttributeType, set: string, key: string): PayloadType<unknown> {
  if ("payload" in type) return type;
  const read = type.reader(0);
  const write = type.writer(0);
  return {
    payload: true,
    nested: false,
    size: () => type.size,
    write,
    read(bytes, start, end) {
      if (end - start < type.size) {
        throw new DecodeError(set, key, start, `${type.name} needs ${type.size} bytes, has ${end - start}`);
      }
      const value: unknown = read(bytes, start);
      return type.own === undefined ? value : type.own(value);
    },
  };
}

// Not slice(): that of a Node Buffer shares its memory.
const copyOf = (source: Uint8Array, start: number, end: number): Uint8Array =>
  new Uint8Array(source.subarray(start, end));

// Payload types.

/** Raw bytes of any length. */
export const bytes: PayloadType<Uint8Array> = {
  payload: true,
  nested: false,
  size: (value) => value.length,
  write: (target, at, value) => target.set(value, at),
  read: (source, start, end) => copyOf(source, start, end),
};
const rest = bytes;

/** Text with a terminating NUL (NLA_NUL_STRING), one character per byte. Reading stops at the first NUL, if any. */
export const cstring: PayloadType<string> = {
  payload: true,
  nested: false,
  size: (value) => value.length + 1,
  write: (target, at, value) => {
    writeLatin1(target, at, value);
    target[at + value.length] = 0;
  },
  read(source, start, end) {
    const nul = source.indexOf(0, start);
    return latin1FromBytes(source, start, nul >= 0 && nul < end ? nul : end);
  },
};

/** Present or not, without payload (NLA_FLAG). `false` is not written. */
export const flag: PayloadType<boolean> = {
  payload: true,
  nested: false,
  size: () => 0,
  write: () => {},
  read: () => true,
};

const isAbsentFlag = (payload: PayloadType<unknown>, value: unknown): boolean =>
  (payload as unknown) === flag && value === false;

/** Attributes inside an attribute; written with NLA_F_NESTED, read with or without it. */
export function nest<T extends AttributeTable>(inner: Attributes<T>): PayloadType<AttributeValues<T>> {
  return {
    payload: true,
    nested: true,
    size: inner.size,
    write: inner.write,
    read: (source, start, end) => inner.decode(source, start, end),
  };
}

/** As `nest`, for sets that contain themselves: the set is looked up when used, not when declared. */
export function nestLater<T extends AttributeTable>(
  inner: () => Attributes<T>,
): PayloadType<AttributeValues<T>> {
  return {
    payload: true,
    nested: true,
    size: (value) => inner().size(value),
    write: (target, at, value) => inner().write(target, at, value),
    read: (source, start, end) => inner().decode(source, start, end),
  };
}

/**
 * An attribute that holds elements, each again an attribute: written with the number `elementType` (NFTA_LIST_ELEM
 * is 1), read whatever their numbers are, because some lists number them 0, 1, 2.
 */
export function list<T>(element: PayloadType<T> | FieldType<T>, elementType = 1): PayloadType<T[]> {
  const payload = asPayload(element, "list", "element") as PayloadType<T>;
  return {
    payload: true,
    nested: true,
    size: (values) => values.reduce((total, value) => total + nlaAlign(NLA_HDRLEN + payload.size(value)), 0),
    write(target, at, values) {
      for (const value of values) at = writeAttribute(target, at, elementType, payload, value);
    },
    read(source, start, end) {
      const values: T[] = [];
      forEachAttribute("list", source, start, end, (_type, from, to) => {
        values.push(payload.read(source, from, to));
      });
      return values;
    },
  };
}
