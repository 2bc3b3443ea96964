/** Network namespaces, by the names that `ip netns` gives them. */

import { closeSync, openSync, readdirSync, statSync } from "node:fs";
import { CLONE_NEWNET } from "../uapi/netlink-options.ts";
import { ErrnoError } from "./errors.ts";
import * as ffi from "./ffi.ts";

const FOLDERS = ["/run/netns", "/var/run/netns"];

/** Names of the namespaces that there are. */
export function namespaceNames(): string[] {
  for (const folder of FOLDERS) {
    try {
      return readdirSync(folder).sort();
    } catch {
      // No such folder: nobody has named a namespace yet, or it has its other name.
    }
  }
  return [];
}

/**
 * Moves this thread, and no other, into the namespace; sockets made from then on belong to it. A name with a slash is the path of
 * a namespace file. Throws `ErrnoError`: ENOENT when there is no such namespace, EPERM without CAP_SYS_ADMIN.
 */
export function enterNamespace(name: string): void {
  const fd = openNamespace(name);
  try {
    ffi.setns(fd, CLONE_NEWNET, `network namespace "${name}"`);
  } finally {
    closeSync(fd);
  }
}

/** Does something in a namespace, then moves this thread back; without a name where it is. */
export function withinNamespace<T>(name: string | undefined, action: () => T): T {
  if (name === undefined) return action();
  const home = openSync("/proc/thread-self/ns/net", "r");
  try {
    enterNamespace(name);
    try {
      return action();
    } finally {
      ffi.setns(home, CLONE_NEWNET, "the network namespace of this process");
    }
  } finally {
    closeSync(home);
  }
}

function openNamespace(name: string): number {
  const paths = name.includes("/") ? [name] : FOLDERS.map((folder) => `${folder}/${name}`);
  let code = "ENOENT";
  for (const path of paths) {
    try {
      return openSync(path, "r");
    } catch (error) {
      code = (error as NodeJS.ErrnoException).code ?? "EIO";
      if (code !== "ENOENT") break;
    }
  }
  throw new ErrnoError(
    code,
    "open",
    `network namespace "${name}"`,
    code === "ENOENT" ? whatThereIs() : undefined,
  );
}

function whatThereIs(): string {
  const names = namespaceNames();
  return names.length === 0
    ? "there is no such namespace, nor any other with a name; 'ip netns add NAME' makes one"
    : `there is no such namespace; there are: ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`;
}

/** The number that the kernel gives the namespace of this thread; nobody else has it while something holds it. */
export const currentNamespaceId = (): number => statSync("/proc/thread-self/ns/net").ino;
