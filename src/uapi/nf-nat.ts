/** linux/netfilter/nf_nat.h. */

/** Flags of struct nf_nat_range2. */
export const NF_NAT_RANGE = {
  NF_NAT_RANGE_MAP_IPS: 1,
  NF_NAT_RANGE_PROTO_SPECIFIED: 2,
  NF_NAT_RANGE_PROTO_RANDOM: 4,
  NF_NAT_RANGE_PERSISTENT: 8,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY: 16,
  NF_NAT_RANGE_PROTO_OFFSET: 32,
  NF_NAT_RANGE_NETMAP: 64,
} as const;
