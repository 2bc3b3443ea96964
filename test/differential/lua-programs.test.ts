/** Random programs, in PUC Lua 5.4 and here: what they print must be the same, error messages included. */

import { expect, test } from "vitest";
import { LuaError, LuaState, ScriptAbort } from "../../src/lua/index.ts";
import { type GoldenResult, printable, trimmed } from "../golden/golden-file.ts";
import { seed } from "../seed.ts";
import { Choices, shrink } from "./choices.ts";
import { generateProgram, PRELUDE } from "./lua-programs.ts";
import { runPuc } from "./puc.ts";

const numRuns = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 1000);
/** Programs in one chunk, and chunks in one process. */
const IN_CHUNK = 50;
const CHUNKS = 20;

const chunkOf = (programs: readonly string[]): string =>
  PRELUDE + programs.map((text, i) => `program(${i}, function()\n${text}end)\n`).join("");

function ours(source: string): GoldenResult {
  let output = "";
  let error: string | undefined;
  const state = new LuaState({
    print: (line) => {
      output += `${line}\n`;
    },
    memoryLimitBytes: 2 ** 32,
  });
  try {
    state.run(state.load(source, "=test"));
  } catch (thrown) {
    const isLua = thrown instanceof LuaError || thrown instanceof ScriptAbort;
    error = isLua ? thrown.message : `not a Lua error: ${thrown instanceof Error ? thrown.stack : thrown}`;
  }
  return { output: trimmed(printable(output)), error };
}

/** Lua 5.4.4 has the wrong line where a constant is divided by: mended in later versions. */
const DIVISION = /test:\d+: (attempt to (?:divide by zero|perform 'n%0'))/g;

/** What each program printed; the error of the whole belongs to the last one that began. */
function parts({ output, error }: GoldenResult): string[] {
  const result = output
    .replace(DIVISION, "$1")
    .split(/^#\d+\n/m)
    .slice(1);
  if (error !== undefined) result.push(`${result.pop() ?? ""}stopped by ${error.replace(DIVISION, "$1")}`);
  return result;
}

interface Difference {
  readonly index: number;
  readonly wanted: string;
  readonly got: string;
}

/** The programs that differ, of several chunks. */
function differences(chunks: readonly (readonly string[])[]): Difference[] {
  const sources = chunks.map(chunkOf);
  const judged = runPuc(sources);
  return chunks.flatMap((programs, c) => {
    const wanted = parts(judged[c]!);
    // A program that standard Lua does not load is a mistake of the generator.
    expect(wanted.length, `${judged[c]!.error}\n${sources[c]}`).toBe(programs.length);
    const got = parts(ours(sources[c]!));
    const first = chunks.slice(0, c).reduce((n, { length }) => n + length, 0);
    return wanted.flatMap((text, i) =>
      text === got[i] ? [] : [{ index: first + i, wanted: text, got: got[i] ?? "nothing" }],
    );
  });
}

function smallest(choices: readonly number[]): string {
  const text = (list: readonly number[]): string => generateProgram(new Choices(list));
  const least = shrink(choices, (tries) => {
    // One program a chunk: no neighbour can change it.
    const failing = new Set(differences(tries.map((list) => [text(list)])).map(({ index }) => index));
    return tries.map((_, i) => failing.has(i));
  });
  const program = text(least);
  const [difference] = differences([[program]]);
  return `${program}\nPUC:\n${difference?.wanted}\nhere:\n${difference?.got}`;
}

test(`${numRuns} random programs (MOONHOOK_SEED=${seed})`, { timeout: 3_600_000 }, () => {
  for (let done = 0; done < numRuns; done += IN_CHUNK * CHUNKS) {
    const all: { choices: Choices; text: string }[] = [];
    for (let i = done; i < Math.min(numRuns, done + IN_CHUNK * CHUNKS); i++) {
      const choices = new Choices(seed + i);
      all.push({ choices, text: generateProgram(choices) });
    }
    const chunks: string[][] = [];
    for (let i = 0; i < all.length; i += IN_CHUNK)
      chunks.push(all.slice(i, i + IN_CHUNK).map(({ text }) => text));
    const [first] = differences(chunks);
    if (first !== undefined) {
      expect.fail(`MOONHOOK_SEED=${seed + first.index + done}\n${smallest(all[first.index]!.choices.made)}`);
    }
  }
});
