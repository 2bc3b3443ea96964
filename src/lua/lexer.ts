/** Tokens of the integer-only dialect. The source is a byte string: one character per byte. */

import type { Span } from "./ast.ts";
import { LuaError } from "./error.ts";
import { parseInteger } from "./int64.ts";
import { displayName } from "./position.ts";
import type { LuaInteger } from "./value.ts";

export const KEYWORDS = [
  "and",
  "break",
  "do",
  "else",
  "elseif",
  "end",
  "false",
  "for",
  "function",
  "goto",
  "if",
  "in",
  "local",
  "nil",
  "not",
  "or",
  "repeat",
  "return",
  "then",
  "true",
  "until",
  "while",
] as const;

/** Longest first: the first that fits is the token. */
export const SYMBOLS = [
  "...",
  "<<",
  ">>",
  "//",
  "==",
  "~=",
  "<=",
  ">=",
  "::",
  "..",
  "+",
  "-",
  "*",
  "/",
  "%",
  "&",
  "~",
  "|",
  "<",
  ">",
  "=",
  "(",
  ")",
  "{",
  "}",
  "[",
  "]",
  ";",
  ":",
  ",",
  ".",
  "#",
] as const;

export interface Token extends Span {
  /** A keyword, a symbol, or one of the classes. */
  readonly type: string;
  /** Source text, as messages show it. */
  readonly text: string;
  /** Of a `<name>` its name, of a `<string>` its contents. */
  readonly value: string;
  readonly integer: LuaInteger;
}

/** From the text in the source to the one string that the parser compares with. */
const keywords = new Map<string, string>(KEYWORDS.map((word) => [word, word]));
/** Symbols by the code of their first byte, longest first. */
const symbolsByFirst: string[][] = Array.from({ length: 128 }, () => []);
for (const symbol of SYMBOLS) symbolsByFirst[symbol.charCodeAt(0)]!.push(symbol);

const ESCAPES: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

const LETTER = 1;
const DIGIT = 2;
const HEX_DIGIT = 4;
/** What each byte is: a bit for each class. */
const classes = new Uint8Array(256);
for (const [from, to, bits] of [
  ["0", "9", DIGIT | HEX_DIGIT],
  ["A", "Z", LETTER],
  ["a", "z", LETTER],
  ["_", "_", LETTER],
  ["A", "F", LETTER | HEX_DIGIT],
  ["a", "f", LETTER | HEX_DIGIT],
] as const)
  classes.fill(bits, from.charCodeAt(0), to.charCodeAt(0) + 1);

const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isHexDigit = (c: number): boolean => (classes[c]! & HEX_DIGIT) !== 0;

export class Lexer {
  readonly #source: string;
  readonly #chunkName: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(source: string, chunkName: string) {
    this.#source = source;
    this.#chunkName = chunkName;
    // A first line of a file that starts with '#' belongs to the shell.
    if (source.startsWith("#") && /^[@=]/.test(chunkName)) {
      while (this.#at < source.length && source[this.#at] !== "\n") this.#at++;
    }
  }

  /** The error `chunk:line: message near 'text'`. */
  error(message: string, line: number, near?: string): LuaError {
    return new LuaError(
      `${displayName(this.#chunkName)}:${line}: ${message}${near === undefined ? "" : ` near ${near}`}`,
    );
  }

