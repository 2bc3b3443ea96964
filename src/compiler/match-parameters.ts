/**
 * The table `par` that a match is called with, as far as a program can know it. Where the transport header begins is
 * computed from the packet, as ip_tables and ip6_tables do for a rule that asks for a protocol.
 */

import { IPPROTO } from "../uapi/in.ts";
import { IPPROTO6 } from "../uapi/in6.ts";
import {
  type Abstract,
  FALSE,
  type GivenField,
  type Int,
  int,
  LocalObject,
  type LocalTable,
} from "./abstract.ts";
import { Join } from "./control.ts";
import type { Operand } from "./ir.ts";
import type { Specializer } from "./specializer.ts";

export function matchParameters(s: Specializer): LocalTable {
  const fixed = (name: string, read: () => Abstract): GivenField => ({
    read,
    assign: () => s.refuse(`a change of par.${name}`, "use a variable of your own"),
  });
  const given = new Map<string, GivenField>([
    [
      "hotdrop",
      {
        read: () => FALSE,
        assign: (value) => {
          if (value.kind !== "bool" || s.constantOf(value.value) !== 0n)
            s.refuse(
              "par.hotdrop, which a rule with the match bpf cannot hear of,",
              "return true, and let the rule drop the packet: -j DROP",
            );
        },
      },
    ],
    ["thoff", fixed("thoff", () => transportHeader(s)[0]!)],
    ["fragoff", fixed("fragoff", () => transportHeader(s)[1]!)],
    [
      "hooknum",
      fixed("hooknum", () =>
        s.refuse(
          "par.hooknum, which a rule with the match bpf does not say,",
          "put rules into the chains that shall ask, and leave the hook point out",
        ),
      ),
    ],
  ]);
  return { kind: "local", object: new LocalObject("par", {}, given) };
}

/** Without options and extensions. */
const IPV4_BYTES = 20n;
const IPV6_BYTES = 40n;
/** Where the headers have these fields. */
const IPV4_FRAGMENT = 6;
const IPV6_NEXT = 6;
/** Hop-by-hop options, routing, destination options: their length in eights, without the first. */
const IN_EIGHTS: readonly bigint[] = [
  BigInt(IPPROTO6.IPPROTO_HOPOPTS),
  BigInt(IPPROTO6.IPPROTO_ROUTING),
  BigInt(IPPROTO6.IPPROTO_DSTOPTS),
];
const FRAGMENT = BigInt(IPPROTO6.IPPROTO_FRAGMENT);
/** Its length in fours, without the first two. */
const AUTHENTICATION = BigInt(IPPROTO.IPPROTO_AH);
/** Extension headers that are looked through; no more than one packet in good order has. */
const MOST_EXTENSIONS = 8;

/** `thoff` and `fragoff`; both 0 where there is none, as of a packet that ends before it. */
function transportHeader(s: Specializer): readonly Abstract[] {
  const found = new Join();
  const { base, limit } = s.packet;
  const byte = (at: Operand, more = 0): Operand => s.loadAt(1, base, at, more);
  const is = (word: Operand, values: readonly bigint[], then: () => void, otherwise: () => void): void => {
    const [value, ...rest] = values;
    if (value === undefined) otherwise();
    else s.fork("jeq", word, value, then, () => is(word, rest, then, otherwise));
  };
  const give = (thoff: Operand, fragoff: Operand = 0n): void => s.goto(found, [int(thoff), int(fragoff)]);
  const within = (end: Operand, then: () => void): void => s.fork("jgt", end, limit, () => give(0n), then);
  const number16 = (at: Operand, more: number): Operand => s.swap(16, s.loadAt(2, base, at, more));

  /** Goes on to `next` behind an extension header, with the type of what follows and where it is. */
  const extension = (header: Operand, at: Operand, next: Join): void => {
    const skip = (bytes: Operand): void => s.goto(next, [int(byte(at)), int(s.binary("add", at, bytes))]);
    const whole = (then: () => void) => () => within(s.binary("add", at, 8n), then);
    const fragment = whole(() => {
      const offset = s.binary("and", number16(at, 2), 0xfff8n);
      s.fork(
        "jne",
        offset,
        0n,
        () => give(0n, offset),
        () => skip(8n),
      );
    });
    const authentication = whole(() => skip(s.binary("lsh", s.binary("add", byte(at, 1), 2n), 2n)));
    const inEights = new Join();
    const others = (): void =>
      is(header, [FRAGMENT], fragment, () => is(header, [AUTHENTICATION], authentication, () => give(at)));
    is(header, IN_EIGHTS, () => s.goto(inEights), others);
    s.land(inEights);
    if (s.block !== undefined) whole(() => skip(s.binary("lsh", s.binary("add", byte(at, 1), 1n), 3n)))();
  };
  const extensions = (): void => {
    let header: Operand = byte(0n, IPV6_NEXT);
    let at: Operand = IPV6_BYTES;
    for (let i = 0; i < MOST_EXTENSIONS; i++) {
      const next = new Join();
      extension(header, at, next);
      [header, at] = (s.land(next) as readonly Int[]).map(({ value }) => value) as [Operand, Operand];
    }
    is(
      header,
      [...IN_EIGHTS, FRAGMENT, AUTHENTICATION],
      () => give(0n),
      () => give(at),
    );
  };

  within(IPV4_BYTES, () => {
    const first = byte(0n);
    const version = s.binary("rsh", first, 4n);
    s.fork(
      "jeq",
      version,
      4n,
      () =>
        give(
          s.binary("lsh", s.binary("and", first, 0xfn), 2n),
          s.binary("and", number16(0n, IPV4_FRAGMENT), 0x1fffn),
        ),
      () =>
        s.fork(
          "jeq",
          version,
          6n,
          () => within(IPV6_BYTES, extensions),
          () => give(0n),
        ),
    );
  });
  return s.land(found) as readonly Int[];
}
