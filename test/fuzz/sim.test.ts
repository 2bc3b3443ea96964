/**
 * Damaged captures through the whole of `sim`, with a hook that reads and rewrites whatever it is given: a run ends by
 * itself or with `CaptureError`, the hook never meets an error that is not Lua's, and what was written is a capture.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogEvent, PacketEvent } from "../../src/backends/backend.ts";
import { sim } from "../../src/backends/sim.ts";
import { jsonPrinter } from "../../src/cli/event-printer.ts";
import { ethernetFrame, ipPacket } from "../../src/kernel/testing.ts";
import { CaptureError, createCaptureReader, createCaptureWriter } from "../../src/wire/capture.ts";
import { LINKTYPE } from "../../src/wire/frame.ts";
import { numRuns, unhex } from "../../src/wire/testing.ts";

const SCRIPT = `
local nf, netfilter = require("linux.nf"), require("netfilter")
local function hook(skb)
  local d = skb:data("net")
  local n = #d
  if n > 0 then
    d:setuint8(n - 1, d:getuint8(0))
    local c = skb:copy()
    pcall(c.resize, c, n + 7)
    c:checksum()
    if skb:ifindex() and pcall(skb.data, skb, "mac") then c:forward() end
    skb:resize(n - (d:checksum() & 1))
    skb:checksum()
  end
  return nf.action.ACCEPT, n
end
for hooknum = nf.inet.PRE_ROUTING, nf.inet.POST_ROUTING do
  netfilter.register{ pf = nf.proto.INET, hooknum = hooknum, priority = 0, hook = hook }
end`;

const packets = [
  ipPacket({ from: "10.0.0.9", to: "10.0.0.1" }),
  ipPacket({ from: "10.0.0.1", to: "10.0.0.9", protocol: "tcp" }),
  ipPacket({ from: "fd00::9", to: "fd00::1" }),
  ipPacket({ from: "fd00::9", to: "fd00::2", protocol: "tcp" }),
];

/** Link headers in front of an IP packet, by link type. */
const framings: readonly [linkType: number, frame: (packet: Uint8Array) => Uint8Array][] = [
  [LINKTYPE.LINKTYPE_ETHERNET, (packet) => ethernetFrame(packet, 3)],
  [LINKTYPE.LINKTYPE_ETHERNET, tagged],
  [LINKTYPE.LINKTYPE_RAW, (packet) => packet],
  [LINKTYPE.LINKTYPE_NULL, (packet) => Uint8Array.of(packet[0]! >> 4 === 4 ? 2 : 10, 0, 0, 0, ...packet)],
  [LINKTYPE.LINKTYPE_LINUX_SLL, (packet) => cooked("0000 0001 0006 020000000009 0000", "", packet)],
  [
    LINKTYPE.LINKTYPE_LINUX_SLL2,
    (packet) => cooked("", "0000 00000002 0001 00 06 020000000009 0000", packet),
  ],
];

function tagged(packet: Uint8Array): Uint8Array {
  const frame = ethernetFrame(packet);
  return Uint8Array.of(...frame.subarray(0, 12), ...unhex("8100 0005"), ...frame.subarray(12));
}

function cooked(before: string, after: string, packet: Uint8Array): Uint8Array {
  const ethertype = packet[0]! >> 4 === 4 ? "0800" : "86dd";
  return Uint8Array.of(...unhex(before), ...unhex(ethertype), ...unhex(after), ...packet);
}

const cleanFile = fc
  .record({
    format: fc.constantFrom("pcap" as const, "pcapng" as const),
    framing: fc.constantFrom(...framings),
    nanoseconds: fc.boolean(),
    bigEndian: fc.boolean(),
    cut: fc.nat(3),
  })
  .map(({ format, framing: [linkType, frame], cut, ...options }) => {
    const writer = createCaptureWriter(format, { linkType, ...options });
    const times = { linkType, seconds: 1_700_000_000, nanoseconds: 5000, interfaceIndex: 0 };
    const records = packets.map((packet) => {
      const bytes = frame(packet);
      return writer.packet({
        ...times,
        bytes: bytes.slice(0, bytes.length - cut),
        originalLength: bytes.length,
      });
    });
    return Buffer.concat([writer.header(), ...records]);
  });

// What our writer never writes: a clock of 2^-5 s with an offset of −1000 s, then a simple and an obsolete packet block.
const RARE_BLOCKS = unhex(`
  0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
  01000000 2c000000 6500 0000 00000000 0900 0100 85000000 0e00 0800 18fcffffffffffff 0000 0000 2c000000
  03000000 24000000 14000000 4500001400000000401166d00a0000090a000001 24000000
  02000000 34000000 0000 0000 00000000 01000000 14000000 14000000 4500001400000000401166d00a0000090a000001 34000000`);

const file = fc.oneof(
  { weight: 5, arbitrary: cleanFile },
  { weight: 1, arbitrary: fc.constant(Buffer.from(RARE_BLOCKS)) },
);
const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 });

async function run(bytes: Uint8Array, chunkBytes: number) {
  const written: Uint8Array[] = [];
  const events: (PacketEvent | LogEvent)[] = [];
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) =>
    bytes.slice(i * chunkBytes, (i + 1) * chunkBytes),
  );
  const running = await sim.start(
    { path: "fuzz.lua", source: SCRIPT },
    { packets: chunks, write: (chunk) => void written.push(chunk), local: ["10.0.0.1", "fd00::1"] },
    { packet: (event) => events.push(event), log: (event) => events.push(event) },
  );
  const failure = await running.finished.then(
    () => undefined,
    (error: unknown) => error,
  );
  return { failure, events, counters: running.counters(), written: Buffer.concat(written) };
}

test("the files are good ones before they are damaged", async () => {
  const { failure, counters } = await run(RARE_BLOCKS, 1000);
  expect(failure).toBeUndefined();
  expect(counters).toMatchObject({ packets: 2, errors: 0, modified: 2 });
});

test("whatever the capture, a run ends as it should", async () => {
  await fc.assert(
    fc.asyncProperty(file, edits, fc.integer({ min: 1, max: 400 }), async (clean, changes, chunkBytes) => {
      const bytes = new Uint8Array(clean);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const { failure, events, counters, written } = await run(bytes, chunkBytes);
      if (failure !== undefined) expect(failure).toBeInstanceOf(CaptureError);
      const logged = events.flatMap((event) => (event.type === "log" ? [event.text] : []));
      expect(logged.filter((text) => text.includes("internal error"))).toEqual([]);
      expect(counters.packets).toBe(events.filter(({ type }) => type === "packet").length);
      for (const event of events) expectJson(event);
      const reader = createCaptureReader();
      reader.push(written, () => {});
      reader.end();
    }),
    { numRuns: numRuns(400) },
  );
});

/** The line that `--json` prints for the event is JSON. */
function expectJson(event: PacketEvent | LogEvent): void {
  const lines: string[] = [];
  const out = { line: (text: string) => void lines.push(text) } as Parameters<typeof jsonPrinter>[0]["out"];
  const printer = jsonPrinter({ out, talk: out });
  if (event.type === "log") printer.log(event);
  else printer.packet?.(event);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ type: event.type });
}
