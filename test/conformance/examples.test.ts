/**
 * The examples on the simulated path, over captures of real traffic. What is expected is told from what is in a
 * capture, not from numbers that a new capture would change, except for dns.pcap, whose packets always come in pairs.
 */
import { expect, test } from "vitest";
import { randomOf } from "../../src/wire/testing.ts";
import {
  ACK,
  dropped,
  FIN,
  type Frame,
  frameOf,
  RST,
  readCapture,
  runExample,
  SECOND,
  type Seen,
  SYN,
  see,
  segmentOf,
} from "./run-example.ts";

const CLIENT = ["10.77.0.1", "fd77::1", "10.77.0.3", "fd77:1::1"];
const SERVER = ["10.77.0.2", "fd77::2"];

test("dnsblock drops the listed names and what is under them, and nothing that only looks like them", async () => {
  const ran = await runExample("dnsblock", readCapture("dns"), { local: CLIENT });
  expect(dropped(ran)).toEqual([3, 5, 7, 9, 11, 25, 29, 31]);
  expect(ran.log).toEqual([
    "dnsblock: blocked ads.example.com",
    "dnsblock: blocked ads.example.com",
    "dnsblock: blocked tracker.example.net",
    "dnsblock: blocked cdn.eu.ads.example.com",
    "dnsblock: blocked ads.example.com",
    "dnsblock: blocked x.tracker.example.net",
    "dnsblock: blocked ads.example.com",
    "dnsblock: blocked www.ads.example.com",
  ]);
});

test("dnsdoctor changes four bytes of each answer about a listed name, and its checksum", async () => {
  const frames = readCapture("dns");
  const ran = await runExample("dnsdoctor", frames, { local: CLIENT });
  expect(ran.log).toEqual([
    "dnsdoctor: www.doctor.example is now 192.0.2.99",
    "dnsdoctor: www.doctor.example is now 192.0.2.99",
    "dnsdoctor: edge.cdn.example is now 192.0.2.98",
    "dnsdoctor: www.doctor.example is now 192.0.2.99",
    "dnsdoctor: edge.cdn.example is now 192.0.2.98",
  ]);
  const before = frames.map(see);
  expect(before.every(({ checksumsRight }) => checksumsRight)).toBe(true);
  expect(ran.left).toHaveLength(before.length);
  const changes = ran.left.map(see).flatMap((now, i) => {
    expect(now.checksumsRight).toBe(true);
    const bytes = changesBetween(before[i]!.payload, now.payload);
    return bytes.length === 0 ? [] : [[i + 1, ...bytes]];
  });
  // The records end where the EDNS record of 11 bytes begins: 4 bytes of address before it.
  const at = (n: number) => before[n - 1]!.payload.length - 15;
  const www = (n: number) => [n, change(at(n), "198.51.100.1", "192.0.2.99")];
  const shop = (n: number) => [n, change(at(n), "198.51.100.2", "192.0.2.98")];
  expect(changes).toEqual([www(36), www(38), shop(40), www(48), shop(50)]);
});

const change = (at: number, before: string, now: string) => ({ at, before, now });

/** Where two equally long messages differ, four bytes at a time. */
function changesBetween(before: Uint8Array, now: Uint8Array) {
  expect(now).toHaveLength(before.length);
  const changes = [];
  for (let i = 0; i < before.length; i++) {
    if (before[i] === now[i]) continue;
    changes.push(change(i, before.subarray(i, i + 4).join("."), now.subarray(i, i + 4).join(".")));
    i += 3;
  }
  return changes;
}

/** The client's segments of each connection to a port, in the order in which the connections begin. */
function connectionsTo(port: number, frames: readonly Frame[]): (Seen & { n: number })[][] {
  const connections = new Map<string, (Seen & { n: number })[]>();
  for (const [i, frame] of frames.entries()) {
    const seen = { ...see(frame), n: i + 1 };
    if (seen.dport !== port) continue;
    const key = `${seen.from} ${seen.sport}`;
    if (!connections.has(key)) connections.set(key, []);
    connections.get(key)!.push(seen);
  }
  return [...connections.values()];
}

