/** linux/netfilter.h: protocol families, hook points, verdicts. */

/** enum { NFPROTO_* } */
export const NFPROTO = {
  NFPROTO_UNSPEC: 0,
  NFPROTO_INET: 1,
  NFPROTO_IPV4: 2,
  NFPROTO_ARP: 3,
  NFPROTO_NETDEV: 5,
  NFPROTO_BRIDGE: 7,
  NFPROTO_IPV6: 10,
  NFPROTO_NUMPROTO: 11,
} as const;

/** enum nf_inet_hooks */
export const NF_INET = {
  NF_INET_PRE_ROUTING: 0,
  NF_INET_LOCAL_IN: 1,
  NF_INET_FORWARD: 2,
  NF_INET_LOCAL_OUT: 3,
  NF_INET_POST_ROUTING: 4,
  NF_INET_INGRESS: 5,
  NF_INET_NUMHOOKS: 5,
} as const;

/** enum nf_dev_hooks */
export const NF_NETDEV = {
  NF_NETDEV_INGRESS: 0,
  NF_NETDEV_EGRESS: 1,
  NF_NETDEV_NUMHOOKS: 2,
} as const;

/** Verdicts a hook may return. NF_STOP is deprecated in the kernel but still accepted. */
export const NF_VERDICT = {
  NF_DROP: 0,
  NF_ACCEPT: 1,
  NF_STOLEN: 2,
  NF_QUEUE: 3,
  NF_REPEAT: 4,
  NF_STOP: 5,
} as const;
