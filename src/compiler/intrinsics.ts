/**
 * The native functions that a compiled hook may call with what depends on the packet, by name; `PURE` lists those that
 * are simply called, while the hook is compiled, when all arguments are constant.
 */

import { type PackFormat, packFormat, STEP, type Step } from "../lua/lib/pack-format.ts";
import { BPF_FUNC } from "../uapi/bpf.ts";
import {
  type Abstract,
  alternativesOf,
  bool,
  FALSE,
  type Int,
  int,
  NIL,
  type Single,
  type Slice,
  TRUE,
  text,
  typeOf,
} from "./abstract.ts";
import { argumentFails, constantString, integerArgument, stringArgument } from "./arguments.ts";
import { CONNECTIONS } from "./connections.ts";
import { Join } from "./control.ts";
import { format } from "./format.ts";
import type { Operand, Range } from "./ir.ts";
import { OBJECTS } from "./objects.ts";
import { PACKET_INTRINSICS } from "./packet-intrinsics.ts";
import { parsePattern, search } from "./patterns.ts";
import { joinRope } from "./ropes.ts";
import type { Specializer } from "./specializer.ts";
import { CONFIG } from "./target.ts";

export type Intrinsic = (s: Specializer, args: readonly Abstract[], name: string) => readonly Abstract[];

const PURE_NAMES = {
  string: "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper",
  math: "abs ceil floor fmod max min tointeger type ult",
  utf8: "char codepoint len offset",
  byteorder:
    "hton16 ntoh16 htobe16 be16toh hton32 ntoh32 htobe32 be32toh hton64 ntoh64 htobe64 be64toh htole16 le16toh htole32 le32toh htole64 le64toh",
  linux: "difftime errname numcpus hton16 ntoh16 hton32 ntoh32 hton64 ntoh64",
} as const;

export const PURE: ReadonlySet<string> = new Set([
  ...Object.entries(PURE_NAMES).flatMap(([module, names]) =>
    names.split(" ").map((name) => `${module}.${name}`),
  ),
  ...[
    "type",
    "tostring",
    "tonumber",
    "rawequal",
    "rawlen",
    "select",
    "table.concat",
    "table.unpack",
    "rawget",
  ],
]);

// ---- numbers

const least =
  (comparison: "jslt" | "jsgt"): Intrinsic =>
  (s, args, name) => {
    let best = integerArgument(s, args, 1, name);
    for (let n = 2; n <= args.length && best !== undefined; n++) {
      const other = integerArgument(s, args, n, name);
      if (other === undefined) return [];
      const rest = new Join();
      const current: Operand = best;
      s.fork(
        comparison,
        other,
        current,
        () => s.goto(rest, [int(other)]),
        () => s.goto(rest, [int(current)]),
      );
      best = (s.land(rest)[0] as Int).value;
    }
    return best === undefined ? [] : [int(best)];
  };

const swapped =
  (bits: 16 | 32 | 64): Intrinsic =>
  (s, args, name) => {
    const value = integerArgument(s, args, 1, name);
    return value === undefined ? [] : [int(s.swap(bits, value))];
  };

const truncated =
  (bits: 16 | 32 | 64): Intrinsic =>
  (s, args, name) => {
    const value = integerArgument(s, args, 1, name);
    if (value === undefined) return [];
    return [int(bits === 64 ? value : s.binary("and", value, (1n << BigInt(bits)) - 1n))];
  };

function byteOrder(module: string): Record<string, Intrinsic> {
  const rows: Record<string, Intrinsic> = {};
  for (const bits of [16, 32, 64] as const) {
    for (const name of [`hton${bits}`, `ntoh${bits}`, `htobe${bits}`, `be${bits}toh`])
      rows[`${module}.${name}`] = swapped(bits);
    for (const name of [`htole${bits}`, `le${bits}toh`]) rows[`${module}.${name}`] = truncated(bits);
  }
  return rows;
}

// ---- what the kernel knows of the packet

