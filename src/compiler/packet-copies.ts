/**
 * `skb:copy` and `skb:forward`. The kernel sends clones of the packet that a program runs for, and nothing else. So a
 * copy is bytes in a page of this processor, and to send it the packet becomes the copy, is sent, and becomes what it
 * was. One that is too large to be kept meanwhile can only be dropped afterwards.
 */

import { BPF_FUNC } from "../uapi/bpf.ts";
import { CHECKSUM } from "../uapi/skbuff.ts";
import { ipv6 } from "../wire/ipv6.ts";
import { type Abstract, type Int, int, type Packet } from "./abstract.ts";
import { Join } from "./control.ts";
import type { Operand, Value } from "./ir.ts";
import { byDevice } from "./packet-checksum.ts";
import type { Specializer } from "./specializer.ts";
import { FRAMES } from "./target.ts";

const MOST = BigInt(FRAMES.mostBytes);
const NO_ROOM = "a packet larger than the program has room for";

const wordOf = (value: Abstract | undefined): Operand => (value as Int).value;

/** Goes on where `length` bytes of a packet fit into the page with its link header. */
function withRoom(s: Specializer, length: Operand): void {
  const rest = new Join();
  s.fork(
    "jgt",
    s.binary("add", s.linkBytes, length),
    MOST,
    () => s.punt(NO_ROOM),
    () => s.goto(rest),
  );
  s.land(rest);
}

export function copyPacket(s: Specializer, packet: Packet): readonly Abstract[] {
  s.requireWriting("a copy of the packet");
  const made = s.cells.get(s.copies);
  if (packet.of === "copy" || s.constantOf(wordOf(made)) !== 0n)
    s.refuse("more than one copy of a packet", "make one, outside of loops, and change it");
  const { length } = s.packet;
  withFrame(s, FRAMES.copy);
  s.cells.set(s.copies, int(1n));
  s.cells.set(s.copyLength, int(length));
  return [{ kind: "skb", of: "copy" }];
}

/** Keeps the frame, or as much of it as there is room for. */
function withFrame(s: Specializer, at: number): void {
  const size = s.load(4, s.skb, s.layout.sk_buff.len, { low: 1n, high: 1n << 20n });
  const bytes = s.shownLength(s.least(size, MOST), MOST);
  const to = s.address(s.frames, BigInt(at));
  s.attempt(BPF_FUNC.BPF_FUNC_skb_load_bytes, [s.context, 0n, to, bytes], () => s.fail("not enough memory"));
}

/** What is added is zero. */
export function resizeCopy(s: Specializer, length: Operand): void {
  withRoom(s, length);
  if (s.block === undefined) return;
  const done = new Join();
  s.count("zeros", wordOf(s.cells.get(s.copyLength)), (at, next) =>
    s.fork(
      "jsge",
      at,
      length,
      () => s.goto(done),
      () => {
        s.store(8, s.copyAddress(at, 0n), 0, 0n);
        next(s.binary("add", at, 8n));
      },
    ),
  );
  s.land(done);
  s.cells.set(s.copyLength, int(length));
}

export function forwardPacket(s: Specializer, packet: Packet): void {
  s.requireWriting("sending a packet");
  if (packet.of === "own") {
    send(s);
    return;
  }
  const { sk_buff } = s.layout;
  const length = wordOf(s.cells.get(s.copyLength));
  withRoom(s, length);
  if (s.block === undefined) return;
  isSummedWhereItShouldBe(s, packet);
  if (s.block === undefined) return;
  const original = s.packet.length;
  const size = s.load(4, s.skb, sk_buff.len, { low: 1n, high: 1n << 20n });
  withFrame(s, FRAMES.saved);
  if (s.block === undefined) return;
  become(s, FRAMES.copy, length);
  if (s.block === undefined) return;
  send(s);
  const rest = new Join();
  s.fork(
    "jgt",
    size,
    MOST,
    () => {
      s.cells.set(s.spoiled, int(1n));
      s.goto(rest);
    },
    () => {
      become(s, FRAMES.saved, s.binary("sub", size, s.linkBytes));
      if (s.block === undefined) return;
      // Padding of the link is there again, but no part of the packet.
      s.restoreLength(original);
      s.goto(rest);
    },
  );
  s.land(rest);
}

/** Sends a clone out of the packet's device. What it meets there are no packets for hooks of this script. */
function send(s: Specializer): void {
  const { sk_buff, net_device } = s.layout;
  const index = s.load(4, s.loadPointer(s.skb, sk_buff.dev), net_device.ifindex);
  s.store(8, s.frames, FRAMES.sending, 1n);
  s.helper(BPF_FUNC.BPF_FUNC_clone_redirect, [s.context, index, 0n]);
  s.store(8, s.frames, FRAMES.sending, 0n);
  s.shareBytes();
}

/** Makes the packet what the page has, `length` bytes from the network header on. */
function become(s: Specializer, page: number, length: Operand): void {
  const refused = (): void => s.fail("not enough memory");
  s.setLength(length, refused);
  if (s.block === undefined) return;
  const from = s.address(s.frames, BigInt(page));
  const link = s.linkBytes;
  const rest = new Join();
  const store = (at: Operand, source: Value, size: Operand, isBehindLink: boolean): void =>
    s.storeIntoFrame(at, source, s.shownLength(size, MOST), isBehindLink, refused);
  s.fork(
    "jeq",
    link,
    0n,
    () => s.goto(rest),
    () => {
      store(0n, from, link, false);
      s.goto(rest);
    },
  );
  s.land(rest);
  if (s.block === undefined) return;
  store(link, s.address(from, s.bound(link, MOST)), length, true);
}

/** A device that is to complete the packet's checksum would do so at the same place of the copy. */
function isSummedWhereItShouldBe(s: Specializer, packet: Packet): void {
  const { ip_summed } = s.layout.sk_buff;
  const how = s.binary(
    "and",
    s.binary("rsh", s.load(1, s.skb, ip_summed.offset), BigInt(ip_summed.shift)),
    3n,
  );
  const rest = new Join();
  const partial = (): void => {
    const { base } = s.windowOf(packet);
    const go = (start: Operand): void =>
      byDevice(
        s,
        start,
        () => s.fail("the device would put a checksum into the wrong place of this copy"),
        () => s.goto(rest),
      );
    s.byVersion(
      () => go(s.binary("lsh", s.binary("and", s.load(1, base, 0), 15n), 2n)),
      () => go(BigInt(ipv6.size)),
      () => s.goto(rest),
    );
  };
  s.fork("jeq", how, BigInt(CHECKSUM.CHECKSUM_PARTIAL), partial, () => s.goto(rest));
  s.land(rest);
}
