/**
 * What the emitters of arithmetic, expressions and statements share: the text under construction, temporaries, marks,
 * and the reading and declaring of variables.
 *
 * Code is emitted as a flat list of statements: an expression emits what must happen and says where its value then
 * is. So the order of evaluation is the order of the lines, and the resumable version of a function (coroutine.ts) can
 * be left and entered again at any of its sites. A site is a call, or an operation that may call a metamethod. In a
 * list of statements with sites, `switch(pc)` jumps to the one where the function was left; a compound statement
 * with sites inside carries their labels in front, and lets `pc` decide where its own condition no longer can.
 */

import type { CallExpression, Expression, FunctionBody, Span, Variable } from "./ast.ts";
import { describe, isItself, jsName, needsCell } from "./emit-names.ts";
import type { Halves } from "./halves.ts";
import * as int64 from "./int64.ts";
import { loopMarks, siteMark, temporaryName } from "./liveness.ts";
import type { FunctionPlace, Site } from "./position.ts";
import type { LuaInteger } from "./value.ts";

/** Operations that generated code names without a prefix: those of operations.ts, in one of its two forms. */
export const OPERATIONS = [
  "index",
  "field",
  "setindex",
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
  "numbered",
  "eq",
  "lt",
  "le",
  "closeAfter",
  "closeError",
  "first",
] as const;
/** Parts of the machine that both versions of a function use. */
export const MACHINE = [
  "callable",
  "drop",
  "list",
  "tail",
  "none",
  "array",
  "record",
  "keyed",
  "fill",
  "put",
  "setfield",
  "closure",
  "forprep",
  "forLimit",
  "cursor",
  "varargs",
  "varargValues",
  "closing",
  "checkGlobal",
  "box",
  "join",
  "widen",
  "multiplyHigh",
  "co",
  "settle",
  "isTrue",
  "sameText",
  "TailCall",
  "LuaTable",
  "LuaUserdata",
  "Fields",
  "FewFields",
  "W",
  "stringByte",
  "select",
] as const;

/** What starts an operation that may fail (position.ts). */
const MARK = /^\n\/\*(\d+)\*\//;

/** Classes that a method is looked for in here; a longer chain may be a ring. */
const MAX_CLASSES = 16;

/** What it costs to hand on `...`, which may be long. */
export const VARARG_ROUNDS = "(va.length>>3)";

/** What is known of a value when code is generated. */
export type Type = "any" | "nil" | "boolean" | "string" | "table" | "function" | "integer" | "small";

/** A value that was evaluated, and how generated code names it. */
export interface Operand {
  readonly text: string;
  readonly type: Type;
  /** For `small`, an integer that is a JavaScript number: its bounds. */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly constant?: LuaInteger | undefined;
  /** The value may be in two halves: always, or when `tag` is `W`. `text` makes one value of them. */
  readonly halves?: { readonly hi: string; readonly lo: string; readonly tag: string | undefined };
  /** A captured variable: another function may assign it. */
  readonly isVolatile?: boolean;
  /** More than a name: to be put into a temporary before it is read often. */
  readonly isComplex?: boolean;
}

/** Emitted statements, and the sites among them (none when `last` < `first`). */
export interface Captured {
  readonly code: string;
  readonly first: number;
  readonly last: number;
}

/** What the functions of one piece of generated code have in common. */
export class Unit {
  /** The main chunk runs once: what it does outside loops is written shortly instead of fast (`isCold`). */
  readonly runsOnce: boolean;
  /** Positions of the operations that may fail; the text refers to them by index. */
  readonly marks: Site[] = [];
  /** Names that some function assigns as fields, or calls as methods. */
  readonly setters = new Set<string>();
  readonly methods = new Set<string>();
  /** Lists of texts that were put together at some place, by the number at their end. */
  #labelLists = 0;

  constructor(runsOnce: boolean) {
    this.runsOnce = runsOnce;
  }

  /** The name of another list for `numbered`. */
  labelList(): string {
    return `labels_${++this.#labelLists}`;
  }

