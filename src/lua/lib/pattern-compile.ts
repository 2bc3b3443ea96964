/**
 * Patterns that are used often become JavaScript: about five times the speed of the matcher in pattern.ts, which
 * stays the definition of what they mean. Items run straight on; one that may have to give characters back calls
 * the function of the items behind it, so the stack is as deep as the pattern has such items.
 */

import { ITEM, type Item, REPEAT } from "./pattern-items.ts";

/** What generated code shares with the matcher. */
export interface PatternRuntime {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Steps since the budget was last charged. */
  readonly meter: { steps: number };
  flush(): void;
  balanced(subject: string, at: number, open: number, close: number): number;
  backReference(subject: string, at: number, capture: number): number;
  raise(message: string): never;
}

/** Matches at offset `at`; returns the end or −1. */
export type Matcher = (subject: string, at: number) => number;

export const FLUSH_STEPS = 1024;
const STEP = `if (++meter.steps > ${FLUSH_STEPS}) flush();`;

/** Generates, and lets the engine compile, the matcher of a list of items. */
export function compilePattern(items: readonly Item[], runtime: PatternRuntime): Matcher {
  const source = new PatternWriter(items).write();
  const make = new Function("runtime", "sets", source) as (
    runtime: PatternRuntime,
    sets: readonly Uint8Array[],
  ) => Matcher;
  return make(
    runtime,
    items.map((item) => item.set),
  );
}

class PatternWriter {
  private readonly items: readonly Item[];
  /** Items at which a function begins, in the order they were met. */
  private readonly entries = [0];

  constructor(items: readonly Item[]) {
    this.items = items;
  }

  write(): string {
    const lines = ["const { starts, ends, meter, flush, balanced, backReference, raise } = runtime;"];
    for (const k of this.items.keys()) lines.push(`const set${k} = sets[${k}];`);
    for (let n = 0; n < this.entries.length; n++) lines.push(this.function(this.entries[n]!));
    lines.push("return match0;");
    return lines.join("\n");
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
      return `{ const begin = i; while (${here}) i++; ${enough} meter.steps += i - begin; }`;
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
meter.steps += at - i;
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
