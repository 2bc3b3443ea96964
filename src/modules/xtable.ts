/**
 * Lua module `xtable`: matches and targets of iptables and its kin, written in Lua. This file checks what is registered
 * and turns what the script's functions return into an outcome; rules find it by its name (kernel/extensions.ts).
 *
 * Differences from Lunatik: a family that xtables does not have is refused (`unable to register …`) instead of written
 * beyond the kernel's table; `unable to hook` is never raised, for it means that the kernel has no memory.
 */

import { Data } from "../kernel/data.ts";
import {
  type Extension,
  type ExtensionPacket,
  type MatchOutcome,
  USERARGS_BYTES,
} from "../kernel/extensions.ts";
import type { Skb } from "../kernel/skb.ts";
import { low } from "../lua/int64.ts";
import { describeType } from "../lua/lib/check.ts";
import { LuaTable } from "../lua/table.ts";
import type { LuaFunction, LuaUserdata, LuaValue } from "../lua/value.ts";
import { NF_VERDICT, NFPROTO } from "../uapi/netfilter.ts";
import { XT_CONTINUE, XT_EXTENSION_MAXNAMELEN } from "../uapi/x-tables.ts";
import { dataClass } from "./data.ts";
import { arg, defineClass, defineModule, type Environment, fn, keepUntilStop, returns } from "./define.ts";
import { LEGACY_CONSTANTS } from "./netfilter.ts";
import { failure, readField, requireInteger, toIntegerOrZero } from "./raise.ts";

type Kind = Extension["kind"];

const FAMILIES: readonly number[] = [
  NFPROTO.NFPROTO_UNSPEC,
  NFPROTO.NFPROTO_INET,
  NFPROTO.NFPROTO_IPV4,
  NFPROTO.NFPROTO_ARP,
  NFPROTO.NFPROTO_BRIDGE,
  NFPROTO.NFPROTO_IPV6,
];

/** A registered match or target. The runtime keeps it: dropping the Lua reference changes nothing. */
class XtableExtension {
  readonly #env: Environment;
  readonly #options: LuaTable;
  readonly #view: LuaUserdata<Data>;

  constructor(env: Environment, options: LuaTable, kind: Kind) {
    this.#env = env;
    this.#options = options;
    this.#view = dataClass.wrap(env, Data.window(kind === "target"));
  }

  /** Looked up each time, as a hook is. Throws what the function throws, or a line for the log. */
  #call(field: string, ...args: LuaValue[]): LuaValue {
    const { state } = this.#env;
    const f = readField(state, this.#options, field);
    if (typeof f !== "function") throw "operation not defined";
    const result = state.call(f as LuaFunction, ...args);
    return Array.isArray(result) ? result[0] : result;
  }

