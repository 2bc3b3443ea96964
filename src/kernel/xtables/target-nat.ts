/** The targets of table nat: each says what a connection may become, and leaves the choice to the translator. */

import { IPPROTO } from "../../uapi/in.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../../uapi/netfilter.ts";
import { NF_NAT_RANGE } from "../../uapi/nf-nat.ts";
import type { TrackedConnection } from "../conntrack/tracked-connection.ts";
import { writeAddress } from "../conntrack/tuple.ts";
import { MANIP, type Manip, manipAt } from "../nat/manip.ts";
import { type NatRange, onlyAddress, wordsOfAddress } from "../nat/range.ts";
import { type Action, flag, option, type RulePlace, type TargetSpec, target } from "./declare.ts";
import type { XtPacket } from "./packet.ts";
import { address4, address6, network, port, ValueError } from "./values.ts";

const {
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_PROTO_SPECIFIED,
  NF_NAT_RANGE_PROTO_RANDOM,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_OFFSET,
} = NF_NAT_RANGE;
const { NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } = NF_INET;
const { NF_DROP } = NF_VERDICT;
const { NFPROTO_IPV4 } = NFPROTO;
const { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_ICMP } = IPPROTO;
const ADDRESS_WORDS = 4;

const TABLES = ["nat"];
const COMES_IN = [NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT];
const LEAVES = [NF_INET_POST_ROUTING, NF_INET_LOCAL_IN];

/** How the port is chosen, as flags of a range. */
const CHOICE = {
  random: flag(),
  "random-fully": flag(),
  persistent: flag(),
} as const;

function choiceFlags(given: { readonly [K in keyof typeof CHOICE]?: unknown }): number {
  return (
    (given.random ? NF_NAT_RANGE_PROTO_RANDOM : 0) |
    (given["random-fully"] ? NF_NAT_RANGE_PROTO_RANDOM_FULLY : 0) |
    (given.persistent ? NF_NAT_RANGE_PERSISTENT : 0)
  );
}

const addressOf = (word: string, family: number): Int32Array =>
  family === NFPROTO_IPV4 ? Int32Array.of(address4(word), 0, 0, 0) : wordsOfAddress(address6(word));

/** `80`, `80-90`, and `80-90/8000`: 80 stands for 8000. */
function ports(word: string, mayHaveBase: boolean): Omit<NatRange, "minAddress" | "maxAddress"> {
  const parts = /^([^-/]+)(?:-([^/]+))?(?:\/(.+))?$/.exec(word);
  if (!parts || (parts[3] !== undefined && (!mayHaveBase || parts[2] === undefined)))
    throw new ValueError(`'${word}' is no port or range of ports`);
  const [minPort, maxPort] = [port(parts[1]!), port(parts[2] ?? parts[1]!)];
  if (minPort > maxPort) throw new ValueError(`'${word}' ends before it begins`);
  const base = parts[3] === undefined ? {} : { basePort: port(parts[3]) };
  const flags = NF_NAT_RANGE_PROTO_SPECIFIED | (parts[3] === undefined ? 0 : NF_NAT_RANGE_PROTO_OFFSET);
  return { flags, minPort, maxPort, ...base };
}

/** `ADDRESS[-ADDRESS][:PORTS]`; an address of IPv6 in front of ports stands in brackets. */
function destination(word: string, family: number): NatRange {
  const form = family === NFPROTO_IPV4 ? /^([^:]*)(?::(.*))?$/ : /^(\[.*\]|[^[\]]*?)(?:(?<=^|\]):([^:]*))?$/;
  const parts = form.exec(word);
  if (!parts || (parts[1] === "" && parts[2] === undefined))
    throw new ValueError(`'${word}' is no address, no range of addresses and no ports`);
  const addresses = parts[1]!.replaceAll(/[[\]]/g, "");
  const chosen = parts[2] === undefined ? { flags: 0 } : ports(parts[2], true);
  if (addresses === "") return chosen;
  const [first, last = first, ...more] = addresses.split("-");
  if (more.length > 0) throw new ValueError(`'${word}' is no range of addresses`);
  return {
    ...chosen,
    flags: chosen.flags | NF_NAT_RANGE_MAP_IPS,
    minAddress: addressOf(first!, family),
    maxAddress: addressOf(last!, family),
  };
}

