/** Whether a packet's transport checksum is right, as tracking asks it of packets that arrive (nf_checksum). */

import { IPPROTO } from "../../uapi/in.ts";
import { finishChecksum, pseudoHeaderSumV4, pseudoHeaderSumV6, sumWords } from "../../wire/checksum.ts";

/** Of the packet whose IP header starts at `net` and whose transport header, of `protocol`, lies in `bytes[l4, end)`. */
export function isTransportChecksumRight(
  bytes: Uint8Array,
  net: number,
  l4: number,
  end: number,
  protocol: number,
  lengthBytes = end - l4,
): boolean {
  const pseudo = bytes[net]! >> 4 === 6 ? pseudoHeaderSumV6 : pseudoHeaderSumV4;
  const sum = protocol === IPPROTO.IPPROTO_ICMP ? 0 : pseudo(bytes, net, protocol, lengthBytes);
  return finishChecksum(sumWords(bytes, l4, end, sum)) === 0;
}
