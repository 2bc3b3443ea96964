/**
 * Patterns that are used often become JavaScript: about five times the speed of the matcher in pattern.ts, which
 * stays the definition of what they mean. Items run straight on; one that may have to give characters back calls
 * the function of the items behind it, so the stack is as deep as the pattern has such items.
 */

import { ITEM, type Item, type Leading, leading, type ParsedPattern, REPEAT } from "./pattern-items.ts";

/** What generated code shares with the matcher. */
export interface PatternRuntime {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Where the match begins, and the steps since the budget was last charged. */
  readonly matched: { start: number; steps: number };
  flush(): void;
  balanced(subject: string, at: number, open: number, close: number): number;
  backReference(subject: string, at: number, capture: number): number;
  raise(message: string): never;
}

/** Searches from offset `at` on; returns the end of the match or −1. */
export type Finder = (subject: string, at: number) => number;

export const FLUSH_STEPS = 1024;
const STEP = `if (++matched.steps > ${FLUSH_STEPS}) flush();`;

/** Generates, and lets the engine compile, the search for a pattern. */
export function compilePattern(pattern: ParsedPattern, runtime: PatternRuntime): Finder {
  const writer = new PatternWriter(pattern);
  const make = new Function("runtime", "tables", writer.write());
  return make(runtime, writer.tables) as Finder;
}

/** A set of more runs of characters than this is looked up in its table. */
const MAX_RUNS = 2;

/** The runs of neighbouring characters that are, or are not, in a set: from the first to the last. */
function runsOf(set: Uint8Array, member: 0 | 1): [number, number][] {
  const runs: [number, number][] = [];
  for (let from = set.indexOf(member); from >= 0; ) {
    const behind = set.indexOf(1 - member, from);
    runs.push([from, (behind < 0 ? set.length : behind) - 1]);
    from = behind < 0 ? -1 : set.indexOf(member, behind);
  }
  return runs;
}

/** The conditions for `c` to be in one of the runs. */
function within(runs: readonly [number, number][]): string {
  const condition = ([from, to]: readonly [number, number]): string =>
    from === to ? `c === ${from}` : `c - ${from} >>> 0 <= ${to - from}`;
  return runs.length === 0 ? "false" : runs.map(condition).join(" || ");
}

class PatternWriter {
  /** What generated code looks characters up in. */
  readonly tables: Uint8Array[] = [];
  private readonly pattern: ParsedPattern;
  private readonly items: readonly Item[];
  /** Items at which a function begins, in the order they were met. */
  private readonly entries = [0];

  constructor(pattern: ParsedPattern) {
    this.pattern = pattern;
    this.items = pattern.items;
  }

  write(): string {
    const functions: string[] = [];
    for (let n = 0; n < this.entries.length; n++) functions.push(this.function(this.entries[n]!));
    const search = this.search();
    return [
      "const { starts, ends, matched, flush, balanced, backReference, raise } = runtime;",
      ...this.tables.map((_, n) => `const table${n} = tables[${n}];`),
      ...functions,
      search,
      "return search;",
    ].join("\n");
  }

  /** What `search` in pattern.ts does. */
  private search(): string {
    const { anchored, prefix, first } = this.pattern;
    if (anchored) return "function search(s, i) { matched.start = i; return match0(s, i); }";
    const skip =
      prefix !== ""
        ? `const from = i; i = s.indexOf(${JSON.stringify(prefix)}, from);
matched.steps += ((i < 0 ? s.length : i) - from) >> 4; if (i < 0) return -1;`
        : first !== undefined
          ? `const from = i; while (i < s.length && !${this.isIn(first, "s.charCodeAt(i)")}) i++;
matched.steps += (i - from) >> 1; if (i >= s.length) return -1;`
          : "";
    return `function search(s, i) { let c;
for (; i <= s.length; i++) { ${skip}
if (++matched.steps > ${FLUSH_STEPS}) flush();
const end = match0(s, i); if (end >= 0) { matched.start = i; return end; } }
return -1; }`;
  }

