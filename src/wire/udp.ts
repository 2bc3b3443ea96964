/** UDP (RFC 768). */
import { struct, u16be } from "./struct.ts";

/** struct udphdr, linux/udp.h; `length` counts the header too, `checksum` 0 means none (IPv4 only). */
export const udp = struct("udp", { sport: u16be, dport: u16be, length: u16be, checksum: u16be });
