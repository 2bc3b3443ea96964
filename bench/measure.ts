/** Interleaved measuring: each round runs every contender once; medians are compared, never single figures. */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Row {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly versus?: string;
  /** ours / theirs, in the metric's own unit. */
  readonly ratio?: number;
  readonly better: "lower" | "higher";
  /** What a reader must know to judge the figure. */
  readonly note?: string;
}

export function report(row: Row): void {
  const round = (value: number) => Number(value.toPrecision(4));
  console.log(
    JSON.stringify({
      ...row,
      value: round(row.value),
      ...(row.ratio === undefined ? {} : { ratio: round(row.ratio) }),
    }),
  );
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Runs every contender once a round; returns the values of each, in the order of the rounds. */
export async function interleave<Name extends string>(
  rounds: number,
  contenders: Record<Name, () => Promise<number>>,
): Promise<Record<Name, number[]>> {
  const values = Object.fromEntries(Object.keys(contenders).map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = 0; round < rounds; round++) {
    for (const name of Object.keys(contenders) as Name[]) {
      values[name].push(await contenders[name]());
      if (process.stderr.isTTY) process.stderr.write(`\rround ${round + 1} of ${rounds}: ${name}\x1b[K`);
    }
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  return values;
}

export interface Finished {
  readonly seconds: number;
  /** Largest resident set seen, MiB. */
  readonly peakMib: number;
  readonly output: string;
}

/** Runs a command to its end, timing it as a whole; fails when the command fails. */
export function runCommand(command: string, args: string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let talk = "";
    let peakKib = 0;
    const sample = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
        peakKib = Math.max(peakKib, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
      } catch {
        // Ended between two samples.
      }
    }, 20);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      // Only the end matters, where summaries stand.
      output = (output + text).slice(-4096);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      talk = (talk + text).slice(-4096);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(sample);
      if (code !== 0) reject(new Error(`${command} ${args.join(" ")} ended with status ${code}: ${talk}`));
      else
        resolve({
          seconds: Number(process.hrtime.bigint() - started) / 1e9,
          peakMib: peakKib / 1024,
          output,
        });
    });
  });
}
