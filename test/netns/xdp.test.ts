/** `moonhook run --xdp`: a function on the frames of real devices, in the driver (veth) and behind it (lo). */

import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answers as echoAnswers, LiveCommands, serveEcho } from "./live-commands.ts";
import {
  DEVICE,
  eventually,
  finishedOf,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  SERVER_V6,
  whyNoNamespaces,
} from "./namespace.ts";
import { kernelObjects, remainingMaps, sweepPins, TEST_PIN } from "./pins.ts";

const PIN = `${TEST_PIN}${process.pid}`;
const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));
const why = whyNoNamespaces();

/** What becomes of datagrams, by what they begin with. */
const SORTING = `
local xdp, act = require("xdp"), require("linux.xdp")
local numbers = { drop = act.DROP, abort = act.ABORTED, pass = act.PASS, odd = 17, back = act.REDIRECT }
local seen = 0
xdp.attach(function(frame, argument)
  local v4 = frame:getuint8(12) == 8 and frame:getuint8(13) == 0
  local v6 = frame:getuint8(12) == 0x86 and frame:getuint8(13) == 0xdd
  if not v4 and not v6 then return act.PASS end
  local transport = v4 and 34 or 54
  if frame:getuint8(v4 and 23 or 20) ~= 17 then return act.PASS end
  local word = frame:getstring(transport + 8):match("^[^ ]+")
  seen = seen + 1
  if word == "count" then print("count", seen, #frame, #argument) return act.PASS end
  if word == "beyond" then return frame:getuint8(#frame) end
  if word == "argument" then return argument:getuint8(0) end
  if word == "nothing" then return end
  return numbers[word] or act.PASS
end)`;
/** What lets a datagram pass, in an order that the last of them is answered. */
const TEXTS = ["drop 1", "abort 2", "odd 3", "back 4", "beyond 5", "argument 6", "nothing 7", "pass 8"];
const PASSING = ["odd 3", "back 4", "beyond 5", "argument 6", "pass 8"];

