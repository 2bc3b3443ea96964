/** Matches and targets on tracked connections: conntrack, state, connmark; CONNMARK, CT --notrack, NOTRACK. */

import { NFPROTO } from "../../uapi/netfilter.ts";
import { IP_CT, IPS } from "../../uapi/nf-conntrack-common.ts";
import { XT_CONTINUE } from "../../uapi/x-tables.ts";
import {
  type Action,
  flag,
  type GivenOption,
  type MatchSpec,
  match,
  option,
  type TargetSpec,
  type Test,
  target,
  when,
} from "./declare.ts";
import { MARK_OPTIONS, markChange } from "./mark-options.ts";
import type { XtPacket } from "./packet.ts";
import {
  bits,
  masked,
  type Network,
  network,
  oneOf,
  portRange,
  protocol,
  type Range,
  range,
  u32,
  ValueError,
} from "./values.ts";

/** How a packet is related, as bits: those of XT_CONNTRACK_STATE_*. */
const STATES = {
  INVALID: 1,
  ESTABLISHED: 2,
  RELATED: 4,
  NEW: 8,
  UNTRACKED: 64,
  SNAT: 128,
  DNAT: 256,
} as const;
const STATUSES = {
  NONE: 0,
  EXPECTED: IPS.IPS_EXPECTED,
  SEEN_REPLY: IPS.IPS_SEEN_REPLY,
  ASSURED: IPS.IPS_ASSURED,
  CONFIRMED: IPS.IPS_CONFIRMED,
} as const;
const DIRECTIONS = { ORIGINAL: 0, REPLY: 1 } as const;
const { ORIGINAL, REPLY } = DIRECTIONS;

/** Bits of ESTABLISHED, RELATED and NEW follow each other as IP_CT_* do. */
function stateOf({ skb: { connection, ctinfo } }: XtPacket): number {
  if (connection === undefined) return ctinfo === IP_CT.IP_CT_UNTRACKED ? STATES.UNTRACKED : STATES.INVALID;
  let state = 1 << ((ctinfo! % IP_CT.IP_CT_IS_REPLY) + 1);
  if (connection.status & IPS.IPS_SRC_NAT) state |= STATES.SNAT;
  if (connection.status & IPS.IPS_DST_NAT) state |= STATES.DNAT;
  return state;
}

const states = (word: string): number => bits(word, STATES, "state");
const directionOf = ({ skb }: XtPacket): number => (skb.ctinfo! >= IP_CT.IP_CT_IS_REPLY ? REPLY : ORIGINAL);

const onAddress = option(network, { not: true });
const onPort = option(portRange, { not: true });

const conntrack = match({
  options: {
    ctstate: option(states, { not: true }),
    ctproto: option(protocol, { not: true }),
    ctorigsrc: onAddress,
    ctorigdst: onAddress,
    ctreplsrc: onAddress,
    ctrepldst: onAddress,
    ctorigsrcport: onPort,
    ctorigdstport: onPort,
    ctreplsrcport: onPort,
    ctrepldstport: onPort,
    ctstatus: option((word) => bits(word, STATUSES, "status"), { not: true }),
    ctexpire: option((word) => range(word, 0, 0xffffffff), { not: true }),
    ctdir: option((word) => oneOf(word, DIRECTIONS, "direction")),
  },
  build(given, { environment }) {
    environment.conntrack.start();
    const { ctstate } = given;
    const ofConnection = [
      when(given.ctdir, (packet, direction) => directionOf(packet) === direction),
      address(given.ctorigsrc, ORIGINAL, "source"),
      address(given.ctorigdst, ORIGINAL, "destination"),
      address(given.ctreplsrc, REPLY, "source"),
      address(given.ctrepldst, REPLY, "destination"),
      when(given.ctproto, (packet, number) => tuple(packet, ORIGINAL).protocol === number),
      port(given.ctorigsrcport, ORIGINAL, "sport"),
      port(given.ctorigdstport, ORIGINAL, "dport"),
      port(given.ctreplsrcport, REPLY, "sport"),
      port(given.ctrepldstport, REPLY, "dport"),
      when(given.ctstatus, ({ skb }, mask) => (skb.connection!.status & mask) !== 0),
      when(given.ctexpire, ({ skb }, { low, high }) => {
        const seconds = Math.floor(skb.connection!.timeoutMs / 1000);
        return seconds >= low && seconds <= high;
      }),
    ].filter((test) => test !== undefined);
    const state = when(ctstate, (packet, wanted) => (stateOf(packet) & wanted) !== 0);
    return (packet) => {
      if (state && !state(packet)) return false;
      // Of a packet without a connection only the state is asked.
      if (packet.skb.connection === undefined) return state !== undefined;
      return ofConnection.every((test) => test(packet));
    };
  },
});

