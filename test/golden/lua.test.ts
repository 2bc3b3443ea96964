/**
 * Golden Lua programs: each file holds cases `-- case: title`, the program, and after `-- output` what it prints (an
 * uncaught error is the last line, after "error: ").
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { LuaError, LuaState, ScriptAbort } from "../../src/lua/index.ts";
import { latin1FromText, textFromLatin1 } from "../../src/util/latin1.ts";

const FOLDER = "test/golden/lua";
const update = process.env["UPDATE_GOLDEN"] === "1";

function runLua(source: string): string {
  const lines: string[] = [];
  const state = new LuaState({ print: (line) => void lines.push(line) });
  try {
    state.run(state.load(latin1FromText(source), "=case"));
  } catch (error) {
    if (!(error instanceof LuaError || error instanceof ScriptAbort)) throw error;
    lines.push(`error: ${error.message}`);
  }
  return textFromLatin1(lines.map((line) => `${line}\n`).join(""));
}

for (const name of readdirSync(FOLDER)
  .filter((file) => file.endsWith(".txt"))
  .sort()) {
  const path = `${FOLDER}/${name}`;
  const cases = readFileSync(path, "utf8")
    .split(/^-- case: /m)
    .slice(1)
    .map((text) => {
      const [title, ...rest] = text.split("\n");
      const [program, output] = rest.join("\n").split(/^-- output\n/m);
      return { title: title!, program: program!, output: output ?? "" };
    });
  if (update) {
    const text = cases.map(
      ({ title, program }) => `-- case: ${title}\n${program}-- output\n${runLua(program)}`,
    );
    writeFileSync(path, text.join("\n"));
    continue;
  }
  describe(name, () => {
    test.each(cases)("$title", ({ program, output }) => {
      expect(runLua(program)).toBe(output.replace(/\n+$/, "\n").replace(/^\n$/, ""));
    });
  });
}
