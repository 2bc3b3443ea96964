/** The built command on machines that lack something: what it says, and that the rest of it works there. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "moonhook-machine-"));
afterAll(() => rmSync(folder, { recursive: true }));

const DNS = resolve("examples/captures/dns.pcap");
const SCRIPT = resolve("examples/dnsblock.lua");

function command(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status, out: stdout, talk: stderr };
}

/** What works wherever Node does. */
function expectSimToWork(run: (...args: string[]) => ReturnType<typeof command>): void {
  expect(run("run", SCRIPT, "--pcap", DNS, "--quiet")).toMatchObject({
    status: 0,
    out: expect.stringMatching(/^50 packets/),
  });
  expect(run("check", SCRIPT).status).toBe(0);
}

describe("without koffi", () => {
  beforeAll(() => {
    for (const name of ["bin", "dist", "package.json"]) cpSync(name, join(folder, name), { recursive: true });
  });
  const run = (...args: string[]) => command(join(folder, "bin/moonhook"), args);

  test("captures work, live packets ask for it", () => {
    expectSimToWork(run);
    expect(run("run", SCRIPT)).toMatchObject({
      status: 3,
      out: "",
      talk: expect.stringMatching(/^moonhook: the package 'koffi' is missing.*npm install koffi/),
    });
  });

  test("the doctor says so", () => {
    const { status, out } = run("doctor", "--json");
    const rows = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(status).toBe(0);
    expect(rows.find(({ feature }) => feature === "koffi")).toMatchObject({
      type: "feature",
      ok: false,
      howToGet: "npm install koffi",
    });
    expect(rows.find(({ feature }) => feature === "node")).toMatchObject({ ok: true });
  });
});

test("on another system captures work, live packets do not", () => {
  const preload = join(folder, "darwin.mjs");
  writeFileSync(preload, 'Object.defineProperty(process, "platform", { value: "darwin" });');
  const run = (...args: string[]) => command("bin/moonhook", args, { NODE_OPTIONS: `--import=${preload}` });
  expectSimToWork(run);
  expect(run("run", SCRIPT)).toMatchObject({
    status: 3,
    out: "",
    talk: "moonhook: live packets need Linux: this is darwin; use a capture file (--pcap) here\n",
  });
  expect(run("doctor").out).toMatch(/missing {2}Linux: darwin/);
});

const why = process.platform !== "linux" ? "Linux" : process.getuid?.() !== 0 ? "root" : undefined;
describe.skipIf(why)(`as root on Linux${why ? ` (skipped: needs ${why})` : ""}`, () => {
  test.each([
    ["cap_net_admin", "net_admin", []],
    ["cap_sys_admin", "sys_admin", ["--netns", "any"]],
  ])("without %s it says how to get it", (setcap, name, options) => {
    const lack = [`--bounding-set=-${name}`, `--inh-caps=-${name}`];
    const run = (...args: string[]) => command("setpriv", [...lack, "bin/moonhook", ...args]);
    expectSimToWork(run);
    expect(run("run", SCRIPT, ...options)).toMatchObject({
      status: 3,
      talk: expect.stringMatching(
        new RegExp(`^moonhook: no permission: .* needs ${setcap.toUpperCase()}: .*setcap ${setcap}\\+ep`),
      ),
    });
    expect(run("doctor").out).toContain(`missing  ${setcap.toUpperCase()}: not held`);
  });

  test("without any capability the doctor says what of eBPF is missing, and how to get it", () => {
    const nothing = ["--bounding-set=-all", "--inh-caps=-all", "bin/moonhook", "doctor", "--json"];
    const { status, out } = command("setpriv", nothing);
    const rows = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(status).toBe(0);
    for (const feature of ["eBPF netfilter programs", "eBPF netfilter links", "eBPF maps", "tcx links"])
      expect(rows.find((row) => row.feature === feature)).toMatchObject({
        ok: false,
        detail: expect.stringContaining("EPERM"),
        howToGet: expect.stringContaining("Linux"),
      });
  });

  test.each([
    ["a namespace that is not there", "mh-none", 2, /network namespace "mh-none": ENOENT \(there is no such/],
    ["a file that is no namespace", "/etc/passwd", 3, /network namespace "\/etc\/passwd": EINVAL/],
  ])("%s", (_, netns, status, message) => {
    const result = command("bin/moonhook", ["run", SCRIPT, "--netns", netns]);
    expect(result).toMatchObject({ status, out: "" });
    expect(result.talk).toMatch(message);
    expect(result.talk).not.toContain("    at ");
  });
});
