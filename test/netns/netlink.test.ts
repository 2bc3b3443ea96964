/** `moonhook/netlink` against the real kernel: small programs inside a namespace use the built library. */

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CLIENT_V4,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  whyNoNamespaces,
} from "./namespace.ts";

const why = whyNoNamespaces();
const library = new URL("../../dist/linux/index.js", import.meta.url).href;
const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));

describe.skipIf(why)(`netlink${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  beforeAll(async () => {
    net = await makeNamespaces();
    net.exec(net.server, "nft", [
      "add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c ct state new counter",
    ]);
    await lineOf(net.spawn(net.server, process.execPath, [TRAFFIC, "echo"]), /listening/);
  });
  afterAll(() => net?.remove());

  /** Runs the body of an async function in the server's namespace; `netlink` is the library. Gives what it returns. */
  function inServer(body: string): unknown {
    const program = `import * as netlink from ${JSON.stringify(library)};
      const value = await (async () => { ${body} })();
      console.log(JSON.stringify(value, (_, v) => v instanceof Uint8Array ? [...v] : typeof v === "bigint" ? String(v) : v) ?? "null");`;
    const { status, stdout, stderr } = net.exec(net.server, process.execPath, [
      "--input-type=module",
      "-e",
      program,
    ]);
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout);
  }

  test("devices are those of the namespace, as ip shows them", () => {
    const links = inServer("return new netlink.RouteSocket().links()") as Record<string, unknown>[];
    const shown = JSON.parse(net.exec(net.server, "ip", ["-j", "link"]).stdout) as Record<string, unknown>[];
    const mac = (bytes: unknown) =>
      (bytes as number[]).map((byte) => byte.toString(16).padStart(2, "0")).join(":");
    expect(
      links.map(({ index, name, mtu, hardwareAddress }) => [index, name, mtu, mac(hardwareAddress)]),
    ).toEqual(shown.map(({ ifindex, ifname, mtu, address }) => [ifindex, ifname, mtu, address]));
  });

  test("addresses", () => {
    expect(inServer("return new netlink.RouteSocket().addresses()")).toContainEqual({
      index: expect.any(Number),
      family: 2,
      address: SERVER_V4.split(".").map(Number),
      prefixLength: 24,
      broadcast: [10, 77, 0, 255],
    });
  });

  test("a connection is listed, and found by either of its tuples", () => {
    net.exec(net.client, process.execPath, [TRAFFIC, "ask", SERVER_V4, "1 hello"]);
    const found = inServer(`
      const conntrack = new netlink.ConntrackSocket();
      const all = conntrack.dump(2);
      const one = all.find(({ original }) => original.proto.number === 17);
      const none = { ...one.original, proto: { number: 17, sport: 1, dport: 2 } };
      return [one, conntrack.get(2, one.original), conntrack.get(2, one.reply), conntrack.get(2, none) === undefined];`);
    const entry = {
      family: 2,
      original: {
        ip: { source4: CLIENT_V4.split(".").map(Number), destination4: SERVER_V4.split(".").map(Number) },
        proto: { number: 17, sport: expect.any(Number), dport: 9000 },
      },
      reply: { proto: { number: 17, sport: 9000, dport: expect.any(Number) } },
    };
    expect(found).toMatchObject([entry, entry, entry, true]);
  });

  test("a refusal says what, why, and the kernel's own words", () => {
    expect(
      inServer(`try {
          const name = { name: "a-name-that-is-too-long" };
          new netlink.NetlinkSocket(0).request(
            { type: 16, flags: 0x600, payload: netlink.linkMessage.encode({}, name), object: "device" });
        } catch ({ name, code, call, object, detail }) { return { name, code, call, object, detail }; }`),
    ).toMatchObject({
      name: "ErrnoError",
      code: expect.stringMatching(/^E(RANGE|INVAL)$/),
      call: "netlink NETLINK_ROUTE",
      object: "device",
      detail: expect.stringContaining("ttribute"),
    });
  });

  test("a batch that fails half way leaves nothing", () => {
    expect(
      inServer(`const hook = { family: 2, hooknum: 1, priority: 0, queue: 1, bypass: true };
        const tables = new netlink.OwnedTables("mh");
        try { tables.install([hook, { ...hook, priority: 1, hooknum: 77 }]); } catch (error) { return error.code; }`),
    ).toMatch(/^E/);
    expect(net.exec(net.server, "nft", ["list", "tables"]).stdout.trim()).toBe("table ip t");
  });

  test("a queue that is taken is passed over", () => {
    expect(
      inServer(`const [a, b] = [new netlink.QueueSocket(), new netlink.QueueSocket()];
        const first = [a.bindFree(100), b.bindFree(100)];
        a.unbind(100);
        const code = (socket) => { try { socket.bind(101); } catch (error) { return error.code; } };
        return [...first, code(b), code(a), a.bindFree(100)];`),
    ).toEqual([100, 101, "EBUSY", "EPERM", 100]);
  });

  test("every feature that is missing says how to get it, and looking changes nothing", () => {
    const before = net.exec(net.server, "nft", ["list", "ruleset"]).stdout;
    const features = inServer("return netlink.probeFeatures()") as Record<string, unknown>[];
    expect(features.map(({ feature }) => feature)).toContain("nfqueue");
    for (const { feature, ok, detail, neededBy, howToGet } of features) {
      expect(detail, String(feature)).not.toBe("");
      expect(neededBy, String(feature)).not.toBe("");
      expect(howToGet === "", String(feature)).toBe(ok);
    }
    expect(net.exec(net.server, "nft", ["list", "ruleset"]).stdout).toBe(before);
  });
});
