/** Reading and writing what lives longer than a packet (state-classes.ts). */

import { BPF_FUNC } from "../uapi/bpf.ts";
import {
  type Abstract,
  alternativesOf,
  type DynamicTable,
  type Int,
  int,
  NIL,
  type Single,
  type Slice,
  type Union,
} from "./abstract.ts";
import { Join } from "./control.ts";
import type { Operand, Value } from "./ir.ts";
import { constantOfWord, keepString, keptString, wordOfConstant } from "./kept-strings.ts";
import type { Specializer } from "./specializer.ts";
import {
  type DynamicClass,
  ENTRY,
  INDEX_BITS,
  type Kept,
  MOST_KEY,
  RECORD,
  SLOT_BYTES,
  type Slot,
  STATE,
  WORD,
} from "./state-classes.ts";
import { MAPS } from "./target.ts";

// ---- places of two words

/** What is at `place`: which kind, and the value. */
function readPlace(s: Specializer, place: Value, offset: number, kept: Kept): Abstract {
  const kinds = s.shared.state.kindsOf(kept);
  if (kinds.length === 0) return NIL;
  const needsWord = kinds.some(({ kind }) => ["int", "bool", "text", "slice", "dynamic"].includes(kind));
  const word = needsWord ? s.load(8, place, offset + WORD) : 0n;
  const text = kinds.find(({ kind }) => kind === "slice");
  const others = kinds.filter((proto) => proto !== text).map((proto) => withWord(s, proto, word));
  const string = (): Slice => keptString(s, place, offset + WORD, word as Value);
  if (text !== undefined && others.length === 0) return string();
  if (others.length === 1 && text === undefined) return others[0]!;
  const tag = s.load(8, place, offset);
  const rest: Abstract =
    others.length === 1 ? others[0]! : ({ kind: "union", tag, alternatives: others } satisfies Union);
  if (text === undefined) return rest;
  const joined = new Join();
  s.fork(
    "jeq",
    tag,
    s.shared.kinds.tagOf(s.shared.kinds.shapeOf(text)),
    () => s.goto(joined, [string()]),
    () => s.goto(joined, [rest]),
  );
  return s.land(joined)[0] ?? NIL;
}

function withWord(s: Specializer, proto: Single, word: Operand): Single {
  switch (proto.kind) {
    case "int":
      return int(word);
    case "bool":
      return { kind: "bool", value: s.bounded(word, 0n, 1n) };
    case "text":
      return constantOfWord(s, word);
    case "dynamic":
      return { ...proto, class: proto.class.root, id: word };
    default:
      return proto;
  }
}

/** The word of a value that is to be kept; tables that the hook made for itself become tables of the state. */
function wordOf(s: Specializer, kept: Kept, value: Single): { tag: bigint; word: Operand } {
  const { state, kinds } = s.shared;
  let single = value;
  if (value.kind === "local" && value.object.given !== undefined)
    s.refuse("a table of the caller that is kept for later packets", "keep its fields");
  if (value.kind === "local") state.makeSite(value.object.site);
  if (value.kind === "table") single = state.singleOf(value.table);
  if (value.kind === "table" && state.tableOf(value.table) === undefined) state.makeDynamic(value.table);
  // A text that is not in memory is refused.
  if (value.kind === "deferred") s.sliceOf(value);
  if (["closure", "skb", "view", "connection"].includes(value.kind))
    s.refuse(
      `a ${value.kind === "closure" ? "function" : value.kind} that is kept for later packets`,
      "keep integers, strings or tables",
    );
  state.keep(kept, single);
  const tag = kinds.tagOf(kinds.shapeOf(single));
  switch (single.kind) {
    case "int":
    case "bool":
      return { tag, word: single.value };
    case "text":
      return { tag, word: wordOfConstant(s, single.text) };
    case "slice":
      return { tag, word: keepString(s, single) };
    case "dynamic":
      return { tag, word: single.id };
    default:
      return { tag, word: 0n };
  }
}

/** What is read where `value` was written. */
const asKept = (s: Specializer, value: Single): Single =>
  value.kind === "table" ? s.shared.state.singleOf(value.table) : value;

function writePlace(s: Specializer, place: Value, offset: number, kept: Kept, value: Abstract): void {
  s.dispatch(value, (single) => {
    const { tag, word } = wordOf(s, kept, single);
    if (s.shared.state.kindsOf(kept).length > 1) s.store(8, place, offset, tag);
    s.store(8, place, offset + WORD, word);
    return NIL;
  });
}

