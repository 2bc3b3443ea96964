/**
 * The filter for two names on real traffic: DNS queries over the loopback device of a network namespace made for this,
 * through so many copies of the same filter that one copy's cost can be told from the noise. Ours, compiled; nftables
 * rules that compare the bytes where the name begins; iptables rules that search for them. Each round runs all of them
 * in turn, with a round without any filter beside it.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { wireName } from "./ebpf-hooks.ts";
import { median, report } from "./measure.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 9);
const COPIES = 20;
const PACKETS = 30_000;
const NAMESPACE = `mh-bench-${process.pid}`;
const NAMES = ["ads.example.com", "tracker.example.net"];

const hexOf = (text: string): string => Buffer.from(text, "latin1").toString("hex");

const inside = (command: string, args: readonly string[], input?: string): void =>
  void execFileSync("ip", ["netns", "exec", NAMESPACE, command, ...args], {
    ...(input !== undefined && { input }),
    stdio: [input === undefined ? "ignore" : "pipe", "ignore", "inherit"],
  });

/** Rules that look at the first 16 bytes of the name, as many as a rule can compare at once. */
function nftRules(): string {
  const chains = Array.from({ length: COPIES }, (_, i) => {
    const rules = NAMES.map(
      (name) => `    udp dport 53 @th,160,128 0x${hexOf(wireName(name)).slice(0, 32)} counter drop`,
    );
    return `  chain c${i} {\n    type filter hook postrouting priority ${i + 1};\n${rules.join("\n")}\n  }`;
  });
  return `table ip bench {\n${chains.join("\n")}\n}\n`;
}

function iptablesRules(): string {
  const rules = Array.from({ length: COPIES }, () =>
    NAMES.map(
      (name) =>
        `-A POSTROUTING -p udp --dport 53 -m string --algo bm --hex-string "|${hexOf(wireName(name))}|" --from 40 -j MARK --set-mark 1`,
    ),
  ).flat();
  return `*mangle\n${rules.join("\n")}\nCOMMIT\n`;
}

interface Contender {
  readonly name: string;
  start(): void;
  stop(): void;
  /** Copies of our hook that the sender attaches itself. */
  readonly hooks: number;
}

const CONTENDERS: readonly Contender[] = [
  { name: "none", start: () => undefined, stop: () => undefined, hooks: 0 },
  { name: "moonhook", start: () => undefined, stop: () => undefined, hooks: COPIES },
  {
    name: "nft",
    start: () => inside("nft", ["-f", "-"], nftRules()),
    stop: () => inside("nft", ["delete", "table", "ip", "bench"]),
    hooks: 0,
  },
  {
    name: "iptables",
    start: () => inside("iptables-legacy-restore", [], iptablesRules()),
    stop: () => inside("iptables-legacy", ["-t", "mangle", "-F"]),
    hooks: 0,
  },
];

/** Nanoseconds of processor time for each packet sent. */
function send(hooks: number): number {
  const child = spawnSync(
    "ip",
    [
      "netns",
      "exec",
      NAMESPACE,
      process.execPath,
      "--import",
      "tsx",
      "bench/ebpf-sender.ts",
      `${PACKETS}`,
      `${hooks}`,
    ],
    { encoding: "utf8" },
  );
  const nanoseconds = Number(child.stdout);
  if (child.status !== 0 || !(nanoseconds > 0)) throw new Error(`the sender failed: ${child.stderr}`);
  return nanoseconds;
}

export async function run(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("this needs root");
  execFileSync("ip", ["netns", "add", NAMESPACE]);
  const values = new Map(CONTENDERS.map(({ name }) => [name, [] as number[]]));
  try {
    inside("ip", ["link", "set", "lo", "up"]);
    for (let round = 0; round < ROUNDS; round++)
      for (const contender of CONTENDERS) {
        contender.start();
        try {
          values.get(contender.name)!.push(send(contender.hooks));
        } finally {
          contender.stop();
        }
      }
  } finally {
    execFileSync("ip", ["netns", "delete", NAMESPACE]);
  }
  const perCopy = (name: string): number => {
    const rounds = values.get(name)!.map((value, i) => (value - values.get("none")![i]!) / COPIES);
    return median(rounds);
  };
  const ours = perCopy("moonhook");
  for (const name of ["nft", "iptables"])
    report({
      bench: "ebpf-traffic",
      metric: "a copy of the filter for two names, each packet",
      value: ours,
      unit: "ns",
      versus: name === "nft" ? "two nft rules" : "two iptables rules (-m string)",
      ratio: ours / perCopy(name),
      better: "lower",
      note: `theirs ${perCopy(name).toFixed(1)} ns; a packet without filters takes ${median(values.get("none")!).toFixed(0)} ns`,
    });
}
