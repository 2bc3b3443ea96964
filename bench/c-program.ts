/** A C program of bench/c in the kernel: its maps are made, its names filled in, and it runs on test packets. */

import { readFileSync } from "node:fs";
import { encode, relocate } from "../src/ebpf/instruction.ts";
import {
  createKernelMap,
  loadProgram,
  type TestRunResult,
  testRun,
  updateElement,
} from "../src/linux/bpf.ts";
import { close } from "../src/linux/ffi.ts";
import { BPF, BPF_ATTACH_TYPE, BPF_PROG_TYPE } from "../src/uapi/bpf.ts";
import { type CObject, compileC, readCObject } from "./c-object.ts";
import { kernelFunctionIds } from "./kernel-functions.ts";

export interface CProgram {
  /** Instructions that the verifier looked at, paths counted apart. */
  readonly verified: number;
  run(packet: Uint8Array, repeat?: number): TestRunResult;
  close(): void;
}

/** How the names of a list reach a program: compiled into it, or through a map. */
export type NameForm = "code" | "map";

/** Compiles and loads bench/c/`name`.c, with a list of names (as bytes of the form it wants) where it has one. */
export function loadCProgram(
  name: string,
  names: readonly Uint8Array[] = [],
  form: NameForm = "map",
): CProgram {
  return load(readCObject(name, compileC(name, form === "code" ? names : undefined)), names);
}

function load(object: CObject, names: readonly Uint8Array[]): CProgram {
  const descriptors: number[] = [];
  const kept = (fd: number): number => {
    descriptors.push(fd);
    return fd;
  };
  const closeAll = () => {
    for (const fd of descriptors.splice(0)) close(fd);
  };
  try {
    const maps = new Map(object.maps.map((options) => [options.name, kept(createKernelMap(options))]));
    for (const [section, bytes] of object.variables) {
      updateElement(maps.get(section)!, new Uint8Array(4), bytes, BPF.BPF_ANY);
    }
    fillNames(object, maps.get("names"), names);
    const ids = kernelFunctionIds(
      object.instructions.flatMap(({ opcode, symbol }) =>
        opcode.name === "call_kfunc" && symbol !== undefined ? [symbol] : [],
      ),
    );
    const instructions = relocate(object.instructions, {
      map: (name) => maps.get(name)!,
      kfunc: (name) => ids.get(name)!,
    });
    const fd = kept(
      loadProgram({
        name: object.name,
        type: BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
        expectedAttachType: BPF_ATTACH_TYPE.BPF_NETFILTER,
        instructions: encode(instructions),
      }),
    );
    return {
      verified: verifiedOf(fd),
      run: (packet, repeat) => testRun(fd, packet, repeat),
      close: closeAll,
    };
  } catch (error) {
    closeAll();
    throw error;
  }
}

/** Keys are names with zeros behind them; a longer name has no place, and the program would not look for it. */
function fillNames(object: CObject, map: number | undefined, names: readonly Uint8Array[]): void {
  if (map === undefined) return;
  const { keySize } = object.maps.find(({ name }) => name === "names")!;
  for (const name of names) {
    if (name.length > keySize) throw new RangeError(`a name of ${name.length} bytes, and ${keySize} fit`);
    const key = new Uint8Array(keySize);
    key.set(name);
    updateElement(map, key, new Uint8Array(Uint32Array.of(name.length).buffer), BPF.BPF_ANY);
  }
}

function verifiedOf(fd: number): number {
  const line = /^verified_insns:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"));
  return Number(line![1]);
}
