/** Source text to syntax tree, by recursive descent; names are resolved on the way (scope.ts). */

import type {
  BinaryOperator,
  Block,
  CallExpression,
  Chunk,
  Expression,
  FunctionBody,
  Span,
  Statement,
  TableItem,
  Target,
  UnaryOperator,
  Variable,
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
const NO_OPERATIONS = new Set([";", "::"]);
const BLOCK_ENDS = new Set(["<eof>", "end", "else", "elseif", "until"]);

/** Throws `LuaError` with the message of the first syntax error. */
export function parse(source: string, chunkName: string): Chunk {
  return new Parser(source, chunkName).chunk();
}

class Parser {
  readonly #lexer: Lexer;
  readonly #scope: Scope;
  readonly #functions: FunctionBody[] = [];
  #token: Token;
  #ahead: Token | undefined;
  #function!: FunctionBody;
  #levels = 0;
  /** Line of the token before the current one. */
  #lastLine = 1;

  constructor(source: string, chunkName: string) {
    this.#lexer = new Lexer(source, chunkName);
    this.#scope = new Scope(
      (message, line) => this.#lexer.error(message, line),
      (message) => this.#unexpected(message),
    );
    this.#token = this.#lexer.next();
  }

  chunk(): Chunk {
    const root = this.#newFunction("main chunk", { line: 0, column: 1 }, undefined);
    const outside = this.#newFunction("outside", { line: 0, column: 1 }, undefined, false);
    const env = this.#scope.declare("_ENV", outside);
    this.#scope.openBlock(outside);
    this.#scope.activate(env);
    (root as { parent: FunctionBody | undefined }).parent = outside;
    root.isVararg = true;
    this.#function = root;
    this.#scope.openBlock(root);
    // The chunk takes `_ENV` even when it names no global: `load` sets it.
    this.#scope.resolve("_ENV", root);
    root.body = this.#block();
    if (this.#token.type !== "<eof>") throw this.#unexpected("<eof> expected");
    this.#scope.closeBlock(this.#token.line);
    root.endLine = this.#token.line;
    return { main: root, env, functions: this.#functions };
  }

  // ---- tokens

  #advance(): Token {
    const token = this.#token;
    this.#lastLine = token.line;
    if (this.#ahead === undefined) this.#token = this.#lexer.next();
    else {
      this.#token = this.#ahead;
      this.#ahead = undefined;
    }
    return token;
  }

  #peek(): Token {
    this.#ahead ??= this.#lexer.next();
    return this.#ahead;
  }

  #accept(type: string): boolean {
    if (this.#token.type !== type) return false;
    this.#advance();
    return true;
  }

  #expect(type: string): Token {
    if (this.#token.type !== type) throw this.#unexpected(`'${type}' expected`);
    return this.#advance();
  }

  #expectName(): string {
    if (this.#token.type !== "<name>") throw this.#unexpected("<name> expected");
    return this.#advance().value;
  }

  /** `end` of something that began on another line names that line. */
  #expectClosing(type: string, opening: string, line: number): void {
    if (this.#accept(type)) return;
    throw this.#unexpected(
      line === this.#token.line
        ? `'${type}' expected`
        : `'${type}' expected (to close '${opening}' at line ${line})`,
    );
  }

  #unexpected(message: string): Error {
    const near = this.#token.type === "<eof>" ? "<eof>" : `'${this.#token.text}'`;
    return this.#lexer.error(message, this.#token.line, near);
  }

  #errorAt(message: string, line = this.#token.line): Error {
    return this.#lexer.error(message, line);
  }

  /** Where the current token is. */
  #span(): Span {
    return this.#token;
  }

  #enter(): void {
    // The real one overflows the stack of C here, and says so without a place.
    if (++this.#levels > MAX_LEVELS) throw new LuaError("C stack overflow");
  }

  // ---- functions and blocks

  #newFunction(name: string, span: Span, parent: FunctionBody | undefined, listed = true): FunctionBody {
    const body: FunctionBody = {
      line: span.line,
      column: span.column,
      kind: "function",
      id: this.#functions.length,
      name,
      parameters: [],
      isVararg: false,
      varargTable: undefined,
      body: { statements: [] },
      parent,
      upvalues: [],
      endLine: span.line,
      usesVarargs: false,
    };
    if (listed) this.#functions.push(body);
    return body;
  }

  #functionBody(
    name: string,
    span: Span,
    isMethod: boolean,
    declared?: (body: FunctionBody) => void,
  ): FunctionBody {
    const outer = this.#function;
    const body = this.#newFunction(name, span, outer);
    this.#function = body;
    declared?.(body);
    this.#scope.openBlock(body);
    if (isMethod) this.#parameter(body, "self");
    this.#expect("(");
    if (this.#token.type !== ")") {
      do {
        if (this.#accept("...")) {
          body.isVararg = true;
          if (this.#token.type === "<name>") {
            body.varargTable = this.#scope.declare(this.#advance().value, body, undefined, true);
            this.#scope.activate(body.varargTable);
            body.usesVarargs = true;
          }
          break;
        }
        if (this.#token.type !== "<name>") throw this.#unexpected("<name> or '...' expected");
        this.#parameter(body, this.#advance().value);
      } while (this.#accept(","));
    }
    this.#expect(")");
    body.body = this.#block();
    body.endLine = this.#token.line;
    this.#expectClosing("end", "function", span.line);
    this.#scope.closeBlock(this.#token.line);
    this.#function = outer;
    return body;
  }

  #parameter(body: FunctionBody, name: string): void {
    const variable = this.#scope.declare(name, body);
    body.parameters.push(variable);
    this.#scope.activate(variable);
  }

  /** The statements up to what ends a block; the caller opened and closes its scope. */
  #block(): Block {
    const statements: Statement[] = [];
    while (!BLOCK_ENDS.has(this.#token.type)) {
      if (this.#token.type === "return") {
        statements.push(this.#return());
        break;
      }
      this.#enter();
      this.#statement(statements);
      this.#levels--;
    }
    return { statements };
  }

  #scopedBlock(isLoop = false, declare?: () => void): Block {
    this.#scope.openBlock(this.#function, isLoop);
    declare?.();
    const block = this.#block();
    this.#scope.closeBlock(this.#token.line);
    return block;
  }

  // ---- statements

  #statement(out: Statement[]): void {
    const span = this.#span();
    switch (this.#token.type) {
      case ";":
        this.#advance();
        return;
      case "if":
        out.push(this.#if(span));
        return;
      case "while": {
        this.#advance();
        const condition = this.#expression();
        this.#expect("do");
        const body = this.#scopedBlock(true);
        this.#expectClosing("end", "while", span.line);
        out.push({ line: span.line, column: span.column, kind: "while", condition, body });
        return;
      }
      case "do": {
        this.#advance();
        const body = this.#scopedBlock();
        this.#expectClosing("end", "do", span.line);
        out.push({ line: span.line, column: span.column, kind: "do", body });
        return;
      }
      case "for":
        out.push(this.#for(span));
        return;
      case "repeat": {
        this.#advance();
        // The condition sees the locals of the body.
        this.#scope.openBlock(this.#function, true);
        const body = this.#block();
        this.#expectClosing("until", "repeat", span.line);
        const condition = this.#expression();
        this.#scope.closeBlock(this.#token.line);
        out.push({ line: span.line, column: span.column, kind: "repeat", body, condition });
        return;
      }
      case "function":
        out.push(this.#functionStatement(span));
        return;
      case "local":
        this.#advance();
        if (this.#accept("function")) out.push(this.#localFunction(span));
        else this.#local(span, out);
        return;
      case "::": {
        this.#advance();
        const name = this.#expectName();
        this.#expect("::");
        // Labels that follow come first: then the last one is followed by the end of the block for sure.
        while (NO_OPERATIONS.has(this.#token.type)) {
          this.#enter();
          this.#statement(out);
          this.#levels--;
        }
        this.#scope.label(name, span.line, this.#token.line, this.#endsBlock());
        out.push({ line: span.line, column: span.column, kind: "label", name });
        return;
      }
      case "break":
        if (!this.#scope.insideLoop()) throw this.#unexpected("break outside loop");
        this.#advance();
        out.push({ line: span.line, column: span.column, kind: "break" });
        return;
      case "goto": {
        this.#advance();
        const label = this.#expectName();
        this.#scope.goto(label, span);
        out.push({ line: span.line, column: span.column, kind: "goto", label });
        return;
      }
      case "<name>":
        if (this.#token.value === "global" && this.#startsGlobal()) {
          this.#global(span, out);
          return;
        }
    }
    this.#expressionStatement(span, out);
  }

  /** Nothing but the end of the block follows. The condition of `repeat` still belongs to it. */
  #endsBlock(): boolean {
    return BLOCK_ENDS.has(this.#token.type) && this.#token.type !== "until";
  }

  #return(): Statement {
    const span = this.#span();
    this.#advance();
    let values: Expression[] = [];
    if (!BLOCK_ENDS.has(this.#token.type) && this.#token.type !== ";") values = this.#expressionList();
    this.#accept(";");
    return { line: span.line, column: span.column, kind: "return", values };
  }

  #if(span: Span): Statement {
    const clauses: { condition: Expression; body: Block }[] = [];
    let otherwise: Block | undefined;
    do {
      this.#advance();
      const condition = this.#expression();
      this.#expect("then");
      clauses.push({ condition, body: this.#scopedBlock() });
    } while (this.#token.type === "elseif");
    if (this.#accept("else")) otherwise = this.#scopedBlock();
    this.#expectClosing("end", "if", span.line);
    return { line: span.line, column: span.column, kind: "if", clauses, otherwise };
  }

  #for(span: Span): Statement {
    this.#advance();
    const names = [this.#expectName()];
    if (this.#accept("=")) {
      const start = this.#expression();
      this.#expect(",");
      const limit = this.#expression();
      const step = this.#accept(",") ? this.#expression() : undefined;
      // Messages about the bounds name this line.
      const { line } = this.#expect("do");
      const variable = this.#scope.declare(names[0]!, this.#function, undefined, true);
      const body = this.#scopedBlock(true, () => {
        this.#scope.takeLocals(2);
        this.#scope.activate(variable);
      });
      this.#expectClosing("end", "for", span.line);
      return { line, column: span.column, kind: "for", variable, start, limit, step, body };
    }
    if (this.#token.type !== "," && this.#token.type !== "in") throw this.#unexpected("'=' or 'in' expected");
    while (this.#accept(",")) names.push(this.#expectName());
    this.#expect("in");
    // Messages about the iterator name this line.
    const { line } = this.#token;
    const values = this.#expressionList();
    this.#expect("do");
    // Only the first one controls the loop.
    const variables = names.map((name, i) => this.#scope.declare(name, this.#function, undefined, i === 0));
    const body = this.#scopedBlock(true, () => {
      this.#scope.takeLocals(3);
      for (const variable of variables) this.#scope.activate(variable);
    });
    this.#expectClosing("end", "for", span.line);
    return { line, column: span.column, kind: "forin", variables, values, body };
  }

  #functionStatement(span: Span): Statement {
    this.#advance();
    const nameSpan = this.#span();
    let name = this.#expectName();
    let target: Target = this.#variable(name, nameSpan);
    let isMethod = false;
    while (this.#token.type === "." || this.#token.type === ":") {
      isMethod = this.#token.type === ":";
      const keySpan = this.#span();
      this.#advance();
      const key = this.#expectName();
      name += (isMethod ? ":" : ".") + key;
      target = {
        line: keySpan.line,
        column: keySpan.column,
        kind: "index",
        object: target,
        key: { line: keySpan.line, column: keySpan.column, kind: "string", value: key },
      };
      if (isMethod) break;
    }
    this.#checkAssignable(target);
    const body = this.#functionBody(name, span, isMethod);
    return { line: span.line, column: span.column, kind: "assign", targets: [target], values: [body] };
  }

  #localFunction(span: Span): Statement {
    const variable = this.#scope.declare(this.#expectName(), this.#function);
    this.#scope.activate(variable);
    const body = this.#functionBody(variable.name, span, false, (f) => {
      variable.holds = f;
    });
    return { line: span.line, column: span.column, kind: "localfunction", variable, body };
  }

  #attribute(): string | undefined {
    if (!this.#accept("<")) return undefined;
    const attribute = this.#expectName();
    if (attribute !== "const" && attribute !== "close")
      throw this.#errorAt(`unknown attribute '${attribute}'`);
    this.#expect(">");
    return attribute;
  }

  #local(span: Span, out: Statement[]): void {
    const general = this.#attribute();
    const variables: Variable[] = [];
    do {
      const name = this.#expectName();
      const attribute = (this.#attribute() ?? general) as "const" | "close" | undefined;
      if (attribute === "close" && variables.some((v) => v.attribute === "close")) {
        throw this.#errorAt("multiple to-be-closed variables in local list");
      }
      variables.push(this.#scope.declare(name, this.#function, attribute));
    } while (this.#accept(","));
    const values = this.#accept("=") ? this.#expressionList() : [];
    for (const variable of variables) this.#scope.activate(variable);
    out.push({ line: span.line, column: span.column, kind: "local", variables, values });
  }

  /** `global` is a name like any other unless what follows makes it a declaration. */
  #startsGlobal(): boolean {
    const { type } = this.#peek();
    return type === "<name>" || type === "<" || type === "*" || type === "function";
  }

  #global(span: Span, out: Statement[]): void {
    this.#advance();
    if (this.#accept("function")) {
      const nameSpan = this.#span();
      const name = this.#expectName();
      this.#scope.declareGlobal(name, false);
      const target = this.#variable(name, nameSpan);
      const body = this.#functionBody(name, span, false);
      out.push({
        line: span.line,
        column: span.column,
        kind: "globalinit",
        targets: [target],
        values: [body],
      });
      return;
    }
    const general = this.#globalAttribute();
    if (this.#accept("*")) {
      this.#scope.declareGlobal(undefined, general === "const");
      return;
    }
    const names: { name: string; span: Span; readOnly: boolean }[] = [];
    do {
      const nameSpan = this.#span();
      const name = this.#expectName();
      names.push({ name, span: nameSpan, readOnly: (this.#globalAttribute() ?? general) === "const" });
    } while (this.#accept(","));
    const values = this.#accept("=") ? this.#expressionList() : undefined;
    for (const { name, readOnly } of names) this.#scope.declareGlobal(name, readOnly);
    if (values === undefined) return;
    const targets = names.map(({ name, span: nameSpan }) => this.#variable(name, nameSpan));
    out.push({ line: span.line, column: span.column, kind: "globalinit", targets, values });
  }

  #globalAttribute(): string | undefined {
    const attribute = this.#attribute();
    if (attribute === "close") throw this.#errorAt("global variables cannot be to-be-closed");
    return attribute;
  }

  #expressionStatement(span: Span, out: Statement[]): void {
    const first = this.#suffixed();
    if (this.#token.type !== "=" && this.#token.type !== ",") {
      if (first.kind !== "call") throw this.#unexpected("syntax error");
      out.push({ line: span.line, column: span.column, kind: "callstat", call: first });
      return;
    }
    const targets = [this.#asTarget(first)];
    while (this.#accept(",")) {
      this.#enter();
      targets.push(this.#asTarget(this.#suffixed()));
    }
    this.#levels -= targets.length - 1;
    this.#expect("=");
    const values = this.#expressionList();
    out.push({ line: span.line, column: span.column, kind: "assign", targets, values });
  }

  #asTarget(expression: Expression): Target {
    if (expression.kind === "local" || expression.kind === "global" || expression.kind === "index") {
      this.#checkAssignable(expression);
      return expression;
    }
    throw this.#unexpected("syntax error");
  }

  #checkAssignable(target: Target): void {
    if (target.kind === "local") {
      if (target.variable.readOnly) {
        throw this.#errorAt(`attempt to assign to const variable '${target.variable.name}'`);
      }
      target.variable.assigned = true;
    } else if (target.kind === "global" && this.#readOnlyGlobals.has(target)) {
      throw this.#errorAt(`attempt to assign to const variable '${target.name}'`);
    }
  }

  // ---- expressions

  readonly #readOnlyGlobals = new Set<Expression>();

  #variable(name: string, span: Span): Target {
    const resolved = this.#scope.resolve(name, this.#function);
    if (resolved.kind === "local")
      return { line: span.line, column: span.column, kind: "local", variable: resolved.variable };
    if (resolved.kind === "undeclared") throw this.#errorAt(`variable '${name}' not declared`);
    const env = this.#scope.resolve("_ENV", this.#function);
    if (env.kind !== "local") throw this.#errorAt(`_ENV is global when accessing variable '${name}'`);
    const global: Target = {
      line: span.line,
      column: span.column,
      kind: "global",
      name,
      env: { line: span.line, column: span.column, kind: "local", variable: env.variable },
    };
    if (resolved.readOnly) this.#readOnlyGlobals.add(global);
    return global;
  }

  #expressionList(): Expression[] {
    const list = [this.#expression()];
    while (this.#accept(",")) list.push(this.#expression());
    return list;
  }

  #expression(power = 0): Expression {
    this.#enter();
    let left: Expression;
    if (UNARY.has(this.#token.type)) {
      const span = this.#span();
      const op = this.#advance().type as UnaryOperator;
      const operand = this.#expression(UNARY_POWER);
      left = { line: span.line, column: span.column, kind: "unary", op, operand };
    } else left = this.#simple();
    for (;;) {
      const powers = BINARY.get(this.#token.type);
      if (powers === undefined || powers[0] <= power) break;
      const span = this.#span();
      const op = this.#advance().type as BinaryOperator;
      const right = this.#expression(powers[1]);
      // A comparison belongs to the line where it is complete, every other operator to its own.
      const line = COMPARISONS.has(op) ? this.#lastLine : span.line;
      left = { line, column: span.column, kind: "binary", op, left, right };
    }
    this.#levels--;
    return left;
  }

  #simple(): Expression {
    const span = this.#span();
    const { type } = this.#token;
    switch (type) {
      case "<integer>":
        return { line: span.line, column: span.column, kind: "integer", value: this.#advance().integer };
      case "<string>":
        return { line: span.line, column: span.column, kind: "string", value: this.#advance().value };
      case "nil":
      case "true":
      case "false":
        this.#advance();
        return { line: span.line, column: span.column, kind: type };
      case "...":
        if (!this.#function.isVararg) throw this.#unexpected("cannot use '...' outside a vararg function");
        this.#advance();
        this.#function.usesVarargs = true;
        return { line: span.line, column: span.column, kind: "vararg" };
      case "{":
        return this.#table(span);
      case "function":
        this.#advance();
        return this.#functionBody("anonymous", span, false);
    }
    return this.#suffixed();
  }

  #suffixed(): Expression {
    let expression: Expression;
    const span = this.#span();
    if (this.#token.type === "<name>") expression = this.#variable(this.#advance().value, span);
    else if (this.#accept("(")) {
      const inner = this.#expression();
      this.#expectClosing(")", "(", span.line);
      expression = { line: span.line, column: span.column, kind: "paren", inner };
    } else throw this.#unexpected("unexpected symbol");
    for (;;) {
      const at = this.#span();
      switch (this.#token.type) {
        case ".": {
          this.#advance();
          const keySpan = this.#span();
          expression = {
            line: at.line,
            column: at.column,
            kind: "index",
            object: expression,
            key: { line: keySpan.line, column: keySpan.column, kind: "string", value: this.#expectName() },
          };
          continue;
        }
        case "[": {
          this.#advance();
          const key = this.#expression();
          this.#expect("]");
          expression = { line: at.line, column: at.column, kind: "index", object: expression, key };
          continue;
        }
        case ":": {
          this.#advance();
          const method = this.#expectName();
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
    const at = this.#span();
    let args: Expression[] = [];
    if (this.#token.type === "<string>")
      args = [{ line: at.line, column: at.column, kind: "string", value: this.#advance().value }];
    else if (this.#token.type === "{") args = [this.#table(at)];
    else {
      if (!this.#accept("(")) throw this.#unexpected("function arguments expected");
      if (!this.#accept(")")) {
        args = this.#expressionList();
        this.#expectClosing(")", "(", at.line);
      }
    }
    return { line: span.line, column: span.column, kind: "call", callee, method, args };
  }

  #table(span: Span): Expression {
    this.#expect("{");
    const items: TableItem[] = [];
    while (this.#token.type !== "}") {
      const at = this.#span();
      if (this.#accept("[")) {
        const key = this.#expression();
        this.#expect("]");
        this.#expect("=");
        items.push({ key, value: this.#expression() });
      } else if (this.#token.type === "<name>" && this.#peek().type === "=") {
        const key: Expression = {
          line: at.line,
          column: at.column,
          kind: "string",
          value: this.#advance().value,
        };
        this.#advance();
        items.push({ key, value: this.#expression() });
      } else items.push({ key: undefined, value: this.#expression() });
      if (!this.#accept(",") && !this.#accept(";")) break;
    }
    this.#expectClosing("}", "{", span.line);
    return { line: span.line, column: span.column, kind: "table", items };
  }
}