  /** Functions that access a field of one name: the engine learns the hidden classes for each name. */
  accessors(): string {
    const setters = [...this.setters].map(
      (name) =>
        `const set_${name}=(o,v)=>{if(o!==undefined&&o.constructor===LuaTable){` +
        `if(o.fields.${name}!==undefined){o.fields.${name}=v;return;}` +
        `if(v!==undefined&&o.storesPlainly()&&o.takesField("${name}")){o.fields.${name}=v;return;}}` +
        `return setindex(o,"${name}",v);};`,
    );
    // Up the chain of classes, as long as each has its `__index` and its methods among its fields.
    const methods = [...this.methods].map(
      (name) =>
        `const method_${name}=(o)=>{let m,v,t=o;if(o!==undefined){if(o.constructor===LuaTable){` +
        `if((v=o.fields.${name})!==undefined)return v;m=o.hash===undefined?o.metatable:undefined;}` +
        `else if(o.constructor===LuaUserdata)m=o.metatable;else if(typeof o==="string")m=$.stringMetatable;` +
        `for(let n=0;m!==undefined&&n<${MAX_CLASSES};n++){t=m.fields.__index;if(t===undefined||t.constructor!==LuaTable)break;` +
        `if((v=t.fields.${name})!==undefined)return v;m=t.hash===undefined?t.metatable:undefined;}}` +
        `return index(o,"${name}");};`,
    );
    const lists = Array.from({ length: this.#labelLists }, (_, i) => `const labels_${i + 1}=[];`);
    return [...setters, ...methods, ...lists].join("\n");
  }
}

/** A place where a function may be left: what is assigned there, and where in the script it is. */
export interface SavedSite {
  readonly target: string;
  readonly site: Site;
}

export class Emitter {
  protected readonly body: FunctionBody;
  protected readonly unit: Unit;
  protected readonly isResumable: boolean;
  /** Names to declare at the head of the function. */
  protected readonly locals = new Set<string>();
  readonly saved: SavedSite[] = [];
  readonly #place: FunctionPlace;
  #code: string[] = [];
  #temps = 0;
  #temporaries = 0;
  #labels = 0;
  /** Set where a loop without calls counts its rounds in a local. */
  protected localFuel: string | undefined = undefined;
  /** Loops, and labels that a goto may lead back to, around what is emitted. */
  #rounds = 0;

  constructor(body: FunctionBody, unit: Unit, isResumable: boolean) {
    this.body = body;
    this.unit = unit;
    this.isResumable = isResumable;
    this.#place = {
      line: body.line,
      endLine: body.endLine,
      parameters: body.parameters.map(({ name }) => name),
      isVararg: body.isVararg,
      upvalues: body.upvalues.length,
    };
  }

  // ---- text

  protected emit(text: string): void {
    this.#code.push(text);
  }

  /** Collects what `emit` emits instead of putting it into the text. */
  protected capture(emit: () => void): Captured {
    const outer = this.#code;
    const first = this.saved.length + 1;
    this.#code = [];
    emit();
    const code = this.#code.join("\n");
    this.#code = outer;
    return { code, first, last: this.saved.length };
  }

  /** The same for what may run again and again. */
  protected captureRounds(emit: () => void): Captured {
    this.#rounds++;
    const captured = this.capture(emit);
    this.#rounds--;
    return captured;
  }

  /** What is emitted runs once: the engine reads inline forms for longer than it then saves time by them. */
  protected get isCold(): boolean {
    return this.#rounds === 0 && this.unit.runsOnce && this.body.id === 0 && !this.isResumable;
  }

  /** The body of a compound statement. */
  protected inside({ code, first, last }: Captured): string {
    return last < first ? `{${code}}` : `{switch(pc){case 0:${code}}}`;
  }

  /** A compound statement, with the sites of its bodies in reach. */
  protected emitCompound(text: string, ...bodies: Captured[]): void {
    let labels = "";
    for (const { first, last } of bodies) for (let k = first; k <= last; k++) labels += `case ${k}:`;
    this.emit(labels + text);
  }

  /** A loop, as liveness.ts wants to see it; over cases when `isCaseLoop`. */
  protected loop(text: string, isCaseLoop = false): string {
    return this.isResumable ? loopMarks(text, isCaseLoop) : text;
  }

  /** The condition of a compound statement: on the way back to a site inside, the site decides. */
  protected unlessResumed(condition: string, { first, last }: Captured): string {
    return last < first ? condition : `(pc===0?${condition}:pc>=${first}&&pc<=${last})`;
  }

  /** The same where there is an `else`: what the condition reads may not have been kept for the sites in there. */
  protected unlessResumedBelow(condition: string, body: Captured, otherwise: Captured): string {
    const onlyBelow = body.last < body.first && otherwise.first <= otherwise.last;
    return onlyBelow ? `pc===0&&(${condition})` : this.unlessResumed(condition, body);
  }

  /** Starts a line that stands for `span`; `names` are the operands as messages call them. */
  protected mark(span: Span, ...names: (string | undefined)[]): string {
    this.unit.marks.push({ in: this.#place, line: span.line, names });
    return `\n/*${this.unit.marks.length - 1}*/`;
  }

  /** The same for a call. */
  protected markCall(call: CallExpression, name: string | undefined): string {
    const isOpen = call.args.at(-1)?.kind === "call" || call.args.at(-1)?.kind === "vararg";
    const given = call.args.length + (call.method === undefined ? 0 : 1) - (isOpen ? 1 : 0);
    this.unit.marks.push({ in: this.#place, line: call.line, names: [name], given, isCall: true });
    return `\n/*${this.unit.marks.length - 1}*/`;
  }

  // ---- sites

  /**
   * `target = operation`. In the resumable version a site: what the operation calls may be left, and then this
   * function is left as well, to go on here with the result. `fast` is a condition under which the operation is not
   * needed. `wanted` is what is wanted of the result, which a call may give as a list.
   */
  protected emitOperation(
    span: Span,
    target: string,
    operation: string,
    fast?: string,
    wanted: "first" | "truth" | "raw" = "first",
  ): void {
    if (!this.isResumable) {
      const whole = this.handingIn(`${target}=${operation};`);
      this.emit(fast === undefined || this.isCold ? whole : `if(!(${fast})){${whole}}`);
      return;
    }
    const [, mark] = MARK.exec(operation) ?? [];
    const marked = mark === undefined ? undefined : this.unit.marks[Number(mark)];
    this.saved.push({ target, site: marked ?? { in: this.#place, line: span.line, names: [] } });
    const k = this.saved.length;
    const results = `${target}=${wanted === "raw" ? "settle" : "first"}(${target});`;
    const truth = wanted === "truth" ? `${target}=${target}!==undefined&&${target}!==false;` : "";
    const site =
      `${target}=pc===0?${operation}:$.deliver(v);if(Array.isArray(${target})){${results}` +
      `if($.unwinding)${siteMark(k)}}pc=0;${truth}`;
    this.emit(fast === undefined ? `case ${k}:${site}` : `case ${k}:if(pc!==0||!(${fast})){${site}}`);
  }

  // ---- temporaries and labels

  protected temp(): string {
    const number = ++this.#temps;
    const name = this.isResumable ? temporaryName(number, ++this.#temporaries) : `t${number}`;
    this.locals.add(name);
    return name;
  }

  /** Temporaries that `emit` takes are free again afterwards. */
  protected withTemps(emit: () => void): void {
    const temps = this.#temps;
    emit();
    this.#temps = temps;
  }

  protected freshLabel(): string {
    return `L${++this.#labels}`;
  }

  // ---- variables

  protected describe(expression: Expression): string | undefined {
    return describe(expression, this.body);
  }

  protected read(variable: Variable): Operand {
    if (isItself(variable, this.body)) return { text: "$lua", type: "function" };
    const isCell = needsCell(variable);
    const name = isCell ? `${jsName(variable)}.v` : jsName(variable);
    if (variable.isWide) {
      const [hi, lo] = this.halves(variable);
      const text = `(${name}===W?join(${hi},${lo}):${name})`;
      return { text, type: "any", halves: { hi, lo, tag: name }, isVolatile: isCell, isComplex: true };
    }
    if (isCell) return { text: name, type: "any", isVolatile: true, isComplex: true };
    const known = variable.known as Operand | undefined;
    return known === undefined
      ? { text: name, type: "any" }
      : { text: name, type: known.type, min: known.min, max: known.max };
  }

  /** Where the two halves of a wide variable are. */
  protected halves(variable: Variable): [hi: string, lo: string] {
    const name = jsName(variable);
    return needsCell(variable) ? [`${name}.h`, `${name}.l`] : [`${name}_h`, `${name}_l`];
  }

  /** Declares a variable; a new cell each time, as each round of a loop has its own variable. */
  protected declare(variable: Variable, value: Operand): void {
    const name = jsName(variable);
    this.locals.add(name);
    if (variable.isWide) {
      if (needsCell(variable)) this.emit(`${name}={v:undefined,h:0,l:0};`);
      else for (const half of this.halves(variable)) this.locals.add(half);
      this.assign(variable, value);
    } else if (needsCell(variable)) this.emit(`${name}={v:${value.text}};`);
    else {
      if (value.text !== name) this.emit(`${name}=${value.text};`);
      variable.known = variable.assigned || value.type === "any" ? undefined : value;
    }
  }

  /** A parameter has its value already; it may need a cell, or be kept in halves. */
  protected prepareParameter(variable: Variable): void {
    const name = jsName(variable);
    if (needsCell(variable))
      this.emit(variable.isWide ? `${name}={v:${name},h:0,l:0};` : `${name}={v:${name}};`);
    if (!variable.isWide) return;
    if (!needsCell(variable)) for (const half of this.halves(variable)) this.locals.add(half);
    this.assign(variable, { text: needsCell(variable) ? `${name}.v` : name, type: "any" });
  }

  protected assign(variable: Variable, value: Operand): void {
    const name = needsCell(variable) ? `${jsName(variable)}.v` : jsName(variable);
    if (!variable.isWide) {
      this.emit(`${name}=${value.text};`);
      return;
    }
    const [hi, lo] = this.halves(variable);
    const { halves, constant } = value;
    if (constant !== undefined) {
      this.emit(`${name}=W;${hi}=${int64.high(constant)};${lo}=${int64.low(constant)};`);
    } else if (halves === undefined) {
      this.emit(`if((${name}=widen(${value.text}))===W){${hi}=$.hi;${lo}=$.lo;}`);
    } else if (halves.tag === undefined) this.emit(`${name}=W;${this.setHalves([hi, lo], halves)}`);
    else {
      this.emit(
        `if((${name}=${halves.tag})===W){${this.setHalves([hi, lo], halves)}}` +
          `else if((${name}=widen(${name}))===W){${hi}=$.hi;${lo}=$.lo;}`,
      );
    }
  }

  /** Assigns both halves at once, as far as can be seen: either may be computed from the old value of the other. */
  protected setHalves([hi, lo]: readonly [hi: string, lo: string], to: Halves): string {
    if (!to.lo.includes(hi)) return `${hi}=${to.hi};${lo}=${to.lo};`;
    if (!to.hi.includes(lo)) return `${lo}=${to.lo};${hi}=${to.hi};`;
    const low = this.temp();
    return `${low}=${to.lo};${hi}=${to.hi};${lo}=${low};`;
  }

  /** The value under a name that can be read often, and that nothing assigns meanwhile. */
  protected hold(operand: Operand): Operand {
    return operand.isVolatile === true || operand.isComplex === true ? this.keep(operand) : operand;
  }

  /** A value in a temporary, whatever it was. */
  protected keep(operand: Operand): Operand {
    const temp = this.temp();
    this.emit(`${temp}=${operand.text};`);
    return { text: temp, type: operand.type, min: operand.min, max: operand.max, constant: operand.constant };
  }

  // ---- limits

  /**
   * Statements out of line, which may fail, run a metamethod or owe something: what a local has counted is handed in
   * before, and what is then left is taken back.
   */
  protected handingIn(statements: string): string {
    const fuel = this.localFuel;
    return fuel === undefined ? statements : `$.fuel=${fuel};${statements}${fuel}=$.fuel;`;
  }

  /** The same for an expression. */
  protected handingInValue(expression: string): string {
    const fuel = this.localFuel;
    if (fuel === undefined) return expression;
    const value = this.temp();
    return `($.fuel=${fuel},${value}=${expression},${fuel}=$.fuel,${value})`;
  }

  protected emitTick(span: Span): void {
    const fuel = this.localFuel;
    if (fuel === undefined) this.emit(`if(--$.fuel<0)${this.mark(span)}$.refill();`);
    else this.emit(`if(--${fuel}<0)${this.mark(span)}${fuel}=$.refillFrom(${fuel});`);
  }
}
