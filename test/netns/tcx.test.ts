/**
 * `moonhook run --attach tcx`: hooks at devices that change packets, with real servers and clients around them.
 * Offload of checksums on the client's device is switched off in one half of the tests: then all checksums are computed
 * and checked by somebody, also those of packets that came from this machine.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ask as askEcho, LiveCommands, serveEcho } from "./live-commands.ts";
import {
  DEVICE,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  SERVER_V6,
  whyNoNamespaces,
} from "./namespace.ts";
import { kernelObjects, sweepPins, TEST_PIN } from "./pins.ts";

const PIN = `${TEST_PIN}${process.pid}`;
const why = whyNoNamespaces();
const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));
const SERVER = [SERVER_V4, SERVER_V6];
const HEAD = `local netfilter, nf = require("netfilter"), require("linux.nf")
local ACCEPT = nf.action.ACCEPT
`;

describe.skipIf(why)(`hooks at devices${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const commands = new LiveCommands("x");

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

  const file = (source: string) => commands.file(source);
  const arm = (script: string, namespace: string, ...options: string[]) =>
    commands.arm(script, namespace, ...options);
  const ask = (host: string, ...texts: string[]) => askEcho(net, host, ...texts);

  function example(name: string, changes: Readonly<Record<string, string>>): string {
    let source = readFileSync(`examples/${name}.lua`, "latin1");
    for (const [from, to] of Object.entries(changes)) {
      expect(source).toContain(from);
      source = source.replace(from, to);
    }
    return commands.file(source, name);
  }

  /** The lines of tcpdump on the server's device for `filter`, while `action` runs, until `last` was seen. */
  async function seen(filter: string, last: RegExp, action: () => Promise<unknown>): Promise<string> {
    const dump = net.spawn(net.server, "tcpdump", ["-vv", "-n", "-l", "-i", DEVICE, filter]);
    let text = "";
    dump.stdout?.on("data", (more) => (text += more));
    await lineOf(dump, /listening on/);
    const end = lineOf(dump, last);
    await action();
    await end;
    dump.kill("SIGKILL");
    return text;
  }

  const offload = (state: "on" | "off") => {
    for (const name of [net.client, net.server])
      expect(net.exec(name, "ethtool", ["-K", DEVICE, "tx", state, "rx", state]).status).toBe(0);
  };

  test("a hook at the ingress rewrites what the server gets, and one at the egress what it answers", async () => {
    const script = file(`${HEAD}
      local function change(from, to)
        return function(skb)
          local d = skb:data()
          local udp = d:getuint8(0) >> 4 == 4 and 20 or 40
          if d:getuint8(udp == 20 and 9 or 6) ~= 17 or d:getuint8(udp + 8) ~= from:byte() then return ACCEPT end
          d:setstring(udp + 8, to)
          print(#d, d:getstring(udp + 8, #to))
          skb:checksum()
          return ACCEPT
        end
      end
      netfilter.register{ hook = change("a", "bcd"), pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = 0 }
      netfilter.register{ hook = change("b", "axyz"), pf = nf.proto.INET, hooknum = nf.inet.POST_ROUTING, priority = 0 }`);
    const { ready, stop } = await arm(script, net.server, "--attach", `tcx:${DEVICE}`);
    expect(ready).toContain(`egress of ${DEVICE}; ingress of ${DEVICE}`);
    for (const state of ["on", "off"] as const) {
      offload(state);
      for (const host of SERVER) expect(await ask(host, "a234567")).toEqual(["axyz567"]);
    }
    const { stdout, status } = await stop();
    expect(status).toBe(0);
    expect(stdout.split("\n").slice(0, 2)).toEqual(["35\tbcd", "35\taxyz"]);
    expect(stdout).toContain("55\tbcd");
  });

  test.each(["on", "off"] as const)(
    "tcpreject: a port is refused at once, with right checksums (offload %s)",
    async (state) => {
      offload(state);
      example("tcpreject", { "FORWARD_TOO = true": "FORWARD_TOO = false" });
      const script = example("reject-port", { "[80] = true": "[9000] = true" });
      const { stop } = await arm(script, net.server, "--attach", `tcx:${DEVICE}`);
      for (const host of SERVER) {
        const text = await seen("tcp port 9000", /Flags \[R/, async () => {
          const { stdout } = await net.run(net.client, process.execPath, [TRAFFIC, "stream", host, "10"]);
          expect(stdout.trim()).toBe("ECONNREFUSED");
        });
        const [, reset] = /Flags \[R\.\], (cksum .*?), seq 0/.exec(text) ?? [];
        // Where the device adds it up, what tcpdump sees is the sum of the pseudo header.
        expect(reset).toMatch(state === "off" ? /\(correct\)$/ : /\(incorrect -> /);
      }
      // What is not refused is as before.
      expect(await ask(SERVER_V4, "through")).toEqual(["through"]);
      const { stdout, status } = await stop();
      expect(status).toBe(0);
      expect(new Set(stdout.trim().split("\n").slice(0, -1))).toEqual(
        new Set(["tcpreject: refused port 9000"]),
      );
    },
  );

  test("a copy is sent while the packet itself goes on as it was", async () => {
    offload("off");
    // The text comes back changed, as a frame of its own, and again from the server.
    const script = file(`${HEAD}
      netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = 0, hook = function(skb)
        local d = skb:data()
        if d:getuint8(9) ~= 17 or d:getuint8(28) ~= 99 then return ACCEPT end
        local before = d:getstring(0)
        local copy = skb:copy()
        local p, m = copy:data(), copy:data("mac")
        m:setstring(0, m:getstring(6, 6) .. m:getstring(0, 6))
        p:setstring(12, p:getstring(16, 4) .. p:getstring(12, 4))
        p:setstring(20, p:getstring(22, 2) .. p:getstring(20, 2))
        p:setstring(28, "kopied")
        copy:checksum()
        copy:forward()
        print(before == d:getstring(0), #d, #skb)
        return ACCEPT
      end }`);
    const { stop } = await arm(script, net.server, "--attach", "tcx");
    expect((await ask(SERVER_V4, "c-text", "c-text")).sort()).toEqual(["c-text", "kopied"]);
    const { stdout } = await stop();
    expect(stdout).toContain("true\t34\t34");
  });

  test("a mark set at a device is there for the rules of netfilter", async () => {
    const script = file(`${HEAD}
      netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = 0, hook = function(skb)
        local d = skb:data()
        local udp = d:getuint8(0) >> 4 == 4 and 20 or 40
        if d:getuint8(udp + 8) == 109 then return ACCEPT, 0x77 end
        return ACCEPT
      end }`);
    const { stop } = await arm(script, net.server, "--attach", `tcx:${DEVICE}`);
    const rules = "table inet t { chain c { type filter hook input priority 0; meta mark 0x77 drop; }; }";
    expect(net.exec(net.server, "nft", ["-f", "-"], rules).status).toBe(0);
    for (const host of SERVER) expect(await ask(host, "marked", "other")).toEqual(["other"]);
    expect(net.exec(net.server, "nft", ["delete", "table", "inet", "t"]).status).toBe(0);
    for (const host of SERVER) expect(await ask(host, "marked")).toEqual(["marked"]);
    await stop();
  });

  test("killed, it leaves nothing; pinned, it stays until it is stopped", async () => {
    const script = file(`${HEAD}
      netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = 0, hook = function(skb)
        local d = skb:data()
        if d:getuint8(9) == 17 and d:getuint8(28) == 120 then return nf.action.DROP end
        return ACCEPT
      end }`);
    const { child, ended } = await arm(script, net.server, "--attach", `tcx:${DEVICE}`);
    expect(await ask(SERVER_V4, "x", "y")).toEqual(["y"]);
    child.kill("SIGKILL");
    await ended;
    expect(await ask(SERVER_V4, "x", "y")).toEqual(expect.arrayContaining(["x", "y"]));
    const pinned = await arm(script, net.server, "--attach", `tcx:${DEVICE}`, "--pin", PIN);
    pinned.child.kill("SIGKILL");
    await pinned.ended;
    expect(await ask(SERVER_V4, "x", "y")).toEqual(["y"]);
    const listed = spawnSync("bin/moonhook", ["list"], { encoding: "utf8" }).stdout;
    expect(listed).toMatch(new RegExp(`${PIN}\n  ingress of device \\d+: x${process.pid}`));
    expect(spawnSync("bin/moonhook", ["stop", PIN]).status).toBe(0);
    expect(await ask(SERVER_V4, "x", "y")).toEqual(expect.arrayContaining(["x", "y"]));
    expect(kernelObjects(commands.nameOf(commands.scripts))).toEqual({ programs: [], links: [], maps: [] });
  });

  test("what cannot be is said: other hook points by line, devices that are not there", () => {
    const script = file(`${HEAD}
      local function hook(skb) skb:data():setuint8(8, 1) return ACCEPT end
      netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.FORWARD, priority = 0 }`);
    const refused = spawnSync("bin/moonhook", ["run", script, "--attach", "tcx"], { encoding: "utf8" });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/\.lua:4:\d+: a hook at FORWARD with --attach tcx cannot be compiled/);
    expect(spawnSync("bin/moonhook", ["check", script, "--attach", "tcx"]).status).toBe(1);
    const other = file(`${HEAD}
      netfilter.register{ hook = function() return 1 end, pf = nf.proto.INET, hooknum = 0, priority = 0 }`);
    const missing = spawnSync("bin/moonhook", ["run", other, "--attach", "tcx:nodevice"], {
      encoding: "utf8",
    });
    expect(missing.stderr).toContain("nodevice: ENODEV");
    expect(missing.status).toBe(2);
    expect(spawnSync("bin/moonhook", ["run", other, "--attach", "xyz"]).status).toBe(2);
  });
});
