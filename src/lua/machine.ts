/**
 * What compiled code runs on, one for each Lua state: the counters that bound it, the making of values, calls of
 * anything, loops, and what coroutines need. The operations of the language are in operations.ts.
 */

import type { FunctionBody } from "./ast.ts";
import { deliveredTo, type Frame, type ResumableFunction, resumableVersion } from "./coroutine.ts";
import { LuaError, observingErrors, ScriptAbort } from "./error.ts";
import * as int64 from "./int64.ts";
import { describeType, raise, typeName } from "./lib/check.ts";
import { owe, oweForText } from "./meter.ts";
import { CoroutineClose, closeError, closeReason, failedClose, Operations, truthOf } from "./operations.ts";
import { asNative, currentPositions, where } from "./position.ts";
import {
  type Cursor,
  FewFields,
  type FieldObject,
  Fields,
  growth,
  ItemCursor,
  type Iterators,
  LuaTable,
  TableCursor,
} from "./table.ts";
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
  W,
} from "./value.ts";

/** Loop rounds and calls between two looks at the limits. */
const SLICE = 10_000;
/** Memory that is handed out between two looks, and how much of it costs as much as a round. */
const STEP_BYTES = 64 * 1024;
const BYTES_PER_ROUND = 256;
/** What an object costs beyond its bytes: the collector looks at it again and again. */
const OBJECT_ROUNDS = 1;
const FIELDS_PER_ROUND = 8;
/** What an entry of a table takes, about. */
const ENTRY_BYTES = 24;
const TABLE_BYTES = 128;
const CLOSURE_BYTES = 96;
const CAPTURED_BYTES = 48;
/** Slices between two glances at the whole heap. */
const SLICES_PER_GLANCE = 2;
const FRAME_BYTES = 64;
/** The text of an address, and what remembers it. */
const ADDRESS_BYTES = 128;
/** Tail calls that really are calls, before one is returned to be made by the caller. */
const TAILS = 200;
/** Objects with `__call` that may stand for one another. */
const MAX_CALL_CHAIN = 15;
/** More extra arguments than the engine takes in a call. */
const MAX_VARARGS = 60_000;
/**
 * Loops over numbers in compiled code stay within this, as nothing runs long enough to come here (compile-statement.ts).
 * No other range that the compiler knows ends near it.
 */
export const LOOP_BOUND = 2 ** 52 - 2 ** 30;

export interface Limits {
  readonly memoryLimitBytes: number;
  readonly liveBytes: ((collect?: boolean) => number | undefined) | undefined;
}

/** A compiled chunk as its functions see it. */
export interface LinkedChunk {
  readonly source: string;
  readonly functions: readonly FunctionBody[];
  /** The factories of the resumable versions, made when first needed. */
  resumableFactory(id: number): (...captured: unknown[]) => LuaFunction;
  /** A function of the chunk as running its expression would make it, with these values and cells captured. */
  instantiate(id: number, captured: readonly unknown[]): LuaFunction;
}

/** A function of a script: what it was made from. */
export interface FunctionInfo {
  /** The name of its chunk. */
  readonly source: string;
  readonly chunk: LinkedChunk;
  readonly body: FunctionBody;
  /** The values, or the cells, of the variables that it captured. */
  readonly captured: unknown[];
}

const none: LuaValue[] = [];
Object.freeze(none);

export class Machine {
  /** Rounds and calls left of the slice. */
  fuel = 0;
  /** Rounds and calls left of the budget beyond the slice. */
  reserve = 0;
  tails = TAILS;
  /** Set while a function is asked for its resumable version instead of being run. */
  entering = false;
  /** Results of an operation that gives more than one number. */
  hi = 0;
  lo = 0;
  forStart: LuaValue = 0;
  forEnd: LuaValue = 0;
  forStep: LuaValue = 1;
  stringMetatable: LuaTable | undefined = undefined;
  /** The metatables that `debug.setmetatable` gave to all values of other types, by the type's name. */
  readonly typeMetatables = new Map<string, LuaTable>();
  /** Functions of the library which compiled code does itself in the usual cases. */
  stringByte: LuaFunction | undefined = undefined;
  select: LuaFunction | undefined = undefined;
  /** The functions behind `pairs` and `ipairs`, which base.ts makes. */
  iterators: Iterators | undefined = undefined;
  readonly #limits: Limits;
  /** About what is alive, and bytes that may be handed out before the next look. */
  #charged = 0;
  #room = STEP_BYTES;
  /** Slices until the next glance at the whole heap, and how large it may be then. */
  #slices = SLICES_PER_GLANCE;
  #glanceAt: number;
  /** Set when a limit was reached: nothing goes on until the next callback. */
  #abort: ScriptAbort | undefined = undefined;
  /** `growth.entries` as far as it is charged; what other states grew meanwhile is not ours. */
  #entriesCharged = 0;

