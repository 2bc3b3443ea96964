/**
 * The part of a table for keys that are neither 1..n nor field names: a Map from keys to places in two lists.
 *
 * Keys stay in the order of their insertion. A removed key leaves its place with the value nil, so that a traversal
 * which removes keys goes on; places are given back when the next new key comes.
 */

import { toDecimal } from "./int64.ts";
import { owe } from "./meter.ts";
import { LuaInt64, type LuaValue } from "./value.ts";

export type Key = Exclude<LuaValue, undefined>;

const MIN_PLACES_TO_COMPACT = 16;

export class HashPart {
  #places = new Map<Key, number>();
  #keys: Key[] = [];
  #values: LuaValue[] = [];
  #removed = 0;
  /** Of the key that was last looked up. */
  #seen = 0;
  /** One object for each boxed integer that is a key: a Map compares objects by identity. */
  #boxes: Map<string, LuaInt64> | undefined = undefined;

  get(key: Key): LuaValue {
    const place = this.place(key);
    if (place === undefined) return undefined;
    this.#seen = place;
    return this.#values[place];
  }

  /** Assigns to a key that has a value, if it is the one that was last looked up: `t[k] = t[k] + 1`. */
  putSeen(key: string, value: LuaValue): boolean {
    const place = this.#seen;
    if (value === undefined || this.#keys[place] !== key || this.#values[place] === undefined) return false;
    this.#values[place] = value;
    return true;
  }

  /** Where `key` is, or was before it was removed. */
  place(key: Key): number | undefined {
    return this.#places.get(key instanceof LuaInt64 ? this.#box(key, false) : key);
  }

  has(key: Key): boolean {
    return this.place(key) !== undefined;
  }

  /** Assigns to a key that has a place. */
  put(place: number, value: LuaValue): void {
    const values = this.#values;
    if ((values[place] === undefined) !== (value === undefined))
      this.#removed += value === undefined ? 1 : -1;
    values[place] = value;
  }

  /** Adds a key that has no place. */
  insert(key: Key, value: LuaValue): void {
    if (this.#removed >= MIN_PLACES_TO_COMPACT && this.#removed * 2 > this.#keys.length) this.#compact();
    this.#places.set(key instanceof LuaInt64 ? this.#box(key, true) : key, this.#keys.length);
    this.#keys.push(key);
    this.#values.push(value);
  }

  /** How many places there are. */
  get size(): number {
    return this.#keys.length;
  }

  /** The keys with a value that could be those of items. */
  itemKeys(): number[] {
    return this.#keys.filter(
      (key, place): key is number => typeof key === "number" && key > 0 && this.#values[place] !== undefined,
    );
  }

  /** Takes a key out for good, and returns its value; nil when there is none. */
  take(key: Key): LuaValue {
    const place = this.#places.get(key);
    if (place === undefined) return undefined;
    const value = this.#values[place];
    if (value === undefined) return undefined;
    this.put(place, undefined);
    this.#places.delete(key);
    return value;
  }

  /** The first place from `place` on that holds a value; -1 when there is none. */
  occupied(place: number): number {
    const values = this.#values;
    for (; place < values.length; place++) if (values[place] !== undefined) return place;
    return -1;
  }

  keyAt(place: number): Key {
    return this.#keys[place]!;
  }

  valueAt(place: number): LuaValue {
    return this.#values[place];
  }

  #compact(): void {
    const keys: Key[] = [];
    const values: LuaValue[] = [];
    const places = new Map<Key, number>();
    const boxes = this.#boxes === undefined ? undefined : new Map<string, LuaInt64>();
    for (let place = this.occupied(0); place >= 0; place = this.occupied(place + 1)) {
      const key = this.#keys[place]!;
      if (key instanceof LuaInt64) boxes!.set(toDecimal(key), key);
      places.set(key, keys.length);
      keys.push(key);
      values.push(this.#values[place]);
    }
    this.#keys = keys;
    this.#values = values;
    this.#places = places;
    this.#boxes = boxes;
    this.#removed = 0;
  }

  #box(key: LuaInt64, create: boolean): LuaInt64 {
    owe(1);
    const text = toDecimal(key);
    const known = this.#boxes?.get(text);
    if (known !== undefined || !create) return known ?? key;
    this.#boxes ??= new Map();
    this.#boxes.set(text, key);
    return key;
  }
}
