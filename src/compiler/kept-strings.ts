/**
 * Strings of packets that are kept for later ones. They are written one behind the other into a ring of bytes; a place
 * keeps one word, where in the ring and how long. So keeping one costs a copy and nothing else, what was kept before
 * stays what it was while anybody in this run may still read it, and reading needs no copy at all. Nothing is freed: a
 * string in a table is forgotten when its turn to be written over comes, unless it is read in time: when half of the
 * ring was written since, it is written again. Those in slots are looked after at the beginning of a run.
 */

import { int, type Slice, text } from "./abstract.ts";
import { Join } from "./control.ts";
import type { Operand, Value } from "./ir.ts";
import type { Specializer } from "./specializer.ts";
import { constantWord, STATE, STRING_LENGTH_BITS, WORD } from "./state-classes.ts";
import { MAPS, runBytes, STRINGS } from "./target.ts";

const LENGTH_MASK = (1n << STRING_LENGTH_BITS) - 1n;

/** The word of a constant string. */
export function wordOfConstant(s: Specializer, constant: string): bigint {
  s.shared.require("rodata");
  if (constant.length > STRINGS.mostBytes)
    s.refuse("so long a string that is kept for later packets", "keep a shorter one, or a number for it");
  return constantWord(s.shared.intern(constant), constant.length);
}

/** The constant string of such a word. */
export function constantOfWord(s: Specializer, word: Operand): Slice {
  const { base } = s.sliceOf(text(""));
  const length = s.bounded(s.binary("and", word, LENGTH_MASK), 0n, LENGTH_MASK);
  const offset = s.binary("rsh", s.binary("lsh", word, 1n), STRING_LENGTH_BITS + 1n);
  return { kind: "slice", base, offset, length };
}

/** Code for the beginning of a run. */
export function openStrings(s: Specializer): void {
  const { ringBytes, state } = s.shared;
  const page = s.mapValue(MAPS.state, 0);
  const top = s.load(8, page, STATE.stringTop);
  s.store(8, page, STATE.stringLimit, s.binary("add", top, BigInt(runBytes(ringBytes) / 8)));
  const slots = state.stringSlots;
  if (slots.length === 0) return;
  const rest = new Join();
  const quarter = BigInt(ringBytes / 32);
  s.fork(
    "jgt",
    s.binary("sub", top, s.load(8, page, STATE.stringsSwept)),
    quarter,
    () => {
      s.here.isCold = true;
      s.store(8, page, STATE.stringsSwept, top);
      for (const slot of slots) {
        const done = new Join();
        const sweep = (): void => {
          const word = s.load(8, s.mapValue(MAPS.state, slot.offset), WORD);
          keptString(s, s.mapValue(MAPS.state, slot.offset), WORD, word, quarter);
          s.goto(done);
        };
        const kinds = state.kindsOf(slot.kept);
        const string = kinds.find(({ kind }) => kind === "slice")!;
        if (kinds.length === 1) sweep();
        else
          s.fork(
            "jeq",
            s.load(8, s.mapValue(MAPS.state, slot.offset), 0),
            s.kinds.tagOf(s.kinds.shapeOf(string)),
            sweep,
            () => s.goto(done),
          );
        s.land(done);
      }
      s.goto(rest);
    },
    () => s.goto(rest),
  );
  s.land(rest);
}

/** Writes a string into the ring; gives its word. */
export function keepString(s: Specializer, slice: Slice): Operand {
  s.shared.require("strings");
  const { length } = slice;
  const fits = new Join();
  s.fork(
    "jgt",
    length,
    BigInt(STRINGS.mostBytes),
    () => tooLong(s, length),
    () => s.goto(fits),
  );
  s.land(fits);
  if (s.block === undefined) return 0n;
  const state = s.mapValue(MAPS.state, 0);
  const top = s.load(8, state, STATE.stringTop);
  const next = s.binary("add", top, s.binary("rsh", s.binary("add", length, 7n), 3n));
  const rest = new Join();
  s.fork(
    "jgt",
    next,
    s.load(8, state, STATE.stringLimit),
    () => s.fail(`not enough memory: more than ${runBytes(s.shared.ringBytes)} bytes to keep in one run`),
    () => s.goto(rest),
  );
  s.land(rest);
  if (s.block === undefined) return 0n;
  s.store(8, s.mapValue(MAPS.state, 0), STATE.stringTop, next);
  const to = s.address(s.mapValue(MAPS.strings, 0), offsetOf(s, top));
  s.copy(to, s.bound(length, BigInt(STRINGS.mostBytes)), s.address(slice.base, slice.offset));
  return s.binary("or", s.binary("lsh", top, STRING_LENGTH_BITS), length);
}

/** The log says how long it is; whoever catches the error gets less. */
function tooLong(s: Specializer, length: Operand): void {
  const most = `${STRINGS.mostBytes} at most`;
  if (s.handlers.length > 0) {
    s.fail(`not enough memory: a longer string to keep than ${most}`);
    return;
  }
  const format = s.positioned("not enough memory: a string of ").replaceAll("%", "%%");
  const f = s.script.native("string.format")!;
  const args = [text(`${format}%d bytes to keep, ${most}`), int(length)];
  s.raise({ kind: "deferred", f, result: 0, type: "string", args });
}

const offsetOf = (s: Specializer, place: Operand): Operand =>
  s.binary("and", s.binary("lsh", place, 3n), BigInt(s.shared.ringBytes - 8));

/** The string whose word is at `place + offset`; it is written again if more eights of bytes were since than `fresh`. */
export function keptString(
  s: Specializer,
  place: Value,
  offset: number,
  word: Value,
  fresh = BigInt(s.shared.ringBytes / 16),
): Slice {
  s.shared.require("strings");
  const { ringBytes } = s.shared;
  const length = s.bounded(s.binary("and", word, LENGTH_MASK), 0n, LENGTH_MASK);
  const at = s.binary("rsh", word, STRING_LENGTH_BITS);
  const age = s.binary("sub", s.load(8, s.mapValue(MAPS.state, 0), STATE.stringTop), at);
  const rest = new Join();
  const inRing = (where: Operand): Slice => ({
    kind: "slice",
    base: s.kept,
    offset: s.bounded(offsetOf(s, where), 0n, BigInt(ringBytes - 8)),
    length,
  });
  const old = (): void => {
    s.here.isCold = true;
    s.fork(
      "jgt",
      age,
      BigInt((ringBytes - runBytes(ringBytes)) / 8),
      () => s.fail("a string was forgotten: too many are kept"),
      () => {
        const again = keepString(s, inRing(at));
        if (s.block === undefined) return;
        s.store(8, place, offset, again);
        s.goto(rest, [inRing(s.binary("rsh", again, STRING_LENGTH_BITS))]);
      },
    );
  };
  // Constants are beyond all places.
  s.fork(
    "jgt",
    age,
    fresh,
    () =>
      s.fork(
        "jslt",
        word,
        0n,
        () => s.goto(rest, [constantOfWord(s, word)]),
        () => s.fork("jeq", length, 0n, () => s.goto(rest, [s.sliceOf(text(""))]), old),
      ),
    () => s.goto(rest, [inRing(at)]),
  );
  return s.land(rest)[0] as Slice;
}
