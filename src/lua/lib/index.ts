/** Opens the libraries of the kernel dialect in a state. */

import type { LuaState } from "../state.ts";
import { openBase } from "./base.ts";
import { openCoroutine } from "./coroutine.ts";
import { openDebug } from "./debug.ts";
import { openIo } from "./io.ts";
import { openMath } from "./math.ts";
import { openPackage } from "./package.ts";
import { openString } from "./string.ts";
import { openTable } from "./table.ts";
import { openUtf8 } from "./utf8.ts";

export function openLibraries(state: LuaState): void {
  openBase(state);
  // Before the others: they enter themselves into `package.loaded`.
  openPackage(state);
  for (const open of [openString, openTable, openMath, openUtf8, openCoroutine, openDebug]) open(state);
  if (state.options.io !== undefined) openIo(state, state.options.io);
}
