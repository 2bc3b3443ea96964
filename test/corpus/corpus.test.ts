/**
 * Every script of the corpus on the simulated path, shown every packet three times: on its way to the server, on its
 * way out of the clients, and through a router between them. What became of the packets is in expected.txt;
 * `UPDATE_GOLDEN=1` rewrites it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { trimmed } from "../golden/golden-file.ts";
import { corpusPackets } from "./packets.ts";
import { corpusScripts, ROLES, runScript } from "./run-script.ts";

const url = new URL("expected.txt", import.meta.url);
const isUpdate = process.env["UPDATE_GOLDEN"] !== undefined;
const packets = corpusPackets();
const scripts = corpusScripts();

const partial = new Set(packets.filter(({ isPartial }) => isPartial).map(({ name }) => name));

/**
 * What the script did beside letting packets pass untouched, behind a line `-- script (roles)` for each role in which
 * it did anything. A script may fail, but only on fragments and packets that are cut.
 */
async function describeRuns(path: string): Promise<string> {
  const roles = new Map<string, string[]>();
  for (const role of ROLES) {
    const { lines, failedOn, counters } = await runScript(path, role, packets);
    expect(counters.errors).toBe(failedOn.length);
    expect(failedOn.filter((name) => !partial.has(name))).toEqual([]);
    const text = lines.map((line) => `${line}\n`).join("");
    roles.set(text, [...(roles.get(text) ?? []), role]);
  }
  return [...roles]
    .filter(([text]) => text !== "")
    .map(([text, names]) => `-- ${path} (${names.join(", ")})\n${text}`)
    .join("");
}

/** The parts of expected.txt by script. */
function parseExpected(text: string): Map<string, string> {
  const scriptParts = new Map<string, string>();
  for (const part of text.split(/^(?=-- )/m)) {
    const path = /^-- (\S+)/.exec(part)?.[1];
    if (path !== undefined) scriptParts.set(path, (scriptParts.get(path) ?? "") + trimmed(part));
  }
  return scriptParts;
}

test("no two packets have the same name, and without a script all of them pass", async () => {
  expect(new Set(packets.map(({ name }) => name)).size).toBe(packets.length);
  for (const role of ROLES) {
    const { lines, counters } = await runScript(undefined, role, packets);
    expect(lines).toEqual([]);
    expect(counters).toMatchObject({ packets: packets.length, accepted: packets.length });
  }
});

test("each script says what it is for, and is read-only unless the list says otherwise", () => {
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const listed = [...readme.matchAll(/^\| `([\w/-]+\.lua)` \|/gm)].map(([, path]) => path!);
  expect(listed.toSorted()).toEqual(scripts.map(({ path }) => path).toSorted());
  for (const { path, source } of scripts) {
    expect(source, path).toMatch(/^-- /);
    const writes = /:(set(u?int|string|byte|number)|resize)\w*\(/.test(
      source.replaceAll(/histogram:\w+/g, ""),
    );
    expect(readme.includes(`| \`${path}\` | writes`), path).toBe(writes);
  }
});

if (isUpdate) {
  test("is rewritten", async () => {
    const parts: string[] = [];
    for (const { path } of scripts) parts.push(await describeRuns(path));
    writeFileSync(url, parts.join("\n"));
  });
} else {
  const expected = parseExpected(readFileSync(url, "utf8"));
  test("nothing is expected of scripts that are not there", () => {
    expect([...expected.keys()]).toEqual(scripts.map(({ path }) => path));
  });
  describe("does to the packets what is expected", () => {
    test.each(scripts)("$path", async ({ path }) => {
      expect(await describeRuns(path)).toBe(expected.get(path));
    });
  });
}
