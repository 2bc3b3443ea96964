/**
 * Matching of Lua patterns, and the cache of parsed ones.
 *
 * Two facts make matching simple. The nesting of captures depends only on the place in the pattern, so captures
 * need no undo: a retry overwrites them. And matching never calls back into Lua, so the one set of capture
 * registers below can be shared by all calls: read them before calling anything.
 */

import { raise } from "./check.ts";
import { compilePattern, FLUSH_STEPS, type Matcher } from "./pattern-compile.ts";
import { ITEM, type Item, MAX_CAPTURES, type ParsedPattern, parseItems, REPEAT } from "./pattern-items.ts";

/** The part of a Lua state that bounds the work and the memory of library functions. */
export interface Budget {
  /** Takes `n` units of the instruction budget; raises when it is used up. */
  spend(n: number): void;
  /** Announces an allocation before it happens; raises "not enough memory" above the limit. */
  charge(bytes: number): void;
}

/** Matcher steps worth one unit of the instruction budget. */
const STEPS_PER_UNIT = 8;
const CACHE_ENTRIES = 500;
const CACHE_PATTERN_BYTES = 200;

/** Searches after which a pattern is compiled; generating code costs as much as many of them. */
const COMPILE_AFTER = 24;
/** Longer patterns stay interpreted: their code would be large. */
const COMPILE_MAX_ITEMS = 60;

export interface Pattern extends ParsedPattern {
  uses: number;
  matcher: Matcher;
}

/** Registers of the last successful match. `ends` is −1 for a position capture. Offsets are 0-based. */
export const starts: Int32Array = new Int32Array(MAX_CAPTURES);
export const ends: Int32Array = new Int32Array(MAX_CAPTURES);
/** Where the last successful `search` began. */
export let matchStart = 0;

const cache = new Map<string, Pattern>();
const unanchoredCache = new Map<string, Pattern>();

/** Parses `text`, or finds it in the cache. Without `mayAnchor` a leading `^` is an ordinary character. */
export function parsePattern(text: string, mayAnchor = true): Pattern {
  const cached = mayAnchor ? cache : unanchoredCache;
  let pattern = cached.get(text);
  if (pattern === undefined) {
    const parsed = parseItems(text, mayAnchor);
    pattern = { ...parsed, uses: 0, matcher: (subject, at) => run(parsed.items, subject, 0, at) };
    if (text.length <= CACHE_PATTERN_BYTES) {
      if (cached.size >= CACHE_ENTRIES) cached.clear();
      cached.set(text, pattern);
    }
  }
  return pattern;
}

// --- Matching ---

const meter = { steps: 0 };
let budget: Budget;

function flushSteps(): void {
  const units = Math.ceil(meter.steps / STEPS_PER_UNIT);
  meter.steps = 0;
  budget.spend(units);
}

/**
 * Finds the first match that begins at or after `init` (only at `init` when the pattern is anchored).
 * Returns the offset behind its last character, or −1; `matchStart`, `starts` and `ends` tell the rest.
 */
export function search(pattern: Pattern, subject: string, init: number, owner: Budget): number {
  budget = owner;
  meter.steps = 1;
  if (++pattern.uses === COMPILE_AFTER && pattern.items.length <= COMPILE_MAX_ITEMS) {
    pattern.matcher = compilePattern(pattern.items, runtime);
  }
  const result = pattern.anchored ? matchHere(pattern, subject, init) : scan(pattern, subject, init);
  flushSteps();
  return result;
}

function matchHere(pattern: Pattern, subject: string, at: number): number {
  matchStart = at;
  return pattern.matcher(subject, at);
}

function scan(pattern: Pattern, subject: string, at: number): number {
  const { matcher, prefix, first } = pattern;
  const length = subject.length;
  for (; at <= length; at++) {
    if (prefix !== "") {
      const from = at;
      at = subject.indexOf(prefix, from);
      // The engine compares many characters in the time the matcher takes one step.
      meter.steps += ((at < 0 ? length : at) - from) >> 4;
      if (at < 0) return -1;
    } else if (first !== undefined) {
      const from = at;
      while (at < length && first[subject.charCodeAt(at)] === 0) at++;
      meter.steps += (at - from) >> 1;
      if (at >= length) return -1;
    }
    if (meter.steps > FLUSH_STEPS) flushSteps();
    const end = matcher(subject, at);
    if (end >= 0) {
      matchStart = at;
      return end;
    }
  }
  return -1;
}

