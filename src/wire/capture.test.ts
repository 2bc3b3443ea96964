import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type CapturedPacket,
  CaptureError,
  type CaptureFormat,
  createCaptureReader,
  createCaptureWriter,
  timeNs,
} from "./capture.ts";
import { hex, numRuns, unhex } from "./testing.ts";

/** Reads `file` in chunks whose sizes repeat `sizes`; packets are copied, as they are only lent. */
function read(file: Uint8Array, sizes: readonly number[] = [file.length]) {
  const reader = createCaptureReader();
  const packets: CapturedPacket[] = [];
  let error: unknown;
  const onPacket = ({
    linkType,
    seconds,
    nanoseconds,
    bytes,
    originalLength,
    interfaceIndex,
  }: CapturedPacket) => {
    packets.push({ linkType, seconds, nanoseconds, bytes: bytes.slice(), originalLength, interfaceIndex });
  };
  try {
    for (let at = 0, i = 0; at < file.length; i++) {
      const size = Math.max(1, sizes[i % sizes.length] ?? 1);
      reader.push(file.subarray(at, at + size), onPacket);
      at += size;
    }
    reader.end(onPacket);
  } catch (thrown) {
    error = thrown;
  }
  return { packets, error, format: reader.format };
}

function write(
  format: CaptureFormat,
  packets: CapturedPacket[],
  options: { nanoseconds?: boolean; bigEndian?: boolean } = {},
) {
  const writer = createCaptureWriter(format, { linkType: packets[0]?.linkType ?? 1, ...options });
  return join([writer.header(), ...packets.map((packet) => writer.packet(packet))]);
}

