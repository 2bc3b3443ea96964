/** Reading a table that no hook changes, by a key that depends on the packet. */

import { toBigInt } from "../lua/int64.ts";
import type { LuaTable } from "../lua/table.ts";
import { LuaInt64, type LuaValue } from "../lua/value.ts";
import { BPF_FUNC, BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { bytesFromLatin1 } from "../util/latin1.ts";
import { type Abstract, type Int, int, NIL, type Single, type Slice, typeOf } from "./abstract.ts";
import { Join } from "./control.ts";
import type { Specializer } from "./specializer.ts";

/** Tables up to here are compared key by key. */
const MOST_COMPARED = 8;
/** Longest key of a table that is looked up. */
const MOST_KEY_BYTES = 256;
/** Different values that a table can have beside integers. */
const MOST_VALUES = 64;

type Entry = readonly [key: LuaValue, value: LuaValue];

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
  if (key.kind === "int" || key.kind === "slice")
    return entries.length <= MOST_COMPARED ? compareKeys(s, entries, key) : lookInMap(s, table, entries, key);
  return s.refuse("a key of this kind", "use integers or strings");
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

function compareKeys(s: Specializer, entries: readonly Entry[], key: Single): Abstract {
  const rest = new Join();
  const found = entries.map(() => new Join());
  if (key.kind === "int") {
    const step = (i: number): void => {
      const entry = entries[i];
      if (entry === undefined) {
        s.goto(rest, [NIL]);
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
    const { length } = key as Slice;
    const lengths = [...new Set(entries.map(([text]) => (text as string).length))];
    const step = (i: number): void => {
      const bytes = lengths[i];
      if (bytes === undefined) {
        s.goto(rest, [NIL]);
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
            s.equalBytes(key as Slice, 0, text as string, found[j]!, next);
            s.land(next);
            next = new Join();
            if (s.block === undefined) return;
          }
          s.goto(rest, [NIL]);
        },
        () => step(i + 1),
      );
    };
    step(0);
  }
  for (const [i, join] of found.entries()) {
    s.land(join);
    if (s.block !== undefined) s.goto(rest, [s.abstractOf(entries[i]![1])]);
  }
  return s.land(rest)[0] ?? NIL;
}

/** A hash map, whose cost is the same for any number of keys. */
function lookInMap(s: Specializer, table: LuaTable, entries: readonly Entry[], key: Single): Abstract {
  const isText = key.kind === "slice";
  const longest = isText ? Math.max(...entries.map(([text]) => (text as string).length)) : 8;
  if (longest > MOST_KEY_BYTES) s.refuse("a table with keys of more than 256 bytes", "use shorter keys");
  const keyBytes = (longest + 7) & ~7;
  const values = [...new Set(entries.map(([, value]) => value))];
  const areIntegers = values.every((value) => typeof value === "number" || value instanceof LuaInt64);
  if (!areIntegers && values.length > MOST_VALUES)
    s.refuse(
      `a table of ${values.length} different values that are no integers`,
      "keep integers in the table, or fewer different values",
    );
  const name = s.shared.constantMap(table, isText ? "string" : "number", () => ({
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
  if (isText)
    s.fork(
      "jgt",
      key.length,
      BigInt(longest),
      () => s.goto(rest, [NIL]),
      () => s.goto(search),
    );
  else s.goto(search);
  s.land(search);
  const place = isText ? s.paddedKey(key, keyBytes) : s.wordKey(key as Int);
  // To make the key room on the heap is needed.
  if (s.block === undefined) return NIL;
  const value = s.helper(BPF_FUNC.BPF_FUNC_map_lookup_elem, [s.map(name), place], "pointer");
  s.fork(
    "jeq",
    value,
    0n,
    () => s.goto(rest, [NIL]),
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
      if (!isText) hit();
      else s.fork("jne", s.load(8, value, 0), key.length, () => s.goto(rest, [NIL]), hit);
    },
  );
  return s.land(rest)[0] ?? NIL;
}
