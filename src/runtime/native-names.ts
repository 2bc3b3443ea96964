/**
 * What native functions are called where they come from: a script may keep them under any name, and whoever compiles
 * it must know them again.
 */

import type { LuaState } from "../lua/state.ts";
import { LuaTable } from "../lua/table.ts";
import type { LuaFunction } from "../lua/value.ts";

const LIBRARIES = ["string", "table", "math", "utf8", "coroutine", "debug"];

export class NativeNames {
  readonly #byFunction = new Map<LuaFunction, string>();
  readonly #byName = new Map<string, LuaFunction>();

  /** Takes down the libraries of a new state: afterwards a script may change them. */
  constructor(state: LuaState) {
    this.add("", state.globals);
    for (const library of LIBRARIES) {
      const table = state.globals.get(library);
      if (table instanceof LuaTable) this.add(library, table);
    }
    const { iterators } = state.machine;
    if (iterators !== undefined) this.#name("ipairs iterator", iterators.ipairsStep);
  }

  /** The functions of a module or class, as `module.function`. */
  add(module: string, table: LuaTable): void {
    for (const key of table.fieldNames()) {
      const value = table.get(key);
      if (typeof value === "function") this.#name(module === "" ? key : `${module}.${key}`, value);
    }
  }

  #name(name: string, f: LuaFunction): void {
    if (!this.#byFunction.has(f)) this.#byFunction.set(f, name);
    this.#byName.set(name, f);
  }

  /** `string.byte`, `linux.time`, `skb.data`, `next`; undefined for functions of the script. */
  nameOf(f: LuaFunction): string | undefined {
    return this.#byFunction.get(f);
  }

  native(name: string): LuaFunction | undefined {
    return this.#byName.get(name);
  }
}
