/**
 * A script loaded to be compiled: its top level has run, so that its hooks and all that they refer to are there, and
 * what cannot be compiled of them is said by line.
 */

import type { Script as CallingScript } from "../compiler/calling.ts";
import {
  type CompiledScript,
  compileHooks,
  type HookSource,
  type ProgramSource,
} from "../compiler/compile-hooks.ts";
import { CannotCompile, type Refusal } from "../compiler/diagnostics.ts";
import { FORMS, type KernelLayout } from "../compiler/target.ts";
import { whatHooksKeep } from "../compiler/what-hooks-keep.ts";
import type { SourceSpan } from "../ebpf/program-builder.ts";
import { type Extension, type MatchExtension, USERARGS_BYTES } from "../kernel/extensions.ts";
import type { HookRegistration, Kernel } from "../kernel/kernel.ts";
import type { XdpProgram } from "../kernel/xdp.ts";
import { liveBytes } from "../linux/memory-meter.ts";
import { fileReader } from "../linux/script-files.ts";
import { displayName } from "../lua/position.ts";
import { LuaTable } from "../lua/table.ts";
import type { LuaFunction } from "../lua/value.ts";
import { Runtime, type RuntimeContext } from "../runtime/runtime.ts";
import { NF_INET, NFPROTO } from "../uapi/netfilter.ts";
import type { Diagnostic, Script } from "./backend.ts";

export interface LoadOptions {
  readonly context?: RuntimeContext;
  readonly budget?: number;
  readonly loadBudget?: number;
  readonly memoryLimitBytes?: number;
  /** What rules give the script's matches: up to 256 bytes, latin1. */
  readonly userargs?: string;
}

/** What cannot be compiled; the script itself is in order. */
export class HooksRefused extends Error {
  override readonly name = "HooksRefused";
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(({ message }) => message).join("; "));
    this.diagnostics = diagnostics;
  }

  /** The same, with the reason why user space cannot take what comes there. */
  withoutPunt(reason: string): HooksRefused {
    const message = `packets that come there cannot be left to user space: ${reason}`;
    return new HooksRefused([
      ...this.diagnostics,
      { code: "cannot-punt", severity: "warning", message, position: undefined },
    ]);
  }
}

/** A match that does not want the arguments that it was given; the log says why. */
export class EntryRefused extends Error {
  override readonly name = "EntryRefused";
}

/** What becomes a program. */
type Compilable = HookRegistration | MatchExtension | XdpProgram;

/** How hooks get their packets: as links of netfilter, or asked by rules. */
export type HookForm = "netfilter" | "rule" | "tcx";

/** Families whose tables have the match `bpf`. */
const ASKING_FAMILIES: readonly number[] = [
  NFPROTO.NFPROTO_UNSPEC,
  NFPROTO.NFPROTO_IPV4,
  NFPROTO.NFPROTO_IPV6,
];

/** Runs a script's top level; its hooks are noted, and never run. */
export class LoadedScript {
  readonly runtime: Runtime;
  /** In the order of their registration. */
  readonly hooks: readonly HookRegistration[];
  /** Matches and targets, in the same order. */
  readonly extensions: readonly Extension[];
  /** What runs on frames at devices. */
  readonly #xdp: () => XdpProgram | undefined;
  readonly #userargs: string;
  readonly #script: Script;
  /** Every file that was read, by chunk name. */
  readonly #sources = new Map<string, string>();

  /** Throws what the top level throws. */
  constructor(script: Script, kernel: Kernel, options: LoadOptions = {}) {
    this.#script = script;
    this.hooks = noteHooks(kernel);
    this.extensions = noteExtensions(kernel);
    this.#xdp = noteXdp(kernel);
    this.#userargs = (options.userargs ?? "").padEnd(USERARGS_BYTES, "\0");
    const read = script.readFile ?? fileReader(script.path);
    const { context, budget, loadBudget, memoryLimitBytes } = options;
    this.runtime = new Runtime({
      kernel,
      liveBytes,
      ...(context === undefined ? {} : { context }),
      ...(budget === undefined ? {} : { budget }),
      ...(loadBudget === undefined ? {} : { loadBudget }),
      ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
      readFile: (path) => {
        const source = read(path);
        if (source !== undefined) this.#sources.set(displayName(`@${path}`), source);
        return source;
      },
    });
    this.#sources.set(displayName(`@${script.path}`), script.source);
    this.runtime.load(script.source, script.path);
  }

  get matches(): readonly MatchExtension[] {
    return this.extensions.filter((each) => each.kind === "match");
  }

  get xdp(): XdpProgram | undefined {
    return this.#xdp();
  }

