/**
 * Hooks that decide most packets in the kernel and leave the rest to user space, as a user runs them. Verdicts of both
 * kinds are told by what comes back, and who decided by what the summary counts.
 */

import { spawnSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answers as echoAnswers, LiveCommands, serveEcho } from "./live-commands.ts";
import {
  eventually,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  SERVER_V6,
  whyNoNamespaces,
} from "./namespace.ts";
import { kernelObjects, remainingMaps, TEST_PIN } from "./pins.ts";

const why = whyNoNamespaces();

/** Datagrams with "bad" are dropped in the kernel; of those with "rare" a copy is looked at, which no program can do. */
const RARE = `local nf, netfilter = require("linux.nf"), require("netfilter")
print("loaded")
netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = 0,
  hook = function(skb)
    local packet = skb:data()
    local v4 = packet:getuint8(0) >> 4 == 4
    if packet:getuint8(v4 and 9 or 6) ~= 17 then return nf.action.ACCEPT end
    local text = packet:getstring(v4 and 28 or 48)
    if text:find("bad", 1, true) then return nf.action.DROP end
    if text:find("rare", 1, true) then
      local copy = skb:copy():data():getstring(v4 and 28 or 48)
      print("looked at", copy)
      return copy:find("drop", 1, true) and nf.action.DROP or nf.action.ACCEPT
    end
    return nf.action.ACCEPT
  end }`;

describe.skipIf(why)(`packets that are left to user space${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const commands = new LiveCommands("p");

  beforeAll(async () => {
    net = await makeNamespaces();
    await serveEcho(net);
  });
  afterEach(() => commands.end());
  afterAll(() => {
    net?.remove();
    commands.remove();
  });

  const file = (source: string) => commands.file(source);
  const run = (path: string, ...options: string[]) => commands.arm(path, net.server, ...options);
  const answers = (server: string, ...texts: string[]) => echoAnswers(net, server, ...texts);
  const ruleset = () => net.exec(net.server, "nft", ["list ruleset"]).stdout;

  test.each([[["--on", "ebpf"]], [[]]])("both kinds get their verdicts, %j", async (options) => {
    const { ready, stop } = await run(file(RARE), ...options);
    expect(ready).toContain("1 hook in the kernel");
    // The last one takes the longest way: what passes at all has come back before it.
    const texts = ["1 bad", "2 good", "3 rare", "4 rare drop", "5 bad rare", "6 rare"];
    for (const server of [SERVER_V4, SERVER_V6])
      expect(answers(server, ...texts).sort()).toEqual(["2 good", "3 rare", "6 rare"]);
    const { status, stdout, stderr } = await stop("SIGINT");
    expect(status).toBe(0);
    const [first, ...lines] = stdout.trimEnd().split("\n");
    const summary = lines.pop();
    expect(first).toBe("loaded");
    expect([...new Set(lines)]).toEqual(
      ["3 rare", "4 rare drop", "6 rare"].map((text) => `looked at\t${text}`),
    );
    expect(lines.length).toBeGreaterThanOrEqual(6);
    // Each line is a packet that user space got.
    expect(summary).toBe(
      `0 script errors, 0 lines of the log lost; packets are not counted in the kernel, ${lines.length} were left to user space`,
    );
    expect(stderr).toMatch(
      /:11:\d+: a copy of the packet cannot be compiled: packets that come here go to user space/,
    );
    expect(ruleset()).not.toContain("moonhook");
    expect(answers(SERVER_V4, "1 bad", "2")).toEqual(["1 bad", "2"]);
  });

  test("--json counts them", async () => {
    const { stop } = await run(file(RARE), "--on", "ebpf", "--json");
    expect(answers(SERVER_V4, "1", "2 rare", "3 rare").sort()).toEqual(["1", "2 rare", "3 rare"]);
    const lines = (await stop("SIGINT")).stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const punted = lines.filter(({ text }) => text?.startsWith("looked at")).length;
    expect(punted).toBeGreaterThanOrEqual(2);
    expect(lines.at(-1)).toEqual({ type: "summary", errors: 0, lost: 0, punted });
  });

  test("kill -9 leaves nothing, and packets pass", async () => {
    const { stop } = await run(file(RARE), "--on", "ebpf");
    const { maps } = kernelObjects(commands.nameOf(commands.scripts));
    expect(maps.length).toBeGreaterThan(0);
    expect(answers(SERVER_V4, "1 bad", "2 rare drop", "3")).toEqual(["3"]);
    await stop("SIGKILL");
    await eventually("the rules are gone", () => !ruleset().includes("moonhook"));
    await eventually(
      "programs and maps are gone",
      () =>
        kernelObjects(commands.nameOf(commands.scripts)).programs.length + remainingMaps(maps).length === 0,
    );
    expect(answers(SERVER_V4, "1 bad", "2 rare drop", "3")).toEqual(["1 bad", "2 rare drop", "3"]);
  });

  describe("what must not be left to user space is refused whole", () => {
    const refused = (source: string, ...options: string[]): string => {
      const args = ["run", file(source), "--on", "ebpf", "--netns", net.server, ...options];
      const { status, stderr } = spawnSync("bin/moonhook", args, { encoding: "utf8", timeout: 60_000 });
      expect(status).toBe(1);
      expect(stderr).toContain("a copy of the packet cannot be compiled");
      return stderr;
    };

    test.each([
      [
        "a variable that a hook changes",
        ['print("looked', 'count = (count or 0) + 1 print("looked'],
        "the variable 'count'",
      ],
      ["chance", ['print("looked', 'require("linux").random() print("looked'], "require"],
      ["a line printed before", ['if text:find("rare"', 'print(text) if text:find("rare"'], "printed twice"],
    ])("%s", (_, [from, to], reason) => {
      expect(refused(RARE.replace(from!, to!))).toContain(reason);
    });

    test("hooks that are pinned", () => {
      expect(refused(RARE, "--pin", `${TEST_PIN}${process.pid}`)).toContain("pinned hooks have no process");
    });
  });
});