export function readSlot(s: Specializer, slot: Slot): Abstract {
  s.shared.require("lock");
  const known = s.remembered(slot, "slot");
  if (known !== undefined) return known;
  const value = readPlace(s, s.mapValue(MAPS.state, slot.offset), 0, slot.kept);
  if (s.block !== undefined) s.remember(slot, "slot", value);
  return value;
}

export function writeSlot(s: Specializer, slot: Slot, value: Abstract): void {
  s.shared.require("lock");
  s.dispatch(value, (single) => {
    // The address is made again on each way: it costs nothing.
    writePlace(s, s.mapValue(MAPS.state, slot.offset), 0, slot.kept, single);
    if (s.block !== undefined) s.remember(slot, "slot", asKept(s, single));
    return NIL;
  });
}

// ---- tables

/** A new table that outlives the packet. */
export function makeTable(
  s: Specializer,
  of: DynamicClass,
  fields: readonly (readonly [string | number, Abstract])[],
): DynamicTable {
  s.shared.require("lock");
  const named = new Map(fields.filter((field): field is [string, Abstract] => typeof field[0] === "string"));
  for (const name of named.keys()) if (of.keyBytes === undefined) s.shared.state.needField(of, name);
  const taken = of.hasRecord ? takeRecord(s, of) : undefined;
  const counter = s.mapValue(MAPS.state, STATE.lastTable);
  const number = s.binary("add", s.load(8, counter, 0), 1n);
  s.store(8, s.mapValue(MAPS.state, STATE.lastTable), 0, number);
  const id = s.binary("or", s.binary("lsh", number, INDEX_BITS), taken?.index ?? 0n);
  const table: DynamicTable = { kind: "dynamic", id, class: of };
  if (taken !== undefined) {
    const { record } = taken;
    s.store(8, record, RECORD.table, id);
    s.store(8, record, RECORD.isUsed, 0n);
    for (const [name, { offset, kept }] of of.fields) {
      const value = named.get(name) ?? NIL;
      // Kinds are written even where there is only one: it may be read as one of several later.
      s.dispatch(value, (single) => {
        const { tag, word } = wordOf(s, kept, single);
        s.store(8, record, offset, tag);
        s.store(8, record, offset + WORD, word);
        return NIL;
      });
    }
    s.forget(of, "record");
    s.forget(of, "field");
    if (s.block !== undefined) rememberAddress(s, of, recordName(table), record);
  }
  for (const [name, value] of fields)
    if (typeof name === "number" || !of.hasRecord)
      writeEntry(
        s,
        table,
        typeof name === "number" ? int(BigInt(name)) : { kind: "text", text: name },
        value,
      );
  return table;
}

/** Records that are looked at for one that was not used. */
const MOST_LOOKS = 64n;

/**
 * The next record that was not used since this went round. A new one counts as not used, so that tables that nobody comes back
 * to make room for one another.
 */
function takeRecord(s: Specializer, of: DynamicClass): { record: Value; index: Operand } {
  const taken = new Join();
  const next = (otherwise: (take: () => void, record: Value) => void): void => {
    const last = s.load(8, s.mapValue(MAPS.state, STATE.hand), 0);
    const index = s.binary("and", s.binary("add", last, 1n), (1n << INDEX_BITS) - 1n);
    s.store(8, s.mapValue(MAPS.state, STATE.hand), 0, index);
    const record = lookUpRecord(s, of, index);
    if (s.block === undefined) return;
    const take = (): void => s.goto(taken, [{ kind: "slice", base: record, offset: index, length: 0n }]);
    s.fork("jeq", s.load(8, record, RECORD.isUsed), 0n, take, () => otherwise(take, record));
  };
  const keys = s.rememberedOf(KEYS);
  const more = new Join();
  // The first look is outside of the loop: mostly there is no other.
  next((_, record) => {
    s.here.isCold = true;
    s.store(8, record, RECORD.isUsed, 0n);
    s.goto(more);
  });
  s.land(more);
  const looks = s.newVariable("looks", int(1n));
  s.repeat("record", (again) => {
    const count = (s.cells.get(looks) as Int).value;
    next((take, record) =>
      s.fork("jsge", count, MOST_LOOKS, take, () => {
        s.store(8, record, RECORD.isUsed, 0n);
        s.cells.set(looks, int(s.binary("add", count, 1n)));
        s.goto(again);
      }),
    );
  });
  const { base, offset } = s.land(taken)[0] as Slice;
  s.cells.delete(looks);
  // No key was made here.
  for (const [key, value] of keys) s.remember(KEYS, key, value);
  return { record: base, index: offset };
}

