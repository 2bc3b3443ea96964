/** The basic functions. */

import { setResumable } from "../coroutine.ts";
import { LuaError, observingErrors, ScriptAbort } from "../error.ts";
import * as int64 from "../int64.ts";
import { isStackOverflow, isTrue, type Machine, toInteger, toText } from "../machine.ts";
import { LONG_TEXT, owe } from "../meter.ts";
import { CoroutineClose } from "../operations.ts";
import { asHandler, where } from "../position.ts";
import { type LuaState, withPosition } from "../state.ts";
import { LuaTable } from "../table.ts";
import {
  firstResult,
  type LuaFunction,
  LuaInt64,
  type LuaResult,
  type LuaValue,
  resultList,
} from "../value.ts";
import { callFromNative, guardFromNative } from "./callers.ts";
import {
  argumentError,
  checkFunction,
  checkInteger,
  checkString,
  checkTable,
  describeType,
  raise,
  typeName,
} from "./check.ts";

/** What `pcall` may catch, as its results; limits go on, whatever was thrown after them. */
function caught(machine: Machine, error: unknown): LuaError {
  machine.checkAborted();
  if (error instanceof ScriptAbort || error instanceof CoroutineClose) throw error;
  return error instanceof LuaError ? error : withPosition(error);
}

/** Compiling takes the engine long: once for the chunk, and for every character of it. */
const CHUNK_ROUNDS = 400;
const CHARACTER_ROUNDS = 12;
/** Bytes that code takes for one of its characters, about. */
const CODE_BYTES = 64;
/** To ask the host for a file. */
export const FILE_ROUNDS = 40;
/** To have the live heap measured. */
const COLLECTION_ROUNDS = 20_000;

/** A line of output, which the host may keep for a while. */
const LINE_BYTES = 128;
const LINE_ROUNDS = 8;

/** To be called before a script has something compiled. */
export function payForLoading(state: LuaState, source: string): void {
  state.charge(source.length * CODE_BYTES);
  state.spend(CHUNK_ROUNDS + source.length * CHARACTER_ROUNDS);
}
/** The real one gives up when its C stack is used up. */
const MAX_HANDLER_ERRORS = 200;

