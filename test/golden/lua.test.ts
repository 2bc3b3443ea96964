/** Every section of the language, from golden files; `UPDATE_GOLDEN=1` rewrites what they expect. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatGolden, parseGolden, runGolden } from "./golden-file.ts";

const folder = new URL("lua/", import.meta.url);
const isUpdate = process.env["UPDATE_GOLDEN"] !== undefined;

for (const file of readdirSync(folder).filter((name) => name.endsWith(".lua"))) {
  const url = new URL(file, folder);
  const cases = parseGolden(readFileSync(url, "latin1"));
  describe(file, () => {
    if (isUpdate) {
      test("is rewritten", () => {
        writeFileSync(url, formatGolden(cases.map((c) => ({ ...c, ...runGolden(c.source) }))), "latin1");
      });
      return;
    }
    test.each(cases)("$name", ({ source, output, error }) => {
      expect(runGolden(source)).toEqual({ output, error });
    });
  });
}
