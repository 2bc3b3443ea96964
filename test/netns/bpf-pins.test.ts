/**
 * Pins and lists by id, in a namespace of the test's own: `ip netns exec` gives a process its own mounts, so the bpf
 * file system that is mounted here is seen by nobody else and goes with the process.
 */

import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BpfHost, startBpfHost } from "./bpf-host.ts";
import {
  eventually,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  whyNoNamespaces,
} from "./namespace.ts";

const why = whyNoNamespaces();
const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));

/** Drops UDP datagrams whose first character is D. */
const DROP_D = `
  r1 = *(u64 *)(r1 + 8)
  r2 = 0
  r3 = r10
  r3 += -16
  call kfunc bpf_dynptr_from_skb
  r1 = r10
  r1 += -16
  r2 = 28
  r3 = r10
  r3 += -24
  r4 = 1
  call kfunc bpf_dynptr_slice
  if r0 == 0 goto accept
  w1 = *(u8 *)(r0 + 0)
  if w1 == 68 goto drop
  accept:
  r0 = 1
  exit
  drop:
  r0 = 0
  exit`;

const ATTACH = `
  const program = bpf.loadInKernel(bpf.assemble(${JSON.stringify(DROP_D)}), {
    name: "drop_d", type: bpf.BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
    expectedAttachType: bpf.BPF_ATTACH_TYPE.BPF_NETFILTER });
  const link = bpf.attachNetfilter({ program, family: 2, hook: bpf.NF_INET.NF_INET_LOCAL_IN, priority: -5 });`;

