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

/** Instruction classes: the three lowest bits of an opcode. linux/bpf_common.h and linux/bpf.h. */
export const BPF_CLASS = {
  BPF_LD: 0x00,
  BPF_LDX: 0x01,
  BPF_ST: 0x02,
  BPF_STX: 0x03,
  BPF_ALU: 0x04,
  BPF_JMP: 0x05,
  BPF_JMP32: 0x06,
  BPF_ALU64: 0x07,
} as const;

/** Width of a load or a store. */
export const BPF_SIZE = { BPF_W: 0x00, BPF_H: 0x08, BPF_B: 0x10, BPF_DW: 0x18 } as const;

/** Kind of a load or a store. */
export const BPF_MODE = { BPF_IMM: 0x00, BPF_MEM: 0x60, BPF_MEMSX: 0x80, BPF_ATOMIC: 0xc0 } as const;

/** Whether the second operand is the immediate (K) or the source register (X). */
export const BPF_SRC = { BPF_K: 0x00, BPF_X: 0x08 } as const;

/** Operations of BPF_ALU and BPF_ALU64. */
export const BPF_ALU_OP = {
  BPF_ADD: 0x00,
  BPF_SUB: 0x10,
  BPF_MUL: 0x20,
  BPF_DIV: 0x30,
  BPF_OR: 0x40,
  BPF_AND: 0x50,
  BPF_LSH: 0x60,
  BPF_RSH: 0x70,
  BPF_NEG: 0x80,
  BPF_MOD: 0x90,
  BPF_XOR: 0xa0,
  BPF_MOV: 0xb0,
  BPF_ARSH: 0xc0,
  BPF_END: 0xd0,
} as const;

/** Operations of BPF_JMP and BPF_JMP32. */
export const BPF_JMP_OP = {
  BPF_JA: 0x00,
  BPF_JEQ: 0x10,
  BPF_JGT: 0x20,
  BPF_JGE: 0x30,
  BPF_JSET: 0x40,
  BPF_JNE: 0x50,
  BPF_JSGT: 0x60,
  BPF_JSGE: 0x70,
  BPF_CALL: 0x80,
  BPF_EXIT: 0x90,
  BPF_JLT: 0xa0,
  BPF_JLE: 0xb0,
  BPF_JSLT: 0xc0,
  BPF_JSLE: 0xd0,
  BPF_JCOND: 0xe0,
} as const;

/** What the immediate of BPF_ATOMIC says beside an ALU operation. */
export const BPF_ATOMIC_OP = {
  BPF_FETCH: 0x01,
  BPF_XCHG: 0xe1,
  BPF_CMPXCHG: 0xf1,
  BPF_LOAD_ACQ: 0x100,
  BPF_STORE_REL: 0x110,
} as const;

/** The source register field of BPF_LD | BPF_IMM | BPF_DW and of BPF_CALL: what the immediate stands for. */
export const BPF_PSEUDO = {
  BPF_PSEUDO_MAP_FD: 1,
  BPF_PSEUDO_MAP_VALUE: 2,
  BPF_PSEUDO_BTF_ID: 3,
  BPF_PSEUDO_FUNC: 4,
  BPF_PSEUDO_MAP_IDX: 5,
  BPF_PSEUDO_MAP_IDX_VALUE: 6,
  BPF_PSEUDO_CALL: 1,
  BPF_PSEUDO_KFUNC_CALL: 2,
} as const;

/** enum bpf_cmd, as far as Moonhook uses it. */
export const BPF_CMD = {
  BPF_MAP_CREATE: 0,
  BPF_MAP_LOOKUP_ELEM: 1,
  BPF_MAP_UPDATE_ELEM: 2,
  BPF_MAP_DELETE_ELEM: 3,
  BPF_MAP_GET_NEXT_KEY: 4,
  BPF_PROG_LOAD: 5,
  BPF_OBJ_PIN: 6,
  BPF_OBJ_GET: 7,
  BPF_PROG_TEST_RUN: 10,
  BPF_PROG_GET_NEXT_ID: 11,
  BPF_MAP_GET_NEXT_ID: 12,
  BPF_PROG_GET_FD_BY_ID: 13,
  BPF_MAP_GET_FD_BY_ID: 14,
  BPF_OBJ_GET_INFO_BY_FD: 15,
  BPF_BTF_LOAD: 18,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM: 21,
  BPF_MAP_FREEZE: 22,
  BPF_MAP_LOOKUP_BATCH: 24,
  BPF_MAP_UPDATE_BATCH: 26,
  BPF_LINK_CREATE: 28,
  BPF_LINK_UPDATE: 29,
  BPF_LINK_GET_FD_BY_ID: 30,
  BPF_LINK_GET_NEXT_ID: 31,
  BPF_ENABLE_STATS: 32,
  BPF_LINK_DETACH: 34,
} as const;

/** enum bpf_map_type, as far as Moonhook uses it. */
export const BPF_MAP_TYPE = {
  BPF_MAP_TYPE_HASH: 1,
  BPF_MAP_TYPE_ARRAY: 2,
  BPF_MAP_TYPE_PROG_ARRAY: 3,
  BPF_MAP_TYPE_PERCPU_HASH: 5,
  BPF_MAP_TYPE_PERCPU_ARRAY: 6,
  BPF_MAP_TYPE_LRU_HASH: 9,
  BPF_MAP_TYPE_LRU_PERCPU_HASH: 10,
  BPF_MAP_TYPE_LPM_TRIE: 11,
  BPF_MAP_TYPE_QUEUE: 22,
  BPF_MAP_TYPE_STACK: 23,
  BPF_MAP_TYPE_RINGBUF: 27,
  BPF_MAP_TYPE_BLOOM_FILTER: 30,
  BPF_MAP_TYPE_USER_RINGBUF: 31,
  BPF_MAP_TYPE_ARENA: 33,
} as const;

