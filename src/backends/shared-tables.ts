/** Tables of the script that its programs use, once they are maps of the kernel: the script reads and writes those. */

import {
  isMapValue,
  type MapValue,
  mapKey,
  mapValue,
  nameOfKey,
  type SharedTable,
  valueOfMap,
} from "../compiler/shared-tables.ts";
import { type RcuStore, RcuTableFull } from "../kernel/rcu-table.ts";
import type { KernelMap } from "../linux/bpf.ts";
import { ErrnoError } from "../linux/errors.ts";

/** From here on `tables` are what is in their maps, by name; until the result is called, before the maps are closed. */
export function moveToMaps(
  tables: readonly SharedTable[],
  maps: Readonly<Record<string, KernelMap>>,
): () => void {
  const moved = tables.flatMap(({ table, name }) => {
    const map = maps[name];
    if (map === undefined) return [];
    const store = new MapStore(map);
    for (const [key, value] of table.snapshot()) if (!store.takes(key, value)) store.set(key, value);
    table.moveTo(store);
    return [table];
  });
  return () => {
    for (const table of moved) table.moveTo(new Map(table.snapshot()));
  };
}

class MapStore implements RcuStore<unknown> {
  readonly #map: KernelMap;
  /** What no program can ask for: longer names than they do, and objects. */
  readonly #own = new Map<string, unknown>();

  constructor(map: KernelMap) {
    this.#map = map;
  }

  get(name: string): unknown {
    const own = this.#own.get(name);
    if (own !== undefined || name.length > this.#map.keySize) return own;
    const value = this.#map.lookup(this.#keyOf(name));
    return value && valueOfMap(value);
  }

  /** Whether it can be in the map. */
  takes(name: string, value: unknown): value is MapValue {
    return name.length <= this.#map.keySize && isMapValue(value);
  }

  set(name: string, value: unknown): void {
    if (this.takes(name, value)) {
      this.#own.delete(name);
      this.#update(name, value);
    } else {
      this.delete(name);
      this.#own.set(name, value);
    }
  }

  #update(name: string, value: MapValue): void {
    try {
      this.#map.update(this.#keyOf(name), mapValue(value));
    } catch (error) {
      if (error instanceof ErrnoError && (error.code === "E2BIG" || error.code === "ENOMEM"))
        throw new RcuTableFull();
      throw error;
    }
  }

  delete(name: string): void {
    this.#own.delete(name);
    if (name.length <= this.#map.keySize) this.#map.delete(this.#keyOf(name));
  }

  *entries(): Iterable<readonly [string, unknown]> {
    yield* this.#own;
    // A hash that changes meanwhile may give an entry twice.
    const seen = new Set<string>();
    for (const [key, value] of this.#map.entries()) {
      const name = nameOfKey(key);
      if (!seen.has(name)) yield [name, valueOfMap(value)];
      seen.add(name);
    }
  }

  #keyOf(name: string): Uint8Array {
    return mapKey(name, this.#map.keySize);
  }
}
