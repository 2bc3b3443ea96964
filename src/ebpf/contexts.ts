/** What r1 points to for each type of program, made from a packet. Offsets of `__sk_buff`: linux/bpf.h. */

import type { Environment } from "./executable.ts";
import { Region } from "./memory.ts";

const SK_BUFF = { len: 0, mark: 8, protocol: 16, data: 76, data_end: 80, bytes: 192 } as const;

/** A packet and the context of BPF_PROG_TYPE_SCHED_CLS or BPF_PROG_TYPE_SOCKET_FILTER (`struct __sk_buff`). */
export function skBuffEnvironment(
  bytes: Uint8Array,
  fields: { mark?: number; protocol?: number } = {},
): Pick<Environment, "context" | "packet"> {
  const packet = new Region("the packet", bytes);
  const context = new Region("the context", new Uint8Array(SK_BUFF.bytes), {
    pointers: new Map([
      [SK_BUFF.data, { region: packet, offset: 0 }],
      [SK_BUFF.data_end, { region: packet, offset: bytes.length }],
    ]),
  });
  context.view.setUint32(SK_BUFF.len, bytes.length, true);
  context.view.setUint32(SK_BUFF.mark, fields.mark ?? 0, true);
  context.view.setUint32(SK_BUFF.protocol, fields.protocol ?? 0, true);
  return { context, packet };
}
