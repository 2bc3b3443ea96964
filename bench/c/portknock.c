/*
 * examples/portknock.lua in C: attempts (SYN) to the ports of KNOCKS, in order, open GUARDED for their source. Two
 * attempts of one source at the same time on two processors may count as one: it will try again.
 */
#include "bpf.h"

enum { GUARDED = 22, KNOCK_SECONDS = 5, OPEN_SECONDS = 5, MOST_SOURCES = 2048, KNOCK_COUNT = 3 };
enum { KNOCK_1 = 7000, KNOCK_2 = 8000, KNOCK_3 = 9000 };

/* IPv4 addresses stand in the last four bytes behind ffff, as in ::ffff:192.0.2.1. */
struct source {
  u32 words[4];
};
struct visitor {
  u64 step, began, open_until;
};
struct event {
  struct source source;
  u32 is_open;
};

struct map events SECTION("maps") = {MAP_RINGBUF, 0, 0, 1 << 20};
struct map visitors SECTION("maps") = {MAP_LRU_HASH, sizeof(struct source), sizeof(struct visitor), MOST_SOURCES};

/* The place of a port in KNOCKS from 1 on, 0 if it has none. */
INLINE u64 knock_of(u16 port) { return port == KNOCK_1 ? 1 : port == KNOCK_2 ? 2 : port == KNOCK_3 ? 3 : 0; }

INLINE void tell(const struct source *source, u32 is_open) {
  struct event event = {*source, is_open};
  ringbuf_output(&events, &event, sizeof(event), 0);
}

INLINE void knock(const struct source *source, struct visitor *visitor, u64 place, u64 now) {
  if (visitor && visitor->step > 0 && now - visitor->began > KNOCK_SECONDS * SECOND) visitor->step = 0;
  u64 step = visitor ? visitor->step : 0;
  if (place == step + 1)
    step = place;
  else if (!place || place != step) /* the same knock again is only TCP trying again */
    step = place == 1;
  if (!visitor) {
    if (!step) return; /* strangers cost no memory */
    struct visitor fresh = {step, now, now};
    map_update(&visitors, source, &fresh, NOEXIST);
    return;
  }
  if (step == 1 && visitor->step != 1) visitor->began = now;
  visitor->step = step;
  if (step == KNOCK_COUNT) {
    visitor->step = 0;
    visitor->open_until = now + OPEN_SECONDS * SECOND;
    tell(source, 1);
  }
}

SECTION("netfilter") int portknock(struct context *context) {
  struct packet packet;
  u8 buffer[40];
  struct source source = {};
  bpf_dynptr_from_skb(context->skb, 0, &packet);
  const u8 *ip = bpf_dynptr_slice(&packet, 0, buffer, 40);
  if (!ip) return ACCEPT;

  u32 tcp = 40;
  if (ip[0] >> 4 == 4) {
    if (ip[9] != PROTO_TCP || be16(ip + 6) & 0x1fff) return ACCEPT;
    tcp = (ip[0] & 15) * 4;
    source.words[2] = 0xffff0000;
    source.words[3] = *(const u32 *)(ip + 12);
  } else {
    if (ip[6] != PROTO_TCP) return ACCEPT;
    for (int i = 0; i < 4; i++) source.words[i] = *(const u32 *)(ip + 8 + 4 * i);
  }
  const u8 *header = bpf_dynptr_slice(&packet, tcp, buffer, 20);
  if (!header || (header[13] & (TCP_SYN | TCP_ACK)) != TCP_SYN) return ACCEPT;

  u16 port = be16(header + 2);
  u64 now = time_ns();
  struct visitor *visitor = map_lookup(&visitors, &source);
  if (port == GUARDED) {
    if (visitor && now < visitor->open_until) return ACCEPT;
    tell(&source, 0);
    return DROP;
  }
  u64 place = knock_of(port);
  knock(&source, visitor, place, now);
  return place ? DROP : ACCEPT;
}
