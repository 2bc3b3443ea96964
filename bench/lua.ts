/**
 * Lua speed: the programs of bench/lua in Moonhook, with the budget counting, against PUC Lua, LuaJIT (JIT on),
 * wasmoon and fengari. Each run is a process of its own: it warms up for 500 ms and then times repetitions for 300 ms
 * (one at least, 25 at most). Contenders take turns; compared are medians over the rounds of each process's median.
 *
 * Ratios are of speed: 2 is twice as fast as the peer. For one part only:
 *
 *     BENCH_PROGRAMS=fib,sieve BENCH_PEERS=puc,luajit BENCH_ROUNDS=1 make bench ONLY=lua
 *
 * (`startup` counts as a program.) A result that differs between contenders fails the bench, except where the table
 * in bench/lua-programs.ts says that a peer cannot get it right; that is reported, and left out of the mean.
 */

import {
  type Contender,
  MOONHOOK,
  noteOf,
  PEERS,
  type Peer,
  PROGRAMS,
  type Program,
  type Timing,
  timeProgram,
} from "./lua-programs.ts";
import { runStartup } from "./lua-startup.ts";
import { geometricMean, interleave, median, report } from "./measure.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);

/** Milliseconds of a repetition. */
interface Times {
  readonly warm: number;
  readonly first: number;
}

interface Comparison {
  readonly program: Program;
  readonly ours: Times;
  /** Without those that get the result wrong. */
  readonly theirs: Partial<Record<Peer, Times>>;
}

export async function run(): Promise<void> {
  const peers = chosen("BENCH_PEERS", Object.keys(PEERS) as Peer[]);
  const programs = chosen("BENCH_PROGRAMS", [...PROGRAMS, "startup"] as const);
  const comparisons: Comparison[] = [];
  for (const program of programs) {
    if (program !== "startup") comparisons.push(await compare(program, peers));
  }
  if (comparisons.length > 0) {
    for (const peer of peers) reportMeans(comparisons, peer);
    printTable(comparisons, peers);
  }
  if (programs.includes("startup")) await runStartup(ROUNDS);
}

/** The names that an environment variable lists, all without it. */
function chosen<Name extends string>(variable: string, names: readonly Name[]): Name[] {
  const text = process.env[variable];
  if (text === undefined || text === "") return [...names];
  return text.split(",").map((word) => {
    const name = names.find((known) => known === word);
    if (name === undefined)
      throw new Error(`${variable}: there is no '${word}'; there are ${names.join(", ")}`);
    return name;
  });
}

async function compare(program: Program, peers: readonly Peer[]): Promise<Comparison> {
  const results: { name: string; result: string; excuse: string | undefined }[] = [];
  const firsts: Record<string, number[]> = {};
  const contender = (name: string, { wrong }: Contender, time: () => Promise<Timing>) => {
    firsts[name] = [];
    return async () => {
      const timing = await time();
      results.push({ name, result: timing.result, excuse: wrong?.[program] });
      firsts[name]!.push(timing.first);
      return median([...timing.times]);
    };
  };
  const contenders: Record<string, () => Promise<number>> = {
    moonhook: contender("moonhook", MOONHOOK, () => timeProgram(program, MOONHOOK)),
  };
  for (const peer of peers) {
    contenders[peer] = contender(peer, PEERS[peer], () => timeProgram(program, PEERS[peer]));
  }
  const values = await interleave(ROUNDS, contenders);
  checkResults(program, results);
  const times = (name: string): Times => ({ warm: median(values[name]!), first: median(firsts[name]!) });
  const ours = times("moonhook");
  const theirs: Partial<Record<Peer, Times>> = {};
  for (const peer of peers) {
    const described: Contender = PEERS[peer];
    const wrong = described.wrong?.[program];
    if (wrong === undefined) theirs[peer] = times(peer);
    const note =
      wrong === undefined ? noteOf(program, described) : `${described.label} gets it wrong: ${wrong}`;
    report({
      bench: `lua.${program}`,
      metric: "repetitions per second",
      value: 1000 / ours.warm,
      unit: "1/s",
      versus: described.label,
      ...(wrong === undefined ? { ratio: theirs[peer]!.warm / ours.warm } : {}),
      better: "higher",
      ...(note === undefined ? {} : { note }),
    });
  }
  const shown = peers.map(
    (peer) => `${peer} ${theirs[peer] ? `${theirs[peer].warm.toFixed(2)} ms` : "wrong"}`,
  );
  console.error(`  ${program}: moonhook ${ours.warm.toFixed(2)} ms, ${shown.join(", ")}`);
  return { program, ours, theirs };
}

