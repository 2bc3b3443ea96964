/** wasmoon: PUC Lua 5.4 compiled to WebAssembly. */

import { readFileSync } from "node:fs";
import { LuaFactory } from "wasmoon";
import { readArguments, repeat } from "./repeat.mjs";

const options = readArguments();
const lua = await new LuaFactory().createEngine();
lua.global.set("data_source", readFileSync(options.dataModule, "latin1"));
lua.doStringSync('package.preload["data"] = assert(load(data_source, "=data"))');
lua.doStringSync(readFileSync(options.program, "latin1"));
// As text, because a Lua integer arrives in JavaScript as a rounded number.
repeat(options, () => lua.doStringSync("return tostring(run())"));
