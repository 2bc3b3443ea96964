/** What compiled hooks read of connections, from memory that looks like the kernel's, wherever that has its fields. */

import { describe, expect, test } from "vitest";
import { LoadedScript } from "../../src/backends/compile-script.ts";
import { CONNECTION_PLACES, type ConnectionLayout } from "../../src/compiler/connection-layout.ts";
import { EXAMPLE_LAYOUT, FORMS, type KernelLayout } from "../../src/compiler/target.ts";
import type { PacketConnection } from "../../src/ebpf/contexts.ts";
import { Region } from "../../src/ebpf/memory.ts";
import { SimulatedKernel } from "../../src/kernel/simulated.ts";
import { ipPacket } from "../../src/kernel/testing.ts";
import { NFPROTO } from "../../src/uapi/netfilter.ts";
import { IP_CT, IPS } from "../../src/uapi/nf-conntrack-common.ts";
import { InterpretedHook, VmHook } from "../differential/hook-machines.ts";

const HEAD = `local netfilter, nf, conntrack = require("netfilter"), require("linux.nf"), require("conntrack")
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = 0, hook = function(skb)
local ct, info = conntrack.get(skb)
`;
const PACKET = ipPacket();

/** A kernel that has everything elsewhere. */
const OTHER: ConnectionLayout = {
  ...EXAMPLE_LAYOUT.connection,
  status: 24,
  mark: 4,
  timeout: 56,
  zone: 60,
  master: 72,
  extensions: 8,
  tcpState: 80,
  hashes: 96,
  hashBytes: 80,
  tuple: 24,
  family: 40,
  protocol: 44,
  source: 16,
  destination: 0,
  sourcePort: 32,
  destinationPort: 34,
  icmpId: 32,
  icmpType: 34,
  icmpCode: 35,
  extensionOffsets: 3,
  accounting: 1,
  labeling: 4,
  helping: 2,
  counters: 8,
  counterBytes: 24,
  packets: 16,
  bytes: 0,
  labels: 4,
  helper: 8,
  helperName: 40,
};

interface Fields {
  readonly status?: number;
  readonly family?: number;
  readonly protocol?: number;
  readonly ports?: readonly [number, number];
  readonly master?: Region;
  /** Without extensions when false. */
  readonly hasExtensions?: boolean;
}

const EXTENSION_AT = { accounting: 64, labeling: 128, helping: 160 } as const;

/** A `struct nf_conn` whose reply tuple is the original one turned around. */
function connectionOf(layout: ConnectionLayout, fields: Fields = {}): Region {
  const { family = NFPROTO.NFPROTO_IPV4 } = fields;
  const {
    status = IPS.IPS_CONFIRMED,
    protocol = 6,
    ports = [1000, 443],
    master,
    hasExtensions = true,
  } = fields;
  const at: Readonly<Record<string, number | undefined>> = { ...layout };
  const pointers = new Map<number, { region: Region; offset: number }>();
  const region = new Region("the connection", new Uint8Array(512), { isWritable: false, pointers });
  const { view } = region;
  view.setUint32(at["status"]!, status, true);
  view.setUint32(at["mark"]!, 0xfedcba98, true);
  view.setUint32(at["timeout"]!, 3 * 250 + 1, true);
  view.setUint16(at["zone"]!, 9, true);
  view.setUint8(at["tcpState"]!, 3);
  for (const direction of [0, 1] as const) {
    const tuple = at["hashes"]! + at["tuple"]! + direction * at["hashBytes"]!;
    view.setUint16(tuple + at["family"]!, family, true);
    view.setUint8(tuple + at["protocol"]!, protocol);
    const ends = [0x0a000001, 0x0a000002];
    view.setUint32(tuple + at["source"]!, ends[direction]!);
    view.setUint32(tuple + at["destination"]!, ends[1 - direction]!);
    view.setUint16(tuple + at["sourcePort"]!, ports[direction]!);
    view.setUint16(tuple + at["destinationPort"]!, ports[1 - direction]!);
  }
  if (master !== undefined) pointers.set(at["master"]!, { region: master, offset: 0 });
  if (hasExtensions) pointers.set(at["extensions"]!, { region: extensionsOf(layout), offset: 0 });
  return region;
}

function extensionsOf(layout: ConnectionLayout): Region {
  const at: Readonly<Record<string, number | undefined>> = { ...layout };
  const helper = new Region("the helper", new Uint8Array(64), { isWritable: false });
  helper.bytes.set(Buffer.from("amanda"), at["helperName"]!);
  const pointers = new Map([[EXTENSION_AT.helping + at["helper"]!, { region: helper, offset: 0 }]]);
  const region = new Region("the extensions", new Uint8Array(256), { isWritable: false, pointers });
  for (const [kind, place] of Object.entries(EXTENSION_AT))
    region.view.setUint8(at["extensionOffsets"]! + at[kind]!, place);
  for (const direction of [0, 1]) {
    const counter = EXTENSION_AT.accounting + at["counters"]! + direction * at["counterBytes"]!;
    region.view.setBigUint64(counter + at["packets"]!, BigInt(5 + direction), true);
    region.view.setBigUint64(counter + at["bytes"]!, (1n << 40n) + BigInt(direction), true);
  }
  region.bytes.set(
    Array.from({ length: 16 }, (_, i) => i + 65),
    EXTENSION_AT.labeling + at["labels"]!,
  );
  return region;
}

