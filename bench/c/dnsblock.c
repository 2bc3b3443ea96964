/*
 * examples/dnsblock.lua in C: drops DNS queries (UDP) for the listed names and for every name below them.
 * Names are held as they stand in a query.
 */
#include "blocklist.h"

enum { MOST_BYTES = 255, WINDOW = 512 };

struct map events SECTION("maps") = {MAP_RINGBUF, 0, 0, 1 << 20};
struct map scratch SECTION("maps") = {MAP_PERCPU_ARRAY, 4, WINDOW, 1};

SECTION("netfilter") int dnsblock(struct context *context) {
  struct packet packet;
  u8 buffer[40];
  bpf_dynptr_from_skb(context->skb, 0, &packet);
  const u8 *ip = bpf_dynptr_slice(&packet, 0, buffer, 40);
  if (!ip) return ACCEPT;

  u32 udp = 40;
  if (ip[0] >> 4 == 4) {
    if (ip[9] != PROTO_UDP || be16(ip + 6) & 0x1fff) return ACCEPT;
    udp = (ip[0] & 15) * 4;
  } else if (ip[6] != PROTO_UDP) {
    return ACCEPT;
  }
  const u8 *header = bpf_dynptr_slice(&packet, udp, buffer, 20);
  if (!header || be16(header + 2) != 53 || header[10] & 0x80) return ACCEPT;

  u32 size = bpf_dynptr_size(&packet), start = udp + 20;
  if (size <= start) return ACCEPT;
  u32 key = 0;
  u8 *name = map_lookup(&scratch, &key);
  if (!name) return ACCEPT;
  u64 left = size - start;
  if (left > MOST_BYTES + 1) left = MOST_BYTES + 1;
  if (left < 1 || left > MOST_BYTES + 1 || packet_read(name, left, &packet, start, 0)) return ACCEPT;

  u64 length = 0;
  UNKNOWN(length);
  for (;;) {
    if (length >= MOST_BYTES || length >= left) return ACCEPT;
    MAY_GOTO(accept);
    u8 label = name[length];
    if (!label) break;
    length += label + 1;
  }
  if (!length) return ACCEPT;

  u64 at = 0;
  UNKNOWN(at);
  UNKNOWN(length);
  for (; at < MOST_BYTES && at < length; at += 8) {
    MAY_GOTO(accept);
    u64 *part = (u64 *)(name + at);
    *part = lower64(*part);
  }
  /* Behind the name zeros, so that what is left of it is always a key. */
  if (length >= MOST_BYTES) return ACCEPT;
  for (int i = 0; i < KEY_BYTES; i += 8) *(u64 *)(name + length + i) = 0;

  at = 0;
  UNKNOWN(at);
  while (at < MOST_BYTES && at < length) {
    MAY_GOTO(accept);
    if (is_blocked(name + at, (u32)(length - at))) {
      ringbuf_output(&events, name, 64, 0);
      return DROP;
    }
    at += name[at] + 1;
  }
accept:
  return ACCEPT;
}
