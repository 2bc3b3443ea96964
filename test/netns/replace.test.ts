/**
 * A script that is replaced while packets pass: each of them meets the old version or the new one. Packets that both
 * versions drop are sent all the time, and none may be answered.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Armed, answers as echoAnswers, LiveCommands, serveEcho } from "./live-commands.ts";
import {
  DEVICE,
  eventually,
  type Finished,
  finishedOf,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  SERVER_V6,
  whyNoNamespaces,
} from "./namespace.ts";
import { kernelObjects, remainingMaps, sweepPins, TEST_PIN } from "./pins.ts";

const NAME = `${TEST_PIN}${process.pid}`;
const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));
const VERSIONS = 10;
/** More than can be sent while all versions come and go. */
const MOST_PACKETS = 50_000_000;
const why = whyNoNamespaces();

/** Drops "bad …", and says now and then which version it is. */
const source = (version: number, { station = "LOCAL_IN", pf = "INET", more = "" } = {}): string => `
local netfilter, nf = require("netfilter"), require("linux.nf")
netfilter.register{ pf = nf.proto.${pf}, hooknum = nf.inet.${station}, priority = 0, hook = function(skb)
  local packet = skb:data()
  local v4 = packet:getuint8(0) >> 4 == 4
  if packet:getuint8(v4 and 9 or 6) ~= 17 then return nf.action.ACCEPT end
  local text = packet:getstring(v4 and 28 or 48)
  ${more}
  if text:sub(1, 3) ~= "bad" then return nf.action.ACCEPT end
  if text:sub(-3) == "000" then print("version ${version}") end
  return nf.action.DROP
end }`;

/** What only user space can do. */
const RARE = `if text == "rare" then return skb:copy() and nf.action.ACCEPT end`;

