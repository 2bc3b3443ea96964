/**
 * A netfilter queue: the kernel holds packets back and waits for our verdicts.
 *
 * Packets arrive one per datagram, so `receive` takes many at once (recvmmsg) into memory that is allocated once, and
 * `packet(i)` aims one and the same object at the i-th: it is valid until the next `receive`. Verdicts are
 * put one behind the other and leave in one send (`flush`).
 */

import { SO } from "../uapi/asm-socket.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import { NETLINK, NLM_F, NLMSG } from "../uapi/netlink.ts";
import { NETLINK_OPTION } from "../uapi/netlink-options.ts";
import { NFQA_CFG_F, NFQNL_CFG_CMD, NFQNL_COPY } from "../uapi/nfnetlink-queue.ts";
import { MSG, SOL } from "../uapi/socket.ts";
import { forEachAttribute, nlattr } from "../wire/attributes.ts";
import { DecodeError } from "../wire/decode-error.ts";
import { nfgenmsg, nlmsgAlign, nlmsghdr } from "../wire/netlink.ts";
import { cInt, iovec, mmsghdr, timeval } from "./c-structs.ts";
import { ErrnoError } from "./errors.ts";
import * as ffi from "./ffi.ts";
import { decodeAcknowledgement, decodeMessages, encodeMessages } from "./netlink-message.ts";
import { openNetlink } from "./netlink-socket.ts";
import {
  packetAttributes,
  packetHardwareAddress,
  packetHeader,
  QUEUE_CONFIG,
  QUEUE_PACKET,
  QUEUE_VERDICT,
  queueConfig,
  verdictAttributes,
  verdictHeader,
} from "./nfqueue-messages.ts";

export interface QueueOptions {
  /** Datagrams per `receive`. Default 64. */
  readonly slots?: number;
  /** How long `receive` waits. Default 200 ms. */
  readonly receiveTimeoutMs?: number;
  /** Asked of the kernel, which may give less. Default 16 MiB. */
  readonly receiveBufferBytes?: number;
}

export interface BindOptions {
  /** Packets the kernel holds for us at most. Default 4096. */
  readonly maxLength?: number;
  /** A full queue lets packets pass. */
  readonly failOpen?: boolean;
  /** Super-packets come whole; otherwise the kernel cuts them and finishes their checksums first. */
  readonly gso?: boolean;
}

/** The largest payload of an attribute and the attributes around it. */
const SLOT_BYTES = 0x10000 + 1024;
/** Verdicts leave when this much is waiting; a netlink message must fit the send buffer (212,992 bytes by default). */
const FLUSH_BYTES = 96 * 1024;
const PLAIN_VERDICT_BYTES = nlmsghdr.size + nfgenmsg.size + nlattr.size + verdictHeader.size;
const MARK_BYTES = nlattr.size + 4;

/** A packet in the queue. One object serves all: it is aimed anew by `QueueSocket.packet`. */
export class QueuedPacket {
  /** Holds the payload; receive memory, overwritten by the next `receive`. */
  bytes: Uint8Array = new Uint8Array(0);
  queue = 0;
  /** NFPROTO_* */
  family = 0;
  id = 0;
  /** EtherType, host order. */
  protocol = 0;
  hook = 0;
  mark = 0;
  /** Device numbers, 0 when there is none. */
  inIfindex = 0;
  outIfindex = 0;
  /** NFQA_SKB_* */
  skbInfo = 0;
  /** The sender's link address: where it starts in `bytes` and its length; length 0 when there is none. */
  hardwareAddressStart = 0;
  hardwareAddressLength = 0;
  payloadStart = 0;
  payloadEnd = 0;
  /** The packet's true length, more than the payload's when that is only its beginning. */
  length = 0;

