/**
 * The two machines that the judge compares: a router in this network namespace, whose two wires are TAP devices, and
 * the simulated one. Both mark each packet that they forward with how tracking sees it.
 */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { kernelTuple, modelTuple } from "../../../src/backends/ctnetlink-tuples.ts";
import type { ConnectionTuple } from "../../../src/kernel/connection.ts";
import { SEEN, WORD } from "../../../src/kernel/conntrack/record.ts";
import { Router } from "../../../src/kernel/conntrack/testing.ts";
import { tupleText } from "../../../src/kernel/conntrack/text.ts";
import type { TrackedConnection } from "../../../src/kernel/conntrack/tracked-connection.ts";
import { ConntrackSocket } from "../../../src/linux/ctnetlink.ts";
import { CT_DELETE, CT_NEW, connectionMessage } from "../../../src/linux/ctnetlink-messages.ts";
import { ErrnoError } from "../../../src/linux/errors.ts";
import { NetlinkSocket } from "../../../src/linux/netlink-socket.ts";
import { TapDevice } from "../../../src/linux/tap.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../../../src/uapi/netfilter.ts";
import { NETLINK } from "../../../src/uapi/netlink.ts";
import { IPS } from "../../../src/uapi/nf-conntrack-common.ts";
import { dscpOf, MARK, TREAT } from "./steps.ts";

/** What is compared of a connection. */
export interface Entry {
  readonly tuples: string;
  readonly status: number;
  readonly mark: number;
  readonly timeout: number;
  readonly counters: string;
  readonly tcp: string | undefined;
}

/** IP_CT_* to the DSCP that forwarded packets get. */
const CLASSES = { established: 8, related: 16, new: 24, invalid: 32, untracked: 40 } as const;
const REPLY = 1;

const SETUP = `
ip link set lo up
ip link set ta address 02:00:00:00:0a:01 up
ip link set tb address 02:00:00:00:0b:01 up
ip address add 10.0.1.1/24 dev ta
ip address add 10.0.2.1/24 dev tb
ip address add 2001:db8:1::1/64 dev ta nodad
ip address add 2001:db8:2::1/64 dev tb nodad
`;
const NEIGHBOURS = ["2", "3"].flatMap((last) => [
  `ip neigh replace 10.0.1.${last} lladdr 02:00:00:00:0a:02 dev ta nud permanent`,
  `ip neigh replace 10.0.2.${last} lladdr 02:00:00:00:0b:02 dev tb nud permanent`,
  `ip neigh replace 2001:db8:1::${last} lladdr 02:00:00:00:0a:02 dev ta nud permanent`,
  `ip neigh replace 2001:db8:2::${last} lladdr 02:00:00:00:0b:02 dev tb nud permanent`,
]);

const setDscp = (match: string, dscp: number) =>
  ["ip", "ip6"].map((family) => {
    const proto = family === "ip" ? "ipv4" : "ipv6";
    return `add rule inet judge f meta nfproto ${proto} ${match} ${family} dscp set ${dscp} accept`;
  });
const RULES = [
  "add table inet judge",
  "add chain inet judge f { type filter hook forward priority 0; }",
  ...["ip", "ip6"].flatMap((family) => [
    `add rule inet judge f ${family} dscp ${TREAT.drop} drop`,
    `add rule inet judge f ${family} dscp ${TREAT.mark} ct mark set ${MARK}`,
  ]),
  ...setDscp("ct state established ct direction reply", CLASSES.established + REPLY),
  ...setDscp("ct state related ct direction reply", CLASSES.related + REPLY),
  ...Object.entries(CLASSES).flatMap(([state, dscp]) => setDscp(`ct state ${state}`, dscp)),
];

/** Bits of status that address translation sets, present or not. */
const OF_NAT = IPS.IPS_SRC_NAT_DONE | IPS.IPS_DST_NAT_DONE;

export class RealRouter {
  readonly #taps: readonly [TapDevice, TapDevice];
  readonly #conntrack = new ConntrackSocket();
  readonly #socket = new NetlinkSocket(NETLINK.NETLINK_NETFILTER);

  /** Turns this namespace into the router. */
  constructor() {
    const sysctl = (path: string, value: string) => writeFileSync(`/proc/sys/net/${path}`, value);
    sysctl("ipv4/ip_forward", "1");
    sysctl("ipv6/conf/all/forwarding", "1");
    for (const which of ["all", "default"]) {
      sysctl(`ipv4/conf/${which}/rp_filter`, "0");
      sysctl(`ipv4/conf/${which}/send_redirects`, "0");
    }
    for (const [name, value] of [
      ["accept_dad", "0"],
      ["router_solicitations", "0"],
      ["accept_ra", "0"],
      ["addr_gen_mode", "1"],
    ] as const) {
      sysctl(`ipv6/conf/default/${name}`, value);
    }
    this.#taps = [new TapDevice("ta"), new TapDevice("tb")];
    for (const line of [...SETUP.trim().split("\n"), ...NEIGHBOURS]) {
      const [command, ...args] = line.split(" ");
      execFileSync(command!, args);
    }
    execFileSync("nft", ["-f", "-"], { input: RULES.join("\n") });
    sysctl("netfilter/nf_conntrack_acct", "1");
  }

  /** Forgets all connections. */
  reset(): void {
    this.#ask(CT_DELETE, connectionMessage.encode({}, {}));
    this.#drain();
  }

