/**
 * Lua module `conntrack`: the connections that the kernel tracks. Lunatik has published this design and not built it.
 *
 * Connections are objects of class `ct`. One stays what it is when its connection has ended: it keeps the values that
 * the connection ended with.
 */

import {
  type Connection,
  type ConnectionSpec,
  type ConnectionTuple,
  ConntrackError,
  type ExpectationSpec,
} from "../kernel/connection.ts";
import { low, toNumber } from "../lua/int64.ts";
import { LuaTable } from "../lua/table.ts";
import type { LuaResult, LuaValue } from "../lua/value.ts";
import { IPPROTO } from "../uapi/in.ts";
import { IPPROTO6 } from "../uapi/in6.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import { bytesFromLatin1, latin1FromBytes } from "../util/latin1.ts";
import {
  arg,
  type ClassDefinition,
  defineClass,
  defineModule,
  type Environment,
  fn,
  keepUntilStop,
  method,
  returns,
} from "./define.ts";
import { asIntegerArgument, failure, readField, requireInteger } from "./raise.ts";
import { SkbHandle } from "./skb.ts";

/** What a Lua `ct` holds. */
export class ConnectionHandle {
  readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }
}

const direction = arg.optional(arg.size("dir"), 0, "`nf.ct.dir.ORIGINAL`");
const directionOf = (value: number): number => (value === 0 ? 0 : 1);

const ct: ClassDefinition<ConnectionHandle> = defineClass<ConnectionHandle>(
  "ct",
  {
    doc: "A tracked connection.",
    of: ConnectionHandle,
    shareable: false,
    contexts: "any",
  },
  {
    tuple: method(
      "A new table: `family`, `protocol`, `src`, `dst`, and `sport` and `dport`, or `type`, `code` and `id` for ICMP. IPv4 addresses are integers, IPv6 addresses strings of 16 bytes.",
      [direction],
      returns("table"),
      ({ connection }, dir, env) => tupleTable(env, connection.tuple(directionOf(dir))),
    ),
    status: method("Bits of `nf.ct.status`.", [], returns.int, ({ connection }) => connection.status),
    id: method(
      "A number that stays the same as long as the connection lives.",
      [],
      returns.int,
      ({ connection }) => connection.id,
    ),
    timeout: method("Milliseconds left.", [], returns.int, ({ connection }) =>
      Math.floor(connection.timeoutMs),
    ),
    refresh: method(
      "Makes the time left `ms` milliseconds.",
      [arg.size("ms")],
      returns.none,
      ({ connection }, ms) => {
        connection.refresh(Math.max(0, ms));
      },
    ),
    mark: method(
      "The mark, after setting it to `value` (truncated to 32 bits) if one is given; the same as `skb:connmark`.",
      [arg.late(arg.optional(arg.int("value"), undefined, "only read"))],
      returns.int,
      ({ connection }, value, _env, given) => {
        if (given > 0) connection.mark = low(asIntegerArgument(value, 1, true)) >>> 0;
        return connection.mark;
      },
    ),
    labels: method("16 bytes, 128 label bits.", [], returns("string"), ({ connection }) =>
      latin1FromBytes(connection.labels()),
    ),
    zone: method("The zone's number.", [], returns.int, ({ connection }) => connection.zone),
    counters: method(
      "Packets and bytes of one direction, as far as the kernel counts them.",
      [direction],
      returns("int", "int"),
      ({ connection }, dir) => [connection.packets(directionOf(dir)), connection.bytes(directionOf(dir))],
    ),
    tcpstate: method(
      "One of `nf.ct.tcp`; nil for other protocols.",
      [],
      returns("int | nil"),
      ({ connection }) => connection.tcpState,
    ),
    master: method(
      "The connection that announced this one.",
      [],
      returns("ct | nil"),
      ({ connection }, env) => connection.master && wrap(env, connection.master),
    ),
    helper: method(
      "The name of its helper.",
      [],
      returns("string | nil"),
      ({ connection }) => connection.helper,
    ),
    delete: method("Ends the connection.", [], returns.none, ({ connection }) => {
      connection.remove();
    }),
    expect: method(
      "Announces a connection: the next one that fits `spec` is RELATED to this. Fields `family`, `protocol`, `timeout` (ms), and `src`, `sport`, `dst`, `dport`, where nil means any. Errors: `bad field '…'`, what the kernel refuses as errno name.",
      [arg.table("spec")],
      returns.none,
      ({ connection }, spec, env) => {
        connection.expect(readExpectation(env, spec));
      },
    ),
  },
);

