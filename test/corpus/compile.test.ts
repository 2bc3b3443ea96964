/**
 * Which scripts of the corpus become programs of the kernel whole, and what is in the way of the others: line, reason
 * and what to write instead, in compiled.txt (`UPDATE_GOLDEN=1` rewrites it).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { HooksRefused, LoadedScript } from "../../src/backends/compile-script.ts";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { SimulatedKernel } from "../../src/kernel/simulated.ts";
import { corpusScripts } from "./run-script.ts";

const url = new URL("compiled.txt", import.meta.url);
const MARK = "a mark as the second result";

/** `whole`, or what is refused. */
function outcomeOf(path: string, source: string): string {
  const script = new LoadedScript({ path, source }, new SimulatedKernel({ log: () => {} }));
  try {
    script.compile(EXAMPLE_LAYOUT);
    return "whole";
  } catch (error) {
    if (!(error instanceof HooksRefused)) throw error;
    return error.diagnostics
      .map(({ position, message, advice }) => `${position?.line}:${position?.column} ${message}; ${advice}`)
      .join("\n    ");
  } finally {
    script.close();
  }
}

test.each(["dnsblock", "portknock", "ratelimit", "sniblock"])("examples/%s.lua compiles whole", (name) => {
  const path = `examples/${name}.lua`;
  expect(outcomeOf(path, readFileSync(path, "latin1"))).toBe("whole");
});

test("nine of ten scripts that only read compile whole; the others are told where and what to do", () => {
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const outcomes = corpusScripts().map(({ path, source }) => ({ path, outcome: outcomeOf(path, source) }));
  const text = outcomes.map(({ path, outcome }) => `${path}: ${outcome}\n`).join("");
  if (process.env["UPDATE_GOLDEN"] !== undefined) writeFileSync(url, text);
  expect(text).toBe(readFileSync(url, "utf8"));
  // To set a mark is to change the packet, and programs of netfilter may not.
  const reading = outcomes.filter(
    ({ path, outcome }) => readme.includes(`| \`${path}\` | reads`) && !outcome.includes(MARK),
  );
  const whole = reading.filter(({ outcome }) => outcome === "whole");
  expect(reading.length).toBeGreaterThan(35);
  expect(whole.length / reading.length).toBeGreaterThanOrEqual(0.9);
  for (const { path, outcome } of outcomes)
    if (outcome !== "whole") expect(outcome, path).toMatch(/^\d+:\d+ .+ cannot be compiled; .+/);
});
