import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ETH_P } from "../uapi/if-ether.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../uapi/netfilter.ts";
import { internetChecksum } from "../wire/checksum.ts";
import type { HookOutcome } from "./kernel.ts";
import { SimulatedKernel } from "./simulated.ts";
import { Skb } from "./skb.ts";
import { ipPacket, type PacketFields, skbOf } from "./testing.ts";

const FUZZ_RUNS = Number(globalThis.process?.env["MOONHOOK_FUZZ_RUNS"] ?? 300);
const HOOK_NAMES = ["PRE", "IN", "FWD", "OUT", "POST"];
const ACCEPT: HookOutcome = { verdict: NF_VERDICT.NF_ACCEPT, mark: undefined };

/** A machine with one hook at each of the five points that notes where it ran, with which devices. */
function machine(
  answers: Partial<Record<string, HookOutcome>> = {},
  edit?: (point: string, skb: Skb) => void,
) {
  const kernel = new SimulatedKernel({ log: () => {} });
  for (const address of ["10.0.0.1", "fd00::1"]) kernel.local.add(address);
  const seen: string[] = [];
  for (const [hooknum, point] of HOOK_NAMES.entries()) {
    kernel.registerHook({
      pf: NFPROTO.NFPROTO_INET,
      hooknum,
      priority: 0,
      mark: 0,
      run: (skb) => {
        seen.push(`${point}(${skb.inIfindex},${skb.outIfindex},${skb.ifindex})`);
        edit?.(point, skb);
        return answers[point] ?? ACCEPT;
      },
    });
  }
  return { kernel, seen };
}

const INPUT = ["PRE(2,0,2)", "IN(2,0,2)"];
const OUTPUT = ["OUT(0,2,0)", "POST(0,2,2)"];
const FORWARD = ["PRE(2,0,2)", "FWD(2,3,2)", "POST(2,3,3)"];

