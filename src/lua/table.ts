/**
 * A Lua table: an array part for the keys 1..n and a hash part for the rest.
 *
 * Invariants:
 *   - `array[0]` is unused; `array[i]` is the value of key `i`; the last one is not nil, so `array.length - 1` is a
 *     border and `#t` costs nothing. A nil between stays as `undefined`.
 *   - No key of the hash part is `array.length`: appending moves what follows over from the hash part.
 *   - The hash part keeps keys in the order of their insertion. A removed key leaves its place with the value nil, so
 *     that a traversal which removes keys goes on; places are given back when the next new key comes.
 */

import { toDecimal } from "./int64.ts";
import { LuaInt64, type LuaValue } from "./value.ts";

type Key = Exclude<LuaValue, undefined>;

const MIN_PLACES_TO_COMPACT = 16;

/** Entries that tables of this thread grew by, ever: what the memory bound of a state counts by. */
export const growth = { entries: 0 };

export class LuaTable {
  metatable: LuaTable | undefined = undefined;
  readonly array: LuaValue[] = [undefined];
  #places: Map<Key, number> | undefined = undefined;
  #keys: Key[] | undefined = undefined;
  #values: LuaValue[] | undefined = undefined;
  #removed = 0;
  /** One object for each boxed integer that is a key: a Map compares objects by identity. */
  #boxes: Map<string, LuaInt64> | undefined = undefined;

  get(key: LuaValue): LuaValue {
    if (typeof key === "string") {
      const place = this.#places?.get(key);
      return place === undefined ? undefined : this.#values![place];
    }
    if (typeof key === "number" && key > 0 && key < this.array.length) return this.array[key];
    if (this.#places === undefined || key === undefined) return undefined;
    const place = this.#places.get(key instanceof LuaInt64 ? this.#box(key, false) : key);
    return place === undefined ? undefined : this.#values![place];
  }

  /** Assigns without metamethods. `key` must not be nil. */
  set(key: Key, value: LuaValue): void {
    if (typeof key === "number" && key > 0 && key <= this.array.length) {
      if (key < this.array.length) {
        this.array[key] = value;
        if (value === undefined && key === this.array.length - 1) this.#trim();
      } else if (value !== undefined) {
        this.array.push(value);
        growth.entries++;
        if (this.#places !== undefined) this.#migrate();
      }
      return;
    }
    if (key instanceof LuaInt64) key = this.#box(key, value !== undefined);
    const place = this.#places?.get(key);
    if (place !== undefined) {
      const values = this.#values!;
      if ((values[place] === undefined) !== (value === undefined))
        this.#removed += value === undefined ? 1 : -1;
      values[place] = value;
    } else if (value !== undefined) {
      this.#insert(key, value);
    }
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
    let index = 1;
    let place = 0;
    if (key !== undefined) {
      const inArray = typeof key === "number" && key > 0 && key < this.array.length;
      const known = inArray
        ? undefined
        : this.#places?.get(key instanceof LuaInt64 ? this.#box(key, false) : key);
      if (known !== undefined) {
        index = this.array.length;
        place = known + 1;
      } else if (typeof key === "number" && key > 0) {
        // Also a key whose removal made the array part shorter.
        index = key + 1;
      } else {
        throw new RangeError("invalid key to 'next'");
      }
    }
    for (; index < this.array.length; index++) {
      const value = this.array[index];
      if (value !== undefined) return [index, value];
    }
    return this.nextInHash(place);
  }

  /** The first entry of the hash part at or after `place`, undefined at the end. */
  nextInHash(place: number): [Key, LuaValue] | undefined {
    const keys = this.#keys;
    if (keys === undefined) return undefined;
    const values = this.#values!;
    for (; place < keys.length; place++) {
      const value = values[place];
      if (value !== undefined) return [keys[place]!, value];
    }
    return undefined;
  }

  #insert(key: Key, value: LuaValue): void {
    growth.entries++;
    if (this.#places === undefined) {
      this.#places = new Map();
      this.#keys = [];
      this.#values = [];
    } else if (this.#removed >= MIN_PLACES_TO_COMPACT && this.#removed * 2 > this.#keys!.length) {
      this.#compact();
    }
    this.#places.set(key, this.#keys!.length);
    this.#keys!.push(key);
    this.#values!.push(value);
  }

  #compact(): void {
    const keys: Key[] = [];
    const values: LuaValue[] = [];
    const places = new Map<Key, number>();
    for (const [place, key] of this.#keys!.entries()) {
      const value = this.#values![place];
      if (value === undefined) continue;
      places.set(key, keys.length);
      keys.push(key);
      values.push(value);
    }
    this.#keys = keys;
    this.#values = values;
    this.#places = places;
    this.#removed = 0;
  }

  /** Moves the keys that follow the array part over from the hash part. */
  #migrate(): void {
    const places = this.#places!;
    for (;;) {
      const place = places.get(this.array.length);
      if (place === undefined) return;
      const value = this.#values![place];
      if (value === undefined) return;
      this.#values![place] = undefined;
      places.delete(this.array.length);
      this.#removed++;
      this.array.push(value);
    }
  }

  #trim(): void {
    const { array } = this;
    let end = array.length - 1;
    while (end > 0 && array[end] === undefined) end--;
    array.length = end + 1;
  }

  #box(key: LuaInt64, create: boolean): LuaInt64 {
    const text = toDecimal(key);
    const known = this.#boxes?.get(text);
    if (known !== undefined || !create) return known ?? key;
    this.#boxes ??= new Map();
    this.#boxes.set(text, key);
    return key;
  }
}