const SKB: Record<string, Intrinsic> = {
  vlan(s) {
    const { sk_buff } = s.layout;
    const rest = new Join();
    // Whether there is a tag, and its number with three bits of priority and one of others above.
    s.fork(
      "jeq",
      s.load(4, s.skb, sk_buff.vlan_all),
      0n,
      () => s.goto(rest, [NIL]),
      () => s.goto(rest, [int(s.binary("and", s.load(2, s.skb, sk_buff.vlan_tci), 0xfffn))]),
    );
    return s.land(rest);
  },
  ifindex(s) {
    const { sk_buff, net_device } = s.layout;
    const device = s.loadPointer(s.skb, sk_buff.dev);
    const rest = new Join();
    s.fork(
      "jeq",
      device,
      0n,
      () => s.goto(rest, [NIL]),
      () => {
        const index = s.load(4, device, net_device.ifindex);
        s.fork(
          "jeq",
          index,
          0n,
          () => s.goto(rest, [NIL]),
          () => s.goto(rest, [int(index)]),
        );
      },
    );
    return s.land(rest);
  },
};

// ---- strings

/**
 * The lesser of a number and a length, neither far from 0. Without a branch, whose two ways the verifier would follow to
 * the end one by one.
 */
function lesser(s: Specializer, number: Operand, length: Operand): Operand {
  const [a, b] = [s.rangeOf(number), s.rangeOf(length)];
  if (a.high <= b.low) return number;
  if (b.high <= a.low) return length;
  const difference = s.binary("sub", number, length);
  const below = s.binary("and", difference, s.binary("arsh", difference, 63n));
  const low = a.low < b.low ? a.low : b.low;
  return s.bounded(s.binary("add", length, below), low, a.high < b.high ? a.high : b.high);
}

/** A number, or 0 where it is below. */
function notNegative(s: Specializer, number: Operand): Operand {
  const { low, high } = s.rangeOf(number);
  if (low >= 0n) return number;
  const negative = s.binary("arsh", number, 63n);
  return s.bounded(s.binary("and", number, s.binary("xor", negative, -1n)), 0n, high < 0n ? 0n : high);
}

/** Numbers that can be added and subtracted without a thought. */
const isNear = ({ low, high }: Range): boolean => low > -(1n << 40n) && high < 1n << 40n;

/** A position as `string.sub` counts: from the end when negative. Gives it from 0, clamped to 0..length. */
function position(s: Specializer, given: Operand, length: Operand, isEnd: boolean): Operand {
  const rest = new Join();
  const at = isEnd ? given : s.binary("sub", given, 1n);
  const { low } = s.rangeOf(given);
  if (low >= (isEnd ? 0n : 1n) && isNear(s.rangeOf(given)) && isNear(s.rangeOf(length)))
    return lesser(s, at, length);
  const natural = (value: Operand): void =>
    s.fork(
      "jsgt",
      value,
      length,
      () => s.goto(rest, [int(length)]),
      () => s.goto(rest, [int(value)]),
    );
  const first = isEnd ? 0n : 1n;
  s.fork(
    "jsge",
    given,
    first,
    () => natural(at),
    () => {
      if (isEnd || s.constantOf(given) !== 0n) {
        // From the end; 0 as a start is the beginning.
        const fromEnd = s.binary("add", length, s.binary("add", given, isEnd ? 1n : 0n));
        s.fork(
          "jeq",
          given,
          0n,
          () => s.goto(rest, [int(0n)]),
          () =>
            s.fork(
              "jslt",
              fromEnd,
              0n,
              () => s.goto(rest, [int(0n)]),
              () => natural(fromEnd),
            ),
        );
      } else s.goto(rest, [int(0n)]);
    },
  );
  return (s.land(rest)[0] as Int).value;
}

const sub: Intrinsic = (s, args, name) => {
  const value = stringArgument(s, args, 1, name);
  if (value === undefined) return [];
  const from = integerArgument(s, args, 2, name);
  const to = integerArgument(s, args, 3, name, -1n);
  if (from === undefined || to === undefined) return [];
  const slice = s.sliceOf(value);
  const start = position(s, from, slice.length, false);
  const end = s.constantOf(to) === -1n ? slice.length : position(s, to, slice.length, true);
  // Both are from 0 to the length of the string.
  const length = notNegative(s, s.binary("sub", end, start));
  if (s.constantOf(length) === 0n) return [text("")];
  return [{ ...slice, offset: s.binary("add", slice.offset, start), length }];
};

