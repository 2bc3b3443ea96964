/** linux/netfilter/nfnetlink.h: the subsystems behind NETLINK_NETFILTER, and its batches. */

/** Subsystem ids: the upper byte of a message type. */
export const NFNL_SUBSYS = {
  NFNL_SUBSYS_NONE: 0,
  NFNL_SUBSYS_CTNETLINK: 1,
  NFNL_SUBSYS_CTNETLINK_EXP: 2,
  NFNL_SUBSYS_QUEUE: 3,
  NFNL_SUBSYS_NFTABLES: 10,
} as const;

export const NFNL_MSG_BATCH = {
  NFNL_MSG_BATCH_BEGIN: 0x10,
  NFNL_MSG_BATCH_END: 0x11,
} as const;

/** Bits of sockaddr_nl.groups: 1 << (NFNLGRP_* − 1). */
export const NF_NETLINK_GROUP = {
  NF_NETLINK_CONNTRACK_NEW: 1,
  NF_NETLINK_CONNTRACK_UPDATE: 2,
  NF_NETLINK_CONNTRACK_DESTROY: 4,
} as const;

/** The type of a message: subsystem and the subsystem's own number. */
export const nfnlType = (subsystem: number, message: number): number => (subsystem << 8) | message;
