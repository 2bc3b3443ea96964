/** docs/embedding.md is a program: its pieces run one after the other, and print what it says. */
import { readFileSync } from "node:fs";
import { format } from "node:util";
import { build } from "esbuild";
import { expect, test } from "vitest";

const document = readFileSync("docs/embedding.md", "utf8");
const pieces = (language: string): string[] =>
  [...document.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, text]) => text!);

test("what the page shows runs, and prints what it says", async () => {
  const { outputFiles } = await build({
    stdin: { contents: pieces("js").join("\n"), resolveDir: "." },
    alias: { "moonhook/lua": "./src/lua/index.ts" },
    bundle: true,
    platform: "browser",
    format: "iife",
    write: false,
  });
  const printed: string[] = [];
  const console = { log: (...values: unknown[]) => printed.push(format(...values)) };
  new Function("console", outputFiles[0]!.text)(console);
  expect(printed.join("\n")).toBe(pieces("text").join("").trimEnd());
});
