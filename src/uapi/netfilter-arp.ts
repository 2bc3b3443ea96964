/** linux/netfilter_arp.h. */

/** Hook points of NFPROTO_ARP. */
export const NF_ARP = {
  NF_ARP_IN: 0,
  NF_ARP_OUT: 1,
  NF_ARP_FORWARD: 2,
  NF_ARP_NUMHOOKS: 3,
} as const;
