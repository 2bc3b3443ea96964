/**
 * Network address translation, as nf_nat_core.c does it. The first packet of a connection asks, once where it comes
 * in and once where it leaves, whoever registered: the rules of table nat, scripts. What they choose is kept in the
 * tuple that answers are expected with, so that all other packets, in both directions and ICMP errors included, are
 * changed by what the connection says.
 */

import { ICMP } from "../../uapi/icmp.ts";
import { IPPROTO } from "../../uapi/in.ts";
import { IPPROTO6 } from "../../uapi/in6.ts";
import { NF_VERDICT, NFPROTO } from "../../uapi/netfilter.ts";
import { IP_CT, IPS } from "../../uapi/nf-conntrack-common.ts";
import { finishChecksum, pseudoHeaderSumV6, sumWords } from "../../wire/checksum.ts";
import { icmp } from "../../wire/icmp.ts";
import { ipv4, ipv4HeaderLength } from "../../wire/ipv4.ts";
import { ipv6Extent } from "../../wire/ipv6.ts";
import { isTransportChecksumRight } from "../conntrack/checksums.ts";
import { WORD } from "../conntrack/record.ts";
import type { TrackedConnection } from "../conntrack/tracked-connection.ts";
import { invertTuple, TUPLE, TUPLE_WORDS } from "../conntrack/tuple.ts";
import type { Skb } from "../skb.ts";
import { doneBit, MANIP, type Manip, manipAt, natBit } from "./manip.ts";
import { isSourceInRange, type NatRange, onlyAddress } from "./range.ts";
import { rewritePacket } from "./rewrite.ts";
import { SourceIndex } from "./source-index.ts";
import { chooseTuple, type TupleOccupancy } from "./unique-tuple.ts";

const { NF_ACCEPT, NF_DROP } = NF_VERDICT;
const { IP_CT_RELATED, IP_CT_NEW, IP_CT_RELATED_REPLY, IP_CT_IS_REPLY } = IP_CT;
const { NFPROTO_IPV4 } = NFPROTO;
const NAT_MASK = IPS.IPS_SRC_NAT | IPS.IPS_DST_NAT;
const DONE_MASK = IPS.IPS_SRC_NAT_DONE | IPS.IPS_DST_NAT_DONE;
/** ND_REDIRECT, RFC 4861 */
const NDISC_REDIRECT = 137;
const ADDRESS_WORDS = 4;

/** What translation asks of connection tracking. */
export interface NatTracking {
  /** Whether a connection, other than `except`, has this tuple in one of its directions. */
  hasTuple(tuple: Int32Array, except: TrackedConnection): boolean;
}

/** Somebody who may translate the connections that a packet begins. */
export interface NatHook {
  /** NFPROTO_* and NF_INET_* */
  readonly family: number;
  readonly hooknum: number;
  /** NF_ACCEPT or another verdict; calls `setUp` when it wants a translation. */
  readonly run: (skb: Skb) => number;
}

export class Translator {
  /** How often a port was chosen at random: Linux then chooses another one. */
  randomPorts = 0;
  readonly #tracking: NatTracking;
  readonly #random16: () => number;
  readonly #sources = new SourceIndex();
  #hooks: readonly NatHook[] = [];
  readonly #target = new Int32Array(TUPLE_WORDS);
  readonly #answer = new Int32Array(TUPLE_WORDS);

  constructor(tracking: NatTracking, random16: () => number) {
    this.#tracking = tracking;
    this.#random16 = random16;
  }

  /** Of equals the first registered is asked first. Returns what removes it. */
  register(hook: NatHook): () => void {
    this.#hooks = [...this.#hooks, hook];
    return () => {
      this.#hooks = this.#hooks.filter((other) => other !== hook);
    };
  }

  /** What tracking calls when a connection whose translation is decided ends. */
  forget(connection: TrackedConnection): void {
    if (connection.get(WORD.status) & IPS.IPS_SRC_NAT_DONE) this.#sources.remove(connection);
  }

  /** The hook of the path, nf_nat_inet_fn: NF_ACCEPT, NF_DROP, or what a rule says. */
  apply(skb: Skb, family: number, hooknum: number): number {
    const connection = skb.connection as TrackedConnection | undefined;
    if (connection === undefined) return NF_ACCEPT;
    const manip = manipAt(hooknum);
    const { ctinfo } = skb;
    if (ctinfo === IP_CT_RELATED || ctinfo === IP_CT_RELATED_REPLY) {
      const l4 = icmpAt(skb, family);
      if (l4 !== undefined) return this.#translateError(skb, family, l4, manip) ? NF_ACCEPT : NF_DROP;
    }
    if (ctinfo === IP_CT_NEW || ctinfo === IP_CT_RELATED || ctinfo === IP_CT_RELATED_REPLY) {
      if (!isDecided(connection, manip)) {
        const verdict = this.#decide(skb, connection, family, hooknum, manip);
        if (verdict !== NF_ACCEPT) return verdict;
      }
    }
    return this.#translate(skb, family, connection, manip) ? NF_ACCEPT : NF_DROP;
  }