const byte: Intrinsic = (s, args, name) => {
  const value = stringArgument(s, args, 1, name);
  if (value === undefined) return [];
  const from = integerArgument(s, args, 2, name, 1n);
  if (from === undefined) return [];
  const slice = s.sliceOf(value);
  if (args[2] === undefined || args[2].kind === "nil") {
    const rest = new Join();
    const at = (offset: Operand): void =>
      // One comparison without a sign: negative offsets are beyond every length.
      s.fork(
        "jlt",
        offset,
        slice.length,
        () => s.goto(rest, [int(s.loadAt(1, slice.base, s.binary("add", slice.offset, offset)))]),
        () => s.goto(rest, [NIL]),
      );
    s.fork(
      "jslt",
      from,
      0n,
      () => at(s.binary("add", slice.length, from)),
      () => at(s.binary("sub", from, 1n)),
    );
    return s.land(rest);
  }
  const to = integerArgument(s, args, 3, name);
  if (to === undefined) return [];
  const first = s.constantOf(from);
  const last = s.constantOf(to);
  if (first === undefined || last === undefined || first < 1n || last < first || last - first > 63n)
    return s.refuse("string.byte over a range that depends on the packet", "read the bytes one by one");
  const bytes: Abstract[] = [];
  for (let i: bigint = first; i <= last; i++) bytes.push(...byte(s, [value, int(i)], name));
  // Behind the end there are no results, not nils; nobody can tell but `select("#")`.
  return bytes;
};

/** A copy with its letters changed, eight bytes at a time. */
const cased =
  (first: bigint, last: bigint): Intrinsic =>
  (s, args, name) => {
    const value = stringArgument(s, args, 1, name);
    if (value === undefined) return [];
    return [s.mapCase(s.sliceOf(value), first, last)];
  };

const find =
  (isMatch: boolean): Intrinsic =>
  (s, args, name) => {
    const subject = stringArgument(s, args, 1, name);
    if (subject === undefined) return [];
    const pattern = constantString(s, args, 2, name, "a pattern");
    const init = integerArgument(s, args, 3, name, 1n);
    if (pattern === undefined || init === undefined) return [];
    const isPlain = !isMatch && alternativesOf(args[3] ?? NIL).some(({ kind }) => kind !== "nil");
    const escaped = isPlain ? pattern.replace(/[^A-Za-z0-9\0]/g, "%$&") : pattern;
    const parsed = parsePattern(s, escaped);
    if (s.block === undefined) return [];
    const slice = s.sliceOf(subject);
    const from = s.constantOf(init) === 1n ? 0n : position(s, init, slice.length, false);
    const rest = new Join();
    // An init beyond the end finds nothing.
    const start = new Join();
    if (s.constantOf(init) === 1n) s.goto(start);
    else
      s.fork(
        "jsgt",
        init,
        s.binary("add", slice.length, 1n),
        () => s.goto(rest, [NIL]),
        () => s.goto(start),
      );
    s.land(start);
    search(
      s,
      slice,
      parsed,
      from,
      ({ start, end, captures }) => {
        if (!isMatch) s.goto(rest, [int(s.binary("add", start, 1n)), int(end), ...captures]);
        else if (captures.length > 0) s.goto(rest, captures);
        else
          s.goto(rest, [
            {
              ...slice,
              offset: s.binary("add", slice.offset, start),
              length: s.bounded(s.binary("sub", end, start), 0n, s.rangeOf(slice.length).high),
            },
          ]);
      },
      () => s.goto(rest, [NIL]),
    );
    return s.land(rest);
  };

const unpack: Intrinsic = (s, args, name) => {
  const format = constantString(s, args, 1, name, "a format");
  const subject = stringArgument(s, args, 2, name);
  if (format === undefined || subject === undefined) return [];
  const init = integerArgument(s, args, 3, name, 1n);
  if (init === undefined) return [];
  const slice = s.sliceOf(subject);
  let at: Operand;
  const constant = s.constantOf(init);
  if (constant !== undefined && constant > 0n) at = constant - 1n;
  else {
    const rest = new Join();
    s.fork(
      "jsgt",
      init,
      0n,
      () => s.goto(rest, [int(s.binary("sub", init, 1n))]),
      () => s.goto(rest, [int(position(s, init, slice.length, false))]),
    );
    at = (s.land(rest)[0] as Int).value;
  }
  const within = new Join();
  s.fork(
    "jgt",
    at,
    slice.length,
    () => argumentFails(s, 3, name, "initial position out of string"),
    () => s.goto(within),
  );
  s.land(within);
  const values: Abstract[] = [];
  for (let part: PackFormat | undefined = packFormat(format); part !== undefined; part = part.following())
    for (const step of part.steps) {
      if (s.block === undefined) return [];
      at = unpackStep(s, slice, at, step, values, name);
    }
  values.push(int(s.binary("add", at, 1n)));
  return values;
};

