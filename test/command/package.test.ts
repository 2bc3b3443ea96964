/** The package as others get it: packed, installed into an empty folder, used from plain JavaScript and with its types. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "moonhook-package-"));
const app = join(folder, "app");
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  // The tree is built already, and koffi may not be fetched here: nothing of this needs it.
  npm(".", "pack", "--ignore-scripts", "--pack-destination", folder);
  mkdirSync(app);
  writeFileSync(join(app, "package.json"), '{ "private": true, "type": "module" }');
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
  npm(app, "install", "--offline", "--omit=optional", "--ignore-scripts", join("..", tarball));
});

function npm(cwd: string, ...args: string[]): void {
  execFileSync("npm", ["--no-update-notifier", "--silent", ...args], { cwd });
}

function inApp(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: app, encoding: "utf8" });
  expect(status, stdout + stderr).toBe(0);
  return stdout;
}

test("npx moonhook runs an example of the package", () => {
  const script = "node_modules/moonhook/examples/dnsblock.lua";
  const capture = resolve("examples/captures/dns.pcap");
  expect(inApp("npx", "--no", "--", "moonhook", "run", script, "--pcap", capture, "--quiet")).toMatch(
    /^50 packets/,
  );
  expect(inApp("npx", "--no", "--", "moonhook", "--version")).toMatch(/^moonhook \d+\.\d+\.\d+\n$/);
});

test("all entries from plain JavaScript", () => {
  writeFileSync(
    join(app, "use.js"),
    `import { sim, createCaptureReader } from "moonhook";
import { LuaState } from "moonhook/lua";
import { NetlinkSocket, encodeMessages } from "moonhook/netlink";
import { assemble, attachNetfilter, interpret } from "moonhook/bpf";
const state = new LuaState({ print: (text) => console.log(text) });
state.run(state.load('print("sum", 1 + 2)', "=use"));
console.log(sim.name, typeof createCaptureReader, typeof NetlinkSocket);
console.log(interpret(assemble("r0 = 42\\nexit")).low, typeof attachNetfilter);
console.log(encodeMessages([{ type: 1, flags: 0, payload: new Uint8Array(4), object: "" }], 9).length);
`,
  );
  expect(inApp("node", "use.js")).toBe("sum\t3\nsim function function\n42 function\n20\n");
});

test.each([
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
])("the types resolve with module %s, resolution %s", (module, resolution) => {
  writeFileSync(
    join(app, "use.ts"),
    `import { sim, type SimOptions } from "moonhook";
import { LuaState, LuaError } from "moonhook/lua";
import { ErrnoError } from "moonhook/netlink";
import { type KernelMap, type LinkInfo, VerifierError } from "moonhook/bpf";
export const name: string = sim.name;
export const options: Pick<SimOptions, "local"> = { local: ["10.0.0.1"] };
export const state: LuaState = new LuaState({ print: (text: string) => text.length });
export const isOurs = (error: unknown): boolean => error instanceof LuaError || error instanceof ErrnoError;
export const lookUp = (map: KernelMap, key: Uint8Array): Uint8Array | undefined => map.lookup(key);
export const priorityOf = (info: LinkInfo) => (info.kind === "netfilter" ? info.priority : undefined);
export const lineOf = (error: VerifierError): number | undefined => error.span?.line;
// @ts-expect-error: a wrong type is noticed, so these are types and not \`any\`
export const wrong: number = sim.name;
`,
  );
  const tsc = resolve("node_modules/.bin/tsc");
  const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom", "--types", ""];
  inApp(tsc, ...options, "--module", module, "--moduleResolution", resolution, "use.ts");
});
