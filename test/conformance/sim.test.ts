/** The simulated machine against the conformance suite, packets going in and coming out as capture files. */
import type { EventSink, PacketEvent } from "../../src/backends/backend.ts";
import { sim } from "../../src/backends/sim.ts";
import { createCaptureReader, createCaptureWriter } from "../../src/wire/capture.ts";
import { LINKTYPE } from "../../src/wire/frame.ts";
import { conformance, MACHINE, type Machine, type Report } from "./suite.ts";

const linkType = LINKTYPE.LINKTYPE_RAW;

function capture(packets: readonly Uint8Array[]): Uint8Array[] {
  const writer = createCaptureWriter("pcap", { linkType });
  const records = packets.map((bytes, i) =>
    writer.packet({
      linkType,
      seconds: 1000 + i,
      nanoseconds: 0,
      interfaceIndex: 0,
      bytes,
      originalLength: bytes.length,
    }),
  );
  return [writer.header(), ...records];
}

function packetsIn(chunks: readonly Uint8Array[]): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const reader = createCaptureReader();
  for (const chunk of chunks) reader.push(chunk, (packet) => packets.push(packet.bytes.slice()));
  reader.end();
  return packets;
}

const simulated: Machine = {
  async run(source, packets): Promise<Report> {
    const outcomes: PacketEvent[] = [];
    const log: string[] = [];
    const written: Uint8Array[] = [];
    const sink: EventSink = {
      packet: (event) => outcomes.push(event),
      log: ({ level, text }) => log.push(`${level}: ${text}`),
    };
    const running = await sim.start(
      { path: "test.lua", source },
      {
        packets: capture(packets),
        local: [MACHINE],
        write: (chunk) => {
          written.push(chunk);
        },
        budget: 100_000,
        memoryLimitBytes: 64 * 2 ** 20,
      },
      sink,
    );
    await running.finished;
    return { outcomes, log, left: packetsIn(written), counters: running.counters() };
  },
};

conformance("sim", () => simulated);
