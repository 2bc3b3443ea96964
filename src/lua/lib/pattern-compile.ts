/**
 * Patterns that are used often become JavaScript: about five times the speed of the matcher in pattern.ts, which
 * stays the definition of what they mean. Items run straight on; one that may have to give characters back calls
 * the function of the items behind it, so the stack is as deep as the pattern has such items.
 */

import { ITEM, type Item, type ParsedPattern, REPEAT } from "./pattern-items.ts";

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
  const { items, first } = pattern;
  const make = new Function("runtime", "first", "sets", new PatternWriter(pattern).write());
  const sets = items.map((item) => item.set);
  return make(runtime, first, sets) as Finder;
}

class PatternWriter {
  private readonly pattern: ParsedPattern;
  private readonly items: readonly Item[];
  /** Items at which a function begins, in the order they were met. */
  private readonly entries = [0];

  constructor(pattern: ParsedPattern) {
    this.pattern = pattern;
    this.items = pattern.items;
  }

  write(): string {
    const lines = ["const { starts, ends, matched, flush, balanced, backReference, raise } = runtime;"];
    for (const k of this.items.keys()) lines.push(`const set${k} = sets[${k}];`);
    for (let n = 0; n < this.entries.length; n++) lines.push(this.function(this.entries[n]!));
    lines.push(this.search(), "return search;");
    return lines.join("\n");
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
          ? `const from = i; while (i < s.length && first[s.charCodeAt(i)] === 0) i++;
matched.steps += (i - from) >> 1; if (i >= s.length) return -1;`
          : "";
    return `function search(s, i) {
for (; i <= s.length; i++) { ${skip}
if (++matched.steps > ${FLUSH_STEPS}) flush();
const end = match0(s, i); if (end >= 0) { matched.start = i; return end; } }
return -1; }`;
  }

  private function(first: number): string {
    const lines = [`function match${first}(s, i) {`, "const length = s.length;"];
    for (let k = first; k < this.items.length; k++) {
      const item = this.items[k]!;
      lines.push(item.op === ITEM.single ? this.single(item, k) : this.other(item, k));
      if (item.repeat !== REPEAT.once && !item.possessive) break;
    }
    lines.push("}");
    return lines.join("\n");
  }

  /** Whether the character at `offset` belongs to item `k`. */
  private test(k: number, offset: string): string {
    const { set } = this.items[k]!;
    const members = set.reduce((sum, member) => sum + member, 0);
    if (members === 256) return `${offset} < length`;
    const member = members === 1 ? `=== ${set.indexOf(1)}` : "";
    const character = `s.charCodeAt(${offset})`;
    return member !== ""
      ? `${offset} < length && ${character} ${member}`
      : `${offset} < length && set${k}[${character}] === 1`;
  }

  private single(item: Item, k: number): string {
    const here = this.test(k, "i");
    if (item.repeat === REPEAT.once) return `if (!(${here})) return -1;\ni++;`;
    if (item.possessive) {
      if (item.repeat === REPEAT.optional) return `if (${here}) i++;`;
      const enough = item.least === 0 ? "" : `if (i === begin) return -1;`;
      return `{ const begin = i; while (${here}) i++; ${enough} matched.steps += i - begin; }`;
    }
    const rest = k + 1;
    if (!this.entries.includes(rest)) this.entries.push(rest);
    const attempt = (at: string): string => {
      const next = this.items[rest]!;
      const mustMatch = next.op === ITEM.single && (next.repeat === REPEAT.once || next.least === 1);
      const guard = mustMatch ? `if (${this.test(rest, at)}) ` : "";
      return `${guard}{ const end = match${rest}(s, ${at}); if (end >= 0) return end; }`;
    };
    switch (item.repeat) {
      case REPEAT.greedy:
        return `let at = i; while (${this.test(k, "at")}) at++;
matched.steps += at - i;
for (const least = i + ${item.least}; at >= least; at--) { ${STEP} ${attempt("at")} }
return -1;`;
      case REPEAT.optional:
        return `${STEP}
if (${here}) { const next = i + 1; ${attempt("next")} }
return match${rest}(s, i);`;
      default:
        return `for (;; i++) { ${STEP} ${attempt("i")} if (!(${here})) return -1; }`;
    }
  }

  private other(item: Item, k: number): string {
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
        return `if (set${k}[i === 0 ? 0 : s.charCodeAt(i - 1)] === 1) return -1;
if (set${k}[i === length ? 0 : s.charCodeAt(i)] === 0) return -1;`;
      case ITEM.back:
        return `i = backReference(s, i, ${index}); if (i < 0) return -1;`;
      case ITEM.match:
        return "return i;";
      default:
        return `return raise(${JSON.stringify(item.message)});`;
    }
  }
}
