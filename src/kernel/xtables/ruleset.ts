/**
 * The tables of one family, made from the text of `iptables-save`, and the walk of a packet through them
 * (`ipt_do_table`). Chains are arrays of rules; a jump keeps its way back on a stack.
 */

import { NF_INET, NF_VERDICT } from "../../uapi/netfilter.ts";
import { NF_IP_PRI } from "../../uapi/netfilter-ipv4.ts";
import { XT_CONTINUE, XT_RETURN } from "../../uapi/x-tables.ts";
import type { Action, Test } from "./declare.ts";
import type { XtEnvironment } from "./environment.ts";
import type { XtPacket } from "./packet.ts";
import { type Confined, type Extensions, readRule } from "./rule.ts";
import { RulesError } from "./rules-error.ts";
import { parseSaved, type SavedChain, type SavedTable } from "./save-text.ts";

const { NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } =
  NF_INET;

export interface Rule {
  readonly line: number;
  /** From `-A` on, as written. */
  readonly text: string;
  readonly conditions: readonly Test[];
  readonly action: Action | undefined;
  /** Where the rule leads, when it leads to a chain. */
  jump: Chain | undefined;
  readonly returns: boolean;
  readonly confined: readonly Confined[];
  packets: number;
  bytes: number;
}

export interface Chain {
  readonly name: string;
  /** ACCEPT or DROP of a chain that a hook begins at, undefined of a chain that the user made. */
  readonly policy: string | undefined;
  readonly rules: Rule[];
  /** Of the policy. */
  packets: number;
  bytes: number;
}

export interface Table {
  readonly name: string;
  readonly family: number;
  readonly chains: ReadonlyMap<string, Chain>;
}

interface BuiltIn {
  readonly chain: string;
  readonly hooknum: number;
  readonly priority: number;
}

const at = (chain: string, hooknum: number, priority: number): BuiltIn => ({ chain, hooknum, priority });

/** The tables, their chains and where in the path these begin; linux/netfilter_ipv4.h has the priorities. */
export const BUILT_IN: Readonly<Record<string, readonly BuiltIn[]>> = {
  raw: [
    at("PREROUTING", NF_INET_PRE_ROUTING, NF_IP_PRI.NF_IP_PRI_RAW),
    at("OUTPUT", NF_INET_LOCAL_OUT, NF_IP_PRI.NF_IP_PRI_RAW),
  ],
  mangle: [
    at("PREROUTING", NF_INET_PRE_ROUTING, NF_IP_PRI.NF_IP_PRI_MANGLE),
    at("INPUT", NF_INET_LOCAL_IN, NF_IP_PRI.NF_IP_PRI_MANGLE),
    at("FORWARD", NF_INET_FORWARD, NF_IP_PRI.NF_IP_PRI_MANGLE),
    at("OUTPUT", NF_INET_LOCAL_OUT, NF_IP_PRI.NF_IP_PRI_MANGLE),
    at("POSTROUTING", NF_INET_POST_ROUTING, NF_IP_PRI.NF_IP_PRI_MANGLE),
  ],
  // Asked by the translator, for the first packet of a connection.
  nat: [
    at("PREROUTING", NF_INET_PRE_ROUTING, NF_IP_PRI.NF_IP_PRI_NAT_DST),
    at("INPUT", NF_INET_LOCAL_IN, NF_IP_PRI.NF_IP_PRI_NAT_SRC),
    at("OUTPUT", NF_INET_LOCAL_OUT, NF_IP_PRI.NF_IP_PRI_NAT_DST),
    at("POSTROUTING", NF_INET_POST_ROUTING, NF_IP_PRI.NF_IP_PRI_NAT_SRC),
  ],
  filter: [
    at("INPUT", NF_INET_LOCAL_IN, NF_IP_PRI.NF_IP_PRI_FILTER),
    at("FORWARD", NF_INET_FORWARD, NF_IP_PRI.NF_IP_PRI_FILTER),
    at("OUTPUT", NF_INET_LOCAL_OUT, NF_IP_PRI.NF_IP_PRI_FILTER),
  ],
  security: [
    at("INPUT", NF_INET_LOCAL_IN, NF_IP_PRI.NF_IP_PRI_SECURITY),
    at("FORWARD", NF_INET_FORWARD, NF_IP_PRI.NF_IP_PRI_SECURITY),
    at("OUTPUT", NF_INET_LOCAL_OUT, NF_IP_PRI.NF_IP_PRI_SECURITY),
  ],
};

/** Reads the text of `iptables-save` (NFPROTO_IPV4) or `ip6tables-save` (NFPROTO_IPV6); raises `RulesError`. */
export function readTables(
  text: string,
  family: number,
  extensions: Extensions,
  environment: XtEnvironment,
): Table[] {
  const tables: Table[] = [];
  for (const saved of parseSaved(text)) {
    if (tables.some((table) => table.name === saved.name))
      throw new RulesError(saved.line, `table '${saved.name}' is there twice`);
    tables.push(buildTable(saved, family, extensions, environment));
  }
  return tables;
}

