/**
 * Lua patterns: parsing to items, and the matcher over them.
 *
 * A pattern is parsed once into a flat list of items whose character classes are 256-entry tables; the list is
 * cached by pattern text. Two facts make matching simple. The nesting of captures depends only on the place
 * in the pattern, so captures need no undo: a retry overwrites them. And matching never calls back into Lua,
 * so the one set of capture registers below can be shared by all calls: read them before calling anything.
 *
 * PUC Lua reports a malformed pattern only when the matcher reaches the broken place; the parser keeps that by
 * ending the list with an item that raises.
 */

import { raise } from "./check.ts";

/** The part of a Lua state that bounds the work and the memory of library functions. */
export interface Budget {
  /** Takes `n` units of the instruction budget; raises when it is used up. */
  spend(n: number): void;
  /** Announces an allocation before it happens; raises "not enough memory" above the limit. */
  charge(bytes: number): void;
}

/** Captures a pattern may have, as in PUC Lua. */
const MAX_CAPTURES = 32;
/** Repetitions that may nest on the JavaScript stack: each `*`, `+`, `-`, `?` that backtracks costs a frame. */
const MAX_DEPTH = 200;
/** Matcher steps worth one unit of the instruction budget. */
const STEPS_PER_UNIT = 8;
const FLUSH_STEPS = 1024;
const CACHE_ENTRIES = 500;
const CACHE_PATTERN_BYTES = 200;

export const ITEM = {
  single: 0, // one character of `set`, repeated as `repeat` says
  open: 1, // start of capture `index`
  position: 2, // position capture `index`
  close: 3, // end of capture `index`
  end: 4, // `$` at the end of the pattern
  balance: 5, // %bxy, `index` = x, `other` = y
  frontier: 6, // %f[set]
  back: 7, // %1..%9, `index` = capture
  fail: 8, // malformed from here on: raises `message`
  match: 9, // the end of the pattern
} as const;

export const REPEAT = { once: 0, greedy: 1, lazy: 2, optional: 3 } as const;

export interface Item {
  readonly op: number;
  readonly set: Uint8Array;
  readonly repeat: number;
  /** Fewest repetitions: 1 for `+`. */
  readonly least: number;
  /** What follows cannot match a character of `set`, so giving characters back is pointless. */
  possessive: boolean;
  readonly index: number;
  readonly other: number;
  readonly message: string;
}

export interface Pattern {
  readonly items: readonly Item[];
  /** The pattern begins with `^`. */
  readonly anchored: boolean;
  /** Number of captures at the end of the pattern. */
  readonly captures: number;
  /** Captures left open at the end of the pattern, which is an error once they are read. */
  readonly unfinished: ReadonlySet<number>;
  /** Characters every match begins with. */
  readonly prefix: string;
  /** Characters a match can begin with; undefined when that cannot be told, as when it may be empty. */
  readonly first: Uint8Array | undefined;
}

/** Registers of the last successful match. `ends` is −1 for a position capture. Offsets are 0-based. */
export const starts: Int32Array = new Int32Array(MAX_CAPTURES);
export const ends: Int32Array = new Int32Array(MAX_CAPTURES);
/** Where the last successful `search` began. */
export let matchStart = 0;

// --- Classes ---

const EMPTY = new Uint8Array(256);
const ANY = new Uint8Array(256).fill(1);

const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isLower = (c: number): boolean => c >= 97 && c <= 122;
const isUpper = (c: number): boolean => c >= 65 && c <= 90;
const isAlnum = (c: number): boolean => isDigit(c) || isLower(c) || isUpper(c);
const isPrintable = (c: number): boolean => c > 32 && c < 127;

/** The ctype predicates of the C locale, by class letter. */
const CLASSES: Readonly<Record<string, (c: number) => boolean>> = {
  a: (c) => isLower(c) || isUpper(c),
  c: (c) => c < 32 || c === 127,
  d: isDigit,
  g: isPrintable,
  l: isLower,
  p: (c) => isPrintable(c) && !isAlnum(c),
  s: (c) => c === 32 || (c >= 9 && c <= 13),
  u: isUpper,
  w: isAlnum,
  x: (c) => isDigit(c) || (c >= 97 && c <= 102) || (c >= 65 && c <= 70),
};

