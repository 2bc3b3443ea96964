/**
 * Lua module `data`: bytes by offset. Objects come from `data.new` and, as windows onto packets, from hooks.
 *
 * Differences from Lunatik: fresh memory is zeroed, and multi-byte accessors are little endian on every machine, so
 * that a run does not depend on where it happens. Argument numbers in errors do not count the object itself.
 */

import { Data } from "../kernel/data.ts";
import { high, low, make } from "../lua/int64.ts";
import type { LuaResult, LuaValue } from "../lua/value.ts";
import { arg, defineClass, defineModule, type Environment, fn, method, returns } from "./define.ts";
import { argError, asIntegerArgument, failure } from "./raise.ts";

const offset = arg.size("offset");
const value = arg.late(arg.int("value"));
const rest = arg.optional(arg.size("length"), undefined, "to the end");
const writes = { writes: true } as const;

/** A reader of one integer. Each has a body of its own, so that engines inline it. */
const read = (what: string, body: (data: Data, offset: number) => LuaResult) =>
  method(`Reads ${what}. Error: \`out of bounds\`.`, [offset], returns.int, body);

type Write = (data: Data, offset: number, value: LuaValue, env: Environment, given: number) => undefined;

/** A writer of one integer: bounds are checked first, then whether `data` may be written, then the value's type. */
const write = (what: string, body: Write) =>
  method(
    `Writes ${what} of \`value\`. Errors: \`out of bounds\`, \`read only\`.`,
    [offset, value],
    returns.none,
    body,
    writes,
  );

const getUint8 = (data: Data, at: number) => {
  inBounds(data, at, 1);
  return data.getUint8(at);
};
const getInt64 = (data: Data, at: number) => {
  inBounds(data, at, 8);
  return make(data.getInt32(at + 4), data.getInt32(at));
};
const setUint8: Write = (data, at, v, _env, given) => {
  mayWrite(data, at, 1);
  data.setUint8(at, lowBits(v, given));
};
const setUint16: Write = (data, at, v, _env, given) => {
  mayWrite(data, at, 2);
  data.setUint16(at, lowBits(v, given));
};
const setUint32: Write = (data, at, v, _env, given) => {
  mayWrite(data, at, 4);
  data.setUint32(at, lowBits(v, given));
};
const setInt64: Write = (data, at, v, _env, given) => {
  mayWrite(data, at, 8);
  const integer = asIntegerArgument(v, 2, given > 1);
  data.setUint32(at, low(integer));
  data.setUint32(at + 4, high(integer));
};

