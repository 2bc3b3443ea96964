/*
 * What of examples/sniblock.lua needs no memory, in C: drops a segment whose ClientHello, in one segment and one record,
 * asks for a listed name or one below it. What follows on the same connection is not looked at, nothing is put together.
 */
#include "server-name.h"

enum { WINDOW = 2048, SCRATCH = 4096 };

struct map scratch SECTION("maps") = {MAP_PERCPU_ARRAY, 4, SCRATCH, 1};

SECTION("netfilter") int sniblock(struct context *context) {
  struct packet packet;
  u8 buffer[40];
  bpf_dynptr_from_skb(context->skb, 0, &packet);
  const u8 *ip = bpf_dynptr_slice(&packet, 0, buffer, 40);
  if (!ip) return ACCEPT;

  u32 tcp = 40;
  if (ip[0] >> 4 == 4) {
    if (ip[9] != PROTO_TCP || be16(ip + 6) & 0x1fff) return ACCEPT;
    tcp = (ip[0] & 15) * 4;
  } else if (ip[6] != PROTO_TCP) {
    return ACCEPT;
  }
  const u8 *header = bpf_dynptr_slice(&packet, tcp, buffer, 20);
  if (!header || be16(header + 2) != 443) return ACCEPT;
  u32 start = tcp + (header[12] >> 4) * 4, size = bpf_dynptr_size(&packet);
  if (size <= start) return ACCEPT;

  u32 key = 0;
  u8 *hello = map_lookup(&scratch, &key);
  if (!hello) return ACCEPT;
  u64 end = size - start;
  if (end > WINDOW) end = WINDOW;
  if (end < 5 + 4 + 34 || packet_read(hello, end, &packet, start, 0)) return ACCEPT;
  if (hello[0] != HANDSHAKE_RECORD || hello[1] != 3 || hello[5] != CLIENT_HELLO) return ACCEPT;
  u32 record = be16(hello + 3), message = hello[6] << 16 | be16(hello + 7);
  if (4 + message > record || 9 + message > end) return ACCEPT;
  return asks_for_listed(hello + 5, 4 + message, WINDOW - 5) ? DROP : ACCEPT;
}
