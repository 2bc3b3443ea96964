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

const keywords = new Set<string>(KEYWORDS);
/** Symbols by the code of their first byte, longest first. */
const symbolsByFirst: string[][] = [];
for (const symbol of SYMBOLS) {
  symbolsByFirst[symbol.charCodeAt(0)] ??= [];
  symbolsByFirst[symbol.charCodeAt(0)]!.push(symbol);
}
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

const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isLetter = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95;
const isNameByte = (c: number): boolean => isLetter(c) || isDigit(c);
const isHexDigit = (c: number): boolean => isDigit(c) || (c >= 97 && c <= 102) || (c >= 65 && c <= 70);

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
    this.#skipBlank();
    const source = this.#source;
    const start = this.#at;
    const line = this.#line;
    const column = start - this.#lineStart + 1;
    if (start >= source.length) return { line, column, type: "<eof>", text: "<eof>", value: "", integer: 0 };
    const c = source.charCodeAt(start);
    let type: string;
    let value = "";
    let integer: LuaInteger = 0;
    if (isLetter(c)) {
      let end = start + 1;
      while (isNameByte(source.charCodeAt(end))) end++;
      this.#at = end;
      value = source.slice(start, end);
      type = keywords.has(value) ? value : "<name>";
      return { line, column, type, text: value, value, integer };
    }
    if (isDigit(c)) {
      integer = this.#integer(start);
      type = "<integer>";
    } else if (c === 34 || c === 39) {
      value = this.#quoted(source[start]!);
      type = "<string>";
    } else {
      const level = c === 91 ? this.#longBracketLevel(start) : -1;
      if (level >= 0) {
        value = this.#longBracket(level, "string");
        type = "<string>";
      } else {
        if (c === 91 && source[start + 1] === "=") throw this.#longDelimiterError(start);
        const symbol = this.#symbol(c);
        this.#at += symbol === undefined ? 1 : symbol.length;
        type = symbol ?? "<other>";
        // A byte that does not show is named by its code.
        const isShown = symbol !== undefined || (c >= 32 && c < 127);
        return {
          line,
          column,
          type,
          text: isShown ? (symbol ?? source[start]!) : `<\\${c}>`,
          value,
          integer,
        };
      }
    }
    return { line, column, type, text: source.slice(start, this.#at), value, integer };
  }

  /** The longest symbol that begins here with the byte `c`. */
  #symbol(c: number): string | undefined {
    return symbolsByFirst[c]?.find(
      (symbol) => symbol.length === 1 || this.#source.startsWith(symbol, this.#at),
    );
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
    for (;;) {
      const c = source.charCodeAt(this.#at);
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
    const hex = source[start] === "0" && (source[start + 1] === "x" || source[start + 1] === "X");
    this.#at = hex ? start + 2 : start;
    // Letters belong to the numeral, so that `3abc` is one malformed number and not two tokens.
    if (hex) {
      while (isHexDigit(source.charCodeAt(this.#at))) this.#at++;
    } else {
      while (isDigit(source.charCodeAt(this.#at)) || isLetter(source.charCodeAt(this.#at))) this.#at++;
    }
    const text = source.slice(start, this.#at);
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

  #quoted(quote: string): string {
    const source = this.#source;
    const start = this.#at++;
    let value = "";
    for (;;) {
      const c = source[this.#at];
      if (c === quote) {
        this.#at++;
        return value;
      }
      if (c === undefined) throw this.error("unfinished string", this.#line, "<eof>");
      if (c === "\n" || c === "\r") {
        throw this.error("unfinished string", this.#line, `'${source.slice(start, this.#at)}'`);
      }
      if (c === "\\") value += this.#escape(start);
      else {
        value += c;
        this.#at++;
      }
    }
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
