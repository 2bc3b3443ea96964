/** Lua module `set`: sets of strings that are built once and then only asked. */

import { LabeledSet, StringSet } from "../kernel/string-set.ts";
import type { LuaTable } from "../lua/table.ts";
import { LuaInt64 } from "../lua/value.ts";
import {
  arg,
  type ClassDefinition,
  defineClass,
  defineModule,
  type Environment,
  fn,
  method,
  returns,
} from "./define.ts";
import { argError } from "./raise.ts";

export const setClass: ClassDefinition<StringSet> = defineClass<StringSet>(
  "set",
  { doc: "A set of strings.", of: StringSet, shareable: true, contexts: "any" },
  {
    has: method("Whether `text` is a member.", [arg.string("text")], returns("boolean"), (set, text) =>
      set.has(text),
    ),
    __len: method(
      "The number of members; one that was given twice counts twice.",
      [],
      returns.int,
      (set) => set.size,
    ),
  },
);

export const labeledSetClass: ClassDefinition<LabeledSet> = defineClass<LabeledSet>(
  "labeledset",
  { doc: "A set of names with labels.", of: LabeledSet, shareable: true, contexts: "any" },
  {
    match: method(
      'The labels, joined by bitwise or, of all members that are `text` itself or one of its suffixes that begin behind a `.`; 0 when there is none. `"a."` also has the empty suffix.',
      [arg.string("text")],
      returns.int,
      (set, text, env) => {
        if (text.length > BYTES_PER_ROUND) env.state.spend(Math.floor(text.length / BYTES_PER_ROUND));
        return set.match(text);
      },
    ),
    __len: method("The number of members.", [], returns.int, (set) => set.size),
  },
);

export const set = defineModule("set", {
  doc: "Sets of strings that never change.",
  functions: {
    new: fn(
      "The set of the strings of a list, which is sorted in place. Errors: `members must be strings`, `table too large`.",
      [arg.table("list")],
      returns("set"),
      (list, env) => {
        const members = membersOf(list, env);
        members.sort();
        for (const [i, member] of members.entries()) list.set(i + 1, member);
        return setClass.wrap(env, new StringSet(members));
      },
    ),
    labeled: fn(
      "The names that are the keys of a table, with its values as labels. Errors: `members must be strings`, `labels must be integers in [1, 2^32)`, `table too large`.",
      [arg.table("labels")],
      returns("labeledset"),
      (table, env) => labeledSetClass.wrap(env, new LabeledSet(labelsOf(table, env))),
    ),
  },
  classes: [setClass, labeledSetClass],
});

/** What a member takes beside its bytes, which the script has already. */
const MEMBER_BYTES = 64;
/** All members together, in bytes. */
const MOST_BYTES = 2 ** 32;
const MOST_LABEL = 2 ** 32 - 1;
/** Bytes that are searched in the time of one round of a loop. */
const BYTES_PER_ROUND = 1024;

/** A list's strings. */
function membersOf(list: LuaTable, env: Environment): string[] {
  const size = list.length();
  pay(env, size);
  // Sorting takes a comparison for each halving.
  env.state.spend(size * Math.ceil(Math.log2(size + 1)));
  const members: string[] = [];
  let bytes = 0;
  for (let i = 1; i <= size; i++) {
    const member = list.get(i);
    if (typeof member !== "string") throw argError(1, "members must be strings");
    bytes += member.length;
    members.push(member);
  }
  if (bytes > MOST_BYTES) throw argError(1, "table too large");
  return members;
}

function labelsOf(table: LuaTable, env: Environment): Map<string, number> {
  const labels = new Map<string, number>();
  let bytes = 0;
  for (let entry = table.next(undefined); entry !== undefined; entry = table.next(entry[0])) {
    const [member, label] = entry;
    pay(env, 1);
    if (typeof member !== "string") throw argError(1, "members must be strings");
    if (label instanceof LuaInt64 || typeof label !== "number" || label < 1 || label > MOST_LABEL)
      throw argError(1, "labels must be integers in [1, 2^32)");
    bytes += member.length;
    labels.set(member, label);
  }
  if (bytes > MOST_BYTES) throw argError(1, "table too large");
  return labels;
}

function pay(env: Environment, members: number): void {
  env.state.charge(members * MEMBER_BYTES);
  env.state.spend(members);
}
