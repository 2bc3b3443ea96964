/** linux/netfilter/nf_conntrack_tuple_common.h. */

/** enum ip_conntrack_dir */
export const IP_CT_DIR = {
  IP_CT_DIR_ORIGINAL: 0,
  IP_CT_DIR_REPLY: 1,
} as const;
