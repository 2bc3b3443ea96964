/** Everything but `linux` and `cli` must run in a browser: bundling fails on the first Node import. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

async function bundle(entry: string): Promise<Uint8Array> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "browser",
    format: "esm",
    minify: true,
    write: false,
    logLevel: "silent",
  });
  return result.outputFiles[0]!.contents;
}

const kib = (bytes: Uint8Array): number => Math.round(bytes.length / 1024);

test.each(["src/index.ts", "src/lua/index.ts", "src/ebpf/index.ts"])(
  "%s bundles for the browser",
  async (entry) => {
    const code = await bundle(entry);
    expect(code.length).toBeGreaterThan(10_000);
    console.log(`${entry}: ${kib(code)} KiB minified, ${kib(gzipSync(code))} KiB compressed`);
  },
);

test("docs/embedding.md says how large it is", async () => {
  const code = await bundle("src/lua/index.ts");
  const document = readFileSync("docs/embedding.md", "utf8");
  const [, whole, compressed] = /it has (\d+) KiB, (\d+) KiB compressed/.exec(document)!;
  // A tenth more or less is no reason to change the page.
  for (const [said, real] of [
    [Number(whole), kib(code)],
    [Number(compressed), kib(gzipSync(code))],
  ] as const) {
    expect({ said, real, isRight: Math.abs(said - real) <= real / 10 }).toMatchObject({ isRight: true });
  }
});

test("a Node import would be noticed", async () => {
  await expect(bundle("src/linux/memory-meter.ts")).rejects.toThrow(/node:v8/);
});
