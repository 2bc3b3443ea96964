/**
 * Names while a chunk is parsed: locals and their owners, upvalues, `global` declarations, labels and gotos. The
 * parser calls in the order of the source; nothing is resolved afterwards.
 */

import type { FunctionBody, Span, Variable } from "./ast.ts";
import type { LuaError } from "./error.ts";

interface GlobalDeclaration {
  /** Undefined for `global *`. */
  readonly global: string | undefined;
  readonly readOnly: boolean;
}

type Declaration = Variable | GlobalDeclaration;

interface PendingGoto extends Span {
  readonly label: string;
  /** Locals that are visible at the goto, or, once it left inner blocks, in the block it is now pending in. */
  visible: number;
}

interface BlockScope {
  readonly parent: BlockScope | undefined;
  readonly owner: FunctionBody;
  /** How many declarations were there when it began. */
  readonly start: number;
  readonly isLoop: boolean;
  /** Locals of the function that are visible here. */
  locals: number;
  /** Made for the first one: most blocks have none. */
  labels: Map<string, { line: number; visible: number }> | undefined;
  gotos: PendingGoto[] | undefined;
}

/** What a name stands for. */
export type Resolved =
  | { readonly kind: "local"; readonly variable: Variable }
  | { readonly kind: "global"; readonly readOnly: boolean }
  | { readonly kind: "undeclared" };

const GLOBAL: Resolved = { kind: "global", readOnly: false };

type ErrorMaker = (message: string, line: number) => LuaError;
/** Makes an error at the current token, which it names. */
type LimitErrorMaker = (message: string) => Error;

/** As many as PUC Lua has registers for. */
const MAX_LOCALS = 200;
const MAX_UPVALUES = 255;

export class Scope {
  readonly #declarations: Declaration[] = [];
  /** The variables of each name among them, the innermost last. */
  readonly #byName = new Map<string, Variable[]>();
  /** `global` declarations among them. */
  #globals = 0;
  readonly #error: ErrorMaker;
  readonly #limitError: LimitErrorMaker;
  #block: BlockScope | undefined;
  #nextVariable = 0;

  constructor(error: ErrorMaker, limitError: LimitErrorMaker) {
    this.#error = error;
    this.#limitError = limitError;
  }

