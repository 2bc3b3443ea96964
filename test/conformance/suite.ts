/**
 * What every backend must do alike: verdicts, marks, priorities, errors, rewritten bytes. A backend takes part by making
 * machines; what it cannot do yet is skipped by name, with a reason.
 */
import { describe, expect, test } from "vitest";
import type { Counters, PacketVerdict } from "../../src/backends/backend.ts";
import { ipPacket } from "../../src/kernel/testing.ts";

/** Packets travel between two hosts; the machine is one of them. */
export const MACHINE = "10.9.0.1";
export const PEER = "10.9.0.2";

export interface Outcome {
  readonly verdict: PacketVerdict;
  readonly mark: number;
  readonly modified: boolean;
}

export interface Report {
  /** One for each packet, in order. */
  readonly outcomes: readonly Outcome[];
  /** Error lines of the log, and info lines, as `level: text`. */
  readonly log: readonly string[];
  /** The packets that left the path, from their network headers, as rewritten; absent where packets cannot be rewritten. */
  readonly left?: readonly Uint8Array[];
  /** What the backend counts. */
  readonly counters: Partial<Counters>;
}

export interface Machine {
  /** Runs a script named `test.lua`, sends IP packets that come from the peer or go to it, and waits until all are decided. */
  run(script: string, packets: readonly Uint8Array[]): Promise<Report>;
}

export interface ConformanceOptions {
  readonly skip?: readonly { readonly test: string; readonly reason: string }[];
}

const PRELUDE = `local netfilter, nf, data = require("netfilter"), require("linux.nf"), require("data")
local function register(t)
  t.pf = t.pf or nf.proto.INET; t.hooknum = t.hooknum or nf.inet.LOCAL_IN; t.priority = t.priority or nf.ip.pri.FILTER
  return netfilter.register(t)
end
`;

interface Case {
  readonly name: string;
  readonly script: string;
  readonly packets: readonly (keyof typeof PACKETS)[];
  readonly verdicts: readonly PacketVerdict[];
  readonly log?: readonly (string | RegExp)[];
  readonly marks?: readonly number[];
  readonly modified?: readonly boolean[];
  /** Packets that leave, by name, or as bytes. */
  readonly left?: readonly (keyof typeof PACKETS | Uint8Array)[];
  readonly errors?: number;
}

const PACKETS = {
  in: ipPacket({ from: PEER, to: MACHINE, dport: 53, payload: [0x61, 0x62, 0x63] }),
  out: ipPacket({ from: MACHINE, to: PEER, dport: 53, payload: [0x61, 0x62, 0x63] }),
  tcp: ipPacket({ from: PEER, to: MACHINE, protocol: "tcp", payload: [0x78] }),
};

const hook = (body: string, rest = "") => `register{ hook = function(skb) ${body} end, ${rest} }`;
const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

const verdictCases: Case[] = (
  [
    ["DROP", "nf.action.DROP", "drop"],
    ["ACCEPT", "nf.action.ACCEPT", "accept"],
    ["STOLEN", "nf.action.STOLEN", "stolen"],
    ["no result", "", "drop"],
    ["nil", "nil", "drop"],
    ["a table", "{}", "drop"],
    ["a numeral", "'1'", "accept"],
    ["6", "6", "accept"],
    ["-1", "-1", "accept"],
    ["2^32", "1 << 32", "drop"],
  ] as const
).map(([name, result, verdict]) => ({
  name: `verdict: ${name}`,
  script: hook(`return ${result}`),
  packets: ["in"],
  verdicts: [verdict],
}));

