/*
 * A list of names. Few are compared one by one (-DNAMES='"names.h"': a file of NAME(length, condition) lines); many are
 * keys of the map `names`, which whoever loads the program fills.
 */
#include "bpf.h"

enum { KEY_BYTES = 64 };

#ifndef NAMES
/* A name, with zeros behind it; the value is its length, since a name may end in zeros itself. */
struct map names SECTION("maps") = {MAP_HASH, KEY_BYTES, 4, 16384};
#endif

INLINE int is_blocked(const u8 *name, u32 length) {
#ifdef NAMES
#define NAME(size, condition) if (length == (size) && (condition)) return 1;
#include NAMES
#undef NAME
  return 0;
#else
  if (length > KEY_BYTES) return 0;
  const u32 *found = map_lookup(&names, name);
  return found && *found == length;
#endif
}
