/**
 * The operations of the language that compiled code does not do inline: everything but small integers, items and
 * fields, worded and ordered as PUC Lua does them.
 *
 * They exist in two forms. In plain code a metamethod is called, and its result is the operation's. In resumable code
 * (coroutine.ts) the resumable version of a metamethod is called, and its raw result returned, since a yield may have
 * left it: the caller looks.
 */

import { type LuaError, ScriptAbort } from "./error.ts";
import * as int64 from "./int64.ts";
import { describeType, raise, typeName } from "./lib/check.ts";
import { type Machine, toInteger, toLuaError, toText } from "./machine.ts";
import { joined, LONG_TEXT, owe, oweForText } from "./meter.ts";
import { LuaTable } from "./table.ts";
import {
  firstResult,
  LuaInt64,
  type LuaInteger,
  type LuaResult,
  LuaUserdata,
  type LuaValue,
} from "./value.ts";

const MAX_INDEX_CHAIN = 2000;
/** Tables of such a chain that are passed in the time of one round. */
const LINKS_PER_ROUND = 8;

/** Texts that are kept for each place where one is put in front of a number. */
const MAX_LABELS = 256;

/** Calls a metamethod; the form decides what comes back. */
export interface Invoke {
  two(handler: LuaValue, a: LuaValue, b: LuaValue): LuaResult;
  three(handler: LuaValue, a: LuaValue, b: LuaValue, c: LuaValue): LuaResult;
}
type Integers = (a: LuaInteger, b: LuaInteger) => LuaInteger;
type Operator = (a: LuaValue, b: LuaValue) => LuaResult;

export class Operations {
  /** These two are the machine's: what they call may be a closing method, or a tail call that was returned. */
  declare readonly first: (result: LuaResult) => LuaResult;
  declare readonly closeError: (value: LuaValue, error: unknown) => unknown;
  readonly #machine: Machine;
  readonly #invoke: Invoke;
  /** The truth of what a metamethod returned, where a comparison is wanted. */
  readonly #truth: (result: LuaResult) => LuaResult;

