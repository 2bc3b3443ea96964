/*
 * What the programs here need of the kernel, declared by hand: no kernel headers, no libbpf. The helpers' numbers are
 * UAPI (linux/bpf.h), functions of the kernel are called by name. bench/c-object.ts reads what clang makes of it.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

enum { DROP = 0, ACCEPT = 1 };
enum { PROTO_TCP = 6, PROTO_UDP = 17 };
enum { MAP_HASH = 1, MAP_ARRAY = 2, MAP_PERCPU_ARRAY = 6, MAP_LRU_HASH = 9, MAP_RINGBUF = 27 };
enum { NOEXIST = 1 };
enum { TCP_SYN = 2, TCP_ACK = 16 };
#define SECOND 1000000000ULL

/* A map: read by the loader from section "maps". */
struct map {
  u32 type, key_size, value_size, max_entries;
};

/* struct bpf_nf_ctx */
struct sk_buff;
struct context {
  const void *state;
  struct sk_buff *skb;
};

/* A bpf_dynptr, opaque. */
struct packet {
  u64 opaque[2];
} __attribute__((aligned(8)));

static void *(*const map_lookup)(const void *map, const void *key) = (void *)1;
static long (*const map_update)(const void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete)(const void *map, const void *key) = (void *)3;
static u64 (*const time_ns)(void) = (void *)5;
static long (*const memory_read)(void *to, u32 size, const void *from) = (void *)113;
static long (*const ringbuf_output)(const void *map, const void *data, u64 size, u64 flags) = (void *)130;
static long (*const packet_read)(void *to, u32 size, const struct packet *from, u32 offset, u64 flags) = (void *)201;

/* Functions of the kernel, by name. */
extern int bpf_dynptr_from_skb(struct sk_buff *skb, u64 flags, struct packet *packet);
extern void *bpf_dynptr_slice(const struct packet *packet, u32 offset, void *buffer, u32 size);
extern u32 bpf_dynptr_size(const struct packet *packet);

/*
 * The verifier walks a loop once for each value that its variables are known to have. A zero that it does not know to
 * be one makes them unknown, and then one round is enough.
 */
static volatile u64 zero SECTION(".bss");
#define UNKNOWN(variable) ((variable) += zero)

/*
 * May end a loop that the verifier cannot see the end of (opcode may_goto, which clang 14 does not know): jumps to
 * `label` when the kernel has had enough.
 */
#define MAY_GOTO(label)                                                                                       \
  asm volatile goto("1: .byte 0xe5; .byte 0; .long ((%l[" #label "] - 1b - 8) / 8) & 0xffff; .short 0" ::::label)

/* The machine allows reads and writes at any address; of a misaligned memcpy clang would make one of each byte. */
INLINE u16 be16(const void *at) { return __builtin_bswap16(*(const u16 *)at); }
INLINE u32 be32(const void *at) { return __builtin_bswap32(*(const u32 *)at); }

/* For generated comparisons with `name`: the bytes at an offset, as one number. */
#define U8(at) (*(const u8 *)(name + (at)))
#define U16(at) (*(const u16 *)(name + (at)))
#define U32(at) (*(const u32 *)(name + (at)))
#define U64(at) (*(const u64 *)(name + (at)))

/* Eight bytes with their letters in lower case. */
INLINE u64 lower64(u64 x) {
  u64 low7 = x & 0x7f7f7f7f7f7f7f7fULL;
  u64 letters = ((low7 + 0x3f3f3f3f3f3f3f3fULL) ^ (low7 + 0x2525252525252525ULL)) & ~x & 0x8080808080808080ULL;
  return x | letters >> 2;
}
