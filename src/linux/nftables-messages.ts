/** The messages of linux/netfilter/nf_tables.h, as far as they put hooks and queues in place. */

import { NFT_MSG } from "../uapi/nf-tables.ts";
import { NFNL_MSG_BATCH, NFNL_SUBSYS, nfnlType } from "../uapi/nfnetlink.ts";
import { attributes, bytes, cstring, list, nest } from "../wire/attributes.ts";
import { nfgenmsg } from "../wire/netlink.ts";
import { bytes as byteField, i32be, struct, u16, u16be, u32, u32be, u64be } from "../wire/struct.ts";
import { type NetlinkRequest, payloadLayout } from "./netlink-message.ts";

const type = (message: number): number => nfnlType(NFNL_SUBSYS.NFNL_SUBSYS_NFTABLES, message);
export const NEW_TABLE = type(NFT_MSG.NFT_MSG_NEWTABLE);
export const GET_TABLE = type(NFT_MSG.NFT_MSG_GETTABLE);
export const DELETE_TABLE = type(NFT_MSG.NFT_MSG_DELTABLE);
export const NEW_CHAIN = type(NFT_MSG.NFT_MSG_NEWCHAIN);
export const NEW_RULE = type(NFT_MSG.NFT_MSG_NEWRULE);
export const DELETE_RULE = type(NFT_MSG.NFT_MSG_DELRULE);

/** enum nft_table_attributes */
export const tableAttributes = attributes("NFTA_TABLE", {
  name: [1, cstring],
  flags: [2, u32be],
  use: [3, u32be],
  handle: [4, u64be],
  /** Netlink port of the owner. */
  owner: [7, u32be],
});

/** enum nft_hook_attributes */
export const hookAttributes = attributes("NFTA_HOOK", {
  hooknum: [1, u32be],
  priority: [2, i32be],
  device: [3, cstring],
});

/** enum nft_chain_attributes */
export const chainAttributes = attributes("NFTA_CHAIN", {
  table: [1, cstring],
  handle: [2, u64be],
  name: [3, cstring],
  hook: [4, nest(hookAttributes)],
  policy: [5, u32be],
  type: [7, cstring],
});

/** enum nft_verdict_attributes */
const verdictAttributes = attributes("NFTA_VERDICT", { code: [1, u32be], chain: [2, cstring] });

/** enum nft_data_attributes */
const dataAttributes = attributes("NFTA_DATA", { value: [1, bytes], verdict: [2, nest(verdictAttributes)] });

/** enum nft_immediate_attributes: a verdict, or a value for a register. */
export const immediateAttributes = attributes("NFTA_IMMEDIATE", {
  destination: [1, u32be],
  data: [2, nest(dataAttributes)],
});

/** enum nft_match_attributes: an xtables match as an expression. */
export const matchAttributes = attributes("NFTA_MATCH", {
  name: [1, cstring],
  revision: [2, u32be],
  info: [3, bytes],
});

/**
 * struct xt_bpf_info_v1, linux/netfilter/xt_bpf.h: a program by its descriptor. The union behind it holds a classic
 * program or a path in other modes; the pointer at the end is the kernel's.
 */
export const bpfMatchInfo = struct("xt_bpf_info_v1", {
  mode: u16,
  elements: u16,
  fd: u32,
  unused: byteField(512),
  filter: byteField(8),
});
/** enum xt_bpf_modes */
export const XT_BPF_MODE_FD_ELF = 2;

/** enum nft_meta_attributes */
export const metaAttributes = attributes("NFTA_META", {
  destination: [1, u32be],
  key: [2, u32be],
  source: [3, u32be],
});

/** enum nft_ct_attributes */
export const ctAttributes = attributes("NFTA_CT", { destination: [1, u32be], key: [2, u32be] });

/** enum nft_cmp_attributes */
export const compareAttributes = attributes("NFTA_CMP", {
  source: [1, u32be],
  operation: [2, u32be],
  data: [3, nest(dataAttributes)],
});

/** enum nft_queue_attributes */
export const queueAttributes = attributes("NFTA_QUEUE", {
  number: [1, u16be],
  total: [2, u16be],
  flags: [3, u16be],
});

/** enum nft_target_attributes: an xtables target as an expression. */
export const targetAttributes = attributes("NFTA_TARGET", {
  name: [1, cstring],
  revision: [2, u32be],
  info: [3, bytes],
});

/** struct xt_NFQ_info_v3, linux/netfilter/xt_NFQUEUE.h; padded to the 8 bytes that xtables aligns to. */
export const queueTargetInfo = struct("xt_NFQ_info_v3", { number: u16, total: u16, flags: u16, pad: u16 });

/** enum nft_expr_attributes; `data` is laid out as the expression `name` wants. */
export const expressionAttributes = attributes("NFTA_EXPR", { name: [1, cstring], data: [2, bytes] });

/** enum nft_rule_attributes */
export const ruleAttributes = attributes("NFTA_RULE", {
  table: [1, cstring],
  chain: [2, cstring],
  handle: [3, u64be],
  expressions: [4, list(nest(expressionAttributes))],
});

export const tableMessage = payloadLayout(nfgenmsg, tableAttributes);
export const chainMessage = payloadLayout(nfgenmsg, chainAttributes);
export const ruleMessage = payloadLayout(nfgenmsg, ruleAttributes);

const batchEdge = (message: number): NetlinkRequest => ({
  type: message,
  flags: 0,
  payload: nfgenmsg.encode({ resourceId: NFNL_SUBSYS.NFNL_SUBSYS_NFTABLES }),
  object: "nf_tables batch",
});

/** Changes to tables travel in a batch, which the kernel applies as a whole or not at all. */
export const batch = (requests: readonly NetlinkRequest[]): NetlinkRequest[] => [
  batchEdge(NFNL_MSG_BATCH.NFNL_MSG_BATCH_BEGIN),
  ...requests,
  batchEdge(NFNL_MSG_BATCH.NFNL_MSG_BATCH_END),
];
