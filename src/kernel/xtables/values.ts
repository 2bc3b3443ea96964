/** What may stand behind an option of a rule. Each function reads one word and raises `ValueError` with the reason. */

import { ICMP } from "../../uapi/icmp.ts";
import { IPPROTO } from "../../uapi/in.ts";
import { IPPROTO6 } from "../../uapi/in6.ts";
import { NFPROTO } from "../../uapi/netfilter.ts";
import { parseIpv4 } from "../../wire/ipv4.ts";
import { parseIpv6 } from "../../wire/ipv6.ts";

/** Why a word is no value of its option; whoever reads the rule adds option and line. */
export class ValueError extends Error {}

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** A whole number between `low` and `high`; decimal, or hexadecimal with 0x, or octal with 0, as strtoul reads it. */
export function integer(word: string, low: number, high: number): number {
  const value = /^0[0-7]+$/.test(word)
    ? Number.parseInt(word, 8)
    : /^(\d+|0x[0-9a-f]+)$/i.test(word)
      ? Number(word)
      : undefined;
  if (value === undefined) throw new ValueError(`'${word}' is no number`);
  if (value < low || value > high) throw new ValueError(`${word} is not in ${low} to ${high}`);
  return value;
}

export const u32 = (word: string): number => integer(word, 0, 0xffffffff);
export const u16 = (word: string): number => integer(word, 0, 0xffff);
export const u8 = (word: string): number => integer(word, 0, 0xff);

/** `LOW:HIGH`, either may be left out; or one number. */
export function range(
  word: string,
  low: number,
  high: number,
  one = (w: string) => integer(w, low, high),
): Range {
  const [from, to, ...rest] = word.split(":");
  if (rest.length > 0) throw new ValueError(`'${word}' is no range`);
  const first = from === "" ? low : one(from!);
  const last = to === undefined ? first : to === "" ? high : one(to);
  if (first > last) throw new ValueError(`the range ${word} is empty`);
  return { low: first, high: last };
}

/** The services whose names rule sets use; the rest of /etc/services is of no machine in particular. */
const SERVICES: Readonly<Record<string, number>> = {
  "ftp-data": 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  http: 80,
  kerberos: 88,
  pop3: 110,
  sunrpc: 111,
  ntp: 123,
  "netbios-ns": 137,
  "netbios-dgm": 138,
  "netbios-ssn": 139,
  imap2: 143,
  snmp: 161,
  bgp: 179,
  ldap: 389,
  https: 443,
  "microsoft-ds": 445,
  isakmp: 500,
  syslog: 514,
  submission: 587,
  ldaps: 636,
  imaps: 993,
  pop3s: 995,
  openvpn: 1194,
  nfs: 2049,
  mysql: 3306,
  postgresql: 5432,
  sip: 5060,
  mdns: 5353,
  "ipsec-nat-t": 4500,
};

export const port = (word: string): number => SERVICES[word] ?? u16(word);
export const portRange = (word: string): Range => range(word, 0, 0xffff, port);

/** Protocols that rules name, each as iptables-save spells it. */
export const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: IPPROTO.IPPROTO_ICMP,
  igmp: IPPROTO.IPPROTO_IGMP,
  ipencap: IPPROTO.IPPROTO_IPIP,
  tcp: IPPROTO.IPPROTO_TCP,
  udp: IPPROTO.IPPROTO_UDP,
  dccp: IPPROTO.IPPROTO_DCCP,
  ipv6: IPPROTO.IPPROTO_IPV6,
  gre: IPPROTO.IPPROTO_GRE,
  esp: IPPROTO.IPPROTO_ESP,
  ah: IPPROTO.IPPROTO_AH,
  "ipv6-icmp": IPPROTO6.IPPROTO_ICMPV6,
  icmpv6: IPPROTO6.IPPROTO_ICMPV6,
  ospf: 89,
  pim: IPPROTO.IPPROTO_PIM,
  vrrp: 112,
  l2tp: IPPROTO.IPPROTO_L2TP,
  sctp: IPPROTO.IPPROTO_SCTP,
  mh: IPPROTO6.IPPROTO_MH,
  "mobility-header": IPPROTO6.IPPROTO_MH,
  udplite: IPPROTO.IPPROTO_UDPLITE,
};

/** 0 means every protocol. */
export const protocol = (word: string): number =>
  word === "all" ? 0 : (PROTOCOLS[word.toLowerCase()] ?? u8(word));

/** `VALUE` or `VALUE/MASK`; without a mask all bits count. */
export function masked(word: string, most = 0xffffffff): { value: number; mask: number } {
  const [value, mask, ...rest] = word.split("/");
  if (rest.length > 0) throw new ValueError(`'${word}' has more than one mask`);
  return { value: integer(value!, 0, most), mask: mask === undefined ? most : integer(mask, 0, most) };
}

