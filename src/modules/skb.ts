/**
 * Lua class `skb`: the packet in a hook. It has no constructor; hooks hand it out and take it back: after the hook a
 * kept reference raises `skb is not set`, and its views have length 0.
 *
 * The skb of a hook owns one view object, which every `skb:data(…)` aims anew; a copy gives a view per call.
 *
 * Differences from Lunatik: `skb:resize` fills added bytes with zeros and can always grow by SKB_TAILROOM_BYTES.
 */

import { Data } from "../kernel/data.ts";
import type { Skb } from "../kernel/skb.ts";
import { low } from "../lua/int64.ts";
import type { LuaUserdata } from "../lua/value.ts";
import { dataClass } from "./data.ts";
import {
  arg,
  type ClassDefinition,
  defineClass,
  defineModule,
  type Environment,
  method,
  returns,
} from "./define.ts";
import { argError, asIntegerArgument, failure, selfError } from "./raise.ts";

/** What a Lua `skb` holds: a packet for as long as the hook runs, or a copy for good. */
export class SkbHandle {
  /** Undefined outside the hook. */
  skb: Skb | undefined;
  /** The one view of a hook's packet; undefined for copies. */
  readonly view: LuaUserdata<Data> | undefined;

  constructor(skb: Skb | undefined, view: LuaUserdata<Data> | undefined) {
    this.skb = skb;
    this.view = view;
  }

  /** The reusable handle of a hook. */
  static forHook(env: Environment): SkbHandle {
    return new SkbHandle(undefined, dataClass.wrap(env, Data.window()));
  }

  attach(skb: Skb): void {
    this.skb = skb;
    this.view!.object.written = false;
  }

  /** Takes the packet back, and tells it whether the script wrote to it. */
  detach(): void {
    const view = this.view!.object;
    if (view.written) this.skb!.modified = true;
    view.empty();
    this.skb = undefined;
  }
}

const writes = { writes: true } as const;

export const skbClass: ClassDefinition<SkbHandle> = defineClass<SkbHandle>(
  "skb",
  {
    doc: "A packet. Outside its hook every method raises `skb is not set`.",
    of: SkbHandle,
    shareable: false,
    contexts: "hook",
  },
  {
    __len: method(
      "The packet's length in bytes, from its network header.",
      [],
      returns.int,
      (handle) => packet(handle).length,
    ),
    ifindex: method(
      "Index of the current device: the ingress device on receive hooks, the egress device at POST_ROUTING, nil where none is set.",
      [],
      returns("int | nil"),
      (handle) => packet(handle).ifindex || undefined,
    ),
    vlan: method(
      "VLAN id of a tag that hardware took off.",
      [],
      returns("int | nil"),
      (handle) => packet(handle).vlan,
    ),
    data: method(
      'A view of the packet from its network header ("net") or link header ("mac") to its end. Errors: `invalid option \'…\'`, `MAC header not set`.',
      [arg.optional(arg.option("layer", ["net", "mac"]), "net", '"net"')],
      returns("data"),
      (handle, layer, env) => {
        const skb = packet(handle);
        const end = skb.netOffset + skb.length;
        const start = layer === "net" ? skb.netOffset : macOffset(skb);
        const view = handle.view ?? newView(env);
        view.object.aim(skb.bytes, start, end - start);
        return view;
      },
    ),
    resize: method(
      "Trims or grows the packet; added bytes are unspecified, existing views keep their extent. Error: `insufficient tailroom`.",
      [arg.size("length")],
      returns.none,
      (handle, length) => {
        if (!packet(handle).resize(length)) throw argError(1, "insufficient tailroom");
      },
      writes,
    ),
    checksum: method(
      "Makes the IPv4 header checksum and the TCP or UDP checksum right; no effect on other packets.",
      [],
      returns.none,
      (handle, env) => {
        const skb = packet(handle);
        env.state.spend(skb.length >> 10);
        skb.checksum();
      },
      writes,
    ),
    forward: method(
      "Transmits a clone, link header included, out of the current device; the packet itself still needs its verdict. Errors: `skb has no device`, `MAC header not set`.",
      [],
      returns.none,
      (handle, env) => {
        const skb = packet(handle);
        if (skb.ifindex === 0) throw failure("skb has no device");
        macOffset(skb);
        payForPacket(env, skb);
        env.kernel.forward(skb);
      },
      writes,
    ),
    copy: method("An independent copy. Error: `not enough memory`.", [], returns("skb"), (handle, env) => {
      const skb = packet(handle);
      payForPacket(env, skb);
      return skbClass.wrap(env, new SkbHandle(skb.copy(), undefined));
    }),
    connmark: method(
      "The conntrack mark, after setting it to `value` (truncated to 32 bits) if one is given; nil when the packet has no conntrack entry.",
      [arg.late(arg.optional(arg.int("value"), undefined, "only read"))],
      returns("int | nil"),
      (handle, value, env, given) => {
        const connection = env.kernel.conntrack.connectionOf(packet(handle));
        if (given > 0) {
          const mark = low(asIntegerArgument(value, 1, true)) >>> 0;
          if (connection !== undefined) connection.mark = mark;
        }
        return connection?.mark;
      },
    ),
  },
);

export const skb = defineModule("skb", {
  doc: "Packets. The module has no functions: hooks hand packets out.",
  classes: [skbClass],
});

/** What a packet takes beside its bytes, and a view of one. */
const PACKET_BYTES = 1024;
const VIEW_BYTES = 256;
/** To copy or to send one. */
const PACKET_ROUNDS = 10;

function payForPacket(env: Environment, { bytes }: Skb): void {
  env.state.charge(bytes.length + PACKET_BYTES);
  env.state.spend(PACKET_ROUNDS);
}

function newView(env: Environment): ReturnType<typeof dataClass.wrap> {
  env.state.charge(VIEW_BYTES);
  return dataClass.wrap(env, Data.window());
}

function packet(handle: SkbHandle): Skb {
  if (handle.skb === undefined) throw selfError("skb is not set");
  return handle.skb;
}

function macOffset(skb: Skb): number {
  if (skb.macOffset === undefined) throw failure("MAC header not set");
  return skb.macOffset;
}