  /** What comes out on the other side: how tracking sees the packet, undefined when it was dropped. */
  forward(packet: Uint8Array, from: number): number | undefined {
    this.#taps[from]!.send(framed(packet, from));
    const returned = this.#received(this.#taps[from]!);
    if (returned !== undefined) throw new Error(`came back: ${Buffer.from(returned).toString("hex")}`);
    const out = this.#received(this.#taps[1 - from]!);
    return out && dscpOf(out, 14);
  }

  /** What a packet sent out of a device; what the machine says by itself is passed over. */
  #received(tap: TapDevice): Uint8Array | undefined {
    let found: Uint8Array | undefined;
    for (let frame = tap.receive(); frame !== undefined; frame = tap.receive()) {
      if (!isOwnTalk(frame)) found = frame;
    }
    return found;
  }

  #drain(): void {
    for (const tap of this.#taps) while (tap.receive() !== undefined);
  }

  entry(tuple: ConnectionTuple): Entry | undefined {
    const found = this.#conntrack.get(tuple.family, kernelTuple(tuple));
    if (found === undefined) return undefined;
    const tcp = found.protoInfo?.tcp;
    const counters = [found.countersOriginal, found.countersReply];
    return {
      tuples: [found.original, found.reply]
        .map((each) => tupleText(modelTuple(found.family, each!)))
        .join(" "),
      status: found.status! & ~OF_NAT,
      mark: found.mark ?? 0,
      timeout: found.timeout!,
      counters: counters.map((each) => `${each!.packets}/${each!.bytes}`).join(" "),
      tcp:
        tcp &&
        [
          tcp.state,
          tcp.windowScaleOriginal,
          tcp.flagsOriginal!.flags,
          tcp.windowScaleReply,
          tcp.flagsReply!.flags,
        ].join(" "),
    };
  }

  /** Sets the time left of a connection; without one it ends. */
  setTimeout(tuple: ConnectionTuple, seconds: number | undefined): void {
    const original = kernelTuple(tuple);
    const { family } = tuple;
    if (seconds === undefined) this.#ask(CT_DELETE, connectionMessage.encode({ family }, { original }));
    else this.#ask(CT_NEW, connectionMessage.encode({ family }, { original, timeout: seconds }));
  }

  #ask(type: number, payload: Uint8Array): void {
    try {
      this.#socket.request({ type, flags: 0, payload, object: "conntrack" });
    } catch (error) {
      if (!(error instanceof ErrnoError && error.code === "ENOENT")) throw error;
    }
  }
}

function framed(packet: Uint8Array, from: number): Uint8Array {
  const frame = new Uint8Array(14 + packet.length);
  const wire = from === 0 ? 0x0a : 0x0b;
  frame.set([2, 0, 0, 0, wire, 1, 2, 0, 0, 0, wire, 2]);
  frame.set(packet[0]! >> 4 === 6 ? [0x86, 0xdd] : [8, 0], 12);
  frame.set(packet, 14);
  return frame;
}

/** Multicast listener reports that the machine sends by itself. */
const isOwnTalk = (frame: Uint8Array): boolean => frame[0] === 0x33 && frame[1] === 0x33;

export class SimulatedRouter {
  readonly #router = new Router();
  #view: number | undefined;

  constructor() {
    for (const pf of [NFPROTO.NFPROTO_IPV4, NFPROTO.NFPROTO_IPV6]) {
      this.#router.kernel.hooks.register({
        pf,
        hooknum: NF_INET.NF_INET_FORWARD,
        priority: 0,
        mark: undefined,
        run: (skb) => {
          const dscp = dscpOf(skb.bytes, skb.netOffset);
          if (dscp === TREAT.drop) return { verdict: NF_VERDICT.NF_DROP, mark: undefined };
          if (dscp === TREAT.mark && skb.connection !== undefined) skb.connection.mark = MARK;
          this.#view = viewOf(skb.ctinfo);
          return { verdict: NF_VERDICT.NF_ACCEPT, mark: undefined };
        },
      });
    }
  }

  forward(packet: Uint8Array): number | undefined {
    this.#view = undefined;
    const { outcome } = this.#router.send(packet);
    return outcome.verdict === "accept" ? this.#view : undefined;
  }

  wait(seconds: number): void {
    this.#router.wait(seconds * 1000);
  }

  entry(tuple: ConnectionTuple): Entry | undefined {
    const found = this.#router.kernel.conntrack.lookup(tuple);
    if (found === undefined) return undefined;
    const seen = (direction: number, word: number) =>
      found.get(WORD.seen + direction * Object.keys(SEEN).length + word);
    return {
      tuples: [0, 1].map((direction) => tupleText(found.tuple(direction))).join(" "),
      status: found.status,
      mark: found.mark,
      timeout: Math.floor(found.timeoutMs / 1000),
      counters: [0, 1].map((each) => `${found.packets(each)}/${found.bytes(each)}`).join(" "),
      tcp:
        found.tcpState === undefined
          ? undefined
          : [
              found.tcpState,
              seen(0, SEEN.scale),
              seen(0, SEEN.flags),
              seen(1, SEEN.scale),
              seen(1, SEEN.flags),
            ].join(" "),
    };
  }

  connections(): TrackedConnection[] {
    return this.#router.all();
  }
}

/** The DSCP that stands for a relation. */
function viewOf(ctinfo: number | undefined): number {
  switch (ctinfo) {
    case undefined:
      return CLASSES.invalid;
    case 0:
      return CLASSES.established;
    case 1:
      return CLASSES.related;
    case 2:
      return CLASSES.new;
    case 3:
      return CLASSES.established + REPLY;
    case 4:
      return CLASSES.related + REPLY;
    default:
      return CLASSES.untracked;
  }
}
