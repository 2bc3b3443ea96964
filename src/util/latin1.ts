/**
 * Lua strings are byte strings. Inside Moonhook they are JavaScript strings whose characters are all
 * U+0000..U+00FF, one per byte ("latin1"). These are the only places where bytes and such strings meet.
 */

// fromCharCode takes its characters as arguments; engines limit how many.
const CHUNK_BYTES = 8192;

/** The latin1 string of `bytes[start, end)`. */
export function latin1FromBytes(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const length = end - start;
  if (length <= 24) {
    let text = "";
    for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
    return text;
  }
  if (length <= CHUNK_BYTES) {
    return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
  }
  const parts: string[] = [];
  for (let at = start; at < end; at += CHUNK_BYTES) {
    parts.push(latin1FromBytes(bytes, at, Math.min(at + CHUNK_BYTES, end)));
  }
  return parts.join("");
}

/** Writes the bytes of a latin1 string into `target` at `offset`. */
export function writeLatin1(target: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) target[offset + i] = text.charCodeAt(i);
}

/** The bytes of a latin1 string. */
export function bytesFromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  writeLatin1(bytes, 0, text);
  return bytes;
}

/** The UTF-8 encoding of ordinary JavaScript text, as a latin1 string. */
export function latin1FromText(text: string): string {
  return latin1FromBytes(new TextEncoder().encode(text));
}

/** Ordinary JavaScript text from a latin1 string that holds UTF-8; broken sequences become U+FFFD. */
export function textFromLatin1(text: string): string {
  return new TextDecoder().decode(bytesFromLatin1(text));
}
