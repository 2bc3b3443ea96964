/**
 * What compiled code runs on: the counters that bound it, and every operation that is not a small integer's, worded
 * and ordered as PUC Lua does them. One machine for each Lua state.
 */

import { coroutineTwin, type LuaGenerator } from "./coroutine.ts";
import { LuaError, ScriptAbort } from "./error.ts";
import * as int64 from "./int64.ts";
import { describeType, raise, typeName } from "./lib/check.ts";
import { currentPositions, where } from "./position.ts";
import { growth, LuaTable } from "./table.ts";
import {
  firstResult,
  type LuaFunction,
  LuaInt64,
  type LuaInteger,
  type LuaResult,
  LuaUserdata,
  type LuaValue,
  resultList,
  settle,
  TailCall,
} from "./value.ts";

/** Loop rounds and calls between two looks at the limits. */
const SLICE = 10_000;
/** What an entry of a table takes, about. */
const ENTRY_BYTES = 24;
const TABLE_BYTES = 128;
const CLOSURE_BYTES = 96;
/** Tail calls that really are calls, before one is returned to be made by the caller. */
const TAILS = 200;
/** Objects with `__call` that may stand for one another. */
const MAX_CALL_CHAIN = 15;
const MAX_INDEX_CHAIN = 2000;

export interface Limits {
  readonly memoryLimitBytes: number;
  readonly liveBytes: (() => number | undefined) | undefined;
}

/** A compiled chunk as its functions see it. */
export interface LinkedChunk {
  /** The factories of the coroutine versions, made when first needed. */
  coroutineFactory(id: number): (...captured: unknown[]) => LuaCoroutineFunction;
}

type LuaCoroutineFunction = (...args: LuaValue[]) => LuaGenerator;

const none: LuaValue[] = [];
Object.freeze(none);

type Integers = (a: LuaInteger, b: LuaInteger) => LuaInteger;

export class Machine {
  /** Rounds and calls left of the slice. */
  fuel = 0;
  /** Rounds and calls left of the budget beyond the slice. */
  reserve = 0;
  tails = TAILS;
  /** Set while a function is asked for its coroutine version instead of being run. */
  entering = false;
  forLimit: LuaValue = 0;
  forStep: LuaValue = 1;
  stringMetatable: LuaTable | undefined = undefined;
  readonly #limits: Limits;
  #charged = 0;
  /** `growth.entries` as far as it is charged; what other states grew meanwhile is not ours. */
  #entriesCharged = 0;
  readonly #versions = new WeakMap<LuaFunction, LuaCoroutineFunction>();

