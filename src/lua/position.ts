/**
 * Where in the script something happened. Compiled code pays nothing for it: each operation that can fail starts a
 * line of generated JavaScript with a mark, a comment with a number, and the JavaScript stack of an error names the
 * line. Which mark each line has is looked up when the first error asks: the engine keeps the text.
 */

import { owe } from "./meter.ts";

/** A function of a script, as `debug` describes it. */
export interface FunctionPlace {
  /** 0 for a main chunk. */
  readonly line: number;
  readonly endLine: number;
  readonly parameters: readonly string[];
  readonly isVararg: boolean;
  readonly upvalues: number;
}

/** What one line of generated code stands for. */
export interface Site {
  readonly in: FunctionPlace;
  readonly line: number;
  /** How the failing value is called in messages, such as `local 'x'`; for arithmetic, one for each operand. */
  readonly names: readonly (string | undefined)[];
  /** For a call, how many arguments it gives at least; a last one that is a call may give more, or none. */
  readonly given?: number | undefined;
  readonly isCall?: boolean;
}

/** One compiled chunk (plain code, or the coroutine version of a function). */
export class SourceMap {
  /** The name of the chunk in full. */
  readonly source: string;
  /** As messages show it: `file.lua`, `[string "…"]`. */
  readonly chunk: string;
  /** By the number in the mark. */
  readonly marks: readonly Site[];
  /** What the engine made of the generated code. */
  readonly #compiled: () => unknown;
  #sites: (Site | undefined)[] | undefined;

  constructor(source: string, chunk: string, marks: readonly Site[], compiled: () => unknown) {
    this.source = source;
    this.chunk = chunk;
    this.marks = marks;
    this.#compiled = compiled;
  }

  /** What a line of generated code stands for; the engine's numbers begin with 1. */
  siteAt(line: number): Site | undefined {
    this.#sites ??= String(this.#compiled)
      .split("\n")
      .map((text) => this.marks[Number(MARK.exec(text)?.[1])]);
    return this.#sites[line - 1];
  }
}

export interface Position {
  readonly source: string;
  readonly chunk: string;
  readonly site: Site;
}

const MARK = /^\/\*(\d+)\*\//;
const PREFIX = "moonhook-lua-";
const FRAME = new RegExp(`${PREFIX}(\\d+):(\\d+):\\d+`);
/** Chunks that the host loaded, and sites of chunks that scripts loaded: beyond that the oldest lose their positions. */
const MAX_LASTING = 20_000;
const MAX_PASSING_SITES = 100_000;

const lasting = new Map<number, SourceMap>();
/** What scripts load: one that calls `load` for ever must not fill memory with tables, nor cost others theirs. */
const passing = new Map<number, SourceMap>();
let passingSites = 0;
let nextId = 1;

/** The name under which the engine knows generated code, and its id. */
export function reserveSourceName(): { id: number; name: string } {
  const id = nextId++;
  return { id, name: `${PREFIX}${id}` };
}

export function registerSourceMap(id: number, map: SourceMap, isLasting: boolean): void {
  if (isLasting) {
    lasting.set(id, map);
    if (lasting.size > MAX_LASTING) lasting.delete(lasting.keys().next().value!);
    return;
  }
  passing.set(id, map);
  passingSites += map.marks.length;
  for (const [old, { marks }] of passing) {
    if (passingSites <= MAX_PASSING_SITES) break;
    passing.delete(old);
    passingSites -= marks.length;
  }
}

/** Where the sites of a resumable function are (coroutine.ts), by number; the first is 1. */
export interface Places {
  readonly source: string;
  readonly chunk: string;
  readonly sites: readonly Site[];
}

type SuspendedFrame = readonly [
  fn: unknown,
  site: number,
  places: Places | undefined,
  caller: unknown,
  ...unknown[],
];

/** The innermost of its functions that are not on the engine's stack now. */
interface Suspended {
  readonly frame: SuspendedFrame | undefined;
}

/** The coroutine that runs. */
let running: Suspended | undefined;

/** Makes `coroutine` the one that runs; returns the one before. */
export function runningFrames(coroutine: Suspended | undefined): Suspended | undefined {
  const before = running;
  running = coroutine;
  return before;
}

const NATIVE = "moonhook-native";
const COROUTINE = "moonhook-coroutine";
const HANDLER = "moonhook-handler";
/** A function that calls another, and that the engine's stack shows under `name`. */
const marked = (name: string): (<A extends unknown[], R>(f: (...args: A) => R, ...args: A) => R) =>
  new Function("f", "a", "b", "c", "d", `return f(a,b,c,d)\n//# sourceURL=${name}`) as ReturnType<
    typeof marked
  >;

