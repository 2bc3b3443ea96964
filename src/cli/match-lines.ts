/** How rules ask a match that was compiled: the line to type, for each family. */

import { isAbsolute } from "node:path";
import type { OfferedMatch } from "../backends/ebpf.ts";
import { NF_INET, NFPROTO } from "../uapi/netfilter.ts";

const { NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;

/** Where an example rule goes, in the order of preference; the first that the match permits is taken. */
const CHAINS: readonly (readonly [hooknum: number, place: string])[] = [
  [NF_INET.NF_INET_LOCAL_IN, "-A INPUT"],
  [NF_INET.NF_INET_LOCAL_OUT, "-A OUTPUT"],
  [NF_INET.NF_INET_FORWARD, "-A FORWARD"],
  [NF_INET.NF_INET_PRE_ROUTING, "-t mangle -A PREROUTING"],
  [NF_INET.NF_INET_POST_ROUTING, "-t mangle -A POSTROUTING"],
];

/** `ip netns exec` hides what is mounted at /sys/fs/bpf; this does not. */
function prefix(netns: string | undefined): string {
  if (netns === undefined) return "";
  return `nsenter --net=${isAbsolute(netns) ? netns : `/run/netns/${netns}`} `;
}

export function matchLines(match: OfferedMatch, netns: string | undefined): string[] {
  const { name, path, family, proto, hooks } = match;
  const place = CHAINS.find(([hooknum]) => hooks === 0 || (hooks & (1 << hooknum)) !== 0)?.[1] ?? "-A INPUT";
  const programs = [
    ...(family === NFPROTO_IPV6 ? [] : ["iptables"]),
    ...(family === NFPROTO_IPV4 ? [] : ["ip6tables"]),
  ];
  const protocol = proto === 0 ? "" : ` -p ${proto}`;
  return programs.map(
    (program) =>
      `the match '${name}' in a rule: ${prefix(netns)}${program} ${place}${protocol} -m bpf --object-pinned ${path} -j DROP`,
  );
}
