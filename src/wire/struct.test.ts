import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { arp, arpIpv4 } from "./arp.ts";
import { cookedV1, cookedV2 } from "./cooked.ts";
import { ethernet, vlan } from "./ethernet.ts";
import { icmp } from "./icmp.ts";
import { ipv4 } from "./ipv4.ts";
import { ipv6, ipv6Fragment } from "./ipv6.ts";
import { genlmsghdr, ifaddrmsg, ifinfomsg, nfgenmsg, nlmsgerr, nlmsghdr, rtmsg } from "./netlink.ts";
import {
  array,
  bytes,
  chars,
  DecodeError,
  type Fields,
  i8,
  i32be,
  i32le,
  i64be,
  i64le,
  type Struct,
  struct,
  u8,
  u16be,
  u16le,
  u32be,
  u32le,
  u64be,
  u64le,
  type ValueOf,
} from "./struct.ts";
import { tcp } from "./tcp.ts";
import { hex, numRuns, randomOf, unhex } from "./testing.ts";
import { udp } from "./udp.ts";

const everything = struct("everything", {
  a: u8,
  b: i8,
  c: u16be,
  d: u16le,
  e: u32be,
  f: u32le,
  g: i32be,
  h: i32le,
  i: u64be,
  j: u64le,
  k: i64be,
  l: i64le,
  m: bytes(3),
  n: chars(5),
  o: array(u16be, 2),
  p: struct("inner", { x: u8, y: u16le }),
});

const value = {
  a: 0xfe,
  b: -2,
  c: 0x0102,
  d: 0x0102,
  e: 0xfffefdfc,
  f: 0xfffefdfc,
  g: -2,
  h: -2,
  i: 0x0102030405060708n,
  j: 0x0102030405060708n,
  k: -2n,
  l: -2n,
  m: Uint8Array.of(1, 2, 3),
  n: "abc",
  o: [1, 2],
  p: { x: 9, y: 0x0a0b },
};
const golden =
  "fe fe 0102 0201 fffefdfc fcfdfeff fffffffe feffffff 0102030405060708 0807060504030201 " +
  "fffffffffffffffe feffffffffffffff 010203 6162630000 00010002 09 0b0a";

test("every field type has its golden bytes", () => {
  expect(hex(everything.encode(value))).toBe(golden.replaceAll(" ", ""));
  expect(everything.decode(unhex(golden))).toEqual(value);
});

test("offsets and size follow from the fields", () => {
  expect(udp.size).toBe(8);
  expect(udp.offsets).toEqual({ sport: 0, dport: 2, length: 4, checksum: 6 });
});

test.each<[Struct<Fields>, number]>([
  [ethernet, 14],
  [vlan, 4],
  [arp, 8],
  [arpIpv4, 20],
  [ipv4, 20],
  [ipv6, 40],
  [ipv6Fragment, 8],
  [icmp, 8],
  [tcp, 20],
  [udp, 8],
  [cookedV1, 16],
  [cookedV2, 20],
  [nlmsghdr, 16],
  [nlmsgerr, 20],
  [nfgenmsg, 4],
  [genlmsghdr, 4],
  [rtmsg, 12],
  [ifinfomsg, 16],
  [ifaddrmsg, 8],
] as unknown as [Struct<Fields>, number][])(
  "$name has its size and decode∘encode is identity",
  (layout, size) => {
    expect(layout.size).toBe(size);
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const original = layout.random(randomOf(seed));
        expect(layout.decode(layout.encode(original))).toEqual(original);
      }),
      { numRuns: 30 },
    );
  },
);

test("everything: decode∘encode is identity, in any place", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(20), (seed, at) => {
      const original = everything.random(randomOf(seed));
      const target = new Uint8Array(at + everything.size);
      everything.write(target, at, original);
      expect(everything.decode(target, at)).toEqual(original);
    }),
    { numRuns: numRuns(200) },
  );
});

describe("a view", () => {
  test("reads and writes in place", () => {
    const packet = unhex("ffff 0035 8000 0008 0000");
    const view = udp.view(packet, 2)!;
    expect([view.sport, view.dport, view.length]).toEqual([53, 0x8000, 8]);
    view.dport = 0x1234;
    expect(hex(packet)).toBe("ffff00351234" + "00080000");
  });

  test("is undefined where the bytes are too short", () => {
    expect(udp.view(new Uint8Array(7))).toBeUndefined();
    expect(udp.view(new Uint8Array(8), 1)).toBeUndefined();
    expect(udp.view(new Uint8Array(8), -1)).toBeUndefined();
  });
});

test.each([
  ["plain", new Uint8Array(14)],
  // Its slice() shares memory too.
  ["a Node Buffer", Buffer.alloc(14)],
])("bytes are shared by accessors and copied by decode: %s", (_, frame) => {
  const shared = ethernet.get.source(frame, 0);
  const owned = ethernet.decode(frame).source;
  frame[6] = 7;
  expect([shared[0], owned[0]]).toEqual([7, 0]);
});

test("fixed-size bytes are padded with zeros and cut when too long", () => {
  const layout = struct("x", { m: bytes(2), n: chars(2) });
  const target = unhex("ffffffff");
  layout.write(target, 0, { m: Uint8Array.of(1), n: "a" });
  expect(hex(target)).toBe("01006100");
  layout.write(target, 0, { m: Uint8Array.of(1, 2, 3), n: "abc" });
  expect(hex(target)).toBe("01026162");
});

test.each([
  [0, 7, "checksum", 6],
  [0, 0, "sport", 0],
  [3, 8, "length", 7],
  [20, 8, "sport", 20],
])("decode at %i of %i bytes names the field that is cut", (at, length, field, offset) => {
  const attempt = () => udp.decode(new Uint8Array(length), at);
  expect(attempt).toThrow(DecodeError);
  expect(attempt).toThrow(expect.objectContaining({ struct: "udp", field, offset }));
});

test("types follow from the table", () => {
  expectTypeOf<ValueOf<typeof udp>>().toEqualTypeOf<{
    sport: number;
    dport: number;
    length: number;
    checksum: number;
  }>();
  // @ts-expect-error no such field
  expect(udp.get.port).toBeUndefined();
});
