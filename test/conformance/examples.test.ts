/** The examples on the simulated path, over captures of real traffic. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { PacketEvent } from "../../src/backends/backend.ts";
import { sim } from "../../src/backends/sim.ts";

interface Ran {
  readonly dropped: number[];
  readonly log: string[];
  readonly errors: number;
}

async function runExample(name: string, capture: string): Promise<Ran> {
  const path = `examples/${name}.lua`;
  const packets: PacketEvent[] = [];
  const log: string[] = [];
  const running = await sim.start(
    { path, source: readFileSync(path, "latin1") },
    { packets: [readFileSync(`examples/captures/${capture}`)] },
    { packet: (event) => void packets.push(event), log: ({ text }) => void log.push(text) },
  );
  await running.finished;
  return {
    dropped: packets.filter(({ verdict }) => verdict === "drop").map(({ n }) => n),
    log,
    errors: running.counters().errors,
  };
}

test("dnsblock drops the listed names and what is under them, and nothing that only looks like them", async () => {
  expect(await runExample("dnsblock", "dns.pcap")).toEqual({
    dropped: [3, 5, 7, 15, 19],
    log: [
      "dnsblock: blocked ads.example.com",
      "dnsblock: blocked ads.example.com",
      "dnsblock: blocked banner.ads.example.com",
      "dnsblock: blocked tracker.example.net",
      "dnsblock: blocked a.b.tracker.example.net",
    ],
    errors: 0,
  });
});
