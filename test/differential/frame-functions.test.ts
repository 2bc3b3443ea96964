/**
 * Generated functions of `xdp.attach` on generated frames: the Lua VM, and the program in the interpreter and in the
 * kernel by test runs, come to the same verdict and bytes, and log the same lines; the verifier takes every program. Nothing is attached or pinned.
 */

import { describe, expect, test } from "vitest";
import { kernelLayout } from "../../src/backends/kernel-programs.ts";
import { CannotCompile } from "../../src/compiler/diagnostics.ts";
import type { KernelLayout } from "../../src/compiler/target.ts";
import { Skb } from "../../src/kernel/skb.ts";
import { XDP } from "../../src/uapi/bpf.ts";
import { numRuns } from "../../src/wire/testing.ts";
import { seed } from "../seed.ts";
import { whyNoBpf } from "./bpf-machine.ts";
import { Choices } from "./choices.ts";
import { differenceOf, type FrameOutcome, InterpretedHook, KernelHook, VmHook } from "./hook-machines.ts";
import { generateFrame, generateFrameFunction } from "./writing-hooks.ts";

const why = whyNoBpf();
const FRAMES = 12;
/** `MOONHOOK_FUZZ_RUNS` counts pairs of a function and a frame. */
const functions = Math.ceil(numRuns(1_200) / FRAMES);
const ETHERNET_BYTES = 14;

interface Counts {
  refused: number;
  compared: number;
  changed: number;
  undecided: number;
  stopped: number;
  verdicts: Record<string, number>;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** A frame as it comes in, before anybody has looked at it. */
const arrived = (frame: Uint8Array): Skb =>
  Skb.from(frame, {
    protocol: (frame[12]! << 8) | frame[13]!,
    networkOffset: ETHERNET_BYTES,
    macLength: ETHERNET_BYTES,
  });

function difference(vm: FrameOutcome, other: FrameOutcome): string | undefined {
  if (other.isPunted) return other.verdict === `${XDP.XDP_PASS}` ? undefined : "an undecided frame must pass";
  const said = differenceOf(vm, other);
  if (said !== undefined || vm.isStopped || other.isStopped) return said;
  const [wanted, got] = [hex(vm.frame), hex(other.frame)];
  return wanted === got ? undefined : `VM:     ${wanted}\nother:  ${got}`;
}

function runFunction(c: Choices, layout: KernelLayout, counts: Counts): string | undefined {
  const source = generateFrameFunction(c);
  const vm = new VmHook(source);
  let kernel: KernelHook;
  let interpreter: InterpretedHook;
  try {
    const compiled = vm.compile(layout);
    if (compiled.refusals.length > 0) counts.refused++;
    interpreter = new InterpretedHook(vm, compiled, layout);
    kernel = new KernelHook(vm, compiled);
  } catch (error) {
    if (!(error instanceof CannotCompile)) return `${source}\n${(error as Error).stack}`;
    counts.refused++;
    return undefined;
  }
  try {
    for (let i = 0; i < FRAMES; i++) {
      const frame = generateFrame(c);
      const wanted = vm.onFrame(arrived(frame));
      const got = kernel.onFrame(frame);
      if (got.isPunted) counts.undecided++;
      else if (wanted.isStopped || got.isStopped) counts.stopped++;
      else counts.compared++;
      if (hex(wanted.frame) !== hex(frame)) counts.changed++;
      counts.verdicts[wanted.verdict] = (counts.verdicts[wanted.verdict] ?? 0) + 1;
      const interpreted = difference(wanted, interpreter.onFrame(frame));
      const problem = interpreted === undefined ? difference(wanted, got) : `interpreter: ${interpreted}`;
      if (problem !== undefined) return `${source}\nframe ${hex(frame)}\n${problem}`;
      // What a run that was cut short has counted is not the same everywhere.
      if ((got.isPunted || wanted.isStopped || got.isStopped) && source.includes("runs + 1")) break;
    }
    return undefined;
  } finally {
    kernel.close();
  }
}

describe.skipIf(why)(`functions on frames${why ? ` (skipped: ${why})` : ""}`, () => {
  test(`${functions} functions (MOONHOOK_SEED=${seed})`, { timeout: 3_600_000 }, () => {
    const layout = kernelLayout();
    const counts: Counts = { refused: 0, compared: 0, changed: 0, undecided: 0, stopped: 0, verdicts: {} };
    for (let i = 0; i < functions; i++) {
      const problem = runFunction(new Choices(seed + i), layout, counts);
      if (problem !== undefined) expect.fail(`MOONHOOK_SEED=${seed + i}\n${problem}`);
    }
    console.log(counts);
    expect(counts.refused / functions).toBeLessThan(0.1);
    expect(counts.compared).toBeGreaterThan(functions * FRAMES * 0.7);
    expect(counts.changed).toBeGreaterThan(functions * FRAMES * 0.3);
    for (const verdict of ["0", "1", "2", "3"])
      expect(counts.verdicts[verdict]).toBeGreaterThan(functions / 4);
  });
});
