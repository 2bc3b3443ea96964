/**
 * How a Lua module is declared: one table per module or class, with a row of name, documentation, arguments,
 * results and behaviour per function. The declaration checks arguments, names them in errors
 * (`bad argument #1 to 'push' (…)`), prints the reference page, and carries the flags that compilers ask for.
 *
 * Every function gets a wrapper compiled for its own arguments. One shared wrapper would be simpler, but an engine
 * keeps its type feedback per function text: shared, the call inside would never be inlined, and `getuint8` runs
 * some twenty times for every packet.
 */

import type { Kernel } from "../kernel/kernel.ts";
import { toNumber } from "../lua/int64.ts";
import type { LuaState } from "../lua/state.ts";
import { LuaTable } from "../lua/table.ts";
import {
  type LuaFunction,
  type LuaInteger,
  type LuaResult,
  LuaUserdata,
  type LuaValue,
} from "../lua/value.ts";
import { argError, asIntegerArgument, asStringArgument, failure, raiseAsLua, typeProblem } from "./raise.ts";

/** Where a runtime's code may run; `auto` is undecided until a class asks for one. */
export type RuntimeContext = "process" | "softirq" | "hardirq" | "auto";

/** What modules see of the runtime that they were opened in. */
export interface Environment {
  readonly state: LuaState;
  readonly kernel: Kernel;
  /** Settles an undecided context; false when the runtime has another one. */
  claimContext(context: Exclude<RuntimeContext, "auto">): boolean;
  /** True while the top-level chunk runs, or in process context: the places where Lua may sleep. */
  readonly maySleep: boolean;
  /** True once the top-level chunk has returned and until the runtime stops. */
  readonly ready: boolean;
  /** Runs when the runtime stops. */
  onStop(action: () => void): void;
  /** Logs and counts an error that ended a callback; never throws except for bugs of ours. */
  callbackFailed(error: unknown): void;
  /** The metatable of a class in this runtime. */
  metatable(definition: ClassDefinition): LuaTable;
}

/** What was armed stays so until the runtime stops, if that may have it: otherwise `remove` undoes it at once. */
export function keepUntilStop(env: Environment, remove: () => void): void {
  if (!env.claimContext("softirq")) {
    remove();
    throw failure("runtime context mismatch");
  }
  env.onStop(remove);
}

export interface ArgumentType<T> {
  readonly name: string;
  /** As the reference page shows it. */
  readonly type: string;
  /** What a missing argument means, for the reference page; undefined when it is required. */
  readonly fallback: string | undefined;
  /** JavaScript over `v`: true for values that `convert` would return unchanged. */
  readonly unchanged: string;
  /** `given` tells nil from no value at all. Throws `ArgumentProblem`. */
  convert(value: LuaValue, position: number, given: boolean): T;
}

// biome-ignore lint/suspicious/noExplicitAny: a row of any argument type
type AnyArgument = ArgumentType<any>;
type Values<A extends readonly AnyArgument[]> = {
  [K in keyof A]: A[K] extends ArgumentType<infer T> ? T : never;
};

export const arg = {
  /** A 64-bit integer, or a string that holds one. */
  int: (name: string): ArgumentType<LuaInteger> => ({
    name,
    type: "int",
    fallback: undefined,
    unchanged: 'typeof v === "number"',
    convert: asIntegerArgument,
  }),
  /** An integer as a JavaScript number: exact within ±(2^53 − 1), otherwise only good for failing a bounds check. */
  size: (name: string): ArgumentType<number> => ({
    name,
    type: "int",
    fallback: undefined,
    unchanged: 'typeof v === "number"',
    convert: (value, position, given) => toNumber(asIntegerArgument(value, position, given)),
  }),
  string: (name: string): ArgumentType<string> => ({
    name,
    type: "string",
    fallback: undefined,
    unchanged: 'typeof v === "string"',
    convert: asStringArgument,
  }),
  /** Anything, as it is: the function looks at it itself. */
  any: (name: string): ArgumentType<LuaValue> => ({
    name,
    type: "any value",
    fallback: undefined,
    unchanged: "true",
    convert: (value) => value,
  }),
  /** Anything; only its truth counts. */
  truth: (name: string): ArgumentType<boolean> => ({
    name,
    type: "boolean",
    fallback: undefined,
    unchanged: 'typeof v === "boolean"',
    convert: (value) => value !== undefined && value !== false,
  }),
  table: (name: string): ArgumentType<LuaTable> => ({
    name,
    type: "table",
    fallback: undefined,
    unchanged: "v instanceof LuaTable",
    convert: (value, position, given) => {
      if (value instanceof LuaTable) return value;
      throw argError(position, typeProblem("table", value, given));
    },
  }),
  function: (name: string): ArgumentType<LuaFunction> => ({
    name,
    type: "function",
    fallback: undefined,
    unchanged: 'typeof v === "function"',
    convert: (value, position, given) => {
      if (typeof value === "function") return value;
      throw argError(position, typeProblem("function", value, given));
    },
  }),
  /** An object of a class. */
  object: <T extends object>(
    name: string,
    definition: Pick<ClassDefinition<T>, "name" | "of">,
  ): ArgumentType<T> => ({
    name,
    type: definition.name,
    fallback: undefined,
    unchanged: "false",
    convert: (value, position) => {
      if (value instanceof LuaUserdata && value.object instanceof definition.of) return value.object as T;
      throw argError(position, "invalid object");
    },
  }),
  /** One of a few words. */
  option: <const C extends readonly string[]>(name: string, choices: C): ArgumentType<C[number]> => ({
    name,
    type: choices.map((choice) => `"${choice}"`).join(" \\| "),
    fallback: undefined,
    unchanged: choices.map((choice) => `v === ${JSON.stringify(choice)}`).join(" || "),
    convert: (value, position, given) => {
      const word = asStringArgument(value, position, given);
      if (choices.includes(word)) return word;
      throw argError(position, `invalid option '${word}'`);
    },
  }),
  /** Handed over as it is: the function checks it itself, because something else is checked first. */
  late: (type: AnyArgument): ArgumentType<LuaValue> => ({
    ...type,
    unchanged: "true",
    convert: (value) => value,
  }),
  /** nil and no value mean `fallback`. */
  optional: <T, F extends T | undefined>(
    type: ArgumentType<T>,
    fallback: F,
    text: string,
  ): ArgumentType<T | F> => ({
    ...type,
    fallback: text,
    convert: (value, position, given) =>
      value === undefined ? fallback : type.convert(value, position, given),
  }),
};

