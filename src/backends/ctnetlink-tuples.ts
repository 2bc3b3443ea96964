/** Tuples as ctnetlink has them, from and to the form that the rest of Moonhook uses. */

import type { ConnectionTuple as ModelTuple } from "../kernel/connection.ts";
import type { ConnectionTuple } from "../linux/ctnetlink.ts";
import { IPPROTO } from "../uapi/in.ts";
import { IPPROTO6 } from "../uapi/in6.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import { u32be } from "../wire/struct.ts";

const readAddress = u32be.reader(0);
const writeAddress = u32be.writer(0);

function addressBytes(address: number | Uint8Array): Uint8Array {
  if (typeof address !== "number") return address;
  const bytes = new Uint8Array(u32be.size);
  writeAddress(bytes, 0, address);
  return bytes;
}

export function kernelTuple(tuple: ModelTuple): ConnectionTuple {
  const { family, protocol: number, sport, dport, icmp } = tuple;
  const source = addressBytes(tuple.source);
  const destination = addressBytes(tuple.destination);
  const ip =
    family === NFPROTO.NFPROTO_IPV4
      ? { source4: source, destination4: destination }
      : { source6: source, destination6: destination };
  if (icmp === undefined) return { ip, proto: { number, sport, dport } };
  const { type, code, id } = icmp;
  const proto =
    number === IPPROTO6.IPPROTO_ICMPV6
      ? { number, icmpv6Id: id, icmpv6Type: type, icmpv6Code: code }
      : { number, icmpId: id, icmpType: type, icmpCode: code };
  return { ip, proto };
}

/** What the kernel left out is 0. */
export function modelTuple(family: number, tuple: ConnectionTuple): ModelTuple {
  const { ip = {}, proto = {} } = tuple;
  const v4 = family === NFPROTO.NFPROTO_IPV4;
  const address = (bytes: Uint8Array | undefined) =>
    v4 ? (bytes === undefined ? 0 : readAddress(bytes, 0)) : (bytes ?? new Uint8Array(16));
  const protocol = proto.number ?? 0;
  const ends = {
    family,
    protocol,
    source: address(v4 ? ip.source4 : ip.source6),
    destination: address(v4 ? ip.destination4 : ip.destination6),
  };
  const { icmpType, icmpCode, icmpId, icmpv6Type, icmpv6Code, icmpv6Id } = proto;
  if (protocol === IPPROTO.IPPROTO_ICMP) {
    return { ...ends, icmp: { type: icmpType ?? 0, code: icmpCode ?? 0, id: icmpId ?? 0 } };
  }
  if (protocol === IPPROTO6.IPPROTO_ICMPV6) {
    return { ...ends, icmp: { type: icmpv6Type ?? 0, code: icmpv6Code ?? 0, id: icmpv6Id ?? 0 } };
  }
  return { ...ends, sport: proto.sport ?? 0, dport: proto.dport ?? 0 };
}
