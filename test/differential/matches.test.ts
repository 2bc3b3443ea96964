/** Matches as programs of the kernel, by test runs: as the Lua VM. Nothing is attached or pinned. */

import { describe } from "vitest";
import { kernelLayout } from "../../src/backends/kernel-programs.ts";
import { matchCases } from "../conformance/match-cases.ts";
import { whyNoBpf } from "./bpf-machine.ts";
import { KernelHook } from "./hook-machines.ts";

const why = whyNoBpf();

describe.skipIf(why)(`matches in the kernel${why ? ` (skipped: ${why})` : ""}`, () => {
  if (why === undefined) matchCases(kernelLayout(), (vm, compiled) => new KernelHook(vm, compiled));
});
