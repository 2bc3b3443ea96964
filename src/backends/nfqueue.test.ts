/** What of the backend can be tested without packets; test/netns has the rest. */
import { describe, expect, test } from "vitest";
import type { HookRegistration } from "../kernel/kernel.ts";
import { Skb } from "../kernel/skb.ts";
import { ipPacket, skbOf } from "../kernel/testing.ts";
import { ErrnoError, UnsupportedError } from "../linux/errors.ts";
import { LuaError, ScriptAbort } from "../lua/error.ts";
import { hex } from "../wire/testing.ts";
import { LiveDevices } from "./live-devices.ts";
import {
  makeSharedState,
  readCounters,
  reviveError,
  serializeError,
  writeCounters,
} from "./nfqueue-protocol.ts";
import { mayWritePackets } from "./packet-writes.ts";
import { Stations } from "./stations.ts";

const INET = 1;
const IPV4 = 2;
const IPV6 = 10;

function hook(fields: Partial<HookRegistration> = {}): HookRegistration {
  return {
    pf: INET,
    hooknum: 1,
    priority: 0,
    mark: 0,
    run: () => ({ verdict: 1, mark: undefined }),
    ...fields,
  };
}

describe("stations", () => {
  test("one for each hook point and priority, whatever the family", () => {
    const stations = new Stations();
    stations.register(hook({ pf: IPV4 }));
    stations.register(hook({ pf: IPV6, mark: 5 }));
    stations.register(hook({ pf: IPV4, priority: -1 }));
    stations.register(hook({ pf: IPV4, hooknum: 3 }));
    expect(
      stations.arm().map(({ family, hooknum, priority, marks }) => [family, hooknum, priority, marks]),
    ).toEqual([
      [INET, 1, 0, [0, 5]],
      [IPV4, 1, -1, [0]],
      [IPV4, 3, 0, [0]],
    ]);
  });

  test("a removed hook takes its empty station along", () => {
    const stations = new Stations();
    const remove = stations.register(hook());
    stations.register(hook({ priority: 1 }));
    remove();
    expect(stations.arm()).toHaveLength(1);
  });

  test("a packet concerns the hooks of its family and mark", () => {
    const stations = new Stations();
    stations.register(hook({ pf: IPV4, mark: 3 }));
    const [station] = stations.arm();
    expect([station!.concerns(IPV4, 3), station!.concerns(IPV6, 3), station!.concerns(IPV4, 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("verdict and mark, newest hook first", () => {
    const stations = new Stations();
    stations.register(hook({ mark: 4, run: () => ({ verdict: 0, mark: undefined }) }));
    stations.register(hook({ run: () => ({ verdict: 1, mark: 4 }) }));
    const skb = skbOf(ipPacket());
    expect(stations.arm()[0]!.run(IPV4, skb)).toBe(0);
    expect(skb.mark).toBe(4);
  });

  test.each([
    ["bridge", { pf: 7 }, "EOPNOTSUPP"],
    ["a hook point that does not exist", { hooknum: 5 }, "EINVAL"],
  ])("%s is refused", (_, fields, code) => {
    expect(() => new Stations().register(hook(fields))).toThrow(expect.objectContaining({ code }));
  });

  test("nothing can be added once armed", () => {
    const stations = new Stations();
    stations.arm();
    expect(() => stations.register(hook())).toThrow("only while the script loads");
  });
});

test.each([
  ["return 1", false],
  ["local d = skb:data() return d:getuint8(0)", false],
  ["print(#skb, skb:ifindex(), d:checksum(0, 4))", false],
  ["skb:resize(10)", true],
  ["skb:checksum()", true],
  ["skb:forward()", true],
  ["local twin = skb:copy()", true],
  ["d:setuint8(0, 1)", true],
  ["d:setstring(0, 'x')", true],
  ["function f() if a then return function() d:setuint16(0, 1) end end end", true],
  ["local set = d.setuint8 set(d, 0, 1)", true],
  ["d['setuint8'](d, 0, 1)", true],
  ["-- skb:resize(10)", false],
  ["not Lua", false],
])("mayWritePackets: %s", (source, expected) => {
  // `checksum` reads on data and writes on skb; the name alone cannot tell.
  expect(mayWritePackets(source, "=test")).toBe(expected || source.includes(":checksum("));
});

describe("link headers", () => {
  const own = Uint8Array.of(2, 0, 0, 0, 0, 1);
  const sender = Uint8Array.of(2, 0, 0, 0, 0, 9);
  const link = { index: 2, name: "eth0", type: 1, flags: 2, mtu: 1500, master: 0, hardwareAddress: own };
  const tunnel = {
    index: 3,
    name: "tun0",
    type: 0xfffe,
    flags: 0,
    mtu: 1500,
    master: 0,
    hardwareAddress: new Uint8Array(0),
  };
  const address = {
    index: 2,
    family: 2,
    address: Uint8Array.of(10, 0, 0, 2),
    prefixLength: 24,
    broadcast: Uint8Array.of(10, 0, 0, 255),
  };
  let reads = 0;
  const source = {
    links: () => {
      reads++;
      return [link, tunnel];
    },
    addresses: () => [address],
  };
  const bare = (packet: Uint8Array) =>
    Skb.from(packet, {
      protocol: packet[0]! >> 4 === 6 ? 0x86dd : 0x0800,
      networkOffset: 0,
      macLength: undefined,
    });

  test.each([
    ["for one host", ipPacket({ to: "10.0.0.2" }), "020000000001 020000000009 0800"],
    ["broadcast to all", ipPacket({ to: "255.255.255.255" }), "ffffffffffff 020000000009 0800"],
    ["broadcast of the subnet", ipPacket({ to: "10.0.0.255" }), "ffffffffffff 020000000009 0800"],
    ["IPv4 multicast", ipPacket({ to: "239.129.2.3" }), "01005e010203 020000000009 0800"],
    ["IPv6", ipPacket({ from: "fd00::1", to: "fd00::2" }), "020000000001 020000000009 86dd"],
    ["IPv6 multicast", ipPacket({ from: "fd00::1", to: "ff02::1:ff00:2" }), "3333ff000002 020000000009 86dd"],
  ])("%s", (_, packet, header) => {
    const skb = bare(packet);
    new LiveDevices(source).addLinkHeader(skb, 2, sender);
    expect(hex(skb.frame())).toBe(header.replaceAll(" ", "") + hex(packet));
  });

  test.each([
    ["an Ethernet device, but no sender known", 2, undefined, undefined],
    ["no such device", 9, sender, undefined],
    ["a device without link headers: an empty one", 3, undefined, 0],
  ])("%s", (_, ifindex, from, macLength) => {
    const skb = bare(ipPacket());
    new LiveDevices(source).addLinkHeader(skb, ifindex, from);
    expect(skb.macOffset === undefined ? undefined : skb.netOffset - skb.macOffset).toBe(macLength);
  });

  test("the list is read again after a second, not before", () => {
    let now = 0;
    reads = 0;
    const devices = new LiveDevices(source, () => now);
    expect(devices.named("eth0")?.index).toBe(2);
    expect(devices.named("none")).toBeUndefined();
    expect(reads).toBe(1);
    now = 1000;
    expect(devices.numbered(3)?.name).toBe("tun0");
    expect(reads).toBe(2);
  });
});

describe("between the threads", () => {
  test.each([
    new LuaError("x.lua:1: boom"),
    new ScriptAbort("budget", "too long"),
    new ErrnoError("ENOENT", "open", "network namespace", "there is none"),
    new UnsupportedError("no koffi", "install it"),
    new TypeError("a bug"),
  ])("an error keeps its class and message: %s", (error) => {
    const revived = reviveError(structuredClone(serializeError(error)));
    expect(revived.message).toBe(error.message);
    expect(revived).toBeInstanceOf(error instanceof TypeError ? Error : error.constructor);
  });

  test("counters", () => {
    const numbers = new Float64Array(makeSharedState().counters);
    const counters = { packets: 1, accepted: 2, dropped: 3, modified: 4, errors: 2 ** 40 };
    writeCounters(numbers, counters);
    expect(readCounters(numbers)).toEqual(counters);
  });
});
