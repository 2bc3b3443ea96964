/** Events of a run as lines: JSON objects for programs (design: `--json`), short text for people. */

import type { Counters, LogEvent, PacketEvent } from "../backends/backend.ts";
import type { EbpfCounters } from "../backends/ebpf.ts";
import { textFromLatin1 } from "../util/latin1.ts";
import type { Streams } from "./main.ts";
import { colour } from "./output.ts";

export interface EventPrinter {
  packet?(event: PacketEvent): void;
  log(event: LogEvent): void;
  summary(counters: RunCounters): void;
}

/** What the backend could count. */
export type RunCounters = Counters | EbpfCounters;

/** Seconds since the epoch with all nine digits, as a JSON number. */
function seconds(timeNs: bigint): string {
  // Captures may tell of times before the epoch.
  const sign = timeNs < 0n ? "-" : "";
  const text = (timeNs < 0n ? -timeNs : timeNs).toString().padStart(10, "0");
  return `${sign}${text.slice(0, -9)}.${text.slice(-9)}`;
}

export function jsonPrinter({ out }: Streams): EventPrinter {
  return {
    packet: (e) =>
      out.line(
        `{"type":"packet","n":${e.n},"time":${seconds(e.timeNs)},"path":"${e.path}","verdict":"${e.verdict}","modified":${e.modified},"mark":${e.mark}}`,
      ),
    log: ({ level, text }) => out.line(JSON.stringify({ type: "log", level, text: textFromLatin1(text) })),
    summary: (counters) => out.line(JSON.stringify({ type: "summary", ...counters })),
  };
}

export function textPrinter({ out, talk }: Streams): EventPrinter {
  return {
    log: ({ level, text }) => {
      const line = textFromLatin1(text);
      if (level === "info") return out.line(line);
      talk.line(`${colour(talk, "red", "script error:")} ${line}`);
      talk.flush();
    },
    summary: (c) =>
      out.line(
        "packets" in c
          ? `${c.packets} packets: ${c.accepted} accepted, ${c.dropped} dropped, ${c.modified} modified, ${c.errors} script errors`
          : `${c.errors} script errors, ${c.lost} lines of the log lost; packets are not counted in the kernel${c.punted === undefined ? "" : `, ${c.punted} were left to user space`}`,
      ),
  };
}

/** Only the summary. */
export function quietPrinter(streams: Streams): EventPrinter {
  return { log: () => {}, summary: textPrinter(streams).summary };
}
