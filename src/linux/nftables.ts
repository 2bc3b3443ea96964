/**
 * Rules that send packets to queues, or ask programs about them, in tables that belong to this process: when it ends, however it ends, the kernel
 * removes them (NFT_TABLE_F_OWNER).
 *
 * One base chain per hook point and priority. The expression `queue` says it best, but kernels may lack it
 * (CONFIG_NFT_QUEUE); then the xtables target NFQUEUE does the same through the compatibility layer.
 */

import { NF_VERDICT, NFPROTO } from "../uapi/netfilter.ts";
import { NETLINK, NLM_F } from "../uapi/netlink.ts";
import {
  NFT_CMP,
  NFT_CT,
  NFT_JUMP,
  NFT_META,
  NFT_QUEUE_FLAG,
  NFT_REG,
  NFT_TABLE_F,
} from "../uapi/nf-tables.ts";
import type { ValueOf } from "../wire/attributes.ts";
import { u32 } from "../wire/struct.ts";
import { ErrnoError, UnsupportedError } from "./errors.ts";
import type { NetlinkRequest } from "./netlink-message.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import {
  batch,
  bpfMatchInfo,
  chainMessage,
  compareAttributes,
  ctAttributes,
  DELETE_RULE,
  DELETE_TABLE,
  type expressionAttributes,
  immediateAttributes,
  matchAttributes,
  metaAttributes,
  NEW_CHAIN,
  NEW_RULE,
  NEW_TABLE,
  queueAttributes,
  queueTargetInfo,
  ruleMessage,
  tableMessage,
  targetAttributes,
  XT_BPF_MODE_FD_ELF,
} from "./nftables-messages.ts";

type Expression = ValueOf<typeof expressionAttributes>;

/** How rules hand packets to a queue: nf_tables' own expression, or the xtables target. */
export type QueueStatement = "queue" | "NFQUEUE";

/** A place in the path of packets, and the queue that serves it. */
export interface QueuedHook {
  /** NFPROTO_IPV4, NFPROTO_IPV6 or NFPROTO_INET for both. */
  readonly family: number;
  readonly hooknum: number;
  readonly priority: number;
  readonly queue: number;
  /** Only packets with one of these marks; all when absent. */
  readonly marks?: readonly number[];
  /** Packets pass when nobody serves the queue. */
  readonly bypass: boolean;
  /** Other queues for packets that tracking sees in a certain way: NF_CT_STATE bits. Needs CONFIG_NFT_CT. */
  readonly states?: readonly { readonly state: number; readonly queue: number }[];
}

/** A program of ours that decides about the packets of a hook: those that it is true of are dropped. */
export interface FilteredHook {
  /** NFPROTO_IPV4, NFPROTO_IPV6 or NFPROTO_INET for both. */
  readonly family: number;
  readonly hooknum: number;
  readonly priority: number;
  /** Of type BPF_PROG_TYPE_SOCKET_FILTER; rules hold it from now on. */
  readonly program: { readonly fd: number };
  /** Of those, the packets that this program is true of go to a queue instead; they pass when nobody serves it. */
  readonly undecided?: { readonly program: { readonly fd: number }; readonly queue: number };
}

/**
 * Tables of ours, one per family, called `name`. Closing the socket, which the end of the process does too, removes them.
 */
export class OwnedTables {
  readonly #name: string;
  readonly #socket = new NetlinkSocket(NETLINK.NETLINK_NETFILTER);
  readonly #families = new Set<number>();

  /** The tables live as long as this descriptor. */
  get fd(): number {
    return this.#socket.fd;
  }

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Puts a chain in place for each hook, all or none. Chains of equal priority run the last one first, as hooks do. Throws
   * `ErrnoError`, or `UnsupportedError` when the kernel has no way to queue. Returns the way that it has.
   */
  install(hooks: readonly QueuedHook[]): QueueStatement {
    return this.#install(hooks, true);
  }

  /**
   * Puts a chain in place for each program, all or none, in the order of `install`. Throws `ErrnoError`, or
   * `UnsupportedError` when rules of this kernel cannot ask programs.
   */
  filter(hooks: readonly FilteredHook[]): void {
    for (const statement of ["queue", "NFQUEUE"] as const) {
      try {
        this.#socket.transaction(batch(this.#filterRequests(hooks, statement)));
        for (const { family } of hooks) this.#families.add(family);
        return;
      } catch (error) {
        if (!(error instanceof ErrnoError) || error.code !== "ENOENT") throw error;
      }
    }
    throw new UnsupportedError(
      "rules of this kernel's nf_tables cannot ask programs",
      "it needs CONFIG_NFT_COMPAT and CONFIG_NETFILTER_XT_MATCH_BPF",
    );
  }

