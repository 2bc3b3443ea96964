/**
 * Hooks that ask for connections, real ones: what the program in the kernel reads of them is what user space is told by
 * ctnetlink, and what the real `conntrack` lists.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { withinNamespace } from "../../src/linux/netns.ts";
import { RawSender } from "../../src/linux/raw-send.ts";
import { ETH_P } from "../../src/uapi/if-ether.ts";
import { icmpSegment, ip, join, u16 } from "../corpus/build.ts";
import { LiveCommands, serveEcho } from "./live-commands.ts";
import {
  CLIENT_V4,
  CLIENT_V6,
  DEVICE,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  SERVER_V6,
  whyNoNamespaces,
} from "./namespace.ts";
import { TEST_PIN } from "./pins.ts";

const why = whyNoNamespaces();
const TRAFFIC = fileURLToPath(new URL("connection-traffic.mjs", import.meta.url));

/** Timeouts so long that no run changes how many days they are, rounded. */
const LASTING_SECONDS = 500_000;
const LASTING = [
  "udp_timeout",
  "udp_timeout_stream",
  "icmp_timeout",
  "icmpv6_timeout",
  "tcp_timeout_established",
  "tcp_timeout_unacknowledged",
];
const ECHO_ID = 0x1234;

/** Everything that a hook can read; of first packets what user space is told, too. */
const SCRIPT = `
local nf, netfilter, conntrack = require("linux.nf"), require("netfilter"), require("conntrack")

local function address(a)
  if type(a) == "number" then return string.format("%08x", a) end
  return string.format("%x..%x of %d", a:byte(1), a:byte(16), #a)
end

local function tuple(name, t)
  print(name, t.family, t.protocol, address(t.src), address(t.dst), t.sport, t.dport, t.type, t.code, t.id, t.nothing)
end

local function all(ct, mark)
  print("state", ct:mark(), ct:mark() == mark, ct:status(), ct:zone(), ct:tcpstate(), ct:helper())
  print("days", (ct:timeout() + 43200000) // 86400000)
  print("original", ct:counters())
  print("reply", ct:counters(nf.ct.dir.REPLY))
  local labels = ct:labels()
  print("labels", #labels, labels:byte(1), labels:byte(16))
  local master = ct:master()
  if master then tuple("master", master:tuple()) end
end

local function on(hooknum)
  netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet[hooknum], priority = 10, hook = function(skb)
    local data = skb:data()
    local six = data:getuint8(0) >> 4 == 6
    local protocol, l4 = data:getuint8(six and 6 or 9), six and 40 or (data:getuint8(0) & 15) * 4
    -- Nothing but what the test sends: neighbours and routers talk as well.
    if protocol == 58 and data:getuint8(l4) >= 130 then return nf.action.ACCEPT end
    if protocol == 6 and data:getuint8(l4 + 13) & 0x0a == 0 then return nf.action.ACCEPT end
    if protocol ~= 58 and protocol ~= 6 and protocol ~= 17 and protocol ~= 1 then return nf.action.ACCEPT end
    local ct, info = conntrack.get(skb)
    print(hooknum, protocol, info, ct == nil, skb:connmark() == nil)
    if not ct then return nf.action.ACCEPT end
    for dir = 0, 1 do tuple(dir == 0 and "from" or "to", ct:tuple(dir)) end
    if ct:status() & nf.ct.status.CONFIRMED ~= 0 then all(ct, skb:connmark()) end
    return nf.action.ACCEPT
  end }
end

on("LOCAL_IN")
on("LOCAL_OUT")
`;

/** What only the kernel knows of the first packet of a connection. */
const FIRST = `
local nf, netfilter, conntrack = require("linux.nf"), require("netfilter"), require("conntrack")
netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = 10, hook = function(skb)
  local ct, info = conntrack.get(skb)
  if not ct or info ~= nf.ct.info.NEW then return nf.action.ACCEPT end
  local t = ct:tuple()
  local packets, bytes = ct:counters()
  if t.protocol == 17 and t.dport == 9000 then
    print(t.sport, ct:mark(), skb:connmark(), ct:zone(), ct:timeout(), packets, bytes == #skb, ct:status() & 8)
  end
  return nf.action.ACCEPT
end }
`;

