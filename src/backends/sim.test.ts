import { describe, expect, test } from "vitest";
import { ethernetFrame, ipPacket } from "../kernel/testing.ts";
import {
  CaptureError,
  type CaptureFormat,
  createCaptureReader,
  createCaptureWriter,
} from "../wire/capture.ts";
import { LINKTYPE } from "../wire/frame.ts";
import type { EventSink, LogEvent, PacketEvent } from "./backend.ts";
import { type SimOptions, sim } from "./sim.ts";

const { LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_LINUX_SLL } = LINKTYPE;
const CLIENT = "10.0.0.1";
const SERVER = "10.0.0.2";
const query = ipPacket({ from: CLIENT, to: SERVER });
const answer = ipPacket({ from: SERVER, to: CLIENT });

interface Made {
  readonly linkType?: number;
  readonly format?: CaptureFormat;
  /** Bytes that the capture cut off each packet. */
  readonly cut?: number;
}

function capture(
  frames: readonly Uint8Array[],
  { linkType = LINKTYPE_ETHERNET, format = "pcap", cut = 0 }: Made = {},
) {
  const writer = createCaptureWriter(format, { linkType });
  const chunks = [writer.header()];
  for (const [i, frame] of frames.entries()) {
    const bytes = frame.subarray(0, frame.length - cut);
    const times = { seconds: 1_700_000_000 + i, nanoseconds: 123_456_789 };
    chunks.push(
      writer.packet({ linkType, ...times, interfaceIndex: 0, bytes, originalLength: frame.length }),
    );
  }
  return chunks;
}

const ethernetCapture = (...packets: Uint8Array[]) => capture(packets.map((packet) => ethernetFrame(packet)));

async function run(source: string, options: Partial<SimOptions> & Pick<SimOptions, "packets">) {
  const packets: PacketEvent[] = [];
  const log: LogEvent[] = [];
  const written: Uint8Array[] = [];
  const locals: (string | undefined)[] = [];
  const sink: EventSink = { packet: (event) => packets.push(event), log: (event) => log.push(event) };
  const running = await sim.start(
    { path: "test.lua", source },
    { write: (chunk) => void written.push(chunk), onLocal: (address) => locals.push(address), ...options },
    sink,
  );
  let failure: unknown;
  await running.finished.catch((error: unknown) => {
    failure = error;
  });
  return { packets, log, locals, failure, counters: running.counters(), ...readBack(written) };
}

function readBack(chunks: readonly Uint8Array[]) {
  const left: Uint8Array[] = [];
  const times: number[] = [];
  const lengths: number[] = [];
  const reader = createCaptureReader();
  for (const chunk of chunks) {
    reader.push(chunk, (packet) => {
      left.push(packet.bytes.slice());
      times.push(packet.seconds);
      lengths.push(packet.originalLength);
    });
  }
  reader.end();
  return { left, times, lengths, format: reader.format };
}

const hookAt = (hooknum: string, body: string) => `local nf = require("linux.nf")
require("netfilter").register{ pf = nf.proto.INET, hooknum = nf.inet.${hooknum}, priority = 0, hook = function(skb) ${body} end }`;

describe("local: auto", () => {
  test.each<[string, Uint8Array[], string | undefined, string[]]>([
    ["the busiest address", [query, ipPacket({ from: "10.0.0.7", to: SERVER })], SERVER, ["input", "input"]],
    ["of equals the one seen first", [query, answer], CLIENT, ["output", "input"]],
    [
      "no group is a machine",
      [ipPacket({ from: SERVER, to: "224.0.0.1" }), ipPacket({ from: CLIENT, to: "224.0.0.1" })],
      SERVER,
      ["output", "input"],
    ],
    ["IPv6", [ipPacket({ from: "fd00::1", to: "fd00::2" })], "fd00::1", ["output"]],
    ["none at all", [], undefined, []],
  ])("%s", async (_, packets, local, paths) => {
    const result = await run("", { packets: ethernetCapture(...packets) });
    expect(result.locals).toEqual([local]);
    expect(result.packets.map(({ path }) => path)).toEqual(paths);
  });

  test("looks at 10,000 packets and loses none", async () => {
    const early = Array.from({ length: 10_001 }, () => query);
    const late = Array.from({ length: 30_000 }, () => ipPacket({ from: "10.0.0.8", to: "10.0.0.9" }));
    const result = await run("", { packets: ethernetCapture(...early, ...late) });
    expect(result.locals).toEqual([CLIENT]);
    expect(result.counters.packets).toBe(40_001);
  });
});

test("given addresses are used as they are", async () => {
  const result = await run("", { packets: ethernetCapture(query, answer), local: [SERVER] });
  expect(result.locals).toEqual([]);
  expect(result.packets.map(({ path }) => path)).toEqual(["input", "output"]);
});

test("an address that is none is refused", async () => {
  await expect(run("", { packets: [], local: ["localhost"] })).rejects.toThrow(
    "'localhost' is no IPv4 or IPv6 address",
  );
});

