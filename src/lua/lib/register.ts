/** Puts a library's functions and constants into a table and the table into the globals and `package.loaded`. */

import type { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import type { LuaValue } from "../value.ts";

export function register(
  state: LuaState,
  name: string,
  members: Readonly<Record<string, LuaValue>>,
): LuaTable {
  const library = new LuaTable();
  for (const [key, value] of Object.entries(members)) library.setField(key, value);
  state.globals.setField(name, library);
  state.loaded.set(name, library);
  return library;
}
