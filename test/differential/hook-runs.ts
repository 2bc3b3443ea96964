/** Generated hooks and packets on several machines, what differs made small. */

import { CannotCompile } from "../../src/compiler/diagnostics.ts";
import { type KernelLayout, MAPS } from "../../src/compiler/target.ts";
import { Choices, shrink } from "./choices.ts";
import { generateHook } from "./hook-generator.ts";
import { differenceOf, InterpretedHook, KernelHook, VmHook } from "./hook-machines.ts";
import { generatePacket } from "./hook-packets.ts";
import { hasState } from "./hook-state.ts";

export const PACKETS = 20;
/** Each compiles a hook, and most load it. */
const MOST_SHRINKING = 400;

export interface Counts {
  hooks: number;
  /** Hooks that were judged on a packet. */
  pairs: number;
  /** Hooks that the compiler refused, or parts of them. */
  refused: number;
  /** Programs that the kernel took, and the instructions it looked at for them. */
  loaded: number;
  verifiedInstructions: number;
  mostVerified: number;
  /** Packets left to user space, runs that the budget ended: neither is compared. */
  punted: number;
  stopped: number;
}

export const noCounts = (): Counts => ({
  hooks: 0,
  pairs: 0,
  refused: 0,
  loaded: 0,
  verifiedInstructions: 0,
  mostVerified: 0,
  punted: 0,
  stopped: 0,
});

/** Runs the hook and the packets of these choices; gives what is wrong with them, if anything. */
export function runHook(
  c: Choices,
  layout: KernelLayout,
  isInKernel: boolean,
  counts: Counts = noCounts(),
  packets = PACKETS,
): string | undefined {
  const source = generateHook(c);
  const vm = new VmHook(source);
  counts.hooks++;
  let compiled: ReturnType<VmHook["compile"]>;
  try {
    compiled = vm.compile(layout);
  } catch (error) {
    if (!(error instanceof CannotCompile)) return `${source}\n${(error as Error).stack}`;
    counts.refused++;
    return undefined;
  }
  if (compiled.refusals.length > 0) counts.refused++;
  const [interpreted, inPieces] = [0, 1].map(() => new InterpretedHook(vm, compiled, layout)) as [
    InterpretedHook,
    InterpretedHook,
  ];
  const isKeeping = compiled.maps.some(({ name }) => name === MAPS.state);
  let kernel: KernelHook | undefined;
  try {
    if (isInKernel) {
      // The verifier takes every program: a refusal is a failure.
      kernel = new KernelHook(vm, compiled);
      const { verifiedInstructions } = kernel.programs.programs[0]!;
      counts.loaded++;
      counts.verifiedInstructions += verifiedInstructions;
      counts.mostVerified = Math.max(counts.mostVerified, verifiedInstructions);
    }
    for (let i = 0; i < packets; i++) {
      const packet = generatePacket(c);
      const linearBytes = c.below(packet.length);
      const wanted = vm.run(packet);
      counts.pairs++;
      if (wanted.isStopped) counts.stopped++;
      let isApart = wanted.isStopped;
      const runs = [
        ["interpreter", () => interpreted.run(packet)],
        [`interpreter, ${linearBytes} bytes linear`, () => inPieces.run(packet, linearBytes)],
        ["kernel", () => kernel?.run(packet)],
      ] as const;
      for (const [name, run] of runs) {
        const got = run();
        if (got === undefined) continue;
        if (got.isPunted) counts.punted++;
        isApart ||= got.isPunted || got.isStopped;
        const difference = differenceOf(wanted, got);
        if (difference !== undefined)
          return `${source}\n${name}, packet ${i} ${Buffer.from(packet).toString("hex")}\n${difference}`;
      }
      // What one of them has not done to the state is missing from here on.
      if (isApart && (isKeeping || hasState(source))) break;
    }
    return undefined;
  } catch (error) {
    return `${source}\n${(error as Error).stack}`;
  } finally {
    kernel?.close();
  }
}

/** Small choices with which something is wrong, and what. */
export function smallest(choices: readonly number[], layout: KernelLayout, isInKernel: boolean): string {
  let packets = 0;
  const judge = (list: readonly number[]): string | undefined => {
    try {
      return runHook(new Choices(list), layout, isInKernel, noCounts(), packets);
    } catch {
      // Shorter choices may make a script that does not load: that is another matter.
      return undefined;
    }
  };
  // What the compiler or the verifier refuses needs no packets.
  if (judge(choices) === undefined) packets = PACKETS;
  const least = shrink(choices, (tries) => tries.map((list) => judge(list) !== undefined), MOST_SHRINKING);
  return judge(least) ?? "nothing when it is run again";
}
