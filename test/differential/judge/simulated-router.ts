/** The router of router.ts, simulated. */

import { SimulatedKernel } from "../../../src/kernel/simulated.ts";
import { Skb } from "../../../src/kernel/skb.ts";
import { printTables, type Table } from "../../../src/kernel/xtables/ruleset.ts";
import { NFPROTO } from "../../../src/uapi/netfilter.ts";
import { ethernet } from "../../../src/wire/ethernet.ts";
import { ROUTER, type Sent } from "./router.ts";

export class SimulatedRouter {
  readonly #kernel: SimulatedKernel;
  readonly #tables: Record<"v4" | "v6", Table[]> = { v4: [], v6: [] };
  #sent: Sent[] = [];

  constructor() {
    this.#kernel = new SimulatedKernel({
      log: () => {},
      transmit: (skb) => this.#sent.push({ device: "ta", packet: skb.packet().slice() }),
      deviceNames: ["ta", "tb"],
    });
    for (const { v4, v6 } of Object.values(ROUTER))
      for (const address of [v4, v6]) this.#kernel.local.add(address);
  }

  restore(family: "v4" | "v6", rules: string): void {
    const number = family === "v4" ? NFPROTO.NFPROTO_IPV4 : NFPROTO.NFPROTO_IPV6;
    this.#tables[family] = this.#kernel.loadRules(rules, number);
  }

  save(family: "v4" | "v6"): string {
    return printTables(this.#tables[family]);
  }

  /** A frame that arrives at device `ta`. */
  inject(frame: Uint8Array): Sent[] {
    this.#sent = [];
    const protocol = ethernet.get.ethertype(frame, 0);
    const skb = Skb.from(frame, { protocol, networkOffset: ethernet.size, macLength: ethernet.size });
    const { path, verdict } = this.#kernel.process(skb);
    if (path === "forward" && verdict === "accept")
      this.#sent.push({ device: "tb", packet: skb.packet().slice() });
    return this.#sent;
  }
}
