/**
 * Lua's patterns as code: an item is a test of a byte or a loop of such tests, and what follows an item that gives
 * bytes back stands inside that item's loop, so that each item is written once.
 */

import { ITEM, type Item, type ParsedPattern, parseItems, REPEAT } from "../lua/lib/pattern-items.ts";
import { type Abstract, type Int, int, type Slice } from "./abstract.ts";
import { Join } from "./control.ts";
import type { Operand } from "./ir.ts";
import type { Specializer } from "./specializer.ts";

/** What a match gives: captures by index, `start` and `end` as offsets from 0. */
export interface Match {
  readonly start: Operand;
  readonly end: Operand;
  readonly captures: readonly Abstract[];
}

type Capture =
  | { readonly start: Operand; readonly end: Operand | undefined }
  | { readonly position: Operand };
type Success = (end: Operand, captures: readonly Capture[]) => void;

export function parsePattern(s: Specializer, pattern: string): ParsedPattern {
  const parsed = parseItems(pattern, true);
  for (const { op, message } of parsed.items) {
    if (op === ITEM.fail) {
      s.fail(message);
      return parsed;
    }
    if (op === ITEM.balance || op === ITEM.frontier || op === ITEM.back)
      s.refuse(
        "a pattern with %b, %f or a back reference",
        "use classes and repetitions, or string.byte in a loop",
      );
  }
  if (parsed.unfinished !== undefined) s.fail("unfinished capture");
  return parsed;
}

/** Searches `subject` from the offset `from` on; `found` and `missed` each end somewhere. */
export function search(
  s: Specializer,
  subject: Slice,
  pattern: ParsedPattern,
  from: Operand,
  found: (match: Match) => void,
  missed: () => void,
): void {
  if (s.block === undefined) return;
  const hit = new Join();
  const miss = new Join();
  const matcher = new Matcher(s, subject, pattern.items);
  const attempt = (start: Operand, fail: Join): void =>
    matcher.match(0, start, [], fail, (end, captures) =>
      s.goto(hit, [int(start), int(end), ...captures.map((capture) => matcher.captured(capture))]),
    );
  if (pattern.anchored) attempt(from, miss);
  else
    s.count("find", from, (start, next) => {
      // A match may be empty, also behind the last byte.
      s.fork(
        "jsgt",
        start,
        subject.length,
        () => s.goto(miss),
        () => {
          const fail = new Join();
          attempt(start, fail);
          s.land(fail);
          if (s.block !== undefined) next(s.binary("add", start, 1n));
        },
      );
    });
  const [start, end, ...captures] = s.land(hit);
  if (s.block !== undefined) found({ start: (start as Int).value, end: (end as Int).value, captures });
  s.land(miss);
  if (s.block !== undefined) missed();
}

const isAny = ({ set }: Item): boolean => set.every((member) => member === 1);

class Matcher {
  readonly #s: Specializer;
  readonly #subject: Slice;
  readonly #items: readonly Item[];

  constructor(s: Specializer, subject: Slice, items: readonly Item[]) {
    this.#s = s;
    this.#subject = subject;
    this.#items = items;
  }

