/** Backend `nfqueue` on live packets: two namespaces, an echo server in one, questions from the other. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  CLIENT_V4,
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

const why = whyNoNamespaces();
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const TRAFFIC = here("traffic.mjs");
const RUN_SCRIPT = here("run-script.mjs");

/** A script that is running, with the events it has reported so far. */
interface Live {
  readonly child: ChildProcess;
  readonly events: Record<string, unknown>[];
  readonly ended: Promise<Finished>;
  /** Ends it as Ctrl-C does; gives the counters. */
  interrupt(): Promise<Record<string, number>>;
}

describe.skipIf(why)(`live packets${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const folder = mkdtempSync(join(tmpdir(), "moonhook-live-"));
  const started: ChildProcess[] = [];
  let scripts = 0;

  beforeAll(async () => {
    expect(existsSync(here("../../dist/backends/nfqueue-worker.js")), "run `npm run build` first").toBe(true);
    net = await makeNamespaces();
    await lineOf(net.spawn(net.server, process.execPath, [TRAFFIC, "echo"]), /listening/);
  });
  afterEach(async () => {
    for (const child of started.splice(0)) child.kill("SIGKILL");
    await eventually("no rules", () => rules() === "");
  });
  afterAll(() => {
    net?.remove();
    rmSync(folder, { recursive: true });
  });

  const rules = () => net.exec(net.server, "nft", ["list", "ruleset"]).stdout;

  function launch(source: string, options: object = {}, nodeFlags: readonly string[] = []): Live {
    const path = join(folder, `live${++scripts}.lua`);
    writeFileSync(path, source);
    const child = spawn(process.execPath, [
      ...nodeFlags,
      RUN_SCRIPT,
      path,
      JSON.stringify({ netns: net.server, ...options }),
    ]);
    started.push(child);
    const ended = finishedOf(child);
    const events: Record<string, unknown>[] = [];
    let pending = "";
    child.stdout.on("data", (text) => {
      const lines = (pending + text).split("\n");
      pending = lines.pop()!;
      for (const line of lines) if (line.startsWith("{")) events.push(JSON.parse(line));
    });
    const interrupt = async () => {
      child.kill("SIGINT");
      const { stdout, stderr } = await ended;
      const last = stdout.trim().split("\n").at(-1) ?? "";
      expect(last, stderr).toMatch(/^\{"type":"summary"/);
      return JSON.parse(last);
    };
    return { child, events, ended, interrupt };
  }

  /** Runs a hook at LOCAL_IN of the server, for UDP to the echo server only; `body` has `skb`, `d` and `text`. */
  async function hook(
    body: string,
    options: object = {},
    prelude = "",
    nodeFlags: readonly string[] = [],
  ): Promise<Live> {
    const live = launch(
      `local nf, netfilter = require("linux.nf"), require("netfilter")
       ${prelude}
       netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = 0, hook = function(skb)
         local d = skb:data("net")
         local v6 = d:getuint8(0) >> 4 == 6
         local l4 = v6 and 40 or (d:getuint8(0) & 15) * 4
         local protocol = v6 and d:getuint8(6) or d:getuint8(9)
         if protocol ~= 17 then return nf.action.ACCEPT end
         local text = d:getstring(l4 + 8)
         ${body}
       end }`,
      options,
      nodeFlags,
    );
    await lineOf(live.child, /"type":"ready"/);
    return live;
  }

  /** The answers that come to these texts; the last must be answered. */
  async function ask(host: string, ...texts: string[]): Promise<string[]> {
    const { status, stdout, stderr } = await net.run(net.client, process.execPath, [
      TRAFFIC,
      "ask",
      host,
      ...texts,
    ]);
    expect(status, stdout + stderr).toBe(0);
    return JSON.parse(stdout);
  }

  test.each([SERVER_V4, SERVER_V6])(
    "connections, %s: new, marked, answered, as conntrack lists them",
    async (host) => {
      const live = launch(`
      local nf, netfilter, conntrack = require("linux.nf"), require("netfilter"), require("conntrack")
      local function on(hooknum, f)
        netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet[hooknum], priority = 0, hook = function(skb)
          local ct, info = conntrack.get(skb)
          if ct and ct:tuple().protocol == 17 then f(skb, ct, info) end
          return nf.action.ACCEPT
        end }
      end
      on("LOCAL_IN", function(skb, ct, info)
        if info == nf.ct.info.NEW then
          print("new", ct:mark(), ct:id(), ct:timeout(), ct:tuple().dport, ct:tuple(1).sport)
          ct:mark(7)
          print("marked", ct:mark(), skb:connmark())
        end
      end)
      on("LOCAL_OUT", function(skb, ct, info)
        if info ~= nf.ct.info.ESTABLISHED_REPLY then return end
        print("answered", ct:mark(), ct:timeout() > 0, ct:status() & nf.ct.status.CONFIRMED, ct:tuple().sport, ct:id())
        print("same", conntrack.lookup(ct:tuple(1)):id() == ct:id(), conntrack.count() > 0, conntrack.max() > 0)
        skb:connmark(9)
      end)`);
      await lineOf(live.child, /"type":"ready"/);
      expect(await ask(host, "1")).toEqual(["1"]);
      const listed = net.exec(net.server, "conntrack", [
        "-L",
        "-o",
        "id",
        "-f",
        host.includes(":") ? "ipv6" : "ipv4",
      ]);
      await live.interrupt();
      const said = live.events
        .filter(({ type }) => type === "log")
        .map(({ text }) => String(text).split("\t"));
      expect(said.slice(0, 2)).toEqual([
        ["new", "0", "0", "0", "9000", "9000"],
        ["marked", "7", "7"],
      ]);
      const [answered, same] = [2, 3].map((index) => said[index]!) as [string[], string[]];
      expect(answered.slice(0, 4)).toEqual(["answered", "7", "true", "8"]);
      expect(same).toEqual(["same", "true", "true", "true"]);
      const line = listed.stdout.split("\n").find((each) => each.includes(`sport=${answered[4]} `));
      expect(line).toMatch(new RegExp(`^udp .* dport=9000 .*mark=9 .*id=${answered[5]}$`));
    },
  );

  test("connections, each, new and delete: as conntrack lists them", async () => {
    const live = launch(`
      local conntrack = require("conntrack")
      local tuple = { family = 2, protocol = 6, src = 0x01020304, dst = 0x05060708, sport = 10, dport = 20 }
      local made = conntrack.new{ original = tuple, timeout = 500000, mark = 3 }
      print(made:mark(), made:tuple(1).sport, pcall(conntrack.new, { original = tuple, timeout = 1000 }))
      local seen = 0
      conntrack.each(function(ct) if ct:tuple().src == tuple.src then seen = seen + 1 end end)
      print(seen)
      made:refresh(100000)
      local gone = conntrack.new{ original = { family = 2, protocol = 17, src = 0x01020304, dst = 1, sport = 1, dport = 2 }, timeout = 1000 }
      gone:delete()
      print(conntrack.lookup(gone:tuple()), pcall(conntrack.watch, print))`);
    await lineOf(live.child, /"type":"ready"/);
    const { stdout } = net.exec(net.server, "conntrack", ["-L", "-s", "1.2.3.4"]);
    await live.interrupt();
    const said = live.events.filter(({ type }) => type === "log").map(({ text }) => text);
    expect(said).toEqual(["3\t20\tfalse\tEEXIST", "1", "nil\tfalse\tEOPNOTSUPP"]);
    expect(stdout.trim().split("\n")).toEqual([
      expect.stringMatching(
        /^tcp +6 (99|100) NONE src=1\.2\.3\.4 dst=5\.6\.7\.8 sport=10 dport=20 \[UNREPLIED\] .*mark=3 use=1$/,
      ),
    ]);
  });

  test.each([SERVER_V4, SERVER_V6])("drop and accept, %s", async (host) => {
    const live = await hook("if text:find('bad') then return nf.action.DROP end return nf.action.ACCEPT");
    expect(await ask(host, "1 good", "2 bad", "3 good")).toEqual(["1 good", "3 good"]);
    const counters = await live.interrupt();
    expect(counters).toMatchObject({ dropped: 1, modified: 0, errors: 0 });
    const udp = live.events.filter(({ type, verdict }) => type === "packet" && verdict === "drop");
    expect(udp).toMatchObject([{ path: "input", modified: false, mark: 0 }]);
    expect(rules()).toBe("");
  });

  test.each(["", "3", "4", "5", "nil", "{}"])("the result '%s' drops", async (result) => {
    // Nobody listens at queue 0, where the verdict QUEUE sends packets.
    const live = await hook(`if text:find('bad') then return ${result} end return '1'`);
    expect(await ask(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
    expect(await live.interrupt()).toMatchObject({ errors: 0 });
  });

  test.each(["6", "-1", "1 << 40 | 1"])("the result '%s' accepts", async (result) => {
    const live = await hook(`if text:find('odd') then return ${result} end return nf.action.DROP`);
    expect(await ask(SERVER_V4, "1 bad", "2 odd")).toEqual(["2 odd"]);
    await live.interrupt();
  });

  test("STOLEN drops", async () => {
    const live = await hook("return text:find('bad') and nf.action.STOLEN or nf.action.ACCEPT");
    expect(await ask(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
    await live.interrupt();
    expect(live.events).toContainEqual(expect.objectContaining({ verdict: "stolen" }));
  });

  test("a mark reaches later rules, and chooses packets", async () => {
    net.exec(net.server, "nft", ["add table ip t; add chain ip t c { type filter hook input priority 5; }"]);
    net.exec(net.server, "nft", ["add rule ip t c meta mark 7 counter drop"]);
    try {
      const live = await hook("return nf.action.ACCEPT, text:find('bad') and 7 or nil");
      expect(await ask(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
      await live.interrupt();
      expect(live.events).toContainEqual(expect.objectContaining({ verdict: "accept", mark: 7 }));
    } finally {
      net.exec(net.server, "nft", ["delete table ip t"]);
    }
  });

  test.each([SERVER_V4, SERVER_V6])(
    "a rewritten and longer payload arrives with good checksums, %s",
    async (host) => {
      const live = await hook(`
      skb:resize(#skb + 4)
      d = skb:data("net")
      d:setstring(l4 + 8, text:upper() .. "more")
      local function add16(at) local n = (d:getuint8(at) << 8 | d:getuint8(at + 1)) + 4
        d:setuint8(at, n >> 8) d:setuint8(at + 1, n & 255) end
      add16(l4 + 4) add16(v6 and 4 or 2)
      skb:checksum()
      return nf.action.ACCEPT`);
      // The kernel would drop a datagram with a wrong checksum.
      expect(await ask(host, "1 text")).toEqual(["1 TEXTmore"]);
      expect(await live.interrupt()).toMatchObject({ errors: 0 });
      expect(live.events).toContainEqual(expect.objectContaining({ modified: true }));
    },
  );

  test.each([true, false])("a TCP stream passes whole (script writes: %s)", async (writes) => {
    const live = launch(`local nf, netfilter = require("linux.nf"), require("netfilter")
      local largest = 0
      for _, h in ipairs{ nf.inet.LOCAL_IN, nf.inet.LOCAL_OUT } do
        netfilter.register{ pf = nf.proto.INET, hooknum = h, priority = -149, hook = function(skb)
          local d = skb:data("net")
          if #skb > largest then largest = #skb print(largest) end
          ${writes ? "d:setuint8(1, 0) skb:checksum()" : ""}
          return nf.action.ACCEPT end } end`);
    await lineOf(live.child, /"type":"ready"/);
    const { stdout } = net.exec(net.client, process.execPath, [TRAFFIC, "stream", SERVER_V4, "3000000"]);
    expect(stdout.trim()).toBe("3000000");
    expect(await live.interrupt()).toMatchObject({ dropped: 0, errors: 0 });
    const largest = Number(live.events.findLast(({ type }) => type === "log")?.["text"]);
    // Readers see super-packets, writers what the wire carries.
    expect(largest > 1500).toBe(!writes);
  });

  test("an unfinished checksum is completed when a packet is rewritten", async () => {
    // The name of the method is hidden, so the script counts as a reader and gets packets as the stack has them.
    const live = launch(`local nf, netfilter = require("linux.nf"), require("netfilter")
      netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = 0, hook = function(skb)
        local d = skb:data("net")
        if d:getuint8(9) == 17 then d["set" .. "uint8"](d, 29, 0x2a) end
        return nf.action.ACCEPT end }`);
    await lineOf(live.child, /"type":"ready"/);
    expect(await ask(SERVER_V4, "1 text")).toEqual(["1*text"]);
    expect(await live.interrupt()).toMatchObject({ modified: 1 });
  });

  test("forward sends the frame back out, with the link header turned round", async () => {
    // Answers by itself what the echo server never sees.
    const live = await hook(`
      if not text:find("mine") then return nf.action.ACCEPT end
      local m = skb:data("mac")
      local to, from = m:getstring(0, 6), m:getstring(6, 6)
      m:setstring(0, from) m:setstring(6, to)
      local src, dst = m:getstring(26, 4), m:getstring(30, 4)
      m:setstring(26, dst) m:setstring(30, src)
      local sport, dport = m:getstring(34, 2), m:getstring(36, 2)
      m:setstring(34, dport) m:setstring(36, sport)
      m:setstring(42, text:gsub("mine", "ours"))
      skb:checksum()
      skb:forward()
      return nf.action.DROP`);
    expect(await ask(SERVER_V4, "1 mine")).toEqual(["1 ours"]);
    expect(await live.interrupt()).toMatchObject({ errors: 0 });
  });

  test("the link header is the one that was on the wire", async () => {
    const live = await hook(
      `local m = skb:data("mac") local t = {}
      for i = 0, 13 do t[#t + 1] = ("%02x"):format(m:getuint8(i)) end
      print(table.concat(t), skb:ifindex() == linux.ifindex("mh0")) return nf.action.ACCEPT`,
      {},
      'local linux = require("linux")',
    );
    await ask(SERVER_V4, "1 text");
    await live.interrupt();
    const mac = (namespace: string) =>
      net.exec(namespace, "cat", ["/sys/class/net/mh0/address"]).stdout.trim().replaceAll(":", "");
    expect(live.events).toContainEqual({
      type: "log",
      level: "info",
      text: `${mac(net.server)}${mac(net.client)}0800\ttrue`,
    });
  });

  test("no link header and no device at LOCAL_OUT", async () => {
    const live = launch(`local nf, netfilter = require("linux.nf"), require("netfilter")
      netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = 0, hook = function(skb)
        print(skb:ifindex(), (select(2, pcall(skb.data, skb, "mac")))) return nf.action.ACCEPT end }`);
    await lineOf(live.child, /"type":"ready"/);
    await ask(SERVER_V4, "1 text");
    await live.interrupt();
    expect(live.events).toContainEqual(
      expect.objectContaining({ type: "log", text: expect.stringMatching(/^nil\t.*MAC header not set/) }),
    );
  });

  test.each([
    ["loops for ever", "while true do end"],
    ["allocates for ever", "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end"],
    ["raises an error", "error('boom')"],
  ])("a hook that %s is stopped, its packet accepted, the next served", async (_, misbehave) => {
    const live = await hook(
      `if text:find('evil') then pcall(function() ${misbehave} end) ${misbehave} end
       if text:find('bad') then return nf.action.DROP end return nf.action.ACCEPT`,
      { memoryLimitBytes: 64 * 1024 * 1024 },
    );
    expect(await ask(SERVER_V4, "1 evil", "2 bad", "3 good")).toEqual(["1 evil", "3 good"]);
    expect(await live.interrupt()).toMatchObject({ errors: 1, dropped: 1 });
    expect(live.events.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  test("SIGKILL in mid-traffic leaves no rule, and traffic flows", async () => {
    const live = await hook("return text:find('bad') and nf.action.DROP or nf.action.ACCEPT");
    expect(await ask(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
    expect(rules()).toContain("moonhook");
    const answered = ask(SERVER_V4, "3 bad", "4 good");
    live.child.kill("SIGKILL");
    expect(await answered).toContain("4 good");
    await live.ended;
    await eventually("no rules", () => rules() === "");
    expect(await ask(SERVER_V4, "5 bad", "6 good")).toEqual(["5 bad", "6 good"]);
  });

  test.each([false, true])("a full queue drops when failing closed: %s", async (failClosed) => {
    const live = await hook("return nf.action.ACCEPT", { failClosed });
    expect(rules().includes("bypass")).toBe(!failClosed);
    // Nobody serves the queue, and more comes than it holds.
    live.child.kill("SIGSTOP");
    net.exec(net.client, process.execPath, [TRAFFIC, "flood", SERVER_V4, "6000"]);
    const queue = net
      .exec(net.server, "cat", ["/proc/net/netfilter/nfnetlink_queue"])
      .stdout.trim()
      .split(/\s+/);
    const [held, dropped] = [Number(queue[2]), Number(queue[5])];
    expect(held).toBeGreaterThan(0);
    expect(dropped > 0).toBe(failClosed);
    live.child.kill("SIGCONT");
    expect(await ask(SERVER_V4, "1 good")).toEqual(["1 good"]);
    await live.interrupt();
  });

  test("a clean stop loses nothing that was held", async () => {
    const later =
      "add table ip t; add chain ip t c { type filter hook input priority 5; }; add rule ip t c udp dport 9000 counter";
    net.exec(net.server, "nft", [later]);
    try {
      // Slow enough that the wish to stop comes while packets wait.
      const live = await hook("for i = 1, 500000 do text = i end return nf.action.ACCEPT");
      live.child.kill("SIGSTOP");
      net.exec(net.client, process.execPath, [TRAFFIC, "flood", SERVER_V4, "1000"]);
      live.child.kill("SIGINT");
      live.child.kill("SIGCONT");
      expect((await live.ended).status).toBe(0);
      expect(net.exec(net.server, "nft", ["list", "table", "ip", "t"]).stdout).toContain("packets 1000 ");
    } finally {
      net.exec(net.server, "nft", ["delete table ip t"]);
    }
  });

  test("two scripts at once take different queues", async () => {
    const first = await hook("return text:find('one') and nf.action.DROP or nf.action.ACCEPT");
    const second = await hook("return text:find('two') and nf.action.DROP or nf.action.ACCEPT");
    expect(await ask(SERVER_V4, "1 one", "2 two", "3 good")).toEqual(["3 good"]);
    await first.interrupt();
    expect(await ask(SERVER_V4, "1 one", "2 two", "3 good")).toEqual(["1 one", "3 good"]);
    await second.interrupt();
  });

  test("only packets with the hook's mark are queued", async () => {
    net.exec(net.server, "nft", ["add table ip t; add chain ip t c { type filter hook input priority -5; }"]);
    net.exec(net.server, "nft", ["add rule ip t c udp dport 9000 meta mark set 9"]);
    try {
      const live = launch(`local nf, netfilter = require("linux.nf"), require("netfilter")
        netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0, mark = 9,
          hook = function(skb) return skb:data():getstring(28):find('bad') and 0 or 1 end }
        netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0,
          hook = function() return nf.action.DROP end }`);
      await lineOf(live.child, /"type":"ready"/);
      expect(await ask(SERVER_V4, "1 bad", "2 good")).toEqual(["2 good"]);
      await live.interrupt();
    } finally {
      net.exec(net.server, "nft", ["delete table ip t"]);
    }
  });

  test("when the script's thread dies, the run fails and no rule remains", async () => {
    // More than the heap of the thread holds, less than the script's own bound.
    const live = await hook(
      `if text:find('evil') then local t = {} while true do t[#t + 1] = { #t } end end return nf.action.ACCEPT`,
      { budget: 1e12, memoryLimitBytes: 2 ** 40, linger: true },
      "",
      ["--max-old-space-size=64"],
    );
    expect(await ask(SERVER_V4, "1 evil", "2 good")).toContain("2 good");
    await eventually("no rules", () => rules() === "");
    expect(live.child.exitCode).toBeNull();
    live.child.kill("SIGTERM");
    expect((await live.ended).stderr).toMatch(/memory/);
  });

  test.each([
    ["no such namespace", "", { netns: "mh-none" }, /ErrnoError.*network namespace "mh-none".*ENOENT/],
    ["a script error", "local x = nil + 1", {}, /LuaError.*live\d+\.lua:1: attempt to perform arithmetic/],
    ["a syntax error", "return return", {}, /LuaError.*live\d+\.lua:1: .*near 'return'/],
    [
      "a family that cannot be queued",
      "require('netfilter').register{pf=7, hooknum=0, priority=0}",
      {},
      /failed to register.*"netfilter: protocol family 7 cannot be queued/s,
    ],
    ["an endless top level", "while true do end", { loadBudget: 1000 }, /ScriptAbort/],
  ])("start fails: %s", async (_, source, options, message) => {
    const { status, stdout, stderr } = await launch(source, options).ended;
    expect(stderr + stdout).toMatch(message);
    expect(status).toBe(1);
    expect(rules()).toBe("");
  });

  test("without the capability it says which and how to get it", async () => {
    const path = join(folder, "none.lua");
    writeFileSync(path, "");
    const child = net.spawn(net.client, "setpriv", [
      "--bounding-set=-net_admin",
      "--inh-caps=-net_admin",
      process.execPath,
      RUN_SCRIPT,
      path,
      "{}",
    ]);
    const { status, stderr } = await finishedOf(child);
    expect(stderr).toMatch(/UnsupportedError.*needs CAP_NET_ADMIN.*setcap/);
    expect(status).toBe(1);
  });

  test("a script without hooks stops as well", async () => {
    const live = launch("print('loaded')");
    await lineOf(live.child, /"type":"ready"/);
    expect(rules()).toBe("");
    expect(await live.interrupt()).toMatchObject({ packets: 0 });
    expect(live.events).toContainEqual({ type: "log", level: "info", text: "loaded" });
  });

  test("POST_ROUTING tells what the machine sends from what it forwards", async () => {
    const live = launch(`local nf, netfilter = require("linux.nf"), require("netfilter")
      netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.POST_ROUTING, priority = 0, hook = function(skb)
        local d = skb:data()
        print(skb:ifindex() ~= nil, d:getuint8(0) >> 4 == 6 and d:getuint8(6) == 58 and d:getuint8(40))
        return nf.action.ACCEPT end }`);
    await lineOf(live.child, /"type":"ready"/);
    await ask(SERVER_V4, "1 text");
    // The server's kernel has to say where it is (ICMPv6 type 136) before it is asked anything.
    net.exec(net.client, "ip", ["-6", "neighbour", "flush", "dev", "mh0"]);
    await ask(SERVER_V6, "1 text");
    await eventually("an advertisement", () => live.events.some(({ text }) => text === "true\t136"));
    const paths = () => new Set(live.events.map(({ path }) => path));
    expect(paths()).toEqual(new Set([undefined, "output"]));

    net.exec(net.server, "sh", ["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    // Comes in and leaves by the same device, to an address that nobody has.
    net.exec(net.client, "ip", ["route", "add", "10.78.0.1", "via", SERVER_V4]);
    net.exec(net.server, "ip", ["route", "add", "10.78.0.1", "via", CLIENT_V4]);
    net.exec(net.client, process.execPath, [TRAFFIC, "flood", "10.78.0.1", "1"]);
    await eventually("a forwarded packet", () => live.events.some(({ path }) => path === "forward"));
    await live.interrupt();
    expect(paths()).toEqual(new Set([undefined, "output", "forward"]));
    expect(live.events.filter(({ text }) => String(text).startsWith("false"))).toEqual([]);
  });
});
