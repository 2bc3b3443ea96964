/** Expressions to JavaScript, except arithmetic. Array items and fields are read inline, everything else out of line. */

import type { BinaryOperator, CallExpression, Expression, Span, Variable } from "./ast.ts";
import { ArithmeticEmitter, integerOperand, isArithmetic, isPure, isStill } from "./compile-arithmetic.ts";
import { isItself, jsName } from "./emit-names.ts";
import { type Operand, VARARG_ROUNDS } from "./emitter.ts";
import { LONG_TEXT } from "./meter.ts";
import { FEW_FIELDS, MAX_FIELDS } from "./table.ts";

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NIL: Operand = { text: "undefined", type: "nil" };

type Binary = Extract<Expression, { kind: "binary" }>;

export class ExpressionEmitter extends ArithmeticEmitter {
  /** Evaluates an expression to one value. */
  protected operand(e: Expression): Operand {
    switch (e.kind) {
      case "nil":
        return NIL;
      case "true":
      case "false":
        return { text: e.kind, type: "boolean" };
      case "integer":
        return integerOperand(e.value);
      case "string":
        return { text: JSON.stringify(e.value), type: "string" };
      case "vararg":
        this.#emitVarargs(e);
        return { text: "va[0]", type: "any", isComplex: true };
      case "local":
        return this.read(e.variable);
      case "global":
        return this.#index(e.env, nameOf(e), e);
      case "index":
        return this.#index(e.object, e.key, e);
      case "call":
        return { text: this.call(e, "first"), type: "any" };
      case "function":
        return this.#closure(e);
      case "paren":
        return this.operand(e.inner);
      case "table":
        return { text: this.#table(e), type: "table" };
      case "unary":
        return e.op === "not" || e.op === "#" ? this.#unary(e) : this.arithmetic(e);
      case "binary":
        if (isArithmetic(e)) return this.arithmetic(e);
        if (e.op === "..") return this.#concat(e);
        if (e.op === "and" || e.op === "or") return this.#logical(e);
        return { text: this.#comparison(e), type: "boolean", isComplex: true };
    }
  }

  /** Evaluates expressions in order; what comes first is kept from what later ones may assign. */
  protected operands(list: readonly Expression[]): Operand[] {
    let areStill = true;
    const isLater: boolean[] = [];
    for (let i = list.length - 1; i >= 0; i--) {
      isLater[i] = areStill;
      areStill &&= isStill(list[i]!);
    }
    return list.map((e, i) => {
      const operand = this.operand(e);
      return isLater[i] ? operand : this.hold(operand);
    });
  }

  /** The two operands of an operator. A local of this function is read when both are there, as in PUC Lua. */
  protected pair(left: Expression, right: Expression): [Operand, Operand] {
    if (this.isOwnLocal(left)) return [this.operand(left), this.operand(right)];
    return this.operands([left, right]) as [Operand, Operand];
  }

  // ---- conditions

  /** Evaluates an expression to a JavaScript condition: neither nil nor false. */
  protected condition(e: Expression): string {
    if (e.kind === "paren") return this.condition(e.inner);
    if (e.kind === "unary" && e.op === "not") return `!${this.condition(e.operand)}`;
    if (e.kind === "binary" && (e.op === "and" || e.op === "or")) return this.#logicalCondition(e);
    return conditionOf(this.operand(e));
  }

  #logicalCondition(e: Binary): string {
    const parts = sameOperator(e, e.op);
    let result = "";
    for (const part of parts) {
      let text = "";
      const code = this.capture(() => {
        text = this.condition(part);
      });
      if (result === "") {
        this.emitPart(code);
        result = text;
      } else if (code.code === "") result += `${e.op === "and" ? "&&" : "||"}${text}`;
      else {
        const known = this.temp();
        this.emit(`${known}=${result};`);
        const rest = { ...code, code: `${code.code}\n${known}=${text};` };
        const test = this.unlessResumed(e.op === "and" ? known : `!${known}`, rest);
        this.emitCompound(`if(${test})${this.inside(rest)}`, rest);
        result = known;
      }
    }
    return parts.length > 1 ? `(${result})` : result;
  }

  /** Captured statements at their own level, where their sites are in reach already. */
  protected emitPart({ code }: { code: string }): void {
    if (code !== "") this.emit(code);
  }

  #logical(e: Binary): Operand {
    const parts = sameOperator(e, e.op);
    const target = this.temp();
    for (const [i, part] of parts.entries()) {
      if (i === 0) {
        this.emit(`${target}=${this.operand(part).text};`);
        continue;
      }
      const code = this.capture(() => this.emit(`${target}=${this.operand(part).text};`));
      const isTrue = `(${target}!==undefined&&${target}!==false)`;
      const test = this.unlessResumed(e.op === "and" ? isTrue : `!${isTrue}`, code);
      this.emitCompound(`if(${test})${this.inside(code)}`, code);
    }
    return { text: target, type: "any" };
  }

