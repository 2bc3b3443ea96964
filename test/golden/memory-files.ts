/** Files in memory for the `io` library of one program. */

import type { HostFile, IoHost } from "../../src/lua/lib/io.ts";

export function memoryFiles(): IoHost {
  const contents = new Map<string, string>();
  return {
    open(path, mode) {
      const known = contents.get(path);
      if (known === undefined && mode.startsWith("r")) return undefined;
      if (known === undefined || mode.startsWith("w")) contents.set(path, "");
      return new MemoryFile(contents, path, mode.startsWith("a"));
    },
  };
}

class MemoryFile implements HostFile {
  readonly #contents: Map<string, string>;
  readonly #path: string;
  readonly #appends: boolean;
  #at = 0;

  constructor(contents: Map<string, string>, path: string, appends: boolean) {
    this.#contents = contents;
    this.#path = path;
    this.#appends = appends;
  }

  get #text(): string {
    return this.#contents.get(this.#path)!;
  }

  read(count: number): string {
    const part = this.#text.slice(this.#at, this.#at + count);
    this.#at += part.length;
    return part;
  }

  write(bytes: string): void {
    const text = this.#text;
    const at = this.#appends ? text.length : this.#at;
    this.#contents.set(this.#path, text.slice(0, at) + bytes + text.slice(at + bytes.length));
    this.#at = at + bytes.length;
  }

  seek(whence: "set" | "cur" | "end", offset: number): number {
    const base = { set: 0, cur: this.#at, end: this.#text.length }[whence];
    if (base + offset < 0) throw new Error("before the start");
    this.#at = base + offset;
    return this.#at;
  }

  flush(): void {}
  close(): void {}
}