/** What a hook prints in the interpreter, of a packet with this connection. */
function printed(
  body: string,
  connection: PacketConnection,
  layout: KernelLayout = EXAMPLE_LAYOUT,
): readonly string[] {
  const vm = new VmHook(`${HEAD}${body} return nf.action.ACCEPT end }`);
  const compiled = vm.compile(layout);
  expect(compiled.refusals).toEqual([]);
  return new InterpretedHook(vm, compiled, layout).run(PACKET, PACKET.length, connection).lines;
}

const EVERYTHING = `
print(info, skb:connmark(), ct:mark(), ct:status(), ct:zone(), ct:timeout(), ct:tcpstate())
local t, r = ct:tuple(), ct:tuple(1)
print(t.family, t.protocol, t.src, t.dst, t.sport, t.dport, t.type, t.code, t.id, t.other)
print(r.src, r.dst, r.sport, r.dport)
print(ct:counters()) print(ct:counters(nf.ct.dir.REPLY))
print(ct:labels(), ct:helper(), #ct:helper(), ct:master() == nil)`;

describe.each([
  ["of Linux 6.18", EXAMPLE_LAYOUT],
  ["of a kernel that has all of it elsewhere", { ...EXAMPLE_LAYOUT, connection: OTHER }],
])("memory %s", (_, layout) => {
  test("everything that can be read", () => {
    const region = connectionOf(layout.connection);
    expect(printed(EVERYTHING, { region, info: IP_CT.IP_CT_ESTABLISHED_REPLY }, layout)).toEqual([
      "3\t4275878552\t4275878552\t8\t9\t3004\t3",
      "2\t6\t167772161\t167772162\t1000\t443\tnil\tnil\tnil\tnil",
      "167772162\t167772161\t443\t1000",
      "5\t1099511627776",
      "6\t1099511627777",
      "ABCDEFGHIJKLMNOP\tamanda\t6\ttrue",
    ]);
  });

  test("connections without extensions, of ICMP, announced by others, not in the table yet", () => {
    const bare = connectionOf(layout.connection, { hasExtensions: false });
    const counts = "print(ct:counters()) print(#ct:labels(), ct:labels():byte(1), ct:helper())";
    expect(printed(counts, { region: bare, info: 0 }, layout)).toEqual(["0\t0", "16\t0\tnil"]);
    const icmp = connectionOf(layout.connection, { protocol: 1, ports: [0x1234, 0x0803] });
    const fields = "local t = ct:tuple() print(t.sport, t.dport, t.type, t.code, t.id, ct:tcpstate())";
    expect(printed(fields, { region: icmp, info: 0 }, layout)).toEqual(["nil\tnil\t8\t3\t4660\tnil"]);
    const child = connectionOf(layout.connection, { master: icmp });
    const master = "local m = ct:master() print(m and m:tuple().id, m == nil, ct:tuple().sport)";
    expect(printed(master, { region: child, info: 0 }, layout)).toEqual(["4660\tfalse\t1000"]);
    const fresh = connectionOf(layout.connection, { status: 0 });
    expect(printed("print(ct:timeout(), ct:status())", { region: fresh, info: 2 }, layout)).toEqual(["0\t0"]);
  });

  test("who has asked for the family or the protocol may compute with what that family has", () => {
    const body = `local t = ct:tuple()
      local function show(key)
        local value = t[key]
        return t.family == nf.proto.IPV4 and value >> 24 or value:byte(1)
      end
      print(show("src"), show("dst"))
      if t.family ~= 2 then print(#t.src, #(t.src .. t.dst .. "!"), string.pack("I2", t.dport):byte(1)) else print(t.src + 1) end`;
    const four = connectionOf(layout.connection);
    expect(printed(body, { region: four, info: 0 }, layout)).toEqual(["10\t10", "167772162"]);
    const six = connectionOf(layout.connection, { family: NFPROTO.NFPROTO_IPV6 });
    expect(printed(body, { region: six, info: 0 }, layout)).toEqual(["10\t10", "16\t33\t187"]);
  });

  test("ways that meet", () => {
    const body = `local t = ct:tuple()
      if skb:data():getuint8(9) == 17 then t = ct:tuple(1) end
      local m = ct if info == 2 then m = ct:master() end
      local sum = 0
      for i = 0, 1 do sum = sum + ct:tuple(i).sport end
      for dir = 1, skb:data():getuint8(9) - 15 do sum = sum * 2 + ct:tuple(dir - 1).dport end
      print(t.sport, m and m:mark(), sum)`;
    const region = connectionOf(layout.connection);
    const sum = ((1000 + 443) * 2 + 443) * 2 + 1000;
    expect(printed(body, { region, info: 0 }, layout)).toEqual([`443\t4275878552\t${sum}`]);
    expect(printed(body, { region, info: 2 }, layout)).toEqual([`443\tnil\t${sum}`]);
  });
});

