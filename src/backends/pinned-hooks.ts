/**
 * Hooks that outlive the process: links and maps of a script under one name,
 *
 *     /sys/fs/bpf/moonhook/NAME/link_0 …   one for each place where a hook runs
 *     /sys/fs/bpf/moonhook/NAME/match_…    what rules name that ask a match
 *     /sys/fs/bpf/moonhook/NAME/map_…      what the programs read and write, for other tools
 */

import {
  BPF_FOLDER,
  KernelLink,
  type KernelMap,
  type KernelProgram,
  type LinkInfo,
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
import { BPF_ATTACH_TYPE } from "../uapi/bpf.ts";

const FOLDER = `${BPF_FOLDER}/moonhook`;

/** One place where a pinned hook runs. */
export type PinnedHook = {
  /** What the kernel calls the program. */
  readonly program: string;
} & (
  | {
      /** NFPROTO_* */
      readonly family: number;
      readonly hooknum: number;
      readonly priority: number;
    }
  | {
      /** Of the namespace that it belongs to; 0 when it is gone. */
      readonly ifindex: number;
      readonly where: "ingress" | "egress" | "xdp";
    }
);

/** A match that rules ask by its path: `-m bpf --object-pinned PATH`. */
export interface PinnedMatch {
  readonly name: string;
  readonly path: string;
}

export interface PinnedScript {
  readonly name: string;
  readonly hooks: readonly PinnedHook[];
  readonly matches: readonly PinnedMatch[];
}

export interface MatchProgram {
  readonly name: string;
  readonly program: KernelProgram;
}

/** The file system takes no dots; whoever lists names wants no blanks. */
export const isPinName = (name: string): boolean => /^[\w-]{1,64}$/.test(name);

export const isPinned = (name: string): boolean => listPinFolders(FOLDER).includes(name);

/** Pins everything under `name`, or nothing; gives where the matches are. Throws `ErrnoError` EEXIST when the name is taken. */
export function pinHooks(
  name: string,
  links: readonly KernelLink[],
  matches: readonly MatchProgram[],
  maps: Readonly<Record<string, KernelMap>>,
): PinnedMatch[] {
  mountBpfFolder();
  if (!listPinFolders(BPF_FOLDER).includes("moonhook")) makePinFolder(FOLDER);
  const folder = `${FOLDER}/${name}`;
  makePinFolder(folder);
  try {
    for (const [i, link] of links.entries()) pin(link, `${folder}/link_${i}`);
    const pinned: PinnedMatch[] = [];
    for (const { name: match, program } of matches) {
      const path = freePath(`${folder}/${MATCH}${match.replaceAll(/[^\w-]/g, "_")}`, pinned);
      pin(program, path);
      pinned.push({ name: match, path });
    }
    for (const [map, object] of Object.entries(maps)) pin(object, `${folder}/map_${map}`);
    return pinned;
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

const MATCH = "match_";

/** Revisions of a match have the same name. */
function freePath(wanted: string, taken: readonly PinnedMatch[]): string {
  for (let n = 1; ; n++) {
    const path = n === 1 ? wanted : `${wanted}_${n}`;
    if (!taken.some((other) => other.path === path)) return path;
  }
}

/** What is pinned, by name. */
export function listPinned(): PinnedScript[] {
  return listPinFolders(FOLDER).map((name) => ({
    name,
    hooks: hooksIn(`${FOLDER}/${name}`),
    matches: matchesIn(`${FOLDER}/${name}`),
  }));
}

/**
 * Ends the hooks of this name, whoever else holds them; undefined when there are none. Rules that ask one of the matches
 * hold it: they go on asking until they are deleted.
 */
export function stopPinned(name: string): { readonly matches: number } | undefined {
  if (!isPinName(name) || !isPinned(name)) return undefined;
  const folder = `${FOLDER}/${name}`;
  const matches = matchesIn(folder).length;
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
  return { matches };
}

function removeFolder(folder: string): void {
  for (const path of listPins(folder)) unpin(path);
  removePinFolder(folder);
}

const matchesIn = (folder: string): PinnedMatch[] =>
  listPins(folder).flatMap((path) => {
    const name = path.slice(folder.length + 1);
    return name.startsWith(MATCH) ? [{ name: name.slice(MATCH.length), path }] : [];
  });

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
      const place = placeOf(info);
      if (place === undefined) return [];
      const program = openProgram(info.programId);
      try {
        return [{ ...place, program: program.info().name }];
      } finally {
        program.close();
      }
    } finally {
      link.close();
    }
  });
}

function placeOf(info: LinkInfo) {
  switch (info.kind) {
    case "netfilter":
      return { family: info.family, hooknum: info.hook, priority: info.priority };
    case "tcx": {
      const isIngress = info.attachType === BPF_ATTACH_TYPE.BPF_TCX_INGRESS;
      return { ifindex: info.ifindex, where: isIngress ? "ingress" : "egress" } as const;
    }
    case "xdp":
      return { ifindex: info.ifindex, where: "xdp" } as const;
    default:
      return undefined;
  }
}
