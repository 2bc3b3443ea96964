import { describe, expect, test } from "vitest";
import { ETH_P } from "../uapi/if-ether.ts";
import { internetChecksum, transportChecksum } from "../wire/checksum.ts";
import { ConnectionTracker } from "./conntrack/tracker.ts";
import { SKB_TAILROOM_BYTES, Skb } from "./skb.ts";
import { ethernetFrame, ipPacket, skbOf } from "./testing.ts";

const { ETH_P_IP, ETH_P_ARP } = ETH_P;

test("a frame in, the same frame out", () => {
  const packet = ipPacket();
  const skb = skbOf(packet);
  expect(skb.packet()).toEqual(packet);
  expect(skb.frame()).toEqual(ethernetFrame(packet));
  expect(skb.length).toBe(packet.length);
});

test("VLAN tags are taken out of the link header", () => {
  const packet = ipPacket();
  const plain = ethernetFrame(packet);
  const tagged = Uint8Array.from([...plain.slice(0, 12), 0x81, 0, 0, 5, 8, 0, ...packet]);
  const skb = Skb.from(tagged, { protocol: ETH_P_IP, networkOffset: 18, macLength: 14, vlan: 5 });
  expect(skb.frame()).toEqual(plain);
  expect(skb.vlan).toBe(5);
});

test.each([
  [undefined, undefined],
  [0, 0],
])("link header of length %s", (macLength, before) => {
  const skb = Skb.from(ipPacket(), { protocol: ETH_P_IP, networkOffset: 0, macLength });
  expect(skb.macOffset).toBe(before === undefined ? undefined : skb.netOffset);
  expect(skb.frame()).toEqual(ipPacket());
});

const TUPLE = { family: 2, protocol: 17, source: 1, destination: 2, sport: 3, dport: 4 };

test("load forgets the packet before", () => {
  const skb = skbOf(ipPacket({ payload: new Uint8Array(1000) }));
  Object.assign(skb, {
    mark: 5,
    ifindex: 2,
    inIfindex: 2,
    outIfindex: 3,
    vlan: 1,
    connection: new ConnectionTracker().create({ original: TUPLE, timeoutMs: 1 }),
    ctinfo: 2,
    zone: 3,
    missingBytes: 4,
    modified: true,
  });
  const next = ipPacket();
  skb.load(next, 0, 0, next.length, undefined, ETH_P_IP);
  expect(skb).toMatchObject({ mark: 0, ifindex: 0, inIfindex: 0, outIfindex: 0, modified: false });
  expect(skb).toMatchObject({ zone: 0, missingBytes: 0 });
  expect([skb.vlan, skb.connection, skb.ctinfo, skb.macOffset]).toEqual(new Array(4).fill(undefined));
  expect(skb.packet()).toEqual(next);
  expect(skb.tailroom).toBe(SKB_TAILROOM_BYTES);
});

test("a packet larger than the buffer makes it grow", () => {
  const large = ipPacket({ payload: new Uint8Array(60000).fill(7) });
  const skb = new Skb(100).load(large, 0, 0, large.length, 0, ETH_P_IP);
  expect(skb.packet()).toEqual(large);
  expect(skb.resize(large.length + SKB_TAILROOM_BYTES)).toBe(true);
});

describe("resize", () => {
  test.each([
    ["to nothing", () => 0, true],
    ["by one", (length: number) => length + 1, true],
    ["as far as the tail room goes", (length: number) => length + SKB_TAILROOM_BYTES, true],
    ["one further", (length: number) => length + SKB_TAILROOM_BYTES + 1, false],
    ["below nothing", () => -1, false],
    ["beyond all reason", () => 2 ** 63, false],
  ])("%s", (_, target, works) => {
    const skb = skbOf(ipPacket());
    const before = skb.length;
    expect(skb.resize(target(before))).toBe(works);
    expect(skb.length).toBe(works ? target(before) : before);
    expect(skb.modified).toBe(works);
  });

  test("added bytes are zero, whatever was there", () => {
    const skb = skbOf(ipPacket({ payload: [9, 9, 9, 9] }));
    const { length } = skb;
    skb.resize(length - 2);
    skb.resize(length + 1);
    expect([...skb.packet().subarray(length - 4)]).toEqual([9, 9, 0, 0, 0]);
  });

  test("to the same length changes nothing", () => {
    const skb = skbOf(ipPacket());
    expect(skb.resize(skb.length)).toBe(true);
    expect(skb.modified).toBe(false);
  });
});

