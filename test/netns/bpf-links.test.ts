/** Programs at work on real packets: netfilter, XDP and tcx links, in a namespace of the test's own. */

import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BpfHost, startBpfHost } from "./bpf-host.ts";
import {
  CLIENT_V4,
  DEVICE,
  eventually,
  lineOf,
  makeNamespaces,
  type Namespaces,
  SERVER_V4,
  whyNoNamespaces,
} from "./namespace.ts";

const why = whyNoNamespaces();
const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));
/** A second address of the client. */
const OTHER_V4 = "10.77.0.3";

/** Drops packets whose source address is this one, at a hook of IPv4. */
const dropSource = (address: string): string => {
  const word = new DataView(Uint8Array.from(address.split("."), Number).buffer).getInt32(0, true);
  return `
    r1 = *(u64 *)(r1 + 8)
    r2 = 0
    r3 = r10
    r3 += -16
    call kfunc bpf_dynptr_from_skb
    r1 = r10
    r1 += -16
    r2 = 12
    r3 = r10
    r3 += -24
    r4 = 4
    call kfunc bpf_dynptr_slice
    if r0 == 0 goto accept
    w1 = *(u32 *)(r0 + 0)
    if w1 == ${word} goto drop
  accept:
    r0 = 1
    exit
  drop:
    r0 = 0
    exit`;
};

/** Where the addresses of IPv4 lie in a frame of Ethernet. */
const ETHERNET_SOURCE = 26;
const ETHERNET_DESTINATION = 30;

/** Drops frames that have this IPv4 address at `at`; `data` and `end` are where the context has its pointers. */
const dropFrame = (
  address: string,
  at: number,
  { data, end, pass, drop }: { data: number; end: number; pass: number; drop: number },
): string => {
  const word = new DataView(Uint8Array.from(address.split("."), Number).buffer).getInt32(0, true);
  return `
    w2 = *(u32 *)(r1 + ${data})
    w3 = *(u32 *)(r1 + ${end})
    r4 = r2
    r4 += 34
    if r4 > r3 goto pass
    w4 = *(u16 *)(r2 + 12)
    if w4 != 8 goto pass
    w4 = *(u32 *)(r2 + ${at})
    if w4 == ${word} goto drop
  pass:
    r0 = ${pass}
    exit
  drop:
    r0 = ${drop}
    exit`;
};

const loadNetfilter = (source: string): string => `bpf.loadInKernel(bpf.assemble(${JSON.stringify(source)}), {
  name: "drop", type: bpf.BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
  expectedAttachType: bpf.BPF_ATTACH_TYPE.BPF_NETFILTER })`;
const LOCAL_IN = `family: bpf.NFPROTO.NFPROTO_IPV4, hook: bpf.NF_INET.NF_INET_LOCAL_IN`;

