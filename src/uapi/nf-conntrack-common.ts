/** linux/netfilter/nf_conntrack_common.h. */

/** enum ip_conntrack_info. IP_CT_IS_REPLY is a threshold: from it on the packet goes in reply direction. */
export const IP_CT = {
  IP_CT_ESTABLISHED: 0,
  IP_CT_RELATED: 1,
  IP_CT_NEW: 2,
  IP_CT_ESTABLISHED_REPLY: 3,
  IP_CT_IS_REPLY: 3,
  IP_CT_RELATED_REPLY: 4,
  IP_CT_UNTRACKED: 7,
} as const;

/** NF_CT_STATE_*: IP_CT_* as bits, without direction. */
export const NF_CT_STATE = {
  NF_CT_STATE_INVALID_BIT: 1,
  ESTABLISHED: 1 << 1,
  RELATED: 1 << 2,
  NEW: 1 << 3,
  NF_CT_STATE_UNTRACKED_BIT: 1 << 6,
} as const;

/** enum ip_conntrack_status: bit masks. */
export const IPS = {
  IPS_EXPECTED: 1,
  IPS_SEEN_REPLY: 2,
  IPS_ASSURED: 4,
  IPS_CONFIRMED: 8,
  IPS_SRC_NAT: 16,
  IPS_DST_NAT: 32,
  IPS_SEQ_ADJUST: 64,
  IPS_SRC_NAT_DONE: 128,
  IPS_DST_NAT_DONE: 256,
  IPS_DYING: 512,
  IPS_FIXED_TIMEOUT: 1024,
  IPS_TEMPLATE: 2048,
  IPS_NAT_CLASH: 4096,
  IPS_UNTRACKED: 4096,
  IPS_HELPER: 8192,
  IPS_OFFLOAD: 16384,
  IPS_HW_OFFLOAD: 32768,
} as const;

/** enum ip_conntrack_events: bit positions. */
export const IPCT = {
  IPCT_NEW: 0,
  IPCT_RELATED: 1,
  IPCT_DESTROY: 2,
  IPCT_REPLY: 3,
  IPCT_ASSURED: 4,
  IPCT_PROTOINFO: 5,
  IPCT_HELPER: 6,
  IPCT_MARK: 7,
  IPCT_SEQADJ: 8,
  IPCT_NATSEQADJ: 8,
  IPCT_SECMARK: 9,
  IPCT_LABEL: 10,
  IPCT_SYNPROXY: 11,
} as const;
