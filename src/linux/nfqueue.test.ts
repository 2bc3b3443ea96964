import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, numRuns, unhex } from "../wire/testing.ts";
import { decodeMessages, encodeMessages } from "./netlink-message.ts";
import { QueuedPacket, readPacket, VerdictBuffer } from "./nfqueue.ts";
import { packetAttributes, QUEUE_PACKET, verdictAttributes } from "./nfqueue-messages.ts";

type PacketValues = Parameters<typeof packetAttributes.encode>[0];

/** A datagram as the kernel sends it, for queue 7. */
function datagram(values: PacketValues): Uint8Array {
  const payload = Uint8Array.of(2, 0, 0, 7, ...packetAttributes.encode(values));
  return encodeMessages([{ type: QUEUE_PACKET, flags: 0, payload, object: "" }], 0);
}

const header = { id: 1, protocol: 0x0800, hook: 1 };
const full: PacketValues = {
  header,
  mark: 0x80000001,
  inDevice: 2,
  hardwareAddress: { length: 6, pad: 0, address: Uint8Array.of(2, 0, 0, 0, 0, 9, 0, 0) },
  skbInfo: 1,
  payload: Uint8Array.of(0x45, 1, 2),
};

describe("packets", () => {
  test("are read in place", () => {
    const bytes = datagram(full);
    const packet = readPacket(new QueuedPacket(), bytes, 0, bytes.length)!;
    expect(packet).toMatchObject({
      family: 2,
      queue: 7,
      id: 1,
      protocol: 0x0800,
      hook: 1,
      mark: 0x80000001,
      inIfindex: 2,
      outIfindex: 0,
      skbInfo: 1,
      hardwareAddressLength: 6,
      length: 3,
    });
    expect(hex(packet.bytes.subarray(packet.payloadStart, packet.payloadEnd))).toBe("450102");
    const { hardwareAddressStart: at } = packet;
    expect(hex(packet.bytes.subarray(at, at + 6))).toBe("020000000009");
  });

  test("nothing of the packet before remains", () => {
    const packet = new QueuedPacket();
    for (const values of [full, { header }]) {
      const bytes = datagram(values);
      readPacket(packet, bytes, 0, bytes.length);
    }
    expect(packet).toMatchObject({ mark: 0, inIfindex: 0, skbInfo: 0, hardwareAddressLength: 0, length: 0 });
    expect(packet.payloadEnd).toBe(packet.payloadStart);
  });

  test("a truncated one knows its true length", () => {
    const bytes = datagram({ ...full, capturedLength: 70000 });
    expect(readPacket(new QueuedPacket(), bytes, 0, bytes.length)).toMatchObject({ length: 70000 });
  });

  test.each([
    ["no packet", encodeMessages([{ type: 2, flags: 0, payload: new Uint8Array(20), object: "" }], 0), 0],
    ["too short for a header", new Uint8Array(8), 0],
    ["without packet header", datagram({ mark: 1 }), 1],
    ["an attribute beyond the end", Uint8Array.of(...datagram({ header })).fill(0xff, 20, 21), 1],
  ])("%s", (_, bytes, damaged) => {
    let damage = 0;
    expect(readPacket(new QueuedPacket(), bytes, 0, bytes.length, () => damage++)).toBeUndefined();
    expect(damage).toBe(damaged);
  });

  test("damaged datagrams never throw, nor point outside their bytes", () => {
    const good = datagram(full);
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(good.length), (changes, length) => {
        const bytes = good.slice(0, length);
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        const packet = readPacket(new QueuedPacket(), bytes, 0, length);
        if (packet === undefined) return;
        expect(packet.payloadStart).toBeLessThanOrEqual(packet.payloadEnd);
        expect(packet.payloadEnd).toBeLessThanOrEqual(length);
        expect(packet.hardwareAddressLength).toBeLessThanOrEqual(8);
      }),
      { numRuns: numRuns(500) },
    );
  });
});

describe("verdicts", () => {
  test("a plain one takes 32 bytes", () => {
    const buffer = new VerdictBuffer(new Uint8Array(64));
    buffer.add(7, 3, 1, undefined, undefined);
    expect(hex(buffer.bytes.subarray(0, buffer.length))).toBe(
      "20000000 0103 0100 00000000 00000000 00000007 0c000200 00000001 00000003".replaceAll(" ", ""),
    );
  });

  test("several follow each other, with marks and payloads", () => {
    const buffer = new VerdictBuffer(new Uint8Array(256).fill(0xff));
    buffer.add(7, 1, 0, undefined, undefined);
    buffer.add(8, 2, 1, 0xffffffff, unhex("450102"));
    buffer.add(7, 3, 1, 0, undefined);
    const decoded = decodeMessages(buffer.bytes, buffer.length).map(({ payload }) => ({
      queue: payload[3],
      ...verdictAttributes.decode(payload, 4),
    }));
    expect(decoded).toEqual([
      { queue: 7, verdict: { verdict: 0, id: 1 } },
      { queue: 8, verdict: { verdict: 1, id: 2 }, mark: 0xffffffff, payload: unhex("450102") },
      { queue: 7, verdict: { verdict: 1, id: 3 }, mark: 0 },
    ]);
  });

  test("what fits, fits", () => {
    const buffer = new VerdictBuffer(new Uint8Array(100));
    expect(buffer.fits(101)).toBe(false);
    let payload = 100;
    while (!buffer.fits(payload)) payload--;
    buffer.add(7, 1, 1, 1, new Uint8Array(payload));
    expect(buffer.length).toBeLessThanOrEqual(100);
  });
});
