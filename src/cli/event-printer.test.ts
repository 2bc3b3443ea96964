import { expect, test } from "vitest";
import { jsonPrinter } from "./event-printer.ts";
import type { Streams } from "./main.ts";

function printed(print: (printer: ReturnType<typeof jsonPrinter>) => void): string[] {
  const lines: string[] = [];
  const out = { line: (text: string) => void lines.push(text) } as unknown as Streams["out"];
  print(jsonPrinter({ out, talk: out }));
  return lines;
}

const packet = {
  type: "packet",
  n: 7,
  path: "forward",
  verdict: "queue",
  modified: true,
  mark: 0xffffffff,
} as const;

test.each([
  [1_700_000_000_123_456_789n, "1700000000.123456789"],
  [0n, "0.000000000"],
  [5n, "0.000000005"],
  [-5n, "-0.000000005"],
  [-500_000_000n, "-0.500000000"],
  [-1_500_000_000n, "-1.500000000"],
])("a packet at %i ns", (timeNs, time) => {
  const [line] = printed((printer) => printer.packet?.({ ...packet, timeNs }));
  expect(line).toBe(
    `{"type":"packet","n":7,"time":${time},"path":"forward","verdict":"queue","modified":true,"mark":4294967295}`,
  );
  expect(JSON.parse(line!).time).toBe(Number(time));
});

test("bytes of the log are UTF-8 where they are, and JSON in any case", () => {
  const lines = printed((printer) => {
    printer.log({ type: "log", level: "info", text: 'caf\xc3\xa9 "\n\x01' });
    printer.log({ type: "log", level: "error", text: "\xff" });
    printer.summary({ packets: 1, accepted: 2, dropped: 3, modified: 4, errors: 5 });
  });
  expect(lines).toEqual([
    '{"type":"log","level":"info","text":"café \\"\\n\\u0001"}',
    '{"type":"log","level":"error","text":"\ufffd"}',
    '{"type":"summary","packets":1,"accepted":2,"dropped":3,"modified":4,"errors":5}',
  ]);
});
