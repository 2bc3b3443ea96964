/** linux/netfilter/nf_tables.h, and the NFQUEUE target of linux/netfilter/xt_NFQUEUE.h. */

/** enum nf_tables_msg_types */
export const NFT_MSG = {
  NFT_MSG_NEWTABLE: 0,
  NFT_MSG_GETTABLE: 1,
  NFT_MSG_DELTABLE: 2,
  NFT_MSG_NEWCHAIN: 3,
  NFT_MSG_GETCHAIN: 4,
  NFT_MSG_DELCHAIN: 5,
  NFT_MSG_NEWRULE: 6,
  NFT_MSG_GETRULE: 7,
  NFT_MSG_DELRULE: 8,
} as const;

/** enum nft_table_flags */
export const NFT_TABLE_F = {
  NFT_TABLE_F_DORMANT: 1,
  /** The table goes away with the socket that made it. */
  NFT_TABLE_F_OWNER: 2,
  NFT_TABLE_F_PERSIST: 4,
} as const;

/** enum nft_meta_keys */
export const NFT_META = {
  NFT_META_LEN: 0,
  NFT_META_PROTOCOL: 1,
  NFT_META_PRIORITY: 2,
  NFT_META_MARK: 3,
  NFT_META_IIF: 4,
  NFT_META_OIF: 5,
  NFT_META_NFPROTO: 15,
  NFT_META_L4PROTO: 16,
} as const;

/** enum nft_ct_keys */
export const NFT_CT = { NFT_CT_STATE: 0 } as const;

/** enum nft_cmp_ops */
export const NFT_CMP = {
  NFT_CMP_EQ: 0,
  NFT_CMP_NEQ: 1,
} as const;

/** enum nft_registers */
export const NFT_REG = {
  NFT_REG_VERDICT: 0,
  NFT_REG_1: 1,
} as const;

/** enum nft_verdicts, as the u32 that messages carry. */
export const NFT_JUMP = 0xffff_fffd;

/** Flags of the queue expression (NFTA_QUEUE_FLAGS); xt_NFQUEUE's NFQ_FLAG_* are the same. */
export const NFT_QUEUE_FLAG = {
  /** Packets pass when nobody listens. */
  NFT_QUEUE_FLAG_BYPASS: 1,
  NFT_QUEUE_FLAG_CPU_FANOUT: 2,
} as const;

/** Longest name of a table or chain, without the NUL (NFT_NAME_MAXLEN). */
export const NFT_NAME_MAXLEN = 255;
