/** The constant modules `linux.nf`, `linux.eth`, …: plain tables, one module for each top-level name. */

import { luaConstants } from "../uapi/lua-constants.ts";
import { type ConstantTable, defineModule, type ModuleDefinition } from "./define.ts";

export const constantModules: readonly ModuleDefinition[] = Object.entries(luaConstants).map(
  ([name, constants]) =>
    defineModule(name, { doc: "Constants, under their C names without the prefix.", constants }),
);

/** A table within a constant module, for modules that offer it under an older name as well. */
export function constantsOf(module: string, ...path: string[]): ConstantTable {
  let table: unknown = luaConstants[module];
  for (const key of path) table = (table as Record<string, unknown>)[key];
  if (typeof table !== "object") throw new Error(`no constant table ${module}.${path.join(".")}`);
  return table as ConstantTable;
}
