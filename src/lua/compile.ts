/**
 * Syntax tree to JavaScript. Every Lua function becomes a factory at the top of the generated chunk: called with the
 * captured variables it returns the closure. So a function is emitted once however deep it is nested, and its second,
 * resumable version is emitted from the same tree when it is first entered inside a coroutine (coroutine.ts).
 *
 * In generated code `$` is the machine (machine.ts): counters and operations. An operation that can fail starts a
 * line with a mark, by which its position is found when it did fail (position.ts).
 */

import type { Chunk, FunctionBody } from "./ast.ts";
import { StatementEmitter } from "./compile-statement.ts";
import { isItself, jsName } from "./emit-names.ts";
import { MACHINE, OPERATIONS, type SavedSite, Unit, VARARG_ROUNDS } from "./emitter.ts";
import { aliveAtSites, shortName, withoutMarks } from "./liveness.ts";
import type { Site } from "./position.ts";
import { chooseWide } from "./wide.ts";

export interface GeneratedCode {
  readonly code: string;
  /** What the marks in `code` stand for. */
  readonly marks: readonly Site[];
}

/**
 * The plain version of a whole chunk: a list of factories, one for each function, by id. `runsOnce`: nobody will call
 * the chunk itself again and again.
 */
export function compileChunk(chunk: Chunk, runsOnce: boolean): GeneratedCode {
  chooseWide(chunk);
  const unit = new Unit(runsOnce);
  const factories = chunk.functions.map((body) => new FunctionEmitter(body, unit, false).factory());
  return finish(
    unit,
    "plain",
    `${factories.join("\n")}\nreturn [${chunk.functions.map((f) => `make${f.id}`).join(",")}];`,
  );
}

/**
 * The resumable version of one function, and its sites by number; inner closures are made by the plain factories,
 * `make` in scope, and `places` says where the sites are.
 */
export function compileResumable(body: FunctionBody): GeneratedCode & { readonly saved: readonly Site[] } {
  const unit = new Unit(false);
  const emitter = new FunctionEmitter(body, unit, true);
  const code = finish(unit, "resumable", `${emitter.factory()}\nreturn make${body.id};`);
  return { ...code, saved: emitter.saved.map(({ site }) => site) };
}

function finish(unit: Unit, operations: "plain" | "resumable", factories: string): GeneratedCode {
  const head = `"use strict";const {${MACHINE.join(",")}}=$;const {${OPERATIONS.join(",")}}=$.${operations};`;
  return { code: `${head}\n${unit.accessors()}\n${factories}`, marks: unit.marks };
}

/** Function, site, places and link stand in front of the values of a frame (coroutine.ts). */
const FRAME_HEAD = 4;

/** Leaves a function at a site, keeping the variables `kept`. A generator's frame is its frame again and again. */
function leave(k: number, { target, site }: SavedSite, kept: readonly string[]): string {
  const link = shortName(target);
  const fresh = `return $.save([${["$co", k, "places", link, ...kept].join(",")}]);`;
  if (site.isCall !== true) return fresh;
  const values = [link, ...kept].map((name, i) => `v[${FRAME_HEAD - 1 + i}]=${name};`).join("");
  return `{if(v!==undefined&&v.length===${FRAME_HEAD + kept.length}){v[1]=${k};${values}return v;}${fresh}}`;
}

class FunctionEmitter extends StatementEmitter {
  factory(): string {
    const f = this.body;
    const captured = f.upvalues.filter((variable) => !isItself(variable, f)).map(jsName);
    const parameters = f.parameters.map(jsName);
    const names = f.isVararg ? [...parameters, "...va"].join(",") : parameters.join(",");
    if (f.isVararg) parameters.push("va");
    const body = this.capture(() => this.#emitBody());
    const locals = [...this.locals].filter((name) => !parameters.includes(name));
    const declared = [...new Set(locals.map(shortName))].join(",");
    const declarations = declared === "" ? "" : `let ${declared};`;
    const enters = f.isVararg ? `($.fuel-=1+${VARARG_ROUNDS})<0` : "--$.fuel<0";
    if (!this.isResumable) {
      const enter = `if(${enters}){if($.entering)return $.enter(chunk,${f.id},[${captured.join(",")}],$lua);${this.mark(f)}$.refill();}`;
      return `function make${f.id}(${captured.join(",")}){return function $lua(${names}){${enter}${declarations}\n${body.code}}}`;
    }
    const alive = aliveAtSites(body.code, new Set([...parameters, ...locals]), parameters);
    const kept = this.saved.map(({ target }, i) => {
      const others = alive[i + 1]!.filter((name) => name !== target);
      return [...new Set(others.map(shortName))].sort();
    });
    const restore = new Map<string, string>();
    for (const [i, list] of kept.entries()) {
      const text = list.map((name, n) => `${name}=v[${n + FRAME_HEAD}];`).join("");
      restore.set(text, `${restore.get(text) ?? ""}case ${i + 1}:`);
    }
    const restores = [...restore].map(([text, cases]) => `${cases}${text}break;`).join("\n");
    const enter =
      `let pc=0;${declarations}const v=$.frame;if(v!==undefined){$.frame=undefined;switch(pc=v[1]){${restores}}}` +
      `else if(${enters})${this.mark(f)}$.refill();`;
    const code = withoutMarks(this.inside(body), (site) =>
      leave(site, this.saved[site - 1]!, kept[site - 1]!),
    );
    return `function make${f.id}(${[...captured, "$lua"].join(",")}){return function $co(${names}){${enter}\n${code}}}`;
  }

  #emitBody(): void {
    const f = this.body;
    for (const parameter of f.parameters) this.prepareParameter(parameter);
    if (f.varargTable) this.declare(f.varargTable, { text: "varargs(va)", type: "table" });
    this.emitBlock(f.body);
    if (f.body.statements.at(-1)?.kind !== "return") this.emit("return none;");
  }
}