  #decide(skb: Skb, connection: TrackedConnection, family: number, hooknum: number, manip: Manip): number {
    for (const hook of this.#hooks) {
      if (hook.family !== family || hook.hooknum !== hooknum) continue;
      const verdict = hook.run(skb);
      if (verdict !== NF_ACCEPT) return verdict;
      if (isDecided(connection, manip)) return NF_ACCEPT;
    }
    // No translation, but the connection must be told from all others (nf_nat_alloc_null_binding).
    const at = connection.at + WORD.reply + (manip === MANIP.SOURCE ? TUPLE.destination : TUPLE.source);
    return this.setUp(connection, onlyAddress(connection.words.slice(at, at + ADDRESS_WORDS)), manip);
  }

  /** Decides what a connection becomes (nf_nat_setup_info). Nothing changes for one that is known already. */
  setUp(connection: TrackedConnection, range: NatRange, manip: Manip): number {
    if (connection.confirmed || isDecided(connection, manip)) return NF_ACCEPT;
    const { words, at } = connection;
    const current = new Int32Array(TUPLE_WORDS);
    invertTuple(words, at + WORD.reply, current, 0);
    const chosen = chooseTuple(current, range, manip, this.#occupancyFor(connection));
    let status = connection.get(WORD.status);
    if (chosen.some((word, i) => word !== current[i])) {
      invertTuple(chosen, 0, words, at + WORD.reply);
      status |= natBit(manip);
    }
    connection.set(WORD.status, status | doneBit(manip));
    if (manip === MANIP.SOURCE) this.#sources.add(connection);
    return NF_ACCEPT;
  }

  #occupancyFor(connection: TrackedConnection): TupleOccupancy {
    const answer = this.#answer;
    return {
      isUsed: (tuple) => {
        invertTuple(tuple, 0, answer, 0);
        return this.#tracking.hasTuple(answer, connection);
      },
      earlierOf: (tuple, range) => {
        let result: Int32Array | undefined;
        this.#sources.find(tuple, (other) => {
          const became = new Int32Array(TUPLE_WORDS);
          invertTuple(other.words, other.at + WORD.reply, became, 0);
          for (let i = 0; i < ADDRESS_WORDS; i++)
            became[TUPLE.destination + i] = tuple[TUPLE.destination + i]!;
          became[TUPLE.ports] = (became[TUPLE.ports]! & ~0xffff) | (tuple[TUPLE.ports]! & 0xffff);
          if (!isSourceInRange(became, range)) return false;
          result = became;
          return true;
        });
        return result;
      },
      random16: () => {
        this.randomPorts++;
        return this.#random16();
      },
    };
  }

  /** nf_nat_packet */
  #translate(skb: Skb, family: number, connection: TrackedConnection, manip: Manip): boolean {
    const direction = directionOf(skb);
    const bit = direction === 0 ? natBit(manip) : natBit(manip) ^ NAT_MASK;
    if ((connection.get(WORD.status) & bit) === 0) return true;
    this.#aim(connection, direction);
    skb.modified = true;
    const { bytes, netOffset } = skb;
    return rewritePacket(bytes, netOffset, netOffset + skb.length, family, this.#target, manip);
  }

  /** Sets `#target` to what a packet of `direction` becomes: the answer to the answer. */
  #aim({ words, at }: TrackedConnection, direction: number): void {
    invertTuple(words, at + (direction === 0 ? WORD.reply : WORD.original), this.#target, 0);
  }

  /** nf_nat_icmp_reply_translation: the addresses of the error, and those of the packet that it quotes. */
  #translateError(skb: Skb, family: number, l4: number, manip: Manip): boolean {
    const connection = skb.connection as TrackedConnection;
    const { bytes, netOffset } = skb;
    const end = netOffset + skb.length;
    const inner = l4 + icmp.size;
    if (inner > end) return false;
    const protocol = family === NFPROTO_IPV4 ? IPPROTO.IPPROTO_ICMP : IPPROTO6.IPPROTO_ICMPV6;
    if (skb.missingBytes === 0 && !isTransportChecksumRight(bytes, netOffset, l4, end, protocol))
      return false;
    const status = connection.get(WORD.status);
    if (bytes[l4] === (family === NFPROTO_IPV4 ? ICMP.ICMP_REDIRECT : NDISC_REDIRECT)) {
      // It says where to send packets, which a translation would make wrong.
      if ((status & DONE_MASK) !== DONE_MASK || status & NAT_MASK) return false;
    }
    const direction = directionOf(skb);
    const bit = direction === 0 ? natBit(manip) : natBit(manip) ^ NAT_MASK;
    if ((status & bit) === 0) return true;
    skb.modified = true;
    // What is quoted went the other way: where the error has a source it has a destination.
    const { words, at } = connection;
    const quoted = at + (direction === 0 ? WORD.reply : WORD.original);
    const target = words.slice(quoted, quoted + TUPLE_WORDS);
    const other = manip === MANIP.SOURCE ? MANIP.DESTINATION : MANIP.SOURCE;
    if (!rewritePacket(bytes, inner, end, family, target, other)) return false;
    if (skb.missingBytes === 0) {
      icmp.set.checksum(bytes, l4, 0);
      const pseudo = family === NFPROTO_IPV4 ? 0 : pseudoHeaderSumV6(bytes, netOffset, protocol, end - l4);
      icmp.set.checksum(bytes, l4, finishChecksum(sumWords(bytes, l4, end, pseudo)));
    }
    this.#aim(connection, direction);
    return rewritePacket(bytes, netOffset, end, family, this.#target, manip);
  }
}

const isDecided = (connection: TrackedConnection, manip: Manip): boolean =>
  (connection.get(WORD.status) & doneBit(manip)) !== 0;

const directionOf = ({ ctinfo }: Skb): number => (ctinfo! >= IP_CT_IS_REPLY ? 1 : 0);

/** Where the ICMP header of a packet of the family's own ICMP lies. */
function icmpAt({ bytes, netOffset, length }: Skb, family: number): number | undefined {
  if (family === NFPROTO_IPV4)
    return ipv4.get.protocol(bytes, netOffset) === IPPROTO.IPPROTO_ICMP
      ? netOffset + ipv4HeaderLength(bytes, netOffset)
      : undefined;
  const extent = ipv6Extent(bytes, netOffset, netOffset + length, true);
  return extent?.protocol === IPPROTO6.IPPROTO_ICMPV6 ? extent.payloadStart : undefined;
}
