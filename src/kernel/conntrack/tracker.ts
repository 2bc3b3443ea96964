/**
 * Connection tracking as Linux does it, on packets of the simulated path:
 *
 *     PRE_ROUTING, LOCAL_OUT, priority −200     `track`: finds the connection of a packet or makes one
 *     LOCAL_IN, POST_ROUTING, last of all       `confirm`: a new connection enters the table, and events are told
 *     behind the path                           `forget`: a connection whose first packet was dropped never was
 *
 * Time is the capture's: connections end when the clock passes their end.
 */

import { ICMP } from "../../uapi/icmp.ts";
import { ICMPV6 } from "../../uapi/icmpv6.ts";
import { IPPROTO } from "../../uapi/in.ts";
import { IPPROTO6 } from "../../uapi/in6.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../../uapi/netfilter.ts";
import { IP_CT, IPCT, IPS } from "../../uapi/nf-conntrack-common.ts";
import { udp } from "../../wire/udp.ts";
import {
  type Connection,
  type ConnectionSpec,
  type ConnectionTuple,
  type ConnectionWatcher,
  type Conntrack,
  ConntrackError,
  type ExpectationSpec,
} from "../connection.ts";
import type { Skb } from "../skb.ts";
import { isTransportChecksumRight } from "./checksums.ts";
import { grePacket, udpPacket } from "./datagrams.ts";
import { Expectations } from "./expectations.ts";
import { NUMBER, WORD } from "./record.ts";
import { type ConntrackSettings, defaultSettings } from "./settings.ts";
import { ConnectionTable, expiryOf } from "./table.ts";
import { TcpTracker } from "./tcp.ts";
import { TcpSegment } from "./tcp-segment.ts";
import type { ConnectionOwner, TrackedConnection } from "./tracked-connection.ts";
import { TRACKED, type Tracking } from "./tracking.ts";
import { hashTuple, invertTuple, sameAddress, TUPLE, TUPLE_WORDS, TupleReader, writeTuple } from "./tuple.ts";