describe.skipIf(why)(`bpf links${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  let host: BpfHost;
  beforeAll(async () => {
    net = await makeNamespaces();
    net.exec(net.client, "ip", ["address", "add", `${OTHER_V4}/24`, "dev", DEVICE]);
    await lineOf(net.spawn(net.server, process.execPath, [TRAFFIC, "echo"]), /listening/);
  });
  afterAll(() => net?.remove());
  beforeEach(async () => {
    host = await startBpfHost(net, net.server);
  });
  afterEach(() => host.kill());

  /** Which of the two sources the server answers, the one in question asked first. */
  async function answered(): Promise<string[]> {
    const { status, stdout } = await net.run(net.client, process.execPath, [
      TRAFFIC,
      "sources",
      SERVER_V4,
      CLIENT_V4,
      OTHER_V4,
    ]);
    expect(status, stdout).toBe(0);
    return JSON.parse(stdout) as string[];
  }
  const BOTH = [CLIENT_V4, OTHER_V4];
  const eventuallyBoth = () =>
    eventually("both are answered", async () => (await answered()).length === BOTH.length);

  test("a netfilter program drops one source; closing its link lets it through again", async () => {
    expect(await answered()).toEqual(BOTH);
    const info = await host.run(`
      kept.program = ${loadNetfilter(dropSource(CLIENT_V4))};
      kept.link = bpf.attachNetfilter({ program: kept.program, ${LOCAL_IN}, priority: -5 });
      return { ...kept.link.info(), isOurs: kept.link.info().programId === kept.program.info().id };`);
    expect(info).toMatchObject({
      kind: "netfilter",
      type: 10,
      family: 2,
      hook: 1,
      priority: -5,
      flags: 0,
      isOurs: true,
    });
    expect(await answered()).toEqual([OTHER_V4]);
    await host.run("kept.link.close()");
    expect(await answered()).toEqual(BOTH);
  });

  test("detaching does the same while somebody holds the link", async () => {
    await host.run(`
      kept.program = ${loadNetfilter(dropSource(CLIENT_V4))};
      kept.link = bpf.attachNetfilter({ program: kept.program, ${LOCAL_IN}, priority: -5 });`);
    expect(await answered()).toEqual([OTHER_V4]);
    await host.run("kept.link.detach()");
    expect(await answered()).toEqual(BOTH);
    // The place is free again, though the link is still open.
    await host.run(`bpf.attachNetfilter({ program: kept.program, ${LOCAL_IN}, priority: -5 })`);
  });

  test("a killed process leaves nothing behind", async () => {
    await host.run(`
      kept.program = ${loadNetfilter(dropSource(CLIENT_V4))};
      kept.link = bpf.attachNetfilter({ program: kept.program, ${LOCAL_IN}, priority: -5 });`);
    expect(await answered()).toEqual([OTHER_V4]);
    await host.kill();
    await eventuallyBoth();
  });

  test("priorities cannot be shared, with links nor with chains: the error says so, or the link moves", async () => {
    net.exec(net.server, "nft", ["add table ip t; add chain ip t c { type filter hook input priority 11; }"]);
    const attach = (rest: string) =>
      `bpf.attachNetfilter({ program: kept.program, ${LOCAL_IN}, priority: 10${rest} })`;
    await host.run(`
      kept.program = ${loadNetfilter(dropSource("192.0.2.1"))};
      kept.link = ${attach("")};`);
    expect(await host.fail(attach(""))).toMatchObject({
      code: "EBUSY",
      message: expect.stringMatching(
        /^bpf\(BPF_LINK_CREATE\) program 'drop' at NFPROTO_IPV4 NF_INET_LOCAL_IN, priority 10: EBUSY \(another link, or a chain/,
      ),
    });
    expect(await host.fail(attach(", moves: 1"))).toMatchObject({
      code: "EBUSY",
      message: expect.stringContaining("priority 11"),
    });
    expect(
      await host.run(`
        kept.moved = ${attach(", moves: 2")};
        return [kept.moved.priority, kept.moved.info().priority];`),
    ).toEqual([12, 12]);
    net.exec(net.server, "nft", ["delete table ip t"]);
  });

  test.each([
    ["priority: -0x80000000", "ERANGE", /priority must lie between/],
    ["priority: -400, defrag: true", "ERANGE", /defragmentation above -400/],
    [
      "priority: 0, family: bpf.NFPROTO.NFPROTO_INET",
      "EAFNOSUPPORT",
      /NFPROTO_INET .*must be NFPROTO_IPV4 or/,
    ],
    ["priority: 0, hook: 5", "EPROTO", /NF_INET_INGRESS, .*no such hook/],
  ])("an impossible place: %s", async (place, code, message) => {
    const error = await host.fail(`
      kept.program = ${loadNetfilter("r0 = 1\nexit")};
      bpf.attachNetfilter({ program: kept.program, ${LOCAL_IN}, ${place} })`);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("a link may ask for whole packets", async () => {
    const flags = await host.run(`
      kept.program = ${loadNetfilter("r0 = 1\nexit")};
      kept.link = bpf.attachNetfilter({ program: kept.program, ${LOCAL_IN}, priority: 3, defrag: true });
      return kept.link.info().flags;`);
    expect(flags).toBe(1);
  });

  test("a netfilter link takes no other program: it says EOPNOTSUPP", async () => {
    const error = await host.fail(`
      const program = ${loadNetfilter("r0 = 1\nexit")};
      const link = bpf.attachNetfilter({ program, ${LOCAL_IN}, priority: 3 });
      link.update(program);`);
    expect(error).toMatchObject({ code: "EOPNOTSUPP" });
  });

  const ifindex = `ifindex("${DEVICE}")`;
  const loadFrames = (type: string, source: string) =>
    `bpf.loadInKernel(bpf.assemble(${JSON.stringify(source)}), { name: "drop", type: bpf.BPF_PROG_TYPE.${type} })`;

  test.each(["native", "generic", "any"])(
    "XDP (%s) drops one source, and takes another program",
    async (mode) => {
      const type = "BPF_PROG_TYPE_XDP";
      const info = await host.run(`
      kept.program = ${loadFrames(type, dropFrame(CLIENT_V4, ETHERNET_SOURCE, { data: 0, end: 4, pass: 2, drop: 1 }))};
      kept.link = bpf.attachXdp({ program: kept.program, ifindex: ${ifindex}, mode: "${mode}" });
      return { ...kept.link.info(), device: ${ifindex} };`);
      const { device } = info as { device: number };
      expect(info).toMatchObject({ kind: "xdp", type: 6, ifindex: device });
      expect(await answered()).toEqual([OTHER_V4]);
      expect(
        await host.fail(`bpf.attachXdp({ program: kept.program, ifindex: ${ifindex}, mode: "${mode}" })`),
      ).toMatchObject({
        code: "EBUSY",
        message: expect.stringContaining("another XDP program has the device"),
      });
      expect(
        await host.fail(`kept.link.update(kept.program, ${loadFrames(type, "r0 = 2\nexit")})`),
      ).toMatchObject({ code: "EPERM" });
      await host.run(`kept.link.update(${loadFrames(type, "r0 = 2\nexit")}, kept.program)`);
      expect(await answered()).toEqual(BOTH);
      await host.run("kept.link.close()");
    },
  );

  test.each([
    ["ingress", 46, ETHERNET_SOURCE],
    ["egress", 47, ETHERNET_DESTINATION],
  ])("tcx %s drops frames of one client", async (direction, attachType, at) => {
    const source = dropFrame(CLIENT_V4, at, { data: 76, end: 80, pass: -1, drop: 2 });
    const info = await host.run(`
      kept.program = ${loadFrames("BPF_PROG_TYPE_SCHED_CLS", source)};
      kept.link = bpf.attachTcx({ program: kept.program, ifindex: ${ifindex}, direction: "${direction}" });
      return kept.link.info();`);
    expect(info).toMatchObject({ kind: "tcx", type: 11, attachType });
    expect(await answered()).toEqual([OTHER_V4]);
    await host.run("kept.link.close()");
    expect(await answered()).toEqual(BOTH);
  });

  test("no such device", async () => {
    expect(
      await host.fail(`
        bpf.attachTcx({ program: ${loadFrames("BPF_PROG_TYPE_SCHED_CLS", "r0 = 0\nexit")}, ifindex: 9999, direction: "ingress" })`),
    ).toMatchObject({ code: "ENODEV", message: expect.stringContaining("no such device") });
  });

  test("a kernel function that this kernel lacks is named", async () => {
    expect(await host.fail(`${loadNetfilter("call kfunc bpf_dance\nr0 = 1\nexit")}`)).toMatchObject({
      name: "BtfError",
      message: "this kernel has no function bpf_dance",
    });
  });
});