  #comparison(e: Binary): string {
    const [x, y] = this.pair(e.left, e.right).map((operand) => this.hold(operand)) as [Operand, Operand];
    const isEquality = e.op === "==" || e.op === "~=";
    if (isEquality && [x, y].some(isPlain)) return `(${x.text}${e.op === "==" ? "===" : "!=="}${y.text})`;
    const operation = isEquality ? "eq" : e.op.length === 1 ? "lt" : "le";
    const [a, b] = e.op[0] === ">" ? [y, x] : [x, y];
    if (!isEquality && this.isCold && (x.type !== "small" || y.type !== "small"))
      return `${this.mark(e)}${operation}(${a.text},${b.text})`;
    const numbers = [x, y]
      .filter(({ type }) => type !== "small")
      .map(({ text }) => `typeof ${text}==="number"`);
    const operate = `${this.mark(e)}${operation}(${a.text},${b.text})`;
    const not = e.op === "~=" ? "!" : "";
    if (numbers.length === 0) return `(${a.text}${isEquality ? "===" : e.op.replace(">", "<")}${b.text})`;
    // Two long texts are compared out of line, since that takes long.
    const mayBeText = x.type === "any" && y.type === "any";
    if (!this.isResumable) {
      const slow = this.handingInValue(operate);
      if (isEquality) {
        const text = mayBeText ? `typeof ${a.text}==="string"&&${a.text}.length>${LONG_TEXT}?` : "";
        const same = text === "" ? "" : `${text}${this.handingInValue(`sameText(${a.text},${b.text})`)}:`;
        return `${not}(${same}${a.text}===${b.text}||(typeof ${a.text}==="object"&&${slow}))`;
      }
      return `(${numbers.join("&&")}?${a.text}${e.op.replace(">", "<")}${b.text}:${slow})`;
    }
    const slow = operate;
    const target = this.temp();
    const same = mayBeText
      ? `(typeof ${a.text}==="string"&&${a.text}.length>${LONG_TEXT}?sameText(${a.text},${b.text}):${a.text}===${b.text})`
      : `${a.text}===${b.text}`;
    const fast = isEquality
      ? `(${target}=${same})||typeof ${a.text}!=="object"`
      : `${numbers.join("&&")}&&((${target}=${a.text}${e.op.replace(">", "<")}${b.text}),true)`;
    this.emitOperation(e, target, slow, fast, "truth");
    return not === "" ? target : `!${target}`;
  }

  // ---- operators

  #unary(e: Extract<Expression, { kind: "unary" }>): Operand {
    if (e.op === "not") return { text: `!${this.condition(e.operand)}`, type: "boolean", isComplex: true };
    const { text, type } = this.#object(this.operand(e.operand));
    if (type === "string")
      return { text: `${text}.length`, type: "small", min: 0, max: 2 ** 30, isComplex: true };
    const target = this.temp();
    const table = `${tableTest({ text, type })}${text}.metatable===undefined&&((${target}=${text}.array.length-1),true)`;
    const fast =
      type === "table" ? table : `typeof ${text}==="string"?((${target}=${text}.length),true):${table}`;
    this.emitOperation(e, target, `${this.mark(e, this.describe(e.operand))}len(${text})`, fast);
    return { text: target, type: "any" };
  }

  #concat(e: Binary): Operand {
    // Groups to the right.
    const links: Binary[] = [];
    let last: Expression = e;
    while (last.kind === "binary" && last.op === "..") {
      links.push(last);
      last = last.right;
    }
    // What an inner link calls must not change the operands of the outer ones: PUC Lua has all of them before.
    const values = this.operands([...links.map((link) => link.left), last]).map((operand, i) =>
      i < links.length - 1 ? this.hold(operand) : operand,
    );
    const target = this.temp();
    let right = values.at(-1)!.text;
    for (let i = links.length - 1; i >= 0; i--) {
      const link = links[i]!;
      const mark = this.mark(link, this.describe(link.left), this.describe(link.right));
      const isNumbered =
        i === links.length - 1 && !this.isCold && isLabel(link.left) && isNumber(values.at(-1)!);
      const operation = isNumbered ? `numbered(${this.unit.labelList()},` : "concat(";
      this.emitOperation(link, target, `${mark}${operation}${values[i]!.text},${right})`);
      right = target;
    }
    return { text: target, type: values.every(isText) ? "string" : "any" };
  }

  // ---- tables

  #index(object: Expression, key: Expression, span: Span): Operand {
    const [o, k] = this.#objectAndKey(object, key);
    const target = this.temp();
    const name = fieldName(key);
    // `field` is for what is not among the fields, which only code that looks there itself knows.
    const operate = name === undefined || (this.isCold && !this.isResumable) ? "index" : "field";
    const operation = `${this.mark(span, this.describe(object))}${operate}(${o.text},${k.text})`;
    const isTable = tableTest(o);
    if (name !== undefined) {
      this.emitOperation(
        span,
        target,
        operation,
        `${isTable}(${target}=${o.text}.fields.${name})!==undefined`,
      );
    } else if (mayBeItem(k)) {
      const item = `${isTable}${itemTests(k)}${k.text}<${o.text}.array.length`;
      this.emitOperation(
        span,
        target,
        operation,
        `${item}&&(${target}=${o.text}.array[${k.text}])!==undefined`,
      );
    } else this.emitOperation(span, target, operation);
    return { text: target, type: "any" };
  }

  #objectAndKey(object: Expression, key: Expression): [Operand, Operand] {
    // An upvalue, too, is read when the key is there.
    const [o, k] =
      object.kind === "local" ? [this.operand(object), this.operand(key)] : this.pair(object, key);
    return [this.#object(o), this.hold(k)];
  }

  /** A value that a dot may follow. */
  #object(operand: Operand): Operand {
    return operand.constant === undefined ? this.hold(operand) : this.keep(operand);
  }

  /**
   * Evaluates the object and the key of an assignment, and returns what then stores a value. A local is read only then,
   * as PUC Lua does it, unless it is among the `assigned`, which are assigned before.
   */
  protected place(
    object: Expression,
    key: Expression,
    span: Span,
    assigned: readonly Variable[],
  ): (value: Operand) => void {
    const isAssigned = (e: Expression): boolean => {
      const inner = e.kind === "paren" ? e.inner : e;
      return inner.kind === "local" && assigned.includes(inner.variable);
    };
    const isLate = (e: Expression): boolean => this.isOwnLocal(e) && !isAssigned(e);
    const isLateKey = isLate(key);
    const isLateObject =
      isLate(object) || (object.kind === "local" && key.kind === "string" && !isAssigned(object));
    const early = (e: Expression, x: Operand): Operand => (isAssigned(e) ? this.keep(x) : x);
    let [o, k]: (Operand | undefined)[] = [undefined, undefined];
    if (!isLateObject && !isLateKey) [o, k] = this.#objectAndKey(object, key);
    else if (!isLateObject) o = this.#object(this.operand(object));
    else if (!isLateKey) k = this.hold(this.operand(key));
    const [earlyObject, earlyKey] = [o && early(object, o), k && early(key, k)];
    return (value) => {
      const v = this.hold(value).text;
      const o = earlyObject ?? this.#object(this.operand(object));
      const k = earlyKey ?? this.hold(this.operand(key));
      const target = this.temp();
      const name = fieldName(key);
      const mark = this.mark(span, this.describe(object));
      if (name !== undefined && this.isCold) this.emit(`${mark}setfield(${o.text},"${name}",${v});`);
      else if (name !== undefined) {
        this.unit.setters.add(name);
        this.#emitStore(span, target, `${mark}set_${name}(${o.text},${v})`);
      } else if (mayBeItem(k)) {
        const item = `${tableTest(o)}${itemTests(k)}${k.text}<${o.text}.array.length`;
        const isPlain = `(${o.text}.metatable===undefined||${o.text}.array[${k.text}]!==undefined)`;
        const isValue = isNeverNil(value) ? "" : `&&${v}!==undefined`;
        const fast = `${item}${isValue}&&${isPlain}&&((${o.text}.array[${k.text}]=${v}),true)`;
        this.#emitStore(span, target, `${mark}setindex(${o.text},${k.text},${v})`, fast);
      } else this.#emitStore(span, target, `${mark}setindex(${o.text},${k.text},${v})`);
    };
  }

  #emitStore(span: Span, target: string, operation: string, fast?: string): void {
    if (this.isResumable) {
      this.emitOperation(span, target, operation, fast);
      return;
    }
    const whole = this.handingIn(`${operation};`);
    this.emit(fast === undefined || this.isCold ? whole : `if(!(${fast})){${whole}}`);
  }

  #table(e: Extract<Expression, { kind: "table" }>): string {
    const { items } = e;
    const target = this.temp();
    const positional = items.filter((item) => item.key === undefined);
    if (positional.length === items.length) {
      const values = this.items(items.map((item) => item.value));
      this.emit(this.handingIn(`${target}=${this.mark(e)}array([${["undefined", ...values].join(",")}]);`));
      return target;
    }
    const names = items.flatMap(({ key }) => (key === undefined ? [] : [fieldName(key)]));
    const asFields =
      names.length <= MAX_FIELDS && !names.includes(undefined) && new Set(names).size === names.length;
    // In the order of the source; positional items go in last, as in PUC Lua they do.
    const list = positional.length > 0 ? this.temp() : "";
    if (list !== "") this.emit(`${list}=[undefined];`);
    const kind = names.length <= FEW_FIELDS ? "FewFields" : "Fields";
    this.emit(asFields ? `${target}=new ${kind}();` : this.handingIn(`${target}=keyed();`));
    for (const [i, { key, value }] of items.entries()) {
      this.withTemps(() => {
        if (key === undefined) {
          const isSpread = i === items.length - 1 && isMultiple(value);
          if (isSpread) this.emit(`${list}=${list}.concat(${this.multiple([value])});`);
          else this.emit(`${list}.push(${this.operand(value).text});`);
          return;
        }
        const name = fieldName(key);
        if (name !== undefined) {
          const { text } = this.operand(value);
          this.emit(asFields ? `${target}.${name}=${text};` : `${target}.setField("${name}",${text});`);
        } else {
          const [k, v] = this.pair(key, value);
          this.emit(this.handingIn(`${this.mark(e)}put(${target},${k.text},${v.text});`));
        }
      });
    }
    const rest = list === "" ? "" : `,${list}`;
    const made = asFields ? `record(${target},${names.length}${rest})` : `fill(${target}${rest})`;
    this.emit(this.handingIn(`${target}=${this.mark(e)}${made};`));
    return target;
  }

  #closure(e: Extract<Expression, { kind: "function" }>): Operand {
    const captured = e.upvalues
      .filter((variable) => !isItself(variable, e))
      .map((variable) => (isItself(variable, this.body) ? "$lua" : jsName(variable)));
    const make = this.isResumable ? `make[${e.id}]` : `make${e.id}`;
    const text = `closure(${make}(${captured.join(",")}),${captured.length})`;
    return { text: this.handingInValue(text), type: "function", isComplex: true };
  }

  // ---- calls

  /** What a call needs, evaluated: the function, and the arguments as items of a JavaScript list. */
  protected callParts(call: CallExpression): {
    callee: string;
    isFunction: boolean;
    args: string[];
    mark: string;
  } {
    if (call.args.at(-1)?.kind === "vararg") this.emit(`$.fuel-=${VARARG_ROUNDS};`);
    if (call.method !== undefined) {
      const { method } = call;
      const { isCold } = this;
      if (!isCold) this.unit.methods.add(method);
      const object = this.#object(this.operand(call.callee));
      const callee = this.temp();
      this.emitOperation(
        call,
        callee,
        this.mark(call, this.describe(call.callee)) +
          (isCold ? `index(${object.text},"${method}")` : `method_${method}(${object.text})`),
      );
      const args = [object.text, ...this.items(call.args)];
      return { callee, isFunction: false, args, mark: this.markCall(call, `method '${method}'`) };
    }
    let callee = this.operand(call.callee);
    if (!call.args.every(isStill) || callee.isComplex === true) callee = this.hold(callee);
    const args = this.items(call.args);
    const mark = this.markCall(call, this.describe(call.callee));
    return { callee: callee.text, isFunction: callee.type === "function", args, mark };
  }

  /** A call into a temporary: its first result, its raw result (a value or a list), or none. */
  protected call(call: CallExpression, wanted: "first" | "raw" | "none"): string {
    const { callee, isFunction, args, mark } = this.callParts(call);
    const target = this.temp();
    if (this.isResumable) {
      const f = isFunction ? callee : `(typeof ${callee}==="function"?${callee}:callable(${callee}))`;
      const version = callee === "$lua" ? "$co" : `co(${f})`;
      this.emitOperation(
        call,
        target,
        `${mark}${callText(version, args, false)}`,
        undefined,
        wanted === "first" ? "first" : "raw",
      );
      return target;
    }
    let f = callee;
    if (!isFunction) {
      if (!/^t\d+$/.test(callee)) {
        f = this.temp();
        this.emit(`${f}=typeof ${callee}==="function"?${callee}:callable(${callee});`);
      } else this.emit(`if(typeof ${f}!=="function")${f}=callable(${f});`);
    }
    const text = `${target}=${mark}${callText(f, args, !this.isCold)}`;
    const [subject, at] = args;
    if (!this.isCold && isByteCall(call) && args.length === 2 && !at!.startsWith("...")) {
      // What packet scripts do most; everything unusual is the library's.
      const fast = [
        `${f}===stringByte`,
        `typeof ${subject}==="string"`,
        `typeof ${at}==="number"`,
        `${at}>0`,
        `${at}<=(${subject}).length`,
      ];
      this.emit(`if(${fast.join("&&")})${target}=(${subject}).charCodeAt(${at}-1);else `);
    }
    if (!this.isCold && wanted === "first" && isSelectCall(call) && args.length === 2 && at === "...va") {
      // One of the extra arguments, or their number, without handing on all of them.
      const isCount = call.args[0]!.kind === "string";
      const inRange = `typeof ${subject}==="number"&&${subject}>0&&${subject}<=va.length`;
      if (isCount) this.emit(`if(${f}===select&&${subject}==="#")${target}=va.length;else `);
      else this.emit(`if(${f}===select&&${inRange})${target}=va[${subject}-1];else `);
    }
    if (wanted === "raw") this.emit(`${text};`);
    else if (wanted === "first")
      this.emit(`if(Array.isArray(${text}))${this.mark(call)}${target}=first(${target});`);
    else this.emit(`if(Array.isArray(${text}))${this.mark(call)}drop(${target});`);
    return target;
  }

  /** Expressions as items of a JavaScript list; all results of a last call are spread into it. */
  protected items(list: readonly Expression[]): string[] {
    const last = list.at(-1);
    if (last === undefined || !isMultiple(last)) return this.operands(list).map(({ text }) => text);
    const first = this.operands(list.slice(0, -1)).map((operand) =>
      isPure(last) ? operand : this.hold(operand),
    );
    if (last.kind === "vararg") this.#emitVarargs(last);
    const rest = last.kind === "call" ? `${SPREAD}${this.call(last, "raw")})` : "...va";
    return [...first.map(({ text }) => text), rest];
  }

  /** Extra arguments that have a name are what is in their table now. */
  #emitVarargs(span: Span): void {
    const { varargTable } = this.body;
    if (varargTable !== undefined)
      this.emit(`va=${this.mark(span)}varargValues(${this.read(varargTable).text});`);
  }

  /** All values of a list of expressions, as a JavaScript array that is not changed. */
  protected multiple(values: readonly Expression[]): string {
    const [only] = values;
    if (values.length === 1 && only!.kind === "call") {
      const results = this.call(only as CallExpression, "raw");
      this.emit(`if(${results}===undefined||${results}.constructor!==Array)${results}=list(${results});`);
      return results;
    }
    if (values.length === 1 && only!.kind === "vararg") {
      this.#emitVarargs(only!);
      return "va";
    }
    return `[${this.items(values).join(",")}]`;
  }
}

