/** Behaviours recorded from Linux 6.18; random ones are compared live in test/differential/conntrack.test.ts. */

import { describe, expect, test } from "vitest";
import { NF_INET, NF_VERDICT, NFPROTO } from "../../uapi/netfilter.ts";
import { IP_CT, IPS } from "../../uapi/nf-conntrack-common.ts";
import { TCPHDR } from "../../wire/tcp.ts";
import {
  CLIENT,
  CLIENT_V6,
  echoPacket,
  icmpPacket,
  Router,
  SERVER,
  SERVER_V6,
  tcpPacket,
  udpPacket,
} from "./testing.ts";
import { connectionText } from "./text.ts";

const FLAG_LETTERS = {
  F: TCPHDR.TCPHDR_FIN,
  S: TCPHDR.TCPHDR_SYN,
  R: TCPHDR.TCPHDR_RST,
  A: TCPHDR.TCPHDR_ACK,
  P: TCPHDR.TCPHDR_PSH,
  U: TCPHDR.TCPHDR_URG,
} as const;
const RELATIONS = ["EST", "REL", "NEW", "EST", "REL", "", "", "UNTRACKED"];

/**
 * A conversation as words: `>` or `<` is the direction, then flags, then `+n` bytes of data, `@n` added to the fitting
 * sequence number, `#n` to the acknowledgement. Gives for each segment how it was related, then the connection's text.
 */
