/** Internet checksums of packets, computed as kernel/skb-checksum.ts does, and what the device is left to add. */

import { IPPROTO } from "../uapi/in.ts";
import { CHECKSUM } from "../uapi/skbuff.ts";
import { ipv4 } from "../wire/ipv4.ts";
import { ipv6 } from "../wire/ipv6.ts";
import { tcp } from "../wire/tcp.ts";
import { udp } from "../wire/udp.ts";
import { type Int, int, type Packet } from "./abstract.ts";
import { Join } from "./control.ts";
import type { Operand, Value } from "./ir.ts";
import type { Specializer } from "./specializer.ts";

/** Bytes that one round of the loop adds. */
const ROUND = 32;

const halves = (s: Specializer, word: Operand): Operand =>
  s.binary("add", s.binary("and", word, 0xffff_ffffn), s.binary("rsh", word, 32n));

/**
 * The sum of the 16-bit words of a range as this machine reads them, unfolded: a sum of 32-bit words, which folds to
 * the same. An odd byte at the end counts as if a zero followed.
 */
export function sumOf(s: Specializer, base: Value, offset: Operand, length: Operand): Operand {
  const start = s.address(base, offset);
  const sum = s.newVariable("sum", int(0n));
  const add = (word: Operand): void =>
    void s.cells.set(sum, int(s.binary("add", (s.cells.get(sum) as Int).value, halves(s, word))));
  const few = new Join();
  s.count("sum", 0n, (at, next) =>
    s.fork(
      "jsgt",
      s.binary("add", at, BigInt(ROUND)),
      length,
      () => s.goto(few, [int(at)]),
      () => {
        const from = s.address(start, at);
        for (let i = 0; i < ROUND; i += 8) add(s.load(8, from, i));
        next(s.binary("add", at, BigInt(ROUND)));
      },
    ),
  );
  const last = new Join();
  const [rounds] = s.land(few);
  if (s.block === undefined) return 0n;
  s.count("sum end", (rounds as Int).value, (at, next) =>
    s.fork(
      "jsgt",
      s.binary("add", at, 8n),
      length,
      () => s.goto(last, [int(at)]),
      () => {
        add(s.load(8, s.address(start, at), 0));
        next(s.binary("add", at, 8n));
      },
    ),
  );
  const [end] = s.land(last);
  if (s.block === undefined) return 0n;
  const at = (end as Int).value;
  const done = new Join();
  const rest = s.binary("sub", length, at);
  s.fork(
    "jsle",
    rest,
    0n,
    () => s.goto(done),
    () => {
      const bits = s.binary("lsh", rest, 3n);
      const mask = s.binary("sub", s.binary("lsh", 1n, bits), 1n);
      add(s.binary("and", s.load(8, s.address(start, at), 0), mask));
      s.goto(done);
    },
  );
  s.land(done);
  return (s.cells.get(sum) as Int).value;
}

/** A sum of 32-bit words as 16 bits. */
export function foldSum(s: Specializer, sum: Operand): Operand {
  let word = halves(s, halves(s, sum));
  for (let i = 0; i < 3; i++)
    word = s.binary("add", s.binary("and", word, 0xffffn), s.binary("rsh", word, 16n));
  return s.binary("and", word, 0xffffn);
}

