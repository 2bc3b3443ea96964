/**
 * Rule sets on packets: a real router with `iptables-legacy` and the simulated one send the same packets, byte for byte,
 * and count the same at every rule. `MOONHOOK_FUZZ_RUNS` counts packets of one family.
 */

import { describe, expect, test } from "vitest";
import { numRuns } from "../../src/wire/testing.ts";
import { whyNoNamespaces } from "../netns/namespace.ts";
import { seed } from "../seed.ts";
import { Choices } from "./choices.ts";
import { type Arrival, answerTo } from "./judge/answers.ts";
import { differenceInCounters, differenceInPackets } from "./judge/compare.ts";
import { generatePacket } from "./judge/packets.ts";
import { frameOf, makeRouter, type Router, type Sent } from "./judge/router.ts";
import { type Family, generateRules } from "./judge/rule-sets.ts";
import { SimulatedRouter } from "./judge/simulated-router.ts";

const PACKETS = 100;
const sets = Math.ceil(numRuns(15_000) / PACKETS);
const why = whyNoNamespaces();

interface Case {
  readonly family: Family;
  /** Lines for `iptables-restore`. */
  readonly rules: readonly string[];
  /** Those that were generated so far. */
  readonly packets: Arrival[];
  /** The next one, after what the router has sent; undefined when there are enough. */
  readonly next?: (sent: readonly Sent[]) => Arrival;
}

function generateCase(family: Family, translates: boolean, c: Choices): Case {
  const tracks = translates || c.chance(50);
  const rules = generateRules(c, family, tracks, translates).trim().split("\n");
  const next = (sent: readonly Sent[]): Arrival => {
    // Whoever is translated is answered at the address that he has outside.
    if (translates && sent.length > 0 && c.chance(50)) return answerTo(c, family, c.pick(sent));
    const device = c.chance(40) ? "tb" : "ta";
    const toRouter = translates && c.chance(25);
    return { device, packet: generatePacket(c, family, tracks, device, toRouter) };
  };
  return { family, rules, packets: [], next };
}

const MOST_ANSWERED = 8;

let compared = 0;
let translated = 0;

/** Whether a packet left with other addresses than it came with. */
const isTranslated = (packet: Uint8Array, sent: readonly Sent[]): boolean => {
  const [start, end] = packet[0]! >> 4 === 4 ? [12, 20] : [8, 40];
  const addresses = (bytes: Uint8Array) => Buffer.from(bytes.subarray(start, end)).toString("hex");
  return (
    sent.length === 1 &&
    sent[0]!.packet.length === packet.length &&
    addresses(sent[0]!.packet) !== addresses(packet)
  );
};

/** The first difference between the two routers. */
function judge(router: Router, { family, rules, packets, next }: Case): string | undefined {
  const text = `${rules.join("\n")}\n`;
  for (;;) {
    const simulated = new SimulatedRouter();
    const reports = router.reports();
    router.restore(family, text);
    simulated.restore(family, text);
    const sent: Sent[] = [];
    for (let i = 0; i < PACKETS; i++) {
      if (packets.length === i && next !== undefined) packets.push(next(sent.slice(-MOST_ANSWERED)));
      if (packets.length === i) break;
      const { device, packet } = packets[i]!;
      const frame = frameOf(packet, device);
      const real = router.inject(device, frame);
      const ours = simulated.inject(device, frame);
      // From here on they cannot do the same.
      if (simulated.choseAtRandom) return undefined;
      compared++;
      if (isTranslated(packet, real)) translated++;
      const difference = differenceInPackets(real, ours);
      if (difference !== undefined)
        return `packet ${i + 1} at ${device}: ${Buffer.from(packet).toString("hex")}\n${difference}\n${packetsText(packets)}${text}`;
      sent.push(...real);
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
        const { family, rules, packets } = best;
        const candidate = { family, rules, packets, [part]: without<string | Arrival>(best[part], at, size) };
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
  test.each([
    ["v4", "rules", false],
    ["v6", "rules", false],
    ["v4", "translation", true],
    ["v6", "translation", true],
  ] as const)(
    `${sets} sets, ${PACKETS} packets each, over IP%s: %s`,
    (family, _, translates) => {
      const router = makeRouter();
      compared = 0;
      translated = 0;
      try {
        for (let i = 0; i < sets; i++) {
          const generated = generateCase(family, translates, new Choices(seed * 1000 + i));
          if (judge(router, generated) === undefined) continue;
          expect.fail(`seed ${seed}, set ${i}: ${judge(router, smallest(router, generated))}`);
        }
        // Sets end where a port is chosen at random, or let nothing through: not all of them, and not at once.
        expect(compared).toBeGreaterThan(sets * PACKETS * 0.75);
        if (translates) expect(translated).toBeGreaterThan(sets);
      } finally {
        router.close();
      }
    },
    1_800_000,
  );
});
