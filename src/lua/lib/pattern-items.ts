/**
 * Lua patterns as a flat list of items whose character classes are 256-entry tables.
 *
 * PUC Lua reports a malformed pattern only when the matcher reaches the broken place; the parser keeps that by
 * ending the list with an item that raises.
 */

/** Captures a pattern may have, as in PUC Lua. */
export const MAX_CAPTURES = 32;
/** Repetitions that may nest on the JavaScript stack: each `*`, `+`, `-`, `?` that backtracks costs a frame. */
const MAX_DEPTH = 200;
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

export interface ParsedPattern {
  readonly items: readonly Item[];
  /** The pattern begins with `^`. */
  readonly anchored: boolean;
  /** Number of captures at the end of the pattern. */
  readonly captures: number;
  /** Captures left open at the end of the pattern, which is an error once they are read; mostly none. */
  readonly unfinished: ReadonlySet<number> | undefined;
  /** Characters every match begins with. */
  readonly prefix: string;
  /** Characters a match can begin with; undefined when that cannot be told, as when it may be empty. */
  readonly first: Uint8Array | undefined;
}

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
  // Deprecated, but still understood.
  z: (c) => c === 0,
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

/** Sets by their text: each is memory of its own to the engine, and programs use few. */
const bracketTables = new Map<string, Uint8Array>();
const BRACKET_TABLES = 200;

/** `[set]` from its bracket to `close`, the place of the closing one. */
function bracketTable(text: string, open: number, close: number): Uint8Array {
  const source = text.slice(open, close);
  let table = bracketTables.get(source);
  if (table === undefined) {
    table = newBracketTable(text, open, close);
    if (bracketTables.size >= BRACKET_TABLES) bracketTables.clear();
    if (source.length <= BRACKET_TABLES) bracketTables.set(source, table);
  }
  return table;
}

function newBracketTable(text: string, open: number, close: number): Uint8Array {
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

const NO_FIELDS: Partial<Item> = {};
const MISSING_BRACKET = "malformed pattern (missing ']')";
const ENDS_WITH_ESCAPE = "malformed pattern (ends with '%')";

/** The items of `text`; a leading `^` anchors only where the function that uses the pattern says so. */
export function parseItems(text: string, mayAnchor: boolean): ParsedPattern {
  const anchored = mayAnchor && text.charCodeAt(0) === 94;
  return new PatternParser(text, anchored ? 1 : 0).parse(anchored);
}

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

  parse(anchored: boolean): ParsedPattern {
    while (this.at < this.text.length && this.problem === undefined) this.item();
    if (this.problem === undefined) this.push(ITEM.match);
    else this.push(ITEM.fail, { message: this.problem });
    markPossessive(this.items);
    return {
      items: this.items,
      anchored,
      captures: this.captures,
      unfinished: this.unfinished.length > 0 ? new Set(this.unfinished) : undefined,
      prefix: literalPrefix(this.items),
      first: firstSet(this.items),
    };
  }

  /** Field by field, since a spread takes longer than all the rest. */
  private push(op: number, fields: Partial<Item> = NO_FIELDS): void {
    this.items.push({
      op,
      set: fields.set ?? EMPTY,
      repeat: fields.repeat ?? REPEAT.once,
      least: fields.least ?? 0,
      possessive: false,
      index: fields.index ?? 0,
      other: fields.other ?? 0,
      message: fields.message ?? "",
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

/** What takes no character, so that a match begins with what the next item begins with. */
const isEmpty = ({ op }: Item): boolean =>
  op === ITEM.open || op === ITEM.position || op === ITEM.close || op === ITEM.frontier;

/** The leading characters that stand for themselves. */
function literalPrefix(items: readonly Item[]): string {
  let prefix = "";
  for (const item of items) {
    if (isEmpty(item)) continue;
    if (item.op !== ITEM.single || item.repeat !== REPEAT.once) break;
    const c = item.set.indexOf(1);
    if (item.set !== characterTables[c]) break;
    prefix += String.fromCharCode(c);
  }
  return prefix;
}

/** What a match of items can begin with: these characters, or the end of the subject as well. */
export interface Leading {
  readonly set: Uint8Array;
  readonly atEnd: boolean;
}

/** What the items from `from` on can begin with; undefined when it cannot be told. */
export function leading(items: readonly Item[], from: number): Leading | undefined {
  const set = new Uint8Array(256);
  for (const item of items.slice(from)) {
    if (isEmpty(item)) continue;
    if (item.op === ITEM.end) return { set, atEnd: true };
    if (item.op === ITEM.balance) {
      set[item.index] = 1;
      return { set, atEnd: false };
    }
    if (item.op !== ITEM.single || item.set === ANY) return undefined;
    for (let c = 0; c < 256; c++) set[c]! |= item.set[c]!;
    if (item.repeat === REPEAT.once || item.least === 1) return { set, atEnd: false };
  }
  return undefined;
}

function firstSet(items: readonly Item[]): Uint8Array | undefined {
  const first = leading(items, 0);
  return first?.atEnd === false ? first.set : undefined;
}