  /** Reads the packet message in `bytes[start, end)`, from its nfgenmsg on. Throws `DecodeError`. */
  read(bytes: Uint8Array, start: number, end: number): void {
    if (end - start < nfgenmsg.size) throw new DecodeError("nfgenmsg", "family", start, "too short");
    this.bytes = bytes;
    this.family = nfgenmsg.get.family(bytes, start);
    this.queue = nfgenmsg.get.resourceId(bytes, start);
    this.id = 0;
    this.mark = 0;
    this.inIfindex = 0;
    this.outIfindex = 0;
    this.skbInfo = 0;
    this.hardwareAddressLength = 0;
    this.payloadStart = end;
    this.payloadEnd = end;
    this.length = 0;
    forEachAttribute("NFQA", bytes, start + nfgenmsg.size, end, this.#visit);
    if (this.id === 0) throw new DecodeError("NFQA", "header", start, "missing");
    if (this.length === 0) this.length = this.payloadEnd - this.payloadStart;
  }

  readonly #visit = (type: number, start: number, end: number): void => {
    const { bytes } = this;
    const { numbers } = packetAttributes;
    switch (type) {
      case numbers.header:
        this.#need(type, start, end, packetHeader.size);
        this.id = packetHeader.get.id(bytes, start);
        this.protocol = packetHeader.get.protocol(bytes, start);
        this.hook = packetHeader.get.hook(bytes, start);
        return;
      case numbers.mark:
        this.mark = this.#u32(type, start, end);
        return;
      case numbers.inDevice:
        this.inIfindex = this.#u32(type, start, end);
        return;
      case numbers.outDevice:
        this.outIfindex = this.#u32(type, start, end);
        return;
      case numbers.skbInfo:
        this.skbInfo = this.#u32(type, start, end);
        return;
      case numbers.capturedLength:
        this.length = this.#u32(type, start, end);
        return;
      case numbers.hardwareAddress:
        this.#need(type, start, end, packetHardwareAddress.size);
        this.hardwareAddressStart = start + packetHardwareAddress.offsets.address;
        this.hardwareAddressLength = Math.min(8, packetHardwareAddress.get.length(bytes, start));
        return;
      case numbers.payload:
        this.payloadStart = start;
        this.payloadEnd = end;
        return;
    }
  };

  #u32(type: number, start: number, end: number): number {
    this.#need(type, start, end, 4);
    return readU32(this.bytes, start);
  }

  #need(type: number, start: number, end: number, size: number): void {
    if (end - start < size) {
      throw new DecodeError("NFQA", `attribute ${type}`, start, `needs ${size} bytes, has ${end - start}`);
    }
  }
}

const readU32 = packetAttributes.table.mark[1].reader(0);

/** Where packets lie in memory after a `receive`, and the addresses that recvmmsg wants. */
class Arena {
  readonly memory: Uint8Array;
  readonly headers: Uint8Array;
  readonly address: number;
  readonly #vectors: Uint8Array;

  constructor(slots: number) {
    this.memory = ffi.allocate(slots * SLOT_BYTES);
    this.#vectors = ffi.allocate(slots * iovec.size);
    this.headers = ffi.allocate(slots * mmsghdr.size);
    this.address = ffi.addressOf(this.headers);
    const memoryAddress = ffi.addressOf(this.memory);
    const vectorsAddress = ffi.addressOf(this.#vectors);
    for (let i = 0; i < slots; i++) {
      iovec.write(this.#vectors, i * iovec.size, {
        base: BigInt(memoryAddress + i * SLOT_BYTES),
        length: BigInt(SLOT_BYTES),
      });
      mmsghdr.fields.header.write(this.headers, i * mmsghdr.size, {
        iov: BigInt(vectorsAddress + i * iovec.size),
        iovLength: 1n,
      });
    }
  }
}

/** Verdict messages waiting to be sent. */
export class VerdictBuffer {
  readonly bytes: Uint8Array;
  length = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether a verdict with a payload of this many bytes fits still. */
  fits(payloadBytes: number): boolean {
    return (
      this.length + PLAIN_VERDICT_BYTES + MARK_BYTES + nlattr.size + payloadBytes + 4 <= this.bytes.length
    );
  }

  /** `mark` and the payload are only sent when given. */
  add(
    queue: number,
    id: number,
    verdict: number,
    mark: number | undefined,
    payload: Uint8Array | undefined,
  ): void {
    const { bytes, length: start } = this;
    // The plain verdict is written field by field: this runs once per packet.
    const body = start + nlmsghdr.size;
    nfgenmsg.set.family(bytes, body, NFPROTO.NFPROTO_UNSPEC);
    nfgenmsg.set.version(bytes, body, 0);
    nfgenmsg.set.resourceId(bytes, body, queue);
    const first = body + nfgenmsg.size;
    nlattr.set.length(bytes, first, nlattr.size + verdictHeader.size);
    nlattr.set.type(bytes, first, verdictAttributes.numbers.verdict);
    verdictHeader.set.verdict(bytes, first + nlattr.size, verdict);
    verdictHeader.set.id(bytes, first + nlattr.size, id);
    let end = first + nlattr.size + verdictHeader.size;
    if (mark !== undefined || payload !== undefined)
      end = verdictAttributes.write(bytes, end, { mark, payload });
    nlmsghdr.set.length(bytes, start, end - start);
    nlmsghdr.set.type(bytes, start, QUEUE_VERDICT);
    nlmsghdr.set.flags(bytes, start, NLM_F.NLM_F_REQUEST);
    nlmsghdr.set.seq(bytes, start, 0);
    nlmsghdr.set.pid(bytes, start, 0);
    this.length = end;
  }
}