/** All agree, but for those of whom it is known that they cannot; and those really cannot. */
function checkResults(
  program: Program,
  results: readonly { name: string; result: string; excuse: string | undefined }[],
): void {
  const right = results.find(({ excuse }) => excuse === undefined)!;
  for (const { name, result, excuse } of results) {
    if ((result === right.result) === (excuse === undefined)) continue;
    throw new Error(
      excuse === undefined
        ? `${program}: ${name} gives ${result}, ${right.name} gives ${right.result}`
        : `${program}: ${name} gives the right result now; bench/lua-programs.ts says that it cannot (${excuse})`,
    );
  }
}

function ratiosOf(comparisons: readonly Comparison[], peer: Peer, which: keyof Times): number[] {
  return comparisons.flatMap(({ ours, theirs }) => {
    const their = theirs[peer];
    return their === undefined ? [] : [their[which] / ours[which]];
  });
}

function reportMeans(comparisons: readonly Comparison[], peer: Peer): void {
  for (const which of ["warm", "first"] as const) {
    const ratios = ratiosOf(comparisons, peer, which);
    if (ratios.length === 0) continue;
    const mean = geometricMean(ratios);
    report({
      bench: "lua",
      metric: `${which === "warm" ? "speed" : "speed of the first repetition"}, geometric mean`,
      value: mean,
      unit: "times",
      versus: PEERS[peer].label,
      ratio: mean,
      better: "higher",
      note: `${ratios.length} of ${comparisons.length} programs`,
    });
  }
  if (peer !== "puc") return;
  report({
    bench: "lua",
    metric: "programs slower than the peer",
    value: ratiosOf(comparisons, peer, "warm").filter((ratio) => ratio < 1).length,
    unit: `of ${comparisons.length}`,
    versus: PEERS[peer].label,
    better: "lower",
  });
}

/** Milliseconds, then the speed against each peer; `-` stands for a wrong result, `<` marks what is slower than PUC Lua. */
function printTable(comparisons: readonly Comparison[], peers: readonly Peer[]): void {
  const cell = (text: string) => text.padStart(10);
  const number = (value: number | undefined) => cell(value === undefined ? "-" : value.toPrecision(3));
  const head = ["moonhook", ...peers, ...peers.map((peer) => `/${peer}`)].map(cell).join("");
  console.error(`lua: ms of a repetition, then speed as a multiple of each peer's\n${"".padEnd(12)}${head}`);
  for (const { program, ours, theirs } of comparisons) {
    const ratios = peers.map((peer) => {
      const their = theirs[peer];
      return their === undefined ? undefined : their.warm / ours.warm;
    });
    const row = [ours.warm, ...peers.map((peer) => theirs[peer]?.warm), ...ratios].map(number).join("");
    const slow = theirs.puc !== undefined && theirs.puc.warm < ours.warm;
    console.error(`${program.padEnd(12)}${row}${slow ? "  < slower than PUC Lua" : ""}`);
  }
  const blank = "".padEnd(10 * (1 + peers.length));
  for (const which of ["warm", "first"] as const) {
    const means = peers.map((peer) => {
      const ratios = ratiosOf(comparisons, peer, which);
      return ratios.length === 0 ? undefined : geometricMean(ratios);
    });
    console.error(
      `${(which === "warm" ? "mean" : "mean, first").padEnd(12)}${blank}${means.map(number).join("")}`,
    );
  }
}
