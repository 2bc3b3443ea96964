/**
 * `__gc`, as well as an engine allows that tells of a collected object only afterwards, and between callbacks.
 *
 * A finalizer gets a table with the same contents as the one that was collected: its parts are kept for that. So a
 * table that is reachable from its own contents is not collected before the state ends. Then all finalizers run that
 * did not, the last marked first, as in PUC Lua.
 */

import { LuaError, ScriptAbort } from "./error.ts";
import type { LuaState } from "./state.ts";
import { LuaTable, type TableParts } from "./table.ts";
import type { LuaFunction } from "./value.ts";

/** A table that was marked for finalization. */
interface Mark {
  readonly table: WeakRef<LuaTable>;
  readonly parts: TableParts;
  metatable: LuaTable | undefined;
}

/** What a mark takes, and to make one. */
const MARK_BYTES = 512;
const MARK_ROUNDS = 10;

export class Finalizers {
  readonly #state: LuaState;
  readonly #marks = new Set<Mark>();
  #isEnding = false;
  readonly #byTable = new WeakMap<LuaTable, Mark>();
  readonly #collected = new FinalizationRegistry<Mark>((mark) => this.#run(mark));

  constructor(state: LuaState) {
    this.#state = state;
  }

  /** A table got a metatable: as in PUC Lua it is marked when that has a `__gc` by now. */
  metatableSet(table: LuaTable): void {
    const known = this.#marks.size === 0 ? undefined : this.#byTable.get(table);
    if (known !== undefined) known.metatable = table.metatable;
    else if (!this.#isEnding && table.metatable?.getText("__gc") !== undefined) this.#mark(table);
  }

  #mark(table: LuaTable): void {
    this.#state.charge(MARK_BYTES);
    this.#state.spend(MARK_ROUNDS);
    const mark: Mark = { table: new WeakRef(table), parts: table.ownParts(), metatable: table.metatable };
    this.#marks.add(mark);
    this.#byTable.set(table, mark);
    this.#collected.register(table, mark);
  }

  /** Runs the finalizers that did not run yet. What they mark is not finalized any more. */
  runAll(): void {
    this.#isEnding = true;
    for (const mark of [...this.#marks].reverse()) this.#run(mark);
    this.#isEnding = false;
  }

  #run(mark: Mark): void {
    if (!this.#marks.delete(mark)) return;
    const finalizer = mark.metatable?.getText("__gc");
    if (typeof finalizer !== "function") return;
    const table = mark.table.deref() ?? LuaTable.of(mark.parts, mark.metatable);
    // It may be marked again.
    this.#byTable.delete(table);
    try {
      this.#state.call(finalizer as LuaFunction, table);
    } catch (error) {
      if (!(error instanceof LuaError || error instanceof ScriptAbort)) throw error;
      this.#state.warn(`error in __gc (${error.message})`);
    }
  }
}