test("events and counters", async () => {
  const source = hookAt("LOCAL_OUT", "print('seen') return 0, 3");
  const { packets, log, counters } = await run(source, { packets: ethernetCapture(query, answer) });
  const timeNs = 1_700_000_000_123_456_789n;
  expect(packets).toEqual([
    { type: "packet", n: 1, timeNs, path: "output", verdict: "drop", modified: false, mark: 3 },
    {
      type: "packet",
      n: 2,
      timeNs: timeNs + 1_000_000_000n,
      path: "input",
      verdict: "accept",
      modified: false,
      mark: 0,
    },
  ]);
  expect(log).toEqual([{ type: "log", level: "info", text: "seen" }]);
  expect(counters).toEqual({ packets: 2, accepted: 1, dropped: 1, modified: 0, errors: 0 });
});

test("script time is capture time", async () => {
  const source = hookAt("LOCAL_OUT", "print(require('linux').time()) return 1");
  const { log } = await run(source, { packets: ethernetCapture(query, query) });
  expect(log.map(({ text }) => text)).toEqual(["1700000000123456789", "1700000001123456789"]);
});

test("same input, same output, random numbers included", async () => {
  const source = hookAt("LOCAL_OUT", "print(require('linux').random()) return 1");
  const texts = async (seed: number) =>
    (await run(source, { packets: ethernetCapture(query), seed })).log[0]!.text;
  expect(await texts(5)).toBe(await texts(5));
  expect(await texts(5)).not.toBe(await texts(6));
});

describe("what is written", () => {
  test("dropped packets are missing, the others are as they were", async () => {
    const { left, times, format } = await run(hookAt("LOCAL_OUT", "return 0"), {
      packets: ethernetCapture(query, answer),
    });
    expect(left).toEqual([ethernetFrame(answer)]);
    expect(times).toEqual([1_700_000_001]);
    expect(format).toBe("pcap");
  });

  test("pcapng stays pcapng, unless asked otherwise", async () => {
    const packets = capture([ethernetFrame(query)], { format: "pcapng" });
    expect((await run("", { packets })).format).toBe("pcapng");
    expect((await run("", { packets, writeFormat: "pcap" })).format).toBe("pcap");
  });

  test("an empty capture gives an empty capture", async () => {
    const { left, failure } = await run("", { packets: ethernetCapture() });
    expect(left).toEqual([]);
    expect(failure).toBeUndefined();
  });

  test("padding goes, with VLAN tags staying", async () => {
    const frame = ethernetFrame(query, 6);
    const tagged = Uint8Array.from([...frame.slice(0, 12), 0x81, 0, 0x20, 5, ...frame.slice(12)]);
    const source = hookAt("LOCAL_OUT", "print(skb:vlan()) skb:data():setuint8(28, 9) return 1");
    const { left, log } = await run(source, { packets: capture([tagged]) });
    const expected = tagged.slice(0, tagged.length - 6);
    expected[14 + 4 + 28] = 9;
    expect(left).toEqual([expected]);
    expect(log[0]!.text).toBe("5");
  });

  test("a rewritten link header", async () => {
    const source = hookAt("LOCAL_IN", "skb:data('mac'):setstring(0, 'abcdef') return 1");
    const { left } = await run(source, { packets: ethernetCapture(answer), local: [CLIENT] });
    expect(String.fromCharCode(...left[0]!.subarray(0, 6))).toBe("abcdef");
  });

  test("cooked and raw frames keep their headers", async () => {
    const cooked = Uint8Array.from([0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0, ...query]);
    const source = hookAt("LOCAL_OUT", "skb:data():setuint8(28, 9) return 1");
    for (const [linkType, frame] of [
      [LINKTYPE_LINUX_SLL, cooked],
      [LINKTYPE_RAW, query],
    ] as const) {
      const { left } = await run(source, { packets: capture([frame], { linkType }) });
      const expected = frame.slice();
      expected[frame.length - query.length + 28] = 9;
      expect(left).toEqual([expected]);
    }
  });

  test("packets cut by the capture keep their length on the wire", async () => {
    const source = hookAt("LOCAL_OUT", "skb:data():setuint8(28, 9) return 1");
    const packets = capture([ethernetFrame(query)], { cut: 2 });
    const { left, lengths, packets: events } = await run(source, { packets });
    expect(events[0]!.verdict).toBe("accept");
    expect(left[0]!.length).toBe(44);
    expect(lengths).toEqual([46]);
  });

  test("forwarding counts the TTL down in what is written", async () => {
    const { left, packets } = await run("", { packets: ethernetCapture(query), local: ["10.9.9.9"] });
    expect(packets[0]).toMatchObject({ path: "forward", modified: false });
    expect(left).toEqual([ethernetFrame(ipPacket({ from: CLIENT, to: SERVER, ttl: 63 }))]);
  });

  test("frames that a script sends come before the packet", async () => {
    const source = hookAt(
      "LOCAL_IN",
      "local c = skb:copy() c:data('mac'):setuint8(0, 0x66) c:forward() return 1",
    );
    const { left, counters } = await run(source, { packets: ethernetCapture(answer), local: [CLIENT] });
    expect(left.map((frame) => frame[0])).toEqual([0x66, 2]);
    expect(counters.packets).toBe(1);
  });

  test("the writer is waited for", async () => {
    let writing = 0;
    let most = 0;
    const write = async () => {
      most = Math.max(most, ++writing);
      await new Promise((resolve) => setTimeout(resolve, 1));
      writing--;
    };
    await sim
      .start(
        { path: "test.lua", source: "" },
        { packets: ethernetCapture(query, query, query), local: [CLIENT], write },
        { log: () => {} },
      )
      .then((running) => running.finished);
    expect(most).toBe(1);
    expect(writing).toBe(0);
  });
});

