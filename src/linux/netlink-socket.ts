/**
 * A netlink socket for control: requests go out, replies and acknowledgements come back, errors become `ErrnoError` with
 * the kernel's own words. The kernel handles everything but dumps while `send` runs, so the answers are there
 * when it returns.
 */

import { NETLINK, NLM_F, NLMSG } from "../uapi/netlink.ts";
import { NETLINK_OPTION } from "../uapi/netlink-options.ts";
import { AF, MSG, SOCK, SOL } from "../uapi/socket.ts";
import { cInt, sockaddr_nl } from "./c-structs.ts";
import { ErrnoError } from "./errors.ts";
import * as ffi from "./ffi.ts";
import {
  type Acknowledgement,
  decodeAcknowledgement,
  decodeMessages,
  encodeMessages,
  type NetlinkMessage,
  type NetlinkRequest,
} from "./netlink-message.ts";

/** What a dump delivers at once stays below this (NLMSG_GOODSIZE is a page, or 32 KiB when asked with a large buffer). */
const RECEIVE_BYTES = 64 * 1024;
/** How often a dump that changed under our hands is asked again. */
const DUMP_ATTEMPTS = 5;

export class NetlinkSocket {
  readonly fd: number;
  readonly #object: string;
  readonly #buffer = ffi.allocate(RECEIVE_BYTES);
  readonly #address: number;
  #seq = 1;
  #closed = false;

  /** `protocol` is one of NETLINK_*. The socket belongs to the namespace of the thread that makes it. */
  constructor(protocol: number) {
    this.#object = `netlink ${protocolName(protocol)}`;
    this.#address = ffi.addressOf(this.#buffer);
    this.fd = openNetlink(protocol, this.#object);
    // Both are niceties that old kernels lack; without them errors only lose their explanation.
    this.#try(NETLINK_OPTION.NETLINK_CAP_ACK);
    this.#try(NETLINK_OPTION.NETLINK_EXT_ACK);
  }

  /** One request with an acknowledgement; returns the messages that came before it. Throws `ErrnoError`. */
  request(request: NetlinkRequest): NetlinkMessage[] {
    return this.transaction([{ ...request, flags: request.flags | NLM_F.NLM_F_ACK }]);
  }

  /**
   * Several messages in one datagram, as nf_tables batches need. Reads until every message with NLM_F_ACK has its
   * acknowledgement; throws for the first error.
   */
  transaction(requests: readonly NetlinkRequest[]): NetlinkMessage[] {
    const first = this.#send(requests);
    const awaited = new Set<number>();
    requests.forEach(({ flags }, index) => {
      if (flags & NLM_F.NLM_F_ACK) awaited.add((first + index) >>> 0);
    });
    const replies: NetlinkMessage[] = [];
    let failure: ErrnoError | undefined;
    // An error may leave other acknowledgements out, so after one only what is already there is read.
    while (awaited.size > 0) {
      const messages = this.#receive(failure === undefined ? 0 : MSG.MSG_DONTWAIT);
      if (messages === undefined) break;
      for (const message of messages) {
        const index = (message.seq - first) >>> 0;
        if (index >= requests.length) continue;
        if (message.type !== NLMSG.NLMSG_ERROR) {
          replies.push(message);
          continue;
        }
        awaited.delete(message.seq);
        failure ??= this.#failureOf(decodeAcknowledgement(message), requests[index]!);
      }
    }
    if (failure) throw failure;
    return replies;
  }

  /** All answers of a dump. Asked again when the kernel says that the list changed meanwhile. */
  dump(request: NetlinkRequest): NetlinkMessage[] {
    for (let attempt = 1; ; attempt++) {
      const { messages, interrupted } = this.#dumpOnce(request);
      if (!interrupted || attempt === DUMP_ATTEMPTS) return messages;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    ffi.close(this.fd);
  }

  #dumpOnce(request: NetlinkRequest): { messages: NetlinkMessage[]; interrupted: boolean } {
    const seq = this.#send([{ ...request, flags: request.flags | NLM_F.NLM_F_DUMP }]);
    const found: NetlinkMessage[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.#receive(0) ?? []) {
        if (message.seq !== seq) continue;
        if (message.flags & NLM_F.NLM_F_DUMP_INTR) interrupted = true;
        if (message.type !== NLMSG.NLMSG_ERROR && message.type !== NLMSG.NLMSG_DONE) {
          found.push(message);
          continue;
        }
        const failure = this.#failureOf(decodeAcknowledgement(message), request);
        if (failure) throw failure;
        return { messages: found, interrupted };
      }
    }
  }

  #failureOf({ errno, detail }: Acknowledgement, request: NetlinkRequest): ErrnoError | undefined {
    return errno === 0 ? undefined : ErrnoError.fromNumber(errno, this.#object, request.object, detail);
  }

  #send(requests: readonly NetlinkRequest[]): number {
    const first = this.#seq;
    this.#seq = (this.#seq + requests.length) >>> 0;
    ffi.send(this.fd, encodeMessages(requests, first), this.#object);
    return first;
  }

  #receive(flags: number): NetlinkMessage[] | undefined {
    // MSG_TRUNC makes the result the datagram's true length.
    const length = ffi.recv(this.fd, this.#address, RECEIVE_BYTES, flags | MSG.MSG_TRUNC, this.#object);
    if (length < 0) return flags & MSG.MSG_DONTWAIT ? undefined : [];
    if (length > RECEIVE_BYTES) throw new ErrnoError("EMSGSIZE", "recv", this.#object, `${length} bytes`);
    return decodeMessages(this.#buffer, length);
  }

  #try(option: number): void {
    try {
      ffi.setsockopt(this.fd, SOL.SOL_NETLINK, option, cInt.encode({ value: 1 }), this.#object);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
    }
  }
}

/** A bound netlink socket of this thread's namespace. */
export function openNetlink(protocol: number, object: string): number {
  const fd = ffi.socket(AF.AF_NETLINK, SOCK.SOCK_RAW | SOCK.SOCK_CLOEXEC, protocol, object);
  try {
    ffi.bind(fd, sockaddr_nl.encode({ family: AF.AF_NETLINK }), object);
  } catch (error) {
    ffi.close(fd);
    throw error;
  }
  return fd;
}

const protocolName = (protocol: number): string =>
  Object.entries(NETLINK).find(([, number]) => number === protocol)?.[0] ?? String(protocol);
