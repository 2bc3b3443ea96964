/**
 * Reading what no hook changes by a key that depends on the packet: a few keys are compared, more are looked up in a
 * hash map, whose cost is the same for any number.
 */

import { toBigInt } from "../lua/int64.ts";
import type { LuaTable } from "../lua/table.ts";
import { LuaInt64, type LuaValue } from "../lua/value.ts";
import { BPF_FUNC, BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { bytesFromLatin1 } from "../util/latin1.ts";
import { type Abstract, type Int, int, NIL, type Single, type Slice, typeOf } from "./abstract.ts";
import { Join } from "./control.ts";
import type { Specializer } from "./specializer.ts";

/** Tables up to here are compared key by key. */
export const MOST_COMPARED = 8;
/** Longest key of a table that is looked up. */
export const MOST_KEY_BYTES = 256;
/** Different values that a table can have beside integers. */
const MOST_VALUES = 64;

export type Entry = readonly [key: LuaValue, value: LuaValue];

export function lookUp(s: Specializer, table: LuaTable, key: Single): Abstract {
  const entries = entriesOf(table, typeOf(key));
  if (entries.length === 0) {
    if (key.kind === "local" || key.kind === "dynamic")
      s.refuse("a table as a key", "use integers or strings");
    return NIL;
  }
  if (key.kind === "bool") {
    const rest = new Join();
    s.fork(
      "jne",
      key.value,
      0n,
      () => s.goto(rest, [s.abstractOf(table.get(true))]),
      () => s.goto(rest, [s.abstractOf(table.get(false))]),
    );
    return s.land(rest)[0] ?? NIL;
  }
  if (key.kind === "int" || key.kind === "slice") return findEntry(s, table, entries, key, NIL);
  return s.refuse("a key of this kind", "use integers or strings");
}

/** What is under `key`, `missing` where there is none. All keys are of its type; `owner` is whose entries they are. */
export function findEntry(
  s: Specializer,
  owner: object,
  entries: readonly Entry[],
  key: Int | Slice,
  missing: Single,
): Abstract {
  return entries.length <= MOST_COMPARED
    ? compareKeys(s, entries, key, missing)
    : lookInMap(s, owner, entries, key, missing);
}

/** What can be found by keys of this type. */
function entriesOf(table: LuaTable, type: string): Entry[] {
  const entries: Entry[] = [];
  for (let entry = table.next(undefined); entry !== undefined; entry = table.next(entry[0])) {
    const [key] = entry;
    const own =
      typeof key === "number" || key instanceof LuaInt64
        ? "number"
        : typeof key === "boolean"
          ? "boolean"
          : typeof key;
    if (own === type) entries.push(entry);
  }
  return entries;
}

function compareKeys(s: Specializer, entries: readonly Entry[], key: Int | Slice, missing: Single): Abstract {
  const rest = new Join();
  // One way for each value, not for each key.
  const byValue = new Map(entries.map(([, value]) => [value, new Join()]));
  const found = entries.map(([, value]) => byValue.get(value)!);
  if (key.kind === "int") {
    const step = (i: number): void => {
      const entry = entries[i];
      if (entry === undefined) {
        s.goto(rest, [missing]);
        return;
      }
      s.fork(
        "jeq",
        key.value,
        toBigInt(entry[0] as number),
        () => s.goto(found[i]!),
        () => step(i + 1),
      );
    };
    step(0);
  } else {
    // By length first: one comparison for all keys of a length.
    const { length } = key;
    const lengths = [...new Set(entries.map(([text]) => (text as string).length))];
    const step = (i: number): void => {
      const bytes = lengths[i];
      if (bytes === undefined) {
        s.goto(rest, [missing]);
        return;
      }
      s.fork(
        "jeq",
        length,
        BigInt(bytes),
        () => {
          let next = new Join();
          for (const [j, [text]] of entries.entries()) {
            if ((text as string).length !== bytes) continue;
            s.equalBytes(key, 0, text as string, found[j]!, next);
            s.land(next);
            next = new Join();
            if (s.block === undefined) return;
          }
          s.goto(rest, [missing]);
        },
        () => step(i + 1),
      );
    };
    step(0);
  }
  for (const [value, join] of byValue) {
    s.land(join);
    if (s.block !== undefined) s.goto(rest, [s.abstractOf(value)]);
  }
  return s.land(rest)[0] ?? missing;
}

function lookInMap(
  s: Specializer,
  owner: object,
  entries: readonly Entry[],
  key: Int | Slice,
  missing: Single,
): Abstract {
  const isText = key.kind === "slice";
  const longest = isText ? longestOf(entries) : 8;
  if (longest > MOST_KEY_BYTES)
    s.refuse("a table or set with strings of more than 256 bytes", "use shorter ones");
  const keyBytes = (longest + 7) & ~7;
  if (isText && new Set(entries.map(([text]) => (text as string).replace(/\0+$/, ""))).size < entries.length)
    s.refuse(
      "a table or set with strings that differ only in zeros at their end",
      "use two, or strings that differ elsewhere",
    );
  const values = [...new Set(entries.map(([, value]) => value))];
  const areIntegers = values.every((value) => typeof value === "number" || value instanceof LuaInt64);
  if (!areIntegers && values.length > MOST_VALUES)
    s.refuse(
      `a table of ${values.length} different values that are no integers`,
      "keep integers in the table, or fewer different values",
    );
  const name = s.shared.constantMap(owner, isText ? "string" : "number", () => ({
    type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH,
    keySize: keyBytes,
    valueSize: 16,
    maxEntries: entries.length,
    flags: 0,
    isConstant: true,
    entries: entries.map(([k, value]) => {
      const keyBlock = new Uint8Array(keyBytes);
      if (isText) keyBlock.set(bytesFromLatin1(k as string));
      else new DataView(keyBlock.buffer).setBigInt64(0, toBigInt(k as number), true);
      const block = new DataView(new ArrayBuffer(16));
      // Strings may hold zeros: the length tells a key from the same with zeros behind it.
      block.setBigInt64(0, isText ? BigInt((k as string).length) : 0n, true);
      block.setBigInt64(8, areIntegers ? toBigInt(value as number) : BigInt(values.indexOf(value)), true);
      return [keyBlock, new Uint8Array(block.buffer)] as const;
    }),
  }));
  const rest = new Join();
  const search = new Join();
  if (key.kind === "slice")
    s.fork(
      "jgt",
      key.length,
      BigInt(longest),
      () => s.goto(rest, [missing]),
      () => s.goto(search),
    );
  else s.goto(search);
  s.land(search);
  // A key that is longer for certain is not there.
  if (s.block === undefined) return s.land(rest)[0] ?? missing;
  const place = key.kind === "slice" ? s.paddedKey(key, keyBytes) : s.wordKey(key);
  // To make the key room on the heap is needed.
  if (s.block === undefined) return s.land(rest)[0] ?? missing;
  const value = s.helper(BPF_FUNC.BPF_FUNC_map_lookup_elem, [s.map(name), place], "pointer");
  s.fork(
    "jeq",
    value,
    0n,
    () => s.goto(rest, [missing]),
    () => {
      const hit = (): void => {
        const word = s.load(8, value, 8);
        if (areIntegers) {
          s.goto(rest, [int(word)]);
          return;
        }
        const step = (i: number): void => {
          const go = (): void => s.goto(rest, [s.abstractOf(values[i])]);
          if (i === values.length - 1) go();
          else s.fork("jeq", word, BigInt(i), go, () => step(i + 1));
        };
        step(0);
      };
      if (key.kind !== "slice") hit();
      else s.fork("jne", s.load(8, value, 0), key.length, () => s.goto(rest, [missing]), hit);
    },
  );
  return s.land(rest)[0] ?? missing;
}

function longestOf(entries: readonly Entry[]): number {
  let longest = 0;
  for (const [text] of entries) longest = Math.max(longest, (text as string).length);
  return longest;
}