test("sniblock cuts connections to listed names from the segment on that completes the ClientHello", async () => {
  const frames = readCapture("tls");
  const ran = await runExample("sniblock", frames, { local: CLIENT });
  expect(ran.log).toEqual([
    "sniblock: cut blocked.example.com",
    "sniblock: cut www.blocked.example.com",
    "sniblock: cut tracker.example.net",
    "sniblock: cut blocked.example.com",
  ]);
  const gone = new Set(dropped(ran));
  const whole = (name: string, cut: boolean) => ({ name, pieces: 1, cut });
  const found = connectionsTo(443, frames).map((connection) => {
    const data = connection.filter(({ payload }) => payload.length > 0);
    const hello = Buffer.concat(data.map(({ payload }) => payload));
    let end = 5 + hello.readUInt16BE(3);
    let pieces = 0;
    while (end > 0 && pieces < data.length) end -= data[pieces++]!.payload.length;
    const last = data[pieces - 1]!;
    const cut = gone.has(last.n);
    // Everything before the last piece passes; with it, all or nothing.
    for (const { n } of connection) expect(gone.has(n)).toBe(cut && n >= last.n);
    return { name: /[a-z.]+\.example\.[a-z]{3}/i.exec(hello.toString("latin1"))?.[0], pieces, cut };
  });
  expect(found).toEqual([
    whole("www.example.org", false),
    whole("blocked.example.com", true),
    whole("www.Blocked.Example.com", true),
    whole("unblocked.example.com", false),
    { name: undefined, pieces: 1, cut: false },
    whole("tracker.example.net", true),
    whole("www.example.net", false),
    { name: "blocked.example.com", pieces: 3, cut: true },
    { name: "www.example.org", pieces: 3, cut: false },
    { name: undefined, pieces: 1, cut: false },
  ]);
});

/** The ClientHello for blocked.example.com as openssl sent it. */
const HELLO = connectionsTo(443, readCapture("tls"))[1]!.find(({ payload }) => payload.length > 0)!.payload;

const toServer = { from: "10.77.0.1", to: "10.77.0.2", sport: 40000, dport: 443 };
const syn = segmentOf({ ...toServer, seq: 999, flags: SYN });
const data = (from: number, to = HELLO.length, sport = 40000) =>
  segmentOf({ ...toServer, sport, seq: 1000 + from, payload: HELLO.subarray(from, to) });

test("sniblock: a ClientHello in two segments, cut anywhere, in any order, sent again", async () => {
  const anywhere = [...HELLO.keys()].slice(1).flatMap((at) => {
    const begin = segmentOf({ ...toServer, sport: at, seq: 999, flags: SYN });
    return [
      begin,
      data(0, at, at),
      data(0, at, at),
      data(at, undefined, at),
      data(at, undefined, at),
      data(0, undefined, at),
    ];
  });
  expect(dropped(await runExample("sniblock", anywhere, { local: CLIENT }))).toEqual(
    anywhere.flatMap((_, i) => (i % 6 >= 3 ? [i + 1] : [])),
  );
  for (const at of [1, 5, 100, HELLO.length - 1]) {
    // The second half first: nobody knows yet, so TCP has to send it again.
    const swapped = [syn, data(at), data(0, at), data(at)];
    expect(dropped(await runExample("sniblock", swapped, { local: CLIENT }))).toEqual([2, 4]);
    const overlapping = [syn, data(0, at), data(0)];
    expect(dropped(await runExample("sniblock", overlapping, { local: CLIENT }))).toEqual([3]);
  }
  // Sequence numbers start again at 0.
  const late = { ...toServer, seq: 2 ** 32 - 50 };
  const wrapped = [
    segmentOf({ ...late, seq: late.seq - 1, flags: SYN }),
    segmentOf({ ...late, payload: HELLO.subarray(0, 100) }),
    segmentOf({ ...late, seq: 50, payload: HELLO.subarray(100) }),
  ];
  expect(dropped(await runExample("sniblock", wrapped, { local: CLIENT }))).toEqual([3]);
});

test("sniblock: a ClientHello spread over TLS records, and one whose connection it did not see begin", async () => {
  const record = (bytes: Uint8Array) => [22, 3, 1, bytes.length >> 8, bytes.length & 255, ...bytes];
  const handshake = HELLO.subarray(5);
  const payload = [1, 2, 100, handshake.length].flatMap((end, i, ends) =>
    record(handshake.subarray(ends[i - 1] ?? 0, end)),
  );
  const spread = [syn, segmentOf({ ...toServer, seq: 1000, payload })];
  expect(dropped(await runExample("sniblock", spread, { local: CLIENT }))).toEqual([2]);
  expect(dropped(await runExample("sniblock", [data(0)], { local: CLIENT }))).toEqual([1]);
  const serverHello = segmentOf({ ...toServer, seq: 1000, payload: HELLO.with(5, 2) });
  expect(dropped(await runExample("sniblock", [syn, serverHello], { local: CLIENT }))).toEqual([]);
  const forwarded = await runExample("sniblock", [syn, data(0)], { local: [] });
  expect(forwarded.packets.map(({ path, verdict }) => `${path} ${verdict}`)).toEqual([
    "forward accept",
    "forward drop",
  ]);
});

