/**
 * The `table` library. As in Lua 5.4 every function respects metamethods; a table without a metatable takes
 * the direct way. Each element moved, compared or joined costs budget, since the counts come from the script.
 */

import * as int64 from "../int64.ts";
import { joined } from "../meter.ts";
import { truthOf } from "../operations.ts";
import { asNative } from "../position.ts";
import type { LuaState } from "../state.ts";
import { growth, LuaTable } from "../table.ts";
import type { LuaFunction, LuaInteger, LuaResult, LuaValue } from "../value.ts";
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
const READ_LENGTH = ["__index", "__len"];
const ALL = ["__index", "__newindex", "__len"];
/** At most what the text of a small integer takes. */
const NUMBER_BYTES = 20;
/** Strings up to about this length the engine puts together by copying. */
const SHORT = 13;
/** Elements moved between two looks at the budget. */
const BLOCK = 1024;
/** Up to so many elements the engine's own moving does not pay. */
const FEW = 32;

export function openTable(state: LuaState): void {
  const { none } = state.machine;

  /** A table, or a value whose metatable has the named metamethods. */
  function check(value: LuaValue, n: number, name: string, needs: readonly string[]): LuaValue {
    if (value instanceof LuaTable) return value;
    const metatable = state.metatableOf(value);
    if (metatable === undefined || needs.some((event) => metatable.get(event) === undefined)) {
      checkTable(value, n, name);
    }
    return value;
  }

  function get(t: LuaValue, key: LuaInteger): LuaValue {
    return isPlain(t) ? t.get(key) : state.index(t, key);
  }

  function set(t: LuaValue, key: LuaInteger, value: LuaValue): void {
    if (isPlain(t)) t.set(key, value);
    else state.setIndex(t, key, value);
  }

  /** The length, which `__len` may make any integer. */
  function length(t: LuaValue): LuaInteger {
    const size = isPlain(t) ? t.length() : state.length(t);
    if (!int64.isInteger(size)) raise("object length is not an integer");
    return size;
  }

  function concat(t: LuaValue, separator: LuaValue, i: LuaValue, j: LuaValue): LuaResult {
    check(t, 1, "concat", READ_LENGTH);
    const between =
      separator === undefined
        ? ""
        : typeof separator === "string"
          ? separator
          : checkString(separator, 2, "concat");
    const first = i === undefined ? 1 : checkInteger(i, 3, "concat");
    const last = j === undefined ? length(t) : checkInteger(j, 4, "concat");
    if (isPlain(t) && typeof first === "number" && typeof last === "number") {
      const out = concatPlain(t, between, first, last);
      if (out !== undefined) return out;
    }
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
    return joined(out);
  }

  /** Items that are all strings or small integers; undefined when they are not. */
  function concatPlain(
    { array }: LuaTable,
    between: string,
    first: number,
    last: number,
  ): string | undefined {
    if (first > last) return "";
    if (first < 1 || last >= array.length) return undefined;
    state.spend(last - first + 1);
    let bytes = (last - first) * between.length;
    for (let key = first; key <= last; key++) {
      const value = array[key];
      if (typeof value === "string") bytes += value.length;
      else if (typeof value === "number") bytes += NUMBER_BYTES;
      else return undefined;
    }
    state.charge(bytes);
    state.spend(bytes >> 7);
    let out = "";
    // Short strings the engine copies, long ones it only links: few links are quicker to follow.
    let part = "";
    for (let key = first; key < last; key++) {
      part += (array[key] as string | number) + between;
      if (part.length >= SHORT) {
        out += part;
        part = "";
      }
    }
    return joined(out + part + (array[last] as string | number));
  }

  function insert(t: LuaValue, position: LuaValue, value: LuaValue): LuaResult {
    // biome-ignore lint/complexity/noArguments: nil is not no value, and a rest parameter would be an array
    const given = arguments.length;
    if (!isPlain(t)) return insertSlowly(t, given, position, value);
    const { array } = t;
    const end = array.length;
    if (given === 2) {
      if (position !== undefined) t.append(position);
      return none;
    }
    if (given !== 3) raise("wrong number of arguments to 'insert'");
    const at = typeof position === "number" ? position : checkInteger(position, 2, "insert");
    if (typeof at !== "number" || at < 1 || at > end) argumentError(2, "insert", "position out of bounds");
    if (at === end) {
      if (value !== undefined) t.append(value);
      return none;
    }
    state.spend(end - at);
    if (t.hash === undefined && end - at > FEW) {
      growth.entries++;
      array.splice(at, 0, value);
    } else {
      t.append(array[end - 1]);
      for (let key = end - 1; key > at; key--) array[key] = array[key - 1];
      array[at] = value;
    }
    return none;
  }

  function insertSlowly(t: LuaValue, given: number, position: LuaValue, value: LuaValue): LuaResult {
    check(t, 1, "insert", ALL);
    const end = int64.add(length(t), 1);
    if (given === 2) {
      set(t, end, position);
      return none;
    }
    if (given !== 3) raise("wrong number of arguments to 'insert'");
    const at = checkInteger(position, 2, "insert");
    // Unsigned, so that a position below 1 and one above the end are one test.
    if (!int64.ult(int64.sub(at, 1), end)) argumentError(2, "insert", "position out of bounds");
    for (let key = end; int64.lt(at, key); key = int64.sub(key, 1)) {
      state.spend(1);
      set(t, key, get(t, int64.sub(key, 1)));
    }
    set(t, at, value);
    return none;
  }

  function remove(t: LuaValue, position: LuaValue): LuaResult {
    if (!isPlain(t)) return removeSlowly(t, position);
    const { array } = t;
    const size = array.length - 1;
    const at = position === undefined ? size : position;
    if (typeof at !== "number" || at < 1 || at > size) return removeSlowly(t, position);
    const removed = array[at];
    state.spend(size - at);
    if (size - at > FEW) array.splice(at, 1);
    else {
      for (let key = at; key < size; key++) array[key] = array[key + 1];
      array.pop();
    }
    trim(t);
    return removed;
  }

  function removeSlowly(t: LuaValue, position: LuaValue): LuaResult {
    check(t, 1, "remove", ALL);
    const size = length(t);
    let at = position === undefined ? size : checkInteger(position, 2, "remove");
    // Unsigned, so that a position below 1 and one above the end are one test.
    if (!int64.eq(at, size) && int64.ult(size, int64.sub(at, 1))) {
      argumentError(2, "remove", "position out of bounds");
    }
    const removed = get(t, at);
    for (; int64.lt(at, size); at = int64.add(at, 1)) {
      state.spend(1);
      set(t, at, get(t, int64.add(at, 1)));
    }
    set(t, at, undefined);
    return removed;
  }

  function move(source: LuaValue, f: LuaValue, e: LuaValue, t: LuaValue, target: LuaValue): LuaResult {
    const from = typeof f === "number" ? f : checkInteger(f, 2, "move");
    const end = typeof e === "number" ? e : checkInteger(e, 3, "move");
    const to = typeof t === "number" ? t : checkInteger(t, 4, "move");
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
    if (isPlain(source) && isPlain(into) && [from, end, to, int64.add(to, count)].every(isNumber)) {
      movePlain(source, from as number, count as number, into, to as number, upward);
      return into;
    }
    for (let i: LuaInteger = 0; int64.lt(i, count); i = int64.add(i, 1)) {
      state.spend(1);
      const step = upward ? i : int64.sub(int64.sub(count, 1), i);
      set(into, int64.add(to, step), get(source, int64.add(from, step)));
    }
    return into;
  }

  function movePlain(
    source: LuaTable,
    from: number,
    count: number,
    into: LuaTable,
    to: number,
    upward: boolean,
  ): void {
    if (from > 0 && from + count <= source.array.length && to > 0 && to + count <= into.array.length) {
      state.spend(count);
      copyItems(source.array, from, into, to, count, upward);
      return;
    }
    for (let done = 0; done < count; ) {
      const end = Math.min(count, done + BLOCK);
      state.spend(end - done);
      for (; done < end; done++) {
        const step = upward ? done : count - 1 - done;
        into.set(to + step, source.get(from + step));
      }
    }
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
    if (int64.lt(last, first)) return none;
    const distance = int64.sub(last, first);
    if (typeof distance !== "number" || distance < 0 || distance >= MAX_RESULTS) {
      raise("too many results to unpack");
    }
    state.spend(1 + (distance >> 3));
    if (isPlain(t) && typeof first === "number" && first > 0 && first + distance < t.array.length) {
      const { array } = t;
      if (distance === 0) return array[first];
      if (distance === 1) return [array[first], array[first + 1]];
      if (distance === 2) return [array[first], array[first + 1], array[first + 2]];
      return array.slice(first, first + distance + 1);
    }
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

  const anyOrder: LuaFunction = (a, b) => {
    state.spend(1);
    return asNative(state.machine.plain.lt, a, b);
  };

  function sort(t: LuaValue, order: LuaValue): LuaResult {
    check(t, 1, "sort", ALL);
    const size = length(t);
    if (!int64.lt(1, size)) return none;
    if (typeof size !== "number" || size >= MAX_SIZE) argumentError(1, "sort", "array too big");
    if (order !== undefined && typeof order !== "function") {
      argumentError(2, "sort", `function expected, got ${typeName(order)}`);
    }
    state.charge(size * SLOT_BYTES);
    state.spend(size);
    const values = isPlain(t) ? t.array.slice(1) : Array.from({ length: size }, (_, i) => get(t, i + 1));
    try {
      if (order !== undefined) quicksort(state, values, 0, size - 1, order);
      else if (!sortAlike(state, values)) quicksort(state, values, 0, size - 1, anyOrder);
    } finally {
      // As in PUC Lua, an error in the order function leaves the elements moved so far.
      if (isPlain(t) && size < t.array.length) copyItems(values, 0, t, 1, size, true);
      else for (let key = 1; key <= size; key++) set(t, key, values[key - 1]);
    }
    return none;
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

const isPlain = (value: LuaValue): value is LuaTable =>
  value instanceof LuaTable && value.metatable === undefined;

/** Copies to places that the array part has. */
function copyItems(
  source: readonly LuaValue[],
  from: number,
  into: LuaTable,
  to: number,
  count: number,
  upward: boolean,
): void {
  const { array } = into;
  if (upward) for (let i = 0; i < count; i++) array[to + i] = source[from + i];
  else for (let i = count - 1; i >= 0; i--) array[to + i] = source[from + i];
  trim(into);
}

/** The last item must not be nil. */
function trim(t: LuaTable): void {
  const last = t.array.length - 1;
  if (last > 0 && t.array[last] === undefined) t.set(last, undefined);
}

const isNumber = (value: LuaInteger): boolean => typeof value === "number";

// ---- sorting

/** Sorts values that are all small integers, or all strings: the engine's order is the language's. */
function sortAlike(state: LuaState, values: LuaValue[]): boolean {
  const type = typeof values[0];
  if (type !== "number" && type !== "string") return false;
  for (let i = 1; i < values.length; i++) if (typeof values[i] !== type) return false;
  state.spend(values.length * Math.ceil(Math.log2(values.length)));
  if (type === "string") values.sort();
  else {
    const numbers = new Float64Array(values as number[]).sort();
    for (let i = 0; i < values.length; i++) values[i] = numbers[i];
  }
  return true;
}

/** Up to this distance elements are inserted one by one, which takes the fewest comparisons. */
const SMALL_RANGE = 7;
/** From this distance on an order function that contradicts itself is an error, as in PUC Lua. */
const CHECKED_RANGE = 3;

/**
 * Quicksort with the median of three, the smaller side first so that the stack stays logarithmic. Written out
 * because the comparison of `Array.prototype.sort` must not be inconsistent and sees nil as "undefined, last".
 * The scans run into a border only when the order function contradicts itself.
 */
function quicksort(state: LuaState, a: LuaValue[], low: number, high: number, order: LuaFunction): void {
  while (high - low > SMALL_RANGE) {
    // Lua functions pay for themselves, native ones do not.
    state.spend((high - low) >> 3);
    const middle = (low + high) >> 1;
    if (isBefore(order, a[middle], a[low])) swap(a, middle, low);
    if (isBefore(order, a[high], a[middle])) {
      swap(a, high, middle);
      if (isBefore(order, a[middle], a[low])) swap(a, middle, low);
    }
    const pivot = a[middle];
    swap(a, middle, high - 1);
    let i = low;
    let j = high - 1;
    for (;;) {
      while (isBefore(order, a[++i], pivot)) if (i >= high - 1) raise(INVALID_ORDER);
      while (isBefore(order, pivot, a[--j])) if (j <= low) raise(INVALID_ORDER);
      if (j <= i) break;
      swap(a, i, j);
    }
    swap(a, high - 1, i);
    if (i - low < high - i) {
      quicksort(state, a, low, i - 1, order);
      low = i + 1;
    } else {
      quicksort(state, a, i + 1, high, order);
      high = i - 1;
    }
  }
  for (let i = low + 1; i <= high; i++) {
    const value = a[i];
    let j = i;
    while (j > low && isBefore(order, value, a[j - 1])) {
      a[j] = a[j - 1];
      j--;
    }
    a[j] = value;
  }
  if (high - low >= CHECKED_RANGE && isBefore(order, a[low + 1], a[low])) raise(INVALID_ORDER);
}

const INVALID_ORDER = "invalid order function for sorting";

function isBefore(order: LuaFunction, a: LuaValue, b: LuaValue): boolean {
  const answer = order(a, b);
  if (typeof answer === "boolean") return answer;
  return answer !== undefined && (!Array.isArray(answer) || truthOf(answer));
}

function swap(a: LuaValue[], i: number, j: number): void {
  const value = a[i];
  a[i] = a[j];
  a[j] = value;
}
