/**
 * Rule sets on packets: a real router with `iptables-legacy` and the simulated one send the same packets, byte for byte,
 * and count the same at every rule. `MOONHOOK_FUZZ_RUNS` counts packets of one family.
 */

import { describe, expect, test } from "vitest";
import { numRuns } from "../../src/wire/testing.ts";
import { whyNoNamespaces } from "../netns/namespace.ts";
import { seed } from "../seed.ts";
import { Choices } from "./choices.ts";
import { differenceInCounters, differenceInPackets } from "./judge/compare.ts";
import { generatePacket } from "./judge/packets.ts";
import { type DeviceName, frameOf, makeRouter, type Router } from "./judge/router.ts";
import { type Family, generateRules } from "./judge/rule-sets.ts";
import { SimulatedRouter } from "./judge/simulated-router.ts";

const PACKETS = 100;
const sets = Math.ceil(numRuns(25_000) / PACKETS);
const why = whyNoNamespaces();

interface Case {
  readonly family: Family;
  /** Lines for `iptables-restore`. */
  readonly rules: readonly string[];
  readonly packets: readonly Arrival[];
}

interface Arrival {
  readonly device: DeviceName;
  readonly packet: Uint8Array;
}

function generateCase(family: Family, c: Choices): Case {
  const tracks = c.chance(50);
  const rules = generateRules(c, family, tracks).trim().split("\n");
  const packets = Array.from({ length: PACKETS }, (): Arrival => {
    const device = c.chance(40) ? "tb" : "ta";
    return { device, packet: generatePacket(c, family, tracks, device) };
  });
  return { family, rules, packets };
}

/** The first difference between the two routers. */
function judge(router: Router, { family, rules, packets }: Case): string | undefined {
  const text = `${rules.join("\n")}\n`;
  for (;;) {
    const simulated = new SimulatedRouter();
    const reports = router.reports();
    router.restore(family, text);
    simulated.restore(family, text);
    for (const [i, { device, packet }] of packets.entries()) {
      const frame = frameOf(packet, device);
      const difference = differenceInPackets(router.inject(device, frame), simulated.inject(device, frame));
      if (difference !== undefined)
        return `packet ${i + 1} at ${device}: ${Buffer.from(packet).toString("hex")}\n${difference}\n${text}`;
    }
    const difference = differenceInCounters(router.save(family), simulated.save(family));
    if (difference === undefined) return undefined;
    // What the router sent of its own accord was counted, too: again.
    if (router.reports() === reports) return `${difference}\n${packetsText(packets)}${text}`;
  }
}

/** The packets that matter, where they are few. */
const packetsText = (packets: readonly Arrival[]): string =>
  packets.length > 10
    ? ""
    : packets.map(({ device, packet }) => `at ${device}: ${Buffer.from(packet).toString("hex")}\n`).join("");

/** Without every packet and every rule that the difference does not need. */
function smallest(router: Router, failing: Case): Case {
  const fails = (candidate: Case): boolean => {
    try {
      return judge(router, candidate) !== undefined;
    } catch {
      // Rules that are no set any more.
      return false;
    }
  };
  let best = failing;
  for (const part of ["packets", "rules"] as const) {
    for (let size = best[part].length; size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < best[part].length; ) {
        const candidate = { ...best, [part]: without<string | Arrival>(best[part], at, size) };
        if (candidate[part].length < best[part].length && fails(candidate)) best = candidate;
        else at += size;
      }
    }
  }
  return best;
}

/** Tables and their chains stay: without them what was loaded before would be in force. */
const without = <T>(list: readonly T[], at: number, size: number): T[] =>
  list.filter(
    (entry, i) => i < at || i >= at + size || (typeof entry === "string" && !entry.startsWith("-A")),
  );

describe.skipIf(why)(`rules${why ? ` (skipped: ${why})` : ""}`, () => {
  test.each(["v4", "v6"] as const)(
    `${sets} sets of rules, ${PACKETS} packets each: %s`,
    (family) => {
      const router = makeRouter();
      try {
        for (let i = 0; i < sets; i++) {
          const generated = generateCase(family, new Choices(seed * 1000 + i));
          if (judge(router, generated) === undefined) continue;
          expect.fail(`seed ${seed}, set ${i}: ${judge(router, smallest(router, generated))}`);
        }
      } finally {
        router.close();
      }
    },
    1_800_000,
  );
});