/** A network of either family. `v4` is in host order; the bytes of IPv6 are in the order of the wire. */
export type Network =
  | { readonly family: typeof NFPROTO.NFPROTO_IPV4; readonly address: number; readonly mask: number }
  | { readonly family: typeof NFPROTO.NFPROTO_IPV6; readonly address: Uint8Array; readonly mask: Uint8Array };

export const prefixMask4 = (bits: number): number => (bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0);

export const prefixMask6 = (bits: number): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, i) => 0xff & ~(0xff >> Math.min(8, Math.max(0, bits - 8 * i))));

export function address4(word: string): number {
  const address = parseIpv4(word);
  if (address === undefined) throw new ValueError(`'${word}' is no IPv4 address`);
  return address >>> 0;
}

export function address6(word: string): Uint8Array {
  const address = parseIpv6(word);
  if (address === undefined) throw new ValueError(`'${word}' is no IPv6 address`);
  return address;
}

/** `ADDRESS`, `ADDRESS/BITS` or `ADDRESS/MASK`; bits of the address outside of the mask are dropped, as iptables does. */
export function network(word: string, family: number): Network {
  const [text, suffix, ...rest] = word.split("/");
  if (rest.length > 0) throw new ValueError(`'${word}' has more than one mask`);
  if (family === NFPROTO.NFPROTO_IPV4) {
    const mask =
      suffix === undefined
        ? 0xffffffff
        : suffix.includes(".")
          ? address4(suffix)
          : prefixMask4(integer(suffix, 0, 32));
    return { family: NFPROTO.NFPROTO_IPV4, address: (address4(text!) & mask) >>> 0, mask };
  }
  const mask =
    suffix === undefined
      ? prefixMask6(128)
      : suffix.includes(":")
        ? address6(suffix)
        : prefixMask6(integer(suffix, 0, 128));
  return { family: NFPROTO.NFPROTO_IPV6, address: address6(text!).map((byte, i) => byte & mask[i]!), mask };
}

/** Names separated by commas, each one of `names`: their values or-ed together. */
export function bits(word: string, names: Readonly<Record<string, number>>, what: string): number {
  return word.split(",").reduce((sum, name) => {
    const value = names[name];
    if (value === undefined)
      throw new ValueError(`'${name}' is no ${what}; there are ${Object.keys(names).join(", ")}`);
    return sum | value;
  }, 0);
}

export function oneOf<T>(word: string, names: Readonly<Record<string, T>>, what: string): T {
  const value = Object.hasOwn(names, word) ? names[word] : undefined;
  if (value === undefined)
    throw new ValueError(`'${word}' is no ${what}; there are ${Object.keys(names).join(", ")}`);
  return value;
}

/** Six bytes, `00:11:22:33:44:55`. */
export function hardwareAddress(word: string): Uint8Array {
  const parts = word.split(":");
  if (parts.length !== 6 || parts.some((part) => !/^[0-9a-f]{1,2}$/i.test(part)))
    throw new ValueError(`'${word}' is no hardware address`);
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

export interface IcmpType {
  readonly type: number;
  readonly codes: Range;
}

const ANY_CODE: Range = { low: 0, high: 0xff };
const exactly = (type: number, code: number): IcmpType => ({ type, codes: { low: code, high: code } });
const every = (type: number): IcmpType => ({ type, codes: ANY_CODE });

/** `iptables -p icmp -h` lists these names. */
const ICMP_NAMES: Readonly<Record<string, IcmpType>> = {
  "echo-reply": every(ICMP.ICMP_ECHOREPLY),
  pong: every(ICMP.ICMP_ECHOREPLY),
  "destination-unreachable": every(ICMP.ICMP_DEST_UNREACH),
  "network-unreachable": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_NET_UNREACH),
  "host-unreachable": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_HOST_UNREACH),
  "protocol-unreachable": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_PROT_UNREACH),
  "port-unreachable": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_PORT_UNREACH),
  "fragmentation-needed": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_FRAG_NEEDED),
  "source-route-failed": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_SR_FAILED),
  "network-unknown": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_NET_UNKNOWN),
  "host-unknown": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_HOST_UNKNOWN),
  "network-prohibited": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_NET_ANO),
  "host-prohibited": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_HOST_ANO),
  "communication-prohibited": exactly(ICMP.ICMP_DEST_UNREACH, ICMP.ICMP_PKT_FILTERED),
  "source-quench": every(ICMP.ICMP_SOURCE_QUENCH),
  redirect: every(ICMP.ICMP_REDIRECT),
  "echo-request": every(ICMP.ICMP_ECHO),
  ping: every(ICMP.ICMP_ECHO),
  "router-advertisement": every(9),
  "router-solicitation": every(10),
  "time-exceeded": every(ICMP.ICMP_TIME_EXCEEDED),
  "ttl-exceeded": every(ICMP.ICMP_TIME_EXCEEDED),
  "ttl-zero-during-transit": exactly(ICMP.ICMP_TIME_EXCEEDED, ICMP.ICMP_EXC_TTL),
  "ttl-zero-during-reassembly": exactly(ICMP.ICMP_TIME_EXCEEDED, ICMP.ICMP_EXC_FRAGTIME),
  "parameter-problem": every(ICMP.ICMP_PARAMETERPROB),
  "timestamp-request": every(ICMP.ICMP_TIMESTAMP),
  "timestamp-reply": every(ICMP.ICMP_TIMESTAMPREPLY),
  "address-mask-request": every(ICMP.ICMP_ADDRESS),
  "address-mask-reply": every(ICMP.ICMP_ADDRESSREPLY),
};