  readonly add = this.#arithmetic("__add", int64.add);
  readonly sub = this.#arithmetic("__sub", int64.sub);
  readonly mul = this.#arithmetic("__mul", int64.mul);
  readonly idiv = this.#arithmetic("__idiv", (a, b) =>
    b === 0 ? raise("attempt to divide by zero") : int64.idiv(a, b),
  );
  readonly mod = this.#arithmetic("__mod", (a, b) =>
    b === 0 ? raise("attempt to perform 'n%0'") : int64.mod(a, b),
  );
  readonly band = this.#bitwise("__band", int64.band);
  readonly bor = this.#bitwise("__bor", int64.bor);
  readonly bxor = this.#bitwise("__bxor", int64.bxor);
  readonly shl = this.#bitwise("__shl", int64.shl);
  readonly shr = this.#bitwise("__shr", int64.shr);

  constructor(machine: Machine, invoke: Invoke, truth: (result: LuaResult) => LuaResult) {
    this.#machine = machine;
    this.#invoke = invoke;
    this.#truth = truth;
  }

  // ---- tables

  readonly index = (object: LuaValue, key: LuaValue): LuaResult => {
    if (object !== undefined && object.constructor === LuaTable) {
      const value = (object as LuaTable).get(key);
      if (value !== undefined || (object as LuaTable).metatable === undefined) return value;
    }
    return this.#indexSlow(object, key);
  };

  /** `index` of a name that is not among the fields. */
  readonly field = (object: LuaValue, name: string): LuaResult => {
    if (object !== undefined && object.constructor === LuaTable) {
      const { hash, metatable } = object as LuaTable;
      if (hash === undefined && metatable === undefined) return undefined;
    }
    return this.index(object, name);
  };

  #indexSlow(object: LuaValue, key: LuaValue): LuaResult {
    for (let i = 0; i < MAX_INDEX_CHAIN; i++) {
      let handler: LuaValue;
      if (object instanceof LuaTable) {
        const value = object.get(key);
        if (value !== undefined) return value;
        const { metatable } = object;
        if (metatable === undefined) return undefined;
        handler = metatable.fields["__index"] ?? metatable.getText("__index");
        if (handler === undefined) return undefined;
      } else {
        handler = this.#machine.metamethod(object, "__index");
        if (handler === undefined) this.#operandError("index", object);
      }
      if (typeof handler === "function") return this.#invoke.two(handler, object, key);
      if (i % LINKS_PER_ROUND === LINKS_PER_ROUND - 1) owe(1);
      object = handler;
    }
    return raise("'__index' chain too long; possible loop");
  }

  readonly setindex = (object: LuaValue, key: LuaValue, value: LuaValue): LuaResult => {
    if (
      object !== undefined &&
      object.constructor === LuaTable &&
      (object as LuaTable).metatable === undefined
    ) {
      if (key === undefined) raise("table index is nil");
      (object as LuaTable).set(key, value);
      return undefined;
    }
    return this.#setIndexSlow(object, key, value);
  };

  #setIndexSlow(object: LuaValue, key: LuaValue, value: LuaValue): LuaResult {
    for (let i = 0; i < MAX_INDEX_CHAIN; i++) {
      let handler: LuaValue;
      if (object instanceof LuaTable) {
        handler = object.metatable?.getText("__newindex");
        if (handler === undefined || object.get(key) !== undefined) {
          if (key === undefined) raise("table index is nil");
          object.set(key, value);
          return undefined;
        }
      } else {
        handler = this.#machine.metamethod(object, "__newindex");
        if (handler === undefined) this.#operandError("index", object);
      }
      if (typeof handler === "function") return this.#invoke.three(handler, object, key, value);
      if (i % LINKS_PER_ROUND === LINKS_PER_ROUND - 1) owe(1);
      object = handler;
    }
    return raise("'__newindex' chain too long; possible loop");
  }

  // ---- operators

  #arithmetic(event: string, compute: Integers): Operator {
    return (a, b) => {
      if (int64.isInteger(a) && int64.isInteger(b)) return compute(a, b);
      if (typeof a !== "string" && typeof b !== "string") {
        return this.#binary(event, a, b, "perform arithmetic on", int64.isInteger(a));
      }
      const own = this.#machine.metamethod(a, event);
      if (own !== undefined) return this.#invoke.two(own, a, b);
      const handler = this.#machine.metamethod(b, event);
      if (handler !== undefined) {
        // Text on the left: in PUC Lua the string library is in between, and nothing can yield across it.
        return typeof a === "string"
          ? firstResult(this.#machine.call(handler, [a, b]))
          : this.#invoke.two(handler, a, b);
      }
      const x = toInteger(a);
      const y = toInteger(b);
      return x !== undefined && y !== undefined ? compute(x, y) : textError(event, a, b);
    };
  }

  #anyHandler(a: LuaValue, b: LuaValue, event: string): LuaValue {
    return this.#machine.metamethod(a, event) ?? this.#machine.metamethod(b, event);
  }

  /** Strings that hold integers are no operands here. */
  #bitwise(event: string, compute: Integers): Operator {
    return (a, b) =>
      int64.isInteger(a) && int64.isInteger(b)
        ? compute(a, b)
        : this.#binary(event, a, b, "perform bitwise operation on", int64.isInteger(a));
  }

  /** Operands that are not both integers. `isRight`: the left one is not to blame. */
  #binary(event: string, a: LuaValue, b: LuaValue, what: string, isRight: boolean): LuaResult {
    const handler = this.#anyHandler(a, b, event);
    if (handler !== undefined) return this.#invoke.two(handler, a, b);
    return this.#operandError(what, isRight ? b : a, isRight ? 1 : 0);
  }

  /** `attempt to <what> a <type> value (<name>)`; the name is that of operand `which` at the failing place. */
  #operandError(what: string, value: LuaValue, which = 0): never {
    return this.#machine.operandError(what, value, which);
  }

  readonly unm = (a: LuaValue): LuaResult => {
    if (int64.isInteger(a)) return int64.unm(a);
    const handler = this.#machine.metamethod(a, "__unm");
    if (typeof a === "string" && handler === undefined) {
      const x = toInteger(a);
      return x === undefined ? textError("__unm", a, a) : int64.unm(x);
    }
    return handler === undefined
      ? this.#operandError("perform arithmetic on", a)
      : this.#invoke.two(handler, a, a);
  };

  readonly bnot = (a: LuaValue): LuaResult => {
    if (int64.isInteger(a)) return int64.bnot(a);
    const handler = this.#machine.metamethod(a, "__bnot");
    return handler === undefined
      ? this.#operandError("perform bitwise operation on", a)
      : this.#invoke.two(handler, a, a);
  };

  readonly len = (value: LuaValue): LuaResult => {
    if (typeof value === "string") return value.length;
    const metatable = this.#machine.metatableOf(value);
    const handler = metatable?.fields["__len"] ?? metatable?.getText("__len");
    if (handler !== undefined) return this.#invoke.two(handler, value, value);
    return value instanceof LuaTable ? value.length() : this.#operandError("get length of", value);
  };

  readonly concat = (a: LuaValue, b: LuaValue): LuaResult => {
    const x = toText(a);
    const y = toText(b);
    if (x !== undefined && y !== undefined) {
      this.#machine.charge(x.length + y.length);
      return joined(x + y);
    }
    const handler = this.#anyHandler(a, b, "__concat");
    if (handler !== undefined) return this.#invoke.two(handler, a, b);
    return x === undefined
      ? this.#operandError("concatenate", a, 0)
      : this.#operandError("concatenate", b, 1);
  };

  /**
   * `concat` of a text in the program and a number. The `labels` are what it gave: names that are made again are then
   * found in tables at once, as the engine knows their hashes.
   */
  readonly numbered = (labels: string[], text: string, value: LuaValue): LuaResult => {
    if (typeof value !== "number" || value < 0 || value >= MAX_LABELS) return this.concat(text, value);
    const known = labels[value];
    if (known !== undefined) this.#machine.charge(known.length);
    return known ?? (labels[value] = this.concat(text, value) as string);
  };

  readonly eq = (a: LuaValue, b: LuaValue): LuaResult => {
    if (a === b) return true;
    if (a instanceof LuaInt64) return b instanceof LuaInt64 && int64.eq(a, b);
    const areTables = a instanceof LuaTable && b instanceof LuaTable;
    if (!areTables && !(a instanceof LuaUserdata && b instanceof LuaUserdata)) return isSameAddress(a, b);
    const handler = this.#machine.metamethod(a, "__eq") ?? this.#machine.metamethod(b, "__eq");
    return handler !== undefined && this.#truth(this.#invoke.two(handler, a, b));
  };

  readonly lt = (a: LuaValue, b: LuaValue): LuaResult => {
    if (int64.isInteger(a) && int64.isInteger(b)) return int64.lt(a, b);
    if (typeof a === "string" && typeof b === "string") {
      if (a.length > LONG_TEXT && b.length > LONG_TEXT) oweForText(Math.min(a.length, b.length));
      return a < b;
    }
    return this.#compare(a, b, "__lt");
  };

  readonly le = (a: LuaValue, b: LuaValue): LuaResult => {
    if (int64.isInteger(a) && int64.isInteger(b)) return int64.le(a, b);
    if (typeof a === "string" && typeof b === "string") {
      if (a.length > LONG_TEXT && b.length > LONG_TEXT) oweForText(Math.min(a.length, b.length));
      return a <= b;
    }
    return this.#compare(a, b, "__le");
  };

  #compare(a: LuaValue, b: LuaValue, event: string): LuaResult {
    const handler = this.#machine.metamethod(a, event) ?? this.#machine.metamethod(b, event);
    if (handler !== undefined) return this.#truth(this.#invoke.two(handler, a, b));
    const [x, y] = [describeType(a), describeType(b)];
    return raise(x === y ? `attempt to compare two ${x} values` : `attempt to compare ${x} with ${y}`);
  }

  // ---- closing

  /** The scope of a to-be-closed variable was left without an error. */
  readonly closeAfter = (value: LuaValue): LuaResult => {
    if (value === undefined || value === false) return undefined;
    return this.#invoke.two(this.#machine.metamethod(value, "__close"), value, undefined);
  };
}

