/** Source text to syntax tree, by recursive descent: functions, blocks and statements. */

import type { Block, Chunk, Expression, FunctionBody, Span, Statement, Target, Variable } from "./ast.ts";
import { ExpressionParser } from "./parse-expression.ts";
import { literalOf } from "./syntax-walk.ts";

const NO_OPERATIONS = new Set([";", "::"]);
const BLOCK_ENDS = new Set(["<eof>", "end", "else", "elseif", "until"]);

/** Throws `LuaError` with the message of the first syntax error. */
export function parse(source: string, chunkName: string): Chunk {
  return new Parser(source, chunkName).chunk();
}

class Parser extends ExpressionParser {
  readonly #functions: FunctionBody[] = [];

  chunk(): Chunk {
    const root = this.#newFunction("main chunk", { line: 0, column: 1 }, undefined);
    const outside = this.#newFunction("outside", { line: 0, column: 1 }, undefined, false);
    const env = this.scope.declare("_ENV", outside);
    this.scope.openBlock(outside);
    this.scope.activate(env);
    (root as { parent: FunctionBody | undefined }).parent = outside;
    root.isVararg = true;
    this.function = root;
    this.scope.openBlock(root);
    // The chunk takes `_ENV` even when it names no global: `load` sets it.
    this.scope.resolve("_ENV", root);
    root.body = this.#block();
    if (this.token.type !== "<eof>") throw this.unexpected("<eof> expected");
    this.scope.closeBlock(this.token.line);
    root.endLine = this.token.line;
    return { main: root, env, functions: this.#functions };
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

  protected functionBody(
    name: string,
    span: Span,
    isMethod: boolean,
    declared?: (body: FunctionBody) => void,
  ): FunctionBody {
    const outer = this.function;
    const body = this.#newFunction(name, span, outer);
    this.function = body;
    declared?.(body);
    this.scope.openBlock(body);
    if (isMethod) this.#parameter(body, "self");
    this.expect("(");
    if (this.token.type !== ")") {
      do {
        if (this.accept("...")) {
          body.isVararg = true;
          if (this.token.type === "<name>") {
            body.varargTable = this.scope.declare(this.advance().value, body, undefined, true);
            this.scope.activate(body.varargTable);
            body.usesVarargs = true;
          }
          break;
        }
        if (this.token.type !== "<name>") throw this.unexpected("<name> or '...' expected");
        this.#parameter(body, this.advance().value);
      } while (this.accept(","));
    }
    this.expect(")");
    body.body = this.#block();
    body.endLine = this.token.line;
    this.expectClosing("end", "function", span.line);
    this.scope.closeBlock(this.token.line);
    this.function = outer;
    return body;
  }

  #parameter(body: FunctionBody, name: string): void {
    const variable = this.scope.declare(name, body);
    body.parameters.push(variable);
    this.scope.activate(variable);
  }

  /** The statements up to what ends a block; the caller opened and closes its scope. */
  #block(): Block {
    const statements: Statement[] = [];
    while (!BLOCK_ENDS.has(this.token.type)) {
      if (this.token.type === "return") {
        statements.push(this.#return());
        break;
      }
      this.enter();
      this.#statement(statements);
      this.levels--;
    }
    return { statements };
  }

  #scopedBlock(isLoop = false, declare?: () => void): Block {
    this.scope.openBlock(this.function, isLoop);
    declare?.();
    const block = this.#block();
    this.scope.closeBlock(this.token.line);
    return block;
  }

  // ---- statements

