/** Matches and what they say of packets: as the Lua VM, on whatever machine runs their program. */

import { describe, expect, test } from "vitest";
import type { CompiledScript } from "../../src/compiler/compile-hooks.ts";
import type { KernelLayout } from "../../src/compiler/target.ts";
import { ipPacket } from "../../src/kernel/testing.ts";
import { ipv6 } from "../../src/wire/ipv6.ts";
import { type Outcome, VmHook } from "../differential/hook-machines.ts";

export const script = (body: string): string => `local xtable = require("xtable")
local count = 0
xtable.match{ name = "lua", revision = 0, family = 0, proto = 0, hooks = 0,
  checkentry = function() end, destroy = function() end,
  match = function(skb, par, userargs) ${body} end }`;

export interface Machine {
  run(packet: Uint8Array): Outcome;
  close(): void;
}

type MakeMachine = (vm: VmHook, compiled: CompiledScript) => Machine;

export function matchCases(layout: KernelLayout, makeMachine: MakeMachine): void {
  /** What both say of the packets, one after the other. */
  function matches(body: string, ...packets: Uint8Array[]): Pick<Outcome, "verdict" | "lines">[] {
    const vm = new VmHook(script(body));
    const wanted = packets.map((packet) => vm.run(packet)).map(({ verdict, lines }) => ({ verdict, lines }));
    expect(outcomes(new VmHook(script(body)), packets)).toMatchObject(wanted);
    return wanted;
  }

  function outcomes(vm: VmHook, packets: readonly Uint8Array[]): Outcome[] {
    const compiled = vm.compile(layout);
    expect(compiled.refusals).toEqual([]);
    const machine = makeMachine(vm, compiled);
    try {
      return packets.map((packet) => machine.run(packet));
    } finally {
      machine.close();
    }
  }
  const V4 = ipPacket({ payload: Buffer.from("Host: example.org") });
  const V6 = ipPacket({ from: "fd00::1", to: "fd00::2", payload: Buffer.from("Host: example.org") });

  test.each([
    ["return true", "drop"],
    ["return 0", "drop"],
    ["return false", "accept"],
    ["return nil", "accept"],
    ["", "accept"],
    ["return skb:getuint8(0) >> 4 == 4", "drop"],
    ["return #skb > 100", "accept"],
    ["return skb:getstring(28):find(userargs:match('^%Z*'), 1, true)", "drop"],
    ["return #userargs == 256 and userargs:byte(-1) == 0", "drop"],
    ["return par.hotdrop", "accept"],
    ["par.hotdrop = false return not par.hotdrop", "drop"],
    ["par.mine = 7 return par.mine == 7 and par.none == nil", "drop"],
    ["count = count + 1 return count == 1", "drop"],
  ] as const)("%s", (body, verdict) => {
    expect(matches(body, V4)).toEqual([{ verdict, lines: [] }]);
  });

  test("what it keeps holds for the next packet", () => {
    const verdicts = matches("count = count + 1 return count % 2 == 0", V4, V6, V4).map(
      ({ verdict }) => verdict,
    );
    expect(verdicts).toEqual(["accept", "drop", "accept"]);
  });

  test("what it prints is logged; an error is, too, and does not match", () => {
    expect(matches("print(skb:getstring(28, 4)) return true", V4)).toEqual([
      { verdict: "drop", lines: ["Host"] },
    ]);
    expect(matches("return skb:getuint8(9999) == 0", V4)).toEqual([
      { verdict: "accept", lines: ["test.lua:5: bad argument #1 to 'getuint8' (out of bounds)"] },
    ]);
    const [endless] = outcomes(new VmHook(script("while true do end return true")), [V4]);
    expect(endless).toMatchObject({ verdict: "accept", isStopped: true });
  });

  describe("par.thoff and par.fragoff", () => {
    /** A packet of IPv6 with these extension headers: their types, and their bytes without the type of the next. */
    function extended(...headers: [type: number, ...bytes: number[]][]): Uint8Array {
      const types = headers.map(([type]) => type);
      const last = V6[6]!;
      const parts = headers.map(([, ...bytes], i) => [types[i + 1] ?? last, ...bytes]);
      const packet = Uint8Array.from([
        ...V6.subarray(0, ipv6.size),
        ...parts.flat(),
        ...V6.subarray(ipv6.size),
      ]);
      packet[6] = types[0] ?? last;
      ipv6.set.payloadLength(packet, 0, packet.length - ipv6.size);
      return packet;
    }
    function withOptions(): Uint8Array {
      const packet = Uint8Array.from([...V4.subarray(0, 20), 1, 1, 1, 1, 1, 1, 1, 1, ...V4.subarray(20)]);
      packet[0] = 0x47;
      packet[6] = 0x20;
      packet[7] = 3;
      return packet;
    }
    const seven = [0, 0, 0, 0, 0, 0, 0];

    test.each([
      ["IPv4", V4, 20, 0],
      ["options, a later fragment", withOptions(), 28, 3],
      ["IPv6", V6, 40, 0],
      ["hop-by-hop options", extended([0, ...seven]), 48, 0],
      ["options of 16 bytes, routing", extended([60, 1, ...seven, ...seven], [43, ...seven]), 64, 0],
      ["authentication", extended([51, 4, ...Array.from({ length: 22 }, () => 0)]), 64, 0],
      ["the first fragment", extended([44, 0, 0, 1, 0, 0, 0, 9], [60, ...seven]), 56, 0],
      ["a later fragment", extended([44, 0, 0x05, 0xa9, 0, 0, 0, 9]), 0, 0x5a8],
      ["a chain that ends too early", extended([0, 200, 0, 0, 0, 0, 0, 0], [60, ...seven]), 0, 0],
      [
        "more extensions than any packet has",
        extended(...Array.from({ length: 9 }, (): [number, ...number[]] => [60, ...seven])),
        0,
        0,
      ],
    ])("%s", (name, packet, thoff, fragoff) => {
      const body = `print(par.thoff, par.fragoff) return par.thoff == ${thoff} and par.fragoff == ${fragoff}`;
      if (name.startsWith("more")) {
        // The VM gets what the test computes, which has no bound.
        expect(outcomes(new VmHook(script(body)), [packet])).toMatchObject([
          { verdict: "drop", lines: ["0\t0"] },
        ]);
      } else expect(matches(body, packet)).toEqual([{ verdict: "drop", lines: [`${thoff}\t${fragoff}`] }]);
    });
  });
}