  // Of the coroutine that runs (coroutine.ts).
  /** A yield is on its way out: whoever was called saves a frame and returns. */
  unwinding = false;
  /** A protected call was left that wants to know where errors are raised. */
  leftObserved = false;
  /** What a yield passes to the resume. */
  yielded: LuaResult = none;
  /** A function is entered again: it restores `frame`, unless what it called threw `failure`. */
  frame: Frame | undefined = undefined;
  failure: unknown = undefined;
  /** Coroutines that resumed one another. */
  nesting = 0;

  // What compiled code takes: bound, because it names them without `$.`.
  readonly none = none;
  readonly TailCall = TailCall;
  readonly LuaTable = LuaTable;
  readonly LuaUserdata = LuaUserdata;
  readonly Fields = Fields;
  readonly FewFields = FewFields;
  readonly W = W;
  readonly drop = settle;
  readonly box = int64.make;
  readonly join = int64.make;
  readonly multiplyHigh = int64.multiplyHigh;
  readonly isTrue = isTrue;
  readonly plain: Operations;
  readonly resumable: Operations;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#glanceAt = 2 * limits.memoryLimitBytes;
    const plain = new Operations(
      this,
      {
        two: (handler, x, y) => firstResult(this.#function(handler)(x, y)),
        three: (handler, x, y, z) => firstResult(this.#function(handler)(x, y, z)),
      },
      truthOf,
    );
    const resumable = new Operations(
      this,
      {
        two: (handler, x, y) => this.co(this.#function(handler))(x, y),
        three: (handler, x, y, z) => this.co(this.#function(handler))(x, y, z),
      },
      (result) => result,
    );
    this.plain = Object.assign(plain, {
      first: firstResult,
      closeError: (value: LuaValue, error: unknown) => closeError(this, value, error),
    });
    this.resumable = Object.assign(resumable, {
      first: (result: LuaResult) => this.#firstOrLeft(result),
      closeError: (value: LuaValue, error: unknown) => this.#closeResumable(value, error),
    });
  }

  // ---- limits

  /** Starts a callback with `budget` rounds and calls. Throws `ScriptAbort` when memory is short already. */
  begin(budget: number): void {
    this.fuel = Math.min(budget, SLICE);
    this.reserve = budget - this.fuel;
    this.tails = TAILS;
    this.unwinding = false;
    this.frame = undefined;
    this.failure = undefined;
    this.nesting = 0;
    this.#abort = undefined;
    this.#entriesCharged = growth.entries;
    if (this.#limits.liveBytes === undefined) this.#charged = 0;
    this.#room = STEP_BYTES;
    if (this.#charged > this.#limits.memoryLimitBytes) this.#look(0);
  }

  /** Ends a callback: what it allocated since the last look counts for the next one. */
  end(): void {
    if (this.#abort === undefined) this.#charged += STEP_BYTES - this.#room;
    this.#charged += this.#newEntries() * ENTRY_BYTES;
    this.#room = STEP_BYTES;
  }

  #newEntries(): number {
    const count = growth.entries - this.#entriesCharged;
    this.#entriesCharged = growth.entries;
    return count;
  }

  /** Throws what a limit has thrown before: whatever a script did meanwhile, it is over. */
  readonly checkAborted = (): void => {
    if (this.#abort !== undefined) throw this.#abort;
  };

  #stop(reason: "budget" | "memory", text: string): never {
    this.checkAborted();
    // First without its position: looking for that may fail, when the stack is nearly full.
    this.#abort = new ScriptAbort(reason, text);
    this.fuel = 0;
    this.reserve = 0;
    this.#room = 0;
    this.#abort = new ScriptAbort(reason, `${where()}${text}`);
    throw this.#abort;
  }

  /** The slice is used up: looks at the limits and takes the next one. */
  readonly refill = (): void => {
    this.checkAborted();
    // `fuel` is negative by what was spent beyond the slice.
    this.reserve += this.fuel;
    this.fuel = 0;
    this.charge(this.#newEntries() * ENTRY_BYTES);
    if (--this.#slices < 0) this.#glance();
    if (this.reserve < 0) this.#stop("budget", "instruction budget exceeded");
    // Charging may have taken a slice already.
    const fuel = Math.min(this.reserve, SLICE - this.fuel);
    this.fuel += fuel;
    this.reserve -= fuel;
  };

  /** The same for a loop that counts in a local, of which `fuel` is left. */
  readonly refillFrom = (fuel: number): number => {
    this.fuel = fuel;
    this.refill();
    return this.fuel;
  };

  spend(n: number): void {
    this.fuel -= n;
    while (this.fuel < 0) this.refill();
  }

  /** Announces an allocation of `bytes`. */
  readonly charge = (bytes: number): void => {
    this.#room -= bytes;
    if (this.#room < 0) this.#makeRoom(bytes);
  };

  /** Bytes announced since the last look. */
  get allocatedBytes(): number {
    return this.#charged + STEP_BYTES - this.#room;
  }

  #makeRoom(bytes: number): void {
    this.checkAborted();
    const used = STEP_BYTES - this.#room;
    this.#room = STEP_BYTES;
    this.#charged += used;
    if (this.#charged > this.#limits.memoryLimitBytes) this.#look(bytes);
    this.spend(Math.ceil(used / BYTES_PER_ROUND));
  }

  /** Memory may be taken that nobody announced; a heap that is much larger than its bound is looked at. */
  #glance(): void {
    this.#slices = SLICES_PER_GLANCE;
    const { memoryLimitBytes, liveBytes } = this.#limits;
    const used = liveBytes?.(false);
    if (used !== undefined && used > this.#glanceAt) {
      this.#look(0);
      // What is not ours, or dead again by tomorrow, must not make us look all the time.
      this.#glanceAt = Math.max(memoryLimitBytes, liveBytes!(false)!) + memoryLimitBytes;
    }
  }

  #look(bytes: number): void {
    const { memoryLimitBytes, liveBytes } = this.#limits;
    const live = bytes > memoryLimitBytes ? undefined : liveBytes?.();
    // A script that is refused has not got the bytes, and may not have many more before the next look.
    if (bytes > memoryLimitBytes) this.#charged -= bytes;
    else this.#charged = live === undefined ? this.#charged : Math.min(live + bytes, memoryLimitBytes);
    if (live === undefined || live + bytes > memoryLimitBytes) this.#stop("memory", "not enough memory");
    // The collector would have no other work if a script that uses most of its bound were looked at all the time.
    this.#charged = Math.min(this.#charged, Math.floor(memoryLimitBytes / 2) + bytes);
  }

  // ---- values

  /** `attempt to <what> a <type> value (<name>)`; the name is that of operand `which` at the failing place. */
  operandError(what: string, value: LuaValue, which = 0, otherName?: string): never {
    const [position] = currentPositions();
    const name = position?.site.names[which] ?? otherName;
    const at = position === undefined ? "" : `${position.chunk}:${position.site.line}: `;
    throw new LuaError(
      `${at}attempt to ${what} a ${describeType(value)} value${name === undefined ? "" : ` (${name})`}`,
    );
  }

  metatableOf(value: LuaValue): LuaTable | undefined {
    if (value instanceof LuaTable || value instanceof LuaUserdata) return value.metatable;
    return typeof value === "string" ? this.stringMetatable : this.typeMetatables.get(typeName(value));
  }

  metamethod(value: LuaValue, event: string): LuaValue {
    return this.metatableOf(value)?.getText(event);
  }

  /** Takes an integer apart into `hi` and `lo` and returns `W`; returns any other value as it is. */
  readonly widen = (value: LuaValue): LuaValue | typeof W => {
    if (typeof value === "number") {
      this.hi = Math.floor(value / 4294967296) | 0;
      this.lo = value | 0;
      return W;
    }
    if (!(value instanceof LuaInt64)) return value;
    this.hi = value.hi;
    this.lo = value.lo;
    return W;
  };

  /** As `tostring` does it. */
  readonly tostring = (value: LuaValue): string => {
    const text = toText(value);
    if (text !== undefined) return text;
    const handler = this.metamethod(value, "__tostring");
    if (handler !== undefined) {
      const result = firstResult(this.#function(handler)(value));
      return toText(result) ?? raise("'__tostring' must return a string");
    }
    if (typeof value === "object" || typeof value === "function") {
      const name = this.metamethod(value, "__name");
      const type = typeof name === "string" ? name : typeName(value);
      this.charge(type.length + ADDRESS_BYTES);
      owe(1);
      return `${type}: ${addressOf(value)}`;
    }
    return value === undefined ? "nil" : String(value);
  };

  // ---- calls

  #function(value: LuaValue): LuaFunction {
    return typeof value === "function" ? value : this.callable(value);
  }

  /** Calls any value, through `__call` if it is no function; the results are settled. */
  readonly call = (callee: LuaValue, args: LuaValue[]): LuaResult => settle(this.#function(callee)(...args));

  /** A function that does what calling `value` does; that fails only when it is called, as Lua evaluates. */
  readonly callable = (value: LuaValue): LuaFunction =>
    this.#resolve(value, (last) => () => this.operandError("call", last));

  /** `callable`; `fail` gets the value that is none. */
  #resolve(value: LuaValue, fail: (last: LuaValue) => LuaFunction): LuaFunction {
    const objects: LuaValue[] = [];
    let callee = value;
    while (typeof callee !== "function") {
      const handler = this.metamethod(callee, "__call");
      if (objects.length >= MAX_CALL_CHAIN && handler !== undefined)
        return () => raise("'__call' chain too long");
      if (handler === undefined) return fail(callee);
      objects.unshift(callee);
      callee = handler;
    }
    const f = callee;
    const native: ResumableFunction = (...args) => f(...objects, ...args);
    native.resumable = (...args) => this.co(f)(...objects, ...args);
    return native;
  }

  /** All results of a call. To hand on a long list costs its copying. */
  readonly list = (result: LuaResult): LuaValue[] => {
    const results = resultList(result);
    if (results.length > FIELDS_PER_ROUND) this.fuel -= results.length >> 3;
    return results;
  };

  /** Whether a tail call leaves its caller first. Natives end soon, and their errors need the place of the call. */
  readonly isTail = (callee: LuaValue): boolean => {
    this.tails = TAILS;
    return typeof callee !== "function" || callee.name === "$lua";
  };

  /** A tail call that is left to whoever called; what cannot be called fails here, where it has a name. */
  readonly tail = (callee: LuaValue, args: LuaValue[]): TailCall =>
    new TailCall(
      this.#resolve(callee, (last) => this.operandError("call", last)),
      args,
    );

  // ---- tables and functions

  /** A table of positional values; `values[0]` is a filler. The list becomes the table's. */
  readonly array = (values: LuaValue[]): LuaTable => {
    this.charge(TABLE_BYTES + 8 * values.length);
    this.fuel -= OBJECT_ROUNDS + Math.floor(values.length / FIELDS_PER_ROUND);
    const table = new LuaTable();
    let end = values.length;
    while (end > 1 && values[end - 1] === undefined) end--;
    if (end > 1) {
      // The engine takes its time to set a length, even the one that there is.
      if (end < values.length) values.length = end;
      table.array = values;
    }
    return table;
  };

  /** A table of `count` fields, and the items of `values`. */
  readonly record = (fields: FieldObject, count: number, values?: LuaValue[]): LuaTable => {
    this.charge(TABLE_BYTES + ENTRY_BYTES * count);
    this.fuel -= OBJECT_ROUNDS + Math.floor(count / FIELDS_PER_ROUND);
    const table = values === undefined ? new LuaTable() : this.array(values);
    table.fields = fields;
    table.fieldCount = count;
    return table;
  };

  /** A table for a constructor with computed keys; `fill` puts the items in when all is evaluated. */
  readonly keyed = (): LuaTable => {
    this.charge(TABLE_BYTES);
    this.fuel -= OBJECT_ROUNDS;
    return new LuaTable();
  };

  readonly put = (table: LuaTable, key: LuaValue, value: LuaValue): void => {
    if (key === undefined) raise("table index is nil");
    table.set(key, value);
  };

  /** `object.name = value` where it is done once: the field is one that compiled code then finds. */
  readonly setfield = (object: LuaValue, name: string, value: LuaValue): void => {
    const isPlain = object instanceof LuaTable && object.get(name) === undefined && object.storesPlainly();
    if (isPlain && value !== undefined && object.takesField(name)) object.fields[name] = value;
    else this.plain.setindex(object, name, value);
  };

  readonly fill = (table: LuaTable, values?: LuaValue[]): LuaTable => {
    if (values !== undefined) for (let i = 1; i < values.length; i++) table.set(i, values[i]);
    return table;
  };

  readonly varargs = (values: LuaValue[]): LuaTable => {
    const table = this.array([undefined, ...values]);
    table.setField("n", values.length);
    return table;
  };

  /** The extra arguments that a named vararg table holds: as many as its `n` says. */
  readonly varargValues = (table: LuaTable): LuaValue[] => {
    const n = table.getText("n");
    if (typeof n !== "number" || n < 0 || n > MAX_VARARGS) raise("vararg table has no proper 'n'");
    this.spend(n >> 3);
    const values: LuaValue[] = [];
    for (let i = 1; i <= n; i++) values.push(table.get(i));
    return values;
  };

  /** A function that captured `count` variables; each may be alive only because of it. */
  readonly closure = (f: LuaFunction, count: number): LuaFunction => {
    this.charge(CLOSURE_BYTES + CAPTURED_BYTES * count);
    this.fuel -= OBJECT_ROUNDS + (count >> 2);
    return f;
  };

  readonly checkGlobal = (value: LuaValue, name: string): void => {
    if (value !== undefined) raise(`global '${name}' already defined`);
  };

  readonly closing = (value: LuaValue): void => {
    if (value === undefined || value === false) return;
    if (this.metamethod(value, "__close") !== undefined) return;
    const [position] = currentPositions();
    raise(`variable '${position?.site.names[0] ?? "?"}' got a non-closable value`);
  };

  // ---- loops

  /** The limit of a loop whose start and step are small integers. */
  readonly forLimit = (limit: LuaValue): number => {
    const bound = int64.toNumber(forInteger(limit, "limit"));
    return Math.max(-LOOP_BOUND, Math.min(LOOP_BOUND, bound));
  };

  /**
   * The numeric `for` beyond small integers. Returns nothing, with `forStart`, `forEnd` and `forStep` set, when the
   * loop stays within them after all; otherwise a function that gives the next value and nil at the end.
   */
  readonly forprep = (start: LuaValue, limit: LuaValue, step: LuaValue): (() => LuaValue) | undefined => {
    // In the order of PUC Lua.
    const to = forInteger(limit, "limit");
    const by = forInteger(step, "step");
    const from = forInteger(start, "initial");
    if (by === 0) raise("'for' step is zero");
    if (typeof from === "number" && typeof to === "number" && typeof by === "number") {
      this.forStart = from;
      this.forEnd = to;
      this.forStep = by;
      return undefined;
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

  /** What a loop over `next`, or over the steps of `ipairs`, goes by; undefined for any other iterator. */
  /** Whether two texts are equal, the first of which is long. */
  readonly sameText = (a: string, b: LuaValue): boolean => {
    if (typeof b !== "string" || a.length !== b.length) return false;
    oweForText(a.length);
    return a === b;
  };

  readonly cursor = (iterator: LuaValue, state: LuaValue, control: LuaValue): Cursor | undefined => {
    if (iterator === this.iterators?.next && state instanceof LuaTable && control === undefined) {
      return new TableCursor(state);
    }
    if (iterator === this.iterators?.ipairsStep && control === 0) {
      return new ItemCursor(state, (object, key) => asNative(this.plain.index, object, key) as LuaValue);
    }
    return undefined;
  };

  // ---- coroutines

  /** What a function returns when it is entered for its resumable version. */
  readonly enter = (chunk: LinkedChunk, id: number, captured: unknown[], self: LuaFunction): LuaResult => {
    if (!this.#asking) return chunk.resumableFactory(id)(...captured, self);
    this.#answer = { source: chunk.source, chunk, body: chunk.functions[id]!, captured };
    return undefined;
  };

  #asking = false;
  #answer: FunctionInfo | undefined = undefined;

  /** What a function of a script was made from; undefined for a native one. */
  closureOf(f: LuaFunction): FunctionInfo | undefined {
    if (f.name !== "$lua") return undefined;
    const { fuel } = this;
    this.entering = true;
    this.#asking = true;
    this.fuel = 0;
    try {
      f();
      return this.#answer;
    } finally {
      this.entering = false;
      this.#asking = false;
      this.#answer = undefined;
      this.fuel = fuel;
    }
  }

  /** The version of a function that can be left by a yield; natives that know nothing of it are their own. */
  readonly co = (f: LuaFunction): LuaFunction => {
    const version = (f as ResumableFunction).resumable;
    return version === undefined ? resumableVersion(f, this) : version;
  };

  /** Keeps what a function that is left needs to go on. */
  readonly save = (frame: Frame): LuaResult => {
    this.charge(FRAME_BYTES + 8 * frame.length);
    return frame as unknown as LuaValue[];
  };

  /** What the call gave at which the function of a frame was left. */
  readonly deliver = (frame: Frame): LuaResult => {
    if (this.failure !== undefined) {
      const error = this.failure;
      this.failure = undefined;
      throw error;
    }
    return deliveredTo(frame);
  };

  /** The frame of a native function, which goes on with what its call gave. */
  #saveNative(callee: LuaResult, goOn: (deliver: () => LuaResult) => LuaResult): LuaResult {
    const frame: Frame = [
      () => {
        this.frame = undefined;
        return goOn(() => this.deliver(frame));
      },
      0,
      undefined,
      callee,
    ];
    return this.save(frame);
  }

  /** Makes the tail calls that were returned, in resumable code. */
  readonly settle = (result: LuaResult): LuaResult => {
    while (result instanceof TailCall) {
      result = this.co(result.callee)(...result.args);
      if (this.unwinding) return this.#saveNative(result, (deliver) => this.settle(deliver()));
    }
    return result;
  };

  /** The first result of a call; on the way out, the frame that it gave. */
  #firstOrLeft(result: LuaResult): LuaResult {
    if (this.unwinding) return result;
    const settled = this.settle(result);
    return this.unwinding || !Array.isArray(settled) ? settled : settled[0];
  }

  /** A protected call in resumable code, left and entered again as often as the callee is. */
  guard(
    callee: LuaValue,
    args: LuaValue[],
    done: (result: LuaResult) => LuaResult,
    failed: (error: unknown) => LuaResult,
    isObserved = false,
  ): LuaResult {
    const run = (start: () => LuaResult): LuaResult => {
      let result: LuaResult;
      try {
        const begin = (): LuaResult => this.settle(asNative(start));
        result = isObserved ? observingErrors(begin) : begin();
        if (!this.unwinding) return done(result);
      } catch (error) {
        this.unwinding = false;
        return failed(error);
      }
      if (isObserved) this.leftObserved = true;
      return this.#saveNative(result, run);
    };
    return run(() => this.co(this.#function(callee))(...args));
  }

  #closeResumable(value: LuaValue, error: unknown): unknown {
    if (error instanceof ScriptAbort || value === undefined || value === false) return error;
    const reason = closeReason(error);
    const goesOn = error instanceof CoroutineClose ? error : toLuaError(error);
    const result = (e: unknown): LuaResult => e as LuaResult;
    const close = this.metamethod(value, "__close");
    return this.guard(
      close,
      [value, reason],
      () => result(goesOn),
      (second) => result(failedClose(goesOn, second)),
    );
  }
}

/** What the engine says when a string, an array, a Map or a buffer would be too large for it. */
const TOO_LARGE = [
  "Invalid string length",
  "Invalid array length",
  "allocation failed",
  "maximum size",
  "typed array length",
];

/**
 * Anything thrown while Lua ran, as the error that Lua code may catch; limits are not for it to see. Nothing here may
 * need much stack: there may be little left.
 */
export function toLuaError(error: unknown): LuaError {
  if (error instanceof LuaError) return error;
  if (isStackOverflow(error)) {
    // Whoever counts rounds in a local could not hand them in.
    owe(SLICE);
    return new LuaError("stack overflow");
  }
  if (error instanceof RangeError && TOO_LARGE.some((text) => error.message.includes(text)))
    return new LuaError("not enough memory");
  throw error;
}

/** Also when the engine had no stack left for a regular expression, which it calls a syntax error. */
export function isStackOverflow(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof LuaError || error instanceof ScriptAbort) return false;
  return (
    error.message.includes("Maximum call stack size exceeded") || error.message.endsWith(": Stack overflow")
  );
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
  const name = what === "initial" ? "initial value" : what;
  return raise(`bad 'for' ${name} (number expected, got ${describeType(value)})`);
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