const join = (parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

const packet = (bytes: string, more: Partial<CapturedPacket> = {}): CapturedPacket => ({
  linkType: 1,
  seconds: 0x01020304,
  nanoseconds: 5000,
  bytes: unhex(bytes),
  originalLength: unhex(bytes).length,
  interfaceIndex: 0,
  ...more,
});

// Files made by hand.
const pcapLe = "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000";
const recordLe = "04030201 05000000 03000000 40000000 aabbcc";
const section = "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000";
const interfaceLe = (
  linkType: string,
  options = "",
  length = 20 + options.replaceAll(" ", "").length / 2,
) => {
  const size = length.toString(16).padStart(2, "0");
  return `01000000 ${size}000000 ${linkType} 0000 00000400 ${options} ${size}000000`;
};
const enhanced = (id: string, high: string, low: string) =>
  `06000000 24000000 ${id} ${high} ${low} 03000000 40000000 aabbcc00 24000000`;
const cut = { bytes: unhex("aabbcc"), originalLength: 64, linkType: 1, interfaceIndex: 0 };

describe("files made by hand", () => {
  test.each<[string, string, Partial<CapturedPacket>[]]>([
    ["pcap, cut packet", `${pcapLe} ${recordLe}`, [{ ...cut, seconds: 0x01020304, nanoseconds: 5000 }]],
    [
      "pcap, nanoseconds",
      `${pcapLe.replace("d4c3b2a1", "4d3cb2a1")} ${recordLe}`,
      [{ ...cut, seconds: 0x01020304, nanoseconds: 5 }],
    ],
    [
      "pcap, big-endian, raw IP",
      "a1b2c3d4 0002 0004 00000000 00000000 00040000 00000065 01020304 00000005 00000001 00000001 45",
      [{ linkType: 101, seconds: 0x01020304, nanoseconds: 5000, bytes: unhex("45"), originalLength: 1 }],
    ],
    [
      "pcap with a frame check sequence length",
      `${pcapLe.slice(0, -8)}01000034 ${recordLe}`,
      [{ linkType: 1 }],
    ],
    [
      "pcap, more microseconds than a second has",
      `${pcapLe} 00000000 80841e00 00000000 00000000`,
      [{ seconds: 2, nanoseconds: 0 }],
    ],
    ["pcap without packets", pcapLe, []],
    [
      "pcapng, microseconds by default",
      `${section} ${interfaceLe("0100")} ${enhanced("00000000", "00000000", "40420f00")}`,
      [{ ...cut, seconds: 1, nanoseconds: 0 }],
    ],
    [
      "pcapng, nanoseconds beyond 53 bits",
      // 0x17a1b2c3d4e5f607 ns
      `${section} ${interfaceLe("0100", "0900 0100 09000000 0000 0000")} ${enhanced("00000000", "c3b2a117", "07f6e5d4")}`,
      [{ ...cut, seconds: 1702838688, nanoseconds: 282965511 }],
    ],
    [
      "pcapng, 2^-10 seconds and an offset of 100 s",
      `${section} ${interfaceLe("0100", "0900 0100 8a000000 0e00 0800 6400000000000000")} ${enhanced("00000000", "00000000", "00060000")}`,
      [{ ...cut, seconds: 101, nanoseconds: 500_000_000 }],
    ],
    [
      "pcapng, picoseconds",
      // 0xe8d4a51000 is 10^12
      `${section} ${interfaceLe("0100", "0900 0100 0c000000")} ${enhanced("00000000", "e8000000", "e817a5d4")}`,
      [{ ...cut, seconds: 1, nanoseconds: 2 }],
    ],
    [
      "pcapng, two interfaces, an unknown block between",
      `${section} ${interfaceLe("0100")} ${interfaceLe("6500")} 99000000 10000000 01020304 10000000 ${enhanced("01000000", "00000000", "00000000")} ${enhanced("00000000", "00000000", "00000000")}`,
      [
        { linkType: 101, interfaceIndex: 1 },
        { linkType: 1, interfaceIndex: 0 },
      ],
    ],
    [
      "pcapng, a second, big-endian section forgets interfaces",
      `${section} ${interfaceLe("0100")} 0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c
       00000001 00000014 0071 0000 00000000 00000014 00000006 00000024 00000000 00000000 00000007 00000001 00000001 ab000000 00000024`,
      [{ linkType: 113, seconds: 0, nanoseconds: 7000, bytes: unhex("ab") }],
    ],
    [
      "pcapng, simple packet",
      `${section} ${interfaceLe("0100")} 03000000 14000000 03000000 aabbcc00 14000000`,
      [{ linkType: 1, bytes: unhex("aabbcc"), originalLength: 3, seconds: 0 }],
    ],
    [
      "pcapng, simple packet cut at the snapshot length",
      `${section} 01000000 14000000 0100 0000 02000000 14000000 03000000 14000000 03000000 aabb0000 14000000`,
      [{ bytes: unhex("aabb"), originalLength: 3 }],
    ],
    [
      "pcapng, obsolete packet block",
      `${section} ${interfaceLe("0100")} 02000000 24000000 0000 0000 00000000 40420f00 03000000 40000000 aabbcc00 24000000`,
      [{ ...cut, seconds: 1 }],
    ],
  ])("%s", (_, text, expected) => {
    for (const size of [1, 7, 1000]) {
      const { packets, error } = read(unhex(text), [size]);
      expect(error).toBeUndefined();
      expect(packets).toMatchObject(expected);
      expect(packets).toHaveLength(expected.length);
    }
  });

  const good = `${section} ${interfaceLe("0100")} ${enhanced("00000000", "00000000", "00000000")}`;
  test.each<[string, string, number, number, string]>([
    ["nothing", "", 0, 0, "expected a pcap or pcapng file, found 0 bytes"],
    ["three bytes", "d4c3b2", 0, 0, "found 3 bytes"],
    ["text", "48656c6c6f", 0, 0, "starts with 48 65 6c 6c"],
    ["gzip", "1f8b0800 00000000", 0, 0, "decompress it first"],
    ["zstd", "28b52ffd 00000000", 0, 0, "decompress it first"],
    ["the 1990s variant", `34cdb2a1 ${pcapLe.slice(8)}`, 0, 0, "not supported"],
    [
      "pcap of version 3",
      pcapLe.replace("0200 0400", "0300 0400"),
      0,
      4,
      "expected pcap version 2, found 3.4",
    ],
    ["a cut pcap header", pcapLe.slice(0, 20), 0, 0, "ends inside the pcap file header: expected 24 bytes"],
    [
      "a cut record header",
      `${pcapLe} ${recordLe} 0000`,
      1,
      43,
      "the header of packet 2: expected 16 bytes, found 2",
    ],
    [
      "a cut packet",
      `${pcapLe} ${recordLe} ${recordLe.slice(0, -2)}`,
      1,
      43,
      "inside packet 2: expected 19 bytes, found 18",
    ],
    [
      "a packet of 2 GiB",
      `${pcapLe} ${recordLe} 00000000 00000000 ffffff7f 00000000`,
      1,
      51,
      "packet 2 claims 2147483647",
    ],
    [
      "a cut block",
      `${good} 06000000 24000000 00000000`,
      1,
      84,
      "inside block 4: expected 36 bytes, found 12",
    ],
    ["a cut block start", `${good} 0600`, 1, 84, "the start of block 4: expected 12 bytes, found 2"],
    ["a block of 8 bytes", `${good} 06000000 08000000 00000000`, 1, 88, "claims 8 bytes"],
    ["a block of odd size", `${good} 06000000 0d000000 00000000 00000000`, 1, 88, "claims 13 bytes"],
    ["a block of 1 GiB", `${good} 06000000 00000040 00000000`, 1, 88, "claims 1073741824 bytes"],
    [
      "lengths that differ",
      `${good} 99000000 10000000 00000000 14000000`,
      1,
      96,
      "block length 16 again, found 20",
    ],
    [
      "a packet of no interface",
      `${good} ${enhanced("01000000", "00000000", "00000000")}`,
      1,
      92,
      "interface 1, the section describes 1",
    ],
    [
      "a packet larger than its block",
      good.replace("03000000 40000000", "05000000 40000000"),
      0,
      68,
      "claims 5 captured bytes, expected at most 4",
    ],
    [
      "a packet block without room for its header",
      `${good} 06000000 10000000 00000000 10000000`,
      1,
      88,
      "its header needs 32",
    ],
    [
      "a simple packet that does not fit",
      `${section} ${interfaceLe("0100")} 03000000 14000000 09000000 aabbcc00 14000000`,
      0,
      56,
      "packet of 9 bytes",
    ],
    ["a byte order magic that is none", "0a0d0d0a 1c000000 00000000", 0, 8, "expected the byte order magic"],
    [
      "pcapng of version 2",
      section.replace("0100 0000", "0200 0000"),
      0,
      12,
      "expected pcapng version 1, found 2",
    ],
    [
      "an option that lies",
      `${section} ${interfaceLe("0100", "0900 ff00 09000000")}`,
      0,
      44,
      "option 9 claims 255 bytes",
    ],
  ])("damage: %s", (_, text, delivered, offset, message) => {
    for (const size of [1, 1000]) {
      const { packets, error } = read(unhex(text), [size]);
      expect(error).toBeInstanceOf(CaptureError);
      expect(error).toMatchObject({ offset, message: expect.stringContaining(message) });
      expect(packets).toHaveLength(delivered);
    }
  });

  test("a reader that failed repeats its error", () => {
    const reader = createCaptureReader();
    const attempt = () => reader.push(unhex("48656c6c6f"), () => {});
    expect(attempt).toThrow(CaptureError);
    expect(attempt).toThrow("starts with 48 65 6c 6c");
    expect(() => reader.end()).toThrow("starts with 48 65 6c 6c");
  });
});

describe("the writer", () => {
  test.each<[string, CaptureFormat, { nanoseconds?: boolean; bigEndian?: boolean }, string]>([
    ["pcap", "pcap", { nanoseconds: false }, `${pcapLe} ${recordLe}`],
    [
      "pcapng",
      "pcapng",
      { nanoseconds: false },
      // 0x01020304 s and 5 us are 0x3d1e7a0f2a905 us
      `${section} ${interfaceLe("0100", "0900 0100 06000000 0000 0000")} ${enhanced("00000000", "@high", "@low")}`,
    ],
  ])("%s, byte by byte", (_, format, options, text) => {
    const ticks = 0x01020304n * 1_000_000n + 5n;
    const le = (word: bigint) => hex(new Uint8Array(new Uint32Array([Number(word)]).buffer));
    const expected = text.replace("@high", le(ticks >> 32n)).replace("@low", le(ticks & 0xffffffffn));
    expect(hex(write(format, [packet("aabbcc", { originalLength: 64 })], options))).toBe(
      expected.replaceAll(" ", ""),
    );
  });

  test("pcapng describes another interface for another link type, once", () => {
    const packets = [
      packet("aa"),
      packet("45", { linkType: 101 }),
      packet("46", { linkType: 101 }),
      packet("bb"),
    ];
    const { packets: back } = read(write("pcapng", packets));
    expect(back.map((p) => [p.linkType, p.interfaceIndex])).toEqual([
      [1, 0],
      [101, 1],
      [101, 1],
      [1, 0],
    ]);
  });

  test("pcap refuses another link type", () => {
    expect(() => write("pcap", [packet("aa"), packet("45", { linkType: 101 })])).toThrow(CaptureError);
  });
});

const packets = fc.array(
  fc.record({
    linkType: fc.constant(113),
    seconds: fc.nat(0xffffffff),
    nanoseconds: fc.nat(999_999).map((us) => us * 1000),
    bytes: fc.uint8Array({ maxLength: 100 }),
    originalLength: fc.nat(0xffffffff),
    interfaceIndex: fc.constant(0),
  }),
  { maxLength: 12 },
);
const formats = fc.constantFrom<CaptureFormat>("pcap", "pcapng");
const settings = fc.record({ nanoseconds: fc.boolean(), bigEndian: fc.boolean() });
const chunks = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 10 });

