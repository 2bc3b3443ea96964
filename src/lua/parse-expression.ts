/** Tokens one after the other, and expressions. Names are resolved on the way (scope.ts). */

import type {
  BinaryOperator,
  CallExpression,
  Expression,
  FunctionBody,
  Span,
  TableItem,
  Target,
  UnaryOperator,
} from "./ast.ts";
import { LuaError } from "./error.ts";
import { Lexer, type Token } from "./lexer.ts";
import { Scope } from "./scope.ts";

/** Binding powers, left and right; the right one is smaller for what groups to the right. */
const POWERS: Readonly<Record<BinaryOperator, readonly [number, number]>> = {
  or: [1, 1],
  and: [2, 2],
  "<": [3, 3],
  ">": [3, 3],
  "<=": [3, 3],
  ">=": [3, 3],
  "~=": [3, 3],
  "==": [3, 3],
  "|": [4, 4],
  "~": [5, 5],
  "&": [6, 6],
  "<<": [7, 7],
  ">>": [7, 7],
  "..": [9, 8],
  "+": [10, 10],
  "-": [10, 10],
  "*": [11, 11],
  "/": [11, 11],
  "//": [11, 11],
  "%": [11, 11],
};
const BINARY = new Map<string, readonly [number, number]>(Object.entries(POWERS));
const COMPARISONS = new Set<string>(["<", ">", "<=", ">=", "~=", "=="]);
const UNARY_POWER = 12;
const UNARY = new Set<string>(["-", "~", "not", "#"]);
/** As many nested statements and expressions as PUC Lua takes: it recurses 200 deep, with itself on the way. */
const MAX_LEVELS = 197;

export abstract class ExpressionParser {
  readonly #lexer: Lexer;
  protected readonly scope: Scope;
  protected token: Token;
  #ahead: Token | undefined;
  /** The function that is being read. */
  protected function!: FunctionBody;
  /** How deep statements and expressions are nested here. */
  protected levels = 0;
  /** Line of the token before the current one. */
  #lastLine = 1;

  constructor(source: string, chunkName: string) {
    this.#lexer = new Lexer(source, chunkName);
    this.scope = new Scope(
      (message, line) => this.#lexer.error(message, line),
      (message) => this.unexpected(message),
    );
    this.token = this.#lexer.next();
  }

  // ---- tokens

  protected advance(): Token {
    const token = this.token;
    this.#lastLine = token.line;
    if (this.#ahead === undefined) this.token = this.#lexer.next();
    else {
      this.token = this.#ahead;
      this.#ahead = undefined;
    }
    return token;
  }

  protected peek(): Token {
    this.#ahead ??= this.#lexer.next();
    return this.#ahead;
  }

  protected accept(type: string): boolean {
    if (this.token.type !== type) return false;
    this.advance();
    return true;
  }

  protected expect(type: string): Token {
    if (this.token.type !== type) throw this.unexpected(`'${type}' expected`);
    return this.advance();
  }

  protected expectName(): string {
    if (this.token.type !== "<name>") throw this.unexpected("<name> expected");
    return this.advance().value;
  }

  /** `end` of something that began on another line names that line. */
  protected expectClosing(type: string, opening: string, line: number): void {
    if (this.accept(type)) return;
    throw this.unexpected(
      line === this.token.line
        ? `'${type}' expected`
        : `'${type}' expected (to close '${opening}' at line ${line})`,
    );
  }

  protected unexpected(message: string): Error {
    const near = this.token.type === "<eof>" ? "<eof>" : `'${this.token.text}'`;
    return this.#lexer.error(message, this.token.line, near);
  }

  protected errorAt(message: string, line = this.token.line): Error {
    return this.#lexer.error(message, line);
  }

  /** Where the current token is. */
  protected span(): Span {
    return this.token;
  }

  protected enter(): void {
    // The real one overflows the stack of C here, and says so without a place.
    if (++this.levels > MAX_LEVELS) throw new LuaError("C stack overflow");
  }

  // ---- expressions

  /** What follows the word `function` and a name. */
  protected abstract functionBody(name: string, span: Span, isMethod: boolean): FunctionBody;

  /** Names that stand for a global which may not be assigned. */
  protected readonly readOnlyGlobals = new Set<Expression>();

  protected variable(name: string, span: Span): Target {
    const resolved = this.scope.resolve(name, this.function);
    if (resolved.kind === "local")
      return { line: span.line, column: span.column, kind: "local", variable: resolved.variable };
    if (resolved.kind === "undeclared") throw this.errorAt(`variable '${name}' not declared`);
    const env = this.scope.resolve("_ENV", this.function);
    if (env.kind !== "local") throw this.errorAt(`_ENV is global when accessing variable '${name}'`);
    const global: Target = {
      line: span.line,
      column: span.column,
      kind: "global",
      name,
      env: { line: span.line, column: span.column, kind: "local", variable: env.variable },
    };
    if (resolved.readOnly) this.readOnlyGlobals.add(global);
    return global;
  }

  protected expressionList(): Expression[] {
    const list = [this.expression()];
    while (this.accept(",")) list.push(this.expression());
    return list;
  }

  protected expression(power = 0): Expression {
    this.enter();
    let left: Expression;
    if (UNARY.has(this.token.type)) {
      const span = this.span();
      const op = this.advance().type as UnaryOperator;
      const operand = this.expression(UNARY_POWER);
      left = { line: span.line, column: span.column, kind: "unary", op, operand };
    } else left = this.#simple();
    for (;;) {
      const powers = BINARY.get(this.token.type);
      if (powers === undefined || powers[0] <= power) break;
      const span = this.span();
      const op = this.advance().type as BinaryOperator;
      const right = this.expression(powers[1]);
      // A comparison belongs to the line where it is complete, every other operator to its own.
      const line = COMPARISONS.has(op) ? this.#lastLine : span.line;
      left = { line, column: span.column, kind: "binary", op, left, right };
    }
    this.levels--;
    return left;
  }

  #simple(): Expression {
    const span = this.span();
    const { type } = this.token;
    switch (type) {
      case "<integer>":
        return { line: span.line, column: span.column, kind: "integer", value: this.advance().integer };
      case "<string>":
        return { line: span.line, column: span.column, kind: "string", value: this.advance().value };
      case "nil":
      case "true":
      case "false":
        this.advance();
        return { line: span.line, column: span.column, kind: type };
      case "...":
        if (!this.function.isVararg) throw this.unexpected("cannot use '...' outside a vararg function");
        this.advance();
        this.function.usesVarargs = true;
        return { line: span.line, column: span.column, kind: "vararg" };
      case "{":
        return this.#table(span);
      case "function":
        this.advance();
        return this.functionBody("anonymous", span, false);
    }
    return this.suffixed();
  }