const pack: Intrinsic = (s, args, name) => {
  const format = constantString(s, args, 1, name, "a format");
  if (format === undefined) return [];
  const steps: Step[] = [];
  for (let part: PackFormat | undefined = packFormat(format); part !== undefined; part = part.following())
    steps.push(...part.steps);
  const areIntegers = steps.every(
    ({ op, size, alignment }) => (op === STEP.unsigned || op === STEP.signed) && size <= 8 && alignment <= 1,
  );
  if (!areIntegers || steps.length > 32)
    return s.refuse("string.pack of other things than a few integers", "put strings together with ..");
  const bytes = steps.reduce((sum, { size }) => sum + size, 0);
  const values: Operand[] = [];
  for (const [i, { op, size }] of steps.entries()) {
    const value = integerArgument(s, args, i + 2, name);
    if (value === undefined) return [];
    values.push(value);
    if (size === 8) continue;
    const bits = BigInt(8 * size);
    const fits = new Join();
    const problem = op === STEP.signed ? "integer overflow" : "unsigned overflow";
    // Of a signed one the lowest number becomes 0.
    const shifted = op === STEP.signed ? s.binary("add", value, 1n << (bits - 1n)) : value;
    s.fork(
      "jgt",
      shifted,
      (1n << bits) - 1n,
      () => argumentFails(s, i + 2, name, problem),
      () => s.goto(fits),
    );
    s.land(fits);
    if (s.block === undefined) return [];
  }
  const start = s.reserve(BigInt(bytes));
  if (s.block === undefined) return [];
  let at = 0;
  for (const [i, { size, littleEndian }] of steps.entries()) {
    for (let done = 0; done < size; ) {
      const piece = ([8, 4, 2, 1] as const).find((wanted) => done + wanted <= size)!;
      const word = s.binary("rsh", values[i]!, BigInt(8 * done));
      const to = at + (littleEndian ? done : size - done - piece);
      const stored = littleEndian || piece === 1 ? word : s.swap((8 * piece) as 16, word);
      s.store(piece, s.heapAddress(s.binary("add", start, BigInt(to))), 0, stored);
      done += piece;
    }
    at += size;
  }
  s.pad(s.binary("add", start, BigInt(bytes)));
  return [{ kind: "slice", base: s.heapRead, offset: start, length: BigInt(bytes) }];
};

/** Takes one option's value; gives the place behind it. */
function unpackStep(
  s: Specializer,
  slice: Slice,
  at: Operand,
  step: Step,
  values: Abstract[],
  name: string,
): Operand {
  if (step.op === STEP.fail) s.refuse("a format with an option that is not valid", "correct the format");
  const start =
    step.alignment > 1
      ? s.binary("and", s.binary("add", at, BigInt(step.alignment - 1)), BigInt(-step.alignment))
      : at;
  const end = s.binary("add", start, BigInt(step.size));
  const holds = (place: Operand): boolean => {
    const rest = new Join();
    s.fork(
      "jgt",
      place,
      slice.length,
      () => argumentFails(s, 2, name, "data string too short"),
      () => s.goto(rest),
    );
    s.land(rest);
    return s.block !== undefined;
  };
  if (!holds(end)) return 0n;
  switch (step.op) {
    case STEP.unsigned:
    case STEP.signed:
      values.push(int(readInteger(s, slice, start, step)));
      return end;
    case STEP.chars:
      values.push({ ...slice, offset: s.binary("add", slice.offset, start), length: BigInt(step.size) });
      return end;
    case STEP.counted: {
      const length = readInteger(s, slice, start, { ...step, op: STEP.unsigned });
      const behind = s.binary("add", end, length);
      if (!holds(behind)) return 0n;
      values.push({ ...slice, offset: s.binary("add", slice.offset, end), length });
      return behind;
    }
    case STEP.zeroed: {
      const rest = new Join();
      s.count("z", start, (here, next) =>
        s.fork(
          "jsge",
          here,
          slice.length,
          () => argumentFails(s, 2, name, "unfinished string for format 'z'"),
          () =>
            s.fork(
              "jeq",
              s.loadAt(1, slice.base, s.binary("add", slice.offset, here)),
              0n,
              () => s.goto(rest, [int(here)]),
              () => next(s.binary("add", here, 1n)),
            ),
        ),
      );
      const [zero] = s.land(rest);
      if (s.block === undefined) return 0n;
      const stop = (zero as Int).value;
      const length = s.bounded(s.binary("sub", stop, start), 0n, s.rangeOf(slice.length).high);
      values.push({ ...slice, offset: s.binary("add", slice.offset, start), length });
      return s.binary("add", stop, 1n);
    }
    default:
      return end;
  }
}

