/**
 * The hooks of a loaded script as programs: each is specialised, made shorter, and given registers. All are compiled
 * again until nothing new is learnt of what they share.
 */

import type { Program } from "../ebpf/program-builder.ts";
import type { LuaFunction } from "../lua/value.ts";
import { BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import { bytesFromLatin1 } from "../util/latin1.ts";
import type { Script } from "./calling.ts";
import { Restart } from "./control.ts";
import { CannotCompile, type Refusal } from "./diagnostics.ts";
import type { EventSite } from "./events.ts";
import { CodeLimitError, generate } from "./generate.ts";
import { hide } from "./hide.ts";
import type { IrFunction } from "./ir.ts";
import { optimize } from "./optimize.ts";
import type { Place } from "./packet.ts";
import { Shared } from "./shared.ts";
import type { SharedTable } from "./shared-tables.ts";
import { Specializer } from "./specializer.ts";
import {
  CONFIG,
  COUNTERS,
  FORMS,
  FRAMES,
  type KernelLayout,
  MAPS,
  type MapSpec,
  type ProgramForm,
  SCRATCH,
  STRINGS,
  sizeOfStrings,
} from "./target.ts";

export interface CompiledHook {
  readonly name: string;
  readonly form: ProgramForm;
  readonly program: Program;
  /** Some packets it decides. */
  readonly decides: boolean;
  /** It may print a line, and then leave the packet to user space, which prints it again. */
  readonly printsTwice: boolean;
  /** Before registers were given, for `--print=ir`. */
  readonly ir: IrFunction;
}

export interface CompiledScript {
  readonly hooks: readonly CompiledHook[];
  /** The maps of all programs, by the names that they use. */
  readonly maps: readonly MapSpec[];
  /** Tables that programs and the script share: the maps of these names hold them. */
  readonly sharedTables: readonly SharedTable[];
  /** By the number that records of the log begin with. */
  readonly sites: readonly EventSite[];
  /** What is left to user space when a packet comes there. */
  readonly refusals: readonly Refusal[];
}

export interface HookSource {
  readonly name: string;
  /** Default: "netfilter". */
  readonly form?: "netfilter" | "rule";
  readonly hook: LuaFunction;
  /** A "rule" only: packets that it cannot decide go to user space, and the hook runs there from its start. */
  readonly punts?: boolean;
  /** Only packets with this mark reach the hook; all do when it is left out. */
  readonly mark?: number;
  /** Where it shall run; a hook of netfilter, when left out. */
  readonly place?: Place;
}

/** A match, for all rules that give it the same arguments. */
export interface MatchSource {
  readonly name: string;
  readonly form: "match";
  readonly match: LuaFunction;
  /** All of its bytes. */
  readonly userargs: string;
}

/** What `xdp.attach` got, for all devices. */
export interface XdpSource {
  readonly name: string;
  readonly form: "xdp";
  readonly callback: LuaFunction;
}

export type ProgramSource = HookSource | MatchSource | XdpSource;

/** Where a program runs when its source does not say it: in netfilter, for both families. */
const placeOf = (source: ProgramSource): Place =>
  ("hook" in source && source.place) || {
    form: FORMS[source.form ?? "netfilter"],
    family: NFPROTO.NFPROTO_INET,
    isIngress: false,
  };

const MOST_ATTEMPTS = 200;
/** Between two rules of one chain: a packet for each processor, and those that interrupt. */
const MOST_PUNTED = 4096;
const EVENT_BYTES = 1 << 20;

/**
 * Throws `CannotCompile` where a hook cannot be compiled at all. `ringBytes`, a power of two, is what strings share that
 * are kept for later packets.
 */
export function compileHooks(
  script: Script,
  sources: readonly ProgramSource[],
  layout: KernelLayout,
  ringBytes: number = STRINGS.ringBytes,
): CompiledScript {
  const shared = new Shared(ringBytes);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    shared.begin();
    try {
      const irs = sources.map((source) => {
        const place = placeOf(source);
        const specializer = new Specializer(source.name, script, shared, layout, place);
        specializer.mayPunt = source.form === "rule" && source.punts === true;
        if (source.form === "match") specializer.compileMatch(source.match, source.userargs);
        else if (source.form === "xdp") specializer.compileXdp(source.callback);
        else specializer.compile(source.hook, source.mark);
        const { decides, printsTwice } = specializer;
        return {
          name: source.name,
          form: place.form,
          decides,
          printsTwice,
          ir: hide(optimize(specializer.ir)),
        };
      });
      const programs = irs.map((each) => ({ ...each, program: generate(each.ir) }));
      const used = new Set(
        programs.flatMap(({ program }) =>
          program.instructions.flatMap(({ symbol }) => (symbol === undefined ? [] : [symbol])),
        ),
      );
      return {
        hooks: programs,
        maps: mapsOf(shared).filter(({ name }) => used.has(name)),
        sharedTables: shared.sharedTables.all,
        sites: shared.sites,
        refusals: shared.refusals,
      };
    } catch (error) {
      if (error instanceof CodeLimitError)
        throw new CannotCompile(
          undefined,
          `a hook of this size (${error.message})`,
          "make it smaller, or run it with --on nfqueue",
        );
      if (!(error instanceof Restart)) throw error;
    }
  }
  throw new CannotCompile(
    undefined,
    "a hook of which more is learnt without end",
    "run it with --on nfqueue",
  );
}

function mapsOf(shared: Shared): MapSpec[] {
  const page = (name: string, type: number, valueSize: number, content?: Uint8Array): MapSpec => ({
    name,
    type,
    keySize: 4,
    valueSize,
    maxEntries: 1,
    flags: 0,
    isConstant: content !== undefined,
    entries: content === undefined ? [] : [[new Uint8Array(4), content]],
  });
  const { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_RINGBUF } = BPF_MAP_TYPE;
  // First, because it may have constant strings of its own.
  const state = shared.state.maps;
  // Eight bytes are read at once, also from the end.
  const rodata = bytesFromLatin1(`${shared.rodata}\0\0\0\0\0\0\0\0`);
  return [
    page(MAPS.config, BPF_MAP_TYPE_ARRAY, CONFIG.bytes),
    page(MAPS.counters, BPF_MAP_TYPE_ARRAY, COUNTERS.bytes),
    page(MAPS.scratch, BPF_MAP_TYPE_PERCPU_ARRAY, SCRATCH.bytes),
    page(MAPS.strings, BPF_MAP_TYPE_ARRAY, sizeOfStrings(shared.ringBytes)),
    page(MAPS.frames, BPF_MAP_TYPE_PERCPU_ARRAY, FRAMES.bytes),
    page(MAPS.rodata, BPF_MAP_TYPE_ARRAY, rodata.length, rodata),
    { ...page(MAPS.events, BPF_MAP_TYPE_RINGBUF, 0), keySize: 0, maxEntries: EVENT_BYTES },
    { ...page(MAPS.punted, BPF_MAP_TYPE.BPF_MAP_TYPE_HASH, 8), keySize: 8, maxEntries: MOST_PUNTED },
    ...shared.maps,
    ...shared.sharedTables.maps,
    ...state,
  ];
}
