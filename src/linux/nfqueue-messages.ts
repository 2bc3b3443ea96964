/** The messages of linux/netfilter/nfnetlink_queue.h, as tables. */

import { NFNL_SUBSYS, nfnlType } from "../uapi/nfnetlink.ts";
import { NFQNL_MSG } from "../uapi/nfnetlink-queue.ts";
import { bytes as anyBytes, attributes } from "../wire/attributes.ts";
import { nfgenmsg } from "../wire/netlink.ts";
import { bytes, struct, u8, u16be, u32be, u64be } from "../wire/struct.ts";
import { payloadLayout } from "./netlink-message.ts";

const type = (message: number): number => nfnlType(NFNL_SUBSYS.NFNL_SUBSYS_QUEUE, message);
export const QUEUE_PACKET = type(NFQNL_MSG.NFQNL_MSG_PACKET);
export const QUEUE_VERDICT = type(NFQNL_MSG.NFQNL_MSG_VERDICT);
export const QUEUE_CONFIG = type(NFQNL_MSG.NFQNL_MSG_CONFIG);

/** struct nfqnl_msg_config_cmd */
export const configCommand = struct("nfqnl_msg_config_cmd", { command: u8, pad: u8, pf: u16be });

/** struct nfqnl_msg_config_params (packed) */
export const configParams = struct("nfqnl_msg_config_params", { copyRange: u32be, copyMode: u8 });

/** enum nfqnl_attr_config */
export const configAttributes = attributes("NFQA_CFG", {
  command: [1, configCommand],
  params: [2, configParams],
  maxLength: [3, u32be],
  mask: [4, u32be],
  flags: [5, u32be],
});

export const queueConfig = payloadLayout(nfgenmsg, configAttributes);

/** struct nfqnl_msg_packet_hdr (packed) */
export const packetHeader = struct("nfqnl_msg_packet_hdr", { id: u32be, protocol: u16be, hook: u8 });

/** struct nfqnl_msg_packet_hw */
export const packetHardwareAddress = struct("nfqnl_msg_packet_hw", {
  length: u16be,
  pad: u16be,
  address: bytes(8),
});

/** struct nfqnl_msg_packet_timestamp */
export const packetTimestamp = struct("nfqnl_msg_packet_timestamp", { seconds: u64be, microseconds: u64be });

/** enum nfqnl_attr_type: a packet that asks for its verdict. */
export const packetAttributes = attributes("NFQA", {
  header: [1, packetHeader],
  mark: [3, u32be],
  timestamp: [4, packetTimestamp],
  inDevice: [5, u32be],
  outDevice: [6, u32be],
  physicalInDevice: [7, u32be],
  physicalOutDevice: [8, u32be],
  hardwareAddress: [9, packetHardwareAddress],
  payload: [10, anyBytes],
  connection: [11, anyBytes],
  connectionInfo: [12, u32be],
  /** The packet's true length, when the payload is only its beginning. */
  capturedLength: [13, u32be],
  skbInfo: [14, u32be],
  uid: [16, u32be],
  gid: [17, u32be],
  priority: [21, u32be],
});

/** struct nfqnl_msg_verdict_hdr */
export const verdictHeader = struct("nfqnl_msg_verdict_hdr", { verdict: u32be, id: u32be });

/** enum nfqnl_attr_type: a verdict. */
export const verdictAttributes = attributes("NFQA", {
  verdict: [2, verdictHeader],
  mark: [3, u32be],
  payload: [10, anyBytes],
});
