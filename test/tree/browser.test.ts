/** Everything but `linux` and `cli` must run in a browser: bundling fails on the first Node import. */
import { build } from "esbuild";
import { expect, test } from "vitest";

async function bundle(entry: string): Promise<number> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "browser",
    format: "esm",
    minify: true,
    write: false,
    logLevel: "silent",
  });
  return result.outputFiles[0]!.contents.length;
}

test.each(["src/index.ts", "src/lua/index.ts", "src/ebpf/index.ts"])(
  "%s bundles for the browser",
  async (entry) => {
    expect(await bundle(entry)).toBeGreaterThan(10_000);
  },
);

test("a Node import would be noticed", async () => {
  await expect(bundle("src/linux/memory-meter.ts")).rejects.toThrow(/node:v8/);
});
