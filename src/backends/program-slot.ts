/**
 * How a program is replaced while packets pass: what is attached is a stub that jumps to the program in slot 0 of a map,
 * and to put another one there is one write. Links of netfilter and rules cannot be given another program otherwise.
 */

import { loadInKernel } from "../bpf/load.ts";
import { FORMS, type ProgramForm } from "../compiler/target.ts";
import { assemble } from "../ebpf/assemble.ts";
import { createKernelMap, KernelMap, type KernelProgram } from "../linux/bpf.ts";
import { BPF_MAP_TYPE } from "../uapi/bpf.ts";
import { PROGRAM_TYPES } from "./kernel-programs.ts";

const FIRST = new Uint8Array(4);

/** A map of one program. The kernel empties it when nobody has it open or pinned. */
export const makeSlot = (): KernelMap =>
  createKernelMap({
    name: "slot",
    type: BPF_MAP_TYPE.BPF_MAP_TYPE_PROG_ARRAY,
    keySize: 4,
    valueSize: 4,
    maxEntries: 1,
  });

/** From now on packets are the program's; those that are in another one stay there. */
export function putIntoSlot(slot: KernelMap, program: KernelProgram): void {
  const descriptor = new DataView(new ArrayBuffer(4));
  descriptor.setInt32(0, program.fd, true);
  slot.update(FIRST, new Uint8Array(descriptor.buffer));
}

/** What is attached accepts everything from now on. */
export function emptySlot(slot: KernelMap): void {
  slot.delete(FIRST);
}

/** The id of the program, or undefined when the slot is empty. */
export function programInSlot(slot: KernelMap): number | undefined {
  const id = slot.lookup(FIRST);
  return id && new DataView(id.buffer, id.byteOffset).getUint32(0, true);
}

/** What is attached in the place of the programs of a slot; without one it accepts. */
export const loadStub = (name: string, form: ProgramForm["name"], slot: KernelMap): KernelProgram =>
  loadInKernel(
    assemble(`r2 = map slot ll
r3 = 0
call bpf_tail_call
r0 = ${FORMS[form].results.accept}
exit`),
    { name, ...PROGRAM_TYPES[form], maps: { slot } },
  );

export const isSlot = (object: unknown): object is KernelMap =>
  object instanceof KernelMap && object.type === BPF_MAP_TYPE.BPF_MAP_TYPE_PROG_ARRAY;
