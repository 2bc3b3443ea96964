/** Statements to JavaScript: blocks with their labels and closing variables, loops, assignments, returns. */

import type { Block, CallExpression, Expression, Span, Statement, Target, Variable } from "./ast.ts";
import { isArithmetic } from "./compile-arithmetic.ts";
import { callText, ExpressionEmitter, isMultiple, nameOf } from "./compile-expression.ts";
import { jsName } from "./emit-names.ts";
import type { Operand } from "./emitter.ts";
import { usedLabels } from "./gotos.ts";
import { LOOP_BOUND } from "./machine.ts";
import { makesCalls } from "./syntax-walk.ts";

/** Where a goto, a break or a return goes, when it leaves no scope with something to be closed. */
interface Exit {
  /** How many scopes were open where it leads. */
  readonly depth: number;
  /** The local that counted rounds there, if any. */
  readonly fuel: string | undefined;
  readonly jump: () => void;
}

/** The scope of something to be closed: leaving it goes through its end, which knows by number where to go on. */
interface CloseScope {
  readonly label: string;
  readonly state: string;
  readonly exits: Exit[];
}

const ONE: Operand = { text: "1", type: "small", min: 1, max: 1, constant: 1 };
const NIL: Operand = { text: "undefined", type: "nil" };
/** Where a loop over numbers may start: from there to `LOOP_BOUND` it takes more rounds than there is time. */
const START_BOUND = 2 ** 51;
/** A range that ends this near to `LOOP_BOUND` is that of another loop's variable. */
const NEAR_BOUND = 2 ** 20;
const MAX_STEP = 2 ** 16;

const objectOf = (target: Exclude<Target, { kind: "local" }>): Expression =>
  target.kind === "global" ? target.env : target.object;

const keyOf = (target: Exclude<Target, { kind: "local" }>): Expression =>
  target.kind === "global" ? nameOf(target) : target.key;

function isUsualStart({ type, min, max }: Operand): boolean {
  if (type !== "small") return false;
  const isNear = (n: number): boolean => n <= START_BOUND || Math.abs(n - LOOP_BOUND) <= NEAR_BOUND;
  return min === max ? Math.abs(min!) <= START_BOUND : isNear(Math.abs(min!)) && isNear(Math.abs(max!));
}

/** Whether nothing but labels follows. */
const isLast = (statements: readonly Statement[], index: number): boolean =>
  statements.slice(index).every(({ kind }) => kind === "label");

export class StatementEmitter extends ExpressionEmitter {
  readonly #labels: (Exit & { readonly name: string })[] = [];
  readonly #loops: Exit[] = [];
  readonly #scopes: CloseScope[] = [];

  // ---- blocks

  protected emitBlock(block: Block): void {
    this.#emitStatements(block.statements);
  }

