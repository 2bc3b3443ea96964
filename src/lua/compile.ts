/**
 * Syntax tree to JavaScript. Every Lua function becomes a factory at the top of the generated chunk: called with the
 * captured variables it returns the closure. So a function is emitted once however deep it is nested, and its second
 * version, a generator for coroutines, is emitted from the same tree when it is first entered inside one.
 *
 * In generated code `$` is the machine (machine.ts): counters and operations. An operation that can fail starts a
 * line with a mark, from which the table of positions is made (position.ts). Inline code handles small integers;
 * everything else is an operation out of line.
 */

import type {
  Block,
  CallExpression,
  Chunk,
  Expression,
  FunctionBody,
  Span,
  Statement,
  Target,
  Variable,
} from "./ast.ts";
import { describe, isItself, jsName, needsCell } from "./emit-names.ts";
import { usedLabels } from "./gotos.ts";
import type { Site } from "./position.ts";
import { LuaInt64, type LuaInteger } from "./value.ts";

const MAX = "9007199254740991";
/** Operations of the machine that generated code names without `$.`. */
export const OPERATIONS = [
  "index",
  "setindex",
  "method",
  "callable",
  "first",
  "drop",
  "list",
  "tail",
  "none",
  "add",
  "sub",
  "mul",
  "idiv",
  "mod",
  "band",
  "bor",
  "bxor",
  "shl",
  "shr",
  "unm",
  "bnot",
  "len",
  "concat",
  "eq",
  "lt",
  "le",
  "array",
  "record",
  "closure",
  "forprep",
  "forin",
  "varargs",
  "closing",
  "closeAfter",
  "closeError",
  "checkGlobal",
  "box",
  "co",
  "TailCall",
] as const;
const ARITHMETIC: Record<string, string> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "idiv",
  "//": "idiv",
  "%": "mod",
  "&": "band",
  "|": "bor",
  "~": "bxor",
  "<<": "shl",
  ">>": "shr",
};

export interface GeneratedCode {
  readonly code: string;
  /** By line of `code` (1-based). */
  readonly sites: (Site | undefined)[];
}

/** The plain version of a whole chunk: an expression list of factories, one for each function, by id. */
export function compileChunk(chunk: Chunk): GeneratedCode {
  const marks: Site[] = [];
  const factories = chunk.functions.map((body) => new FunctionEmitter(body, marks, false).factory());
  return finish(
    `${prologue()}${factories.join("\n")}\nreturn [${chunk.functions.map((f) => `make${f.id}`).join(",")}];`,
    marks,
  );
}

/** The coroutine version of one function; inner closures are made by the plain factories, `make` in scope. */
export function compileCoroutine(body: FunctionBody): GeneratedCode {
  const marks: Site[] = [];
  return finish(
    `${prologue()}${new FunctionEmitter(body, marks, true).factory()}\nreturn make${body.id};`,
    marks,
  );
}

function prologue(): string {
  return `"use strict";const {${OPERATIONS.join(",")}}=$;\n`;
}

/** Takes the marks out of the text and notes their lines. */
function finish(text: string, marks: Site[]): GeneratedCode {
  const sites: (Site | undefined)[] = [];
  const lines = text.split("\n").map((line, i) => {
    const match = /^@(\d+)@/.exec(line);
    if (!match) return line;
    sites[i + 1] = marks[Number(match[1])];
    return line.slice(match[0].length);
  });
  return { code: lines.join("\n"), sites };
}

interface LabelPlace {
  readonly name: string;
  jump(): string;
}

class FunctionEmitter {
  readonly #function: FunctionBody;
  readonly #marks: Site[];
  readonly #isCoroutine: boolean;
  readonly #locals: string[] = [];
  readonly #freeTemps: string[] = [];
  readonly #labels: LabelPlace[] = [];
  readonly #loops: string[] = [];
  #tempCount = 0;
  #labelCount = 0;
  /** Inside the scope of a to-be-closed variable a return is no tail call. */
  #closeDepth = 0;

  constructor(body: FunctionBody, marks: Site[], isCoroutine: boolean) {
    this.#function = body;
    this.#marks = marks;
    this.#isCoroutine = isCoroutine;
  }

