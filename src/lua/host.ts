/** Objects of a program that embeds Lua, as scripts see them. */

import { called, knowFunction, toJs } from "./convert.ts";
import { argumentError, describeType } from "./lib/check.ts";
import { LuaTable } from "./table.ts";
import { LuaUserdata, type LuaValue } from "./value.ts";

/** Objects of one kind, as scripts see them: userdata with methods. */
export interface HostClass<T extends object> {
  /** The userdata of an object, always the same one for the same object. */
  wrap(object: T): LuaUserdata<T>;
  /** The object of a userdata that `wrap` gave; undefined for any other value. */
  unwrap(value: LuaValue): T | undefined;
}

/**
 * A kind of objects that a script may have in its hands. `methods` get the object and, by `toJs`, the arguments; names
 * that begin with two underscores are metamethods (`__len`, `__eq`, `__tostring` …). Called on anything else, a method
 * raises `bad argument`. `name` is what messages call such an object.
 */
export function hostClass<T extends object>(
  name: string,
  methods: Readonly<Record<string, (object: T, ...args: never[]) => unknown>>,
): HostClass<T> {
  const metatable = new LuaTable();
  const index = new LuaTable();
  const wrapped = new WeakMap<T, LuaUserdata<T>>();
  const unwrap = (value: LuaValue): T | undefined =>
    value instanceof LuaUserdata && value.metatable === metatable ? (value.object as T) : undefined;
  for (const [method, f] of Object.entries(methods)) {
    const native = knowFunction((self, ...args) => {
      const object = unwrap(self);
      if (object === undefined)
        return argumentError(
          1,
          method,
          `${name} expected, got ${self === undefined ? "no value" : describeType(self)}`,
        );
      return called(() => f(object, ...(args.map((arg) => toJs(arg)) as never[])));
    });
    (method.startsWith("__") ? metatable : index).setField(method, native);
  }
  metatable.setField("__name", name);
  if (metatable.get("__index") === undefined) metatable.setField("__index", index);
  // The methods are the host's: a script gets no hold of the metatable.
  metatable.setField("__metatable", name);
  return {
    wrap(object) {
      let userdata = wrapped.get(object);
      if (userdata === undefined) {
        userdata = new LuaUserdata(object, metatable);
        wrapped.set(object, userdata);
      }
      return userdata;
    },
    unwrap,
  };
}
