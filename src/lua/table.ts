/**
 * A Lua table in three parts: `array` for the keys 1..n, `fields` for names that the program writes down, a hash part
 * for every other key.
 *
 * The engine gives objects that get the same properties in the same order one hidden class, so `t.name` in compiled
 * code is `t.fields.name`, a load at a known offset. Keys that are computed would ruin that, and go to the hash part.
 *
 * Invariants:
 *   - `array[0]` is unused; `array[i]` is the value of key `i`; the last one is not nil, so `array.length - 1` is a
 *     border and `#t` costs nothing. A nil between is `undefined`, and what is missing may be there as well.
 *   - No key of the hash part is `array.length`: appending moves what follows over from the hash part.
 *   - A key is in one part at most. A field that becomes nil keeps its property, with the value `undefined`: a
 *     traversal that removes keys goes on, and compiled code may assign to a property that it has seen.
 *   - `fields` of a table without any, and `array` of one without items, are shared: nothing is put into them.
 */

import { HashPart, type Key } from "./hash-part.ts";
import { LONG_TEXT, owe, oweForText } from "./meter.ts";
import type { LuaFunction, LuaValue } from "./value.ts";

/** Properties have no prototype to inherit from: `t.constructor` is a field like any other. */
export type FieldObject = Record<string, LuaValue>;
// An object without a prototype of this kind would be a dictionary to the engine, so a constructor has to make it.
const noPrototype = Object.create(null);
function makeFields(): void {}
makeFields.prototype = noPrototype;
export const Fields = makeFields as unknown as new () => FieldObject;

/** The same for constructors with few names: half as large, as the engine would leave room for ten. */
function makeFewFields(): void {}
makeFewFields.prototype = noPrototype;
export const FewFields = makeFewFields as unknown as new () => FieldObject;
export const FEW_FIELDS = 3;
// The engine learns from the first ones how much room they need; names beyond that are put elsewhere.
for (let i = 0; i < 16; i++) {
  const fields = new FewFields();
  for (let n = 0; n < FEW_FIELDS; n++) fields[`name${n}`] = undefined;
}

export const NO_FIELDS: FieldObject = new Fields();
const NO_ITEMS: LuaValue[] = [undefined];

/** More properties would turn the object into a dictionary; further names go to the hash part. */
export const MAX_FIELDS = 64;

const isPowerOf2 = (n: number): boolean => (n & (n - 1)) === 0;

/** Entries that tables of this thread grew by, ever: what the memory bound of a state counts by. */
export const growth = { entries: 0 };
/** An entry of the hash part takes as much as so many items. */
const HASH_ENTRY = 4;
/** And the part itself; to make one takes as much as some rounds. */
const HASH_PART = 12;
const HASH_PART_ROUNDS = 2;
/** Places of a table that are passed over in the time of one round. */
const PLACES_PER_ROUND = 32;
/** The search for items in the hash part looks at all items, so it waits until there is this part of them there. */
const ITEMS_PER_KEY = 8;

/** What a table is made of, apart from it: never replaced once a table has them for itself. */
export interface TableParts {
  readonly array: LuaValue[];
  readonly fields: FieldObject;
  readonly hash: HashPart;
}

export class LuaTable {
  metatable: LuaTable | undefined = undefined;
  array: LuaValue[] = NO_ITEMS;
  fields: FieldObject = NO_FIELDS;
  fieldCount = 0;
  hash: HashPart | undefined = undefined;
  /** The last item that was removed from the end: a traversal may stand there. */
  trimmed = 0;
  #names: string[] | undefined = undefined;

  get(key: LuaValue): LuaValue {
    if (typeof key === "number") {
      if (key > 0 && key < this.array.length) return this.array[key];
    } else if (typeof key === "string") return this.getText(key);
    return this.hash === undefined || key === undefined ? undefined : this.hash.get(key);
  }

  getText(key: string): LuaValue {
    if (key.length > LONG_TEXT) oweForText(key.length);
    if (this.hash !== undefined) {
      const value = this.hash.get(key);
      if (value !== undefined) return value;
    }
    return this.fieldCount === 0 ? undefined : this.fields[key];
  }

