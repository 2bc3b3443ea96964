/** `moonhook run --on nfqueue`, as a user calls it: what it prints, and how it ends. In the kernel: ebpf.test.ts. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  eventually,
  type Finished,
  finishedOf,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  whyNoNamespaces,
} from "./namespace.ts";

const why = whyNoNamespaces();
const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));

const SCRIPT = `local nf, netfilter = require("linux.nf"), require("netfilter")
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0, hook = function(skb)
  local text = skb:data():getstring(28)
  print(text)
  if text:find("evil") then while true do end end
  return text:find("bad") and nf.action.DROP or nf.action.ACCEPT
end }`;

describe.skipIf(why)(`moonhook run, live${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const folder = mkdtempSync(join(tmpdir(), "moonhook-run-"));
  const script = join(folder, "script.lua");
  const started: ChildProcess[] = [];

  beforeAll(async () => {
    writeFileSync(script, SCRIPT);
    net = await makeNamespaces();
    await lineOf(net.spawn(net.server, process.execPath, [TRAFFIC, "echo"]), /listening/);
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill("SIGKILL");
  });
  afterAll(() => {
    net?.remove();
    rmSync(folder, { recursive: true });
  });

  const rules = () => net.exec(net.server, "nft", ["list", "ruleset"]).stdout;
  const ask = (...texts: string[]) =>
    net.exec(net.client, process.execPath, [TRAFFIC, "ask", SERVER_V4, ...texts]);

  async function start(
    netns: string,
    ...options: string[]
  ): Promise<{ child: ChildProcess; ended: Promise<Finished> }> {
    const child = spawn("bin/moonhook", ["run", script, "--on", "nfqueue", "--netns", netns, ...options]);
    started.push(child);
    const ended = finishedOf(child);
    await lineOf(child, /^moonhook: ready, 1 hook in .*; Ctrl-C ends it$/);
    return { child, ended };
  }

  test.each(["SIGINT", "SIGTERM"] as const)("%s ends it cleanly", async (signal) => {
    const { child, ended } = await start(net.server);
    expect(rules()).toContain("queue num");
    expect(JSON.parse(ask("1 bad", "2 evil", "3 good").stdout)).toEqual(["2 evil", "3 good"]);
    child.kill(signal);
    const { status, stdout, stderr } = await ended;
    expect(status).toBe(0);
    expect(stdout).toBe(
      "1 bad\n2 evil\n3 good\n3 packets: 2 accepted, 1 dropped, 0 modified, 1 script errors\n",
    );
    expect(stderr).toMatch(/script error: .*script\.lua:5: instruction budget exceeded\n/);
    expect(rules()).toBe("");
  });

  test("--json prints what it prints for captures", async () => {
    const { child, ended } = await start(net.server, "--json");
    ask("1 bad", "2 good");
    child.kill("SIGINT");
    const lines = (await ended).stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const packet = { type: "packet", time: expect.any(Number), path: "input", modified: false, mark: 0 };
    expect(lines).toEqual([
      { type: "log", level: "info", text: "1 bad" },
      { ...packet, n: 1, verdict: "drop" },
      { type: "log", level: "info", text: "2 good" },
      { ...packet, n: 2, verdict: "accept" },
      { type: "summary", packets: 2, accepted: 1, dropped: 1, modified: 0, errors: 0 },
    ]);
  });

  test("SIGKILL leaves no rule and traffic flowing, also when failing closed", async () => {
    const { child, ended } = await start(net.server, "--fail", "closed");
    expect(rules()).not.toContain("bypass");
    child.kill("SIGKILL");
    await ended;
    await eventually("no rules", () => rules() === "");
    expect(JSON.parse(ask("1 bad", "2 good").stdout)).toEqual(["1 bad", "2 good"]);
  });

  test("a namespace that goes away under it is no failure", async () => {
    const name = `${net.server}-gone`;
    const ip = (...args: string[]) => finishedOf(spawn("ip", ["netns", ...args]));
    await ip("add", name);
    try {
      const { child, ended } = await start(name);
      await ip("delete", name);
      child.kill("SIGINT");
      expect(await ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 packets/) });
    } finally {
      await ip("delete", name);
    }
  });
});
