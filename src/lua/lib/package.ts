/** `require` and the package library. */

import { LuaError } from "../error.ts";
import { toText } from "../machine.ts";
import type { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import { type LuaFunction, type LuaResult, type LuaValue, resultList } from "../value.ts";
import { FILE_ROUNDS, payForLoading } from "./base.ts";
import { callFromNative } from "./callers.ts";
import { checkString, raise } from "./check.ts";
import { register } from "./register.ts";

const DEFAULT_PATH = "/lib/modules/lua/?.lua;/lib/modules/lua/?/init.lua";

export function openPackage(state: LuaState): void {
  const { loaded, preload } = state;

  const searchPath = (name: string, path: string, separator = ".", replacement = "/"): string | string[] => {
    const file = separator === "" ? name : name.split(separator).join(replacement);
    const tried: string[] = [];
    for (const template of path.split(";")) {
      state.spend(FILE_ROUNDS + ((file.length * template.length) >> 6));
      const candidate = template.split("?").join(file);
      if (state.options.readFile?.(candidate) !== undefined) return candidate;
      tried.push(`no file '${candidate}'`);
    }
    return tried;
  };

  const searchPreload: LuaFunction = (name) => {
    const opener = preload.get(name);
    return opener === undefined ? `no field package.preload['${String(name)}']` : [opener, ":preload:"];
  };

  const searchFiles: LuaFunction = (value) => {
    const name = checkString(value, 1, "searcher");
    const path = toText(library.get("path"));
    if (path === undefined) return raise("'package.path' must be a string");
    // Beside the script and in the working directory first: that is what the host's reader tries for a relative name.
    const found = searchPath(name, `?.lua;?/init.lua;${path}`);
    if (typeof found !== "string") return found.join("\n\t");
    const source = state.options.readFile!(found)!;
    payForLoading(state, source);
    try {
      return [state.load(source, `@${found}`), found];
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new LuaError(`error loading module '${name}' from file '${found}':\n\t${text}`);
    }
  };

  const require: LuaFunction = (value): LuaResult => {
    const name = checkString(value, 1, "require");
    const known = loaded.get(name);
    if (known !== undefined && known !== false) return known;
    const searchers = library.get("searchers");
    if (!(searchers instanceof LuaTable)) return raise("'package.searchers' must be a table");
    const tried: string[] = [];
    for (let i = 1; ; i++) {
      const searcher = searchers.get(i);
      if (searcher === undefined) {
        return raise(`module '${name}' not found:${tried.map((text) => `\n\t${text}`).join("")}`);
      }
      const [loader, extra] = resultList(callFromNative(state, searcher, [name]));
      if (typeof loader === "string") tried.push(loader);
      if (typeof loader !== "function") continue;
      const [result] = resultList(callFromNative(state, loader, [name, extra]));
      if (result !== undefined) loaded.set(name, result);
      else if (loaded.get(name) === undefined) loaded.set(name, true);
      const module: LuaValue = loaded.get(name);
      return extra === undefined ? module : [module, extra];
    }
  };

  const searchers = new LuaTable();
  searchers.set(1, searchPreload);
  searchers.set(2, searchFiles);
  const library = register(state, "package", {
    path: DEFAULT_PATH,
    config: "/\n;\n?\n!\n-\n",
    loaded,
    preload,
    searchers,
    searchpath: (name, path, separator, replacement) => {
      const found = searchPath(
        checkString(name, 1, "searchpath"),
        checkString(path, 2, "searchpath"),
        separator === undefined ? undefined : checkString(separator, 3, "searchpath"),
        replacement === undefined ? undefined : checkString(replacement, 4, "searchpath"),
      );
      return typeof found === "string" ? found : [undefined, found.join("\n\t")];
    },
    loadlib: () => [undefined, "dynamic libraries not enabled; check your Lua installation", "absent"],
  });
  state.globals.setField("require", require);
}
