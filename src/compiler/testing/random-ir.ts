/**
 * Random functions that the verifier accepts: arithmetic over words of a map's value (unknown to it), loads and stores
 * there and on the stack, branches that meet again with arguments, counted loops whose parameters change places,
 * calls that lose r1..r5, more values alive than there are registers, and cold ways out. At the end everything alive
 * goes back into the value.
 */

import { randomImmediate } from "../../ebpf/testing.ts";
import { BPF_FUNC } from "../../uapi/bpf.ts";
import {
  type AccessSize,
  type BinaryOperation,
  type Block,
  type Comparison,
  type Edge,
  type Instruction,
  IrFunction,
  type Operand,
  StackSlot,
  type Terminator,
  type Value,
} from "../ir.ts";

export const STATE_WORDS = 48;
/** The words that functions play with; the rest takes what is alive at the end. */
const PLAY_WORDS = 16;
export const STATE_BYTES = STATE_WORDS * 8;
/** The only map of these functions: an array of one value. */
export const STATE = "state";

export interface RandomIrOptions {
  /** How many steps, those in branches and loops included. */
  readonly length: number;
  /** How many values are kept alive: above ten some need memory. */
  readonly alive: number;
}

type Next = () => number;

/** What the map's value begins with. */
export function randomStateOf(next: Next): Uint8Array {
  const bytes = new Uint8Array(STATE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < STATE_BYTES; at += 8) {
    const low = randomImmediate(next);
    view.setInt32(at, low, true);
    view.setInt32(at + 4, next() % 3 === 0 ? low >> 31 : next() % 2 === 0 ? 0 : randomImmediate(next), true);
  }
  return bytes;
}

/** An address with so many bytes behind it. */
interface Place {
  readonly address: Value;
  readonly bytes: number;
  /** For certain in the map: the verifier takes atomics at an unknown place of the stack for calls of helpers. */
  readonly isInMap: boolean;
}

/** What may be used here. */
interface Scope {
  readonly ints: readonly Value[];
  readonly places: readonly Place[];
}

const BINARY: readonly BinaryOperation[] = [
  ..."add sub mul and or xor lsh rsh arsh div mod sdiv smod add sub and".split(" "),
] as BinaryOperation[];
const COMPARISONS = "jeq jne jgt jge jlt jle jsgt jsge jslt jsle jset".split(" ") as Comparison[];

export function randomIr(next: Next, options: RandomIrOptions): IrFunction {
  return new Generator(next, options).run();
}

class Generator {
  readonly #next: Next;
  readonly #alive: number;
  readonly #ir = new IrFunction("random");
  #left: number;
  #loops = 0;
  #block: Block;
  #ints: Value[] = [];
  #places: Place[] = [];
  #trap: Block | undefined;
  #key: Value | undefined;

  constructor(next: Next, options: RandomIrOptions) {
    this.#next = next;
    this.#left = options.length;
    this.#alive = options.alive;
    this.#block = this.#ir.entry;
  }

  run(): IrFunction {
    this.#ir.entry.parameters.push(this.#ir.value("pointer"));
    this.#begin();
    while (this.#left > 0) this.#step();
    this.#finish();
    return this.#ir;
  }

  #below(bound: number): number {
    return this.#next() % bound;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #emit(instruction: Unplaced<Instruction>): void {
    const span = { chunk: "random", line: this.#block.instructions.length + 1 };
    this.#block.instructions.push({ ...instruction, span } as Instruction);
  }

  #end(terminator: Unplaced<Terminator>): void {
    this.#block.terminator = { ...terminator, span: undefined } as Terminator;
  }

