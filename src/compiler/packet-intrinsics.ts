/** The methods of packets and of windows onto them: classes `skb` and `data`. */

import { type Abstract, int, NIL, OWN_VIEW, type Packet, type Single, type View } from "./abstract.ts";
import { argumentFails, integerArgument, stringArgument } from "./arguments.ts";
import { Join } from "./control.ts";
import type { Intrinsic } from "./intrinsics.ts";
import type { AccessSize, Operand } from "./ir.ts";
import { foldSum, sumOf, updateChecksums } from "./packet-checksum.ts";
import { copyPacket, forwardPacket, resizeCopy } from "./packet-copies.ts";
import type { Specializer } from "./specializer.ts";

/** The object that a method was called on. */
function self<K extends "skb" | "view">(
  s: Specializer,
  args: readonly Abstract[],
  kind: K,
): Extract<Single, { kind: K }> {
  const [object = NIL] = args;
  if (object.kind === kind) return object as Extract<Single, { kind: K }>;
  return s.refuse("a method called on something else", "call it with ':' on the packet or its data");
}

const viewOf = (s: Specializer, args: readonly Abstract[]): View => self(s, args, "view");
const packetOf = (s: Specializer, args: readonly Abstract[]): Packet => self(s, args, "skb");

const leadOf = (s: Specializer, view: View): Operand => (view.of === "own" ? s.lead : view.lead);

/** Checks that `size` bytes at `offset` are there, and loads them. */
function getter(size: AccessSize, isSigned: boolean): Intrinsic {
  return (s, args, name) => {
    const view = viewOf(s, args);
    const offset = integerArgument(s, args, 2, name, undefined, 1);
    if (offset === undefined) return [];
    const window = s.windowOf(view);
    if (!s.packetHolds(window, offset, BigInt(size), name)) return [];
    const value = s.loadAt(size, window.base, offset);
    if (!isSigned || size === 8) return [int(value)];
    const unused = BigInt(64 - 8 * size);
    return [int(s.binary("arsh", s.binary("lsh", value, unused), unused))];
  };
}

/** The range that two arguments give; undefined when it is not there on any path. */
function range(
  s: Specializer,
  args: readonly Abstract[],
  name: string,
  start?: Operand,
): { readonly view: View; readonly offset: Operand; readonly size: Operand } | undefined {
  const view = viewOf(s, args);
  const offset = integerArgument(s, args, 2, name, start, 1);
  if (offset === undefined) return undefined;
  const window = s.windowOf(view);
  const size = integerArgument(s, args, 3, name, s.binary("sub", window.length, offset), 2);
  if (size === undefined || !s.packetHolds(window, offset, size, name)) return undefined;
  return { view, offset, size };
}

const getString: Intrinsic = (s, args, name) => {
  const found = range(s, args, name);
  if (found === undefined) return [];
  const { view, offset, size } = found;
  const slice = { kind: "slice", base: s.windowOf(view).base, offset, length: size } as const;
  // A string stays what it is when the packet changes.
  return [view.of !== "own" || s.shared.needs.has("writes") ? s.copied(slice) : slice];
};

const dataChecksum: Intrinsic = (s, args, name) => {
  const found = range(s, args, name, 0n);
  if (found === undefined) return [];
  const { base } = s.windowOf(found.view);
  const sum = foldSum(s, sumOf(s, base, found.offset, found.size));
  return [int(s.binary("xor", sum, 0xffffn))];
};

function setter(size: AccessSize): Intrinsic {
  return (s, args, name) => {
    const view = viewOf(s, args);
    s.requireWriting("writing to the packet");
    const offset = integerArgument(s, args, 2, name, undefined, 1);
    if (offset === undefined || !s.packetHolds(s.windowOf(view), offset, BigInt(size), name)) return [];
    const value = integerArgument(s, args, 3, name, undefined, 2);
    if (value !== undefined) s.putWord(view.of, leadOf(s, view), offset, size, value);
    return [];
  };
}

