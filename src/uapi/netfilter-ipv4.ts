/** linux/netfilter_ipv4.h. The priorities of linux/netfilter_ipv6.h have the same values. */

/** enum nf_ip_hook_priorities: lower runs earlier. */
export const NF_IP_PRI = {
  NF_IP_PRI_FIRST: -2147483648,
  NF_IP_PRI_RAW_BEFORE_DEFRAG: -450,
  NF_IP_PRI_CONNTRACK_DEFRAG: -400,
  NF_IP_PRI_RAW: -300,
  NF_IP_PRI_SELINUX_FIRST: -225,
  NF_IP_PRI_CONNTRACK: -200,
  NF_IP_PRI_MANGLE: -150,
  NF_IP_PRI_NAT_DST: -100,
  NF_IP_PRI_FILTER: 0,
  NF_IP_PRI_SECURITY: 50,
  NF_IP_PRI_NAT_SRC: 100,
  NF_IP_PRI_SELINUX_LAST: 225,
  NF_IP_PRI_CONNTRACK_HELPER: 300,
  NF_IP_PRI_CONNTRACK_CONFIRM: 2147483647,
  NF_IP_PRI_LAST: 2147483647,
} as const;