  next(): Token {
    const source = this.#source;
    this.#skipBlank();
    const start = this.#at;
    const line = this.#line;
    const column = start - this.#lineStart + 1;
    if (start >= source.length) return { line, column, type: "<eof>", text: "<eof>", value: "", integer: 0 };
    const c = source.charCodeAt(start);
    const kind = classes[c]!;
    if (kind & LETTER) {
      const value = source.slice(start, this.#endOf(LETTER | DIGIT, start + 1));
      return { line, column, type: keywords.get(value) ?? "<name>", text: value, value, integer: 0 };
    }
    if (kind & DIGIT) {
      const integer = this.#integer(start);
      return { line, column, type: "<integer>", text: source.slice(start, this.#at), value: "", integer };
    }
    const level = c === 91 ? this.#longBracketLevel(start) : -1;
    if (c === 34 || c === 39 || level >= 0) {
      const value = level >= 0 ? this.#longBracket(level, "string") : this.#quoted(c);
      return { line, column, type: "<string>", text: source.slice(start, this.#at), value, integer: 0 };
    }
    if (c === 91 && source[start + 1] === "=") throw this.#longDelimiterError(start);
    const symbol = this.#symbol(c);
    if (symbol !== undefined) {
      this.#at += symbol.length;
      return { line, column, type: symbol, text: symbol, value: "", integer: 0 };
    }
    this.#at++;
    // A byte that does not show is named by its code.
    const text = c >= 32 && c < 127 ? source[start]! : `<\\${c}>`;
    return { line, column, type: "<other>", text, value: "", integer: 0 };
  }

  /** Moves on over bytes of some classes, and returns where it came to. */
  #endOf(kinds: number, at: number): number {
    const source = this.#source;
    const { length } = source;
    while (at < length && (classes[source.charCodeAt(at)]! & kinds) !== 0) at++;
    this.#at = at;
    return at;
  }

  /** The longest symbol that begins here with the byte `c`. */
  #symbol(c: number): string | undefined {
    const candidates = symbolsByFirst[c];
    if (candidates === undefined) return undefined;
    for (const symbol of candidates)
      if (symbol.length === 1 || this.#source.startsWith(symbol, this.#at)) return symbol;
    return undefined;
  }

  #longDelimiterError(start: number): LuaError {
    let end = start + 1;
    while (this.#source[end] === "=") end++;
    return this.error("invalid long string delimiter", this.#line, `'${this.#source.slice(start, end)}'`);
  }

  #newline(): void {
    // \r\n and \n\r count as one end of line.
    const first = this.#source[this.#at++];
    const second = this.#source[this.#at];
    if ((second === "\n" || second === "\r") && second !== first) this.#at++;
    this.#line++;
    this.#lineStart = this.#at;
  }

  #skipBlank(): void {
    const source = this.#source;
    while (this.#at < source.length) {
      const c = source.charCodeAt(this.#at);
      if (c > 32 && c !== 45) return;
      if (c === 32 || c === 9 || c === 11 || c === 12) this.#at++;
      else if (c === 10 || c === 13) this.#newline();
      else if (c === 45 && source.charCodeAt(this.#at + 1) === 45) this.#comment();
      else return;
    }
  }

  #comment(): void {
    const source = this.#source;
    this.#at += 2;
    const level = source[this.#at] === "[" ? this.#longBracketLevel(this.#at) : -1;
    if (level >= 0) this.#longBracket(level, "comment");
    else
      while (this.#at < source.length && source[this.#at] !== "\n" && source[this.#at] !== "\r") this.#at++;
  }

  #integer(start: number): LuaInteger {
    const source = this.#source;
    const isHex = source[start] === "0" && (source[start + 1] === "x" || source[start + 1] === "X");
    // Letters belong to the numeral, so that `3abc` is one malformed number and not two tokens.
    const text = source.slice(
      start,
      isHex ? this.#endOf(HEX_DIGIT, start + 2) : this.#endOf(LETTER | DIGIT, start + 1),
    );
    if (text.length === 1) return text.charCodeAt(0) - 48;
    const value = parseInteger(text);
    if (value === undefined) throw this.error("malformed number", this.#line, `'${text}'`);
    return value;
  }

  /** The level of a long bracket that opens at `at` (`[==[` is 2), or -1. */
  #longBracketLevel(at: number): number {
    let level = 0;
    while (this.#source[at + 1 + level] === "=") level++;
    return this.#source[at + 1 + level] === "[" ? level : -1;
  }

  #longBracket(level: number, what: "string" | "comment"): string {
    const source = this.#source;
    const startLine = this.#line;
    const close = `]${"=".repeat(level)}]`;
    this.#at += level + 2;
    if (source[this.#at] === "\n" || source[this.#at] === "\r") this.#newline();
    const parts: string[] = [];
    let from = this.#at;
    for (;;) {
      const c = source[this.#at];
      if (c === undefined) {
        throw this.error(`unfinished long ${what} (starting at line ${startLine})`, this.#line, "<eof>");
      }
      if (c === "]" && source.startsWith(close, this.#at)) {
        parts.push(source.slice(from, this.#at));
        this.#at += close.length;
        return parts.join("");
      }
      if (c === "\n" || c === "\r") {
        parts.push(source.slice(from, this.#at), "\n");
        this.#newline();
        from = this.#at;
      } else this.#at++;
    }
  }

  #quoted(quote: number): string {
    const source = this.#source;
    const start = this.#at++;
    let value = "";
    let from = this.#at;
    while (this.#at < source.length) {
      const c = source.charCodeAt(this.#at);
      if (c === quote) {
        value += source.slice(from, this.#at++);
        return value;
      }
      if (c === 10 || c === 13) {
        throw this.error("unfinished string", this.#line, `'${source.slice(start, this.#at)}'`);
      }
      if (c === 92) {
        value += source.slice(from, this.#at) + this.#escape(start);
        from = this.#at;
      } else this.#at++;
    }
    throw this.error("unfinished string", this.#line, "<eof>");
  }

  #escape(start: number): string {
    const source = this.#source;
    const bad = (message: string, end: number): LuaError =>
      this.error(message, this.#line, `'${source.slice(start, Math.min(end, source.length))}'`);
    const c = source[++this.#at];
    if (c === undefined) return "";
    const simple = ESCAPES[c];
    if (simple !== undefined) {
      this.#at++;
      return simple;
    }
    if (c === "\n" || c === "\r") {
      this.#newline();
      return "\n";
    }
    if (c === "x") {
      for (let i = 1; i <= 2; i++) {
        if (!isHexDigit(source.charCodeAt(this.#at + i)))
          throw bad("hexadecimal digit expected", this.#at + i + 1);
      }
      this.#at += 3;
      return String.fromCharCode(Number.parseInt(source.slice(this.#at - 2, this.#at), 16));
    }
    if (c === "z") {
      this.#at++;
      for (;;) {
        const blank = source[this.#at];
        if (blank === "\n" || blank === "\r") this.#newline();
        else if (blank === " " || blank === "\t" || blank === "\v" || blank === "\f") this.#at++;
        else return "";
      }
    }
    if (c === "u") return this.#unicode(bad);
    if (isDigit(c.charCodeAt(0))) {
      let digits = 0;
      while (digits < 3 && isDigit(source.charCodeAt(this.#at + digits))) digits++;
      const code = Number(source.slice(this.#at, this.#at + digits));
      if (code > 255) throw bad("decimal escape too large", this.#at + digits + 1);
      this.#at += digits;
      return String.fromCharCode(code);
    }
    throw bad("invalid escape sequence", this.#at + 1);
  }

  /** `\u{XXX}`: up to 2^31, encoded as UTF-8 was before it was limited to Unicode. */
  #unicode(bad: (message: string, end: number) => LuaError): string {
    const source = this.#source;
    if (source[this.#at + 1] !== "{") throw bad("missing '{'", this.#at + 2);
    let at = this.#at + 2;
    if (!isHexDigit(source.charCodeAt(at))) throw bad("hexadecimal digit expected", at + 1);
    let code = 0;
    for (; isHexDigit(source.charCodeAt(at)); at++) {
      code = code * 16 + Number.parseInt(source[at]!, 16);
      if (code >= 2 ** 31) throw bad("UTF-8 value too large", at + 1);
    }
    if (source[at] !== "}") throw bad("missing '}'", at + 1);
    this.#at = at + 1;
    return encodeUtf8(code);
  }
}

/** The UTF-8 bytes of a code point below 2^31, in up to six bytes, as a byte string. */
export function encodeUtf8(code: number): string {
  if (code < 0x80) return String.fromCharCode(code);
  let tail = "";
  let firstRoom = 0x3f;
  do {
    tail = String.fromCharCode(0x80 | (code & 0x3f)) + tail;
    code = Math.floor(code / 64);
    firstRoom >>= 1;
  } while (code > firstRoom);
  return String.fromCharCode(((~firstRoom << 1) & 0xff) | code) + tail;
}
