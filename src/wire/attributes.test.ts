import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import {
  type Attributes,
  type AttributeTable,
  attributes,
  bytes,
  cstring,
  DecodeError,
  flag,
  list,
  nest,
  nestLater,
  type ValueOf,
} from "./attributes.ts";
import { nlmsghdr } from "./netlink.ts";
import { hostIsLittleEndian, u8, u16, u16be, u32, u32be, u64be } from "./struct.ts";
import { hex, numRuns, unhex } from "./testing.ts";

const ip = attributes("CTA_IP", { v4Source: [1, u32be], v4Destination: [2, u32be] });
const tuple = attributes("CTA_TUPLE", { ip: [1, nest(ip)], zone: [3, u16be] });
const all = attributes("ALL", {
  a: [1, u8],
  b: [2, u16],
  c: [3, u32],
  d: [4, u64be],
  text: [5, cstring],
  raw: [6, bytes],
  on: [7, flag],
  tuple: [8, nest(tuple)],
  names: [9, list(cstring)],
  numbers: [10, list(u32be, 7)],
  header: [11, nlmsghdr],
});

// The bytes below are little-endian; a big-endian machine would need its own.
const golden: [string, ValueOf<typeof all>, string][] = [
  ["a byte is padded", { a: 5 }, "0500 0100 05 000000"],
  ["host order", { c: 0x01020304 }, "0800 0300 04030201"],
  ["network order", { d: 1n }, "0c00 0400 0000000000000001"],
  ["text ends in NUL", { text: "abc" }, "0800 0500 61626300"],
  ["empty raw", { raw: new Uint8Array() }, "0400 0600"],
  ["a set flag", { on: true }, "0400 0700"],
  [
    "nests carry the flag",
    { tuple: { ip: { v4Source: 0x0a000001 }, zone: 2 } },
    "1800 0880 0c00 0180 0800 0100 0a000001 0600 0300 0002 0000",
  ],
  ["lists repeat a number", { names: ["x", ""] }, "1400 0980 0600 0100 7800 0000 0500 0100 00 000000"],
  ["lists with their own number", { numbers: [1] }, "0c00 0a80 0800 0700 00000001"],
  ["unknown ones come back", { unknown: [{ type: 99, bytes: unhex("aa") }] }, "0500 6300 aa 000000"],
];

describe.runIf(hostIsLittleEndian)("golden bytes", () => {
  test.each(golden)("%s", (_, value, text) => {
    expect(hex(all.encode(value))).toBe(text.replaceAll(" ", ""));
    expect(all.decode(unhex(text))).toEqual(value);
  });

  test.each<[string, string, ValueOf<typeof all>]>([
    ["without the nested flag", "0c00 0800 0800 0300 0007 0000", { tuple: { zone: 7 } }],
    ["with the byte-order flag", "0600 0240 0100 0000", { b: 1 }],
    ["without the last padding", "0500 0100 05", { a: 5 }],
    ["text without NUL", "0600 0500 6162", { text: "ab" }],
    ["a payload longer than the number", "0600 0100 0500 0000", { a: 5 }],
    ["zeros behind the last attribute", "0500 0100 05 000000 0000", { a: 5 }],
    ["list elements numbered as they like", "0c00 0980 0600 0300 7800 0000", { names: ["x"] }],
    ["nothing at all", "", {}],
  ])("reads %s", (_, text, value) => expect(all.decode(unhex(text))).toEqual(value));

  test.each<[string, string, Partial<DecodeError>]>([
    ["a length below the header", "0300 0100", { struct: "ALL", field: "attribute 1", offset: 0 }],
    ["a length beyond the end", "0500 0100", { struct: "ALL", field: "attribute 1", offset: 0 }],
    ["a cut header", "0500 0100 05 000000 0500", { struct: "ALL", field: "header", offset: 8 }],
    ["a short number", "0500 0300 01", { struct: "ALL", field: "c", offset: 4 }],
    [
      "a nest whose child lies",
      "0800 0880 0900 0100",
      { struct: "CTA_TUPLE", field: "attribute 1", offset: 4 },
    ],
  ])("refuses %s", (_, text, error) => {
    expect(() => all.decode(unhex(text))).toThrow(DecodeError);
    expect(() => all.decode(unhex(text))).toThrow(expect.objectContaining(error));
  });
});

test("a false flag is not written", () => expect(all.encode({ on: false })).toHaveLength(0));

test("decoded values do not share the receive buffer", () => {
  const buffer = all.encode({ raw: Uint8Array.of(1), unknown: [{ type: 99, bytes: Uint8Array.of(1) }] });
  const value = all.decode(buffer);
  buffer.fill(0);
  expect([value.raw?.[0], value.unknown?.[0]?.bytes[0]]).toEqual([1, 1]);
});

test("a range outside the bytes is refused", () => {
  expect(() => all.decode(new Uint8Array(4), 0, 8)).toThrow(DecodeError);
});

test("sets that contain themselves", () => {
  const tree: Attributes<AttributeTable> = attributes("TREE", {
    leaf: [1, u8],
    child: [2, nestLater((): Attributes<AttributeTable> => tree)],
  });
  const value = { child: { child: { leaf: 1 } } };
  expect(tree.decode(tree.encode(value))).toEqual(value);
});

test("types follow from the table", () => {
  type Tuple = ValueOf<typeof tuple>;
  expectTypeOf<Tuple["zone"]>().toEqualTypeOf<number | undefined>();
  expectTypeOf<NonNullable<NonNullable<Tuple["ip"]>["v4Source"]>>().toEqualTypeOf<number>();
  // @ts-expect-error no such attribute
  expect(tuple.numbers.nothing).toBeUndefined();
});

test("decode∘encode is identity", () => {
  const text = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)) });
  const u32s = fc.nat(0xffffffff);
  const value = fc.record(
    {
      a: fc.nat(255),
      b: fc.nat(65535),
      c: u32s,
      d: fc.bigInt(0n, 2n ** 64n - 1n),
      text,
      raw: fc.uint8Array(),
      on: fc.constant(true),
      tuple: fc.record(
        { ip: fc.record({ v4Source: u32s }, { requiredKeys: [] }), zone: fc.nat(65535) },
        { requiredKeys: [] },
      ),
      names: fc.array(text, { maxLength: 4 }),
      numbers: fc.array(u32s, { maxLength: 4 }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(value, (original) => {
      expect(all.decode(all.encode(original))).toEqual({ ...original });
    }),
    { numRuns: numRuns(300) },
  );
});

test("whatever the bytes, only DecodeError comes out", () => {
  const seed = all.encode({ text: "abc", tuple: { ip: { v4Source: 1 }, zone: 2 }, names: ["x", "y"], c: 1 });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255))),
      (noise, edits) => {
        const mutated = seed.slice();
        for (const [at, byte] of edits) mutated[at] = byte;
        for (const input of [noise, mutated]) {
          try {
            all.decode(input);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        }
      },
    ),
    { numRuns: numRuns(300) },
  );
});