describe.skipIf(why)(`replacing a script${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const commands = new LiveCommands("v");
  let sender: { child: ChildProcess; ended: Promise<Finished> } | undefined;

  beforeAll(async () => {
    sweepPins();
    net = await makeNamespaces();
    await serveEcho(net);
  });
  afterEach(async () => {
    sender?.child.kill("SIGKILL");
    sender = undefined;
    await commands.end();
    sweepPins();
  });
  afterAll(() => {
    net?.remove();
    commands.remove();
  });

  const name = () => commands.nameOf(commands.scripts);
  const answers = (host: string, ...texts: string[]) => echoAnswers(net, host, ...texts);
  const moonhook = (...args: string[]) => spawnSync("bin/moonhook", args, { encoding: "utf8" });
  const ruleset = () => net.exec(net.server, "nft", ["list ruleset"]).stdout;

  function send(host: string): void {
    const child = net.spawn(net.client, process.execPath, [TRAFFIC, "steady", host, `${MOST_PACKETS}`]);
    sender = { child, ended: finishedOf(child) };
  }

  /** How many packets were sent, and what came through. */
  async function sent(): Promise<{ sent: number; answers: string[] }> {
    sender?.child.kill("SIGTERM");
    return JSON.parse((await sender!.ended).stdout) as { sent: number; answers: string[] };
  }

  /** Puts another version into the file, has the run read it, and waits until it says what it does with it. */
  async function change(run: Armed, path: string, text: string): Promise<string> {
    writeFileSync(path, text);
    const line = lineOf(run.child, /^moonhook: (replaced|not replaced)/);
    run.child.kill("SIGHUP");
    return line;
  }

  const nothingLeft = async (maps: readonly number[]) => {
    await eventually(
      "all is gone",
      () => kernelObjects(name()).programs.length + remainingMaps(maps).length === 0,
    );
    expect(ruleset()).toBe("");
  };

  test.each([
    { host: SERVER_V4, options: ["--on", "ebpf"], where: "in the kernel" },
    { host: SERVER_V6, options: [], where: "in the kernel" },
    { host: SERVER_V4, options: ["--attach", "rules"], where: "in the kernel" },
    { host: SERVER_V4, options: ["--on", "ebpf"], where: "in the kernel", more: RARE },
    {
      host: SERVER_V4,
      options: ["--attach", `tcx:${DEVICE}`],
      where: `in the kernel at ingress of ${DEVICE}`,
      station: "PRE_ROUTING",
    },
    // Failing open, a queue that is too slow for all these packets would let some pass.
    { host: SERVER_V4, options: ["--on", "nfqueue", "--fail", "closed"], where: "" },
  ])(
    "no packet comes between ten versions: $options $more $host",
    async ({ host, options, where, ...rest }) => {
      const path = commands.file(source(0, rest));
      const run = await commands.arm(path, net.server, ...options);
      for (const each of [run.child, run.child.stdout, run.child.stderr]) each?.setMaxListeners(4 * VERSIONS);
      let maps = kernelObjects(name()).maps;
      send(host);
      await lineOf(run.child, /^version 0$/);
      for (let version = 1; version <= VERSIONS; version++) {
        const isNew = lineOf(run.child, new RegExp(`^version ${version}$`));
        expect(await change(run, path, source(version, rest))).toBe(
          `moonhook: replaced, 1 hook${where && ` ${where}`}`,
        );
        await isNew;
        maps = [...maps, ...kernelObjects(name()).maps];
      }
      const { sent: count, answers: through } = await sent();
      expect(through).toEqual([]);
      expect(count).toBeGreaterThan(1000 * VERSIONS);
      const { status, stdout } = await run.stop();
      expect(status).toBe(0);
      // The versions took turns: none spoke after the next one had.
      const order = [...stdout.matchAll(/^version (\d+)$/gm)].map(([, version]) => Number(version));
      if (options[1] !== "nfqueue") expect(order).toEqual(order.toSorted((a, b) => a - b));
      expect(new Set(order).size).toBe(VERSIONS + 1);
      await nothingLeft(maps);
    },
  );

  test("pinned, ten processes take each other's place", async () => {
    const path = commands.file(source(0));
    const first = await commands.arm(path, net.server, "--pin", NAME, "--replace");
    send(SERVER_V4);
    await lineOf(first.child, /^version 0$/);
    let { maps } = kernelObjects(name());
    first.child.kill("SIGKILL");
    await first.ended;
    for (let version = 1; version <= VERSIONS; version++) {
      writeFileSync(path, source(version));
      const run = await commands.arm(path, net.server, "--pin", NAME, "--replace");
      await lineOf(run.child, new RegExp(`^version ${version}$`));
      maps = [...maps, ...kernelObjects(name()).maps];
      run.child.kill("SIGKILL");
      await run.ended;
      expect(moonhook("list").stdout).toContain(
        `${NAME}\n  IPv4 LOCAL_IN, priority 0: ${name()}\n  IPv6 LOCAL_IN, priority 0: ${name()}\n`,
      );
    }
    // The last one, and what it is called by.
    await eventually("the others are gone", () => kernelObjects(name()).programs.length === 2);
    const { sent: count, answers: through } = await sent();
    expect(through).toEqual([]);
    expect(count).toBeGreaterThan(1000 * VERSIONS);
    expect(moonhook("stop", NAME).status).toBe(0);
    expect(answers(SERVER_V4, "bad 1", "good")).toEqual(["bad 1", "good"]);
    await nothingLeft(maps);
  });

  test("a version with other hooks: none is missing meanwhile, none is left afterwards", async () => {
    const path = commands.file(source(0));
    const run = await commands.arm(path, net.server, "--on", "ebpf");
    expect(kernelObjects(name()).links.length).toBe(2);
    send(SERVER_V4);
    await lineOf(run.child, /^version 0$/);
    const early = source(1, { station: "PRE_ROUTING", pf: "IPV4" });
    expect(await change(run, path, early)).toContain("moonhook: replaced, 1 hook");
    await lineOf(run.child, /^version 1$/);
    expect(kernelObjects(name()).links.length).toBe(1);
    expect(await change(run, path, `${early}\n${source(2, { pf: "IPV4" })}`)).toContain("replaced, 2 hooks");
    expect(await change(run, path, source(3))).toContain("replaced, 1 hook");
    await lineOf(run.child, /^version 3$/);
    expect((await sent()).answers).toEqual([]);
    expect(await change(run, path, "print('empty')")).toContain("replaced, the script registered no hook");
    expect(answers(SERVER_V4, "bad 1", "good")).toEqual(["bad 1", "good"]);
    expect((await run.stop()).status).toBe(0);
    await nothingLeft([]);
  });

  test("one that cannot run leaves the old one there, and says why", async () => {
    const path = commands.file(source(0));
    const run = await commands.arm(path, net.server, "--on", "ebpf", "--pin", NAME);
    const { links } = kernelObjects(name());
    const stays = "not replaced, the old version runs on: ";
    const cases = [
      ["local = 1", /replace.*|unexpected|expected/],
      ["error('no luck')", /no luck/],
      [source(1, { more: RARE }), /cannot run in the kernel/],
      ["require('xtable').match{ name = 'm', revision = 0, family = 2, proto = 0, hooks = 15 }", /./],
    ] as const;
    for (const [text, reason] of cases) {
      const line = await change(run, path, text);
      expect(line).toContain(stays);
      expect(line.slice(line.indexOf(stays) + stays.length)).toMatch(reason);
      expect(answers(SERVER_V4, "bad 1", "good")).toEqual(["good"]);
    }
    // Nor can another process put it there.
    const other = moonhook("run", path, "--netns", net.server, "--pin", NAME, "--replace");
    expect(other.status).toBe(1);
    expect(answers(SERVER_V4, "bad 1", "good")).toEqual(["good"]);
    expect(kernelObjects(name()).links).toEqual(links);
    // Afterwards one that can.
    expect(await change(run, path, source(2))).toContain("moonhook: replaced, 1 hook");
    const { status, stderr } = await run.stop();
    expect(status).toBe(0);
    expect(stderr).toContain("skb:copy");
    expect(moonhook("list").stdout).toContain(NAME);
    expect(moonhook("stop", NAME).status).toBe(0);
    await nothingLeft([]);
  });

  test("what the old version kept is gone", async () => {
    const counting = `
local netfilter, nf = require("netfilter"), require("linux.nf")
local n = 10
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0, hook = function(skb)
  if skb:data():getuint8(9) ~= 17 or skb:data():getuint8(28) ~= 99 then return nf.action.ACCEPT end
  n = n + 1
  print("count", n)
  return nf.action.DROP
end }`;
    const path = commands.file(counting);
    const run = await commands.arm(path, net.server, "--on", "ebpf");
    answers(SERVER_V4, "c", "c", "good");
    await change(run, path, counting);
    answers(SERVER_V4, "c", "good");
    expect((await run.stop()).stdout).toMatch(/^count\t11\ncount\t12\ncount\t11\n0 script errors/);
  });

  test("rules that ask a match ask its new version", async () => {
    const match = (word: string) => `