/** Closes after `error`, in plain code; returns the error that goes on. */
export function closeError(machine: Machine, value: LuaValue, error: unknown): unknown {
  // Limits are absolute: closing would use more of what is used up.
  if (error instanceof ScriptAbort || value === undefined || value === false) return error;
  const reason = closeReason(error);
  try {
    machine.call(machine.metamethod(value, "__close"), [value, reason]);
    return error instanceof CoroutineClose ? error : toLuaError(error);
  } catch (second) {
    return failedClose(error, second);
  }
}

/** Thrown through a coroutine that `coroutine.close` ends: only scopes to be closed see it. */
export class CoroutineClose extends Error {
  /** What the last closing method failed with, if one did: the next is told, and the close returns it. */
  failure: LuaError | undefined = undefined;
}

/** The error that goes on when a closing method, called because of `error`, fails as well. */
export function failedClose(error: unknown, second: unknown): unknown {
  if (!(error instanceof CoroutineClose) || second instanceof CoroutineClose || second instanceof ScriptAbort)
    return second;
  error.failure = toLuaError(second);
  return error;
}

/** What a closing method gets as its second argument. */
export function closeReason(error: unknown): LuaValue {
  return error instanceof CoroutineClose ? error.failure?.value : toLuaError(error).value;
}

/** An operand is text that holds no integer; the string library words it. */
function textError(event: string, a: LuaValue, b: LuaValue): never {
  return raise(`attempt to ${event.slice(2)} a '${typeName(a)}' with a '${typeName(b)}'`);
}

/** The truth of a plain metamethod's result. */
export function truthOf(result: LuaResult): boolean {
  const value = firstResult(result);
  return value !== undefined && value !== false;
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
