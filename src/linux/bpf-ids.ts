/** All programs, maps and links of the machine, by the ids that the kernel gives them. Needs CAP_SYS_ADMIN. */

import { by_id } from "./bpf-attributes.ts";
import { bpfAttempt, bpfCall, type Command } from "./bpf-call.ts";
import { KernelLink, type LinkInfo } from "./bpf-link.ts";
import { type KernelMap, kernelMapOf, type MapInfo } from "./bpf-map.ts";
import { KernelProgram, type ProgramInfo } from "./bpf-program.ts";
import { ErrnoError } from "./errors.ts";

interface Kind<T> {
  readonly word: string;
  readonly next: Command;
  readonly get: Command;
  readonly make: (fd: number, label: string) => T;
}

const PROGRAMS: Kind<KernelProgram> = {
  word: "program",
  next: "BPF_PROG_GET_NEXT_ID",
  get: "BPF_PROG_GET_FD_BY_ID",
  make: (fd, label) => new KernelProgram(fd, label),
};
const MAPS: Kind<KernelMap> = {
  word: "map",
  next: "BPF_MAP_GET_NEXT_ID",
  get: "BPF_MAP_GET_FD_BY_ID",
  make: (fd) => kernelMapOf(fd),
};
const LINKS: Kind<KernelLink> = {
  word: "link",
  next: "BPF_LINK_GET_NEXT_ID",
  get: "BPF_LINK_GET_FD_BY_ID",
  make: (fd, label) => new KernelLink(fd, label),
};

function open<T>({ word, get, make }: Kind<T>, id: number): T {
  const label = `${word} of id ${id}`;
  return make(bpfCall(get, label, by_id, () => ({ id })).result, label);
}

/** What is there now; objects that go meanwhile are left out. */
function list<I>(kind: Kind<{ info(): I; close(): void }>): I[] {
  const infos: I[] = [];
  for (let id = nextId(kind, 0); id !== undefined; id = nextId(kind, id)) {
    try {
      const object = open(kind, id);
      infos.push(object.info());
      object.close();
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.code !== "ENOENT") throw error;
    }
  }
  return infos;
}

function nextId({ word, next }: Kind<unknown>, id: number): number | undefined {
  const { error, attribute } = bpfAttempt(next, `${word}s`, by_id, () => ({ id }));
  if (error && error.code !== "ENOENT") throw error;
  return error ? undefined : attribute.next_id;
}

/** Holds the program of this id; throws `ErrnoError` ENOENT when there is none. */
export const openProgram = (id: number): KernelProgram => open(PROGRAMS, id);
export const openMap = (id: number): KernelMap => open(MAPS, id);
export const openLink = (id: number): KernelLink => open(LINKS, id);

export const listPrograms = (): ProgramInfo[] => list(PROGRAMS);
export const listMaps = (): MapInfo[] => list(MAPS);
export const listLinks = (): LinkInfo[] => list(LINKS);
