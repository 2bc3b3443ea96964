/** linux/netfilter/nfnetlink_conntrack.h: connection tracking entries over netlink. */

/** enum cntl_msg_types */
export const IPCTNL_MSG = {
  IPCTNL_MSG_CT_NEW: 0,
  IPCTNL_MSG_CT_GET: 1,
  IPCTNL_MSG_CT_DELETE: 2,
  IPCTNL_MSG_CT_GET_CTRZERO: 3,
} as const;
