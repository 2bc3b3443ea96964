/**
 * The examples on live packets, as a user runs them: `moonhook run` in one of two network namespaces, real servers and
 * real clients around it. That something is cut off is told by what comes after it, not by how long it takes.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readExample } from "../conformance/run-example.ts";
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
const TLS_CLIENT = here("tls-client.mjs");
const SERVER = [SERVER_V4, SERVER_V6];

const ZONE = [
  ["host-record", "ads.example.com,192.0.2.1"],
  ["host-record", "www.example.org,192.0.2.7,2001:db8::7"],
  ["host-record", "www.doctor.example,198.51.100.1,2001:db8::1"],
  ["host-record", "edge.cdn.example,198.51.100.2"],
  ["cname", "alias.doctor.example,www.doctor.example"],
  ["cname", "shop.doctor.example,shop.cdn.example"],
  ["cname", "shop.cdn.example,edge.cdn.example"],
  ["address", "/example.com/192.0.2.9"],
];

/** `tcx`: in the kernel, at all devices, where hooks may change packets. */
type Where = "nfqueue" | "ebpf" | "tcx";
/** Where examples run that can be compiled. */
const EVERYWHERE: readonly Where[] = ["nfqueue", "ebpf"];

/** An example that is running. */
interface Armed {
  readonly child: ChildProcess;
  readonly ended: Promise<Finished>;
  /** What it has printed. */
  readonly log: string[];
  /** One for each packet; none in the kernel. */
  readonly verdicts: string[];
  /** Ends it as Ctrl-C does; fails when it logged an error. */
  stop(): Promise<void>;
}

