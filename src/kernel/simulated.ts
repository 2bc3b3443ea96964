/**
 * A Linux network stack without Linux: packets come in, pass the hooks in the order and with the devices, header
 * checks and routing results that the kernel would give them, and come out. The clock is the capture's, randomness
 * comes from a seed: a run is a function of its input.
 *
 *                              ┌─ local ──→ LOCAL_IN ──→ (the machine)
 *     device ─→ PRE_ROUTING ─→ routing
 *                              └─ other ──→ FORWARD ──→ POST_ROUTING ─→ device
 *     (the machine) ─→ LOCAL_OUT ─→ POST_ROUTING ─→ device
 *
 * Connection tracking is two more hooks, at priority −200 and behind all others, that register in the same `HookTable`
 * when somebody needs connections, and address translation four, at −100 and 100. Rule tables (`loadRules`) are hooks
 * there as well; those of table nat are asked by the translation. Programs of `xdp` see frames before PRE_ROUTING.
 */

import { XDP } from "../uapi/bpf.ts";
import { ICMP } from "../uapi/icmp.ts";
import { ICMPV6 } from "../uapi/icmpv6.ts";
import { ETH_P } from "../uapi/if-ether.ts";
import { NF_INET, NF_VERDICT, NFPROTO } from "../uapi/netfilter.ts";
import { NF_IP_PRI } from "../uapi/netfilter-ipv4.ts";
import { IP_CT } from "../uapi/nf-conntrack-common.ts";
import { RTN } from "../uapi/rtnetlink.ts";
import { updateChecksum16 } from "../wire/checksum.ts";
import { ethernet } from "../wire/ethernet.ts";
import { ipv4 } from "../wire/ipv4.ts";
import { ipv6 } from "../wire/ipv6.ts";
import * as address from "./addresses.ts";
import type { TrackedConnection } from "./conntrack/tracked-connection.ts";
import { ConnectionTracker } from "./conntrack/tracker.ts";
import { type Extension, ExtensionTable } from "./extensions.ts";
import { HookRefused, HookTable, VERDICT_OUTCOMES } from "./hooks.ts";
import { type IcmpError, icmpErrorV4, icmpErrorV6 } from "./icmp-error.ts";
import { ipv4Arrival, ipv6Arrival } from "./ip-arrival.ts";
import type { HookRegistration, Kernel, LogLevel } from "./kernel.ts";
import { Translator } from "./nat/translator.ts";
import { SeededRandom } from "./random.ts";
import { type Prefix, parsePrefix, Routes } from "./routes.ts";
import { Skb } from "./skb.ts";
import type { Translation, TranslationHook } from "./translation.ts";
import type { XdpProgram } from "./xdp.ts";
import type { RuleLog, XtEnvironment } from "./xtables/environment.ts";
import { readU32 } from "./xtables/general.ts";
import { readTables, type Table } from "./xtables/ruleset.ts";
import { withScripts } from "./xtables/script-extensions.ts";
import { hookTables } from "./xtables/table-hooks.ts";

