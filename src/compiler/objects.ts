/**
 * Objects that a script makes while it loads, and that its hooks ask: sets of strings, whose methods are called as any
 * other native function, and tables that are shared with user space (shared-tables.ts).
 */

import { RcuTable } from "../kernel/rcu-table.ts";
import { LabeledSet, StringSet } from "../kernel/string-set.ts";
import type { LuaUserdata } from "../lua/value.ts";
import { type Abstract, bool, FALSE, type Int, int, NIL, type Slice } from "./abstract.ts";
import { argumentFails, stringArgument } from "./arguments.ts";
import { type Entry, findEntry, MOST_COMPARED, MOST_KEY_BYTES } from "./constant-table.ts";
import { Join } from "./control.ts";
import type { Intrinsic } from "./intrinsics.ts";
import type { Operand } from "./ir.ts";
import type { Specializer } from "./specializer.ts";
import { CONFIG } from "./target.ts";

const CLASSES = [StringSet, LabeledSet, RcuTable];

export const isKnownObject = ({ object }: LuaUserdata): boolean =>
  CLASSES.some((known) => object instanceof known);

/** A method of a class: `call` gets the object that it is called on. */
function method<T extends object>(
  of: abstract new (...args: never[]) => T,
  call: (s: Specializer, object: T, args: readonly Abstract[], name: string) => Abstract,
): Intrinsic {
  return (s, args, name) => {
    const own = name.slice(name.lastIndexOf(".") + 1).replace(/^__/, "");
    return [
      s.dispatch(args[0] ?? NIL, (single) => {
        if (single.kind === "object" && single.userdata.object instanceof of)
          return call(s, single.userdata.object, args.slice(1), own);
        argumentFails(s, 1, own, "invalid object");
        return NIL;
      }),
    ];
  };
}

function has(s: Specializer, set: StringSet, args: readonly Abstract[], name: string): Abstract {
  const value = stringArgument(s, args, 1, name);
  if (value === undefined) return NIL;
  if (value.kind === "text") return bool(set.has(value.text));
  const entries = [...set.members].map((member): Entry => [member, true]);
  return findEntry(s, set, entries, s.sliceOf(value), FALSE);
}

function match(s: Specializer, set: LabeledSet, args: readonly Abstract[], name: string): Abstract {
  const value = stringArgument(s, args, 1, name);
  if (value === undefined) return NIL;
  if (value.kind === "text") return int(BigInt(set.match(value.text)));
  const slice = s.sliceOf(value);
  return set.labels.size <= MOST_COMPARED ? compareEnds(s, set, slice) : walkSuffixes(s, set, slice);
}

const DOT = 46n;
const LABELS = { low: 0n, high: 0xffffffffn };

/** A label in a word of which the verifier knows nothing: it would follow each sum of labels apart. */
const hidden = (s: Specializer, label: number): Operand =>
  s.bounded(s.binary("add", s.config(CONFIG.zero), BigInt(label)), LABELS.low, LABELS.high);

/** Few members: the end of the text is compared with each of them, where it can begin. */
function compareEnds(s: Specializer, { labels }: LabeledSet, slice: Slice): Abstract {
  let found: Operand = 0n;
  for (const length of new Set([...labels.keys()].map((member) => member.length))) {
    const done = new Join();
    const compared = new Join();
    const before: Operand = found;
    const start = s.binary("sub", slice.length, BigInt(length));
    s.fork(
      "jlt",
      slice.length,
      BigInt(length),
      () => s.goto(done, [int(before)]),
      () =>
        s.fork(
          "jeq",
          slice.length,
          BigInt(length),
          () => s.goto(compared),
          () =>
            s.fork(
              "jeq",
              s.loadAt(1, slice.base, s.binary("add", slice.offset, s.binary("sub", start, 1n))),
              DOT,
              () => s.goto(compared),
              () => s.goto(done, [int(before)]),
            ),
        ),
    );
    s.land(compared);
    const alike = s.block === undefined ? [] : [...labels].filter(([member]) => member.length === length);
    const end = alike.length === 0 ? slice : s.tailOf(slice, start, BigInt(length));
    for (const [member, label] of alike) {
      if (s.block === undefined) break;
      const equal = new Join();
      const different = new Join();
      s.equalBytes(end, 0, member, equal, different);
      s.land(equal);
      if (s.block !== undefined) s.goto(done, [int(s.binary("or", before, hidden(s, label)))]);
      s.land(different);
    }
    s.goto(done, [int(before)]);
    found = (s.land(done)[0] as Int).value;
  }
  return int(found);
}

/** Many members: what is behind each dot is looked up, from where it is no longer than the longest member. */
function walkSuffixes(s: Specializer, set: LabeledSet, slice: Slice): Abstract {
  const entries: readonly Entry[] = [...set.labels];
  let longest = 0;
  for (const member of set.labels.keys()) longest = Math.max(longest, member.length);
  if (longest > MOST_KEY_BYTES)
    s.refuse("a table or set with strings of more than 256 bytes", "use shorter ones");
  const most = BigInt(longest);
  const cut = new Join();
  s.fork(
    "jgt",
    slice.length,
    most,
    () => s.goto(cut, [int(s.binary("sub", slice.length, most)), int(most)]),
    () => s.goto(cut, [int(0n), int(slice.length)]),
  );
  const [start, length] = s.land(cut).map((value) => (value as Int).value) as [Operand, Operand];
  // One copy with zeros behind it serves as the key for all.
  const keys = s.paddedTo(s.tailOf(slice, start, length), (longest + 7) & ~7);
  if (keys === undefined) return NIL;
  const labels = s.newVariable("labels", int(0n));
  const done = new Join();
  // A dot is thought to stand in front of the text.
  s.count("suffix", s.binary("sub", start, 1n), (dot, next) =>
    s.fork(
      "jsge",
      dot,
      slice.length,
      () => s.goto(done),
      () => {
        const look = new Join();
        const after = new Join();
        const at = s.binary("add", dot, 1n);
        s.fork(
          "jslt",
          dot,
          0n,
          () => s.goto(look),
          () =>
            s.fork(
              "jeq",
              s.loadAt(1, slice.base, s.binary("add", slice.offset, dot)),
              DOT,
              () => s.goto(look),
              () => s.goto(after),
            ),
        );
        s.land(look);
        if (s.block !== undefined) {
          const skipped = s.bounded(s.binary("sub", at, start), 0n, most);
          const rest = s.bounded(s.binary("sub", length, skipped), 0n, most);
          const label = findEntry(s, set, entries, s.tailOf(keys, skipped, rest), int(0n));
          if (s.block !== undefined) {
            const before = (s.cells.get(labels) as Int).value;
            const both = s.binary("or", before, (label as Int).value);
            s.cells.set(labels, int(s.bounded(both, LABELS.low, LABELS.high)));
            s.goto(after);
          }
        }
        s.land(after);
        if (s.block !== undefined) next(at);
      },
    ),
  );
  s.land(done);
  if (s.block === undefined) return NIL;
  const found = s.cells.get(labels)!;
  s.cells.delete(labels);
  return found;
}

export const OBJECTS: Readonly<Record<string, Intrinsic>> = {
  "set.has": method(StringSet, has),
  "set.__len": method(StringSet, (_, set) => int(BigInt(set.size))),
  "labeledset.match": method(LabeledSet, match),
  "labeledset.__len": method(LabeledSet, (_, set) => int(BigInt(set.size))),
};
