/** Scripts that would hang or fill the machine, in a process with a small heap: each ends with a message and status 1. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "moonhook-limits-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a script as a hook would be run: with the budget and the memory of a callback. */
function lua(source: string): { status: number | null; out: string; talk: string } {
  const script = join(folder, "script.lua");
  writeFileSync(script, source);
  const { status, stdout, stderr } = spawnSync(
    "bin/moonhook",
    ["lua", "--budget", "1000000", "--memory", "128", script],
    { encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "--max-old-space-size=512" } },
  );
  return { status, out: stdout, talk: stderr.replaceAll(folder, "DIR") };
}

const BUDGET = "instruction budget exceeded";
const MEMORY = "not enough memory";

test.each([
  ["a loop", "while true do end", BUDGET],
  ["rep beyond everything", `string.rep("x", 1 << 40)`, "resulting string too large"],
  ["rep beyond the bound", `string.rep("x", 1 << 30)`, MEMORY],
  ["a pattern that backtracks", `("a"):rep(30):find(("a?"):rep(30) .. ("a"):rep(30))`, BUDGET],
  ["a pattern over 64 KiB", `("a"):rep(65536):find(".-.-.-b")`, BUDGET],
  ["recursion through gsub", `local function f() return (("x"):gsub("x", f)) end f()`, "stack overflow"],
  ["recursion", "local function f() return 1 + f() end f()", "stack overflow"],
  ["coroutines in coroutines", "local function f() coroutine.wrap(f)() end f()", "C stack overflow"],
  ["strings that are kept", `local t = {} while true do t[#t + 1] = ("x"):rep(1000000) end`, MEMORY],
  ["a string doubled", `local s = "x" while true do s = s .. s end`, MEMORY],
  ["integers that are kept", "local t = {} while true do t[#t + 1] = 1 end", BUDGET],
  ["tables that are kept", "local t = {} while true do t = { t, t } end", BUDGET],
  ["pcall around a loop", "while true do pcall(function() while true do end end) end", BUDGET],
  [
    "a ring of methods",
    "local t = {} t.__index = t setmetatable(t, t) t:f()",
    "'__index' chain too long; possible loop",
  ],
  ["chunks", `while true do load("return 1") end`, BUDGET],
  ["a deep chunk", `assert(load(("("):rep(10000)))`, "C stack overflow"],
])("%s", (_name, source, message) => {
  const { status, out, talk } = lua(`print("begun");\n${source}`);
  expect({ status, out }).toEqual({ status: 1, out: "begun\n" });
  expect(talk).toContain(message);
  expect(talk).not.toMatch(/\bat .*\.[jt]s\b|FATAL/);
});

test("a limit says where it was reached", () => {
  expect(lua("local n = 0\nwhile true do\n  n = n + 1\nend").talk).toBe(
    `moonhook lua: DIR/script.lua:2: ${BUDGET}\n`,
  );
});
