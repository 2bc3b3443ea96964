/** The chains of tables as hooks of the path: each begins at its hook point, with the priority of its table. */

import { type HookTable, VERDICT_OUTCOMES } from "../hooks.ts";
import type { Skb } from "../skb.ts";
import type { XtEnvironment } from "./environment.ts";
import { XtPacket } from "./packet.ts";
import { BUILT_IN, type Table, walk } from "./ruleset.ts";

/** Tables change the marks of packets themselves. */
export function hookTables(hooks: HookTable, tables: readonly Table[], environment: XtEnvironment): void {
  for (const table of tables) {
    for (const { chain, hooknum, priority } of BUILT_IN[table.name]!) {
      const start = table.chains.get(chain)!;
      // More than one while a rule answers a packet with another.
      const spare: XtPacket[] = [];
      const verdictOf = (skb: Skb): number => {
        const packet = spare.pop() ?? new XtPacket();
        const inName = environment.deviceName(skb.inIfindex);
        const outName = environment.deviceName(skb.outIfindex);
        const verdict = walk(start, packet.load(skb, table.family, hooknum, inName, outName));
        spare.push(packet);
        return verdict;
      };
      if (table.name === "nat")
        environment.translation.register({ pf: table.family, hooknum, run: verdictOf });
      else
        hooks.register({
          pf: table.family,
          hooknum,
          priority,
          mark: undefined,
          run: (skb) => VERDICT_OUTCOMES[verdictOf(skb)]!,
        });
    }
  }
}