/** Raises `message` where there is no such record. */
function lookUpRecord(s: Specializer, of: DynamicClass, index: Operand): Value {
  const key = s.stack("index", 4);
  s.store(4, key, 0, index);
  const found = s.helper(BPF_FUNC.BPF_FUNC_map_lookup_elem, [s.map(of.recordMap), key], "pointer");
  const rest = new Join();
  s.fork(
    "jeq",
    found,
    0n,
    () => s.raise(FORGOTTEN),
    () => s.goto(rest),
  );
  s.land(rest);
  return found;
}

const FORGOTTEN: Single = { kind: "text", text: "a table was forgotten: too many are in use" };

function update(s: Specializer, map: string, key: Value, value: Value): void {
  const result = s.helper(BPF_FUNC.BPF_FUNC_map_update_elem, [s.map(map), key, value, 0n]);
  const rest = new Join();
  s.fork(
    "jeq",
    result,
    0n,
    () => s.goto(rest),
    () => s.raise({ kind: "text", text: "not enough memory" }),
  );
  s.land(rest);
}

/** A word as part of a name: the same for the same word. */
const nameOf = (word: Operand): string => (typeof word === "bigint" ? `${word}` : `v${word.id}`);

/** An entry as a name. */
function entryName(table: DynamicTable, key: Single): string | undefined {
  const id = nameOf(table.id);
  if (key.kind === "int") return `${id} ${nameOf(key.value)}`;
  if (key.kind === "text") return `${id} ${JSON.stringify(key.text)}`;
  return key.kind === "slice"
    ? `${id} ${nameOf(key.base)} ${nameOf(key.offset)} ${nameOf(key.length)}`
    : undefined;
}

const recordName = (table: DynamicTable): string => `record ${nameOf(table.id)}`;

const rememberAddress = (s: Specializer, of: object, name: string, base: Value): void =>
  s.remember(of, name, { kind: "slice", base, offset: 0n, length: 0n });

function rememberedAddress(s: Specializer, of: object, name: string): Value | undefined {
  const known = s.remembered(of, name);
  return known?.kind === "slice" ? known.base : undefined;
}

/** The record of a table; the hook fails where it was forgotten. */
function recordOf(s: Specializer, table: DynamicTable): Value | undefined {
  const of = table.class.root;
  const name = recordName(table);
  const known = rememberedAddress(s, of, name);
  if (known !== undefined) return known;
  const { id } = table;
  const index = of.isMadeByHooks ? s.binary("and", id, (1n << INDEX_BITS) - 1n) : id;
  const found = lookUpRecord(s, of, index);
  if (s.block !== undefined && of.isMadeByHooks) {
    const rest = new Join();
    s.fork(
      "jeq",
      s.load(8, found, RECORD.table),
      id,
      () => s.goto(rest),
      () => s.raise(FORGOTTEN),
    );
    s.land(rest);
    if (s.block !== undefined) s.store(8, found, RECORD.isUsed, 1n);
  }
  if (s.block === undefined) return undefined;
  rememberAddress(s, of, name, found);
  return found;
}

const fieldName = (table: DynamicTable, name: string): string => `field ${name} ${nameOf(table.id)}`;

export function readField(s: Specializer, table: DynamicTable, name: string): Abstract {
  s.shared.require("lock");
  const of = table.class.root;
  if (of.keyBytes !== undefined) return readEntry(s, table, { kind: "text", text: name });
  s.shared.state.needField(of, name);
  const known = s.remembered(of, fieldName(table, name));
  if (known !== undefined) return known;
  const record = recordOf(s, table);
  if (record === undefined) return NIL;
  const { offset, kept } = of.fields.get(name)!;
  const value = readPlace(s, record, offset, kept);
  if (s.block !== undefined) s.remember(of, fieldName(table, name), value);
  return value;
}

export function writeField(s: Specializer, table: DynamicTable, name: string, value: Abstract): void {
  s.shared.require("lock");
  const of = table.class.root;
  if (of.keyBytes !== undefined) {
    writeEntry(s, table, { kind: "text", text: name }, value);
    return;
  }
  s.shared.state.needField(of, name);
  const record = recordOf(s, table);
  if (record === undefined) return;
  const { offset, kept } = of.fields.get(name)!;
  // Another number may be this table's, too.
  s.forget(of, `field ${name} `);
  s.dispatch(value, (single) => {
    writePlace(s, record, offset, kept, single);
    if (s.block !== undefined) s.remember(of, fieldName(table, name), asKept(s, single));
    return NIL;
  });
}

/** What is remembered of the stack: the string behind the first word of the last key, by the size of keys. */
const KEYS = {};