/** What the server's rules make of connections before the hooks see them. */
const RULES = `
table inet t {
  ct helper ftp { type "ftp" protocol tcp; l3proto ip; }
  chain raw {
    type filter hook prerouting priority -300;
    udp dport 9001 notrack
    udp sport 4003 ct zone set 5
  }
  chain marks {
    type filter hook prerouting priority -150;
    udp sport 4002 ct mark set 0x80000007 ct label set 1
    tcp dport 21 ct helper set "ftp"
  }
  chain out {
    type filter hook output priority -300;
    udp dport 4003 ct zone set 5
  }
}`;

describe.skipIf(why)(`connections in the kernel${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces | undefined;
  const commands = new LiveCommands("c");

  afterEach(async () => {
    await commands.end();
    net?.remove();
    net = undefined;
  });
  afterAll(() => commands.remove());

  /** Fresh namespaces: connections of the run before would be known. */
  async function network(): Promise<Namespaces> {
    net = await makeNamespaces();
    return net;
  }

  function must(namespaces: Namespaces, namespace: string, command: string, ...args: string[]): string {
    const { status, stdout, stderr } = namespaces.exec(namespace, command, args);
    expect(status, `${command} ${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
    return stdout;
  }

  const talk = (namespaces: Namespaces, ...args: string[]) =>
    must(namespaces, namespaces.client, process.execPath, TRAFFIC, ...args);

  function ping(namespaces: Namespaces, to: string): void {
    const macOf = (namespace: string) =>
      must(namespaces, namespace, "cat", `/sys/class/net/${DEVICE}/address`)
        .trim()
        .split(":")
        .map((byte) => Number.parseInt(byte, 16));
    const six = to.includes(":");
    const from = six ? CLIENT_V6 : CLIENT_V4;
    const packet = ip({ from, to }, icmpSegment(six ? 128 : 8, 0, (ECHO_ID << 16) | 1, [1, 2, 3, 4], six));
    const protocol = six ? ETH_P.ETH_P_IPV6 : ETH_P.ETH_P_IP;
    const frame = join(macOf(namespaces.server), macOf(namespaces.client), u16(protocol), packet);
    const index = Number(must(namespaces, namespaces.client, "cat", `/sys/class/net/${DEVICE}/ifindex`));
    withinNamespace(namespaces.client, () => {
      const sender = new RawSender();
      try {
        sender.send(index, protocol, frame);
      } finally {
        sender.close();
      }
    });
  }

  /** What the script says of all that traffic, and what the real tool lists behind it. */
  async function said(
    script: string,
    ports: readonly number[],
    ...options: string[]
  ): Promise<{ lines: string[]; listed: string[] }> {
    const namespaces = await network();
    const { server } = namespaces;
    await serveEcho(namespaces);
    await lineOf(namespaces.spawn(server, process.execPath, [TRAFFIC, "ftp-server"]), /listening/);
    must(namespaces, server, "nft", RULES);
    must(namespaces, server, "sysctl", "-w", "net.netfilter.nf_conntrack_acct=1");
    for (const name of LASTING)
      must(namespaces, server, "sysctl", "-w", `net.netfilter.nf_conntrack_${name}=${LASTING_SECONDS}`);
    // Neighbours know each other before anything is counted.
    for (const host of [SERVER_V4, SERVER_V6]) talk(namespaces, "udp", host, "9000", "4000", "first");
    must(namespaces, server, "conntrack", "-F");
    const running = await commands.arm(commands.file(script), server, ...options);
    for (const host of [SERVER_V4, SERVER_V6]) {
      ping(namespaces, host);
      ping(namespaces, host);
      talk(namespaces, "refused", host, "9001", "4001");
      talk(namespaces, "refused", host, "9002", "4001");
      for (const port of ports) talk(namespaces, "udp", host, "9000", String(port), "a", "bc", "def");
      talk(namespaces, "tcp", host, "9000", "4004", "a", "bc");
    }
    talk(namespaces, "ftp", SERVER_V4, "4005", "5000");
    const listed = ["ipv4", "ipv6"].flatMap((family) =>
      must(namespaces, server, "conntrack", "-L", "-f", family).split("\n"),
    );
    const { status, stdout, stderr } = await running.stop();
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/\b0 script errors/);
    namespaces.remove();
    return { lines: stdout.split("\n").filter((line) => line.includes("\t")), listed };
  }

  test("a program reads of every connection what user space is told of it, and what conntrack lists", async () => {
    const { lines, listed } = await said(SCRIPT, [4000, 4002], "--on", "ebpf");
    const inUserSpace = await said(SCRIPT, [4000, 4002], "--on", "nfqueue");
    expect(lines).toEqual(inUserSpace.lines);
    const asked = await said(SCRIPT, [4000, 4002], "--on", "ebpf", "--attach", "rules");
    expect(asked.lines).toEqual(inUserSpace.lines);

    const relations = new Set(lines.map((line) => /^LOCAL_\w+\t\d+\t(\w+)/.exec(line)?.[1]));
    expect([...relations].toSorted()).toEqual(["0", "1", "2", "3", "4", "7", "nil", undefined]);
    for (const what of ["helper=ftp", "mark=2147483655"]) expect(listed.join("\n")).toContain(what);
    expect(lines).toContainEqual(expect.stringMatching(/^master\t2\t6\t.*\t4005\t21\t/));
    expect(lines).toContainEqual(expect.stringMatching(/^labels\t16\t2\t0$/));
    for (const line of listed.filter((each) => /^(udp|icmp)/.test(each))) {
      const numbers = (name: string) =>
        [...line.matchAll(new RegExp(`\\b${name}=(\\d+)`, "g"))].map(([, n]) => n);
      expect(lastOf(lines, line), line).toEqual({
        mark: numbers("mark")[0],
        original: [numbers("packets")[0], numbers("bytes")[0]],
        reply: [numbers("packets")[1], numbers("bytes")[1]],
      });
    }
  });

  test("where nobody else asks for connections they are tracked as long as the script runs", async () => {
    const namespaces = await network();
    const { server } = namespaces;
    await serveEcho(namespaces);
    const path = commands.file(`
      local nf, netfilter = require("linux.nf"), require("netfilter")
      netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = 10, hook = function(skb)
        if skb:data():getuint8(9) == 17 then print("mark", skb:connmark()) end
        return nf.action.ACCEPT
      end }`);
    const options = ["run", path, "--on", "ebpf", "--netns", server, "--pin", TEST_PIN];
    const pinned = spawnSync("bin/moonhook", options, { encoding: "utf8", timeout: 60_000 });
    expect([pinned.status, pinned.stderr]).toEqual([
      3,
      expect.stringContaining("hooks that ask for connections cannot be pinned"),
    ]);
    const tables = () => must(namespaces, server, "nft", "list", "tables");
    expect(tables()).toBe("");
    const running = await commands.arm(path, server, "--on", "ebpf");
    expect(tables()).toMatch(
      /^table inet moonhook-track-\d+-1 # progname .*\n$|^table inet moonhook-track-\d+-1\n$/,
    );
    talk(namespaces, "udp", SERVER_V4, "9000", "4000", "a", "bc");
    expect((await running.stop()).stdout).toMatch(/^mark\t0\nmark\t0\n0 script errors/);
    expect(tables()).toBe("");
  });

  test("of the first packet of a connection it reads what rules have made of it", async () => {
    const { lines, listed } = await said(FIRST, [4002, 4003], "--on", "ebpf");
    const mark = 0x8000_0007;
    const once = [`4002\t${mark}\t${mark}\t0\t0\t1\ttrue\t0`, "4003\t0\t0\t5\t0\t1\ttrue\t0"];
    expect(lines).toEqual([...once, ...once]);
    expect(listed.filter((line) => line.includes("zone=5"))).toHaveLength(2);
  });
});

/** The last thing that a hook said of the connection that `conntrack` lists on a line. */
function lastOf(lines: readonly string[], listed: string) {
  const of = (name: string): string => new RegExp(`\\b${name}=(\\S+)`).exec(listed)?.[1] ?? "nil";
  const isFour = of("src").includes(".");
  const [from, to] = isFour ? ["0a4d0001", "0a4d0002"] : ["fd..1 of 16", "fd..2 of 16"];
  const protocol = /^\w+ +(\d+)/.exec(listed)![1];
  const names = ["sport", "dport", "type", "code", "id"].map(of).join("\t");
  const tuple = `from\t${isFour ? 2 : 10}\t${protocol}\t${from}\t${to}\t${names}\tnil`;
  const behind = lines.slice(lines.lastIndexOf(tuple) + 1);
  const words = (name: string): string[] =>
    behind
      .find((line) => line.startsWith(`${name}\t`))!
      .split("\t")
      .slice(1);
  return { mark: words("state")[0], original: words("original"), reply: words("reply") };
}
