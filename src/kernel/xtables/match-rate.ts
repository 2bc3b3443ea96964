/** Matches that count: limit, statistic, recent, hashlimit. What they remember lives as long as the rule set. */

import { NFPROTO } from "../../uapi/netfilter.ts";
import { ipv4 } from "../../wire/ipv4.ts";
import { udp } from "../../wire/udp.ts";
import { V6_DESTINATION, V6_SOURCE } from "../addresses.ts";
import { flag, type MatchSpec, match, option, type RulePlace } from "./declare.ts";
import type { XtPacket } from "./packet.ts";
import {
  address4,
  integer,
  oneOf,
  prefixMask4,
  prefixMask6,
  rateInterval,
  u16,
  ValueError,
} from "./values.ts";

const NS_PER_SECOND = 1e9;

/** A bucket of credit in nanoseconds: each packet costs `cost`, time gives credit back, up to `cap`. */
class TokenBucket {
  readonly #cost: number;
  readonly #cap: number;
  #credit: number;
  #last: number;

  constructor(cost: number, cap: number, nowNs: number) {
    this.#cost = cost;
    this.#cap = cap;
    this.#credit = cap;
    this.#last = nowNs;
  }

  take(nowNs: number): boolean {
    this.#credit = Math.min(this.#cap, this.#credit + (nowNs - this.#last));
    this.#last = nowNs;
    if (this.#credit < this.#cost) return false;
    this.#credit -= this.#cost;
    return true;
  }
}

const now = ({ environment }: RulePlace): number => Number(environment.nowNs());

const limit = match({
  options: {
    limit: option(rateInterval),
    "limit-burst": option((word) => integer(word, 1, 10000)),
  },
  build(given, place) {
    const cost = given.limit?.value ?? rateInterval("3/hour");
    const burst = given["limit-burst"]?.value ?? 5;
    let bucket: TokenBucket | undefined;
    return () => {
      const time = now(place);
      bucket ??= new TokenBucket(cost, cost * burst, time);
      return bucket.take(time);
    };
  },
});

const statistic = match({
  options: {
    mode: option((word) => oneOf(word, { random: "random", nth: "nth" }, "mode")),
    probability: option(probability, { not: true }),
    every: option((word) => integer(word, 1, 0xffffffff), { not: true }),
    packet: option((word) => integer(word, 0, 0xffffffff)),
  },
  build({ mode, probability, every, packet }, { environment }) {
    if (mode?.value === "random" && probability) {
      const { value, not } = probability;
      // The kernel keeps 31 bits of the probability and of the random number.
      return () => environment.random32() >>> 1 < value !== not;
    }
    if (mode?.value !== "nth" || !every)
      throw new ValueError("give '--mode random --probability P' or '--mode nth --every N'");
    const first = packet?.value ?? 0;
    if (first >= every.value) throw new ValueError("--packet must be less than --every");
    let count = every.value - 1 - first;
    return () => {
      count = count === every.value - 1 ? 0 : count + 1;
      return (count === 0) !== every.not;
    };
  },
});

function probability(word: string): number {
  const value = Number(word);
  if (!(value >= 0 && value <= 1)) throw new ValueError(`'${word}' is no probability; it is between 0 and 1`);
  return Math.round(value * 0x80000000);
}

/** One address that `recent` remembers. */
interface RecentEntry {
  readonly stampsNs: number[];
  ttl: number;
}

/** Stamps kept of an address, and addresses kept in a list (parameters of xt_recent, as they come). */
const RECENT_STAMPS = 20;
const RECENT_ADDRESSES = 100;

/** The lists of one machine, by name; rules that name the same list share it. */
const RECENT_LISTS = new WeakMap<object, Map<string, Map<string, RecentEntry>>>();

function recentList(place: RulePlace, name: string): Map<string, RecentEntry> {
  let lists = RECENT_LISTS.get(place.environment);
  if (!lists) RECENT_LISTS.set(place.environment, (lists = new Map()));
  const key = `${place.family} ${name}`;
  let list = lists.get(key);
  if (!list) lists.set(key, (list = new Map()));
  return list;
}

const recent = match({
  options: {
    set: flag({ not: true }),
    rcheck: flag({ not: true }),
    update: flag({ not: true }),
    remove: flag({ not: true }),
    seconds: option((word) => integer(word, 1, 0xffffffff)),
    reap: flag(),
    hitcount: option((word) => integer(word, 1, 255)),
    rttl: flag(),
    name: option((word) => word),
    rsource: flag(),
    rdest: flag(),
    mask: option((word) => word),
  },
  build(given, place) {
    const command = given.set ?? given.rcheck ?? given.update ?? given.remove;
    if (!command) throw new ValueError("one of --set, --rcheck, --update and --remove is needed");
    const list = recentList(place, given.name?.value ?? "DEFAULT");
    const mask = recentMask(given.mask?.value, place.family);
    const hits = given.hitcount?.value ?? 0;
    const spanNs = given.seconds === undefined ? undefined : given.seconds.value * NS_PER_SECOND;
    return (packet) => {
      const key = addressKey(packet, given.rdest !== undefined, mask);
      const ttl = hopsLeft(packet);
      const time = now(place);
      const entry = list.get(key);
      const found = entry !== undefined && !(given.rttl && entry.ttl !== ttl);
      if (given.set) {
        touch(list, key, found ? entry : undefined, time, ttl);
        return !command.not;
      }
      if (!found) return command.not;
      if (given.remove) {
        list.delete(key);
        return !command.not;
      }
      const recentHits =
        spanNs === undefined
          ? entry.stampsNs.length
          : entry.stampsNs.filter((stamp) => time - stamp <= spanNs).length;
      const holds = hits === 0 ? recentHits > 0 : recentHits >= hits;
      if (given.reap && spanNs !== undefined)
        for (const [other, { stampsNs }] of list) if (time - stampsNs.at(-1)! > spanNs) list.delete(other);
      if (given.update && holds) touch(list, key, entry, time, ttl);
      return holds !== command.not;
    };
  },
});

function touch(
  list: Map<string, RecentEntry>,
  key: string,
  entry: RecentEntry | undefined,
  time: number,
  ttl: number,
): void {
  // The list is in the order of last use: what was not used for longest goes first.
  list.delete(key);
  const kept = entry ?? { stampsNs: [], ttl };
  kept.stampsNs.push(time);
  if (kept.stampsNs.length > RECENT_STAMPS) kept.stampsNs.shift();
  kept.ttl = ttl;
  if (list.size >= RECENT_ADDRESSES) list.delete(list.keys().next().value!);
  list.set(key, kept);
}

function recentMask(word: string | undefined, family: number): Uint8Array {
  if (family === NFPROTO.NFPROTO_IPV6) return prefixMask6(128);
  const mask = word === undefined ? prefixMask4(32) : address4(word);
  return Uint8Array.of(mask >>> 24, (mask >>> 16) & 0xff, (mask >>> 8) & 0xff, mask & 0xff);
}

function addressKey({ bytes, netOffset, family }: XtPacket, destination: boolean, mask: Uint8Array): string {
  const offset =
    family === NFPROTO.NFPROTO_IPV4
      ? destination
        ? ipv4.offsets.daddr
        : ipv4.offsets.saddr
      : destination
        ? V6_DESTINATION
        : V6_SOURCE;
  let key = "";
  for (let i = 0; i < mask.length; i++) key += String.fromCharCode(bytes[netOffset + offset + i]! & mask[i]!);
  return key;
}

const hopsLeft = ({ bytes, netOffset, family }: XtPacket): number =>
  bytes[netOffset + (family === NFPROTO.NFPROTO_IPV4 ? ipv4.offsets.ttl : 7)]!;

/** What of a packet chooses its bucket. */
const HASH_PARTS = { srcip: 1, dstip: 2, srcport: 4, dstport: 8 } as const;

const hashlimit = match({
  options: {
    "hashlimit-upto": option(rateInterval, { aliases: ["--hashlimit"] }),
    "hashlimit-above": option(rateInterval),
    "hashlimit-burst": option((word) => integer(word, 1, 0xffffffff)),
    "hashlimit-mode": option((word) =>
      word.split(",").map((part) => oneOf(part, HASH_PARTS, "part of a packet")),
    ),
    "hashlimit-srcmask": option((word) => integer(word, 0, 128)),
    "hashlimit-dstmask": option((word) => integer(word, 0, 128)),
    "hashlimit-name": option((word) => word),
    "hashlimit-htable-size": option(u16),
    "hashlimit-htable-max": option((word) => integer(word, 1, 0xffffffff)),
    "hashlimit-htable-expire": option((word) => integer(word, 1, 0xffffffff)),
    "hashlimit-htable-gcinterval": option((word) => integer(word, 1, 0xffffffff)),
  },
  build(given, place) {
    const rate = given["hashlimit-upto"] ?? given["hashlimit-above"];
    if (!rate || !given["hashlimit-name"])
      throw new ValueError("--hashlimit-name, and --hashlimit-upto or --hashlimit-above, are needed");
    const above = given["hashlimit-above"] !== undefined;
    const cost = rate.value;
    const cap = cost * (given["hashlimit-burst"]?.value ?? 5);
    const parts = (given["hashlimit-mode"]?.value ?? []).reduce((sum: number, part) => sum | part, 0);
    const expireNs = (given["hashlimit-htable-expire"]?.value ?? 10000) * 1e6;
    const bits = place.family === NFPROTO.NFPROTO_IPV4 ? 32 : 128;
    const maskOf = (length: number | undefined): Uint8Array =>
      prefixMask6(length ?? bits).subarray(0, bits / 8);
    const sourceMask = maskOf(given["hashlimit-srcmask"]?.value);
    const destinationMask = maskOf(given["hashlimit-dstmask"]?.value);
    const buckets = new Map<string, { bucket: TokenBucket; seenNs: number }>();
    return (packet) => {
      let key = "";
      if (parts & HASH_PARTS.srcip) key += addressKey(packet, false, sourceMask);
      if (parts & HASH_PARTS.dstip) key += addressKey(packet, true, destinationMask);
      if (parts & (HASH_PARTS.srcport | HASH_PARTS.dstport)) {
        if (!packet.hasTransport(4)) return false;
        const { bytes, transport } = packet;
        if (parts & HASH_PARTS.srcport) key += `s${udp.get.sport(bytes, transport)}`;
        if (parts & HASH_PARTS.dstport) key += `d${udp.get.dport(bytes, transport)}`;
      }
      const time = now(place);
      let entry = buckets.get(key);
      if (!entry || time - entry.seenNs > expireNs)
        buckets.set(key, (entry = { bucket: new TokenBucket(cost, cap, time), seenNs: time }));
      entry.seenNs = time;
      return entry.bucket.take(time) !== above;
    };
  },
});

export const RATE_MATCHES: Readonly<Record<string, MatchSpec>> = { limit, statistic, recent, hashlimit };
