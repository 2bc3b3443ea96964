/**
 * Lists of values whose number depends on the packet: what a call gives that returns two values on one way and none on
 * another. Such a list is as long as the longest, nil where a way has less, and a word says how many there are. Whoever
 * takes single values need not know; who takes all of them (print, arguments, returns, `...`) asks here.
 */

import type { Abstract } from "./abstract.ts";
import type { Operand } from "./ir.ts";

interface Count {
  readonly word: Operand;
  /** What it can be, ascending. */
  readonly possible: readonly number[];
}

export class ListCounts {
  readonly #counts = new WeakMap<readonly Abstract[], Count>();

  of(list: readonly Abstract[]): Count {
    return this.#counts.get(list) ?? { word: BigInt(list.length), possible: [list.length] };
  }

  /** The same list, of which `word` says how many values there are. */
  set<T extends readonly Abstract[]>(list: T, word: Operand, possible: Iterable<number>): T {
    this.#counts.set(list, { word, possible: [...new Set(possible)].toSorted((a, b) => a - b) });
    return list;
  }
}