  factory(): string {
    const f = this.#function;
    const captured = f.upvalues.filter((variable) => !isItself(variable, f)).map(jsName);
    const parameters = f.parameters.map(jsName);
    if (f.isVararg) parameters.push("...va");
    const cells = f.parameters.filter(needsCell).map((p) => `${jsName(p)}={v:${jsName(p)}};`);
    if (f.varargTable) {
      this.#locals.push(jsName(f.varargTable));
      cells.push(`${jsName(f.varargTable)}=varargs(va);`);
    }
    const statements = this.#block(f.body);
    const locals = this.#locals.length > 0 ? `let ${this.#locals.join(",")};` : "";
    const enter = this.#isCoroutine
      ? `if(--$.fuel<0)${this.#mark(f)}$.refill();`
      : `if(--$.fuel<0){if($.entering)return $.enter(chunk,${f.id},[${captured.join(",")}],$lua);${this.#mark(f)}$.refill();}`;
    const last = f.body.statements.at(-1)?.kind === "return" ? "" : "return none;";
    const body = `${enter}${locals}${cells.join("")}${statements}${last}`;
    if (this.#isCoroutine)
      return `function make${f.id}(${[...captured, "$lua"].join(",")}){return function*(${parameters.join(",")}){${body}}}`;
    return `function make${f.id}(${captured.join(",")}){return function $lua(${parameters.join(",")}){${body}}}`;
  }

  // ---- helpers

  /** Starts a line that stands for `span`; `names` are the operands as messages call them. */
  #mark(span: Span, ...names: (string | undefined)[]): string {
    this.#marks.push({ line: span.line, names });
    return `\n@${this.#marks.length - 1}@`;
  }

