/* The server name of a ClientHello, and whether it is listed. Names are held as text. */
#include "blocklist.h"

enum { MOST_NAME = 255 };
enum { HANDSHAKE_RECORD = 22, CLIENT_HELLO = 1, SERVER_NAME = 0, HOST_NAME = 0 };

struct map events SECTION("maps") = {MAP_RINGBUF, 0, 0, 1 << 20};

/* Whether one of eight bytes is a dot: then it is 0 here, and borrows from its top bit. */
INLINE int has_dot(u64 bytes) {
  u64 x = bytes ^ 0x2e2e2e2e2e2e2e2eULL;
  return ((x - 0x0101010101010101ULL) & ~x & 0x8080808080808080ULL) != 0;
}

/* Reads a number of the hello at `at`, or leaves when it is not there. */
#define READ(variable, type, expression)                                                                      \
  if (at > most - 8 || at + sizeof(type) > end) return 0;                                                     \
  u64 variable = expression(hello + at);                                                                      \
  at += sizeof(type)
#define byte(pointer) (*(const u8 *)(pointer))

/*
 * Whether the message of handshake at `hello`, which ends at `end`, asks for a listed name or one below it; tells of
 * it. There are `most` bytes at `hello` and, behind them, room for a name and a key; the name is put into lower case.
 */
INLINE int asks_for_listed(u8 *hello, u64 end, const u64 most) {
  /* Behind the head, version and random number: session, cipher suites, compression methods, each behind its length. */
  u64 at = 4 + 34;
  UNKNOWN(at);
  READ(session, u8, byte);
  at += session;
  READ(ciphers, u16, be16);
  at += ciphers;
  READ(compression, u8, byte);
  at += compression;
  READ(extensions, u16, be16);
  if (at + extensions > end) return 0;
  end = at + extensions;

  u64 length = 0;
  UNKNOWN(at);
  for (;;) {
    MAY_GOTO(no);
    READ(kind, u16, be16);
    READ(bytes, u16, be16);
    if (at + bytes > end) return 0;
    if (kind != SERVER_NAME) {
      at += bytes;
      continue;
    }
    end = at + bytes;
    at += 2;
    READ(name_kind, u8, byte);
    READ(name_length, u16, be16);
    if (name_kind != HOST_NAME || name_length > MOST_NAME || at + name_length > end) return 0;
    length = name_length;
    break;
  }

  if (at > most || !length) return 0;
  u8 *name = hello + at;
  u64 i = 0;
  UNKNOWN(i);
  UNKNOWN(length);
  for (; i < MOST_NAME + 1 && i < length; i += 8) {
    MAY_GOTO(no);
    u64 *part = (u64 *)(name + i);
    *part = lower64(*part);
  }
  if (length > MOST_NAME) return 0;
  for (int k = 0; k < KEY_BYTES; k += 8) *(u64 *)(name + length + k) = 0;

  i = 0;
  UNKNOWN(i);
  u32 begins = 1; /* whether a label does, at i */
  while (i < MOST_NAME && i < length) {
    MAY_GOTO(no);
    if (begins && is_blocked(name + i, (u32)(length - i))) {
      ringbuf_output(&events, name, 64, 0);
      return 1;
    }
    begins = 0;
    if (!has_dot(*(const u64 *)(name + i))) {
      i += 8;
    } else {
      begins = name[i] == '.';
      i++;
    }
  }
no:
  return 0;
}
