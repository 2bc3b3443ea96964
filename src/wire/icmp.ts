/** ICMP (RFC 792) and ICMPv6 (RFC 4443): both start with the same four bytes. */
import { struct, u8, u16be, u32be } from "./struct.ts";

/** struct icmphdr, linux/icmp.h; `rest` depends on the type. */
export const icmp = struct("icmp", { type: u8, code: u8, checksum: u16be, rest: u32be });

/** The same eight bytes of an echo request or reply. */
export const icmpEcho = struct("icmp echo", {
  type: u8,
  code: u8,
  checksum: u16be,
  id: u16be,
  sequence: u16be,
});

/** The same eight bytes of "fragmentation needed" (RFC 1191). */
export const icmpFragmentationNeeded = struct("icmp fragmentation needed", {
  type: u8,
  code: u8,
  checksum: u16be,
  unused: u16be,
  mtu: u16be,
});
