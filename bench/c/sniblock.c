/*
 * examples/sniblock.lua in C, for a ClientHello that comes in one segment and one record: drops it when it asks for a
 * listed name or one below it. What follows on the same connection is not looked at, and nothing is put together.
 * Names are held as text.
 */
#include "blocklist.h"

enum { MOST_NAME = 255, WINDOW = 2048, SCRATCH = 4096 };
enum { HANDSHAKE_RECORD = 22, CLIENT_HELLO = 1, SERVER_NAME = 0, HOST_NAME = 0 };

struct map events SECTION("maps") = {MAP_RINGBUF, 0, 0, 1 << 20};
struct map scratch SECTION("maps") = {MAP_PERCPU_ARRAY, 4, SCRATCH, 1};
/* Whether one of eight bytes is a dot: then it is 0 here, and borrows from its top bit. */
INLINE int has_dot(u64 bytes) {
  u64 x = bytes ^ 0x2e2e2e2e2e2e2e2eULL;
  return ((x - 0x0101010101010101ULL) & ~x & 0x8080808080808080ULL) != 0;
}

/* Reads a number of the hello at `at`, or leaves when it is not there. */
#define READ(variable, type, expression)                                                                      \
  if (at > WINDOW - 8 || at + sizeof(type) > end) return ACCEPT;                                              \
  u64 variable = expression(hello + at);                                                                      \
  at += sizeof(type)
#define byte(pointer) (*(const u8 *)(pointer))

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
  end = 9 + message;

  /* Behind version and random number: session, cipher suites, compression methods, each behind its length. */
  u64 at = 5 + 4 + 34;
  UNKNOWN(at);
  READ(session, u8, byte);
  at += session;
  READ(ciphers, u16, be16);
  at += ciphers;
  READ(compression, u8, byte);
  at += compression;
  READ(extensions, u16, be16);
  if (at + extensions > end) return ACCEPT;
  end = at + extensions;

  u64 length = 0;
  UNKNOWN(at);
  for (;;) {
    MAY_GOTO(accept);
    READ(kind, u16, be16);
    READ(bytes, u16, be16);
    if (at + bytes > end) return ACCEPT;
    if (kind != SERVER_NAME) {
      at += bytes;
      continue;
    }
    end = at + bytes;
    at += 2;
    READ(name_kind, u8, byte);
    READ(name_length, u16, be16);
    if (name_kind != HOST_NAME || name_length > MOST_NAME || at + name_length > end) return ACCEPT;
    length = name_length;
    break;
  }

  if (at > WINDOW || !length) return ACCEPT;
  u8 *name = hello + at;
  u64 i = 0;
  UNKNOWN(i);
  UNKNOWN(length);
  for (; i < MOST_NAME + 1 && i < length; i += 8) {
    MAY_GOTO(accept);
    u64 *part = (u64 *)(name + i);
    *part = lower64(*part);
  }
  if (length > MOST_NAME) return ACCEPT;
  for (int k = 0; k < KEY_BYTES; k += 8) *(u64 *)(name + length + k) = 0;

  i = 0;
  UNKNOWN(i);
  u32 begins = 1; /* whether a label does, at i */
  while (i < MOST_NAME && i < length) {
    MAY_GOTO(accept);
    if (begins && is_blocked(name + i, (u32)(length - i))) {
      ringbuf_output(&events, name, 64, 0);
      return DROP;
    }
    begins = 0;
    if (!has_dot(*(const u64 *)(name + i))) {
      i += 8;
    } else {
      begins = name[i] == '.';
      i++;
    }
  }
accept:
  return ACCEPT;
}