test("trimming padding is no change of the packet", () => {
  const skb = skbOf(ipPacket(), 6);
  skb.trimPadding(skb.length - 6);
  expect(skb.packet()).toEqual(ipPacket());
  expect(skb.modified).toBe(false);
  expect(skb.tailroom).toBe(SKB_TAILROOM_BYTES);
});

test("a copy is independent and has tail room of its own", () => {
  const skb = skbOf(ipPacket());
  Object.assign(skb, { mark: 5, ifindex: 2, inIfindex: 2, outIfindex: 3, vlan: 1 });
  const copy = skb.copy();
  expect(copy.frame()).toEqual(skb.frame());
  expect(copy).toMatchObject({ mark: 5, ifindex: 2, inIfindex: 2, outIfindex: 3, vlan: 1 });
  copy.bytes.fill(0);
  copy.resize(1);
  expect(skb.packet()).toEqual(ipPacket());
  expect(skb.copy().tailroom).toBe(SKB_TAILROOM_BYTES);
});

describe("checksum", () => {
  const cases = {
    "IPv4 UDP": ipPacket({ payload: [1, 2, 3] }),
    "IPv4 TCP": ipPacket({ protocol: "tcp" }),
    "IPv6 UDP": ipPacket({ from: "fd00::1", to: "fd00::2", payload: [1, 2, 3] }),
    "IPv6 TCP": ipPacket({ from: "fd00::1", to: "fd00::2", protocol: "tcp" }),
  };
  test.each(Object.entries(cases))("%s: wrong ones are made right", (_, packet) => {
    const skb = skbOf(packet);
    const ipSize = packet[0]! >> 4 === 4 ? 20 : 40;
    const protocol = ipSize === 20 ? packet[9]! : packet[6]!;
    const field = skb.netOffset + ipSize + (protocol === 17 ? 6 : 16);
    skb.bytes[field] = skb.bytes[field]! ^ 0x55;
    if (ipSize === 20) skb.bytes[skb.netOffset + 10]! ^= 0xaa;
    skb.checksum();
    expect(skb.packet()).toEqual(packet);
    expect(skb.modified).toBe(true);
  });

  test("a UDP checksum of 0 is sent as 0xffff", () => {
    const packet = ipPacket({ payload: [0, 0] });
    const sum = transportChecksum(packet, 0, 20, packet.length, 17, 6);
    // Adding the sum itself to the data makes the next one come out as 0.
    packet[28] = sum >> 8;
    packet[29] = sum & 0xff;
    const skb = skbOf(packet);
    skb.checksum();
    expect([...skb.packet().subarray(26, 28)]).toEqual([0xff, 0xff]);
  });

  test("headers that do not fit leave the packet alone", () => {
    for (const length of [0, 1, 19]) {
      const skb = skbOf(ipPacket());
      skb.resize(length);
      skb.modified = false;
      skb.checksum();
      expect(skb.modified).toBe(false);
    }
    const six = skbOf(ipPacket({ from: "fd00::1", to: "fd00::2" }));
    six.resize(six.length - 1);
    six.modified = false;
    six.checksum();
    expect(six.modified).toBe(false);
  });

  test("an IPv4 packet shorter than it says gets its header checksum only", () => {
    const skb = skbOf(ipPacket());
    skb.resize(skb.length - 1);
    skb.bytes[skb.netOffset + 8] = 9;
    skb.bytes[skb.netOffset + 26]! ^= 1;
    const udpSum = skb.bytes[skb.netOffset + 26];
    skb.checksum();
    expect(internetChecksum(skb.packet(), 0, 20)).toBe(0);
    expect(skb.bytes[skb.netOffset + 26]).toBe(udpSum);
  });

  test("other protocols have none", () => {
    const skb = Skb.from(ipPacket(), { protocol: ETH_P_ARP, networkOffset: 0, macLength: 0 });
    skb.checksum();
    expect(skb.modified).toBe(false);
  });
});