  match(packet: ExtensionPacket, userargs: string): MatchOutcome {
    const unmatched = { matches: false, hotdrop: packet.hotdrop };
    return this.#withPacket(packet, unmatched, (par) => {
      const result = this.#call("match", this.#view, par, userargs);
      return { matches: isTrue(result), hotdrop: isTrue(par.get("hotdrop")) };
    });
  }

  target(packet: ExtensionPacket, userargs: string): number {
    return this.#withPacket(packet, XT_CONTINUE, (par) => {
      const verdict = low(toIntegerOrZero(this.#call("target", this.#view, par, userargs)));
      return verdict < NF_VERDICT.NF_DROP || verdict > NF_VERDICT.NF_STOP ? XT_CONTINUE : verdict;
    });
  }

  checkEntry(userargs: string): boolean {
    if (!this.#env.ready) return false;
    try {
      this.#call("checkentry", userargs);
      return true;
    } catch (error) {
      this.#env.callbackFailed(error);
      return false;
    }
  }

  destroy(userargs: string): void {
    if (!this.#env.ready) return;
    try {
      this.#call("destroy", userargs);
    } catch (error) {
      this.#env.callbackFailed(error);
    }
  }

  #withPacket<T>(packet: ExtensionPacket, fallback: T, run: (par: LuaTable) => T): T {
    if (!this.#env.ready) return fallback;
    const { skb } = packet;
    this.#aim(skb);
    try {
      return run(this.#parameters(packet));
    } catch (error) {
      this.#env.callbackFailed(error);
      return fallback;
    } finally {
      if (this.#view.object.written) skb.modified = true;
      this.#view.object.empty();
    }
  }

  #aim({ bytes, netOffset, length }: Skb): void {
    const view = this.#view.object;
    view.written = false;
    view.aim(bytes, netOffset, length);
  }

  #parameters({ hotdrop, thoff, fragoff, hooknum }: ExtensionPacket): LuaTable {
    const par = new LuaTable();
    par.set("hotdrop", hotdrop);
    par.set("thoff", thoff);
    par.set("fragoff", fragoff);
    par.set("hooknum", hooknum);
    return par;
  }
}

const isTrue = (value: LuaValue): boolean => value !== undefined && value !== false;

const extensionClass = defineClass<XtableExtension>(
  "xtable",
  {
    doc: "A registered match or target. It has no methods and lives until its runtime stops.",
    of: XtableExtension,
    shareable: false,
    contexts: "softirq",
  },
  {},
);

/** What an extension takes, and to register one. */
const EXTENSION_BYTES = 4096;
const EXTENSION_ROUNDS = 1000;

function register(env: Environment, options: LuaTable, kind: Kind): LuaUserdata<XtableExtension> {
  const { state } = env;
  state.charge(EXTENSION_BYTES);
  state.spend(EXTENSION_ROUNDS);
  const field = (name: string): LuaValue => readField(state, options, name);
  const integer = (name: string): number => requireInteger(field(name), name);
  const name = requireType(field("name"), "name", "string") as string;
  if (name.length >= XT_EXTENSION_MAXNAMELEN) throw failure("'name' is too long");
  const common = {
    name,
    revision: integer("revision") & 0xff,
    family: integer("family") & 0xff,
    proto: integer("proto") & 0xffff,
    hooks: integer("hooks") >>> 0,
    source: options,
  };
  for (const callback of [kind, "checkentry", "destroy"]) requireType(field(callback), callback, "function");
  const own = new XtableExtension(env, options, kind);
  const callbacks = {
    checkEntry: (userargs: string) => own.checkEntry(fullLength(userargs)),
    destroy: (userargs: string) => own.destroy(fullLength(userargs)),
  };
  const extension: Extension =
    kind === "match"
      ? { ...common, ...callbacks, kind, match: (packet, args) => own.match(packet, fullLength(args)) }
      : { ...common, ...callbacks, kind, target: (packet, args) => own.target(packet, fullLength(args)) };
  const remove = registerWith(env, extension);
  keepUntilStop(env, remove);
  return extensionClass.wrap(env, own);
}

function registerWith(env: Environment, extension: Extension): () => void {
  const problem = `unable to register ${extension.kind}`;
  if (!FAMILIES.includes(extension.family)) throw failure(problem);
  try {
    return env.kernel.registerExtension(extension);
  } catch (cause) {
    throw failure(problem, cause);
  }
}

const fullLength = (userargs: string): string =>
  userargs.slice(0, USERARGS_BYTES).padEnd(USERARGS_BYTES, "\0");

/** A field as lunatik's checkfield wants it: nothing but its own type. */
function requireType(value: LuaValue, name: string, type: "string" | "function"): LuaValue {
  if (typeof value === type) return value;
  throw failure(`bad field '${name}' (${type} expected, got ${describeType(value)})`);
}

const FIELDS = (kind: Kind, results: string): string =>
  `\`name\` (string, up to ${XT_EXTENSION_MAXNAMELEN - 1} bytes), \`revision\`, \`family\`, \`proto\` (0: any), \`hooks\` (a bit for each hook point, 0: all) (int), \`${kind}\` (function(packet, par, userargs) → ${results}), \`checkentry\` and \`destroy\` (function(userargs)). \`packet\` is a data view from the network header on, which only a target may write; \`par\` has \`hotdrop\`, \`thoff\`, \`fragoff\` and \`hooknum\`; \`userargs\` are ${USERARGS_BYTES} bytes that the rule gives. Errors: \`bad field '…' (… expected, got …)\`, \`'name' is too long\`, \`unable to register ${kind}\`, \`runtime context mismatch\`.`;

export const xtable = defineModule("xtable", {
  doc: "Matches and targets for rules of iptables and ip6tables.",
  functions: {
    match: fn(
      `Registers a match (\`-m\`) that \`opts\` describes: ${FIELDS("match", "boolean")} After the call \`par.hotdrop\` says whether the packet is dropped. An error means no match.`,
      [arg.table("opts")],
      returns("xtable"),
      (options, env) => register(env, options, "match"),
    ),
    target: fn(
      `Registers a target (\`-j\`) that \`opts\` describes: ${FIELDS("target", "int")} Results from 0 to 5 are verdicts (\`linux.nf.action\`), others, and errors, mean that the next rule is asked.`,
      [arg.table("opts")],
      returns("xtable"),
      (options, env) => register(env, options, "target"),
    ),
  },
  constants: LEGACY_CONSTANTS,
  classes: [extensionClass],
});
