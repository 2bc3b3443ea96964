/** Options of netlink sockets and the attributes of extended acknowledgements (linux/netlink.h). */

/** Names for setsockopt(SOL_NETLINK). */
export const NETLINK_OPTION = {
  NETLINK_NO_ENOBUFS: 5,
  /** Acknowledgements leave the request's payload out. */
  NETLINK_CAP_ACK: 10,
  /** Errors come with a text and the place of the attribute that caused them. */
  NETLINK_EXT_ACK: 11,
  NETLINK_GET_STRICT_CHK: 12,
} as const;

/** enum nlmsgerr_attrs */
export const NLMSGERR_ATTR = {
  NLMSGERR_ATTR_MSG: 1,
  NLMSGERR_ATTR_OFFS: 2,
} as const;

/** linux/sched.h: the namespace type that setns is told. */
export const CLONE_NEWNET = 0x40000000;