export const dataClass = defineClass<Data>(
  "data",
  {
    doc: "A stretch of bytes, read and written at offsets from 0. A range is valid when it is not empty and ends within the data.",
    of: Data,
    shareable: true,
    isPrivate: (data) => !data.isShared,
    contexts: "any",
  },
  {
    getbyte: read("1 byte, 0..255", getUint8),
    getuint8: read("1 byte, 0..255", (data, at) => {
      inBounds(data, at, 1);
      return data.getUint8(at);
    }),
    getint8: read("1 byte, −128..127", (data, at) => {
      inBounds(data, at, 1);
      return (data.getUint8(at) << 24) >> 24;
    }),
    getuint16: read("2 bytes, 0..65535", (data, at) => {
      inBounds(data, at, 2);
      return data.getUint16(at);
    }),
    getint16: read("2 bytes, −32768..32767", (data, at) => {
      inBounds(data, at, 2);
      return (data.getUint16(at) << 16) >> 16;
    }),
    getuint32: read("4 bytes, unsigned", (data, at) => {
      inBounds(data, at, 4);
      return data.getInt32(at) >>> 0;
    }),
    getint32: read("4 bytes, signed", (data, at) => {
      inBounds(data, at, 4);
      return data.getInt32(at);
    }),
    getint64: read("8 bytes, signed", getInt64),
    getnumber: read("8 bytes, signed", getInt64),
    setbyte: write("the low 8 bits", setUint8),
    setuint8: write("the low 8 bits", setUint8),
    setint8: write("the low 8 bits", setUint8),
    setuint16: write("the low 16 bits", setUint16),
    setint16: write("the low 16 bits", setUint16),
    setuint32: write("the low 32 bits", setUint32),
    setint32: write("the low 32 bits", setUint32),
    setint64: write("all bits", setInt64),
    setnumber: write("all bits", setInt64),
    getstring: method(
      "The bytes of a range. Error: `out of bounds`.",
      [offset, rest],
      returns("string"),
      (data, at, given, env) => {
        const length = given ?? data.length - at;
        inBounds(data, at, length);
        env.state.charge(length);
        return data.getString(at, length);
      },
    ),
    setstring: method(
      "Writes all bytes of `s`. Errors: `out of bounds`, `read only`.",
      [offset, arg.string("s")],
      returns.none,
      (data, at, text, env) => {
        mayWrite(data, at, text.length);
        payForBytes(env, text.length);
        data.setString(at, text);
      },
      writes,
    ),
    checksum: method(
      "The 16-bit Internet checksum of a range, as `setuint16` stores it. Error: `out of bounds`.",
      [arg.optional(offset, 0, "0"), rest],
      returns.int,
      (data, at, given, env) => {
        const length = given ?? data.length - at;
        inBounds(data, at, length);
        payForBytes(env, length);
        return data.checksum(at, length);
      },
    ),
    resize: method(
      "Changes the size of memory made by `data.new`; added bytes are unspecified. Errors: `read only`, `cannot resize external memory`, `not enough memory`.",
      [arg.size("size")],
      returns.none,
      (data, size, env) => {
        if (!data.writable) throw argError(1, "read only");
        if (!data.resizable) throw failure("cannot resize external memory");
        charge(env, size);
        data.resize(size);
      },
    ),
    __len: method("The size in bytes.", [], returns.int, (data) => data.length),
    __tostring: method("The raw bytes.", [], returns("string"), (data, env) => {
      env.state.charge(data.length);
      return data.getString(0, data.length);
    }),
  },
);

export const data = defineModule("data", {
  doc: "Memory for binary data.",
  functions: {
    new: fn(
      "Memory of `size` bytes with unspecified contents. `mode` says whether it may cross runtimes. Errors: `not enough memory`, `invalid option '…'`.",
      [arg.size("size"), arg.optional(arg.option("mode", ["shared", "single"]), "shared", '"shared"')],
      returns("data"),
      (size, mode, env) => {
        charge(env, size);
        return dataClass.wrap(env, Data.allocate(size, mode === "shared"));
      },
    ),
  },
  classes: [dataClass],
});

/** Far above any memory limit of a runtime, far below what `Uint8Array` refuses. */
const MAX_ALLOCATION_BYTES = 2 ** 30;

/** What memory takes beside its bytes. */
const OBJECT_BYTES = 512;

/** Counts memory against the limit of the runtime before it is taken. */
function charge(env: Environment, size: number): void {
  if (size < 0 || size > MAX_ALLOCATION_BYTES) throw failure("not enough memory");
  env.state.charge(size + OBJECT_BYTES);
}

/** Bytes that are copied or added up in the time of one round of a loop. */
const BYTES_PER_ROUND = 1024;

function payForBytes(env: Environment, count: number): void {
  if (count > BYTES_PER_ROUND) env.state.spend(Math.floor(count / BYTES_PER_ROUND));
}

function inBounds(data: Data, at: number, length: number): void {
  if (!data.fits(at, length)) throw argError(1, "out of bounds");
}

function mayWrite(data: Data, at: number, length: number): void {
  inBounds(data, at, length);
  if (!data.writable) throw argError(1, "read only");
}

function lowBits(v: LuaValue, given: number): number {
  return typeof v === "number" ? v | 0 : low(asIntegerArgument(v, 2, given > 1));
}
