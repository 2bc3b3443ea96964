/** The package is ready to publish: what publint says of it is nothing, and every entry point is there. */
import { existsSync, readFileSync } from "node:fs";
import { publint } from "publint";
import { expect, test } from "vitest";

test("publint has nothing to say", async () => {
  const { messages } = await publint({ pkgDir: ".", strict: true });
  expect(messages).toEqual([]);
});

test("every entry point has its source", () => {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as {
    exports: Record<string, { default: string } | string>;
  };
  for (const entry of Object.values(exports)) {
    if (typeof entry === "string") continue;
    expect(existsSync(entry.default.replace("./dist/", "src/").replace(".js", ".ts")), entry.default).toBe(
      true,
    );
  }
});
