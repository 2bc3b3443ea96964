/** linux/netfilter_bridge.h. */

/** Hook points of NFPROTO_BRIDGE. */
export const NF_BR = {
  NF_BR_PRE_ROUTING: 0,
  NF_BR_LOCAL_IN: 1,
  NF_BR_FORWARD: 2,
  NF_BR_LOCAL_OUT: 3,
  NF_BR_POST_ROUTING: 4,
  NF_BR_BROUTING: 5,
  NF_BR_NUMHOOKS: 6,
} as const;

/** enum nf_br_hook_priorities */
export const NF_BR_PRI = {
  NF_BR_PRI_FIRST: -2147483648,
  NF_BR_PRI_NAT_DST_BRIDGED: -300,
  NF_BR_PRI_FILTER_BRIDGED: -200,
  NF_BR_PRI_BRNF: 0,
  NF_BR_PRI_NAT_DST_OTHER: 100,
  NF_BR_PRI_FILTER_OTHER: 200,
  NF_BR_PRI_NAT_SRC: 300,
  NF_BR_PRI_LAST: 2147483647,
} as const;
