/**
 * Calls that native functions make (`pcall`, `load`, `require` …), and what errors of native functions say of their
 * callers. Compiled functions are on the engine's stack with their positions, calls by native ones under a mark
 * (position.ts).
 */

import { asNative, currentPositions, textOf } from "../position.ts";
import type { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import type { LuaResult, LuaValue } from "../value.ts";

/** The libraries are smaller; a script may put a table of any size among them. */
const MAX_MEMBERS = 100;

/** The function that a native one calls right now: messages name it as the libraries do. */
let called: { readonly state: LuaState; readonly f: LuaValue } | undefined;

/** Calls `f` as a native function does: `error` and messages see that no line of the script called. */
export function callFromNative(state: LuaState, f: LuaValue, args: LuaValue[]): LuaResult {
  const outer = called;
  called = { state, f };
  try {
    return asNative(state.machine.call, f, args);
  } finally {
    called = outer;
  }
}

/** The same in resumable code, protected (machine.ts). */
export function guardFromNative(
  state: LuaState,
  f: LuaValue,
  args: LuaValue[],
  done: (result: LuaResult) => LuaResult,
  failed: (error: unknown) => LuaResult,
  isObserved = false,
): LuaResult {
  called = { state, f };
  return state.machine.guard(f, args, done, failed, isObserved);
}

export interface Callee {
  readonly name: string;
  readonly isMethod: boolean;
  /** How many arguments it got at least, where that is known. */
  readonly given: number | undefined;
  /** `chunk:line: ` of the caller. */
  readonly position: string;
}

/** What its caller calls the native function that runs now; `name` is its own. */
export function callee(name: string): Callee {
  const [caller] = currentPositions();
  const known = caller?.site.names[0];
  const isIterator = known === "for iterator 'for iterator'";
  return {
    // Under the name that its caller has for it.
    name: caller === undefined ? (libraryName() ?? name) : (quoted(known) ?? name),
    isMethod: known === `method '${name}'`,
    // A generic `for` always gives both arguments.
    given: isIterator ? 2 : caller?.site.given,
    position: textOf(caller),
  };
}

/** The name in `local 'x'` and the like; an item has none. */
function quoted(description: string | undefined): string | undefined {
  const name = /'(.*)'$/s.exec(description ?? "")?.[1];
  return name === "integer index" || name === "?" ? undefined : name;
}

/** `string.rep` for a function of a library, `print` for a basic one. */
function libraryName(): string | undefined {
  if (called === undefined) return undefined;
  const { state, f } = called;
  for (const [library, members] of entries(state.loaded)) {
    if (!(members instanceof LuaTable)) continue;
    let left = MAX_MEMBERS;
    for (const [name, value] of entries(members)) {
      if (--left < 0) break;
      if (value === f && typeof name === "string")
        return library === "_G" ? name : `${String(library)}.${name}`;
    }
  }
  return undefined;
}

function* entries(table: LuaTable): Generator<[LuaValue, LuaValue]> {
  for (let entry = table.next(undefined); entry !== undefined; entry = table.next(entry[0])) yield entry;
}
