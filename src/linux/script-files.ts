/** Files that scripts read at load: `require`, `loadfile`, `dofile`. */

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Contents as a latin1 string; relative names are tried in the script's folder, then in the working directory. */
export function fileReader(scriptPath: string): (path: string) => string | undefined {
  const folder = dirname(resolve(scriptPath));
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
