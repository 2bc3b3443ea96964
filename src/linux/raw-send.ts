/** Sends frames as they are, link header included, out of a device (AF_PACKET). Needs CAP_NET_RAW. */

import { AF, SOCK } from "../uapi/socket.ts";
import { sockaddr_ll } from "./c-structs.ts";
import * as ffi from "./ffi.ts";

export class RawSender {
  readonly #fd: number;
  readonly #target = ffi.allocate(sockaddr_ll.size);
  #closed = false;

  constructor() {
    // Protocol 0: it sends, and receives nothing.
    this.#fd = ffi.socket(AF.AF_PACKET, SOCK.SOCK_RAW | SOCK.SOCK_CLOEXEC, 0, "AF_PACKET");
  }

  /** `protocol` is an EtherType in host order. Throws `ErrnoError` (ENETDOWN, EMSGSIZE, ENXIO …). */
  send(ifindex: number, protocol: number, frame: Uint8Array): void {
    sockaddr_ll.write(this.#target, 0, { family: AF.AF_PACKET, protocol, ifindex });
    ffi.sendto(this.#fd, frame, this.#target, `frame of ${frame.length} bytes on device ${ifindex}`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    ffi.close(this.#fd);
  }
}
