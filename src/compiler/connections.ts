/**
 * What a hook reads of its packet's connection: `conntrack.get`, the methods of class `ct`, `skb:connmark`.
 *
 *     skb->_nfct   the address of `struct nf_conn`, with how the packet relates to it (IP_CT_*) in the low 3 bits
 *     nf_conn.ext  one block of memory for what only some connections have; a byte for each kind says where, 0 for not there
 *
 * The packet holds its connection, so that its memory stays for as long as the hook runs. It is read with casts, which
 * the kernel makes safe, at places that the layout knows (connection-layout.ts).
 */

import { BPF_FUNC } from "../uapi/bpf.ts";
import { IPPROTO } from "../uapi/in.ts";
import { IPPROTO6 } from "../uapi/in6.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import { IP_CT, IPS } from "../uapi/nf-conntrack-common.ts";
import {
  type Abstract,
  Cell,
  type Connection,
  type GivenField,
  type Int,
  int,
  LocalObject,
  NIL,
  type Slice,
  text,
} from "./abstract.ts";
import { argumentFails, integerArgument } from "./arguments.ts";
import { CONNECTION_PLACES, type ConnectionFact } from "./connection-layout.ts";
import { Join } from "./control.ts";
import type { Intrinsic } from "./intrinsics.ts";
import { type Operand, type Range, Value } from "./ir.ts";
import type { Specializer } from "./specializer.ts";
import { FORMS } from "./target.ts";

const INFO_BITS = 7n;
const ADDRESS_BITS = -8n;
const IPV6_BYTES = 16n;
const LABEL_BYTES = 16;
/** NF_CT_HELPER_NAME_LEN: with the zero behind it. */
const MOST_HELPER_NAME = 16;
const MILLISECONDS = 1000n;

const ICMP = BigInt(IPPROTO.IPPROTO_ICMP);
const ICMPV6 = BigInt(IPPROTO6.IPPROTO_ICMPV6);

/** A place, size or number of this kernel's. */
function fact(s: Specializer, name: ConnectionFact): number {
  const known = s.layout.connection[name];
  if (known !== undefined) return known;
  const [structure = "nf_ct_ext_id", member = name] =
    name in CONNECTION_PLACES ? CONNECTION_PLACES[name as keyof typeof CONNECTION_PLACES] : [];
  return s.refuse(
    `what is kept of connections in ${structure}.${member}, which this kernel does not have,`,
    "run it with --on nfqueue",
  );
}

/** Memory of the kernel that an address in other memory leads to. */
const follow = (s: Specializer, address: Operand): Value =>
  s.kfunc("bpf_rdonly_cast", [address, 0n], "pointer");

/** Goes one of two ways; `when` and `otherwise` say what comes of it. */
function choose(
  s: Specializer,
  [comparison, left, right]: readonly ["jeq" | "jset", Operand, Operand],
  when: () => readonly Abstract[],
  otherwise: () => readonly Abstract[],
): readonly Abstract[] {
  const rest = new Join();
  const side = (go: () => readonly Abstract[]) => () => s.goto(rest, go());
  s.fork(comparison, left, right, side(when), side(otherwise));
  return s.land(rest);
}

// ---- from the packet

/** What comes of the packet's connection, and of how the packet relates to it; `none` gets the relation alone. */
function withConnection(
  s: Specializer,
  args: readonly Abstract[],
  name: string,
  some: (ct: Connection, info: Operand) => readonly Abstract[],
  none: (info: Operand) => readonly Abstract[],
): readonly Abstract[] {
  const rest = new Join();
  s.cases(args[0] ?? NIL, (single) => {
    if (single.kind !== "skb") {
      argumentFails(s, 1, name, "invalid object");
      return;
    }
    if (single.of === "copy") s.refuse("the connection of a copy", "ask for that of the packet itself");
    if (s.form === FORMS.tcx && s.place.isIngress)
      s.refuse(
        "the connection of a packet that comes in at a device, where it is not tracked yet,",
        "leave --attach out",
      );
    const word = s.load(8, s.skb, s.layout.sk_buff._nfct);
    const info = s.binary("and", word, INFO_BITS);
    const address = s.binary("and", word, ADDRESS_BITS);
    const found = (): readonly Abstract[] => {
      const base = follow(s, address);
      const status = s.load(8, base, fact(s, "status"));
      // What rules prepare for packets that are tracked later is none yet.
      return choose(
        s,
        ["jset", status, BigInt(IPS.IPS_TEMPLATE)],
        () => none(0n),
        () => some({ kind: "connection", base }, info),
      );
    };
    s.goto(
      rest,
      choose(s, ["jeq", address, 0n], () => none(info), found),
    );
  });
  return s.land(rest);
}

