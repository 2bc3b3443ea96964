import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LuaError } from "../error.ts";
import { type Budget, ends, findPlain, matched, parsePattern, search, starts } from "./pattern.ts";

const numRuns = Number(process.env["MOONHOOK_FUZZ_RUNS"] ?? 300);

class Exhausted extends Error {}

function budgetOf(units: number): Budget & { spent: number } {
  return {
    spent: 0,
    spend(n) {
      this.spent += n;
      if (this.spent > units) throw new Exhausted();
    },
    charge() {},
  };
}

/** The match and its captures as text, undefined without a match. Position captures are numbers. */
function find(subject: string, text: string, init = 0): (string | number)[] | undefined {
  const pattern = parsePattern(text, budgetOf(1e6));
  const end = search(pattern, subject, init, budgetOf(1e6));
  if (end < 0) return undefined;
  const found: (string | number)[] = [subject.slice(matched.start, end)];
  for (let i = 0; i < pattern.captures; i++) {
    found.push(ends[i] === -1 ? starts[i]! : subject.slice(starts[i], ends[i]));
  }
  return found;
}

test.each<[string, string, (string | number)[] | undefined]>([
  ["hello", "l+", ["ll"]],
  ["hello", "l-o", ["llo"]],
  ["hello", "^ello", undefined],
  ["hello", "o$", ["o"]],
  ["a$b", "$b", ["$b"]],
  ["key = value", "(%w+)%s*=%s*(%w+)", ["key = value", "key", "value"]],
  ["abc", "()b()", ["b", 1, 2]],
  ["((a)b)c", "%b()", ["((a)b)"]],
  ["((a)", "%b()", ["(a)"]],
  ["THE (quick) fox", "%f[%a]%a+%f[%A]", ["THE"]],
  ["abab", "(ab)%1", ["abab", "ab"]],
  ["ab", "()%1", undefined],
  ["x]y", "[]]", ["]"]],
  ["x^y", "[x^]+", ["x^"]],
  ["a-c", "[a%-]+", ["a-"]],
  ["0\x001", "%z", ["\0"]],
  ["a\0b", "%c", ["\0"]],
  ["\xe9t\xe9", "%a+", ["t"]],
  ["", "", [""]],
  ["aaab", "a?ab", ["aab"]],
  ["aXb", "%u", ["X"]],
  ["aaa", "a-", [""]],
  ["abcabd", "abd", ["abd"]],
])("find(%j, %j)", (subject, pattern, wanted) => {
  expect(find(subject, pattern)).toEqual(wanted);
});

test.each([
  ["%", "malformed pattern (ends with '%')"],
  ["[a", "malformed pattern (missing ']')"],
  ["[]", "malformed pattern (missing ']')"],
  ["[^]", "malformed pattern (missing ']')"],
  ["[a%", "malformed pattern (missing ']')"],
  ["%b", "malformed pattern (missing arguments to '%b')"],
  ["%bx", "malformed pattern (missing arguments to '%b')"],
  ["%f", "missing '[' after '%f' in pattern"],
  ["a)", "invalid pattern capture"],
  ["%1", "invalid capture index %1"],
  ["(a%1)", "invalid capture index %1"],
  ["%0", "invalid capture index %0"],
  ["()".repeat(33), "too many captures"],
  ["a?".repeat(201), "pattern too complex"],
])("the pattern %j is malformed", (pattern, message) => {
  expect(() => find("a".repeat(300), pattern)).toThrow(message);
});

test("a malformed tail that matching never reaches is no error", () => {
  expect(find("abc", "x[")).toBeUndefined();
});

describe("budget", () => {
  test.each([
    ["nested repetition", "a".repeat(60), "a*a*a*a*a*a*a*a*b"],
    ["lazy repetition", "a".repeat(200), ".-.-.-.-.-.-b"],
    ["optional items", "a".repeat(28), `${"a?".repeat(28)}${"a".repeat(28)}b`],
    ["a scan per start", "a".repeat(20_000), "a*b"],
    ["balance per start", "(".repeat(20_000), "%b()"],
    ["a long back reference", "a".repeat(20_000), "(a*)%1b"],
  ])("%s runs into the bound", (_name, subject, pattern) => {
    const parsed = parsePattern(pattern, budgetOf(1e6));
    // Often enough that the compiled form has its turn too.
    for (let i = 0; i < 30; i++) {
      expect(() => search(parsed, subject, 0, budgetOf(1e5))).toThrow(Exhausted);
    }
    expect(parsed.finder).toBeDefined();
  });

  test("a long pattern pays for its parsing", () => {
    expect(() => parsePattern("a.".repeat(100_000), budgetOf(1e5))).toThrow(Exhausted);
    let charged = 0;
    const charging: Budget = { spend() {}, charge: (bytes) => void (charged += bytes) };
    parsePattern("[a]".repeat(10_000), charging);
    expect(charged).toBeGreaterThan(1e6);
  });

  test("an ordinary match is cheap", () => {
    const budget = budgetOf(1e6);
    search(parsePattern("(%w+)%s*=%s*(%w+)", budgetOf(1e6)), "key = value", 0, budget);
    expect(budget.spent).toBeLessThan(10);
  });

  test("a plain search pays for repeated near misses", () => {
    const subject = "a".repeat(1_000_000);
    expect(() => findPlain(subject, `${"a".repeat(500_000)}b`, 0, budgetOf(1e5))).toThrow(Exhausted);
  });
});

test("a plain search finds long needles past a near miss", () => {
  const head = "x".repeat(100);
  expect(findPlain(`${head}y${head}z`, `${head}z`, 0, budgetOf(1e6))).toBe(101);
  expect(findPlain("abc", "c", 3, budgetOf(1e6))).toBe(-1);
});

test("any text is a pattern, or a LuaError", () => {
  const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
  const piece = fc.oneof(
    fc.constantFrom("%", "[", "]", "(", ")", "*", "-", "^", "$", "%b", "%f", "a", "."),
    byte,
  );
  const text = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, text, (subject, pattern) => {
      try {
        // Often enough that the compiled form of the pattern has its turn too.
        for (let i = 0; i < 40; i++) find(subject, pattern);
      } catch (error) {
        if (!(error instanceof LuaError || error instanceof Exhausted)) throw error;
      }
    }),
    { numRuns },
  );
});