export interface Results {
  /** For the reference page; none for a function without results. */
  readonly types: readonly string[];
}

/** What a function returns, for the reference page; behaviour returns it as any Lua function does. */
export function returns(...types: string[]): Results {
  return { types };
}
returns.none = { types: [] } as Results;
returns.int = { types: ["int"] } as Results;

export interface FunctionFlags {
  /** Writes packets: what no netfilter BPF program may do. */
  readonly writes?: boolean;
  /** Kept for old scripts; today's name. */
  readonly legacy?: string;
}

// The behaviour gets the converted arguments, then the environment and the number of arguments given.
// biome-ignore lint/suspicious/noExplicitAny: rows of a table have different arguments
type Behaviour = (...args: any[]) => LuaResult;

export interface FunctionDefinition {
  readonly doc: string;
  readonly args: readonly AnyArgument[];
  readonly results: Results;
  readonly flags: FunctionFlags;
  readonly behaviour: Behaviour;
}

/** A function of a module. */
export function fn<const A extends readonly AnyArgument[]>(
  doc: string,
  args: A,
  results: Results,
  behaviour: (...args: [...Values<A>, env: Environment, given: number]) => LuaResult,
  flags: FunctionFlags = {},
): FunctionDefinition {
  return { doc, args, results, flags, behaviour: behaviour as Behaviour };
}

export interface MethodDefinition<T> extends FunctionDefinition {
  /** Keeps methods of different classes apart; never set. */
  readonly self?: T;
}

/** A method of a class: its behaviour gets the object first. */
export function method<T, const A extends readonly AnyArgument[]>(
  doc: string,
  args: A,
  results: Results,
  behaviour: (self: T, ...args: [...Values<A>, env: Environment, given: number]) => LuaResult,
  flags: FunctionFlags = {},
): MethodDefinition<T> {
  return { doc, args, results, flags, behaviour: behaviour as Behaviour };
}

export interface ClassOptions<T> {
  readonly doc: string;
  /** The JavaScript class of its objects. */
  readonly of: abstract new (
    // biome-ignore lint/suspicious/noExplicitAny: any constructor will do, only instanceof is used
    ...args: any[]
  ) => T;
  /** May cross runtimes. */
  readonly shareable: boolean;
  /** Objects that may not although their class may. */
  readonly isPrivate?: (object: T) => boolean;
  /** Where objects may be created; `hook` means only hooks hand them out. */
  readonly contexts: "any" | "process" | "softirq" | "hardirq" | "hook";
}

export interface ClassDefinition<T extends object = object> extends ClassOptions<T> {
  readonly name: string;
  /** Metamethods among them, with their two underscores. */
  readonly methods: Readonly<Record<string, MethodDefinition<T>>>;
  /** A new Lua object of this class. */
  wrap(env: Environment, object: T): LuaUserdata<T>;
  /** Makes its methods before there is an object. */
  open(env: Environment): void;
}

export function defineClass<T extends object>(
  name: string,
  options: ClassOptions<T>,
  methods: Record<string, MethodDefinition<T>>,
): ClassDefinition<T> {
  const metatable = (env: Environment): LuaTable => env.metatable(definition as unknown as ClassDefinition);
  const definition: ClassDefinition<T> = {
    name,
    ...options,
    methods,
    wrap: (env, object) => new LuaUserdata(object, metatable(env)),
    open: (env) => void metatable(env),
  };
  return definition;
}

const definitions = new WeakMap<LuaTable, ClassDefinition>();