/** The key of an entry, on the stack; undefined when no path is left. */
function entryKey(s: Specializer, table: DynamicTable, key: Single): Value | undefined {
  const of = table.class.root;
  const { state } = s.shared;
  const head = s.binary("lsh", table.id, ENTRY.table);
  if (key.kind === "int") {
    state.needIntegerKeys(of);
    s.forget(KEYS, keysOf(of));
    const place = s.stack("entry", of.entryKeyBytes);
    s.store(8, place, 0, head);
    s.store(8, place, WORD, key.value);
    for (let at = 2 * WORD; at < of.entryKeyBytes; at += 8) s.store(8, place, at, 0n);
    return place;
  }
  if (key.kind !== "text" && key.kind !== "slice")
    return s.refuse("a key that is neither an integer nor a string", "use integers or strings");
  const slice = s.sliceOf(key);
  const high = s.rangeOf(slice.length).high;
  const most =
    key.kind === "text" ? key.text.length : Number(high > BigInt(MOST_KEY) ? BigInt(MOST_KEY) : high);
  if (most > MOST_KEY) s.refuse(`a key of more than ${MOST_KEY} bytes`, "use shorter keys");
  state.needKeyBytes(of, Math.max(8, (most + 7) & ~7));
  const bytes = of.entryKeyBytes - WORD;
  const rest = new Join();
  s.fork(
    "jgt",
    slice.length,
    BigInt(bytes),
    () => s.punt("a longer string as a key than the program has room for"),
    () => s.goto(rest),
  );
  s.land(rest);
  if (s.block === undefined) return undefined;
  const place = s.stack("entry", of.entryKeyBytes);
  const kind = s.binary("or", s.binary("lsh", slice.length, ENTRY.length), 1n);
  s.store(8, place, 0, s.binary("or", head, kind));
  // One key after the other is the same string in another table, mostly.
  const last = s.remembered(KEYS, keysOf(of));
  if (last?.kind === "slice" && isSameSlice(last, slice)) return place;
  copyKey(s, place, slice, bytes);
  s.remember(KEYS, keysOf(of), slice);
  return place;
}

const keysOf = (of: DynamicClass): string => `key ${of.entryKeyBytes};`;

const isSameSlice = (a: Slice, b: Slice): boolean =>
  a.base === b.base && a.offset === b.offset && a.length === b.length;

/** Strings up to here get into a key by loads of eight bytes, longer ones by a call. */
const MOST_LOADED = 16;

/** The bytes of a string into a key, zeros behind them. */
function copyKey(s: Specializer, place: Value, slice: Slice, bytes: number): void {
  const length = s.constantOf(slice.length);
  for (let at = 0; at < bytes; at += 8) {
    const left = length === undefined ? 0 : Math.min(8, Number(length) - at);
    if (left === 8) s.store(8, place, WORD + at, s.loadAt(8, slice.base, slice.offset, at));
    else s.store(8, place, WORD + at, 0n);
    if (left <= 0 || left === 8) continue;
    for (let done = 0; done < left; ) {
      const size = ([4, 2, 1] as const).find((piece) => done + piece <= left)!;
      s.store(size, place, WORD + at + done, s.loadAt(size, slice.base, slice.offset, at + done));
      done += size;
    }
  }
  if (length !== undefined) return;
  if (bytes <= MOST_LOADED) {
    copyWords(s, place, slice, bytes);
    return;
  }
  const most = s.boundExactly(slice.length, BigInt(bytes));
  s.copy(s.address(place, BigInt(WORD)), most, s.address(slice.base, slice.offset));
}

/** Word by word; what lies behind the string in its last word is shifted out. */
function copyWords(s: Specializer, place: Value, slice: Slice, bytes: number): void {
  const done = new Join();
  const word = (at: number): void => {
    if (at >= bytes) {
      s.goto(done);
      return;
    }
    s.fork(
      "jle",
      slice.length,
      BigInt(at),
      () => s.goto(done),
      () => {
        const loaded = s.loadAt(8, slice.base, slice.offset, at);
        s.fork(
          "jge",
          slice.length,
          BigInt(at + 8),
          () => {
            s.store(8, place, WORD + at, loaded);
            word(at + 8);
          },
          () => {
            const unused = s.binary("lsh", s.binary("sub", BigInt(at + 8), slice.length), 3n);
            s.store(8, place, WORD + at, s.binary("rsh", s.binary("lsh", loaded, unused), unused));
            s.goto(done);
          },
        );
      },
    );
  };
  word(0);
  s.land(done);
}