describe("path and devices", () => {
  test.each<[string, PacketFields, string, string, string[]]>([
    ["to the machine", { from: "10.0.0.9", to: "10.0.0.1" }, "input", "accept", INPUT],
    ["from the machine", { from: "10.0.0.1", to: "10.0.0.9" }, "output", "accept", OUTPUT],
    ["to itself", { from: "10.0.0.1", to: "10.0.0.1" }, "output", "accept", ["OUT(0,1,0)", "POST(0,1,1)"]],
    [
      "over loopback",
      { from: "127.0.0.1", to: "127.0.0.53" },
      "output",
      "accept",
      ["OUT(0,1,0)", "POST(0,1,1)"],
    ],
    ["through it", { from: "10.0.0.9", to: "192.0.2.1" }, "forward", "accept", FORWARD],
    ["multicast", { from: "10.0.0.9", to: "224.0.0.251" }, "input", "accept", INPUT],
    ["broadcast", { from: "10.0.0.9", to: "255.255.255.255" }, "input", "accept", INPUT],
    ["DHCP discover", { from: "0.0.0.0", to: "255.255.255.255" }, "input", "accept", INPUT],
    ["from nowhere", { from: "0.0.0.0", to: "10.0.0.1" }, "forward", "drop", INPUT.slice(0, 1)],
    ["from a group", { from: "224.0.0.5", to: "10.0.0.1" }, "forward", "drop", INPUT.slice(0, 1)],
    ["to nowhere", { from: "10.0.0.9", to: "0.0.0.0" }, "forward", "drop", INPUT.slice(0, 1)],
    [
      "TTL used up: the sender is told",
      { from: "10.0.0.9", to: "192.0.2.1", ttl: 1 },
      "forward",
      "drop",
      [...INPUT.slice(0, 1), ...OUTPUT],
    ],
    ["TTL 1 to the machine", { from: "10.0.0.9", to: "10.0.0.1", ttl: 1 }, "input", "accept", INPUT],
    ["v6 to the machine", { from: "fd00::9", to: "fd00::1" }, "input", "accept", INPUT],
    ["v6 from the machine", { from: "fd00::1", to: "fd00::9" }, "output", "accept", OUTPUT],
    ["v6 through it", { from: "fd00::9", to: "2001:db8::1" }, "forward", "accept", FORWARD],
    ["v6 over loopback", { from: "::1", to: "::1" }, "output", "accept", ["OUT(0,1,0)", "POST(0,1,1)"]],
    ["v6 multicast", { from: "fe80::9", to: "ff02::1" }, "input", "accept", INPUT],
    [
      "v6 hop limit used up: the sender is told",
      { from: "fd00::9", to: "2001:db8::1", ttl: 1 },
      "forward",
      "drop",
      [...INPUT.slice(0, 1), ...OUTPUT],
    ],
    [
      "v6 link-local through it",
      { from: "fe80::9", to: "2001:db8::1" },
      "forward",
      "drop",
      INPUT.slice(0, 1),
    ],
    ["v6 unspecified through it", { from: "::", to: "2001:db8::1" }, "forward", "drop", INPUT.slice(0, 1)],
    ["v6 from a group", { from: "ff02::1", to: "fd00::1" }, "input", "drop", []],
    ["v6 interface-local group", { from: "fd00::9", to: "ff01::1" }, "input", "drop", []],
  ])("%s", (_, fields, path, verdict, hooks) => {
    const { kernel, seen } = machine();
    expect(kernel.process(skbOf(ipPacket(fields)))).toEqual({ path, verdict });
    expect(seen).toEqual(hooks);
  });

  test("a frame to all stations is for this machine whatever its address", () => {
    const { kernel } = machine();
    const skb = skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.255" }));
    skb.bytes.fill(0xff, skb.macOffset, skb.macOffset! + 6);
    expect(kernel.process(skb).path).toBe("input");
  });

  test("no link header at LOCAL_OUT", () => {
    const macs: (number | undefined)[] = [];
    const { kernel } = machine({}, (_, skb) => macs.push(skb.macOffset));
    kernel.process(skbOf(ipPacket({ from: "10.0.0.1", to: "10.0.0.9" })));
    expect(macs).toEqual([undefined, undefined]);
  });

  test("what PRE_ROUTING writes, routing reads", () => {
    const { kernel, seen } = machine({}, (point, skb) => {
      if (point === "PRE") skb.bytes.set([10, 0, 0, 1], skb.netOffset + 16);
    });
    expect(kernel.process(skbOf(ipPacket({ from: "10.0.0.9", to: "192.0.2.1" }))).path).toBe("input");
    expect(seen).toEqual(INPUT);
  });

  test("a packet cut away in PRE_ROUTING goes nowhere", () => {
    const { kernel } = machine({}, (_, skb) => skb.resize(3));
    expect(kernel.process(skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" }))).verdict).toBe("drop");
  });
});

test.each([
  ["drop", 0],
  ["stolen", 2],
  ["queue", 3],
  ["stolen", 4],
  ["stolen", 5],
])("%s ends the path, verdict %i", (name, verdict) => {
  const { kernel, seen } = machine({ FWD: { verdict, mark: 9 } });
  const skb = skbOf(ipPacket({ from: "10.0.0.9", to: "192.0.2.1" }));
  expect(kernel.process(skb)).toEqual({ path: "forward", verdict: name });
  expect(seen).toEqual(FORWARD.slice(0, 2));
  expect(skb.mark).toBe(9);
});

describe("before the first hook", () => {
  const broken: [string, (packet: Uint8Array) => Uint8Array][] = [
    ["19 bytes", (packet) => packet.subarray(0, 19)],
    ["nothing", (packet) => packet.subarray(0, 0)],
    ["version 5", (packet) => set(packet, 0, 0x55)],
    ["header length 16", (packet) => set(packet, 0, 0x44)],
    ["header longer than the packet", (packet) => set(packet, 0, 0x4f)],
    ["total length 19", (packet) => set(set(packet, 2, 0), 3, 19)],
    ["total length beyond the frame", (packet) => set(packet, 3, packet.length + 1)],
    ["wrong header checksum", (packet) => set(packet, 10, packet[10]! ^ 1)],
  ];
  test.each(broken)("%s", (_, damage) => {
    const { kernel, seen } = machine();
    const packet = damage(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" }));
    const skb = Skb.from(packet, { protocol: ETH_P.ETH_P_IP, networkOffset: 0, macLength: 0 });
    if (packet.length >= 20 && packet[10] !== undefined && _ !== "wrong header checksum") fixChecksum(skb);
    expect(kernel.process(skb)).toEqual({ path: "input", verdict: "drop" });
    expect(seen).toEqual([]);
  });

  test("padding is trimmed, and that is no change", () => {
    const { kernel } = machine();
    const skb = skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" }), 14);
    expect(kernel.process(skb).verdict).toBe("accept");
    expect(skb.length).toBe(32);
    expect(skb.modified).toBe(false);
  });

  test("what the capture cut off is not missed", () => {
    const { kernel } = machine();
    const packet = ipPacket({ from: "10.0.0.9", to: "10.0.0.1" });
    const cut = Skb.from(packet.subarray(0, 30), {
      protocol: ETH_P.ETH_P_IP,
      networkOffset: 0,
      macLength: 0,
    });
    expect(kernel.process(cut, packet.length - 30).verdict).toBe("accept");
    expect(kernel.process(cut, 0).verdict).toBe("drop");
  });

  test("a wrong header checksum of our own is no matter", () => {
    const { kernel } = machine();
    const packet = set(ipPacket({ from: "10.0.0.1", to: "10.0.0.9" }), 10, 0);
    expect(kernel.process(skbOf(packet)).verdict).toBe("accept");
  });
});

test("forwarding counts the TTL down before FORWARD and keeps the checksum right", () => {
  const ttls: number[] = [];
  const { kernel } = machine({}, (_, skb) => ttls.push(skb.packet()[8]!));
  for (const ttl of [2, 64, 255]) {
    const skb = skbOf(ipPacket({ from: "10.0.0.9", to: "192.0.2.1", ttl }));
    kernel.process(skb);
    expect(internetChecksum(skb.packet(), 0, 20)).toBe(0);
    expect(skb.modified).toBe(false);
  }
  expect(ttls).toEqual([2, 1, 1, 64, 63, 63, 255, 254, 254]);
});

test("other protocols pass untouched", () => {
  const { kernel, seen } = machine();
  const arp = Skb.from(new Uint8Array(28), { protocol: ETH_P.ETH_P_ARP, networkOffset: 0, macLength: 0 });
  expect(kernel.process(arp)).toEqual({ path: "input", verdict: "accept" });
  expect(seen).toEqual([]);
});

test("a refused registration is logged with its reason", () => {
  const lines: string[] = [];
  const kernel = new SimulatedKernel({ log: (level, text) => lines.push(`${level}: ${text}`) });
  const hook = { pf: NFPROTO.NFPROTO_BRIDGE, hooknum: 0, priority: 0, mark: 0, run: () => ACCEPT };
  expect(() => kernel.registerHook(hook)).toThrow();
  expect(lines).toEqual(["error: netfilter: no hooks for protocol family 7 in the simulated kernel"]);
});

test("clock, devices, random numbers", () => {
  const kernel = new SimulatedKernel({ log: () => {}, seed: 42, cpuCount: 3 });
  kernel.setTime(1_700_000_000, 999_999_999);
  expect(kernel.nowNs()).toBe(1_700_000_000_999_999_999n);
  kernel.sleep(1500);
  expect(kernel.nowNs()).toBe(1_700_000_002_499_999_999n);
  expect(["lo", "eth0", "eth1", "wlan0"].map((name) => kernel.ifindex(name))).toEqual([1, 2, 3, undefined]);
  expect(kernel.hardwareAddress(2)).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 1));
  expect(kernel.hardwareAddress(9)).toBeUndefined();
  expect(kernel.cpuCount()).toBe(3);
  const twin = new SimulatedKernel({ log: () => {}, seed: 42 });
  const other = new SimulatedKernel({ log: () => {}, seed: 43 });
  const numbers = Array.from({ length: 5 }, () => kernel.random64());
  expect(Array.from({ length: 5 }, () => twin.random64())).toEqual(numbers);
  expect(Array.from({ length: 5 }, () => other.random64())).not.toEqual(numbers);
  expect(new Set(numbers).size).toBe(5);
});

test("any bytes at all: an outcome, never an exception", () => {
  const mutation = fc.tuple(fc.nat(80), fc.nat(255));
  const start = fc.constantFrom(
    ipPacket({ from: "10.0.0.9", to: "10.0.0.1" }),
    ipPacket({ from: "10.0.0.9", to: "192.0.2.1", protocol: "tcp" }),
    ipPacket({ from: "fd00::9", to: "2001:db8::1" }),
    new Uint8Array(0),
  );
  fc.assert(
    fc.property(
      start,
      fc.array(mutation, { maxLength: 6 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(ETH_P.ETH_P_IP, ETH_P.ETH_P_IPV6),
      fc.nat(100),
      fc.nat(100),
      (packet, mutations, extra, protocol, missing, size) => {
        const { kernel } = machine({}, (_, skb) => {
          skb.resize(size);
          skb.checksum();
        });
        const bytes = Uint8Array.from([...packet, ...extra]);
        for (const [at, value] of mutations) if (at < bytes.length) bytes[at] = value;
        const skb = Skb.from(bytes, { protocol, networkOffset: 0, macLength: 0 });
        if (bytes.length >= 20) fixChecksum(skb);
        expect(["accept", "drop"]).toContain(kernel.process(skb, missing).verdict);
      },
    ),
    { numRuns: FUZZ_RUNS },
  );
});

test("the hook points are numbered as the names here", () => {
  expect(Object.values(NF_INET).slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
});

function set(packet: Uint8Array, at: number, value: number): Uint8Array {
  const copy = packet.slice();
  copy[at] = value;
  return copy;
}

function fixChecksum(skb: Skb): void {
  const header = skb.bytes.subarray(skb.netOffset, skb.netOffset + skb.length);
  const end = Math.min(header.length, (header[0]! & 15) * 4);
  header[10] = 0;
  header[11] = 0;
  const sum = internetChecksum(header, 0, end);
  header[10] = sum >> 8;
  header[11] = sum & 0xff;
}
