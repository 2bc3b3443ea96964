/** linux/netlink.h. */
import { layout } from "./layout.ts";

/** Netlink families. */
export const NETLINK = {
  NETLINK_ROUTE: 0,
  NETLINK_SOCK_DIAG: 4,
  NETLINK_NETFILTER: 12,
  NETLINK_GENERIC: 16,
} as const;

/** Flags of nlmsghdr; the meaning of those from 0x100 on depends on the request. */
export const NLM_F = {
  NLM_F_REQUEST: 1,
  NLM_F_MULTI: 2,
  NLM_F_ACK: 4,
  NLM_F_ECHO: 8,
  NLM_F_DUMP_INTR: 16,
  NLM_F_DUMP_FILTERED: 32,
  NLM_F_CAPPED: 256,
  NLM_F_NONREC: 256,
  NLM_F_REPLACE: 256,
  NLM_F_ROOT: 256,
  NLM_F_ACK_TLVS: 512,
  NLM_F_BULK: 512,
  NLM_F_EXCL: 512,
  NLM_F_MATCH: 512,
  NLM_F_DUMP: 768,
  NLM_F_ATOMIC: 1024,
  NLM_F_CREATE: 1024,
  NLM_F_APPEND: 2048,
} as const;

/** Message types below NLMSG_MIN_TYPE, and the alignment of messages. */
export const NLMSG = {
  NLMSG_NOOP: 1,
  NLMSG_ERROR: 2,
  NLMSG_DONE: 3,
  NLMSG_OVERRUN: 4,
  NLMSG_MIN_TYPE: 16,
  NLMSG_ALIGNTO: 4,
} as const;

export const netlinkLayouts = {
  nlmsghdr: layout(16, [
    ["nlmsg_len", 0, 4],
    ["nlmsg_type", 4, 2],
    ["nlmsg_flags", 6, 2],
    ["nlmsg_seq", 8, 4],
    ["nlmsg_pid", 12, 4],
  ]),
  nlattr: layout(4, [
    ["nla_len", 0, 2],
    ["nla_type", 2, 2],
  ]),
  // The request's header follows the error; scripts skip it.
  nlmsgerr: layout(20, [["error", 0, 4, "signed"]]),
};