  /**
   * Has connections tracked for both families: the kernel tracks where a rule asks for connections, even if no packet
   * ever comes to it. Throws `ErrnoError`, or `UnsupportedError` when rules of this kernel cannot ask.
   */
  track(): void {
    const family = NFPROTO.NFPROTO_INET;
    const chain = "track";
    try {
      this.#socket.transaction(
        batch([
          ...this.#tableRequests([{ family }]),
          chainRequest(this.#name, chain, family, undefined),
          ruleRequest(this.#name, chain, family, [ctState()]),
        ]),
      );
      this.#families.add(family);
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.code !== "ENOENT") throw error;
      throw new UnsupportedError(
        "this kernel's nf_tables cannot ask for connections",
        "it needs CONFIG_NFT_CT",
      );
    }
  }

  /** As `install`, with chains that no packet ever reaches. */
  probe(hooks: readonly QueuedHook[]): QueueStatement {
    return this.#install(hooks, false);
  }

  #install(hooks: readonly QueuedHook[], attached: boolean): QueueStatement {
    for (const statement of ["queue", "NFQUEUE"] as const) {
      try {
        this.#socket.transaction(batch(this.#requests(hooks, statement, attached)));
        for (const { family } of hooks) this.#families.add(family);
        return statement;
      } catch (error) {
        if (!(error instanceof ErrnoError) || error.code !== "ENOENT") throw error;
      }
    }
    throw new UnsupportedError(
      "this kernel's nf_tables cannot hand packets to queues",
      "it needs CONFIG_NFT_QUEUE, or CONFIG_NFT_COMPAT with CONFIG_NETFILTER_XT_TARGET_NFQUEUE",
    );
  }

  /**
   * Removes the rules and leaves the chains: no packet is queued from now on. Those that are queued already wait on, whereas
   * the removal of a chain would drop them (nf_queue_nf_hook_drop).
   */
  removeRules(): void {
    const requests = [...this.#families].map((family) => ({
      type: DELETE_RULE,
      flags: NLM_F_ACK,
      payload: ruleMessage.encode({ family }, { table: this.#name }),
      object: `rules of table "${this.#name}"`,
    }));
    if (requests.length > 0) this.#socket.transaction(batch(requests));
  }

  /** Removes the tables; the socket is closed in any case. */
  remove(): void {
    try {
      const requests = [...this.#families].map((family) =>
        tableRequest(DELETE_TABLE, family, this.#name, 0, {}),
      );
      this.#families.clear();
      if (requests.length > 0) this.#socket.transaction(batch(requests));
    } finally {
      this.#socket.close();
    }
  }

  #filterRequests(hooks: readonly FilteredHook[], statement: QueueStatement): NetlinkRequest[] {
    const table = this.#name;
    return [
      ...this.#tableRequests(hooks),
      ...hooks.flatMap((hook, i) => {
        const chain = `${chainName(hook)}_${i}`;
        const { family, hooknum, priority, program, undecided } = hook;
        const drop = verdictExpression(NF_VERDICT.NF_DROP);
        const asks = programExpression(program.fd);
        const base = chainRequest(table, chain, family, { hooknum, priority });
        if (undecided === undefined) return [base, ruleRequest(table, chain, family, [asks, drop])];
        const second = `${chain}_second`;
        const queued = { ...hook, queue: undecided.queue, bypass: true };
        const queue = statement === "queue" ? queueExpression(queued) : queueTarget(queued);
        return [
          base,
          chainRequest(table, second, family, undefined),
          ruleRequest(table, second, family, [programExpression(undecided.program.fd), queue]),
          ruleRequest(table, second, family, [drop]),
          ruleRequest(table, chain, family, [asks, verdictExpression(NFT_JUMP, second)]),
        ];
      }),
    ];
  }

  #tableRequests(hooks: readonly { readonly family: number }[]): NetlinkRequest[] {
    const families = [...new Set(hooks.map(({ family }) => family))];
    const flags = NFT_TABLE_F.NFT_TABLE_F_OWNER;
    const { NLM_F_CREATE, NLM_F_EXCL } = NLM_F;
    return families.map((family) =>
      tableRequest(NEW_TABLE, family, this.#name, NLM_F_CREATE | NLM_F_EXCL, { flags }),
    );
  }

  #requests(hooks: readonly QueuedHook[], statement: QueueStatement, attached: boolean): NetlinkRequest[] {
    const table = this.#name;
    return [
      ...this.#tableRequests(hooks),
      ...hooks.flatMap((hook) => {
        const { family, hooknum, priority } = hook;
        return [
          chainRequest(table, chainName(hook), family, attached ? { hooknum, priority } : undefined),
          ...ruleRequests(table, hook, statement),
        ];
      }),
    ];
  }
}