  /** Assigns without metamethods. `key` must not be nil. */
  set(key: Key, value: LuaValue): void {
    if (typeof key === "number" && key > 0 && key <= this.array.length) {
      if (key < this.array.length) {
        this.array[key] = value;
        if (value === undefined && key === this.array.length - 1) this.#trim();
      } else if (value !== undefined) this.append(value);
      return;
    }
    if (typeof key === "string") {
      if (key.length > LONG_TEXT) oweForText(key.length);
      else if (this.hash?.putSeen(key, value) === true) return;
    }
    const place = this.hash?.place(key);
    if (place !== undefined) this.hash!.put(place, value);
    else if (typeof key === "string" && this.fieldCount > 0 && key in this.fields) this.fields[key] = value;
    else if (value !== undefined) {
      growth.entries += HASH_ENTRY;
      owe(1);
      if (this.hash === undefined) {
        growth.entries += HASH_PART;
        owe(HASH_PART_ROUNDS);
        this.hash = new HashPart();
      }
      this.hash.insert(key, value);
      const { size } = this.hash;
      if (typeof key === "number" && isPowerOf2(size) && size * ITEMS_PER_KEY >= this.array.length)
        this.#moveItems();
    }
  }

  /**
   * Items whose predecessors are missing went to the hash part. As in PUC Lua, when that part would have to grow,
   * the array part gets the largest size of which more than half would be in use.
   */
  #moveItems(): void {
    const hash = this.hash!;
    /** How many keys there are in 2^(i-1) + 1 .. 2^i. */
    const counts: number[] = [];
    const count = (key: number): void => {
      const bin = Math.ceil(Math.log2(key));
      counts[bin] = (counts[bin] ?? 0) + 1;
    };
    for (let i = 1; i < this.array.length; i++) if (this.array[i] !== undefined) count(i);
    const keys = hash.itemKeys();
    for (const key of keys) count(key);
    let size = 0;
    for (let bin = 0, sum = 0; bin < counts.length; bin++) {
      sum += counts[bin] ?? 0;
      if (sum > 2 ** bin / 2) size = 2 ** bin;
    }
    const last = Math.max(0, ...keys.filter((key) => key <= size));
    if (last < this.array.length) return;
    if (this.array === NO_ITEMS) this.array = [undefined];
    const { array } = this;
    // Filled, not lengthened: the engine keeps arrays without holes in a better form.
    for (let i = array.length; i <= last; i++) array.push(undefined);
    for (const key of keys) if (key <= last) array[key] = hash.take(key);
    this.#takeFollowing();
  }

  #takeFollowing(): void {
    for (;;) {
      const next = this.hash!.take(this.array.length);
      if (next === undefined) return;
      this.array.push(next);
    }
  }

  /** `set` with the key `array.length`. `value` must not be nil. */
  append(value: LuaValue): void {
    growth.entries++;
    if (this.array === NO_ITEMS) this.array = [undefined, value];
    else this.array.push(value);
    if (this.hash !== undefined) this.#takeFollowing();
  }

  /** `set` for a name that the program, or the host, writes down: it becomes a field if there is room. */
  setField(name: string, value: LuaValue): void {
    if (value !== undefined && this.takesField(name)) this.fields[name] = value;
    else this.set(name, value);
  }

  /** Whether assigning to a key that is not there calls no metamethod. */
  storesPlainly(): boolean {
    return this.metatable === undefined || this.metatable.getText("__newindex") === undefined;
  }

  /** Whether `fields[name]` may be assigned now; makes room for it. */
  takesField(name: string): boolean {
    if (this.hash !== undefined && this.hash.place(name) !== undefined) return false;
    if (this.fields === NO_FIELDS) this.fields = new Fields();
    else if (name in this.fields) return true;
    if (this.fieldCount >= MAX_FIELDS) return false;
    this.fieldCount++;
    growth.entries++;
    return true;
  }

  /** The parts of the table, of its own from now on. */
  ownParts(): TableParts {
    if (this.array === NO_ITEMS) this.array = [undefined];
    if (this.fields === NO_FIELDS) this.fields = new Fields();
    this.hash ??= new HashPart();
    const { array, fields, hash } = this;
    return { array, fields, hash };
  }

  /** Another table of the parts of one that is gone. */
  static of({ array, fields, hash }: TableParts, metatable: LuaTable | undefined): LuaTable {
    const table = new LuaTable();
    Object.assign(table, { array, fields, hash, metatable, fieldCount: Object.keys(fields).length });
    return table;
  }

  /** A border: `t[n]` is not nil (or n is 0) and `t[n + 1]` is nil. */
  length(): number {
    return this.array.length - 1;
  }

  /**
   * The key and value that follow `key` in a traversal (nil: the first), as a list; undefined at the end.
   * Throws `RangeError` when `key` was never in the table.
   */
  next(key: LuaValue): [Key, LuaValue] | undefined {
    const cursor = new TableCursor(this);
    cursor.seek(key);
    return cursor.step() ? [cursor.key!, cursor.value] : undefined;
  }

  /** The names of the fields, in the order of their first assignment. */
  fieldNames(): string[] {
    if (this.#names?.length !== this.fieldCount) this.#names = Object.keys(this.fields);
    return this.#names!;
  }

  #trim(): void {
    const { array } = this;
    let end = array.length - 1;
    this.trimmed = Math.max(this.trimmed, end);
    while (end > 0 && array[end] === undefined) end--;
    array.length = end + 1;
  }
}