export function openBase(state: LuaState): void {
  const { globals, machine, options } = state;

  const needValue = (args: LuaValue[], name: string, n = 1): void => {
    if (args.length < n) argumentError(n, name, "value expected");
  };

  const next: LuaFunction = (table, key) => {
    const t = checkTable(table, 1, "next");
    let entry: LuaValue[] | undefined;
    try {
      entry = t.next(key);
    } catch (error) {
      if (!(error instanceof RangeError) || isStackOverflow(error)) throw error;
      throw new LuaError("invalid key to 'next'");
    }
    return entry;
  };

  const ipairsStep: LuaFunction = (table, index) => {
    const i = int64.add(toInteger(index) ?? 0, 1);
    if (!(table instanceof LuaTable) && machine.metatableOf(table)?.get("__index") === undefined) {
      // Raised by a native function, so without a place and a name.
      throw new LuaError(`attempt to index a ${describeType(table)} value`);
    }
    const value = machine.plain.index(table, i) as LuaValue;
    return value === undefined ? undefined : [i, value];
  };

  const pcall: LuaFunction = (...args) => {
    needValue(args, "pcall");
    const { currentCoroutine } = state;
    try {
      return [true, ...resultList(callFromNative(state, args[0], args.slice(1)))];
    } catch (error) {
      state.currentCoroutine = currentCoroutine;
      return [false, errorValue(caught(machine, error))];
    }
  };

  const xpcall: LuaFunction = (...args) => {
    const handler = checkFunction(args[1], 2, "xpcall");
    const { currentCoroutine } = state;
    try {
      return [true, ...resultList(observingErrors(() => callFromNative(state, args[0], args.slice(2))))];
    } catch (error) {
      state.currentCoroutine = currentCoroutine;
      return [false, handled(state, handler, caught(machine, error))];
    }
  };

  setResumable(pcall, (...args) => {
    needValue(args, "pcall");
    const { currentCoroutine } = state;
    return guardFromNative(
      state,
      args[0],
      args.slice(1),
      (result) => [true, ...resultList(result)],
      (error) => {
        state.currentCoroutine = currentCoroutine;
        return [false, errorValue(caught(machine, error))];
      },
    );
  });
  setResumable(xpcall, (...args) => {
    const handler = checkFunction(args[1], 2, "xpcall");
    const { currentCoroutine } = state;
    return guardFromNative(
      state,
      args[0],
      args.slice(2),
      (result) => [true, ...resultList(result)],
      (error) => {
        state.currentCoroutine = currentCoroutine;
        return [false, handled(state, handler, caught(machine, error))];
      },
      true,
    );
  });

  const loadChunk = (
    source: string,
    chunkName: string,
    mode: LuaValue,
    env: LuaValue,
    hasEnv: boolean,
  ): LuaResult => {
    if (source.startsWith("\x1b")) {
      return [
        undefined,
        `attempt to load a binary chunk (mode is '${mode === undefined ? "bt" : String(mode)}')`,
      ];
    }
    if (typeof mode === "string" && !mode.includes("t")) {
      return [undefined, `attempt to load a text chunk (mode is '${mode}')`];
    }
    try {
      payForLoading(state, source);
      return hasEnv ? state.loadWith(source, chunkName, env) : state.load(source, chunkName);
    } catch (error) {
      return [undefined, caught(machine, error).value];
    }
  };
  const readFile = (path: string): string | undefined => {
    state.spend(FILE_ROUNDS);
    return options.readFile?.(path);
  };

  const loadFile = (path: LuaValue): LuaFunction => {
    const name = checkString(path, 1, "dofile");
    const source = readFile(name);
    if (source === undefined) throw new LuaError(`cannot open ${name}`);
    payForLoading(state, source);
    return state.load(source, `@${name}`);
  };

  const functions: Record<string, LuaFunction> = {
    assert: (...args) => {
      needValue(args, "assert");
      if (isTrue(args[0])) return args;
      // As `error` does it: text gets the position of the caller.
      const message = args.length > 1 ? args[1] : "assertion failed!";
      throw new LuaError(typeof message === "string" ? where() + message : message);
    },
    collectgarbage: (option, argument, value) => collectGarbage(state, option, argument, value),
    dofile: (path) => callFromNative(state, loadFile(path), []),
    error: (value, level) => {
      const depth = level === undefined ? 1 : int64.toNumber(checkInteger(level, 2, "error"));
      if (typeof value === "string" && depth > 0) throw new LuaError(where(depth) + value);
      throw new LuaError(value);
    },
    getmetatable: (...args) => {
      needValue(args, "getmetatable");
      const metatable = machine.metatableOf(args[0]);
      if (metatable === undefined) return undefined;
      return metatable.get("__metatable") ?? metatable;
    },
    ipairs: (...args) => {
      needValue(args, "ipairs");
      return [ipairsStep, args[0], 0];
    },
    load: (...args) => {
      const [chunk, name, mode, env] = args;
      let source = "";
      if (typeof chunk === "string") source = chunk;
      else {
        const reader = checkFunction(chunk, 1, "load");
        try {
          for (;;) {
            const piece = toText(firstResult(callFromNative(state, reader, [])) ?? "");
            if (piece === undefined) return raise("reader function must return a string");
            if (piece === "") break;
            machine.charge(piece.length);
            source += piece;
          }
        } catch (error) {
          return [undefined, errorValue(caught(machine, error))];
        }
      }
      const chunkName =
        name === undefined ? (typeof chunk === "string" ? chunk : "=(load)") : checkString(name, 2, "load");
      return loadChunk(source, chunkName, mode, env, args.length > 3);
    },
    loadfile: (...args) => {
      const name = checkString(args[0], 1, "loadfile");
      const source = readFile(name);
      if (source === undefined) return [undefined, `cannot open ${name}`];
      return loadChunk(source, `@${name}`, args[1], args[2], args.length > 2);
    },
    next,
    pairs: (...args) => {
      needValue(args, "pairs");
      const handler = machine.metatableOf(args[0])?.get("__pairs");
      if (handler !== undefined) return resultList(callFromNative(state, handler, [args[0]])).slice(0, 4);
      // The fourth value, to be closed, is nil.
      return [next, args[0], undefined, undefined];
    },
    pcall,
    print: (...args) => {
      const text = args.map((value) => machine.tostring(value)).join("\t");
      machine.charge(text.length + LINE_BYTES);
      machine.spend(LINE_ROUNDS);
      options.print?.(text);
      return [];
    },
    rawequal: (...args) => {
      needValue(args, "rawequal", 2);
      const [a, b] = args;
      if (typeof a === "string" && a.length > LONG_TEXT) return machine.sameText(a, b);
      return a === b || (a instanceof LuaInt64 && b instanceof LuaInt64 && int64.eq(a, b));
    },
    rawget: (table, key) => checkTable(table, 1, "rawget").get(key),
    rawlen: (value) => {
      if (value instanceof LuaTable) return value.length();
      if (typeof value === "string") return value.length;
      return argumentError(1, "rawlen", `table or string expected, got ${describeType(value)}`);
    },
    rawset: (table, key, value) => {
      const t = checkTable(table, 1, "rawset");
      if (key === undefined) throw new LuaError("table index is nil");
      t.set(key, value);
      return t;
    },
    select: (...args) => {
      if (args[0] === "#") return args.length - 1;
      const n = int64.toNumber(checkInteger(args[0], 1, "select"));
      if (n < 0) {
        if (-n > args.length - 1) argumentError(1, "select", "index out of range");
        return args.slice(args.length + n);
      }
      if (n === 0) argumentError(1, "select", "index out of range");
      return args.slice(n);
    },
    setmetatable: (...args) => {
      const table = checkTable(args[0], 1, "setmetatable");
      const metatable = args[1];
      if (args.length < 2 || !(metatable === undefined || metatable instanceof LuaTable)) {
        const got = args.length < 2 ? "no value" : describeType(metatable);
        argumentError(2, "setmetatable", `nil or table expected, got ${got}`);
      }
      if (table.metatable?.get("__metatable") !== undefined) raise("cannot change a protected metatable");
      table.metatable = metatable;
      state.finalizers.metatableSet(table);
      return table;
    },
    tonumber: (...args) => {
      const [value, base] = args;
      if (base === undefined) {
        if (int64.isInteger(value)) return value;
        if (typeof value === "string") return int64.parseInteger(value);
        needValue(args, "tonumber");
        return undefined;
      }
      const radix = int64.toNumber(checkInteger(base, 2, "tonumber"));
      if (typeof value !== "string") argumentError(1, "tonumber", `string expected, got ${typeName(value)}`);
      if (radix < 2 || radix > 36) argumentError(2, "tonumber", "base out of range");
      return parseInBase(value, radix);
    },
    tostring: (...args) => {
      needValue(args, "tostring");
      return machine.tostring(args[0]);
    },
    type: (...args) => {
      needValue(args, "type");
      return typeName(args[0]);
    },
    warn: (...args) => {
      const first = checkString(args[0], 1, "warn");
      const text =
        first +
        args
          .slice(1)
          .map((value, i) => checkString(value, i + 2, "warn"))
          .join("");
      machine.charge(text.length + LINE_BYTES);
      machine.spend(LINE_ROUNDS);
      // A message of one piece that begins so is a control message; unknown ones are ignored.
      if (args.length > 1 || !text.startsWith("@")) state.warn(text);
      else if (text === "@on") state.warns = true;
      else if (text === "@off") state.warns = false;
      return [];
    },
    xpcall,
  };
  for (const [name, f] of Object.entries(functions)) globals.setField(name, f);
  globals.setField("_G", globals);
  globals.setField("_VERSION", "Lua 5.5-kernel");
  globals.setField("_LUNATIK_VERSION", "Lunatik 4.4");
  state.loaded.set("_G", globals);
  machine.iterators = { next, ipairsStep };
  machine.select = functions["select"];
  const { pairs } = functions;
  setResumable(pairs!, (...args) => {
    const handler = args.length === 0 ? undefined : machine.metatableOf(args[0])?.get("__pairs");
    if (handler === undefined) return pairs!(...args);
    return guardFromNative(
      state,
      handler,
      [args[0]],
      (result) => resultList(result).slice(0, 4),
      (error) => {
        throw error;
      },
    );
  });
  setResumable(functions["dofile"]!, (path) => machine.co(loadFile(path))());
}

