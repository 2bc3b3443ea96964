/**
 * Pins: names in a file system of type bpf that hold an object when no process does. It is not mounted everywhere, and
 * in other file systems the kernel refuses pins with a plain EPERM: so this asks first, and says how to mount one.
 */

import { mkdirSync, readdirSync, readlinkSync, rmdirSync, statfsSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { obj } from "./bpf-attributes.ts";
import { bpfCall, cString, type KernelObject } from "./bpf-call.ts";
import { KernelLink } from "./bpf-link.ts";
import { type KernelMap, kernelMapOf } from "./bpf-map.ts";
import { KernelProgram } from "./bpf-program.ts";
import { ErrnoError, UnsupportedError } from "./errors.ts";
import * as ffi from "./ffi.ts";

/** Where systemd mounts it. */
export const BPF_FOLDER = "/sys/fs/bpf";
/** linux/magic.h */
const BPF_FS_MAGIC = 0xcafe4a11;

export type PinnedObject = KernelProgram | KernelMap | KernelLink;

/** Whether `folder` exists and can hold pins. */
export function isBpfFolder(folder: string): boolean {
  try {
    return statfsSync(folder).type === BPF_FS_MAGIC;
  } catch {
    return false;
  }
}

/**
 * Mounts the file system at `folder`, unless it is there; makes the folder where it can. Throws `UnsupportedError`
 * where that is not possible, without CAP_SYS_ADMIN for instance.
 */
export function mountBpfFolder(folder = BPF_FOLDER): void {
  if (isBpfFolder(folder)) return;
  try {
    mkdirSync(folder, { recursive: true });
    ffi.mount("bpf", folder);
  } catch (cause) {
    throw new UnsupportedError(
      `no file system of type bpf at "${folder}", and none can be mounted (${(cause as Error).message})`,
      `mount it with 'mount -t bpf bpf ${folder}' as root; containers need it from outside`,
      { cause },
    );
  }
}

function demandBpfFolder(path: string): void {
  const folder = dirname(path);
  if (isBpfFolder(folder)) return;
  throw new UnsupportedError(
    `"${folder}" cannot hold pins: it is no folder in a file system of type bpf`,
    `mount one with 'mount -t bpf bpf ${BPF_FOLDER}' and pin below it`,
  );
}

/** Gives an object a name: it then lives on without any process. EEXIST when the name is taken. */
export function pin(object: KernelObject, path: string): void {
  demandBpfFolder(path);
  bpfCall("BPF_OBJ_PIN", `${object.label} as "${path}"`, obj, (memory) => ({
    pathname: memory.put(cString(path)),
    bpf_fd: object.fd,
  }));
}

/** The object of this name. Closing it leaves the name alone. */
export function openPin(path: string): PinnedObject {
  demandBpfFolder(path);
  const { result } = bpfCall("BPF_OBJ_GET", `"${path}"`, obj, (memory) => ({
    pathname: memory.put(cString(path)),
  }));
  return objectOf(result, `pinned as "${path}"`);
}

/** Takes a name away, and with it the object, unless somebody else holds it. No other file is ever removed. */
export function unpin(path: string): void {
  demandBpfFolder(path);
  fileCall("unlink", path, () => unlinkSync(path));
}

/** Makes a folder for pins; those above it must hold pins too. EEXIST when there is one. */
export function makePinFolder(path: string): void {
  demandBpfFolder(path);
  fileCall("mkdir", path, () => mkdirSync(path, { mode: 0o700 }));
}

/** Removes an empty folder. */
export function removePinFolder(path: string): void {
  demandBpfFolder(path);
  fileCall("rmdir", path, () => rmdirSync(path));
}

/** Names of the folders in a folder, in order; none when it does not exist. */
export function listPinFolders(folder: string): string[] {
  if (!isBpfFolder(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function fileCall(call: string, path: string, make: () => void): void {
  try {
    make();
  } catch (error) {
    throw new ErrnoError((error as NodeJS.ErrnoException).code ?? "EIO", call, `"${path}"`);
  }
}

/** Text files that the kernel puts into each such file system. */
const KERNELS_OWN: ReadonlySet<string> = new Set(["maps.debug", "progs.debug"]);

/** Paths of the pins in a folder and in those below it, in order. */
export function listPins(folder = BPF_FOLDER): string[] {
  if (!isBpfFolder(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !KERNELS_OWN.has(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** What the kernel calls the descriptors of its objects. */
const KINDS: Readonly<Record<string, (fd: number, label: string) => PinnedObject>> = {
  "anon_inode:bpf-prog": (fd, label) => new KernelProgram(fd, `program ${label}`),
  "anon_inode:bpf-map": (fd) => kernelMapOf(fd),
  "anon_inode:bpf-link": (fd, label) => new KernelLink(fd, `link ${label}`),
};

function objectOf(fd: number, label: string): PinnedObject {
  // A new link is spelled bpf_link, one that was pinned bpf-link.
  const name = readlinkSync(`/proc/self/fd/${fd}`).replace("_link", "-link");
  const make = KINDS[name];
  if (make) return make(fd, label);
  ffi.close(fd);
  throw new ErrnoError("EINVAL", "open", label, `it is ${name}`);
}
