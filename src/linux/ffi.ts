/**
 * System calls. This is the only file that knows koffi: an optional dependency, loaded at the first call, so that
 * machines without it can do everything that needs none.
 *
 * Nothing here allocates per call on the hot path: `recvmmsg` and `sendAt` take addresses of memory that the caller
 * made once (`addressOf`) and keeps referenced.
 */

import { createRequire } from "node:module";
import { ERRNO } from "../uapi/errno.ts";
import { MMAP } from "../uapi/mman.ts";
import { NR } from "../uapi/unistd.ts";
import { ErrnoError, UnsupportedError } from "./errors.ts";

type NativeCall = (...args: unknown[]) => number;

/** Without a reference to it the callbacks silently stop. */
interface PollHandle {
  close(): void;
}

/** The part of koffi that is used. */
interface Koffi {
  load(path: string | null): { func(declaration: string): NativeCall };
  errno(): number;
  address(value: Uint8Array): bigint;
  view(address: bigint, sizeBytes: number): ArrayBuffer;
  node: {
    poll(fd: number, events: { readable: true }, callback: () => void): PollHandle;
  };
}

/** Every call, as C declares it; pointers that we compute ourselves are `uintptr_t`. */
const DECLARATIONS = {
  socket: "int socket(int, int, int)",
  bind: "int bind(int, const void *, uint32_t)",
  setsockopt: "int setsockopt(int, int, int, const void *, uint32_t)",
  send: "int64_t send(int, const void *, size_t, int)",
  sendto: "int64_t sendto(int, const void *, size_t, int, const void *, uint32_t)",
  recv: "int64_t recv(int, uintptr_t, size_t, int)",
  recvmmsg: "int recvmmsg(int, uintptr_t, uint32_t, int, uintptr_t)",
  close: "int close(int)",
  // Variadic in C, as syscall below.
  ioctl: "int ioctl(int, uint64_t, const void *)",
  setns: "int setns(int, int)",
  clock_gettime: "int clock_gettime(int, uintptr_t)",
  clock_getres: "int clock_getres(int, uintptr_t)",
  // The kernel gives no address above 2^47: a negative one is a failure.
  mmap: "int64_t mmap(uintptr_t, size_t, int, int, int, int64_t)",
  getpagesize: "int getpagesize()",
  munmap: "int munmap(uintptr_t, size_t)",
  mount: "int mount(const char *, const char *, const char *, uint64_t, uintptr_t)",
  // Variadic in C; the ABIs of both supported machines pass these integers as any others.
  syscall: "int64_t syscall(int64_t, int32_t, uintptr_t, uint32_t)",
} as const;
type CallName = keyof typeof DECLARATIONS;
type Calls = Record<CallName, NativeCall> & { sendAt: NativeCall };

let loaded: { koffi: Koffi; calls: Calls } | undefined;

/** Why system calls cannot be made here, or undefined when they can. */
export function whyNoSystemCalls(): UnsupportedError | undefined {
  try {
    native();
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return error;
    throw error;
  }
}

function native(): { koffi: Koffi; calls: Calls } {
  if (loaded) return loaded;
  if (process.platform !== "linux") {
    throw new UnsupportedError(
      "live packets need Linux",
      `this is ${process.platform}; use a capture file (--pcap) here`,
    );
  }
  if (process.arch !== "x64" && process.arch !== "arm64") {
    throw new UnsupportedError(
      "live packets need a 64-bit x86 or ARM machine",
      `this one is ${process.arch}`,
    );
  }
  const koffi = loadKoffi();
  const libc = koffi.load(null);
  const calls: Partial<Calls> = { sendAt: libc.func("int64_t send(int, uintptr_t, size_t, int)") };
  for (const name of Object.keys(DECLARATIONS) as CallName[]) calls[name] = libc.func(DECLARATIONS[name]);
  loaded = { koffi, calls: calls as Calls };
  return loaded;
}

function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch (cause) {
    throw new UnsupportedError(
      "the package 'koffi' is missing or does not work here",
      "install it with 'npm install koffi' next to moonhook (it is an optional dependency)",
      { cause },
    );
  }
}

/** Makes the call again when a signal interrupted it; throws `ErrnoError` when it failed. */
function make(name: keyof Calls, object: string, ...args: unknown[]): number {
  return makeAs(name, name, object, ...args);
}

/** As `make`; `call` is how errors name it. */
function makeAs(call: string, name: keyof Calls, object: string, ...args: unknown[]): number {
  const { koffi, calls } = native();
  for (;;) {
    const result = calls[name](...args);
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno !== ERRNO.EINTR) throw ErrnoError.fromNumber(errno, call, object);
  }
}

/** As `make`, but gives −1 when there is nothing to receive (EAGAIN). */
function makeOrNothing(name: keyof Calls, object: string, ...args: unknown[]): number {
  const { koffi, calls } = native();
  const result = calls[name](...args);
  if (result >= 0) return result;
  const errno = koffi.errno();
  if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return -1;
  throw ErrnoError.fromNumber(errno, name, object);
}