/** Where an entry is, or 0 where there is none. */
function entryPlace(s: Specializer, of: DynamicClass, key: Value, name: string | undefined): Value {
  const found = s.helper(BPF_FUNC.BPF_FUNC_map_lookup_elem, [s.map(of.entryMap), key], "pointer");
  if (name !== undefined) rememberAddress(s, of, `place ${name}`, found);
  return found;
}

/** A table that comes and goes is often still empty: there is nothing to look up. */
function skipIfEmpty(s: Specializer, { id }: DynamicTable, skip: () => void): void {
  if (typeof id === "bigint") return;
  const rest = new Join();
  const filled = s.load(8, s.mapValue(MAPS.state, STATE.filled), 0);
  s.fork("jsgt", id, filled, skip, () => s.goto(rest));
  s.land(rest);
}

function noteFilled(s: Specializer, { id }: DynamicTable): void {
  const rest = new Join();
  const filled = s.load(8, s.mapValue(MAPS.state, STATE.filled), 0);
  const note = (): void => {
    s.store(8, s.mapValue(MAPS.state, STATE.filled), 0, id);
    s.goto(rest);
  };
  s.fork("jslt", filled, id, note, () => s.goto(rest));
  s.land(rest);
}

export function readEntry(s: Specializer, table: DynamicTable, key: Abstract): Abstract {
  s.shared.require("lock");
  return s.dispatch(key, (single) => {
    const of = table.class.root;
    if (single.kind === "nil") return NIL;
    const name = entryName(table, single);
    const known = name === undefined ? undefined : s.remembered(of, `entry ${name}`);
    if (known !== undefined) return known;
    // First of all, so that each way from here has the key for the next table that is asked for it.
    const place = entryKey(s, table, single);
    if (place === undefined) return NIL;
    const rest = new Join();
    skipIfEmpty(s, table, () => s.goto(rest, [NIL]));
    const found = entryPlace(s, of, place, name);
    s.fork(
      "jeq",
      found,
      0n,
      () => s.goto(rest, [NIL]),
      () => s.goto(rest, [readPlace(s, found, 0, of.kept)]),
    );
    const value = s.land(rest)[0] ?? NIL;
    if (name !== undefined && s.block !== undefined) s.remember(of, `entry ${name}`, value);
    return value;
  });
}

export function writeEntry(s: Specializer, table: DynamicTable, key: Abstract, value: Abstract): void {
  s.shared.require("lock");
  s.dispatch(key, (single) => {
    if (single.kind === "nil") {
      s.fail("table index is nil");
      return NIL;
    }
    return s.dispatch(value, (item) => {
      writeSingleEntry(s, table, single, item);
      return NIL;
    });
  });
}

function writeSingleEntry(s: Specializer, table: DynamicTable, key: Single, item: Single): void {
  const of = table.class.root;
  const name = entryName(table, key);
  const before = name === undefined ? undefined : s.remembered(of, `entry ${name}`);
  const wasThere = before && alternativesOf(before).map(({ kind }) => kind !== "nil");
  if (item.kind === "nil" && wasThere?.every((was) => !was)) return;
  const place = entryKey(s, table, key);
  if (place === undefined) return;
  const forget = (...kinds: readonly string[]): void => {
    for (const kind of kinds) s.forget(of, kind);
    if (name !== undefined && s.block !== undefined) s.remember(of, `entry ${name}`, asKept(s, item));
  };
  if (item.kind === "nil") {
    s.helper(BPF_FUNC.BPF_FUNC_map_delete_elem, [s.map(of.entryMap), place]);
    forget("entry", "place");
    return;
  }
  const { tag, word } = wordOf(s, of.kept, item);
  const rest = new Join();
  const put = (to: Value): void => {
    s.store(8, to, 0, tag);
    s.store(8, to, WORD, word);
  };
  const add = (): void => {
    const slot = s.stack("value", SLOT_BYTES);
    put(slot);
    update(s, of.entryMap, place, slot);
    if (s.block !== undefined) noteFilled(s, table);
    // To make room another entry may have gone.
    forget("entry", "place");
    s.goto(rest);
  };
  // A table that is made in this run is new to where it is put, mostly: the map looks for itself.
  if (wasThere?.every((was) => !was) || item.kind === "local") add();
  else {
    const known = name === undefined ? undefined : rememberedAddress(s, of, `place ${name}`);
    const found = known ?? entryPlace(s, of, place, name);
    s.fork("jeq", found, 0n, add, () => {
      put(found);
      forget("entry");
      s.goto(rest);
    });
  }
  s.land(rest);
}