/** `ip6tables -p icmpv6 -h` lists these names. */
const ICMPV6_NAMES: Readonly<Record<string, IcmpType>> = {
  "destination-unreachable": every(1),
  "no-route": exactly(1, 0),
  "communication-prohibited": exactly(1, 1),
  "beyond-scope": exactly(1, 2),
  "address-unreachable": exactly(1, 3),
  "port-unreachable": exactly(1, 4),
  "failed-policy": exactly(1, 5),
  "reject-route": exactly(1, 6),
  "packet-too-big": every(2),
  "time-exceeded": every(3),
  "ttl-exceeded": every(3),
  "ttl-zero-during-transit": exactly(3, 0),
  "ttl-zero-during-reassembly": exactly(3, 1),
  "parameter-problem": every(4),
  "bad-header": exactly(4, 0),
  "unknown-header-type": exactly(4, 1),
  "unknown-option": exactly(4, 2),
  "echo-request": every(128),
  ping: every(128),
  "echo-reply": every(129),
  pong: every(129),
  "router-solicitation": every(133),
  "router-advertisement": every(134),
  "neighbour-solicitation": every(135),
  "neighbor-solicitation": every(135),
  "neighbour-advertisement": every(136),
  "neighbor-advertisement": every(136),
  redirect: every(137),
};

/** A name, `TYPE` or `TYPE/CODE`; undefined means any. */
export function icmpType(word: string, family: number): IcmpType | undefined {
  if (word === "any") return undefined;
  const named = (family === NFPROTO.NFPROTO_IPV4 ? ICMP_NAMES : ICMPV6_NAMES)[word];
  if (named) return named;
  const [type, code, ...rest] = word.split("/");
  if (rest.length > 0 || !/^\d+$/.test(type!)) throw new ValueError(`'${word}' is no type of ICMP`);
  return code === undefined ? every(u8(type!)) : exactly(u8(type!), u8(code));
}

/** Code points of RFC 2474, 2597, 3246. */
const DSCP_CLASSES: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`CS${i}`, i * 8])),
  BE: 0,
  AF11: 10,
  AF12: 12,
  AF13: 14,
  AF21: 18,
  AF22: 20,
  AF23: 22,
  AF31: 26,
  AF32: 28,
  AF33: 30,
  AF41: 34,
  AF42: 36,
  AF43: 38,
  EF: 46,
};

export const dscp = (word: string): number => integer(word, 0, 63);
export const dscpClass = (word: string): number =>
  oneOf(word.toUpperCase(), DSCP_CLASSES, "class of service");

/** The bytes of a pattern with `|hex|` parts. */
export function hexString(word: string): string {
  let text = "";
  for (const [i, part] of word.split("|").entries()) {
    if (i % 2 === 0) {
      text += part;
      continue;
    }
    const digits = part.replaceAll(" ", "");
    if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits))
      throw new ValueError(`'${part}' are no bytes`);
    for (let at = 0; at < digits.length; at += 2)
      text += String.fromCharCode(Number.parseInt(digits.slice(at, at + 2), 16));
  }
  return text;
}

/** `10/sec`, `3/minute` …: nanoseconds between two packets. */
export function rateInterval(word: string): number {
  const found = /^(\d+)(?:\/(\w+))?$/.exec(word);
  const unit = found && Object.entries(UNIT_SECONDS).find(([name]) => name.startsWith(found[2] ?? "second"));
  const count = Number(found?.[1]);
  if (!unit || count === 0)
    throw new ValueError(`'${word}' is no rate; it looks like 10/sec, /minute, /hour or /day`);
  return (unit[1] * 1e9) / count;
}

const UNIT_SECONDS = { second: 1, minute: 60, hour: 3600, day: 86400 };
