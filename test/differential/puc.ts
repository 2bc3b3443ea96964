/** PUC Lua 5.4 as the judge: runs many programs in one process, each as if it were alone. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GoldenResult, printable, trimmed } from "../golden/golden-file.ts";

/** Ends what a program prints; then comes `+`, or `-` and the error message, and the same again. */
const MARK = "\x1c\x1d\x1c";

/**
 * Reads `length program` until the end. What programs do to the globals and the libraries is undone after each, so
 * that one process is enough.
 */
const JUDGE = `
local MARK = "\\x1c\\x1d\\x1c"
local load, pcall, tostring, pairs, type = load, pcall, tostring, pairs, type
local out, flush = io.stdout, io.stdout.flush
local read, write, setmetatable, getmetatable = io.read, io.write, debug.setmetatable, debug.getmetatable
local saved = {}
local function save(t)
  if saved[t] then return end
  local copy = {}
  saved[t] = copy
  for k, v in pairs(t) do copy[k] = v if type(v) == "table" then save(v) end end
end
save(_G)
save(getmetatable(""))
local strings = getmetatable("")
local function restore()
  for t, copy in pairs(saved) do
    setmetatable(t, nil)
    for k in pairs(t) do if copy[k] == nil then t[k] = nil end end
    for k, v in pairs(copy) do t[k] = v end
  end
  setmetatable("", strings)
  for _, v in pairs { true, 0, print } do setmetatable(v, nil) end
  setmetatable(nil, nil)
end
while true do
  local length = read("n")
  if not length then break end
  read(1)
  local f, message = load(length > 0 and read(length) or "", "=test", "t")
  local ok
  if f then ok, message = pcall(f) end
  write(MARK, ok and "+" or "-" .. tostring(message), MARK)
  flush(out)
  restore()
end
`;

/** All of the programs together; they take seconds, and one that never ends shall be named and not waited for. */
const LIMIT_MS = 120_000;

/** Debian's Lua 5.4.4-3 may die in a `__concat` (lua-programs.ts); where its memory lies decides, so it gets further tries. */
const MAX_CRASHES = 8;

/** What each program printed and how it ended. */
export function runPuc(sources: readonly string[]): GoldenResult[] {
  const together = runTogether(sources);
  if (together !== undefined) return together;
  return sources.map((source) => {
    for (let i = 0; i < MAX_CRASHES; i++) {
      const alone = runTogether([source]);
      if (alone !== undefined) return alone[0]!;
    }
    throw new Error(`lua5.4 crashed ${MAX_CRASHES} times:\n${source}`);
  });
}

/** All of them in one process; undefined when that crashed. */
function runTogether(sources: readonly string[]): GoldenResult[] | undefined {
  // Programs may make files.
  const folder = mkdtempSync(join(tmpdir(), "moonhook-puc-"));
  try {
    const run = spawnSync("lua5.4", ["-e", JUDGE], {
      cwd: folder,
      input: sources.map((source) => `${source.length}\n${source}`).join(""),
      encoding: "latin1",
      maxBuffer: 2 ** 30,
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    const isLate = run.error !== undefined && "code" in run.error && run.error.code === "ETIMEDOUT";
    if (run.error && !isLate) throw run.error;
    if (run.signal === "SIGSEGV") return undefined;
    const parts = run.stdout.split(MARK);
    if (isLate || parts.length !== 2 * sources.length + 1) {
      const last = Math.floor(parts.length / 2);
      const how = isLate ? `took more than ${LIMIT_MS} ms` : "ended early";
      const printed = parts.at(-1)!.slice(-1000);
      throw new Error(`lua5.4 ${how}: ${run.stderr}${printed}\nin program ${last}\n${sources[last]}`);
    }
    return sources.map((_, i) => {
      const end = parts[2 * i + 1]!;
      return {
        output: trimmed(printable(parts[2 * i]!)),
        error: end === "+" ? undefined : trimmed(printable(end.slice(1))),
      };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
