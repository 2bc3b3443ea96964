/**
 * Runs a hook on a packet that is not there yet: what is constant is computed, calls are followed, and what depends on
 * the packet becomes code. Each function is inlined where it is called, with what is known of its arguments. Here are
 * the statements; expressions.ts, calling.ts and building.ts are what they stand on.
 */

import type { Expression, Block as LuaBlock, Statement, Target } from "../lua/ast.ts";
import { describe } from "../lua/emit-names.ts";
import type { LuaFunction } from "../lua/value.ts";
import { assert } from "../util/assert.ts";
import { type Abstract, FALSE, type Int, int, NIL, OWN_PACKET, OWN_VIEW, text, typeOf } from "./abstract.ts";
import { Join } from "./control.ts";
import { CannotCompile } from "./diagnostics.ts";
import { Expressions } from "./expressions.ts";
import { liveVariables } from "./frame.ts";
import { INT64_MAX, INT64_MIN, type Operand } from "./ir.ts";
import { openStrings } from "./kept-strings.ts";
import { matchParameters } from "./match-parameters.ts";
import { CONFIG } from "./target.ts";

/** No program stands before ours that could give one: no byte of it is ever read. */
const NO_ARGUMENT: Abstract = { kind: "view", of: "copy", lead: 0n, size: 0n };

/** Trips of a numeric loop that are written out one by one. */
const MOST_UNROLLED = 16;

export class Specializer extends Expressions {
  protected override get self(): Specializer {
    return this;
  }