/** A socket that serves any number of queues of this thread's namespace. */
export class QueueSocket {
  /** Packets that could not be read: the kernel's messages made no sense. */
  undecodable = 0;
  /** For whoever must close it when the thread that serves it has died. */
  readonly fd: number;
  readonly #slots: number;
  readonly #arena: Arena;
  readonly #packet = new QueuedPacket();
  readonly #verdicts = new VerdictBuffer(ffi.allocate(2 * FLUSH_BYTES));
  readonly #verdictsAddress: number;
  #closed = false;

  constructor(options: QueueOptions = {}) {
    const { slots = 64, receiveTimeoutMs = 200, receiveBufferBytes = 16 * 1024 * 1024 } = options;
    this.#slots = slots;
    this.#arena = new Arena(slots);
    this.#verdictsAddress = ffi.addressOf(this.#verdicts.bytes);
    this.fd = openNetlink(NETLINK.NETLINK_NETFILTER, OBJECT);
    // Without this a burst that overflows the buffer would also cost us the next packets' datagrams.
    this.#set(SOL.SOL_NETLINK, NETLINK_OPTION.NETLINK_NO_ENOBUFS, cInt.encode({ value: 1 }));
    const size = cInt.encode({ value: receiveBufferBytes });
    if (!this.#set(SOL.SOL_SOCKET, SO.SO_RCVBUFFORCE, size)) this.#set(SOL.SOL_SOCKET, SO.SO_RCVBUF, size);
    const microseconds = BigInt(receiveTimeoutMs % 1000) * 1000n;
    const wait = timeval.encode({ seconds: BigInt(Math.floor(receiveTimeoutMs / 1000)), microseconds });
    this.#set(SOL.SOL_SOCKET, SO.SO_RCVTIMEO_OLD, wait);
  }

  /**
   * Takes over a queue. Throws `ErrnoError`: EPERM when another process has it (or without CAP_NET_ADMIN; the kernel
   * does not tell which).
   */
  bind(queue: number, options: BindOptions = {}): void {
    const { maxLength = 4096, failOpen = false, gso = false } = options;
    const { NFQA_CFG_F_FAIL_OPEN, NFQA_CFG_F_GSO } = NFQA_CFG_F;
    this.#configure(queue, "bind", {
      // Parameters of a queue that does not exist yet are refused; in one message the command comes first.
      command: { command: NFQNL_CFG_CMD.NFQNL_CFG_CMD_BIND, pad: 0, pf: 0 },
      params: { copyRange: 0, copyMode: NFQNL_COPY.NFQNL_COPY_PACKET },
      maxLength,
      mask: NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO,
      flags: (failOpen ? NFQA_CFG_F_FAIL_OPEN : 0) | (gso ? NFQA_CFG_F_GSO : 0),
    });
  }

  /** Whether this kernel can deliver conntrack's view along with the packets of a bound queue. */
  tryConntrack(queue: number): boolean {
    const flag = NFQA_CFG_F.NFQA_CFG_F_CONNTRACK;
    try {
      this.#configure(queue, "conntrack of", { mask: flag, flags: flag });
      return true;
    } catch (error) {
      if (error instanceof ErrnoError && error.code === "EOPNOTSUPP") return false;
      throw error;
    }
  }

  /** Packets that the queue still holds are dropped. */
  unbind(queue: number): void {
    this.#configure(queue, "unbind", {
      command: { command: NFQNL_CFG_CMD.NFQNL_CFG_CMD_UNBIND, pad: 0, pf: 0 },
    });
  }

  /** Takes over the first free queue from `from` on; returns its number. */
  bindFree(from: number, options: BindOptions = {}): number {
    const last = Math.min(from + 1023, 0xffff);
    for (let queue = from; ; queue++) {
      try {
        this.bind(queue, options);
        return queue;
      } catch (error) {
        const busy = error instanceof ErrnoError && (error.code === "EPERM" || error.code === "EBUSY");
        if (!busy || queue === last) throw error;
      }
    }
  }

  /** Waits for packets, unless `wait` is false; returns how many datagrams came, 0 when the time limit passed. */
  receive(wait = true): number {
    const flags = wait ? MSG.MSG_WAITFORONE : MSG.MSG_DONTWAIT;
    return Math.max(0, ffi.recvmmsg(this.fd, this.#arena.address, this.#slots, flags, OBJECT));
  }

  /** The i-th of what `receive` got; undefined when it is no packet but, say, an error about a verdict. */
  packet(index: number): QueuedPacket | undefined {
    const { memory, headers } = this.#arena;
    const start = index * SLOT_BYTES;
    const end = start + Math.min(SLOT_BYTES, mmsghdr.get.received(headers, index * mmsghdr.size));
    return readPacket(this.#packet, memory, start, end, () => this.undecodable++);
  }

  /** Says what becomes of a packet. `mark` and `payload` only when they changed. Sent by `flush` at the latest. */
  verdict(queue: number, id: number, verdict: number, mark?: number, payload?: Uint8Array): void {
    if (!this.#verdicts.fits(payload?.length ?? 0)) this.flush();
    this.#verdicts.add(queue, id, verdict, mark, payload);
    if (this.#verdicts.length >= FLUSH_BYTES) this.flush();
  }

  flush(): void {
    const { length } = this.#verdicts;
    if (length === 0) return;
    this.#verdicts.length = 0;
    ffi.sendAt(this.fd, this.#verdictsAddress, length, OBJECT);
  }

  /** Packets that its queues still hold are dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    ffi.close(this.fd);
  }

  #configure(queue: number, what: string, values: Parameters<typeof queueConfig.encode>[1]): void {
    const object = `${what} queue ${queue}`;
    const payload = queueConfig.encode({ family: NFPROTO.NFPROTO_UNSPEC, resourceId: queue }, values);
    const request = { type: QUEUE_CONFIG, flags: NLM_F.NLM_F_ACK, payload, object };
    const acknowledgements = this.#control(encodeMessages([request], CONTROL_SEQ), CONTROL_SEQ);
    const errno = acknowledgements[0];
    if (errno) throw ErrnoError.fromNumber(errno, "nfqueue", object);
  }

  /**
   * Sends and reads the acknowledgement. Packets that arrive in between would be lost, so other queues of this socket must not have
   * rules yet (bind), or no longer (unbind).
   */
  #control(message: Uint8Array, seq: number): number[] {
    ffi.send(this.fd, message, OBJECT);
    const errors: number[] = [];
    while (errors.length === 0) {
      const count = this.receive(false);
      if (count === 0) break;
      for (let i = 0; i < count; i++) {
        const start = i * SLOT_BYTES;
        const end = start + mmsghdr.get.received(this.#arena.headers, i * mmsghdr.size);
        for (const reply of decodeMessages(this.#arena.memory.subarray(start, end))) {
          if (reply.type === NLMSG.NLMSG_ERROR && reply.seq === seq)
            errors.push(decodeAcknowledgement(reply).errno);
        }
      }
    }
    return errors;
  }

  /** Whether the kernel took the option. */
  #set(level: number, option: number, value: Uint8Array): boolean {
    try {
      ffi.setsockopt(this.fd, level, option, value, OBJECT);
      return true;
    } catch (error) {
      if (error instanceof ErrnoError) return false;
      throw error;
    }
  }
}

/** Aims `packet` at the datagram in `memory[start, end)`; undefined when that is no packet. */
export function readPacket(
  packet: QueuedPacket,
  memory: Uint8Array,
  start: number,
  end: number,
  onDamage: () => void = () => {},
): QueuedPacket | undefined {
  if (end - start < nlmsghdr.size || end > memory.length) return undefined;
  if (nlmsghdr.get.type(memory, start) !== QUEUE_PACKET) return undefined;
  const length = nlmsghdr.get.length(memory, start);
  try {
    if (length < nlmsghdr.size || nlmsgAlign(length) > nlmsgAlign(end - start)) {
      throw new DecodeError("nlmsghdr", "length", start, `${length}, ${end - start} bytes`);
    }
    packet.read(memory, start + nlmsghdr.size, Math.min(start + length, end));
    return packet;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    onDamage();
    return undefined;
  }
}

const OBJECT = "nfqueue socket";
const CONTROL_SEQ = 1;
