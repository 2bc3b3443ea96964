/**
 * Finds connections whose time is up. A wheel of slots of one second each, and a connection in the list of the second
 * it ends in. Packets move that end all the time, nearly always to a later one: then the connection stays where it is and is
 * looked at again when its old second comes. Only an earlier end moves it at once.
 */

import { NUMBER, WORD } from "./record.ts";
import type { TrackedConnection } from "./tracked-connection.ts";

const SLOT_MS = 1000;
/** A power of two. What ends later than the wheel reaches is looked at on the way. */
const SLOTS = 512;

const NONE: readonly TrackedConnection[] = [];

export class TimerWheel {
  /** Slot of the first connection of each list plus 1, 0 when it is empty. */
  readonly #heads = new Int32Array(SLOTS);
  readonly #connections: readonly TrackedConnection[];
  /** The second that was looked at last. */
  #second = 0;

  constructor(connections: readonly TrackedConnection[]) {
    this.#connections = connections;
  }

  add(connection: TrackedConnection): void {
    const slot = this.#slotFor(connection);
    const head = this.#heads[slot]!;
    connection.set(WORD.wheelNext, head);
    connection.set(WORD.wheelPrevious, 0);
    connection.set(WORD.wheelSlot, slot + 1);
    if (head !== 0) this.#connections[head - 1]!.set(WORD.wheelPrevious, connection.slot + 1);
    this.#heads[slot] = connection.slot + 1;
  }

  remove(connection: TrackedConnection): void {
    const next = connection.get(WORD.wheelNext);
    const previous = connection.get(WORD.wheelPrevious);
    if (next !== 0) this.#connections[next - 1]!.set(WORD.wheelPrevious, previous);
    if (previous !== 0) this.#connections[previous - 1]!.set(WORD.wheelNext, next);
    else this.#heads[connection.get(WORD.wheelSlot) - 1] = next;
    connection.set(WORD.wheelSlot, 0);
  }

  /** After the end of a connection came nearer. */
  moved(connection: TrackedConnection): void {
    this.remove(connection);
    this.add(connection);
  }

  /** Calls `expire` for what has ended by `nowMs`; it removes the connection, and perhaps others. */
  advance(nowMs: number, expire: (connection: TrackedConnection) => void): void {
    const second = Math.floor(nowMs / SLOT_MS);
    if (second <= this.#second) return;
    // After a long silence every list is looked at once.
    const first = Math.max(this.#second + 1, second - SLOTS + 1);
    this.#second = second;
    for (let each = first; each <= second; each++) {
      for (const connection of this.#ended(each & (SLOTS - 1), nowMs)) expire(connection);
    }
  }

  #ended(slot: number, nowMs: number): readonly TrackedConnection[] {
    let at = this.#heads[slot]!;
    if (at === 0) return NONE;
    const ended: TrackedConnection[] = [];
    while (at !== 0) {
      const connection = this.#connections[at - 1]!;
      at = connection.get(WORD.wheelNext);
      if (connection.numbers[connection.numbersAt + NUMBER.expires]! <= nowMs) ended.push(connection);
      else if (this.#slotFor(connection) !== slot) this.moved(connection);
    }
    return ended;
  }

  /** The list for the second in which a connection has ended, not before. */
  #slotFor(connection: TrackedConnection): number {
    const end = Math.ceil(connection.numbers[connection.numbersAt + NUMBER.expires]! / SLOT_MS);
    return Math.min(Math.max(end, this.#second + 1), this.#second + SLOTS - 1) & (SLOTS - 1);
  }
}