/** What a message handler makes of an error; errors of its own are for it as well. */
function handled(state: LuaState, handler: LuaFunction, error: LuaError): LuaValue {
  for (let rounds = 0; rounds < MAX_HANDLER_ERRORS; rounds++) {
    try {
      return asHandler(error.positions ?? [], (value) => firstResult(handler(value)), errorValue(error));
    } catch (again) {
      // Without stack there is nothing that a handler could do better the next time.
      const isOverflow = isStackOverflow(again);
      error = caught(state.machine, again);
      if (isOverflow) break;
    }
  }
  return "error in error handling";
}

/** An error raised with nil arrives as text. */
function errorValue(error: LuaError): LuaValue {
  return error.value === undefined ? "<no error object>" : error.value;
}

/** So many digits are below 2^53 in every base. */
const SHORT_DIGITS = 10;

/** The value of a few digits without a sign or spaces; -1 for any other text. */
function shortInBase(text: string, radix: number): number {
  if (text.length === 0 || text.length > SHORT_DIGITS) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const digit = c <= 57 ? c - 48 : (c | 32) - 87;
    if (digit < 0 || digit >= radix || (c > 57 && digit < 10)) return -1;
    value = value * radix + digit;
  }
  return value;
}

function parseInBase(text: string, radix: number): LuaValue {
  owe(text.length >> 2);
  const plain = shortInBase(text, radix);
  if (plain >= 0) return plain;
  const match = /^[ \t\n\v\f\r]*(-?)([0-9a-z]+)[ \t\n\v\f\r]*$/i.exec(text);
  if (!match) return undefined;
  let value = 0n;
  for (const letter of match[2]!.toLowerCase()) {
    const digit = Number.parseInt(letter, 36);
    if (digit >= radix) return undefined;
    // Wrapped at each digit: the number of digits is the script's.
    value = BigInt.asUintN(64, value * BigInt(radix) + BigInt(digit));
  }
  return int64.fromBigInt(match[1] === "-" ? -value : value);
}

