/** Finds and reads scripts, and shows the line that an error names. */

import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { Script } from "../backends/backend.ts";
import { LuaError, ScriptAbort } from "../lua/index.ts";
import { textFromLatin1 } from "../util/latin1.ts";
import { CommandFailure, EXIT_FAILED, EXIT_USAGE } from "./failure.ts";
import { systemText } from "./output.ts";

/** Where a script given by name is looked for, as `NAME.lua`. */
const SCRIPT_FOLDERS = [".", "examples", "/lib/modules/lua"];

/** Reads the script that the user named by path or by name. */
export function readScript(name: string): Script {
  const candidates = [name, ...SCRIPT_FOLDERS.map((folder) => join(folder, `${name}.lua`))];
  const path = candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
  if (path === undefined) {
    throw new CommandFailure(EXIT_USAGE, `cannot find script '${name}'`, [
      `looked for: ${candidates.join(", ")}`,
    ]);
  }
  try {
    return { path, source: readFileSync(path, "latin1") };
  } catch (error) {
    throw new CommandFailure(EXIT_USAGE, `cannot read script '${path}': ${systemText(error)}`);
  }
}

/** The source line that `path:line:` in `message` names, with its number, for the reader of an error. */
export function sourceExcerpt(script: Script, message: string): string[] {
  const match = /:(\d+):/.exec(message);
  if (!match || !message.slice(0, match.index).endsWith(basename(script.path))) return [];
  const number = Number(match[1]);
  const line = script.source.split("\n")[number - 1];
  if (line === undefined || line.trim() === "") return [];
  return [`${String(number).padStart(5)} | ${textFromLatin1(line.replace(/\r$/, ""))}`];
}

/** What a script's top level threw, for its author; anything else unchanged. */
export function scriptFailure(script: Script, error: unknown): unknown {
  if (!(error instanceof LuaError || error instanceof ScriptAbort)) return error;
  return new CommandFailure(EXIT_FAILED, textFromLatin1(error.message), sourceExcerpt(script, error.message));
}
