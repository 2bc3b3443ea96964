/**
 * Matches written in Lua, asked by rules of the real iptables and ip6tables, both kinds of them: `moonhook run --on ebpf
 * --pin`, then the line that it prints. That something is dropped is told by what comes after it, and by the rule's counter.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answers as echoAnswers, serveEcho } from "./live-commands.ts";
import {
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
import { sweepPins, TEST_PIN } from "./pins.ts";

const why = whyNoNamespaces();
const NAME = `${TEST_PIN}${process.pid}`;
const KINDS = ["legacy", "nft"] as const;

/** Matches datagrams that contain what the rule gives, and prints each. */
const WORD = `local xtable = require("xtable")
xtable.match{ name = "word", revision = 0, family = xtable.family.UNSPEC, proto = 17, hooks = 2,
  checkentry = function(userargs) if userargs:byte() == 0 then error("no word", 0) end end,
  destroy = function() end,
  match = function(packet, par, userargs)
    local text = packet:getstring(par.thoff + 8)
    if not text:find(userargs:match("^[^\\0]*"), 1, true) then return false end
    print("matched", text)
    return true
  end }`;

describe.skipIf(why)(`matches in rules${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const folder = mkdtempSync(join(tmpdir(), "moonhook-match-"));
  const word = join(folder, "word.lua");
  let running: { child: ChildProcess; ended: Promise<Finished> } | undefined;

  beforeAll(async () => {
    sweepPins();
    writeFileSync(word, WORD);
    net = await makeNamespaces();
    await serveEcho(net);
  });
  afterEach(async () => {
    running?.child.kill("SIGKILL");
    await running?.ended;
    running = undefined;
    for (const kind of KINDS)
      for (const program of ["iptables", "ip6tables"]) inServer(`${program}-${kind} -F INPUT`);
    sweepPins();
  });
  afterAll(() => {
    net?.remove();
    rmSync(folder, { recursive: true });
  });

  const moonhook = (...args: string[]) =>
    spawnSync("bin/moonhook", args, { encoding: "utf8", timeout: 60_000 });
  /** As the printed line enters the namespace: `ip netns exec` would hide the pins. */
  const inServer = (line: string) =>
    spawnSync("nsenter", [`--net=/run/netns/${net.server}`, ...line.split(" ")], { encoding: "utf8" });

  /** Pins the match, and gives the lines to type with what ends the run as Ctrl-C does. */
  async function pinned(
    script: string,
    ...options: string[]
  ): Promise<{ lines: string[]; stop(): Promise<Finished> }> {
    const child = spawn("bin/moonhook", [
      ...["run", script, "--on", "ebpf", "--netns", net.server, "--pin", NAME],
      ...options,
    ]);
    const ended = finishedOf(child);
    running = { child, ended };
    let talk = "";
    child.stderr.on("data", (text) => (talk += text));
    await lineOf(child, /moonhook: ready, 1 match in the kernel/);
    const lines = [...talk.matchAll(/^moonhook: the match '\w+' in a rule: (.*)$/gm)].map(
      ([, line]) => line!,
    );
    const stop = () => {
      child.kill("SIGINT");
      return ended;
    };
    return { lines, stop };
  }

  /** Types a line, with one kind of iptables. */
  function type(line: string, kind: (typeof KINDS)[number]): void {
    const { status, stderr } = spawnSync("sh", ["-c", line.replace(/(ip6?tables) /, `$1-${kind} `)], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toMatchObject({ status: 0 });
  }

  /** Packets that the rule has counted. */
  function counted(program: string): number {
    const { stdout } = inServer(`${program} -L INPUT -v -x -n`);
    return Number(/^ *(\d+) .*DROP.*bpf/m.exec(stdout)?.[1]);
  }

  const answers = (server: string, ...texts: string[]) => echoAnswers(net, server, ...texts);

  describe.each(KINDS)("iptables-%s", (kind) => {
    test("drops and counts exactly what matches, for IPv4 and IPv6", async () => {
      const { lines, stop } = await pinned(word, "--userargs", "bad");
      const path = `/sys/fs/bpf/moonhook/${NAME}/match_word`;
      const enter = `nsenter --net=/run/netns/${net.server}`;
      expect(lines).toEqual(
        ["iptables", "ip6tables"].map(
          (program) => `${enter} ${program} -A INPUT -p 17 -m bpf --object-pinned ${path} -j DROP`,
        ),
      );
      for (const line of lines) type(line, kind);
      expect(answers(SERVER_V4, "1 bad", "2 good", "3 bad bad", "4 ba d", "5")).toEqual([
        "2 good",
        "4 ba d",
        "5",
      ]);
      expect(counted(`iptables-${kind}`)).toBe(2);
      expect(counted(`ip6tables-${kind}`)).toBe(0);
      expect(answers(SERVER_V6, "1 bad", "2 good")).toEqual(["2 good"]);
      expect([counted(`iptables-${kind}`), counted(`ip6tables-${kind}`)]).toEqual([2, 1]);
      const { status, stdout } = await stop();
      expect(status).toBe(0);
      expect(stdout).toMatch(/^matched\t1 bad\nmatched\t3 bad bad\nmatched\t1 bad\n0 script errors/);
      // It goes on without the process, and is listed.
      expect(answers(SERVER_V4, "6 bad", "7")).toEqual(["7"]);
      expect(moonhook("list").stdout).toContain(`${NAME}\n  match word: -m bpf --object-pinned ${path}\n`);
      const listed = moonhook("list", "--json")
        .stdout.split("\n")
        .find((line) => line.includes(NAME));
      expect(JSON.parse(listed!)).toEqual({
        type: "pinned",
        name: NAME,
        hooks: [],
        matches: [{ name: "word", path }],
      });
      // A rule holds what it asks, of which nothing is left.
      expect(moonhook("stop", NAME)).toMatchObject({
        status: 0,
        stderr: `moonhook: stopped ${NAME}\nmoonhook: rules that ask its matches match nothing from now on\n`,
      });
      expect(answers(SERVER_V4, "8 bad", "9")).toEqual(["8 bad", "9"]);
      const again = inServer(`iptables-${kind} -A INPUT -m bpf --object-pinned ${path} -j DROP`);
      expect(again.status).not.toBe(0);
    });
  });

  test("examples/dnsmatch.lua blocks what dig asks", async () => {
    const conf = join(folder, "dnsmasq.conf");
    const lines = [
      ...["no-resolv", "no-hosts", "user=root", "bind-interfaces"],
      `listen-address=${SERVER_V4}`,
      "address=/example.com/192.0.2.9",
    ];
    writeFileSync(conf, `${lines.join("\n")}\n`);
    net.spawn(net.server, "dnsmasq", ["--keep-in-foreground", `--conf-file=${conf}`, "--pid-file"]);
    const dig = (name: string, tries = 4): string => {
      const args = [`@${SERVER_V4}`, name, "+short", `+time=${tries === 1 ? 1 : 5}`, `+tries=${tries}`];
      const { status, stdout } = net.exec(net.client, "dig", args);
      return status === 9 ? "no answer" : stdout.trim();
    };
    await eventually("dnsmasq answers", () => dig("www.example.com", 1) === "192.0.2.9");
    const { lines: rules, stop } = await pinned("dnsmatch", "--userargs", "ads.example.com");
    type(rules[0]!, "nft");
    expect(dig("EU.ads.example.com", 1)).toBe("no answer");
    expect(dig("badads.example.com")).toBe("192.0.2.9");
    expect(counted("iptables-nft")).toBe(1);
    expect((await stop()).status).toBe(0);
  });

  describe("what is refused", () => {
    const run = (...args: string[]) => moonhook("run", ...args, "--netns", net.server);

    test("arguments that checkentry does not want, and nothing is pinned", () => {
      const { status, stderr } = run(word, "--on", "ebpf", "--pin", NAME);
      expect(status).toBe(1);
      expect(stderr).toContain("script error: no word\n");
      expect(stderr).toContain("checkentry of the match 'word' refuses these arguments");
      expect(moonhook("list").stdout).not.toContain(NAME);
    });

    test("a match without --pin, with --on ebpf and without", () => {
      for (const on of [["--on", "ebpf"], []])
        expect(run(word, ...on)).toMatchObject({
          status: 2,
          stderr: expect.stringContaining(
            "rules find the match 'word' by its path: give one with --pin NAME",
          ),
        });
    });

    test("user space, and arguments that are too long", () => {
      const { status, stderr } = run(word, "--on", "nfqueue");
      expect(status).toBe(1);
      expect(stderr).toContain("unable to register match");
      expect(stderr).toContain(
        "rules cannot ask user space for the match 'word'; --on ebpf compiles matches",
      );
      expect(run(word, "--on", "ebpf", "--pin", NAME, "--userargs", "ä".repeat(129))).toMatchObject({
        status: 2,
        stderr: expect.stringContaining("--userargs: 258 bytes, and rules have room for 256"),
      });
    });

    test("a target", () => {
      const path = join(folder, "target.lua");
      writeFileSync(path, WORD.replace("xtable.match{", "xtable.target{").replace("match = f", "target = f"));
      const { status, stderr } = run(path, "--on", "ebpf", "--pin", NAME);
      expect(status).toBe(1);
      expect(stderr).toContain("the target 'word' cannot be compiled");
    });
  });
});