describe.skipIf(why)(`examples on live packets${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  const folder = mkdtempSync(join(tmpdir(), "moonhook-examples-"));
  const started: ChildProcess[] = [];
  let variants = 0;

  beforeAll(async () => {
    expect(existsSync("dist/backends/nfqueue-worker.js"), "run `npm run build` first").toBe(true);
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

  const rules = () =>
    [net.client, net.server].map((name) => net.exec(name, "nft", ["list", "ruleset"]).stdout).join("");
  const nft = (namespace: string, ...commands: string[]) => {
    const { status, stderr } = net.exec(namespace, "nft", ["-f", "-"], commands.join("\n"));
    expect(status, stderr).toBe(0);
  };

  /** Arms an example; with changes, a copy of it. */
  async function arm(
    name: string,
    namespace: string,
    change?: Record<string, string>,
    on: Where = "nfqueue",
  ): Promise<Armed> {
    let path = `examples/${name}.lua`;
    if (change) {
      path = join(folder, `${name}-${++variants}.lua`);
      writeFileSync(path, readExample(name, change), "latin1");
    }
    const how = on === "tcx" ? ["--attach", "tcx"] : ["--on", on];
    const child = spawn("bin/moonhook", ["run", path, ...how, "--netns", namespace, "--json"]);
    started.push(child);
    const ended = finishedOf(child);
    const log: string[] = [];
    const verdicts: string[] = [];
    let pending = "";
    child.stdout.on("data", (text) => {
      const lines = (pending + text).split("\n");
      pending = lines.pop()!;
      for (const line of lines) {
        const event = JSON.parse(line);
        if (event.type === "log") log.push(event.text);
        if (event.type === "packet") verdicts.push(event.verdict);
      }
    });
    await lineOf(child, /moonhook: ready/);
    const stop = async () => {
      child.kill("SIGINT");
      const { status, stdout, stderr } = await ended;
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toMatchObject({ type: "summary", errors: 0 });
      for (const line of stdout.split("\n")) expect(line).not.toContain('"level":"error"');
      expect(rules()).not.toContain("moonhook");
    };
    return { child, ended, log, verdicts, stop };
  }

  const dropsOf = ({ verdicts }: Armed) => verdicts.filter((verdict) => verdict === "drop").length;

  describe("names", () => {
    beforeAll(async () => {
      const settings = ["no-resolv", "no-hosts", "user=root", "bind-interfaces", "local-ttl=60"];
      const conf = [
        ...settings,
        ...SERVER.map((each) => `listen-address=${each}`),
        ...ZONE.map((z) => z.join("=")),
      ];
      writeFileSync(join(folder, "dnsmasq.conf"), `${conf.join("\n")}\n`);
      net.spawn(net.server, "dnsmasq", [
        "--keep-in-foreground",
        `--conf-file=${join(folder, "dnsmasq.conf")}`,
        "--pid-file",
      ]);
      for (const server of SERVER) {
        await eventually("dnsmasq answers", () => dig(server, "www.example.org", "A", 1) === "192.0.2.7");
      }
    });

    /** What dig prints, or "no answer". */
    function dig(server: string, name: string, type = "A", tries = 4): string {
      const { status, stdout } = net.exec(net.client, "dig", [
        `@${server}`,
        name,
        type,
        "+short",
        // Silence must not take long to be believed; an answer may.
        tries === 1 ? "+time=1" : "+time=5",
        `+tries=${tries}`,
      ]);
      if (status === 9) return "no answer";
      expect(status).toBe(0);
      return stdout.trim();
    }

    test.each(SERVER)(
      "dnsblock: dig gets no answer for a blocked name, and the others; server %s",
      async (server) => {
        expect(dig(server, "ads.example.com")).toBe("192.0.2.1");
        const armed = await arm("dnsblock", net.client);
        expect(dig(server, "ads.example.com", "A", 1)).toBe("no answer");
        expect(dig(server, "www.example.org", "AAAA")).toBe("2001:db8::7");
        expect(dig(server, "eu.ADS.example.com", "A", 1)).toBe("no answer");
        expect(dig(server, "badads.example.com")).toBe("192.0.2.9");
        await armed.stop();
        expect(armed.log).toEqual(
          ["ads.example.com", "eu.ads.example.com"].map((name) => `dnsblock: blocked ${name}`),
        );
        expect(dig(server, "ads.example.com")).toBe("192.0.2.1");
      },
    );

    test("dnsblock killed with SIGKILL in mid-traffic leaves no rule behind, and traffic flows", async () => {
      const armed = await arm("dnsblock", net.client);
      expect(rules()).toContain("moonhook");
      expect(dig(SERVER_V4, "ads.example.com", "A", 1)).toBe("no answer");
      const asking = Array.from({ length: 8 }, (_, i) =>
        net.run(net.client, "dig", [
          `@${SERVER[i % 2]}`,
          "www.example.org",
          "+short",
          "+time=1",
          "+tries=20",
        ]),
      );
      await eventually("some traffic", () => armed.verdicts.length > 2);
      armed.child.kill("SIGKILL");
      // What the dead process held is lost, and asked again.
      for (const { stdout } of await Promise.all(asking)) expect(stdout).toMatch(/^192\.0\.2\.7$/m);
      await armed.ended;
      await eventually("no rules", () => rules() === "");
      expect(dig(SERVER_V4, "ads.example.com")).toBe("192.0.2.1");
    });

    test.each((["nfqueue", "tcx"] as const).flatMap((on) => SERVER.map((server) => [server, on] as const)))(
      "dnsdoctor: its answer is what dig prints; server %s, on %s",
      async (server, on) => {
        const armed = await arm("dnsdoctor", net.client, undefined, on);
        // The kernel would throw an answer with a wrong checksum away.
        expect(dig(server, "www.doctor.example")).toBe("192.0.2.99");
        expect(dig(server, "alias.doctor.example")).toBe("www.doctor.example.\n192.0.2.99");
        expect(dig(server, "Shop.Doctor.example")).toBe("shop.cdn.example.\nedge.cdn.example.\n192.0.2.98");
        expect(dig(server, "edge.cdn.example")).toBe("198.51.100.2");
        expect(dig(server, "www.doctor.example", "AAAA")).toBe("2001:db8::1");
        expect(dig(server, "www.example.org")).toBe("192.0.2.7");
        await armed.stop();
        expect(armed.log).toEqual(
          [
            "www.doctor.example is now 192.0.2.99",
            "www.doctor.example is now 192.0.2.99",
            "edge.cdn.example is now 192.0.2.98",
          ].map((line) => `dnsdoctor: ${line}`),
        );
        expect(dig(server, "www.doctor.example")).toBe("198.51.100.1");
      },
    );
  });

  describe("TLS", () => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    /** s_server serves one connection at a time: those that are cut keep the server at the first address busy. */
    const SECOND_V4 = "10.77.0.4";
    const SECOND_V6 = "fd77::4";

    beforeAll(() => {
      const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
      const { status, stderr } = spawnSync(
        "openssl",
        ["req", "-x509", ...curve, "-nodes", "-subj", "/CN=moonhook", "-keyout", key, "-out", cert],
        { encoding: "utf8" },
      );
      expect(status, stderr).toBe(0);
      net.exec(net.server, "ip", ["address", "add", `${SECOND_V4}/24`, "dev", "mh0"]);
      net.exec(net.server, "ip", ["address", "add", `${SECOND_V6}/64`, "dev", "mh0", "nodad"]);
    });

    /** Its input stays open: at the end of it, s_server stops. */
    async function serve(host: string): Promise<void> {
      const address = host.includes(":") ? `[${host}]` : host;
      const args = ["s_server", "-accept", `${address}:443`, "-cert", cert, "-key", key];
      const server = net.spawn(net.server, "openssl", args);
      started.push(server);
      await lineOf(server, /ACCEPT/);
    }

    /** A client that connects and asks for a name; what it prints tells whether the server answered. */
    const openssl = (host: string, name: string) => [
      "openssl",
      "s_client",
      "-connect",
      host.includes(":") ? `[${host}]:443` : `${host}:443`,
      "-servername",
      name,
    ];
    const inTwo = (host: string, name: string, bytes: number) => [
      process.execPath,
      TLS_CLIENT,
      host,
      name,
      String(bytes),
    ];
    const DONE = /subject=CN ?= ?moonhook/;

    const HELLOS: [name: string, listed: string[], other: string[]][] = [
      [
        "one segment, IPv4",
        openssl(SERVER_V4, "www.blocked.example.com"),
        openssl(SECOND_V4, "www.example.com"),
      ],
      [
        "one segment, IPv6",
        openssl(SERVER_V6, "tracker.example.net"),
        openssl(SECOND_V6, "racker.example.net"),
      ],
      [
        "two segments, IPv4",
        inTwo(SERVER_V4, "blocked.example.com", 60),
        inTwo(SECOND_V4, "unblocked.example.com", 60),
      ],
      [
        "two segments, IPv6",
        inTwo(SERVER_V6, "tracker.example.net", 3),
        inTwo(SECOND_V6, "www.example.net", 3),
      ],
    ];
    const places = HELLOS.flatMap((hello) => EVERYWHERE.map((where) => [...hello, where] as const));
    test.each(places)("sniblock: a ClientHello in $0, on $3", async (name, listed, other, where) => {
      const six = name.endsWith("IPv6");
      for (const host of six ? [SERVER_V6, SECOND_V6] : [SERVER_V4, SECOND_V4]) await serve(host);
      const armed = await arm("sniblock", net.client, undefined, where);
      const [command, ...args] = listed as [string, ...string[]];
      const blocked = net.spawn(net.client, command, args);
      let printed = "";
      blocked.stdout!.on("data", (text) => (printed += text));
      // The first try, and the same segment sent again; in the kernel drops are not reported.
      if (where === "nfqueue") await eventually("two drops", () => dropsOf(armed) >= 2);
      else await eventually("a line of the log", () => armed.log.length > 0);
      const [otherCommand, ...otherArgs] = other as [string, ...string[]];
      const { stdout } = await net.run(net.client, otherCommand, otherArgs);
      expect(stdout).toMatch(DONE);
      expect(blocked.exitCode).toBeNull();
      expect(printed).not.toMatch(DONE);
      blocked.kill("SIGKILL");
      await armed.stop();
      expect(armed.log).toEqual([`sniblock: cut ${listed.find((word) => word.includes(".example."))}`]);
    });
  });

  describe("refusing", () => {
    const marking = (hook: string, priority: string, match: string) => [
      "add table inet t",
      `add chain inet t c { type filter hook ${hook} priority ${priority}; }`,
      `add rule inet t c ${match} meta mark set 0x52`,
    ];
    const url = (host: string) => (host.includes(":") ? `http://[${host}]:9000/` : `http://${host}:9000/`);
    const curl = (host: string) => net.exec(net.client, "curl", ["-sS", "--max-time", "50", url(host)]);
    /** Whether a connection is made; refusals are told from silence. */
    const knocks = (host: string, port = 9000) => {
      const { status, stderr } = net.exec(net.client, "nc", ["-z", "-v", "-w", "50", host, String(port)]);
      if (stderr.includes("refused")) return "refused";
      return status === 0 ? "connected" : stderr;
    };

    test.each(SERVER)("tcpreject: what a rule marks is refused at once, %s", async (host) => {
      nft(net.server, ...marking("prerouting", "mangle", "tcp dport 9000"));
      try {
        expect(knocks(host)).toBe("connected");
        const armed = await arm("tcpreject", net.server);
        expect(knocks(host)).toBe("refused");
        const { status, stderr } = curl(host);
        expect(stderr).toMatch(/refused|Couldn't connect/);
        expect(status).toBe(7);
        await armed.stop();
        expect(new Set(armed.log)).toEqual(new Set(["tcpreject: refused port 9000"]));
        expect(knocks(host)).toBe("connected");
      } finally {
        nft(net.server, "delete table inet t");
      }
    });

    test.each(SERVER)("tcpreject: a connection that is marked later is reset, %s", async (host) => {
      const armed = await arm("tcpreject", net.server);
      const talk = net.spawn(net.client, process.execPath, [TRAFFIC, "talk", host]);
      await lineOf(talk, /connected/);
      talk.stdin!.write("first");
      await lineOf(talk, /first/);
      nft(net.server, ...marking("prerouting", "mangle", "tcp dport 9000"));
      try {
        talk.stdin!.write("second");
        expect(await lineOf(talk, /second|E[A-Z]+/)).toBe("ECONNRESET");
        await armed.stop();
      } finally {
        nft(net.server, "delete table inet t");
      }
    });

    test("tcpreject: what is marked while it is forwarded is refused in the name of its destination", async () => {
      const elsewhere = "10.78.0.1";
      net.exec(net.server, "sh", ["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
      net.exec(net.client, "ip", ["route", "add", elsewhere, "via", SERVER_V4]);
      net.exec(net.server, "ip", ["route", "add", elsewhere, "via", CLIENT_V4]);
      nft(net.server, ...marking("forward", "filter - 1", `ip daddr ${elsewhere}`));
      try {
        const armed = await arm("tcpreject", net.server);
        expect(knocks(elsewhere, 25)).toBe("refused");
        await armed.stop();
        expect(new Set(armed.log)).toEqual(new Set(["tcpreject: refused port 25"]));
      } finally {
        nft(net.server, "delete table inet t");
        net.exec(net.server, "sh", ["-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"]);
      }
    });

    test.each(SERVER)("reject-port marks and tcpreject answers, in one run, %s", async (host) => {
      writeFileSync(join(folder, "tcpreject.lua"), readExample("tcpreject"), "latin1");
      const armed = await arm("reject-port", net.server, { "[80] = true": "[9000] = true" });
      expect(knocks(host)).toBe("refused");
      expect(curl(host).status).toBe(7);
      expect(knocks(host, 9001)).toBe("refused"); // by the kernel: nobody listens
      await armed.stop();
      expect(new Set(armed.log)).toEqual(new Set(["tcpreject: refused port 9000"]));
      expect(knocks(host)).toBe("connected");
    });
  });

  describe("ratelimit", () => {
    const flood = (host: string, count: number) =>
      net.exec(net.client, process.execPath, [TRAFFIC, "flood", host, String(count)]);
    const counting = [
      "add table inet t",
      "add counter inet t v4",
      "add counter inet t v6",
      "add chain inet t c { type filter hook input priority 5; }",
      "add rule inet t c meta nfproto ipv4 udp dport 9000 counter name v4",
      "add rule inet t c meta nfproto ipv6 udp dport 9000 counter name v6",
    ];
    const passed = (name: string) => {
      const { stdout } = net.exec(net.server, "nft", ["list", "counter", "inet", "t", name]);
      return Number(/packets (\d+)/.exec(stdout)?.[1]);
    };

    test.each(EVERYWHERE)("lets each source its burst and no more, %s", async (on) => {
      nft(net.server, ...counting);
      try {
        // So slow that the bucket stays empty however long this takes.
        const armed = await arm("ratelimit", net.server, { "seconds = 1,": "seconds = 1000000," }, on);
        // What comes through from the other source tells that the packets before were dealt with.
        flood(SERVER_V4, 30);
        flood(SERVER_V6, 15);
        await eventually("another source is free", () => passed("v6") === 15);
        expect(passed("v4")).toBe(20);
        flood(SERVER_V4, 5);
        flood(SERVER_V6, 5);
        await eventually("its burst comes through", () => passed("v6") === 20);
        if (on === "nfqueue") await eventually("fifteen drops", () => dropsOf(armed) === 15);
        await armed.stop();
        expect([passed("v4"), passed("v6")]).toEqual([20, 20]);
        expect(armed.log).toEqual([`ratelimit: too many packets from ${CLIENT_V4}`]);
      } finally {
        nft(net.server, "delete table inet t");
      }
    });

    test.each(EVERYWHERE)("lets a source speak again when its bucket fills, %s", async (on) => {
      const armed = await arm("ratelimit", net.server, {}, on);
      flood(SERVER_V4, 1000);
      await eventually("drops", () => armed.log.includes(`ratelimit: too many packets from ${CLIENT_V4}`));
      const { status, stdout } = net.exec(net.client, process.execPath, [
        TRAFFIC,
        "ask",
        SERVER_V4,
        "1 again",
      ]);
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toEqual(["1 again"]);
      await armed.stop();
    });
  });

  describe("portknock", () => {
    beforeAll(async () => {
      for (const host of SERVER) net.spawn(net.server, "nc", ["-lk", host, "22"]);
      for (const host of SERVER) await eventually("a server", () => opens(host, 10));
    });
    const opens = (host: string, seconds = 1) =>
      net.exec(net.client, "nc", ["-z", "-w", String(seconds), host, "22"]).status === 0;
    const knock = (host: string, ...ports: number[]) => {
      for (const port of ports) net.exec(net.client, "nc", ["-z", "-w", "1", host, String(port)]);
    };

    const places = EVERYWHERE.flatMap((on) => SERVER.map((host) => [on, host] as const));

    test.each(places)("opens to who knocks in order, %s, %s", async (on, host) => {
      const patient = {
        "KNOCK_SECONDS = 5": "KNOCK_SECONDS = 3600",
        "OPEN_SECONDS = 5": "OPEN_SECONDS = 3600",
      };
      const armed = await arm("portknock", net.server, patient, on);
      expect(opens(host)).toBe(false);
      knock(host, 7000, 9000, 8000, 9000);
      expect(opens(host)).toBe(false);
      knock(host, 7000, 8000, 9000);
      expect(opens(host, 50)).toBe(true);
      await armed.stop();
      const { log } = armed;
      expect(log.filter((line) => line.startsWith("portknock: open for"))).toHaveLength(1);
      expect(log.at(-1)).toMatch(/open for (10\.77\.0\.1|fd77:0:0:0:0:0:0:1)$/);
    });

    test.each(EVERYWHERE)("closes again, %s", async (on) => {
      const hasty = { "KNOCK_SECONDS = 5": "KNOCK_SECONDS = 3600", "OPEN_SECONDS = 5": "OPEN_SECONDS = 1" };
      const armed = await arm("portknock", net.server, hasty, on);
      knock(SERVER_V4, 7000, 8000, 9000);
      await eventually("open", () => armed.log.includes(`portknock: open for ${CLIENT_V4}`));
      await eventually("closed", () => !opens(SERVER_V4));
      await eventually("it says so", () => armed.log.at(-1) === `portknock: closed for ${CLIENT_V4}`);
      await armed.stop();
    });
  });
});