/** The class of an object; undefined for what the host made otherwise. */
export const classOf = ({ metatable }: LuaUserdata): ClassDefinition | undefined =>
  metatable && definitions.get(metatable);

/** Whether an object may cross runtimes. */
export const isShareable = (definition: ClassDefinition, object: object): boolean =>
  definition.shareable && definition.isPrivate?.(object) !== true;

/** Constants under names: numbers, texts, booleans, lists, and tables of such. */
export type ConstantTable = Readonly<Record<string, unknown>>;

export interface ModuleDefinition {
  /** As `require` knows it. */
  readonly name: string;
  readonly doc: string;
  readonly functions: Readonly<Record<string, FunctionDefinition>>;
  readonly constants: ConstantTable;
  readonly classes: readonly ClassDefinition[];
  /** A fresh table of this module for one runtime. */
  open(env: Environment): LuaTable;
}

export interface ModuleParts {
  readonly doc: string;
  readonly functions?: Record<string, FunctionDefinition>;
  readonly constants?: ConstantTable;
  // biome-ignore lint/suspicious/noExplicitAny: classes of different objects
  readonly classes?: readonly ClassDefinition<any>[];
  /** Runs when a runtime opens the module. */
  readonly onOpen?: (env: Environment) => void;
}

export function defineModule(name: string, parts: ModuleParts): ModuleDefinition {
  const { doc, functions = {}, constants = {}, classes = [], onOpen } = parts;
  return {
    name,
    doc,
    functions,
    constants,
    classes,
    open(env) {
      onOpen?.(env);
      const table = constantsTable(constants);
      for (const [key, definition] of Object.entries(functions)) {
        table.setField(key, compileWrapper(key, definition, undefined, env));
      }
      return table;
    },
  };
}

function constantsTable(constants: object): LuaTable {
  const table = new LuaTable();
  const entries = Array.isArray(constants)
    ? constants.map((value, index) => [index + 1, value] as const)
    : Object.entries(constants);
  for (const [key, value] of entries) {
    const item = typeof value === "object" && value !== null ? constantsTable(value) : (value as LuaValue);
    if (typeof key === "string") table.setField(key, item);
    else table.set(key, item);
  }
  return table;
}

/** The metatable of a class: methods are looked up in the metatable itself. */
export function classMetatable(definition: ClassDefinition, env: Environment): LuaTable {
  const metatable = new LuaTable();
  definitions.set(metatable, definition);
  metatable.setField("__name", definition.name);
  metatable.setField("__index", metatable);
  for (const [key, row] of Object.entries(definition.methods)) {
    metatable.setField(key, compileWrapper(key, row, definition, env));
  }
  return metatable;
}

const NO_RESULTS: LuaValue[] = [];

/**
 * The Lua function of a declaration, compiled for exactly its arguments (see the top of this file). For the row
 * `getuint8(offset)` of class `data` it reads:
 *
 *     function (self, a0) {
 *       try {
 *         if (!(self instanceof LuaUserdata && self.object instanceof Class)) badSelf();
 *         if (!(typeof a0 === "number")) a0 = convert0(a0, 1, arguments.length > 1);
 *         return behaviour(self.object, a0, env, arguments.length - 1);
 *       } catch (error) { throw raiseAsLua(error, name); }
 *     }
 */
export function compileWrapper(
  name: string,
  definition: FunctionDefinition,
  owner: ClassDefinition | undefined,
  env: Environment,
): LuaFunction {
  const own = owner ? 1 : 0;
  const names = definition.args.map((_, index) => `a${index}`);
  const lines = definition.args.map((type, index) => {
    const test = type.unchanged.replaceAll(/\bv\b/g, `a${index}`);
    return test === "true"
      ? ""
      : `if (!(${test})) a${index} = types[${index}].convert(a${index}, ${index + 1}, arguments.length > ${index + own});`;
  });
  const check = owner ? "if (!(self instanceof LuaUserdata && self.object instanceof Class)) badSelf();" : "";
  const call = `behaviour(${[...(owner ? ["self.object"] : []), ...names, "env", `arguments.length - ${own}`].join(", ")})`;
  const finish = definition.results.types.length === 0 ? `${call}; return none;` : `return ${call};`;
  const source = `"use strict";
return function (${[...(owner ? ["self"] : []), ...names].join(", ")}) {
  try {
    ${check}
    ${lines.join("\n    ")}
    ${finish}
  } catch (error) {
    throw raiseAsLua(error, ${JSON.stringify(name.replace(/^__/, ""))});
  }
};`;
  const parameters = [
    "LuaUserdata",
    "LuaTable",
    "Class",
    "types",
    "behaviour",
    "env",
    "none",
    "badSelf",
    "raiseAsLua",
  ];
  const build = new Function(...parameters, source);
  return build(
    LuaUserdata,
    LuaTable,
    owner?.of,
    definition.args,
    definition.behaviour,
    env,
    NO_RESULTS,
    badSelf,
    raiseAsLua,
  ) as LuaFunction;
}

function badSelf(): never {
  throw argError(1, "invalid object");
}