const { NF_ACCEPT, NF_DROP } = NF_VERDICT;
const { NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;
const { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_GRE, IPPROTO_SCTP } = IPPROTO;
const { IPPROTO_ICMPV6 } = IPPROTO6;
const ICMP_HEADER_BYTES = 8;
/** NF_CT_EVICTION_RANGE: in how many buckets a full table looks for a victim. */
const EVICTION_BUCKETS = 8;

export class ConnectionTracker implements Conntrack, ConnectionOwner, Tracking {
  readonly settings: ConntrackSettings = defaultSettings();
  nowMs = 0;
  readonly #table = new ConnectionTable(this);
  readonly #expectations = new Expectations();
  readonly #tcp = new TcpTracker(this);
  readonly #segment = new TcpSegment();
  readonly #reader = new TupleReader();
  readonly #inner = new TupleReader();
  readonly #scratch = new Int32Array(TUPLE_WORDS);
  readonly #onStart: () => void;
  /** Told of connections that end, confirmed or not, whose translation was decided. */
  onTranslatedEnd: ((connection: TrackedConnection) => void) | undefined;
  #started = false;
  #watcher: ConnectionWatcher | undefined;
  #nextId = 1;
  /** Length of the packet at hand, for the counters. */
  #packetBytes = 0;

  /** `onStart` puts the hooks in place, once. */
  constructor(onStart: () => void = () => {}) {
    this.#onStart = onStart;
  }

  get started(): boolean {
    return this.#started;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#onStart();
  }

  /** Moves the clock, never back, and ends what has ended since. */
  setTime(milliseconds: number): void {
    if (milliseconds <= this.nowMs) return;
    this.nowMs = milliseconds;
    this.#table.wheel.advance(milliseconds, this.#expire);
  }

  readonly #expire = (connection: TrackedConnection): void => {
    if (connection.alive && expiryOf(connection) <= this.nowMs) this.remove(connection);
  };

  // ---- Packets ----

  /** NF_ACCEPT or NF_DROP for a packet at PRE_ROUTING or LOCAL_OUT (nf_conntrack_in). */
  track(skb: Skb, family: number, hooknum: number): number {
    if (skb.connection !== undefined || skb.ctinfo === IP_CT.IP_CT_UNTRACKED) return NF_ACCEPT;
    const { bytes, netOffset } = skb;
    const end = netOffset + skb.length;
    const reader = this.#reader;
    this.#packetBytes = skb.length + skb.missingBytes;
    // Linux puts fragments together first, which is not done here yet: none belongs to a connection.
    if (!reader.read(bytes, netOffset, end, family, skb.zone) || reader.isFragment) return NF_ACCEPT;
    const { l4, protocol } = reader;
    const verify = this.settings.checksum && hooknum === NF_INET.NF_INET_PRE_ROUTING;
    if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
      if (!this.#icmp(skb, family, l4, end, protocol, verify)) return NF_ACCEPT;
      if (skb.ctinfo !== undefined) return NF_ACCEPT;
    }
    while (this.#resolve(skb)) {
      const verdict = this.#packet(skb, family, l4, end, protocol, verify);
      if (verdict === TRACKED.ACCEPT) {
        this.#noteReply(skb);
        return NF_ACCEPT;
      }
      this.forget(skb);
      skb.connection = undefined;
      skb.ctinfo = undefined;
      if (verdict !== TRACKED.REPEAT) return NF_ACCEPT;
    }
    return this.#full ? NF_DROP : NF_ACCEPT;
  }

  #full = false;

  /** Finds or makes the connection of the tuple just read; false when there can be none. */
  #resolve(skb: Skb): boolean {
    const { words } = this.#reader;
    this.#full = false;
    const entry = this.#find(words);
    if (entry === 0) {
      const made = this.#create(words);
      if (made === undefined) return false;
      skb.connection = made;
      skb.ctinfo = (made.get(WORD.status) & IPS.IPS_EXPECTED) !== 0 ? IP_CT.IP_CT_RELATED : IP_CT.IP_CT_NEW;
      return true;
    }
    const connection = this.#table.connectionOf(entry);
    skb.connection = connection;
    if (((entry - 1) & 1) === 1) {
      skb.ctinfo = IP_CT.IP_CT_ESTABLISHED_REPLY;
    } else {
      const status = connection.get(WORD.status);
      if (status & IPS.IPS_SEEN_REPLY) skb.ctinfo = IP_CT.IP_CT_ESTABLISHED;
      else skb.ctinfo = status & IPS.IPS_EXPECTED ? IP_CT.IP_CT_RELATED : IP_CT.IP_CT_NEW;
    }
    return true;
  }

  /** The entry of a tuple; what has expired is removed on the way. */
  #find(words: Int32Array): number {
    for (;;) {
      const entry = this.#table.find(words, 0);
      if (entry === 0) return 0;
      const connection = this.#table.connectionOf(entry);
      if (expiryOf(connection) > this.nowMs) return entry;
      this.remove(connection);
    }
  }

  #create(words: Int32Array): TrackedConnection | undefined {
    if (!invertTuple(words, 0, this.#scratch, 0)) return undefined;
    if (this.#table.count >= this.settings.max && !this.#evict(words)) {
      this.#full = true;
      return undefined;
    }
    const connection = this.#table.allocate();
    connection.words.set(words, connection.at + WORD.original);
    connection.words.set(this.#scratch, connection.at + WORD.reply);
    connection.set(WORD.id, this.#nextId++);
    if (!this.#expectations.isEmpty) {
      const master = this.#expectations.take(words, this.nowMs);
      if (master !== undefined) {
        connection.master = master;
        connection.set(WORD.status, IPS.IPS_EXPECTED);
        connection.set(WORD.mark, master.mark);
      }
    }
    return connection;
  }

  /** A full table gives up a connection that is not assured, from where the new one would go (early_drop). */
  #evict(words: Int32Array): boolean {
    const start = hashTuple(words, 0);
    for (let i = 0; i < EVICTION_BUCKETS; i++) {
      const victims: TrackedConnection[] = [];
      this.#table.inBucket(start + i, (connection) => {
        const assured = (connection.get(WORD.status) & IPS.IPS_ASSURED) !== 0;
        if (!assured || expiryOf(connection) <= this.nowMs) victims.push(connection);
      });
      for (const victim of victims) this.remove(victim);
      if (victims.length > 0) return true;
    }
    return false;
  }

  #packet(skb: Skb, family: number, l4: number, end: number, protocol: number, verify: boolean): number {
    const connection = skb.connection as TrackedConnection;
    const direction = skb.ctinfo! >= IP_CT.IP_CT_IS_REPLY ? 1 : 0;
    const { bytes, missingBytes } = skb;
    switch (protocol) {
      case IPPROTO_TCP: {
        const segment = this.#segment;
        if (!segment.read(bytes, l4, end, missingBytes)) return TRACKED.INVALID;
        if (verify && missingBytes === 0) {
          if (!isTransportChecksumRight(bytes, skb.netOffset, l4, end, protocol)) return TRACKED.INVALID;
        }
        return this.#tcp.packet(connection, segment, direction);
      }
      case IPPROTO_UDP:
        if (!this.#isUdp(skb, l4, end, verify)) return TRACKED.INVALID;
        udpPacket(this, connection, direction);
        return TRACKED.ACCEPT;
      case IPPROTO_UDPLITE:
        if (!this.#isUdpLite(skb, l4, end, verify)) return TRACKED.INVALID;
        udpPacket(this, connection, direction);
        return TRACKED.ACCEPT;
      case IPPROTO_ICMP:
      case IPPROTO_ICMPV6:
        return this.#query(connection, family, protocol, direction);
      case IPPROTO_GRE:
        grePacket(this, connection, direction);
        return TRACKED.ACCEPT;
      case IPPROTO_SCTP:
        // Its states are not known here: better no connection than a wrong one.
        return TRACKED.INVALID;
      default:
        this.refresh(connection, direction, this.settings.genericTimeout);
        return TRACKED.ACCEPT;
    }
  }

  #isUdp(skb: Skb, l4: number, end: number, verify: boolean): boolean {
    const { bytes, missingBytes } = skb;
    if (l4 + udp.size > end) return false;
    const length = udp.get.length(bytes, l4);
    if (length > end + missingBytes - l4 || length < udp.size) return false;
    if (udp.get.checksum(bytes, l4) === 0 || !verify || missingBytes !== 0) return true;
    return isTransportChecksumRight(bytes, skb.netOffset, l4, end, IPPROTO_UDP);
  }

  /** RFC 3828: the length says how much the checksum covers, 0 means all; there must be one. */
  #isUdpLite(skb: Skb, l4: number, end: number, verify: boolean): boolean {
    const { bytes, missingBytes } = skb;
    if (l4 + udp.size > end) return false;
    const length = end + missingBytes - l4;
    const covered = udp.get.length(bytes, l4) || length;
    if (covered < udp.size || covered > length || udp.get.checksum(bytes, l4) === 0) return false;
    if (!verify || l4 + covered > end) return true;
    return isTransportChecksumRight(bytes, skb.netOffset, l4, l4 + covered, IPPROTO_UDPLITE, length);
  }

  #query(connection: TrackedConnection, family: number, protocol: number, direction: number): number {
    const type = (connection.get(TUPLE.ports) >>> 8) & 0xff;
    const { settings } = this;
    if (protocol === IPPROTO_ICMP) {
      if (family !== NFPROTO_IPV4 || !QUERIES_V4.has(type)) return TRACKED.INVALID;
      this.refresh(connection, direction, settings.icmpTimeout);
    } else {
      if (family !== NFPROTO_IPV6 || !QUERIES_V6.has(type)) return TRACKED.INVALID;
      this.refresh(connection, direction, settings.icmpv6Timeout);
    }
    return TRACKED.ACCEPT;
  }

  /**
   * What comes before a message may be looked up: false for an invalid one. An error takes the connection that it is
   * about, and neighbour discovery none: then the packet's `ctinfo` is set.
   */
  #icmp(skb: Skb, family: number, l4: number, end: number, protocol: number, verify: boolean): boolean {
    const v4 = family === NFPROTO_IPV4;
    // ICMP of the other family is looked up like anything, and found invalid later.
    if (v4 !== (protocol === IPPROTO_ICMP)) return true;
    if (l4 + ICMP_HEADER_BYTES > end) return false;
    const { bytes } = skb;
    if (verify && skb.missingBytes === 0) {
      if (!isTransportChecksumRight(bytes, skb.netOffset, l4, end, protocol)) return false;
    }
    const type = bytes[l4]!;
    if (v4) {
      if (type > HIGHEST_ICMP_TYPE) return false;
      return !ERRORS_V4.has(type) || this.#error(skb, family, l4, end);
    }
    if (UNTRACKED_V6.has(type)) {
      skb.ctinfo = IP_CT.IP_CT_UNTRACKED;
      return true;
    }
    return type >= ICMPV6.ICMPV6_INFOMSG_MASK || this.#error(skb, family, l4, end);
  }

  /** Finds the connection that an error is about, by the packet in it (nf_conntrack_inet_error). */
  #error(skb: Skb, family: number, l4: number, end: number): boolean {
    const inner = this.#inner;
    if (!inner.read(skb.bytes, l4 + ICMP_HEADER_BYTES, end, family, skb.zone)) return false;
    if (!invertTuple(inner.words, 0, this.#scratch, 0)) return false;
    const entry = this.#find(this.#scratch);
    if (entry === 0) return false;
    const connection = this.#table.connectionOf(entry);
    const reply = (entry - 1) & 1;
    const found = connection.at + (reply === 1 ? WORD.reply : WORD.original);
    // The error must go to whom the packet in it came from, translation included.
    if (!sameAddress(connection.words, found + TUPLE.destination, this.#reader.words, TUPLE.destination)) {
      return false;
    }
    skb.connection = connection;
    skb.ctinfo = reply === 1 ? IP_CT.IP_CT_RELATED_REPLY : IP_CT.IP_CT_RELATED;
    return true;
  }

  #noteReply(skb: Skb): void {
    const connection = skb.connection as TrackedConnection;
    if (skb.ctinfo !== IP_CT.IP_CT_ESTABLISHED_REPLY || !connection.alive) return;
    const status = connection.get(WORD.status);
    if (status & IPS.IPS_SEEN_REPLY) return;
    connection.set(WORD.status, status | IPS.IPS_SEEN_REPLY);
    this.noteEvent(connection, IPCT.IPCT_REPLY);
  }

  /** At the end of the path: NF_DROP when another packet made the same connection meanwhile. */
  confirm(skb: Skb): number {
    const connection = skb.connection as TrackedConnection | undefined;
    if (connection === undefined || !connection.alive) return NF_ACCEPT;
    if (!connection.confirmed) {
      if (skb.ctinfo! >= IP_CT.IP_CT_IS_REPLY) return NF_ACCEPT;
      if (this.#clashes(connection) || connection.get(WORD.status) & IPS.IPS_DYING) return NF_DROP;
      this.#enter(connection, connection.numbers[connection.numbersAt + NUMBER.expires]!);
    }
    this.#tell(connection);
    return NF_ACCEPT;
  }

  #clashes(connection: TrackedConnection): boolean {
    const { words, at } = connection;
    return (
      this.#table.find(words, at + WORD.original) !== 0 || this.#table.find(words, at + WORD.reply) !== 0
    );
  }

  #enter(connection: TrackedConnection, livesMs: number): void {
    connection.numbers[connection.numbersAt + NUMBER.expires] = this.nowMs + livesMs;
    connection.set(WORD.status, connection.get(WORD.status) | IPS.IPS_CONFIRMED);
    this.#table.insert(connection);
    this.noteEvent(connection, connection.master === undefined ? IPCT.IPCT_NEW : IPCT.IPCT_RELATED);
  }

  /** The packet is gone or has left: a connection that nothing confirmed was none. */
  forget(skb: Skb): void {
    const connection = skb.connection as TrackedConnection | undefined;
    if (connection?.alive && !connection.confirmed) this.#release(connection);
  }

  // ---- What trackers and connections ask ----

  refresh(connection: TrackedConnection, direction: number, seconds: number): void {
    connection.refresh(seconds * 1000);
    this.account(connection, direction);
  }

  account(connection: TrackedConnection, direction: number): void {
    if (!this.settings.accounting) return;
    const { numbers, numbersAt } = connection;
    numbers[numbersAt + NUMBER.packets + direction]!++;
    numbers[numbersAt + NUMBER.bytes + direction]! += this.#packetBytes;
  }

  setExpiry(connection: TrackedConnection, atMs: number): void {
    const at = connection.numbersAt + NUMBER.expires;
    const earlier = atMs < connection.numbers[at]!;
    connection.numbers[at] = atMs;
    if (earlier && connection.confirmed) this.#table.wheel.moved(connection);
  }

  noteEvent(connection: TrackedConnection, event: number): void {
    if (this.#watcher !== undefined) connection.set(WORD.events, connection.get(WORD.events) | (1 << event));
  }

  remove(connection: TrackedConnection): void {
    this.#table.remove(connection);
    connection.set(WORD.status, connection.get(WORD.status) | IPS.IPS_DYING);
    this.#watcher?.(1 << IPCT.IPCT_DESTROY, connection);
    this.#release(connection);
  }

  #release(connection: TrackedConnection): void {
    if (connection.get(WORD.status) & TRANSLATED) this.onTranslatedEnd?.(connection);
    this.#table.release(connection);
  }

  addExpectation(master: TrackedConnection, spec: ExpectationSpec): void {
    if (!master.alive) throw new ConntrackError("ENOENT");
    this.#expectations.add(master, spec, this.nowMs);
  }

  #tell(connection: TrackedConnection): void {
    const events = connection.get(WORD.events);
    if (events === 0 || this.#watcher === undefined) return;
    connection.set(WORD.events, 0);
    this.#watcher(events, connection);
  }

  hasTuple(words: Int32Array, except: TrackedConnection): boolean {
    const entry = this.#find(words);
    return entry !== 0 && this.#table.connectionOf(entry) !== except;
  }

  // ---- The interface of modules ----

  connectionOf(skb: Skb): Connection | undefined {
    return skb.connection;
  }

  infoOf(skb: Skb): number | undefined {
    return skb.ctinfo;
  }

  count(): number {
    return this.#table.count;
  }

  max(): number {
    return this.settings.max;
  }

  lookup(tuple: ConnectionTuple, zone = 0): TrackedConnection | undefined {
    const words = new Int32Array(TUPLE_WORDS);
    writeTuple(tuple, zone, words, 0);
    const entry = this.#find(words);
    return entry === 0 ? undefined : this.#table.connectionOf(entry);
  }

  each(visit: (connection: TrackedConnection) => boolean): void {
    const { connections } = this.#table;
    // Connections made meanwhile are not visited.
    const count = connections.length;
    for (let slot = 0; slot < count; slot++) {
      const connection = connections[slot]!;
      if (!connection.alive || !connection.confirmed || expiryOf(connection) <= this.nowMs) continue;
      if (!visit(connection)) return;
    }
  }

  create(spec: ConnectionSpec): TrackedConnection {
    const { original, reply, timeoutMs, status = 0, mark = 0 } = spec;
    if (this.#table.count >= this.settings.max) throw new ConntrackError("ENOMEM");
    const connection = this.#table.allocate();
    const { words, at } = connection;
    writeTuple(original, 0, words, at + WORD.original);
    let valid = true;
    if (reply === undefined) valid = invertTuple(words, at + WORD.original, words, at + WORD.reply);
    else writeTuple(reply, 0, words, at + WORD.reply);
    if (!valid || this.#clashes(connection)) {
      this.#table.release(connection);
      throw new ConntrackError(valid ? "EEXIST" : "EINVAL");
    }
    connection.set(WORD.id, this.#nextId++);
    connection.set(WORD.status, status & SETTABLE_STATUS);
    connection.set(WORD.mark, mark);
    this.#enter(connection, timeoutMs);
    this.#tell(connection);
    return connection;
  }

  watch(watcher: ConnectionWatcher): () => void {
    if (this.#watcher !== undefined) throw new ConntrackError("EBUSY");
    this.#watcher = watcher;
    return () => {
      if (this.#watcher === watcher) this.#watcher = undefined;
    };
  }
}

const QUERIES_V4: ReadonlySet<number> = new Set([
  ICMP.ICMP_ECHO,
  ICMP.ICMP_TIMESTAMP,
  ICMP.ICMP_INFO_REQUEST,
  ICMP.ICMP_ADDRESS,
]);
const QUERIES_V6: ReadonlySet<number> = new Set([ICMPV6.ICMPV6_ECHO_REQUEST, ICMPV6.ICMPV6_NI_QUERY]);
/** NR_ICMP_TYPES */
const HIGHEST_ICMP_TYPE = ICMP.ICMP_ADDRESSREPLY;
const ERRORS_V4: ReadonlySet<number> = new Set([
  ICMP.ICMP_DEST_UNREACH,
  ICMP.ICMP_SOURCE_QUENCH,
  ICMP.ICMP_REDIRECT,
  ICMP.ICMP_TIME_EXCEEDED,
  ICMP.ICMP_PARAMETERPROB,
]);
/**
 * Multicast listeners; router solicitation and advertisement, neighbour solicitation and advertisement; multicast router
 * discovery (RFC 4286), without its termination, 153.
 */
const UNTRACKED_V6: ReadonlySet<number> = new Set([
  ICMPV6.ICMPV6_MGM_QUERY,
  ICMPV6.ICMPV6_MGM_REPORT,
  ICMPV6.ICMPV6_MGM_REDUCTION,
  133,
  134,
  135,
  136,
  ICMPV6.ICMPV6_MLD2_REPORT,
  ICMPV6.ICMPV6_MRDISC_ADV,
  152,
]);
const TRANSLATED = IPS.IPS_SRC_NAT_DONE | IPS.IPS_DST_NAT_DONE;
/** What whoever makes a connection may say of it; the rest is the kernel's own. */
const SETTABLE_STATUS = IPS.IPS_SEEN_REPLY | IPS.IPS_ASSURED | IPS.IPS_FIXED_TIMEOUT;
