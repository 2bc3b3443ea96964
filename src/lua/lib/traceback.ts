/** Tracebacks, worded as PUC Lua words them. */

import type { FunctionPlace, Position } from "../position.ts";
import type { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import type { LuaValue } from "../value.ts";

export type Positions = readonly (Position | undefined)[];

/** Of a deep stack the first and the last functions are shown. */
const FIRST_LEVELS = 10;
const LAST_LEVELS = 11;

/** How the caller of a function calls it: `global 'f'`, `method 'm'`; undefined when it does not say. */
export function nameFrom(caller: Position | undefined): string | undefined {
  if (caller === undefined) return undefined;
  const [name] = caller.site.names;
  return caller.site.isCall === true || name?.startsWith("for iterator") === true ? name : undefined;
}

/** `stack traceback:` and a line for each function. `isWhole`: below the last one is the host. */
export function traceback(state: LuaState, positions: Positions, isWhole: boolean): string {
  const lines = positions.map((at, i) => {
    const name = nameFrom(positions[i + 1]);
    if (at === undefined) return `[C]: in ${nativeName(state, name)}`;
    return `${at.chunk}:${at.site.line}: in ${functionName(state, name, at.site.in, at.chunk)}`;
  });
  if (isWhole) lines.push("[C]: in ?");
  const skipped = lines.length - FIRST_LEVELS - LAST_LEVELS;
  if (skipped > 1)
    // PUC Lua counts one less than it skips.
    lines.splice(FIRST_LEVELS, skipped, `...\t(skipping ${skipped - 1} levels)`);
  return ["stack traceback:", ...lines].join("\n\t");
}

/** The native function that was called at the innermost position, as a line of a traceback. */
export function nativeLine(state: LuaState, caller: Position): string {
  return `[C]: in ${nativeName(state, nameFrom(caller))}`;
}

function functionName(
  state: LuaState,
  name: string | undefined,
  place: FunctionPlace,
  chunk: string,
): string {
  if (place.line === 0) return "main chunk";
  if (name === undefined) return `function <${chunk}:${place.line}>`;
  return known(state, name) ?? name;
}

function nativeName(state: LuaState, name: string | undefined): string {
  return name === undefined ? "?" : (known(state, name) ?? name);
}

/** Functions among the globals and in loaded modules are named by that. */
function known(state: LuaState, name: string): string | undefined {
  const [, what, key] = /^(\w+) '(.*)'$/s.exec(name) ?? [];
  if (key === undefined) return undefined;
  if (what === "global") return `function '${key}'`;
  if (what !== "field" && what !== "method") return undefined;
  for (const library of LIBRARIES) {
    const members: LuaValue = state.loaded.get(library);
    if (members instanceof LuaTable && typeof members.get(key) === "function")
      return `function '${library}.${key}'`;
  }
  return undefined;
}

const LIBRARIES = ["string", "table", "coroutine", "debug", "utf8", "math", "io"];