  /** Tells the matches that rules are to come. Throws `EntryRefused` when one does not want them. */
  enter(): void {
    for (const match of this.matches)
      if (!match.checkEntry(this.#userargs))
        throw new EntryRefused(`checkentry of the match '${match.name}' refuses these arguments`);
  }

  /**
   * All hooks, as programs of netfilter or at devices, then all matches, then what xdp.attach got, as programs. Throws `HooksRefused` when one of
   * them, or a part of one, cannot be compiled.
   */
  compile(layout: KernelLayout, form: HookForm = "netfilter"): CompiledScript {
    const diagnostics = this.hooks.flatMap((hook, i) => {
      const f = hookOf(hook);
      if (typeof f !== "function") return [this.#refused(notCallable(i))];
      const problem = form === "tcx" ? this.#whyNotAtDevices(hook, f as LuaFunction) : undefined;
      return problem === undefined ? [] : [this.#refused(problem)];
    });
    diagnostics.push(
      ...this.extensions.flatMap((each) => whyNoProgram(each)).map((each) => this.#refused(each)),
    );
    if (diagnostics.length > 0) throw new HooksRefused(diagnostics);
    const compiled = this.#compile(this.#all, layout, form);
    const refusals = "refusals" in compiled ? compiled.refusals : this.#each(layout, form);
    if (refusals.length > 0 || !("hooks" in compiled))
      throw new HooksRefused(refusals.toSorted(byPlace).map((refusal) => this.#refused(refusal)));
    return compiled;
  }

  /**
   * As `compile`, but what cannot be compiled is left to user space where that is sound: the hooks are then for rules,
   * and `leftToUserSpace` tells what is left. Throws `HooksRefused` with the reason when it must not be.
   */
  compileOrPunt(layout: KernelLayout, form: HookForm): CompiledScript {
    try {
      return this.compile(layout, form);
    } catch (error) {
      if (!(error instanceof HooksRefused) || form === "tcx") throw error;
      const part = this.#compileInPart(layout);
      if ("compiled" in part) return part.compiled;
      throw part.reason === undefined ? error : error.withoutPunt(part.reason);
    }
  }

  /**
   * With rules, where packets that come to what cannot be compiled are left to user space. A reason when they must not
   * be; none when nothing would be gained.
   */
  #compileInPart(layout: KernelLayout): { compiled: CompiledScript } | { reason?: string } {
    if (this.xdp !== undefined) return { reason: "frames at devices cannot wait for user space" };
    if (this.matches.length > 0) return { reason: "rules that ask a match cannot wait for user space" };
    if (!this.hooks.every((hook) => typeof hookOf(hook) === "function")) return {};
    const hooks = this.hooks.map((hook) => hookOf(hook) as LuaFunction);
    const kept = whatHooksKeep(this.#calling, hooks);
    if (kept !== undefined)
      return {
        reason: `${kept.span.chunk}:${kept.span.line}: ${kept.what} ${
          kept.isConnection
            ? "would not find connections that only begin"
            : "would be in the kernel and in user space"
        }`,
      };
    const compiled = this.#compile(this.hooks, layout, "rule", true);
    if (!("hooks" in compiled)) return {};
    if (!compiled.hooks.every(({ decides }) => decides)) return {};
    if (compiled.hooks.some(({ printsTwice }) => printsTwice))
      return { reason: "what is printed before would be printed twice" };
    return { compiled };
  }

  get #all(): Compilable[] {
    return [...this.hooks, ...this.matches, ...(this.xdp === undefined ? [] : [this.xdp])];
  }

  /** What user space is left with, as `check` shows it. */
  leftToUserSpace({ refusals }: CompiledScript): Diagnostic[] {
    return refusals.toSorted(byPlace).map((refusal) => ({
      ...this.#refused(refusal),
      severity: "warning",
      message: `${refusal.reason} cannot be compiled: packets that come here go to user space`,
    }));
  }

  /** The script as the compiler asks for it. */
  get #calling(): CallingScript {
    const { state, natives } = this.runtime;
    return { state, nameOf: (f) => natives.nameOf(f), native: (name) => natives.native(name) };
  }

  /** The text of a source line, for whoever shows where something comes from. */
  lineText({ chunk, line }: SourceSpan): string | undefined {
    return this.#sources.get(chunk)?.split("\n")[line - 1];
  }

  close(): void {
    this.runtime.stop();
  }

  /** A device sees what comes in before PRE_ROUTING, what goes out behind POST_ROUTING, and nothing else. */
  #whyNotAtDevices({ pf, hooknum }: HookRegistration, f: LuaFunction): Refusal | undefined {
    const info = this.runtime.state.functionInfo(f);
    const span = info && {
      chunk: displayName(info.source),
      line: info.body.line,
      column: info.body.column,
    };
    if (!IP_FAMILIES.includes(pf))
      return {
        span,
        reason: `a hook of family ${pf} at a device`,
        advice: "register it for IPv4, IPv6 or INET",
      };
    if (directionOf(hooknum) !== undefined) return undefined;
    return {
      span,
      reason: `a hook at ${nameOf(hooknum)} with --attach tcx`,
      advice:
        "register it at PRE_ROUTING (what comes in) or POST_ROUTING (what goes out), or leave --attach out",
    };
  }

  #compile(
    registered: readonly Compilable[],
    layout: KernelLayout,
    form: HookForm,
    punts = false,
  ): CompiledScript | CannotCompile {
    const name = programName(this.#script.path);
    const sources = registered.map((each, i): ProgramSource => {
      const own = registered.length === 1 ? name : `${name.slice(0, 12)}_${i + 1}`;
      if ("callback" in each) return { name: own, form: "xdp", callback: each.callback as LuaFunction };
      return "kind" in each
        ? { name: own, form: "match", match: matchOf(each) as LuaFunction, userargs: this.#userargs }
        : { name: own, ...placeOf(each, form), punts, hook: hookOf(each) as LuaFunction, mark: each.mark };
    });
    try {
      return compileHooks(this.#calling, sources, layout);
    } catch (error) {
      if (error instanceof CannotCompile) return error;
      throw error;
    }
  }

  /** What is in the way, hook by hook: the first of them would hide the others. */
  #each(layout: KernelLayout, form: HookForm): Refusal[] {
    const found: Refusal[] = [];
    for (const registered of this.#all) {
      const compiled = this.#compile([registered], layout, form);
      for (const refusal of "hooks" in compiled ? compiled.refusals : [compiled])
        if (!found.some((other) => isSame(other, refusal))) found.push(refusal);
    }
    return found;
  }

  #refused({ span, reason, advice }: Refusal): Diagnostic {
    const isOwn = span === undefined || span.chunk === displayName(`@${this.#script.path}`);
    return {
      code: "cannot-compile",
      severity: "error",
      message: `${reason} cannot be compiled`,
      position: span && { line: span.line, column: span.column ?? 1 },
      advice,
      ...(isOwn ? {} : { file: span.chunk }),
    };
  }
}

const { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;
const IP_FAMILIES: readonly number[] = [NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6];

const nameOf = (hooknum: number): string =>
  Object.entries(NF_INET)
    .find(([name, number]) => number === hooknum && !name.includes("NUM"))?.[0]
    .replace("NF_INET_", "") ?? `${hooknum}`;

/** Which packets of a device the hooks of a station of netfilter see. */
export function directionOf(hooknum: number): "ingress" | "egress" | undefined {
  if (hooknum === NF_INET.NF_INET_PRE_ROUTING) return "ingress";
  return hooknum === NF_INET.NF_INET_POST_ROUTING ? "egress" : undefined;
}

const hookOf = (registration: HookRegistration): unknown =>
  registration.source instanceof LuaTable ? registration.source.get("hook") : undefined;

const matchOf = ({ source }: MatchExtension): unknown =>
  source instanceof LuaTable ? source.get("match") : undefined;

/** Why rules cannot ask a program of ours for it. */
function whyNoProgram(extension: Extension): Refusal[] {
  const { kind, name, family } = extension;
  const refuse = (reason: string, advice: string): Refusal[] => [{ span: undefined, reason, advice }];
  if (kind === "target")
    return refuse(
      `the target '${name}'`,
      "write a hook of netfilter, or a match for rules with a target of iptables",
    );
  if (!ASKING_FAMILIES.includes(family))
    return refuse(
      `the match '${name}' for other families than IPv4 and IPv6`,
      "rules of iptables and ip6tables can ask programs; family 0 means both",
    );
  if (typeof matchOf(extension) !== "function")
    return refuse(
      `the match '${name}', whose field 'match' is no function any more,`,
      "leave the table as it was registered",
    );
  return [];
}

const notCallable = (index: number): Refusal => ({
  span: undefined,
  reason: `hook ${index + 1}, whose field 'hook' is no function,`,
  advice: "set it before netfilter.register is called",
});

const byPlace = ({ span: a }: Refusal, { span: b }: Refusal): number =>
  (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);

const isSame = (a: Refusal, b: Refusal): boolean =>
  a.reason === b.reason && a.span?.line === b.span?.line && a.span?.column === b.span?.column;

/** What the kernel calls the programs of a script: 15 characters are all it keeps. */
const programName = (path: string): string => /([^/]*?)(\.lua)?$/.exec(path)![1]!.slice(0, 15) || "script";

function noteExtensions(kernel: Kernel): Extension[] {
  const extensions: Extension[] = [];
  kernel.registerExtension = (extension) => {
    extensions.push(extension);
    return () => {
      const at = extensions.indexOf(extension);
      if (at >= 0) extensions.splice(at, 1);
    };
  };
  return extensions;
}

/** The runtime takes back what another one replaces. */
function noteXdp(kernel: Kernel): () => XdpProgram | undefined {
  let current: XdpProgram | undefined;
  kernel.registerXdp = (program) => {
    current = program;
    return () => {
      if (current === program) current = undefined;
    };
  };
  return () => current;
}

function noteHooks(kernel: Kernel): HookRegistration[] {
  const hooks: HookRegistration[] = [];
  const register = kernel.registerHook.bind(kernel);
  kernel.registerHook = (hook) => {
    const remove = register(hook);
    hooks.push(hook);
    return () => {
      remove();
      const at = hooks.indexOf(hook);
      if (at >= 0) hooks.splice(at, 1);
    };
  };
  return hooks;
}

/** A hook at a device is told where it is; of the others the form says enough. */
function placeOf({ pf, hooknum }: HookRegistration, form: HookForm): Pick<HookSource, "form" | "place"> {
  if (form !== "tcx") return { form };
  return { place: { form: FORMS.tcx, family: pf, isIngress: directionOf(hooknum) === "ingress" } };
}
