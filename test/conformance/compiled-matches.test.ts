/** Matches as programs that rules ask, on the interpreter: as the Lua VM. In the kernel: test/differential/matches.test.ts. */

import { describe, expect, test } from "vitest";
import { CannotCompile } from "../../src/compiler/diagnostics.ts";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { InterpretedHook, VmHook } from "../differential/hook-machines.ts";
import { matchCases, script } from "./match-cases.ts";

describe.each([Number.POSITIVE_INFINITY, 20, 0])("%d bytes in one piece", (linearBytes) => {
  matchCases(EXAMPLE_LAYOUT, (vm, compiled) => {
    const hook = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
    return { run: (packet) => hook.run(packet, Math.min(linearBytes, packet.length)), close: () => {} };
  });
});

describe("what a program cannot know or do is refused", () => {
  test.each([
    ["par.hotdrop = true", "par.hotdrop, which a rule with the match bpf cannot hear of,"],
    ["par.hotdrop = #skb > 100", "par.hotdrop, which a rule with the match bpf cannot hear of,"],
    ["return par.hooknum == 3", "par.hooknum, which a rule with the match bpf does not say,"],
    ["par.thoff = 3", "a change of par.thoff"],
    ["last = par", "a table of the caller that is kept for later packets"],
    ["for k, v in pairs(par) do end", "a loop over the fields of par"],
    ["skb:setuint8(0, 1)", "writing to the packet"],
  ])("%s", (body, reason) => {
    let reasons: string[];
    try {
      reasons = new VmHook(script(`if #skb > 20 then ${body} end return false`))
        .compile(EXAMPLE_LAYOUT)
        .refusals.map((refusal) => refusal.reason);
    } catch (error) {
      if (!(error instanceof CannotCompile)) throw error;
      reasons = [error.reason];
    }
    expect(reasons).toEqual([reason]);
  });
});