const cases: Case[] = [
  ...verdictCases,
  {
    name: "no hook",
    script: "",
    packets: ["in", "out"],
    verdicts: ["accept", "accept"],
    left: ["in", "out"],
  },
  {
    name: "hook points",
    script: `for _, h in ipairs{ "PRE_ROUTING", "LOCAL_IN", "FORWARD", "LOCAL_OUT", "POST_ROUTING" } do
      register{ hooknum = nf.inet[h], hook = function() print(h) return 1 end } end`,
    packets: ["in", "out"],
    verdicts: ["accept", "accept"],
    log: ["info: PRE_ROUTING", "info: LOCAL_IN", "info: LOCAL_OUT", "info: POST_ROUTING"],
  },
  {
    name: "priority order, the newest of equals first",
    script: `for i, p in ipairs{ 0, -5, 7, 0 } do register{ priority = p, hook = function() print(i) return 1 end } end`,
    packets: ["in"],
    verdicts: ["accept"],
    log: ["info: 2", "info: 4", "info: 1", "info: 3"],
  },
  {
    name: "the first verdict that is not ACCEPT decides",
    script: `${hook("return 0", "priority = -1")} ${hook("print('late') return 1")}`,
    packets: ["in"],
    verdicts: ["drop"],
    log: [],
    left: [],
  },
  {
    name: "second result is the mark, which later hooks are chosen by",
    script: `${hook("return 1, 7", "priority = -3")} ${hook("return 0", "priority = -2")}
      ${hook("print('seven') return 1, -1", "priority = -1, mark = 7")}`,
    packets: ["in"],
    verdicts: ["accept"],
    marks: [0xffffffff],
    log: ["info: seven"],
  },
  {
    name: "an error accepts, is logged in one line and counted; the next packet is served",
    script: `local n = 0 ${hook("n = n + 1 if n == 1 then error('boom\\nbang') end return 0, 5")}`,
    packets: ["in", "in"],
    verdicts: ["accept", "drop"],
    marks: [0, 5],
    log: ["error: test.lua:6: boom bang"],
    errors: 1,
  },
  {
    name: "a loop without end is stopped",
    script: `local n = 0 ${hook("n = n + 1 if n == 1 then pcall(function() while true do end end) end return 0")}`,
    packets: ["in", "in"],
    verdicts: ["accept", "drop"],
    log: [/^error: /],
    errors: 1,
  },
  {
    name: "a script without end of memory is stopped",
    script: `local n = 0 ${hook("n = n + 1 local t = {} while n == 1 do t[#t + 1] = ('x'):rep(1 << 16) .. #t end return 0")}`,
    packets: ["in", "in"],
    verdicts: ["accept", "drop"],
    log: [/^error: /],
    errors: 1,
  },
  {
    name: "written bytes leave",
    script: hook("local d = skb:data() d:setstring(28, 'XYZ') skb:checksum() return 1"),
    packets: ["in", "out"],
    verdicts: ["accept", "accept"],
    modified: [true, false],
    left: [ipPacket({ from: PEER, to: MACHINE, dport: 53, payload: [0x58, 0x59, 0x5a] }), "out"],
  },
  {
    name: "a packet grows",
    script: hook(
      "skb:resize(33) local d = skb:data() d:setstring(31, 'de') d:setuint8(3, 33) d:setuint8(25, 13) skb:checksum() return 1",
    ),
    packets: ["in"],
    verdicts: ["accept"],
    modified: [true],
    left: [ipPacket({ from: PEER, to: MACHINE, dport: 53, payload: [0x61, 0x62, 0x63, 0x64, 0x65] })],
  },
  {
    name: "a packet shrinks",
    script: hook(
      "skb:resize(29) local d = skb:data() d:setuint8(3, 29) d:setuint8(25, 9) skb:checksum() return 1",
    ),
    packets: ["in"],
    verdicts: ["accept"],
    modified: [true],
    left: [ipPacket({ from: PEER, to: MACHINE, dport: 53, payload: [0x61] })],
  },
  {
    name: "tail room has the same limit everywhere",
    script: hook(
      "print(pcall(skb.resize, skb, #skb + 512)) print(pcall(skb.resize, skb, #skb + 1)) return 0",
    ),
    packets: ["in"],
    verdicts: ["drop"],
    log: ["info: true", /insufficient tailroom/],
  },
  {
    name: "what a hook reads",
    script: hook(
      "local d = skb:data() print(#skb, #d, d:getuint8(9), d:getuint16(22), d:getstring(28)) return 1",
    ),
    packets: ["in"],
    verdicts: ["accept"],
    log: [`info: 31\t31\t17\t${0x3500}\tabc`],
    modified: [false],
  },
  {
    name: "no device at LOCAL_OUT, one everywhere else",
    script: `for _, h in ipairs{ "PRE_ROUTING", "LOCAL_IN", "LOCAL_OUT", "POST_ROUTING" } do
      register{ hooknum = nf.inet[h], hook = function(skb) print(h, skb:ifindex() ~= nil) return 1 end } end`,
    packets: ["in", "out"],
    verdicts: ["accept", "accept"],
    log: [
      "info: PRE_ROUTING\ttrue",
      "info: LOCAL_IN\ttrue",
      "info: LOCAL_OUT\tfalse",
      "info: POST_ROUTING\ttrue",
    ],
  },
  {
    name: "state lives from packet to packet",
    script: `local n = 0 ${hook("n = n + 1 return n % 2")}`,
    packets: ["in", "tcp", "in", "tcp"],
    verdicts: ["accept", "drop", "accept", "drop"],
    left: ["in", "in"],
  },
  {
    name: "a skb kept beyond its hook is not set",
    script: `local kept ${hook("kept = skb return 1", "priority = -1")} ${hook("return kept:ifindex() and 0")}`,
    packets: ["in"],
    verdicts: ["accept"],
    log: [/skb is not set/],
    errors: 1,
  },
  {
    name: "many packets",
    script: `local n = 0 ${hook("n = n + 1 return n % 3 == 0 and 0 or 1")}`,
    packets: times(300, "in" as const),
    verdicts: Array.from({ length: 300 }, (_, i) => (i % 3 === 2 ? ("drop" as const) : ("accept" as const))),
  },
];

