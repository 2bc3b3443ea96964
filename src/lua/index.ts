/** `moonhook/lua`: the Lua of Moonhook for any program: load, run, call, limits, host functions. */

export { LuaCoroutine } from "./coroutine.ts";
export { LuaError, ScriptAbort } from "./error.ts";
export * as int64 from "./int64.ts";
export type { HostFile, IoHost } from "./lib/io.ts";
export { LuaState, type LuaStateOptions, toJavaScript } from "./state.ts";
export { LuaTable } from "./table.ts";
export {
  firstResult,
  type LuaFunction,
  LuaInt64,
  type LuaInteger,
  LuaLightUserdata,
  type LuaResult,
  LuaUserdata,
  type LuaValue,
  resultList,
} from "./value.ts";