function buildTable(
  saved: SavedTable,
  family: number,
  extensions: Extensions,
  environment: XtEnvironment,
): Table {
  const builtIn = BUILT_IN[saved.name];
  if (!builtIn) {
    const known = Object.keys(BUILT_IN).join(", ");
    throw new RulesError(saved.line, `there is no table '${saved.name}'; there are ${known}`);
  }
  const chains = new Map<string, Chain>();
  // A chain that the text does not name is there all the same, with its policy.
  for (const { chain } of builtIn)
    chains.set(chain, newChain({ name: chain, policy: "ACCEPT", packets: 0, bytes: 0 }));
  for (const chain of saved.chains) {
    checkChain(chain, saved, builtIn);
    chains.set(chain.name, newChain(chain));
  }
  const names = new Set(chains.keys());
  for (const rule of saved.rules) {
    const chain = chains.get(rule.chain);
    if (!chain) throw new RulesError(rule.line, `there is no chain '${rule.chain}' in table '${saved.name}'`);
    const read = readRule(rule, { family, table: saved.name, chains: names, extensions, environment });
    if (read.chain !== undefined && builtIn.some((b) => b.chain === read.chain))
      throw new RulesError(rule.line, `no rule may lead to '${read.chain}': a hook begins there`);
    chain.rules.push({
      line: rule.line,
      text: rule.text,
      conditions: read.conditions,
      action: read.action,
      jump: read.chain === undefined ? undefined : chains.get(read.chain)!,
      returns: read.returns,
      confined: read.confined,
      packets: rule.packets,
      bytes: rule.bytes,
    });
  }
  checkLoops(saved, chains);
  for (const { chain, hooknum } of builtIn) checkHook(chains.get(chain)!, chain, hooknum, new Set());
  return { name: saved.name, family, chains };
}

const newChain = ({ name, policy, packets, bytes }: Omit<SavedChain, "line">): Chain => ({
  name,
  policy,
  rules: [],
  packets,
  bytes,
});

function checkChain(chain: SavedChain, table: SavedTable, builtIn: readonly BuiltIn[]): void {
  const hooked = builtIn.some((b) => b.chain === chain.name);
  if (hooked && chain.policy !== "ACCEPT" && chain.policy !== "DROP")
    throw new RulesError(
      chain.line,
      `the policy of ${chain.name} is ACCEPT or DROP, not '${chain.policy ?? "-"}'`,
    );
  if (!hooked && chain.policy !== undefined)
    throw new RulesError(
      chain.line,
      `'${chain.name}' is no chain that a hook of table '${table.name}' begins at: it has no policy ('-')`,
    );
}

/** A chain that leads back to itself is refused, as the kernel does (`mark_source_chains`). */
function checkLoops(table: SavedTable, chains: ReadonlyMap<string, Chain>): void {
  const done = new Set<Chain>();
  const open = new Set<Chain>();
  const visit = (chain: Chain): void => {
    if (done.has(chain)) return;
    open.add(chain);
    for (const rule of chain.rules) {
      if (!rule.jump) continue;
      if (open.has(rule.jump))
        throw new RulesError(
          rule.line,
          `table '${table.name}' goes round in '${rule.jump.name}': ${rule.text}`,
        );
      visit(rule.jump);
    }
    open.delete(chain);
    done.add(chain);
  };
  for (const chain of chains.values()) visit(chain);
}

/** Matches and targets that are not for this hook point must not be met from here, through whatever chain. */
function checkHook(chain: Chain, from: string, hooknum: number, seen: Set<Chain>): void {
  if (seen.has(chain)) return;
  seen.add(chain);
  for (const rule of chain.rules) {
    const wrong = rule.confined.find(({ hooks }) => !hooks.includes(hooknum));
    if (wrong)
      throw new RulesError(
        rule.line,
        `'${wrong.name}' is not for packets that come from ${from}: ${rule.text}`,
      );
    if (rule.jump) checkHook(rule.jump, from, hooknum, seen);
  }
}

interface Way {
  readonly chain: Chain;
  readonly next: number;
}

/** Sends a packet through one chain of a hook. Returns NF_ACCEPT, NF_DROP or another verdict of netfilter. */
export function walk(start: Chain, packet: XtPacket): number {
  const back: Way[] = [];
  let chain = start;
  let index = 0;
  for (;;) {
    const rule = chain.rules[index];
    if (rule === undefined) {
      const way = back.pop();
      if (!way) return policyOf(start, packet);
      ({ chain, next: index } = way);
      continue;
    }
    if (!meets(rule, packet)) {
      if (packet.hotdrop) return NF_VERDICT.NF_DROP;
      index++;
      continue;
    }
    rule.packets++;
    rule.bytes += packet.skb.length;
    if (rule.jump) {
      if (rule.returns) back.push({ chain, next: index + 1 });
      chain = rule.jump;
      index = 0;
      continue;
    }
    const verdict = rule.action ? rule.action(packet) : XT_CONTINUE;
    if (verdict === XT_CONTINUE) {
      // A target may have changed what later rules look at.
      if (packet.skb.modified) packet.locate();
      index++;
    } else if (verdict === XT_RETURN) {
      const way = back.pop();
      if (!way) return policyOf(start, packet);
      ({ chain, next: index } = way);
    } else {
      return verdict;
    }
  }
}

function meets(rule: Rule, packet: XtPacket): boolean {
  const { conditions } = rule;
  for (let i = 0; i < conditions.length; i++) {
    if (!conditions[i]!(packet) || packet.hotdrop) return false;
  }
  return true;
}

function policyOf(chain: Chain, packet: XtPacket): number {
  chain.packets++;
  chain.bytes += packet.skb.length;
  return chain.policy === "DROP" ? NF_VERDICT.NF_DROP : NF_VERDICT.NF_ACCEPT;
}

/** The text of `iptables-save -c`: what was read, with the counters as they are now. */
export function printTables(tables: readonly Table[]): string {
  const lines: string[] = [];
  for (const { name, chains } of tables) {
    lines.push(`*${name}`);
    for (const chain of chains.values())
      lines.push(`:${chain.name} ${chain.policy ?? "-"} [${chain.packets}:${chain.bytes}]`);
    for (const chain of chains.values())
      for (const rule of chain.rules) lines.push(`[${rule.packets}:${rule.bytes}] ${rule.text}`);
    lines.push("COMMIT");
  }
  return lines.map((line) => `${line}\n`).join("");
}