/** Ports need a protocol that has them. */
function checkPorts({ flags }: NatRange, { protocol, protocolNot }: RulePlace): void {
  if ((flags & NF_NAT_RANGE_PROTO_SPECIFIED) !== 0 && (protocolNot || !WITH_PORTS.has(protocol)))
    throw new ValueError("ports are for '-p tcp', udp, sctp, dccp or icmp");
}
const WITH_PORTS: ReadonlySet<number> = new Set([
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_SCTP,
  IPPROTO_DCCP,
  IPPROTO_ICMP,
]);

const connectionOf = ({ skb }: XtPacket) => skb.connection as TrackedConnection;

/** Targets that name what a connection becomes; `--to-source` and `--to-destination`. */
function namedTarget(
  name: "to-source" | "to-destination",
  manip: Manip,
  hooks: readonly number[],
): TargetSpec {
  return target({
    tables: TABLES,
    hooks,
    options: { ...CHOICE, [name]: option(destination) },
    build(given, place): Action {
      const named = given[name as keyof typeof given] as { value: NatRange } | undefined;
      if (named === undefined) throw new ValueError(`--${name} is needed`);
      const range: NatRange = { ...named.value, flags: named.value.flags | choiceFlags(given) };
      checkPorts(range, place);
      const { translation, conntrack } = place.environment;
      conntrack.start();
      return (packet) => translation.setUp(connectionOf(packet), range, manip);
    },
  });
}

/** Targets that take an address of the machine, and may name ports. */
function ownTarget(
  hooks: readonly number[],
  manip: Manip,
  addressFor: (packet: XtPacket, place: RulePlace) => Uint8Array | undefined,
): TargetSpec {
  return target({
    tables: TABLES,
    hooks,
    options: { ...CHOICE, "to-ports": option((word) => ports(word, false)) },
    build(given, place): Action {
      const chosen: NatRange = given["to-ports"]?.value ?? { flags: 0 };
      checkPorts(chosen, place);
      const { translation, conntrack } = place.environment;
      conntrack.start();
      const flags = chosen.flags | choiceFlags(given);
      return (packet) => {
        const address = addressFor(packet, place);
        if (address === undefined) return NF_DROP;
        const { flags: mapped, ...range } = onlyAddress(wordsOfAddress(address));
        return translation.setUp(connectionOf(packet), { ...chosen, ...range, flags: flags | mapped }, manip);
      };
    },
  });
}

const LOOPBACK_V4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_V6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** Keeps the part of the address that the mask leaves out. */
const netmap = target({
  tables: TABLES,
  hooks: [...COMES_IN, ...LEAVES],
  options: { to: option(network) },
  build(given, { environment: { translation, conntrack } }): Action {
    if (!given.to) throw new ValueError("--to is needed");
    conntrack.start();
    const to = given.to.value;
    const isV4 = to.family === NFPROTO_IPV4;
    const [network, mask] = isV4
      ? [Int32Array.of(to.address, 0, 0, 0), Int32Array.of(to.mask, 0, 0, 0)]
      : [wordsOfAddress(to.address), wordsOfAddress(to.mask)];
    return (packet) => {
      const manip = manipAt(packet.hooknum);
      const connection = connectionOf(packet);
      // What the packet has now: the tuple that answers come with, inverted.
      const before = addressOfConnection(connection, manip);
      return translation.setUp(
        connection,
        onlyAddress(before.map((word, i) => (word & ~mask[i]!) | network[i]!)),
        manip,
      );
    };
  },
});

function addressOfConnection(connection: TrackedConnection, manip: Manip): Int32Array {
  const { source, destination } = connection.tuple(1);
  const words = new Int32Array(ADDRESS_WORDS);
  writeAddress(manip === MANIP.SOURCE ? destination : source, words, 0);
  return words;
}

export const NAT_TARGETS: Readonly<Record<string, TargetSpec>> = {
  SNAT: namedTarget("to-source", MANIP.SOURCE, LEAVES),
  DNAT: namedTarget("to-destination", MANIP.DESTINATION, COMES_IN),
  MASQUERADE: ownTarget([NF_INET_POST_ROUTING], MANIP.SOURCE, ({ skb, family }, { environment }) =>
    environment.translation.deviceAddress(skb.outIfindex, family),
  ),
  REDIRECT: ownTarget(COMES_IN, MANIP.DESTINATION, ({ skb, family, hooknum }, { environment }) =>
    hooknum === NF_INET_LOCAL_OUT
      ? family === NFPROTO_IPV4
        ? LOOPBACK_V4
        : LOOPBACK_V6
      : environment.translation.deviceAddress(skb.inIfindex, family),
  ),
  NETMAP: netmap,
};
