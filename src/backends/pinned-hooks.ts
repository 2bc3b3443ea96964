/**
 * Hooks that outlive the process: links and maps of a script under one name,
 *
 *     /sys/fs/bpf/moonhook/NAME/slot_I_KEY   the program of place I, and what tells the place from others
 *     /sys/fs/bpf/moonhook/NAME/link_I_J     the links of place I: two for both families, one for each device
 *     /sys/fs/bpf/moonhook/NAME/match_…      what rules name that ask a match
 *     /sys/fs/bpf/moonhook/NAME/map_…        what the programs read and write, for other tools
 */

import {
  BPF_FOLDER,
  KernelLink,
  type KernelMap,
  type KernelObject,
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
import { BPF_ATTACH_TYPE } from "../uapi/bpf.ts";
import type { Place } from "./placement.ts";
import { emptySlot, isSlot, programInSlot } from "./program-slot.ts";

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

/** The file system takes no dots; whoever lists names wants no blanks. */
export const isPinName = (name: string): boolean => /^[\w-]{1,64}$/.test(name);

export const isPinned = (name: string): boolean => listPinFolders(FOLDER).includes(name);

/** The files of one name. */
export class PinFolder {
  readonly #folder: string;
  /** It is there, and not somebody else's. */
  #isOwn = false;

  constructor(name: string) {
    this.#folder = `${FOLDER}/${name}`;
  }

  /** Takes over what is there: the places, as far as they are complete. */
  open(): Place[] {
    this.#isOwn = true;
    const places: Place[] = [];
    for (const { index, key, path } of slotsIn(this.#folder)) {
      const slot = openPin(path);
      if (isSlot(slot)) places.push({ index, key, slot, links: linksIn(this.#folder, index), attached: [] });
      else slot.close();
    }
    return places;
  }

  /** Has the files of exactly these places. Throws `ErrnoError` EEXIST when the name is taken. */
  keep(places: readonly Place[]): void {
    if (places.length === 0) {
      if (this.#isOwn) removeFolder(this.#folder);
      this.#isOwn = false;
      return;
    }
    this.#make();
    const wanted = new Map<string, KernelObject | undefined>(
      places.flatMap(({ index, key, slot, links, stub }) => [
        [this.#path(`slot_${index}_${key}`), slot] as const,
        ...links.map((link, j) => [this.#path(`link_${index}_${j}`), link] as const),
        ...(key.startsWith(MATCH) ? [[this.#path(key), stub] as const] : []),
      ]),
    );
    const there = new Set(listPins(this.#folder));
    for (const path of there) if (!wanted.has(path) && !path.startsWith(this.#path(MAP))) unpin(path);
    for (const [path, object] of wanted) if (object !== undefined && !there.has(path)) pin(object, path);
  }

  /** Has these maps, and no others. */
  keepMaps(maps: Readonly<Record<string, KernelMap>>): void {
    this.#make();
    for (const path of listPins(this.#folder)) if (path.startsWith(this.#path(MAP))) unpin(path);
    for (const [name, map] of Object.entries(maps)) pin(map, this.#path(`${MAP}${name}`));
  }

  /** Where the match of this name, as `matchFiles` gives it, can be asked. */
  matchPath(file: string): string {
    return this.#path(file);
  }

  #path(file: string): string {
    return `${this.#folder}/${file}`;
  }

  #make(): void {
    if (this.#isOwn) return;
    mountBpfFolder();
    if (!listPinFolders(BPF_FOLDER).includes("moonhook")) makePinFolder(FOLDER);
    makePinFolder(this.#folder);
    this.#isOwn = true;
  }
}

const MATCH = "match_";
const MAP = "map_";

/** A name for the file of each match; revisions of one have the same name. */
export function matchFiles(matches: readonly { readonly name: string }[]): string[] {
  const files: string[] = [];
  for (const { name } of matches) {
    const wanted = `${MATCH}${name.replaceAll(/[^\w-]/g, "_")}`;
    let file = wanted;
    for (let n = 2; files.includes(file); n++) file = `${wanted}_${n}`;
    files.push(file);
  }
  return files;
}

/** What is pinned, by name. */
export function listPinned(): PinnedScript[] {
  return listPinFolders(FOLDER).map((name) => ({
    name,
    hooks: hooksIn(`${FOLDER}/${name}`),
    matches: matchesIn(`${FOLDER}/${name}`),
  }));
}

/** Ends the hooks and matches of this name, whoever else holds them; undefined when there are none. */
export function stopPinned(name: string): { readonly matches: number } | undefined {
  if (!isPinName(name) || !isPinned(name)) return undefined;
  const folder = `${FOLDER}/${name}`;
  const matches = matchesIn(folder).length;
  for (const link of linksIn(folder)) link.end();
  // Rules that ask a match hold what they ask.
  for (const { path } of slotsIn(folder)) {
    const slot = openPin(path);
    if (isSlot(slot)) emptySlot(slot);
    slot.close();
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

function slotsIn(folder: string): { index: number; key: string; path: string }[] {
  return listPins(folder).flatMap((path) => {
    const [, index, key] = /^slot_(\d+)_(.*)$/.exec(path.slice(folder.length + 1)) ?? [];
    return index === undefined ? [] : [{ index: Number(index), key: key!, path }];
  });
}

/** The links of all places, or of one. */
function linksIn(folder: string, index?: number): KernelLink[] {
  const prefix = index === undefined ? "" : `${folder}/link_${index}_`;
  return listPins(folder).flatMap((path) => {
    if (!path.startsWith(prefix)) return [];
    const object = openPin(path);
    if (object instanceof KernelLink) return [object];
    object.close();
    return [];
  });
}

function hooksIn(folder: string): PinnedHook[] {
  return slotsIn(folder).flatMap(({ index, path }) => {
    const slot = openPin(path);
    try {
      const id = isSlot(slot) ? programInSlot(slot) : undefined;
      const name = id === undefined ? "" : nameOf(id);
      return linksIn(folder, index).flatMap((link) => {
        try {
          const place = placeOf(link.info());
          return place === undefined ? [] : [{ ...place, program: name }];
        } finally {
          link.close();
        }
      });
    } finally {
      slot.close();
    }
  });
}

function nameOf(id: number): string {
  const program = openProgram(id);
  try {
    return program.info().name;
  } finally {
    program.close();
  }
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