const get: Intrinsic = (s, args, name) =>
  withConnection(
    s,
    args,
    name,
    (ct, info) => [ct, int(info)],
    (info) => {
      const untracked = BigInt(IP_CT.IP_CT_UNTRACKED);
      return choose(
        s,
        ["jeq", info, untracked],
        () => [NIL, int(untracked)],
        () => [NIL, NIL],
      );
    },
  );

const connmark: Intrinsic = (s, args, name) => {
  refuseMark(s, args);
  return withConnection(
    s,
    args,
    name,
    ({ base }) => [int(s.load(4, base, fact(s, "mark")))],
    () => [NIL],
  );
};

function refuseMark(s: Specializer, args: readonly Abstract[]): void {
  if (args.length > 1) s.refuse("setting the mark of a connection", "run it with --on nfqueue");
}

// ---- of the connection

/** A method: `call` gets the connection that it is called on, and the arguments. */
function method(
  call: (s: Specializer, ct: Connection, args: readonly Abstract[], name: string) => readonly Abstract[],
): Intrinsic {
  return (s, args, name) => {
    const rest = new Join();
    s.cases(args[0] ?? NIL, (single) => {
      if (single.kind === "connection") s.goto(rest, call(s, single, args, name));
      else argumentFails(s, 1, name, "invalid object");
    });
    return s.land(rest);
  };
}

const unreadable = (what: string, advice: string): Intrinsic =>
  method((s) => s.refuse(what, `${advice}run it with --on nfqueue`));

/** IP_CT_DIR_*; undefined when no path is left. */
function directionOf(s: Specializer, args: readonly Abstract[], name: string): Operand | undefined {
  const given = integerArgument(s, args, 2, name, 0n, 1);
  if (given === undefined) return undefined;
  const [direction] = choose(
    s,
    ["jeq", given, 0n],
    () => [int(0n)],
    () => [int(1n)],
  );
  return (direction as Int).value;
}

/** The extension of a kind: where it is, or what comes of its absence. */
function extension(
  s: Specializer,
  { base }: Connection,
  kind: "accounting" | "labeling" | "helping",
  found: (block: Value, offset: Operand) => readonly Abstract[],
  absent: () => readonly Abstract[],
): readonly Abstract[] {
  const address = s.load(8, base, fact(s, "extensions"));
  return choose(s, ["jeq", address, 0n], absent, () => {
    const block = follow(s, address);
    const offset = s.load(1, block, fact(s, "extensionOffsets") + fact(s, kind));
    return choose(s, ["jeq", offset, 0n], absent, () => found(block, offset));
  });
}

/** The tuple of one direction, as memory. */
function tupleAt(s: Specializer, { base }: Connection, direction: Operand): Slice {
  const first = BigInt(fact(s, "hashes") + fact(s, "tuple"));
  const offset = s.binary("add", s.binary("mul", direction, BigInt(fact(s, "hashBytes"))), first);
  return { kind: "slice", base, offset, length: 0n };
}

const isIcmp = (
  s: Specializer,
  protocol: Operand,
  when: () => readonly Abstract[],
  otherwise: () => readonly Abstract[],
): readonly Abstract[] =>
  choose(s, ["jeq", protocol, ICMP], when, () => choose(s, ["jeq", protocol, ICMPV6], when, otherwise));

/** What is known of a tuple at a place: where it is, its family and protocol. */
interface Tuple {
  readonly at: Slice;
  readonly family: Operand;
  readonly protocol: Operand;
}
type TupleField = (s: Specializer, tuple: Tuple) => Abstract;

const loadOf = (
  s: Specializer,
  { base, offset }: Slice,
  size: 1 | 2 | 4,
  of: ConnectionFact,
  known?: Range,
) => s.loadAt(size, base, offset, fact(s, of), known);

