/**
 * The judge of connection tracking: the same packets through a router in a network namespace and through the simulated
 * one; verdict, relation, tuples, state, status, mark, counters and time left must be equal after each packet.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeNamespaces, type Namespaces, whyNoNamespaces } from "../netns/namespace.ts";
import { seed } from "../seed.ts";

const why = whyNoNamespaces();
const CASES = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 300);
const JUDGE = new URL("conntrack/judge.ts", import.meta.url).pathname;

describe.skipIf(why)(`connection tracking as Linux does it${why ? ` (skipped: ${why})` : ""}`, () => {
  let net: Namespaces;
  beforeAll(async () => {
    net = await makeNamespaces();
  });
  afterAll(() => net?.remove());

  test(`${CASES} random cases`, { timeout: 60_000 + CASES * 100 }, async () => {
    const args = ["--import", "tsx", JUDGE, String(CASES), String(seed)];
    const { status, stdout, stderr } = await net.run(net.client, process.execPath, args);
    expect(status, stderr.slice(-6000)).toBe(0);
    const compared = JSON.parse(stdout) as Record<string, number>;
    console.log(`compared: ${stdout.trim()}`);
    expect(compared["cases"]).toBe(CASES);
    expect(compared["forwarded"]).toBeGreaterThan(CASES);
    expect(compared["connections"]).toBeGreaterThan(CASES);
  });
});
