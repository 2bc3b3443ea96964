import { describe, expect, test } from "vitest";
import { encodeUtf8, Lexer, SYMBOLS, type Token } from "./lexer.ts";
import { LuaInt64 } from "./value.ts";

function tokens(source: string, chunkName = "=c"): Token[] {
  const lexer = new Lexer(source, chunkName);
  const all: Token[] = [];
  for (;;) {
    const token = lexer.next();
    all.push(token);
    if (token.type === "<eof>") return all;
  }
}

const types = (source: string): string[] => tokens(source).map(({ type }) => type);
const message = (source: string): string => {
  try {
    tokens(source);
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
};

test("each symbol is one token, the longest that fits", () => {
  expect(types(SYMBOLS.join(" "))).toEqual([...SYMBOLS, "<eof>"]);
  expect(types("<<= >>= ~== ... .. . ::: ///")).toEqual([
    "<<",
    "=",
    ">>",
    "=",
    "~=",
    "=",
    "...",
    "..",
    ".",
    "::",
    ":",
    "//",
    "/",
    "<eof>",
  ]);
  expect(types("a.b:c[d]=-e//#f")).toEqual([
    "<name>",
    ".",
    "<name>",
    ":",
    "<name>",
    "[",
    "<name>",
    "]",
    "=",
    "-",
    "<name>",
    "//",
    "#",
    "<name>",
    "<eof>",
  ]);
});

test("keywords are whole words; global is a name", () => {
  expect(types("and android end ended global _end end_")).toEqual([
    "and",
    "<name>",
    "end",
    "<name>",
    "<name>",
    "<name>",
    "<name>",
    "<eof>",
  ]);
});

test("lines and columns of tokens", () => {
  const at = (source: string): string[] =>
    tokens(source).map(({ text, line, column }) => `${text}@${line}:${column}`);
  expect(at("x = 1\n  y\t=\t22")).toEqual([
    "x@1:1",
    "=@1:3",
    "1@1:5",
    "y@2:3",
    "=@2:5",
    "22@2:7",
    "<eof>@2:9",
  ]);
  expect(at("--[[ a\nb ]] x")).toEqual(["x@2:6", "<eof>@2:7"]);
  expect(at("[[a\nb]] y")).toEqual(["[[a\nb]]@1:1", "y@2:5", "<eof>@2:6"]);
  expect(at("'a\\\nb' z")).toEqual(["'a\\\nb'@1:1", "z@2:4", "<eof>@2:5"]);
});

test.each([
  ["\n\n\nx", 4],
  ["\r\n\r\nx", 3],
  ["\n\r\n\rx", 3],
  ["\r\rx", 3],
  ["\n\r\r\nx", 3],
])("ends of line in %j", (source, line) => {
  expect(tokens(source)[0]!.line).toBe(line);
});

test("the first line of a file may belong to the shell, that of a loaded text may not", () => {
  expect(tokens("#!/bin/x\ny", "@file.lua").map(({ text, line }) => [text, line])).toEqual([
    ["y", 2],
    ["<eof>", 2],
  ]);
  expect(tokens("#!x\ny", "=stdin")[0]!.text).toBe("y");
  expect(tokens("#x", "#x")[0]!.type).toBe("#");
});

describe("integers", () => {
  test.each([
    ["0", 0],
    ["007", 7],
    ["9007199254740991", 9007199254740991],
    ["0x10", 16],
    ["0XfF", 255],
    ["0xffffffffffffffff", -1],
    ["0x10000000000000001", 1],
  ])("%s", (source, value) => {
    expect(tokens(source)[0]).toMatchObject({ type: "<integer>", integer: value });
  });

  test("beyond 2^53 boxed", () => {
    expect(tokens("9223372036854775807")[0]!.integer).toEqual(new LuaInt64(0x7fffffff, -1));
    expect(tokens("0x8000000000000000")[0]!.integer).toEqual(new LuaInt64(-0x80000000, 0));
  });

  test("end before a dot", () => {
    expect(types("1.5")).toEqual(["<integer>", ".", "<integer>", "<eof>"]);
    expect(types("1..2")).toEqual(["<integer>", "..", "<integer>", "<eof>"]);
  });

  test.each(["9223372036854775808", "1e5", "3abc", "0x", "0_1"])("%s is malformed", (source) => {
    expect(message(source)).toBe(`c:1: malformed number near '${source}'`);
  });
});

describe("strings", () => {
  test.each([
    ['"a\\n\\t\\\\\\"\'"', "a\n\t\\\"'"],
    ["'\\65\\066\\x43\\u{44}'", "ABCD"],
    ["'\\0\\255'", "\0\xff"],
    ["'\\1234'", "{4"],
    ["'a\\z  \n\t b'", "ab"],
    ["'a\\\r\nb'", "a\nb"],
    ["'\\u{20ac}\\u{7fffffff}'", "\xe2\x82\xac\xfd\xbf\xbf\xbf\xbf\xbf"],
    ["[[\na]]", "a"],
    ["[==[a]]b]=]c]==]", "a]]b]=]c"],
    ["[[a\r\nb\n\rc]]", "a\nb\nc"],
    ["[[\n\n]]", "\n"],
  ])("%j", (source, value) => {
    expect(tokens(source)[0]).toMatchObject({ type: "<string>", value, text: source });
  });

  test.each([
    ["'abc", "c:1: unfinished string near <eof>"],
    ["'abc\n'", "c:1: unfinished string near ''abc'"],
    ["'abc\\", "c:1: unfinished string near <eof>"],
    ["'\\q'", "c:1: invalid escape sequence near ''\\q'"],
    ["'\\256'", "c:1: decimal escape too large near ''\\256''"],
    ["'\\x4g'", "c:1: hexadecimal digit expected near ''\\x4g'"],
    ["'\\u'", "c:1: missing '{' near ''\\u''"],
    ["'\\u{'", "c:1: hexadecimal digit expected near ''\\u{''"],
    ["'\\u{12'", "c:1: missing '}' near ''\\u{12''"],
    ["'\\u{80000000}'", "c:1: UTF-8 value too large near ''\\u{80000000'"],
    ["[[abc", "c:1: unfinished long string (starting at line 1) near <eof>"],
    ["\n--[=[abc]]\n", "c:3: unfinished long comment (starting at line 2) near <eof>"],
    ["[==x", "c:1: invalid long string delimiter near '[=='"],
  ])("%j: %s", (source, wanted) => {
    expect(message(source)).toBe(wanted);
  });
});

test("a byte that is nothing shows its code when it does not show itself", () => {
  expect(tokens("$")[0]).toMatchObject({ type: "<other>", text: "$" });
  expect(tokens("\x01")[0]).toMatchObject({ type: "<other>", text: "<\\1>" });
  expect(tokens("\xe4")[0]).toMatchObject({ type: "<other>", text: "<\\228>" });
});

test("UTF-8 of one to six bytes", () => {
  expect(
    [0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x1fffff, 0x200000, 0x3ffffff, 0x4000000].map(
      (c) => encodeUtf8(c).length,
    ),
  ).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
});
