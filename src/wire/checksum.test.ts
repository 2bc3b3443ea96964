import fc from "fast-check";
import { expect, test } from "vitest";
import {
  internetChecksum,
  sumWords,
  transportChecksum,
  updateChecksum16,
  updateChecksum32,
  updateChecksumBytes,
} from "./checksum.ts";
import { writeIpv4Checksum } from "./ipv4.ts";
import { hex, numRuns, unhex } from "./testing.ts";

/** The definition, as slowly as possible: add words, wrap carries around, complement. */
function slowChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return 0xffff - sum;
}

/** One's complement has two zeros; a checksum of 0 and one of 0xffff verify alike. */
const sameChecksum = (a: number, b: number) => expect(a % 0xffff).toBe(b % 0xffff);

test("the example of RFC 1071 §3", () => {
  const words = unhex("0001 f203 f4f5 f6f7");
  expect(sumWords(words)).toBe(0x2ddf0);
  expect(internetChecksum(words)).toBe(0x220d);
});

test("an IPv4 header made by hand", () => {
  const header = unhex("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7");
  writeIpv4Checksum(header, 0);
  expect(hex(header.subarray(10, 12))).toBe("b861");
  expect(internetChecksum(header)).toBe(0);
});

test.each([
  [
    "UDP over IPv4",
    // 10.0.0.1:53 > 10.0.0.2:1025, "hi"; 0a00+0001+0a00+0002+0011+000a + 0035+0401+000a+6869 = 80c7
    "4500 001e 0000 0000 4011 0000 0a000001 0a000002 0035 0401 000a dead 6869",
    20,
    17,
    6,
    true,
    0x7f38,
  ],
  [
    "ICMP over IPv4 has no pseudo header",
    "4500 001c 0000 0000 4001 0000 0a000001 0a000002 0800 dead 0001 0002",
    20,
    1,
    2,
    false,
    0xf7fc,
  ],
  [
    "ICMPv6",
    // fe80+0001+fe80+0002 + 0008+003a + 8000+0001+0002 = 27d48, folded 7d4a
    "6000 0000 0008 3a40 fe800000000000000000000000000001 fe800000000000000000000000000002 8000 0000 0001 0002",
    40,
    58,
    2,
    true,
    0x82b5,
  ],
])("%s", (_, packet, l4At, protocol, field, pseudo, expected) => {
  const bytes = unhex(packet);
  expect(transportChecksum(bytes, 0, l4At, bytes.length, protocol, field, pseudo)).toBe(expected);
});

test("fast is slow, for any range", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(9), (bytes, start) => {
      const from = Math.min(start, bytes.length);
      expect(internetChecksum(bytes, from)).toBe(slowChecksum(bytes.subarray(from)));
    }),
    { numRuns: numRuns(300) },
  );
});

test("64 KiB of 0xff do not overflow", () => {
  expect(internetChecksum(new Uint8Array(65536).fill(0xff))).toBe(0);
});

test("incremental is full", () => {
  const case_ = fc.tuple(
    fc.uint8Array({ minLength: 8, maxLength: 64 }),
    fc.nat(0xffff),
    fc.nat(0xffffffff),
    fc.nat(),
  );
  fc.assert(
    fc.property(case_, ([bytes, word, long, where]) => {
      const before = internetChecksum(bytes);
      const data = new DataView(bytes.buffer);
      const at = 2 * (where % 3);

      const old16 = data.getUint16(at);
      data.setUint16(at, word);
      const after16 = internetChecksum(bytes);
      sameChecksum(updateChecksum16(before, old16, word), after16);

      const old32 = data.getUint32(at);
      data.setUint32(at, long);
      sameChecksum(updateChecksum32(after16, old32, long), internetChecksum(bytes));
    }),
    { numRuns: numRuns(300) },
  );
});

test("incremental over bytes at even and odd places", () => {
  const case_ = fc.tuple(
    fc.uint8Array({ minLength: 20, maxLength: 40 }),
    fc.uint8Array({ minLength: 1, maxLength: 10 }),
    fc.nat(9),
  );
  fc.assert(
    fc.property(case_, ([bytes, fresh, at]) => {
      const before = internetChecksum(bytes);
      const old = bytes.slice(at, at + fresh.length);
      bytes.set(fresh, at);
      sameChecksum(updateChecksumBytes(before, old, fresh, at % 2 === 1), internetChecksum(bytes));
    }),
    { numRuns: numRuns(300) },
  );
});

test("RFC 1624 §4: an update to a zero sum does not give negative zero", () => {
  expect(updateChecksum16(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
});