test("read∘write is identity, in any chunking", () => {
  fc.assert(
    fc.property(packets, formats, settings, chunks, (original, format, options, sizes) => {
      const file = write(format, original, options);
      const expected = original.map((p) => ({ ...p, linkType: original[0]?.linkType ?? 1 }));
      expect(read(file, sizes)).toEqual({ packets: expected, error: undefined, format });
    }),
    { numRuns: numRuns(200) },
  );
});

test("any prefix delivers the packets that are whole in it, and an error unless it ends between two", () => {
  fc.assert(
    fc.property(packets, formats, fc.nat(), (original, format, where) => {
      const writer = createCaptureWriter(format, { linkType: 113 });
      const header = writer.header();
      const parts = [header, ...original.map((p) => writer.packet(p))];
      const ends = parts.map((_, i) => parts.slice(0, i + 1).reduce((total, part) => total + part.length, 0));
      // The header of a pcapng file is two blocks: a section of 28 bytes and an interface.
      const boundaries = format === "pcapng" ? [28, ...ends] : ends;
      const length = where % (ends.at(-1)! + 1);
      const { packets: back, error } = read(join(parts).subarray(0, length), [33]);
      expect(back).toEqual(original.slice(0, ends.slice(1).filter((end) => end <= length).length));
      expect(error instanceof CaptureError).toBe(!boundaries.includes(length));
    }),
    { numRuns: numRuns(200) },
  );
});