const address =
  (of: ConnectionFact): TupleField =>
  (s, { at, family }) => {
    const ipv4 = BigInt(NFPROTO.NFPROTO_IPV4);
    const [found] = choose(
      s,
      ["jeq", family, ipv4],
      () => [int(s.swap(32, loadOf(s, at, 4, of)))],
      () => {
        const place = s.binary("add", at.offset, BigInt(fact(s, of)));
        return [{ kind: "slice", base: at.base, offset: place, length: IPV6_BYTES }];
      },
    );
    // Who has asked for the family knows what the addresses are.
    if (found?.kind === "union" && family instanceof Value) {
      s.imply(
        family,
        ({ low, high }) => low === ipv4 && high === ipv4,
        found,
        (kind) => kind === "int",
      );
      s.imply(
        family,
        ({ low }) => low > ipv4,
        found,
        (kind) => kind === "slice",
      );
    }
    return found ?? NIL;
  };

/** A field of two bytes in network byte order, or one byte; of those protocols only that it is for. */
const part =
  (size: 1 | 2, of: ConnectionFact, isOfIcmp: boolean): TupleField =>
  (s, { at, protocol }) => {
    const there = (): readonly Abstract[] => {
      const word = loadOf(s, at, size, of);
      return [int(size === 2 ? s.swap(16, word) : word)];
    };
    const absent = (): readonly Abstract[] => [NIL];
    return isIcmp(s, protocol, isOfIcmp ? there : absent, isOfIcmp ? absent : there)[0] ?? NIL;
  };

const TUPLE: Readonly<Record<string, TupleField>> = {
  family: (_, { family }) => int(family),
  protocol: (_, { protocol }) => int(protocol),
  src: address("source"),
  dst: address("destination"),
  sport: part(2, "sourcePort", false),
  dport: part(2, "destinationPort", false),
  type: part(1, "icmpType", true),
  code: part(1, "icmpCode", true),
  id: part(2, "icmpId", true),
};

/** Connections are of one of the two families; their numbers have nothing that counts between them. */
const FAMILIES: Range = { low: BigInt(NFPROTO.NFPROTO_IPV4), high: BigInt(NFPROTO.NFPROTO_IPV6) };

/** Its fields are read when the hook asks for them; where they are is in cells, as it may differ between ways. */
const tuple = method((s, ct, args, name) => {
  const direction = directionOf(s, args, name);
  if (direction === undefined) return [];
  const key = `${s.frame.path}/tuple ${s.span?.line}:${s.span?.column}`;
  const cell = (of: keyof Tuple): Cell => new Cell(`${key}.${of}`, "field");
  const cells = { at: cell("at"), family: cell("family"), protocol: cell("protocol") };
  const word = (of: "family" | "protocol"): Operand => (s.cells.get(cells[of]) as Int).value;
  const given = new Map<string, GivenField>();
  for (const [field, read] of Object.entries(TUPLE))
    given.set(field, {
      read: () =>
        read(s, { at: s.cells.get(cells.at) as Slice, family: word("family"), protocol: word("protocol") }),
      assign: () => s.refuse("a change of a connection's tuple", "use a variable of your own"),
    });
  const at = tupleAt(s, ct, direction);
  s.cells.set(cells.at, at);
  s.cells.set(cells.family, int(loadOf(s, at, 2, "family", FAMILIES)));
  s.cells.set(cells.protocol, int(loadOf(s, at, 1, "protocol")));
  return [{ kind: "local", object: new LocalObject(key, {}, given) }];
});

const timeout = method((s, { base }) => {
  const status = s.load(8, base, fact(s, "status"));
  const left = (): readonly Abstract[] => {
    const now = s.helper(BPF_FUNC.BPF_FUNC_jiffies64, []);
    const difference = s.binary("sub", s.load(4, base, fact(s, "timeout")), now);
    // The kernel counts in 32 bits, which wrap around.
    const ticks = s.binary("arsh", s.binary("lsh", difference, 32n), 32n);
    const positive = s.binary("and", ticks, s.binary("xor", s.binary("arsh", ticks, 63n), -1n));
    const milliseconds = s.binary("mul", positive, MILLISECONDS);
    return [int(s.binary("div", milliseconds, BigInt(s.layout.connection.ticksPerSecond)))];
  };
  // Until it is in the kernel's table, its time does not run.
  return choose(s, ["jset", status, BigInt(IPS.IPS_CONFIRMED)], left, () => [int(0n)]);
});

