/** `moonhook/lua`: the Lua of Moonhook for any program (docs/embedding.md). */

export {
  asArray,
  asBigInt,
  asBytes,
  asNumber,
  asRecord,
  asText,
  hostFunction,
  type JsValue,
  luaText,
  type ToJsOptions,
  toJs,
  toLua,
} from "./convert.ts";
export { LuaCoroutine } from "./coroutine.ts";
export { LuaError, ScriptAbort } from "./error.ts";
export { type HostClass, hostClass } from "./host.ts";
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
