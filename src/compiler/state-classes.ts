/**
 * What lives longer than a packet: variables and fields that hooks change, and tables that they fill.
 *
 * A variable, or a field of a table with a constant name, is a slot: two words at a fixed place, which kind of value
 * and the value. A table that is filled by computed keys, or that comes and goes, has a number; what is in it are
 * entries of hash maps whose keys begin with that number, and its fields with constant names are a record of an array,
 * whose index is in the number. Numbers are never used again, so that a dropped table needs no clearing: nobody asks for
 * its entries any more, and the map forgets what was not used for longest; a record is taken for another table when it
 * was not used since all others had been looked at for that.
 *
 * Tables that can be in the same place are of one class, and share their maps.
 */

import { toBigInt } from "../lua/int64.ts";
import { LuaTable } from "../lua/table.ts";
import { type LuaFunction, LuaInt64, LuaUserdata, type LuaValue } from "../lua/value.ts";
import { BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { bytesFromLatin1 } from "../util/latin1.ts";
import { bool, int, type Kinds, NIL, type Single, text } from "./abstract.ts";
import { Restart } from "./control.ts";
import { CannotCompile } from "./diagnostics.ts";
import { MAPS, type MapSpec } from "./target.ts";

/** The kinds of value that a place was seen to hold, by shape. */
export type Kept = Map<string, Single>;

/** Two words: which kind of value, and the value. */
export interface Slot {
  /** In map `state`. */
  readonly offset: number;
  readonly kept: Kept;
  readonly initial: () => LuaValue;
}

export const WORD = 8;
export const SLOT_BYTES = 2 * WORD;
/**
 * The page of map `state` begins with the lock, the processor that holds it, how many tables were made, the index of the
 * record that was looked at last, the highest number of a table that ever had an entry, and what kept-strings.ts counts in eights of bytes: how much was ever kept, how much may
 * be at the end of this run, and how much was when the slots were last looked through.
 */
export const STATE = {
  lock: 0,
  holder: 8,
  lastTable: 16,
  hand: 24,
  filled: 32,
  stringTop: 40,
  stringLimit: 48,
  stringsSwept: 56,
  slots: 64,
} as const;
/** A record begins with the number of the table that has it, and whether it was used. */
export const RECORD = { table: 0, isUsed: 8, fields: 16 } as const;
/** The low bits of a table's number are the index of its record. */
export const INDEX_BITS = 14n;
/** The first word of an entry's key: the table's number, and of a string its length and the lowest bit. */
export const ENTRY = { table: 8n, length: 1n } as const;
/** A string as a key, at most. */
export const MOST_KEY = 64;
/** Those that come and go are made room for beforehand, which takes its time. */
const MOST_ENTRIES = 65536;
const MOST_PASSING_ENTRIES = 1 << Number(INDEX_BITS);

export class DynamicClass {
  readonly number: number;
  /** Fields with constant names, in the record of a table. */
  readonly fields = new Map<string, { readonly offset: number; readonly kept: Kept }>();
  /** What computed keys find. */
  readonly kept: Kept = new Map();
  hasIntegerKeys = false;
  /** Bytes of the longest string key that is computed; undefined: none are. */
  keyBytes: number | undefined;
  /** Of the tables that the script made while it loaded. */
  metatable: LuaTable | undefined;
  /** Hooks make such tables: they come and go. */
  isMadeByHooks = false;
  #parent: DynamicClass | undefined;

  constructor(number: number) {
    this.number = number;
  }

  get root(): DynamicClass {
    let at: DynamicClass = this;
    while (at.#parent !== undefined) at = at.#parent;
    return at;
  }

  /** Takes another class in. */
  absorb(other: DynamicClass): void {
    other.#parent = this;
    for (const name of other.fields.keys()) this.field(name);
    for (const [name, { kept }] of other.fields)
      for (const [shape, proto] of kept) admit(this.fields.get(name)!.kept, shape, proto);
    for (const [shape, proto] of other.kept) admit(this.kept, shape, proto);
    if (other.metatable !== this.metatable)
      throw new CannotCompile(
        undefined,
        "tables with different metatables in one place",
        "give all of them the same metatable, or none",
      );
    this.hasIntegerKeys ||= other.hasIntegerKeys;
    this.isMadeByHooks ||= other.isMadeByHooks;
    if (other.keyBytes !== undefined) this.keyBytes = Math.max(this.keyBytes ?? 0, other.keyBytes);
  }

  field(name: string): { readonly offset: number; readonly kept: Kept } {
    let field = this.fields.get(name);
    if (field === undefined) {
      field = { offset: RECORD.fields + this.fields.size * SLOT_BYTES, kept: new Map() };
      this.fields.set(name, field);
    }
    return field;
  }

  /** Fields are in a record, unless any string may be a key: then all are looked up. */
  get hasRecord(): boolean {
    return this.keyBytes === undefined && this.fields.size > 0;
  }

  get recordBytes(): number {
    return RECORD.fields + this.fields.size * SLOT_BYTES;
  }

  get recordMap(): string {
    return `record${this.number}`;
  }

  get entryMap(): string {
    return `entry${this.number}`;
  }

  /** `ENTRY`, and an integer or the bytes of a string. */
  get entryKeyBytes(): number {
    return WORD + Math.max(this.hasIntegerKeys ? WORD : 0, this.keyBytes ?? 0);
  }
}

/** All of a script's state. Learning something new starts the compilation again. */
export class StateModel {
  readonly #kinds: Kinds;
  readonly #intern: (text: string) => number;
  readonly #cells = new Map<object, Slot>();
  readonly #fields = new Map<LuaTable, Map<LuaValue, Slot>>();
  readonly #tables = new Map<LuaTable, { readonly id: bigint; readonly class: DynamicClass }>();
  readonly #sites = new Map<object, DynamicClass>();
  readonly #classes: DynamicClass[] = [];
  #slots = 0;
  /** A table was filled whose contents are constant otherwise. */
  #tablesMade = 0n;

  constructor(kinds: Kinds, intern: (text: string) => number) {
    this.#kinds = kinds;
    this.#intern = intern;
  }

  #learn(what: string): never {
    throw new Restart(what);
  }

  // ---- slots

  /** The slot of a captured variable, if hooks change it. */
  slotOfCell(cell: object): Slot | undefined {
    return this.#cells.get(cell);
  }

  slotOfField(table: LuaTable, key: LuaValue): Slot | undefined {
    return this.#fields.get(table)?.get(key);
  }

  hasSlots(table: LuaTable): boolean {
    return this.#fields.has(table);
  }

  /** The slots in which strings of packets may be. */
  get stringSlots(): Slot[] {
    const slots = [...this.#cells.values(), ...[...this.#fields.values()].flatMap((of) => [...of.values()])];
    return slots.filter(({ kept }) => this.kindsOf(kept).some(({ kind }) => kind === "slice"));
  }

  makeCellSlot(cell: object, initial: () => LuaValue): never {
    this.#cells.set(cell, this.#slot(initial));
    return this.#learn("a variable changes");
  }

  makeFieldSlot(table: LuaTable, key: LuaValue): never {
    let slots = this.#fields.get(table);
    if (slots === undefined) {
      slots = new Map();
      this.#fields.set(table, slots);
    }
    slots.set(
      key,
      this.#slot(() => table.get(key)),
    );
    return this.#learn("a field changes");
  }

  #slot(initial: () => LuaValue): Slot {
    const slot = { offset: STATE.slots + SLOT_BYTES * this.#slots++, kept: new Map(), initial };
    this.#admit(slot.kept, initial());
    return slot;
  }

  // ---- kinds of values

  /** A value of the loaded script, as something that is kept. */
  singleOf(value: LuaValue): Single {
    if (value instanceof LuaTable) {
      const { id, class: of } = this.tableOf(value) ?? this.#makeDynamic(value);
      return { kind: "dynamic", id, class: of.root };
    }
    if (value === undefined) return NIL;
    if (typeof value === "boolean") return bool(value);
    if (typeof value === "number" || value instanceof LuaInt64) return int(toBigInt(value));
    if (typeof value === "string") return text(value);
    if (value instanceof LuaUserdata) return { kind: "object", userdata: value };
    return { kind: "function", f: value as LuaFunction };
  }

  #admit(kept: Kept, value: LuaValue): void {
    const single = this.singleOf(value);
    this.#keep(kept, single);
  }

  /** True when something new was learnt. */
  #keep(kept: Kept, single: Single): boolean {
    let isNew = false;
    // One class for all tables in a place.
    if (single.kind === "dynamic")
      for (const other of kept.values())
        if (other.kind === "dynamic" && this.#unite(other.class, single.class)) isNew = true;
    const shape = this.#kinds.shapeOf(single);
    return admit(kept, shape, single) || isNew;
  }

  /** A place gets such a value. */
  keep(kept: Kept, single: Single): void {
    if (this.#keep(kept, single)) this.#learn("a place keeps another kind of value");
  }

  /** What a place may hold, one of each kind. */
  kindsOf(kept: Kept): readonly Single[] {
    return [...new Map([...kept.values()].map((single) => [this.#kinds.shapeOf(single), single])).values()];
  }

  // ---- tables

  tableOf(table: LuaTable): { readonly id: bigint; readonly class: DynamicClass } | undefined {
    return this.#tables.get(table);
  }

  makeDynamic(table: LuaTable): never {
    this.#makeDynamic(table);
    return this.#learn("a table changes");
  }

  #makeDynamic(table: LuaTable): { readonly id: bigint; readonly class: DynamicClass } {
    const made = { id: ++this.#tablesMade, class: this.#class() };
    made.class.metatable = table.metatable;
    this.#tables.set(table, made);
    for (let entry = table.next(undefined); entry !== undefined; entry = table.next(entry[0])) {
      const [key, value] = entry;
      const of = made.class.root;
      if (typeof key === "string") this.#admit(of.field(key).kept, value);
      else {
        of.hasIntegerKeys = true;
        this.#admit(of.kept, value);
      }
    }
    this.#admitMissing(made.class.root);
    return made;
  }

  /** Tables of the script that have no such field have nil there. */
  #admitMissing(of: DynamicClass): void {
    for (const [table] of this.#tablesOf(of))
      for (const [name, { kept }] of of.fields)
        if (table.get(name) === undefined) this.#admit(kept, undefined);
  }

  #class(): DynamicClass {
    const made = new DynamicClass(this.#classes.length);
    this.#classes.push(made);
    return made;
  }

  #unite(a: DynamicClass, b: DynamicClass): boolean {
    const x = a.root;
    const y = b.root;
    if (x === y) return false;
    x.absorb(y);
    this.#admitMissing(x);
    return true;
  }

  /** The class of the tables that an expression makes, if they outlive the packet. */
  classOfSite(site: object): DynamicClass | undefined {
    return this.#sites.get(site)?.root;
  }

  makeSite(site: object): never {
    const made = this.#class();
    made.isMadeByHooks = true;
    this.#sites.set(site, made);
    return this.#learn("a table outlives the packet");
  }

  needIntegerKeys(of: DynamicClass): void {
    if (of.hasIntegerKeys) return;
    of.hasIntegerKeys = true;
    this.#learn("integer keys");
  }

  needKeyBytes(of: DynamicClass, bytes: number): void {
    if (of.keyBytes !== undefined && of.keyBytes >= bytes) return;
    of.keyBytes = bytes;
    this.#learn("string keys");
  }

  needField(of: DynamicClass, name: string): void {
    if (of.fields.has(name)) return;
    of.field(name);
    this.#admitMissing(of);
    this.#learn("a field");
  }

  // ---- what is in the maps at the start

  /** Both words of a value. */
  words(value: LuaValue): readonly [tag: bigint, word: bigint] {
    const single = this.singleOf(value);
    const tag = this.#kinds.tagOf(this.#kinds.shapeOf(single));
    switch (single.kind) {
      case "int":
      case "bool":
        return [tag, single.value as bigint];
      case "text":
        return [tag, constantWord(this.#intern(single.text), single.text.length)];
      case "dynamic":
        return [tag, single.id as bigint];
      default:
        return [tag, 0n];
    }
  }

  get maps(): MapSpec[] {
    const page = new DataView(new ArrayBuffer(STATE.slots + SLOT_BYTES * this.#slots));
    // Above the numbers of the script's tables, whose index is all of them; the free records are behind theirs.
    page.setBigInt64(STATE.lastTable, this.#tablesMade >> INDEX_BITS, true);
    page.setBigInt64(STATE.filled, this.#highestFilled, true);
    page.setBigInt64(STATE.hand, this.#tablesMade & ((1n << INDEX_BITS) - 1n), true);
    const put = ({ offset, initial }: Slot): void => this.#put(page, offset, initial());
    for (const slot of this.#cells.values()) put(slot);
    for (const slots of this.#fields.values()) for (const slot of slots.values()) put(slot);
    const specs: MapSpec[] = [
      {
        name: MAPS.state,
        type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
        keySize: 4,
        valueSize: page.byteLength,
        maxEntries: 1,
        flags: 0,
        isConstant: false,
        entries: [[new Uint8Array(4), new Uint8Array(page.buffer)]],
      },
    ];
    for (const of of this.#classes) {
      if (of.root !== of) continue;
      const { BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_HASH } = BPF_MAP_TYPE;
      const common = {
        type: of.isMadeByHooks ? BPF_MAP_TYPE_LRU_HASH : BPF_MAP_TYPE_HASH,
        maxEntries: of.isMadeByHooks ? MOST_PASSING_ENTRIES : MOST_ENTRIES,
        flags: of.isMadeByHooks ? 0 : 1,
        isConstant: false,
      };
      specs.push({
        ...common,
        type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
        maxEntries: this.#recordsOf(of),
        flags: 0,
        name: of.recordMap,
        keySize: 4,
        valueSize: of.recordBytes,
        entries: this.#records(of),
      });
      specs.push({
        ...common,
        name: of.entryMap,
        keySize: of.entryKeyBytes,
        valueSize: SLOT_BYTES,
        entries: this.#entries(of),
      });
    }
    return specs;
  }

  #recordsOf(of: DynamicClass): number {
    const made = Number(this.#tablesMade) + 1;
    if (of.isMadeByHooks && made > MOST_PASSING_ENTRIES)
      throw new CannotCompile(
        undefined,
        `more than ${MOST_PASSING_ENTRIES} tables that hooks change`,
        "make fewer of them, or run it with --on nfqueue",
      );
    return of.isMadeByHooks ? MOST_PASSING_ENTRIES : made;
  }

  /** Numbers of tables that are made later are higher. */
  get #highestFilled(): bigint {
    let highest = 0n;
    for (const [table, { id }] of this.#tables)
      if (table.next(undefined) !== undefined && id > highest) highest = id;
    return highest;
  }

  #put(view: DataView, offset: number, value: LuaValue): void {
    const [tag, word] = this.words(value);
    view.setBigInt64(offset, tag, true);
    view.setBigInt64(offset + WORD, word, true);
  }

  #tablesOf(of: DynamicClass): [LuaTable, bigint][] {
    return [...this.#tables].flatMap(([table, entry]) =>
      entry.class.root === of ? [[table, entry.id]] : [],
    );
  }

  #records(of: DynamicClass): [Uint8Array, Uint8Array][] {
    if (!of.hasRecord) return [];
    return this.#tablesOf(of).map(([table, id]) => {
      const key = new DataView(new ArrayBuffer(4));
      key.setUint32(0, Number(id), true);
      const record = new DataView(new ArrayBuffer(of.recordBytes));
      record.setBigInt64(RECORD.table, id, true);
      record.setBigInt64(RECORD.isUsed, 1n, true);
      for (const [name, { offset }] of of.fields) this.#put(record, offset, table.get(name));
      return [new Uint8Array(key.buffer), new Uint8Array(record.buffer)];
    });
  }

  #entries(of: DynamicClass): [Uint8Array, Uint8Array][] {
    const entries: [Uint8Array, Uint8Array][] = [];
    for (const [table, id] of this.#tablesOf(of))
      for (let entry = table.next(undefined); entry !== undefined; entry = table.next(entry[0])) {
        const [key, value] = entry;
        const isText = typeof key === "string";
        if (isText && of.hasRecord) continue;
        const block = new DataView(new ArrayBuffer(of.entryKeyBytes));
        const kind = isText ? (BigInt(key.length) << ENTRY.length) | 1n : 0n;
        block.setBigInt64(0, (id << ENTRY.table) | kind, true);
        if (isText) new Uint8Array(block.buffer).set(bytesFromLatin1(key), WORD);
        else block.setBigInt64(WORD, toBigInt(key as number), true);
        const slot = new DataView(new ArrayBuffer(SLOT_BYTES));
        this.#put(slot, 0, value);
        entries.push([new Uint8Array(block.buffer), new Uint8Array(slot.buffer)]);
      }
    return entries;
  }
}

/** True when this is new. A place that keeps strings of packets may keep constants, too. */
function admit(kept: Kept, shape: string, single: Single): boolean {
  const known = kept.get(shape);
  if (known !== undefined && !(known.kind === "text" && single.kind === "slice")) return false;
  kept.set(shape, single);
  return true;
}

/** In the word of a string its place is above the length; the top bit says that it is one of the constants. */
export const STRING_LENGTH_BITS = 16n;

export const constantWord = (offset: number, length: number): bigint =>
  BigInt.asIntN(64, (1n << 63n) | (BigInt(offset) << STRING_LENGTH_BITS) | BigInt(length));
