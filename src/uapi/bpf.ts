/** linux/bpf.h and, for the headroom, linux/bpf.h of the kernel proper. */

/** enum xdp_action */
export const XDP = {
  XDP_ABORTED: 0,
  XDP_DROP: 1,
  XDP_PASS: 2,
  XDP_TX: 3,
  XDP_REDIRECT: 4,
  XDP_PACKET_HEADROOM: 256,
} as const;

/** Update flags and the map types scripts may use. */
export const BPF = {
  BPF_ANY: 0,
  BPF_MAP_TYPE_HASH: 1,
  BPF_NOEXIST: 1,
  BPF_EXIST: 2,
  BPF_MAP_TYPE_ARRAY: 2,
  BPF_MAP_TYPE_LRU_HASH: 9,
  BPF_MAP_TYPE_QUEUE: 22,
  BPF_MAP_TYPE_STACK: 23,
} as const;