const { NF_ACCEPT, NF_DROP, NF_QUEUE } = NF_VERDICT;
const { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;
const { NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } =
  NF_INET;

export interface SimulatedDevice {
  readonly ifindex: number;
  readonly name: string;
  /** 6 bytes */
  readonly hardwareAddress: Uint8Array;
}

export interface SimulatedKernelOptions {
  readonly log: (level: LogLevel, text: string) => void;
  /** A frame that a script sends (`skb:forward`); the Skb is the caller's only during the call. */
  readonly transmit?: (skb: Skb) => void;
  /** u32, default 0. */
  readonly seed?: number;
  readonly cpuCount?: number;
  /** The Ethernet devices, numbered from 2. Default: eth0 and eth1, of which nothing is known. */
  readonly devices?: readonly DeviceOptions[];
  /** Told what LOG and NFLOG rules write. */
  readonly ruleLog?: (entry: RuleLog) => void;
}

export interface DeviceOptions {
  readonly name: string;
  /** 6 bytes: frames to it come in here. */
  readonly hardwareAddress?: Uint8Array;
  /**
   * The machine's own addresses there; errors about what comes in there are sent from them. With a prefix, as in
   * `10.0.1.1/24`, the network is behind the device.
   */
  readonly addresses?: readonly string[];
  /** Networks behind the device, as `10.0.0.0/8`. Without any route packets leave by the next device. */
  readonly routes?: readonly string[];
}

export type SimulatedPath = "input" | "output" | "forward";
export type SimulatedVerdict = "accept" | "drop" | "stolen" | "queue";

/** What became of a packet; one of a fixed set of objects. */
export interface PacketOutcome {
  readonly path: SimulatedPath;
  readonly verdict: SimulatedVerdict;
}

const IP_FAMILIES: readonly number[] = [NFPROTO_IPV4, NFPROTO_IPV6];
const TRANSLATING_HOOKS = [
  [NF_INET_PRE_ROUTING, NF_IP_PRI.NF_IP_PRI_NAT_DST],
  [NF_INET_LOCAL_OUT, NF_IP_PRI.NF_IP_PRI_NAT_DST],
  [NF_INET_POST_ROUTING, NF_IP_PRI.NF_IP_PRI_NAT_SRC],
  [NF_INET_LOCAL_IN, NF_IP_PRI.NF_IP_PRI_NAT_SRC],
] as const;
const NO_HOPS = {
  v4: { type: ICMP.ICMP_TIME_EXCEEDED, code: ICMP.ICMP_EXC_TTL },
  v6: { type: ICMPV6.ICMPV6_TIME_EXCEED, code: ICMPV6.ICMPV6_EXC_HOPLIMIT },
};
const NO_ROUTE = {
  v4: { type: ICMP.ICMP_DEST_UNREACH, code: ICMP.ICMP_NET_UNREACH },
  v6: { type: ICMPV6.ICMPV6_DEST_UNREACH, code: ICMPV6.ICMPV6_NOROUTE },
};

/** What `lo` and the Ethernet devices of the simulated machine are called and numbered. */
const LO = 1;
const ETH0 = 2;

const sizeOf = (family: number): number => (family === NFPROTO_IPV4 ? 4 : 16);

export class SimulatedKernel implements Kernel {
  readonly devices: readonly SimulatedDevice[];
  readonly local = new address.LocalAddresses();
  readonly hooks = new HookTable();
  /** What scripts offer to rules. */
  readonly extensions = new ExtensionTable();
  readonly conntrack = new ConnectionTracker(() => this.#startTracking());
  readonly translator = new Translator(this.conntrack, () => Number(this.#random.next64() & 0xffffn));
  readonly #translated = new Set<number>();
  readonly translation: Translation = {
    register: (hook) => this.#registerTranslation(hook),
    setUp: (connection, range, manip) => this.translator.setUp(connection as TrackedConnection, range, manip),
    deviceAddress: (ifindex, family) => this.#deviceAddress(ifindex, family),
  };
  readonly #routes = new Routes();
  readonly #options: SimulatedKernelOptions;
  readonly #random: SeededRandom;
  readonly #environment: XtEnvironment = {
    conntrack: this.conntrack,
    translation: this.translation,
    nowNs: () => this.nowNs(),
    random32: () => Number(this.#random.next64() & 0xffffffffn),
    // Devices are numbered from 1, in their order.
    deviceName: (ifindex) => this.devices[ifindex - 1]?.name ?? "",
    addressType: (family, bytes, at) =>
      family === NFPROTO_IPV4 ? this.#addressTypeV4(bytes, at) : this.#addressTypeV6(bytes, at),
    log: (entry) => this.#options.ruleLog?.(entry),
    sourceFor: (_skb, family) => this.#deviceAddress(this.#arrivesAt, family),
    send: (packet, family, cause) => this.#sendLocal(packet, family, cause),
  };
  readonly #addresses = new Map<number, Uint8Array[]>();
  readonly #byHardwareAddress = new Map<string, number>();
  /** What runs on frames that come in, in this order. */
  readonly #xdp = new Set<XdpProgram>();
  /** Where the packet being processed came in. */
  #arrivesAt = ETH0;
  #seconds = 0;
  #nanoseconds = 0;

  constructor(options: SimulatedKernelOptions) {
    this.#options = options;
    const devices = options.devices ?? [{ name: "eth0" }, { name: "eth1" }];
    this.devices = [
      { ifindex: LO, name: "lo", hardwareAddress: new Uint8Array(6) },
      ...devices.map(({ name, hardwareAddress }, i) => ({
        ifindex: ETH0 + i,
        name,
        hardwareAddress: hardwareAddress ?? Uint8Array.of(0x02, 0, 0, 0, 0, i + 1),
      })),
    ];
    for (const [i, device] of devices.entries()) this.#configure(ETH0 + i, device);
    this.#random = new SeededRandom(options.seed ?? 0);
  }

  #configure(ifindex: number, { addresses = [], routes = [], hardwareAddress }: DeviceOptions): void {
    if (hardwareAddress !== undefined) this.#byHardwareAddress.set(hardwareAddress.join(), ifindex);
    const own = addresses.map((text) => {
      const { address, prefixBits } = prefixOf(text);
      if (text.includes("/")) this.#routes.add(address, prefixBits, ifindex);
      this.local.add(text.split("/")[0]!);
      return address;
    });
    this.#addresses.set(ifindex, own);
    for (const text of routes) {
      const { address, prefixBits } = prefixOf(text);
      this.#routes.add(address, prefixBits, ifindex);
    }
  }

  /**
   * Sends a packet through the stack. `missingBytes` is what the capture cut off its end: such a packet was whole
   * on the wire and must not fail for its length here. `ifindex` is the device that it comes in on, if it does;
   * default: the one that the frame is for, else the one that its source is behind.
   */
  process(skb: Skb, missingBytes = 0, ifindex = this.#arrivalOf(skb)): PacketOutcome {
    skb.missingBytes = missingBytes;
    this.#arrivesAt = ifindex;
    const became = this.#atDevice(skb) ?? this.#pass(skb, missingBytes);
    if (this.conntrack.started) this.conntrack.forget(skb);
    return became;
  }

  /** What programs at the device make of a frame that comes in; undefined when it goes on. */
  #atDevice(skb: Skb): PacketOutcome | undefined {
    if (this.#xdp.size === 0 || this.#isOwn(skb)) return undefined;
    for (const program of this.#xdp) {
      const verdict = program.run(skb);
      // The stack looks at the link header only now.
      if (skb.macOffset === skb.netOffset - ethernet.size)
        skb.protocol = ethernet.get.ethertype(skb.bytes, skb.macOffset);
      if (verdict === XDP.XDP_PASS) continue;
      if (verdict !== XDP.XDP_TX) return OUTCOMES.input.drop;
      this.forward(skb);
      return OUTCOMES.input.stolen;
    }
    return undefined;
  }

  /** Whether this machine sends it. */
  #isOwn({ protocol, length, bytes, netOffset }: Skb): boolean {
    if (protocol === ETH_P.ETH_P_IP)
      return length >= ipv4.size && this.local.hasV4(address.sourceV4(bytes, netOffset));
    return (
      protocol === ETH_P.ETH_P_IPV6 &&
      length >= ipv6.size &&
      this.local.hasV6(bytes, netOffset + address.V6_SOURCE)
    );
  }

  #pass(skb: Skb, missingBytes: number): PacketOutcome {
    if (skb.protocol === ETH_P.ETH_P_IP) return this.#processIpv4(skb, missingBytes);
    if (skb.protocol === ETH_P.ETH_P_IPV6) return this.#processIpv6(skb, missingBytes);
    // No hooks here for ARP and the rest yet.
    return OUTCOMES.input.accept;
  }

  /**
   * Puts the tables of `iptables-save` (NFPROTO_IPV4) or `ip6tables-save` (NFPROTO_IPV6) text into the path. Raises
   * `RulesError` for what is not understood, with nothing put there. Their counters count from then on.
   */
  loadRules(text: string, family: number): Table[] {
    const tables = readTables(text, family, withScripts(this.extensions), this.#environment);
    hookTables(this.hooks, tables, this.#environment);
    return tables;
  }

  #processIpv4(skb: Skb, missingBytes: number): PacketOutcome {
    const { bytes, netOffset } = skb;
    if (skb.length >= ipv4.size && this.local.hasV4(address.sourceV4(bytes, netOffset))) {
      const toSelf = this.local.hasV4(address.destinationV4(bytes, netOffset));
      if (!ipv4Arrival(skb, missingBytes, false)) return OUTCOMES.output.drop;
      return this.#output(skb, NFPROTO_IPV4, toSelf ? LO : (this.#routeTo(skb, NFPROTO_IPV4) ?? ETH0));
    }
    if (!ipv4Arrival(skb, missingBytes, true)) return OUTCOMES.input.drop;
    const verdict = this.#preRouting(skb, NFPROTO_IPV4);
    const route = this.#routeV4(skb);
    if (verdict !== NF_ACCEPT) return outcome(route === "input" ? "input" : "forward", verdict);
    if (route === "input") return this.#input(skb, NFPROTO_IPV4);
    if (route === "martian") return OUTCOMES.forward.drop;
    const leavesAt = this.#egressOf(skb, NFPROTO_IPV4);
    if (leavesAt === undefined) return this.#refuse(skb, NFPROTO_IPV4, NO_ROUTE);
    if (!decrementTtl(skb)) return this.#refuse(skb, NFPROTO_IPV4, NO_HOPS);
    return this.#forward(skb, NFPROTO_IPV4, leavesAt);
  }

  #arrivalOf({ bytes, macOffset, netOffset, protocol }: Skb): number {
    if (this.#byHardwareAddress.size > 0 && macOffset !== undefined) {
      const found = this.#byHardwareAddress.get(bytes.subarray(macOffset, macOffset + 6).join());
      if (found !== undefined) return found;
    }
    const isV4 = protocol === ETH_P.ETH_P_IP;
    const family = isV4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
    const { offsets } = isV4 ? ipv4 : ipv6;
    return this.#routes.lookup(family, bytes, netOffset + offsets.saddr) ?? ETH0;
  }

  #processIpv6(skb: Skb, missingBytes: number): PacketOutcome {
    const { bytes, netOffset } = skb;
    if (skb.length >= ipv6.size && this.local.hasV6(bytes, netOffset + address.V6_SOURCE)) {
      const toSelf = this.local.hasV6(bytes, netOffset + address.V6_DESTINATION);
      if (!ipv6Arrival(skb, missingBytes, false)) return OUTCOMES.output.drop;
      return this.#output(skb, NFPROTO_IPV6, toSelf ? LO : (this.#routeTo(skb, NFPROTO_IPV6) ?? ETH0));
    }
    if (!ipv6Arrival(skb, missingBytes, true)) return OUTCOMES.input.drop;
    const verdict = this.#preRouting(skb, NFPROTO_IPV6);
    const route = this.#routeV6(skb);
    if (verdict !== NF_ACCEPT) return outcome(route === "input" ? "input" : "forward", verdict);
    if (route === "input") return this.#input(skb, NFPROTO_IPV6);
    if (route === "martian") return OUTCOMES.forward.drop;
    const leavesAt = this.#egressOf(skb, NFPROTO_IPV6);
    if (leavesAt === undefined) return this.#refuse(skb, NFPROTO_IPV6, NO_ROUTE);
    if (!decrementHopLimit(skb)) return this.#refuse(skb, NFPROTO_IPV6, NO_HOPS);
    return this.#forward(skb, NFPROTO_IPV6, leavesAt);
  }

  #output(skb: Skb, pf: number, egress: number): PacketOutcome {
    // The link header is written after the last hook, and skb->dev is set between the two (ip_output).
    skb.macOffset = undefined;
    skb.outIfindex = egress;
    let verdict = this.hooks.run(pf, NF_INET_LOCAL_OUT, skb);
    if (verdict === NF_ACCEPT) {
      // Where its destination has become another one it is routed again (ip_route_me_harder).
      const leavesAt = skb.outIfindex === LO ? LO : (this.#routeTo(skb, pf) ?? egress);
      skb.outIfindex = leavesAt;
      skb.ifindex = leavesAt;
      verdict = this.hooks.run(pf, NF_INET_POST_ROUTING, skb);
    }
    return outcome("output", verdict);
  }

  #preRouting(skb: Skb, pf: number): number {
    skb.inIfindex = this.#arrivesAt;
    skb.ifindex = this.#arrivesAt;
    return this.hooks.run(pf, NF_INET_PRE_ROUTING, skb);
  }

  #input(skb: Skb, pf: number): PacketOutcome {
    return outcome("input", this.hooks.run(pf, NF_INET_LOCAL_IN, skb));
  }

  #forward(skb: Skb, pf: number, leavesAt: number): PacketOutcome {
    skb.outIfindex = leavesAt;
    let verdict = this.hooks.run(pf, NF_INET_FORWARD, skb);
    if (verdict === NF_ACCEPT) {
      skb.ifindex = leavesAt;
      verdict = this.hooks.run(pf, NF_INET_POST_ROUTING, skb);
    }
    return outcome("forward", verdict);
  }

  /** A packet that cannot be sent on is dropped before FORWARD, and its sender told. */
  #refuse(skb: Skb, family: number, why: Readonly<Record<"v4" | "v6", IcmpError>>): PacketOutcome {
    const source = this.#deviceAddress(this.#arrivesAt, family);
    if (source !== undefined) {
      const error =
        family === NFPROTO_IPV4
          ? icmpErrorV4(skb, why.v4, readU32(source, 0))
          : icmpErrorV6(skb, why.v6, source);
      if (error) this.#sendLocal(error, family, skb);
    }
    return OUTCOMES.forward.drop;
  }

  /** Where nobody said which address is whose, any of the machine. */
  #deviceAddress(ifindex: number, family: number): Uint8Array | undefined {
    const size = sizeOf(family);
    return this.#addresses.get(ifindex)?.find((each) => each.length === size) ?? this.local.first(size);
  }

  /** The device that a forwarded packet leaves by; undefined when no route leads there. */
  #egressOf(skb: Skb, family: number): number | undefined {
    if (this.#routes.hasAny(family)) return this.#routeTo(skb, family);
    return this.#arrivesAt < this.devices.length ? this.#arrivesAt + 1 : ETH0;
  }

  #routeTo({ bytes, netOffset }: Skb, family: number): number | undefined {
    const { offsets } = family === NFPROTO_IPV4 ? ipv4 : ipv6;
    return this.#routes.lookup(family, bytes, netOffset + offsets.daddr);
  }

  /** A packet that the machine itself makes while it works on another: it goes through LOCAL_OUT and POST_ROUTING. */
  #sendLocal(packet: Uint8Array, family: number, cause: Skb): void {
    const protocol = family === NFPROTO_IPV4 ? ETH_P.ETH_P_IP : ETH_P.ETH_P_IPV6;
    const skb = Skb.from(packet, { protocol, networkOffset: 0, macLength: undefined });
    if (cause.connection) {
      // nf_ct_attach: what answers a packet belongs to the same connection, in the other direction.
      skb.connection = cause.connection;
      const isReply = cause.ctinfo! >= IP_CT.IP_CT_IS_REPLY;
      skb.ctinfo = isReply ? IP_CT.IP_CT_RELATED : IP_CT.IP_CT_RELATED_REPLY;
    }
    if (this.#output(skb, family, this.#routeTo(skb, family) ?? this.#arrivesAt).verdict === "accept")
      this.#options.transmit?.(skb);
  }

  /** inet_dev_addr_type, as far as it needs no routing table. */
  #addressTypeV4(bytes: Uint8Array, at: number): number {
    const value = readU32(bytes, at);
    if (address.isZeroV4(value) || address.isBroadcastV4(value)) return RTN.RTN_BROADCAST;
    if (address.isMulticastV4(value)) return RTN.RTN_MULTICAST;
    return this.local.hasV4(value) ? RTN.RTN_LOCAL : RTN.RTN_UNICAST;
  }

  #addressTypeV6(bytes: Uint8Array, at: number): number {
    if (address.isUnspecifiedV6(bytes, at)) return RTN.RTN_UNSPEC;
    if (address.isMulticastV6(bytes, at)) return RTN.RTN_MULTICAST;
    return this.local.hasV6(bytes, at) ? RTN.RTN_LOCAL : RTN.RTN_UNICAST;
  }

  /** ip_route_input_slow, as far as it does not need a routing table. */
  #routeV4(skb: Skb): "input" | "forward" | "martian" {
    // A hook may have cut the header away.
    if (skb.length < ipv4.size) return "martian";
    const saddr = address.sourceV4(skb.bytes, skb.netOffset);
    const daddr = address.destinationV4(skb.bytes, skb.netOffset);
    if (address.isMulticastV4(saddr) || address.isBroadcastV4(saddr)) return "martian";
    if (address.isBroadcastV4(daddr) || (address.isMulticastV4(daddr) && !address.isZeroV4(saddr)))
      return "input";
    if (address.isZeroV4(saddr)) return address.isLocalMulticastV4(daddr) ? "input" : "martian";
    if (address.isZeroV4(daddr)) return "martian";
    // The prefixes of the devices are unknown; a frame sent to all names a subnet's broadcast address as well.
    return this.local.hasV4(daddr) || sentToMany(skb) ? "input" : "forward";
  }

  /** ip6_route_input and the checks of ip6_forward. */
  #routeV6(skb: Skb): "input" | "forward" | "martian" {
    if (skb.length < ipv6.size) return "martian";
    const source = skb.netOffset + address.V6_SOURCE;
    const destination = skb.netOffset + address.V6_DESTINATION;
    if (address.isMulticastV6(skb.bytes, destination)) return "input";
    if (this.local.hasV6(skb.bytes, destination)) return "input";
    if (address.isUnspecifiedV6(skb.bytes, source) || address.isLinkLocalV6(skb.bytes, source))
      return "martian";
    return "forward";
  }

  /** Where Linux puts the hooks of connection tracking (ipv4_conntrack_ops, ipv6_conntrack_ops). */
  #startTracking(): void {
    this.conntrack.setTime(this.#milliseconds);
    for (const pf of [NFPROTO_IPV4, NFPROTO_IPV6]) {
      for (const hooknum of [NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT]) {
        this.#addHook(pf, hooknum, NF_IP_PRI.NF_IP_PRI_CONNTRACK, (skb) =>
          this.conntrack.track(skb, pf, hooknum),
        );
      }
      for (const hooknum of [NF_INET_LOCAL_IN, NF_INET_POST_ROUTING]) {
        this.#addHook(pf, hooknum, NF_IP_PRI.NF_IP_PRI_CONNTRACK_CONFIRM, (skb) =>
          this.conntrack.confirm(skb),
        );
      }
    }
  }

  /**
   * Where Linux puts the hooks of translation (nf_nat_ipv4_ops, nf_nat_ipv6_ops). What wants a translation starts
   * tracking; an empty table nat does not.
   */
  #startTranslation(family: number): void {
    if (this.#translated.has(family)) return;
    this.#translated.add(family);
    this.conntrack.onTranslatedEnd = (connection) => this.translator.forget(connection);
    for (const [hooknum, priority] of TRANSLATING_HOOKS)
      this.#addHook(family, hooknum, priority, (skb) => this.translator.apply(skb, family, hooknum));
  }

  #registerTranslation({ pf, hooknum, run }: TranslationHook): () => void {
    const families = pf === NFPROTO_INET ? [NFPROTO_IPV4, NFPROTO_IPV6] : [pf];
    if (!families.every((family) => IP_FAMILIES.includes(family)))
      throw new HookRefused("EOPNOTSUPP", `no translation for protocol family ${pf}`);
    if (!TRANSLATING_HOOKS.some(([known]) => known === hooknum))
      throw new HookRefused("EINVAL", `no translation at hook point ${hooknum}`);
    const removes = families.map((family) => {
      this.#startTranslation(family);
      return this.translator.register({ family, hooknum, run });
    });
    return () => {
      for (const remove of removes) remove();
    };
  }

  #addHook(pf: number, hooknum: number, priority: number, verdictOf: (skb: Skb) => number): void {
    this.hooks.register({
      pf,
      hooknum,
      priority,
      mark: undefined,
      run: (skb) => VERDICT_OUTCOMES[verdictOf(skb)]!,
    });
  }

  registerHook(hook: HookRegistration): () => void {
    try {
      return this.hooks.register(hook);
    } catch (error) {
      if (error instanceof HookRefused)
        this.log("error", `netfilter: ${error.message} in the simulated kernel`);
      throw error;
    }
  }

  registerExtension(extension: Extension): () => void {
    return this.extensions.register(extension);
  }

  registerXdp(program: XdpProgram): () => void {
    this.#xdp.add(program);
    return () => this.#xdp.delete(program);
  }

  /** Sets the clock: the time at which the packet being processed was captured. */
  setTime(seconds: number, nanoseconds: number): void {
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
    if (this.conntrack.started) this.conntrack.setTime(this.#milliseconds);
  }

  get #milliseconds(): number {
    return this.#seconds * 1000 + this.#nanoseconds / 1_000_000;
  }

  nowNs(): bigint {
    return BigInt(this.#seconds) * 1_000_000_000n + BigInt(this.#nanoseconds);
  }

  /** Nothing else happens while a script sleeps: only the clock moves. */
  sleep(milliseconds: number): void {
    const nanoseconds = this.#nanoseconds + (milliseconds % 1000) * 1_000_000;
    this.#seconds += Math.floor(milliseconds / 1000) + Math.floor(nanoseconds / 1_000_000_000);
    this.#nanoseconds = nanoseconds % 1_000_000_000;
    if (this.conntrack.started) this.conntrack.setTime(this.#milliseconds);
  }

  random64(): bigint {
    return this.#random.next64();
  }

  log(level: LogLevel, text: string): void {
    this.#options.log(level, text);
  }

  ifindex(name: string): number | undefined {
    return this.devices.find((device) => device.name === name)?.ifindex;
  }

  hardwareAddress(ifindex: number): Uint8Array | undefined {
    return this.devices.find((device) => device.ifindex === ifindex)?.hardwareAddress;
  }

  cpuCount(): number {
    return this.#options.cpuCount ?? 1;
  }

  forward(skb: Skb): void {
    this.#options.transmit?.(skb);
  }
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RangeError(`'${text}' is no address and no network`);
  return prefix;
}

/** Whether the frame's destination is a group address (IEEE 802: the lowest bit of the first byte). */
function sentToMany(skb: Skb): boolean {
  const { macOffset } = skb;
  return macOffset !== undefined && macOffset < skb.netOffset && (skb.bytes[macOffset]! & 1) === 1;
}

/** ip_decrease_ttl, before the FORWARD hook; false where the kernel answers with "time exceeded" instead. */
function decrementTtl(skb: Skb): boolean {
  const { bytes, netOffset } = skb;
  const ttl = ipv4.get.ttl(bytes, netOffset);
  if (ttl <= 1) return false;
  // The word of the header that holds the TTL has the protocol in its lower half.
  const before = (ttl << 8) | ipv4.get.protocol(bytes, netOffset);
  ipv4.set.ttl(bytes, netOffset, ttl - 1);
  const checksum = ipv4.get.checksum(bytes, netOffset);
  ipv4.set.checksum(bytes, netOffset, updateChecksum16(checksum, before, before - 0x100));
  return true;
}

function decrementHopLimit(skb: Skb): boolean {
  const hopLimit = ipv6.get.hopLimit(skb.bytes, skb.netOffset);
  if (hopLimit <= 1) return false;
  ipv6.set.hopLimit(skb.bytes, skb.netOffset, hopLimit - 1);
  return true;
}

function outcomesOf(path: SimulatedPath): Record<SimulatedVerdict, PacketOutcome> {
  const of = (verdict: SimulatedVerdict): PacketOutcome => ({ path, verdict });
  return { accept: of("accept"), drop: of("drop"), stolen: of("stolen"), queue: of("queue") };
}

const OUTCOMES = { input: outcomesOf("input"), output: outcomesOf("output"), forward: outcomesOf("forward") };

function outcome(path: SimulatedPath, verdict: number): PacketOutcome {
  const of = OUTCOMES[path];
  if (verdict === NF_ACCEPT) return of.accept;
  if (verdict === NF_DROP) return of.drop;
  return verdict === NF_QUEUE ? of.queue : of.stolen;
}