  private function(first: number): string {
    const lines = [`function match${first}(s, i) {`, "const length = s.length; let c;"];
    for (let k = first; k < this.items.length; k++) {
      const item = this.items[k]!;
      lines.push(item.op === ITEM.single ? this.single(item, k) : this.other(item));
      if (item.repeat !== REPEAT.once && !item.possessive) break;
    }
    lines.push("}");
    return lines.join("\n");
  }

  /** Whether `character` belongs to a set. */
  private isIn(set: Uint8Array, character: string): string {
    const [runs, gaps] = [runsOf(set, 1), runsOf(set, 0)];
    if (runs.length <= MAX_RUNS) return `(c = ${character}, ${within(runs)})`;
    if (gaps.length <= MAX_RUNS) return `(c = ${character}, !(${within(gaps)}))`;
    let table = this.tables.indexOf(set);
    if (table < 0) table = this.tables.push(set) - 1;
    return `(table${table}[${character}] === 1)`;
  }

  /** Whether there is a character of `set` at `offset`. */
  private test(set: Uint8Array, offset: string): string {
    const isInside = `${offset} < length`;
    return set.includes(0) ? `${isInside} && ${this.isIn(set, `s.charCodeAt(${offset})`)}` : isInside;
  }

  private single(item: Item, k: number): string {
    const here = this.test(item.set, "i");
    if (item.repeat === REPEAT.once) return `if (!(${here})) return -1;\ni++;`;
    if (item.possessive) {
      if (item.repeat === REPEAT.optional) return `if (${here}) i++;`;
      const enough = item.least === 0 ? "" : `if (i === begin) return -1;`;
      return `{ const begin = i; while (${here}) i++; ${enough} matched.steps += i - begin; }`;
    }
    const rest = k + 1;
    if (!this.entries.includes(rest)) this.entries.push(rest);
    // Most characters cannot begin what follows, which is then not worth a call.
    const start = leading(this.items, rest);
    const attempt = (at: string): string => {
      const guard =
        start === undefined
          ? ""
          : `if (${start.atEnd ? `${at} === length || ` : ""}${this.test(start.set, at)}) `;
      return `${guard}{ const end = match${rest}(s, ${at}); if (end >= 0) return end; }`;
    };
    switch (item.repeat) {
      case REPEAT.greedy:
        return `let at = i; while (${this.test(item.set, "at")}) at++;
matched.steps += at - i;
for (const least = i + ${item.least}; at >= least; at--) { ${STEP} ${attempt("at")} }
return -1;`;
      case REPEAT.optional:
        return `${STEP}
if (${here}) { const next = i + 1; ${attempt("next")} }
return match${rest}(s, i);`;
      default:
        return `for (;; i++) { ${this.skip(item.set, start)} ${STEP} ${attempt("i")} if (!(${here})) return -1; }`;
    }
  }

  /** Passes over characters of `set` that cannot begin what follows. */
  private skip(set: Uint8Array, start: Leading | undefined): string {
    if (start === undefined) return "";
    const passed = set.map((member, c) => member & ~start.set[c]!);
    return `{ const from = i; while (${this.test(passed, "i")}) i++; matched.steps += i - from; }`;
  }

  private other(item: Item): string {
    const { index } = item;
    switch (item.op) {
      case ITEM.open:
        return `starts[${index}] = i;`;
      case ITEM.position:
        return `starts[${index}] = i; ends[${index}] = -1;`;
      case ITEM.close:
        return `ends[${index}] = i;`;
      case ITEM.end:
        return "if (i !== length) return -1;";
      case ITEM.balance:
        return `i = balanced(s, i, ${index}, ${item.other}); if (i < 0) return -1;`;
      case ITEM.frontier:
        return `if (${this.isIn(item.set, "i === 0 ? 0 : s.charCodeAt(i - 1)")}) return -1;
if (!(${this.isIn(item.set, "i === length ? 0 : s.charCodeAt(i)")})) return -1;`;
      case ITEM.back:
        return `i = backReference(s, i, ${index}); if (i < 0) return -1;`;
      case ITEM.match:
        return "return i;";
      default:
        return `return raise(${JSON.stringify(item.message)});`;
    }
  }
}