test("whatever the bytes, only CaptureError comes out, the same in any chunking", () => {
  const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(
      packets,
      formats,
      settings,
      mutations,
      chunks,
      fc.uint8Array(),
      (original, format, options, edits, sizes, noise) => {
        const file = write(format, original, options);
        for (const [at, byte] of edits) file[at % file.length] = byte;
        for (const input of [noise, file]) {
          const whole = read(input);
          if (whole.error !== undefined) expect(whole.error).toBeInstanceOf(CaptureError);
          expect(read(input, sizes)).toEqual(whole);
        }
      },
    ),
    { numRuns: numRuns(300) },
  );
});

test("a large packet survives small chunks", () => {
  const big = packet("", { bytes: new Uint8Array(200_000).fill(7), originalLength: 200_000 });
  for (const format of ["pcap", "pcapng"] as const) {
    expect(read(write(format, [big, packet("aa")]), [4096]).packets.map((p) => p.bytes.length)).toEqual([
      200_000, 1,
    ]);
  }
});

test("packets are plain bytes whatever the chunk is", () => {
  const reader = createCaptureReader();
  const constructors: unknown[] = [];
  reader.push(Buffer.from(unhex(`${pcapLe} ${recordLe}`)), (p) => constructors.push(p.bytes.constructor));
  expect(constructors).toEqual([Uint8Array]);
});

test("timeNs", () => {
  expect(timeNs({ seconds: 1_700_000_000, nanoseconds: 999_999_999 })).toBe(1_700_000_000_999_999_999n);
});
