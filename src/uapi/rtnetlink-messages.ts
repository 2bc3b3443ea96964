/** What the messages about devices and addresses say in numbers: linux/if_arp.h, linux/rtnetlink.h. */

/** ARPHRD_*: the type of a device's hardware header. */
export const ARPHRD = {
  ARPHRD_ETHER: 1,
  ARPHRD_PPP: 512,
  ARPHRD_LOOPBACK: 772,
  ARPHRD_SIT: 776,
  ARPHRD_NONE: 0xfffe,
} as const;

/** Bits of sockaddr_nl.groups for events. */
export const RTMGRP = {
  RTMGRP_LINK: 1,
  RTMGRP_IPV4_IFADDR: 0x10,
  RTMGRP_IPV6_IFADDR: 0x100,
} as const;