  captured(capture: Capture): Abstract {
    if ("position" in capture) return int(this.#s.binary("add", capture.position, 1n));
    const { base, offset } = this.#subject;
    const s = this.#s;
    return {
      kind: "slice",
      base,
      offset: s.binary("add", offset, capture.start),
      length: s.binary("sub", capture.end!, capture.start),
    };
  }

  /** Matches from item `i` on, at `at`; goes to `fail`, or calls `success` once and is ended by it. */
  match(i: number, at: Operand, captures: readonly Capture[], fail: Join, success: Success): void {
    const s = this.#s;
    const item = this.#items[i]!;
    const rest = (next: Operand, more = captures, failRest = fail): void =>
      this.match(i + 1, next, more, failRest, success);
    switch (item.op) {
      case ITEM.match:
        success(at, captures);
        return;
      case ITEM.end:
        s.fork(
          "jeq",
          at,
          this.#subject.length,
          () => rest(at),
          () => s.goto(fail),
        );
        return;
      case ITEM.open:
      case ITEM.position:
      case ITEM.close: {
        const changed = [...captures];
        if (item.op === ITEM.open) changed[item.index] = { start: at, end: undefined };
        else if (item.op === ITEM.position) changed[item.index] = { position: at };
        else changed[item.index] = { start: (captures[item.index] as { start: Operand }).start, end: at };
        rest(at, changed);
        return;
      }
    }
    switch (item.repeat) {
      case REPEAT.once:
        this.#test(
          item,
          at,
          () => rest(s.binary("add", at, 1n)),
          () => s.goto(fail),
        );
        return;
      case REPEAT.lazy:
        s.count("lazy", at, (here, next) => {
          const longer = new Join();
          rest(here, captures, longer);
          s.land(longer);
          if (s.block === undefined) return;
          this.#test(
            item,
            here,
            () => next(s.binary("add", here, 1n)),
            () => s.goto(fail),
          );
        });
        return;
    }
    // As many as there are, at most one for `?`.
    const stop = new Join();
    if (item.repeat === REPEAT.optional)
      this.#test(
        item,
        at,
        () => s.goto(stop, [int(s.binary("add", at, 1n))]),
        () => s.goto(stop, [int(at)]),
      );
    // `.*` takes all there is.
    else if (isAny(item)) s.goto(stop, [int(this.#subject.length)]);
    else
      s.count("most", at, (here, next) =>
        this.#test(
          item,
          here,
          () => next(s.binary("add", here, 1n)),
          () => s.goto(stop, [int(here)]),
        ),
      );
    const [most] = s.land(stop);
    if (s.block === undefined) return;
    const last = (most as Int).value;
    const least = s.binary("add", at, BigInt(item.least));
    if (item.possessive) {
      s.fork(
        "jslt",
        last,
        least,
        () => s.goto(fail),
        () => rest(last),
      );
      return;
    }
    s.count("fewer", last, (here, next) =>
      s.fork(
        "jslt",
        here,
        least,
        () => s.goto(fail),
        () => {
          const shorter = new Join();
          rest(here, captures, shorter);
          s.land(shorter);
          if (s.block !== undefined) next(s.binary("sub", here, 1n));
        },
      ),
    );
  }

  /** Two ways by the byte at `at`, if there is one. */
  #test(item: Item, at: Operand, yes: () => void, no: () => void): void {
    const s = this.#s;
    const { base, offset, length } = this.#subject;
    const fits = new Join();
    const not = new Join();
    s.fork(
      "jsge",
      at,
      length,
      () => s.goto(not),
      () => {
        if (isAny(item)) {
          s.goto(fits);
          return;
        }
        const byte = s.loadAt(1, base, s.binary("add", offset, at));
        inSet(s, byte, item.set, fits, not);
      },
    );
    s.land(fits);
    if (s.block !== undefined) yes();
    s.land(not);
    if (s.block !== undefined) no();
  }
}

const MOST_RUNS = 4;

/** Branches by whether a byte is in a set: by comparisons where few do, otherwise by a table. */
export function inSet(s: Specializer, byte: Operand, set: Uint8Array, yes: Join, no: Join): void {
  const runs: [first: number, last: number][] = [];
  for (let c = 0; c < 256; c++) {
    if (set[c] !== 1) continue;
    const run = runs.at(-1);
    if (run !== undefined && run[1] === c - 1) run[1] = c;
    else runs.push([c, c]);
  }
  if (runs.length > MOST_RUNS) {
    const table = String.fromCharCode(...set);
    const { base, offset } = s.sliceOf({ kind: "text", text: table });
    const member = s.load(1, s.address(base, s.binary("add", offset, byte)), 0);
    s.fork(
      "jne",
      member,
      0n,
      () => s.goto(yes),
      () => s.goto(no),
    );
    return;
  }
  const step = (i: number): void => {
    const run = runs[i];
    if (run === undefined) {
      s.goto(no);
      return;
    }
    const [first, last] = run;
    if (first === last) {
      s.fork(
        "jeq",
        byte,
        BigInt(first),
        () => s.goto(yes),
        () => step(i + 1),
      );
      return;
    }
    s.fork(
      "jgt",
      byte,
      BigInt(last),
      () => step(i + 1),
      () =>
        s.fork(
          "jge",
          byte,
          BigInt(first),
          () => s.goto(yes),
          // Runs come in order: below this one there is none left.
          () => s.goto(no),
        ),
    );
  };
  step(0);
}