  #temp(): string {
    const free = this.#freeTemps.pop();
    if (free !== undefined) return free;
    const name = `t${++this.#tempCount}`;
    this.#locals.push(name);
    return name;
  }

  #free(...temps: string[]): void {
    this.#freeTemps.push(...temps);
  }

  #freshLabel(): string {
    return `L${++this.#labelCount}`;
  }

  #describe(expression: Expression): string | undefined {
    return describe(expression, this.#function);
  }

  #read(variable: Variable): string {
    if (isItself(variable, this.#function)) return "$lua";
    return needsCell(variable) ? `${jsName(variable)}.v` : jsName(variable);
  }

  #tick(span: Span): string {
    return `if(--$.fuel<0)${this.#mark(span)}$.refill();`;
  }

  /** Declares a local and sets it; a new cell each time, as each round of a loop has its own variable. */
  #declare(variable: Variable, value: string): string {
    const name = jsName(variable);
    if (!this.#locals.includes(name)) this.#locals.push(name);
    return needsCell(variable) ? `${name}={v:${value}};` : `${name}=${value};`;
  }

  #assignLocal(variable: Variable, value: string): string {
    return `${this.#read(variable)}=${value};`;
  }

  // ---- blocks

  #block(block: Block): string {
    return this.#statements(block.statements);
  }

  #statements(statements: readonly Statement[]): string {
    // What follows a to-be-closed variable is a block of its own: its end closes the variable.
    const closing = statements.findIndex(
      (s) => s.kind === "local" && s.variables.some((v) => v.attribute === "close"),
    );
    const used = usedLabels(statements);
    const emit = (from: number, to: number): string => {
      let code = "";
      for (let i = from; i < to; i++) {
        if (i === closing) return `${code}${this.#closeScope(statements[i]!, () => emitRest(i + 1))}`;
        code += this.#statement(statements[i]!);
      }
      return code;
    };
    const emitRest = (from: number): string => this.#statements(statements.slice(from));
    if (used.length === 0) return emit(0, statements.length);
    if (used.length === 1) {
      const [{ name, index, forward, backward }] = used as [(typeof used)[0]];
      // A label behind the to-be-closed variable belongs to the inner block, which finds it again.
      if (closing >= 0 && index > closing) return emit(0, statements.length);
      const label = this.#freshLabel();
      let before: string;
      if (forward) {
        this.#labels.push({ name, jump: () => `break ${label};` });
        before = `${label}:{${emit(0, index)}}`;
        this.#labels.pop();
      } else before = emit(0, index);
      if (!backward) return before + emit(index + 1, statements.length);
      const loop = this.#freshLabel();
      this.#labels.push({ name, jump: () => `{${this.#tick(statements[index]!)}continue ${loop};}` });
      const after = `${loop}:for(;;){${emit(index + 1, statements.length)}break;}`;
      this.#labels.pop();
      return before + after;
    }
    return this.#switch(
      statements,
      used.filter((u) => closing < 0 || u.index < closing),
      closing,
    );
  }

  /** Several labels: segments as cases of a switch, a goto sets the case and goes round. */
  #switch(
    statements: readonly Statement[],
    used: readonly { name: string; index: number }[],
    closing: number,
  ): string {
    const loop = this.#freshLabel();
    const next = `pc${loop}`;
    this.#locals.push(next);
    for (const [i, { name, index }] of used.entries()) {
      this.#labels.push({
        name,
        jump: () => `{${this.#tick(statements[index]!)}${next}=${i + 1};continue ${loop};}`,
      });
    }
    let code = `${next}=0;${loop}:for(;;){switch(${next}){case 0:`;
    for (let i = 0; i < statements.length; i++) {
      const position = used.findIndex((u) => u.index === i);
      if (position >= 0) code += `case ${position + 1}:`;
      else if (i === closing) {
        code += this.#closeScope(statements[i]!, () => this.#statements(statements.slice(i + 1)));
        break;
      } else code += this.#statement(statements[i]!);
    }
    this.#labels.length -= used.length;
    return `${code}}break;}`;
  }

  #closeScope(statement: Statement, rest: () => string): string {
    if (statement.kind !== "local") throw new Error("not a declaration");
    const variable = statement.variables.find((v) => v.attribute === "close")!;
    const declaration = this.#local(statement.variables, statement.values);
    const failed = this.#temp();
    const check = `${this.#mark(statement, variable.name)}closing(${this.#read(variable)});`;
    this.#closeDepth++;
    const body = rest();
    this.#closeDepth--;
    const error = `e${failed}`;
    const code = `${declaration}${check}${failed}=false;try{${body}}catch(${error}){${failed}=true;throw (${this.#mark(statement)}closeError(${this.#read(variable)},${error}));}finally{if(!${failed})${this.#mark(statement)}closeAfter(${this.#read(variable)});}`;
    // Not given back: an outer scope may run while it still counts.
    return code;
  }

  // ---- statements

  #statement(s: Statement): string {
    switch (s.kind) {
      case "local":
        return this.#local(s.variables, s.values);
      case "localfunction": {
        const name = jsName(s.variable);
        if (needsCell(s.variable)) {
          return `${this.#declare(s.variable, "undefined")}${name}.v=${this.#expression(s.body)};`;
        }
        return this.#declare(s.variable, this.#expression(s.body));
      }
      case "assign":
        return this.#assign(s.targets, s.values);
      case "globalinit":
        return this.#globalInit(s.targets, s.values, s);
      case "callstat": {
        if (this.#isCoroutine) return `${this.#call(s.call)};`;
        const temp = this.#temp();
        const code = `if(Array.isArray(${temp}=${this.#call(s.call)}))${this.#mark(s)}drop(${temp});`;
        this.#free(temp);
        return code;
      }
      case "do":
        return `{${this.#block(s.body)}}`;
      case "while":
        return this.#loop((label) => {
          const condition = this.#condition(s.condition);
          return `${label}:while(${condition}){${this.#tick(s)}${this.#block(s.body)}}`;
        });
      case "repeat":
        return this.#loop((label) => this.#repeat(s, label));
      case "if":
        return this.#if(s);
      case "for":
        return this.#for(s);
      case "forin":
        return this.#forIn(s);
      case "return":
        return this.#return(s.values);
      case "break":
        return `break ${this.#loops.at(-1)};`;
      case "goto":
        return this.#goto(s.label);
      case "label":
        return "";
    }
  }

  #goto(label: string): string {
    for (let i = this.#labels.length - 1; i >= 0; i--) {
      if (this.#labels[i]!.name === label) return this.#labels[i]!.jump();
    }
    throw new Error(`goto ${label} was resolved by the parser`);
  }

  #loop(emit: (label: string) => string): string {
    const label = this.#freshLabel();
    this.#loops.push(label);
    const code = emit(label);
    this.#loops.pop();
    return code;
  }

  #repeat(s: Extract<Statement, { kind: "repeat" }>, label: string): string {
    // The condition is inside the scope of the body, so it stands where the body ends (behind a label too).
    const until: Statement = {
      ...s,
      kind: "if",
      clauses: [
        { condition: s.condition, body: { statements: [{ line: s.line, column: s.column, kind: "break" }] } },
      ],
      otherwise: undefined,
    };
    const ends = s.body.statements.at(-1)?.kind === "return";
    const body = ends ? s.body.statements : [...s.body.statements, until];
    return `${label}:for(;;){${this.#statements(body)}${this.#tick(s)}}`;
  }

  #if(s: Extract<Statement, { kind: "if" }>): string {
    let code = "";
    for (const [i, clause] of s.clauses.entries()) {
      code += `${i > 0 ? "else " : ""}if(${this.#condition(clause.condition)}){${this.#block(clause.body)}}`;
    }
    return s.otherwise ? `${code}else{${this.#block(s.otherwise)}}` : code;
  }

  #for(s: Extract<Statement, { kind: "for" }>): string {
    const [limit, step, slow, i] = [this.#temp(), this.#temp(), this.#temp(), this.#temp()];
    const start = this.#expression(s.start);
    const stepIsOne = s.step === undefined || (s.step.kind === "integer" && s.step.value === 1);
    const setup =
      `${i}=${start};${limit}=${this.#expression(s.limit)};${step}=${s.step ? this.#expression(s.step) : "1"};${slow}=undefined;` +
      `if(typeof ${i}!=="number"||typeof ${limit}!=="number"||typeof ${step}!=="number"||${step}===0){${this.#mark(s)}${slow}=forprep(${i},${limit},${step});` +
      `if(typeof ${slow}==="number"){${i}=${slow};${limit}=$.forLimit;${step}=$.forStep;${slow}=undefined;}}`;
    const within = stepIsOne ? `${i}<=${limit}` : `(${step}>0?${i}<=${limit}:${i}>=${limit})`;
    const loop = this.#loop((label) => {
      const variable = this.#declare(s.variable, i);
      const body = this.#block(s.body);
      return `${label}:for(;${slow}===undefined?${within}:(${i}=${slow}())!==undefined;${i}+=${step}){${this.#tick(s)}${variable}${body}}`;
    });
    this.#free(limit, step, slow, i);
    // `i += step` on a box would make text; the slow iterator overwrites it before anyone looks.
    return setup + loop;
  }

  #forIn(s: Extract<Statement, { kind: "forin" }>): string {
    const [f, state, control, close, results] = [
      this.#temp(),
      this.#temp(),
      this.#temp(),
      this.#temp(),
      this.#temp(),
    ];
    const setup = `${results}=${this.#multiple(s.values)};${f}=${results}[0];${state}=${results}[1];${control}=${results}[2];${close}=${results}[3];`;
    const names = s.variables;
    const body = (label: string): string => {
      // `next` over a plain table is a cursor; anything else is called, with its results as a list.
      const call = this.#isCoroutine
        ? `list(yield* co(${f},[${state},${control}]))`
        : `list(${f}(${state},${control}))`;
      const declare = names.map((v, n) => this.#declare(v, `${results}[${n}]`)).join("");
      return (
        `typeof ${f}==="function"||(${f}=callable(${f}));` +
        `${label}:for(;;){${this.#tick(s)}${this.#mark(s, "for iterator 'for iterator'")}${results}=${call};` +
        `if((${control}=${results}[0])===undefined)break;${declare}${this.#block(s.body)}}`
      );
    };
    const failed = this.#temp();
    this.#closeDepth++;
    const loop = this.#loop((label) => body(label));
    this.#closeDepth--;
    const error = `e${failed}`;
    const guarded = `if(${close}!==undefined){${this.#mark(s, "(for state)")}closing(${close});}`;
    const code = `${setup}${guarded}${failed}=false;try{${loop}}catch(${error}){${failed}=true;throw (${close}===undefined?${error}:${this.#mark(s)}closeError(${close},${error}));}finally{if(!${failed}&&${close}!==undefined)${this.#mark(s)}closeAfter(${close});}`;
    return code;
  }

  #local(variables: readonly Variable[], values: readonly Expression[]): string {
    if (variables.length === 1 && values.length === 1) {
      return this.#declare(variables[0]!, this.#expression(values[0]!));
    }
    if (values.length === 0) return variables.map((v) => this.#declare(v, "undefined")).join("");
    const { code, temps, results } = this.#evaluate(values, variables.length);
    const declared = variables.map((v, i) => this.#declare(v, results[i]!)).join("");
    this.#free(...temps);
    return code + declared;
  }

  /** Evaluates a list into `count` values, in order, before any of them is assigned. */
  #evaluate(
    values: readonly Expression[],
    count: number,
  ): { code: string; temps: string[]; results: string[] } {
    const temps: string[] = [];
    const results: string[] = [];
    let code = "";
    for (const [i, value] of values.entries()) {
      const isLast = i === values.length - 1;
      const temp = this.#temp();
      temps.push(temp);
      if (isLast && values.length < count && (value.kind === "call" || value.kind === "vararg")) {
        code += `${temp}=${this.#multiple([value])};`;
        for (let n = 0; results.length < count; n++) results.push(`${temp}[${n}]`);
      } else {
        code += `${temp}=${this.#expression(value)};`;
        results.push(temp);
      }
    }
    while (results.length < count) results.push("undefined");
    return { code, temps, results };
  }

  #assign(targets: readonly Target[], values: readonly Expression[]): string {
    if (targets.length === 1 && values.length === 1) {
      const target = targets[0]!;
      const [value] = values as [Expression];
      if (target.kind === "local") return this.#assignLocal(target.variable, this.#expression(value));
      if (target.kind === "global") {
        const env = this.#expression(target.env);
        const text = this.#expression(value);
        return `${this.#mark(target, "upvalue '_ENV'")}setindex(${env},${JSON.stringify(target.name)},${text});`;
      }
      const object = this.#expression(target.object);
      const key = this.#expression(target.key);
      const text = this.#expression(value);
      return `${this.#mark(target, this.#describe(target.object))}setindex(${object},${key},${text});`;
    }
    // Objects and keys first, then the values, then the assignments.
    let code = "";
    const temps: string[] = [];
    const places = targets.map((target) => {
      if (target.kind === "local") return (value: string) => this.#assignLocal(target.variable, value);
      const object = this.#temp();
      const key = this.#temp();
      temps.push(object, key);
      const objectCode =
        target.kind === "global" ? this.#expression(target.env) : this.#expression(target.object);
      const keyCode = target.kind === "global" ? JSON.stringify(target.name) : this.#expression(target.key);
      code += `${object}=${objectCode};${key}=${keyCode};`;
      const name = target.kind === "global" ? "upvalue '_ENV'" : this.#describe(target.object);
      return (value: string) => `${this.#mark(target, name)}setindex(${object},${key},${value});`;
    });
    const evaluated = this.#evaluate(values, targets.length);
    code += evaluated.code;
    for (let i = targets.length - 1; i >= 0; i--) code += places[i]!(evaluated.results[i]!);
    this.#free(...temps, ...evaluated.temps);
    return code;
  }

  #globalInit(targets: readonly Target[], values: readonly Expression[], span: Span): string {
    const evaluated = this.#evaluate(values, targets.length);
    let code = evaluated.code;
    for (const target of targets) {
      if (target.kind !== "global") continue;
      code += `${this.#mark(span)}checkGlobal(${this.#expression(target)},${JSON.stringify(target.name)});`;
    }
    for (const [i, target] of targets.entries()) {
      if (target.kind !== "global") continue;
      code += `${this.#mark(target)}setindex(${this.#expression(target.env)},${JSON.stringify(target.name)},${evaluated.results[i]});`;
    }
    this.#free(...evaluated.temps);
    return code;
  }

  #return(values: readonly Expression[]): string {
    const [only] = values;
    if (only === undefined) return "return none;";
    if (values.length > 1) return `return ${this.#multiple(values)};`;
    if (only.kind === "vararg") return "return va;";
    // In parentheses: nothing may stand between `return` and the end of its line.
    if (only.kind !== "call") return `return (${this.#expression(only)});`;
    if (this.#closeDepth > 0) return `return ${this.#multiple(values)};`;
    return this.#tailCall(only);
  }

  #tailCall(call: CallExpression): string {
    const [callee, object] = [this.#temp(), this.#temp()];
    const { setup, args, mark } = this.#callParts(call, callee, object);
    const list = args.join(",");
    this.#free(callee, object);
    const prepare = setup.map((part) => `${part};`).join("");
    if (this.#isCoroutine) return `${prepare}return new TailCall(${callee},[${list}]);`;
    return `${prepare}if(--$.tails<0)return tail(${callee},[${list}]);return (${mark}${callee}(${list}));`;
  }

  // ---- expressions

  /** The callee into `callee` (a function in any case), for a method the object into `object`; then the arguments. */
  #callParts(
    call: CallExpression,
    callee: string,
    object: string,
  ): { setup: string[]; args: string[]; mark: string } {
    const args: string[] = [];
    const setup: string[] = [];
    if (call.method !== undefined) {
      const value = this.#expression(call.callee);
      setup.push(`${object}=${value}`);
      setup.push(
        `${callee}=${this.#mark(call, this.#describe(call.callee))}method(${object},${JSON.stringify(call.method)})`,
      );
      args.push(object);
    } else setup.push(`${callee}=${this.#expression(call.callee)}`);
    setup.push(`typeof ${callee}==="function"||(${callee}=callable(${callee}))`);
    args.push(...this.#arguments(call.args));
    const name = call.method === undefined ? this.#describe(call.callee) : `method '${call.method}'`;
    return { setup, args, mark: this.#mark(call, name) };
  }

  /** A call with its raw result. */
  #call(call: CallExpression): string {
    // A local function that is never assigned needs no test.
    if (call.callee.kind === "local" && call.method === undefined && !this.#isCoroutine) {
      const { variable } = call.callee;
      if (variable.holds !== undefined && !variable.assigned) {
        const args = this.#arguments(call.args);
        return `${this.#mark(call, this.#describe(call.callee))}${this.#read(variable)}(${args.join(",")})`;
      }
    }
    const [callee, object] = [this.#temp(), this.#temp()];
    const { setup, args, mark } = this.#callParts(call, callee, object);
    this.#free(callee, object);
    const sequence = setup.join(",");
    if (this.#isCoroutine) return `(${sequence},${mark}yield* co(${callee},[${args.join(",")}]))`;
    return `(${sequence},${mark}${callee}(${args.join(",")}))`;
  }

  #arguments(args: readonly Expression[]): string[] {
    return args.map((arg, i) => {
      if (i < args.length - 1) return this.#expression(arg);
      if (arg.kind === "vararg") return "...va";
      return arg.kind === "call" ? `...list(${this.#call(arg)})` : this.#expression(arg);
    });
  }

  /** All values of a list of expressions, as a JavaScript array. */
  #multiple(values: readonly Expression[]): string {
    if (values.length === 1) {
      const [only] = values as [Expression];
      if (only.kind === "call") return `list(${this.#call(only)})`;
      if (only.kind === "vararg") return "va";
    }
    return `[${this.#arguments(values).join(",")}]`;
  }

  /** An expression of one value. */
  #expression(e: Expression): string {
    switch (e.kind) {
      case "nil":
        return "undefined";
      case "true":
      case "false":
        return e.kind;
      case "integer":
        return integerLiteral(e.value);
      case "string":
        return JSON.stringify(e.value).replace(/\u2028|\u2029/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
      case "vararg":
        return "va[0]";
      case "local":
        return this.#read(e.variable);
      case "global": {
        const env = this.#expression(e.env);
        return `${this.#mark(e, "upvalue '_ENV'")}index(${env},${JSON.stringify(e.name)})`;
      }
      case "index": {
        const object = this.#expression(e.object);
        const key = this.#expression(e.key);
        return `${this.#mark(e, this.#describe(e.object))}index(${object},${key})`;
      }
      case "call": {
        const temp = this.#temp();
        const code = `(Array.isArray(${temp}=${this.#call(e)})?${this.#mark(e)}first(${temp}):${temp})`;
        this.#free(temp);
        return code;
      }
      case "function":
        return `closure(${this.#isCoroutine ? `make[${e.id}]` : `make${e.id}`}(${e.upvalues
          .filter((variable) => !isItself(variable, e))
          .map((variable) => (isItself(variable, this.#function) ? "$lua" : jsName(variable)))
          .join(",")}))`;
      case "paren":
        return this.#expression(e.inner);
      case "table":
        return this.#table(e);
      case "unary":
        return this.#unary(e);
      case "binary":
        return this.#binary(e);
    }
  }

  #table(e: Extract<Expression, { kind: "table" }>): string {
    const { items } = e;
    if (items.every((item) => item.key === undefined)) {
      const values = this.#arguments(items.map((item) => item.value));
      return `array([${["undefined", ...values].join(",")}])`;
    }
    // In the order of the source; a last item of several values is spread behind.
    let position = 0;
    const parts: string[] = [];
    let rest = "";
    for (const [i, item] of items.entries()) {
      if (item.key !== undefined) parts.push(this.#expression(item.key), this.#expression(item.value));
      else if (i === items.length - 1 && (item.value.kind === "call" || item.value.kind === "vararg")) {
        rest = `,${position + 1},${this.#multiple([item.value])}`;
      } else parts.push(String(++position), this.#expression(item.value));
    }
    return `${this.#mark(e)}record([${parts.join(",")}]${rest})`;
  }

  #unary(e: Extract<Expression, { kind: "unary" }>): string {
    if (e.op === "not") return `!${this.#condition(e.operand)}`;
    const x = this.#temp();
    const operand = this.#expression(e.operand);
    this.#free(x);
    const mark = this.#mark(e, this.#describe(e.operand));
    if (e.op === "#") return `(typeof (${x}=${operand})==="string"?${x}.length:${mark}len(${x}))`;
    if (e.op === "-") return `(typeof (${x}=${operand})==="number"?0-${x}:${mark}unm(${x}))`;
    return `(((${x}=${operand})|0)===${x}?~${x}:${mark}bnot(${x}))`;
  }

  /** A JavaScript condition: neither nil nor false. */
  #condition(e: Expression): string {
    if (e.kind === "true") return "true";
    if (e.kind === "false" || e.kind === "nil") return "false";
    if (e.kind === "integer" || e.kind === "string") return "true";
    if (e.kind === "unary" && e.op === "not") return `!${this.#condition(e.operand)}`;
    if (e.kind === "binary") {
      if (e.op === "and") return `(${this.#condition(e.left)}&&${this.#condition(e.right)})`;
      if (e.op === "or") return `(${this.#condition(e.left)}||${this.#condition(e.right)})`;
      if (["==", "~=", "<", "<=", ">", ">="].includes(e.op)) return this.#binary(e);
    }
    const x = this.#temp();
    const value = this.#expression(e);
    this.#free(x);
    return `((${x}=${value})!==undefined&&${x}!==false)`;
  }

  #binary(e: Extract<Expression, { kind: "binary" }>): string {
    const { op, left, right } = e;
    if (op === "and" || op === "or") {
      const x = this.#temp();
      const first = this.#expression(left);
      this.#free(x);
      const second = this.#expression(right);
      return op === "and"
        ? `((${x}=${first})===undefined||${x}===false?${x}:${second})`
        : `((${x}=${first})!==undefined&&${x}!==false?${x}:${second})`;
    }
    const names = [this.#describe(left), this.#describe(right)];
    if (op === "..") {
      const [first, second] = [this.#expression(left), this.#expression(right)];
      return `${this.#mark(e, ...names)}concat(${first},${second})`;
    }
    const temps: string[] = [];
    // Constants, and locals that nothing can assign meanwhile, are read where they are used.
    const hold = (operand: Expression, other?: Expression): { set: string; get: string } => {
      const code = this.#expression(operand);
      const isStable =
        isConstant(operand) ||
        (operand.kind === "local" &&
          !needsCell(operand.variable) &&
          (!operand.variable.assigned || other === undefined || isSimple(other)));
      if (isStable) return { set: code, get: code };
      const temp = this.#temp();
      temps.push(temp);
      return { set: `(${temp}=${code})`, get: temp };
    };
    const x = hold(left, right);
    const y = hold(right);
    const z = this.#temp();
    temps.push(z);
    const code = this.#operator(e, x, y, z, names);
    this.#free(...temps);
    return code;
  }

  #operator(
    e: Extract<Expression, { kind: "binary" }>,
    x: { set: string; get: string },
    y: { set: string; get: string },
    z: string,
    names: (string | undefined)[],
  ): string {
    const { op, left, right } = e;
    if (op === "==" || op === "~=") {
      const not = op === "~=" ? "!" : "";
      if (isConstant(left) || isConstant(right)) return `(${x.set}${not === "" ? "===" : "!=="}${y.set})`;
      return `${not}(${x.set}===${y.set}||(typeof ${x.get}==="object"&&${this.#mark(e)}eq(${x.get},${y.get})))`;
    }
    // Both operands are always evaluated, in order, before they are tested.
    const setBoth = (test: string, yes: string, no: string): string => {
      const sets = [x, y].filter((o) => o.set !== o.get).map((o) => o.set);
      return `(${sets.length > 0 ? `${sets.join(",")},` : ""}${test}?${yes}:${no})`;
    };
    const isNumber = (operand: Expression, name: string): string[] =>
      operand.kind === "integer" && typeof operand.value === "number" ? [] : [`typeof ${name}==="number"`];
    const bothNumbers = [...isNumber(left, x.get), ...isNumber(right, y.get)];
    const numbers = bothNumbers.length === 0 ? "true" : bothNumbers.join("&&");
    if (op === "<" || op === "<=" || op === ">" || op === ">=") {
      const [a, b] = op[0] === "<" ? [x.get, y.get] : [y.get, x.get];
      const slow = op.length === 1 ? "lt" : "le";
      return setBoth(numbers, `${x.get}${op}${y.get}`, `${this.#mark(e)}${slow}(${a},${b})`);
    }
    const slow = `${this.#mark(e, ...names)}${ARITHMETIC[op]}(${x.get},${y.get})`;
    const constant = right.kind === "integer" && typeof right.value === "number" ? right.value : undefined;
    switch (op) {
      case "+":
      case "-":
        return setBoth(`${numbers}&&(${z}=${x.get}${op}${spaced(y.get)})<=${MAX}&&${z}>=-${MAX}`, z, slow);
      case "*":
        // + 0 turns −0 into 0.
        return setBoth(`${numbers}&&(${z}=${x.get}*${y.get}+0)<=${MAX}&&${z}>=-${MAX}`, z, slow);
      case "/":
      case "//":
        return setBoth(`${numbers}&&${y.get}!==0`, `Math.floor(${x.get}/${y.get})+0`, slow);
      case "%":
        // Through floor division large operands would lose bits; the remainder is exact, only its sign needs mending.
        return setBoth(
          `${numbers}&&${y.get}!==0`,
          `((${z}=${x.get}%${y.get})!==0&&(${z}<0)!==(${y.get}<0)?${z}+${y.get}:${z}+0)`,
          slow,
        );
      case "&":
        if (constant !== undefined && constant >= 0 && constant < 2 ** 31)
          return setBoth(numbers, `${x.get}&${constant}`, slow);
        return setBoth(`(${x.get}|0)===${x.get}&&(${y.get}|0)===${y.get}`, `${x.get}&${y.get}`, slow);
      case "|":
      case "~":
        return setBoth(
          `(${x.get}|0)===${x.get}&&(${y.get}|0)===${y.get}`,
          `${x.get}${op === "~" ? "^" : "|"}${y.get}`,
          slow,
        );
      case "<<":
        if (constant !== undefined && constant >= 0 && constant <= 52) {
          return setBoth(`${numbers}&&(${z}=${x.get}*${2 ** constant})<=${MAX}&&${z}>=-${MAX}`, z, slow);
        }
        return setBoth("false", "0", slow);
      case ">>":
        if (constant !== undefined && constant >= 0 && constant <= 52) {
          return setBoth(`${numbers}&&${x.get}>=0`, `Math.floor(${x.get}/${2 ** constant})`, slow);
        }
        return setBoth("false", "0", slow);
      default:
        throw new Error(`operator ${op}`);
    }
  }
}

const isConstant = (e: Expression): boolean =>
  (e.kind === "integer" && typeof e.value === "number") ||
  e.kind === "string" ||
  e.kind === "nil" ||
  e.kind === "true" ||
  e.kind === "false";

/** Cannot assign anything while it is evaluated. */
const isSimple = (e: Expression): boolean => isConstant(e) || e.kind === "local" || e.kind === "integer";

/** Keeps `a - -1` from becoming `a--1`. */
const spaced = (code: string): string => (code.startsWith("-") ? `(${code})` : code);

function integerLiteral(value: LuaInteger): string {
  if (value instanceof LuaInt64) return `box(${value.hi},${value.lo})`;
  return value < 0 ? `(${value})` : String(value);
}
