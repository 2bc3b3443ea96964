/**
 * Linux "cooked" capture headers, which libpcap puts in front of packets captured on the device "any".
 * Source: the LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 pages of the libpcap project.
 */
import { bytes, struct, u8, u16be, u32be } from "./struct.ts";

/** LINKTYPE_LINUX_SLL (113) */
export const cookedV1 = struct("sll", {
  packetType: u16be,
  arphrdType: u16be,
  addressLength: u16be,
  address: bytes(8),
  protocol: u16be,
});

/** LINKTYPE_LINUX_SLL2 (276) */
export const cookedV2 = struct("sll2", {
  protocol: u16be,
  reserved: u16be,
  ifindex: u32be,
  arphrdType: u16be,
  packetType: u8,
  addressLength: u8,
  address: bytes(8),
});