  openBlock(owner: FunctionBody, isLoop = false): void {
    const parent = this.#block;
    this.#block = {
      parent,
      owner,
      start: this.#declarations.length,
      isLoop,
      locals: parent?.owner === owner ? parent.locals : 0,
      labels: undefined,
      gotos: undefined,
    };
  }

  /** Ends the innermost block at `line`; gotos find their label here or go on to the enclosing block. */
  closeBlock(line: number): void {
    const block = this.#block!;
    if (block.gotos !== undefined) this.#settleGotos(block, block.gotos, line);
    while (this.#declarations.length > block.start) {
      const declaration = this.#declarations.pop()!;
      if ("id" in declaration) this.#byName.get(declaration.name)!.pop();
      else this.#globals--;
    }
    this.#block = block.parent;
  }

  #settleGotos(block: BlockScope, gotos: readonly PendingGoto[], line: number): void {
    const outer = block.parent?.owner === block.owner ? block.parent : undefined;
    for (const goto of gotos) {
      const label = block.labels?.get(goto.label);
      if (label !== undefined) {
        if (goto.visible < label.visible) this.#jumpsIntoScope(goto, line);
        continue;
      }
      if (outer === undefined) {
        throw this.#error(`no visible label '${goto.label}' for <goto> at line ${goto.line}`, line);
      }
      goto.visible = Math.min(goto.visible, block.start);
      outer.gotos ??= [];
      outer.gotos.push(goto);
    }
  }

  #jumpsIntoScope(goto: PendingGoto, line: number): never {
    const entered = this.#declarations[goto.visible]!;
    const name = "id" in entered ? entered.name : (entered.global ?? "*");
    throw this.#error(`<goto ${goto.label}> at line ${goto.line} jumps into the scope of '${name}'`, line);
  }

  declare(
    name: string,
    owner: FunctionBody,
    attribute?: "const" | "close",
    readOnly = attribute !== undefined,
  ): Variable {
    const id = this.#nextVariable++;
    const variable: Variable = {
      name,
      id,
      jsName: `${name}_${id}`,
      attribute,
      readOnly,
      owner,
      captured: false,
      assigned: false,
      holds: undefined,
      isWide: false,
      literal: undefined,
      known: undefined,
    };
    return variable;
  }

  /** From here on the variable is visible. */
  activate(variable: Variable): void {
    this.#declarations.push(variable);
    const sameName = this.#byName.get(variable.name);
    if (sameName === undefined) this.#byName.set(variable.name, [variable]);
    else sameName.push(variable);
    this.takeLocals(1);
  }

  /** Room for locals without a name, which a loop keeps for itself, as long as the block. */
  takeLocals(count: number): void {
    const block = this.#block!;
    block.locals += count;
    if (block.locals > MAX_LOCALS) this.#tooMany("local variables", MAX_LOCALS, block.owner);
  }

  #tooMany(what: string, limit: number, owner: FunctionBody): never {
    const place = owner.line === 0 ? "main function" : `function at line ${owner.line}`;
    throw this.#limitError(`too many ${what} (limit is ${limit}) in ${place}`);
  }

  declareGlobal(name: string | undefined, readOnly: boolean): void {
    this.#declarations.push({ global: name, readOnly });
    this.#globals++;
  }

  resolve(name: string, user: FunctionBody): Resolved {
    if (this.#globals > 0) return this.#resolveAmongGlobals(name, user);
    const variable = this.#byName.get(name)?.at(-1);
    if (variable === undefined) return GLOBAL;
    this.#capture(variable, user);
    return { kind: "local", variable };
  }

  /** The same where a `global` declaration may stand between a name and its variable. */
  #resolveAmongGlobals(name: string, user: FunctionBody): Resolved {
    // As long as no `global` statement is in sight every free name is a global.
    let collective: GlobalDeclaration | undefined;
    let otherGlobals = false;
    for (let i = this.#declarations.length - 1; i >= 0; i--) {
      const declaration = this.#declarations[i]!;
      if ("id" in declaration) {
        if (declaration.name !== name) continue;
        this.#capture(declaration, user);
        return { kind: "local", variable: declaration };
      }
      if (declaration.global === name) return { kind: "global", readOnly: declaration.readOnly };
      if (declaration.global === undefined) collective ??= declaration;
      else otherGlobals = true;
    }
    if (collective !== undefined) return { kind: "global", readOnly: collective.readOnly };
    return otherGlobals ? { kind: "undeclared" } : GLOBAL;
  }

  #capture(variable: Variable, user: FunctionBody): void {
    if (variable.owner === user) return;
    variable.captured = true;
    for (let f: FunctionBody | undefined = user; f !== undefined && f !== variable.owner; f = f.parent) {
      if (f.upvalues.includes(variable)) continue;
      f.upvalues.push(variable);
      if (f.upvalues.length > MAX_UPVALUES) this.#tooMany("upvalues", MAX_UPVALUES, f);
    }
  }

  insideLoop(): boolean {
    const owner = this.#block?.owner;
    for (let block = this.#block; block !== undefined && block.owner === owner; block = block.parent) {
      if (block.isLoop) return true;
    }
    return false;
  }

  goto(label: string, span: Span): void {
    const owner = this.#block!.owner;
    for (let block = this.#block; block !== undefined && block.owner === owner; block = block.parent) {
      if (block.labels?.has(label)) return;
    }
    this.#block!.gotos ??= [];
    this.#block!.gotos.push({
      line: span.line,
      column: span.column,
      label,
      visible: this.#declarations.length,
    });
  }

  /**
   * A label at `line`, found out at `currentLine`. `isLast`: only labels and semicolons follow in the block, so its
   * locals are out of scope already.
   */
  label(name: string, line: number, currentLine: number, isLast: boolean): void {
    const block = this.#block!;
    for (let b: BlockScope | undefined = block; b !== undefined && b.owner === block.owner; b = b.parent) {
      const known = b.labels?.get(name);
      if (known) throw this.#error(`label '${name}' already defined on line ${known.line}`, currentLine);
    }
    const visible = isLast ? block.start : this.#declarations.length;
    block.labels ??= new Map();
    block.labels.set(name, { line, visible });
  }
}
