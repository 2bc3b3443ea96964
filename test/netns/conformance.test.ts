/**
 * Programs in the kernel against the conformance suite: packets that really come in, told apart by their number (IPv4's
 * field id). Rules of nftables in front of all hooks and behind them write down which of them they saw.
 */

import { afterAll, afterEach, beforeAll, describe, expect } from "vitest";
import { withinNamespace } from "../../src/linux/netns.ts";
import { RawSender } from "../../src/linux/raw-send.ts";
import { ETH_P } from "../../src/uapi/if-ether.ts";
import { ipv4, writeIpv4Checksum } from "../../src/wire/ipv4.ts";
import { conformance, MACHINE, type Machine, PEER, type Report } from "../conformance/suite.ts";
import { join, u16 } from "../corpus/build.ts";
import { LiveCommands } from "./live-commands.ts";
import { DEVICE, eventually, makeNamespaces, type Namespaces, whyNoNamespaces } from "./namespace.ts";

const why = whyNoNamespaces();
/** By the reason why programs of netfilter, or this machine, cannot take part. */
const SKIPPED: Readonly<Record<string, readonly string[]>> = {
  "programs may not write": [
    "written bytes leave",
    "a packet grows",
    "a packet shrinks",
    "tail room has the same limit everywhere",
  ],
  "programs cannot set marks": [
    "second result is the mark, which later hooks are chosen by",
    "an error accepts, is logged in one line and counted; the next packet is served",
  ],
  "programs only accept and drop": ["verdict: STOLEN"],
  "a packet is for one run": ["a skb kept beyond its hook is not set"],
  "packets only come in here": ["no hook", "hook points", "no device at LOCAL_OUT, one everywhere else"],
};

/** In front of all hooks, and behind those of LOCAL_IN. */
const RULES = `
table ip judge {
  set seen { typeof ip id; flags dynamic; size 1024; }
  set passed { typeof ip id . meta mark; flags dynamic; size 1024; }
  chain first { type filter hook prerouting priority -500; ip saddr ${PEER} add @seen { ip id }; }
  chain last { type filter hook input priority 500; ip saddr ${PEER} add @passed { ip id . meta mark }; }
}`;

describe.skipIf(why)(`the kernel${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  let send: (packet: Uint8Array) => void;
  const commands = new LiveCommands("k");

  beforeAll(async () => {
    net = await makeNamespaces();
    // Its neighbour discovery would come to the hooks as well.
    for (const name of [net.client, net.server])
      must(name, "sysctl", "-w", "net.ipv6.conf.all.disable_ipv6=1");
    const { client, server } = net;
    const macs = [client, server].map((name) => must(name, "cat", `/sys/class/net/${DEVICE}/address`).trim());
    must(client, "ip", "address", "add", `${PEER}/24`, "dev", DEVICE);
    must(server, "ip", "address", "add", `${MACHINE}/24`, "dev", DEVICE);
    must(server, "ip", "neighbour", "replace", PEER, "lladdr", macs[0]!, "dev", DEVICE);
    const index = Number(must(client, "cat", `/sys/class/net/${DEVICE}/ifindex`));
    const [from, to] = macs.map((mac) => mac.split(":").map((byte) => Number.parseInt(byte, 16)));
    const link = join(to!, from!, u16(ETH_P.ETH_P_IP));
    send = (packet) =>
      withinNamespace(client, () => {
        const sender = new RawSender();
        sender.send(index, ETH_P.ETH_P_IP, join(link, packet));
        sender.close();
      });
  });
  afterEach(() => commands.end());
  afterAll(() => {
    net?.remove();
    commands.remove();
  });

  function must(namespace: string, command: string, ...args: string[]): string {
    const { status, stdout, stderr } = net.exec(namespace, command, args);
    expect(status, `${command} ${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
    return stdout;
  }

  /** The numbers in a set of the rules, each with what stands behind it. */
  function noted(set: string): Map<number, string | undefined> {
    const listed = must(net.server, "nft", "-j", "list", "set", "ip", "judge", set);
    const { nftables } = JSON.parse(listed) as { nftables: { set?: { elem?: unknown[] } }[] };
    const elements = nftables.find((each) => each.set)?.set?.elem ?? [];
    return new Map(
      elements.map((element) => {
        const [id, mark] = element instanceof Object ? (element as { concat: number[] }).concat : [element];
        return [Number(id), mark === undefined ? undefined : String(mark)];
      }),
    );
  }

  const machine: Machine = {
    async run(script, packets): Promise<Report> {
      net.exec(net.server, "nft", ["delete", "table", "ip", "judge"]);
      must(net.server, "nft", RULES);
      const running = await commands.arm(commands.file(script, "test"), net.server, "--on", "ebpf");
      for (const [i, packet] of packets.entries()) {
        const numbered = packet.slice();
        ipv4.set.id(numbered, 0, i + 1);
        writeIpv4Checksum(numbered, 0);
        send(numbered);
      }
      await eventually("all packets have come", () => noted("seen").size === packets.length);
      const { stdout, stderr } = await running.stop();
      const passed = noted("passed");
      const outcomes = packets.map((_, i) => ({
        verdict: passed.has(i + 1) ? ("accept" as const) : ("drop" as const),
        mark: Number(passed.get(i + 1) ?? 0),
        modified: false,
      }));
      const lines = (text: string, pattern: RegExp, level: string): string[] =>
        text.split("\n").flatMap((line) => {
          const [, said] = pattern.exec(line) ?? [];
          return said === undefined || line === "" ? [] : [`${level}: ${said}`];
        });
      const log = [
        ...lines(stdout, /^(?!.* lines of the log lost)(.*)$/, "info"),
        ...lines(stderr, /^script error: (.*)$/, "error"),
      ];
      const errors = Number(/^(\d+) script error/m.exec(stdout)?.[1]);
      return { outcomes, log, counters: { errors } };
    },
  };

  conformance("ebpf", () => machine, {
    skip: Object.entries(SKIPPED).flatMap(([reason, tests]) => tests.map((each) => ({ test: each, reason }))),
  });
});
