/**
 * A TAP device of this thread's namespace: what is written comes in as from a wire, what is read goes out by it. The
 * stack handles a frame while `send` runs: what it sent because of the frame can be read when `send` returns.
 */

import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { IFF_TUN, TUNSETIFF } from "../uapi/if-tun.ts";
import { writeLatin1 } from "../util/latin1.ts";
import { ifreq } from "./c-structs.ts";
import * as ffi from "./ffi.ts";

/** More than any frame of a device with an ordinary MTU. */
const FRAME_BYTES = 65536;

export class TapDevice {
  readonly name: string;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(FRAME_BYTES);

  /** Makes the device; it lives until `close`. Throws `ErrnoError` (EPERM without CAP_NET_ADMIN). */
  constructor(name: string) {
    this.name = name;
    this.#fd = openSync("/dev/net/tun", constants.O_RDWR | constants.O_NONBLOCK);
    const { IFF_TAP, IFF_NO_PI } = IFF_TUN;
    const request = ifreq.encode({ flags: IFF_TAP | IFF_NO_PI });
    writeLatin1(request, 0, name);
    ffi.ioctl(this.#fd, TUNSETIFF, request, `TAP device "${name}"`);
  }

  /** An Ethernet frame without checksum comes in. */
  send(frame: Uint8Array): void {
    writeSync(this.#fd, frame);
  }

  /** The next frame that went out, undefined when there is none. */
  receive(): Uint8Array | undefined {
    try {
      return this.#buffer.slice(0, readSync(this.#fd, this.#buffer));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