/** Longer texts are hardly names. */
const MAX_LABEL = 24;

/** How all results of a call are put into a list. */
const SPREAD = "...list(";

/**
 * A call. When its last argument is a call, which mostly gives one value, that is given without a list; `isPlain`: two
 * or three values are given one by one as well, as the engine neither inlines nor hurries a call with a spread list.
 */
export function callText(f: string, args: readonly string[], isPlain: boolean): string {
  const withLast = (...last: string[]): string => `${f}(${[...args.slice(0, -1), ...last].join(",")})`;
  const last = args.at(-1);
  if (last?.startsWith(SPREAD) !== true) return `${f}(${args.join(",")})`;
  const result = last.slice(SPREAD.length, -1);
  const items = (n: number): string[] => Array.from({ length: n }, (_, i) => `${result}[${i}]`);
  const all = isPlain
    ? `(${result}=list(${result})).length===2?${withLast(...items(2))}:` +
      `${result}.length===3?${withLast(...items(3))}:${withLast(`...${result}`)}`
    : withLast(last);
  return `(Array.isArray(${result})?${all}:${withLast(result)})`;
}

/** `string.byte(s, i)` or `s:byte(i)`, as far as it can be seen. */
const isByteCall = ({ callee, method }: CallExpression): boolean =>
  method === "byte" ||
  (callee.kind === "index" && callee.key.kind === "string" && callee.key.value === "byte");

