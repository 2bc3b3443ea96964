/** What tests leave in the kernel, and how it is removed. */

import { existsSync } from "node:fs";
import { listPinned, stopPinned } from "../../src/backends/pinned-hooks.ts";
import { listLinks, listMaps, listPrograms } from "../../src/linux/bpf.ts";

/** Names of pins begin with it, and go on with the number of the process that tests. */
export const TEST_PIN = "mh-test-";

/** Removes the pins of this process, and of those that died before they could. */
export function sweepPins(): void {
  for (const { name } of listPinned()) {
    const pid = new RegExp(`^${TEST_PIN}(\\d+)$`).exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`))) stopPinned(name);
  }
}

/** Links of netfilter, programs of netfilter, and all maps that there are: words, so that kinds do not mix. */
export function kernelIds(): { links: string[]; programs: string[]; maps: string[]; all: string[] } {
  const links = listLinks().flatMap((link) => (link.kind === "netfilter" ? [`link ${link.id}`] : []));
  const NETFILTER = 32;
  const programs = listPrograms().flatMap(({ id, type }) => (type === NETFILTER ? [`program ${id}`] : []));
  const maps = listMaps().map(({ id }) => `map ${id}`);
  return { links, programs, maps, all: [...links, ...programs, ...maps] };
}