function readInteger(s: Specializer, slice: Slice, at: Operand, step: Step): Operand {
  const { size } = step;
  if (size > 8) s.refuse("an integer of more than 8 bytes", "read it in parts");
  const place = s.binary("add", slice.offset, at);
  let value: Operand = 0n;
  // The largest pieces that a load can take, from the low end of the number.
  let done = 0;
  while (done < size) {
    const piece = ([8, 4, 2, 1] as const).find((bytes) => done + bytes <= size)!;
    const from = step.littleEndian ? done : size - done - piece;
    const loaded = s.loadAt(piece, slice.base, place, from);
    const word = step.littleEndian || piece === 1 ? loaded : s.swap((8 * piece) as 16, loaded);
    value = s.binary("or", value, s.binary("lsh", word, BigInt(8 * done)));
    done += piece;
  }
  if (step.op !== STEP.signed || size === 8) return value;
  const unused = BigInt(64 - 8 * size);
  return s.binary("arsh", s.binary("lsh", value, unused), unused);
}

// ---- the base library

const BASE: Record<string, Intrinsic> = {
  type: (s, args) => [s.dispatch(args[0] ?? NIL, (single) => text(typeOf(single)))],
  tostring: (s, args) => [
    s.dispatch(args[0] ?? NIL, (single) => {
      if (typeOf(single) === "string") return single;
      if (single.kind === "nil") return text("nil");
      if (single.kind === "bool") {
        const rest = new Join();
        s.byTruth(
          single,
          () => s.goto(rest, [text("true")]),
          () => s.goto(rest, [text("false")]),
        );
        return s.land(rest)[0] ?? NIL;
      }
      return s.textValue(single) ?? s.refuse(`the text of a ${typeOf(single)}`, "print it as it is");
    }),
  ],
  tonumber: (s, args) => [
    s.dispatch(args[0] ?? NIL, (single) => {
      if (single.kind === "int" && (args[1] ?? NIL).kind === "nil") return single;
      if (typeOf(single) !== "string") return NIL;
      return s.refuse("a number from a string of the packet", "compute it from the bytes");
    }),
  ],
  select(s, args, name) {
    const [which = NIL, ...rest] = args;
    if (which.kind === "text" && which.text === "#") return [int(BigInt(rest.length))];
    const n = integerArgument(s, args, 1, name);
    if (n === undefined) return [];
    const constant = s.constantOf(n);
    if (constant === undefined)
      return s.refuse("select with a number that depends on the packet", "use a table");
    if (constant === 0n || constant < -BigInt(rest.length)) {
      argumentFails(s, 1, name, "index out of range");
      return [];
    }
    return rest.slice(Number(constant < 0n ? constant : constant - 1n));
  },
  assert(s, args, name) {
    const [value = NIL, message = text("assertion failed!")] = args;
    if (args.length === 0) {
      argumentFails(s, 1, name, "value expected");
      return [];
    }
    const rest = new Join();
    s.byTruth(
      value,
      (known) => s.goto(rest, [known, ...args.slice(1)]),
      // As `error` does it: text gets the position of the caller.
      () => s.raise(message.kind === "text" ? text(s.positioned(message.text)) : message),
    );
    return s.land(rest);
  },
  error(s, args, name) {
    const [value = NIL] = args;
    const level = integerArgument(s, args, 2, name, 1n);
    if (level === undefined) return [];
    const depth = s.constantOf(level);
    if (depth === undefined || depth > 2n)
      return s.refuse("an error that blames a caller further out", "leave the level out, or use 2");
    if (value.kind !== "text" || depth <= 0n)
      s.raise(s.dispatch(value, (single) => (single.kind === "nil" ? text("<no error object>") : single)));
    else if (depth === 1n) s.raise(text(s.positioned(value.text)));
    else {
      const { calledAt } = s.frame;
      s.raise(text(calledAt === undefined ? value.text : s.positioned(value.text, calledAt)));
    }
    return [];
  },
  pcall(s, args) {
    const [f = NIL, ...rest] = args;
    const failed = new Join();
    const done = new Join();
    s.handlers.push(failed);
    const isNative = f.kind === "function" && s.script.nameOf(f.f) !== undefined;
    const results = isNative ? s.callBare(f.f, rest) : s.callFromHost(f, rest);
    s.handlers.pop();
    s.goto(done, s.listOf([TRUE], results));
    const [problem] = s.land(failed);
    if (s.block !== undefined) s.goto(done, [FALSE, problem ?? NIL]);
    return s.land(done);
  },
  ipairs: (s, args) => [
    { kind: "function", f: s.script.native("ipairs iterator")! },
    args[0] ?? NIL,
    int(0n),
  ],
  pairs(s, args) {
    const [table = NIL] = args;
    const handler = table.kind === "table" ? table.table.metatable?.get("__pairs") : undefined;
    if (handler !== undefined) return s.call(s.abstractOf(handler), [table], undefined);
    return [{ kind: "function", f: s.script.native("next")! }, table, NIL];
  },
  rawequal(s, args) {
    const rest = new Join();
    s.equal(
      args[0] ?? NIL,
      args[1] ?? NIL,
      () => s.goto(rest, [TRUE]),
      () => s.goto(rest, [FALSE]),
    );
    return s.land(rest);
  },
  rawlen: (s, args) => [s.dispatch(args[0] ?? NIL, (single) => s.lengthOperator(single, undefined))],
  setmetatable(s, args) {
    const [table = NIL, metatable = NIL] = args;
    if (table.kind === "local" && metatable.kind === "table" && metatable.table.get("__gc") === undefined) {
      s.setMetatable(table.object, metatable.table);
      return [table];
    }
    return s.refuse(
      "a metatable for a table that lives longer than the packet",
      "set it while the script loads",
    );
  },
};

