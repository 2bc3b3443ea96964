/**
 * Runs inside a network namespace of its own: random cases on the real kernel and on the simulated one, packet by packet.
 * Arguments: how many cases, and the seed. Prints what was compared as JSON, or the smallest case that differs.
 */

import fc from "fast-check";
import { type Entry, RealRouter, SimulatedRouter } from "./machines.ts";
import { Flows, type Step, steps, TUPLES } from "./steps.ts";

const [cases, seed] = process.argv.slice(2).map(Number) as [number, number];
const real = new RealRouter();
const compared = { cases: 0, packets: 0, connections: 0, forwarded: 0 };

/** The kernel's clock runs on while we compare. */
const CLOCK_SLACK = 2;

function sameEntry(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const { timeout: one, ...rest } = a;
  const { timeout: other, ...others } = b;
  return Math.abs(one - other) <= CLOCK_SLACK && JSON.stringify(rest) === JSON.stringify(others);
}

function judge(list: readonly Step[]): void {
  real.reset();
  const simulated = new SimulatedRouter();
  const flows = new Flows();
  const history: string[] = [];
  for (const step of list) {
    history.push(JSON.stringify(step));
    if (step.kind === "wait") {
      simulated.wait(step.seconds);
      for (const tuple of TUPLES) {
        if (real.entry(tuple) !== undefined) real.setTimeout(tuple, simulated.entry(tuple)?.timeout);
      }
      continue;
    }
    const packet = flows.packet(step);
    if (packet === undefined) continue;
    const views = {
      linux: real.forward(packet, step.kind === "error" ? 1 - step.side : step.side),
      ours: simulated.forward(packet),
    };
    compared.packets++;
    if (views.linux !== undefined) compared.forwarded++;
    if (views.linux !== views.ours)
      throw new Error(`packet: ${JSON.stringify(views)}\n${history.join("\n")}`);
    for (const tuple of concerned(step)) {
      const linux = real.entry(tuple);
      const ours = simulated.entry(tuple);
      if (linux !== undefined) compared.connections++;
      if (!sameEntry(linux, ours)) {
        throw new Error(
          `linux ${JSON.stringify(linux)}\nours  ${JSON.stringify(ours)}\n${history.join("\n")}`,
        );
      }
    }
  }
  for (const tuple of TUPLES) {
    const linux = real.entry(tuple);
    const ours = simulated.entry(tuple);
    if (!sameEntry(linux, ours)) {
      throw new Error(
        `at the end: linux ${JSON.stringify(linux)}\nours  ${JSON.stringify(ours)}\n${history.join("\n")}`,
      );
    }
  }
  compared.cases++;
}

/** The connections that a step may change. */
function concerned(step: Step): typeof TUPLES {
  if (step.kind === "tcp") return [TUPLES[2 * step.flow]!];
  if (step.kind === "udp") return [TUPLES[2 * step.flow + 1]!];
  if (step.kind === "error" && step.about !== "icmp")
    return [TUPLES[2 * step.flow + (step.about === "udp" ? 1 : 0)]!];
  return TUPLES.filter(({ icmp, protocol }) =>
    step.kind === "other" ? protocol === step.protocol : icmp !== undefined,
  );
}

fc.assert(fc.property(steps, judge), { numRuns: cases, seed });
console.log(JSON.stringify(compared));