  #int(): Value {
    return this.#ir.value("int");
  }

  /** Keeps a value for later use; the oldest are forgotten now and then. */
  #keep(value: Value): void {
    if (this.#ints.length >= this.#alive) this.#ints.splice(this.#below(this.#ints.length), 1);
    this.#ints.push(value);
  }

  #operand(): Operand {
    if (this.#below(4) > 0) return this.#pick(this.#ints);
    const low = BigInt(randomImmediate(this.#next));
    return this.#below(3) > 0
      ? low
      : BigInt.asIntN(64, (BigInt(this.#next()) << 32n) | BigInt.asUintN(32, low));
  }

  #begin(): void {
    const base = this.#ir.value("pointer");
    this.#emit({ op: "mapValue", symbol: STATE, offset: 0, result: base });
    this.#places.push({ address: base, bytes: PLAY_WORDS * 8, isInMap: true });
    for (const bytes of [16, 40]) {
      const address = this.#ir.value("pointer");
      this.#emit({ op: "stackAddress", slot: new StackSlot(`slot${bytes}`, bytes), result: address });
      for (let offset = 0; offset < bytes; offset += 8)
        this.#emit({
          op: "store",
          size: 8,
          to: address,
          offset,
          value: BigInt(offset * 3),
          result: undefined,
        });
      this.#places.push({ address, bytes, isInMap: false });
    }
    this.#key = this.#ir.value("pointer");
    this.#emit({ op: "stackAddress", slot: new StackSlot("key", 4), result: this.#key });
    const count = Math.min(this.#alive, PLAY_WORDS);
    for (let word = 0; word < count; word++) {
      const result = this.#int();
      this.#emit({ op: "load", size: 8, from: base, offset: word * 8, result });
      this.#ints.push(result);
    }
  }

  #finish(): void {
    const base = this.#ir.value("pointer");
    this.#emit({ op: "mapValue", symbol: STATE, offset: PLAY_WORDS * 8, result: base });
    const room = STATE_WORDS - PLAY_WORDS;
    for (const [index, value] of this.#ints.slice(0, room).entries())
      this.#emit({ op: "store", size: 8, to: base, offset: index * 8, value, result: undefined });
    this.#end({ op: "return", value: this.#operand() });
  }

  #step(): void {
    this.#left--;
    const kind = this.#below(20);
    if (kind < 8) this.#arithmetic();
    else if (kind < 11) this.#load();
    else if (kind < 13) this.#store();
    else if (kind === 13) this.#call();
    else if (kind === 14) this.#index();
    else if (kind === 15) this.#lookup();
    else if (kind === 16) this.#leave();
    else if (kind === 17 && this.#loops < 2) this.#loop();
    else this.#branch();
  }

  #arithmetic(): void {
    const result = this.#int();
    const kind = this.#below(12);
    if (kind === 0) this.#emit({ op: "negate", result, operand: this.#operand() });
    else if (kind === 1)
      this.#emit({ op: "swap", bits: this.#pick([16, 32, 64] as const), result, operand: this.#operand() });
    else {
      const operation = this.#pick(BINARY);
      const right =
        this.#below(4) === 0 ? (1n << BigInt(this.#below(64))) - BigInt(this.#below(2)) : this.#operand();
      this.#emit({
        op: "binary",
        operation,
        result,
        left: this.#operand(),
        right:
          BigInt.asIntN(64, typeof right === "bigint" ? right : 0n) === right ? right : this.#wrapped(right),
      });
    }
    this.#keep(result);
  }

  #wrapped(operand: Operand): Operand {
    return typeof operand === "bigint" ? BigInt.asIntN(64, operand) : operand;
  }

  #access(): { place: Place; size: AccessSize; offset: number } {
    const place = this.#pick(this.#places);
    const size = this.#pick([1, 2, 4, 8, 8] as const);
    return { place, size, offset: this.#below(place.bytes / size) * size };
  }

  #load(): void {
    const { place, size, offset } = this.#access();
    const times = 1 + this.#below(2);
    for (let i = 0; i < times; i++) {
      const result = this.#int();
      this.#emit({ op: "load", size, from: place.address, offset, result });
      this.#keep(result);
    }
  }

  #store(): void {
    const { place, size, offset } = this.#access();
    const to = place.address;
    if (place.isInMap && size >= 4 && this.#below(3) === 0)
      this.#emit({
        op: "atomicAdd",
        size: size as 4 | 8,
        to,
        offset,
        value: this.#pick(this.#ints),
        result: undefined,
      });
    else this.#emit({ op: "store", size, to, offset, value: this.#operand(), result: undefined });
  }

  /** A helper whose result is another each time, but whose upper bits are 0. */
  #call(): void {
    const called = this.#int();
    const [helper, shift] = this.#pick([
      [BPF_FUNC.BPF_FUNC_ktime_get_ns, 63n],
      [BPF_FUNC.BPF_FUNC_get_smp_processor_id, 32n],
    ] as const);
    this.#emit({ op: "helper", helper, args: [], result: called });
    const result = this.#int();
    this.#emit({ op: "binary", operation: "rsh", result, left: called, right: shift });
    this.#keep(result);
  }

  /** An address at a place that only a run knows. */
  #index(): void {
    const place = this.#pick(this.#places);
    if (place.bytes < 16) return;
    const mask = place.bytes >= 72 ? 0x38 : 8;
    const index = this.#int();
    this.#emit({
      op: "binary",
      operation: "and",
      result: index,
      left: this.#pick(this.#ints),
      right: BigInt(mask),
    });
    const address = this.#ir.value("pointer");
    const [left, right] = this.#below(2) ? [place.address, index] : [index, place.address];
    this.#emit({ op: "binary", operation: "add", result: address, left, right });
    this.#keepPlace({ address, bytes: place.bytes - mask, isInMap: place.isInMap });
  }

  #keepPlace(place: Place): void {
    if (this.#places.length > 6) this.#places.splice(this.#below(this.#places.length), 1);
    this.#places.push(place);
  }

  /** A lookup that finds the value or does not, and the check that the verifier wants. */
  #lookup(): void {
    const key = this.#key!;
    const map = this.#ir.value("pointer");
    this.#emit({ op: "map", symbol: STATE, result: map });
    const value = this.#below(3) === 0 ? 1n : 0n;
    this.#emit({ op: "store", size: 4, to: key, offset: 0, value, result: undefined });
    const found = this.#ir.value("pointer");
    this.#emit({ op: "helper", helper: BPF_FUNC.BPF_FUNC_map_lookup_elem, args: [map, key], result: found });
    const inner = this.#int();
    const hit = this.#ir.block();
    const after = this.#ir.block();
    const merged = this.#int();
    after.parameters.push(merged);
    const miss: Edge = { target: after, args: [this.#operand()] };
    const isFirst = this.#below(2) === 0;
    this.#end({
      op: "branch",
      comparison: isFirst ? "jne" : "jeq",
      left: found,
      right: 0n,
      then: isFirst ? { target: hit, args: [] } : miss,
      otherwise: isFirst ? miss : { target: hit, args: [] },
    });
    this.#block = hit;
    const offset = this.#below(PLAY_WORDS) * 8;
    this.#emit({ op: "load", size: 8, from: found, offset, result: inner });
    this.#end({ op: "jump", to: { target: after, args: [inner] } });
    this.#block = after;
    this.#keep(merged);
  }

  /** A rare way out: its end is common to all of them. */
  #leave(): void {
    if (this.#trap === undefined) {
      this.#trap = this.#ir.block();
      this.#trap.isCold = true;
      const code = this.#int();
      this.#trap.parameters.push(code, this.#int());
      this.#trap.terminator = { op: "return", value: code, span: undefined };
    }
    const rest = this.#ir.block();
    const args = [this.#operand(), this.#operand()];
    const target = this.#below(2) ? this.#trap : this.#coldReturn();
    const left = this.#pick(this.#ints);
    this.#end({
      op: "branch",
      comparison: this.#pick(["jeq", "jsgt", "jlt"]),
      left,
      right: this.#operand(),
      then: { target, args: target === this.#trap ? args : [] },
      otherwise: { target: rest, args: [] },
    });
    this.#block = rest;
  }

  #coldReturn(): Block {
    const block = this.#ir.block();
    block.isCold = true;
    block.terminator = { op: "return", value: BigInt(this.#below(3)), span: undefined };
    return block;
  }

  #scope(): Scope {
    return { ints: [...this.#ints], places: [...this.#places] };
  }

  #enter(block: Block, scope: Scope): void {
    this.#block = block;
    this.#ints = [...scope.ints];
    this.#places = [...scope.places];
  }

  #some(limit: number): void {
    const steps = Math.min(this.#left, 1 + this.#below(limit));
    const until = this.#left - steps;
    while (this.#left > Math.max(until, 0)) this.#step();
  }

  /** Two ways that meet again. */
  #branch(): void {
    const scope = this.#scope();
    const then = this.#ir.block();
    const otherwise = this.#ir.block();
    const after = this.#ir.block();
    const count = this.#below(5);
    for (let i = 0; i < count; i++) after.parameters.push(this.#int());
    const hasPlace = this.#below(3) === 0;
    if (hasPlace) after.parameters.push(this.#ir.value("pointer"));
    then.isCold = this.#below(6) === 0;
    const isShort = this.#below(4) === 0;
    // Of two addresses both ways take one with at least 8 bytes; those on the stack are known to have more.
    const merge = (): Edge => {
      const args: Operand[] = Array.from({ length: count }, () => this.#operand());
      if (hasPlace) args.push(this.#pick(this.#places.filter(({ bytes }) => bytes >= 8)).address);
      return { target: after, args };
    };
    this.#end({
      op: "branch",
      comparison: this.#pick(COMPARISONS),
      left: this.#pick(this.#ints),
      right: this.#operand(),
      then: { target: then, args: [] },
      otherwise: isShort ? merge() : { target: otherwise, args: [] },
    });
    this.#enter(then, scope);
    this.#some(4);
    this.#end({ op: "jump", to: merge() });
    if (!isShort) {
      this.#enter(otherwise, scope);
      this.#some(4);
      this.#end({ op: "jump", to: merge() });
    }
    this.#enter(after, scope);
    for (const parameter of after.parameters)
      if (parameter.kind === "int") this.#keep(parameter);
      else this.#keepPlace({ address: parameter, bytes: 8, isInMap: false });
  }

  /** A counted loop; its parameters go round in another order. */
  #loop(): void {
    const header = this.#ir.block();
    const body = this.#ir.block();
    const after = this.#ir.block();
    const counter = this.#int();
    const count = 1 + this.#below(5);
    const carried = Array.from({ length: count }, () => this.#int());
    header.parameters.push(counter, ...carried);
    const trips = BigInt(1 + this.#below(3));
    this.#end({
      op: "jump",
      to: { target: header, args: [0n, ...carried.map(() => this.#operand())] },
    });
    this.#block = header;
    for (const value of carried) this.#keep(value);
    const scope = this.#scope();
    this.#end({
      op: "branch",
      comparison: "jsge",
      left: counter,
      right: trips,
      then: { target: after, args: [] },
      otherwise: { target: body, args: [] },
    });
    this.#block = body;
    this.#loops++;
    if (this.#below(3) === 0) {
      const exit = this.#coldReturn();
      const rest = this.#ir.block();
      this.#end({ op: "mayGoto", exit: { target: exit, args: [] }, next: { target: rest, args: [] } });
      this.#block = rest;
    }
    this.#some(5);
    this.#loops--;
    const stepped = this.#int();
    this.#emit({ op: "binary", operation: "add", result: stepped, left: counter, right: 1n });
    const turned = carried.map((_, index) =>
      this.#below(3) > 0 ? carried[(index + 1) % count]! : this.#operand(),
    );
    this.#end({ op: "jump", to: { target: header, args: [stepped, ...turned] } });
    this.#enter(after, scope);
    this.#keep(counter);
  }
}

type Unplaced<T> = T extends unknown ? Omit<T, "span"> : never;
