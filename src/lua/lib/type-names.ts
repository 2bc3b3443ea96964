/** What values are called: by scripts, and in messages. */

import { LuaCoroutine } from "../coroutine.ts";
import { LuaTable } from "../table.ts";
import { LuaInt64, LuaLightUserdata, LuaUserdata, type LuaValue } from "../value.ts";

/** The type of a value, as `type` returns it. */
export function typeName(value: LuaValue): string {
  switch (typeof value) {
    case "undefined":
      return "nil";
    case "boolean":
      return "boolean";
    case "number":
      return "number";
    case "string":
      return "string";
    case "function":
      return "function";
  }
  if (value instanceof LuaTable) return "table";
  if (value instanceof LuaInt64) return "number";
  if (value instanceof LuaCoroutine) return "thread";
  return "userdata";
}

/** The type of a value for messages: a metatable's `__name`, or what `type` says. */
export function describeType(value: LuaValue): string {
  if (value instanceof LuaTable || value instanceof LuaUserdata) {
    const name = value.metatable?.get("__name");
    if (typeof name === "string") return name;
  }
  return value instanceof LuaLightUserdata ? "light userdata" : typeName(value);
}