/** `select(i, ...)`, as far as it can be seen. */
const isSelectCall = ({ callee, method }: CallExpression): boolean =>
  method === undefined &&
  ((callee.kind === "global" && callee.name === "select") ||
    (callee.kind === "local" && callee.variable.name === "select"));

export const isMultiple = (e: Expression): boolean => e.kind === "call" || e.kind === "vararg";

/** The name of a global, as the key that it is. */
export function nameOf({ line, column, name }: Extract<Expression, { kind: "global" }>): Expression {
  return { line, column, kind: "string", value: name };
}

/** The name of a field, when the key is one that is written down. */
const fieldName = (key: Expression): string | undefined =>
  key.kind === "string" && IDENTIFIER.test(key.value) ? key.value : undefined;

/** What makes a text with a number behind it a name that is made again and again. */
const isLabel = (e: Expression): boolean => e.kind === "string" && e.value.length <= MAX_LABEL;
const isNumber = ({ type }: Operand): boolean => type === "any" || type === "integer" || type === "small";

/** Joined without a metamethod. */
const isText = ({ type }: Operand): boolean => type === "string" || type === "integer" || type === "small";

const mayBeItem = ({ type, max }: Operand): boolean =>
  type === "any" || type === "integer" || (type === "small" && max! > 0);

