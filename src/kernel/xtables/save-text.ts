/**
 * The text of `iptables-save` and `ip6tables-save`: tables, chains with policies and counters, and rules as lists of
 * words. What the words of a rule mean is rule.ts's business; here is only how they are written.
 *
 *     *filter
 *     :INPUT DROP [12:3456]
 *     [3:180] -A INPUT -p tcp -m comment --comment "the shell" --dport 22 -j ACCEPT
 *     COMMIT
 */

import { RulesError } from "./rules-error.ts";

export interface SavedCounters {
  readonly packets: number;
  readonly bytes: number;
}

export interface SavedChain extends SavedCounters {
  readonly line: number;
  readonly name: string;
  /** ACCEPT or DROP; undefined for a chain that the user made. */
  readonly policy: string | undefined;
}

export interface SavedRule extends SavedCounters {
  readonly line: number;
  readonly chain: string;
  /** From `-A` on, as written. */
  readonly text: string;
  /** Without `-A` and the chain's name; quotes are taken off. */
  readonly words: readonly string[];
}

export interface SavedTable {
  readonly line: number;
  readonly name: string;
  readonly chains: readonly SavedChain[];
  readonly rules: readonly SavedRule[];
}

const CHAIN = /^:(\S+)\s+(\S+)(?:\s+\[(\d+):(\d+)\])?$/;
const COUNTED = /^\[(\d+):(\d+)\]\s*(.*)$/;

/** Throws `RulesError` for anything that `iptables-restore` would not understand either. */
export function parseSaved(text: string): SavedTable[] {
  const tables: SavedTable[] = [];
  let table: { line: number; name: string; chains: SavedChain[]; rules: SavedRule[] } | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    if (content.startsWith("*")) {
      if (table) throw new RulesError(line, `table '${table.name}' has no COMMIT before this one`);
      table = { line, name: content.slice(1).trim(), chains: [], rules: [] };
    } else if (!table) {
      throw new RulesError(line, `'${content}' is outside of a table: a line like '*filter' begins one`);
    } else if (content === "COMMIT") {
      tables.push(table);
      table = undefined;
    } else if (content.startsWith(":")) {
      table.chains.push(parseChain(content, line));
    } else {
      table.rules.push(parseRule(content, line));
    }
  }
  if (table) throw new RulesError(table.line, `table '${table.name}' has no COMMIT at its end`);
  return tables;
}

function parseChain(content: string, line: number): SavedChain {
  const found = CHAIN.exec(content);
  if (!found)
    throw new RulesError(line, `'${content}' is no chain: it should look like ':INPUT ACCEPT [0:0]'`);
  const [, name, policy, packets = "0", bytes = "0"] = found;
  return {
    line,
    name: name!,
    policy: policy === "-" ? undefined : policy!,
    packets: Number(packets),
    bytes: Number(bytes),
  };
}

function parseRule(content: string, line: number): SavedRule {
  const counted = COUNTED.exec(content);
  const text = counted ? counted[3]! : content;
  const [command, chain, ...words] = splitWords(text, line);
  if (command !== "-A" && command !== "--append")
    throw new RulesError(line, `'${command}' is not understood: rules begin with -A and the name of a chain`);
  if (chain === undefined) throw new RulesError(line, "-A needs the name of a chain");
  return {
    line,
    chain,
    text,
    words,
    packets: Number(counted?.[1] ?? 0),
    bytes: Number(counted?.[2] ?? 0),
  };
}

/** Words between blanks; double quotes hold blanks together, and a backslash in them takes the next character as it is. */
function splitWords(text: string, line: number): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (quoted && character === "\\") {
      i++;
      if (i === text.length) break;
      word += text[i]!;
    } else if (character === '"') {
      quoted = !quoted;
      word ??= "";
    } else if (!quoted && (character === " " || character === "\t")) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quoted) throw new RulesError(line, "a quotation mark has no partner");
  if (word !== undefined) words.push(word);
  return words;
}
