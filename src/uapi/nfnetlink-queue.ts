/** linux/netfilter/nfnetlink_queue.h: packets to user space and verdicts back. */

/** enum nfqnl_msg_types */
export const NFQNL_MSG = {
  NFQNL_MSG_PACKET: 0,
  NFQNL_MSG_VERDICT: 1,
  NFQNL_MSG_CONFIG: 2,
  NFQNL_MSG_VERDICT_BATCH: 3,
} as const;

/** enum nfqnl_msg_config_cmds */
export const NFQNL_CFG_CMD = {
  NFQNL_CFG_CMD_NONE: 0,
  NFQNL_CFG_CMD_BIND: 1,
  NFQNL_CFG_CMD_UNBIND: 2,
} as const;

/** enum nfqnl_config_mode */
export const NFQNL_COPY = {
  NFQNL_COPY_NONE: 0,
  NFQNL_COPY_META: 1,
  NFQNL_COPY_PACKET: 2,
} as const;

/** Flags of a queue (NFQA_CFG_FLAGS). */
export const NFQA_CFG_F = {
  /** A full queue lets packets pass instead of dropping them. */
  NFQA_CFG_F_FAIL_OPEN: 1,
  NFQA_CFG_F_CONNTRACK: 2,
  /** Super-packets arrive whole, checksums perhaps unfinished. */
  NFQA_CFG_F_GSO: 4,
  NFQA_CFG_F_UID_GID: 8,
  NFQA_CFG_F_SECCTX: 16,
} as const;

/** Flags of a packet (NFQA_SKB_INFO). */
export const NFQA_SKB = {
  /** The transport checksum holds the pseudo header's sum only. */
  NFQA_SKB_CSUMNOTREADY: 1,
  NFQA_SKB_GSO: 2,
  NFQA_SKB_CSUM_NOTVERIFIED: 4,
} as const;

/** What copy range 0 means: as much as an attribute can carry. */
export const NFQNL_MAX_COPY_RANGE = 0xffff - 4;
