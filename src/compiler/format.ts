/** Numbers as text, and `string.format` for what comes of it: built on the heap, so that it may be compared or kept. */

import { type Abstract, type Int, int, type Single, type Slice, text } from "./abstract.ts";
import { integerArgument } from "./arguments.ts";
import { Join } from "./control.ts";
import type { Operand } from "./ir.ts";
import type { Specializer } from "./specializer.ts";

const MOST_DIGITS = 20n;

/** The digits of a natural number in base 10 or 16, at least `width` of them with zeros or spaces in front. */
function digits(
  s: Specializer,
  value: Operand,
  base: 10n | 16n,
  isUpper: boolean,
  width: number,
  fill: string,
): Slice {
  const room = BigInt(Math.max(Number(MOST_DIGITS), width)) + 8n;
  const start = s.reserve(room);
  // From the last digit on: where the first will be is not known before.
  const done = new Join();
  const left = s.newVariable("number", int(value));
  const letters = (isUpper ? 65n : 97n) - 10n;
  s.count("digits", 0n, (i, next) => {
    const number = (s.cells.get(left) as Int).value;
    const digit = base === 16n ? s.binary("and", number, 15n) : s.binary("mod", number, 10n);
    const rest = base === 16n ? s.binary("rsh", number, 4n) : s.binary("div", number, 10n);
    const shown = new Join();
    s.fork(
      "jgt",
      digit,
      9n,
      () => s.goto(shown, [int(s.binary("add", digit, letters))]),
      () => s.goto(shown, [int(s.binary("add", digit, 48n))]),
    );
    const [byte] = s.land(shown);
    const at = s.binary("sub", room - 9n, i);
    s.store(1, s.heapAddress(s.binary("add", start, at)), 0, (byte as Int).value);
    s.cells.set(left, int(rest));
    s.fork(
      "jeq",
      rest,
      0n,
      () => s.goto(done, [int(s.binary("add", i, 1n))]),
      () => next(s.binary("add", i, 1n)),
    );
  });
  s.cells.delete(left);
  let [count] = s.land(done) as [Int];
  if (width > 1) {
    const filled = new Join();
    s.count("fill", count.value, (i, next) =>
      s.fork(
        "jsge",
        i,
        BigInt(width),
        () => s.goto(filled, [int(i)]),
        () => {
          const at = s.binary("sub", room - 9n, i);
          s.store(1, s.heapAddress(s.binary("add", start, at)), 0, BigInt(fill.charCodeAt(0)));
          next(s.binary("add", i, 1n));
        },
      ),
    );
    [count] = s.land(filled) as [Int];
  }
  const length = s.bounded(count.value, 1n, room - 8n);
  return {
    kind: "slice",
    base: s.heapRead,
    offset: s.binary("add", start, s.binary("sub", room - 8n, length)),
    length,
  };
}

/** An integer as Lua writes it. */
export function decimal(s: Specializer, value: Operand): Single {
  const { low } = s.rangeOf(value);
  if (low >= 0n) return digits(s, value, 10n, false, 1, "0");
  const done = new Join();
  s.fork(
    "jslt",
    value,
    0n,
    () => s.goto(done, [s.joined([text("-"), digits(s, s.negate(value), 10n, false, 1, "0")])]),
    () => s.goto(done, [digits(s, value, 10n, false, 1, "0")]),
  );
  return s.land(done)[0] as Single;
}

/** `string.format` where every item is one that programs can write; undefined for others. */
export function format(s: Specializer, pattern: string, args: readonly Abstract[]): Abstract | undefined {
  const pieces: Single[] = [];
  let next = 0;
  for (const [item, literal, flags, width, conversion] of pattern.matchAll(
    /([^%]+)|%([0]?)(\d*)([%a-zA-Z])/g,
  )) {
    if (literal !== undefined) {
      pieces.push(text(literal));
      continue;
    }
    if (item === "%%") {
      pieces.push(text("%"));
      continue;
    }
    const value = args[next++];
    const columns = width === "" ? 1 : Number(width);
    if (value === undefined || columns > 32) return undefined;
    if (conversion === "s" && width === "") {
      const piece = value.kind === "union" ? undefined : s.textValue(value);
      if (piece === undefined) return undefined;
      pieces.push(piece);
      if (s.block === undefined) return undefined;
      continue;
    }
    if (!"dixX".includes(conversion!)) return undefined;
    const number = integerArgument(s, [text(pattern), ...args], next + 1, "format");
    if (number === undefined) return undefined;
    const fill = flags === "0" ? "0" : " ";
    if (conversion === "x" || conversion === "X")
      pieces.push(digits(s, number, 16n, conversion === "X", columns, fill));
    else if (columns === 1) pieces.push(decimal(s, number));
    else if (s.rangeOf(number).low < 0n) return undefined;
    else pieces.push(digits(s, number, 10n, false, columns, fill));
    if (s.block === undefined) return undefined;
  }
  if (pattern.replace(/([^%]+)|%([0]?)(\d*)([%a-zA-Z])/g, "") !== "") return undefined;
  return s.joined(pieces);
}
