import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecodeError } from "../wire/decode-error.ts";
import { hex, numRuns, unhex } from "../wire/testing.ts";
import { decodeConnection } from "./ctnetlink.ts";
import { connectionMessage } from "./ctnetlink-messages.ts";
import { decodeAcknowledgement, decodeMessages, encodeMessages } from "./netlink-message.ts";
import { queueConfig } from "./nfqueue-messages.ts";
import {
  chainMessage,
  queueAttributes,
  queueTargetInfo,
  ruleMessage,
  tableMessage,
} from "./nftables-messages.ts";
import { decodeAddress, decodeLink } from "./route.ts";

const request = (type: number, payload: Uint8Array) => ({ type, flags: 4, payload, object: "test" });

describe("messages in a row", () => {
  test("headers, numbers and padding", () => {
    const bytes = encodeMessages([request(0x10, unhex("00000a")), request(0x11, unhex("00000000"))], 7);
    expect(hex(bytes)).toBe(
      `${"13000000 1000 0500 07000000 00000000 00000a 00".replaceAll(" ", "")}` +
        `${"14000000 1100 0500 08000000 00000000 00000000".replaceAll(" ", "")}`,
    );
  });

  test("decode takes apart what encode put together", () => {
    const message = fc.record({ type: fc.nat(0xffff), payload: fc.uint8Array({ maxLength: 40 }) });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const bytes = encodeMessages(
          messages.map(({ type, payload }) => request(type, payload)),
          1,
        );
        expect(decodeMessages(bytes).map(({ type, payload }) => ({ type, payload }))).toEqual(messages);
      }),
      { numRuns: numRuns(200) },
    );
  });

  test.each([
    ["cut in the header", "1000000010000000"],
    ["length below the header's", "0f000000100000000000000000000000"],
    ["length beyond the end", "11000000100000000000000000000000"],
  ])("%s", (_, text) => {
    expect(() => decodeMessages(unhex(text))).toThrow(DecodeError);
  });

  test("a decoded message does not share the receive buffer", () => {
    const bytes = encodeMessages([request(0x10, unhex("01020304"))], 1);
    const [message] = decodeMessages(bytes);
    bytes.fill(0);
    expect(hex(message!.payload)).toBe("01020304");
  });
});

describe("acknowledgements", () => {
  const ack = (payload: string, flags = 0, type = 2) =>
    decodeAcknowledgement({ type, flags, seq: 1, payload: unhex(payload) });
  const header = "20000000 0000 0500 01000000 00000000";

  test.each([
    ["success", ack(`00000000 ${header}`), { errno: 0, detail: undefined }],
    ["EPERM", ack(`ffffffff ${header}`), { errno: 1, detail: undefined }],
    [
      "a text behind a capped request",
      ack(`feffffff ${header} 0700 0100 6e6f00 00`, 0x300),
      { errno: 2, detail: "no" },
    ],
    [
      "an offset behind the whole request",
      ack(`eaffffff ${header} ${"ff".repeat(16)} 0800 0200 18000000`, 0x200),
      { errno: 22, detail: "at byte 24 of the request" },
    ],
    ["the end of a dump", ack("00000000", 2, 3), { errno: 0, detail: undefined }],
    ["the end of a dump that failed", ack("fcffffff", 2, 3), { errno: 4, detail: undefined }],
    ["the end of a dump without status", ack("", 2, 3), { errno: 0, detail: undefined }],
  ])("%s", (_, decoded, expected) => {
    expect(decoded).toEqual(expected);
  });

  test("too short", () => {
    expect(() => ack("00000000")).toThrow(DecodeError);
  });
});