/** What makes a key that of an item, besides the length of the array. */
const itemTests = ({ type, text, min }: Operand): string => {
  const isNumber = type === "small" ? "" : `typeof ${text}==="number"&&`;
  return type === "small" && min! > 0 ? isNumber : `${isNumber}${text}>0&&`;
};

/** What makes a value a table, in front of a further condition. */
const tableTest = ({ type, text }: Operand): string =>
  type === "table" ? "" : `${text}!==undefined&&${text}.constructor===LuaTable&&`;

const isNeverNil = ({ type }: Operand): boolean => type !== "any" && type !== "nil";

/** Equal to another value only when it is the same JavaScript value. */
const isPlain = ({ type }: Operand): boolean =>
  type === "nil" || type === "boolean" || type === "string" || type === "small" || type === "function";

/** A JavaScript condition that is true when the value is neither nil nor false. */
function conditionOf({ text, type }: Operand): string {
  switch (type) {
    case "nil":
      return "false";
    case "boolean":
      return text;
    case "any":
      return /^[\w$.]+$/.test(text) ? `(${text}!==undefined&&${text}!==false)` : `isTrue(${text})`;
    default:
      return "true";
  }
}

/** The operands of a chain of one operator. */
function sameOperator(e: Binary, op: BinaryOperator): Expression[] {
  const operands: Expression[] = [];
  let left: Expression = e;
  while (left.kind === "binary" && left.op === op) {
    operands.push(left.right);
    left = left.left;
  }
  return [...operands, left].reverse();
}
