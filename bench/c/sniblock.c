/*
 * examples/sniblock.lua in C, with its table of flows in two generations and the streams that are put together. It takes
 * no lock: two segments of one connection at the same time on two processors may be put together wrongly. A segment of
 * more than SEGMENT bytes, and a hello spread over records of which one has more than RECORD, pass with their connection.
 */
#include "server-name.h"

enum { MOST_BYTES = 16384, MOST_FLOWS = 1024, SEGMENT = 4096, STREAM = MOST_BYTES + SEGMENT, SLACK = 512 };
enum { SCRATCH = 32768, RECORD = SCRATCH - SLACK - MOST_BYTES };

struct key {
  u8 addresses[32];
  u32 ports, generation;
};
struct flow {
  u32 next, length, slot, cut;
};

struct map flows SECTION("maps") = {MAP_LRU_HASH, sizeof(struct key), sizeof(struct flow), 4 * MOST_FLOWS};
/* Those of flows that were not cut, one after the other: as many as there are flows in both generations. */
struct map streams SECTION("maps") = {MAP_ARRAY, 4, STREAM + SLACK, 2 * MOST_FLOWS};
struct map scratch SECTION("maps") = {MAP_PERCPU_ARRAY, 4, SCRATCH, 1};

static u32 generation SECTION(".bss"), count SECTION(".bss"), last_slot SECTION(".bss");

INLINE void forget(struct key *key) {
  key->generation = generation - 1;
  map_delete(&flows, key);
  key->generation = generation;
  map_delete(&flows, key);
}

INLINE void remember(struct key *key, const struct flow *flow) {
  if (count == MOST_FLOWS) {
    generation++;
    count = 0;
  }
  key->generation = generation;
  map_update(&flows, key, flow, 0);
  count++;
}

/*
 * 1 when the stream begins with a whole ClientHello that asks for a listed name, 0 when it does not or begins with
 * something else, -1 when more bytes are needed.
 */
INLINE int judge(u8 *stream, u64 size) {
  if (size < 5) return -1;
  u64 record = be16(stream + 3);
  if (stream[0] != HANDSHAKE_RECORD || stream[1] != 3 || !record) return 0;
  /* Mostly all of it is in one record, and stays where it is. */
  if (record >= 4 && size >= 9) {
    u64 message = stream[6] << 16 | be16(stream + 7);
    if (stream[5] != CLIENT_HELLO) return 0;
    if (record >= 4 + message) return size < 9 + message ? -1 : asks_for_listed(stream + 5, 4 + message, STREAM - 5);
  }
  u32 only = 0;
  u8 *handshake = map_lookup(&scratch, &only);
  if (!handshake) return 0;
  u64 at = 0, have = 0;
  UNKNOWN(at);
  UNKNOWN(have);
  for (;;) {
    MAY_GOTO(no);
    if (size < at + 5) return -1;
    if (at > STREAM || have > MOST_BYTES) return 0;
    record = be16(stream + at + 3);
    if (stream[at] != HANDSHAKE_RECORD || stream[at + 1] != 3 || !record) return 0;
    u64 bytes = record;
    if (at + 5 + bytes > size) bytes = size - at - 5;
    if (bytes > RECORD) return 0;
    if (bytes) memory_read(handshake + have, bytes, stream + at + 5);
    have += bytes;
    at += 5 + record;
    if (have < 4) continue;
    if (handshake[0] != CLIENT_HELLO) return 0;
    u64 message = handshake[1] << 16 | be16(handshake + 2);
    if (have >= 4 + message) return asks_for_listed(handshake, 4 + message, SCRATCH - SLACK);
  }
no:
  return 0;
}

SECTION("netfilter") int sniblock(struct context *context) {
  struct packet packet;
  u8 buffer[40];
  bpf_dynptr_from_skb(context->skb, 0, &packet);
  const u8 *ip = bpf_dynptr_slice(&packet, 0, buffer, 40);
  if (!ip) return ACCEPT;

  struct key key = {};
  u32 tcp = 40, says;
  if (ip[0] >> 4 == 4) {
    if (ip[9] != PROTO_TCP || be16(ip + 6) & 0x1fff) return ACCEPT;
    tcp = (ip[0] & 15) * 4;
    says = be16(ip + 2);
    __builtin_memcpy(key.addresses, ip + 12, 8);
  } else {
    if (ip[6] != PROTO_TCP) return ACCEPT;
    says = be16(ip + 4);
    if (says) says += 40;
    __builtin_memcpy(key.addresses, ip + 8, 32);
  }
  const u8 *header = bpf_dynptr_slice(&packet, tcp, buffer, 20);
  if (!header || be16(header + 2) != 443) return ACCEPT;
  key.ports = *(const u32 *)header;
  u32 sequence = be32(header + 4), start = tcp + (header[12] >> 4) * 4, size = bpf_dynptr_size(&packet);
  if (header[13] & TCP_SYN) {
    sequence++;
    forget(&key);
    struct flow fresh = {sequence, 0, ++last_slot % (2 * MOST_FLOWS), 0};
    remember(&key, &fresh);
  }
  key.generation = generation;
  struct flow *flow = map_lookup(&flows, &key);
  if (!flow) {
    key.generation = generation - 1;
    flow = map_lookup(&flows, &key);
  }
  if (flow && flow->cut) return DROP;
  if (size <= start) return ACCEPT;
  if (!flow) {
    u8 kind;
    if (packet_read(&kind, 1, &packet, start, 0) || kind != HANDSHAKE_RECORD) return ACCEPT;
    struct flow fresh = {sequence, 0, ++last_slot % (2 * MOST_FLOWS), 0};
    remember(&key, &fresh);
    flow = map_lookup(&flows, &key);
    if (!flow) return ACCEPT;
  }
  u32 seen = flow->next - sequence, slot = flow->slot;
  u64 have = flow->length, more = (u64)size - start - seen;
  if (says && says > size) goto pass;
  if (seen >> 31) return DROP;
  if (start + (u64)seen >= size) return ACCEPT;
  u8 *stream = map_lookup(&streams, &slot);
  if (!stream || have > MOST_BYTES || !more || more > SEGMENT) goto pass;
  UNKNOWN(have);
  if (have > MOST_BYTES || packet_read(stream + have, more, &packet, start + seen, 0)) goto pass;
  have += more;
  flow->length = have;
  flow->next += more;
  int verdict = judge(stream, have);
  if (verdict < 0 && have <= MOST_BYTES) return ACCEPT;
  if (verdict > 0) {
    flow->cut = 1;
    return DROP;
  }
pass:
  forget(&key);
  return ACCEPT;
}
