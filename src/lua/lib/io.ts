/**
 * The `io` library of the kernel dialect: files by name only, no standard streams, and one error text,
 * "I/O error", whatever went wrong. The language may not know Node, so the host brings the files.
 */

import { LuaError, ScriptAbort } from "../error.ts";
import * as int64 from "../int64.ts";
import type { LuaState } from "../state.ts";
import { LuaTable } from "../table.ts";
import { type LuaFunction, type LuaResult, LuaUserdata, type LuaValue } from "../value.ts";
import { argumentError, checkInteger, checkString, raise, typeName } from "./check.ts";
import { register } from "./register.ts";

/** An open file of the host. Text is latin1, one character per byte; a method throws when it fails. */
export interface HostFile {
  /** Up to `count` bytes from the current position; "" at the end of the file. */
  read(count: number): string;
  /** Writes all of `bytes` at the current position (at the end in append mode). */
  write(bytes: string): void;
  /** Moves to `offset` from the start, the current position or the end; returns the new position. */
  seek(whence: "set" | "cur" | "end", offset: number): number;
  flush(): void;
  close(): void;
}

export interface IoHost {
  /** Opens a file with a C mode string such as "r", "w+" or "ab"; undefined when that fails. */
  open(path: string, mode: string): HostFile | undefined;
}

const FAILURE = "I/O error";
const MODE = /^[rwa]\+?b?$/;
const CHUNK_BYTES = 4096;
/** What a system call costs, in rounds, and bytes that are written in the time of one. */
const CALL_ROUNDS = 40;
const BYTES_PER_ROUND = 256;
/** More files at once a script cannot have: they are the host's. */
const MAX_OPEN = 200;
/** Closes what a script forgot to close, once it has forgotten the file. */
const forgotten = new FinalizationRegistry<{ file: HostFile; all: Set<HostFile> }>(({ file, all }) => {
  all.delete(file);
  try {
    file.close();
  } catch {
    // Nobody is left to be told.
  }
});

/** A host file as a script holds it: a read-ahead buffer, and `host` gone once closed. */
class LuaFile {
  host: HostFile | undefined;
  private buffer = "";

  constructor(host: HostFile) {
    this.host = host;
  }

