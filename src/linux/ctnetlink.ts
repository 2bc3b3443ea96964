/** Connection tracking entries of this thread's namespace: list them, look one up, make, change and remove one. */

import { readFileSync } from "node:fs";
import { NETLINK, NLM_F } from "../uapi/netlink.ts";
import type { ValueOf } from "../wire/attributes.ts";
import {
  CT_DELETE,
  CT_GET,
  CT_NEW,
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

/** What can be changed of an entry. */
export type ConnectionChange = Pick<Connection, "mark" | "timeout">;

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

  /** A new entry; it needs both tuples and a timeout. Throws `ErrnoError`: EEXIST when a tuple is taken. */
  create(family: number, values: Omit<Connection, "family">): void {
    const { NLM_F_CREATE, NLM_F_EXCL } = NLM_F;
    this.#tell(CT_NEW, NLM_F_CREATE | NLM_F_EXCL, family, values);
  }

  /** Throws `ErrnoError`: ENOENT when there is no such entry. */
  update(family: number, original: ConnectionTuple, change: ConnectionChange): void {
    this.#tell(CT_NEW, 0, family, { original, ...change });
  }

  /** Throws `ErrnoError`: ENOENT when there is no such entry. */
  remove(family: number, original: ConnectionTuple): void {
    this.#tell(CT_DELETE, 0, family, { original });
  }

  #tell(type: number, flags: number, family: number, values: Omit<Connection, "family">): void {
    const payload = connectionMessage.encode({ family }, values);
    this.#socket.request({ type, flags, payload, object: "conntrack entry" });
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

/** A sysctl below net.netfilter of this thread's namespace; undefined when the kernel has none of that name. */
export function conntrackNumber(name: "nf_conntrack_count" | "nf_conntrack_max"): number | undefined {
  try {
    return Number(readFileSync(`/proc/sys/net/netfilter/${name}`, "latin1"));
  } catch {
    return undefined;
  }
}
