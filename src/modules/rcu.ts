/**
 * Lua module `rcu`: tables of names that runtimes share. What is stored are booleans, integers and shareable objects;
 * reading an object gives a new handle to it.
 *
 * Differences from Lunatik: a name with a zero in it, which Lunatik does not say what becomes of, is never found, and
 * to assign to it is an error.
 */

import { MOST_NAME_BYTES, RcuTable, RcuTableFull } from "../kernel/rcu-table.ts";
import { LuaInt64, type LuaInteger, LuaUserdata, type LuaValue } from "../lua/value.ts";
import {
  arg,
  type ClassDefinition,
  classOf,
  defineClass,
  defineModule,
  type Environment,
  fn,
  isShareable,
  method,
  returns,
} from "./define.ts";
import { argError, failure } from "./raise.ts";

/** What is stored: an object without the handle it came by. */
export type RcuValue = boolean | LuaInteger | SharedObject;

class SharedObject {
  readonly object: object;
  readonly definition: ClassDefinition;

  constructor(object: object, definition: ClassDefinition) {
    this.object = object;
    this.definition = definition;
  }
}

export const rcuTableClass: ClassDefinition<RcuTable<RcuValue>> = defineClass<RcuTable<RcuValue>>(
  "rcu.table",
  {
    doc: "A table whose keys are strings of at most 255 bytes without zeros; integers as keys are their decimal text. It has no methods: every name is a key.",
    of: RcuTable,
    shareable: true,
    contexts: "any",
  },
  {
    __index: method(
      "The value, nil when there is none.",
      [arg.string("key")],
      returns("value | nil"),
      (table, key, env) => (isName(key) ? handle(env, table.get(key)) : undefined),
    ),
    __newindex: method(
      "Stores a boolean, an integer or a shareable object; nil deletes. Errors: `not enough memory` (a key that is too long), `unsupported type`, `cannot share SINGLE object`, `key with a zero`.",
      [arg.string("key"), arg.any("value")],
      returns.none,
      (table, key, value, env) => {
        const stored = storable(value);
        if (key.length > MOST_NAME_BYTES) throw failure("not enough memory");
        if (!isName(key)) throw argError(1, "key with a zero");
        if (stored === undefined) {
          table.delete(key);
          return;
        }
        if (!table.has(key)) env.state.charge(ENTRY_BYTES + key.length);
        try {
          table.set(key, stored);
        } catch (error) {
          throw error instanceof RcuTableFull ? failure("not enough memory") : error;
        }
      },
    ),
  },
);

export const rcu = defineModule("rcu", {
  doc: "Tables that runtimes share.",
  functions: {
    table: fn(
      "A table for about that many entries (rounded up to a power of two; it holds more, too). Error: `not enough memory`.",
      [arg.optional(arg.size("buckets"), 256, "256")],
      returns("rcu.table"),
      (buckets, env) => {
        if (buckets < 0 || buckets > MOST_BUCKETS) throw failure("not enough memory");
        env.state.charge(OBJECT_BYTES + BUCKET_BYTES * 2 ** Math.ceil(Math.log2(Math.max(1, buckets))));
        return rcuTableClass.wrap(env, new RcuTable<RcuValue>());
      },
    ),
    map: fn(
      "Calls `f(key, value)` once for each entry, in no particular order; `f` may delete the entry. What `f` raises ends it.",
      [arg.object("table", rcuTableClass), arg.function("f")],
      returns.none,
      (table, f, env) => {
        const entries = table.snapshot();
        env.state.charge(entries.length * ENTRY_BYTES);
        for (const [key] of entries) {
          env.state.spend(1);
          // What an earlier call deleted is not visited; what it changed is seen as it is.
          const value = table.get(key);
          if (value !== undefined) env.state.call(f, key, handle(env, value));
        }
      },
    ),
  },
  classes: [rcuTableClass],
});

const OBJECT_BYTES = 512;
const BUCKET_BYTES = 8;
/** Far above any memory limit of a runtime. */
const MOST_BUCKETS = 2 ** 27;
/** What an entry takes beside its key. */
const ENTRY_BYTES = 96;

const isName = (key: string): boolean => key.length <= MOST_NAME_BYTES && !key.includes("\0");

function storable(value: LuaValue): RcuValue | undefined {
  if (
    value === undefined ||
    typeof value === "boolean" ||
    typeof value === "number" ||
    value instanceof LuaInt64
  )
    return value;
  const definition = value instanceof LuaUserdata ? classOf(value) : undefined;
  if (definition === undefined) throw argError(2, "unsupported type");
  if (!isShareable(definition, (value as LuaUserdata).object)) throw failure("cannot share SINGLE object");
  return new SharedObject((value as LuaUserdata).object, definition);
}

function handle(env: Environment, value: RcuValue | undefined): LuaValue {
  if (!(value instanceof SharedObject)) return value;
  env.state.charge(OBJECT_BYTES);
  return value.definition.wrap(env, value.object);
}
