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

/** A packet from its IP header on, and the context of BPF_PROG_TYPE_NETFILTER (`struct bpf_nf_ctx`). */
export function netfilterEnvironment(
  bytes: Uint8Array,
  station: { hook: number; pf: number },
): Pick<Environment, "context" | "packet"> {
  const packet = new Region("the packet", bytes);
  // The fields of these two that scripts can reach are few; their offsets are those of nf_hook_state everywhere, but
  // of sk_buff in one kernel only, so that is left to the kernel functions that take it.
  const state = new Region("the hook state", Uint8Array.of(station.hook, station.pf, ...new Uint8Array(46)), {
    isWritable: false,
  });
  const skb = new Region("the skb", new Uint8Array(0), { isWritable: false });
  const context = new Region("the context", new Uint8Array(16), {
    isWritable: false,
    pointers: new Map([
      [0, { region: state, offset: 0 }],
      [8, { region: skb, offset: 0 }],
    ]),
  });
  return { context, packet };
}
