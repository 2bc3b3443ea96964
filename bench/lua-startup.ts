/**
 * The first call: the whole time of `moonhook lua FILE` against `lua5.4 FILE`, for a file with nothing in it and for
 * one of a thousand lines. `node -e 0` is what any program on Node needs before it does anything.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { interleave, median, report, runCommand } from "./measure.ts";

const LINES = 1000;
/**
 * Starts in a row, made by a shell: Node needs ten times longer to start a process than PUC Lua needs to run it.
 * What the shell itself takes is measured too, and subtracted.
 */
const STARTS = 10;
const LOOP = `i=0; while [ $i -lt ${STARTS} ]; do i=$((i + 1)); "$@" || exit 1; done`;

/** A program of `LINES` lines, all of which run: functions, tables, loops, strings, methods; prints one number. */
export function thousandLines(): string {
  const lines = [
    "local sum = 0",
    "local Base = {}",
    "Base.__index = Base",
    "function Base:get(n) return self.value + n end",
  ];
  // Blocks of eight lines; their 124 functions stay below the 200 locals that PUC Lua allows.
  for (let i = 1; lines.length + 8 < LINES; i++) {
    lines.push(
      `local function work${i}(a, b)`,
      `  local list = { a, b, ${i}, name = "item ${i}", nested = { first = ${i * 3} } }`,
      `  local object = setmetatable({ value = list[${(i % 3) + 1}] }, Base)`,
      `  for k = 1, #list do sum = sum + list[k] * ${(i % 7) + 1} end`,
      `  if sum % ${(i % 5) + 2} == 0 then sum = sum + #list.name else sum = sum - list.nested.first end`,
      `  return object:get(${i % 11}), string.sub(list.name .. ":" .. sum, ${(i % 4) + 1}, -2)`,
      "end",
      `do local n, text = work${i}(sum % 10, ${i}); sum = (sum + n + #text) % 1000003 end`,
    );
  }
  while (lines.length < LINES - 1) lines.push("sum = sum + 1");
  lines.push("print(sum)");
  return `${lines.join("\n")}\n`;
}

export async function runStartup(rounds: number): Promise<void> {
  mkdirSync(".bench", { recursive: true });
  const empty = ".bench/empty.lua";
  const long = ".bench/thousand-lines.lua";
  writeFileSync(empty, "");
  writeFileSync(long, thousandLines());
  const outputs = new Set<string>();
  const whole = async (...command: string[]) => {
    const { output, seconds } = await runCommand("sh", ["-c", LOOP, "sh", ...command]);
    if (command.at(-1) === long) for (const line of output.trim().split("\n")) outputs.add(line);
    return seconds * 1000;
  };
  const values = await interleave(rounds, {
    shell: () => whole(":"),
    node: () => whole(process.execPath, "-e", "0"),
    emptyMoonhook: () => whole("bin/moonhook", "lua", empty),
    emptyPuc: () => whole("lua5.4", empty),
    longMoonhook: () => whole("bin/moonhook", "lua", long),
    longPuc: () => whole("lua5.4", long),
  });
  if (outputs.size !== 1) throw new Error(`the thousand lines give ${[...outputs].join(" and ")}`);
  const ms = Object.fromEntries(
    Object.entries(values).map(([name, list]) => [name, (median(list) - median(values.shell)) / STARTS]),
  ) as Record<keyof typeof values, number>;
  const row = (metric: string, ours: number, theirs: number, versus: string) => {
    report({
      bench: "lua.startup",
      metric,
      value: ours,
      unit: "ms",
      versus,
      ratio: ours / theirs,
      better: "lower",
    });
    console.error(
      `  ${metric.padEnd(34)} ${ours.toFixed(1).padStart(7)} ms; ${versus} ${theirs.toFixed(1)} ms`,
    );
  };
  console.error("lua: start-up, whole process");
  // What is not ours to change.
  row("node -e 0", ms.node, ms.emptyPuc, "PUC Lua 5.4, empty file");
  row("moonhook lua, empty file", ms.emptyMoonhook, ms.emptyPuc, "PUC Lua 5.4");
  row("moonhook lua, empty file", ms.emptyMoonhook, ms.node, "node -e 0");
  row(`moonhook lua, ${LINES} lines`, ms.longMoonhook, ms.longPuc, "PUC Lua 5.4");
  row(`moonhook lua, ${LINES} lines`, ms.longMoonhook, ms.node, "node -e 0");
}
