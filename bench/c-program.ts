/** A C program of bench/c in the kernel: its maps are made, its names filled in, and it runs on test packets. */

import { loadInKernel } from "../src/bpf/load.ts";
import { createKernelMap, type KernelMap } from "../src/linux/bpf-map.ts";
import type { KernelProgram } from "../src/linux/bpf-program.ts";
import { BPF_ATTACH_TYPE, BPF_PROG_TYPE } from "../src/uapi/bpf.ts";
import { compileC, readCObject } from "./c-object.ts";

export interface CProgram {
  readonly program: KernelProgram;
  readonly maps: Readonly<Record<string, KernelMap>>;
  /** Closes the program and its maps. */
  close(): void;
}

/** How the names of a list reach a program: compiled into it, or through a map. */
export type NameForm = "code" | "map";

const ONLY_KEY = new Uint8Array(4);

/** Compiles and loads bench/c/`name`.c, with a list of names (as bytes of the form it wants) where it has one. */
export function loadCProgram(
  name: string,
  names: readonly Uint8Array[] = [],
  form: NameForm = "map",
): CProgram {
  const object = readCObject(name, compileC(name, form === "code" ? names : undefined));
  const maps: Record<string, KernelMap> = {};
  const close = () => {
    for (const map of Object.values(maps)) map.close();
  };
  try {
    for (const options of object.maps) maps[options.name] = createKernelMap(options);
    for (const [section, bytes] of object.variables) maps[section]!.update(ONLY_KEY, bytes);
    if (maps["names"]) fillNames(maps["names"], names);
    const program = loadInKernel(object.program, {
      name,
      type: BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
      expectedAttachType: BPF_ATTACH_TYPE.BPF_NETFILTER,
      maps,
    });
    return {
      program,
      maps,
      close: () => {
        program.close();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Keys are names with zeros behind them; for a longer name the program would not look. */
function fillNames(map: KernelMap, names: readonly Uint8Array[]): void {
  map.updateAll(
    names.map((name) => {
      if (name.length > map.keySize)
        throw new RangeError(`a name of ${name.length} bytes, and ${map.keySize} fit`);
      const key = new Uint8Array(map.keySize);
      key.set(name);
      return [key, new Uint8Array(Uint32Array.of(name.length).buffer)] as const;
    }),
  );
}