/** Flags of BPF_MAP_CREATE. */
export const BPF_MAP_FLAG = {
  BPF_F_NO_PREALLOC: 1,
  BPF_F_RDONLY: 8,
  BPF_F_WRONLY: 16,
  BPF_F_RDONLY_PROG: 128,
  BPF_F_WRONLY_PROG: 256,
  BPF_F_MMAPABLE: 1024,
} as const;

/** Flags of BPF_MAP_LOOKUP_ELEM and BPF_MAP_UPDATE_ELEM beside those of `BPF`. */
export const BPF_ELEMENT_FLAG = { BPF_F_LOCK: 4 } as const;

/** enum bpf_prog_type, as far as Moonhook uses it. */
export const BPF_PROG_TYPE = {
  BPF_PROG_TYPE_SOCKET_FILTER: 1,
  BPF_PROG_TYPE_SCHED_CLS: 3,
  BPF_PROG_TYPE_XDP: 6,
  BPF_PROG_TYPE_NETFILTER: 32,
} as const;

/** enum bpf_attach_type, as far as Moonhook uses it. */
export const BPF_ATTACH_TYPE = {
  BPF_XDP: 37,
  BPF_NETFILTER: 45,
  BPF_TCX_INGRESS: 46,
  BPF_TCX_EGRESS: 47,
} as const;

/** enum bpf_link_type, as far as Moonhook uses it. */
export const BPF_LINK_TYPE = {
  BPF_LINK_TYPE_XDP: 6,
  BPF_LINK_TYPE_NETFILTER: 10,
  BPF_LINK_TYPE_TCX: 11,
} as const;

/** The only flag of a netfilter link: fragments are put together before the program sees them. */
export const BPF_NETFILTER_FLAG = { BPF_F_NETFILTER_IP_DEFRAG: 1 } as const;

/** Flags of BPF_LINK_UPDATE. */
export const BPF_LINK_FLAG = { BPF_F_REPLACE: 4 } as const;

/** enum bpf_stats_type */
export const BPF_STATS_TYPE = { BPF_STATS_RUN_TIME: 0 } as const;

/** enum bpf_func_id: the helper functions that Moonhook knows. */
export const BPF_FUNC = {
  BPF_FUNC_map_lookup_elem: 1,
  BPF_FUNC_map_update_elem: 2,
  BPF_FUNC_map_delete_elem: 3,
  BPF_FUNC_ktime_get_ns: 5,
  BPF_FUNC_get_prandom_u32: 7,
  BPF_FUNC_get_smp_processor_id: 8,
  BPF_FUNC_skb_store_bytes: 9,
  BPF_FUNC_tail_call: 12,
  BPF_FUNC_clone_redirect: 13,
  BPF_FUNC_skb_load_bytes: 26,
  BPF_FUNC_skb_change_tail: 38,
  BPF_FUNC_skb_pull_data: 39,
  BPF_FUNC_map_push_elem: 87,
  BPF_FUNC_map_pop_elem: 88,
  BPF_FUNC_map_peek_elem: 89,
  BPF_FUNC_spin_lock: 93,
  BPF_FUNC_spin_unlock: 94,
  BPF_FUNC_probe_read_kernel: 113,
  BPF_FUNC_jiffies64: 118,
  BPF_FUNC_ktime_get_boot_ns: 125,
  BPF_FUNC_ringbuf_output: 130,
  BPF_FUNC_ringbuf_reserve: 131,
  BPF_FUNC_ringbuf_submit: 132,
  BPF_FUNC_ringbuf_discard: 133,
  BPF_FUNC_loop: 181,
  BPF_FUNC_strncmp: 182,
  BPF_FUNC_xdp_store_bytes: 190,
  BPF_FUNC_dynptr_read: 201,
  BPF_FUNC_ktime_get_tai_ns: 208,
} as const;

/** enum tcx_action_base: what a program of traffic control makes of a packet. */
export const TCX = { TCX_NEXT: -1, TCX_PASS: 0, TCX_DROP: 2 } as const;

/** Flag of bpf_skb_store_bytes: the sum that the device computed over the packet follows what is written. */
export const BPF_STORE_FLAG = { BPF_F_RECOMPUTE_CSUM: 1 } as const;

/** Limits of the kernel: linux/bpf.h and, for the frames, linux/bpf_verifier.h. */
export const BPF_LIMIT = {
  MAX_BPF_STACK: 512,
  MAX_CALL_FRAMES: 8,
  MAX_TAIL_CALL_CNT: 33,
  BPF_MAX_LOOPS: 8 * 1024 * 1024,
} as const;

/** Ring buffer records: a header of this size, lengths with flags in the two highest bits. */
export const BPF_RINGBUF = {
  BPF_RINGBUF_BUSY_BIT: 1 << 31,
  BPF_RINGBUF_DISCARD_BIT: 1 << 30,
  BPF_RINGBUF_HDR_SZ: 8,
} as const;
