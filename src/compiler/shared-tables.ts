/**
 * `rcu.table` in hooks: a hash map that user space reads and writes, too. Its layout is for others to rely on
 * (docs/in-kernel.md): a key is the name with zeros behind it, a value two words, its kind and the value.
 */

import { MOST_NAME_BYTES, RcuTable } from "../kernel/rcu-table.ts";
import { fromBigInt, toBigInt } from "../lua/int64.ts";
import { LuaInt64, type LuaInteger, type LuaUserdata } from "../lua/value.ts";
import { BPF_FUNC, BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { bytesFromLatin1, latin1FromBytes } from "../util/latin1.ts";
import { type Abstract, type Int, int, NIL, type Single, type Slice } from "./abstract.ts";
import { argumentFails, stringArgument } from "./arguments.ts";
import { Join, Restart } from "./control.ts";
import type { Operand, Value } from "./ir.ts";
import type { Specializer } from "./specializer.ts";
import { MAPS, type MapSpec } from "./target.ts";

/** What a value is. */
const KIND = { boolean: 1, integer: 2 } as const;
const KIND_AT = 0;
const VALUE_AT = 8;
const VALUE_BYTES = 16;
/** An entry takes memory only when it is there. */
const MOST_ENTRIES = 65536;

/** Names of maps have 15 characters. */
const MOST_VARIABLE = 11;

/** What can be in a map. */
export type MapValue = boolean | LuaInteger;

export const isMapValue = (value: unknown): value is MapValue =>
  typeof value === "boolean" || typeof value === "number" || value instanceof LuaInt64;

/** One table, as its map will be. */
export interface SharedTable {
  readonly table: RcuTable<unknown>;
  /** Of the map. */
  readonly name: string;
  /** Of the longest name that a hook asks for, in eights. */
  keyBytes: number;
}

/** All that hooks use of a script. Learning something new starts the compilation again. */
export class SharedTables {
  readonly #tables = new Map<RcuTable<unknown>, SharedTable>();

  get all(): readonly SharedTable[] {
    return [...this.#tables.values()];
  }

  /** `variable` is what the script calls it, as messages say it: its map is named after that. */
  of(table: RcuTable<unknown>, variable: string | undefined): SharedTable {
    let known = this.#tables.get(table);
    if (known === undefined) {
      known = { table, name: this.#nameFor(variable), keyBytes: 8 };
      this.#tables.set(table, known);
    }
    return known;
  }

  #nameFor(variable: string | undefined): string {
    const word = /'(\w+)'$/.exec(variable ?? "")?.[1] ?? `${this.#tables.size + 1}`;
    const taken = new Set(this.all.map(({ name }) => name));
    let name = `rcu_${word.slice(0, MOST_VARIABLE)}`;
    for (let n = 2; taken.has(name); n++)
      name = `rcu_${word.slice(0, MOST_VARIABLE - 1 - `${n}`.length)}_${n}`;
    return name;
  }

  needKeyBytes(shared: SharedTable, bytes: number): void {
    const needed = (bytes + 7) & ~7;
    if (needed <= shared.keyBytes) return;
    shared.keyBytes = needed;
    throw new Restart(`names of ${needed} bytes`);
  }

  get maps(): MapSpec[] {
    return this.all.map(({ table, name, keyBytes }) => {
      const entries = table
        .snapshot()
        .filter(([key, value]) => key.length <= keyBytes && isMapValue(value))
        .map(([key, value]) => [mapKey(key, keyBytes), mapValue(value as MapValue)] as const);
      return {
        name,
        type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH,
        keySize: keyBytes,
        valueSize: VALUE_BYTES,
        maxEntries: Math.max(MOST_ENTRIES, 2 * entries.length),
        flags: 1,
        isConstant: false,
        entries,
      };
    });
  }
}

// ---- the layout, for user space

export function mapKey(name: string, keyBytes: number): Uint8Array {
  const key = new Uint8Array(keyBytes);
  key.set(bytesFromLatin1(name));
  return key;
}

export function nameOfKey(key: Uint8Array): string {
  const end = key.indexOf(0);
  return latin1FromBytes(key, 0, end < 0 ? key.length : end);
}

export function mapValue(value: MapValue): Uint8Array {
  const view = new DataView(new ArrayBuffer(VALUE_BYTES));
  const isBoolean = typeof value === "boolean";
  view.setBigInt64(KIND_AT, BigInt(isBoolean ? KIND.boolean : KIND.integer), true);
  view.setBigInt64(VALUE_AT, isBoolean ? BigInt(value) : toBigInt(value), true);
  return new Uint8Array(view.buffer);
}

export function valueOfMap(bytes: Uint8Array): MapValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = view.getBigInt64(VALUE_AT, true);
  // As programs read it: what is no boolean is an integer.
  return view.getBigInt64(KIND_AT, true) === BigInt(KIND.boolean) ? (word & 1n) !== 0n : fromBigInt(word);
}

// ---- in programs

export const isSharedTable = (userdata: LuaUserdata): userdata is LuaUserdata<RcuTable<unknown>> =>
  userdata.object instanceof RcuTable;

function sharedTable(s: Specializer, table: RcuTable<unknown>, variable: string | undefined): SharedTable {
  if (table.snapshot().some(([, value]) => !isMapValue(value)))
    s.refuse("a shared table with objects in it", "keep booleans and integers there, and sets in variables");
  return s.shared.sharedTables.of(table, variable);
}

/** `table[key]` */
export function readShared(
  s: Specializer,
  table: RcuTable<unknown>,
  key: Abstract,
  variable: string | undefined,
): Abstract {
  const shared = sharedTable(s, table, variable);
  s.skippedArguments = 0;
  const name = stringArgument(s, [key], 1, "index");
  if (name === undefined) return NIL;
  const rest = new Join();
  const nothing = (): void => s.goto(rest, [NIL]);
  const place = placeOf(s, shared, name, { tooLong: nothing, hasZero: nothing });
  if (place !== undefined) {
    const found = s.helper(BPF_FUNC.BPF_FUNC_map_lookup_elem, [s.map(shared.name), place], "pointer");
    s.fork("jeq", found, 0n, nothing, () => {
      const kind = s.load(8, found, KIND_AT);
      const word = s.load(8, found, VALUE_AT);
      s.fork(
        "jeq",
        kind,
        BigInt(KIND.boolean),
        () => s.goto(rest, [{ kind: "bool", value: s.binary("and", word, 1n) }]),
        () => s.goto(rest, [int(word)]),
      );
    });
  }
  return s.land(rest)[0] ?? NIL;
}

/** `table[key] = value` */
export function writeShared(
  s: Specializer,
  table: RcuTable<unknown>,
  key: Abstract,
  value: Abstract,
  variable: string | undefined,
): void {
  s.shared.require("lock");
  const shared = sharedTable(s, table, variable);
  s.skippedArguments = 0;
  const name = stringArgument(s, [key], 1, "newindex");
  if (name === undefined) return;
  s.dispatch(value, (single) => {
    const stored = wordsOf(s, single);
    if (stored === undefined && single.kind !== "nil") return NIL;
    const place = placeOf(s, shared, name, {
      tooLong: () => s.fail("not enough memory"),
      hasZero: () => argumentFails(s, 1, "newindex", "key with a zero"),
      isWhole: true,
    });
    if (place === undefined) return NIL;
    if (stored === undefined) {
      s.helper(BPF_FUNC.BPF_FUNC_map_delete_elem, [s.map(shared.name), place]);
      return NIL;
    }
    const slot = s.stack("value", VALUE_BYTES);
    s.store(8, slot, KIND_AT, BigInt(stored.kind));
    s.store(8, slot, VALUE_AT, stored.word);
    const result = s.helper(BPF_FUNC.BPF_FUNC_map_update_elem, [s.map(shared.name), place, slot, 0n]);
    const rest = new Join();
    s.fork(
      "jeq",
      result,
      0n,
      () => s.goto(rest),
      () => s.fail("not enough memory"),
    );
    s.land(rest);
    return NIL;
  });
}

/** A value as two words; undefined for nil, and where the hook has failed. */
function wordsOf(s: Specializer, value: Single): { kind: number; word: Operand } | undefined {
  switch (value.kind) {
    case "nil":
      return undefined;
    case "bool":
      return { kind: KIND.boolean, word: value.value };
    case "int":
      return { kind: KIND.integer, word: value.value };
    case "object":
      return s.refuse("an object in a shared table", "keep booleans and integers there");
    case "skb":
    case "view":
    case "connection":
      s.fail("cannot share SINGLE object");
      return undefined;
    default:
      argumentFails(s, 2, "newindex", "unsupported type");
      return undefined;
  }
}

interface KeyProblems {
  tooLong(): void;
  hasZero(): void;
  /** Look at all bytes for a zero: otherwise no more than keeps other names apart, as none in the table has one. */
  readonly isWhole?: boolean;
}

/** The address of a name as a key; undefined when no path is left. */
function placeOf(
  s: Specializer,
  shared: SharedTable,
  name: Single,
  problems: KeyProblems,
): Value | undefined {
  const tables = s.shared.sharedTables;
  if (name.kind === "text") {
    if (name.text.length > MOST_NAME_BYTES) problems.tooLong();
    else if (name.text.includes("\0")) problems.hasZero();
    if (s.block === undefined) return undefined;
    tables.needKeyBytes(shared, name.text.length);
    return s.mapValue(MAPS.rodata, s.shared.intern(name.text.padEnd(shared.keyBytes, "\0")));
  }
  const slice = s.sliceOf(name);
  const most = BigInt(MOST_NAME_BYTES);
  const { high } = s.rangeOf(slice.length);
  tables.needKeyBytes(shared, Number(high > most ? most : high));
  const fits = new Join();
  s.fork("jgt", slice.length, most, problems.tooLong, () => s.goto(fits));
  s.land(fits);
  if (s.block === undefined) return undefined;
  const place = s.paddedKey(slice, shared.keyBytes);
  if (s.block === undefined) return undefined;
  const good = new Join();
  if (problems.isWhole === true) findZero(s, slice, problems.hasZero, good);
  else
    s.fork(
      "jeq",
      slice.length,
      0n,
      () => s.goto(good),
      () => {
        const last = s.binary("add", slice.offset, s.binary("sub", slice.length, 1n));
        s.fork("jeq", s.loadAt(1, slice.base, last), 0n, problems.hasZero, () => s.goto(good));
      },
    );
  s.land(good);
  return s.block === undefined ? undefined : place;
}

const EACH = (byte: bigint): bigint => BigInt.asIntN(64, byte * 0x0101010101010101n);

/** Goes to `none`, or ends by `hasZero`: eight bytes at a time, those behind the end made other than zero. */
function findZero(s: Specializer, slice: Slice, hasZero: () => void, none: Join): void {
  s.count("zero", 0n, (at, next) =>
    s.fork(
      "jsge",
      at,
      slice.length,
      () => s.goto(none),
      () => {
        const loaded = s.loadAt(8, slice.base, s.binary("add", slice.offset, at));
        const left = s.binary("sub", slice.length, at);
        const whole = new Join();
        s.fork(
          "jsge",
          left,
          8n,
          () => s.goto(whole, [int(loaded)]),
          () => {
            const behind = s.binary("lsh", -1n, s.binary("lsh", left, 3n));
            s.goto(whole, [int(s.binary("or", loaded, behind))]);
          },
        );
        const word = (s.land(whole)[0] as Int).value;
        // A byte that is zero, and only such a one, borrows and had no top bit.
        const borrows = s.binary("sub", word, EACH(1n));
        const hadNone = s.binary("and", s.binary("xor", word, -1n), EACH(0x80n));
        s.fork("jne", s.binary("and", borrows, hadNone), 0n, hasZero, () => next(s.binary("add", at, 8n)));
      },
    ),
  );
}
