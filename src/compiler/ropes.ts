/**
 * Lists that are only appended to and then joined by `table.concat`: the bytes are put together as they come, so that
 * no list has to exist. The separator is learnt when the list is joined.
 */

import {
  type Abstract,
  Cell,
  type Int,
  int,
  type LocalObject,
  NIL,
  type Single,
  type Slice,
} from "./abstract.ts";
import { Join } from "./control.ts";
import type { Operand } from "./ir.ts";
import type { Specializer } from "./specializer.ts";

/** Room for the joined string. */
const MOST_BYTES = 1024n;

/** What is known of an expression that makes such a list. */
export interface RopeSite {
  separator: string | undefined;
}

export interface Rope {
  readonly site: RopeSite;
  /** Where it begins on the heap. */
  readonly start: Cell;
  /** Bytes so far. */
  readonly bytes: Cell;
  /** Whether it has been joined on this way: appending would go on behind a string that may be in use. */
  readonly isJoined: Cell;
}

export function makeRope(s: Specializer, object: LocalObject, site: RopeSite): void {
  const start = s.reserve(MOST_BYTES);
  if (s.block === undefined) return;
  const rope = {
    site,
    start: new Cell(`${object.key}.start`, "field"),
    bytes: new Cell(`${object.key}.bytes`, "field"),
    isJoined: new Cell(`${object.key}.joined`, "field"),
  };
  object.rope = rope;
  s.cells.set(rope.start, int(start));
  s.cells.set(rope.bytes, int(0n));
  s.cells.set(rope.isJoined, int(0n));
}

const wordOf = (s: Specializer, cell: Cell): Operand => (s.cells.get(cell) as Int).value;

export function appendToRope(s: Specializer, object: LocalObject, value: Abstract): void {
  const rope = object.rope!;
  s.dispatch(value, (single) => {
    const item = s.textValue(single);
    if (item === undefined)
      return s.refuse("a list of other things than strings", "keep what you need in variables");
    const count = wordOf(s, object.length);
    const { separator = "" } = rope.site;
    if (separator !== "") {
      const rest = new Join();
      s.fork(
        "jeq",
        count,
        0n,
        () => s.goto(rest),
        () => {
          put(s, rope, s.sliceOf({ kind: "text", text: separator }));
          s.goto(rest);
        },
      );
      s.land(rest);
    }
    if (s.block === undefined) return NIL;
    put(s, rope, s.sliceOf(item));
    if (s.block === undefined) return NIL;
    s.cells.set(object.length, int(s.binary("add", count, 1n)));
    return NIL;
  });
}

function put(s: Specializer, rope: Rope, piece: Slice): void {
  const bytes = wordOf(s, rope.bytes);
  const end = s.binary("add", bytes, piece.length);
  const rest = new Join();
  // Also what is absurdly long ends here, before the sum could wrap around.
  s.fork(
    "jgt",
    piece.length,
    MOST_BYTES,
    () => s.punt("a longer list of strings than the program has room for"),
    () =>
      s.fork(
        "jgt",
        end,
        MOST_BYTES,
        () => s.punt("a longer list of strings than the program has room for"),
        () => s.goto(rest),
      ),
  );
  s.land(rest);
  if (s.block === undefined) return;
  s.copyToHeap(s.binary("add", wordOf(s, rope.start), bytes), piece);
  s.cells.set(rope.bytes, int(end));
}

/** `table.concat(list, separator)` */
export function joinRope(s: Specializer, object: LocalObject, separator: string): Single {
  const rope = object.rope!;
  s.shared.learnSeparator(rope.site, separator);
  const start = wordOf(s, rope.start);
  const length = wordOf(s, rope.bytes);
  s.pad(s.binary("add", start, length));
  s.cells.set(rope.isJoined, int(1n));
  s.releaseBehind(start, MOST_BYTES, length);
  return { kind: "slice", base: s.heapRead, offset: start, length };
}