/** Calls `f` for a native function: its callers see that no line of the script called. Takes up to four arguments. */
export const asNative = marked(NATIVE);

/** Calls what runs a coroutine: its stack begins here. Takes up to four arguments. */
export const asCoroutine = marked(COROUTINE);

const callHandler = marked(HANDLER);
/** Where the errors were raised that are being handled, the innermost last. */
const handled: (readonly (Position | undefined)[])[] = [];

/** Calls a message handler: its stack goes on where the error was raised, although that is left by now. */
export function asHandler<A, R>(raised: readonly (Position | undefined)[], f: (a: A) => R, a: A): R {
  handled.push(raised);
  try {
    return callHandler(f, a);
  } finally {
    handled.pop();
  }
}

/** The functions of a coroutine that was left, innermost first. */
export function positionsOfFrames(innermost: SuspendedFrame | undefined): (Position | undefined)[] {
  const positions: (Position | undefined)[] = [];
  for (let frame = innermost; frame !== undefined; ) {
    const [, site, places, caller] = frame;
    frame = caller as SuspendedFrame | undefined;
    positions.push(places && { source: places.source, chunk: places.chunk, site: places.sites[site - 1]! });
  }
  return positions;
}

/** The Lua functions of a JavaScript stack trace of now, innermost first; undefined for a native one that calls. */
export function positionsOfStack(stack: string): (Position | undefined)[] {
  const positions: (Position | undefined)[] = [];
  const lines = stack.split("\n");
  owe(lines.length * ROUNDS_PER_FRAME);
  for (const line of lines) {
    if (line.includes(HANDLER)) {
      positions.push(...(handled.at(-1) ?? []));
      break;
    }
    if (line.includes(NATIVE)) positions.push(undefined);
    else if (line.includes(COROUTINE)) {
      positions.push(...positionsOfFrames(running?.frame));
      break;
    }
    const match = FRAME.exec(line);
    if (!match) continue;
    const id = Number(match[1]);
    const map = lasting.get(id) ?? passing.get(id);
    const site = map?.siteAt(Number(match[2]));
    if (map && site) positions.push({ source: map.source, chunk: map.chunk, site });
  }
  return positions;
}

/** What it costs the engine to write down a frame, and us to read it. */
const ROUNDS_PER_FRAME = 3;
/** How far to look for Lua frames: the engine's price grows with the number of frames that it writes down. */
const LOOKS = [8, 40, 400];

/** The Lua functions below the caller, innermost first: `count` of them, if there are as many. */
export function currentPositions(count = 1): (Position | undefined)[] {
  const saved = Error.stackTraceLimit;
  let positions: (Position | undefined)[] = [];
  for (const limit of LOOKS) {
    Error.stackTraceLimit = limit;
    const stack = new Error().stack ?? "";
    positions = positionsOfStack(stack);
    if (positions.length >= count || stack.split("\n").length <= limit || stack.includes(COROUTINE)) break;
  }
  Error.stackTraceLimit = saved;
  return positions;
}

/** `chunk:line: ` of the function at `level` (1 is the innermost), empty when that is no line of the script. */
export function where(level = 1): string {
  return textOf(currentPositions(level)[level - 1]);
}

/** `chunk:line: `, as messages begin. */
export const textOf = (position: Position | undefined): string =>
  position === undefined ? "" : `${position.chunk}:${position.site.line}: `;

const MAX_CHUNK_CHARACTERS = 59;

/** How a chunk name appears in messages (`@file`, `=name`, or source text), long ones abbreviated. */
export function displayName(chunkName: string): string {
  if (chunkName.startsWith("=")) return chunkName.slice(1, 1 + MAX_CHUNK_CHARACTERS);
  if (chunkName.startsWith("@")) {
    const path = chunkName.slice(1);
    return path.length <= MAX_CHUNK_CHARACTERS
      ? path
      : `...${path.slice(path.length - MAX_CHUNK_CHARACTERS + 3)}`;
  }
  const end = chunkName.indexOf("\n");
  const firstLine = end < 0 ? chunkName : chunkName.slice(0, end);
  const room = MAX_CHUNK_CHARACTERS - '[string "..."]'.length;
  const cut = end >= 0 || firstLine.length > room;
  return `[string "${cut ? `${firstLine.slice(0, room)}...` : firstLine}"]`;
}
