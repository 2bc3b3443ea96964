/** The debug library, as far as compiled code can answer: positions, metatables, registry-like things. */

import { LuaCoroutine } from "../coroutine.ts";
import * as int64 from "../int64.ts";
import { currentPositions, displayName } from "../position.ts";
import type { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import { type LuaFunction, LuaUserdata, type LuaValue } from "../value.ts";
import { argumentError, checkInteger, checkTable, typeName } from "./check.ts";
import { register } from "./register.ts";

const TRACE_FRAMES = 200;

export function openDebug(state: LuaState): void {
  const registry = new LuaTable();
  registry.set("_LOADED", state.loaded);
  registry.set("_PRELOAD", state.preload);

  register(state, "debug", {
    traceback: (...args) => {
      if (args[0] instanceof LuaCoroutine) args.shift();
      const [message, level] = args;
      if (message !== undefined && typeof message !== "string" && !int64.isInteger(message)) return message;
      const skip = level === undefined ? 1 : int64.toNumber(checkInteger(level, 2, "traceback"));
      const lines = currentPositions(TRACE_FRAMES)
        .slice(Math.max(0, skip - 1))
        .map((at) => (at === undefined ? "\n\t[C]: in ?" : `\n\t${at.chunk}:${at.site.line}: in function`));
      return `${message === undefined ? "" : `${state.tostring(message)}\n`}stack traceback:${lines.join("")}`;
    },
    getinfo: (...args) => {
      if (args[0] instanceof LuaCoroutine) args.shift();
      return getInfo(state, args[0]);
    },
    getmetatable: (value) => state.metatableOf(value),
    setmetatable: (value, metatable) => {
      if (metatable !== undefined) checkTable(metatable, 2, "setmetatable");
      if (value instanceof LuaTable || value instanceof LuaUserdata)
        value.metatable = metatable as LuaTable | undefined;
      else if (typeof value === "string") state.stringMetatable = metatable as LuaTable | undefined;
      else if (metatable === undefined) state.machine.typeMetatables.delete(typeName(value));
      else state.machine.typeMetatables.set(typeName(value), metatable as LuaTable);
      return value;
    },
    getregistry: () => registry,
    // Compiled code keeps no names of its locals and upvalues, and calls no hooks.
    getlocal: () => undefined,
    setlocal: () => undefined,
    getupvalue: () => undefined,
    setupvalue: () => undefined,
    upvalueid: () => undefined,
    upvaluejoin: () => [],
    getuservalue: () => [undefined, false],
    setuservalue: () => undefined,
    gethook: () => undefined,
    sethook: () => [],
  });
}

function getInfo(state: LuaState, what: LuaValue): LuaValue {
  const info = new LuaTable();
  const set = (fields: Record<string, LuaValue>): void => {
    for (const [name, value] of Object.entries(fields)) info.setField(name, value);
  };
  if (typeof what === "function") {
    const known = state.functionInfo(what as LuaFunction);
    const isLua = what.name === "$lua";
    set({
      what: known ? "main" : isLua ? "Lua" : "C",
      func: what,
      namewhat: "",
      nups: 0,
      nparams: what.length,
      currentline: -1,
    });
    set(
      known
        ? {
            source: known.chunkName,
            short_src: displayName(known.chunkName),
            linedefined: 0,
            lastlinedefined: known.endLine,
            isvararg: true,
          }
        : {
            source: isLua ? "=?" : "=[C]",
            short_src: isLua ? "?" : "[C]",
            linedefined: -1,
            lastlinedefined: -1,
            isvararg: !isLua,
          },
    );
    return info;
  }
  const level = int64.toNumber(checkInteger(what, 1, "getinfo"));
  if (level < 0) return argumentError(1, "getinfo", "level out of range");
  if (level === 0) {
    set({ what: "C", source: "=[C]", short_src: "[C]", currentline: -1, name: "getinfo", namewhat: "field" });
    return info;
  }
  const position = currentPositions(TRACE_FRAMES)[level - 1];
  if (position === undefined) return undefined;
  set({
    what: "Lua",
    source: `@${position.chunk}`,
    short_src: position.chunk,
    currentline: position.site.line,
    namewhat: "",
  });
  return info;
}
