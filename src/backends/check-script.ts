/**
 * What can be said about a script before it runs: whether it compiles, whether the modules it requires by name exist,
 * and whether it calls methods that a backend lacks.
 */

import type { CallExpression } from "../lua/ast.ts";
import { LuaError } from "../lua/error.ts";
import { parse } from "../lua/parser.ts";
import { nativeModules } from "../modules/index.ts";
import type { Diagnostic, Script } from "./backend.ts";

/** Modules of Lunatik that Moonhook does not have. A script that needs one works on no backend. */
const MISSING_MODULES: ReadonlySet<string> = new Set(
  (
    "bpf bpf.map completion cpu crypto darken device fifo hid lighten lunatik lunatik.runner luaxt mailbox " +
    "netlink notifier probe signal socket socket.inet socket.raw socket.unix struct syscall syscall.table thread " +
    "util class"
  ).split(" "),
);

/** Method name to what the user should know about it. */
export type LackingMethods = Readonly<Record<string, string>>;

/** Name of a module to the same. */
export type LimitedModules = Readonly<Record<string, string>>;

export function checkScript(
  script: Script,
  lacking: LackingMethods = {},
  limited: LimitedModules = {},
): Diagnostic[] {
  let main: unknown;
  try {
    main = parse(script.source, `@${script.path}`).main;
  } catch (error) {
    if (!(error instanceof LuaError)) throw error;
    return [syntaxProblem(error)];
  }
  const found: Diagnostic[] = [];
  forEachCall(main, (call) => {
    const problem = requireProblem(call, script, limited) ?? methodProblem(call, lacking);
    if (problem) found.push({ ...problem, position: { line: call.line, column: call.column } });
  });
  return found;
}

function syntaxProblem(error: LuaError): Diagnostic {
  const parts = /^.*?:(\d+): (.*)$/s.exec(error.message);
  if (!parts) return { code: "syntax", severity: "error", message: error.message, position: undefined };
  // The message names chunk and line; the diagnostic has them apart.
  return {
    code: "syntax",
    severity: "error",
    message: parts[2]!,
    position: { line: Number(parts[1]), column: 1 },
  };
}

/** Where `require` looks for files, the script's folder and the working directory first. */
const FILE_PATTERNS = ["?.lua", "?/init.lua", "/lib/modules/lua/?.lua", "/lib/modules/lua/?/init.lua"];

function requireProblem(
  call: CallExpression,
  script: Script,
  limited: LimitedModules,
): Omit<Diagnostic, "position"> | undefined {
  const { callee, args } = call;
  if (call.method !== undefined || callee.kind !== "global" || callee.name !== "require") return undefined;
  const name = args[0]?.kind === "string" ? args[0].value : undefined;
  if (name !== undefined && Object.hasOwn(limited, name))
    return { code: "module-limited", severity: "warning", message: `module '${name}': ${limited[name]}` };
  if (name === undefined || nativeModules.some((module) => module.name === name)) return undefined;
  const paths = FILE_PATTERNS.map((pattern) => pattern.replace("?", name.replaceAll(".", "/")));
  if (paths.some((path) => script.readFile?.(path) !== undefined)) return undefined;
  if (MISSING_MODULES.has(name)) {
    return { code: "module-missing", severity: "error", message: `module '${name}' is not available` };
  }
  return {
    code: "module-file",
    severity: "warning",
    message: `module '${name}' is not built in, and no file of that name is found`,
  };
}

function methodProblem(
  call: CallExpression,
  lacking: LackingMethods,
): Omit<Diagnostic, "position"> | undefined {
  const { method } = call;
  if (method === undefined || !Object.hasOwn(lacking, method)) return undefined;
  return { code: "method-missing", severity: "error", message: `'${method}': ${lacking[method]}` };
}

/** Properties of the tree that lead back up or sideways. */
const NOT_CHILDREN: ReadonlySet<string> = new Set([
  "parent",
  "upvalues",
  "variable",
  "variables",
  "parameters",
  "varargTable",
]);

/** Visits every call in the tree, in source order of their arguments. */
function forEachCall(node: unknown, visit: (call: CallExpression) => void): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) {
    for (const item of node) forEachCall(item, visit);
    return;
  }
  if ("kind" in node && node.kind === "call") visit(node as CallExpression);
  for (const [key, child] of Object.entries(node)) if (!NOT_CHILDREN.has(key)) forEachCall(child, visit);
}
