/**
 * `moonhook run --on ebpf`, as a user calls it: hooks inside the kernel, real servers and clients around them. That
 * something is dropped is told by what comes after it, not by how long it takes.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ebpf } from "../../src/backends/ebpf.ts";
import { KernelMap, openPin } from "../../src/linux/bpf.ts";
import { answers as echoAnswers, LiveCommands, serveEcho } from "./live-commands.ts";
import {
  eventually,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  SERVER_V6,
  whyNoNamespaces,
} from "./namespace.ts";
import { kernelObjects, remainingMaps, sweepPins, TEST_PIN } from "./pins.ts";

const why = whyNoNamespaces();
const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));
const SERVER = [SERVER_V4, SERVER_V6];

describe.skipIf(why)(`hooks in the kernel${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const commands = new LiveCommands("t");

  beforeAll(async () => {
    sweepPins();
    net = await makeNamespaces();
    await serveEcho(net);
  });
  afterEach(async () => {
    await commands.end();
    sweepPins();
  });
  afterAll(() => {
    net?.remove();
    commands.remove();
  });

  const moonhook = (...args: string[]) => spawnSync("bin/moonhook", args, { encoding: "utf8" });
  const file = (source: string) => commands.file(source);
  const nameOf = (script: number) => commands.nameOf(script);

  /** Waits until the kernel has let go of a script: it does so a little after its process has ended. */
  const eventuallyGone = (number: number, maps: readonly number[]) =>
    eventually(
      "all is gone",
      () => kernelObjects(nameOf(number)).programs.length + remainingMaps(maps).length === 0,
    );

  const armed = (script: string, namespace: string, ...options: string[]) =>
    commands.arm(script, namespace, "--on", "ebpf", ...options);

  /** The texts that the server's echo gave back to the client. */
  const answers = (server: string, ...texts: string[]) => echoAnswers(net, server, ...texts);

  const script = (hooks: string) =>
    `local nf, netfilter = require("linux.nf"), require("netfilter")\n${hooks}`;
  /** Drops datagrams of IPv4 that contain "bad", and prints each. */
  const BAD = script(`netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0,
  hook = function(skb)
    local packet = skb:data()
    if packet:getuint8(9) ~= 17 then return nf.action.ACCEPT end
    local text = packet:getstring(28)
    print("got", #text, text)
    return text:find("bad", 1, true) and nf.action.DROP or nf.action.ACCEPT
  end }`);

  describe("dnsblock", () => {
    beforeAll(async () => {
      const conf = [
        ...["no-resolv", "no-hosts", "user=root", "bind-interfaces", "local-ttl=60"],
        ...SERVER.map((each) => `listen-address=${each}`),
        "host-record=ads.example.com,192.0.2.1",
        "host-record=www.example.org,192.0.2.7,2001:db8::7",
        "address=/example.com/192.0.2.9",
      ];
      const path = join(commands.folder, "dnsmasq.conf");
      writeFileSync(path, `${conf.join("\n")}\n`);
      net.spawn(net.server, "dnsmasq", ["--keep-in-foreground", `--conf-file=${path}`, "--pid-file"]);
      for (const server of SERVER)
        await eventually("dnsmasq answers", () => dig(server, "www.example.org", "A", 1) === "192.0.2.7");
    });

    function dig(server: string, name: string, type = "A", tries = 4): string {
      const { status, stdout } = net.exec(net.client, "dig", [
        ...[`@${server}`, name, type, "+short"],
        // Silence must not take long to be believed; an answer may.
        ...[tries === 1 ? "+time=1" : "+time=5", `+tries=${tries}`],
      ]);
      if (status === 9) return "no answer";
      expect(status).toBe(0);
      return stdout.trim();
    }

    test.each(SERVER)("blocks what dig asks, and says so; server %s", async (server) => {
      expect(dig(server, "ads.example.com")).toBe("192.0.2.1");
      const run = await armed("dnsblock", net.client);
      expect(run.ready).toBe(`moonhook: ready, 1 hook in the kernel in ${net.client}; Ctrl-C ends it`);
      expect(dig(server, "ads.example.com", "A", 1)).toBe("no answer");
      expect(dig(server, "www.example.org", "AAAA")).toBe("2001:db8::7");
      expect(dig(server, "eu.ADS.example.com", "A", 1)).toBe("no answer");
      expect(dig(server, "badads.example.com")).toBe("192.0.2.9");
      expect(await run.stop()).toMatchObject({
        status: 0,
        stdout:
          "dnsblock: blocked ads.example.com\ndnsblock: blocked eu.ads.example.com\n" +
          "0 script errors, 0 lines of the log lost; packets are not counted in the kernel\n",
      });
      expect(dig(server, "ads.example.com")).toBe("192.0.2.1");
    });

    test("--json reports the log and the summary", async () => {
      const run = await armed("dnsblock", net.client, "--json");
      dig(SERVER_V4, "ads.example.com", "A", 1);
      const { stdout } = await run.stop();
      const lines = stdout.trimEnd().split("\n");
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        { type: "log", level: "info", text: "dnsblock: blocked ads.example.com" },
        { type: "summary", errors: 0, lost: 0 },
      ]);
    });
  });

  describe("nothing is left behind", () => {
    test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("by %s", async (signal) => {
      const run = await armed(file(BAD.replace("IPV4", "INET")), net.server);
      const { programs, links, maps } = kernelObjects(nameOf(commands.scripts));
      expect({ programs: programs.length, links: links.length }).toEqual({ programs: 2, links: 2 });
      expect(maps.length).toBeGreaterThan(1);
      run.child.kill(signal);
      await run.ended;
      await eventuallyGone(commands.scripts, maps);
    });
  });

  test("stop lets go of everything while the process lives, and its thread is where it was", async () => {
    const namespace = () => readlinkSync("/proc/thread-self/ns/net");
    const home = namespace();
    const path = file(BAD);
    const lines: string[] = [];
    const running = await ebpf.start(
      { path, source: readFileSync(path, "latin1") },
      { netns: net.server },
      { log: ({ level, text }) => lines.push(`${level} ${text}`) },
    );
    expect(namespace()).toBe(home);
    const { maps } = kernelObjects(nameOf(commands.scripts));
    expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
    await running.stop();
    await running.finished;
    // The second text may have been sent twice.
    expect(lines.slice(0, 2)).toEqual(["info got\t5\t1 bad", "info got\t6\t2 good"]);
    expect(running.counters()).toEqual({ errors: 0, lost: 0 });
    expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["1 bad", "2 good"]);
    await eventuallyGone(commands.scripts, maps);
  });

  test("prints what the hook prints, in order, and drops what it drops", async () => {
    const run = await armed(file(BAD), net.server);
    expect(answers(SERVER_V4, "1 bad", "2 good", "3 bad", "4 good")).toEqual(["2 good", "4 good"]);
    const { stdout } = await run.stop();
    const [first, second, third, fourth] = stdout.split("\n");
    expect([first, second, third, fourth]).toEqual([
      "got\t5\t1 bad",
      "got\t6\t2 good",
      "got\t5\t3 bad",
      "got\t6\t4 good",
    ]);
  });

  test("sees the payload of TCP, which lies in pages", async () => {
    const path = file(
      script(`netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0,
  hook = function(skb)
    local packet = skb:data()
    if packet:getuint8(9) ~= 6 then return nf.action.ACCEPT end
    local header = (packet:getuint8(0) & 15) * 4
    local at = header + (packet:getuint8(header + 12) >> 4) * 4
    if #packet > at then print(packet:getstring(at)) end
    return nf.action.ACCEPT
  end }`),
    );
    const run = await armed(path, net.server);
    // Within the machine nothing copies what was written into the linear part.
    const talk = net.spawn(net.server, process.execPath, [TRAFFIC, "talk", "127.0.0.1"]);
    await lineOf(talk, /connected/);
    for (const text of ["hello", "x".repeat(300), "the end"]) {
      const back = lineOf(talk, new RegExp(text));
      talk.stdin!.write(text);
      await back;
    }
    talk.kill("SIGKILL");
    const { stdout } = await run.stop();
    // Each passes LOCAL_IN twice: to the server, and back.
    const seen = stdout.split("\n");
    for (const text of ["hello", "x".repeat(300), "the end"])
      expect(seen.filter((line) => line === text)).toHaveLength(2);
  });

  test("an error of the script is logged and counted, and the packet accepted", async () => {
    const path = file(
      script(`netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0,
  hook = function(skb)
    local text = skb:data():getstring(28)
    if text:sub(1, 1) == "2" then error("no " .. "luck") end
    if text:sub(1, 1) == "3" then skb:data():getuint8(1000) end
    if text:sub(1, 1) == "4" then while true do end end
    return text:sub(1, 1) == "1" and nf.action.DROP or nf.action.ACCEPT
  end }`),
    );
    const run = await armed(path, net.server, "--budget", "10000");
    expect(answers(SERVER_V4, "1", "2", "3", "4", "5")).toEqual(["2", "3", "4", "5"]);
    const { stdout, stderr } = await run.stop();
    expect(stdout).toMatch(/^3 script errors, /m);
    const errors = stderr.split("\n").filter((line) => line.startsWith("script error: "));
    expect(errors).toEqual([
      expect.stringMatching(/t\d+_\d+\.lua:5: no luck$/),
      expect.stringMatching(/t\d+_\d+\.lua:6: .*out of bounds/),
      expect.stringMatching(/instruction budget exceeded$/),
    ]);
  });

  test("linux.time is the time", async () => {
    const path = file(
      script(`local linux = require("linux")
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0,
  hook = function(skb) print(linux.time()) return nf.action.ACCEPT end }`),
    );
    const run = await armed(path, net.server);
    // The clock that this process reads may be one tick of the kernel's behind.
    const tick = 20_000_000n;
    const before = BigInt(Date.now()) * 1_000_000n - tick;
    answers(SERVER_V4, "x");
    const after = BigInt(Date.now()) * 1_000_000n + tick;
    const [line] = (await run.stop()).stdout.split("\n");
    expect(BigInt(line!) > before && BigInt(line!) < after, `${before} ${line} ${after}`).toBe(true);
  });

  test("a script without hooks waits for the signal", async () => {
    const run = await armed(file('print("no hooks")'), net.server);
    expect(run.ready).toContain("the script registered no hook");
    expect(await run.stop()).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^no hooks\n0 script/),
    });
  });

  describe("priorities", () => {
    test("one that is taken is moved, and the user told", async () => {
      net.exec(net.server, "nft", [
        "add table ip t; add chain ip t c { type filter hook input priority 0; }",
      ]);
      try {
        const run = await armed(file(BAD), net.server);
        expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
        const { stderr } = await run.stop();
        expect(stderr).toContain("moonhook: the hook at IPv4 LOCAL_IN has priority 1, for 0 is taken\n");
      } finally {
        net.exec(net.server, "nft", ["delete table ip t"]);
      }
    });

    test("hooks of one script keep their order: of equals the last one first", async () => {
      const hook = (name: string, priority: string) =>
        `netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = ${priority},
          hook = function(skb) print("${name}") return nf.action.ACCEPT end }`;
      const path = file(
        script(
          [
            hook("last", "nf.ip.pri.LAST"),
            hook("b", "0"),
            hook("a", "0"),
            hook("c", "1"),
            hook("first", "nf.ip.pri.FIRST"),
          ].join("\n"),
        ),
      );
      const run = await armed(path, net.server);
      expect(run.ready).toContain("5 hooks in the kernel");
      answers(SERVER_V4, "x");
      const { stdout, stderr } = await run.stop();
      expect(stdout.split("\n").slice(0, 5)).toEqual(["first", "a", "b", "c", "last"]);
      // The ends of the range are nobody's, which is no news.
      expect(stderr.match(/has priority .*/g)).toEqual([
        "has priority 1, for 0 is taken",
        "has priority 2, for 1 is taken",
      ]);
    });
  });

  describe("--attach rules", () => {
    test("keeps the priority that something else has, for both families, and leaves nothing", async () => {
      net.exec(net.server, "nft", [
        "add table inet t; add chain inet t c { type filter hook input priority 0; }",
      ]);
      try {
        const run = await armed(
          file(
            BAD.replace("IPV4", "INET")
              .replace("getuint8(9)", "getuint8(packet:getuint8(0) >> 4 == 4 and 9 or 6)")
              .replace("getstring(28)", "getstring(packet:getuint8(0) >> 4 == 4 and 28 or 48)"),
          ),
          net.server,
          ...["--attach", "rules"],
        );
        expect(run.ready).toContain("1 hook in the kernel");
        const { stdout: rules } = net.exec(net.server, "nft", ["list ruleset"]);
        expect(rules).toContain("hook input priority filter");
        expect(rules).toMatch(/xt match "?bpf"? drop/);
        expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
        expect(answers(SERVER_V6, "3 bad", "4 good")).toEqual(["4 good"]);
        const { stdout, stderr } = await run.stop();
        expect(stdout).toMatch(/^got\t5\t1 bad\ngot\t6\t2 good\ngot\t5\t3 bad\ngot\t6\t4 good\n/);
        expect(stderr).not.toContain("is taken");
        expect(net.exec(net.server, "nft", ["list ruleset"]).stdout).not.toContain("moonhook");
        expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["1 bad", "2 good"]);
      } finally {
        net.exec(net.server, "nft", ["delete table inet t"]);
      }
    });

    test("goes when the process is killed, and hooks keep their order", async () => {
      const hook = (name: string, priority: number) =>
        `netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = ${priority},
          hook = function(skb) print("${name}") return nf.action.ACCEPT end }`;
      const ordered = await armed(
        file(script([hook("b", 0), hook("a", 0), hook("c", 1)].join("\n"))),
        net.server,
        ...["--attach", "rules"],
      );
      answers(SERVER_V4, "x");
      expect((await ordered.stop()).stdout.split("\n").slice(0, 3)).toEqual(["a", "b", "c"]);
      const run = await armed(file(BAD), net.server, "--attach", "rules");
      const number = commands.scripts;
      const { maps } = kernelObjects(nameOf(number));
      expect(maps.length).toBeGreaterThan(0);
      run.child.kill("SIGKILL");
      await run.ended;
      await eventually(
        "the rules are gone",
        () => !net.exec(net.server, "nft", ["list ruleset"]).stdout.includes("moonhook"),
      );
      await eventuallyGone(number, maps);
      expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["1 bad", "2 good"]);
    });

    test("cannot be pinned", () => {
      const { status, stderr } = moonhook("run", file(BAD), "--attach", "rules", "--pin", TEST_PIN);
      expect(status).toBe(2);
      expect(stderr).toContain("--attach rules: rules end with the process, and cannot be pinned");
    });
  });

  test("a hook with a mark gets the packets of that mark only", async () => {
    const path = file(
      script(`netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0, mark = 7,
  hook = function(skb) print(skb:data():getstring(28)) return nf.action.DROP end }`),
    );
    // Datagrams of eight bytes are marked on their way.
    const rule = "add rule ip m c udp length 16 meta mark set 7";
    net.exec(net.server, "nft", [
      `add table ip m; add chain ip m c { type filter hook prerouting priority -300; }; ${rule}`,
    ]);
    try {
      const run = await armed(path, net.server);
      expect(answers(SERVER_V4, "1 marked", "2", "3")).toEqual(["2", "3"]);
      expect((await run.stop()).stdout.split("\n")[0]).toBe("1 marked");
    } finally {
      net.exec(net.server, "nft", ["delete table ip m"]);
    }
  });

  describe("what cannot be compiled", () => {
    const COPIES = script(`netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0,
  hook = function(skb)
    local copy = skb:copy()
    return #copy:data() > 100 and nf.action.DROP or nf.action.ACCEPT
  end }`);

    test("is refused with --on ebpf: place, source line, what to do", () => {
      const path = file(COPIES);
      const { status, stdout, stderr } = moonhook("run", path, "--on", "ebpf", "--netns", net.server);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toContain(`moonhook: '${path}' cannot run in the kernel`);
      expect(stderr).toMatch(
        /\.lua:4:\d+: a copy of the packet cannot be compiled\n {4}4 \| {5}local copy = .*\n {8}run the script/,
      );
    });

    test("goes to user space as a whole otherwise, and it says why", async () => {
      const path = file(COPIES);
      const { child, ended } = await commands.arm(path, net.server);
      child.kill("SIGINT");
      const { status, stderr, stdout } = await ended;
      expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 packets/) });
      expect(stderr).toMatch(/^moonhook: not in the kernel: .*a copy of the packet cannot be compiled; /m);
      expect(stderr).toContain(`moonhook: ready, 1 hook in ${net.server}; `);
    });
  });

  test("without --on what compiles runs in the kernel; the top level prints once", async () => {
    const run = await commands.arm(file(`print("loaded")\n${BAD}`), net.server);
    expect(run.ready).toContain("1 hook in the kernel");
    expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
    expect((await run.stop()).stdout).toMatch(/^loaded\ngot\t5\t1 bad\n/);
  });

  describe("--pin", () => {
    const NAME = `${TEST_PIN}${process.pid}`;

    test.each(["SIGINT", "SIGKILL"] as const)(
      "stays after %s, is listed, and stop ends it",
      async (signal) => {
        const run = await armed(file(BAD), net.server, "--pin", NAME);
        const number = commands.scripts;
        const { maps } = kernelObjects(nameOf(number));
        expect(run.ready).toContain(`'moonhook stop ${NAME}' ends`);
        run.child.kill(signal);
        await run.ended;
        expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
        const list = moonhook("list", "--json");
        expect(
          list.stdout
            .trimEnd()
            .split("\n")
            .map((line) => JSON.parse(line)),
        ).toEqual([
          {
            type: "pinned",
            name: NAME,
            hooks: [{ family: 2, hooknum: 1, priority: 0, program: nameOf(number) }],
            matches: [],
          },
        ]);
        expect(moonhook("list").stdout).toContain(
          `${NAME}\n  IPv4 LOCAL_IN, priority 0: ${nameOf(number)}\n`,
        );
        const again = moonhook("run", file(BAD), "--on", "ebpf", "--netns", net.server, "--pin", NAME);
        expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining(`'${NAME}' runs already`) });
        expect(moonhook("stop", NAME)).toMatchObject({ status: 0, stderr: `moonhook: stopped ${NAME}\n` });
        expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["1 bad", "2 good"]);
        expect(moonhook("list").stdout).not.toContain(NAME);
        await eventuallyGone(number, maps);
        expect(moonhook("stop", NAME)).toMatchObject({
          status: 1,
          stderr: expect.stringContaining(`no hooks of the name '${NAME}'`),
        });
      },
    );

    test("stop ends hooks whose process still runs", async () => {
      const run = await armed(file(BAD), net.server, "--pin", NAME);
      expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
      expect(moonhook("stop", NAME).status).toBe(0);
      expect(answers(SERVER_V4, "1 bad", "2 good")).toEqual(["1 bad", "2 good"]);
      expect((await run.stop()).status).toBe(0);
    });

    test("a shared table is a pinned map that any process may change", async () => {
      const source = script(`local blocked = require("rcu").table() blocked["1 bad"] = true
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0, hook = function(skb)
  local packet = skb:data()
  return packet:getuint8(9) == 17 and blocked[packet:getstring(28)] and nf.action.DROP or nf.action.ACCEPT
end }`);
      const run = await armed(file(source), net.server, "--pin", NAME);
      run.child.kill("SIGKILL");
      await run.ended;
      expect(answers(SERVER_V4, "1 bad", "2 worse", "3 good")).toEqual(["2 worse", "3 good"]);
      const map = openPin(`/sys/fs/bpf/moonhook/${NAME}/map_rcu_blocked`);
      try {
        if (!(map instanceof KernelMap)) throw new Error("a map is pinned");
        const key = (text: string) => Buffer.from(text.padEnd(map.keySize, "\0"), "latin1");
        expect(map.entries().map(([name]) => Buffer.from(name))).toEqual([key("1 bad")]);
        map.delete(key("1 bad"));
        map.update(key("2 worse"), Buffer.from("02000000000000000700000000000000", "hex"));
        map.update(key("3 good"), Buffer.from("01000000000000000000000000000000", "hex"));
      } finally {
        map.close();
      }
      expect(answers(SERVER_V4, "1 bad", "2 worse", "3 good")).toEqual(["1 bad", "3 good"]);
      expect(moonhook("stop", NAME).status).toBe(0);
    });

    test("a name that cannot be one is refused", () => {
      const { status, stderr } = moonhook("run", file(BAD), "--pin", "a.b");
      expect(status).toBe(2);
      expect(stderr).toContain("--pin: 'a.b' is no name");
    });
  });
});
