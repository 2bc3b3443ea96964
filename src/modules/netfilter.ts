/**
 * Lua module `netfilter`: hooks. `netfilter.register` arms one until the runtime stops; this file turns what the
 * script's function returns into a verdict and a mark.
 *
 * `opts.hook` is looked up for every packet, so replacing it takes effect at once. An error in the hook is logged and
 * the packet accepted, its mark unchanged.
 */

import type { HookOutcome, Kernel } from "../kernel/kernel.ts";
import type { Skb } from "../kernel/skb.ts";
import { low } from "../lua/int64.ts";
import type { LuaTable } from "../lua/table.ts";
import type { LuaResult, LuaValue } from "../lua/value.ts";
import { NF_VERDICT } from "../uapi/netfilter.ts";
import { XT_CONTINUE } from "../uapi/x-tables.ts";
import { constantsOf } from "./constants.ts";
import {
  arg,
  type ConstantTable,
  defineClass,
  defineModule,
  type Environment,
  fn,
  keepUntilStop,
  returns,
} from "./define.ts";
import { HookFunction } from "./hook-function.ts";
import { failure, readField, requireInteger, toIntegerOrZero } from "./raise.ts";

const { NF_ACCEPT, NF_STOP } = NF_VERDICT;

/** The outcomes without a mark: nothing is allocated for them. */
const OUTCOMES: readonly HookOutcome[] = Array.from({ length: NF_STOP + 1 }, (_, verdict) => ({
  verdict,
  mark: undefined,
}));
const ACCEPTED = OUTCOMES[NF_ACCEPT]!;

/** A registered hook. The runtime keeps it: dropping the Lua reference changes nothing. */
class NetfilterHook {
  readonly #function: HookFunction;

  constructor(env: Environment, options: LuaTable) {
    this.#function = new HookFunction(env, options);
  }

  run(skb: Skb): HookOutcome {
    return this.#function.run(skb, outcomeOf, ACCEPTED);
  }
}

/** First result: the verdict, DROP for what is no integer, ACCEPT for one out of range. Second: the mark, unless nil. */
function outcomeOf(result: LuaResult): HookOutcome {
  if (!Array.isArray(result)) return OUTCOMES[verdictOf(result)]!;
  const verdict = verdictOf(result[0]);
  const mark = result[1];
  return mark === undefined ? OUTCOMES[verdict]! : { verdict, mark: low(toIntegerOrZero(mark)) >>> 0 };
}

/** Of the first result alone. */
export const verdictOfResult = (result: LuaResult): number =>
  verdictOf(Array.isArray(result) ? result[0] : (result as LuaValue));

function verdictOf(value: LuaValue): number {
  const verdict = typeof value === "number" ? value | 0 : low(toIntegerOrZero(value));
  return verdict < 0 || verdict > NF_STOP ? NF_ACCEPT : verdict;
}

const hookClass = defineClass<NetfilterHook>(
  "netfilter",
  {
    doc: "A registered hook. It has no methods and lives until its runtime stops.",
    of: NetfilterHook,
    shareable: false,
    contexts: "softirq",
  },
  {},
);

export function integerField(env: Environment, options: LuaTable, name: string, fallback?: number): number {
  const value = readField(env.state, options, name);
  if (value === undefined && fallback !== undefined) return fallback;
  return requireInteger(value, name);
}

/** Their names before `linux.nf` existed; CONTINUE and RETURN are those of xtables (linux/netfilter/x_tables.h). */
export const LEGACY_CONSTANTS: ConstantTable = {
  family: constantsOf("linux.nf", "proto"),
  action: { ...constantsOf("linux.nf", "action"), CONTINUE: XT_CONTINUE, RETURN: -5 },
  inet_hooks: constantsOf("linux.nf", "inet"),
  bridge_hooks: withoutTables(constantsOf("linux.nf", "br")),
  arp_hooks: constantsOf("linux.nf", "arp"),
  netdev_hooks: constantsOf("linux.nf", "netdev"),
  ip_priority: constantsOf("linux.nf", "ip", "pri"),
  bridge_priority: constantsOf("linux.nf", "br", "pri"),
};

export const netfilter = defineModule("netfilter", {
  doc: "Hooks into the path of packets.",
  functions: {
    register: fn(
      "Registers the hook that `opts` describes: `hook` (function(skb) → verdict[, mark]), `pf`, `hooknum`, `priority` (int) and optionally `mark` (int, 0): only packets with this mark reach it. Errors: `bad field '…' (number expected, got …)`, `failed to register netfilter hook`, `runtime context mismatch`.",
      [arg.table("opts")],
      returns("netfilter"),
      (options, env) => {
        const pf = integerField(env, options, "pf") & 0xff;
        const hooknum = integerField(env, options, "hooknum") >>> 0;
        const priority = integerField(env, options, "priority") | 0;
        const mark = integerField(env, options, "mark", 0) >>> 0;
        const hook = new NetfilterHook(env, options);
        const run = (skb: Skb) => hook.run(skb);
        const remove = registerWith(env.kernel, { pf, hooknum, priority, mark, source: options, run });
        keepUntilStop(env, remove);
        return hookClass.wrap(env, hook);
      },
    ),
  },
  constants: LEGACY_CONSTANTS,
  classes: [hookClass],
});

function registerWith(kernel: Kernel, hook: Parameters<Kernel["registerHook"]>[0]): () => void {
  try {
    return kernel.registerHook(hook);
  } catch (cause) {
    throw failure("failed to register netfilter hook", cause);
  }
}

/** The constants of a table without the tables nested in it. */
function withoutTables(constants: ConstantTable): ConstantTable {
  return Object.fromEntries(Object.entries(constants).filter(([, value]) => typeof value === "number"));
}
