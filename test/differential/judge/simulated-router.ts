/** The router of router.ts, simulated. */

import { SimulatedKernel } from "../../../src/kernel/simulated.ts";
import { Skb } from "../../../src/kernel/skb.ts";
import { printTables, type Table } from "../../../src/kernel/xtables/ruleset.ts";
import { NFPROTO } from "../../../src/uapi/netfilter.ts";
import { ethernet } from "../../../src/wire/ethernet.ts";
import { type DeviceName, ROUTER, type Sent } from "./router.ts";

export class SimulatedRouter {
  readonly #kernel: SimulatedKernel;
  readonly #tables: Record<"v4" | "v6", Table[]> = { v4: [], v6: [] };
  #sent: Sent[] = [];

  constructor() {
    this.#kernel = new SimulatedKernel({
      log: () => {},
      transmit: (skb) => this.#send(skb),
      devices: [
        { name: "ta", addresses: withPrefixes(ROUTER.ta) },
        { name: "tb", addresses: withPrefixes(ROUTER.tb), routes: ["0.0.0.0/0", "::/0"] },
      ],
    });
  }

  restore(family: "v4" | "v6", rules: string): void {
    const number = family === "v4" ? NFPROTO.NFPROTO_IPV4 : NFPROTO.NFPROTO_IPV6;
    this.#tables[family] = this.#kernel.loadRules(rules, number);
  }

  save(family: "v4" | "v6"): string {
    return printTables(this.#tables[family]);
  }

  inject(device: DeviceName, frame: Uint8Array): Sent[] {
    this.#sent = [];
    const protocol = ethernet.get.ethertype(frame, 0);
    const skb = Skb.from(frame, { protocol, networkOffset: ethernet.size, macLength: ethernet.size });
    const { path, verdict } = this.#kernel.process(skb, 0, this.#kernel.ifindex(device)!);
    if (path === "forward" && verdict === "accept") this.#send(skb);
    return this.#sent;
  }

  /** Whether a port was chosen at random: Linux chose another one. */
  get choseAtRandom(): boolean {
    return this.#kernel.translator.randomPorts > 0;
  }

  #send(skb: Skb): void {
    const device = this.#kernel.devices.find(({ ifindex }) => ifindex === skb.outIfindex)!.name as DeviceName;
    this.#sent.push({ device, packet: skb.packet().slice() });
  }
}

const withPrefixes = ({ v4, v6 }: (typeof ROUTER)[DeviceName]): string[] => [`${v4}/24`, `${v6}/64`];
