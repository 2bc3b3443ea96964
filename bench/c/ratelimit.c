/*
 * examples/ratelimit.lua in C: a token bucket for each source of UDP packets, an IPv4 address or the first half of an
 * IPv6 one. A bucket is one number, the time at which it was or will be empty: it changes by compare-and-swap, so that
 * processors need no lock.
 */
#include "bpf.h"

enum { PACKETS = 10, BURST = 20, MOST_SOURCES = 8192 };
#define COST (SECOND / PACKETS)
#define FULL (COST * BURST)

struct source {
  u32 family, high, low;
};
struct bucket {
  u64 empty_at;
  /* Whether the log has been told; a race makes a line too many at worst. */
  u64 is_limited;
};

struct map events SECTION("maps") = {MAP_RINGBUF, 0, 0, 1 << 20};
struct map buckets SECTION("maps") = {MAP_LRU_HASH, sizeof(struct source), sizeof(struct bucket), MOST_SOURCES};

SECTION("netfilter") int ratelimit(struct context *context) {
  struct packet packet;
  u8 buffer[20];
  struct source source = {};
  bpf_dynptr_from_skb(context->skb, 0, &packet);
  const u8 *ip = bpf_dynptr_slice(&packet, 0, buffer, 20);
  if (!ip) return ACCEPT;
  if (ip[0] >> 4 == 4) {
    if (ip[9] != PROTO_UDP) return ACCEPT;
    source.family = 4;
    source.low = *(const u32 *)(ip + 12);
  } else {
    if (ip[6] != PROTO_UDP) return ACCEPT;
    source.family = 6;
    source.high = *(const u32 *)(ip + 8);
    source.low = *(const u32 *)(ip + 12);
  }

  u64 now = time_ns();
  struct bucket *bucket = map_lookup(&buckets, &source);
  if (!bucket) {
    struct bucket fresh = {now - FULL, 0};
    map_update(&buckets, &source, &fresh, NOEXIST);
    bucket = map_lookup(&buckets, &source);
    if (!bucket) return ACCEPT;
  }
  for (int attempt = 0; attempt < 8; attempt++) {
    u64 seen = bucket->empty_at, empty_at = seen;
    /* It holds no more than FULL. Times may be out of order between processors: compare their differences. */
    if ((s64)(now - empty_at) > (s64)FULL) empty_at = now - FULL;
    if ((s64)(now - empty_at) < (s64)COST) {
      if (!bucket->is_limited) {
        bucket->is_limited = 1;
        ringbuf_output(&events, &source, sizeof(source), 0);
      }
      return DROP;
    }
    empty_at += COST;
    if (__sync_val_compare_and_swap(&bucket->empty_at, seen, empty_at) == seen) {
      if (bucket->is_limited && (s64)(now - empty_at) >= (s64)(FULL / 2)) bucket->is_limited = 0;
      return ACCEPT;
    }
  }
  return ACCEPT;
}
