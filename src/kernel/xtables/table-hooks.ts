/** The chains of tables as hooks of the path: each begins at its hook point, with the priority of its table. */

import type { HookTable } from "../hooks.ts";
import type { HookOutcome } from "../kernel.ts";
import type { Skb } from "../skb.ts";
import type { XtEnvironment } from "./environment.ts";
import { XtPacket } from "./packet.ts";
import { BUILT_IN, type RuleTrace, type Table, walk } from "./ruleset.ts";

/** A table changes the mark of a packet itself. */
const OUTCOMES: readonly HookOutcome[] = Array.from({ length: 6 }, (_, verdict) => ({
  verdict,
  mark: undefined,
}));

/** Registers `tables`; returns what takes them out again. */
export function hookTables(
  hooks: HookTable,
  tables: readonly Table[],
  environment: XtEnvironment,
  trace?: () => RuleTrace | undefined,
): () => void {
  const removers = tables.flatMap((table) =>
    BUILT_IN[table.name]!.map(({ chain: name, hooknum, priority }) => {
      const chain = table.chains.get(name)!;
      const spare: XtPacket[] = [];
      return hooks.register({
        pf: table.family,
        hooknum,
        priority,
        mark: undefined,
        run(skb: Skb): HookOutcome {
          const packet = spare.pop() ?? new XtPacket();
          const { inIfindex, outIfindex } = skb;
          packet.load(
            skb,
            table.family,
            hooknum,
            environment.deviceName(inIfindex),
            environment.deviceName(outIfindex),
          );
          const verdict = walk(table, chain, packet, trace?.());
          spare.push(packet);
          return OUTCOMES[verdict]!;
        },
      });
    }),
  );
  return () => {
    for (const remove of removers) remove();
  };
}