const classTables = new Map<string, Uint8Array>();
for (const [letter, has] of Object.entries(CLASSES)) {
  const table = EMPTY.map((_, c) => (has(c) ? 1 : 0));
  classTables.set(letter, table);
  classTables.set(letter.toUpperCase(), complement(table));
}

const characterTables: (Uint8Array | undefined)[] = [];

function complement(table: Uint8Array): Uint8Array {
  return table.map((member) => 1 - member);
}

function characterTable(c: number): Uint8Array {
  let table = characterTables[c];
  if (table === undefined) {
    table = new Uint8Array(256);
    table[c] = 1;
    characterTables[c] = table;
  }
  return table;
}

/** The class after a `%`: a letter's class, or that very character. */
function escapedTable(text: string, at: number): Uint8Array {
  return classTables.get(text.charAt(at)) ?? characterTable(text.charCodeAt(at));
}

/** `[set]` from its bracket to `close`, the place of the closing one. */
function bracketTable(text: string, open: number, close: number): Uint8Array {
  const table = new Uint8Array(256);
  let at = open + 1;
  const negated = text[at] === "^";
  if (negated) at++;
  for (; at < close; at++) {
    if (text[at] === "%") {
      at++;
      const escaped = escapedTable(text, at);
      for (let c = 0; c < 256; c++) table[c]! |= escaped[c]!;
    } else if (text[at + 1] === "-" && at + 2 < close) {
      const last = text.charCodeAt(at + 2);
      for (let c = text.charCodeAt(at); c <= last; c++) table[c] = 1;
      at += 2;
    } else {
      table[text.charCodeAt(at)] = 1;
    }
  }
  return negated ? complement(table) : table;
}

// --- Parsing ---

const MISSING_BRACKET = "malformed pattern (missing ']')";
const ENDS_WITH_ESCAPE = "malformed pattern (ends with '%')";

/** Reads a pattern from left to right; `problem` stops it. */
class PatternParser {
  private readonly text: string;
  private at: number;
  private readonly items: Item[] = [];
  private captures = 0;
  private readonly unfinished: number[] = [];
  private repetitions = 0;
  private problem: string | undefined;

  constructor(text: string, at: number) {
    this.text = text;
    this.at = at;
  }

  parse(anchored: boolean): Pattern {
    while (this.at < this.text.length && this.problem === undefined) this.item();
    if (this.problem === undefined) this.push(ITEM.match);
    else this.push(ITEM.fail, { message: this.problem });
    markPossessive(this.items);
    return {
      items: this.items,
      anchored,
      captures: this.captures,
      unfinished: new Set(this.unfinished),
      prefix: literalPrefix(this.items, this.text),
      first: firstSet(this.items),
    };
  }

  private push(op: number, fields: Partial<Item> = {}): void {
    this.items.push({
      op,
      set: EMPTY,
      repeat: REPEAT.once,
      least: 0,
      possessive: false,
      index: 0,
      other: 0,
      message: "",
      ...fields,
    });
  }

  private item(): void {
    const { text, at } = this;
    const c = text[at];
    const next = text[at + 1];
    if (c === "(") this.open(next === ")");
    else if (c === ")") this.close();
    else if (c === "$" && at + 1 === text.length) {
      this.at++;
      this.push(ITEM.end);
    } else if (c === "%" && next === "b") this.balance();
    else if (c === "%" && next === "f") this.frontier();
    else if (c === "%" && next !== undefined && next >= "0" && next <= "9") this.back(Number(next));
    else this.single();
  }

  private open(isPosition: boolean): void {
    if (this.captures >= MAX_CAPTURES) {
      this.problem = "too many captures";
      return;
    }
    const index = this.captures++;
    this.at += isPosition ? 2 : 1;
    if (!isPosition) this.unfinished.push(index);
    this.push(isPosition ? ITEM.position : ITEM.open, { index });
  }

