import fc from "fast-check";
import { expect, test } from "vitest";
import { formatMac, parseMac } from "./ethernet.ts";
import { LINKTYPE, splitFrame } from "./frame.ts";
import { formatIpv4, ipv4Extent, parseIpv4 } from "./ipv4.ts";
import { formatIpv6, ipv6Extent, parseIpv6 } from "./ipv6.ts";
import { forEachTcpOption, tcpHeaderLength } from "./tcp.ts";
import { hex, numRuns, unhex } from "./testing.ts";

const macs = "020000000001 020000000002";
const ip6 = (length: string, next: string, rest: string) =>
  unhex(`60000000 ${length} ${next} 40 ${"20010db8".padEnd(32, "0")} ${"20010db8".padEnd(32, "0")} ${rest}`);

test.each<[string, number, string, object | undefined]>([
  [
    "Ethernet",
    1,
    `${macs} 0800 45`,
    { headerLength: 14, ethertype: 0x0800, networkOffset: 14, vlan: undefined },
  ],
  [
    "one VLAN tag",
    1,
    `${macs} 8100 2005 86dd 60`,
    { headerLength: 14, ethertype: 0x86dd, networkOffset: 18, vlan: 0x2005 },
  ],
  [
    "two VLAN tags",
    1,
    `${macs} 88a8 0007 8100 0005 0800`,
    { headerLength: 14, ethertype: 0x0800, networkOffset: 22, vlan: 7 },
  ],
  ["a cut VLAN tag", 1, `${macs} 8100 2005`, undefined],
  [
    "802.3 length and LLC",
    1,
    `${macs} 0026 424203`,
    { headerLength: 14, ethertype: 4, networkOffset: 14, vlan: undefined },
  ],
  ["a cut Ethernet header", 1, `${macs} 08`, undefined],
  ["raw IPv4", 101, "45", { headerLength: 0, ethertype: 0x0800, networkOffset: 0, vlan: undefined }],
  ["raw IPv6, BSD", 12, "60", { headerLength: 0, ethertype: 0x86dd, networkOffset: 0, vlan: undefined }],
  ["raw of no version", 101, "10", undefined],
  ["raw, empty", 14, "", undefined],
  ["IPV4", 228, "00", { headerLength: 0, ethertype: 0x0800, networkOffset: 0, vlan: undefined }],
  ["IPV6", 229, "00", { headerLength: 0, ethertype: 0x86dd, networkOffset: 0, vlan: undefined }],
  [
    "cooked v1",
    113,
    "0000 0001 0006 0200000000010000 0800 45",
    { headerLength: 16, ethertype: 0x0800, networkOffset: 16, vlan: undefined },
  ],
  [
    "cooked v2",
    276,
    "86dd 0000 00000003 0001 04 06 0200000000010000 60",
    { headerLength: 20, ethertype: 0x86dd, networkOffset: 20, vlan: undefined },
  ],
  [
    "null, little-endian",
    0,
    "02000000 45",
    { headerLength: 4, ethertype: 0x0800, networkOffset: 4, vlan: undefined },
  ],
  [
    "null, big-endian macOS",
    0,
    "0000001e 60",
    { headerLength: 4, ethertype: 0x86dd, networkOffset: 4, vlan: undefined },
  ],
  ["null of another family", 0, "07000000 45", undefined],
  ["an unknown link type", 147, "4500", undefined],
])("frame: %s", (_, linkType, bytes, expected) => {
  expect(splitFrame(linkType, unhex(bytes))).toEqual(expected);
});

test.each<[string, string, object | undefined]>([
  [
    "plain",
    "45000016 00014000 40110000 0a000001 0a000002 abcd",
    {
      headerLength: 20,
      payloadStart: 20,
      payloadEnd: 22,
      protocol: 17,
      fragmentOffset: 0,
      moreFragments: false,
    },
  ],
  [
    "options",
    "46000018 00010000 40060000 0a000001 0a000002 01010101",
    {
      headerLength: 24,
      payloadStart: 24,
      payloadEnd: 24,
      protocol: 6,
      fragmentOffset: 0,
      moreFragments: false,
    },
  ],
  [
    "a middle fragment",
    "45000014 00012002 40110000 0a000001 0a000002",
    {
      headerLength: 20,
      payloadStart: 20,
      payloadEnd: 20,
      protocol: 17,
      fragmentOffset: 16,
      moreFragments: true,
    },
  ],
  [
    "padding behind it",
    "45000014 00010000 40110000 0a000001 0a000002 0000",
    {
      headerLength: 20,
      payloadStart: 20,
      payloadEnd: 20,
      protocol: 17,
      fragmentOffset: 0,
      moreFragments: false,
    },
  ],
  ["a cut header", "45000014 00010000 40110000 0a000001 0a0000", undefined],
  ["version 6", "65000014 00010000 40110000 0a000001 0a000002", undefined],
  ["a header length below 20", "44000014 00010000 40110000 0a000001 0a000002", undefined],
  ["a header longer than the packet", "4f000014 00010000 40110000 0a000001 0a000002", undefined],
  ["a total length below the header's", "45000013 00010000 40110000 0a000001 0a000002", undefined],
  ["a total length beyond the bytes", "45000015 00010000 40110000 0a000001 0a000002", undefined],
])("ipv4: %s", (_, text, expected) => {
  expect(ipv4Extent(unhex(text))).toEqual(expected);
});

test("ipv4: a capture may cut the payload", () => {
  const cut = unhex("45000040 00010000 40110000 0a000001 0a000002");
  expect(ipv4Extent(cut, 0, cut.length, true)?.payloadEnd).toBe(64);
});