export const conntrack = defineModule("conntrack", {
  doc: "Tracked connections. What the kernel refuses is raised as the bare errno name. Hooks see the connection of their packet at priorities greater than -200. On live packets the first packet of a connection is in the hook before the connection is in the kernel's table: until then its id and timeout are 0, `lookup` does not find it, and a mark is set when the packet's verdict is out; `watch` and `ct:expect` raise `EOPNOTSUPP`.",
  onOpen(env) {
    env.kernel.conntrack.start();
    // Who compiles hooks knows methods by their names, before there is an object.
    ct.open(env);
  },
  functions: {
    get: fn(
      "The packet's connection, and how the packet relates to it: one of `nf.ct.info`. `nil, nf.ct.info.UNTRACKED` for packets that are not to be tracked; `nil, nil` for those that tracking has not seen or found invalid.",
      [arg.object("skb", { name: "skb", of: SkbHandle })],
      returns("ct | nil", "int | nil"),
      ({ skb }, env) => {
        if (skb === undefined) throw failure("skb is not set");
        const tracking = env.kernel.conntrack;
        const connection = tracking.connectionOf(skb);
        return [connection && wrap(env, connection), tracking.infoOf(skb)];
      },
    ),
    lookup: fn(
      "The connection that has this tuple, of the shape of `ct:tuple`, in either direction. Error: `bad field '…'`.",
      [arg.table("tuple")],
      returns("ct | nil"),
      (tuple, env) => {
        const found = env.kernel.conntrack.lookup(readTuple(env, tuple));
        return found && wrap(env, found);
      },
    ),
    each: fn(
      "Calls `f(ct)` for every connection, until it returns false. Error: `not allowed in this context` where Lua may not sleep.",
      [arg.function("f")],
      returns.none,
      (f, env) => {
        requireProcess(env);
        env.kernel.conntrack.each((connection) => {
          env.state.spend(1);
          return first(env.state.call(f, wrap(env, connection))) !== false;
        });
      },
    ),
    count: fn("How many connections there are.", [], returns.int, (env) => env.kernel.conntrack.count()),
    max: fn("How many there may be.", [], returns.int, (env) => env.kernel.conntrack.max()),
    new: fn(
      "A new connection by `original` and `reply` (tuples; the reply is the original inverted when it is nil), `timeout` (ms), `status` and `mark` (int, 0). Raises `EEXIST` when a tuple is taken. Errors: `bad field '…'`, `not allowed in this context` where Lua may not sleep.",
      [arg.table("spec")],
      returns("ct"),
      (spec, env) => {
        requireProcess(env);
        return wrap(env, env.kernel.conntrack.create(readSpec(env, spec)));
      },
    ),
    watch: fn(
      "From now on calls `f(events, ct)` when connections come, change and go; `events` is a mask: test `events & (1 << nf.ct.event.NEW)`. Raises `EBUSY` when there is a watcher already. Error: `runtime context mismatch`.",
      [arg.function("f")],
      returns.none,
      (f, env) => {
        const remove = env.kernel.conntrack.watch((events, connection) => {
          if (!env.ready) return;
          try {
            env.state.call(f, events, wrap(env, connection));
          } catch (error) {
            env.callbackFailed(error);
          }
        });
        keepUntilStop(env, remove);
        watchers.set(env, remove);
      },
    ),
    unwatch: fn("Ends what `watch` began; harmless otherwise.", [], returns.none, (env) => {
      watchers.get(env)?.();
      watchers.delete(env);
    }),
  },
  classes: [ct],
});

/** What removes the watcher of a runtime. */
const watchers = new WeakMap<Environment, () => void>();

/** What an object takes. */
const CT_BYTES = 256;

function wrap(env: Environment, connection: Connection) {
  env.state.charge(CT_BYTES);
  return ct.wrap(env, new ConnectionHandle(connection.hold()));
}

const first = (result: LuaResult): LuaValue => (Array.isArray(result) ? result[0] : (result as LuaValue));

