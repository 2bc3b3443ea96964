/** Fixed headers of netlink messages (linux/netlink.h, linux/netfilter/nfnetlink.h). Host order unless it says "be". */
import { i32, struct, u8, u16, u16be, u32 } from "./struct.ts";

export { nlattr } from "./attributes.ts";

/** struct nlmsghdr; `length` counts the header too. */
export const nlmsghdr = struct("nlmsghdr", { length: u32, type: u16, flags: u16, seq: u32, pid: u32 });

/** struct nlmsgerr; `error` is 0 for an acknowledgement, else a negative errno. */
export const nlmsgerr = struct("nlmsgerr", { error: i32, request: nlmsghdr });

/** struct nfgenmsg; `resourceId` is the queue number, or NFNL_SUBSYS_* in batch messages. */
export const nfgenmsg = struct("nfgenmsg", { family: u8, version: u8, resourceId: u16be });

/** struct genlmsghdr, linux/genetlink.h */
export const genlmsghdr = struct("genlmsghdr", { command: u8, version: u8, reserved: u16 });

/** struct rtmsg, linux/rtnetlink.h */
export const rtmsg = struct("rtmsg", {
  family: u8,
  destinationLength: u8,
  sourceLength: u8,
  tos: u8,
  table: u8,
  protocol: u8,
  scope: u8,
  type: u8,
  flags: u32,
});

/** struct ifinfomsg, linux/rtnetlink.h */
export const ifinfomsg = struct("ifinfomsg", {
  family: u8,
  pad: u8,
  type: u16,
  index: i32,
  flags: u32,
  change: u32,
});

/** struct ifaddrmsg, linux/if_addr.h */
export const ifaddrmsg = struct("ifaddrmsg", {
  family: u8,
  prefixLength: u8,
  flags: u8,
  scope: u8,
  index: u32,
});

/** Rounds up to the boundary messages start at (NLMSG_ALIGN). */
export const nlmsgAlign = (length: number): number => (length + 3) & ~3;