export const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  ...BASE,
  ...byteOrder("byteorder"),
  ...byteOrder("linux"),
  ...OBJECTS,
  ...CONNECTIONS,
  ...PACKET_INTRINSICS,
  ...Object.fromEntries(Object.entries(SKB).map(([name, f]) => [`skb.${name}`, f])),
  "string.len": (s, args, name) => {
    const value = stringArgument(s, args, 1, name);
    return value === undefined ? [] : [int(s.lengthOf(value))];
  },
  "string.sub": sub,
  "string.byte": byte,
  "string.lower": cased(65n, 90n),
  "string.upper": cased(97n, 122n),
  "string.find": find(false),
  "string.match": find(true),
  "string.unpack": unpack,
  "string.pack": pack,
  "string.format": (s, args, name) => {
    const pattern = constantString(s, args, 1, name, "a format");
    if (pattern === undefined) return [];
    const built = format(s, pattern, args.slice(1));
    if (built === undefined && s.block === undefined) return [];
    return [
      built ?? s.refuse("a format with other items than %d, %x and %s", "put the text together with .."),
    ];
  },
  "string.rep": (s, args, name) => {
    const value = stringArgument(s, args, 1, name);
    const count = integerArgument(s, args, 2, name);
    if (value === undefined || count === undefined) return [];
    const times = s.constantOf(count);
    if (times === undefined || times > 64n || (args[2] ?? NIL).kind !== "nil")
      return s.refuse("string.rep with a count that depends on the packet", "use a constant count");
    return [s.joined(Array.from({ length: Math.max(0, Number(times)) }, () => value))];
  },
  "table.concat": (s, args, name) => {
    const [list = NIL] = args;
    const separator = (args[1] ?? NIL).kind === "nil" ? "" : constantString(s, args, 2, name, "a separator");
    if (separator === undefined) return [];
    if (list.kind !== "local" || (args[2] ?? NIL).kind !== "nil")
      return s.refuse("table.concat of such a list", "join a list that this hook has made, whole");
    const { object } = list;
    if (object.rope !== undefined) return [joinRope(s, object, separator)];
    const length = s.constantOf((s.cells.get(object.length) as Int).value);
    if (length === undefined) return s.shared.learnRope(object.site);
    const pieces: Single[] = [];
    for (let i = 1; i <= Number(length); i++) {
      const cell = object.fields.get(i);
      const item = (cell && s.cells.get(cell)) ?? NIL;
      const piece = item.kind === "union" ? undefined : s.textValue(item);
      if (piece === undefined)
        return s.refuse("a list of other things than strings", "join strings and integers");
      if (i > 1) pieces.push(text(separator));
      pieces.push(piece);
    }
    return [s.joined(pieces)];
  },
  "table.insert": (s, args) => {
    const [list = NIL, value = NIL] = args;
    if (args.length !== 2 || list.kind !== "local")
      return s.refuse("table.insert into such a list", "use t[#t + 1] = v on a list that this hook has made");
    const length = (s.cells.get(list.object.length) ?? int(0n)) as Int;
    s.assignSingle(list, int(s.binary("add", length.value, 1n)), value, undefined);
    return [];
  },
  "math.max": least("jsgt"),
  "math.min": least("jslt"),
  "math.abs": (s, args, name) => {
    const value = integerArgument(s, args, 1, name);
    if (value === undefined) return [];
    const rest = new Join();
    s.fork(
      "jslt",
      value,
      0n,
      () => s.goto(rest, [int(s.negate(value))]),
      () => s.goto(rest, [int(value)]),
    );
    return s.land(rest);
  },
  "math.tointeger": (s, args) => [
    s.dispatch(args[0] ?? NIL, (single) => (single.kind === "int" ? single : NIL)),
  ],
  "math.type": (s, args) => [
    s.dispatch(args[0] ?? NIL, (single) => (single.kind === "int" ? text("integer") : NIL)),
  ],
  "math.ult": (s, args, name) => {
    const a = integerArgument(s, args, 1, name);
    const b = integerArgument(s, args, 2, name);
    if (a === undefined || b === undefined) return [];
    const rest = new Join();
    s.fork(
      "jlt",
      a,
      b,
      () => s.goto(rest, [bool(true)]),
      () => s.goto(rest, [bool(false)]),
    );
    return s.land(rest);
  },
  "linux.time": (s) => [
    int(s.binary("add", s.helper(BPF_FUNC.BPF_FUNC_ktime_get_tai_ns, []), s.config(CONFIG.timeOffset))),
  ],
  "linux.difftime": (s, args, name) => {
    const a = integerArgument(s, args, 1, name);
    const b = integerArgument(s, args, 2, name);
    return a === undefined || b === undefined ? [] : [int(s.binary("sub", a, b))];
  },
  "linux.random": (s, args, name) => {
    const word = (): Operand =>
      s.helper(BPF_FUNC.BPF_FUNC_get_prandom_u32, [], "int", { low: 0n, high: 0xffffffffn });
    const whole = s.binary("or", s.binary("lsh", word(), 32n), word());
    if (args.length === 0) return [int(whole)];
    if (args.length > 2) {
      s.fail("wrong number of arguments");
      return [];
    }
    const low = args.length === 1 ? 1n : integerArgument(s, args, 1, name);
    const high = integerArgument(s, args, args.length, name);
    if (low === undefined || high === undefined) return [];
    const rest = new Join();
    s.fork(
      "jsgt",
      low,
      high,
      () => argumentFails(s, args.length, name, "interval is empty"),
      () => s.goto(rest),
    );
    s.land(rest);
    if (s.block === undefined) return [];
    const size = s.binary("add", s.binary("sub", high, low), 1n);
    const bounds = s.rangeOf(size);
    if (bounds.low <= 0n) s.refuse("a random number in an interval of unknown size", "use constant bounds");
    return [int(s.binary("add", low, s.binary("mod", s.binary("rsh", whole, 1n), size)))];
  },
};