  /** Compiles a hook. Throws `CannotCompile` when no packet could be decided. */
  compile(hook: LuaFunction, mark: number | undefined): void {
    this.verdict(this.#run(hook, mark, () => [OWN_PACKET]));
    this.epilogue();
  }

  /** Compiles the function of a match for rules with these arguments. Throws as `compile` does. */
  compileMatch(match: LuaFunction, userargs: string): void {
    const [matches = NIL] = this.#run(match, undefined, () => [
      OWN_VIEW,
      matchParameters(this),
      text(userargs),
    ]);
    this.matched(matches);
    this.epilogue();
  }

  /** Compiles what `xdp.attach` got. Throws as `compile` does. */
  compileXdp(callback: LuaFunction): void {
    const [verdict = NIL] = this.#run(callback, undefined, () => [OWN_VIEW, NO_ARGUMENT]);
    this.answer(verdict);
    this.epilogue();
  }

  #run(f: LuaFunction, mark: number | undefined, args: () => readonly Abstract[]): readonly Abstract[] {
    this.prologue(mark);
    this.cells.set(this.heapTop, int(0n));
    if (this.mayPunt) this.cells.set(this.printed, FALSE);
    if (this.shared.needs.has("strings")) openStrings(this);
    if (this.shared.needs.has("budget")) this.cells.set(this.budget, int(this.config(CONFIG.budget)));
    const info = this.script.state.functionInfo(f);
    if (info === undefined)
      this.refuse(`a ${this.form.called} that is a native function`, "write a function around it");
    this.know(info);
    const results = this.callLua(info.body, undefined, liveVariables(info, f), args(), info.source);
    this.source = info.source;
    this.at(info.body);
    return results;
  }

  // ---- statements

  /** A block whose locals end with it. */
  runBlock(block: LuaBlock): void {
    this.#statements(block.statements);
    this.#forget(block.statements);
  }

  #statements(statements: readonly Statement[]): void {
    const { scopes } = this.frame;
    const outside = scopes.length;
    for (const statement of statements)
      if (statement.kind === "label") scopes.push({ label: statement.name, target: new Join() });
    for (const statement of statements) {
      if (statement.kind === "label") {
        const scope = scopes.findLast(({ label }) => label === statement.name)!;
        this.goto(scope.target);
        this.land(scope.target);
        scope.isPassed = true;
      } else if (this.block !== undefined) this.#guarded(statement);
    }
    scopes.length = outside;
  }

  /** Locals that nothing can reach any more. */
  #forget(statements: readonly Statement[]): void {
    for (const statement of statements) {
      const variables =
        statement.kind === "local"
          ? statement.variables
          : statement.kind === "localfunction"
            ? [statement.variable]
            : [];
      for (const variable of variables) {
        const cell = this.frame.cells.get(variable);
        if (cell !== undefined && !variable.captured) this.cells.delete(cell);
      }
    }
  }

  /** What cannot be compiled is left to user space, when a packet comes here. */
  #guarded(statement: Statement): void {
    const mark = this.mark();
    const { frame, source, span } = this;
    const scopes = frame.scopes.length;
    const handlers = this.handlers.length;
    try {
      this.statement(statement);
    } catch (error) {
      // Whoever only tries has another way.
      if (!(error instanceof CannotCompile) || this.tries > 0) throw error;
      mark.undo();
      this.isPrinted = false;
      this.frame = frame;
      this.source = source;
      this.span = error.span ?? span;
      frame.scopes.length = scopes;
      this.handlers.length = handlers;
      const { refusals } = this.shared;
      const isKnown = (other: (typeof refusals)[number]): boolean =>
        other.reason === error.reason &&
        other.span?.line === error.span?.line &&
        other.span?.column === error.span?.column;
      if (!refusals.some(isKnown)) refusals.push(error);
      this.punt(error.reason);
    }
  }

  statement(s: Statement): void {
    this.at(s);
    switch (s.kind) {
      case "local": {
        if (s.variables.some(({ attribute }) => attribute === "close"))
          this.refuse("a variable that is closed", "close it yourself");
        const values = this.expressions(s.values);
        for (const [i, variable] of s.variables.entries()) this.declare(variable, values[i] ?? NIL);
        return;
      }
      case "localfunction":
        this.declare(s.variable, { kind: "closure", body: s.body, frame: this.frame });
        return;
      case "assign":
      case "globalinit":
        this.#assignAll(s.targets, s.values);
        return;
      case "callstat":
        this.results(s.call);
        return;
      case "do":
        this.runBlock(s.body);
        return;
      case "if":
        this.#if(s);
        return;
      case "while":
        this.#while(s);
        return;
      case "repeat":
        this.#repeat(s);
        return;
      case "for":
        this.#for(s);
        return;
      case "forin":
        this.#forin(s);
        return;
      case "return": {
        this.isPrinted = this.frame.isPrinted;
        const values = this.expressions(s.values);
        this.takePrinted();
        this.goto(this.frame.returns, values);
        return;
      }
      case "break":
        this.goto(this.frame.scopes.findLast((scope) => scope.label === undefined)!.target);
        return;
      case "goto": {
        const scope = this.frame.scopes.findLast(({ label }) => label === s.label);
        assert(scope !== undefined, `label ${s.label} is nowhere`);
        if (scope.isPassed === true) this.refuse("a goto backwards", "write a loop");
        this.goto(scope.target);
        return;
      }
      case "label":
        return;
    }
  }

  #assignAll(targets: readonly Target[], list: readonly Expression[]): void {
    const places = targets.map((target) => {
      if (target.kind === "local") return undefined;
      return target.kind === "global"
        ? { object: this.expression(target.env), key: text(target.name) as Abstract, name: undefined }
        : {
            object: this.expression(target.object),
            key: this.expression(target.key),
            name: describe(target.object, this.frame.body),
          };
    });
    const values = this.expressions(list);
    if (this.block === undefined) return;
    for (const [i, target] of [...targets.entries()].reverse()) {
      const value = values[i] ?? NIL;
      this.at(target);
      if (this.block === undefined) return;
      if (target.kind === "local") this.write(target.variable, value);
      else this.assign(places[i]!.object, places[i]!.key, value, places[i]!.name);
    }
  }

  #if(s: Extract<Statement, { kind: "if" }>): void {
    const end = new Join();
    const step = (i: number): void => {
      const clause = s.clauses[i];
      if (clause === undefined) {
        if (s.otherwise !== undefined) this.runBlock(s.otherwise);
        this.goto(end);
        return;
      }
      this.at(clause.condition);
      this.condition(
        clause.condition,
        () => {
          this.runBlock(clause.body);
          this.goto(end);
        },
        () => step(i + 1),
      );
    };
    step(0);
    this.block = undefined;
    this.land(end);
  }

  /** The body of a loop with its `break`. */
  #body(body: () => void, end: Join): void {
    this.frame.scopes.push({ label: undefined, target: end });
    body();
    this.frame.scopes.pop();
  }

  #while(s: Extract<Statement, { kind: "while" }>): void {
    const end = new Join();
    this.loop(this.loopKey("while"), (again) => {
      this.condition(
        s.condition,
        () => {
          this.charge();
          this.#body(() => this.runBlock(s.body), end);
          this.goto(again);
        },
        () => this.goto(end),
      );
    });
    this.land(end);
  }

  #repeat(s: Extract<Statement, { kind: "repeat" }>): void {
    const end = new Join();
    this.loop(this.loopKey("repeat"), (again) => {
      this.charge();
      const rounds = new Join();
      // The condition sees the body's locals, so they are forgotten only behind it.
      this.#body(() => this.#statements(s.body.statements), end);
      if (this.block !== undefined)
        this.condition(
          s.condition,
          () => this.goto(end),
          () => this.goto(rounds),
        );
      this.land(rounds);
      if (this.block === undefined) return;
      this.#forget(s.body.statements);
      this.goto(again);
    });
    this.land(end);
  }

  #for(s: Extract<Statement, { kind: "for" }>): void {
    const bounds = [s.start, s.limit, s.step].map((e) => (e === undefined ? int(1n) : this.expression(e)));
    if (this.block === undefined) return;
    this.at(s);
    const [start, limit, step] = bounds.map((value, i) => {
      const number = value.kind === "union" ? undefined : this.numeral(value);
      if (number !== undefined) return number.value;
      if (value.kind === "union") this.refuse("a bound of a loop that may be no number", "check it before");
      const name = ["initial value", "limit", "step"][i];
      this.fail(`bad 'for' ${name} (number expected, got ${typeOf(value)})`);
      return 0n;
    }) as [Operand, Operand, Operand];
    if (this.block === undefined) return;
    const by = this.constantOf(step);
    if (by === undefined) this.refuse("a step of a loop that depends on the packet", "use a while loop");
    if (by === 0n) {
      this.fail("'for' step is zero");
      return;
    }
    const first = this.constantOf(start);
    const last = this.constantOf(limit);
    const end = new Join();
    const trips = first !== undefined && last !== undefined ? (last - first) / by + 1n : undefined;
    if (trips !== undefined && (by > 0n ? first! > last! : first! < last!)) return;
    if (trips !== undefined && trips <= BigInt(MOST_UNROLLED)) {
      for (let i = 0n; i < trips && this.block !== undefined; i++) {
        const round = new Join();
        this.declare(s.variable, int(first! + i * by));
        this.#body(() => this.runBlock(s.body), end);
        this.goto(round);
        this.land(round);
      }
      this.goto(end);
      this.land(end);
      return;
    }
    const index = this.newCell("for index", int(start));
    this.loop(this.loopKey("for"), (again) => {
      const i = (this.cells.get(index) as Int).value;
      this.fork(
        by > 0n ? "jsgt" : "jslt",
        i,
        limit,
        () => this.goto(end),
        () => {
          this.charge();
          this.declare(s.variable, int(i));
          this.#body(() => this.runBlock(s.body), end);
          if (this.block === undefined) return;
          this.cells.delete(this.frame.cells.get(s.variable)!);
          const next = this.binary("add", i, by);
          const more = (): void => {
            this.cells.set(index, int(next));
            this.goto(again);
          };
          // Where the next number would be beyond 64 bits the loop has ended.
          const { low, high } = this.rangeOf(limit);
          if (by > 0n ? high + by <= INT64_MAX : low + by >= INT64_MIN) more();
          else this.fork(by > 0n ? "jslt" : "jsgt", next, i, () => this.goto(end), more);
        },
      );
    });
    this.land(end);
    this.cells.delete(index);
  }

  #forin(s: Extract<Statement, { kind: "forin" }>): void {
    const [iterator = NIL, object = NIL] = this.expressions(s.values);
    if (this.block === undefined) return;
    this.at(s);
    const items = this.#items(iterator, object);
    const end = new Join();
    for (const item of items) {
      if (this.block === undefined) break;
      const round = new Join();
      for (const [i, variable] of s.variables.entries()) this.declare(variable, item[i] ?? NIL);
      this.#body(() => this.runBlock(s.body), end);
      this.goto(round);
      this.land(round);
    }
    this.goto(end);
    this.land(end);
  }

  /** What a loop runs over, where that is known. */
  #items(iterator: Abstract, object: Abstract): Abstract[][] {
    const name = iterator.kind === "function" ? this.script.nameOf(iterator.f) : undefined;
    if (object.kind === "table") {
      const { table } = object;
      const items: Abstract[][] = [];
      if (name === "next") {
        for (let entry = table.next(undefined); entry !== undefined; entry = table.next(entry[0]))
          items.push([this.abstractOf(entry[0]), this.abstractOf(entry[1])]);
        return items;
      }
      if (name === "ipairs iterator") {
        for (let i = 1; table.get(i) !== undefined; i++)
          items.push([int(BigInt(i)), this.abstractOf(table.get(i))]);
        return items;
      }
    }
    if (object.kind === "local" && object.object.given !== undefined)
      this.refuse("a loop over the fields of par", "name the fields");
    if (object.kind === "local" && name !== undefined) {
      const items: Abstract[][] = [];
      for (const [key, cell] of object.object.fields) {
        const value = this.cells.get(cell) ?? NIL;
        if (value.kind === "union")
          this.refuse("a loop over a list with holes", "check the fields one by one");
        if (value.kind === "nil") continue;
        if (name === "ipairs iterator" && key !== items.length + 1) continue;
        items.push([this.abstractOf(key), value]);
      }
      return items;
    }
    return this.refuse(
      "a generic for over something that depends on the packet",
      "use a numeric for, or loop over constant tables",
    );
  }
}