function conversation(words: string, router = new Router()): string[] {
  const next: [number, number] = [1000, 5000];
  const seen = words.split(" ").map((word) => {
    const [, arrow, letters, length = "0", seqShift = "0", ackShift = "0"] =
      /^([<>])([A-Z]*)(?:\+(\d+))?(?:@(-?\d+))?(?:#(-?\d+))?$/.exec(word)!;
    const side = arrow === ">" ? 0 : 1;
    const flags = [...letters!].reduce((sum, letter) => sum | FLAG_LETTERS[letter as "S"], 0);
    const seq = next[side] + Number(seqShift);
    const ack = flags & TCPHDR.TCPHDR_ACK ? next[1 - side]! + Number(ackShift) : 0;
    const [from, to, sport, dport] =
      side === 0 ? ([CLIENT, SERVER, 7, 80] as const) : ([SERVER, CLIENT, 80, 7] as const);
    const packet = tcpPacket({ from, to, sport, dport, seq, ack, flags, length: Number(length) });
    if (seqShift === "0")
      next[side] +=
        Number(length) + (flags & TCPHDR.TCPHDR_SYN ? 1 : 0) + (flags & TCPHDR.TCPHDR_FIN ? 1 : 0);
    const { skb } = router.send(packet);
    return skb.ctinfo === undefined ? "INVALID" : RELATIONS[skb.ctinfo]!;
  });
  const states = router.all().map((each) => {
    const [, seconds, state] = /^tcp +6 (\d+) (\w+)/.exec(connectionText(each, { counters: false }))!;
    return `${state} ${seconds}${each.status & IPS.IPS_ASSURED ? " ASSURED" : ""}`;
  });
  return [seen.join(" "), ...states];
}

describe("TCP", () => {
  test.each([
    [">S", "NEW", "SYN_SENT 120"],
    [">S <SA", "NEW EST", "SYN_RECV 60"],
    [">S <SA >A", "NEW EST EST", "ESTABLISHED 432000 ASSURED"],
    [">S <SA >A >PA+100", "NEW EST EST EST", "ESTABLISHED 300 ASSURED"],
    [">S <SA >A >PA+100 <A", "NEW EST EST EST EST", "ESTABLISHED 432000 ASSURED"],
    [">S <SA >A >FA", "NEW EST EST EST", "FIN_WAIT 120 ASSURED"],
    [">S <SA >A >FA <A", "NEW EST EST EST EST", "CLOSE_WAIT 60 ASSURED"],
    [">S <SA >A >FA <A <FA", "NEW EST EST EST EST EST", "LAST_ACK 30 ASSURED"],
    [">S <SA >A >FA <A <FA >A", "NEW EST EST EST EST EST EST", "TIME_WAIT 120 ASSURED"],
    [">S <SA >A >FA <FA", "NEW EST EST EST EST", "LAST_ACK 30 ASSURED"],
    // The entry is replaced.
    [">S <SA >A >FA <A <FA >A >S", "NEW EST EST EST EST EST EST NEW", "SYN_SENT 120"],
    [">A", "NEW", "ESTABLISHED 300"],
    [">A <A", "NEW EST", "ESTABLISHED 300"],
    [">A <A >A", "NEW EST EST", "ESTABLISHED 432000 ASSURED"],
    [">S >S@0", "NEW NEW", "SYN_SENT 120"],
    [">S <S", "NEW EST", "SYN_SENT2 120"],
    [">S <SA#9", "NEW INVALID", "SYN_SENT 120"],
    [">S <SA >R", "NEW EST EST", "CLOSE 10"],
    [">S <SA >A >R", "NEW EST EST EST", "CLOSE 10 ASSURED"],
    [">S <SA >A >R@100", "NEW EST EST EST", "ESTABLISHED 10 ASSURED"],
    [">S <SA >A >R@900000", "NEW EST EST INVALID", "ESTABLISHED 432000 ASSURED"],
    [">S <SA >A >S", "NEW EST EST EST", "ESTABLISHED 432000 ASSURED"],
    [">S <SA >A >PA+100@300000", "NEW EST EST INVALID", "ESTABLISHED 432000 ASSURED"],
    [">S <SA >A >A#100", "NEW EST EST INVALID", "ESTABLISHED 432000 ASSURED"],
    [
      ">S <SA >A >PA+10 >PA+10@-10 >PA+10@-10 >PA+10@-10 >PA+10@-10",
      "NEW EST EST EST EST EST EST EST",
      "ESTABLISHED 300 ASSURED",
    ],
    // What starts no connection.
    ...["SA", "F", "FA", "R", "RA", "SF", "SR", "U", "P", ""].map((flags) => [`>${flags}`, "INVALID"]),
    // A reset as the only answer ends it at once.
    [">S <RA", "NEW EST"],
  ])("%s", (words, ...expected) => {
    expect(conversation(words!)).toEqual(expected);
  });

  test("settings: not loose, liberal, reset out of order ignored", () => {
    const strict = new Router();
    strict.kernel.conntrack.settings.tcpLoose = false;
    expect(conversation(">A", strict)).toEqual(["INVALID"]);
    const liberal = new Router();
    liberal.kernel.conntrack.settings.tcpBeLiberal = true;
    expect(conversation(">S <SA >A >PA+100@300000", liberal)[0]).toBe("NEW EST EST EST");
    const words = ">S <SA >A <A >R@-100";
    expect(conversation(words)[0]).toBe("NEW EST EST EST INVALID");
    const ignoring = new Router();
    ignoring.kernel.conntrack.settings.tcpIgnoreInvalidRst = true;
    expect(conversation(words, ignoring)[0]).toBe("NEW EST EST EST EST");
  });
});

const listed = (router: Router) =>
  router.all().map((each) => [each.status, Math.ceil(each.timeoutMs / 1000)]);
const { IPS_CONFIRMED, IPS_SEEN_REPLY, IPS_ASSURED } = IPS;

describe("UDP", () => {
  const there = udpPacket(CLIENT, SERVER, 7, 53);
  const back = udpPacket(SERVER, CLIENT, 53, 7);

  test("both ways at once is no stream; after two seconds it is", () => {
    const router = new Router();
    for (const packet of [there, back, there, back]) router.send(packet);
    expect(listed(router)).toEqual([[IPS_CONFIRMED | IPS_SEEN_REPLY, 30]]);
    router.wait(2200);
    router.send(back);
    expect(listed(router)).toEqual([[IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED, 120]]);
  });

  test("it ends when its time is up, and not before", () => {
    const router = new Router();
    router.send(there);
    router.wait(29_999);
    expect(router.send(back).skb.ctinfo).toBe(IP_CT.IP_CT_ESTABLISHED_REPLY);
    router.wait(30_000);
    expect(router.all()).toEqual([]);
    expect(router.kernel.conntrack.count()).toBe(0);
    expect(router.send(back).skb.ctinfo).toBe(IP_CT.IP_CT_NEW);
  });

  test("a long silence, longer than the wheel reaches", () => {
    const router = new Router();
    conversation(">S <SA >A", router);
    router.send(there);
    router.wait(431_000_000);
    expect(router.all()).toHaveLength(1);
    router.wait(1_000_000);
    expect(router.all()).toEqual([]);
  });

  test("a packet that the capture cut is not invalid for it", () => {
    const cut = there.slice(0, 30);
    expect(new Router().send(cut, 6).skb.ctinfo).toBe(IP_CT.IP_CT_NEW);
    expect(new Router().send(cut).skb.ctinfo).toBe(undefined);
  });
});

test("dropped before it is confirmed, a connection never was", () => {
  const router = new Router();
  const remove = router.kernel.hooks.register({
    pf: NFPROTO.NFPROTO_IPV4,
    hooknum: NF_INET.NF_INET_POST_ROUTING,
    priority: 0,
    mark: undefined,
    run: () => ({ verdict: NF_VERDICT.NF_DROP, mark: undefined }),
  });
  expect(router.send(udpPacket(CLIENT, SERVER, 7, 53)).skb.ctinfo).toBe(IP_CT.IP_CT_NEW);
  expect([router.all(), router.kernel.conntrack.count()]).toEqual([[], 0]);
  remove();
  router.send(udpPacket(CLIENT, SERVER, 7, 53));
  expect(router.kernel.conntrack.count()).toBe(1);
});

test("errors are related to the connection they are about, if they go to its sender", () => {
  const router = new Router();
  const there = udpPacket(CLIENT, SERVER, 7, 53);
  router.send(there);
  const error = (to: string, inner: Uint8Array, from = SERVER) =>
    router.send(icmpPacket(from, to, 3, 3, 0, inner)).skb.ctinfo;
  expect(error(CLIENT, there)).toBe(IP_CT.IP_CT_RELATED_REPLY);
  expect(error(CLIENT, there.subarray(0, 24), "10.0.2.99")).toBe(IP_CT.IP_CT_RELATED_REPLY);
  expect(error("10.0.1.3", there)).toBe(undefined);
  expect(error(CLIENT, there.subarray(0, 22))).toBe(undefined);
  expect(error(SERVER, udpPacket(SERVER, CLIENT, 53, 7), CLIENT)).toBe(IP_CT.IP_CT_RELATED);
  expect(error(CLIENT, icmpPacket(CLIENT, SERVER, 3, 3, 0, there))).toBe(undefined);
  const six = udpPacket(CLIENT_V6, SERVER_V6, 7, 53);
  router.send(six);
  const error6 = router.send(icmpPacket(SERVER_V6, CLIENT_V6, 1, 4, 0, six)).skb;
  expect(error6.ctinfo).toBe(IP_CT.IP_CT_RELATED_REPLY);
  // The connection's time does not change by it.
  expect(listed(router)).toEqual([
    [IPS_CONFIRMED, 30],
    [IPS_CONFIRMED, 30],
  ]);
});

test("a full table gives up what is not assured, or drops the newcomer", () => {
  const router = new Router();
  router.kernel.conntrack.settings.max = 3;
  conversation(">S <SA >A", router);
  const sent = Array.from({ length: 200 }, (_, port) => router.send(udpPacket(CLIENT, SERVER, port + 1, 53)));
  const verdicts = new Set(sent.map(({ outcome }) => outcome.verdict));
  // Only near where the newcomer would go is a victim looked for.
  expect(verdicts).toEqual(new Set(["accept", "drop"]));
  expect(router.kernel.conntrack.count()).toBe(3);
  expect(router.all().filter(({ tcpState }) => tcpState !== undefined)).toHaveLength(1);
});

test("zones keep equal tuples apart", () => {
  const router = new Router();
  let zone = 0;
  router.kernel.hooks.register({
    pf: NFPROTO.NFPROTO_IPV4,
    hooknum: NF_INET.NF_INET_PRE_ROUTING,
    priority: -300,
    mark: undefined,
    run: (skb) => {
      skb.zone = zone;
      return { verdict: NF_VERDICT.NF_ACCEPT, mark: undefined };
    },
  });
  for (zone of [0, 5, 0]) router.send(echoPacket(CLIENT, SERVER, 1));
  expect(router.all().map((each) => [each.zone, each.packets(0)])).toEqual([
    [0, 2],
    [5, 1],
  ]);
});

test("thousands come and go, and their places are used again", () => {
  const router = new Router();
  const { conntrack } = router.kernel;
  for (let round = 0; round < 3; round++) {
    for (let port = 1; port <= 3000; port++) router.send(udpPacket(CLIENT, SERVER, port, 53));
    expect(conntrack.count()).toBe(3000);
    const found = conntrack.lookup(router.all()[1234]!.tuple(1));
    expect(found).toBe(router.all()[1234]);
    router.wait(31_000);
    expect(conntrack.count()).toBe(0);
  }
});