export function conformance(
  name: string,
  makeMachine: () => Machine,
  options: ConformanceOptions = {},
): void {
  describe(`${name} conforms`, () => {
    for (const one of cases) {
      const skipped = options.skip?.find((row) => row.test === one.name);
      if (skipped) test.skip(`${one.name} (${skipped.reason})`, () => {});
      else test(one.name, () => check(one, makeMachine()));
    }
  });
}

async function check(one: Case, machine: Machine): Promise<void> {
  const report = await machine.run(
    PRELUDE + one.script,
    one.packets.map((packet) => PACKETS[packet]),
  );
  expect(report.outcomes.map((outcome) => outcome.verdict)).toEqual(one.verdicts);
  if (one.marks) expect(report.outcomes.map((outcome) => outcome.mark)).toEqual(one.marks);
  if (one.modified) expect(report.outcomes.map((outcome) => outcome.modified)).toEqual(one.modified);
  if (one.left && report.left) {
    const expected = one.left.map((packet) => (typeof packet === "string" ? PACKETS[packet] : packet));
    expect(report.left.map((bytes) => [...bytes])).toEqual(expected.map((bytes) => [...bytes]));
  }
  if (one.log) {
    expect(report.log).toHaveLength(one.log.length);
    for (const [i, line] of one.log.entries())
      expect(report.log[i]).toEqual(typeof line === "string" ? line : expect.stringMatching(line));
  }
  const counted = {
    packets: one.verdicts.length,
    accepted: one.verdicts.filter((verdict) => verdict === "accept").length,
    dropped: one.verdicts.filter((verdict) => verdict === "drop").length,
    modified: report.outcomes.filter((outcome) => outcome.modified).length,
    errors: one.errors ?? 0,
  };
  expect(counted).toMatchObject(report.counters);
  expect(report.counters.errors).toBe(counted.errors);
}