const counters = method((s, ct, args, name) => {
  const direction = directionOf(s, args, name);
  if (direction === undefined) return [];
  const count = (block: Value, offset: Operand): readonly Abstract[] => {
    const own = s.binary("mul", direction, BigInt(fact(s, "counterBytes")));
    const at = s.binary("add", s.binary("add", offset, own), BigInt(fact(s, "counters")));
    return [int(s.loadAt(8, block, at, fact(s, "packets"))), int(s.loadAt(8, block, at, fact(s, "bytes")))];
  };
  return extension(s, ct, "accounting", count, () => [int(0n), int(0n)]);
});

const labels = method((s, ct) =>
  extension(
    s,
    ct,
    "labeling",
    (base, at) => {
      const offset = s.binary("add", at, BigInt(fact(s, "labels")));
      // Others may set them while the hook runs.
      return [s.copied({ kind: "slice", base, offset, length: BigInt(LABEL_BYTES) })];
    },
    () => [text("\0".repeat(LABEL_BYTES))],
  ),
);

const helper = method((s, ct) =>
  extension(
    s,
    ct,
    "helping",
    (block, at) => {
      const found = s.loadAt(8, block, at, fact(s, "helper"));
      return choose(
        s,
        ["jeq", found, 0n],
        () => [NIL],
        () => {
          const base = follow(s, found);
          const offset = BigInt(fact(s, "helperName"));
          return [{ kind: "slice", base, offset, length: lengthOfName(s, base, Number(offset)) }];
        },
      );
    },
    () => [NIL],
  ),
);

/** How many bytes there are before a zero. Without a branch, whose ways the verifier would all follow to the end. */
function lengthOfName(s: Specializer, base: Value, offset: number): Operand {
  let goesOn: Operand = 1n;
  let length: Operand = 0n;
  for (let i = 0; i < MOST_HELPER_NAME - 1; i++) {
    const isByte = s.binary("rsh", s.negate(s.load(1, base, offset + i)), 63n);
    goesOn = s.binary("and", goesOn, isByte);
    length = s.binary("add", length, goesOn);
  }
  return s.bounded(length, 0n, BigInt(MOST_HELPER_NAME - 1));
}

const METHODS: Readonly<Record<string, Intrinsic>> = {
  tuple,
  timeout,
  counters,
  labels,
  helper,
  status: method((s, { base }) => {
    const word = s.load(8, base, fact(s, "status"));
    return [int(s.binary("and", word, 0xffffffffn))];
  }),
  mark: method((s, { base }, args) => {
    refuseMark(s, args);
    return [int(s.load(4, base, fact(s, "mark")))];
  }),
  // A kernel without zones has one.
  zone: method((s, { base }) => {
    const { zone } = s.layout.connection;
    return [int(zone === undefined ? 0n : s.load(2, base, zone))];
  }),
  tcpstate: method((s, ct) => {
    const { base, offset } = tupleAt(s, ct, 0n);
    const protocol = s.loadAt(1, base, offset, fact(s, "protocol"));
    return choose(
      s,
      ["jeq", protocol, BigInt(IPPROTO.IPPROTO_TCP)],
      () => [int(s.load(1, base, fact(s, "tcpState")))],
      () => [NIL],
    );
  }),
  master: method((s, { base }) => {
    const address = s.load(8, base, fact(s, "master"));
    return choose(
      s,
      ["jeq", address, 0n],
      () => [NIL],
      () => [{ kind: "connection", base: follow(s, address) }],
    );
  }),
  id: unreadable(
    "ct:id, which the kernel makes with a secret of its own,",
    "tell connections apart by their tuples, or ",
  ),
  refresh: unreadable("ct:refresh", ""),
  delete: unreadable("ct:delete", ""),
  expect: unreadable("ct:expect", ""),
};

export const CONNECTIONS: Readonly<Record<string, Intrinsic>> = {
  "conntrack.get": get,
  "skb.connmark": connmark,
  ...Object.fromEntries(Object.entries(METHODS).map(([name, f]) => [`ct.${name}`, f])),
};
