/**
 * The `table` library. As in Lua 5.4 every function respects metamethods; a table without a metatable takes
 * the direct way. Each element moved, compared or joined costs budget, since the counts come from the script.
 */

import * as int64 from "../int64.ts";
import { asNative } from "../position.ts";
import type { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import { firstResult, type LuaFunction, type LuaInteger, type LuaResult, type LuaValue } from "../value.ts";
import { argumentError, checkInteger, checkString, checkTable, raise, typeName } from "./check.ts";
import { register } from "./register.ts";

/** Results `unpack` may return: the kernel's Lua stack has 200 slots. */
const MAX_RESULTS = 200;
/** Bytes one array slot is charged with. */
const SLOT_BYTES = 8;
const MAX_SIZE = 0x7fffffff;

/** What a table-like argument must be able to do when it is no plain table. */
const READ = ["__index"];
const WRITE = ["__newindex"];
const LENGTH = ["__len"];

export function openTable(state: LuaState): void {
  /** A table, or a value whose metatable has the named metamethods. */
  function check(value: LuaValue, n: number, name: string, needs: readonly string[]): LuaValue {
    if (value instanceof LuaTable) return value;
    const metatable = state.metatableOf(value);
    if (metatable === undefined || needs.some((event) => metatable.get(event) === undefined)) {
      checkTable(value, n, name);
    }
    return value;
  }

  const isPlain = (value: LuaValue): value is LuaTable =>
    value instanceof LuaTable && value.metatable === undefined;

  function get(t: LuaValue, key: LuaInteger): LuaValue {
    return isPlain(t) ? t.get(key) : state.index(t, key);
  }

  function set(t: LuaValue, key: LuaInteger, value: LuaValue): void {
    // What is in the array part already costs no memory and needs no metamethod.
    if (isPlain(t) && typeof key === "number" && key > 0 && key < t.array.length) t.set(key, value);
    else state.setIndex(t, key, value);
  }

  /** The length, which `__len` may make any integer. */
  function length(t: LuaValue): LuaInteger {
    const size = isPlain(t) ? t.length() : state.length(t);
    if (!int64.isInteger(size)) raise("object length is not an integer");
    return size;
  }

  function concat(t: LuaValue, separator: LuaValue, i: LuaValue, j: LuaValue): LuaResult {
    check(t, 1, "concat", [...READ, ...LENGTH]);
    const between = separator === undefined ? "" : checkString(separator, 2, "concat");
    const first = i === undefined ? 1 : checkInteger(i, 3, "concat");
    const last = j === undefined ? length(t) : checkInteger(j, 4, "concat");
    let out = "";
    for (let key = first; int64.le(key, last); key = int64.add(key, 1)) {
      state.spend(1);
      const value = get(t, key);
      let piece: string;
      if (typeof value === "string") piece = value;
      else if (int64.isInteger(value)) piece = int64.toDecimal(value);
      else raise(`invalid value (${typeName(value)}) at index ${int64.toDecimal(key)} in table for 'concat'`);
      const isLast = int64.eq(key, last);
      state.charge(piece.length + (isLast ? 0 : between.length));
      out += isLast ? piece : piece + between;
      // Stops before the key could wrap around behind the last integer.
      if (isLast) break;
    }
    return out;
  }

  function insert(...args: LuaValue[]): LuaResult {
    const t = check(args[0], 1, "insert", [...READ, ...WRITE, ...LENGTH]);
    const end = int64.add(length(t), 1);
    if (args.length === 2) {
      set(t, end, args[1]);
      return [];
    }
    if (args.length !== 3) raise("wrong number of arguments to 'insert'");
    const position = checkInteger(args[1], 2, "insert");
    // Unsigned, so that a position below 1 and one above the end are one test.
    if (!int64.ult(int64.sub(position, 1), end)) argumentError(2, "insert", "position out of bounds");
    for (let key = end; int64.lt(position, key); key = int64.sub(key, 1)) {
      state.spend(1);
      set(t, key, get(t, int64.sub(key, 1)));
    }
    set(t, position, args[2]);
    return [];
  }

  function remove(...args: LuaValue[]): LuaResult {
    const t = check(args[0], 1, "remove", [...READ, ...WRITE, ...LENGTH]);
    const size = length(t);
    let position = args[1] === undefined ? size : checkInteger(args[1], 2, "remove");
    // Unsigned, so that a position below 1 and one above the end are one test.
    if (!int64.eq(position, size) && int64.ult(size, int64.sub(position, 1))) {
      argumentError(2, "remove", "position out of bounds");
    }
    const removed = get(t, position);
    for (; int64.lt(position, size); position = int64.add(position, 1)) {
      state.spend(1);
      set(t, position, get(t, int64.add(position, 1)));
    }
    set(t, position, undefined);
    return removed;
  }

  function move(source: LuaValue, f: LuaValue, e: LuaValue, t: LuaValue, target: LuaValue): LuaResult {
    const from = checkInteger(f, 2, "move");
    const end = checkInteger(e, 3, "move");
    const to = checkInteger(t, 4, "move");
    const into = target === undefined ? source : target;
    check(source, 1, "move", READ);
    check(into, target === undefined ? 1 : 5, "move", WRITE);
    if (int64.lt(end, from)) return into;
    if (!int64.lt(0, from) && !int64.lt(end, int64.add(int64.MAX_INTEGER, from))) {
      argumentError(3, "move", "too many elements to move");
    }
    const count = int64.add(int64.sub(end, from), 1);
    if (int64.lt(int64.add(int64.sub(int64.MAX_INTEGER, count), 1), to)) {
      argumentError(4, "move", "destination wrap around");
    }
    // Overlapping ranges of one table are copied from the side that is not overwritten first.
    const upward = int64.lt(end, to) || int64.le(to, from) || (target !== undefined && source !== into);
    for (let i: LuaInteger = 0; int64.lt(i, count); i = int64.add(i, 1)) {
      state.spend(1);
      const step = upward ? i : int64.sub(int64.sub(count, 1), i);
      set(into, int64.add(to, step), get(source, int64.add(from, step)));
    }
    return into;
  }

  const packValues: LuaFunction = (...values) => {
    state.charge(values.length * SLOT_BYTES);
    const t = state.machine.array([undefined, ...values]);
    t.setField("n", values.length);
    return t;
  };

  function unpack(t: LuaValue, i: LuaValue, j: LuaValue): LuaResult {
    const first = i === undefined ? 1 : checkInteger(i, 2, "unpack");
    const last = j === undefined ? length(t) : checkInteger(j, 3, "unpack");
    if (int64.lt(last, first)) return [];
    const distance = int64.sub(last, first);
    if (typeof distance !== "number" || distance < 0 || distance >= MAX_RESULTS) {
      raise("too many results to unpack");
    }
    state.spend(1 + (distance >> 3));
    const values: LuaValue[] = [];
    for (let n = 0; n <= distance; n++) values.push(get(t, int64.add(first, n)));
    return values;
  }

  function create(sequence: LuaValue, records: LuaValue): LuaResult {
    const slots = checkInteger(sequence, 1, "create");
    const others = records === undefined ? 0 : checkInteger(records, 2, "create");
    if (typeof slots !== "number" || slots < 0 || slots > MAX_SIZE) {
      argumentError(1, "create", "out of range");
    }
    if (typeof others !== "number" || others < 0 || others > MAX_SIZE) {
      argumentError(2, "create", "out of range");
    }
    // Only a hint to us, but the script has asked for the memory.
    state.charge((slots + others * 4) * SLOT_BYTES);
    return new LuaTable();
  }

  function sort(t: LuaValue, order: LuaValue): LuaResult {
    check(t, 1, "sort", [...READ, ...WRITE, ...LENGTH]);
    const size = length(t);
    if (!int64.lt(1, size)) return [];
    if (typeof size !== "number" || size >= MAX_SIZE) argumentError(1, "sort", "array too big");
    if (order !== undefined && typeof order !== "function") {
      argumentError(2, "sort", `function expected, got ${typeName(order)}`);
    }
    state.charge(size * SLOT_BYTES);
    const values: LuaValue[] = [];
    for (let key = 1; key <= size; key++) {
      state.spend(1);
      values.push(get(t, key));
    }
    const before =
      order === undefined
        ? (a: LuaValue, b: LuaValue): boolean => {
            state.spend(1);
            if (typeof a === "number" && typeof b === "number") return a < b;
            return asNative(state.machine.plain.lt, a, b) as boolean;
          }
        : (a: LuaValue, b: LuaValue): boolean => {
            const answer = firstResult(state.call(order, a, b));
            return answer !== undefined && answer !== false;
          };
    try {
      quicksort(values, 0, size - 1, before);
    } finally {
      // As in PUC Lua, an error in the order function leaves the elements moved so far.
      for (let key = 1; key <= size; key++) set(t, key, values[key - 1]);
    }
    return [];
  }

  register(state, "table", {
    concat,
    create,
    insert,
    move,
    pack: packValues,
    remove,
    sort,
    unpack,
  });
}

type Before = (a: LuaValue, b: LuaValue) => boolean;

/** Up to this distance there is nothing to partition: two or three elements are put in order directly. */
const SMALL_RANGE = 3;

/**
 * Quicksort with the median of three, the smaller side first so that the stack stays logarithmic. Written out
 * because the comparison of `Array.prototype.sort` must not be inconsistent and sees nil as "undefined, last".
 * The scans run into a border only when the order function contradicts itself.
 */
function quicksort(a: LuaValue[], low: number, high: number, before: Before): void {
  while (high - low >= SMALL_RANGE) {
    const middle = (low + high) >> 1;
    if (before(a[middle], a[low])) swap(a, middle, low);
    if (before(a[high], a[middle])) {
      swap(a, high, middle);
      if (before(a[middle], a[low])) swap(a, middle, low);
    }
    const pivot = a[middle];
    swap(a, middle, high - 1);
    let i = low;
    let j = high - 1;
    for (;;) {
      while (before(a[++i], pivot)) if (i >= high - 1) raise("invalid order function for sorting");
      while (before(pivot, a[--j])) if (j <= low) raise("invalid order function for sorting");
      if (j <= i) break;
      swap(a, i, j);
    }
    swap(a, high - 1, i);
    if (i - low < high - i) {
      quicksort(a, low, i - 1, before);
      low = i + 1;
    } else {
      quicksort(a, i + 1, high, before);
      high = i - 1;
    }
  }
  for (let i = low + 1; i <= high; i++) {
    const value = a[i];
    let j = i;
    while (j > low && before(value, a[j - 1])) {
      a[j] = a[j - 1];
      j--;
    }
    a[j] = value;
  }
}

function swap(a: LuaValue[], i: number, j: number): void {
  const value = a[i];
  a[i] = a[j];
  a[j] = value;
}
