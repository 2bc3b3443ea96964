/** Connections by where they come from (nf_nat_bysource): one from the same source becomes the same, if it can. */

import { WORD } from "../conntrack/record.ts";
import type { TrackedConnection } from "../conntrack/tracked-connection.ts";
import { hashTuple, sameAddress, TUPLE, TUPLE_WORDS } from "../conntrack/tuple.ts";

const SOURCE_PORT = 0xffff0000 | 0;

export class SourceIndex {
  /** By a hash of family, protocol, address and port; the newest last. */
  readonly #lists = new Map<number, TrackedConnection[]>();
  readonly #scratch = new Int32Array(TUPLE_WORDS);

  add(connection: TrackedConnection): void {
    const key = this.#keyOf(connection.words, connection.at + WORD.original);
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, [connection]);
    else list.push(connection);
  }

  remove(connection: TrackedConnection): void {
    const key = this.#keyOf(connection.words, connection.at + WORD.original);
    const list = this.#lists.get(key);
    const at = list?.indexOf(connection) ?? -1;
    if (list === undefined || at < 0) return;
    if (list.length === 1) this.#lists.delete(key);
    else list.splice(at, 1);
  }

  /** The first `found` accepts of those with the source of `tuple`, the newest before the others. */
  find(tuple: Int32Array, found: (connection: TrackedConnection) => boolean): void {
    const list = this.#lists.get(this.#keyOf(tuple, 0));
    if (list === undefined) return;
    for (let i = list.length - 1; i >= 0; i--) {
      const connection = list[i]!;
      if (isSameSource(connection, tuple) && found(connection)) return;
    }
  }

  #keyOf(words: Int32Array, at: number): number {
    const scratch = this.#scratch;
    for (let i = 0; i < TUPLE.destination; i++) scratch[i] = words[at + i]!;
    scratch[TUPLE.ports] = words[at + TUPLE.ports]! & SOURCE_PORT;
    scratch[TUPLE.meta] = words[at + TUPLE.meta]!;
    return hashTuple(scratch, 0);
  }
}

function isSameSource({ words, at }: TrackedConnection, tuple: Int32Array): boolean {
  const original = at + WORD.original;
  return (
    words[original + TUPLE.meta] === tuple[TUPLE.meta] &&
    ((words[original + TUPLE.ports]! ^ tuple[TUPLE.ports]!) & SOURCE_PORT) === 0 &&
    sameAddress(words, original + TUPLE.source, tuple, TUPLE.source)
  );
}
