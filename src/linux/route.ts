/** Devices and addresses of this thread's namespace, by rtnetlink. */

import { IFA } from "../uapi/if-addr.ts";
import { IFLA } from "../uapi/if-link.ts";
import { NETLINK } from "../uapi/netlink.ts";
import { RTM } from "../uapi/rtnetlink.ts";
import { attributes, bytes, cstring } from "../wire/attributes.ts";
import { ifaddrmsg, ifinfomsg } from "../wire/netlink.ts";
import { u32 } from "../wire/struct.ts";
import { payloadLayout } from "./netlink-message.ts";
import { NetlinkSocket } from "./netlink-socket.ts";

/** enum in linux/if_link.h */
export const linkAttributes = attributes("IFLA", {
  address: [IFLA.IFLA_ADDRESS, bytes],
  broadcast: [IFLA.IFLA_BROADCAST, bytes],
  name: [IFLA.IFLA_IFNAME, cstring],
  mtu: [IFLA.IFLA_MTU, u32],
  link: [IFLA.IFLA_LINK, u32],
  master: [IFLA.IFLA_MASTER, u32],
});

/** enum in linux/if_addr.h */
export const addressAttributes = attributes("IFA", {
  address: [IFA.IFA_ADDRESS, bytes],
  local: [IFA.IFA_LOCAL, bytes],
  label: [IFA.IFA_LABEL, cstring],
  broadcast: [IFA.IFA_BROADCAST, bytes],
  flags: [IFA.IFA_FLAGS, u32],
});

export const linkMessage = payloadLayout(ifinfomsg, linkAttributes);
export const addressMessage = payloadLayout(ifaddrmsg, addressAttributes);

export interface Link {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_* */
  readonly type: number;
  /** IFF_* */
  readonly flags: number;
  readonly mtu: number;
  /** Index of the bridge or bond that it is a port of; 0 for none. */
  readonly master: number;
  /** Hardware address, empty where the device has none. */
  readonly hardwareAddress: Uint8Array;
}

export interface InterfaceAddress {
  readonly index: number;
  /** AF_INET or AF_INET6. */
  readonly family: number;
  readonly address: Uint8Array;
  readonly prefixLength: number;
  /** IPv4 only, where the subnet has one. */
  readonly broadcast: Uint8Array | undefined;
}

export class RouteSocket {
  readonly #socket = new NetlinkSocket(NETLINK.NETLINK_ROUTE);

  links(): Link[] {
    const payload = linkMessage.encode({}, {});
    const messages = this.#socket.dump({ type: RTM.RTM_GETLINK, flags: 0, payload, object: "devices" });
    return messages.map((message) => decodeLink(message.payload));
  }

  addresses(): InterfaceAddress[] {
    const payload = addressMessage.encode({}, {});
    const messages = this.#socket.dump({ type: RTM.RTM_GETADDR, flags: 0, payload, object: "addresses" });
    return messages.map((message) => decodeAddress(message.payload));
  }

  close(): void {
    this.#socket.close();
  }
}

/** Throws `DecodeError`. */
export function decodeLink(payload: Uint8Array): Link {
  const { header, attributes: values } = linkMessage.decode(payload);
  return {
    index: header.index,
    name: values.name ?? "",
    type: header.type,
    flags: header.flags,
    mtu: values.mtu ?? 0,
    master: values.master ?? 0,
    hardwareAddress: values.address ?? new Uint8Array(0),
  };
}

/** Throws `DecodeError`. */
export function decodeAddress(payload: Uint8Array): InterfaceAddress {
  const { header, attributes: values } = addressMessage.decode(payload);
  return {
    index: header.index,
    family: header.family,
    // On point-to-point devices IFA_ADDRESS is the other end.
    address: values.local ?? values.address ?? new Uint8Array(0),
    prefixLength: header.prefixLength,
    broadcast: values.broadcast,
  };
}
