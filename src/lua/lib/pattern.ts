/**
 * Matching of Lua patterns, and the cache of parsed ones.
 *
 * Two facts make matching simple. The nesting of captures depends only on the place in the pattern, so captures
 * need no undo: a retry overwrites them. And matching never calls back into Lua, so the one set of capture
 * registers below can be shared by all calls: read them before calling anything.
 */

import { raise } from "./check.ts";
import { compilePattern, type Finder, FLUSH_STEPS } from "./pattern-compile.ts";
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

/** Searches after which a pattern is compiled. */
const COMPILE_AFTER = 24;
/** Budget for it: generating code takes as long as a thousand searches. */
const COMPILE_UNITS = 1000;
/** Longer patterns stay interpreted: their code would be large. */
const COMPILE_MAX_ITEMS = 60;
/** What each character of a pattern may take when it is parsed: an item with a set of its own. */
const PARSED_BYTES = 64;

export interface Pattern {
  readonly parsed: ParsedPattern;
  readonly captures: number;
  readonly anchored: boolean;
  uses: number;
  /** The compiled search. */
  finder: Finder | undefined;
}

/** Registers of the last successful match. `ends` is −1 for a position capture. Offsets are 0-based. */
export const starts: Int32Array = new Int32Array(MAX_CAPTURES);
export const ends: Int32Array = new Int32Array(MAX_CAPTURES);
/** `start`: where the last successful search found its match. `steps` is for the budget. */
export const matched = { start: 0, steps: 0 };

const cache = new Map<string, Pattern>();
const unanchoredCache = new Map<string, Pattern>();

/** Parses `text`, or finds it in the cache. Without `mayAnchor` a leading `^` is an ordinary character. */
export function parsePattern(text: string, owner: Budget, mayAnchor = true): Pattern {
  const cached = mayAnchor ? cache : unanchoredCache;
  return cached.get(text) ?? newPattern(text, owner, mayAnchor, cached);
}

function newPattern(text: string, owner: Budget, mayAnchor: boolean, cached: Map<string, Pattern>): Pattern {
  owner.spend(2 * text.length);
  owner.charge(PARSED_BYTES * text.length);
  const parsed = parseItems(text, mayAnchor);
  const pattern: Pattern = {
    parsed,
    captures: parsed.captures,
    anchored: parsed.anchored,
    uses: 0,
    finder: undefined,
  };
  if (text.length <= CACHE_PATTERN_BYTES) {
    if (cached.size >= CACHE_ENTRIES) cached.clear();
    cached.set(text, pattern);
  }
  return pattern;
}

// --- Matching ---

let budget: Budget;

function flushSteps(): void {
  const units = Math.ceil(matched.steps / STEPS_PER_UNIT);
  matched.steps = 0;
  budget.spend(units);
}

/**
 * Finds the first match that begins at or after `init` (only at `init` when the pattern is anchored).
 * Returns the offset behind its last character, or −1; `matched`, `starts` and `ends` tell the rest.
 */
export function search(pattern: Pattern, subject: string, init: number, owner: Budget): number {
  budget = owner;
  matched.steps = 1;
  const { finder } = pattern;
  const result = finder === undefined ? searchInterpreted(pattern, subject, init) : finder(subject, init);
  flushSteps();
  return result;
}

function searchInterpreted(pattern: Pattern, subject: string, init: number): number {
  const { parsed } = pattern;
  if (++pattern.uses === COMPILE_AFTER && parsed.items.length <= COMPILE_MAX_ITEMS) {
    budget.spend(COMPILE_UNITS);
    pattern.finder = compilePattern(parsed, runtime);
  }
  if (!parsed.anchored) return scan(parsed, subject, init);
  matched.start = init;
  return run(parsed.items, subject, 0, init);
}

function scan({ items, prefix, first }: ParsedPattern, subject: string, at: number): number {
  const length = subject.length;
  for (; at <= length; at++) {
    if (prefix !== "") {
      const from = at;
      at = subject.indexOf(prefix, from);
      // The engine compares many characters in the time the matcher takes one step.
      matched.steps += ((at < 0 ? length : at) - from) >> 4;
      if (at < 0) return -1;
    } else if (first !== undefined) {
      const from = at;
      while (at < length && first[subject.charCodeAt(at)] === 0) at++;
      matched.steps += (at - from) >> 1;
      if (at >= length) return -1;
    }
    if (matched.steps > FLUSH_STEPS) flushSteps();
    const end = run(items, subject, 0, at);
    if (end >= 0) {
      matched.start = at;
      return end;
    }
  }
  return -1;
}

/** Matches items from `k` at offset `i`; returns the end or −1. */
function run(items: readonly Item[], s: string, k: number, i: number): number {
  const length = s.length;
  for (; ; k++) {
    if (++matched.steps > FLUSH_STEPS) flushSteps();
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
          matched.steps += at - i;
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
  matched.steps += size;
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
        matched.steps += at - i;
        return at + 1;
      }
    } else if (c === open) depth++;
  }
  matched.steps += s.length - i;
  return -1;
}

const runtime = { starts, ends, matched, flush: flushSteps, balanced, backReference, raise };

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
    owner.spend(1 + (needle.length >> 5));
    if (subject.startsWith(needle, at)) return at;
  }
  return -1;
}
