/** Targets that end the walk, mark or change a packet: everything that needs neither connections nor translation. */

import { NF_VERDICT, NFPROTO } from "../../uapi/netfilter.ts";
import { XT_CONTINUE, XT_RETURN } from "../../uapi/x-tables.ts";
import { updateChecksum16 } from "../../wire/checksum.ts";
import { ipv4 } from "../../wire/ipv4.ts";
import { ipv6 } from "../../wire/ipv6.ts";
import { type Action, flag, type Options, option, type TargetSpec, target } from "./declare.ts";
import { bitChange, changeBits, MARK_OPTIONS, markChange } from "./mark-options.ts";
import { tosValue } from "./match-header.ts";
import { trafficClass } from "./match-transport.ts";
import type { XtPacket } from "./packet.ts";
import { rejectTarget } from "./target-reject.ts";
import { tcpmssTarget } from "./target-tcpmss.ts";
import { dscp, dscpClass, integer, range, u8, u16, u32, ValueError } from "./values.ts";

const { NF_DROP, NF_ACCEPT, NF_QUEUE } = NF_VERDICT;
const { NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;

/** What every rule may end in without an extension. */
export const STANDARD_TARGETS: Readonly<Record<string, number>> = {
  ACCEPT: NF_ACCEPT,
  DROP: NF_DROP,
  QUEUE: NF_QUEUE,
  RETURN: XT_RETURN,
};

const mark = target({
  options: MARK_OPTIONS,
  build(given) {
    const change = markChange(given);
    if (!change) throw new ValueError("--set-xmark or another of its options is needed");
    return ({ skb }) => {
      skb.mark = change(skb.mark);
      return XT_CONTINUE;
    };
  },
});

/** Writes the type-of-service byte or the traffic class. */
function setTrafficClass(packet: XtPacket, value: number): void {
  const { bytes, netOffset, family, skb } = packet;
  const before = trafficClass(packet);
  if (value === before) return;
  if (family === NFPROTO_IPV6) {
    bytes[netOffset] = (bytes[netOffset]! & 0xf0) | (value >> 4);
    bytes[netOffset + 1] = (bytes[netOffset + 1]! & 0x0f) | ((value & 0x0f) << 4);
  } else {
    const word = bytes[netOffset]! << 8;
    bytes[netOffset + 1] = value;
    const checksum = ipv4.get.checksum(bytes, netOffset);
    ipv4.set.checksum(bytes, netOffset, updateChecksum16(checksum, word | before, word | value));
  }
  skb.modified = true;
}

const tos = target({
  tables: ["mangle"],
  options: {
    "set-tos": option(tosValue),
    "and-tos": option(u8),
    "or-tos": option(u8),
    "xor-tos": option(u8),
  },
  build(given) {
    const chosen =
      given["set-tos"]?.value ?? bitChange(given["and-tos"], given["or-tos"], given["xor-tos"], 0xff);
    if (!chosen) throw new ValueError("--set-tos or another of its options is needed");
    return (packet) => {
      setTrafficClass(packet, changeBits(trafficClass(packet), chosen) & 0xff);
      return XT_CONTINUE;
    };
  },
});

const dscpTarget = target({
  tables: ["mangle"],
  options: { "set-dscp": option(dscp), "set-dscp-class": option(dscpClass) },
  build(given) {
    const chosen = given["set-dscp"] ?? given["set-dscp-class"];
    if (!chosen) throw new ValueError("--set-dscp or --set-dscp-class is needed");
    return (packet) => {
      setTrafficClass(packet, (trafficClass(packet) & 3) | (chosen.value << 2));
      return XT_CONTINUE;
    };
  },
});

/** `TTL` and `HL` are the same target on two families; in three ways: set, add, subtract. */
function hopTarget(family: number, name: "ttl" | "hl"): TargetSpec {
  return target({
    family,
    tables: ["mangle"],
    options: { [`${name}-set`]: option(u8), [`${name}-inc`]: option(u8), [`${name}-dec`]: option(u8) },
    build(given) {
      const set = given[`${name}-set`]?.value as number | undefined;
      const inc = given[`${name}-inc`]?.value as number | undefined;
      const dec = given[`${name}-dec`]?.value as number | undefined;
      if (set === undefined && !inc && !dec) throw new ValueError(`--${name}-set, -inc or -dec is needed`);
      return (packet) => {
        const { bytes, netOffset, skb } = packet;
        const at = netOffset + (family === NFPROTO_IPV4 ? ipv4.offsets.ttl : ipv6.offsets.hopLimit);
        const before = bytes[at]!;
        const after = set ?? Math.max(0, Math.min(0xff, before + (inc ?? 0) - (dec ?? 0)));
        if (after === before) return XT_CONTINUE;
        bytes[at] = after;
        if (family === NFPROTO_IPV4) {
          const protocol = bytes[at + 1]!;
          const checksum = ipv4.get.checksum(bytes, netOffset);
          const word = updateChecksum16(checksum, (before << 8) | protocol, (after << 8) | protocol);
          ipv4.set.checksum(bytes, netOffset, word);
        }
        skb.modified = true;
        return XT_CONTINUE;
      };
    },
  });
}

const LEVELS = {
  emerg: 0,
  panic: 0,
  alert: 1,
  crit: 2,
  error: 3,
  err: 3,
  warning: 4,
  warn: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

/** LOG and NFLOG write the same line here; what else they could add to it is read, and has no effect. */
const logTarget = (prefixOption: string, others: Options): TargetSpec =>
  target({
    options: { ...others, [prefixOption]: option((word) => word) },
    build(given, { environment }): Action {
      const prefix: string = given[prefixOption]?.value ?? "";
      return ({ skb, inName, outName }) => {
        environment.log({ prefix, inName, outName, skb });
        return XT_CONTINUE;
      };
    },
  });

const nfqueue = target({
  options: {
    "queue-num": option(u16),
    "queue-balance": option((word) => range(word, 0, 0xffff)),
    "queue-bypass": flag(),
    "queue-cpu-fanout": flag(),
  },
  // Nobody listens in the simulated kernel yet: with --queue-bypass the packet goes on at once, else it is lost.
  build: (given) => () => (given["queue-bypass"] ? NF_ACCEPT : NF_QUEUE),
});

/** The priority of a class of traffic control: it is kept for the device's queue, which is not simulated. */
const classify = target({
  options: { "set-class": option((word) => word) },
  build: () => () => XT_CONTINUE,
});

const TRACE = target({ tables: ["raw"], options: {}, build: () => () => XT_CONTINUE });

export const TARGETS: Readonly<Record<string, TargetSpec>> = {
  MARK: mark,
  TOS: tos,
  DSCP: dscpTarget,
  TTL: hopTarget(NFPROTO_IPV4, "ttl"),
  HL: hopTarget(NFPROTO_IPV6, "hl"),
  LOG: logTarget("log-prefix", {
    "log-level": option((word) => (LEVELS as Record<string, number>)[word] ?? integer(word, 0, 7)),
    "log-tcp-sequence": flag(),
    "log-tcp-options": flag(),
    "log-ip-options": flag(),
    "log-uid": flag(),
    "log-macdecode": flag(),
  }),
  NFLOG: logTarget("nflog-prefix", {
    "nflog-group": option(u16),
    "nflog-range": option(u32),
    "nflog-size": option(u32),
    "nflog-threshold": option(u16),
  }),
  NFQUEUE: nfqueue,
  CLASSIFY: classify,
  TRACE,
  TCPMSS: tcpmssTarget,
  REJECT: rejectTarget,
};
