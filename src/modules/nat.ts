/**
 * Lua module `nat`: what connections become. Lunatik has published this design and not built it.
 *
 * A hook is asked for the first packet of a connection, once where it comes in and once where it leaves; all that
 * follows is the kernel's.
 */

import type { Connection } from "../kernel/connection.ts";
import { MANIP, type Manip, manipAt } from "../kernel/nat/manip.ts";
import { type NatRange, onlyAddress, wordsOfAddress } from "../kernel/nat/range.ts";
import type { Skb } from "../kernel/skb.ts";
import type { LuaTable } from "../lua/table.ts";
import type { LuaResult } from "../lua/value.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../uapi/netfilter.ts";
import { NF_NAT_RANGE } from "../uapi/nf-nat.ts";
import { bytesFromLatin1 } from "../util/latin1.ts";
import { ConnectionHandle } from "./conntrack.ts";
import { arg, defineClass, defineModule, type Environment, fn, keepUntilStop, returns } from "./define.ts";
import { HookFunction } from "./hook-function.ts";
import { integerField, verdictOfResult } from "./netfilter.ts";
import { failure, readField, requireInteger } from "./raise.ts";
import { SkbHandle } from "./skb.ts";

const { NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } = NF_INET;
const { NF_ACCEPT } = NF_VERDICT;

/** The packet that a runtime's hook is asked about. */
interface Asked {
  readonly skb: Skb;
  readonly hooknum: number;
}
const asked = new WeakMap<Environment, Asked>();

class TranslationHook {
  readonly #env: Environment;
  readonly #hooknum: number;
  readonly #function: HookFunction;

  constructor(env: Environment, options: LuaTable, hooknum: number) {
    this.#env = env;
    this.#hooknum = hooknum;
    this.#function = new HookFunction(env, options);
  }

