/** Netlink messages as bytes: how requests are put together and replies taken apart. No system call here. */

import { NLM_F, NLMSG } from "../uapi/netlink.ts";
import { NLMSGERR_ATTR } from "../uapi/netlink-options.ts";
import {
  type Attributes,
  type AttributeTable,
  type AttributeValues,
  attributes,
  cstring,
} from "../wire/attributes.ts";
import { DecodeError } from "../wire/decode-error.ts";
import { nlmsgAlign, nlmsgerr, nlmsghdr } from "../wire/netlink.ts";
import { type Fields, type Struct, type StructValue, u32 } from "../wire/struct.ts";

/** One message to the kernel, without the header that `encodeMessages` puts in front. */
export interface NetlinkRequest {
  readonly type: number;
  /** NLM_F_* besides NLM_F_REQUEST. */
  readonly flags: number;
  readonly payload: Uint8Array;
  /** What it asks for, in error messages. */
  readonly object: string;
}

/** One message from the kernel; owns its bytes. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly payload: Uint8Array;
}

/** A payload that starts with a fixed header and goes on with attributes. */
export interface PayloadLayout<H extends Fields, A extends AttributeTable> {
  encode(header: Partial<StructValue<H>>, attributes: AttributeValues<A>): Uint8Array;
  /** Throws `DecodeError`. */
  decode(payload: Uint8Array): { header: StructValue<H>; attributes: AttributeValues<A> };
}

export function payloadLayout<H extends Fields, A extends AttributeTable>(
  header: Struct<H>,
  table: Attributes<A>,
): PayloadLayout<H, A> {
  const start = nlmsgAlign(header.size);
  return {
    encode(headerValue, values) {
      const payload = new Uint8Array(start + table.size(values));
      header.write(payload, 0, headerValue);
      table.write(payload, start, values);
      return payload;
    },
    decode(payload) {
      const value = header.decode(payload);
      return { header: value, attributes: table.decode(payload, Math.min(start, payload.length)) };
    },
  };
}

/** Requests in a row, numbered from `firstSeq`. */
export function encodeMessages(requests: readonly NetlinkRequest[], firstSeq: number): Uint8Array {
  const size = requests.reduce((sum, { payload }) => sum + nlmsgAlign(nlmsghdr.size + payload.length), 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  requests.forEach(({ type, flags, payload }, index) => {
    const length = nlmsghdr.size + payload.length;
    nlmsghdr.write(bytes, at, {
      length,
      type,
      flags: flags | NLM_F.NLM_F_REQUEST,
      seq: (firstSeq + index) >>> 0,
    });
    bytes.set(payload, at + nlmsghdr.size);
    at += nlmsgAlign(length);
  });
  return bytes;
}

/** Takes a datagram apart. Throws `DecodeError` when a length does not fit. */
export function decodeMessages(bytes: Uint8Array, end = bytes.length): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at < end) {
    const { length, type, flags, seq } = nlmsghdr.decode(bytes.subarray(0, end), at);
    if (length < nlmsghdr.size || length > end - at) {
      throw new DecodeError("nlmsghdr", "length", at, `${length}, ${end - at} bytes left`);
    }
    messages.push({
      type,
      flags,
      seq,
      payload: new Uint8Array(bytes.subarray(at + nlmsghdr.size, at + length)),
    });
    at += nlmsgAlign(length);
  }
  return messages;
}

const errorAttributes = attributes("NLMSGERR_ATTR", {
  message: [NLMSGERR_ATTR.NLMSGERR_ATTR_MSG, cstring],
  offset: [NLMSGERR_ATTR.NLMSGERR_ATTR_OFFS, u32],
});

export interface Acknowledgement {
  /** Positive errno, 0 for success. */
  readonly errno: number;
  /** The kernel's words. */
  readonly detail: string | undefined;
}

/** What an NLMSG_ERROR, or the NLMSG_DONE of a dump, says. Throws `DecodeError`. */
export function decodeAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const { payload, flags, type } = message;
  if (type === NLMSG.NLMSG_DONE) {
    return { errno: payload.length < u32.size ? 0 : Math.abs(doneStatus(payload)), detail: undefined };
  }
  const { error, request } = nlmsgerr.decode(payload);
  let detail: string | undefined;
  if (flags & NLM_F.NLM_F_ACK_TLVS) {
    // Unless capped, the whole request stands between the error and its attributes.
    const echoed = flags & NLM_F.NLM_F_CAPPED ? 0 : nlmsgAlign(Math.max(0, request.length - nlmsghdr.size));
    const { message: text, offset } = errorAttributes.decode(
      payload,
      Math.min(nlmsgerr.size + echoed, payload.length),
    );
    detail = text ?? (offset === undefined ? undefined : `at byte ${offset} of the request`);
  }
  return { errno: Math.abs(error), detail };
}

const readStatus = u32.reader(0);
const doneStatus = (payload: Uint8Array): number => readStatus(payload, 0) | 0;