/** Which way this kernel has to queue packets from nf_tables in this namespace, undefined when it has none. */
export function probeQueueStatement(): QueueStatement | undefined {
  const hook: QueuedHook = {
    family: NFPROTO.NFPROTO_IPV4,
    hooknum: 0,
    priority: 0,
    queue: 0xfffe,
    bypass: true,
  };
  const tables = new OwnedTables(`moonhook-probe-${process.pid}`);
  try {
    return tables.probe([hook]);
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  } finally {
    tables.remove();
  }
}

const { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE } = NLM_F;

function tableRequest(
  type: number,
  family: number,
  name: string,
  flags: number,
  values: { flags?: number },
): NetlinkRequest {
  return {
    type,
    flags: flags | NLM_F_ACK,
    payload: tableMessage.encode({ family }, { name, ...values }),
    object: `table "${name}"`,
  };
}

type Place = Pick<QueuedHook, "hooknum" | "priority">;

const chainName = ({ hooknum, priority }: Place): string => `hook${hooknum}_priority${priority}`;

/** Without a place no packet comes to the chain by itself. */
function chainRequest(table: string, name: string, family: number, hook: Place | undefined): NetlinkRequest {
  return {
    type: NEW_CHAIN,
    flags: NLM_F_ACK | NLM_F_CREATE,
    payload: chainMessage.encode(
      { family },
      hook ? { table, name, hook, policy: NF_VERDICT.NF_ACCEPT, type: "filter" } : { table, name },
    ),
    object: `chain "${name}"`,
  };
}

function ruleRequest(
  table: string,
  chain: string,
  family: number,
  expressions: readonly Expression[],
): NetlinkRequest {
  return {
    type: NEW_RULE,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND,
    payload: ruleMessage.encode({ family }, { table, chain, expressions: [...expressions] }),
    object: `rule of ${expressions.map(({ name }) => name).join(", ")} in chain "${chain}"`,
  };
}

function ruleRequests(table: string, hook: QueuedHook, statement: QueueStatement): NetlinkRequest[] {
  const chain = chainName(hook);
  const marks = hook.marks?.map((mark) => markIs(mark)) ?? [[]];
  const ways: { condition: Expression[]; queue: number }[] = [
    ...(hook.states ?? []).map(({ state, queue }) => ({ condition: stateIs(state), queue })),
    { condition: [], queue: hook.queue },
  ];
  return marks.flatMap((mark) =>
    ways.map(({ condition, queue }) => {
      const last = (statement === "queue" ? queueExpression : queueTarget)({ ...hook, queue });
      return ruleRequest(table, chain, hook.family, [...mark, ...condition, last]);
    }),
  );
}

function verdictExpression(code: number, chain?: string): Expression {
  const verdict = chain === undefined ? { code } : { code, chain };
  const destination = NFT_REG.NFT_REG_VERDICT;
  return { name: "immediate", data: immediateAttributes.encode({ destination, data: { verdict } }) };
}

/** True of the packets that the program is true of. */
function programExpression(fd: number): Expression {
  const info = bpfMatchInfo.encode({ mode: XT_BPF_MODE_FD_ELF, fd });
  return { name: "match", data: matchAttributes.encode({ name: "bpf", revision: 1, info }) };
}

/** Exactly one bit is set: a packet has one state. */
const stateIs = (state: number): Expression[] => [ctState(), equals(state)];

/** Into register 1. */
function ctState(): Expression {
  const destination = NFT_REG.NFT_REG_1;
  return { name: "ct", data: ctAttributes.encode({ destination, key: NFT_CT.NFT_CT_STATE }) };
}

function markIs(mark: number): Expression[] {
  const register = NFT_REG.NFT_REG_1;
  return [
    { name: "meta", data: metaAttributes.encode({ destination: register, key: NFT_META.NFT_META_MARK }) },
    equals(mark),
  ];
}

/** The rule goes on when register 1 holds this number. */
function equals(number: number): Expression {
  const value = new Uint8Array(u32.size);
  u32.writer(0)(value, 0, number);
  const source = NFT_REG.NFT_REG_1;
  return {
    name: "cmp",
    data: compareAttributes.encode({ source, operation: NFT_CMP.NFT_CMP_EQ, data: { value } }),
  };
}

const flagsOf = ({ bypass }: QueuedHook): number => (bypass ? NFT_QUEUE_FLAG.NFT_QUEUE_FLAG_BYPASS : 0);

function queueExpression(hook: QueuedHook): Expression {
  return {
    name: "queue",
    data: queueAttributes.encode({ number: hook.queue, total: 1, flags: flagsOf(hook) }),
  };
}

function queueTarget(hook: QueuedHook): Expression {
  const info = queueTargetInfo.encode({ number: hook.queue, total: 1, flags: flagsOf(hook) });
  return { name: "target", data: targetAttributes.encode({ name: "NFQUEUE", revision: 3, info }) };
}
