/**
 * Generated hooks that change their packets, on generated frames: the Lua VM, and the program for a device in the
 * kernel by test runs, come to the same verdict, bytes and mark, and log the same lines; the verifier takes every program.
 * Nothing is attached or pinned.
 */

import { describe, expect, test } from "vitest";
import { kernelLayout } from "../../src/backends/kernel-programs.ts";
import { CannotCompile } from "../../src/compiler/diagnostics.ts";
import { FORMS, type KernelLayout } from "../../src/compiler/target.ts";
import { NFPROTO } from "../../src/uapi/netfilter.ts";
import { numRuns } from "../../src/wire/testing.ts";
import { seed } from "../seed.ts";
import { whyNoBpf } from "./bpf-machine.ts";
import { Choices } from "./choices.ts";
import { type DeviceOutcome, differenceOf, KernelHook, VmHook } from "./hook-machines.ts";
import { arrivalOf, generateFrame, generateWritingHook } from "./writing-hooks.ts";

const why = whyNoBpf();
const FRAMES = 12;
/** `MOONHOOK_FUZZ_RUNS` counts pairs of a hook and a frame. */
const hooks = Math.ceil(numRuns(1_200) / FRAMES);
const PLACE = { form: FORMS.tcx, family: NFPROTO.NFPROTO_INET, isIngress: true };

interface Counts {
  refused: number;
  compared: number;
  changed: number;
  punted: number;
  stopped: number;
}

/** What the stack passes by the hook. */
const untouched = (frame: Uint8Array): DeviceOutcome => ({
  verdict: "accept",
  lines: [],
  isPunted: false,
  isStopped: false,
  frame,
  mark: 0,
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** What the packet has, without what the link filled it up with. */
function payloadOf(outcome: DeviceOutcome, length: number): string {
  return hex(outcome.frame.subarray(0, length));
}

function difference(vm: DeviceOutcome, kernel: DeviceOutcome): string | undefined {
  const said = differenceOf(vm, kernel);
  if (said !== undefined || kernel.isPunted || vm.isStopped || kernel.isStopped) return said;
  const wanted = `${vm.mark} ${hex(vm.frame)}`;
  const got = `${kernel.mark} ${payloadOf(kernel, vm.frame.length)}`;
  return wanted === got ? undefined : `VM:     ${wanted}\nkernel: ${got}`;
}

function runHook(c: Choices, layout: KernelLayout, counts: Counts): string | undefined {
  const source = generateWritingHook(c);
  const vm = new VmHook(source);
  let kernel: KernelHook;
  try {
    const compiled = vm.compile(layout, undefined, PLACE);
    if (compiled.refusals.length > 0) counts.refused++;
    kernel = new KernelHook(vm, compiled);
  } catch (error) {
    if (!(error instanceof CannotCompile)) return `${source}\n${(error as Error).stack}`;
    counts.refused++;
    return undefined;
  }
  try {
    for (let i = 0; i < FRAMES; i++) {
      const frame = generateFrame(c);
      const skb = arrivalOf(frame);
      const wanted = skb === undefined ? untouched(frame) : vm.runFrame(skb);
      const got = kernel.runFrame(frame);
      if (got.isPunted) counts.punted++;
      else if (wanted.isStopped || got.isStopped) counts.stopped++;
      else counts.compared++;
      if (hex(wanted.frame) !== hex(frame)) counts.changed++;
      const problem = difference(wanted, got);
      if (problem !== undefined) return `${source}\nframe ${hex(frame)}\n${problem}`;
    }
    return undefined;
  } finally {
    kernel.close();
  }
}

describe.skipIf(why)(`hooks that write${why ? ` (skipped: ${why})` : ""}`, () => {
  test(`${hooks} hooks (MOONHOOK_SEED=${seed})`, { timeout: 3_600_000 }, () => {
    const layout = kernelLayout();
    const counts: Counts = { refused: 0, compared: 0, changed: 0, punted: 0, stopped: 0 };
    for (let i = 0; i < hooks; i++) {
      const problem = runHook(new Choices(seed + i), layout, counts);
      if (problem !== undefined) expect.fail(`MOONHOOK_SEED=${seed + i}\n${problem}`);
    }
    console.log(counts);
    expect(counts.refused / hooks).toBeLessThan(0.1);
    expect(counts.compared).toBeGreaterThan(hooks * FRAMES * 0.8);
    expect(counts.changed).toBeGreaterThan(hooks * FRAMES * 0.4);
  });
});
