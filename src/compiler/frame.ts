/** Variables of one activation of a function: which cell each has, up through the functions around it. */

import type { SourceSpan } from "../ebpf/program-builder.ts";
import type { FunctionBody, Variable } from "../lua/ast.ts";
import { isItself, needsCell } from "../lua/emit-names.ts";
import { fromBigInt } from "../lua/int64.ts";
import type { FunctionInfo } from "../lua/machine.ts";
import { type LuaFunction, type LuaValue, W } from "../lua/value.ts";
import type { Abstract, Cell } from "./abstract.ts";
import type { Join } from "./control.ts";

/** A captured variable of a function that the script made while it loaded. */
export interface LiveVariable {
  readonly name: string;
  /** Where functions share it; undefined when it is never assigned. */
  readonly cell: object | undefined;
  get(): LuaValue;
}

export class Frame {
  readonly body: FunctionBody;
  /** The activation that made the closure; undefined for closures from the time of loading. */
  readonly outer: Frame | undefined;
  readonly live: ReadonlyMap<Variable, LiveVariable>;
  readonly cells = new Map<Variable, Cell>();
  /** Where its results go. */
  readonly returns: Join;
  varargs: readonly Abstract[] = [];
  /** Where the call is that made it; undefined when no line of the script made it. */
  calledAt: SourceSpan | undefined;
  /** Its result is only printed. */
  isPrinted = false;
  /** How it was reached: unique along a run, the same in each attempt. */
  readonly path: string;
  readonly depth: number;
  /** Labels and loops that `goto` and `break` can reach, innermost last. */
  readonly scopes: Scope[] = [];

  constructor(
    body: FunctionBody,
    outer: Frame | undefined,
    live: ReadonlyMap<Variable, LiveVariable>,
    returns: Join,
    path: string,
    depth: number,
  ) {
    this.body = body;
    this.outer = outer;
    this.live = live;
    this.returns = returns;
    this.path = path;
    this.depth = depth;
  }

  cellOf(variable: Variable): Cell | undefined {
    for (let frame: Frame | undefined = this; frame; frame = frame.outer) {
      const cell = frame.cells.get(variable);
      if (cell !== undefined) return cell;
    }
    return undefined;
  }

  liveVariable(variable: Variable): LiveVariable | undefined {
    for (let frame: Frame | undefined = this; frame; frame = frame.outer) {
      const found = frame.live.get(variable);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** What `break` or `goto` may jump to. */
export interface Scope {
  /** Undefined for a loop's end, where `break` goes. */
  readonly label: string | undefined;
  readonly target: Join;
  /** The label is behind us: jumping there would be a loop. */
  isPassed?: boolean;
}

/** The captured variables of a function. */
export function liveVariables(info: FunctionInfo, f: LuaFunction): Map<Variable, LiveVariable> {
  const { body, captured } = info;
  const own = body.upvalues.filter((variable) => !isItself(variable, body));
  const live = new Map<Variable, LiveVariable>();
  for (const variable of body.upvalues) {
    const { name } = variable;
    if (isItself(variable, body)) {
      live.set(variable, { name, cell: undefined, get: () => f });
      continue;
    }
    const value = captured[own.indexOf(variable)];
    if (!needsCell(variable)) {
      live.set(variable, { name, cell: undefined, get: () => value as LuaValue });
      continue;
    }
    const cell = value as { v: LuaValue | typeof W; h?: number; l?: number };
    live.set(variable, {
      name,
      cell,
      get: () =>
        cell.v === W ? fromBigInt((BigInt(cell.h!) << 32n) | BigInt(cell.l! >>> 0)) : (cell.v as LuaValue),
    });
  }
  return live;
}
