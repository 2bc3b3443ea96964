/** examples/dnsmatch.lua on a capture of real queries: in the Lua VM, as rules would ask it, and as a program. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { LoadedScript } from "../../src/backends/compile-script.ts";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { ruleEnvironment } from "../../src/ebpf/contexts.ts";
import { Executable } from "../../src/ebpf/executable.ts";
import { interpret } from "../../src/ebpf/interpret.ts";
import { createMap } from "../../src/ebpf/maps.ts";
import { SimulatedKernel } from "../../src/kernel/simulated.ts";
import { skbOf } from "../../src/kernel/testing.ts";
import { NFPROTO } from "../../src/uapi/netfilter.ts";
import { readCapture } from "./run-example.ts";

const PATH = "examples/dnsmatch.lua";
const ETHERNET_BYTES = 14;

function load(userargs = "") {
  const log: string[] = [];
  const kernel = new SimulatedKernel({ log: (_level, text) => log.push(text) });
  const script = { path: PATH, source: readFileSync(PATH, "latin1") };
  const loaded = new LoadedScript(script, kernel, { userargs });
  const [match] = loaded.matches;
  return { loaded, match: match!, log };
}

/** Numbers of the frames that match, and all packets. */
function matching(of: (packet: Uint8Array) => boolean): number[] {
  const packets = readCapture("dns").map(({ bytes }) => bytes.subarray(ETHERNET_BYTES));
  return packets.flatMap((packet, i) => (of(packet) ? [i + 1] : []));
}

function inVm(userargs: string): number[] {
  const { match, log } = load();
  expect(match.family).toBe(NFPROTO.NFPROTO_UNSPEC);
  expect(match.checkEntry(userargs)).toBe(true);
  const found = matching((packet) => {
    const thoff = packet[0]! >> 4 === 4 ? 20 : 40;
    return match.match({ skb: skbOf(packet), hotdrop: false, thoff, fragoff: 0, hooknum: 3 }, userargs)
      .matches;
  });
  expect(log).toEqual([]);
  return found;
}

function asProgram(userargs: string): number[] {
  const { loaded } = load(userargs);
  loaded.enter();
  const { hooks, maps } = loaded.compile(EXAMPLE_LAYOUT);
  const executable = new Executable(hooks[0]!.program);
  const made = Object.fromEntries(
    maps.map((spec) => {
      const map = createMap(spec);
      for (const [key, value] of spec.entries) map.update(key, value, 0, 0);
      return [spec.name, map];
    }),
  );
  const key = new Uint8Array(4);
  made["config"]?.lookup(key, 0)?.view.setBigInt64(8, 1_000_000n, true);
  return matching((packet) => {
    const environment = ruleEnvironment(packet, { offsets: EXAMPLE_LAYOUT.sk_buff });
    return interpret(executable, { ...environment, maps: made, limit: 1_000_000 }).low !== 0;
  });
}

describe.each([
  ["in the VM", inVm],
  ["as a program", asProgram],
])("%s", (_, run) => {
  // What dnsblock drops of the same capture: test/conformance/examples.test.ts.
  test.each([
    ["ads.example.com", [3, 5, 9, 11, 29, 31]],
    ["ADS.Example.COM.", [3, 5, 9, 11, 29, 31]],
    ["tracker.example.net", [7, 25]],
    ["s.example.com", []],
  ])("%s", (name, frames) => {
    expect(run(name)).toEqual(frames);
  });
});

test.each(["", "a..b", ".a", "a b", "\n"])("checkentry refuses %j, which is no name", (userargs) => {
  const { match, log, loaded } = load(userargs);
  expect(match.checkEntry(userargs)).toBe(false);
  expect(log).toEqual([expect.stringMatching(/^dnsmatch: '[\w?.-]*' is no name/)]);
  expect(() => loaded.enter()).toThrow("checkentry of the match 'dnsmatch' refuses these arguments");
});

test("a name is forgotten with the last rule that asks for it", () => {
  const { match } = load();
  const packet = readCapture("dns")[2]!.bytes.subarray(ETHERNET_BYTES);
  const asks = () =>
    match.match({ skb: skbOf(packet), hotdrop: false, thoff: 20, fragoff: 0, hooknum: 3 }, "ads.example.com")
      .matches;
  for (let i = 0; i < 2; i++) expect(match.checkEntry("ads.example.com")).toBe(true);
  match.destroy("ads.example.com");
  expect(asks()).toBe(true);
  match.destroy("ads.example.com");
  expect(asks()).toBe(false);
});