/** Matches items from `k` at offset `i`; returns the end or −1. */
function run(items: readonly Item[], s: string, k: number, i: number): number {
  const length = s.length;
  for (; ; k++) {
    if (++meter.steps > FLUSH_STEPS) flushSteps();
    const item = items[k]!;
    switch (item.op) {
      case ITEM.single: {
        const set = item.set;
        if (item.repeat === REPEAT.once) {
          if (i >= length || set[s.charCodeAt(i)] === 0) return -1;
          i++;
        } else if (item.repeat === REPEAT.greedy) {
          let at = i;
          while (at < length && set[s.charCodeAt(at)] === 1) at++;
          meter.steps += at - i;
          const least = i + item.least;
          if (at < least) return -1;
          if (!item.possessive) {
            for (; at >= least; at--) {
              const end = run(items, s, k + 1, at);
              if (end >= 0) return end;
            }
            return -1;
          }
          i = at;
        } else if (item.repeat === REPEAT.optional) {
          if (i < length && set[s.charCodeAt(i)] === 1) {
            if (item.possessive) i++;
            else {
              const end = run(items, s, k + 1, i + 1);
              if (end >= 0) return end;
            }
          }
        } else {
          for (; ; i++) {
            const end = run(items, s, k + 1, i);
            if (end >= 0) return end;
            if (i >= length || set[s.charCodeAt(i)] === 0) return -1;
          }
        }
        break;
      }
      case ITEM.open:
        starts[item.index] = i;
        break;
      case ITEM.position:
        starts[item.index] = i;
        ends[item.index] = -1;
        break;
      case ITEM.close:
        ends[item.index] = i;
        break;
      case ITEM.end:
        if (i !== length) return -1;
        break;
      case ITEM.balance:
        i = balanced(s, i, item.index, item.other);
        if (i < 0) return -1;
        break;
      case ITEM.frontier: {
        const before = i === 0 ? 0 : s.charCodeAt(i - 1);
        const after = i === length ? 0 : s.charCodeAt(i);
        if (item.set[before] === 1 || item.set[after] === 0) return -1;
        break;
      }
      case ITEM.back:
        i = backReference(s, i, item.index);
        if (i < 0) return -1;
        break;
      case ITEM.match:
        return i;
      default:
        raise(item.message);
    }
  }
}

/** `%1`: the end of a copy of the capture at `i`, or −1. */
function backReference(s: string, i: number, capture: number): number {
  const start = starts[capture]!;
  const size = ends[capture]! - start;
  // A position capture has no text to compare with and never matches.
  if (size < 0 || i + size > s.length) return -1;
  meter.steps += size;
  return s.startsWith(s.slice(start, start + size), i) ? i + size : -1;
}

/** `%bxy`: the end of the balanced run that begins at `i`, or −1. */
function balanced(s: string, i: number, open: number, close: number): number {
  if (i >= s.length || s.charCodeAt(i) !== open) return -1;
  let depth = 1;
  for (let at = i + 1; at < s.length; at++) {
    const c = s.charCodeAt(at);
    if (c === close) {
      if (--depth === 0) {
        meter.steps += at - i;
        return at + 1;
      }
    } else if (c === open) depth++;
  }
  meter.steps += s.length - i;
  return -1;
}

const runtime = { starts, ends, meter, flush: flushSteps, balanced, backReference, raise };

/**
 * Offset of `needle` in `subject` at or after `init`, or −1. Long needles are sought by their beginning, so
 * that a hostile pair of strings cannot cost the engine length × length between two looks at the budget.
 */
export function findPlain(subject: string, needle: string, init: number, owner: Budget): number {
  const SHORT = 64;
  owner.spend(1 + ((subject.length - init) >> 7));
  if (needle.length <= SHORT) return subject.indexOf(needle, init);
  const head = needle.slice(0, SHORT);
  for (let at = subject.indexOf(head, init); at >= 0; at = subject.indexOf(head, at + 1)) {
    owner.spend(1 + (needle.length >> 7));
    if (subject.startsWith(needle, at)) return at;
  }
  return -1;
}