require("xtable").match{ name = "word", revision = 0, family = 0, proto = 17, hooks = 15, match = function(packet)
  return packet:getstring(28):find("${word}", 1, true) ~= nil
end, checkentry = function() return true end, destroy = function() end }`;
    const path = commands.file(match("bad"));
    const run = await commands.arm(path, net.server, "--on", "ebpf", "--pin", NAME);
    const rule = `iptables -A INPUT -p 17 -m bpf --object-pinned /sys/fs/bpf/moonhook/${NAME}/match_word -j DROP`;
    const typed = spawnSync("nsenter", [`--net=/run/netns/${net.server}`, ...rule.split(" ")]);
    expect(typed.status, String(typed.stderr)).toBe(0);
    try {
      expect(answers(SERVER_V4, "1 bad", "2 evil", "3")).toEqual(["2 evil", "3"]);
      expect(await change(run, path, match("evil"))).toBe("moonhook: replaced, 1 match in the kernel");
      expect(answers(SERVER_V4, "1 bad", "2 evil", "3")).toEqual(["1 bad", "3"]);
      await run.stop();
      writeFileSync(path, match("3"));
      const next = await commands.arm(path, net.server, "--on", "ebpf", "--pin", NAME, "--replace");
      expect(answers(SERVER_V4, "1 bad", "2 evil", "3", "4")).toEqual(["1 bad", "2 evil", "4"]);
      await next.stop();
    } finally {
      net.exec(net.server, "nft", ["flush ruleset"]);
    }
  });

  test("a terminal that is closed ends the run", async () => {
    const path = commands.file(source(0));
    const child = spawn("script", [
      "-q",
      "-f",
      "-c",
      `exec bin/moonhook run ${path} --on ebpf --netns ${net.server}`,
      "/dev/null",
    ]);
    const ended = finishedOf(child);
    await lineOf(child, /moonhook: ready/);
    const { maps } = kernelObjects(name());
    expect(maps.length).toBeGreaterThan(0);
    // What held the terminal dies.
    child.kill("SIGKILL");
    await ended;
    await nothingLeft(maps);
  });

  test("--replace needs a name", () => {
    const { status, stderr } = moonhook("run", commands.file(source(0)), "--replace");
    expect(status).toBe(2);
    expect(stderr).toContain("--replace needs the name that runs: --pin NAME");
  });
});