test("sniblock forgets the oldest of very many connections, and a whole ClientHello is found all the same", async () => {
  const others = Array.from({ length: 2049 }, (_, i) =>
    segmentOf({ ...toServer, sport: 1000 + i, seq: 1, flags: SYN }),
  );
  const few = await runExample("sniblock", [syn, data(0), ...others.slice(0, 1000), data(10)], {
    local: CLIENT,
  });
  expect(dropped(few)).toEqual([2, 1003]);
  const many = await runExample("sniblock", [syn, data(0), ...others, data(10), data(0)], { local: CLIENT });
  expect(dropped(many)).toEqual([2, 2053]);
});

test("tcpreject answers each packet to a refused port with the reset that TCP itself would send", async () => {
  const frames = readCapture("tcp");
  const ran = await runExample("reject-port", frames, { local: SERVER });
  const refused = frames.map(see).filter(({ dport }) => dport === 80);
  expect(refused.map(({ from }) => from)).toEqual(expect.arrayContaining(["10.77.0.1", "fd77::1"]));
  expect(ran.packets.filter(({ verdict }) => verdict === "drop").map(({ mark }) => mark)).toEqual(
    refused.map(() => 0x52),
  );
  expect(dropped(ran)).toEqual(frames.flatMap((frame, i) => (see(frame).dport === 80 ? [i + 1] : [])));
  expect(ran.log).toEqual(refused.map(() => "tcpreject: refused port 80"));
  const resets = ran.left.map(see).filter(({ flags }) => flags & RST);
  expect(resets).toHaveLength(refused.length);
  for (const [
    i,
    { flags, seq, ack, from, to, sport, dport, frame, packet, checksumsRight },
  ] of resets.entries()) {
    const asked = refused[i]!;
    expect({ from, to, sport, dport }).toEqual({
      from: asked.to,
      to: asked.from,
      sport: 80,
      dport: asked.sport,
    });
    expect(asked.flags & ACK ? { flags, seq, ack } : { flags, seq, ack, opens: asked.flags }).toEqual(
      asked.flags & ACK
        ? { flags: RST, seq: asked.ack, ack: 0 }
        : { flags: RST | ACK, seq: 0, ack: asked.seq + 1, opens: SYN },
    );
    expect(checksumsRight).toBe(true);
    expect(packet).toHaveLength(asked.from.includes(":") ? 60 : 40);
    const swapped = [...asked.frame.subarray(6, 12), ...asked.frame.subarray(0, 6)];
    expect([...frame.subarray(0, 12)]).toEqual(swapped);
  }
});

test("tcpreject alone refuses what carries the mark, and answers no reset with a reset", async () => {
  const marked = {
    'netfilter = require("netfilter")': `netfilter = require("netfilter")
     netfilter.register{ pf = 1, hooknum = 0, priority = -300, hook = function() return 1, 0x52 end }`,
  };
  const to80 = { from: "10.77.0.1", to: "10.77.0.2", sport: 5, dport: 80, seq: 7, ack: 9 };
  const frames = [
    segmentOf({ ...to80, flags: RST }),
    segmentOf({ ...to80, flags: FIN, payload: [1, 2, 3] }),
    segmentOf({ ...to80, seq: 2 ** 32 - 1, flags: SYN }),
    frameOf(to80),
  ];
  expect((await runExample("tcpreject", frames, { local: SERVER })).log).toEqual([]);
  const ran = await runExample("tcpreject", frames, { local: SERVER, change: marked });
  expect(dropped(ran)).toEqual([1, 2, 3]);
  const answers = ran.left.map(see).filter(({ dport }) => dport === 5);
  expect(answers.map(({ flags, seq, ack }) => ({ flags, seq, ack }))).toEqual([
    { flags: RST | ACK, seq: 0, ack: 7 + 3 + 1 },
    { flags: RST | ACK, seq: 0, ack: 0 },
  ]);
});

