/** Files for the `io` library of Lua, by Node. */

import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import type { HostFile, IoHost } from "../lua/index.ts";
import { bytesFromLatin1, latin1FromBytes } from "../util/latin1.ts";

class NodeFile implements HostFile {
  readonly #fd: number;
  readonly #appends: boolean;
  #position = 0;

  constructor(fd: number, appends: boolean) {
    this.#fd = fd;
    this.#appends = appends;
  }

  read(count: number): string {
    const bytes = new Uint8Array(Math.min(count, 1 << 20));
    const length = readSync(this.#fd, bytes, 0, bytes.length, this.#position);
    this.#position += length;
    return latin1FromBytes(bytes, 0, length);
  }

  write(text: string): void {
    const bytes = bytesFromLatin1(text);
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#appends ? null : this.#position + at);
    }
    this.#position = this.#appends ? fstatSync(this.#fd).size : this.#position + bytes.length;
  }

  seek(whence: "set" | "cur" | "end", offset: number): number {
    const base = whence === "set" ? 0 : whence === "cur" ? this.#position : fstatSync(this.#fd).size;
    if (base + offset < 0) throw new Error("negative position");
    this.#position = base + offset;
    return this.#position;
  }

  flush(): void {
    fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

export const nodeIoHost: IoHost = {
  open(path, mode) {
    try {
      const flags = mode.replace("b", "");
      return new NodeFile(openSync(Buffer.from(path, "latin1"), flags), flags.startsWith("a"));
    } catch {
      return undefined;
    }
  },
};