describe("frames that are no IP packets", () => {
  test("ARP passes untouched", async () => {
    const arp = Uint8Array.from([...ethernetFrame(query).subarray(0, 12), 8, 6, ...new Uint8Array(28)]);
    const { left, packets } = await run(hookAt("PRE_ROUTING", "return 0"), { packets: capture([arp]) });
    expect(packets[0]).toMatchObject({ path: "input", verdict: "accept" });
    expect(left).toEqual([arp]);
  });

  test("a runt is dropped", async () => {
    const { packets } = await run("", { packets: capture([new Uint8Array(5)]) });
    expect(packets[0]).toMatchObject({ verdict: "drop" });
  });

  test("an unknown link type is said once and left alone", async () => {
    const frame = Uint8Array.of(1, 2, 3);
    const { left, log, counters } = await run("", { packets: capture([frame, frame], { linkType: 147 }) });
    expect(left).toEqual([frame, frame]);
    expect(log).toEqual([
      { type: "log", level: "error", text: "capture: packets of unknown link type 147 pass untouched" },
    ]);
    expect(counters.accepted).toBe(2);
  });

  test("a malformed IP packet is dropped without a hook", async () => {
    const bad = answer.slice();
    bad[10]! ^= 1;
    const { packets, log } = await run(hookAt("PRE_ROUTING", "print('ran') return 1"), {
      packets: ethernetCapture(bad),
      local: [CLIENT],
    });
    expect(packets[0]).toMatchObject({ path: "input", verdict: "drop" });
    expect(log).toEqual([]);
  });
});

describe("a damaged capture", () => {
  test.each(["auto", [CLIENT]] as const)(
    "packets before the damage are processed and written (local: %s)",
    async (local) => {
      const chunks = ethernetCapture(query, answer);
      chunks.push(chunks[1]!.subarray(0, 20));
      const { failure, left, counters } = await run("", { packets: chunks, local });
      expect(failure).toBeInstanceOf(CaptureError);
      expect((failure as Error).message).toMatch(/ends inside/);
      expect(left).toHaveLength(2);
      expect(counters.packets).toBe(2);
    },
  );

  test.each(["auto", [CLIENT]] as const)("garbage in the middle (local: %s)", async (local) => {
    const chunks = [...ethernetCapture(query), new Uint8Array(64).fill(0xff)];
    const { failure, left } = await run("", { packets: chunks, local });
    expect(failure).toBeInstanceOf(CaptureError);
    expect(left).toHaveLength(1);
  });

  test("no capture at all", async () => {
    const { failure } = await run("", { packets: [new TextEncoder().encode("hello, world")] });
    expect((failure as Error).message).toMatch(/expected a pcap or pcapng file/);
  });

  test("a source that fails", async () => {
    async function* source() {
      yield* ethernetCapture(query);
      throw new Error("disk on fire");
    }
    const { failure, left } = await run("", { packets: source(), local: [CLIENT] });
    expect((failure as Error).message).toBe("disk on fire");
    expect(left).toHaveLength(1);
  });
});

test("a script that fails at its top level rejects the start", async () => {
  await expect(run("error('no')", { packets: [] })).rejects.toThrow("test.lua:1: no");
});

test("stop ends the run early, and is safe to repeat", async () => {
  async function* endless() {
    yield* ethernetCapture(query);
    const record = ethernetCapture(query)[1]!;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield record;
    }
  }
  const running = await sim.start(
    { path: "test.lua", source: "" },
    { packets: endless(), local: [CLIENT] },
    { log: () => {} },
  );
  await new Promise((resolve) => setTimeout(resolve, 10));
  await running.stop();
  await running.stop();
  await running.finished;
  expect(running.counters().packets).toBeGreaterThan(0);
});

test("stop does not wait for a source that is silent", async () => {
  const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  const running = await sim.start({ path: "test.lua", source: "" }, { packets: silent }, { log: () => {} });
  await running.stop();
  await running.finished;
});

test("the source is closed at the end, and when stopped", async () => {
  let closed = 0;
  async function* source() {
    try {
      yield* ethernetCapture(query);
    } finally {
      closed++;
    }
  }
  await run("", { packets: source() });
  expect(closed).toBe(1);
});