test("ratelimit lets a burst pass, then as much as the bucket fills, for each source apart", async () => {
  const frames = readCapture("flood");
  const ran = await runExample("ratelimit", frames, { local: SERVER });
  const seen = frames.map(see);
  // A bucket of our own, in tokens and microseconds.
  const buckets = new Map<string, { tokens: number; at: bigint }>();
  const expected = seen.map(({ from, ns }) => {
    const source = from.includes(":") ? from.replace(/::.*/, "") : from;
    const { tokens, at } = buckets.get(source) ?? { tokens: 20, at: ns };
    const now = Math.min(20, tokens + Number(ns - at) / 1e8);
    buckets.set(source, { tokens: now >= 1 ? now - 1 : now, at: ns });
    return now >= 1 ? "accept" : "drop";
  });
  expect(ran.packets.map(({ verdict }) => verdict)).toEqual(expected);
  const of = (source: string) => expected.filter((_, i) => seen[i]!.from === source).join(" ");
  expect(of("10.77.0.1")).toMatch(/^(accept ){20}.*drop.*accept/);
  expect(of("fd77::1")).toMatch(/^(accept ){20}.*drop/);
  for (const quiet of ["10.77.0.3", "fd77:1::1"]) expect(of(quiet)).toBe("accept accept accept");
  expect(new Set(ran.log)).toEqual(
    new Set(["10.77.0.1", "fd77:0:0:0::/64"].map((each) => `ratelimit: too many packets from ${each}`)),
  );
  expect(ran.log.length).toBeLessThan(dropped(ran).length);
});

test("ratelimit: hosts of one IPv6 network share a bucket, and a long silence fills it only to the brim", async () => {
  const from = (host: number, ns = 0n) => frameOf({ from: `2001:db8::${host}`, to: "fd77::2" }, ns);
  const hosts = Array.from({ length: 22 }, (_, i) => from(i + 1));
  expect(dropped(await runExample("ratelimit", hosts, { local: SERVER }))).toEqual([21, 22]);
  const later = Array.from({ length: 22 }, () => from(1, 3600n * SECOND));
  expect(dropped(await runExample("ratelimit", [from(1), ...later], { local: SERVER }))).toEqual([22, 23]);
});

test("ratelimit remembers a bounded number of sources", async () => {
  const from = (source: number, count: number) =>
    Array.from({ length: count }, () =>
      frameOf({ from: `10.1.${source >> 8}.${source & 255}`, to: "10.77.0.2" }),
    );
  const others = (count: number) => Array.from({ length: count }, (_, i) => from(i + 2, 1)[0]!);
  const few = [...from(1, 21), ...others(4096), ...from(1, 1)];
  expect(dropped(await runExample("ratelimit", few, { local: SERVER }))).toEqual([21, few.length]);
  const many = [...from(1, 21), ...others(2 * 4096), ...from(1, 1)];
  expect(dropped(await runExample("ratelimit", many, { local: SERVER }))).toEqual([21]);
});

test("portknock opens to who knocks in order and in time, and to nobody else", async () => {
  const frames = readCapture("knock");
  const ran = await runExample("portknock", frames, { local: SERVER });
  const gone = new Set(dropped(ran));
  const attempts = frames.map(see).flatMap(({ from, dport, flags }, i) => {
    const passes = !gone.has(i + 1);
    if ((flags & (SYN | ACK)) === SYN) return [`${from} ${dport} ${passes ? "passes" : "dropped"}`];
    expect(passes, "only attempts are looked at").toBe(true);
    return [];
  });
  const knocks = (from: string, ...ports: number[]) => ports.map((port) => `${from} ${port} dropped`);
  expect(attempts).toEqual([
    "10.77.0.3 22 dropped",
    ...knocks("10.77.0.1", 7000, 8000, 9000),
    "10.77.0.1 22 passes",
    "10.77.0.3 22 dropped",
    ...knocks("10.77.0.3", 7000, 9000, 8000),
    "10.77.0.3 22 dropped",
    ...knocks("10.77.0.3", 7000, 8000),
    "10.77.0.3 1234 passes",
    ...knocks("10.77.0.3", 9000),
    "10.77.0.3 22 dropped",
    ...knocks("10.77.0.3", 9000, 7000, 7000, 8000, 9000),
    "10.77.0.3 22 passes",
    "fd77::1 22 dropped",
    ...knocks("fd77::1", 7000, 8000, 9000),
    "fd77::1 22 passes",
    "10.77.0.1 22 dropped",
    ...knocks("10.77.0.1", 7000, 8000, 9000),
    "10.77.0.1 22 dropped",
  ]);
  expect(ran.log.filter((line) => line.includes("open"))).toEqual(
    ["10.77.0.1", "10.77.0.3", "fd77:0:0:0:0:0:0:1"].map((source) => `portknock: open for ${source}`),
  );
});

