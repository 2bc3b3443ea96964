/** fengari: Lua 5.3 in JavaScript, through its C-like interface, which is the quickest way in. */

import { readFileSync } from "node:fs";
import { lauxlib, lua, lualib, to_luastring } from "fengari";
import { readArguments, repeat } from "./repeat.mjs";

const options = readArguments();
const L = lauxlib.luaL_newstate();
lualib.luaL_openlibs(L);

function failed() {
  throw new Error(lua.lua_tojsstring(L, -1));
}

function load(path) {
  const source = new Uint8Array(readFileSync(path));
  if (lauxlib.luaL_loadbuffer(L, source, source.length, to_luastring(`@${path}`)) !== lua.LUA_OK) failed();
}

lua.lua_getglobal(L, to_luastring("package"));
lua.lua_getfield(L, -1, to_luastring("preload"));
load(options.dataModule);
lua.lua_setfield(L, -2, to_luastring("data"));
load(options.program);
if (lua.lua_pcall(L, 0, 0, 0) !== lua.LUA_OK) failed();
repeat(options, () => {
  lua.lua_settop(L, 0);
  lua.lua_getglobal(L, to_luastring("run"));
  if (lua.lua_pcall(L, 0, 1, 0) !== lua.LUA_OK) failed();
  return lua.lua_tojsstring(L, -1);
});