describe.skipIf(why)(`functions on frames${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const commands = new LiveCommands("d");

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
  const name = () => commands.nameOf(commands.scripts);
  const arm = (script: string, ...options: string[]) => commands.arm(script, net.server, ...options);
  const answers = (host: string, ...texts: string[]) => echoAnswers(net, host, ...texts);
  /** What a client on the server's own machine, so through its loopback, is answered. */
  const ownAnswers = (host: string, ...texts: string[]): string[] =>
    JSON.parse(net.exec(net.server, process.execPath, [TRAFFIC, "ask", host, ...texts]).stdout);
  const link = (device: string) => net.exec(net.server, "ip", ["link", "show", device]).stdout;
  const nothingLeft = (maps: readonly number[]) =>
    eventually("all is gone", () => kernelObjects(name()).programs.length + remainingMaps(maps).length === 0);

  test.each([
    { mode: "in the driver", device: DEVICE, shown: /prog\/xdp/, ask: answers },
    { mode: "behind it", device: "lo", shown: /xdpgeneric/, ask: ownAnswers },
  ])("verdicts, errors, both families: $mode", async ({ device, shown, ask }) => {
    const { ready, stop } = await arm(file(SORTING), "--xdp", device);
    expect(ready).toContain(`1 function on frames in the kernel at xdp of ${device} in ${net.server}`);
    expect(link(device)).toMatch(device === "lo" ? /xdpgeneric/ : / xdp /);
    expect(link(device)).toMatch(device === "lo" ? shown : /prog\/xdp/);
    for (const host of [SERVER_V4, SERVER_V6]) expect(ask(host, ...TEXTS)).toEqual(PASSING);
    expect(ask(SERVER_V4, "count")).toEqual(["count"]);
    const { maps } = kernelObjects(name());
    const { status, stdout, stderr } = await stop("SIGINT");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^count\t\d+\t47\t0$/m);
    const said = (text: string) => stderr.split("\n").filter((line) => line.includes(text)).length;
    // What comes back over the loopback is a frame again.
    const times = device === "lo" ? 4 : 2;
    expect(said("it passes: a verdict other than ABORTED, DROP, PASS and TX")).toBe(2 * times);
    expect(said("bad argument #1 to 'getuint8' (out of bounds)")).toBe(2 * times);
    expect(said("cannot run programs on frames")).toBe(device === "lo" ? 1 : 0);
    expect(link(device)).not.toContain("xdp");
    await nothingLeft(maps);
    expect(ask(SERVER_V4, "drop 1", "pass")).toEqual(["drop 1", "pass"]);
  });

  test("a frame is written, and sent back", async () => {
    for (const namespace of [net.client, net.server])
      expect(
        net.exec(namespace, "ethtool", ["-K", DEVICE, "tx", "off", "rx", "off", "gro", "on"]).status,
      ).toBe(0);
    // The answer never comes from the server: addresses and ports change places, and the sums stay right.
    const script = file(`
      local xdp, act = require("xdp"), require("linux.xdp")
      xdp.attach(function(frame)
        if frame:getuint8(12) ~= 8 or frame:getuint8(13) ~= 0 or frame:getuint8(23) ~= 17 then return act.PASS end
        if frame:getuint8(42) == ("w"):byte() then
          frame:setuint16(40, 0)
          frame:setuint8(43, ("W"):byte())
          frame:setstring(44, "ritten")
          return act.PASS
        end
        if frame:getuint8(42) ~= ("t"):byte() then return act.PASS end
        frame:setstring(0, frame:getstring(6, 6) .. frame:getstring(0, 6))
        frame:setstring(26, frame:getstring(30, 4) .. frame:getstring(26, 4))
        frame:setstring(34, frame:getstring(36, 2) .. frame:getstring(34, 2))
        frame:setuint16(40, 0)
        frame:setstring(43, "HERE")
        print("sent back", #frame)
        return act.TX
      end)`);
    const { stop } = await arm(script, "--on", "ebpf", "--xdp", DEVICE);
    expect(answers(SERVER_V4, "wxyz1234")).toEqual(["wWritten"]);
    expect(answers(SERVER_V4, "there")).toEqual(["tHERE"]);
    expect((await stop()).stdout).toContain("sent back\t47\n");
  });

  test("pinned it stays, another version takes its place without a gap, stop ends it", async () => {
    const dropping = (version: number) => `
      local xdp, act = require("xdp"), require("linux.xdp")
      xdp.attach(function(frame)
        if frame:getuint8(12) ~= 8 or frame:getuint8(13) ~= 0 or frame:getuint8(23) ~= 17 then return act.PASS end
        local text = frame:getstring(42)
        if text:sub(1, 3) ~= "bad" then return act.PASS end
        if text:sub(-3) == "000" then print("version ${version}") end
        return act.DROP
      end)`;
    const path = file(dropping(0));
    const run = await arm(path, "--xdp", DEVICE, "--pin", PIN);
    const sender = net.spawn(net.client, process.execPath, [TRAFFIC, "steady", SERVER_V4, "50000000"]);
    let sent = "";
    sender.stdout?.on("data", (text) => (sent += text));
    const end = new Promise((resolve) => sender.on("close", resolve));
    await lineOf(run.child, /^version 0$/);
    for (let version = 1; version <= 3; version++) {
      writeFileSync(path, dropping(version));
      run.child.kill("SIGHUP");
      await lineOf(run.child, new RegExp(`^version ${version}$`));
    }
    run.child.kill("SIGKILL");
    await run.ended;
    writeFileSync(path, dropping(4));
    const next = await arm(path, "--xdp", DEVICE, "--pin", PIN, "--replace");
    await lineOf(next.child, /^version 4$/);
    next.child.kill("SIGKILL");
    sender.kill("SIGTERM");
    await end;
    expect(JSON.parse(sent)).toMatchObject({ answers: [] });
    const list = spawnSync("bin/moonhook", ["list"], { encoding: "utf8" }).stdout;
    expect(list).toMatch(new RegExp(`${PIN}\n  xdp of device \\d+: ${name()}\n`));
    // The device has room for one.
    const other = finishedOf(
      spawn("bin/moonhook", ["run", file(SORTING), "--netns", net.server, "--xdp", DEVICE]),
    );
    expect(await other).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("another XDP program has the device"),
    });
    expect(spawnSync("bin/moonhook", ["stop", PIN]).status).toBe(0);
    expect(answers(SERVER_V4, "bad 1", "good")).toEqual(["bad 1", "good"]);
    expect(link(DEVICE)).not.toContain("xdp");
  });

  test("hooks and frames in one script share what they keep", async () => {
    const script = file(`
      local xdp, act = require("xdp"), require("linux.xdp")
      local netfilter, nf = require("netfilter"), require("linux.nf")
      local n = 0
      xdp.attach(function(frame)
        if frame:getuint8(12) == 8 and frame:getuint8(13) == 0 and frame:getuint8(23) == 17 then n = n + 1 end
        return act.PASS
      end)
      netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 0, hook = function(skb)
        if skb:data():getuint8(9) == 17 then print("frames", n) end
        return nf.action.ACCEPT
      end }`);
    const { ready, stop } = await arm(script, "--xdp", "all");
    expect(ready).toContain(`1 hook, 1 function on frames in the kernel at xdp of lo, ${DEVICE}`);
    for (const text of ["a", "b"]) expect(answers(SERVER_V4, text)).toEqual([text]);
    expect((await stop()).stdout).toMatch(/^frames\t1\nframes\t2\n/);
  });

  test.each([
    [
      "needs the devices",
      SORTING,
      ["--on", "ebpf"],
      "xdp.attach needs the devices whose frames it gets: --xdp DEV,…",
    ],
    ["needs a function", "", ["--xdp", DEVICE], "the script attaches nothing to frames"],
    ["needs devices that there are", SORTING, ["--xdp", "mh0,nosuch"], "no such device"],
    ["is nothing for user space", SORTING, ["--on", "nfqueue"], "unable to attach"],
  ])("--xdp %s", (_what, source, options, text) => {
    const { status, stderr } = spawnSync(
      "bin/moonhook",
      ["run", file(source), "--netns", net.server, ...options],
      { encoding: "utf8" },
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain(text);
    expect(link(DEVICE)).not.toContain("xdp");
  });
});
