/**
 * The simulated path on a capture of DNS queries with examples/dnsblock.lua, against tcpdump reading the same file
 * through a comparable filter, and against the same script in PUC Lua over a bare reader (bench/puc-reader.lua).
 */

import { BLOCKED_NAMES, makeDnsCapture } from "./dns-capture.ts";
import { interleave, median, report, runCommand } from "./measure.ts";

const PACKETS = Number(process.env["BENCH_PACKETS"] ?? 1_000_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const SCRIPT = "examples/dnsblock.lua";

/** The names at the two places where the capture has them: as asked, and below one label `x`. */
function tcpdumpExpression(): string {
  const encode = (name: string) =>
    Buffer.concat(name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])));
  // tcpdump compares 1, 2 or 4 bytes at once.
  const at = (offset: number, bytes: Buffer): string => {
    const terms: string[] = [];
    for (let i = 0; i < bytes.length; ) {
      const size = bytes.length - i >= 4 ? 4 : bytes.length - i >= 2 ? 2 : 1;
      terms.push(`udp[${offset + i}:${size}] = 0x${bytes.subarray(i, i + size).toString("hex")}`);
      i += size;
    }
    return `(${terms.join(" and ")})`;
  };
  return `udp dst port 53 and (${BLOCKED_NAMES.flatMap((name) => [at(20, encode(name)), at(22, encode(name))]).join(" or ")})`;
}

export async function run(): Promise<void> {
  const capture = ".bench/dns.pcap";
  const small = ".bench/dns-small.pcap";
  const blocked = makeDnsCapture(capture, PACKETS);
  makeDnsCapture(small, Math.ceil(PACKETS / 10));
  const peaks = { all: 0, tenth: 0 };
  const moonhook = async (file: string, packets: number, peak: keyof typeof peaks) => {
    const { output, peakMib, seconds } = await runCommand("bin/moonhook", [
      "run",
      SCRIPT,
      "--pcap",
      file,
      "--json",
    ]);
    const summary = JSON.parse(output.trimEnd().split("\n").at(-1)!) as { packets: number; dropped: number };
    if (summary.packets !== packets || summary.dropped !== Math.ceil(packets / 10)) {
      throw new Error(`moonhook decided otherwise: ${JSON.stringify(summary)}`);
    }
    peaks[peak] = Math.max(peaks[peak], peakMib);
    return seconds;
  };
  const puc = async (mode: "hook" | "bare") => {
    const { output } = await runCommand("lua5.4", ["bench/puc-reader.lua", mode, SCRIPT, capture]);
    const [seconds, dropped] = output.trim().split("\n").at(-1)!.split(" ").map(Number);
    if (mode === "hook" && dropped !== blocked) throw new Error(`PUC Lua dropped ${dropped} of ${blocked}`);
    return seconds!;
  };
  const values = await interleave(ROUNDS, {
    moonhook: () => moonhook(capture, PACKETS, "all"),
    quiet: async () =>
      (await runCommand("bin/moonhook", ["run", SCRIPT, "--pcap", capture, "--quiet"])).seconds,
    tenth: () => moonhook(small, Math.ceil(PACKETS / 10), "tenth"),
    tcpdump: async () =>
      (await runCommand("tcpdump", ["-r", capture, "-w", "/dev/null", tcpdumpExpression()])).seconds,
    pucHook: () => puc("hook"),
    pucBare: () => puc("bare"),
  });
  const seconds = Object.fromEntries(
    Object.entries(values).map(([name, list]) => [name, median(list)]),
  ) as Record<keyof typeof values, number>;
  const pucScript = median(values.pucHook.map((value, round) => value - values.pucBare[round]!));
  const time = { bench: "sim.dnsblock", unit: "s", better: "lower" } as const;
  report({
    bench: "sim.dnsblock",
    metric: "packets per second",
    value: PACKETS / seconds.quiet,
    unit: "1/s",
    better: "higher",
  });
  report({
    ...time,
    metric: "whole command, --json",
    value: seconds.moonhook,
    versus: "PUC Lua script part",
    ratio: seconds.moonhook / pucScript,
  });
  report({
    ...time,
    metric: "whole command",
    value: seconds.quiet,
    versus: "PUC Lua script part",
    ratio: seconds.quiet / pucScript,
  });
  report({
    ...time,
    metric: "whole command",
    value: seconds.quiet,
    versus: "PUC Lua with bare reader",
    ratio: seconds.quiet / seconds.pucHook,
  });
  report({
    ...time,
    metric: "whole command",
    value: seconds.quiet,
    versus: "tcpdump -r",
    ratio: seconds.quiet / seconds.tcpdump,
  });
  report({
    bench: "sim.memory",
    metric: "peak resident",
    value: peaks.all,
    unit: "MiB",
    versus: "a tenth of the packets",
    ratio: peaks.all / peaks.tenth,
    better: "lower",
  });
}
