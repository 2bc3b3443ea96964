/** Connection tracking entries of this thread's namespace: list them, look one up. */

import { NETLINK } from "../uapi/netlink.ts";
import type { ValueOf } from "../wire/attributes.ts";
import {
  CT_GET,
  type connectionAttributes,
  connectionMessage,
  type tupleAttributes,
} from "./ctnetlink-messages.ts";
import { ErrnoError } from "./errors.ts";
import { NetlinkSocket } from "./netlink-socket.ts";

/** One end-to-end direction of a connection. */
export type ConnectionTuple = ValueOf<typeof tupleAttributes>;
/** An entry; the kernel may leave any part out. */
export type Connection = ValueOf<typeof connectionAttributes> & {
  /** AF_INET or AF_INET6. */
  readonly family: number;
};

export class ConntrackSocket {
  readonly #socket = new NetlinkSocket(NETLINK.NETLINK_NETFILTER);

  /** All entries; `family` AF_INET or AF_INET6, 0 for both. Throws `ErrnoError` (EPERM without CAP_NET_ADMIN). */
  dump(family = 0): Connection[] {
    const payload = connectionMessage.encode({ family }, {});
    const messages = this.#socket.dump({ type: CT_GET, flags: 0, payload, object: "conntrack dump" });
    return messages.map(({ payload: entry }) => decodeConnection(entry));
  }

  /** The entry that has this tuple in either direction, undefined when there is none. */
  get(family: number, tuple: ConnectionTuple, zone?: number): Connection | undefined {
    const payload = connectionMessage.encode({ family }, { original: tuple, ...(zone ? { zone } : {}) });
    try {
      const messages = this.#socket.request({ type: CT_GET, flags: 0, payload, object: "conntrack entry" });
      return messages[0] && decodeConnection(messages[0].payload);
    } catch (error) {
      if (error instanceof ErrnoError && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** Throws `DecodeError`. */
export function decodeConnection(payload: Uint8Array): Connection {
  const { header, attributes } = connectionMessage.decode(payload);
  return { ...attributes, family: header.family };
}
