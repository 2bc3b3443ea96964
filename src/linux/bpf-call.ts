/** bpf(2) itself: a command, its attribute as a declared structure, memory that outlives the call, descriptors. */

import { BPF_CMD } from "../uapi/bpf.ts";
import type { Fields, Struct, StructValue } from "../wire/struct.ts";
import { obj_info } from "./bpf-attributes.ts";
import { ErrnoError } from "./errors.ts";
import * as ffi from "./ffi.ts";

/** Memory that a system call reads or writes by address; alive until `release`. */
export class CallMemory {
  readonly #kept: Uint8Array[] = [];

  /** Zeroed memory. */
  reserve(sizeBytes: number): { bytes: Uint8Array; address: bigint } {
    // An address of nothing must still be one.
    const bytes = ffi.allocate(Math.max(sizeBytes, 8));
    this.#kept.push(bytes);
    return { bytes, address: BigInt(ffi.addressOf(bytes)) };
  }

  /** The address of a copy. */
  put(bytes: Uint8Array): bigint {
    const { bytes: memory, address } = this.reserve(bytes.length);
    memory.set(bytes);
    return address;
  }

  /** Until here the garbage collector leaves everything alone. */
  release(): void {
    this.#kept.length = 0;
  }
}

export type Command = keyof typeof BPF_CMD;

/** Makes the call; gives its result and the attribute as the kernel left it. `object` names what it is about. */
export function bpfCall<F extends Fields>(
  command: Command,
  object: string,
  attribute: Struct<F>,
  fill: (memory: CallMemory) => Partial<StructValue<F>>,
): { result: number; attribute: StructValue<F> } {
  const { result, error, attribute: answer } = bpfAttempt(command, object, attribute, fill);
  if (error) throw error;
  return { result, attribute: answer };
}

/** As `bpfCall`, but a refusal comes with the attribute: some commands say there how far they came. */
export function bpfAttempt<F extends Fields>(
  command: Command,
  object: string,
  attribute: Struct<F>,
  fill: (memory: CallMemory) => Partial<StructValue<F>>,
): { result: number; error: ErrnoError | undefined; attribute: StructValue<F> } {
  const memory = new CallMemory();
  const { bytes, address } = memory.reserve(attribute.size);
  attribute.write(bytes, 0, fill(memory));
  let result = -1;
  let error: ErrnoError | undefined;
  try {
    result = ffi.bpf(BPF_CMD[command], Number(address), attribute.size, command, object);
  } catch (caught) {
    if (!(caught instanceof ErrnoError)) throw caught;
    error = caught;
  } finally {
    memory.release();
  }
  return { result, error, attribute: attribute.decode(bytes) };
}

/** The information structure of whatever `fd` is; fields this kernel does not know stay zero. */
export function objectInfo<F extends Fields>(
  fd: number,
  object: string,
  layout: Struct<F>,
  fill: (memory: CallMemory) => Partial<StructValue<F>> = () => ({}),
): StructValue<F> {
  let info: Uint8Array | undefined;
  bpfCall("BPF_OBJ_GET_INFO_BY_FD", object, obj_info, (memory) => {
    const { bytes, address } = memory.reserve(layout.size);
    layout.write(bytes, 0, fill(memory));
    info = bytes;
    return { bpf_fd: fd, info_len: layout.size, info: address };
  });
  return layout.decode(info!);
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** A C string. */
export const cString = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** Names of the kernel: 15 letters, digits, `_` and `.`. */
export function objectName(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(ascii(name.replace(/[^\w.]/g, "_").slice(0, 15)));
  return bytes;
}

/** Something of the kernel that a descriptor holds; without another holder it goes when this is closed. */
export class KernelObject {
  /** What errors call it: `map 'seen'`. */
  readonly label: string;
  readonly #fd: number;
  #isOpen = true;

  constructor(fd: number, label: string) {
    this.#fd = fd;
    this.label = label;
  }

  /** Its descriptor; throws `ErrnoError` EBADF once closed, before another file can have got the number. */
  get fd(): number {
    if (!this.#isOpen) throw new ErrnoError("EBADF", "use", this.label, "it was closed");
    return this.#fd;
  }

  /** Gives the descriptor back; a second time does nothing. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    ffi.close(this.#fd);
  }
}
