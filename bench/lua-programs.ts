/** What the `lua` suite runs: the programs of bench/lua, and who runs them. */

import { existsSync } from "node:fs";
import { runCommand } from "./measure.ts";

export const FOLDER = "bench/lua";

/** Each file bench/lua/NAME.lua defines a global `run` whose result every contender must agree on. */
export const PROGRAMS = [
  "fib",
  "sieve",
  "queens",
  "fannkuch",
  "bintrees",
  "strbuild",
  "strscan",
  "methods",
  "closures",
  "matrix",
  "patterns",
  "fnv64",
  "xorshift64",
  "dns",
  "strkeys",
  "multiret",
  "coroshallow",
  "corodeep",
  "sort",
  "pack",
] as const;
export type Program = (typeof PROGRAMS)[number];

export interface Contender {
  /** As rows and the table call it. */
  readonly label: string;
  readonly command: string;
  readonly driver: string;
  /** Files NAME.SUFFIX.lua go before NAME.lua. */
  readonly variant?: string;
  /** Why it uses variants, for the rows that do. */
  readonly variantNote?: string;
  /** Programs whose result it cannot get right, with the reason. Checked: a right result fails the bench too. */
  readonly wrong?: Partial<Record<Program, string>>;
}

const driver = (name: string) => `${FOLDER}/drivers/${name}`;
const NO_INT64 = "its integers have 32 bits";

export const MOONHOOK: Contender = {
  label: "Moonhook",
  command: process.execPath,
  driver: driver("moonhook.mjs"),
};

export const PEERS = {
  puc: { label: "PUC Lua 5.4", command: "lua5.4", driver: driver("native.lua") },
  luajit: {
    label: "LuaJIT",
    command: "luajit",
    driver: driver("native.lua"),
    variant: "luajit",
    variantNote: "LuaJIT runs its own variant: 64-bit cdata and C structures through ffi and bit",
  },
  wasmoon: {
    label: "wasmoon",
    command: process.execPath,
    driver: driver("wasmoon.mjs"),
  },
  fengari: {
    label: "fengari",
    command: process.execPath,
    driver: driver("fengari.mjs"),
    wrong: { fnv64: NO_INT64, xorshift64: NO_INT64 },
  },
} as const satisfies Record<string, Contender>;
export type Peer = keyof typeof PEERS;

/** What every process does: see bench/lua/drivers/repeat.mjs. */
const WARM_MS = 500;
const TIME_MS = 300;
/** No more repetitions than this, nor for longer than `TIME_MS`; at least one of each, however slow. */
const MAX_REPETITIONS = 25;

export interface Timing {
  /** Of the first repetition, in ms. */
  readonly first: number;
  /** Of those after the warm-up, in ms. */
  readonly times: readonly number[];
  readonly result: string;
}

function fileFor(name: string, contender: Contender): string {
  const variant = `${FOLDER}/${name}.${contender.variant}.lua`;
  return contender.variant !== undefined && existsSync(variant) ? variant : `${FOLDER}/${name}.lua`;
}

/** Runs a program in a process of its own. */
export async function timeProgram(program: Program, contender: Contender): Promise<Timing> {
  const { output } = await runCommand(contender.command, [
    contender.driver,
    fileFor(program, contender),
    fileFor("data", contender),
    ...[WARM_MS, TIME_MS, MAX_REPETITIONS].map(String),
  ]);
  return JSON.parse(output.trim().split("\n").at(-1)!) as Timing;
}

/** What a reader of the row must know about how a peer ran the program. */
export function noteOf(program: Program, contender: Contender): string | undefined {
  if (program === "dns") {
    return contender.variant === undefined
      ? "its `data` is a Lua class over a string"
      : "its `data` is C memory through ffi";
  }
  return fileFor(program, contender) === `${FOLDER}/${program}.lua` ? undefined : contender.variantNote;
}