  private close(): void {
    const index = this.unfinished.pop();
    if (index === undefined) {
      this.problem = "invalid pattern capture";
      return;
    }
    this.at++;
    this.push(ITEM.close, { index });
  }

  private balance(): void {
    if (this.at + 3 >= this.text.length) {
      this.problem = "malformed pattern (missing arguments to '%b')";
      return;
    }
    this.push(ITEM.balance, {
      index: this.text.charCodeAt(this.at + 2),
      other: this.text.charCodeAt(this.at + 3),
    });
    this.at += 4;
  }

  private frontier(): void {
    this.at += 2;
    if (this.text[this.at] !== "[") {
      this.problem = "missing '[' after '%f' in pattern";
      return;
    }
    const set = this.set();
    if (set !== undefined) this.push(ITEM.frontier, { set });
  }

  private back(number: number): void {
    const index = number - 1;
    if (index < 0 || index >= this.captures || this.unfinished.includes(index)) {
      this.problem = `invalid capture index %${number}`;
      return;
    }
    this.at += 2;
    this.push(ITEM.back, { index });
  }

  private single(): void {
    const set = this.set();
    if (set === undefined) return;
    const suffix = this.text[this.at];
    if (suffix === "*" || suffix === "+" || suffix === "-" || suffix === "?") {
      this.at++;
      if (++this.repetitions > MAX_DEPTH) {
        this.problem = "pattern too complex";
        return;
      }
      if (suffix === "?") this.push(ITEM.single, { set, repeat: REPEAT.optional });
      else if (suffix === "-") this.push(ITEM.single, { set, repeat: REPEAT.lazy });
      else this.push(ITEM.single, { set, repeat: REPEAT.greedy, least: suffix === "+" ? 1 : 0 });
    } else {
      this.push(ITEM.single, { set });
    }
  }

  /** The set of one character class, leaving `at` behind it; undefined after setting `problem`. */
  private set(): Uint8Array | undefined {
    const { text } = this;
    const start = this.at;
    const c = text[start];
    if (c === "%") {
      if (start + 1 >= text.length) {
        this.problem = ENDS_WITH_ESCAPE;
        return undefined;
      }
      this.at = start + 2;
      return escapedTable(text, start + 1);
    }
    if (c !== "[") {
      this.at = start + 1;
      return c === "." ? ANY : characterTable(text.charCodeAt(start));
    }
    // The first character after `[` or `[^` is a member even when it is `]`.
    let at = start + 1;
    if (text[at] === "^") at++;
    do {
      if (at >= text.length) {
        this.problem = MISSING_BRACKET;
        return undefined;
      }
      at += text[at] === "%" && at + 1 < text.length ? 2 : 1;
    } while (text[at] !== "]");
    this.at = at + 1;
    return bracketTable(text, start, at);
  }
}

function disjoint(a: Uint8Array, b: Uint8Array): boolean {
  for (let c = 0; c < 256; c++) if (a[c] === 1 && b[c] === 1) return false;
  return true;
}

function markPossessive(items: Item[]): void {
  for (let k = 0; k < items.length - 1; k++) {
    const item = items[k]!;
    if (item.repeat !== REPEAT.greedy && item.repeat !== REPEAT.optional) continue;
    let follow = k + 1;
    while (items[follow]!.op >= ITEM.open && items[follow]!.op <= ITEM.close) follow++;
    const next = items[follow]!;
    const takesOne = next.op === ITEM.single && (next.repeat === REPEAT.once || next.least === 1);
    item.possessive =
      next.op === ITEM.match || next.op === ITEM.end || (takesOne && disjoint(item.set, next.set));
  }
}

/** The leading characters that stand for themselves. Nothing before them moves, so offsets agree. */
function literalPrefix(items: readonly Item[], _text: string): string {
  let prefix = "";
  for (const item of items) {
    if (item.op !== ITEM.single || item.repeat !== REPEAT.once) break;
    const c = item.set.indexOf(1);
    if (item.set !== characterTables[c]) break;
    prefix += String.fromCharCode(c);
  }
  return prefix;
}