  /** Up to `count` bytes, undefined at the end of the file (also for 0 bytes). */
  read(state: LuaState, host: HostFile, count: number): string | undefined {
    if (count === 0) return this.fill(state, host) ? "" : undefined;
    const parts: string[] = [];
    let missing = count;
    while (missing > 0 && this.fill(state, host)) {
      const part = this.buffer.slice(0, missing);
      this.buffer = this.buffer.slice(part.length);
      state.charge(part.length);
      state.spend(1);
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 0 ? undefined : parts.join("");
  }

  readLine(state: LuaState, host: HostFile, keepEnd: boolean): string | undefined {
    const parts: string[] = [];
    while (this.fill(state, host)) {
      state.spend(1);
      const end = this.buffer.indexOf("\n");
      const part = end < 0 ? this.buffer : this.buffer.slice(0, end + 1);
      state.charge(part.length);
      this.buffer = this.buffer.slice(part.length);
      parts.push(end >= 0 && !keepEnd ? part.slice(0, -1) : part);
      if (end >= 0) break;
    }
    return parts.length === 0 ? undefined : parts.join("");
  }

  /** The rest of the file; "" at its end. */
  readAll(state: LuaState, host: HostFile): string {
    return this.read(state, host, Number.POSITIVE_INFINITY) ?? "";
  }

  write(state: LuaState, host: HostFile, text: string): void {
    state.spend(CALL_ROUNDS + Math.floor(text.length / BYTES_PER_ROUND));
    this.dropBuffer(host);
    host.write(text);
  }

  seek(state: LuaState, host: HostFile, whence: "set" | "cur" | "end", offset: number): number {
    state.spend(CALL_ROUNDS);
    this.dropBuffer(host);
    return host.seek(whence, offset);
  }

  private fill(state: LuaState, host: HostFile): boolean {
    if (this.buffer !== "") return true;
    state.spend(CALL_ROUNDS);
    this.buffer = host.read(CHUNK_BYTES);
    return this.buffer !== "";
  }

  /** Moves the host's position back to where the script thinks it is. */
  private dropBuffer(host: HostFile): void {
    if (this.buffer === "") return;
    host.seek("cur", -this.buffer.length);
    this.buffer = "";
  }
}

const WHENCE: readonly string[] = ["set", "cur", "end"];

/** Opens `io` over the host's files; a state without them has no such library. */
export function openIo(state: LuaState, host: IoHost | undefined = state.options.io): void {
  if (host === undefined) return;
  const io = host;
  const metatable = new LuaTable();
  const openFiles = new Set<HostFile>();

  function fileOf(value: LuaValue, name: string): LuaFile {
    if (!(value instanceof LuaUserdata) || !(value.object instanceof LuaFile)) {
      argumentError(1, name, `FILE* expected, got ${value === undefined ? "no value" : typeName(value)}`);
    }
    return value.object;
  }

  function opened(file: LuaFile): HostFile {
    if (file.host === undefined) raise("attempt to use a closed file");
    return file.host;
  }

  /** The host's errors become the failure result; ours (budget, memory, arguments) pass. */
  function attempt(action: () => LuaResult): LuaResult {
    try {
      return action();
    } catch (error) {
      if (error instanceof LuaError || error instanceof ScriptAbort) throw error;
      return [undefined, FAILURE];
    }
  }

  function readOne(file: LuaFile, format: LuaValue, argument: number, name: string): LuaValue {
    const from = opened(file);
    if (int64.isInteger(format)) {
      const count = int64.toNumber(format);
      if (count < 0) argumentError(argument, name, "invalid format");
      return file.read(state, from, count);
    }
    const letter = checkString(format, argument, name).replace(/^\*/, "").charAt(0);
    if (letter === "l") return file.readLine(state, from, false);
    if (letter === "L") return file.readLine(state, from, true);
    if (letter === "a") return file.readAll(state, from);
    argumentError(argument, name, "invalid format");
  }

  function readFormats(
    file: LuaFile,
    formats: readonly LuaValue[],
    firstArgument: number,
    name: string,
  ): LuaResult {
    opened(file);
    if (formats.length === 0) return readOne(file, "l", 1, name);
    const values: LuaValue[] = [];
    for (const [i, format] of formats.entries()) {
      const value = readOne(file, format, firstArgument + i, name);
      values.push(value);
      if (value === undefined) break;
    }
    return values;
  }

  function lineReader(file: LuaFile, formats: readonly LuaValue[], closes: boolean): LuaFunction {
    return () => {
      if (file.host === undefined) raise("file is already closed");
      const result = readFormats(file, formats, 2, "lines");
      const first = Array.isArray(result) ? result[0] : result;
      if (first === undefined && closes) close(file);
      return result;
    };
  }

  function close(file: LuaFile): void {
    const closing = opened(file);
    file.host = undefined;
    forgotten.unregister(file);
    openFiles.delete(closing);
    closing.close();
  }

  const methods: Record<string, LuaFunction> = {
    read: (self, ...formats) => {
      const file = fileOf(self, "read");
      opened(file);
      return attempt(() => readFormats(file, formats, 2, "read"));
    },
    write: (self, ...values) => {
      const file = fileOf(self, "write");
      const to = opened(file);
      return attempt(() => {
        for (const [i, value] of values.entries()) file.write(state, to, checkString(value, i + 2, "write"));
        return self;
      });
    },
    lines: (self, ...formats) => {
      const file = fileOf(self, "lines");
      opened(file);
      return lineReader(file, formats, false);
    },
    flush: (self) => {
      const to = opened(fileOf(self, "flush"));
      return attempt(() => {
        state.spend(CALL_ROUNDS);
        to.flush();
        return self;
      });
    },
    seek: (self, whence, offset) => {
      const file = fileOf(self, "seek");
      const from = opened(file);
      const base = whence === undefined ? "cur" : checkString(whence, 2, "seek");
      if (!WHENCE.includes(base)) argumentError(2, "seek", `invalid option '${base}'`);
      const by = offset === undefined ? 0 : int64.toNumber(checkInteger(offset, 3, "seek"));
      return attempt(() => file.seek(state, from, base as "set" | "cur" | "end", by));
    },
    close: (self) => {
      const file = fileOf(self, "close");
      opened(file);
      return attempt(() => {
        close(file);
        return true;
      });
    },
  };

  const closeQuietly: LuaFunction = (self) => {
    const file = fileOf(self, "__close");
    if (file.host === undefined) return [];
    return attempt(() => {
      close(file);
      return [];
    });
  };

  const methodTable = new LuaTable();
  for (const [name, method] of Object.entries(methods)) methodTable.setField(name, method);
  metatable.setField("__name", "FILE*");
  metatable.setField("__index", methodTable);
  metatable.setField("__close", closeQuietly);
  metatable.setField("__gc", closeQuietly);
  metatable.setField("__tostring", (self: LuaValue) => {
    return fileOf(self, "tostring").host === undefined ? "file (closed)" : "file";
  });

  function openFile(path: string, mode: string): LuaUserdata | undefined {
    state.spend(CALL_ROUNDS);
    let host: HostFile | undefined;
    try {
      if (openFiles.size < MAX_OPEN) host = io.open(path, mode);
    } catch {
      // Whatever went wrong has one text only.
    }
    if (host === undefined) return undefined;
    const file = new LuaFile(host);
    openFiles.add(host);
    forgotten.register(file, { file: host, all: openFiles }, file);
    return new LuaUserdata(file, metatable);
  }

  function open(path: LuaValue, mode: LuaValue): LuaResult {
    const name = checkString(path, 1, "open");
    const how = mode === undefined ? "r" : checkString(mode, 2, "open");
    if (!MODE.test(how)) argumentError(2, "open", "invalid mode");
    return openFile(name, how) ?? [undefined, FAILURE];
  }

  function lines(path: LuaValue, ...formats: LuaValue[]): LuaResult {
    const opened = openFile(checkString(path, 1, "lines"), "r");
    if (opened === undefined) raise(FAILURE);
    // The file is also the to-be-closed value of a generic `for`.
    return [lineReader(fileOf(opened, "lines"), formats, true), undefined, undefined, opened];
  }

  function type(...args: LuaValue[]): LuaResult {
    if (args.length === 0) argumentError(1, "type", "value expected");
    const value = args[0];
    if (!(value instanceof LuaUserdata) || !(value.object instanceof LuaFile)) return undefined;
    return value.object.host === undefined ? "closed file" : "file";
  }

  register(state, "io", { open, lines, type });
}
