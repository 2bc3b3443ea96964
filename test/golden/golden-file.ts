/**
 * Golden files: cases of a Lua program, what it prints and the error it ends with.
 *
 *   -- lua closures share variables
 *   print(…)
 *   -- output
 *   what it prints
 *   -- error
 *   message, when it ends with one
 *
 * `(kernel)` behind the title marks what standard Lua 5.4 does otherwise; every other case is also run there
 * (test/differential/lua.test.ts), so nobody has to trust our own answer.
 */

import { LuaError, LuaState, ScriptAbort } from "../../src/lua/index.ts";
import { LuaTable } from "../../src/lua/table.ts";
import { memoryFiles } from "./memory-files.ts";

export interface GoldenResult {
  readonly output: string;
  readonly error: string | undefined;
}

export interface GoldenCase extends GoldenResult {
  readonly name: string;
  readonly isKernelOnly: boolean;
  readonly source: string;
}

const SECTION = /^-- (lua|output|error)(?: (.*))?$/;
const KERNEL_ONLY = " (kernel)";

export function parseGolden(text: string): GoldenCase[] {
  const cases: { title: string; sections: Record<string, string> }[] = [];
  let section = "";
  for (const line of text.split("\n")) {
    const match = SECTION.exec(line);
    if (match) {
      section = match[1]!;
      if (section === "lua") cases.push({ title: match[2] ?? "", sections: {} });
      cases.at(-1)!.sections[section] = "";
    } else if (cases.length > 0) cases.at(-1)!.sections[section] += `${line}\n`;
  }
  return cases.map(({ title, sections }) => {
    const isKernelOnly = title.endsWith(KERNEL_ONLY);
    return {
      name: isKernelOnly ? title.slice(0, -KERNEL_ONLY.length) : title,
      isKernelOnly,
      source: trimmed(sections["lua"]),
      output: trimmed(sections["output"]),
      error: sections["error"] === undefined ? undefined : trimmed(sections["error"]),
    };
  });
}

export function formatGolden(cases: readonly GoldenCase[]): string {
  return cases
    .map(({ name, isKernelOnly, source, output, error }) => {
      const title = `-- lua ${name}${isKernelOnly ? KERNEL_ONLY : ""}\n`;
      return `${title}${source}-- output\n${output}${error === undefined ? "" : `-- error\n${error}`}`;
    })
    .join("\n");
}

/** Blank lines between cases are for the eye. */
export const trimmed = (text = ""): string => {
  const end = text.replace(/\n+$/, "");
  return end === "" ? "" : `${end}\n`;
};

/** Bytes that do not show, as escapes. */
export const printable = (text: string): string =>
  text.replace(/[^\n\t\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

/**
 * What the program prints, and the message it ends with. `io.write` is there although the dialect has none: it makes
 * cases short and runs in both.
 */
export function runGolden(source: string): GoldenResult {
  let output = "";
  const state = new LuaState({
    print: (line) => {
      output += `${line}\n`;
    },
    io: memoryFiles(),
  });
  const io = state.globals.get("io");
  if (!(io instanceof LuaTable)) throw new Error("no io library");
  io.set("write", (...args) => {
    output += args.map((value) => state.tostring(value)).join("");
    return [];
  });
  let error: string | undefined;
  try {
    state.run(state.load(source, "=test"));
  } catch (thrown) {
    if (!(thrown instanceof LuaError || thrown instanceof ScriptAbort)) throw thrown;
    error = trimmed(printable(thrown.message));
  }
  return { output: trimmed(printable(output)), error };
}