const tuple = ({ skb }: XtPacket, direction: number) => skb.connection!.tuple(direction);

function address(
  given: GivenOption<Network> | undefined,
  direction: number,
  end: "source" | "destination",
): Test | undefined {
  return when(given, (packet, wanted) => {
    const has = tuple(packet, direction)[end];
    if (wanted.family === NFPROTO.NFPROTO_IPV4)
      return typeof has === "number" && (has & wanted.mask) >>> 0 === wanted.address;
    return typeof has !== "number" && has.every((byte, i) => (byte & wanted.mask[i]!) === wanted.address[i]);
  });
}

function port(
  given: GivenOption<Range> | undefined,
  direction: number,
  end: "sport" | "dport",
): Test | undefined {
  return when(given, (packet, { low, high }) => {
    const has = tuple(packet, direction)[end] ?? 0;
    return has >= low && has <= high;
  });
}

const state = match({
  options: { state: option(states, { not: true }) },
  build(given, { environment }) {
    environment.conntrack.start();
    if (!given.state) throw new ValueError("--state is needed");
    return when(given.state, (packet, wanted) => (stateOf(packet) & wanted) !== 0)!;
  },
});

const connmark = match({
  options: { mark: option((word) => masked(word), { not: true }) },
  build(given, { environment }) {
    environment.conntrack.start();
    if (!given.mark) throw new ValueError("--mark is needed");
    const { value, not } = given.mark;
    return ({ skb: { connection } }) =>
      connection !== undefined && ((connection.mark & value.mask) >>> 0 === value.value) !== not;
  },
});

export const CONNECTION_MATCHES: Readonly<Record<string, MatchSpec>> = { conntrack, state, connmark };

const connmarkTarget = target({
  options: {
    ...MARK_OPTIONS,
    "save-mark": flag(),
    "restore-mark": flag(),
    mask: option(u32),
    nfmask: option(u32),
    ctmask: option(u32),
  },
  build(given, { environment }): Action {
    environment.conntrack.start();
    const packetMask = given.nfmask?.value ?? given.mask?.value ?? 0xffffffff;
    const connectionMask = given.ctmask?.value ?? given.mask?.value ?? 0xffffffff;
    const change = markChange(given);
    if (given["restore-mark"])
      return ({ skb }) => {
        if (skb.connection)
          skb.mark = ((skb.mark & ~packetMask) ^ (skb.connection.mark & connectionMask)) >>> 0;
        return XT_CONTINUE;
      };
    if (!given["save-mark"] && !change)
      throw new ValueError("--set-xmark, --save-mark, --restore-mark or another of its options is needed");
    return ({ skb }) => {
      const { connection } = skb;
      if (connection)
        connection.mark = change
          ? change(connection.mark)
          : ((connection.mark & ~connectionMask) ^ (skb.mark & packetMask)) >>> 0;
      return XT_CONTINUE;
    };
  },
});

/** A packet that tracking has not seen yet is never to be seen by it; that alone starts no tracking. */
const untrack: Action = ({ skb }) => {
  if (skb.connection === undefined) skb.ctinfo = IP_CT.IP_CT_UNTRACKED;
  return XT_CONTINUE;
};

const ct = target({
  tables: ["raw"],
  options: { notrack: flag() },
  build(given) {
    if (!given.notrack) throw new ValueError("only --notrack is there yet");
    return untrack;
  },
});

const notrack = target({
  tables: ["raw"],
  options: {},
  build: () => untrack,
});

export const CONNECTION_TARGETS: Readonly<Record<string, TargetSpec>> = {
  CONNMARK: connmarkTarget,
  CT: ct,
  NOTRACK: notrack,
};