/** A traversal passes over what was removed, which may be much. */
function payForPlaces(count: number): void {
  if (count > PLACES_PER_ROUND) owe(Math.floor(count / PLACES_PER_ROUND));
}

/** A traversal: over the array part, then the fields, then the hash part. Entries may be removed on the way. */
export class TableCursor {
  key: LuaValue = undefined;
  value: LuaValue = undefined;
  readonly #table: LuaTable;
  #index = 1;
  #field = 0;
  #place = 0;

  constructor(table: LuaTable) {
    this.#table = table;
  }

  /** Goes to the next entry; false at the end. */
  step(): boolean {
    const table = this.#table;
    const { array } = table;
    const first = this.#index;
    while (this.#index < array.length) {
      const value = array[this.#index++];
      if (value === undefined) continue;
      payForPlaces(this.#index - first);
      this.key = this.#index - 1;
      this.value = value;
      return true;
    }
    payForPlaces(this.#index - first);
    if (this.#field < table.fieldCount) {
      const names = table.fieldNames();
      while (this.#field < names.length) {
        const name = names[this.#field++]!;
        const value = table.fields[name];
        if (value === undefined) continue;
        this.key = name;
        this.value = value;
        return true;
      }
    }
    const { hash } = table;
    if (hash === undefined) return false;
    const place = hash.occupied(this.#place);
    payForPlaces((place < 0 ? hash.size : place) - this.#place);
    if (place < 0) return false;
    this.#place = place + 1;
    this.key = hash.keyAt(place);
    this.value = hash.valueAt(place);
    return true;
  }

  /** Goes behind `key`. Throws `RangeError` when it was never in the table. */
  seek(key: LuaValue): void {
    if (key === undefined) return;
    const table = this.#table;
    if (typeof key === "number" && key > 0 && key < table.array.length) {
      this.#index = key + 1;
      return;
    }
    const place = table.hash?.place(key);
    if (place !== undefined) {
      this.#index = table.array.length;
      this.#field = table.fieldCount;
      this.#place = place + 1;
      return;
    }
    if (typeof key === "string" && table.fieldCount > 0 && key in table.fields) {
      this.#index = table.array.length;
      this.#field = table.fieldNames().indexOf(key) + 1;
      return;
    }
    // A key whose removal made the array part shorter.
    if (typeof key !== "number" || key <= 0 || key > table.trimmed)
      throw new RangeError("invalid key to 'next'");
    this.#index = key + 1;
  }
}

/** What `for … in ipairs(t)` steps through, when `ipairs` is the real one. */
export class ItemCursor {
  key = 0;
  value: LuaValue = undefined;
  readonly #object: LuaValue;
  readonly #index: (object: LuaValue, key: LuaValue) => LuaValue;

  constructor(object: LuaValue, index: (object: LuaValue, key: LuaValue) => LuaValue) {
    this.#object = object;
    this.#index = index;
  }

  step(): boolean {
    const i = ++this.key;
    const object = this.#object;
    if (object instanceof LuaTable && i < object.array.length) this.value = object.array[i];
    else this.value = undefined;
    if (this.value === undefined) this.value = this.#index(object, i);
    return this.value !== undefined;
  }
}

export type Cursor = TableCursor | ItemCursor;
/** The iterator functions that compiled loops replace by a cursor; base.ts makes them. */
export interface Iterators {
  next: LuaFunction;
  ipairsStep: LuaFunction;
}