describe("layouts", () => {
  test("a queue is bound and set up in one message, the command first", () => {
    const bytes = queueConfig.encode(
      { resourceId: 5 },
      {
        command: { command: 1, pad: 0, pf: 0 },
        params: { copyRange: 0, copyMode: 2 },
        maxLength: 4096,
        flags: 1,
        mask: 5,
      },
    );
    expect(hex(bytes)).toBe(
      [
        "00000005",
        "08000100 01000000",
        "09000200 0000000002 000000",
        "08000300 00001000",
        "08000400 00000005",
        "08000500 00000001",
      ]
        .join("")
        .replaceAll(" ", ""),
    );
  });

  test("an owner table", () => {
    expect(hex(tableMessage.encode({ family: 1 }, { name: "mh", flags: 2 }))).toBe(
      "01000000 07000100 6d6800 00 08000200 00000002".replaceAll(" ", ""),
    );
  });

  test("a base chain at a negative priority", () => {
    const hook = { hooknum: 3, priority: -149 };
    expect(
      hex(chainMessage.encode({ family: 2 }, { table: "t", name: "c", hook, policy: 1, type: "filter" })),
    ).toBe(
      [
        "02000000",
        "06000100 7400 0000",
        "06000300 6300 0000",
        "14000480 08000100 00000003 08000200 ffffff6b",
        "08000500 00000001",
        "0b000700 66696c74657200 00",
      ]
        .join("")
        .replaceAll(" ", ""),
    );
  });

  test("queue as an expression and as a target", () => {
    expect(hex(queueAttributes.encode({ number: 7700, total: 1, flags: 1 }))).toBe(
      "06000100 1e14 0000 06000200 0001 0000 06000300 0001 0000".replaceAll(" ", ""),
    );
    expect(hex(queueTargetInfo.encode({ number: 7700, total: 1, flags: 1 }))).toBe("141e010001000000");
  });

  test("a rule's expressions are a list of nested elements", () => {
    const rule = ruleMessage.encode(
      {},
      { table: "t", chain: "c", expressions: [{ name: "x", data: unhex("aa") }] },
    );
    expect(hex(rule.subarray(20))).toBe(
      "18000480 14000180 06000100 7800 0000 05000200 aa000000".replaceAll(" ", ""),
    );
  });
});

// Recorded on Linux 6.18 with NetlinkSocket.dump in a namespace of test/netns.
describe("what the kernel sends", () => {
  // conntrack -L: udp 17 29 src=10.77.0.1 dst=10.77.0.2 sport=44532 dport=9000 src=10.77.0.2 dst=10.77.0.1 sport=9000 dport=44532 mark=0 use=1
  const entry = unhex(
    "02000000 3400018014000180080001000a4d0001080002000a4d00021c000280050001001100000006000200adf400000600030023280000" +
      "3400028014000180080001000a4d0002080002000a4d00011c0002800500010011000000060002002328000006000300adf40000" +
      "080003000000000a 0800080000000000 08000c00cf496a09 08000b0000000001 080007000000001d",
  );
  // lo, cut behind an attribute that no table names
  const lo = unhex(
    "00000403010000004900010000000000 070003006c6f0000 08000d00e8030000 0800040000000100 0a00010000000000 00000000",
  );
  // 10.77.0.2/24 brd 10.77.0.255 dev mh0
  const address = unhex(
    "0218800002000000 080001000a4d0002 080002000a4d0002 080004000a4d00ff 080003006d683000 0800080080000000",
  );

  test("a connection", () => {
    const { original, reply, status, timeout, family } = decodeConnection(entry);
    expect({ status, timeout, family }).toEqual({ status: 10, timeout: 29, family: 2 });
    expect(original).toEqual({
      ip: { source4: Uint8Array.of(10, 77, 0, 1), destination4: Uint8Array.of(10, 77, 0, 2) },
      proto: { number: 17, sport: 44532, dport: 9000 },
    });
    expect(reply?.proto).toEqual({ number: 17, sport: 9000, dport: 44532 });
  });

  test("a connection, encoded again, keeps what it says", () => {
    const { header, attributes } = connectionMessage.decode(entry);
    const again = connectionMessage.decode(connectionMessage.encode(header, attributes));
    expect(again).toEqual({ header, attributes });
  });

  test("a device and an address", () => {
    expect(decodeLink(lo)).toEqual({
      index: 1,
      name: "lo",
      type: 772,
      flags: 0x10049,
      mtu: 65536,
      master: 0,
      hardwareAddress: new Uint8Array(6),
    });
    expect(decodeAddress(address)).toEqual({
      index: 2,
      family: 2,
      address: Uint8Array.of(10, 77, 0, 2),
      prefixLength: 24,
      broadcast: Uint8Array.of(10, 77, 0, 255),
    });
  });

  test.each([
    ["decodeMessages", (bytes: Uint8Array) => decodeMessages(bytes), encodeMessages([request(1, entry)], 1)],
    ["decodeConnection", decodeConnection, entry],
    ["decodeLink", decodeLink, lo],
    ["decodeAddress", decodeAddress, address],
    [
      "decodeAcknowledgement",
      (payload: Uint8Array) => decodeAcknowledgement({ type: 2, flags: 0x200, seq: 0, payload }),
      unhex("feffffff 20000000 0000 0500 01000000 00000000 0700 0100 6e6f00 00"),
    ],
  ])("damaged bytes cause a DecodeError or nothing: %s", (_, decode, good) => {
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(good.length), (changes, length) => {
        const bytes = good.slice(0, length);
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: numRuns(500) },
    );
  });
});
