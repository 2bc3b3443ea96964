/**
 * Structures of system calls as 64-bit Linux lays them out (padding included). Pointers are addresses in numbers of
 * 64 bits.
 */

import { bytes, i32, i64, struct, u8, u16, u16be, u32, u64 } from "../wire/struct.ts";

/** linux/netlink.h */
export const sockaddr_nl = struct("sockaddr_nl", { family: u16, pad: u16, pid: u32, groups: u32 });

/** linux/if_packet.h */
export const sockaddr_ll = struct("sockaddr_ll", {
  family: u16,
  protocol: u16be,
  ifindex: i32,
  hatype: u16,
  pkttype: u8,
  halen: u8,
  address: bytes(8),
});

/** sys/time.h */
export const timeval = struct("timeval", { seconds: i64, microseconds: i64 });

/** linux/if.h: the name, and flags in the union behind it. */
export const ifreq = struct("ifreq", { name: bytes(16), flags: u16, pad: bytes(22) });

/** time.h */
export const timespec = struct("timespec", { seconds: i64, nanoseconds: i64 });

/** sys/uio.h */
export const iovec = struct("iovec", { base: u64, length: u64 });

/** sys/socket.h */
export const msghdr = struct("msghdr", {
  name: u64,
  nameLength: u32,
  pad: u32,
  iov: u64,
  iovLength: u64,
  control: u64,
  controlLength: u64,
  flags: i32,
  pad2: u32,
});

/** sys/socket.h: what recvmmsg fills; `received` counts the bytes of this datagram. */
export const mmsghdr = struct("mmsghdr", { header: msghdr, received: u32, pad: u32 });

/** A plain C int, as most socket options are. */
export const cInt = struct("int", { value: i32 });