/** Settings that `collectgarbage("param", …)` remembers; the collector is the engine's. */
const PARAMETERS: Record<string, number> = {
  minormul: 20,
  majorminor: 50,
  minormajor: 70,
  pause: 250,
  stepmul: 200,
  stepsize: 9600,
};
const collectors = new WeakMap<
  LuaState,
  { mode: string; isRunning: boolean; parameters: Map<string, number> }
>();

function collectGarbage(state: LuaState, option: LuaValue, argument: LuaValue, value: LuaValue): LuaResult {
  const name = option === undefined ? "collect" : checkString(option, 1, "collectgarbage");
  let collector = collectors.get(state);
  if (collector === undefined) {
    collector = { mode: "incremental", isRunning: true, parameters: new Map(Object.entries(PARAMETERS)) };
    collectors.set(state, collector);
  }
  switch (name) {
    case "collect":
      return 0;
    case "stop":
    case "restart":
      collector.isRunning = name === "restart";
      return 0;
    case "count":
      state.spend(COLLECTION_ROUNDS);
      return Math.floor(state.options.liveBytes?.() ?? state.machine.allocatedBytes);
    case "step":
      return true;
    case "isrunning":
      return collector.isRunning;
    case "incremental":
    case "generational": {
      const { mode } = collector;
      collector.mode = name;
      return mode;
    }
    case "param": {
      const parameter = checkString(argument, 2, "collectgarbage");
      const old = collector.parameters.get(parameter);
      if (old === undefined) return argumentError(2, "collectgarbage", `invalid option '${parameter}'`);
      if (value !== undefined)
        collector.parameters.set(parameter, int64.toNumber(checkInteger(value, 3, "collectgarbage")));
      return old;
    }
    default:
      return argumentError(1, "collectgarbage", `invalid option '${name}'`);
  }
}
