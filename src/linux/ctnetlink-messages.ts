/** The attributes of linux/netfilter/nfnetlink_conntrack.h, as tables. */

import { NFNL_SUBSYS, nfnlType } from "../uapi/nfnetlink.ts";
import { IPCTNL_MSG } from "../uapi/nfnetlink-conntrack.ts";
import { bytes as anyBytes, attributes, cstring, nest } from "../wire/attributes.ts";
import { nfgenmsg } from "../wire/netlink.ts";
import { bytes, struct, u8, u16be, u32be, u64be } from "../wire/struct.ts";
import { payloadLayout } from "./netlink-message.ts";

const type = (message: number): number => nfnlType(NFNL_SUBSYS.NFNL_SUBSYS_CTNETLINK, message);
export const CT_NEW = type(IPCTNL_MSG.IPCTNL_MSG_CT_NEW);
export const CT_GET = type(IPCTNL_MSG.IPCTNL_MSG_CT_GET);
export const CT_DELETE = type(IPCTNL_MSG.IPCTNL_MSG_CT_DELETE);

/** enum ctattr_ip */
export const ipAttributes = attributes("CTA_IP", {
  source4: [1, bytes(4)],
  destination4: [2, bytes(4)],
  source6: [3, bytes(16)],
  destination6: [4, bytes(16)],
});

/** enum ctattr_l4proto */
export const protoAttributes = attributes("CTA_PROTO", {
  number: [1, u8],
  sport: [2, u16be],
  dport: [3, u16be],
  icmpId: [4, u16be],
  icmpType: [5, u8],
  icmpCode: [6, u8],
  icmpv6Id: [7, u16be],
  icmpv6Type: [8, u8],
  icmpv6Code: [9, u8],
});

/** enum ctattr_tuple */
export const tupleAttributes = attributes("CTA_TUPLE", {
  ip: [1, nest(ipAttributes)],
  proto: [2, nest(protoAttributes)],
  zone: [3, u16be],
});

/** struct nf_ct_tcp_flags */
const tcpFlags = struct("nf_ct_tcp_flags", { flags: u8, mask: u8 });

/** enum ctattr_protoinfo_tcp */
const tcpAttributes = attributes("CTA_PROTOINFO_TCP", {
  state: [1, u8],
  windowScaleOriginal: [2, u8],
  windowScaleReply: [3, u8],
  flagsOriginal: [4, tcpFlags],
  flagsReply: [5, tcpFlags],
});

/** enum ctattr_protoinfo */
const protoInfoAttributes = attributes("CTA_PROTOINFO", { tcp: [1, nest(tcpAttributes)] });

/** enum ctattr_help */
const helpAttributes = attributes("CTA_HELP", { name: [1, cstring] });

/** enum ctattr_counters */
const counterAttributes = attributes("CTA_COUNTERS", { packets: [1, u64be], bytes: [2, u64be] });

/** enum ctattr_tstamp, nanoseconds since the epoch */
const timestampAttributes = attributes("CTA_TIMESTAMP", { start: [1, u64be], stop: [2, u64be] });

/** enum ctattr_protonat */
const protoNatAttributes = attributes("CTA_PROTONAT", { portMin: [1, u16be], portMax: [2, u16be] });

/** enum ctattr_nat */
const natAttributes = attributes("CTA_NAT", {
  v4Min: [1, bytes(4)],
  v4Max: [2, bytes(4)],
  proto: [3, nest(protoNatAttributes)],
  v6Min: [4, bytes(16)],
  v6Max: [5, bytes(16)],
});

/** enum ctattr_type */
export const connectionAttributes = attributes("CTA", {
  original: [1, nest(tupleAttributes)],
  reply: [2, nest(tupleAttributes)],
  /** IPS_* */
  status: [3, u32be],
  protoInfo: [4, nest(protoInfoAttributes)],
  help: [5, nest(helpAttributes)],
  natSource: [6, nest(natAttributes)],
  /** Seconds. */
  timeout: [7, u32be],
  mark: [8, u32be],
  countersOriginal: [9, nest(counterAttributes)],
  countersReply: [10, nest(counterAttributes)],
  use: [11, u32be],
  id: [12, u32be],
  natDestination: [13, nest(natAttributes)],
  master: [14, nest(tupleAttributes)],
  zone: [18, u16be],
  timestamp: [20, nest(timestampAttributes)],
  markMask: [21, u32be],
  labels: [22, anyBytes],
  labelsMask: [23, anyBytes],
});

export const connectionMessage = payloadLayout(nfgenmsg, connectionAttributes);