test.each<[string, Uint8Array, object | undefined]>([
  [
    "UDP at once",
    ip6("0008", "11", "0000000000000000"),
    { protocol: 17, payloadStart: 40, headerLength: 40, payloadEnd: 48 },
  ],
  ["hop-by-hop, then TCP", ip6("0008", "00", "0600010400000000"), { protocol: 6, payloadStart: 48 }],
  [
    "a 16-byte destination option",
    ip6("0010", "3c", "1101 0104 00000000 0000000000000000"),
    { protocol: 17, payloadStart: 56 },
  ],
  [
    "the first fragment",
    ip6("0008", "2c", "1100 0001 00000007"),
    { protocol: 17, payloadStart: 48, fragmentAt: 40, fragmentOffset: 0, moreFragments: true },
  ],
  [
    "a later fragment ends the walk",
    ip6("0010", "2c", "3c00 0008 00000007 ffffffffffffffff"),
    { protocol: 60, payloadStart: 48, fragmentOffset: 8, moreFragments: false },
  ],
  [
    "an authentication header",
    ip6("000c", "33", "1101 0000 00000000 00000000"),
    { protocol: 17, payloadStart: 52 },
  ],
  ["nothing follows", ip6("0000", "3b", ""), { protocol: 59, payloadStart: 40, payloadEnd: 40 }],
  ["an extension that lies", ip6("0008", "00", "0605000000000000"), undefined],
  ["an extension beyond the payload", ip6("0004", "00", "06000000"), undefined],
  ["a payload beyond the bytes", ip6("0009", "11", "0000000000000000"), undefined],
  ["version 4", ip6("0000", "3b", "").map((byte, i) => (i === 0 ? 0x40 : byte)), undefined],
])("ipv6: %s", (_, packet, expected) => {
  const extent = ipv6Extent(packet);
  if (expected === undefined) expect(extent).toBeUndefined();
  else expect(extent).toMatchObject(expected);
});

test.each([
  ["::", "0".repeat(32)],
  ["::1", "1".padStart(32, "0")],
  ["fe80::1:0:0:2", "fe800000000000000001000000000002"],
  ["2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
  ["2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
  ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["1::", "0001".padEnd(32, "0")],
])("ipv6 address %s", (text, bytes) => {
  expect(formatIpv6(unhex(bytes))).toBe(text);
  expect(hex(parseIpv6(text)!)).toBe(bytes);
});

test.each([
  "",
  ":",
  ":::",
  "1:2:3",
  "1:2:3:4:5:6:7:8:9",
  "1::2::3",
  "12345::",
  "g::",
  "1.2.3.4",
  "1.2.3.4::",
  "::1.2.3",
  "1:2:3:4:5:6:7::8:9",
])("no ipv6 address: %j", (text) => expect(parseIpv6(text)).toBeUndefined());

test.each(["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", "1.2.3.4 ", "-1.2.3.4"])(
  "no ipv4 address: %j",
  (text) => expect(parseIpv4(text)).toBeUndefined(),
);

test("addresses survive text", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.uint8Array({ minLength: 16, maxLength: 16 }), (v4, v6) => {
      expect(parseIpv4(formatIpv4(v4))).toBe(v4);
      expect(parseIpv6(formatIpv6(v6))).toEqual(v6);
      expect(parseMac(formatMac(v6.subarray(0, 6)))).toEqual(v6.slice(0, 6));
    }),
    { numRuns: numRuns(200) },
  );
  expect(parseMac("02:00:00:00:00")).toBeUndefined();
});

test.each<[string, [number, string][]]>([
  [
    "020405b4 01 030307 00",
    [
      [2, "05b4"],
      [3, "07"],
    ],
  ],
  [
    "0402 080a 00000001 00000002",
    [
      [4, ""],
      [8, "0000000100000002"],
    ],
  ],
  ["0404", []],
  ["0201", []],
  ["0101 02", []],
])("tcp options %s", (text, expected) => {
  const bytes = unhex(text);
  const seen: [number, string][] = [];
  forEachTcpOption(bytes, 0, bytes.length, (kind, start, end) =>
    seen.push([kind, hex(bytes.subarray(start, end))]),
  );
  expect(seen).toEqual(expected);
});

test.each([
  ["5", 20, 20],
  ["6", 24, 24],
  ["6", 23, undefined],
  ["4", 20, undefined],
  ["5", 19, undefined],
])("tcp data offset %s in %i bytes", (nibble, length, expected) => {
  const segment = unhex(`0000 0000 00000000 00000000 ${nibble}0 00 0000 0000 0000 00000000`).subarray(
    0,
    length,
  );
  expect(tcpHeaderLength(segment, 0)).toBe(expected);
});

test("whatever the packet, nothing throws and nothing points outside", () => {
  const linkTypes = Object.values(LINKTYPE);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 120 }),
      fc.constantFrom(...linkTypes),
      fc.nat(0xff),
      (bytes, linkType, first) => {
        const frame = splitFrame(linkType, bytes);
        if (frame !== undefined) expect(frame.networkOffset).toBeLessThanOrEqual(bytes.length);
        if (bytes.length > 0) bytes[0] = first;
        for (const extent of [ipv4Extent(bytes), ipv6Extent(bytes)]) {
          if (extent === undefined) continue;
          expect(extent.payloadStart).toBeLessThanOrEqual(extent.payloadEnd);
          expect(extent.payloadEnd).toBeLessThanOrEqual(bytes.length);
        }
        forEachTcpOption(bytes, 0, bytes.length, (_, start, end) => {
          expect(start).toBeLessThanOrEqual(end);
          expect(end).toBeLessThanOrEqual(bytes.length);
        });
      },
    ),
    { numRuns: numRuns(300) },
  );
});
