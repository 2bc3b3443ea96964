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

/** What the kernel holds of a script: its programs have this name, links and maps belong to them. Others test too. */
export function kernelObjects(name: string): { programs: number[]; links: number[]; maps: number[] } {
  const programs = listPrograms().filter((program) => program.name === name);
  const ids = programs.map(({ id }) => id);
  const links = listLinks().filter(({ programId }) => ids.includes(programId));
  return {
    programs: ids,
    links: links.map(({ id }) => id),
    maps: programs.flatMap(({ mapIds }) => mapIds),
  };
}

/** Which of these ids there are still. */
export const remainingMaps = (ids: readonly number[]): number[] =>
  listMaps().flatMap(({ id }) => (ids.includes(id) ? [id] : []));
