/** Finds and reads scripts, and shows the line that an error names. */

import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Script } from "../backends/backend.ts";
import { textFromLatin1 } from "../util/latin1.ts";
import { CommandFailure, EXIT_USAGE } from "./failure.ts";

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
    throw new CommandFailure(EXIT_USAGE, `cannot read script '${path}': ${(error as Error).message}`);
  }
}

/**
 * `require` and `loadfile` read through this: relative names are tried in the script's folder, then in the working
 * directory. Returns a latin1 byte string.
 */
export function scriptFileReader(script: Pick<Script, "path">): (path: string) => string | undefined {
  const folder = dirname(resolve(script.path));
  return (path) => {
    for (const candidate of [resolve(folder, path), resolve(path)]) {
      try {
        return readFileSync(candidate, "latin1");
      } catch {
        // Not there or not readable: the next place, then the script is told that there is no such file.
      }
    }
    return undefined;
  };
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
