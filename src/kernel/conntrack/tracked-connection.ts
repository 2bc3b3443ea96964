/** A connection of the simulated kernel: a window on its record, and what few connections have. */

import { IPPROTO } from "../../uapi/in.ts";
import { IPCT, IPS } from "../../uapi/nf-conntrack-common.ts";
import type { Connection, ConnectionTuple, ExpectationSpec } from "../connection.ts";
import { NUMBER, NUMBERS, WORD, WORDS } from "./record.ts";
import { describeTuple, protocolOf, zoneOf } from "./tuple.ts";

/** What a connection asks of whoever tracks it. */
export interface ConnectionOwner {
  readonly nowMs: number;
  setExpiry(connection: TrackedConnection, atMs: number): void;
  noteEvent(connection: TrackedConnection, event: number): void;
  /** Ends a connection that is in the table. */
  remove(connection: TrackedConnection): void;
  addExpectation(master: TrackedConnection, spec: ExpectationSpec): void;
}

const LABEL_BYTES = 16;

export class TrackedConnection implements Connection {
  /** The page that its record lies in, and where. */
  words: Int32Array;
  at: number;
  numbers: Float64Array;
  numbersAt: number;
  readonly slot: number;
  /** Somebody keeps the object: its slot's next connection gets another. */
  held = false;
  /** Neither ended nor dropped before it was confirmed. */
  alive = true;
  master: TrackedConnection | undefined = undefined;
  helper: string | undefined = undefined;
  #labels: Uint8Array | undefined = undefined;
  readonly #owner: ConnectionOwner;

  constructor(
    owner: ConnectionOwner,
    slot: number,
    words: Int32Array,
    at: number,
    numbers: Float64Array,
    numbersAt: number,
  ) {
    this.#owner = owner;
    this.slot = slot;
    this.words = words;
    this.at = at;
    this.numbers = numbers;
    this.numbersAt = numbersAt;
  }

  /** Zeroes the record for a new connection. */
  reset(): void {
    this.words.fill(0, this.at, this.at + WORDS);
    this.numbers.fill(0, this.numbersAt, this.numbersAt + NUMBERS);
    this.alive = true;
    this.master = undefined;
    this.helper = undefined;
    this.#labels = undefined;
  }

  /** Keeps the values apart from the record, which another connection will use. */
  detach(): void {
    // What is left of the timeout stays what it was.
    const left = this.timeoutMs;
    this.alive = false;
    if (!this.held) return;
    this.words = this.words.slice(this.at, this.at + WORDS);
    this.numbers = this.numbers.slice(this.numbersAt, this.numbersAt + NUMBERS);
    this.at = 0;
    this.numbersAt = 0;
    this.numbers[NUMBER.expires] = left;
  }

  get(word: number): number {
    return this.words[this.at + word]!;
  }

  set(word: number, value: number): void {
    this.words[this.at + word] = value;
  }

  get protocol(): number {
    return protocolOf(this.words, this.at);
  }

  get confirmed(): boolean {
    return (this.get(WORD.status) & IPS.IPS_CONFIRMED) !== 0;
  }

  get status(): number {
    return this.get(WORD.status);
  }

  get id(): number {
    return this.get(WORD.id) >>> 0;
  }

  get zone(): number {
    return zoneOf(this.words, this.at);
  }

  get timeoutMs(): number {
    const value = this.numbers[this.numbersAt + NUMBER.expires]!;
    return this.confirmed && this.alive ? Math.max(0, value - this.#owner.nowMs) : value;
  }

  /** Absent in the kernel for connections whose timeout is fixed; then nothing happens. */
  refresh(milliseconds: number): void {
    if (!this.alive || this.get(WORD.status) & IPS.IPS_FIXED_TIMEOUT) return;
    this.#owner.setExpiry(this, this.confirmed ? this.#owner.nowMs + milliseconds : milliseconds);
  }

  get mark(): number {
    return this.get(WORD.mark) >>> 0;
  }

  set mark(value: number) {
    if (this.get(WORD.mark) === (value | 0)) return;
    this.set(WORD.mark, value);
    if (this.alive) this.#owner.noteEvent(this, IPCT.IPCT_MARK);
  }

  tuple(direction: number): ConnectionTuple {
    return describeTuple(this.words, this.at + (direction === 0 ? WORD.original : WORD.reply));
  }

  labels(): Uint8Array {
    return this.#labels?.slice() ?? new Uint8Array(LABEL_BYTES);
  }

  packets(direction: number): number {
    return this.numbers[this.numbersAt + NUMBER.packets + direction]!;
  }

  bytes(direction: number): number {
    return this.numbers[this.numbersAt + NUMBER.bytes + direction]!;
  }

  get tcpState(): number | undefined {
    return this.protocol === IPPROTO.IPPROTO_TCP ? this.get(WORD.tcpState) : undefined;
  }

  remove(): void {
    if (!this.alive) return;
    if (this.confirmed) this.#owner.remove(this);
    // Its packet will not make it a connection, and is dropped at the end of the path, as Linux does.
    else this.set(WORD.status, this.get(WORD.status) | IPS.IPS_DYING);
  }

  expect(spec: ExpectationSpec): void {
    this.#owner.addExpectation(this, spec);
  }

  hold(): this {
    this.held = true;
    return this;
  }
}
