/** ARP (RFC 826), for IPv4 over Ethernet. */
import { bytes, struct, u8, u16be, u32be } from "./struct.ts";

/** struct arphdr, linux/if_arp.h: the part every kind of ARP has. */
export const arp = struct("arp", {
  hardwareType: u16be,
  protocolType: u16be,
  hardwareLength: u8,
  protocolLength: u8,
  operation: u16be,
});

/** What follows when hardwareLength is 6 and protocolLength is 4. */
export const arpIpv4 = struct("arp ipv4", {
  senderMac: bytes(6),
  senderIp: u32be,
  targetMac: bytes(6),
  targetIp: u32be,
});

/** linux/if_arp.h */
export const ARPOP = { ARPOP_REQUEST: 1, ARPOP_REPLY: 2 } as const;
