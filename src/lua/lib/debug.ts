/** The debug library, as far as compiled code can answer: it keeps positions and captured variables, but no locals. */

import type { Block, FunctionBody } from "../ast.ts";
import { LuaCoroutine } from "../coroutine.ts";
import { isItself, needsCell } from "../emit-names.ts";
import * as int64 from "../int64.ts";
import type { FunctionInfo } from "../machine.ts";
import {
  currentPositions,
  displayName,
  type FunctionPlace,
  type Position,
  positionsOfFrames,
} from "../position.ts";
import type { LuaState } from "../state.ts";
import { blocksOf } from "../syntax-walk.ts";
import { LuaTable } from "../table.ts";
import { type LuaFunction, LuaLightUserdata, LuaUserdata, type LuaValue, W } from "../value.ts";
import {
  argumentError,
  checkFunction,
  checkInteger,
  checkString,
  checkTable,
  raise,
  typeName,
} from "./check.ts";
import { register } from "./register.ts";
import { nameFrom, type Positions, traceback } from "./traceback.ts";

/** As deep as anybody looks. */
const MAX_LEVELS = 400;
const ALL = "nSlutrf";

export function openDebug(state: LuaState): void {
  const registry = new LuaTable();
  registry.set("_LOADED", state.loaded);
  registry.set("_PRELOAD", state.preload);

  /** Takes the coroutine from the front of the arguments, if they begin with one. */
  const coroutineOf = (args: LuaValue[]): LuaCoroutine | undefined =>
    args[0] instanceof LuaCoroutine ? (args.shift() as LuaCoroutine) : undefined;

  register(state, "debug", {
    traceback: (...args) => {
      const coroutine = coroutineOf(args);
      const [message, level] = args;
      if (message !== undefined && typeof message !== "string" && !int64.isInteger(message)) return message;
      const isOther = coroutine !== undefined && coroutine !== state.currentCoroutine;
      const positions = isOther ? positionsOf(coroutine) : currentPositions(MAX_LEVELS);
      const first = level === undefined ? 1 : int64.toNumber(checkInteger(level, 2, "traceback"));
      // Level 0 is this function, or the yield of another coroutine.
      const all: Positions = isOther && positions.length === 0 ? [] : [undefined, ...positions];
      const skipped = isOther && level === undefined ? 0 : Math.max(0, first);
      const text = traceback(state, all.slice(skipped), !isOther && state.currentCoroutine === undefined);
      return message === undefined ? text : `${state.tostring(message)}\n${text}`;
    },
    getinfo: (...args) => {
      const coroutine = coroutineOf(args);
      const [what, options] = args;
      const wanted = options === undefined ? ALL : checkString(options, 2, "getinfo");
      if (wanted.startsWith(">")) return argumentError(2, "getinfo", "invalid option '>'");
      if (/[^nSlutrfL]/.test(wanted)) return argumentError(2, "getinfo", "invalid option");
      if (typeof what === "function") return infoOfFunction(state, what as LuaFunction, wanted);
      const level = int64.toNumber(checkInteger(what, 1, "getinfo"));
      if (level < 0) return undefined;
      const isOther = coroutine !== undefined && coroutine !== state.currentCoroutine;
      if (isOther) return infoOfLevel(positionsOf(coroutine), level, wanted);
      return infoOfLevel([undefined, ...currentPositions(level + 2)], level, wanted);
    },
    getmetatable: (value) => state.metatableOf(value),
    setmetatable: (value, metatable) => {
      if (metatable !== undefined) checkTable(metatable, 2, "setmetatable");
      if (value instanceof LuaTable || value instanceof LuaUserdata) {
        value.metatable = metatable as LuaTable | undefined;
        if (value instanceof LuaTable) state.finalizers.metatableSet(value);
      } else if (typeof value === "string") state.stringMetatable = metatable as LuaTable | undefined;
      else if (metatable === undefined) state.machine.typeMetatables.delete(typeName(value));
      else state.machine.typeMetatables.set(typeName(value), metatable as LuaTable);
      return value;
    },
    getregistry: () => registry,
    // Of a function its parameters have names; what runs keeps none.
    getlocal: (...args) => {
      coroutineOf(args);
      const [what, index] = args;
      const n = int64.toNumber(checkInteger(index, 2, "getlocal"));
      if (typeof what === "function")
        return state.functionInfo(what as LuaFunction)?.body.parameters[n - 1]?.name;
      const level = int64.toNumber(checkInteger(what, 1, "getlocal"));
      if (level < 0 || level > currentPositions(level + 1).length)
        return argumentError(1, "getlocal", "level out of range");
      return undefined;
    },
    setlocal: () => undefined,
    getupvalue: (f, index) => {
      const upvalue = upvalueOf(state, f, index, "getupvalue");
      return upvalue === undefined ? [] : [upvalue.name, upvalue.get()];
    },
    setupvalue: (f, index, value) => {
      const upvalue = upvalueOf(state, f, index, "setupvalue");
      if (upvalue === undefined) return [];
      if (upvalue.cell === undefined)
        raise(`cannot set upvalue '${upvalue.name}', which no function assigns`);
      upvalue.set(value);
      return upvalue.name;
    },
    upvalueid: (f, index) => {
      const upvalue = upvalueOf(state, f, index, "upvalueid");
      return (
        upvalue &&
        identity(upvalue.cell ?? (f as LuaFunction), upvalue.cell === undefined ? upvalue.index : 0)
      );
    },
    upvaluejoin: () => raise("upvalues cannot be joined"),
    getuservalue: () => [undefined, false],
    setuservalue: () => undefined,
    // Compiled code calls no hooks.
    gethook: () => undefined,
    sethook: () => [],
  });
}

