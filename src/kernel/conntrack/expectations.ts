/** Connections that others announced: the first packet that fits one starts a RELATED connection. */

import { NFPROTO } from "../../uapi/netfilter.ts";
import type { ExpectationSpec } from "../connection.ts";
import type { TrackedConnection } from "./tracked-connection.ts";
import { TUPLE, TUPLE_WORDS, writeAddress, zoneOf } from "./tuple.ts";

interface Expectation {
  readonly master: TrackedConnection;
  readonly words: Int32Array;
  /** Which bits of the words count. */
  readonly mask: Int32Array;
  readonly endsMs: number;
}

export class Expectations {
  #list: Expectation[] = [];

  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  add(master: TrackedConnection, spec: ExpectationSpec, nowMs: number): void {
    const { family, protocol, source, destination, sport, dport, timeoutMs } = spec;
    const words = new Int32Array(TUPLE_WORDS);
    const mask = new Int32Array(TUPLE_WORDS);
    for (const [at, value] of [
      [TUPLE.source, source],
      [TUPLE.destination, destination],
    ] as const) {
      if (value === undefined) continue;
      writeAddress(value, words, at);
      mask.fill(-1, at, at + (family === NFPROTO.NFPROTO_IPV4 ? 1 : TUPLE.destination));
    }
    words[TUPLE.ports] = ((sport ?? 0) << 16) | (dport ?? 0);
    mask[TUPLE.ports] = (sport === undefined ? 0 : 0xffff0000) | (dport === undefined ? 0 : 0xffff);
    words[TUPLE.meta] = (family << 24) | (protocol << 16) | zoneOf(master.words, master.at);
    mask[TUPLE.meta] = -1;
    // The latest comes first, as in the kernel's list.
    this.#list.unshift({ master: master.hold(), words, mask, endsMs: nowMs + timeoutMs });
  }

  /** The connection that announced this tuple; the announcement is used up. */
  take(tuple: Int32Array, nowMs: number): TrackedConnection | undefined {
    this.#list = this.#list.filter(({ master, endsMs }) => master.alive && endsMs > nowMs);
    const index = this.#list.findIndex(({ words, mask }) =>
      words.every((word, i) => ((word ^ tuple[i]!) & mask[i]!) === 0),
    );
    return index < 0 ? undefined : this.#list.splice(index, 1)[0]!.master;
  }
}