  run(skb: Skb): number {
    const outer = asked.get(this.#env);
    asked.set(this.#env, { skb, hooknum: this.#hooknum });
    try {
      return this.#function.run(skb, verdictOfResult, NF_ACCEPT);
    } finally {
      if (outer === undefined) asked.delete(this.#env);
      else asked.set(this.#env, outer);
    }
  }
}

const hookClass = defineClass<TranslationHook>(
  "nat",
  {
    doc: "A registered hook. It has no methods and lives until its runtime stops.",
    of: TranslationHook,
    shareable: false,
    contexts: "softirq",
  },
  {},
);

/** The packet at hand, if this is a place for it. */
function askedAt(env: Environment, hooks: readonly number[]): Asked {
  const packet = asked.get(env);
  if (packet === undefined) throw failure("not in a hook of nat");
  if (!hooks.includes(packet.hooknum)) throw failure("not at this hook point");
  return packet;
}

const COMES_IN = [NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT];
const LEAVES = [NF_INET_POST_ROUTING, NF_INET_LOCAL_IN];

function addressField(
  env: Environment,
  table: LuaTable,
  name: string,
  family: number,
): Int32Array | undefined {
  const value = readField(env.state, table, name);
  if (value === undefined) return undefined;
  if (family === NFPROTO.NFPROTO_IPV4) return Int32Array.of(requireInteger(value, name), 0, 0, 0);
  if (typeof value === "string" && value.length === 16) return wordsOfAddress(bytesFromLatin1(value));
  throw failure(`bad field '${name}' (16 bytes expected)`);
}

/** Flags that scripts may set. */
const FREE_FLAGS =
  NF_NAT_RANGE.NF_NAT_RANGE_PROTO_RANDOM |
  NF_NAT_RANGE.NF_NAT_RANGE_PERSISTENT |
  NF_NAT_RANGE.NF_NAT_RANGE_PROTO_RANDOM_FULLY;

function readRange(env: Environment, table: LuaTable, family: number): NatRange {
  const minAddress = addressField(env, table, "addr", family);
  const maxAddress = addressField(env, table, "addr_max", family) ?? minAddress;
  const port = (name: string) => {
    const value = readField(env.state, table, name);
    return value === undefined ? undefined : requireInteger(value, name) & 0xffff;
  };
  const minPort = port("port");
  const maxPort = port("port_max") ?? minPort;
  if (minPort !== undefined && maxPort! < minPort) throw failure("bad field 'port_max' (below 'port')");
  return {
    flags:
      (integerField(env, table, "flags", 0) & FREE_FLAGS) |
      (minAddress === undefined ? 0 : NF_NAT_RANGE.NF_NAT_RANGE_MAP_IPS) |
      (minPort === undefined ? 0 : NF_NAT_RANGE.NF_NAT_RANGE_PROTO_SPECIFIED),
    ...(minAddress === undefined ? {} : { minAddress, maxAddress: maxAddress! }),
    ...(minPort === undefined ? {} : { minPort, maxPort: maxPort! }),
  };
}

const familyOf = (connection: Connection): number => connection.tuple(0).family;

function setUp(env: Environment, connection: Connection, range: NatRange, manip: Manip): LuaResult {
  env.kernel.translation.setUp(connection, range, manip);
  return [];
}

/** The connection of the packet at hand takes an address of the machine's own. */
function takeDeviceAddress(
  env: Environment,
  { skb }: SkbHandle,
  table: LuaTable | undefined,
  hooks: readonly number[],
): LuaResult {
  const { hooknum } = askedAt(env, hooks);
  const connection = skb && env.kernel.conntrack.connectionOf(skb);
  if (skb === undefined || connection === undefined) throw failure("the packet has no connection");
  const manip = manipAt(hooknum);
  const family = familyOf(connection);
  const address = env.kernel.translation.deviceAddress(
    manip === MANIP.SOURCE ? skb.outIfindex : skb.inIfindex,
    family,
  );
  if (address === undefined) throw failure("the device has no address");
  const { flags, minPort, maxPort } = table === undefined ? { flags: 0 } : readRange(env, table, family);
  const to = onlyAddress(wordsOfAddress(address));
  const ports = minPort === undefined ? {} : { minPort, maxPort: maxPort! };
  return setUp(env, connection, { ...to, ...ports, flags: flags | to.flags }, manip);
}

const RANGE = arg.table("range");
const CT = arg.object("ct", { name: "ct", of: ConnectionHandle });
const SKB = arg.object("skb", { name: "skb", of: SkbHandle });

export const nat = defineModule("nat", {
  doc: "What connections become. A `range` is a table: `addr` and `addr_max` (integers, or strings of 16 bytes for IPv6; the second defaults to the first), `port` and `port_max` (int), `flags` (int, of `nf.nat.range`, 0); what is nil stays as it is. Hooks are asked for the first packet of a connection, once where it comes in (PRE_ROUTING, LOCAL_OUT) and once where it leaves (POST_ROUTING, LOCAL_IN); where they set up nothing the connection stays as it is there. On live packets `register` raises `EOPNOTSUPP`.",
  onOpen(env) {
    env.kernel.conntrack.start();
  },
  functions: {
    register: fn(
      "Registers the hook that `opts` describes: `hook` (function(skb) → verdict), `pf`, `hooknum`. Errors: `bad field '…' (number expected, got …)`, `failed to register nat hook`, `runtime context mismatch`.",
      [arg.table("opts")],
      returns("nat"),
      (options, env) => {
        const pf = integerField(env, options, "pf") & 0xff;
        const hooknum = integerField(env, options, "hooknum") >>> 0;
        const hook = new TranslationHook(env, options, hooknum);
        const remove = registerWith(env, pf, hooknum, hook);
        keepUntilStop(env, remove);
        return hookClass.wrap(env, hook);
      },
    ),
    snat: fn(
      "The source of `ct` becomes one of `range`. Errors: `not in a hook of nat`, `not at this hook point` (POST_ROUTING, LOCAL_IN), `bad field '…'`.",
      [CT, RANGE],
      returns.none,
      ({ connection }, range, env) => {
        askedAt(env, LEAVES);
        return setUp(env, connection, readRange(env, range, familyOf(connection)), MANIP.SOURCE);
      },
    ),
    dnat: fn(
      "The destination of `ct` becomes one of `range`. Errors: `not in a hook of nat`, `not at this hook point` (PRE_ROUTING, LOCAL_OUT), `bad field '…'`.",
      [CT, RANGE],
      returns.none,
      ({ connection }, range, env) => {
        askedAt(env, COMES_IN);
        return setUp(env, connection, readRange(env, range, familyOf(connection)), MANIP.DESTINATION);
      },
    ),
    masquerade: fn(
      "The source becomes the address of the device that the packet leaves by, with a port of `range` if there is one. Errors: as `snat` (POST_ROUTING), `the device has no address`.",
      [SKB, arg.optional(RANGE, undefined, "nil")],
      returns.none,
      (skb, range, env) => takeDeviceAddress(env, skb, range, [NF_INET_POST_ROUTING]),
    ),
    redirect: fn(
      "The destination becomes the address of the device that the packet came in by, with a port of `range` if there is one. Errors: as `dnat` (PRE_ROUTING), `the device has no address`.",
      [SKB, RANGE],
      returns.none,
      (skb, range, env) => takeDeviceAddress(env, skb, range, [NF_INET_PRE_ROUTING]),
    ),
  },
  classes: [hookClass],
});

function registerWith(env: Environment, pf: number, hooknum: number, hook: TranslationHook): () => void {
  try {
    return env.kernel.translation.register({ pf, hooknum, run: (skb) => hook.run(skb) });
  } catch (cause) {
    throw failure("failed to register nat hook", cause);
  }
}