  protected suffixed(): Expression {
    let expression: Expression;
    const span = this.span();
    if (this.token.type === "<name>") expression = this.variable(this.advance().value, span);
    else if (this.accept("(")) {
      const inner = this.expression();
      this.expectClosing(")", "(", span.line);
      expression = { line: span.line, column: span.column, kind: "paren", inner };
    } else throw this.unexpected("unexpected symbol");
    for (;;) {
      const at = this.span();
      switch (this.token.type) {
        case ".": {
          this.advance();
          const keySpan = this.span();
          expression = {
            line: at.line,
            column: at.column,
            kind: "index",
            object: expression,
            key: { line: keySpan.line, column: keySpan.column, kind: "string", value: this.expectName() },
          };
          continue;
        }
        case "[": {
          this.advance();
          const key = this.expression();
          this.expect("]");
          expression = { line: at.line, column: at.column, kind: "index", object: expression, key };
          continue;
        }
        case ":": {
          this.advance();
          const method = this.expectName();
          expression = this.#call(expression, method, at);
          continue;
        }
        case "(":
        case "<string>":
        case "{":
          expression = this.#call(expression, undefined, at);
          continue;
      }
      return expression;
    }
  }

  #call(callee: Expression, method: string | undefined, span: Span): CallExpression {
    const at = this.span();
    let args: Expression[] = [];
    if (this.token.type === "<string>")
      args = [{ line: at.line, column: at.column, kind: "string", value: this.advance().value }];
    else if (this.token.type === "{") args = [this.#table(at)];
    else {
      if (!this.accept("(")) throw this.unexpected("function arguments expected");
      if (!this.accept(")")) {
        args = this.expressionList();
        this.expectClosing(")", "(", at.line);
      }
    }
    return { line: span.line, column: span.column, kind: "call", callee, method, args };
  }

  #table(span: Span): Expression {
    this.expect("{");
    const items: TableItem[] = [];
    while (this.token.type !== "}") {
      const at = this.span();
      if (this.accept("[")) {
        const key = this.expression();
        this.expect("]");
        this.expect("=");
        items.push({ key, value: this.expression() });
      } else if (this.token.type === "<name>" && this.peek().type === "=") {
        const key: Expression = {
          line: at.line,
          column: at.column,
          kind: "string",
          value: this.advance().value,
        };
        this.advance();
        items.push({ key, value: this.expression() });
      } else items.push({ key: undefined, value: this.expression() });
      if (!this.accept(",") && !this.accept(";")) break;
    }
    this.expectClosing("}", "{", span.line);
    return { line: span.line, column: span.column, kind: "table", items };
  }
}