/**
 * Where `memory` lies. Valid as long as it is referenced: only memory from `allocate` stays in one place (small typed
 * arrays may live on the moving heap).
 */
export const addressOf = (memory: Uint8Array): number => Number(native().koffi.address(memory));

/** Zeroed memory that never moves. */
export const allocate = (sizeBytes: number): Uint8Array => new Uint8Array(new ArrayBuffer(sizeBytes));

/** socket(2); `object` names it in errors. */
export const socket = (domain: number, type: number, protocol: number, object: string): number =>
  make("socket", object, domain, type, protocol);

export const bind = (fd: number, address: Uint8Array, object: string): void =>
  void make("bind", object, fd, address, address.length);

export const setsockopt = (
  fd: number,
  level: number,
  option: number,
  value: Uint8Array,
  object: string,
): void => void make("setsockopt", object, fd, level, option, value, value.length);

/** send(2) of a whole message. */
export const send = (fd: number, message: Uint8Array, object: string): void =>
  void make("send", object, fd, message, message.length, 0);

/** send(2) from an address (`addressOf`). */
export const sendAt = (fd: number, address: number, lengthBytes: number, object: string): void =>
  void make("sendAt", object, fd, address, lengthBytes, 0);

export const sendto = (fd: number, message: Uint8Array, address: Uint8Array, object: string): void =>
  void make("sendto", object, fd, message, message.length, 0, address, address.length);

/** recv(2) into an address; −1 when there is nothing (non-blocking, or the time limit passed). */
export const recv = (
  fd: number,
  address: number,
  capacityBytes: number,
  flags: number,
  object: string,
): number => makeOrNothing("recv", object, fd, address, capacityBytes, flags);

/** recvmmsg(2) into an array of mmsghdr at an address; the number of datagrams, −1 when there are none. */
export const recvmmsg = (fd: number, address: number, count: number, flags: number, object: string): number =>
  makeOrNothing("recvmmsg", object, fd, address, count, flags, 0);

/** Closes descriptors that a thread left open when it died; those already closed are passed over. */
export function closeLeftOvers(descriptors: readonly number[]): void {
  for (const fd of descriptors) {
    try {
      close(fd);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
    }
  }
}

export const close = (fd: number): void => void make("close", `descriptor ${fd}`, fd);

/** ioctl(2) with a structure. */
export const ioctl = (fd: number, request: number, value: Uint8Array, object: string): void =>
  void make("ioctl", object, fd, request, value);

/** setns(2): moves this thread only. */
export const setns = (fd: number, type: number, object: string): void => void make("setns", object, fd, type);

/** clock_gettime(2) into an address. */
export const clockGettime = (clock: number, address: number): void =>
  void make("clock_gettime", `clock ${clock}`, clock, address);

/** clock_getres(2) into an address. */
export const clockGetres = (clock: number, address: number): void =>
  void make("clock_getres", `clock ${clock}`, clock, address);

/** Memory that the kernel shares. The buffer must not be touched after `unmap`. */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  /** Where it lies in this process. */
  readonly address: number;
  unmap(): void;
}

/** mmap(2), shared, of a descriptor from `offset` on. */
export function mmap(
  fd: number,
  sizeBytes: number,
  protection: number,
  offset: number,
  object: string,
): Mapping {
  const address = make("mmap", object, 0, sizeBytes, protection, MMAP.MAP_SHARED, fd, offset);
  return {
    buffer: native().koffi.view(BigInt(address), sizeBytes),
    address,
    unmap: () => void make("munmap", object, address, sizeBytes),
  };
}

export const pageSize = (): number => make("getpagesize", "the page size");

const watched = new Set<PollHandle>();

/** Calls `callback` on the event loop whenever there is something to read; the result stops it. */
export function onReadable(fd: number, callback: () => void): () => void {
  const handle = native().koffi.node.poll(fd, { readable: true }, callback);
  watched.add(handle);
  return () => {
    if (watched.delete(handle)) handle.close();
  };
}

/** mount(2) of a file system that has no device. */
export const mount = (type: string, folder: string): void =>
  void make("mount", `${type} at "${folder}"`, type, folder, type, 0, 0);

/** The number of bpf(2), which libc does not wrap: asm/unistd_64.h, asm-generic/unistd.h. */
const BPF_NUMBER = process.arch === "arm64" ? 280 : NR.__NR_bpf;

/** bpf(2) with its attribute at an address; `commandName` names it in errors. */
export const bpf = (
  command: number,
  attribute: number,
  sizeBytes: number,
  commandName: string,
  object: string,
): number => makeAs(`bpf(${commandName})`, "syscall", object, BPF_NUMBER, command, attribute, sizeBytes);
