/**
 * A table of names that runtimes, and programs in the kernel, share. Names are at most 255 bytes and hold no zeros, as
 * in the kernel, where they end at one.
 */

/** Of a name. */
export const MOST_NAME_BYTES = 255;

/** There is no room for one more entry. */
export class RcuTableFull extends Error {}

/** Where entries are, when they are not here. */
export interface RcuStore<V> {
  get(name: string): V | undefined;
  set(name: string, value: V): void;
  delete(name: string): void;
  entries(): Iterable<readonly [string, V]>;
}

export class RcuTable<V> {
  #entries: RcuStore<V> = new Map<string, V>();

  get(name: string): V | undefined {
    return this.#entries.get(name);
  }

  set(name: string, value: V): void {
    this.#entries.set(name, value);
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Those of now; while they are visited the table may change. */
  snapshot(): (readonly [string, V])[] {
    return [...this.#entries.entries()];
  }

  /** From now on entries are in `store`, which has them already: the kernel sees what is written here, and the other way round. */
  moveTo(store: RcuStore<V>): void {
    this.#entries = store;
  }
}
