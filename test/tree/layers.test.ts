/** The layer check itself: it passes on a tidy tree and names the import that goes the wrong way. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

function checkLayers(files: Record<string, string>): { status: number | null; errors: string } {
  const root = mkdtempSync(join(tmpdir(), "moonhook-layers-"));
  try {
    for (const [path, source] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), source);
    }
    const run = spawnSync(process.execPath, ["--import", "tsx", "scripts/check-layers.ts", root], {
      encoding: "utf8",
    });
    return { status: run.status, errors: run.stderr };
  } finally {
    rmSync(root, { recursive: true });
  }
}

test.each([
  [
    "downward",
    { "kernel/a.ts": 'import { b } from "../wire/b.ts";', "wire/b.ts": "export const b = 1;" },
    "",
  ],
  ["upward", { "kernel/a.ts": 'import { b } from "../lua/b.ts";' }, "'kernel' must not import '../lua/b.ts'"],
  [
    "upward, as a type over lines",
    { "wire/a.ts": 'import type {\n  B,\n} from "../kernel/b.ts";' },
    "'wire' must not import",
  ],
  [
    "re-exported",
    { "lua/a.ts": 'export { b } from "../linux/b.ts";' },
    "'lua' must not import '../linux/b.ts'",
  ],
  [
    "Node outside linux",
    { "modules/a.ts": 'import { readFileSync } from "node:fs";' },
    "may import 'node:fs'",
  ],
  ["Node imported late", { "backends/a.ts": 'const fs = await import("node:fs");' }, "may import 'node:fs'"],
  ["Node in cli", { "cli/a.ts": 'import { readFileSync } from "node:fs";' }, ""],
  ["a folder without a place", { "extra/a.ts": "export {};" }, "'extra' has no place"],
])("%s", (_, files, error) => {
  const run = checkLayers(files);
  expect(run.errors).toContain(error);
  expect(run.status).toBe(error === "" ? 0 : 1);
});
