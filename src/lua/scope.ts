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
  readonly labels: Map<string, { line: number; visible: number }>;
  gotos: PendingGoto[];
}

/** What a name stands for. */
export type Resolved =
  | { readonly kind: "local"; readonly variable: Variable }
  | { readonly kind: "global"; readonly readOnly: boolean }
  | { readonly kind: "undeclared" };

type ErrorMaker = (message: string, line: number) => LuaError;

export class Scope {
  readonly #declarations: Declaration[] = [];
  readonly #error: ErrorMaker;
  #block: BlockScope | undefined;
  #nextVariable = 0;

  constructor(error: ErrorMaker) {
    this.#error = error;
  }

  openBlock(owner: FunctionBody, isLoop = false): void {
    this.#block = {
      parent: this.#block,
      owner,
      start: this.#declarations.length,
      isLoop,
      labels: new Map(),
      gotos: [],
    };
  }

  /** Ends the innermost block; gotos without a label here go on to the enclosing block. */
  closeBlock(): void {
    const block = this.#block!;
    const outer = block.parent?.owner === block.owner ? block.parent : undefined;
    for (const goto of block.gotos) {
      if (outer === undefined) {
        throw this.#error(`no visible label '${goto.label}' for goto`, goto.line);
      }
      goto.visible = Math.min(goto.visible, block.start);
      outer.gotos.push(goto);
    }
    this.#declarations.length = block.start;
    this.#block = block.parent;
  }

  declare(
    name: string,
    owner: FunctionBody,
    attribute?: "const" | "close",
    readOnly = attribute !== undefined,
  ): Variable {
    const variable: Variable = {
      name,
      id: this.#nextVariable++,
      attribute,
      readOnly,
      owner,
      captured: false,
      assigned: false,
      holds: undefined,
      isWide: false,
      known: undefined,
    };
    return variable;
  }

  /** From here on the variable is visible. */
  activate(variable: Variable): void {
    this.#declarations.push(variable);
  }

  declareGlobal(name: string | undefined, readOnly: boolean): void {
    this.#declarations.push({ global: name, readOnly });
  }

  resolve(name: string, user: FunctionBody): Resolved {
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
    return otherGlobals ? { kind: "undeclared" } : { kind: "global", readOnly: false };
  }

  #capture(variable: Variable, user: FunctionBody): void {
    if (variable.owner === user) return;
    variable.captured = true;
    for (let f: FunctionBody | undefined = user; f !== undefined && f !== variable.owner; f = f.parent) {
      if (!f.upvalues.includes(variable)) f.upvalues.push(variable);
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
      if (block.labels.has(label)) return;
    }
    this.#block!.gotos.push({ ...span, label, visible: this.#declarations.length });
  }

  /** `isLast`: only labels and semicolons follow in the block, so its locals are out of scope already. */
  label(name: string, span: Span, isLast: boolean): void {
    const block = this.#block!;
    for (let b: BlockScope | undefined = block; b !== undefined && b.owner === block.owner; b = b.parent) {
      const known = b.labels.get(name);
      if (known) throw this.#error(`label '${name}' already defined on line ${known.line}`, span.line);
    }
    const visible = isLast ? block.start : this.#declarations.length;
    block.labels.set(name, { line: span.line, visible });
    block.gotos = block.gotos.filter((goto) => {
      if (goto.label !== name) return true;
      if (goto.visible < visible) {
        const entered = this.#declarations[goto.visible]!;
        const local = "id" in entered ? entered.name : (entered.global ?? "*");
        throw this.#error(
          `<goto ${name}> at line ${goto.line} jumps into the scope of '${local}'`,
          goto.line,
        );
      }
      return false;
    });
  }
}
