/** The standard matches and targets, by the names that follow `-m` and `-j`. */

import type { MatchSpec } from "./declare.ts";
import { CONNECTION_MATCHES, CONNECTION_TARGETS } from "./match-connection.ts";
import { HEADER_MATCHES } from "./match-header.ts";
import { PAYLOAD_MATCHES } from "./match-payload.ts";
import { RATE_MATCHES } from "./match-rate.ts";
import { TRANSPORT_MATCHES } from "./match-transport.ts";
import type { Extensions } from "./rule.ts";
import { NAT_TARGETS } from "./target-nat.ts";
import { TARGETS } from "./targets.ts";

export const MATCHES: Readonly<Record<string, MatchSpec>> = {
  ...TRANSPORT_MATCHES,
  ...HEADER_MATCHES,
  ...PAYLOAD_MATCHES,
  ...RATE_MATCHES,
  ...CONNECTION_MATCHES,
};

/** What iptables calls these when they are options of a protocol. */
const OTHER_NAMES: Readonly<Record<string, string>> = { icmpv6: "icmp6", "ipv6-icmp": "icmp6" };

const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

export const STANDARD_EXTENSIONS: Extensions = {
  match: (name) => own(MATCHES, OTHER_NAMES[name] ?? name),
  target: (name) => own(TARGETS, name) ?? own(CONNECTION_TARGETS, name) ?? own(NAT_TARGETS, name),
};