const setString: Intrinsic = (s, args, name) => {
  const view = viewOf(s, args);
  s.requireWriting("writing to the packet");
  const offset = integerArgument(s, args, 2, name, undefined, 1);
  const value = offset === undefined ? undefined : stringArgument(s, args, 3, name, 2);
  if (offset === undefined || value === undefined) return [];
  if (!s.packetHolds(s.windowOf(view), offset, s.lengthOf(value), name)) return [];
  s.putString(view.of, leadOf(s, view), offset, value);
  return [];
};

const skbData: Intrinsic = (s, args, name) => {
  const packet = packetOf(s, args);
  const layer = args[1] ?? NIL;
  if (layer.kind !== "nil" && layer.kind !== "text")
    return s.refuse("a layer that depends on the packet", 'use skb:data("net")');
  const isMac = layer.kind === "text" && layer.text === "mac";
  if (layer.kind === "text" && layer.text !== "net" && !isMac) {
    argumentFails(s, 1, name, `invalid option '${layer.text}'`);
    return [];
  }
  if (isMac && !s.form.canWrite)
    s.refuse(
      "the link header",
      "use skb:data() with offsets from the network header, or run it with --attach tcx",
    );
  const lead = isMac ? s.linkBytes : 0n;
  if (packet.of === "copy")
    return [{ kind: "view", of: "copy", lead, size: s.binary("add", s.windowOf(packet).length, lead) }];
  s.aim(lead);
  return [OWN_VIEW];
};

const resize: Intrinsic = (s, args, name) => {
  const packet = packetOf(s, args);
  s.requireWriting("resizing the packet");
  if (packet.of === "own") s.shared.require("resize");
  const length = integerArgument(s, args, 2, name, undefined, 1);
  if (length === undefined) return [];
  const bad = new Join();
  const fits = new Join();
  s.fork(
    "jgt",
    length,
    0xffffn,
    () => s.goto(bad),
    () => s.goto(fits),
  );
  s.land(fits);
  if (s.block !== undefined) {
    if (packet.of === "copy") resizeCopy(s, length);
    else s.setLength(length, () => s.goto(bad));
  }
  const rest = new Join();
  s.goto(rest);
  s.land(bad);
  if (s.block !== undefined) argumentFails(s, 1, name, "insufficient tailroom");
  s.land(rest);
  return [];
};

const DATA: Record<string, Intrinsic> = {
  getstring: getString,
  setstring: setString,
  checksum: dataChecksum,
  __len: (s, args) => [int(s.windowOf(viewOf(s, args)).length)],
};
for (const [names, size, isSigned] of [
  [["getbyte", "getuint8"], 1, false],
  [["getint8"], 1, true],
  [["getuint16"], 2, false],
  [["getint16"], 2, true],
  [["getuint32"], 4, false],
  [["getint32"], 4, true],
  [["getint64", "getnumber"], 8, true],
] as const)
  for (const name of names) DATA[name] = getter(size, isSigned);
for (const [names, size] of [
  [["setbyte", "setuint8", "setint8"], 1],
  [["setuint16", "setint16"], 2],
  [["setuint32", "setint32"], 4],
  [["setint64", "setnumber"], 8],
] as const)
  for (const name of names) DATA[name] = setter(size);

const SKB: Record<string, Intrinsic> = {
  data: skbData,
  resize,
  __len: (s, args) => [int(s.windowOf(packetOf(s, args)).length)],
  checksum(s, args) {
    updateChecksums(s, packetOf(s, args));
    return [];
  },
  copy(s, args) {
    return copyPacket(s, packetOf(s, args));
  },
  forward(s, args) {
    forwardPacket(s, packetOf(s, args));
    return [];
  },
};

/** By class and method. */
export const PACKET_INTRINSICS: Readonly<Record<string, Intrinsic>> = Object.fromEntries([
  ...Object.entries(DATA).map(([name, f]) => [`data.${name}`, f] as const),
  ...Object.entries(SKB).map(([name, f]) => [`skb.${name}`, f] as const),
]);
