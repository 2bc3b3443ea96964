/** What happens when a program is over, in the command and in lua5.4: what only whole processes show. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "moonhook-end-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(
  command: string,
  args: string[],
  source: string,
): { status: number | null; out: string; talk: string } {
  const script = join(folder, "script.lua");
  writeFileSync(script, source);
  const { status, stdout, stderr } = spawnSync(command, [...args, script], { encoding: "utf8" });
  return { status, out: stdout, talk: stderr };
}

const WITH = `local function with(name) return setmetatable({ name = name }, { __gc = function(o) print("gc", o.name) end }) end`;

test.each([
  ["finalizers run in the reverse order", `${WITH} a, b, c = with "a", with "b", with "c" print("end")`],
  [
    "finalizers that mark again",
    `local n = 0 local mt mt = { __gc = function(o) n = n + 1 print(n) setmetatable({}, mt) end } a = setmetatable({}, mt)`,
  ],
  [
    "a metatable that got __gc later",
    `local mt = {} a = setmetatable({}, mt) mt.__gc = function() print("no") end`,
  ],
  ["finalizers after an error", `${WITH} a = with "a" error("over")`],
  [
    "to-be-closed variables come first",
    `${WITH} a = with "a" local x <close> = setmetatable({}, { __close = function() print("closed") end }) print("end")`,
  ],
])("%s", (_name, source) => {
  const [ours, real] = [run("bin/moonhook", ["lua"], source), run("lua5.4", [], source)];
  expect(ours.out).toBe(real.out);
  expect(ours.status).toBe(real.status);
});

test("an error in a finalizer is a warning", () => {
  const source = `warn("@on") a = setmetatable({}, { __gc = function() error("oops") end })`;
  const [ours, real] = [run("bin/moonhook", ["lua"], source), run("lua5.4", [], source)];
  expect(ours.talk).toBe(real.talk);
});