/** `skb:checksum()` */
export function updateChecksums(s: Specializer, packet: Packet): void {
  s.requireWriting("the checksum of the packet");
  if (packet.of === "own") s.makeWritable();
  if (s.block === undefined) return;
  const { base, limit, length } = s.windowOf(packet);
  const done = new Join();
  /** Gives whether there is a way on. */
  const unless = (comparison: "jgt" | "jlt", left: Operand, right: Operand): boolean => {
    const rest = new Join();
    s.fork(
      comparison,
      left,
      right,
      () => s.goto(done),
      () => s.goto(rest),
    );
    s.land(rest);
    return s.block !== undefined;
  };
  if (limit !== length) {
    const reached = new Join();
    s.fork(
      "jgt",
      length,
      limit,
      () => s.punt("bytes further back than the program has room for"),
      () => s.goto(reached),
    );
    s.land(reached);
  }
  const put = (offset: Operand, word: Operand): void => s.putWord(packet.of, 0n, offset, 2, word);
  /** TCP or UDP from `start` to `end`; its pseudo header has the addresses at `addresses`. */
  const transport = (start: Operand, end: Operand, protocol: Operand, addresses: [number, number]): void => {
    const size = s.binary("sub", end, start);
    const known = [
      [IPPROTO.IPPROTO_TCP, tcp.size, tcp.offsets.checksum],
      [IPPROTO.IPPROTO_UDP, udp.size, udp.offsets.checksum],
    ] as const;
    const step = (i: number): void => {
      const row = known[i];
      if (row === undefined) {
        s.goto(done);
        return;
      }
      const [number, header, field] = row;
      const isIt = (): void => {
        if (!unless("jgt", s.binary("add", start, BigInt(header)), end)) return;
        let pseudo = s.binary("add", s.binary("lsh", protocol, 8n), s.swap(16, size));
        for (let at = addresses[0]; at < addresses[1]; at += 8)
          pseudo = s.binary("add", pseudo, halves(s, s.load(8, base, at)));
        const at = s.binary("add", start, BigInt(field));
        const whole = (): void => {
          const present = s.load(2, s.address(base, at), 0);
          const sum = s.binary("add", pseudo, sumOf(s, base, start, size));
          if (s.block === undefined) return;
          // Taken out again where it stands in its 32-bit word.
          const rest = s.binary("sub", sum, s.binary("lsh", present, BigInt((field % 4) * 8)));
          const word = s.binary("xor", foldSum(s, rest), 0xffffn);
          if (number === IPPROTO.IPPROTO_TCP) put(at, word);
          else {
            // 0 would mean that there is none.
            const right = new Join();
            s.fork(
              "jeq",
              word,
              0n,
              () => s.goto(right, [int(0xffffn)]),
              () => s.goto(right, [int(word)]),
            );
            put(at, (s.land(right)[0] as Int).value);
          }
          s.goto(done);
        };
        byDevice(s, start, whole, () => {
          put(at, foldSum(s, pseudo));
          s.goto(done);
        });
      };
      s.fork("jeq", protocol, BigInt(number), isIt, () => step(i + 1));
    };
    step(0);
  };
  s.byVersion(
    () => {
      if (!unless("jlt", length, BigInt(ipv4.size))) return;
      const header = s.binary("lsh", s.binary("and", s.load(1, base, 0), 15n), 2n);
      if (!unless("jlt", header, BigInt(ipv4.size))) return;
      if (!unless("jgt", header, length)) return;
      const { checksum, totalLength, protocol, saddr } = ipv4.offsets;
      const sum = sumOf(s, base, 0n, header);
      if (s.block === undefined) return;
      const present = s.binary("lsh", s.load(2, base, checksum), BigInt((checksum % 4) * 8));
      put(BigInt(checksum), s.binary("xor", foldSum(s, s.binary("sub", sum, present)), 0xffffn));
      if (s.block === undefined) return;
      const end = s.swap(16, s.load(2, base, totalLength));
      if (!unless("jgt", end, length)) return;
      if (!unless("jlt", end, header)) return;
      transport(header, end, s.load(1, base, protocol), [saddr, saddr + 8]);
    },
    () => {
      if (!unless("jlt", length, BigInt(ipv6.size))) return;
      const { payloadLength, nextHeader, saddr } = ipv6.offsets;
      const end = s.binary("add", s.swap(16, s.load(2, base, payloadLength)), BigInt(ipv6.size));
      if (!unless("jgt", end, length)) return;
      transport(BigInt(ipv6.size), end, s.load(1, base, nextHeader), [saddr, saddr + 32]);
    },
    () => s.goto(done),
  );
  s.land(done);
}

/** Two ways by whether the device adds up what begins at `start` (from the network header). */
export function byDevice(s: Specializer, start: Operand, whole: () => void, byIt: () => void): void {
  const { ip_summed, csum_start, network_header } = s.layout.sk_buff;
  const how = s.binary(
    "and",
    s.binary("rsh", s.load(1, s.skb, ip_summed.offset), BigInt(ip_summed.shift)),
    3n,
  );
  const other = new Join();
  const partial = new Join();
  s.fork(
    "jeq",
    how,
    BigInt(CHECKSUM.CHECKSUM_PARTIAL),
    () => {
      const own = s.binary("add", s.load(2, s.skb, network_header), start);
      s.fork(
        "jeq",
        own,
        s.load(2, s.skb, csum_start),
        () => s.goto(partial),
        () => s.goto(other),
      );
    },
    () => s.goto(other),
  );
  s.land(partial);
  if (s.block !== undefined) byIt();
  s.land(other);
  if (s.block !== undefined) whole();
}