test("portknock: the last moments, and a bounded number of visitors", async () => {
  const at = (port: number, ns: bigint, from = "10.9.9.9") =>
    segmentOf({ from, to: "10.77.0.2", sport: 5, dport: port, seq: 1, flags: SYN }, ns);
  const knocks = [at(7000, 0n), at(8000, 1n), at(9000, 5n * SECOND)];
  const opens = async (...frames: Frame[]) => {
    const ran = await runExample("portknock", frames, { local: SERVER });
    return ran.packets.at(-1)!.verdict === "accept";
  };
  expect(await opens(...knocks, at(22, 10n * SECOND - 1000n))).toBe(true);
  expect(await opens(...knocks, at(22, 10n * SECOND))).toBe(false);
  expect(await opens(...knocks.slice(0, 2), at(9000, 5n * SECOND + 1000n), at(22, 5n * SECOND + 2000n))).toBe(
    false,
  );
  expect(await opens(at(7000, 0n), at(8000, 1n), at(8000, 2n), at(9000, 3n), at(22, 4n))).toBe(true);
  const others = Array.from({ length: 2048 }, (_, i) => at(7000, 5n * SECOND, `10.8.${i >> 8}.${i & 255}`));
  expect(await opens(...knocks, ...others.slice(0, 1000), at(22, 6n * SECOND))).toBe(true);
  expect(await opens(...knocks, ...others, at(22, 6n * SECOND))).toBe(false);
});

const EXAMPLES = ["dnsblock", "dnsdoctor", "sniblock", "reject-port", "ratelimit", "portknock"];

test.each(EXAMPLES)("%s: cut, shortened and damaged packets raise no error", async (name) => {
  const random = randomOf(name.length);
  const frames = ["dns", "tls", "tcp", "knock", "flood"].flatMap(readCapture);
  const hurt = frames.flatMap((frame, i) => {
    const { bytes } = frame;
    // One packet in eight at each length, the others at some.
    const lengths =
      i % 8 === 0 ? [...bytes.keys()].slice(0, 400) : [0, 1, 2].map(() => random() % bytes.length);
    const cut = lengths.map((length) => ({
      ...frame,
      bytes: bytes.subarray(0, length),
      missingBytes: bytes.length - length,
    }));
    const shortened = lengths
      .filter((length) => length >= 34)
      .map((length) => ({ ...frame, bytes: shorten(bytes, length) }));
    const damaged = Array.from({ length: 8 }, () => {
      const copy = bytes.slice();
      for (let flips = 1 + (random() % 6); flips > 0; flips--)
        copy[14 + (random() % (bytes.length - 14))] = random();
      return { ...frame, bytes: fix(copy) };
    });
    return [frame, ...cut, ...shortened, ...damaged];
  });
  for (const local of [CLIENT, SERVER, []]) {
    const ran = await runExample(name, hurt, { local });
    expect(ran.errors).toBe(0);
    expect(
      ran.log.filter((line) => !line.startsWith(`${name}: `) && !line.startsWith("tcpreject: ")),
    ).toEqual([]);
    expect(ran.packets).toHaveLength(hurt.length);
  }
});

/** A frame that ends early and says so. */
function shorten(bytes: Uint8Array, length: number): Uint8Array {
  const copy = bytes.slice(0, length);
  const six = copy[14]! >> 4 === 6;
  const says = six ? Math.max(0, length - 54) : length - 14;
  copy[six ? 18 : 16] = says >> 8;
  copy[six ? 19 : 17] = says & 255;
  return fix(copy);
}

/** Makes the IPv4 header checksum right, without which a packet would not get far. */
function fix(bytes: Uint8Array): Uint8Array {
  if (bytes[14]! >> 4 !== 4) return bytes;
  let sum = 0;
  const end = Math.min(14 + (bytes[14]! & 15) * 4, bytes.length);
  bytes[24] = bytes[25] = 0;
  for (let i = 14; i < end; i += 2) sum = (sum + (bytes[i]! << 8) + (bytes[i + 1] ?? 0)) % 0xffff;
  bytes[24] = (0xffff - sum) >> 8;
  bytes[25] = (0xffff - sum) & 255;
  return bytes;
}