describe.skipIf(why)(`bpf pins${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  let host: BpfHost;
  beforeAll(async () => {
    net = await makeNamespaces();
    await lineOf(net.spawn(net.server, process.execPath, [TRAFFIC, "echo"]), /listening/);
  });
  afterAll(() => net?.remove());
  beforeEach(async () => {
    host = await startBpfHost(net, net.server);
  });
  afterEach(() => host.kill());

  async function answered(): Promise<string[]> {
    const { stdout } = await net.run(net.client, process.execPath, [
      TRAFFIC,
      "ask",
      SERVER_V4,
      "Dropped",
      "passed",
    ]);
    return JSON.parse(stdout) as string[];
  }

  test("where no bpf file system is, pins say how to get one", async () => {
    const body = `const map = bpf.createKernelMap({ name: "m", type: 2, keySize: 4, valueSize: 4, maxEntries: 1 });`;
    for (const path of ["/tmp/moonhook-pin", "/sys/fs/bpf/moonhook-pin", "/no/such/folder/x"]) {
      const error = {
        name: "UnsupportedError",
        message: expect.stringMatching(
          /cannot hold pins: .* mount one with 'mount -t bpf bpf \/sys\/fs\/bpf'/,
        ),
      };
      expect(await host.fail(`${body} bpf.pin(map, "${path}")`), path).toMatchObject(error);
      expect(await host.fail(`bpf.openPin("${path}")`), path).toMatchObject(error);
      expect(await host.fail(`bpf.unpin("${path}")`), path).toMatchObject(error);
    }
    expect(await host.run(`return [bpf.isBpfFolder("/sys/fs/bpf"), bpf.listPins()]`)).toEqual([false, []]);
  });

  test("mounting makes the folder where it can, once, and nobody else sees it", async () => {
    expect(
      await host.run(`
        bpf.mountBpfFolder();
        bpf.mountBpfFolder();
        const mounts = require("node:fs").readFileSync("/proc/self/mounts", "utf8");
        return [bpf.isBpfFolder("/sys/fs/bpf"), mounts.split("\\n").filter((line) => / bpf /.test(line)).length];`),
    ).toEqual([true, 1]);
    const other = await startBpfHost(net, net.server);
    expect(await other.run(`return bpf.isBpfFolder("/sys/fs/bpf")`)).toBe(false);
    await other.kill();
  });

  test("programs, maps and links are pinned, found again by another process, listed and unpinned", async () => {
    await host.run("bpf.mountBpfFolder(); require('node:fs').mkdirSync('/sys/fs/bpf/moonhook')");
    // A process that dies by SIGKILL as soon as it has pinned.
    const first = `
      const bpf = await import(${JSON.stringify(new URL("../../dist/bpf/index.js", import.meta.url).href)});
      ${ATTACH}
      const map = bpf.createKernelMap({ name: "seen", type: 1, keySize: 4, valueSize: 4, maxEntries: 9 });
      map.update(Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8));
      bpf.pin(program, "/sys/fs/bpf/moonhook/program");
      bpf.pin(map, "/sys/fs/bpf/moonhook/map");
      bpf.pin(link, "/sys/fs/bpf/moonhook/link");
      process.kill(process.pid, "SIGKILL");`;
    expect(
      await host.run(`
        const { spawnSync } = require("node:child_process");
        const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", ${JSON.stringify(first)}]);
        return [signal, String(stderr)];`),
    ).toEqual(["SIGKILL", ""]);
    expect(await answered()).toEqual(["passed"]);

    expect(await host.run("return bpf.listPins()")).toEqual(
      ["link", "map", "program"].map((name) => `/sys/fs/bpf/moonhook/${name}`),
    );
    expect(
      await host.run(`
        const [link, map, program] = bpf.listPins("/sys/fs/bpf/moonhook").map(bpf.openPin);
        kept.link = link;
        return {
          types: [link, map, program].map((object) => object.constructor.name),
          link: link.info(), program: program.info(), map: map.info(),
          isSame: link.info().programId === program.info().id,
          entries: map.entries(),
        };`),
    ).toMatchObject({
      types: ["KernelLink", "KernelMap", "KernelProgram"],
      link: { kind: "netfilter", hook: 1, priority: -5 },
      program: { name: "drop_d", type: 32 },
      map: { name: "seen", maxEntries: 9 },
      isSame: true,
      entries: [
        [
          [1, 2, 3, 4],
          [5, 6, 7, 8],
        ],
      ],
    });
    expect(await host.fail(`bpf.pin(kept.link, "/sys/fs/bpf/moonhook/map")`)).toMatchObject({
      code: "EEXIST",
      message: expect.stringContaining('as "/sys/fs/bpf/moonhook/map": EEXIST'),
    });

    await host.run(`for (const path of bpf.listPins()) bpf.unpin(path); return bpf.listPins();`);
    // This process holds the link, so it still drops.
    expect(await answered()).toEqual(["passed"]);
    await host.run("kept.link.close()");
    expect(await answered()).toEqual(["Dropped", "passed"]);
    expect(await host.fail(`bpf.openPin("/sys/fs/bpf/moonhook/map")`)).toMatchObject({ code: "ENOENT" });
    expect(await host.fail(`bpf.unpin("/sys/fs/bpf/moonhook/map")`)).toMatchObject({ code: "ENOENT" });
  });

  test("everything is found by its id, and is gone from the lists when it is closed", async () => {
    const found = await host.run(`
      ${ATTACH}
      const map = bpf.createKernelMap({ name: "mine", type: 2, keySize: 4, valueSize: 4, maxEntries: 3 });
      Object.assign(kept, { program, link, map });
      const mine = { program: program.info().id, link: link.info().id, map: map.info().id };
      kept.mine = mine;
      const byId = [bpf.openProgram(mine.program), bpf.openLink(mine.link), bpf.openMap(mine.map)];
      const infos = byId.map((object) => object.info());
      for (const object of byId) object.close();
      return {
        listed: [
          bpf.listPrograms().find(({ id }) => id === mine.program),
          bpf.listLinks().find(({ id }) => id === mine.link),
          bpf.listMaps().find(({ id }) => id === mine.map),
        ],
        infos,
        direct: [program.info(), link.info(), map.info()],
      };`);
    const { listed, infos, direct } = found as { listed: unknown[]; infos: unknown[]; direct: unknown[] };
    expect(direct[0]).toMatchObject({ name: "drop_d", tag: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(infos).toEqual(direct);
    expect(listed).toEqual(direct);
    await host.run("for (const object of [kept.link, kept.program, kept.map]) object.close()");
    // The kernel frees the program of a link a little later.
    await eventually("all three are gone from the lists", () =>
      host.run(`
        return [["program", bpf.listPrograms], ["link", bpf.listLinks], ["map", bpf.listMaps]].every(
          ([kind, list]) => list().every(({ id }) => id !== kept.mine[kind]));`),
    );
    expect(await host.fail("bpf.openMap(kept.mine.map)")).toMatchObject({ code: "ENOENT" });
  });

  test("runs are counted while somebody wants them counted", async () => {
    await host.run(
      `${ATTACH} Object.assign(kept, { program, link }); kept.statistics = bpf.enableRunStatistics();`,
    );
    expect(await answered()).toEqual(["passed"]);
    const { runCount, runTimeNs } = (await host.run("return kept.program.info()")) as Record<string, string>;
    expect(Number(runCount)).toBeGreaterThanOrEqual(2);
    expect(Number(runTimeNs)).toBeGreaterThan(0);
  });
});