  #emitStatements(statements: readonly Statement[]): void {
    const used = usedLabels(statements);
    const end = used.at(-1);
    // What follows a to-be-closed variable is a block of its own: its end closes the variable.
    const closing = statements.findIndex(
      (s) => s.kind === "local" && s.variables.some((v) => v.attribute === "close"),
    );
    // A label at the end is out of the variable's scope: a goto from before the variable may lead there.
    if (end !== undefined && closing >= 0 && end.index > closing && isLast(statements, end.index)) {
      this.#emitForward(end.name, () => this.#emitStatements(statements.slice(0, end.index)));
      return;
    }
    const labels = used.filter(({ index }) => closing < 0 || index < closing);
    const rest = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        if (i === closing) {
          this.#emitCloseScope(statements[i]!, () => this.#emitStatements(statements.slice(i + 1)));
          return;
        }
        this.withTemps(() => this.#emitStatement(statements[i]!));
      }
    };
    const [only] = labels;
    if (only === undefined) rest(0, statements.length);
    else if (labels.length > 1) this.#emitSegments(statements, labels, rest);
    else {
      if (only.forward) this.#emitForward(only.name, () => rest(0, only.index));
      else rest(0, only.index);
      if (only.backward)
        this.#emitBackward(statements[only.index]!, only.name, () => rest(only.index + 1, statements.length));
      else rest(only.index + 1, statements.length);
    }
  }

  /** A goto to the end of some statements leaves a labelled block. */
  #emitForward(name: string, emit: () => void): void {
    const label = this.freshLabel();
    this.#labels.push({ name, ...this.#here(), jump: () => this.emit(`break ${label};`) });
    const body = this.capture(emit);
    this.#labels.pop();
    this.emitCompound(`${label}:${this.inside(body)}`, body);
  }

  /** A goto to the beginning of some statements goes round a loop. */
  #emitBackward(statement: Statement, name: string, emit: () => void): void {
    const label = this.freshLabel();
    const jump = (): void => {
      this.emitTick(statement);
      this.emit(`continue ${label};`);
    };
    this.#labels.push({ name, ...this.#here(), jump });
    const body = this.captureRounds(() => {
      emit();
      this.emit(`break ${label};`);
    });
    this.#labels.pop();
    this.emitCompound(this.loop(`${label}:for(;;)${this.inside(body)}`), body);
  }

  /** Several labels: segments as cases of a switch; a goto sets the case and goes round. */
  #emitSegments(
    statements: readonly Statement[],
    labels: readonly { name: string; index: number }[],
    emitRange: (from: number, to: number) => void,
  ): void {
    const loop = this.freshLabel();
    const next = this.temp();
    for (const [i, { name, index }] of labels.entries()) {
      const jump = (): void => {
        this.emitTick(statements[index]!);
        this.emit(`${next}=${i + 1};continue ${loop};`);
      };
      this.#labels.push({ name, ...this.#here(), jump });
    }
    const starts = [0, ...labels.map(({ index }) => index + 1)];
    const segments = starts.map((start, i) =>
      this.captureRounds(() => emitRange(start, labels[i]?.index ?? statements.length)),
    );
    this.#labels.length -= labels.length;
    // A function that is left must know where it is, also when it came here from the segment before.
    const enter = (i: number): string => (this.isResumable && i > 0 ? `${next}=${i};` : "");
    const cases = segments.map((segment, i) => `case ${i}:${enter(i)}${this.inside(segment)}`).join("\n");
    this.emit(`${next}=0;`);
    this.emitCompound(this.loop(`${loop}:for(;;){switch(${next}){${cases}}break;}`, true), ...segments);
  }

  // ---- leaving blocks

  #here(): { depth: number; fuel: string | undefined } {
    return { depth: this.#scopes.length, fuel: this.localFuel };
  }

  /** Goes to `exit`, through the ends of the scopes that it leaves. */
  #emitExit(exit: Exit): void {
    const { localFuel } = this;
    if (localFuel !== exit.fuel) {
      this.emit(`$.fuel=${localFuel};`);
      // What the jump itself counts is counted there.
      this.localFuel = exit.fuel;
      this.#emitJump(exit);
      this.localFuel = localFuel;
    } else this.#emitJump(exit);
  }

  #emitJump(exit: Exit): void {
    if (exit.depth >= this.#scopes.length) {
      exit.jump();
      return;
    }
    const scope = this.#scopes.at(-1)!;
    scope.exits.push(exit);
    this.emit(`${scope.state}=${scope.exits.length};break ${scope.label};`);
  }

  #emitCloseScope(statement: Statement, emitRest: () => void): void {
    if (statement.kind !== "local") throw new Error("not a declaration");
    const variable = statement.variables.find((v) => v.attribute === "close")!;
    this.withTemps(() => this.#emitLocal(statement.variables, statement.values));
    const value = this.read(variable);
    this.emit(`${this.mark(statement, variable.name)}closing(${value.text});`);
    this.#emitClosing(statement, value.text, emitRest);
  }

  /** Runs some statements, then the closing method of `value`, however they end. */
  #emitClosing(span: Span, value: string, emit: () => void): void {
    const state = this.temp();
    const error = this.temp();
    const scope: CloseScope = { label: this.freshLabel(), state, exits: [] };
    this.#scopes.push(scope);
    const body = this.capture(emit);
    this.#scopes.pop();
    this.emit(`${state}=0;`);
    this.emitCompound(
      `${scope.label}:try${this.inside(body)}catch(e){${this.isResumable ? "$.unwinding=false;pc=0;" : ""}${state}=-1;${error}=e;}`,
      body,
    );
    const ignored = this.temp();
    const closeAfter = this.capture(() =>
      this.emitOperation(span, ignored, `${this.mark(span)}closeAfter(${value})`),
    );
    const closeError = this.capture(() => {
      this.emitOperation(span, error, `${this.mark(span)}closeError(${value},${error})`, undefined, "raw");
      this.emit(`throw ${error};`);
    });
    const failed = this.unlessResumed(`${state}===-1`, closeError);
    this.emitCompound(
      `if(${failed})${this.inside(closeError)}else${this.inside(closeAfter)}`,
      closeAfter,
      closeError,
    );
    for (const [i, exit] of scope.exits.entries()) {
      const jump = this.capture(() => this.#emitExit(exit));
      this.emit(`if(${state}===${i + 1})${this.inside(jump)}`);
    }
  }

  // ---- statements

  #emitStatement(s: Statement): void {
    switch (s.kind) {
      case "local":
        this.#emitLocal(s.variables, s.values);
        return;
      case "localfunction": {
        // It may name itself, so it is in sight before it has its value.
        if (!s.variable.assigned) {
          this.declare(s.variable, this.operand(s.body));
          return;
        }
        this.declare(s.variable, NIL);
        this.assign(s.variable, this.operand(s.body));
        return;
      }
      case "assign":
        this.#emitAssign(s.targets, s.values);
        return;
      case "globalinit":
        this.#emitGlobalInit(s.targets, s.values, s);
        return;
      case "callstat":
        this.call(s.call, "none");
        return;
      case "do": {
        const body = this.capture(() => this.emitBlock(s.body));
        this.emitCompound(this.inside(body), body);
        return;
      }
      case "while":
        this.#emitLoop(s, (leave) => {
          const condition = this.condition(s.condition);
          if (condition !== "true") this.emit(`if(!(${condition}))${leave}`);
          this.emitTick(s);
          this.emitBlock(s.body);
        });
        return;
      case "repeat":
        this.#emitLoop(s, () => this.#emitRepeat(s));
        return;
      case "if":
        this.#emitIf(s, 0);
        return;
      case "for":
        this.#emitFor(s);
        return;
      case "forin":
        this.#emitForIn(s);
        return;
      case "return":
        this.#emitReturn(s.values);
        return;
      case "break":
        this.#emitExit(this.#loops.at(-1)!);
        return;
      case "goto":
        this.#emitExit(this.#labels.findLast(({ name }) => name === s.label)!);
        return;
      case "label":
        return;
    }
  }

  #emitIf(s: Extract<Statement, { kind: "if" }>, clause: number): void {
    const { condition: test, body: block } = s.clauses[clause]!;
    const condition = this.condition(test);
    const body = this.capture(() => this.emitBlock(block));
    const head = (test: string): string => `if(${test})${this.inside(body)}`;
    const hasMore = clause + 1 < s.clauses.length;
    if (!hasMore && s.otherwise === undefined) {
      this.emitCompound(head(this.unlessResumed(condition, body)), body);
      return;
    }
    const otherwise = this.capture(() => {
      if (hasMore) this.withTemps(() => this.#emitIf(s, clause + 1));
      else this.emitBlock(s.otherwise!);
    });
    const decision = this.unlessResumedBelow(condition, body, otherwise);
    this.emitCompound(`${head(decision)}else${this.inside(otherwise)}`, body, otherwise);
  }

  // ---- loops

  /** A loop that `emit` fills; `head` is its JavaScript head. */
  #emitLoop(s: Statement, emit: (leave: string) => void, head = "for(;;)"): void {
    const label = this.freshLabel();
    const leave = `break ${label};`;
    // Without calls, rounds are counted in a local, which the engine keeps in a register.
    const isCounted = !this.isResumable && this.localFuel === undefined && !makesCalls(s);
    if (isCounted) {
      this.localFuel = "fuel";
      this.locals.add("fuel");
      this.emit("fuel=$.fuel;");
    }
    this.#loops.push({ ...this.#here(), jump: () => this.emit(leave) });
    const body = this.captureRounds(() => emit(leave));
    this.#loops.pop();
    this.emitCompound(this.loop(`${label}:${head}${this.inside(body)}`), body);
    if (isCounted) {
      this.localFuel = undefined;
      this.emit("$.fuel=fuel;");
    }
  }

  #emitRepeat(s: Extract<Statement, { kind: "repeat" }>): void {
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
    this.emitBlock({ statements: ends ? s.body.statements : [...s.body.statements, until] });
    if (!ends) this.emitTick(s);
  }

  #emitFor(s: Extract<Statement, { kind: "for" }>): void {
    const [control, limit] = [this.temp(), this.temp()];
    const [from, to, step] = this.operands([s.start, s.limit, ...(s.step ? [s.step] : [])]);
    const by = step ?? ONE;
    const isUp = by.min! > 0;
    const isSimple =
      isUsualStart(from!) &&
      by.type === "small" &&
      (isUp || by.max! < 0) &&
      by.min! >= -MAX_STEP &&
      by.max! <= MAX_STEP;
    if (!isSimple) {
      this.#emitGeneralFor(s, [from!, to!, by], control, limit);
      return;
    }
    const stride = by.constant === undefined ? this.keep(by).text : by.text;
    // A variable that nothing assigns counts itself.
    const i = s.variable.assigned || s.variable.isWide ? control : jsName(s.variable);
    this.locals.add(i);
    this.emit(`${i}=${from!.text};`);
    if (to!.type === "small" && to!.min! >= -LOOP_BOUND && to!.max! <= LOOP_BOUND)
      this.emit(`${limit}=${to!.text};`);
    else {
      this.emit(`${limit}=${to!.text};`);
      const isUsual = `typeof ${limit}==="number"&&${limit}<=${LOOP_BOUND}&&${limit}>=-${LOOP_BOUND}`;
      this.emit(`if(!(${isUsual})){${this.handingIn(`${limit}=${this.mark(s)}forLimit(${limit});`)}}`);
    }
    const bound = to!.type === "small" ? [to!.min!, to!.max!] : [-LOOP_BOUND, LOOP_BOUND];
    const range = isUp
      ? { min: from!.min!, max: Math.max(from!.max!, Math.min(bound[1]!, LOOP_BOUND)) }
      : { min: Math.min(from!.min!, Math.max(bound[0]!, -LOOP_BOUND)), max: from!.max! };
    const head = `for(;${i}${isUp ? "<=" : ">="}${limit};${i}+=${stride})`;
    this.#emitLoop(
      s,
      () => {
        this.emitTick(s);
        this.declare(s.variable, { text: i, type: "small", ...range });
        this.emitBlock(s.body);
      },
      head,
    );
  }

  #emitGeneralFor(
    s: Extract<Statement, { kind: "for" }>,
    [from, to, by]: [Operand, Operand, Operand],
    i: string,
    limit: string,
  ): void {
    const [step, slow] = [this.temp(), this.temp()];
    this.emit(`${i}=${from.text};${limit}=${to.text};${step}=${by.text};${slow}=undefined;`);
    const usual = [i, limit, step].map((name) => `typeof ${name}==="number"`).join("&&");
    // `forprep` gives numbers after all, or an iterator for what is beyond them.
    this.emit(
      `if(!(${usual}&&${step}!==0)){${this.handingIn(`${slow}=${this.mark(s)}forprep(${i},${limit},${step});`)}` +
        `if(${slow}===undefined){${i}=$.forStart;${limit}=$.forEnd;${step}=$.forStep;}else{${i}=0;${limit}=0;${step}=0;}}`,
    );
    const { constant } = by;
    const within =
      typeof constant === "number" && constant !== 0
        ? `${i}${constant > 0 ? "<=" : ">="}${limit}`
        : `(${step}>=0?${i}<=${limit}:${i}>=${limit})`;
    // Beyond the numbers the head goes on for ever, and the iterator ends the loop.
    this.#emitLoop(
      s,
      (leave) => {
        const value = this.temp();
        this.emit(`if(${slow}===undefined)${value}=${i};else if((${value}=${slow}())===undefined)${leave}`);
        this.emitTick(s);
        this.declare(s.variable, { text: value, type: "integer" });
        this.emitBlock(s.body);
      },
      `for(;${within};${i}+=${step})`,
    );
  }

  #emitForIn(s: Extract<Statement, { kind: "forin" }>): void {
    const [f, state, control, close, results, cursor] = [1, 2, 3, 4, 5, 6].map(() => this.temp()) as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const iterator = "for iterator 'for iterator'";
    this.emit(`${results}=${this.multiple(s.values)};`);
    this.emit(`${f}=${results}[0];${state}=${results}[1];${control}=${results}[2];${close}=${results}[3];`);
    // `next` and the steps of `ipairs` are replaced by a cursor; anything else is called.
    this.emit(`${cursor}=cursor(${f},${state},${control});`);
    this.emit(`if(${cursor}===undefined&&typeof ${f}!=="function")${f}=callable(${f});`);
    this.emit(`if(${close}!==undefined)${this.mark(s, "(for state)")}closing(${close});`);
    const assign = (values: readonly string[]): void => {
      for (const [n, v] of s.variables.entries())
        this.declare(v, { text: values[n] ?? "undefined", type: "any" });
    };
    const step = (leave: string): void => {
      this.emitTick(s);
      const stepped = this.capture(() => {
        this.emit(`if(!${this.mark(s)}${cursor}.step())${leave}`);
        assign([`${cursor}.key`, `${cursor}.value`]);
      });
      const called = this.capture(() => {
        const version = this.isResumable ? `co(${f})` : f;
        this.emitOperation(
          s,
          results,
          `${this.mark(s, iterator)}${version}(${state},${control})`,
          undefined,
          "raw",
        );
        this.emit(`if(Array.isArray(${results})){${results}=list(${results});${control}=${results}[0];}`);
        this.emit(`else{${control}=${results};${s.variables.length > 1 ? `${results}=none;` : ""}}`);
        this.emit(`if(${control}===undefined)${leave}`);
        assign([control, ...s.variables.slice(1).map((_, n) => `${results}[${n + 1}]`)]);
      });
      const test = this.unlessResumed(`${cursor}===undefined`, called);
      this.emitCompound(`if(${test})${this.inside(called)}else${this.inside(stepped)}`, called);
      this.emitBlock(s.body);
    };
    this.#emitClosing(s, close, () => this.#emitLoop(s, step));
  }

  // ---- assignments

  #emitLocal(variables: readonly Variable[], values: readonly Expression[]): void {
    if (variables.length === 1 && values.length === 1) {
      this.declare(variables[0]!, this.operand(values[0]!));
      return;
    }
    const results = this.#evaluate(values, variables.length);
    for (const [i, variable] of variables.entries()) this.declare(variable, results[i]!);
  }

  /** Evaluates a list into `count` values, in order, before any of them is assigned. */
  #evaluate(values: readonly Expression[], count: number): Operand[] {
    const results: Operand[] = [];
    for (const [i, value] of values.entries()) {
      if (i === values.length - 1 && values.length < count && isMultiple(value)) {
        const list = this.temp();
        this.emit(`${list}=${this.multiple([value])};`);
        for (let n = 0; results.length < count; n++)
          results.push({ text: `${list}[${n}]`, type: "any", isComplex: true });
        return results;
      }
      const operand = this.operand(value);
      const isFixed = operand.constant !== undefined && operand.halves === undefined;
      results.push(isFixed || value.kind === "nil" || value.kind === "string" ? operand : this.keep(operand));
    }
    while (results.length < count) results.push(NIL);
    return results;
  }

  #emitAssign(targets: readonly Target[], values: readonly Expression[]): void {
    const [target, value] = [targets[0]!, values[0]!];
    if (targets.length === 1 && values.length === 1) {
      if (target.kind === "local") {
        if (target.variable.isWide && isArithmetic(value)) this.assignArithmetic(target.variable, value);
        else this.assign(target.variable, this.operand(value));
        return;
      }
      this.#placeOf(target, [])(this.operand(value));
      return;
    }
    // Objects and keys first, then the values, then the assignments from the last to the first.
    const stores = targets.map((place, i) => {
      if (place.kind === "local") return (v: Operand) => this.assign(place.variable, v);
      const later = targets.slice(i + 1).flatMap((other) => (other.kind === "local" ? [other.variable] : []));
      return this.#placeOf(place, later);
    });
    const results = this.#evaluate(values, targets.length);
    for (let i = targets.length - 1; i >= 0; i--) stores[i]!(results[i]!);
  }

  #placeOf(
    target: Exclude<Target, { kind: "local" }>,
    assigned: readonly Variable[],
  ): (value: Operand) => void {
    return this.place(objectOf(target), keyOf(target), target, assigned);
  }

  #emitGlobalInit(targets: readonly Target[], values: readonly Expression[], span: Span): void {
    const results = this.#evaluate(values, targets.length);
    // Each is checked and set in turn, the last one first.
    for (let i = targets.length - 1; i >= 0; i--) {
      const target = targets[i]!;
      if (target.kind !== "global") continue;
      const { text } = this.operand(target);
      this.emit(`${this.mark(span)}checkGlobal(${text},${JSON.stringify(target.name)});`);
      this.#placeOf(target, [])(results[i]!);
    }
  }

  // ---- returns

  #emitReturn(values: readonly Expression[]): void {
    const [only] = values;
    if (values.length === 1 && only!.kind === "call" && this.#scopes.length === 0) {
      this.#emitTailCall(only as CallExpression);
      return;
    }
    let result: string;
    if (only === undefined) result = "none";
    else if (values.length > 1 || isMultiple(only)) result = this.multiple(values);
    else result = this.operand(only).text;
    if (this.#scopes.length === 0) {
      this.#emitEnd(result);
      return;
    }
    // Kept outside all temporaries: the ends of the scopes come first.
    this.locals.add("result");
    this.emit(`result=${result};`);
    this.#emitExit({ depth: 0, fuel: undefined, jump: () => this.#emitEnd("result") });
  }

  #emitEnd(result: string): void {
    if (this.localFuel !== undefined) this.emit(`$.fuel=${this.localFuel};`);
    // In parentheses: nothing may stand between `return` and the end of its line.
    this.emit(`return (${result});`);
  }

  #emitTailCall(call: CallExpression): void {
    const { callee, isFunction, args, mark } = this.callParts(call);
    const f = isFunction ? callee : `(typeof ${callee}==="function"?${callee}:callable(${callee}))`;
    this.emit(`if(--$.tails<0&&$.isTail(${callee}))return (${mark}tail(${callee},[${args.join(",")}]));`);
    // Nothing is left to do here afterwards, so a coroutine that is left keeps no frame of this function.
    this.emit(`return (${mark}${callText(this.isResumable ? `co(${f})` : f, args, !this.isResumable)});`);
  }
}
