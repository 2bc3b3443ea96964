/**
 * Hooks that outlive the process: links and maps of a script under one name,
 *
 *     /sys/fs/bpf/moonhook/NAME/link_0 …   one for each place where a hook runs
 *     /sys/fs/bpf/moonhook/NAME/map_…      what the programs read and write, for other tools
 */

import {
  BPF_FOLDER,
  KernelLink,
  type KernelMap,
  listPinFolders,
  listPins,
  makePinFolder,
  mountBpfFolder,
  openPin,
  openProgram,
  pin,
  removePinFolder,
  unpin,
} from "../linux/bpf.ts";
import { ErrnoError } from "../linux/errors.ts";
import type { AttachedHook } from "./netfilter-links.ts";

const FOLDER = `${BPF_FOLDER}/moonhook`;

/** One place where a pinned hook runs. */
export interface PinnedHook {
  /** NFPROTO_* */
  readonly family: number;
  readonly hooknum: number;
  readonly priority: number;
  /** What the kernel calls the program. */
  readonly program: string;
}

export interface PinnedScript {
  readonly name: string;
  readonly hooks: readonly PinnedHook[];
}

/** The file system takes no dots; whoever lists names wants no blanks. */
export const isPinName = (name: string): boolean => /^[\w-]{1,64}$/.test(name);

export const isPinned = (name: string): boolean => listPinFolders(FOLDER).includes(name);

/** Pins everything under `name`, or nothing. Throws `ErrnoError` EEXIST when the name is taken. */
export function pinHooks(
  name: string,
  attached: readonly AttachedHook[],
  maps: Readonly<Record<string, KernelMap>>,
): void {
  mountBpfFolder();
  if (!listPinFolders(BPF_FOLDER).includes("moonhook")) makePinFolder(FOLDER);
  const folder = `${FOLDER}/${name}`;
  makePinFolder(folder);
  try {
    for (const [i, { link }] of attached.entries()) pin(link, `${folder}/link_${i}`);
    for (const [map, object] of Object.entries(maps)) pin(object, `${folder}/map_${map}`);
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

/** What is pinned, by name. */
export function listPinned(): PinnedScript[] {
  return listPinFolders(FOLDER).map((name) => ({ name, hooks: hooksIn(`${FOLDER}/${name}`) }));
}

/** Ends the hooks of this name, whoever else holds them; false when there are none. */
export function stopPinned(name: string): boolean {
  if (!isPinName(name) || !isPinned(name)) return false;
  const folder = `${FOLDER}/${name}`;
  for (const link of linksIn(folder)) {
    try {
      link.detach();
    } catch (error) {
      // The namespace it was in has gone.
      if (!(error instanceof ErrnoError)) throw error;
    } finally {
      link.close();
    }
  }
  removeFolder(folder);
  return true;
}

function removeFolder(folder: string): void {
  for (const path of listPins(folder)) unpin(path);
  removePinFolder(folder);
}

function linksIn(folder: string): KernelLink[] {
  return listPins(folder).flatMap((path) => {
    const object = openPin(path);
    if (object instanceof KernelLink) return [object];
    object.close();
    return [];
  });
}

function hooksIn(folder: string): PinnedHook[] {
  return linksIn(folder).flatMap((link) => {
    try {
      const info = link.info();
      if (info.kind !== "netfilter") return [];
      const program = openProgram(info.programId);
      try {
        const { family, hook, priority } = info;
        return [{ family, hooknum: hook, priority, program: program.info().name }];
      } finally {
        program.close();
      }
    } finally {
      link.close();
    }
  });
}