/** The functions of a coroutine that does not run, innermost first. */
function positionsOf(coroutine: LuaCoroutine): Positions {
  return positionsOfFrames(coroutine.frame);
}

// ---- getinfo

function infoOfFunction(state: LuaState, f: LuaFunction, wanted: string): LuaTable {
  const known = state.functionInfo(f);
  const place = known && placeOf(known.body);
  const info = new LuaTable();
  if (wanted.includes("S")) setSource(info, place, known?.source);
  if (wanted.includes("l")) info.setField("currentline", -1);
  if (wanted.includes("u")) setCounts(info, place);
  if (wanted.includes("n")) info.setField("namewhat", "");
  setRest(info, wanted);
  if (wanted.includes("f")) info.setField("func", f);
  if (wanted.includes("L") && known !== undefined) {
    const lines = new LuaTable();
    for (const line of activeLines(known.body)) lines.set(line, true);
    info.setField("activelines", lines);
  }
  return info;
}

/** Undefined when there is no such level; a native function is undefined among the positions. */
function infoOfLevel(positions: Positions, level: number, wanted: string): LuaTable | undefined {
  if (level >= positions.length) return undefined;
  const at: Position | undefined = positions[level];
  const info = new LuaTable();
  if (wanted.includes("S")) setSource(info, at?.site.in, at?.source);
  if (wanted.includes("l")) info.setField("currentline", at?.site.line ?? -1);
  if (wanted.includes("u")) setCounts(info, at?.site.in);
  if (wanted.includes("n")) {
    const [, namewhat = "", name] = /^(.*) '(.*)'$/s.exec(nameFrom(positions[level + 1]) ?? "") ?? [];
    info.setField("namewhat", namewhat);
    info.setField("name", name);
  }
  setRest(info, wanted);
  return info;
}

const placeOf = ({ line, endLine, parameters, isVararg, upvalues }: FunctionBody): FunctionPlace => ({
  line,
  endLine,
  parameters: parameters.map(({ name }) => name),
  isVararg,
  upvalues: upvalues.length,
});

function setSource(info: LuaTable, place: FunctionPlace | undefined, source = "=[C]"): void {
  info.setField("source", source);
  info.setField("short_src", displayName(source));
  info.setField("what", place === undefined ? "C" : place.line === 0 ? "main" : "Lua");
  info.setField("linedefined", place?.line ?? -1);
  info.setField("lastlinedefined", place === undefined ? -1 : place.line === 0 ? 0 : place.endLine);
}

function setCounts(info: LuaTable, place: FunctionPlace | undefined): void {
  info.setField("nups", place?.upvalues ?? 0);
  info.setField("nparams", place?.parameters.length ?? 0);
  info.setField("isvararg", place?.isVararg ?? true);
}

function setRest(info: LuaTable, wanted: string): void {
  if (wanted.includes("t")) info.setField("istailcall", false);
  if (!wanted.includes("r")) return;
  info.setField("ftransfer", 0);
  info.setField("ntransfer", 0);
}

/** The lines where a function has statements, and that of its end. */
function activeLines(body: FunctionBody): Set<number> {
  const lines = new Set<number>();
  const visit = (block: Block): void => {
    for (const statement of block.statements) {
      lines.add(statement.line);
      for (const inner of blocksOf(statement)) visit(inner);
    }
  };
  visit(body.body);
  lines.add(body.endLine);
  return lines;
}

// ---- upvalues

interface Upvalue {
  readonly name: string;
  readonly index: number;
  /** Where its value is, when it is assigned anywhere; otherwise the function has a copy. */
  readonly cell: { v: LuaValue } | undefined;
  get(): LuaValue;
  set(value: LuaValue): void;
}

function upvalueOf(state: LuaState, value: LuaValue, index: LuaValue, name: string): Upvalue | undefined {
  const n = int64.toNumber(checkInteger(index, 2, name));
  const f = checkFunction(value, 1, name);
  const info = state.functionInfo(f);
  return info && upvalueAt(info, f, n);
}

function upvalueAt({ body, captured }: FunctionInfo, f: LuaFunction, index: number): Upvalue | undefined {
  const variable = body.upvalues[index - 1];
  if (variable === undefined) return undefined;
  const { name } = variable;
  // A function that names itself has no need to capture itself.
  if (isItself(variable, body)) return { name, index, cell: undefined, get: () => f, set: () => undefined };
  const value = captured[body.upvalues.filter((other) => !isItself(other, body)).indexOf(variable)];
  if (!needsCell(variable))
    return { name, index, cell: undefined, get: () => value as LuaValue, set: () => undefined };
  const cell = value as { v: LuaValue | typeof W; h?: number; l?: number };
  return {
    name,
    index,
    cell: cell as { v: LuaValue },
    // Integers of 64 bits may be kept in halves.
    get: () => (cell.v === W ? int64.make(cell.h!, cell.l!) : (cell.v as LuaValue)),
    set: (given) => {
      if (variable.isWide && int64.isInteger(given))
        Object.assign(cell, { v: W, h: int64.high(given), l: int64.low(given) });
      else cell.v = given;
    },
  };
}

const identities = new WeakMap<object, Map<number, LuaLightUserdata>>();
let nextIdentity = 0x7f0000000000n;

/** The same for the same object and number, different for others. */
function identity(object: object, n: number): LuaLightUserdata {
  let known = identities.get(object);
  if (known === undefined) {
    known = new Map();
    identities.set(object, known);
  }
  let id = known.get(n);
  if (id === undefined) {
    nextIdentity += 0x10n;
    id = new LuaLightUserdata(nextIdentity);
    known.set(n, id);
  }
  return id;
}