describe("packets without a connection", () => {
  const body = "print(ct == nil, info, skb:connmark(), ct and ct:mark())";
  test.each([
    ["that tracking has not seen", undefined, "true\tnil\tnil\tnil"],
    ["that are not to be tracked", { info: IP_CT.IP_CT_UNTRACKED }, "true\t7\tnil\tnil"],
    [
      "for which a rule has prepared one",
      { region: connectionOf(EXAMPLE_LAYOUT.connection, { status: IPS.IPS_TEMPLATE }), info: 2 },
      "true\tnil\tnil\tnil",
    ],
  ])("%s", (_, connection, line) => {
    const vm = new VmHook(`${HEAD}${body} return nf.action.ACCEPT end }`);
    if (connection === undefined) expect(vm.run(PACKET).lines).toEqual([line]);
    const hook = new InterpretedHook(vm, vm.compile(EXAMPLE_LAYOUT), EXAMPLE_LAYOUT);
    expect(hook.run(PACKET, PACKET.length, connection).lines).toEqual([line]);
  });

  test("errors are those of the VM", () => {
    for (const wrong of ["ct:mark()", "conntrack.get(5)", "conntrack.get()", "skb.connmark(1)"]) {
      const vm = new VmHook(`${HEAD} print(pcall(function() ${wrong} end)) return 1 end }`);
      const wanted = vm.run(PACKET).lines;
      expect(wanted[0]).toMatch(/^false\t/);
      expect(new InterpretedHook(vm, vm.compile(EXAMPLE_LAYOUT), EXAMPLE_LAYOUT).run(PACKET).lines).toEqual(
        wanted,
      );
    }
  });
});

describe("what a program does not do with connections", () => {
  const refused = (body: string, layout: KernelLayout = EXAMPLE_LAYOUT): string[] =>
    new VmHook(`${HEAD}${body} return 1 end }`).compile(layout).refusals.map(({ reason }) => reason);

  test.each([
    ["print(ct:id())", "ct:id, which the kernel makes with a secret of its own,"],
    ["ct:mark(5)", "setting the mark of a connection"],
    ["skb:connmark(5)", "setting the mark of a connection"],
    ["ct:refresh(100)", "ct:refresh"],
    ["ct:delete()", "ct:delete"],
    ["conntrack.lookup(ct:tuple())", "a call of conntrack.lookup"],
    ["kept = ct", "a connection that is kept for later packets"],
    ["ct:tuple().sport = 5", "a change of a connection's tuple"],
    ["print(ct == ct:master())", "a comparison of connections"],
  ])("%s", (body, reason) => {
    expect(refused(`if ct then ${body} end`)).toContain(reason);
  });

  test("a kernel that does not keep it", () => {
    for (const [fact, [structure, path]] of Object.entries(CONNECTION_PLACES)) {
      if (fact === "zone") continue;
      const without = { ...EXAMPLE_LAYOUT, connection: { ...EXAMPLE_LAYOUT.connection, [fact]: undefined } };
      expect(refused(`if ct then ${EVERYTHING} print(t.id, t.type, t.code) end`, without)).toContain(
        `what is kept of connections in ${structure}.${path}, which this kernel does not have,`,
      );
    }
    const { zone: _, ...others } = EXAMPLE_LAYOUT.connection;
    const layout = { ...EXAMPLE_LAYOUT, connection: { ...others, zone: undefined } };
    const region = connectionOf(EXAMPLE_LAYOUT.connection);
    expect(printed("print(ct:zone())", { region, info: 0 }, layout)).toEqual(["0"]);
  });

  test("user space, which is not told of connections that only begin, is not left with some packets", () => {
    for (const asks of ["conntrack.get(skb)", "skb:connmark()"]) {
      const source = `${HEAD.split("\n").slice(0, 2).join("\n")}
        local mark = ${asks}
        if skb:data():getuint8(9) == 50 then skb:connmark(1) end
        return 1 end }`;
      const script = new LoadedScript({ path: "test.lua", source }, new SimulatedKernel({ log: () => {} }));
      try {
        expect(() => script.compileOrPunt(EXAMPLE_LAYOUT, "netfilter")).toThrow(
          expect.objectContaining({
            diagnostics: expect.arrayContaining([
              expect.objectContaining({ message: expect.stringContaining("connections that only begin") }),
            ]),
          }),
        );
      } finally {
        script.close();
      }
    }
  });

  test("at a device, before packets are tracked", () => {
    const vm = new VmHook(`${HEAD} return 1 end }`);
    const place = { form: FORMS.tcx, family: NFPROTO.NFPROTO_IPV4, isIngress: true };
    expect(vm.compile(EXAMPLE_LAYOUT, undefined, place).refusals.map(({ reason }) => reason)).toEqual([
      "the connection of a packet that comes in at a device, where it is not tracked yet,",
    ]);
  });
});
