/**
 * Golden files of eBPF programs:
 *
 *   -- asm a title
 *   r0 = 1
 *   exit
 *   -- map counters array 4 8 16
 *   -- packet
 *   45 00 00 1c
 *   -- result
 *   0x1
 *
 * `map` names a map, its type, key and value bytes and entries; any number of them, also none. Without `packet` there
 * is no context. A result that is no number is the start of a fault's message. Behind a title `(interpreter)` marks
 * what the kernel cannot be asked, because its verifier refuses such a program or wants BTF with it; every other case is
 * also run there (test/differential/ebpf.test.ts).
 */

import { assemble } from "../../src/ebpf/assemble.ts";
import { skBuffEnvironment } from "../../src/ebpf/contexts.ts";
import { BpfFault } from "../../src/ebpf/executable.ts";
import { interpret } from "../../src/ebpf/interpret.ts";
import { createMap, type MapOptions } from "../../src/ebpf/maps.ts";
import { BPF_MAP_TYPE } from "../../src/uapi/bpf.ts";
import { unhex } from "../../src/wire/testing.ts";

export interface EbpfCase {
  readonly title: string;
  readonly isInterpreterOnly: boolean;
  readonly source: string;
  readonly maps: readonly MapOptions[];
  readonly packet: Uint8Array | undefined;
  readonly result: string;
}

const SECTION = /^-- (asm|map|packet|result)(?: (.*))?$/;
const INTERPRETER_ONLY = " (interpreter)";

/** The cases of a golden file. */
export function parseEbpfCases(text: string): EbpfCase[] {
  const cases: { title: string; maps: MapOptions[]; sections: Record<string, string> }[] = [];
  let section = "";
  for (const line of text.split("\n")) {
    const match = SECTION.exec(line);
    if (match === null) {
      const last = cases.at(-1);
      if (last) last.sections[section] += `${line}\n`;
      continue;
    }
    section = match[1]!;
    if (section === "asm") cases.push({ title: match[2] ?? "", maps: [], sections: {} });
    if (section === "map") cases.at(-1)!.maps.push(parseMap(match[2]!));
    cases.at(-1)!.sections[section] = "";
  }
  return cases.map(({ title, maps, sections }) => ({
    title: title.replace(INTERPRETER_ONLY, ""),
    isInterpreterOnly: title.endsWith(INTERPRETER_ONLY),
    source: sections["asm"]!,
    maps,
    packet: sections["packet"] === undefined ? undefined : unhex(sections["packet"]),
    result: sections["result"]!.trim(),
  }));
}

function parseMap(text: string): MapOptions {
  const [name, type, keySize, valueSize, maxEntries] = text.split(" ") as [string, string, ...string[]];
  return {
    name,
    type: BPF_MAP_TYPE[`BPF_MAP_TYPE_${type.toUpperCase()}` as keyof typeof BPF_MAP_TYPE],
    keySize: Number(keySize),
    valueSize: Number(valueSize),
    maxEntries: Number(maxEntries),
  };
}

/** What a case gives on the interpreter: r0, or the message of its fault. */
export function runEbpfCase({ source, maps, packet }: EbpfCase): string {
  try {
    const { low, high } = interpret(assemble(source), {
      ...(packet ? skBuffEnvironment(packet) : {}),
      maps: Object.fromEntries(maps.map((options) => [options.name, createMap(options)])),
      limit: 10_000,
    });
    return `0x${((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16)}`;
  } catch (error) {
    if (error instanceof BpfFault) return error.message;
    throw error;
  }
}