function requireProcess(env: Environment): void {
  if (!env.maySleep) throw failure("not allowed in this context");
}

const TUPLE_BYTES = 512;

function tupleTable(env: Environment, tuple: ConnectionTuple): LuaTable {
  env.state.charge(TUPLE_BYTES);
  const table = new LuaTable();
  table.setField("family", tuple.family);
  table.setField("protocol", tuple.protocol);
  table.setField("src", addressValue(tuple.source));
  table.setField("dst", addressValue(tuple.destination));
  if (tuple.icmp === undefined) {
    table.setField("sport", tuple.sport ?? 0);
    table.setField("dport", tuple.dport ?? 0);
  } else {
    table.setField("type", tuple.icmp.type);
    table.setField("code", tuple.icmp.code);
    table.setField("id", tuple.icmp.id);
  }
  return table;
}

const addressValue = (address: number | Uint8Array): LuaValue =>
  typeof address === "number" ? address : latin1FromBytes(address);

function integer(env: Environment, table: LuaTable, name: string, fallback?: number): number {
  const value = readField(env.state, table, name);
  return value === undefined && fallback !== undefined ? fallback : requireInteger(value, name) >>> 0;
}

function milliseconds(env: Environment, table: LuaTable): number {
  const value = readField(env.state, table, "timeout");
  requireInteger(value, "timeout");
  return Math.max(0, toNumber(value as number));
}

function address(env: Environment, table: LuaTable, name: string, family: number): number | Uint8Array {
  const value = readField(env.state, table, name);
  if (family === NFPROTO.NFPROTO_IPV4) return requireInteger(value, name) >>> 0;
  if (typeof value === "string" && value.length === 16) return bytesFromLatin1(value);
  throw failure(`bad field '${name}' (16 bytes expected)`);
}

function readFamily(env: Environment, table: LuaTable): number {
  const family = integer(env, table, "family");
  if (family !== NFPROTO.NFPROTO_IPV4 && family !== NFPROTO.NFPROTO_IPV6) throw new ConntrackError("EINVAL");
  return family;
}

function readTuple(env: Environment, table: LuaTable): ConnectionTuple {
  const family = readFamily(env, table);
  const protocol = integer(env, table, "protocol") & 0xff;
  const ends = {
    family,
    protocol,
    source: address(env, table, "src", family),
    destination: address(env, table, "dst", family),
  };
  if (protocol === IPPROTO.IPPROTO_ICMP || protocol === IPPROTO6.IPPROTO_ICMPV6) {
    const type = integer(env, table, "type") & 0xff;
    const code = integer(env, table, "code") & 0xff;
    return { ...ends, icmp: { type, code, id: integer(env, table, "id") & 0xffff } };
  }
  const port = (name: string) => integer(env, table, name, 0) & 0xffff;
  return { ...ends, sport: port("sport"), dport: port("dport") };
}

function subtable(env: Environment, table: LuaTable, name: string): LuaTable | undefined {
  const value = readField(env.state, table, name);
  if (value === undefined || value instanceof LuaTable) return value;
  throw failure(`bad field '${name}' (table expected)`);
}

function readSpec(env: Environment, table: LuaTable): ConnectionSpec {
  const original = subtable(env, table, "original");
  if (original === undefined) throw failure("bad field 'original' (table expected, got nil)");
  const reply = subtable(env, table, "reply");
  return {
    original: readTuple(env, original),
    ...(reply === undefined ? {} : { reply: readTuple(env, reply) }),
    timeoutMs: milliseconds(env, table),
    status: integer(env, table, "status", 0),
    mark: integer(env, table, "mark", 0),
  };
}

function readExpectation(env: Environment, table: LuaTable): ExpectationSpec {
  const family = readFamily(env, table);
  const given = (name: string) => readField(env.state, table, name) !== undefined;
  return {
    family,
    protocol: integer(env, table, "protocol") & 0xff,
    timeoutMs: milliseconds(env, table),
    ...(given("src") ? { source: address(env, table, "src", family) } : {}),
    ...(given("dst") ? { destination: address(env, table, "dst", family) } : {}),
    ...(given("sport") ? { sport: integer(env, table, "sport") & 0xffff } : {}),
    ...(given("dport") ? { dport: integer(env, table, "dport") & 0xffff } : {}),
  };
}