  #statement(out: Statement[]): void {
    const span = this.span();
    switch (this.token.type) {
      case ";":
        this.advance();
        return;
      case "if":
        out.push(this.#if(span));
        return;
      case "while": {
        this.advance();
        const condition = this.expression();
        this.expect("do");
        const body = this.#scopedBlock(true);
        this.expectClosing("end", "while", span.line);
        out.push({ line: span.line, column: span.column, kind: "while", condition, body });
        return;
      }
      case "do": {
        this.advance();
        const body = this.#scopedBlock();
        this.expectClosing("end", "do", span.line);
        out.push({ line: span.line, column: span.column, kind: "do", body });
        return;
      }
      case "for":
        out.push(this.#for(span));
        return;
      case "repeat": {
        this.advance();
        // The condition sees the locals of the body.
        this.scope.openBlock(this.function, true);
        const body = this.#block();
        this.expectClosing("until", "repeat", span.line);
        const condition = this.expression();
        this.scope.closeBlock(this.token.line);
        out.push({ line: span.line, column: span.column, kind: "repeat", body, condition });
        return;
      }
      case "function":
        out.push(this.#functionStatement(span));
        return;
      case "local":
        this.advance();
        if (this.accept("function")) out.push(this.#localFunction(span));
        else this.#local(span, out);
        return;
      case "::": {
        this.advance();
        const name = this.expectName();
        this.expect("::");
        // Labels that follow come first: then the last one is followed by the end of the block for sure.
        while (NO_OPERATIONS.has(this.token.type)) {
          this.enter();
          this.#statement(out);
          this.levels--;
        }
        this.scope.label(name, span.line, this.token.line, this.#endsBlock());
        out.push({ line: span.line, column: span.column, kind: "label", name });
        return;
      }
      case "break":
        if (!this.scope.insideLoop()) throw this.unexpected("break outside loop");
        this.advance();
        out.push({ line: span.line, column: span.column, kind: "break" });
        return;
      case "goto": {
        this.advance();
        const label = this.expectName();
        this.scope.goto(label, span);
        out.push({ line: span.line, column: span.column, kind: "goto", label });
        return;
      }
      case "<name>":
        if (this.token.value === "global" && this.#startsGlobal()) {
          this.#global(span, out);
          return;
        }
    }
    this.#expressionStatement(span, out);
  }

  /** Nothing but the end of the block follows. The condition of `repeat` still belongs to it. */
  #endsBlock(): boolean {
    return BLOCK_ENDS.has(this.token.type) && this.token.type !== "until";
  }

  #return(): Statement {
    const span = this.span();
    this.advance();
    let values: Expression[] = [];
    if (!BLOCK_ENDS.has(this.token.type) && this.token.type !== ";") values = this.expressionList();
    this.accept(";");
    return { line: span.line, column: span.column, kind: "return", values };
  }

  #if(span: Span): Statement {
    const clauses: { condition: Expression; body: Block }[] = [];
    let otherwise: Block | undefined;
    do {
      this.advance();
      const condition = this.expression();
      this.expect("then");
      clauses.push({ condition, body: this.#scopedBlock() });
    } while (this.token.type === "elseif");
    if (this.accept("else")) otherwise = this.#scopedBlock();
    this.expectClosing("end", "if", span.line);
    return { line: span.line, column: span.column, kind: "if", clauses, otherwise };
  }

  #for(span: Span): Statement {
    this.advance();
    const names = [this.expectName()];
    if (this.accept("=")) {
      const start = this.expression();
      this.expect(",");
      const limit = this.expression();
      const step = this.accept(",") ? this.expression() : undefined;
      // Messages about the bounds name this line.
      const { line } = this.expect("do");
      const variable = this.scope.declare(names[0]!, this.function, undefined, true);
      const body = this.#scopedBlock(true, () => {
        this.scope.takeLocals(2);
        this.scope.activate(variable);
      });
      this.expectClosing("end", "for", span.line);
      return { line, column: span.column, kind: "for", variable, start, limit, step, body };
    }
    if (this.token.type !== "," && this.token.type !== "in") throw this.unexpected("'=' or 'in' expected");
    while (this.accept(",")) names.push(this.expectName());
    this.expect("in");
    // Messages about the iterator name this line.
    const { line } = this.token;
    const values = this.expressionList();
    this.expect("do");
    // Only the first one controls the loop.
    const variables = names.map((name, i) => this.scope.declare(name, this.function, undefined, i === 0));
    const body = this.#scopedBlock(true, () => {
      this.scope.takeLocals(3);
      for (const variable of variables) this.scope.activate(variable);
    });
    this.expectClosing("end", "for", span.line);
    return { line, column: span.column, kind: "forin", variables, values, body };
  }

  #functionStatement(span: Span): Statement {
    this.advance();
    const nameSpan = this.span();
    let name = this.expectName();
    let target: Target = this.variable(name, nameSpan);
    let isMethod = false;
    while (this.token.type === "." || this.token.type === ":") {
      isMethod = this.token.type === ":";
      const keySpan = this.span();
      this.advance();
      const key = this.expectName();
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
    const body = this.functionBody(name, span, isMethod);
    return { line: span.line, column: span.column, kind: "assign", targets: [target], values: [body] };
  }

  #localFunction(span: Span): Statement {
    const variable = this.scope.declare(this.expectName(), this.function);
    this.scope.activate(variable);
    const body = this.functionBody(variable.name, span, false, (f) => {
      variable.holds = f;
    });
    return { line: span.line, column: span.column, kind: "localfunction", variable, body };
  }

  #attribute(): string | undefined {
    if (!this.accept("<")) return undefined;
    const attribute = this.expectName();
    if (attribute !== "const" && attribute !== "close")
      throw this.errorAt(`unknown attribute '${attribute}'`);
    this.expect(">");
    return attribute;
  }

  #local(span: Span, out: Statement[]): void {
    const general = this.#attribute();
    const variables: Variable[] = [];
    do {
      const name = this.expectName();
      const attribute = (this.#attribute() ?? general) as "const" | "close" | undefined;
      if (attribute === "close" && variables.some((v) => v.attribute === "close")) {
        throw this.errorAt("multiple to-be-closed variables in local list");
      }
      variables.push(this.scope.declare(name, this.function, attribute));
    } while (this.accept(","));
    const values = this.accept("=") ? this.expressionList() : [];
    const last = variables.at(-1)!;
    if (last.attribute === "const" && variables.length === values.length)
      last.literal = literalOf(values.at(-1)!);
    for (const variable of variables) this.scope.activate(variable);
    out.push({ line: span.line, column: span.column, kind: "local", variables, values });
  }

  /** `global` is a name like any other unless what follows makes it a declaration. */
  #startsGlobal(): boolean {
    const { type } = this.peek();
    return type === "<name>" || type === "<" || type === "*" || type === "function";
  }

  #global(span: Span, out: Statement[]): void {
    this.advance();
    if (this.accept("function")) {
      const nameSpan = this.span();
      const name = this.expectName();
      this.scope.declareGlobal(name, false);
      const target = this.variable(name, nameSpan);
      const body = this.functionBody(name, span, false);
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
    if (this.accept("*")) {
      this.scope.declareGlobal(undefined, general === "const");
      return;
    }
    const names: { name: string; span: Span; readOnly: boolean }[] = [];
    do {
      const nameSpan = this.span();
      const name = this.expectName();
      names.push({ name, span: nameSpan, readOnly: (this.#globalAttribute() ?? general) === "const" });
    } while (this.accept(","));
    const values = this.accept("=") ? this.expressionList() : undefined;
    for (const { name, readOnly } of names) this.scope.declareGlobal(name, readOnly);
    if (values === undefined) return;
    const targets = names.map(({ name, span: nameSpan }) => this.variable(name, nameSpan));
    out.push({ line: span.line, column: span.column, kind: "globalinit", targets, values });
  }

  #globalAttribute(): string | undefined {
    const attribute = this.#attribute();
    if (attribute === "close") throw this.errorAt("global variables cannot be to-be-closed");
    return attribute;
  }

  #expressionStatement(span: Span, out: Statement[]): void {
    const first = this.suffixed();
    if (this.token.type !== "=" && this.token.type !== ",") {
      if (first.kind !== "call") throw this.unexpected("syntax error");
      out.push({ line: span.line, column: span.column, kind: "callstat", call: first });
      return;
    }
    const targets = [this.#asTarget(first)];
    while (this.accept(",")) {
      this.enter();
      targets.push(this.#asTarget(this.suffixed()));
    }
    this.levels -= targets.length - 1;
    this.expect("=");
    const values = this.expressionList();
    out.push({ line: span.line, column: span.column, kind: "assign", targets, values });
  }

  #asTarget(expression: Expression): Target {
    if (expression.kind === "local" || expression.kind === "global" || expression.kind === "index") {
      this.#checkAssignable(expression);
      return expression;
    }
    throw this.unexpected("syntax error");
  }

  #checkAssignable(target: Target): void {
    if (target.kind === "local") {
      if (target.variable.readOnly) {
        throw this.errorAt(`attempt to assign to const variable '${target.variable.name}'`);
      }
      target.variable.assigned = true;
    } else if (target.kind === "global" && this.readOnlyGlobals.has(target)) {
      throw this.errorAt(`attempt to assign to const variable '${target.name}'`);
    }
  }
}
