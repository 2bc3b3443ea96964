/** Public entry `moonhook/netlink`: netlink, nfqueue, nf_tables, conntrack and rtnetlink for Node on Linux. */

export { DecodeError } from "../wire/decode-error.ts";
export { type CapabilityName, effectiveCapabilities, hasCapability } from "./capabilities.ts";
export { type Connection, type ConnectionTuple, ConntrackSocket, decodeConnection } from "./ctnetlink.ts";
export * from "./ctnetlink-messages.ts";
export { ErrnoError, UnsupportedError } from "./errors.ts";
export { type Feature, probeFeatures } from "./features.ts";
export { whyNoSystemCalls } from "./ffi.ts";
export {
  type Acknowledgement,
  decodeAcknowledgement,
  decodeMessages,
  encodeMessages,
  type NetlinkMessage,
  type NetlinkRequest,
  type PayloadLayout,
  payloadLayout,
} from "./netlink-message.ts";
export { NetlinkSocket } from "./netlink-socket.ts";
export { enterNamespace, namespaceNames } from "./netns.ts";
export { type BindOptions, QueuedPacket, type QueueOptions, QueueSocket } from "./nfqueue.ts";
export * from "./nfqueue-messages.ts";
export { OwnedTables, probeQueueStatement, type QueuedHook, type QueueStatement } from "./nftables.ts";
export * from "./nftables-messages.ts";
export { RawSender } from "./raw-send.ts";
export {
  addressAttributes,
  addressMessage,
  decodeAddress,
  decodeLink,
  type InterfaceAddress,
  type Link,
  linkAttributes,
  linkMessage,
  RouteSocket,
} from "./route.ts";
export { TapDevice } from "./tap.ts";
