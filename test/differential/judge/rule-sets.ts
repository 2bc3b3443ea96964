/** Random sets of rules, as text for `iptables-restore`: what real rule sets use, where the kernel allows it. */

import type { Choices } from "../choices.ts";
import { SERVER } from "./router.ts";

export type Family = "v4" | "v6";

const CHAINS: Readonly<Record<string, readonly string[]>> = {
  raw: ["PREROUTING", "OUTPUT"],
  mangle: ["PREROUTING", "INPUT", "FORWARD", "POSTROUTING", "OUTPUT"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
};

const NAT_CHAINS = ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"];

/** What goes to the router itself is dropped there: it would answer, and the simulated one has nobody who could. */
const policyOf = (c: Choices, table: string, chain: string, translates: boolean): string => {
  if (translates && table === "filter" && chain === "INPUT") return "DROP";
  return table !== "nat" && c.chance(translates ? 3 : 15) ? "DROP" : "ACCEPT";
};

/** A set with tables raw, mangle and filter, or some of them; and nat where it `translates`. */
export function generateRules(c: Choices, family: Family, tracks: boolean, translates = false): string {
  const lines: string[] = [];
  const tables = translates ? { ...CHAINS, nat: NAT_CHAINS } : CHAINS;
  for (const [table, hooked] of Object.entries(tables)) {
    if (table !== "filter" && table !== "nat" && c.chance(translates ? 70 : 40)) continue;
    const own = Array.from({ length: c.below(3) }, (_, i) => `u${i}`);
    lines.push(`*${table}`);
    for (const chain of hooked) lines.push(`:${chain} ${policyOf(c, table, chain, translates)} [0:0]`);
    for (const chain of own) lines.push(`:${chain} - [0:0]`);
    // Most of what is translated shall get through.
    const count = translates && table !== "nat" ? c.below(3) : 1 + c.below(8);
    const places = hooked.filter((chain) => !translates || table !== "filter" || chain !== "INPUT");
    for (let i = 0; i < count; i++) {
      const chain = c.pick([...places, ...own, ...own]);
      // A chain leads only to those behind it: no rule set goes round.
      const further = own.slice(own.indexOf(chain) + 1);
      lines.push(`-A ${chain} ${generateRule(c, family, table, chain, further, tracks)}`);
    }
    lines.push("COMMIT");
  }
  return `${lines.join("\n")}\n`;
}

function generateRule(
  c: Choices,
  family: Family,
  table: string,
  chain: string,
  chains: readonly string[],
  tracks: boolean,
): string {
  const parts: string[] = [];
  const not = (): string => (c.chance(25) ? "! " : "");
  const protocol = c.weighted([
    [3, ""],
    [3, "tcp"],
    [3, "udp"],
    [2, family === "v4" ? "icmp" : "ipv6-icmp"],
    [1, "47"],
  ]);
  if (table === "nat" && c.chance(70)) {
    if (protocol !== "") parts.push(`-p ${protocol}`);
    parts.push(natTarget(c, family, protocol, chain, chains));
    return parts.filter((part) => part !== "").join(" ");
  }
  if (c.chance(25)) parts.push(`${not()}-s ${c.pick(NETWORKS[family])}`);
  if (c.chance(25)) parts.push(`${not()}-d ${c.pick(NETWORKS[family])}`);
  if (c.chance(20) && !["OUTPUT", "POSTROUTING"].includes(chain))
    parts.push(`${not()}-i ${c.pick(DEVICE_NAMES)}`);
  if (c.chance(20) && !["PREROUTING", "INPUT"].includes(chain))
    parts.push(`${not()}-o ${c.pick(DEVICE_NAMES)}`);
  const negatedProtocol = protocol === "47" && c.chance(30);
  if (protocol !== "") parts.push(`${negatedProtocol ? "! " : ""}-p ${protocol}`);
  if (family === "v4" && protocol === "" && c.chance(10)) parts.push(`${not()}-f`);
  parts.push(...transportMatch(c, protocol, not));
  for (
    let i = c.weighted([
      [4, 0],
      [3, 1],
      [1, 2],
    ]);
    i > 0;
    i--
  ) {
    const match = c.pick(tracks && c.chance(60) ? CONNECTION_MATCHES : MATCHES)(c, family, not);
    // The kernel allows it only where packets come in.
    if (match.startsWith("-m mac") && !["PREROUTING", "INPUT", "FORWARD"].includes(chain)) continue;
    // iptables takes each match once for options of the same name.
    if (!parts.some((part) => part.split(" ")[1] === match.split(" ")[1])) parts.push(match);
  }
  if (tracks && c.chance(15) && table !== "filter") {
    parts.push(connectionTarget(c, table));
    return parts.join(" ");
  }
  if (table === "nat") {
    parts.push(natTarget(c, family, protocol, chain, chains));
    return parts.filter((part) => part !== "").join(" ");
  }
  // TCPMSS is only for rules that ask for SYN.
  const onlySyn = parts.some((part) => part === "-m tcp --syn");
  parts.push(targetOf(c, family, table, protocol, chains, onlySyn));
  return parts.filter((part) => part !== "").join(" ");
}

const NETWORKS = {
  v4: [SERVER.v4, "10.0.0.0/8", "10.0.1.0/24", "0.0.0.0/0", "10.0.2.2/255.0.255.255", "192.0.2.7"],
  v6: [SERVER.v6, "fd00::/8", "fd01::/64", "::/0", "2001:db8::7", "fd02::2/ffff::ffff"],
};
const DEVICE_NAMES = ["ta", "tb", "t+", "eth0", "+"];
const PORTS = ["53", "1000", "80:443", ":1023", "1000:", "2000"];
const TCP_FLAGS = ["SYN,ACK SYN", "FIN,SYN,RST,ACK SYN", "ALL NONE", "ALL ALL", "RST RST", "PSH,ACK PSH,ACK"];

type Not = () => string;

function transportMatch(c: Choices, protocol: string, not: Not): string[] {
  if (c.chance(30)) return [];
  switch (protocol) {
    case "tcp":
      return [
        `-m tcp ${c.pick([
          () => `${not()}--dport ${c.pick(PORTS)}`,
          () => `${not()}--sport ${c.pick(PORTS)}`,
          () => `${not()}--tcp-flags ${c.pick(TCP_FLAGS)}`,
          () => `${not()}--syn`,
          () => `${not()}--tcp-option ${c.pick(["2", "3", "8", "77"])}`,
        ])()}`,
      ];
    case "udp":
      return [
        c.chance(30)
          ? `-m multiport ${not()}--${c.pick(["sports", "dports", "ports"])} ${c.pick(["53,1000", "80:443", "1,2,3:9000"])}`
          : `-m udp ${not()}--${c.pick(["sport", "dport"])} ${c.pick(PORTS)}`,
      ];
    case "icmp":
      return [`-m icmp ${not()}--icmp-type ${c.pick(["8", "3/3", "echo-request", "any", "time-exceeded"])}`];
    case "ipv6-icmp":
      return [`-m icmp6 ${not()}--icmpv6-type ${c.pick(["128", "1/4", "echo-request", "packet-too-big"])}`];
    default:
      return [];
  }
}

type MatchText = (c: Choices, family: Family, not: Not) => string;

const MATCHES: readonly MatchText[] = [
  (c, _, not) => `-m mark ${not()}--mark ${c.pick(["0x1", "0x1/0xff", "0", "0x2/0x2"])}`,
  (c, _, not) => `-m length ${not()}--length ${c.pick(["0:64", "100", "60:", "28:40"])}`,
  (c, family, not) => {
    const name = family === "v4" ? "ttl" : "hl";
    return `-m ${name} ${c.pick([() => `${not()}--${name}-eq 63`, () => `--${name}-lt 64`, () => `--${name}-gt 10`])()}`;
  },
  (c, _, not) => `-m tos ${not()}--tos ${c.pick(["0x10", "0x00/0xfc", "Minimize-Delay", "0x08/0x1e"])}`,
  (c, _, not) => `-m dscp ${not()}--dscp ${c.pick(["0x00", "0x2e", "10"])}`,
  (c, family, not) =>
    `-m iprange ${not()}--${c.pick(["src", "dst"])}-range ${
      family === "v4"
        ? c.pick(["10.0.1.0-10.0.1.9", "10.0.2.2-10.0.2.2"])
        : c.pick(["fd01::-fd01::9", "fd02::2-fd02::2"])
    }`,
  (c, _, not) =>
    `-m statistic --mode nth ${not()}--every ${c.pick(["2 --packet 1", "3 --packet 0", "1 --packet 0"])}`,
  (c, _, not) =>
    `-m string ${not()}--string ${c.pick(["example", "GET", "aa"])} --algo ${c.pick(["bm", "kmp"])}${c.pick([
      "",
      " --icase",
      " --to 60",
      " --from 28 --to 200",
    ])}`,
  (c, _, not) => `-m string ${not()}--hex-string "|00|" --algo bm --from ${c.pick(["20", "40", "60"])}`,
  (c, _, not) =>
    `-m u32 ${not()}--u32 "${c.pick([
      "0>>22&0x3C@4>>16&0xFF=1:100",
      "4&0x1FFF=0&&0>>22&0x3C@0>>16=1000",
      "6&0xFF=17",
      "0>>22&0x3C@12>>26&0x3C@0=0:0xffffffff",
      "0=0x45000000:0x4500ffff,0x60000000:0x6fffffff",
    ])}"`,
  (c, family, not) =>
    `-m addrtype ${not()}--${c.pick(["src", "dst"])}-type ${family === "v4" ? c.pick(["LOCAL", "UNICAST", "MULTICAST,BROADCAST"]) : c.pick(["UNICAST", "MULTICAST"])}`,
  (c, _, not) => `-m mac ${not()}--mac-source ${c.pick(["02:00:00:00:01:02", "02:00:00:00:00:01"])}`,
  (c) => `-m comment --comment "${c.pick(["one", "two words", 'a \\" quote'])}"`,
  (c, _, not) => `-m pkttype ${not()}--pkt-type ${c.pick(["unicast", "broadcast", "multicast"])}`,
];

const CONNECTION_MATCHES: readonly MatchText[] = [
  (c, _, not) =>
    `-m conntrack ${not()}--ctstate ${c.pick(["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "UNTRACKED", "INVALID,NEW"])}`,
  (c, _, not) => `-m state ${not()}--state ${c.pick(["NEW", "ESTABLISHED", "INVALID"])}`,
  (c, family, not) =>
    `-m conntrack ${not()}--${c.pick(["ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst"])} ${c.pick(NETWORKS[family])}`,
  (c, _, not) =>
    `-m conntrack --ctproto ${c.pick(["tcp", "udp"])} ${not()}--${c.pick(["ctorigsrcport", "ctorigdstport", "ctreplsrcport", "ctrepldstport"])} ${c.pick(["53", "1000", "80:443"])}`,
  (c, _, not) =>
    `-m conntrack ${not()}--ctstatus ${c.pick(["SEEN_REPLY", "ASSURED", "CONFIRMED", "NONE", "SEEN_REPLY,ASSURED"])}`,
  (c) => `-m conntrack --ctdir ${c.pick(["ORIGINAL", "REPLY"])}`,
  (c, _, not) => `-m connmark ${not()}--mark ${c.pick(["0x1", "0", "0x2/0x2"])}`,
];

function connectionTarget(c: Choices, table: string): string {
  if (table === "raw") return c.pick(["-j CT --notrack", "-j NOTRACK"]);
  return `-j CONNMARK ${c.pick([
    "--set-mark 1",
    "--set-xmark 0x2/0x3",
    "--or-mark 2",
    "--save-mark",
    "--restore-mark",
    "--save-mark --nfmask 0xff --ctmask 0xf",
    "--restore-mark --nfmask 0x3 --ctmask 0x3",
  ])}`;
}

function targetOf(
  c: Choices,
  family: Family,
  table: string,
  protocol: string,
  chains: readonly string[],
  onlySyn: boolean,
): string {
  const kind = c.weighted([
    [4, "plain"],
    [3, "mark"],
    [3, "chain"],
    [3, "own"],
    [1, "none"],
  ]);
  switch (kind) {
    case "plain":
      return `-j ${c.pick(["ACCEPT", "DROP", "RETURN"])}`;
    case "chain":
      return chains.length === 0 ? "" : `${c.pick(["-j", "-g"])} ${c.pick(chains)}`;
    case "own":
      return ownTarget(c, family, table, protocol, onlySyn);
    case "mark":
      return `-j MARK ${c.pick(["--set-mark 1", "--set-xmark 0x3/0xf", "--or-mark 2", "--and-mark 1", "--xor-mark 3"])}`;
    default:
      return "";
  }
}

/** Only `-j ACCEPT` and the like in chains of its own: who comes there from where decides what is allowed. */
function natTarget(
  c: Choices,
  family: Family,
  protocol: string,
  chain: string,
  chains: readonly string[],
): string {
  if (c.chance(15) && chains.length > 0) return `-j ${c.pick(chains)}`;
  const hasPorts = protocol === "tcp" || protocol === "udp";
  const of = (address: string, ports = "") =>
    hasPorts && ports !== "" ? `${family === "v4" ? address : `[${address}]`}:${ports}` : address;
  const { server, client, outside, network, inside } = NAT_ADDRESSES[family];
  switch (chain) {
    case "PREROUTING":
    case "OUTPUT":
      return `-j ${c.pick([
        `DNAT --to-destination ${of(server)}`,
        `DNAT --to-destination ${of(server, c.pick(["80", "8080", "8000-8003"]))}`,
        `DNAT --to-destination ${of(client, "53")}`,
        hasPorts ? "DNAT --to-destination :81" : `DNAT --to-destination ${outside}`,
        hasPorts ? "REDIRECT --to-ports 8080" : "REDIRECT",
        `NETMAP --to ${network}`,
        "ACCEPT",
      ])}`;
    case "POSTROUTING":
      return `-j ${c.pick([
        "MASQUERADE",
        "MASQUERADE",
        hasPorts ? "MASQUERADE --to-ports 5000" : "MASQUERADE",
        `SNAT --to-source ${of(outside)}`,
        `SNAT --to-source ${of(outside, c.pick(["5000", "5000-5001", "1000-2000"]))}`,
        `NETMAP --to ${inside}`,
        "ACCEPT",
      ])}`;
    default:
      return c.pick(["-j ACCEPT", "-j RETURN", "-j MARK --set-mark 1", ""]);
  }
}

const NAT_ADDRESSES = {
  v4: {
    server: SERVER.v4,
    client: "10.0.1.7",
    outside: "198.51.100.1",
    network: "192.0.2.0/24",
    inside: "198.51.100.0/24",
  },
  v6: {
    server: SERVER.v6,
    client: "fd01::7",
    outside: "2001:db8:1::1",
    network: "2001:db8::/64",
    inside: "2001:db8:1::/64",
  },
};

function ownTarget(c: Choices, family: Family, table: string, protocol: string, onlySyn: boolean): string {
  if (table === "filter") {
    if (protocol === "tcp" && c.chance(50)) return "-j REJECT --reject-with tcp-reset";
    return family === "v4"
      ? `-j REJECT --reject-with ${c.pick(["icmp-port-unreachable", "icmp-admin-prohibited", "icmp-net-unreachable"])}`
      : `-j REJECT --reject-with ${c.pick(["icmp6-port-unreachable", "icmp6-adm-prohibited", "icmp6-policy-fail"])}`;
  }
  if (table === "raw") return "";
  const hops = family === "v4" ? "TTL --ttl" : "HL --hl";
  const targets = [
    "TOS --set-tos 0x10/0x3f",
    "TOS --or-tos 0x08",
    "DSCP --set-dscp 0x2e",
    `${hops}-set 9`,
    `${hops}-dec 3`,
    `${hops}-inc 200`,
    ...(onlySyn ? ["TCPMSS --set-mss 600", "TCPMSS --set-mss 9000"] : []),
  ];
  return `-j ${c.pick(targets)}`;
}