  // Operations, as compiled code takes them: bound, because it names them without `$.`.
  readonly none = none;
  readonly TailCall = TailCall;
  readonly first = firstResult;
  readonly list = resultList;
  readonly drop = settle;
  readonly box = (hi: number, lo: number): LuaInteger => int64.make(hi, lo);
  readonly add = this.#arithmetic("__add", int64.add);
  readonly sub = this.#arithmetic("__sub", int64.sub);
  readonly mul = this.#arithmetic("__mul", int64.mul);
  readonly idiv = this.#arithmetic("__idiv", (a, b) =>
    b === 0 ? raise("attempt to divide by zero") : int64.idiv(a, b),
  );
  readonly mod = this.#arithmetic("__mod", (a, b) =>
    b === 0 ? raise("attempt to perform 'n%0'") : int64.mod(a, b),
  );
  readonly band = this.#arithmetic("__band", int64.band, true);
  readonly bor = this.#arithmetic("__bor", int64.bor, true);
  readonly bxor = this.#arithmetic("__bxor", int64.bxor, true);
  readonly shl = this.#arithmetic("__shl", int64.shl, true);
  readonly shr = this.#arithmetic("__shr", int64.shr, true);

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  // ---- limits

  /** Starts a callback with `budget` rounds and calls. */
  begin(budget: number): void {
    this.fuel = Math.min(budget, SLICE);
    this.reserve = budget - this.fuel;
    this.tails = TAILS;
    this.#entriesCharged = growth.entries;
    if (this.#limits.liveBytes === undefined) this.#charged = 0;
  }

  /** The slice is used up: looks at the limits and takes the next one. */
  readonly refill = (): void => {
    this.charge((growth.entries - this.#entriesCharged) * ENTRY_BYTES);
    this.#entriesCharged = growth.entries;
    if (this.reserve <= 0) {
      this.fuel = 0;
      throw new ScriptAbort("budget", `${where()}instruction budget exceeded`);
    }
    // `fuel` is negative by what was spent beyond the slice.
    this.reserve += this.fuel;
    this.fuel = Math.max(0, Math.min(this.reserve, SLICE));
    this.reserve -= this.fuel;
  };

  spend(n: number): void {
    this.fuel -= n;
    while (this.fuel < 0) this.refill();
  }

  /** Announces an allocation of `bytes`. */
  readonly charge = (bytes: number): void => {
    this.#charged += bytes;
    if (this.#charged > this.#limits.memoryLimitBytes) this.#look(bytes);
  };

  /** Bytes announced since the last look. */
  get allocatedBytes(): number {
    return this.#charged;
  }

  #look(bytes: number): void {
    const { memoryLimitBytes, liveBytes } = this.#limits;
    const live = bytes > memoryLimitBytes ? undefined : liveBytes?.();
    if (live === undefined) this.#outOfMemory();
    if (live + bytes > memoryLimitBytes) this.#outOfMemory();
    this.#charged = bytes;
  }

  #outOfMemory(): never {
    this.#charged = 0;
    throw new ScriptAbort("memory", `${where()}not enough memory`);
  }

  // ---- errors

  /** `attempt to <what> a <type> value (<name>)`; the name is that of operand `which` at the failing place. */
  #operandError(what: string, value: LuaValue, which = 0): never {
    const [position] = currentPositions();
    const name = position?.site.names[which];
    const at = position === undefined ? "" : `${position.chunk}:${position.site.line}: `;
    throw new LuaError(
      `${at}attempt to ${what} a ${describeType(value)} value${name === undefined ? "" : ` (${name})`}`,
    );
  }

  metatableOf(value: LuaValue): LuaTable | undefined {
    if (value instanceof LuaTable || value instanceof LuaUserdata) return value.metatable;
    return typeof value === "string" ? this.stringMetatable : undefined;
  }

  #metamethod(value: LuaValue, event: string): LuaValue {
    return this.metatableOf(value)?.get(event);
  }

  /** Calls any value, through `__call` if it is no function; the results are settled. */
  readonly call = (callee: LuaValue, args: LuaValue[]): LuaResult => {
    const f = typeof callee === "function" ? callee : this.callable(callee);
    return settle(f(...args));
  };

  #call1(callee: LuaValue, ...args: LuaValue[]): LuaValue {
    return firstResult((typeof callee === "function" ? callee : this.callable(callee))(...args));
  }

  /** A function that does what calling `value` does; that fails only when it is called, as Lua evaluates. */
  readonly callable = (value: LuaValue): LuaFunction => {
    const objects: LuaValue[] = [];
    let callee = value;
    while (typeof callee !== "function") {
      const handler = this.#metamethod(callee, "__call");
      if (handler === undefined || objects.length >= MAX_CALL_CHAIN) {
        return () => this.#operandError("call", value);
      }
      objects.unshift(callee);
      callee = handler;
    }
    const f = callee;
    return (...args) => f(...objects, ...args);
  };

  readonly tail = (callee: LuaFunction, args: LuaValue[]): TailCall => {
    this.tails = TAILS;
    return new TailCall(callee, args);
  };

  // ---- tables

  readonly index = (object: LuaValue, key: LuaValue): LuaValue => {
    if (object !== undefined && object.constructor === LuaTable) {
      const value = (object as LuaTable).get(key);
      if (value !== undefined || (object as LuaTable).metatable === undefined) return value;
    }
    return this.#indexSlow(object, key);
  };

  /** `object.name` for a call `object:name(…)`: the objects of the host get here for every packet, many times. */
  readonly method = (object: LuaValue, name: string): LuaValue => {
    if (object !== undefined && object.constructor === LuaUserdata) {
      const methods = (object as LuaUserdata).metatable?.get("__index");
      if (methods !== undefined && methods.constructor === LuaTable) {
        const method = (methods as LuaTable).get(name);
        if (method !== undefined) return method;
      }
    }
    return this.index(object, name);
  };

  #indexSlow(object: LuaValue, key: LuaValue): LuaValue {
    for (let i = 0; i < MAX_INDEX_CHAIN; i++) {
      let handler: LuaValue;
      if (object instanceof LuaTable) {
        const value = object.get(key);
        if (value !== undefined) return value;
        handler = object.metatable?.get("__index");
        if (handler === undefined) return undefined;
      } else {
        handler = this.#metamethod(object, "__index");
        if (handler === undefined) this.#indexError(object, key);
      }
      if (typeof handler === "function") return firstResult(handler(object, key));
      object = handler;
    }
    return raise("'__index' chain too long; possible loop");
  }

  #indexError(object: LuaValue, key: LuaValue): never {
    const [position] = currentPositions();
    const name = position?.site.names[0];
    // Without a name of its own the value is known by the key that was wanted.
    const detail = name !== undefined ? ` (${name})` : typeof key === "string" ? ` (field '${key}')` : "";
    return raise(`attempt to index a ${describeType(object)} value${detail}`);
  }

  readonly setindex = (object: LuaValue, key: LuaValue, value: LuaValue): void => {
    if (
      object !== undefined &&
      object.constructor === LuaTable &&
      (object as LuaTable).metatable === undefined
    ) {
      if (key === undefined) raise("table index is nil");
      (object as LuaTable).set(key, value);
      return;
    }
    this.#setIndexSlow(object, key, value);
  };

  #setIndexSlow(object: LuaValue, key: LuaValue, value: LuaValue): void {
    for (let i = 0; i < MAX_INDEX_CHAIN; i++) {
      let handler: LuaValue;
      if (object instanceof LuaTable) {
        handler = object.metatable?.get("__newindex");
        if (handler === undefined || object.get(key) !== undefined) {
          if (key === undefined) raise("table index is nil");
          object.set(key, value);
          return;
        }
      } else {
        handler = this.#metamethod(object, "__newindex");
        if (handler === undefined) this.#indexError(object, key);
      }
      if (typeof handler === "function") {
        settle(handler(object, key, value));
        return;
      }
      object = handler;
    }
    raise("'__newindex' chain too long; possible loop");
  }

  /** A table of positional values; `values[0]` is a filler. */
  readonly array = (values: LuaValue[]): LuaTable => {
    this.charge(TABLE_BYTES + 8 * values.length);
    const table = new LuaTable();
    const { array } = table;
    let end = values.length;
    while (end > 1 && values[end - 1] === undefined) end--;
    for (let i = 1; i < end; i++) array.push(values[i]);
    return table;
  };

  /** A table from alternating keys and values; `rest` follows as positional values from `position` on. */
  readonly record = (pairs: LuaValue[], position?: number, rest?: LuaValue[]): LuaTable => {
    this.charge(TABLE_BYTES + 32 * pairs.length);
    const table = new LuaTable();
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i];
      if (key === undefined) raise("table index is nil");
      table.set(key, pairs[i + 1]);
    }
    if (rest !== undefined) for (const [i, value] of rest.entries()) table.set(position! + i, value);
    return table;
  };

  readonly varargs = (values: LuaValue[]): LuaTable => {
    const table = this.array([undefined, ...values]);
    for (const [i, value] of values.entries()) if (value !== undefined) table.set(i + 1, value);
    table.set("n", values.length);
    return table;
  };

  readonly closure = (f: LuaFunction): LuaFunction => {
    this.charge(CLOSURE_BYTES);
    return f;
  };

  // ---- operators

  #arithmetic(event: string, compute: Integers, bitwise = false): (a: LuaValue, b: LuaValue) => LuaValue {
    return (a, b) => {
      const x = toInteger(a);
      const y = toInteger(b);
      if (x !== undefined && y !== undefined) return compute(x, y);
      let handler = this.#operatorHandler(a, event);
      if (handler === undefined) handler = this.#operatorHandler(b, event);
      if (handler !== undefined) return this.#call1(handler, a, b);
      const wrong =
        typeof a === "number" || a instanceof LuaInt64 || (x !== undefined && y === undefined) ? 1 : 0;
      return this.#operandError(
        bitwise ? "perform bitwise operation on" : "perform arithmetic on",
        wrong === 0 ? a : b,
        wrong,
      );
    };
  }

  #operatorHandler(value: LuaValue, event: string): LuaValue {
    return typeof value === "string" ? undefined : this.#metamethod(value, event);
  }

  readonly unm = (a: LuaValue): LuaValue => {
    const x = toInteger(a);
    if (x !== undefined) return int64.unm(x);
    const handler = this.#operatorHandler(a, "__unm");
    return handler === undefined
      ? this.#operandError("perform arithmetic on", a)
      : this.#call1(handler, a, a);
  };

  readonly bnot = (a: LuaValue): LuaValue => {
    const x = toInteger(a);
    if (x !== undefined) return int64.bnot(x);
    const handler = this.#operatorHandler(a, "__bnot");
    return handler === undefined
      ? this.#operandError("perform bitwise operation on", a)
      : this.#call1(handler, a, a);
  };

  readonly len = (value: LuaValue): LuaValue => {
    if (typeof value === "string") return value.length;
    const handler = this.#metamethod(value, "__len");
    if (handler !== undefined) return this.#call1(handler, value);
    return value instanceof LuaTable ? value.length() : this.#operandError("get length of", value);
  };

  readonly concat = (a: LuaValue, b: LuaValue): LuaValue => {
    const x = toText(a);
    const y = toText(b);
    if (x !== undefined && y !== undefined) {
      const length = x.length + y.length;
      this.charge(length);
      return x + y;
    }
    const handler = this.#operatorHandler(a, "__concat") ?? this.#operatorHandler(b, "__concat");
    if (handler !== undefined) return this.#call1(handler, a, b);
    return x === undefined
      ? this.#operandError("concatenate", a, 0)
      : this.#operandError("concatenate", b, 1);
  };

  readonly eq = (a: LuaValue, b: LuaValue): boolean => {
    if (a === b) return true;
    if (a instanceof LuaInt64) return b instanceof LuaInt64 && int64.eq(a, b);
    const sameKind =
      (a instanceof LuaTable && b instanceof LuaTable) ||
      (a instanceof LuaUserdata && b instanceof LuaUserdata);
    if (!sameKind) return isSameAddress(a, b);
    const handler = this.#metamethod(a, "__eq") ?? this.#metamethod(b, "__eq");
    return handler !== undefined && isTrue(this.#call1(handler, a, b));
  };

  readonly lt = (a: LuaValue, b: LuaValue): boolean => {
    if (int64.isInteger(a) && int64.isInteger(b)) return int64.lt(a, b);
    if (typeof a === "string" && typeof b === "string") return a < b;
    return this.#compare(a, b, "__lt");
  };

  readonly le = (a: LuaValue, b: LuaValue): boolean => {
    if (int64.isInteger(a) && int64.isInteger(b)) return int64.le(a, b);
    if (typeof a === "string" && typeof b === "string") return a <= b;
    return this.#compare(a, b, "__le");
  };

  #compare(a: LuaValue, b: LuaValue, event: string): boolean {
    const handler = this.#metamethod(a, event) ?? this.#metamethod(b, event);
    if (handler !== undefined) return isTrue(this.#call1(handler, a, b));
    const [x, y] = [describeType(a), describeType(b)];
    return raise(x === y ? `attempt to compare two ${x} values` : `attempt to compare ${x} with ${y}`);
  }

  /** As `tostring` does it. */
  readonly tostring = (value: LuaValue): string => {
    const text = toText(value);
    if (text !== undefined) return text;
    const handler = this.#metamethod(value, "__tostring");
    if (handler !== undefined) {
      const result = this.#call1(handler, value);
      return toText(result) ?? raise("'__tostring' must return a string");
    }
    if (typeof value === "object" || typeof value === "function") {
      const name = this.#metamethod(value, "__name");
      return `${typeof name === "string" ? name : typeName(value)}: ${addressOf(value)}`;
    }
    return value === undefined ? "nil" : String(value);
  };

  // ---- loops

  /**
   * The numeric `for` beyond small integers. Returns the start, with `forLimit` and `forStep` set, when the loop
   * stays within them after all; otherwise a function that gives the next value and nil at the end.
   */
  readonly forprep = (start: LuaValue, limit: LuaValue, step: LuaValue): number | (() => LuaValue) => {
    const from = forInteger(start, "initial");
    const to = forInteger(limit, "limit");
    const by = forInteger(step, "step");
    if (by === 0) raise("'for' step is zero");
    if (typeof from === "number" && typeof to === "number" && typeof by === "number") {
      this.forLimit = to;
      this.forStep = by;
      return from;
    }
    // The number of rounds is fixed in advance, so the last addition cannot wrap.
    const [first, last, stride] = [int64.toBigInt(from), int64.toBigInt(to), int64.toBigInt(by)];
    let rounds = (stride > 0n ? last - first : first - last) < 0n ? 0n : (last - first) / stride + 1n;
    let value = first - stride;
    return () => {
      if (rounds-- <= 0n) return undefined;
      value += stride;
      return int64.fromBigInt(value);
    };
  };

  // ---- closing

  readonly closing = (value: LuaValue): void => {
    if (value === undefined || value === false) return;
    if (this.#metamethod(value, "__close") !== undefined) return;
    const [position] = currentPositions();
    raise(`variable '${position?.site.names[0] ?? "?"}' got a non-closable value`);
  };

  /** The scope of a to-be-closed variable was left without an error. */
  readonly closeAfter = (value: LuaValue): void => {
    if (value === undefined || value === false) return;
    settle(this.call(this.#metamethod(value, "__close"), [value, undefined]));
  };

  /** The scope was left by `error`; returns what goes on instead. */
  readonly closeError = (value: LuaValue, error: unknown): unknown => {
    // Limits are absolute: closing would use more of what is used up.
    if (error instanceof ScriptAbort || value === undefined || value === false) return error;
    const luaError = toLuaError(error);
    try {
      settle(this.call(this.#metamethod(value, "__close"), [value, luaError.value]));
      return luaError;
    } catch (second) {
      return second;
    }
  };

  readonly checkGlobal = (value: LuaValue, name: string): void => {
    if (value !== undefined) raise(`global '${name}' already defined`);
  };

  // ---- coroutines

  /** What a function returns when it is entered for its coroutine version. */
  readonly enter = (chunk: LinkedChunk, id: number, captured: unknown[], self: LuaFunction): LuaResult =>
    chunk.coroutineFactory(id)(...captured, self) as unknown as LuaResult;

  /** The coroutine version of a compiled function; undefined for a native one. */
  #coroutineVersion(f: LuaFunction): LuaCoroutineFunction | undefined {
    if (f.name !== "$lua") return undefined;
    let version = this.#versions.get(f);
    if (version === undefined) {
      const { fuel } = this;
      this.entering = true;
      this.fuel = 0;
      try {
        version = f() as unknown as LuaCoroutineFunction;
      } finally {
        this.entering = false;
        this.fuel = fuel;
      }
      this.#versions.set(f, version);
    }
    return version;
  }

  /** A call inside a coroutine: may be left by a yield and entered again. */
  readonly co = (callee: LuaValue, args: LuaValue[]): Generator<LuaValue[], LuaResult, LuaValue[]> =>
    this.#callInCoroutine(callee, args);

  *#callInCoroutine(callee: LuaValue, args: LuaValue[]): Generator<LuaValue[], LuaResult, LuaValue[]> {
    for (;;) {
      const f = typeof callee === "function" ? callee : this.callable(callee);
      const version = this.#coroutineVersion(f) ?? coroutineTwin(f);
      const result: LuaResult = version === undefined ? f(...args) : yield* version(...args);
      if (!(result instanceof TailCall)) return result;
      callee = result.callee;
      args = result.args;
    }
  }
}

/** Anything thrown while Lua ran, as the error that Lua code may catch; limits are not for it to see. */
export function toLuaError(error: unknown): LuaError {
  if (error instanceof LuaError) return error;
  if (error instanceof RangeError) {
    if (/string length|array length|allocation/i.test(error.message))
      return new LuaError("not enough memory");
    return new LuaError("stack overflow");
  }
  throw error;
}

export const isTrue = (value: LuaValue): boolean => value !== undefined && value !== false;

/** An integer, or the one that a string holds. */
export function toInteger(value: LuaValue): LuaInteger | undefined {
  if (typeof value === "number" || value instanceof LuaInt64) return value;
  return typeof value === "string" ? int64.parseInteger(value) : undefined;
}

/** A string, or an integer's decimal text. */
export function toText(value: LuaValue): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  return value instanceof LuaInt64 ? int64.toDecimal(value) : undefined;
}

function forInteger(value: LuaValue, what: "initial" | "limit" | "step"): LuaInteger {
  const integer = toInteger(value);
  if (integer !== undefined) return integer;
  return raise(`'for' ${what === "initial" ? "initial value" : what} must be a number`);
}

function isSameAddress(a: LuaValue, b: LuaValue): boolean {
  return (
    typeof a === "object" &&
    typeof b === "object" &&
    "address" in a &&
    "address" in b &&
    a.address === b.address
  );
}

const addresses = new WeakMap<object, string>();
let nextAddress = 0x1000;

/** A made-up address, for `tostring`: the same for the same object, different for others. */
function addressOf(object: object): string {
  let address = addresses.get(object);
  if (address === undefined) {
    nextAddress += 0x20;
    address = `0x${nextAddress.toString(16).padStart(14, "0")}`;
    addresses.set(object, address);
  }
  return address;
}