function firstSet(items: readonly Item[]): Uint8Array | undefined {
  const first = new Uint8Array(256);
  for (const item of items) {
    if (item.op === ITEM.open || item.op === ITEM.position || item.op === ITEM.close) continue;
    if (item.op === ITEM.balance) {
      first[item.index] = 1;
      return first;
    }
    if (item.op !== ITEM.single || item.set === ANY) return undefined;
    for (let c = 0; c < 256; c++) first[c]! |= item.set[c]!;
    if (item.repeat === REPEAT.once || item.least === 1) return first;
  }
  return undefined;
}

const cache = new Map<string, Pattern>();
const unanchoredCache = new Map<string, Pattern>();

/** Parses `text`, or finds it in the cache. Without `mayAnchor` a leading `^` is an ordinary character. */
export function parsePattern(text: string, mayAnchor = true): Pattern {
  const cached = mayAnchor ? cache : unanchoredCache;
  let pattern = cached.get(text);
  if (pattern === undefined) {
    const anchored = mayAnchor && text.charCodeAt(0) === 94;
    pattern = new PatternParser(text, anchored ? 1 : 0).parse(anchored);
    if (text.length <= CACHE_PATTERN_BYTES) {
      if (cached.size >= CACHE_ENTRIES) cached.clear();
      cached.set(text, pattern);
    }
  }
  return pattern;
}

// --- Matching ---

let steps = 0;
let budget: Budget;

function flushSteps(): void {
  const units = Math.ceil(steps / STEPS_PER_UNIT);
  steps = 0;
  budget.spend(units);
}

/**
 * Finds the first match that begins at or after `init` (only at `init` when the pattern is anchored).
 * Returns the offset behind its last character, or −1; `matchStart`, `starts` and `ends` tell the rest.
 */
export function search(pattern: Pattern, subject: string, init: number, owner: Budget): number {
  budget = owner;
  steps = 1;
  const result = pattern.anchored ? matchHere(pattern, subject, init) : scan(pattern, subject, init);
  flushSteps();
  return result;
}

function matchHere(pattern: Pattern, subject: string, at: number): number {
  matchStart = at;
  return run(pattern.items, subject, 0, at);
}

function scan(pattern: Pattern, subject: string, at: number): number {
  const { items, prefix, first } = pattern;
  const length = subject.length;
  for (; at <= length; at++) {
    if (prefix !== "") {
      const from = at;
      at = subject.indexOf(prefix, from);
      // The engine compares many characters in the time the matcher takes one step.
      steps += ((at < 0 ? length : at) - from) >> 4;
      if (at < 0) return -1;
    } else if (first !== undefined) {
      const from = at;
      while (at < length && first[subject.charCodeAt(at)] === 0) at++;
      steps += (at - from) >> 1;
      if (at >= length) return -1;
    }
    if (steps > FLUSH_STEPS) flushSteps();
    const end = run(items, subject, 0, at);
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
    if (++steps > FLUSH_STEPS) flushSteps();
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
          steps += at - i;
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
      case ITEM.back: {
        const start = starts[item.index]!;
        const size = ends[item.index]! - start;
        // A position capture has no text to compare with and never matches.
        if (size < 0 || i + size > length) return -1;
        steps += size;
        if (!s.startsWith(s.slice(start, start + size), i)) return -1;
        i += size;
        break;
      }
      case ITEM.match:
        return i;
      default:
        raise(item.message);
    }
  }
}

/** `%bxy`: the end of the balanced run that begins at `i`, or −1. */
function balanced(s: string, i: number, open: number, close: number): number {
  if (i >= s.length || s.charCodeAt(i) !== open) return -1;
  let depth = 1;
  for (let at = i + 1; at < s.length; at++) {
    const c = s.charCodeAt(at);
    if (c === close) {
      if (--depth === 0) {
        steps += at - i;
        return at + 1;
      }
    } else if (c === open) depth++;
  }
  steps += s.length - i;
  return -1;
}

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
