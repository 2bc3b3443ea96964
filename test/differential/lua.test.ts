/** Every golden case that is not marked `(kernel)`, in PUC Lua 5.4. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseGolden } from "../golden/golden-file.ts";
import { runPuc } from "./puc.ts";

const folder = new URL("../golden/lua/", import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith(".lua"))) {
  const cases = parseGolden(readFileSync(new URL(file, folder), "latin1")).filter((c) => !c.isKernelOnly);
  describe(file, () => {
    const results = runPuc(cases.map((c) => c.source));
    test.each(cases.map((c, i) => ({ ...c, result: results[i] })))("$name", ({ output, error, result }) => {
      expect(result).toEqual({ output, error });
    });
  });
}
