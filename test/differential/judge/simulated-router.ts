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
  /** Where the frame being handled came in. */
  #device: DeviceName = "ta";

  constructor() {
    this.#kernel = new SimulatedKernel({
      log: () => {},
      transmit: (skb) => this.#sent.push({ device: this.#device, packet: skb.packet().slice() }),
      devices: [
        { name: "ta", addresses: Object.values(ROUTER.ta) },
        { name: "tb", addresses: Object.values(ROUTER.tb) },
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
    this.#device = device;
    const protocol = ethernet.get.ethertype(frame, 0);
    const skb = Skb.from(frame, { protocol, networkOffset: ethernet.size, macLength: ethernet.size });
    const { path, verdict } = this.#kernel.process(skb, 0, this.#kernel.ifindex(device)!);
    if (path === "forward" && verdict === "accept")
      this.#sent.push({ device: device === "ta" ? "tb" : "ta", packet: skb.packet().slice() });
    return this.#sent;
  }
}
